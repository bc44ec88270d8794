//! `cargo xtask fuzz`: searches for inputs that break a law.

use crate::{cargo, root, run};
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What libFuzzer counts by; flags of a stable compiler.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=4";

/// Inputs to keep are no longer than this, in bytes.
const KEPT: &str = "-max_len=1500";

/// Searches for some seconds for each law, or for one. What was found on the way
/// stays in `target/fuzz/corpus`, what breaks a law in `target/fuzz/broken`. Or
/// keeps the least of it that leads as far, for `tests/laws.rs`.
pub(crate) fn fuzz(words: &[&str]) -> Result<()> {
    let (wanted, seconds) = match words {
        [] | ["keep"] => (None, "60"),
        [law] => (Some(*law), "60"),
        [law, seconds] => (Some(*law), *seconds),
        _ => bail!("cargo xtask fuzz [LAW [SECONDS]]"),
    };
    let host = host()?;
    let mut build = cargo(&["build", "--release", "--locked", "--target", &host]);
    build.args(["--manifest-path", "fuzz/Cargo.toml", "--target-dir", "target/fuzz"]);
    run(build.env("RUSTFLAGS", COVERAGE)).context("libFuzzer needs a C++ compiler")?;
    let folder = root().join("target/fuzz");
    let program = folder.join(&host).join("release/law");
    let listed = Command::new(&program).output().context("the laws cannot be listed")?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let laws: Vec<&str> = listed.lines().filter(|law| wanted.is_none_or(|w| w == *law)).collect();
    if laws.is_empty() {
        bail!("there is no such law; there are {}", listed.lines().collect::<Vec<_>>().join(", "));
    }
    for law in laws {
        let (corpus, broken) = (folder.join("corpus").join(law), folder.join("broken").join(law));
        fs::create_dir_all(&corpus)?;
        fs::create_dir_all(&broken)?;
        println!("{law}:");
        let mut search = Command::new(&program);
        search.env("ISMVAULT_LAW", law).env("ISMVAULT_SEEDS", &corpus);
        if words == ["keep"] {
            keep(law, search, &corpus)?;
            continue;
        }
        search.arg(format!("-max_total_time={seconds}"));
        search.arg(format!("-dict={}", root().join("fuzz/words.dict").display()));
        search.arg(format!("-artifact_prefix={}/", broken.display()));
        search.args([
            "-timeout=10",
            "-rss_limit_mb=2048",
            "-max_len=65536",
            "-print_final_stats=1",
        ]);
        run(search.arg(&corpus)).with_context(|| format!("{law}: see {}", broken.display()))?;
    }
    Ok(())
}

/// Writes `fuzz/corpus/LAW`: the fewest inputs that reach what all do.
fn keep(law: &str, mut search: Command, corpus: &Path) -> Result<()> {
    let least = root().join("target/fuzz/least").join(law);
    let _ = fs::remove_dir_all(&least);
    fs::create_dir_all(&least)?;
    search.args(["-set_cover_merge=1", KEPT]).arg(&least).arg(corpus);
    run(&mut search)?;
    let mut inputs = fs::read_dir(&least)?
        .map(|entry| Ok(fs::read(entry?.path())?))
        .collect::<Result<Vec<Vec<u8>>>>()?;
    inputs.sort();
    let mut kept = Vec::new();
    for input in inputs {
        kept.extend(u32::try_from(input.len())?.to_be_bytes());
        kept.extend(input);
    }
    Ok(fs::write(root().join("fuzz/corpus").join(law), kept)?)
}

/// What rustc builds for by itself.
fn host() -> Result<String> {
    let told = Command::new("rustc").arg("-vV").output().context("rustc cannot be started")?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not tell its host")
}
