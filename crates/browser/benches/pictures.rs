//! `cargo xtask pictures`: the page in every state, as `docs/` shows it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/page/mod.rs"]
mod page;

use ismvault_testkit::{fixture, fixture_path, options, protect, root};
use page::{Chromium, Page, in_browser};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// How the page is looked at.
#[derive(Clone, Copy)]
struct Look {
    width: u32,
    height: u32,
    dark: bool,
    forced: bool,
}

const LIGHT: Look = Look { width: 1280, height: 900, dark: false, forced: false };
const DARK: Look = Look { dark: true, ..LIGHT };
const FORCED: Look = Look { forced: true, ..LIGHT };
const NARROW: Look = Look { width: 390, height: 844, ..LIGHT };

fn main() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.find("#protect .preview li").await;
        take(&page, "clear", LIGHT).await;
        take(&page, "clear-dark", DARK).await;
        let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
        open(&page, "protected.mp4", &file, "Protected: PlayReady").await;
        take(&page, "protected", LIGHT).await;
        page.click("#tab-boxes").await;
        page.write("#box-filter", "tenc").await;
        page.wait_for_text("#boxes .detail h4", "Track Encryption").await;
        take(&page, "boxes", LIGHT).await;
        page.script("location.hash = '/'").await;
        let broken = with_another_kid(file.clone());
        open(&page, "header-off.mp4", &broken, "trip over it").await;
        take(&page, "broken", LIGHT).await;
        take(&page, "broken-narrow", NARROW).await;
        let half = &file[..file.len() / 2];
        open(&page, "cut.mp4", half, "Damaged").await;
        take(&page, "damaged", LIGHT).await;
        let names = ["set_low.ismv", "set_high.ismv", "set_eng.isma", "set_deu.isma"];
        page.give_files("#picker", &names.map(fixture_path)).await;
        page.wait_for_text("#files", "set_deu.isma").await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.click("#tab-make").await;
        page.wait_for_text("#way-set", "256 × 144").await;
        take(&page, "set", LIGHT).await;
        let large = page.folder.path().join("large.ismv");
        ismvault_testkit::write_large(&large, 900_000_000);
        page.choose(&large).await;
        page.wait_for_text("#name", "large.ismv").await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.protect().await;
        page.wait_for_text("#protect", "MB/s").await;
        page.click("#tab-samples").await;
        page.find("#samples .lane path").await;
        take(&page, "job", LIGHT).await;
        page.client.refresh().await.unwrap();
        let _ = page.client.accept_alert().await;
    });
    // By itself, for what the system's colours were stays in the browser.
    in_browser(|page| async move {
        let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
        open(&page, "header-off.mp4", &with_another_kid(file), "trip over it").await;
        take(&page, "broken-forced-colours", FORCED).await;
    });
}

/// The file with a KID in its first `tenc` that is not the header's.
fn with_another_kid(mut file: Vec<u8>) -> Vec<u8> {
    let tenc = file.windows(4).position(|w| w == b"tenc").unwrap();
    file[tenc + 20] ^= 0xff;
    file
}

/// Opens a file of these bytes, and waits for an answer.
async fn open(page: &Page, name: &str, bytes: &[u8], answer: &str) {
    let path: PathBuf = page.folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    page.choose(&path).await;
    page.wait_for_text("#name", name).await;
    page.wait_for_text("#verdict", answer).await;
}

async fn take(page: &Page, name: &str, look: Look) {
    let send =
        async |method, params| page.client.issue_cmd(Chromium(method, params)).await.unwrap();
    let (scheme, forced) =
        (if look.dark { "dark" } else { "light" }, if look.forced { "active" } else { "none" });
    let features = json!([
        { "name": "prefers-color-scheme", "value": scheme },
        { "name": "forced-colors", "value": forced },
    ]);
    send("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    let (width, height) = (look.width, look.height);
    let metrics =
        json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
    send("Emulation.setDeviceMetricsOverride", metrics).await;
    page.script("scrollTo(0, 0)").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let picture = page.client.screenshot().await.unwrap();
    fs::write(root().join(format!("docs/pictures/{name}.png")), picture).unwrap();
}
