//! Make, Play and Batch in real browsers, by a person's gestures; and
//! the manifests in the players that people have.
//!
//! Runs where `cargo xtask test` serves the page (`ISMVAULT_SITE`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod page;

use ismvault::make::decrypt::{Decryption, parse_key};
use ismvault_testkit::{
    KEY, KID, cli, decrypted, fixture, fixture_path, inspect, options, protect, samples, text,
};
use page::{Engine, Page, in_browser};
use serde_json::json;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A fixture protected with the key of these tests.
fn protected(page: &Page, fixture_name: &str, name: &str, profile: &str) -> PathBuf {
    let path = page.folder.path().join(name);
    fs::write(&path, protect(&fixture(fixture_name), &options(profile)).unwrap()).unwrap();
    path
}

async fn choose_all(page: &Page, files: &[PathBuf]) {
    page.script("document.getElementById('picker').hidden = false").await;
    page.give_files("#picker", files).await;
}

/// The download link of a file that was made, followed.
async fn made(page: &Page, name: &str) -> Vec<u8> {
    page.wait_for_text("#name", name).await;
    // What is above it grows once the file is read; a click aimed before misses.
    page.find("#story li").await;
    page.find("#reading[hidden]").await;
    page.click("#made a").await;
    fs::read(page.downloaded(name).await).unwrap()
}

/// The file shown goes through the browser's decoder.
async fn plays(page: &Page, size: &str) {
    page.click("#tab-play").await;
    page.click("#play form button.primary").await;
    page.wait_for_text("#play .screens figure:nth-child(1)", &format!("It plays: {size}.")).await;
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_set_is_muxed_protected_and_played_before_the_download() {
    in_browser(|page| async move {
        page.without_picker().await;
        let names = ["set_low.ismv", "set_high.ismv", "set_eng.isma", "set_deu.isma"];
        choose_all(&page, &names.map(fixture_path)).await;
        page.wait_for_text("#files", "set_deu.isma").await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.click("#tab-make").await;
        page.wait_for_text("#way-set", "256 × 144").await;
        // The best video under a limit, and audio by hand.
        page.write("#way-set input[type=number]", "100").await;
        page.find("#way-set tr:nth-child(2) input:checked").await;
        page.click("#way-set tr:nth-child(1) input").await;
        let eng = "[...document.querySelectorAll('#way-set tr')].find((r) => r.textContent.includes('eng')).querySelector('input')";
        page.script(&format!("if ({eng}.checked) {eng}.click()")).await;
        page.click("#way-set form button").await;
        let file = made(&page, "set_high-muxed.ismv").await;
        assert_eq!(samples(&file, 1), samples(&fixture("set_high.ismv"), 1));
        assert_eq!(samples(&file, 2), samples(&fixture("set_deu.isma"), 1));
        assert_eq!(inspect(&file).tracks.len(), 2);
        // The stitched file is protected like any other, and comes with a receipt.
        page.give_key().await;
        page.protect().await;
        page.wait_for_text("#protect .receipt", "each the same as it was; no IV twice").await;
        // Played before it is downloaded: with its key, and with a wrong one.
        page.click("#protect .receipt .actions-row button").await;
        page.write("#play-keys", KEY).await;
        page.click("#play form button.primary").await;
        page.wait_for_text("#play .screens figure:nth-child(1)", "It plays: 256 × 144.").await;
        let other = "#play .screens figure:nth-child(2)";
        match page.engine() {
            Engine::Chromium => page.wait_for_text(other, "As it should be").await,
            Engine::Firefox => page.wait_for_text(other, "plays on with a wrong key").await,
            Engine::WebKit => page.wait_for_text("#play .screens", "has no ClearKey").await,
        }
        page.click("#tab-overview").await;
        let out = fs::read(page.download().await).unwrap();
        let back = decrypted(&out, KEY);
        assert_eq!(samples(&back, 1), samples(&fixture("set_high.ismv"), 1));
        let sum = page.text("#protect .receipt code").await;
        use sha2::Digest as _;
        assert_eq!(sum, ismvault::format::cipher::hex(&sha2::Sha256::digest(&out)));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn piff_is_reboxed_decrypted_repaired_and_played() {
    in_browser(|page| async move {
        page.without_picker().await;
        let path = protected(&page, "h264_aac.ismv", "smooth.ismv", "piff");
        page.choose(&path).await;
        page.wait_for_text("#verdict", "PIFF 1.1").await;
        // An original in Smooth form plays, re-boxed on the way.
        page.click("#tab-play").await;
        page.write("#play-keys", KEY).await;
        page.click("#play form button.primary").await;
        page.wait_for_text("#play .screens figure:nth-child(1)", "It plays: 192 × 108.").await;
        // Without ClearKey it is decrypted by the page.
        page.script(
            "navigator.requestMediaKeySystemAccess = async () => { throw new Error('none') }",
        )
        .await;
        page.click("#play form button.primary").await;
        page.wait_for_text("#play .results", "decrypted by this page").await;
        // Other boxes: at once, and the same ciphertext.
        page.click("#tab-make").await;
        page.click("#way-rebox button").await;
        let dual = made(&page, "smooth-dual.mp4").await;
        assert_eq!(samples(&dual, 1), samples(&fs::read(&path).unwrap(), 1));
        assert_eq!(samples(&decrypted(&dual, KEY), 2), samples(&fixture("h264_aac.ismv"), 2));
        // Decrypted, from the file that was just made.
        page.click("#tab-make").await;
        page.write("#make-keys", &format!("{KID}:{KEY}")).await;
        page.click("#way-decrypt form .actions-row button").await;
        let clear = made(&page, "smooth-dual-clear.mp4").await;
        assert_eq!(samples(&clear, 1), samples(&fixture("h264_aac.ismv"), 1));
        plays(&page, "192 × 108").await;
        // A file that ends too early is repaired as far as it is whole.
        let whole = fixture("set_high.ismv");
        let last = inspect(&whole).fragments.last().unwrap().span;
        let cut = page.folder.path().join("cut.ismv");
        fs::write(&cut, &whole[..(last.at + 100) as usize]).unwrap();
        page.choose(&cut).await;
        page.wait_for_text("#name", "cut.ismv").await;
        page.click("#protect button.primary").await;
        page.click("#way-repair button").await;
        let repaired = made(&page, "cut-repaired.ismv").await;
        page.wait_for_text("#made", "fragments before that are kept").await;
        let kept = samples(&repaired, 1);
        assert!(!kept.is_empty() && samples(&whole, 1).starts_with(&kept));
        plays(&page, "256 × 144").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn two_keys_cbcs_and_a_clear_lead() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.choose(&fixture_path("h264_aac.ismv")).await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.select("#protect [name=profile]", "cbcs").await;
        page.click("#protect input[value=file]").await;
        let (kid, key) =
            ("10000000-1000-1000-1000-100000000001", "3a2a1b68dd2bd9b2eeb25e84c4776668");
        let list = format!("{KID},{KEY},video\n{kid},{key},audio");
        page.write("#protect [name=keys]", &list).await;
        page.click("#protect summary").await;
        page.write("#protect [name=clear_lead]", "\u{e003}\u{e017}1").await;
        page.wait_for_text("#protect .preview", "2 keys, each for tracks of its own.").await;
        page.wait_for_text("#protect .preview", "AES-128-CBC with a constant IV").await;
        page.wait_for_text("#protect .preview", "PlayReady header 4.3").await;
        page.protect().await;
        page.wait_for_text("#protect .receipt", "each the same as it was").await;
        page.click("#tab-play").await;
        let both = format!("{KID}:{KEY} {kid}:{key}");
        page.write("#play-keys", &both).await;
        page.click("#play form button.primary").await;
        page.wait_for_text("#play .screens figure:nth-child(1)", "It plays: 192 × 108.").await;
        page.click("#tab-overview").await;
        let file = fs::read(page.download().await).unwrap();
        let keys = [
            parse_key(&format!("{KID}:{KEY}")).unwrap(),
            parse_key(&format!("{kid}:{key}")).unwrap(),
        ];
        let back =
            ismvault_testkit::output_of(Decryption::new(&inspect(&file), &keys).unwrap(), &file)
                .unwrap();
        assert_eq!(samples(&back, 2), samples(&fixture("h264_aac.ismv"), 2));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_progressive_file_and_fragments_of_a_stream() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.choose(&fixture_path("progressive.mp4")).await;
        page.wait_for_text("#protect", "progressive").await;
        page.click("#protect button.primary").await;
        page.click("#way-fragment button").await;
        let file = made(&page, "progressive.ismv").await;
        assert!(inspect(&file).fragments.len() > 1);
        page.wait_for_text("#verdict", "Ready to protect.").await;
        plays(&page, "192 × 108").await;
        // A manifest with its fragments.
        let folder = page.folder.path();
        let (ism, parts) = (folder.join("ism"), folder.join("parts"));
        let source = fixture_path("set_high.ismv");
        let source = source.to_str().unwrap();
        for args in [
            vec!["manifest", source, "--out", ism.to_str().unwrap(), "--format", "ism"],
            vec![
                "manifest",
                source,
                "--out",
                parts.to_str().unwrap(),
                "--format",
                "dash",
                "--segments",
            ],
        ] {
            let output = cli(&args);
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        let mut files = vec![ism.join("set_high.ismc")];
        for level in fs::read_dir(&parts).unwrap().map(|entry| entry.unwrap().path()) {
            if level.is_dir() {
                files.extend(fs::read_dir(level).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        choose_all(&page, &files).await;
        page.wait_for_text("#verdict", "with 2 fragments").await;
        page.click("#tab-make").await;
        page.click("#way-assemble button").await;
        let file = made(&page, "set_high.ismv").await;
        assert_eq!(samples(&file, 1), samples(&fixture("set_high.ismv"), 1));
        plays(&page, "256 × 144").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn manifests_and_files_for_them() {
    in_browser(|page| async move {
        page.without_picker().await;
        page.script("delete window.showDirectoryPicker").await;
        let path = protected(&page, "h264_aac.ismv", "title.ismv", "piff");
        page.choose(&path).await;
        page.wait_for_text("#verdict", "PIFF 1.1").await;
        page.click("#tab-make").await;
        for (format, manifest, media) in [
            ("dash", "title.mpd", "title_video1.mp4"),
            ("hls", "title.m3u8", "title_audio2.mp4"),
            ("ism", "title.ismc", "title.ismv"),
        ] {
            page.select("#way-manifests select", format).await;
            page.click("#way-manifests form > .actions-row button").await;
            page.wait_for_text("#way-manifests .plain", media).await;
            page.click(&format!("#way-manifests a[download='{manifest}']")).await;
            let text = fs::read_to_string(page.downloaded(manifest).await).unwrap();
            assert!(text.contains(media) || format != "dash", "{text}");
        }
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_folder_is_protected_into_another_and_goes_on() {
    in_browser(|page| async move {
        for name in ["slices.ismv", "set_high.ismv", "audio_only.isma"] {
            page.put("in", name, &fixture_path(name)).await;
        }
        page.put("in", "broken.ismv", &fixture_path("README.md")).await;
        page.offer_folders(&["in", "out"]).await;
        page.click("#link-batch").await;
        page.click("#batch-in").await;
        page.wait_for_text("#batch table", "broken").await;
        page.click("#batch-out").await;
        page.wait_for_text("#batch", "Writes to out").await;
        page.click("#batch button.primary").await;
        page.wait_for_text("#batch [role=status]", "4 titles: 3 done, 1 failed, 0 to do.").await;
        page.wait_for_text("#batch table", "This is not an MP4 file").await;
        // Every title with its own key, told in a list beside the files.
        let list = text(&page.get("out", "ismvault-keys.csv").await);
        let keys: Vec<Vec<&str>> =
            list.lines().skip(1).map(|line| line.split(',').collect()).collect();
        assert_eq!(keys.len(), 3, "{list}");
        for key in &keys {
            let name = ["slices.ismv", "set_high.ismv", "audio_only.isma"]
                .into_iter()
                .find(|name| name.split('.').next() == key[0].split('.').next())
                .unwrap();
            let file = page.get("out", key[0]).await;
            let back = decrypted(&file, &format!("{}:{}", key[1], key[2]));
            assert_eq!(samples(&back, 1), samples(&fixture(name), 1));
        }
        // Another tab, the same folders: what is done stays done.
        page.client.refresh().await.unwrap();
        page.find("html[data-ready]").await;
        page.put("in", "hevc.ismv", &fixture_path("hevc.ismv")).await;
        page.offer_folders(&["in", "out"]).await;
        page.click("#batch-in").await;
        page.wait_for_text("#batch table", "hevc").await;
        page.click("#batch-out").await;
        page.wait_for_text("#batch [role=status]", "5 titles: 3 done, 0 failed, 2 to do.").await;
        // With keys from a list, and one title left out.
        page.click("#batch input[value=list]").await;
        page.write("#batch-list", &format!("*,{KID},{KEY}")).await;
        page.click("#batch button[aria-label='Skip broken']").await;
        page.click("#batch button.primary").await;
        page.wait_for_text("#batch [role=status]", "5 titles: 4 done, 0 failed, 0 to do.").await;
        let file = page.get("out", "hevc.mp4").await;
        assert_eq!(samples(&decrypted(&file, KEY), 1), samples(&fixture("hevc.ismv"), 1));
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_batch_is_downloaded_where_no_folder_can_be_picked() {
    in_browser(|page| async move {
        page.script("delete window.showDirectoryPicker").await;
        page.click("#link-batch").await;
        page.script(
            "const picker = document.querySelector('#batch input[type=file]');
             picker.webkitdirectory = false;
             picker.hidden = false;",
        )
        .await;
        let names = ["slices.ismv", "set_high.ismv", "audio_only.isma"];
        page.give_files("#batch input[type=file]", &names.map(fixture_path)).await;
        page.wait_for_text("#batch table", "audio_only").await;
        page.click("#batch input[value=list]").await;
        page.write("#batch-list", &format!("*,{KID},{KEY}")).await;
        page.click("#batch button.primary").await;
        page.wait_for_text("#batch [role=status]", "3 titles: 3 done, 0 failed, 0 to do.").await;
        for name in names {
            let to = name.replace("ismv", "mp4").replace("isma", "mp4");
            let file = fs::read(page.downloaded(&to).await).unwrap();
            assert_eq!(samples(&decrypted(&file, KEY), 1), samples(&fixture(name), 1), "{name}");
        }
        // What was made is opened as any file is.
        page.click("#batch button[aria-label='Open slices.mp4']").await;
        page.wait_for_text("#name", "slices.mp4").await;
        page.wait_for_text("#verdict", "Protected: PlayReady").await;
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn no_key_of_a_batch_takes_the_place_of_another() {
    in_browser(|page| async move {
        // One name in two folders, episodes, qualities, a comma, a quote, a column's name.
        let places = [
            ("in/a", "film.ismv"),
            ("in/b", "film.ismv"),
            ("in/b", "film.mp4"),
            ("in", "show.S01.E01.ismv"),
            ("in", "show.S01.E02.ismv"),
            ("in", "one, \"two\".ismv"),
            ("in", "name.ismv"),
        ];
        for (folder, name) in places {
            page.put(folder, name, &fixture_path("slices.ismv")).await;
        }
        page.offer_folders(&["in", "in", "out"]).await;
        page.click("#link-batch").await;
        page.click("#batch-in").await;
        page.wait_for_text("#batch table", "show.S01.E02").await;
        // Not over the clear files.
        page.click("#batch-out").await;
        page.click("#batch button.primary").await;
        page.wait_for_text("#batch form", "Choose another folder to write to").await;
        page.click("#batch-out").await;
        page.wait_for_text("#batch", "Writes to out").await;
        page.click("#batch button.primary").await;
        page.wait_for_text("#batch [role=status]", "7 titles: 7 done, 0 failed, 0 to do.").await;
        let list = text(&page.get("out", "ismvault-keys.csv").await);
        let entries = ismvault::jobs::key_list::read(&list).unwrap();
        assert_eq!(entries.len(), 7, "{list}");
        let want = samples(&fixture("slices.ismv"), 1);
        let mut kids = Vec::new();
        for entry in &entries {
            let (folder, name) = entry.output.rsplit_once('/').unwrap_or(("", &entry.output));
            let folder = if folder.is_empty() { "out".to_owned() } else { format!("out/{folder}") };
            let file = page.get(&folder, name).await;
            let back = decrypted(&file, &format!("{}:{}", entry.kid, *entry.key));
            assert_eq!(samples(&back, 1), want, "{}", entry.output);
            kids.push(entry.kid.clone());
        }
        kids.sort();
        kids.dedup();
        assert_eq!(kids.len(), 7);
        // Again: the old keys stay in the list, for they may be of files kept elsewhere.
        page.client.refresh().await.unwrap();
        page.find("html[data-ready]").await;
        page.offer_folders(&["in", "out"]).await;
        page.click("#batch-in").await;
        page.wait_for_text("#batch table", "a/film").await;
        page.click("#batch-out").await;
        page.wait_for_text("#batch [role=status]", "7 titles: 7 done, 0 failed, 0 to do.").await;
        page.click("#batch button[aria-label='Again a/film']").await;
        page.wait_for_text("#batch [role=status]", "7 titles: 6 done, 0 failed, 1 to do.").await;
        page.wait_for_text("#batch [role=status]", "7 titles: 7 done, 0 failed, 0 to do.").await;
        let list = text(&page.get("out", "ismvault-keys.csv").await);
        let again = ismvault::jobs::key_list::read(&list).unwrap();
        assert!(kids.iter().all(|kid| again.iter().any(|entry| entry.kid == *kid)), "{list}");
    });
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn a_part_of_a_set_with_its_manifest_becomes_one_file() {
    in_browser(|page| async move {
        let names = ["set_low.ismv", "set_high.ismv", "set_eng.isma", "set_deu.isma"];
        let mut files = names.map(fixture_path).to_vec();
        let out = page.folder.path().join("manifests");
        let paths: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
        let said = cli(&[
            &["manifest"],
            &paths[..],
            &["--out", out.to_str().unwrap()],
            &["--format", "ism"],
        ]
        .concat());
        assert!(said.status.success(), "{}", text(&said.stderr));
        let server = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        files.extend(server.filter(|path| path.extension().is_some_and(|e| e == "ism")));
        assert_eq!(files.len(), 5, "{files:?}");
        choose_all(&page, &files).await;
        page.wait_for_text("#files", "set_deu.isma").await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.click("#tab-make").await;
        page.wait_for_text("#way-set", "256 × 144").await;
        let names = page.script("return [...document.querySelectorAll('#way-set tr input')].map((e) => e.ariaLabel)").await;
        assert!(names[0].as_str().unwrap().contains("kbit/s, 256 × 144, set_"), "{names}");
        page.click("#way-set form button").await;
        let file = made(&page, "set_high-muxed.ismv").await;
        assert_eq!(samples(&file, 1), samples(&fixture("set_high.ismv"), 1));
        page.wait_for_text("#made", "set_high.ismv, set_").await;
    });
}

/// A static server with ranges, as players want it.
fn serve(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), folder) = (stream, folder.clone()) else { continue };
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                    head.push(byte[0]);
                }
                let head = text(&head);
                let path = head.split_whitespace().nth(1).unwrap_or("/").trim_start_matches('/');
                let path = match path.split('?').next().unwrap() {
                    "" => "index.html",
                    path => path,
                };
                if folder.join("stopped").exists() {
                    return; // as where there is no network
                }
                let Ok(file) = fs::read(folder.join(path)) else {
                    let _ =
                        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
                    return;
                };
                let kind = match path.rsplit('.').next() {
                    Some("html") => "text/html",
                    Some("js") => "text/javascript",
                    Some("css") => "text/css",
                    Some("svg") => "image/svg+xml",
                    Some("wasm") => "application/wasm",
                    Some("webmanifest") => "application/manifest+json",
                    Some("mpd") => "application/dash+xml",
                    Some("m3u8") => "application/vnd.apple.mpegurl",
                    _ => "video/mp4",
                };
                let range = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(": bytes=")?;
                    let (from, to) = value.split_once('-')?;
                    let last = file.len() - 1;
                    (name.eq_ignore_ascii_case("range")).then(|| {
                        (from.parse().unwrap_or(0), to.trim().parse().unwrap_or(last).min(last))
                    })
                });
                let (status, body) = match range {
                    Some((from, to)) => (
                        format!(
                            "206 Partial Content\r\nContent-Range: bytes {from}-{to}/{}",
                            file.len()
                        ),
                        &file[from..=to],
                    ),
                    None => ("200 OK".to_owned(), &file[..]),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nAccept-Ranges: bytes\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            });
        }
    });
    format!("http://{address}")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).unwrap()),
        }
    }
}

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn without_a_network_it_works_as_before() {
    in_browser(|page| async move {
        let folder = page.folder.path().join("site");
        copy(&ismvault_testkit::root().join("www"), &folder);
        copy(&ismvault_testkit::root().join("pkg"), &folder.join("pkg"));
        let site = serve(folder.clone());
        page.client.goto(&format!("{site}/")).await.unwrap();
        page.wait_for_text("#offline", "Ready to be used offline.").await;
        fs::write(folder.join("stopped"), "").unwrap();
        page.client.goto(&format!("{site}/?again")).await.unwrap();
        page.find("html[data-ready]").await;
        page.without_picker().await;
        page.click("#sample").await;
        page.wait_for_text("#verdict", "Ready to protect.").await;
        page.protect().await;
        page.wait_for_text("#protect", "Protected.").await;
        page.forgive_errors().await; // that there is no network
    });
}

/// Pages that play with ClearKey; `KID`, `KEY` are base64url, `HEXKID`, `HEXKEY` hex.
const PLAYERS: [(&str, &str); 3] = [
    (
        "shaka-player/dist/shaka-player.compiled.js",
        "const p = new shaka.Player();
         p.addEventListener('error', (e) => errs.push(e.detail.code));
         await p.attach(v);
         p.configure({ drm: { clearKeys: { HEXKID: 'HEXKEY' } } });
         await p.load('dash/set_high.mpd').catch((e) => errs.push(e.code || String(e)));
         v.play();",
    ),
    (
        "dashjs/dist/modern/umd/dash.all.min.js",
        "const p = dashjs.MediaPlayer().create();
         p.on('error', (e) => errs.push(e.error.code + ' ' + e.error.message));
         p.initialize();
         p.setProtectionData({ 'org.w3.clearkey': { clearkeys: { 'KID': 'KEY' } } });
         p.attachView(v); p.setAutoPlay(true); p.attachSource('dash/set_high.mpd');",
    ),
    (
        "hls.js/dist/hls.min.js",
        "const h = new Hls({ emeEnabled: true,
           requestMediaKeySystemAccessFunc: (_, c) => navigator.requestMediaKeySystemAccess('org.w3.clearkey', c.map((x) => ({ ...x, initDataTypes: ['keyids'] }))),
           drmSystems: { 'com.microsoft.playready': {
             licenseUrl: 'data:application/json,' + encodeURIComponent(JSON.stringify({ keys: [{ kty: 'oct', kid: 'KID', k: 'KEY' }], type: 'temporary' })),
             generateRequest: () => ({ initDataType: 'keyids', initData: new TextEncoder().encode(JSON.stringify({ kids: ['KID'] })).buffer }) } } });
         h.on(Hls.Events.ERROR, (_, e) => e.fatal && errs.push(e.details + ' ' + e.error?.message));
         h.on(Hls.Events.MANIFEST_PARSED, () => v.play());
         h.loadSource('hls/set_high.m3u8'); h.attachMedia(v);",
    ),
];

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn dash_js_hls_js_and_shaka_player_play_what_we_publish() {
    let Some(players) = std::env::var_os("ISMVAULT_PLAYERS").map(PathBuf::from) else {
        eprintln!("skipped: the players are not there (cargo xtask test fetches them)");
        return;
    };
    in_browser(|page| async move {
        use base64::Engine as _;
        let folder = page.folder.path().to_owned();
        let mut sources = Vec::new();
        for (number, name) in ["set_high.ismv", "set_low.ismv", "set_eng.isma"].iter().enumerate() {
            let path = folder.join(name);
            let mut options = options("piff"); // re-boxed for both
            options.random[0] = number as u8;
            fs::write(&path, protect(&fixture(name), &options).unwrap()).unwrap();
            sources.push(path.to_str().unwrap().to_owned());
        }
        let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
        for format in ["dash", "hls"] {
            let out = folder.join(format);
            let output = cli(&[
                &["manifest"],
                &sources[..],
                &["--out", out.to_str().unwrap(), "--format", format],
            ]
            .concat());
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        let hex = |text: &str| -> Vec<u8> {
            let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
            digits
                .chunks(2)
                .map(|c| u8::from_str_radix(&c.iter().collect::<String>(), 16).unwrap())
                .collect()
        };
        let url = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let wrong = "ffeeddccbbaa99887766554433221100";
        let site = serve(folder.clone());
        for (script, code) in PLAYERS {
            let path = players.join(script);
            let script = path.file_name().unwrap().to_str().unwrap();
            fs::copy(&path, folder.join(script)).unwrap();
            for key in [KEY, wrong] {
                let code = code
                    .replace("HEXKID", &format!("'{}'", KID.replace('-', "")))
                    .replace("HEXKEY", key)
                    .replace("KID", &url(&hex(KID)))
                    .replace("KEY", &url(&hex(key)));
                let html = format!(
                    "<!doctype html><link rel=icon href='data:,'><video id=v muted></video><script src='{script}'></script>\
                     <script type=module>window.errs = []; const v = document.getElementById('v');\n{code}</script>"
                );
                fs::write(folder.join("play.html"), html).unwrap();
                page.client.goto(&format!("{site}/play.html?{script}{key}")).await.unwrap();
                let mut state = json!(null);
                for _ in 0..150 {
                    state = page
                        .script("return [v.currentTime, v.getVideoPlaybackQuality().totalVideoFrames, window.errs ?? [], v.webkitAudioDecodedByteCount, v.error?.message ?? null]")
                        .await;
                    let played =
                        state[0].as_f64().unwrap() > 1.5 && state[1].as_u64().unwrap() > 20;
                    if played || !state[2].as_array().unwrap().is_empty() || !state[4].is_null() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                let errors = state[2].as_array().unwrap().len();
                if key == KEY {
                    assert!(errors == 0 && state[1].as_u64().unwrap() > 20, "{script}: {state}");
                    // Chromium alone counts it.
                    let sound = page.engine() != Engine::Chromium || state[3].as_u64() > Some(0);
                    assert!(sound, "{script} decodes sound: {state}");
                } else if page.engine() != Engine::Firefox {
                    // Firefox shows what a wrong key makes of the samples.
                    assert!(
                        errors > 0 || !state[4].is_null(),
                        "{script} plays with a wrong key: {state}"
                    );
                }
            }
        }
        // Errors with the wrong key are what was wanted.
        page.forgive_errors().await;
    });
}

/// When ffprobe presents the first packet of a stream, in seconds.
fn begins(file: &Path, stream: &str) -> f64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time"])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let said = text(&output.stdout);
    let times = said.lines().filter_map(|line| line.trim_end_matches(',').parse::<f64>().ok());
    times.fold(f64::MAX, f64::min).max(0.0) // nothing is presented before zero
}

/// Appends files to source buffers, and tells from when to when each is buffered.
const RANGES: &str = "
    const source = new MediaSource();
    document.getElementById('v').src = URL.createObjectURL(source);
    await new Promise((resolve) => source.addEventListener('sourceopen', resolve, { once: true }));
    window.ranges = [];
    const files = FILES;
    const buffers = files.map(([, type]) => source.addSourceBuffer(type));
    for (const [i, buffer] of buffers.entries()) {
      const [file] = files[i];
      buffer.appendBuffer(await (await fetch(file)).arrayBuffer());
      await new Promise((resolve) => { buffer.onupdateend = resolve; });
      window.ranges.push(buffer.buffered.length ? [buffer.buffered.start(0), buffer.buffered.end(buffer.buffered.length - 1)] : null);
    }
    window.done = true;";

#[test]
#[ignore = "needs the page served: cargo xtask test"]
fn chromium_buffers_what_we_publish_where_it_is_presented() {
    in_browser(|page| async move {
        let folder = page.folder.path().to_owned();
        let source = fixture_path("progressive.mp4");
        let late = folder.join("late.mp4");
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-i"])
            .arg(&source)
            .args(["-itsoffset", "0.7", "-i"])
            .arg(&source)
            .args(["-map", "0:v", "-map", "1:a", "-c", "copy"])
            .arg(&late)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        let site = serve(folder.clone());
        for (name, source) in [("plain", &source), ("late", &late)] {
            let fragmented = folder.join(format!("{name}.ismv"));
            let out = folder.join(name);
            let [from, to, out] = [source, &fragmented, &out].map(|path| path.to_str().unwrap());
            let said = cli(&["fragment", from, "-o", to]);
            assert!(said.status.success(), "{}", text(&said.stderr));
            let said = cli(&["manifest", to, "--out", out, "--format", "dash"]);
            assert!(said.status.success(), "{}", text(&said.stderr));
            let mut pairs =
                vec![(format!("{name}/{name}_video1.mp4"), format!("{name}/{name}_audio2.mp4"))];
            if let Some(packager) = ismvault_testkit::reader("packager-linux-x64") {
                let to = |kind: &str| format!("{name}/shaka_{kind}.mp4");
                let said = Command::new(packager)
                    .current_dir(&folder)
                    .args(
                        ["video", "audio"]
                            .map(|kind| format!("in={from},stream={kind},output={}", to(kind))),
                    )
                    .output()
                    .unwrap();
                assert!(said.status.success(), "{}", text(&said.stderr));
                pairs.push((to("video"), to("audio")));
            }
            let mut found = Vec::new();
            for (video, audio) in pairs {
                let files = format!(
                    "[['{video}', 'video/mp4; codecs=\"avc1.640028\"'], \
                     ['{audio}', 'audio/mp4; codecs=\"mp4a.40.2\"']]"
                );
                let html = format!(
                    "<!doctype html><link rel=icon href='data:,'><video id=v muted></video>\
                     <script type=module>{}</script>",
                    RANGES.replace("FILES", &files)
                );
                fs::write(folder.join("ranges.html"), html).unwrap();
                page.client.goto(&format!("{site}/ranges.html?{video}")).await.unwrap();
                let mut ranges = json!(null);
                for _ in 0..100 {
                    ranges = page.script("return window.done ? window.ranges : null").await;
                    if !ranges.is_null() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                let start =
                    |i: usize| ranges[i][0].as_f64().unwrap_or_else(|| panic!("{video}: {ranges}"));
                found.push([start(0), start(1)]);
            }
            let frame = 0.041;
            let wanted = [begins(source, "v"), begins(source, "a")];
            for starts in &found {
                for (start, wanted) in starts.iter().zip(wanted) {
                    assert!((start - wanted).abs() < frame, "{name}: {found:?}, not {wanted:?}");
                }
            }
        }
    });
}
