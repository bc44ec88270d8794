//! Disks that are full or may not be written, a run that is killed, an input that
//! shrinks, two writers of one file: nothing is lost, and nothing is left.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault_testkit::{KEY, KID, decrypted, fixture_path, samples, scratch, text};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How many moments a run is killed at, spread over the time it takes.
const KILLS: u32 = 10;

fn as_str(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn ismvault(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ismvault"));
    command.current_dir(folder).args(args).stdin(Stdio::null());
    command
}

/// Runs it with a file system of its own on `disk`, below the folder it is in, and
/// tells last what was there afterwards: a line `left: NAME` each.
fn on_a_disk(folder: &Path, options: &str, before: &str, args: &[&str]) -> Output {
    fs::create_dir_all(folder.join("disk")).unwrap();
    let script = format!(
        "mount -t tmpfs -o {options} none disk || exit 99
         {before}
         \"$@\"; status=$?
         for name in $(ls -A disk); do echo \"left: $name\" >&2; done
         exit $status"
    );
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", &script, "sh"])
        .arg(env!("CARGO_BIN_EXE_ismvault"))
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    assert_ne!(output.status.code(), Some(99), "{}", text(&output.stderr));
    output
}

/// The samples of the clear file, of one track.
struct Clear {
    path: PathBuf,
    samples: Vec<(Vec<u8>, u32, i32)>,
}

impl Clear {
    fn new(folder: &Path, bytes: usize) -> Self {
        let path = folder.join("in.ismv");
        ismvault_testkit::write_large(&path, bytes);
        let samples = samples(&fs::read(&path).unwrap(), 1);
        Self { path, samples }
    }

    /// Fails where a file is not this one, protected with a key.
    fn check(&self, file: &Path, key: &str) {
        let back = decrypted(&fs::read(file).unwrap(), key);
        assert!(samples(&back, 1) == self.samples, "{} is not whole", file.display());
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// On a disk of their own, which needs a name space that may mount one.
mod mounted {
    use super::*;

    #[test]
    #[ignore = "mounts a disk: cargo xtask faults"]
    fn a_full_disk_keeps_nothing_of_a_file() {
        let folder = scratch();
        Clear::new(folder.path(), 4_000_000);
        for more in [&["--kid", KID, "--key", KEY][..], &[]] {
            let args = [&["protect", "in.ismv", "-o", "disk/out.mp4"], more].concat();
            let output = on_a_disk(folder.path(), "size=2m", "", &args);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{said}");
            assert!(said.contains("disk/out.mp4") && said.contains("the disk is full"), "{said}");
            assert!(!said.contains("left: "), "{said}");
        }
    }

    #[test]
    #[ignore = "mounts a disk: cargo xtask faults"]
    fn no_file_is_made_whose_key_cannot_be_kept() {
        let folder = scratch();
        Clear::new(folder.path(), 1_000_000);
        let jobs = json!({ "jobs": [{ "input": "in.ismv", "output": "out.mp4" }] });
        fs::write(folder.path().join("jobs.json"), jobs.to_string()).unwrap();
        let full = "head -c 70000 /dev/zero > disk/full 2>/dev/null";
        for keys in ["disk/keys.csv", "disk/keys.json"] {
            let args = ["batch", "jobs.json", "--keys-out", keys];
            let output = on_a_disk(folder.path(), "size=64k", full, &args);
            let said = text(&output.stdout) + &text(&output.stderr);
            assert!(!output.status.success() && said.contains(keys), "{said}");
            assert_eq!(names(folder.path()), ["disk", "in.ismv", "jobs.json"], "{said}");
            assert_eq!(said.matches("left: ").count(), 1, "{said}"); // what filled it
        }
    }

    #[test]
    #[ignore = "mounts a disk: cargo xtask faults"]
    fn a_disk_that_may_not_be_written_is_named() {
        let folder = scratch();
        Clear::new(folder.path(), 1_000_000);
        let args = ["protect", "in.ismv", "-o", "disk/out.mp4"];
        let output = on_a_disk(folder.path(), "size=8m,ro", "", &args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("disk/out.mp4") && said.contains("read-only"), "{said}");
        assert!(!said.contains("left: "), "{said}");
    }
}

#[test]
fn what_is_killed_is_whole_or_not_there() {
    let folder = scratch();
    let clear = Clear::new(folder.path(), 30_000_000);
    let at = |name: &str| folder.path().join(name);
    let args = ["protect", "in.ismv", "-o", "out.mp4", "--kid", KID, "--key", KEY];
    let run = |args: &[&str]| {
        let mut command = ismvault(folder.path(), args);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    assert!(run(&args).wait().unwrap().success());
    let takes = begun.elapsed();
    fs::remove_file(at("out.mp4")).unwrap();
    for point in 0..KILLS {
        let mut killed = run(&args);
        sleep(takes * point / KILLS);
        killed.kill().unwrap();
        killed.wait().unwrap();
        if at("out.mp4").exists() {
            clear.check(&at("out.mp4"), KEY);
            fs::remove_file(at("out.mp4")).unwrap();
        }
        // The next run takes away what was left behind.
        let small = fixture_path("slices.ismv");
        let next = ["protect", as_str(&small), "-o", "small.mp4", "--force"];
        assert!(run(&next).wait().unwrap().success());
        assert_eq!(names(folder.path()), ["in.ismv", "small.mp4"], "killed at {point}/{KILLS}");
    }
}

#[test]
fn a_killed_batch_has_the_key_of_every_file_it_made() {
    let folder = scratch();
    let clear = Clear::new(folder.path(), 10_000_000);
    let outputs = ["a.mp4", "b.mp4", "c.mp4", "d.mp4"];
    let jobs: Vec<_> = outputs
        .iter()
        .map(|name| json!({ "input": as_str(&clear.path), "output": name }))
        .collect();
    fs::write(folder.path().join("jobs.json"), json!({ "jobs": jobs }).to_string()).unwrap();
    let run = || {
        let args = ["batch", "jobs.json", "--force", "--keys-out", "keys.csv"];
        ismvault(folder.path(), &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let clean = || {
        for name in outputs.iter().chain(&["keys.csv"]) {
            let _ = fs::remove_file(folder.path().join(name));
        }
    };
    let begun = Instant::now();
    assert!(run().wait().unwrap().success());
    let takes = begun.elapsed();
    for point in 0..KILLS {
        clean();
        let mut killed = run();
        sleep(takes * point / KILLS);
        killed.kill().unwrap();
        killed.wait().unwrap();
        let list = fs::read_to_string(folder.path().join("keys.csv")).unwrap_or_default();
        let listed = ismvault::jobs::key_list::read(&list).unwrap_or_default();
        for name in outputs {
            let path = folder.path().join(name);
            if path.exists() {
                let entry = listed.iter().rev().find(|entry| entry.output == name);
                clear.check(&path, &entry.unwrap_or_else(|| panic!("no key for {name}")).key);
            }
        }
    }
    // To the end, over what was left.
    assert!(run().wait().unwrap().success());
    let mut there: Vec<&str> = outputs.to_vec();
    there.extend(["in.ismv", "jobs.json", "keys.csv"]);
    assert_eq!(names(folder.path()), there);
}

#[test]
fn an_input_that_shrinks_gives_no_output() {
    let folder = scratch();
    let clear = Clear::new(folder.path(), 30_000_000);
    let length = clear.path.metadata().unwrap().len();
    let args = ["protect", "in.ismv", "-o", "out.mp4", "--kid", KID, "--key", KEY];
    for point in 0..KILLS {
        Clear::new(folder.path(), 30_000_000);
        let child = ismvault(folder.path(), &args).stderr(Stdio::piped()).spawn().unwrap();
        sleep(Duration::from_millis(u64::from(point) * 10));
        let shorter = length * u64::from(point) / u64::from(KILLS);
        fs::File::options().write(true).open(&clear.path).unwrap().set_len(shorter).unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            clear.check(&folder.path().join("out.mp4"), KEY);
            fs::remove_file(folder.path().join("out.mp4")).unwrap();
        } else {
            let said = text(&output.stderr);
            assert!(said.starts_with("ismvault: ") && !said.contains("panicked"), "{said}");
        }
        assert_eq!(names(folder.path()), ["in.ismv"], "cut at {point}/{KILLS}");
    }
}

#[test]
fn of_two_writers_of_one_file_one_wins() {
    let folder = scratch();
    let clear = Clear::new(folder.path(), 10_000_000);
    let keys = [KEY, "ffeeddccbbaa99887766554433221100"];
    for force in [&[][..], &["--force"]] {
        let running = keys.map(|key| {
            let args = ["protect", "in.ismv", "-o", "out.mp4", "--kid", KID, "--key", key];
            let mut command = ismvault(folder.path(), &[&args[..], force].concat());
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        });
        let ended = running.map(|child| child.wait_with_output().unwrap());
        let won: Vec<_> = keys
            .iter()
            .zip(&ended)
            .filter(|(_, output)| output.status.success())
            .map(|(key, _)| *key)
            .collect();
        let said: Vec<_> = ended.iter().map(|output| text(&output.stderr)).collect();
        if force.is_empty() {
            assert_eq!(won.len(), 1, "{said:?}");
            assert!(said.iter().any(|words| words.contains("--force")), "{said:?}");
        }
        // What is there is whole, by one of those that say they wrote it.
        let file = folder.path().join("out.mp4");
        let fits =
            |key: &&str| samples(&decrypted(&fs::read(&file).unwrap(), key), 1) == clear.samples;
        assert!(won.iter().any(fits), "{said:?}");
        fs::remove_file(&file).unwrap();
        assert_eq!(names(folder.path()), ["in.ismv"]);
    }
}
