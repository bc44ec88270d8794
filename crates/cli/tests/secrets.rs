//! Keys: never lost, never shown; and nothing of a run is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault_testkit::{KEY, KID, cli, decrypted, fixture, fixture_path, samples, scratch, text};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A key that stands where it should not.
const SECRET: &str = "b42ca3172ee4e69bf51848a59db9cd13";

fn as_str(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ismvault() -> Command {
    Command::new(env!("CARGO_BIN_EXE_ismvault"))
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// Fails where a part of the key is in what was said.
fn check_unsaid(output: &Output, what: &str) {
    let said = said(output).to_lowercase();
    for part in [&SECRET[..12], &SECRET[12..24], "tcyjfy7k5pv1", "geilnbnnew"] {
        assert!(!said.contains(part), "{what} shows the key: {said}");
    }
}

#[test]
fn what_stands_where_a_key_does_is_not_repeated() {
    let folder = scratch();
    let clear = fixture_path("slices.ismv");
    let clear = as_str(&clear);
    let out = folder.path().join("out.mp4");
    let locked = folder.path().join("locked.mp4");
    let protect = ["protect", clear, "-o", as_str(&out), "--force"];
    assert!(
        cli(&["protect", clear, "-o", as_str(&locked), "--kid", KID, "--key", KEY])
            .status
            .success()
    );
    let wrong = [
        format!("{SECRET}zz"),
        SECRET[..30].to_owned(),
        format!("{SECRET}:video"),
        format!("{KID}:{SECRET}:{SECRET}"),
        "tCyjFy7k5pv1GEilnbnNEw==x".to_owned(),
        "tCyjFy7k5pv1GEilnbnN".to_owned(),
        format!("0x{SECRET}gg"),
        format!("{SECRET},{SECRET}"),
        format!("{{{SECRET}}}x"),
    ];
    for bad in &wrong {
        for option in [
            "--kid",
            "--profile",
            "--scheme",
            "--header-version",
            "--la-url",
            "--tracks",
            "--iv-size",
            "--clear-lead",
            "--key",
            "--seed",
            "--keys",
        ] {
            let output = cli(&[&protect[..], &[option, bad]].concat());
            if option != "--la-url" || !output.status.success() {
                check_unsaid(&output, option);
            }
        }
        check_unsaid(&cli(&[&protect[..], &[bad]].concat()), "an argument too many");
        check_unsaid(&cli(&[bad]), "no command");
        let decrypt = ["decrypt", as_str(&locked), "-o", as_str(&out), "--force", "--key"];
        check_unsaid(&cli(&[&decrypt[..], &[bad]].concat()), "decrypt");
        check_unsaid(&cli(&["key", as_str(&locked), "--try", bad]), "key");
        check_unsaid(&cli(&["lint", as_str(&locked), "--key", bad]), "lint");
        for option in ["--kid", "--key", "--ds-id"] {
            check_unsaid(&cli(&["header", "new", "--kid", KID, option, bad]), "header");
        }
        // In a list of keys.
        let file = folder.path().join("keys");
        for list in [
            format!("{KID},{bad}"),
            format!("kid,key,tracks\n{KID},{bad},video"),
            format!("name,{KID},{bad}"),
            format!("{bad},{KID}"),
            format!("{KID}:{bad}:video"),
            format!("{KID},{KEY},{bad}"),
            json!([{ "kid": KID, "key": bad }]).to_string(),
            json!([{ "kid": bad, "key": KEY }]).to_string(),
            json!([{ "kid": KID, "key": KEY, "tracks": bad }]).to_string(),
            json!({ KID: bad }).to_string(),
            format!("{{\"kid\":\"{KID}\",\"key\":\"{bad}"),
            format!(
                "<CPIX><ContentKey kid=\"{bad}\"><PlainValue>{bad}</PlainValue></ContentKey></CPIX>"
            ),
            format!("<CPIX><{bad}></CPIX>"),
            format!("<CPIX>{bad}</{bad}>"),
        ] {
            fs::write(&file, &list).unwrap();
            check_unsaid(&cli(&[&protect[..], &["--keys", as_str(&file)]].concat()), &list);
        }
        // In a list of jobs.
        for own in [
            json!({ "key": bad }),
            json!({ "kid": bad }),
            json!({ "kid": KID, "key": bad }),
            json!({ "kid": KID, "key": KEY, "profile": bad }),
            json!({ "kid": KID, "key": KEY, "iv_size": bad }),
            json!({ "kid": KID, "key": KEY, "tracks": bad }),
            json!({ "kid": KID, "key": KEY, bad: 1 }),
            json!({ "key": [bad] }),
            json!({ "key": { bad: bad } }),
            json!({ "keys": bad }),
        ] {
            let mut job = json!({ "input": clear, "output": as_str(&out) });
            job.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            fs::write(&file, json!({ "jobs": [job] }).to_string()).unwrap();
            check_unsaid(&cli(&["batch", as_str(&file), "--force"]), &own.to_string());
        }
    }
}

#[test]
fn a_key_need_not_stand_on_the_command_line() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let (clear, out, file) = (fixture_path("slices.ismv"), at("out.mp4"), at("key"));
    fs::write(&file, format!("{KEY}\n")).unwrap();
    let from = format!("@{}", file.display());
    let protect = ["protect", as_str(&clear), "-o", as_str(&out), "--force", "--kid", KID];
    let check = |how: &str| {
        let back = decrypted(&fs::read(&out).unwrap(), KEY);
        assert_eq!(samples(&back, 1), samples(&fixture("slices.ismv"), 1), "{how}");
        fs::remove_file(&out).unwrap();
    };
    assert!(cli(&[&protect[..], &["--key", &from]].concat()).status.success());
    check("a file");
    let output = ismvault()
        .args(protect)
        .args(["--key", "env:ISMVAULT_TEST_KEY"])
        .env("ISMVAULT_TEST_KEY", KEY)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    check("a variable");
    let fed = |args: &[&str], input: &str| {
        use std::io::Write as _;
        let mut child = ismvault()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = fed(&[&protect[..], &["--key", "-"]].concat(), &format!("{KEY}\n"));
    assert!(output.status.success(), "{}", said(&output));
    check("standard input");
    let list = format!("{KID},{KEY}\n");
    let output = fed(&["protect", as_str(&clear), "-o", as_str(&out), "--keys", "-"], &list);
    assert!(output.status.success(), "{}", said(&output));
    // And with every other command that takes one.
    let opened = at("clear.mp4");
    for command in [
        &["key", as_str(&out), "--try", &from][..],
        &["lint", as_str(&out), "--key", &from],
        &["header", "new", "--kid", KID, "--key", &from],
        &["decrypt", as_str(&out), "-o", as_str(&opened), "--key", &from],
    ] {
        let output = cli(command);
        assert!(output.status.success(), "{command:?}: {}", said(&output));
    }
    check("a list from standard input");
    let output = cli(&[&protect[..], &["--key", "env:ISMVAULT_NO_SUCH_KEY"]].concat());
    assert!(said(&output).contains("no variable ISMVAULT_NO_SUCH_KEY"), "{}", said(&output));
}

/// A list of jobs without keys: outputs of these names.
fn jobs(folder: &Path, name: &str, outputs: &[&str]) -> std::path::PathBuf {
    let input = fixture_path("slices.ismv");
    let jobs: Vec<Value> =
        outputs.iter().map(|output| json!({ "input": as_str(&input), "output": output })).collect();
    let list = folder.join(name);
    fs::write(&list, json!({ "jobs": jobs }).to_string()).unwrap();
    list
}

#[test]
fn every_random_key_is_in_the_list_whoever_writes_it_too() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("a")).unwrap();
    fs::create_dir(at("b")).unwrap();
    for keys in [at("keys.json"), at("keys.csv")] {
        let lists = [
            jobs(folder.path(), "one.json", &["a/film.mp4", "b/film.mp4", "show.S01.E01.mp4"]),
            jobs(folder.path(), "two.json", &["show.S01.E02.mp4", "a, \"b\".mp4", "name.mp4"]),
        ];
        let running: Vec<_> = lists
            .iter()
            .map(|list| {
                let args =
                    ["batch", as_str(list), "--force", "--jobs", "3", "--keys-out", as_str(&keys)];
                ismvault().args(args).stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        running.into_iter().for_each(|mut child| assert!(child.wait().unwrap().success()));
        let listed = fs::read_to_string(&keys).unwrap();
        let entries: Vec<(String, String)> = if keys.extension().unwrap() == "csv" {
            let entries = ismvault::jobs::key_list::read(&listed).unwrap();
            entries.into_iter().map(|e| (e.output, e.key.to_string())).collect()
        } else {
            let entries: Value = serde_json::from_str(&listed).unwrap();
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            entries
                .as_array()
                .unwrap()
                .iter()
                .map(|e| (text(&e["output"]), text(&e["key"])))
                .collect()
        };
        assert_eq!(entries.len(), 6, "{listed}");
        for (output, key) in entries {
            let back = decrypted(&fs::read(at(&output)).unwrap(), &key);
            assert_eq!(samples(&back, 1), samples(&fixture("slices.ismv"), 1), "{output}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&keys), 0o600);
            // Stricter modes stay, and a link is followed.
            fs::set_permissions(&keys, fs::Permissions::from_mode(0o400)).unwrap();
            let link = at("link").with_extension(keys.extension().unwrap());
            std::os::unix::fs::symlink(&keys, &link).unwrap();
            let list = jobs(folder.path(), "three.json", &["more.mp4"]);
            let output = cli(&["batch", as_str(&list), "--force", "--keys-out", as_str(&link)]);
            assert!(output.status.success(), "{}", said(&output));
            assert!(link.is_symlink() && fs::read_to_string(&keys).unwrap().contains("more.mp4"));
            assert_eq!(mode(&keys), 0o400);
        }
    }
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn force_overwrites_outputs_and_nothing_else() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    fs::copy(fixture_path("slices.ismv"), at("in.ismv")).unwrap();
    fs::copy(fixture_path("slices.ismv"), at("other.ismv")).unwrap();
    fs::write(at("keys.csv"), format!("{KID},{KEY}")).unwrap();
    fs::write(at("key"), KEY).unwrap();
    fs::hard_link(at("in.ismv"), at("same.mp4")).unwrap();
    let protect = |more: &[&str]| {
        let mut command = ismvault();
        command.current_dir(folder.path()).args(["protect", "in.ismv", "--force"]).args(more);
        command.output().unwrap()
    };
    for more in [
        &["-o", "in.ismv"][..],
        &["-o", "same.mp4"],
        &["-o", "keys.csv", "--keys", "keys.csv"],
        &["-o", "key", "--kid", KID, "--key", "@key"],
        &["-o", "out.mp4", "--receipt", "out.mp4"],
        &["-o", "out.mp4", "--receipt", "./in.ismv"],
    ] {
        let output = protect(more);
        assert!(!output.status.success(), "{more:?}: {}", said(&output));
    }
    // In a list: the input of another job, its list of keys, the list itself.
    for (output, own) in [
        ("other.ismv", json!({})),
        ("keys.csv", json!({})),
        ("jobs.json", json!({})),
        ("out.mp4", json!({ "receipt": "other.ismv" })),
        ("same.mp4", json!({})),
        ("b.mp4", json!({})),
    ] {
        let mut first = json!({ "input": "in.ismv", "output": output, "kid": KID, "key": KEY });
        first.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let second = json!({ "input": "other.ismv", "output": "b.mp4", "keys": "keys.csv" });
        fs::write(at("jobs.json"), json!({ "jobs": [first, second] }).to_string()).unwrap();
        let output = cli(&["batch", as_str(&at("jobs.json")), "--force"]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    }
    let kept = fs::read(fixture_path("slices.ismv")).unwrap();
    assert!(
        ["in.ismv", "other.ismv", "same.mp4"]
            .iter()
            .all(|name| fs::read(at(name)).unwrap() == kept)
    );
    assert_eq!(fs::read_to_string(at("key")).unwrap(), KEY);
}

#[cfg(target_os = "linux")]
#[test]
fn a_key_that_cannot_be_told_protects_nothing() {
    let folder = scratch();
    let out = folder.path().join("out.mp4");
    let clear = fixture_path("slices.ismv");
    for json in [&[][..], &["--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = ismvault();
        command.args(["protect", as_str(&clear), "-o", as_str(&out)]).args(json);
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains("Nothing was written"), "{}", said(&output));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_is_ended_leaves_nothing_behind() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    ismvault_testkit::write_large(&at("in.ismv"), 120_000_000);
    let parts = || {
        let names = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".part")).count()
    };
    let start = || {
        let (from, to) = (at("in.ismv"), at("out.mp4"));
        let args = ["protect", as_str(&from), "-o", as_str(&to)];
        let child =
            ismvault().args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while parts() == 0 && !at("out.mp4").exists() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        child
    };
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut child = start();
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success(), "{signal} came when it was done already");
        assert!(parts() == 0 && !at("out.mp4").exists(), "{signal}");
    }
    let mut child = start();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(parts(), 1, "what was killed leaves its part");
    // Another run that is under way keeps its own; the one left behind goes.
    let mut other = start();
    let small = fixture_path("slices.ismv");
    assert!(cli(&["protect", as_str(&small), "-o", as_str(&at("small.mp4"))]).status.success());
    assert!(other.wait().unwrap().success() && at("out.mp4").exists());
    assert_eq!(parts(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn names_are_bytes_and_terminals_obey_none_of_them() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let folder = scratch();
    for (number, name) in [&b"l\xe9ger.ismv"[..], b"a\x1b]0;b\x07.ismv"].into_iter().enumerate() {
        let input = folder.path().join(OsStr::from_bytes(name));
        fs::copy(fixture_path("slices.ismv"), &input).unwrap();
        let out = folder.path().join(OsStr::from_bytes(&[name, b".mp4"].concat()));
        let own = folder.path().join(format!("jobs{number}.json"));
        for args in
            [&["inspect"][..], &["inspect", "--json"], &["lint"], &["lint", "--format", "json"]]
        {
            let output = ismvault().args(args).arg(&input).output().unwrap();
            assert!(output.status.success(), "{args:?}: {}", said(&output));
            assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{args:?}");
        }
        for json in [&[][..], &["--json"]] {
            let mut command = ismvault();
            command.args(["protect", "--force"]).args(json).arg(&input).arg("-o").arg(&out);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", said(&output));
            assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b));
        }
        let mut command = ismvault();
        command
            .args(["protect", "--force"])
            .arg(&input)
            .arg("-o")
            .arg(folder.path().join("no/such"));
        let output = command.output().unwrap();
        assert!(!output.status.success() && !output.stderr.contains(&0x1b));
        let _ = own;
    }
}
