//! Every check and every test, by one command.

use crate::{cargo, docs, engines, package, root, run, serve, tools};
use anyhow::{Context as _, Result};
use std::process::Command;

/// Runs everything.
pub(crate) fn test() -> Result<()> {
    tools::ensure_programs()?;
    package::ensure_target()?;
    let readers = tools::strict_readers();
    let npm = tools::npm();
    for fmt in [
        &["fmt", "--all", "--check"][..],
        &["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"],
    ] {
        run(&mut cargo(fmt)).context("run cargo fmt --all, and in fuzz/")?;
    }
    let strict = ["--", "-D", "warnings"];
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets"];
    run(&mut cargo(&[&clippy[..], &strict].concat()))?;
    let wasm = ["clippy", "--quiet", "--package", "ismvault-wasm"];
    let wasm = [&wasm[..], &["--target", "wasm32-unknown-unknown"], &strict].concat();
    run(&mut cargo(&wasm))?;
    let vectors = ["clippy", "--quiet", "-p", "ismvault-cipher", "--target-dir", "target/simd"];
    let vectors = [&vectors[..], &["--target", "wasm32-unknown-unknown"], &strict].concat();
    run(cargo(&vectors).env("RUSTFLAGS", "-C target-feature=+simd128"))?;
    run(cargo(&["doc", "--quiet", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    deny()?;
    if tools::mdbook().is_some() {
        docs::docs()?;
    }
    package::build()?;
    package::twice()?;
    let (_server, site) = serve::in_background()?;
    // Tests that need something beside the project are ignored by themselves.
    let mut core = cargo(&["test", "--workspace", "--exclude", "ismvault-browser"]);
    if root().join("../shared").exists() {
        core.args(["--", "--include-ignored", "--skip", MOUNTED]);
    } else {
        println!("../shared is not there: the tests that need it are ignored.");
    }
    let prepared = |tests: &mut Command| {
        tests.env("ISMVAULT_SITE", &site);
        if let Some(readers) = &readers {
            tests.env("ISMVAULT_READERS", readers);
        }
        if let Some(npm) = &npm {
            tests.env("ISMVAULT_PLAYERS", npm);
        }
    };
    prepared(&mut core);
    run(&mut core)?;
    // Behind those of the core, which build the command that some of these run.
    if npm.is_some() {
        scripts()?;
    }
    if tools::mounts() {
        run(&mut cargo(&["test", "-p", "ismvault-cli", "--test", "faults", "--", "--ignored"]))?;
    }
    engines::test(prepared)
}

/// Takes the pictures of `docs/`.
pub(crate) fn pictures() -> Result<()> {
    tools::ensure_programs()?;
    package::build()?;
    let (_server, site) = serve::in_background()?;
    let mut take = cargo(&["bench", "--package", "ismvault-browser", "--bench", "pictures"]);
    run(take.env("ISMVAULT_SITE", site))
}

/// Licences and sources of every dependency.
pub(crate) fn deny() -> Result<()> {
    let Some(folder) = tools::deny() else {
        println!("Licences and sources of dependencies are not checked.");
        return Ok(());
    };
    let mut deny = Command::new(folder.join("cargo-deny"));
    run(deny.args(["--log-level", "error", "check", "licenses", "bans", "sources"]))
}

/// Tests that mount a disk of their own.
const MOUNTED: &str = "mounted::";

/// What befalls a run from outside; with a disk of its own where one can be mounted.
pub(crate) fn faults() -> Result<()> {
    let mut tests = cargo(&["test", "--package", "ismvault-cli", "--test", "faults", "--"]);
    match tools::mounts() {
        true => drop(tests.arg("--include-ignored")),
        false => println!("No disk can be mounted here: full and read-only ones are not tried."),
    }
    run(&mut tests)
}

/// The page's scripts: their types, a linter, and what of them needs no browser.
fn scripts() -> Result<()> {
    for script in ["types", "lint", "test"] {
        run(Command::new("npm").args(["--prefix", "tests/www", "run", "--silent", script]))
            .with_context(|| format!("npm --prefix tests/www run {script}"))?;
    }
    package::pack()?;
    if tools::package_tests().is_none() {
        return Ok(());
    }
    run(Command::new("npm").args(["--prefix", "tests/package", "run", "--silent", "test"]))
        .context("npm --prefix tests/package run test")
}

/// Makes the fixtures again.
pub(crate) fn fixtures() -> Result<()> {
    tools::ensure_programs()?;
    run(Command::new("sh").arg(root().join("tests/fixtures/make.sh")))
}
