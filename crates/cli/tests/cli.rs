//! The command line: exit status, what is printed, what is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault_testkit::{
    KEY, KID, cli, fixture, fixture_path, inspect, options, protect, samples, scratch, text,
};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

#[test]
fn protect_and_decrypt() {
    let folder = scratch();
    let (input, out, back) = (
        fixture_path("h264_aac.ismv"),
        folder.path().join("out.mp4"),
        folder.path().join("back.mp4"),
    );
    let url = "https://licence.example/rm.asmx?a=1&b=2";
    let output = cli(&[
        "protect",
        path(&input),
        "-o",
        path(&out),
        "--kid",
        KID,
        "--key",
        KEY,
        "--la-url",
        url,
        "--profile",
        "piff",
        "--header-version",
        "4.2",
        "--tracks",
        "1,2",
    ]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!text(&output.stdout).contains(KEY), "a key that was given is not shown");
    let output = cli(&["inspect", path(&out), "--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["systems"][0]["header"]["la_url"], url);
    assert_eq!(found["systems"][0]["header"]["version"], "4.2.0.0");
    assert_eq!(found["tracks"][1]["protection"]["kid"], KID);
    for key in [KEY.to_owned(), format!("{KID}:{KEY}"), format!("1:{KEY}")] {
        let mut args = vec!["decrypt", path(&out), "-o", path(&back), "--key", &key, "--force"];
        let second = format!("2:{KEY}");
        if key.starts_with("1:") {
            args.extend(["--key", &second]);
        }
        let output = cli(&args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let clear = fs::read(&input).unwrap();
        assert_eq!(samples(&fs::read(&back).unwrap(), 1), samples(&clear, 1));
        fs::remove_file(&back).unwrap();
    }
}

#[test]
fn a_random_key_is_shown_and_fits() {
    let folder = scratch();
    let (input, out, back) = (
        fixture_path("slices.ismv"),
        folder.path().join("out.mp4"),
        folder.path().join("back.mp4"),
    );
    let output = cli(&["protect", path(&input), "-o", path(&out)]);
    assert!(output.status.success());
    let shown = text(&output.stdout);
    let word = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    let (kid, key) = (word("KID"), word("Key"));
    let output = cli(&["decrypt", path(&out), "-o", path(&back), "--key", &format!("{kid}:{key}")]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stderr).matches("warning").count(), 0);
    assert_eq!(samples(&fs::read(&back).unwrap(), 1), samples(&fixture("slices.ismv"), 1));
    let again = cli(&["protect", path(&input), "-o", path(&out), "--force"]);
    assert_ne!(text(&again.stdout), shown, "another run, another key");
}

#[test]
fn a_key_from_microsofts_test_seed() {
    let folder = scratch();
    let (input, out) = (fixture_path("slices.ismv"), folder.path().join("out.mp4"));
    let seed = "XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I";
    let output = cli(&["protect", path(&input), "-o", path(&out), "--kid", KID, "--seed", seed]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let movie = inspect(&fs::read(&out).unwrap());
    let header = movie.systems[0].playready.as_ref().unwrap();
    assert_eq!(header.keys[0].checksum.as_deref(), Some("BGw1aYZ1YXM="));
}

#[test]
fn exit_status_and_sentences() {
    let folder = scratch();
    let out = folder.path().join("out.mp4");
    let input = fixture_path("slices.ismv");
    let (input, progressive) = (path(&input), fixture_path("progressive.mp4"));
    let out_path = path(&out);
    let refused = |status: i32, args: &[&str], words: &str| {
        let output = cli(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}");
        let complaint = text(&output.stderr);
        assert!(complaint.contains(words), "{args:?}: {complaint}");
        assert!(!complaint.contains(KEY), "no key in a message");
        assert!(!out.exists(), "{args:?} leaves a file");
    };
    refused(1, &["inspect", "/nowhere/at.all"], "cannot be opened");
    refused(1, &["inspect", path(folder.path())], "no media file in there");
    refused(1, &["diff", input, path(folder.path())], "is a folder");
    refused(1, &["protect", path(&progressive), "-o", out_path], "progressive");
    refused(2, &["protect", input, "-o", out_path, "--key", "0011"], "The key is 2 bytes");
    refused(2, &["protect", input, "-o", out_path, "--kid", "x"], "is not a UUID");
    refused(
        2,
        &["protect", input, "-o", out_path, "--profile", "x"],
        "Choose dual, piff, cenc or cbcs",
    );
    refused(1, &["protect", input, "-o", out_path, "--tracks", "7"], "There is no track 7");
    refused(1, &["protect", input, "-o", out_path, "--la-url", "x y"], "not an absolute URL");
    refused(1, &["protect", input, "-o", input], "is the input itself");
    refused(1, &["protect", input, "-o", "/nowhere/out.mp4"], "cannot be written");
    refused(1, &["decrypt", input, "-o", out_path, "--key", KEY], "is not protected");
    for args in
        [&["protect", input][..], &["what"], &["protect", input, "-o", out_path, "--tracks", "a"]]
    {
        assert_eq!(cli(args).status.code(), Some(2), "{args:?}");
    }
    fs::write(&out, "mine").unwrap();
    let output = cli(&["protect", input, "-o", out_path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--force"));
    assert_eq!(fs::read(&out).unwrap(), b"mine", "an output that is there stays");
    assert!(cli(&["protect", input, "-o", out_path, "--force"]).status.success());
    // Only the output is left: no temporary file.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_missing_key_is_named() {
    let folder = scratch();
    let (out, back) = (folder.path().join("out.mp4"), folder.path().join("back.mp4"));
    let input = fixture_path("slices.ismv");
    cli(&["protect", path(&input), "-o", path(&out), "--kid", KID, "--key", KEY]);
    let swapped = "0267e309-338f-6c43-a5dd-60ffe6671e70";
    let output =
        cli(&["decrypt", path(&out), "-o", path(&back), "--key", &format!("{swapped}:{KEY}")]);
    assert_eq!(output.status.code(), Some(1));
    let complaint = text(&output.stderr);
    assert!(complaint.contains(KID) && complaint.contains("bytes swapped"), "{complaint}");
    let output = cli(&[
        "decrypt",
        path(&out),
        "-o",
        path(&back),
        "--key",
        "ffeeddccbbaa99887766554433221100",
    ]);
    assert!(text(&output.stderr).contains("CHECKSUM"));
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_file() {
    let folder = scratch();
    let (input, out) = (folder.path().join("large.ismv"), folder.path().join("out.mp4"));
    ismvault_testkit::write_large(&input, 300_000_000);
    let mut child = Command::new(ismvault_testkit::program())
        .args(["protect", path(&input), "-o", path(&out)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0_u64;
    let exit = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high =
            high.and_then(|l| l.trim().strip_suffix(" kB")).and_then(|n| n.trim().parse().ok());
        peak_kib = peak_kib.max(high.unwrap_or(0));
        if let Some(exit) = child.try_wait().unwrap() {
            break exit;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert!(exit.success());
    assert!(fs::metadata(&out).unwrap().len() > 300_000_000);
    assert!(peak_kib > 1000, "the peak was seen");
    assert!(peak_kib < 64 << 10, "peak memory is {peak_kib} KiB");
    eprintln!("peak memory for 300 MB: {peak_kib} KiB");
}

fn json(output: &std::process::Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", text(&output.stdout)))
}

/// A protected file and one with the IVs of the first used again.
fn protected_pair(folder: &Path) -> [String; 2] {
    let input = fixture_path("h264_aac.ismv");
    [("a.mp4", "dual"), ("b.mp4", "piff")].map(|(name, profile)| {
        let out = folder.join(name);
        fs::write(&out, protect(&fs::read(&input).unwrap(), &options(profile)).unwrap()).unwrap();
        path(&out).to_owned()
    })
}

#[test]
fn lint_in_every_format() {
    let folder = scratch();
    let [a, b] = protected_pair(folder.path());
    let one = cli(&["lint", &a]);
    assert!(one.status.success(), "{}", text(&one.stdout));
    assert!(text(&one.stdout).contains("0 errors"), "{}", text(&one.stdout));
    // The same media twice: every IV is used twice.
    let two = cli(&["lint", &a, &b, "--format", "json"]);
    assert_eq!(two.status.code(), Some(1));
    let found = json(&two);
    let reused = found["findings"].as_array().unwrap().iter().find(|f| f["id"] == "iv_reused");
    let reused = reused.expect("the reuse is found");
    assert_eq!(
        (reused["severity"].as_str(), reused["file"].as_str()),
        (Some("error"), Some(&b[..]))
    );
    for member in ["id", "severity", "message", "file", "track", "at", "length", "source"] {
        for finding in found["findings"].as_array().unwrap() {
            assert!(finding.get(member).is_some(), "{member} is missing in {finding}");
        }
    }
    let sarif = json(&cli(&["lint", &a, &b, "--format", "sarif"]));
    assert_eq!(sarif["version"], "2.1.0");
    let run = &sarif["runs"][0];
    let rules: Vec<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    let results = run["results"].as_array().unwrap();
    assert!(results.iter().any(|r| r["level"] == "error" && r["ruleId"] == "iv_reused"));
    assert!(results.iter().all(|r| rules.contains(&r["ruleId"].as_str().unwrap())));
    let junit = cli(&["lint", &a, &b, "--format", "junit"]);
    let junit = text(&junit.stdout);
    assert!(junit.contains("<failure type=\"iv_reused\""), "{junit}");
    assert_eq!(junit.matches("<testsuite ").count(), junit.matches("</testsuite>").count());
    // A folder is a set.
    let all = cli(&["lint", path(folder.path())]);
    assert_eq!(all.status.code(), Some(1), "{}", text(&all.stdout));
    // One that is not there does not hide what the others have.
    let missing = cli(&["lint", "no-such-file.ismv", &a, "--format", "json"]);
    assert_eq!(missing.status.code(), Some(1));
    let ids: Vec<String> = json(&missing)["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["id"].as_str().unwrap().to_owned())
        .collect();
    assert!(ids.contains(&"unreadable".into()) && ids.contains(&"smooth_habits".into()), "{ids:?}");
}

#[test]
fn key_header_and_diff() {
    let folder = scratch();
    let [a, _] = protected_pair(folder.path());
    let right = cli(&["key", &a, "--try", KEY, "--json"]);
    assert!(right.status.success());
    let found = json(&right);
    for track in found["tracks"].as_array().unwrap() {
        assert_eq!(track["verdict"], "proven", "{track}");
        assert_eq!(track["kid"], KID);
        assert!(track["reading"].is_string() && track["evidence"].is_string());
    }
    let wrong = cli(&["key", &a, "--try", "ffeeddccbbaa99887766554433221100"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stdout).contains("do not decrypt"), "{}", text(&wrong.stdout));
    assert_eq!(cli(&["key", &a, "--try", "hello"]).status.code(), Some(2));

    let made = cli(&[
        "header",
        "new",
        "--kid",
        KID,
        "--key",
        KEY,
        "--la-url",
        "https://l.example/",
        "--form",
        "pssh",
    ]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let pssh = text(&made.stdout);
    let read = json(&cli(&["header", pssh.trim(), "--json"]));
    assert_eq!(read["kind"], "pssh");
    assert_eq!(read["inner"][0]["inner"][0]["header"]["la_url"], "https://l.example/");
    assert_eq!(read["inner"][0]["inner"][0]["kids"][0]["kid"], KID);
    let of_file = cli(&["header", &a]);
    assert!(text(&of_file.stdout).contains("W3C Common"), "{}", text(&of_file.stdout));
    assert_eq!(cli(&["header", "hello"]).status.code(), Some(2));
    assert_eq!(cli(&["header", "new", "--kid", KID, "--kid", "5"]).status.code(), Some(2));

    let out = folder.path().join("c.mp4");
    let set = cli(&[
        "header",
        "set",
        &a,
        "-o",
        path(&out),
        "--kid",
        KID,
        "--la-url",
        "https://new.example/",
    ]);
    assert!(set.status.success(), "{}", text(&set.stderr));
    let same = cli(&["diff", &a, &a]);
    assert!(same.status.success(), "{}", text(&same.stdout));
    let other = cli(&["diff", &a, path(&out), "--json"]);
    assert_eq!(other.status.code(), Some(1));
    let found = json(&other);
    assert!(found["meaning"].as_array().unwrap().iter().any(|d| d["what"] == "LA_URL"), "{found}");
}

#[test]
fn boxes_samples_and_reports() {
    let folder = scratch();
    let [a, _] = protected_pair(folder.path());
    let boxes = json(&cli(&["inspect", &a, "--boxes", "--json"]));
    let moov = boxes.as_array().unwrap().iter().find(|b| b["kind"] == "moov").unwrap();
    assert_eq!(moov["children"][0]["kind"], "mvhd");
    assert!(
        moov["children"][0]["fields"].as_array().unwrap().iter().any(|f| f["name"] == "timescale")
    );
    let samples = json(&cli(&["inspect", &a, "--samples", "--json"]));
    assert_eq!(samples[0]["samples"].as_array().unwrap().len(), 50);
    assert!(text(&cli(&["inspect", &a, "--boxes"]).stdout).contains("sample_count = 50"));
    assert!(text(&cli(&["inspect", &a, "--samples"]).stdout).contains("IV 1122334455667788"));
    assert!(text(&cli(&["inspect", &a, "--report", "html"]).stdout).starts_with("<!doctype html>"));
    assert!(text(&cli(&["inspect", &a, "--report", "csv"]).stdout).starts_with("record,track"));
    let whole = json(&cli(&["inspect", &a, "--json"]));
    assert_eq!(whole["schema"], 2);
    assert_eq!(whole["timelines"][0]["fragments"].as_array().unwrap().len(), 2);
}

#[test]
fn a_finding_is_explained() {
    let told = cli(&["explain", "[kid_byte_swapped]"]);
    let words = text(&told.stdout);
    assert!(told.status.success() && words.contains("PlayReady clients"), "{words}");
    assert!(words.contains("What to do: ") && words.contains("Source: "), "{words}");
    // What is broken in the structure has a code each, and one explanation.
    let broken = text(&cli(&["explain", "box_past_parent"]).stdout);
    assert!(broken.contains("The structure of the file is broken."), "{broken}");
    let all = text(&cli(&["explain"]).stdout);
    assert_eq!(all.lines().count(), ismvault::checks::CHECKS.len(), "{all}");
    let unknown = cli(&["explain", "swapped"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("default_kid_swapped"), "{}", text(&unknown.stderr));
}
