//! Every check and every test, by one command.

use crate::{cargo, package, root, run, serve, tools};
use anyhow::{Context as _, Result};
use std::process::Command;

/// Runs everything.
pub(crate) fn test() -> Result<()> {
    tools::ensure_programs()?;
    package::ensure_target()?;
    let readers = tools::strict_readers();
    let players = tools::players();
    run(&mut cargo(&["fmt", "--all", "--check"])).context("run cargo fmt --all")?;
    let deny = ["--", "-D", "warnings"];
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets"];
    run(&mut cargo(&[&clippy[..], &deny].concat()))?;
    let wasm = ["clippy", "--quiet", "--package", "ismvault-wasm"];
    let wasm = [&wasm[..], &["--target", "wasm32-unknown-unknown"], &deny].concat();
    run(&mut cargo(&wasm))?;
    let vectors = ["clippy", "--quiet", "-p", "ismvault-cipher", "--target-dir", "target/simd"];
    let vectors = [&vectors[..], &["--target", "wasm32-unknown-unknown"], &deny].concat();
    run(cargo(&vectors).env("RUSTFLAGS", "-C target-feature=+simd128"))?;
    run(cargo(&["doc", "--quiet", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    package::build()?;
    let (_server, site) = serve::in_background()?;
    let mut tests = cargo(&["test", "--workspace"]);
    tests.env("ISMVAULT_SITE", site);
    if let Some(readers) = readers {
        tests.env("ISMVAULT_READERS", readers);
    }
    if let Some(players) = players {
        tests.env("ISMVAULT_PLAYERS", players);
    }
    run(&mut tests)
}

/// Makes the fixtures again.
pub(crate) fn fixtures() -> Result<()> {
    tools::ensure_programs()?;
    run(Command::new("sh").arg(root().join("tests/fixtures/make.sh")))
}
