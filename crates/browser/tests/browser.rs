//! The page in real browsers, by a person's gestures.
//!
//! Runs where `cargo xtask test` serves the page (`ISMVAULT_SITE`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::key::Key;
use ismvault_testkit::{CLEAR, KEY, KID, fixture, fixture_path, framemd5, inspect, samples};
use page::{Chromium, Engine, Page, in_browser};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn drop_read_protect_download() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.drop_file(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        assert_eq!(page.text("#name").await, "h264_aac.ismv");
        let table = page.text("#tracks table").await;
        for fact in [
            "avc1.64000B",
            "192 × 108, 25 fps",
            "00:00:04.000",
            "mp4a.40.2",
            "stereo, 48 kHz",
            "clear",
        ] {
            assert!(table.contains(fact), "{fact} is not in the table: {table}");
        }
        page.give_key().await;
        let url = "https://licence.example/rightsmanager.asmx?a=1&b=2";
        page.write("#protect [name=la_url]", url).await;
        page.wait_for_text("#protect .preview", url).await;
        page.protect().await;
        let path = page.download().await;
        assert_eq!(path.file_name().unwrap(), "h264_aac.mp4");
        // Outside the browser.
        let (file, clear) = (fs::read(&path).unwrap(), fixture("h264_aac.ismv"));
        let movie = inspect(&file);
        let header = movie.systems[0].playready.as_ref().unwrap();
        assert_eq!(header.la_url.as_deref(), Some(url));
        assert_eq!(movie.tracks[0].protection().unwrap().kid.unwrap().to_string(), KID);
        assert_ne!(samples(&file, 1), samples(&clear, 1));
        let ffmpeg = Path::new("ffmpeg");
        let (want, _) = framemd5(ffmpeg, None, &fixture_path("h264_aac.ismv"));
        assert_eq!(framemd5(ffmpeg, Some(KEY), &path).0, want);
        // And back into the page.
        page.choose(&path).await;
        page.wait_for_text("#verdict", "Protected: PlayReady").await;
        let protection = page.text("#protection").await;
        for fact in [KID, "0267e309-338f-6c43-a5dd-60ffe6671e70", url, "qhmfONWOqJs=", "<WRMHEADER"]
        {
            assert!(protection.contains(fact), "{fact} is not told: {protection}");
        }
        assert!(page.text("#protect").await.contains("already protected"));
        // A key that was typed in is in no place it could be left in.
        let left = page.script("return location.href + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.title").await;
        assert!(!left.as_str().unwrap().contains(&KEY[..8]));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn every_fixture_and_profile_as_on_the_command_line() {
    in_browser(|page| async move {
        page.without_picker().await;
        for name in CLEAR {
            for profile in ["dual", "piff", "cenc"] {
                page.choose(&fixture_path(name)).await;
                page.wait_for_text("#name", name).await;
                page.wait_for_text("#verdict", "Ready to protect.").await;
                page.select("#protect [name=profile]", profile).await;
                page.give_key().await;
                page.wait_for_text(
                    "#protect .preview",
                    if profile == "piff" { "scheme piff" } else { "scheme cenc" },
                )
                .await;
                page.protect().await;
                let path = page.download().await;
                let (file, clear) = (fs::read(&path).unwrap(), fixture(name));
                let key = ismvault::make::decrypt::parse_key(KEY).unwrap();
                let decryption =
                    ismvault::make::decrypt::Decryption::new(&inspect(&file), &[key]).unwrap();
                let back = ismvault_testkit::output_of(decryption, &file).unwrap();
                for track in inspect(&clear).tracks {
                    assert_eq!(
                        samples(&back, track.id),
                        samples(&clear, track.id),
                        "{name} {profile}"
                    );
                }
                fs::remove_file(path).unwrap();
            }
        }
        // Of each open file one output is kept, in storage where there is one.
        let kept = if page.engine().has_storage() { CLEAR.len() } else { 0 };
        assert_eq!(page.stored().await.as_array().unwrap().len(), kept);
    });
}

/// Plays a file through MSE and EME ClearKey; gives the time it got to, or the
/// error it stopped with.
const PLAY: &str = r#"
const [base64, mime, kid, key, done] = arguments;
const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const url = (hex) => btoa(String.fromCharCode(...hex.match(/../g).map((b) => parseInt(b, 16))))
  .replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
(async () => {
  const video = document.createElement('video');
  video.muted = true;
  document.body.append(video);
  const [pictures, sound] = ['video', 'audio'].map((kind, i) => [{ contentType: `${kind}/mp4; codecs="${mime.split('"')[1].split(',')[i]}"` }]);
  const config = [{ initDataTypes: ['cenc'], videoCapabilities: pictures, audioCapabilities: sound }];
  const access = await navigator.requestMediaKeySystemAccess('org.w3.clearkey', config);
  const keys = await access.createMediaKeys();
  await video.setMediaKeys(keys);
  video.onencrypted = async ({ initDataType, initData }) => {
    const session = keys.createSession();
    session.onmessage = () => session.update(new TextEncoder().encode(JSON.stringify(
      { keys: [{ kty: 'oct', kid: url(kid), k: url(key) }], type: 'temporary' })));
    await session.generateRequest(initDataType, initData);
  };
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((open) => { source.onsourceopen = open; });
  const buffer = source.addSourceBuffer(mime);
  await new Promise((end, fail) => {
    buffer.onupdateend = end;
    buffer.onerror = () => fail(new Error('append'));
    buffer.appendBuffer(bytes);
  });
  source.endOfStream();
  const ended = new Promise((end, fail) => {
    video.onended = end;
    video.onerror = () => fail(new Error(`${video.error.code} ${video.error.message}`));
    setTimeout(() => fail(new Error(`only got to ${video.currentTime}`)), 20000);
  });
  ended.catch(() => {}); // told when it is awaited
  video.playbackRate = 4;
  await video.play();
  await ended;
  const { totalVideoFrames } = video.getVideoPlaybackQuality();
  const result = { time: video.currentTime, frames: totalVideoFrames };
  video.remove();
  return result;
})().then(done, (error) => done({ error: String(error) }));
"#;

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn the_output_plays_with_clearkey() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.give_key().await;
        page.protect().await;
        let file = fs::read(page.download().await).unwrap();
        let base64 = STANDARD.encode(file);
        let mime = r#"video/mp4; codecs="avc1.64000B,mp4a.40.2""#;
        let kid = KID.replace('-', "");
        let play = |key: &str| {
            let args = vec![json!(base64), json!(mime), json!(kid), json!(key)];
            let client = page.client.clone();
            async move { client.execute_async(PLAY, args).await.unwrap() }
        };
        let right = play(KEY).await;
        assert!(right["time"].as_f64().is_some_and(|time| time > 3.9), "{right}");
        assert!(right["frames"].as_u64().is_some_and(|frames| frames > 20), "{right}");
        if page.engine() == Engine::Firefox {
            return; // shows what a wrong key makes of the samples
        }
        let wrong = play("ffeeddccbbaa99887766554433221100").await;
        assert!(wrong["error"].is_string(), "a wrong key plays: {wrong}");
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_picked_file_is_written_and_a_cancelled_one_is_not() {
    in_browser(|page| async move {
        let large = page.folder.path().join("large.ismv");
        ismvault_testkit::write_large(&large, 400_000_000);
        // The dialog alone is replaced: the handle and its stream are real.
        page.script(
            "window.showSaveFilePicker = async ({ suggestedName }) =>
               (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
             window.sizeOf = async (name) => {
               const root = await navigator.storage.getDirectory();
               return (await (await root.getFileHandle(name)).getFile()).size;
             };",
        )
        .await;
        let size = |name: &str| {
            let client = page.client.clone();
            let script = format!("const done = arguments[0]; sizeOf({name:?}).then(done, String)");
            async move { client.execute_async(&script, Vec::new()).await.unwrap() }
        };
        page.choose(&large).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.protect().await;
        page.wait_for_text("#protect", "MB/s").await;
        assert!(page.client.title().await.unwrap().contains('%'));
        page.click("#protect .wide").await;
        // The form is back, and the picked file is as it was: empty.
        page.find("#protect form").await;
        assert_eq!(size("large.mp4").await, 0);
        // Again, to the end.
        page.protect().await;
        page.wait_for_text("#protect", "Saved as large.mp4").await;
        assert!(size("large.mp4").await.as_u64().unwrap() > 400_000_000);
        assert_eq!(page.stored().await, json!([]));
        // A random key is shown, hidden until asked for.
        let card = page.text("#protect .keys").await;
        assert!(card.contains("shown here and nowhere else") && card.contains("••••"), "{card}");
        page.click("#protect .keys .copy:not([aria-label])").await;
        let key = page.text("#protect .keys dl > div:last-child code").await;
        assert!(key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()), "{key}");
        // Saved for the licence server, it is the same.
        page.click("#protect .keys > button").await;
        let saved = page.downloaded("large.key.json").await;
        let saved: Value = serde_json::from_slice(&fs::read(saved).unwrap()).unwrap();
        assert_eq!(saved["key"], key);
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn what_nobody_took_goes_with_the_page() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.choose(&fixture_path("slices.ismv")).await;
        page.protect().await;
        page.wait_for_text("#protect", "Protected.").await;
        assert_eq!(page.stored().await.as_array().unwrap().len(), 1);
        page.close_beside("icon.svg").await; // which sweeps nothing
        for _ in 0..100 {
            if page.stored().await == json!([]) {
                return page.forgive_errors().await; // a picture has no icon
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it stays: {}", page.stored().await);
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn cancelling_leaves_nothing_in_storage() {
    in_browser(|page| async move {
        page.without_picker().await;
        let large = page.folder.path().join("large.ismv");
        ismvault_testkit::write_large(&large, 400_000_000);
        page.choose(&large).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.protect().await;
        page.wait_for_text("#protect", "MB/s").await;
        page.click("#protect .wide").await;
        page.find("#protect form").await;
        assert_eq!(page.stored().await, json!([]));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_full_disk_is_told_and_nothing_is_left() {
    in_browser(|page| async move {
        let site = std::env::var("ISMVAULT_SITE").unwrap();
        let large = page.folder.path().join("large.ismv");
        ismvault_testkit::write_large(&large, 400_000_000);
        let quota = |bytes: u64| {
            let params = json!({ "origin": site, "quotaSize": bytes });
            page.client.issue_cmd(Chromium("Storage.overrideQuotaForOrigin", params))
        };
        // Once in storage, once into a file of the user's; the dialog alone is replaced.
        for picked in [false, true] {
            quota(4_000_000_000).await.unwrap();
            page.client.refresh().await.unwrap();
            page.find("html[data-ready]").await;
            page.script(if picked {
                "window.showSaveFilePicker = async ({ suggestedName }) =>
                   (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });"
            } else {
                "delete window.showSaveFilePicker"
            })
            .await;
            page.choose(&large).await;
            page.wait_for_text("#verdict", "Ready to protect.").await;
            page.protect().await;
            page.wait_for_text("#protect", "MB/s").await;
            quota(20_000_000).await.unwrap();
            // "There is no room left for the output", or, where Chromium does not
            // say why, "could not be written to its end".
            page.wait_for_text("#protect", "nothing was kept.").await;
            assert_eq!(page.stored().await, json!([]), "picked: {picked}");
            page.find("#protect button").await; // Try again
        }
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn bad_files_get_a_sentence_and_the_page_goes_on() {
    in_browser(|page| async move {
        let file = fixture("bframes.ismv");
        let moov = inspect(&file).top.iter().find(|t| t.kind.to_string() == "moov").unwrap().span;
        let cut_moov = &file[..moov.at as usize + 300];
        let mut html_name = file.clone();
        let at = html_name.windows(12).position(|w| w == b"VideoHandler").unwrap();
        html_name[at..at + 12].copy_from_slice(b"<img src=x> ");
        for (name, bytes, words) in [
            ("empty.ismv", &[][..], "The file is empty."),
            ("page.ismv", b"<!DOCTYPE html><title>404</title>", "This is a web page"),
            (
                "random.ismv",
                b"\x93\x17\x22\xf0\x81\x00\xfe\x01 and more of the same",
                "This is not an MP4 file",
            ),
            ("cut.ismv", cut_moov, "The file ends inside this moov"),
            ("half.ismv", &file[..file.len() / 2], "Damaged: The file ends inside this"),
        ] {
            let path = page.folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            page.choose(&path).await;
            page.wait_for_text("#verdict", words).await;
            page.wait_for_text("#findings", "Error").await;
            assert_eq!(
                page.script("return document.querySelector('#protect form')").await,
                Value::Null
            );
        }
        let path = page.folder.path().join("<b>name<b>.ismv");
        fs::write(&path, html_name).unwrap();
        page.choose(&path).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        assert_eq!(page.text("#name").await, "<b>name<b>.ismv");
        assert_eq!(
            page.script("return document.querySelectorAll('main b b, main img').length").await,
            0
        );
        // A wrong key length is told before anything is written.
        page.click("input[value=key]").await;
        page.write("#protect [name=key]", "00112233").await;
        page.wait_for_text("#protect .preview", "The key is 4 bytes; AES-128 needs 16").await;
        assert!(!page.find("#protect form button.primary").await.is_enabled().await.unwrap());
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn by_keyboard_alone() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.tab_to("Try the sample").await;
        page.press(Key::Return).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.find("#protect .preview li").await;
        // The submit button, not a heading or a label with the same word.
        page.tab_to("More options").await;
        page.tab_to_element("#protect form button.primary").await;
        page.press(Key::Return).await;
        page.wait_for_text("#protect", "Protected.").await;
        let focus = page.script("return document.activeElement.innerText").await;
        assert_eq!(focus, "Download sample.mp4", "the focus is on what comes next");
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn nothing_can_be_sent_elsewhere() {
    in_browser(|page| async move {
        let blocked = page
            .client
            .execute_async(
                "const done = arguments[0];
                 addEventListener('securitypolicyviolation', (e) => done(e.effectiveDirective));
                 fetch('http://127.0.0.1:9/').catch(() => {});",
                Vec::new(),
            )
            .await
            .unwrap();
        assert_eq!(blocked, "connect-src");
        // That refusal is the one error this page's console may have.
        page.forgive_errors().await;
        page.without_picker().await;
        // The page is whole once it has asked whether it may be used offline.
        let asked = "return performance.getEntriesByType('resource').some((e) => e.name.endsWith('/kept.js'))";
        for _ in 0..60 {
            if page.script(asked).await == Value::Bool(true) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        page.script("performance.clearResourceTimings()").await;
        page.choose(&fixture_path("slices.ismv")).await;
        page.protect().await;
        page.wait_for_text("#protect", "Protected.").await;
        let requests =
            page.script("return performance.getEntriesByType('resource').map((e) => e.name)").await;
        assert_eq!(requests, json!([]), "protecting makes no request");
    });
}

/// A number as the page writes it.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|g| str::from_utf8(g).unwrap()).collect();
    groups.join(",")
}

/// A file protected with the key of these tests.
fn protected(page: &Page, name: &str, profile: &str) -> PathBuf {
    let file =
        ismvault_testkit::protect(&fixture("h264_aac.ismv"), &ismvault_testkit::options(profile))
            .unwrap();
    let path = page.folder.path().join(name);
    fs::write(&path, file).unwrap();
    path
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn boxes_fields_and_bytes_by_hand() {
    in_browser(|page| async move {
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        // A finding leads to its bytes.
        page.click("#findings summary").await;
        page.click("#findings .info button.link").await;
        page.wait_for_text("#boxes .detail h4", "Fragment Absolute Time").await;
        let file = inspect(&fixture("h264_aac.ismv"));
        let address =
            || async { page.script("return location.hash").await.as_str().unwrap().to_owned() };
        let at = address().await.strip_prefix("#/boxes@").unwrap().parse::<u64>().unwrap();
        assert!(file.fragments.iter().any(|f| f.moof.at < at && at < f.moof.end()), "{at}");
        // The slash finds; the tree is walked with arrows.
        page.script("document.activeElement.blur()").await;
        page.client
            .perform_actions(
                KeyActions::new("k".into())
                    .then(KeyAction::Down { value: '/' })
                    .then(KeyAction::Up { value: '/' }),
            )
            .await
            .unwrap();
        page.write("#box-filter:focus", "trun").await;
        page.wait_for_text("#boxes .detail h4", "Track Fragment Run").await;
        let fields = page.text("#boxes .fields").await;
        assert!(
            fields.contains("sample_count") && fields.contains("sample[0].sample_size"),
            "{fields}"
        );
        // A field marks its bytes, and a byte its field.
        page.script("[...document.querySelectorAll('#boxes .fields tr')].find((tr) => tr.textContent.includes('sample_count')).click()").await;
        page.find("#boxes .hex .hit").await;
        let marked = page.script("return [...document.querySelectorAll('#boxes .hex .hit')].map((e) => e.textContent).join('')").await;
        assert_eq!(marked, "00000032");
        page.script("document.querySelector('#boxes .hex .octets span').click()").await;
        page.wait_for_text("#boxes .fields tr.marked", "size").await;
        page.script("document.querySelector('#boxes .tree').focus()").await;
        page.press(Key::Home).await;
        page.wait_for_text("#boxes .detail h4", "File Type").await;
        page.press(Key::Down).await;
        page.press(Key::Right).await;
        page.wait_for_text("#boxes .tree", "mvhd").await;
        page.press(Key::Down).await;
        page.wait_for_text("#boxes .detail h4", "Movie Header").await;
        // A letter leads to the next box that begins with it, and the address follows.
        page.press(Key::Home).await;
        for letter in ["m", "o", "o", "f"] {
            page.find("#boxes .tree").await.send_keys(letter).await.unwrap();
        }
        page.wait_for_text("#boxes .branch.selected", "1 · video · 00:00:00.000 · sync").await;
        let first = format!("#/boxes@{}", file.fragments[0].moof.at);
        page.script(&format!(
            "return new Promise((done) => {{ const look = () => location.hash === {first:?} ? done() : setTimeout(look, 50); look(); }})"
        ))
        .await;
        // An address is gone to: the second fragment of the audio.
        let audio = file.fragments.iter().filter(|f| f.runs[0].track_id == 2).nth(1).unwrap();
        page.script(&format!("location.hash = '#/samples@{}'", audio.moof.at)).await;
        page.wait_for_text("#samples .results", &thousands(audio.moof.at)).await;
        page.wait_for_text("#samples .results", "Track 2").await;
        page.client.back().await.unwrap();
        page.find("#view-boxes:not([hidden])").await;
        // Back leads back.
        page.client.back().await.unwrap();
        page.find("#view-overview:not([hidden])").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn ten_thousand_fragments_scroll() {
    in_browser(|page| async move {
        let small = fixture("audio_only.isma");
        let movie = inspect(&small);
        let span = movie.fragments[0].span;
        let mut file = small[..span.at as usize].to_vec();
        for _ in 0..10_000 {
            file.extend_from_slice(&small[span.at as usize..span.end() as usize]);
        }
        let path = page.folder.path().join("long.isma");
        fs::write(&path, file).unwrap();
        page.choose(&path).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.click("#tab-boxes").await;
        page.wait_for_text("#boxes .side [role=status]", "20,002 boxes").await;
        // Rows are made as they come into view.
        let rows = page.script("return document.querySelectorAll('#boxes .branch').length").await;
        assert!(rows.as_u64().unwrap() < 100, "{rows}");
        page.script("document.querySelector('#boxes .tree').focus()").await;
        page.press(Key::End).await;
        page.wait_for_text("#boxes .branch.selected", "moof + mdat").await;
        page.press(Key::Right).await;
        page.wait_for_text("#boxes .tree", "media of 10000").await;
        // Fragments made alike are looked through once: no row is opened, none is left out.
        page.write("#box-filter", "senc").await;
        page.wait_for_text("#boxes .side [role=status]", "No box with \"senc\"").await;
        page.click("#tab-samples").await;
        page.find("#samples .lane path.clear, #samples .lane path.enc").await;
        page.wait_for_text("#samples", "10,000 fragments").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn samples_are_drawn_and_readable() {
    in_browser(|page| async move {
        let file = protected(&page, "a.mp4", "dual");
        page.choose(&file).await;
        page.wait_for_text("#verdict", "Protected: PlayReady").await;
        page.click("#tab-samples").await;
        page.wait_for_text("#samples .samples", "1122334455667788").await;
        let map = page
            .script("return document.querySelector('#samples .map').getAttribute('aria-label')")
            .await;
        assert!(map.as_str().unwrap().contains("protected"), "{map}");
        page.click("#samples .plots summary").await;
        page.wait_for_text("#samples .plots table", "2.000").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_fragment_chosen_in_its_lane_is_shown_everywhere() {
    in_browser(|page| async move {
        let path = page.folder.path().join("lead.mp4");
        let clear = fixture_path("h264_aac.ismv");
        let (clear, out) = (clear.to_str().unwrap(), path.to_str().unwrap());
        let lead = ["protect", clear, "-o", out, "--kid", KID, "--key", KEY, "--clear-lead", "1"];
        assert!(ismvault_testkit::cli(&lead).status.success());
        page.choose(&path).await;
        page.find("#lanes .row:nth-child(2) .lane").await;
        page.tab_to_element("#lanes .row:nth-child(1) .lane").await;
        let words = "return document.activeElement.getAttribute('aria-valuetext')";
        let said = async |key: Key| {
            page.press(key).await;
            page.script(words).await.as_str().unwrap().to_owned()
        };
        // By keyboard alone: the clear lead, what follows it, and the other track.
        let first = said(Key::Home).await;
        assert!(first.starts_with("Fragment 1 of ") && first.contains(", clear"), "{first}");
        let second = said(Key::Right).await;
        assert!(second.starts_with("Fragment 2 of ") && second.contains("% of it protected"));
        page.wait_for_text("#lanes .detail-line", "Fragment 2 of ").await;
        let audio = said(Key::Down).await;
        assert!(audio.starts_with("Fragment 2 of ") && audio != second, "{audio}");
        // The other views show that one.
        let at = inspect(&fs::read(&path).unwrap()).fragments;
        let at = at.iter().filter(|f| f.runs[0].track_id == 2).nth(1).unwrap().moof.at;
        page.click("#lanes .detail-line button").await;
        let title = format!(
            "return document.querySelector('#samples h4')?.textContent.replace(/\\D/g, '') === '{at}'"
        );
        for _ in 0..200 {
            if page.script(&title).await == Value::Bool(true) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(page.script(&title).await, Value::Bool(true));
        page.click("#tab-overview").await;
        page.click("#lanes .detail-line button:last-child").await;
        page.wait_for_text("#boxes .detail h4", "Movie Fragment").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_theme_is_chosen_and_kept() {
    in_browser(|page| async move {
        let ground = "return getComputedStyle(document.body).backgroundColor";
        let mut grounds = Vec::new();
        for theme in ["light", "dark"] {
            page.select("#theme", theme).await;
            grounds.push(page.script(ground).await);
        }
        assert_ne!(grounds[0], grounds[1]);
        page.client.refresh().await.unwrap();
        page.find("html[data-ready]").await;
        assert_eq!(page.script(ground).await, grounds[1]);
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn the_page_speaks_german_too() {
    in_browser(|page| async move {
        // Without a file the page is loaded anew at once.
        page.select("#language", "de").await;
        page.wait_for_text("#start h2", "Smooth-Streaming-Datei hier ablegen").await;
        page.find("html[lang=de][data-ready]").await;
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#verdict", "Unverschlüsselt. Bereit zum Schützen.").await;
        page.wait_for_text("#story", "289 Samples in 4 Fragmenten, an ihrem Platz.").await;
        page.wait_for_text("#tracks", "unverschlüsselt").await;
        page.click("#findings summary").await;
        // A check has its title and advice; what the core says of this file says that it is English.
        page.wait_for_text("#findings", "wie Smooth-Streaming-Werkzeuge schreiben").await;
        page.find("#findings p[lang=en]").await;
        page.click("#tab-boxes").await;
        page.wait_for_text("#boxes .side [role=status]", "11 Boxen obenauf").await;
        // With one it waits until it is loaded again.
        page.select("#language", "en").await;
        page.wait_for_text("#offline", "wenn die Seite neu geladen wird").await;
        page.client.refresh().await.unwrap();
        page.wait_for_text("#start h2", "Drop a Smooth Streaming file").await;
        page.find("html[lang=en]").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn the_key_doctor_answers() {
    in_browser(|page| async move {
        let file = protected(&page, "a.mp4", "dual");
        page.choose(&file).await;
        page.wait_for_text("#verdict", "Protected: PlayReady").await;
        page.click("#tab-key").await;
        let text = page.find("#key-text").await;
        text.send_keys("ffeeddccbbaa99887766554433221100").await.unwrap();
        page.click("#key form button.primary").await;
        page.wait_for_text("#key .results", "This is not the key.").await;
        page.find("#key-text").await.clear().await.unwrap();
        let swapped = ismvault::format::ids::Uuid::parse(KEY).unwrap().swapped();
        page.write("#key-text", &swapped.to_string()).await;
        page.click("#key form button.primary").await;
        page.wait_for_text("#key .results", "The key fits.").await;
        assert!(page.text("#key .results").await.contains("swapped"));
        // It is in no place it could be left in.
        let left = page.script("return location.href + JSON.stringify(localStorage) + document.querySelector('#key .results').innerHTML").await;
        assert!(!left.as_str().unwrap().contains(&swapped.to_string()[..8]));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn protecting_is_always_in_view_and_says_what_it_will_do() {
    in_browser(|page| async move {
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#protect .dock", "samples of 2 tracks · dual · a new key").await;
        let bottom = "const at = document.querySelector('#protect .dock').getBoundingClientRect(); \
                      return [at.top, at.bottom, innerHeight, innerWidth]";
        let seen = page.script(bottom).await;
        let [top, bottom, height, width] = [0, 1, 2, 3].map(|i| seen[i].as_f64().unwrap());
        // Where there is no room beside, a button above leads to it.
        assert!(width < 1248.0 || (top > 0.0 && bottom <= height + 1.0), "{seen}");
        page.find("#protect [name=source][value=key]").await.click().await.unwrap();
        page.wait_for_text("#protect .dock", "Paste the content key to go on.").await;
        page.find("#protect .dock button:disabled").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn each_broken_example_is_found_to_be_so() {
    in_browser(|page| async move {
        let checks = [
            ("other-kid.mp4", "kid_not_in_header"),
            ("kid-swapped.mp4", "kid_byte_swapped"),
            ("iv-twice.mp4", "iv_reused"),
            ("remuxed.mp4", "looks_encrypted"),
            ("saio-off.mp4", "saio_off_iv"),
            ("index-off.mp4", "index_off_fragments"),
            ("cut.mp4", "file_cut"),
        ];
        let buttons = "document.querySelectorAll('#examples li button')";
        assert_eq!(page.script(&format!("return {buttons}.length")).await, checks.len());
        for (number, (file, check)) in checks.into_iter().enumerate() {
            page.script("document.querySelector('#to-examples').click()").await;
            page.script(&format!("{buttons}[{number}].click()")).await;
            page.wait_for_text("#name", file).await;
            page.find("#reports:not([hidden])").await;
            page.script("document.querySelector('[data-report=json]').click()").await;
            let report = fs::read(page.downloaded(&format!("{file}.json")).await).unwrap();
            let report: Value = serde_json::from_slice(&report).unwrap();
            let found = report["findings"].as_array().unwrap();
            let grave = |f: &&Value| f["id"] == check && f["severity"] == "error";
            assert!(found.iter().find(grave).is_some(), "{file}: {found:?}");
        }
        page.find("#verdict.bad").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn the_drm_systems_of_the_browser_are_told() {
    in_browser(|page| async move {
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.click("#tab-play").await;
        page.click("#play details summary").await;
        page.wait_for_text("#play details", "PlayReady in software").await;
        let told = page.text("#play details").await;
        assert!(told.contains("Edge and Chrome on Windows have it"), "{told}");
        // As the engine itself answers.
        let own = page
            .script(
                "return navigator.requestMediaKeySystemAccess ? \
                 navigator.requestMediaKeySystemAccess('org.w3.clearkey', [{ initDataTypes: ['cenc'], \
                 videoCapabilities: [{ contentType: 'video/mp4; codecs=\"avc1.42E01E\"' }] }]).then(() => true, () => false) : false",
            )
            .await;
        let clearkey = told.split("ClearKey").nth(1).unwrap();
        assert_eq!(clearkey.trim().starts_with("yes, cenc"), own.as_bool().unwrap(), "{told}");
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn commands_are_found_and_run_by_keyboard() {
    in_browser(|page| async move {
        let ctrl_k = || async {
            let keys = KeyActions::new("palette".into())
                .then(KeyAction::Down { value: Key::Control.into() })
                .then(KeyAction::Down { value: 'k' })
                .then(KeyAction::Up { value: 'k' })
                .then(KeyAction::Up { value: Key::Control.into() });
            page.client.perform_actions(keys).await.unwrap();
        };
        // Without a file, what needs one is not offered.
        ctrl_k().await;
        page.find("#palette[open] #palette-text:focus").await;
        let offered = page.text("#palette-list").await;
        assert!(offered.contains("Batch") && !offered.contains("Go to Boxes"), "{offered}");
        page.press(Key::Escape).await;
        page.find("#palette:not([open])").await;
        page.choose(&protected(&page, "a.mp4", "dual")).await;
        page.wait_for_text("#verdict", "Protected: PlayReady").await;
        ctrl_k().await;
        page.write("#palette-text", "go key").await;
        page.wait_for_text("#palette-list [aria-selected=true]", "Go to Key").await;
        page.press(Key::Return).await;
        page.find("#view-key:not([hidden])").await;
        page.find("#palette:not([open])").await;
        // By its button and the arrows too.
        page.click("#commands").await;
        page.write("#palette-text", "report").await;
        page.press(Key::Down).await;
        page.wait_for_text("#palette-list [aria-selected=true]", "Report as CSV").await;
        page.press(Key::Return).await;
        page.downloaded("a.mp4.csv").await;
        page.click("#commands").await;
        page.write("#palette-text", "nothing of that name").await;
        page.wait_for_text("#palette-none:not([hidden])", "No such command").await;
        page.press(Key::Escape).await;
        // The help is made of the same table.
        page.click("#shortcuts").await;
        page.wait_for_text("#keys dl", "Find a box").await;
        assert!(page.text("#keys dl").await.contains("Ctrl K"));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn what_people_paste_is_answered_as_they_type() {
    in_browser(|page| async move {
        let header = |form| {
            let new = ["header", "new", "--kid", KID, "--la-url", "https://l.example/a"];
            let made = ismvault_testkit::cli(&[&new[..], &["--form", form]].concat());
            ismvault_testkit::text(&made.stdout).trim().to_owned()
        };
        let (pssh, hex) = (header("pssh"), header("pssh-hex"));
        let bytes = |separator: &str| {
            let pairs = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
            pairs.collect::<Vec<_>>().join(separator)
        };
        let file = protected(&page, "a.mp4", "dual");
        page.choose(&file).await;
        page.wait_for_text("#verdict", "Protected: PlayReady").await;
        page.click("#link-paste").await;
        let digits = KID.replace('-', "");
        for (pasted, wanted) in [
            (format!("pssh = {{ 0x{} }};", bytes(", 0x")), "LA_URL"),
            (bytes(" "), "LA_URL"),
            (format!("2026-11-28 10:00 WARN init data \"{pssh}\","), "LA_URL"),
            (
                format!(
                    "#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"data:text/plain;base64,{pssh}\",\
                     KEYFORMAT=\"com.microsoft.playready\""
                ),
                "LA_URL",
            ),
            (
                format!("HTTP/2 200\ncontent-type: application/json\n\n{{\"pssh\":\"{pssh}\"}}"),
                "LA_URL",
            ),
            (format!("{digits}:{KEY}"), "a KID and a key"),
            (format!("--keys label=:key_id={digits}:key={KEY}"), "try it in Key"),
            (format!("<ContentProtection cenc:default_KID=\"{KID}\"/>"), "KID (tenc, MPD)"),
            (
                "<WRMHEADER xmlns=\"http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader\" \
                 version=\"4.0.0.0\"><DATA><PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID>\
                 </PROTECTINFO><LA_URL>https://l.example/?a=1&b=2</LA_URL></DATA></WRMHEADER>"
                    .to_owned(),
                "not written as &amp;",
            ),
            ("good morning".to_owned(), "not a protection header"),
        ] {
            // Nothing is pressed: it is read as it is typed.
            let said = page
                .script(&format!(
                    "const text = document.querySelector('#paste-text'); \
                     document.querySelector('#paste .results').replaceChildren(); \
                     text.focus(); text.value = {pasted:?}; text.dispatchEvent(new Event('input'));"
                ))
                .await;
            assert!(said.is_null());
            page.wait_for_text("#paste .results", wanted).await;
            let shown = page.text("#paste .results").await;
            assert!(!shown.contains(&KEY[..8]), "{shown}");
            let names_it = wanted == "LA_URL" || wanted.starts_with("KID");
            assert!(!names_it || shown.contains("is the KID of track 1, track 2"), "{shown}");
        }
        // Typing leaves the keyboard where it is.
        let focused = page.script("return document.activeElement.id").await;
        assert_eq!(focused, "paste-text");
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_header_is_pasted_made_and_put_into_a_file() {
    in_browser(|page| async move {
        // Without a file.
        let pssh = ismvault_testkit::cli(&[
            "header",
            "new",
            "--kid",
            KID,
            "--la-url",
            "https://l.example/a",
            "--form",
            "pssh",
        ]);
        let pssh = ismvault_testkit::text(&pssh.stdout);
        page.write("#start-text", pssh.trim()).await;
        page.click("#start-paste button").await;
        page.wait_for_text("#paste .results", "https://l.example/a").await;
        assert!(
            page.text("#paste .results").await.contains("0267e309-338f-6c43-a5dd-60ffe6671e70")
        );
        page.find("#paste-text").await.clear().await.unwrap();
        page.write("#paste-text", "no header at all").await;
        page.click("#paste form button.primary").await;
        page.wait_for_text("#paste .results", "not a protection header").await;
        // With one: the editor begins with what it has.
        let file = protected(&page, "a.mp4", "dual");
        page.choose(&file).await;
        page.wait_for_text("#verdict", "Protected: PlayReady").await;
        page.click("#tab-header").await;
        page.wait_for_text("#header .versions", "Version 4.3").await;
        page.find("#header [name=la_url]").await.clear().await.unwrap();
        page.write("#header [name=la_url]", "https://new.example/").await;
        page.wait_for_text("#header .versions", "https://new.example/").await;
        page.click("#header .versions article button:not(.copy)").await;
        // What comes of it is an open file, not saved until it is kept.
        page.wait_for_text("#name", "a-header.mp4").await;
        page.wait_for_text("#made", "Made of a.mp4").await;
        page.click("#made a.button").await;
        let out = fs::read(page.downloaded("a-header.mp4").await).unwrap();
        let movie = inspect(&out);
        let header = movie.systems.iter().find_map(|s| s.playready.as_ref()).unwrap();
        assert_eq!(header.la_url.as_deref(), Some("https://new.example/"));
        assert_eq!(samples(&out, 1), samples(&fs::read(&file).unwrap(), 1));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_header_is_in_the_address_and_a_key_is_not() {
    in_browser(|page| async move {
        // Without a file, from an address that somebody sent.
        page.script(&format!(
            "location.hash = '#/header?kids={KID}&la_url=https%3A%2F%2Fl.example%2Fa%3Fb%3D1%26c&on_demand='"
        ))
        .await;
        page.wait_for_text("#header .versions", "https://l.example/a?b=1&amp;c").await;
        page.wait_for_text("#header .versions", "ONDEMAND").await;
        page.write("#header [name=key]", KEY).await;
        page.wait_for_text("#header .versions", "CHECKSUM").await;
        page.write("#header [name=ds_id]", "AAECAwQFBgcICQoLDA0ODw==").await;
        page.wait_for_text("#header .versions", "DS_ID").await;
        for _ in 0..100 {
            if page.script("return location.hash.includes('ds_id=AAEC')").await == Value::Bool(true)
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let address = page.script("return location.hash").await;
        let address = address.as_str().unwrap();
        assert!(address.contains("ds_id=AAEC") && address.contains("on_demand"), "{address}");
        assert!(!address.contains(&KEY[..8]), "{address}");
        page.find("#tabbar[hidden]").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn files_and_manifests_together() {
    in_browser(|page| async move {
        let (a, b) = (protected(&page, "a.mp4", "dual"), protected(&page, "b.mp4", "piff"));
        let ism = page.folder.path().join("a.ism");
        fs::write(&ism, "<smil><body><switch><video src=\"missing.ismv\" systemBitrate=\"5\"/></switch></body></smil>").unwrap();
        for file in [&a, &b, &ism] {
            page.choose(file).await;
            page.wait_for_text("#name", file.file_name().unwrap().to_str().unwrap()).await;
        }
        page.wait_for_text("#files", "b.mp4").await;
        page.click("#tab-compare").await;
        page.wait_for_text("#compare", "is used twice").await;
        page.wait_for_text("#compare .evidence", "XOR of the two").await;
        page.wait_for_text("#compare", "missing.ismv").await;
        page.wait_for_text("#compare .diff", "0x00010001").await;
        // dual moves all times so that none is before zero; piff has no tfdt.
        page.wait_for_text("#compare figure", "Fragments of track 1: 0 of 2 in a.mp4").await;
        // A report of one of them, without a script.
        // The manifest stands first in the list, its set below it.
        page.wait_for_text("#files li:first-child", "a.ism").await;
        page.script("[...document.querySelectorAll('#files .of-set button')].find((b) => b.title === 'b.mp4').click()").await;
        page.wait_for_text("#name", "b.mp4").await;
        page.wait_for_text("#verdict.bad", "against the files opened with it").await;
        page.click("#tab-overview").await;
        page.wait_for_text("#findings", "is used twice").await;
        page.click("#files .of-set button").await;
        page.wait_for_text("#name", "a.mp4").await;
        page.click("#reports summary").await;
        page.click("[data-report=html]").await;
        let html = fs::read_to_string(page.downloaded("a.mp4.html").await).unwrap();
        assert!(html.contains(KID) && !html.contains("<script"));
        // Two that are ticked are compared.
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        let tick = async |name: &str| {
            let script =
                format!("document.querySelector('#files [aria-label=\"Compare {name}\"]').click()");
            page.script(&script).await
        };
        tick("h264_aac.ismv").await;
        tick("a.mp4").await;
        page.click("#files button.wide").await;
        page.wait_for_text("#compare .diff th:nth-child(2)", "h264_aac.ismv").await;
        page.wait_for_text("#compare .diff th:nth-child(3)", "a.mp4").await;
        // Closing all leads to the start.
        for _ in 0..4 {
            page.client.execute("(document.querySelector('#files .shut') ?? document.getElementById('shut')).click()", Vec::new()).await.unwrap();
        }
        page.find("#start:not([hidden])").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_random_key_is_not_dropped_without_a_question() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.protect().await;
        page.wait_for_text("#protect", "Protected.").await;
        page.script(
            "window.asked = []; window.confirm = (words) => { asked.push(words); return false; }",
        )
        .await;
        page.script("[...document.querySelectorAll('#protect button')].find((b) => b.textContent === 'Protect again').click()").await;
        let asked = page.script("return asked.join()").await;
        assert!(asked.as_str().unwrap().contains("random key"), "{asked}");
        page.wait_for_text("#protect", "Protected.").await;
        // Kept, there is nothing to ask.
        page.click("#protect .keys > button").await;
        page.click("#protect a.primary").await;
        page.script("[...document.querySelectorAll('#protect button')].find((b) => b.textContent === 'Protect again').click()").await;
        page.find("#protect form").await;
        assert_eq!(page.script("return asked.length").await, 1);
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn each_file_shows_its_own_key_and_result() {
    in_browser(|page| async move {
        page.script(
            "window.showSaveFilePicker = async ({ suggestedName }) =>
               (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });",
        )
        .await;
        for name in ["bframes.ismv", "slices.ismv"] {
            page.choose(&fixture_path(name)).await;
            page.wait_for_text("#name", name).await;
            page.wait_for_text("#verdict", "Ready to protect.").await;
            page.protect().await;
            page.wait_for_text("#protect", &format!("Saved as {}", name.replace("ismv", "mp4")))
                .await;
            page.click("#protect .keys > button").await;
        }
        for (i, name) in ["bframes.mp4", "slices.mp4", "bframes.mp4"].iter().enumerate() {
            page.script(&format!(
                "document.querySelectorAll('#files li > button:first-child')[{}].click()",
                i % 2
            ))
            .await;
            page.wait_for_text("#protect", &format!("Saved as {name}")).await;
            let shown = page.text("#protect .keys").await;
            let saved = page.downloaded(&name.replace(".mp4", ".key.json")).await;
            let saved: Value = serde_json::from_slice(&fs::read(saved).unwrap()).unwrap();
            assert!(shown.contains(saved["kid"].as_str().unwrap()), "{name}: {shown}");
        }
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn what_was_typed_is_there_when_one_comes_back() {
    in_browser(|page| async move {
        page.choose(&fixture_path("bframes.ismv")).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.click("input[value=key]").await;
        page.write("#protect [name=key]", KEY).await;
        page.write("#protect [name=la_url]", "https://mine.example/").await;
        page.choose(&fixture_path("slices.ismv")).await;
        page.wait_for_text("#name", "slices.ismv").await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.click("#files li button").await;
        page.wait_for_text("#name", "bframes.ismv").await;
        let typed = "const f = document.querySelector('#protect form').elements; return [f.la_url.value, f.key.value]";
        // The URL stays; the key does not.
        assert_eq!(page.script(typed).await, json!(["https://mine.example/", ""]));
        // An offset is typed to its end, and Enter goes there.
        page.click("#tab-boxes").await;
        let field = page.find("#box-filter").await;
        field.send_keys("2").await.unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
        field.send_keys("0").await.unwrap();
        page.wait_for_text("#boxes .side [role=status]", "Enter goes to this offset").await;
        assert_eq!(page.script("return document.activeElement.value").await, "20");
        page.press(Key::Return).await;
        page.wait_for_text("#boxes .detail h4", "File Type").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn the_story_says_which_link_is_broken() {
    in_browser(|page| async move {
        let path = protected(&page, "a.mp4", "dual");
        page.choose(&path).await;
        page.wait_for_text("#story", "One KID; try its key.").await;
        page.wait_for_text("#story li.yes", "PlayReady").await;
        page.wait_for_text("#made-of", "1 video and 1 audio track").await;
        // A tenc with another KID than the header's.
        let mut file = fs::read(&path).unwrap();
        let tenc = file.windows(4).position(|w| w == b"tenc").unwrap();
        file[tenc + 20] ^= 0xff;
        let path = page.folder.path().join("b.mp4");
        fs::write(&path, file).unwrap();
        page.choose(&path).await;
        page.wait_for_text("#verdict", "PlayReady clients or licence servers trip over it.").await;
        page.wait_for_text("#story li:nth-child(2).no", "KID is not in the PlayReady header").await;
        page.wait_for_text("#story li:nth-child(4).yes", "in place").await;
        page.click("#story li:nth-child(2) button").await;
        page.wait_for_text("#boxes .detail h4", "Protection System Specific Header").await;
        // What went out of sight does not keep the focus, nor lose it.
        let focus = page.script("return document.activeElement.checkVisibility() && document.activeElement !== document.body").await;
        assert_eq!(focus, Value::Bool(true));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn what_is_asked_of_a_file_is_done_to_it_whichever_is_shown() {
    in_browser(|page| async move {
        page.without_picker().await;
        for name in ["slices.ismv", "bframes.ismv"] {
            page.choose(&fixture_path(name)).await;
            page.wait_for_text("#name", name).await;
            page.wait_for_text("#verdict", "Ready to protect.").await;
        }
        page.give_key().await;
        page.find("#protect form button.primary:not(:disabled)").await;
        // Another file, before the first has begun.
        page.script(
            "document.querySelector('#protect form button.primary').click();
             document.querySelector('#files li button').click()",
        )
        .await;
        page.wait_for_text("#name", "slices.ismv").await;
        page.find("#protect form .preview li").await;
        page.click("#files li:nth-child(2) button").await;
        page.wait_for_text("#protect", "Protected.").await;
        page.wait_for_text("#protect", KID).await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_second_job_waits_and_is_seen_from_every_view() {
    in_browser(|page| async move {
        page.without_picker().await;
        for (name, size) in [("first.ismv", 600_000_000), ("second.ismv", 10_000_000)] {
            let path = page.folder.path().join(name);
            ismvault_testkit::write_large(&path, size);
            page.choose(&path).await;
            page.wait_for_text("#name", name).await;
            page.wait_for_text("#verdict", "Ready to protect.").await;
            page.protect().await;
        }
        page.wait_for_text("#protect", "Waits for its turn").await;
        page.wait_for_text("#job", "1 more waiting").await;
        page.click("#tab-boxes").await;
        page.wait_for_text("#job", "first.ismv").await;
        // The one that waits is taken back; the other goes on to its end.
        page.click("#tab-overview").await;
        page.click("#protect .wide").await;
        page.find("#protect form").await;
        // What is made waits in the same queue.
        page.click("#tab-make").await;
        page.click("#way-repair form button").await;
        page.wait_for_text("#way-repair .run", "Waits for its turn").await;
        page.wait_for_text("#job", "1 more waiting").await;
        page.click("#job button.link").await;
        page.wait_for_text("#name", "first.ismv").await;
        page.find("#view-overview:not([hidden])").await;
        page.wait_for_text("#protect", "Protected.").await;
        // Its times go back, again and again: what failed meanwhile is told here.
        page.wait_for_text("#job", "second-repaired.ismv was not made").await;
        page.wait_for_text("#job", "an overlap of 120000000 ticks").await;
        page.click("#job .failed button").await;
        page.find("#job[hidden]").await;
    });
}
