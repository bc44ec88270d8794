//! The engines the page is tried in, and what each needs to be driven.

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Where a browser of Debian's WebKitGTK is.
const MINI_BROWSER: &str = "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";

/// What `ISMVAULT_BROWSER` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    Firefox,
    WebKit,
}

impl Engine {
    pub fn wanted() -> Self {
        match std::env::var("ISMVAULT_BROWSER").as_deref() {
            Err(_) | Ok("chromium") => Self::Chromium,
            Ok("firefox") => Self::Firefox,
            Ok("webkit") => Self::WebKit,
            Ok(other) => panic!("ISMVAULT_BROWSER is chromium, firefox or webkit, not {other}"),
        }
    }

    fn driver(self) -> &'static str {
        match self {
            Self::Chromium => "chromedriver",
            Self::Firefox => "geckodriver",
            Self::WebKit => "WebKitWebDriver",
        }
    }

    /// What a download is called until it is whole; WebKit names it at once.
    pub fn partial(self) -> Option<&'static str> {
        match self {
            Self::Chromium => Some("crdownload"),
            Self::Firefox => Some("part"),
            Self::WebKit => None,
        }
    }

    /// How large the window is. WebKit clicks at what is in view alone.
    pub fn window(self) -> (u32, u32) {
        match self {
            Self::WebKit => (1280, 3000),
            _ => (1280, 900),
        }
    }

    /// Whether pages have storage of their own to write outputs into.
    pub fn has_storage(self) -> bool {
        self != Self::WebKit
    }

    fn capabilities(self, downloads: &Path, profile: &Path) -> Map<String, Value> {
        let wanted = match self {
            Self::Chromium => json!({
                "goog:chromeOptions": {
                    "args": [
                        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                        "--disable-background-networking", "--disable-component-update", "--disable-sync",
                        "--autoplay-policy=no-user-gesture-required", "--window-size=1280,900",
                        format!("--user-data-dir={}", profile.display()),
                    ],
                    "prefs": {
                        "download.default_directory": downloads,
                        "profile.content_settings.exceptions.clipboard": { "*": { "setting": 1 } },
                        // Several downloads at once, which people are asked about.
                        "profile.default_content_setting_values.automatic_downloads": 1,
                    },
                },
                "goog:loggingPrefs": { "browser": "ALL" },
            }),
            Self::Firefox => json!({
                "moz:firefoxOptions": {
                    "args": ["-headless"],
                    "prefs": {
                        "browser.download.folderList": 2,
                        "browser.download.dir": downloads,
                        "browser.download.alwaysOpenPanel": false,
                        "browser.helperApps.neverAsk.saveToDisk": "application/octet-stream,video/mp4",
                        "devtools.console.stdout.content": true,
                        "media.autoplay.default": 0,
                    },
                },
                "unhandledPromptBehavior": "ignore",
            }),
            Self::WebKit => json!({
                "browserName": "MiniBrowser",
                "webkitgtk:browserOptions": {
                    "binary": MINI_BROWSER,
                    "args": ["--automation", "--enable-write-console-messages-to-stdout=true"],
                },
            }),
        };
        let Value::Object(wanted) = wanted else { unreachable!() };
        wanted
    }
}

/// A driver of this test's own, the folder its browser has for itself, and what it said.
pub struct Driver {
    pub engine: Engine,
    process: Child,
    address: String,
    own: TempDir,
}

impl Driver {
    /// Starts one on a free port and waits until it listens.
    pub fn start(engine: Engine, downloads: &Path) -> Self {
        let own = tempfile::tempdir().unwrap();
        // Where WebKit looks for the folder of downloads.
        let folders = format!("XDG_DOWNLOAD_DIR=\"{}\"\n", downloads.display());
        fs::write(own.path().join("user-dirs.dirs"), folders).unwrap();
        let said = File::create(own.path().join("said")).unwrap();
        for attempt in 0.. {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = Command::new(engine.driver());
            command.arg(format!("--port={port}"));
            if engine == Engine::Firefox {
                command.arg("--websocket-port=0");
            }
            command.env("XDG_CONFIG_HOME", own.path()).env("XDG_DATA_HOME", own.path());
            command.env("XDG_CACHE_HOME", own.path());
            command.stdout(said.try_clone().unwrap()).stderr(said.try_clone().unwrap());
            let mut process = command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| {
                panic!("{} cannot be started: {error}", engine.driver());
            });
            for _ in 0..200 {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    let address = format!("http://127.0.0.1:{port}");
                    return Self { engine, process, address, own };
                }
                if process.try_wait().unwrap().is_some() {
                    break; // the port was taken meanwhile
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = process.kill();
            let _ = process.wait();
            assert!(attempt < 3, "{} does not listen", engine.driver());
        }
        unreachable!()
    }

    pub async fn browser(&self, downloads: &Path) -> Client {
        ClientBuilder::new(HttpConnector::new())
            .capabilities(self.engine.capabilities(downloads, self.own.path()))
            .connect(&self.address)
            .await
            .unwrap_or_else(|error| panic!("{:?} does not start: {error}", self.engine))
    }

    /// The errors in the console so far. Chromium tells each once.
    pub async fn errors(&self, client: &Client) -> Vec<String> {
        if self.engine == Engine::Chromium {
            let logs = client.issue_cmd(ConsoleLog).await.unwrap();
            let logs = logs.as_array().unwrap().iter();
            return logs.filter(|l| l["level"] == "SEVERE").map(Value::to_string).collect();
        }
        let said = fs::read(self.own.path().join("said")).unwrap();
        // Of this page's scripts: a player that is tried has its own address.
        let site = std::env::var("ISMVAULT_SITE").unwrap_or_default();
        let marks = match self.engine {
            Engine::Firefox => [
                format!("JavaScript error: {site}"),
                format!("JavaScript error: blob:{site}"),
                "panicked at".to_owned(),
            ],
            _ => ["JS ERROR", "SECURITY ERROR", "CONSOLEAPI ERROR"].map(|m| format!("CONSOLE {m}")),
        };
        let said = String::from_utf8_lossy(&said);
        let lines = said.lines().filter(|line| marks.iter().any(|mark| line.contains(mark)));
        lines.map(str::to_owned).collect()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
