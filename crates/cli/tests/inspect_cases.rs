//! What people brought to be looked at, and the right answers: by the files of
//! `../shared/cases/inspect`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault_testkit::{cli, shared, text};
use std::fs;
use std::path::Path;

const KEY: &str = "000102030405060708090a0b0c0d0e0f";

fn as_str(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The file whose name begins so.
fn case(name: &str) -> std::path::PathBuf {
    let folder = shared("cases/inspect").expect("the cases");
    let named =
        |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(name);
    fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).find(named).expect(name)
}

fn said(args: &[&str]) -> (i32, String) {
    let output = cli(args);
    (output.status.code().unwrap(), text(&output.stdout) + &text(&output.stderr))
}

/// Each must say these words, and none of those behind `!`.
fn check(name: &str, (status, said): (i32, String), wanted: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for words in wanted {
        let fits = match (words.strip_prefix('!'), words.strip_prefix("status ")) {
            (Some(words), _) => !said.contains(words),
            (_, Some(code)) => status.to_string() == code,
            _ => said.contains(words),
        };
        if !fits {
            wrong.push(format!("{name}: {words}: {status} {said}"));
        }
    }
    wrong
}

#[test]
#[ignore = "needs ../shared"]
fn headers_that_were_pasted() {
    let kid = "09e36702-8f33-436c-a5dd-60ffe6671e70";
    let key = "b42ca317";
    let object = "PlayReady Object";
    let mut wrong = Vec::new();
    for (name, wanted) in [
        ("p01", &["status 0", kid, "Key", "Widevine data", "!b42ca317", "!tCyj"][..]),
        ("p03", &["status 0", kid, object, "cenc:pssh", "!tCyj"]),
        ("p04", &["status 0", kid]),
        ("p05", &["status 0", kid, "A KID"]),
        ("p07", &["status 0", "pssh box", kid]),
        ("p09", &["status 0", "pssh box", kid]),
        ("p11", &["status 0", "pssh box", kid]),
        ("p12", &["status 0", "pssh box", kid]),
        ("p13", &["status 0", "pssh box", kid]),
        ("p16", &["status 0", "Widevine data", kid]),
        ("p17", &["status 0", object, kid]),
        ("p18", &["status 0", kid, "LA_URL", "!stands outside", "!canonical"]),
        ("p20", &["status 0", "bare XML in UTF-8", "UTF-16LE", "!encoded twice"]),
        ("p21", &["status 0", "is UTF-8", "UTF-16LE", kid, "!odd number"]),
        (
            "p23",
            &["status 0", "LA_URL has an & that is not written as &amp;", "a=1&b=2", "!entity"],
        ),
        ("p24", &["status 0", "AESCBC came with 4.3"]),
        ("p26", &["status 0", "0x8004B804", "!ALGID of  "]),
        ("p28", &["status 0", "PlayReady's in GUID byte order", kid]),
        ("p30", &["status 0", "The data is Widevine's", kid]),
        ("p32", &["status 0", "written as text", kid]),
        ("p34", &["status 0", "a bare KID", kid]),
        ("p35", &["status 0", "Widevine data", "widevine_test"]),
        ("p36", &["status 0", "widevine_test", kid]),
        ("p38", &["status 0", "tenc", "IV size 8", kid]),
        ("p39", &["status 0", kid, "a KID and a key", "!b42ca3172ee4"]),
        ("p41", &["status 0", kid, "11111111-2222-3333-4444-555555555555"]),
        ("p42", &["status 0", "no UUID", kid]),
        ("p43", &["status 0", "write 1 into its version byte"]),
    ] {
        let found = said(&["header", as_str(&case(name))]);
        wrong.extend(check(name, found, wanted));
    }
    assert!(wrong.is_empty(), "{} {key}", wrong.join("\n\n"));
}

#[test]
#[ignore = "needs ../shared"]
fn keys_that_were_given() {
    let (one, two) = (case("f00-v"), case("f00-two"));
    let mut wrong = Vec::new();
    let proven = [
        "status 0",
        "Key proven on track 1",
        "Key proven on track 2",
        "!not the one you gave",
        "!is the KID",
    ];
    for (name, file, wanted) in [
        ("k01", &one, &proven[..]),
        ("k03", &one, &proven),
        ("k05", &one, &proven),
        ("k07", &one, &["status 0", "Key proven", "the wrong way round"]),
        ("k09", &one, &proven),
        ("k11", &two, &[&proven[..], &["!byte-swapped"]].concat()),
        ("k12", &one, &["status 2", "no key, but a header: pssh box"]),
        ("k14", &one, &proven),
        ("k15", &one, &proven),
        ("k17", &one, &proven),
    ] {
        let given = fs::read_to_string(case(name)).unwrap();
        wrong.extend(check(name, said(&["key", as_str(file), "--try", &given]), wanted));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
#[ignore = "needs ../shared"]
fn manifests_and_files() {
    let mut wrong = Vec::new();
    for (name, wanted) in [
        ("m01", &["status 1", "default_kid_swapped", "Write default_KID as tenc"][..]),
        ("m02", &["status 1", "default_kid_differs", "Widevine"]),
        ("m05", &["status 0", "no_default_kid", "ExoPlayer"]),
        ("m06", &["status 1", "manifest_headers_differ"]),
        ("m08", &["status 1", "manifest_scheme", "cbcs", "AESCTR"]),
        ("m09", &["status 0", "1 warning", "hls_session_key"]),
        ("m10", &["status 0", "0 errors"]),
        ("f01", &["status 0", "0 warnings", "!common_without_kids"]),
        ("f03", &["!no_such_group", "!looks_clear"]),
        ("f04", &["status 0", "!saio_outside", "!mdat_unreferenced"]),
        ("f05", &["status 0", "senc_left_over", "!clear_track_with_ivs"]),
        ("f06", &["track 1: Its samples are called protected", "track 2: Its samples are called"]),
        ("f07", &["status 0", "0 errors"]),
        ("f08", &["status 0", "!sidx_stale"]),
        ("f10", &["status 1", "system_kid", "Widevine"]),
        ("f12", &["status 0", "system_scheme"]),
        ("f13", &["status 1", "uuid_swapped", "PlayReady's in GUID byte order"]),
        ("f15", &["status 1", "wrm_no_kid"]),
        ("f16", &["status 0", "media_segment"]),
        ("f17", &["status 0", "0 errors"]),
        ("f19", &["status 1", "track 1", "track 2", "looks_encrypted"]),
    ] {
        wrong.extend(check(name, said(&["lint", as_str(&case(name))]), wanted));
    }
    for (name, wanted) in [
        ("f01", &["status 0", "2 KIDs"][..]),
        ("f10", &["Widevine", "KID 00010203-0405-0607-0809-0a0b0c0d0e0f"]),
        ("f13", &["Protected: Unknown system, Widevine and W3C Common"]),
        ("f16", &["status 0", "A media segment", "!Damaged"]),
        ("f19", &["Called clear, but its samples are encrypted: a progressive MP4"]),
        ("f18", &["a Smooth Streaming client manifest", "lint", "!Brands"]),
    ] {
        wrong.extend(check(name, said(&["inspect", as_str(&case(name))]), wanted));
    }
    let keyed = |name| said(&["key", as_str(&case(name)), "--try", KEY]);
    wrong.extend(check("f19", keyed("f19"), &["IVs were lost in a remux"]));
    wrong.extend(check(
        "f21",
        keyed("f21"),
        &["status 0", "proven on track 1", "samples tried decrypt to avc1"],
    ));
    let out = ismvault_testkit::scratch();
    let out = out.path().join("out.mp4");
    let protect = ["protect", as_str(&case("f19")), "-o", as_str(&out)].map(str::to_owned);
    let protect: Vec<&str> = protect.iter().map(String::as_str).collect();
    wrong.extend(check("f19", said(&protect), &["status 1", "encrypted already"]));
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
