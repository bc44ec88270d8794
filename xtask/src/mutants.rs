//! `cargo xtask mutants`: changes the code in small ways, one at a time, and
//! tells which changes no test notices.

use crate::{cargo, root, run};
use anyhow::{Context as _, Result};
use std::process::Command;

const VERSION: &str = "27.1.0";

/// Where a fault is worst: places, keys' counters, what is protected, the proof.
const HOT: [&str; 8] = [
    "src/make/offsets.rs",
    "src/make/proof.rs",
    "src/make/protect/subsample.rs",
    "src/make/protect/receipt.rs",
    "src/make/witness/lock.rs",
    "src/make/witness/moof.rs",
    "src/model/decode_times.rs",
    "src/format/cipher.rs",
];

/// The tests of the core that are quick.
const TESTS: [&str; 9] =
    ["answers", "boxes", "edges", "frames", "key", "lint", "proof", "protect", "unusual"];

/// Over these files, or the hot ones.
pub(crate) fn mutants(only: &[&str]) -> Result<()> {
    let tools = root().join("target/tools");
    let program = tools.join("bin/cargo-mutants");
    if !program.is_file() {
        println!("Installing cargo-mutants {VERSION} …");
        let mut install = cargo(&["install", "--quiet", "--locked", "cargo-mutants"]);
        run(install.args(["--version", VERSION, "--root"]).arg(&tools))?;
    }
    let files = if only.is_empty() { &HOT[..] } else { only };
    let mut command = Command::new(program);
    command.args([
        "mutants",
        "--package",
        "ismvault",
        "--output",
        "target/mutants",
        "--baseline=skip",
    ]);
    command.args(["--timeout", "300", "--cargo-test-arg=--lib"]);
    for test in TESTS {
        command.arg(format!("--cargo-test-arg=--test={test}"));
    }
    for file in files {
        command.args(["--file", file]);
    }
    run(&mut command).context("target/mutants/mutants.out/missed.txt lists what no test noticed")
}
