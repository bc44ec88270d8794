//! `cargo xtask bench`: gets what is measured, and those it is measured against.

use crate::{cargo, package, root, run, serve, tools};
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::process::Command;

/// What opening a file is measured against.
const RIVALS: [&str; 2] = ["mp4box@2.4.1", "mediainfo.js@0.3.8"];
/// Seconds of the file that is repeated.
const SEED: &str = "20";

/// Measures everything, or only some of it; see `crates/browser/benches/page.rs`.
pub(crate) fn bench(only: &[&str]) -> Result<()> {
    package::build()?;
    tools::ensure_programs()?;
    let folder = root().join("target/bench");
    fs::create_dir_all(&folder)?;
    fetch_rivals(&folder)?;
    make_files(&folder)?;
    run(&mut cargo(&["build", "--quiet", "--release", "--package", "ismvault-cli"]))?;
    let (_server, site) = serve::in_background()?;
    let mut bench = cargo(&[
        "bench",
        "--quiet",
        "--profile",
        "dev",
        "--package",
        "ismvault-browser",
        "--bench",
        "page",
        "--",
    ]);
    bench.args(only).env("ISMVAULT_SITE", site).env("ISMVAULT_BENCH", &folder);
    if let Some(readers) = tools::strict_readers() {
        bench.env("ISMVAULT_READERS", readers);
    }
    run(&mut bench)
}

fn fetch_rivals(folder: &Path) -> Result<()> {
    if RIVALS.iter().all(|rival| {
        let name = rival.split('@').next().unwrap_or(rival);
        folder.join("node_modules").join(name).is_dir()
    }) {
        return Ok(());
    }
    println!("Fetching {} …", RIVALS.join(" and "));
    let prefix = folder.display().to_string();
    run(Command::new("npm")
        .args(["install", "--silent", "--no-save", "--prefix", &prefix])
        .args(RIVALS))
}

/// Smooth files of 31, 310 and 3,100 MB: 1080p at 8 Mbit/s with AAC, a fragment
/// of each every two seconds.
fn make_files(folder: &Path) -> Result<()> {
    let seed = folder.join("seed.mp4");
    if !seed.exists() {
        println!("Making {SEED} seconds of 1080p …");
        let noise = "testsrc2=size=1920x1080:rate=25,noise=alls=20:allf=t";
        let tone = "sine=frequency=440:sample_rate=48000";
        let video = "-c:v libx264 -preset ultrafast -b:v 8M -minrate 8M -maxrate 8M -bufsize 8M \
                     -x264-params nal-hrd=cbr:force-cfr=1 -g 50 -keyint_min 50 -sc_threshold 0 \
                     -pix_fmt yuv420p -c:a aac -b:a 128k -ac 2";
        let part = folder.join("seed.part.mp4");
        run(ffmpeg()
            .args(["-f", "lavfi", "-i", noise, "-f", "lavfi", "-i", tone, "-t", SEED])
            .args(video.split_whitespace())
            .arg(&part))?;
        fs::rename(part, &seed)?;
    }
    for (name, times) in [("31.ismv", 1.5), ("310.ismv", 15.0), ("3100.ismv", 150.0)] {
        let to = folder.join(name);
        if !to.exists() {
            let seconds = (times * SEED.parse::<f64>()?).to_string();
            let part = folder.join("part.ismv");
            run(ffmpeg()
                .args(["-stream_loop", "-1", "-t", &seconds, "-i"])
                .arg(&seed)
                .args(["-c", "copy", "-f", "ismv"])
                .arg(&part))?;
            fs::rename(part, &to)?;
        }
    }
    Ok(())
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y"]);
    command
}
