//! The page in a browser of a test's own, and a person's hands.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use ismvault_testkit::{KEY, KID};
use serde_json::{Value, json};
use std::fs;
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A chromedriver of this test's own.
struct Driver(Child);

impl Driver {
    fn start() -> (Self, String) {
        let mut child = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is there");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let line = line.strip_suffix('.')?;
                line.rsplit_once("started successfully on port ").map(|(_, port)| port.to_owned())
            })
            .expect("chromedriver starts");
        (Self(child), format!("http://127.0.0.1:{port}"))
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A page in a browser of its own, and the folder it downloads to.
pub struct Page {
    pub client: Client,
    pub folder: TempDir,
}

/// Opens the page and hands it to a test; afterwards the console must be clean.
pub fn in_browser<F: Future<Output = ()> + 'static>(test: impl FnOnce(Page) -> F) {
    let site = std::env::var("ISMVAULT_SITE").expect("cargo xtask test serves the page");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (_driver, url) = Driver::start();
        let folder = tempfile::tempdir().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let options = json!({
            "goog:chromeOptions": {
                "args": [
                    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync",
                    "--autoplay-policy=no-user-gesture-required", "--window-size=1280,900",
                    format!("--user-data-dir={}", profile.path().display()),
                ],
                "prefs": {
                    "download.default_directory": folder.path(),
                    "profile.content_settings.exceptions.clipboard": { "*": { "setting": 1 } },
                },
            },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&url)
            .await
            .expect("Chromium starts");
        let script = Some(Duration::from_secs(60));
        client.update_timeouts(TimeoutConfiguration::new(script, None, None)).await.unwrap();
        client.goto(&site).await.unwrap();
        client.wait().for_element(Locator::Css("html[data-ready]")).await.expect("the page is ready");
        // A test that fails must not leave its browser behind.
        let running = tokio::task::LocalSet::new();
        let page = Page { client: client.clone(), folder };
        let ended = running.run_until(async { tokio::task::spawn_local(test(page)).await }).await;
        if let Err(failed) = ended {
            client.close().await.unwrap();
            std::panic::resume_unwind(failed.into_panic());
        }
        let logs = client.issue_cmd(ConsoleLog).await.unwrap();
        let errors: Vec<&Value> =
            logs.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE").collect();
        assert!(errors.is_empty(), "the console has errors: {errors:?}");
        client.close().await.unwrap();
    });
}

#[derive(Debug)]
pub struct ConsoleLog;

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

/// A command of the browser's own protocol.
#[derive(Debug)]
pub struct Chromium(pub &'static str, pub Value);

impl WebDriverCompatibleCommand for Chromium {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}

impl Page {
    pub async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(Duration::from_secs(20));
        wait.for_element(Locator::Css(css)).await.unwrap_or_else(|e| panic!("{css}: {e}"))
    }

    /// Clicks what is there by then: a panel may be drawn anew between
    /// finding its button and pressing it, and a person would press again.
    pub async fn click(&self, css: &str) {
        self.insist(css, |element| async move { element.click().await }).await;
    }

    /// Types into a field.
    pub async fn write(&self, css: &str, words: impl AsRef<str>) {
        let words = words.as_ref();
        self.insist(css, |element| async move { element.send_keys(words).await }).await;
    }

    /// Chooses from a list.
    pub async fn select(&self, css: &str, value: &str) {
        self.insist(css, |element| async move { element.select_by_value(value).await }).await;
    }

    pub async fn text(&self, css: &str) -> String {
        self.insist(css, |element| async move { element.text().await }).await
    }

    /// Does something to an element, again where it was replaced meanwhile.
    async fn insist<T, F, D>(&self, css: &str, act: F) -> T
    where
        F: Fn(Element) -> D,
        D: Future<Output = Result<T, CmdError>>,
    {
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            let error = match act(self.find(css).await).await {
                Ok(done) => return done,
                Err(error) => error,
            };
            let again = error.is_stale_element_reference() || error.is_element_not_interactable();
            assert!(again && Instant::now() < patience, "{css}: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn wait_for_text(&self, css: &str, words: &str) {
        for _ in 0..600 {
            let text = self
                .script(&format!("return document.querySelector({css:?})?.innerText ?? ''"))
                .await;
            if text.as_str().unwrap().contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let says = self.script(&format!("return document.querySelector({css:?})?.innerText")).await;
        panic!("\"{words}\" never comes into {css}, which says: {says}");
    }

    pub async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// As in Firefox and Safari: no picker, so output goes to storage.
    pub async fn without_picker(&self) {
        self.script("delete window.showSaveFilePicker").await;
    }

    pub async fn choose(&self, file: &Path) {
        self.script("document.getElementById('picker').hidden = false").await;
        self.write("#picker", file.to_str().unwrap()).await;
    }

    /// Drops a file on the page: a real one, through an input that is not the page's.
    pub async fn drop_file(&self, file: &Path) {
        self.script("const i = document.createElement('input'); i.type = 'file'; i.id = 'hand'; document.body.append(i)").await;
        self.write("#hand", file.to_str().unwrap()).await;
        self.script(
            "const hand = document.getElementById('hand'), dataTransfer = new DataTransfer();
             dataTransfer.items.add(hand.files[0]);
             hand.remove();
             const drag = (type) => document.body.dispatchEvent(
               new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
             drag('dragenter');
             if (document.getElementById('overlay').hidden) throw new Error('no overlay');
             drag('dragover');
             drag('drop');",
        )
        .await;
    }

    pub async fn give_key(&self) {
        self.click("input[value=key]").await;
        self.write("#protect [name=kid]", KID).await;
        self.write("#protect [name=key]", KEY).await;
    }

    /// Presses the button once the preview says what will be written.
    pub async fn protect(&self) {
        self.find("#protect .preview li").await;
        self.click("#protect form button.primary:not(:disabled)").await;
    }

    /// Clicks the download link, and gives the file once it is there.
    pub async fn download(&self) -> PathBuf {
        self.click("#protect a.primary").await;
        let name = self.find("#protect a.primary").await.attr("download").await.unwrap().unwrap();
        self.downloaded(&name).await
    }

    /// Waits for a file to be there, whole.
    pub async fn downloaded(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        for _ in 0..200 {
            let partial = fs::read_dir(self.folder.path())
                .unwrap()
                .any(|entry| entry.unwrap().path().extension().is_some_and(|e| e == "crdownload"));
            if path.exists() && !partial {
                return path;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} never comes", path.display());
    }

    /// Names in this origin's storage.
    pub async fn stored(&self) -> Value {
        self.client
            .execute_async(
                "const done = arguments[0];
                 (async () => {
                   const names = [];
                   try {
                     const root = await navigator.storage.getDirectory();
                     const folder = await root.getDirectoryHandle('ismvault-outputs');
                     for await (const name of folder.keys()) names.push(name);
                   } catch {}
                   return names;
                 })().then(done)",
                Vec::new(),
            )
            .await
            .unwrap()
    }

    pub async fn press(&self, key: Key) {
        let keys = KeyActions::new("keyboard".into())
            .then(KeyAction::Down { value: key.into() })
            .then(KeyAction::Up { value: key.into() });
        self.client.perform_actions(keys).await.unwrap();
    }

    /// Tabs until something with these words has the focus.
    pub async fn tab_to(&self, words: &str) {
        for _ in 0..60 {
            self.press(Key::Tab).await;
            let focus = self.script("const e = document.activeElement; return e.innerText || e.ariaLabel || e.name || ''").await;
            if focus.as_str().unwrap().contains(words) {
                return;
            }
        }
        panic!("the keyboard never gets to \"{words}\"");
    }
}

impl Page {
    /// Puts files into folders of this origin's storage, and offers a folder
    /// whenever the page asks for one, in this order. The dialogs alone are
    /// replaced: handles and streams are real.
    pub async fn offer_folders(&self, folders: &[&str]) {
        self.script(&format!(
            "const names = {}; let next = 0;
             window.showDirectoryPicker = async () => {{
               const root = await navigator.storage.getDirectory();
               return root.getDirectoryHandle(names[next++ % names.length], {{ create: true }});
             }};",
            json!(folders)
        ))
        .await;
    }

    /// Puts a real file into a folder of this origin's storage.
    pub async fn put(&self, folder: &str, name: &str, file: &Path) {
        use base64::Engine as _;
        let base64 = base64::engine::general_purpose::STANDARD.encode(fs::read(file).unwrap());
        let script = "const [folder, name, base64, done] = arguments;
             (async () => {
               const root = await navigator.storage.getDirectory();
               let to = root;
               for (const part of folder.split('/')) to = await to.getDirectoryHandle(part, { create: true });
               const writable = await (await to.getFileHandle(name, { create: true })).createWritable();
               await writable.write(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
               await writable.close();
             })().then(() => done(null), (e) => done(String(e)))";
        let args = vec![json!(folder), json!(name), json!(base64)];
        let answer = self.client.execute_async(script, args).await.unwrap();
        assert!(answer.is_null(), "{answer}");
    }

    /// The names in a folder of this origin's storage, and a file's bytes.
    pub async fn get(&self, folder: &str, name: &str) -> Vec<u8> {
        use base64::Engine as _;
        let script = "const [folder, name, done] = arguments;
             (async () => {
               const root = await navigator.storage.getDirectory();
               let from = root;
               for (const part of folder.split('/')) from = await from.getDirectoryHandle(part);
               const file = await (await from.getFileHandle(name)).getFile();
               const reader = new FileReader();
               reader.readAsDataURL(file);
               await new Promise((resolve) => { reader.onload = resolve; });
               return reader.result.split(',')[1];
             })().then(done, () => done(null))";
        let args = vec![json!(folder), json!(name)];
        let answer = self.client.execute_async(script, args).await.unwrap();
        let text = answer.as_str().unwrap_or_else(|| panic!("{folder}/{name} is not there"));
        base64::engine::general_purpose::STANDARD.decode(text).unwrap()
    }
}
