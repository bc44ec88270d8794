//! The tests of the page, in one engine after another.

use crate::tools::{self, Programs};
use crate::{cargo, run};
use anyhow::{Context as _, Result};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

/// A browser, and what the page cannot be tried for in it.
struct Engine {
    /// As in `ISMVAULT_BROWSER`.
    name: &'static str,
    programs: &'static Programs,
    /// Tests that are left out, and why. README says the same.
    lacks: &'static [(&'static str, &'static str)],
}

const ENGINES: [Engine; 3] = [
    Engine { name: "chromium", programs: &[], lacks: &[] },
    Engine {
        name: "firefox",
        programs: &[("firefox-esr", "firefox-esr")],
        lacks: &[
            ("a_full_disk_is_told", QUOTA),
            ("a_folder_is_protected_into_another", FOLDERS),
            ("no_key_of_a_batch_takes_the_place", FOLDERS),
            ("without_a_network_it_works", WORKERS),
        ],
    },
    Engine {
        name: "webkit",
        programs: &[
            ("WebKitWebDriver", "webkit2gtk-driver"),
            ("Xvfb", "xvfb"),
            // What it decodes H.264 and AAC with.
            ("/usr/lib/x86_64-linux-gnu/gstreamer-1.0/libgstlibav.so", "gstreamer1.0-libav"),
            (
                "/usr/lib/x86_64-linux-gnu/gstreamer-1.0/libgstisomp4.so",
                "gstreamer1.0-plugins-good",
            ),
            (
                "/usr/lib/x86_64-linux-gnu/gstreamer-1.0/libgstvideoparsersbad.so",
                "gstreamer1.0-plugins-bad",
            ),
        ],
        lacks: &[
            ("a_full_disk_is_told", QUOTA),
            ("a_folder_is_protected_into_another", FOLDERS),
            ("no_key_of_a_batch_takes_the_place", FOLDERS),
            ("a_picked_file_is_written", STORAGE),
            ("each_file_shows_its_own_key", STORAGE),
            ("what_nobody_took_goes_with_the_page", STORAGE),
            ("the_output_plays_with_clearkey", CLEAR_KEY),
            ("a_licence_is_asked_for", CLEAR_KEY),
            ("dash_js_hls_js_and_shaka_player", CLEAR_KEY),
            ("chromium_buffers_what_we_publish", RANGES),
        ],
    },
];

const QUOTA: &str = "only Chromium's driver can make the storage small";
const FOLDERS: &str = "there is no picker for folders";
const STORAGE: &str = "pages have no storage for files (navigator.storage.getDirectory)";
const WORKERS: &str = "what a blob's worker loads does not come by the service worker";
const RANGES: &str = "its source buffers do not tell what they hold";
const CLEAR_KEY: &str = "there is no ClearKey";

/// Runs the tests of the page in every engine that is there or can be had, and
/// says what was left out.
pub(crate) fn test(prepared: impl Fn(&mut Command)) -> Result<()> {
    let mut left_out = Vec::new();
    for engine in &ENGINES {
        println!("The page in {} …", engine.name);
        let Some((path, display)) = engine.have() else {
            left_out.push(format!("{}: cannot be had here", engine.name));
            continue;
        };
        let mut tests = cargo(&["test", "--package", "ismvault-browser", "--"]);
        tests.arg("--include-ignored").env("ISMVAULT_BROWSER", engine.name);
        for (test, why) in engine.lacks {
            tests.args(["--skip", test]);
            left_out.push(format!("{}: {test} … ({why})", engine.name));
        }
        prepared(&mut tests);
        tests.env("PATH", path);
        if let Some(display) = &display {
            tests.env("DISPLAY", &display.name);
        }
        run(&mut tests).with_context(|| format!("the page in {}", engine.name))?;
    }
    println!("Left out of the tests of the page:");
    left_out.iter().for_each(|line| println!("  {line}"));
    Ok(())
}

impl Engine {
    /// Installs what is missing; gives where its driver is found, and a display
    /// where it needs one. Chromium must be there, the others may.
    fn have(&self) -> Option<(std::ffi::OsString, Option<Display>)> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        tools::ensure(self.programs).map_err(|error| println!("{error:#}")).ok()?;
        match self.name {
            "firefox" => {
                let folders =
                    [tools::geckodriver()?].into_iter().chain(std::env::split_paths(&path));
                Some((std::env::join_paths(folders).ok()?, None))
            }
            "webkit" => Some((path, Some(Display::start().ok()?))),
            _ => Some((path, None)),
        }
    }
}

/// A screen that nobody sees, until it is dropped.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn start() -> Result<Self> {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1280x3000x24"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut number = String::new();
        BufReader::new(server.stdout.take().context("Xvfb tells nothing")?)
            .read_line(&mut number)?;
        let display = Self { server, name: format!(":{}", number.trim()) };
        number.trim().parse::<u32>().context("Xvfb gives no display")?;
        Ok(display)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
