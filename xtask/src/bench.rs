//! Benchmarks: commands that print ratios, measured side by side in one run.

use crate::{package, root, run, serve, tools};
use anyhow::{Context as _, Result, bail};
use ismvault::boxes::Mp4Box as _;
use ismvault::boxes::fragment::{Mfhd, Trun};
use ismvault::boxes::index::{Mfro, Tfra, TfraEntry};
use ismvault::boxes::piff::Tfxd;
use ismvault::boxes::tree::Node;
use ismvault::ids::BoxType;
use ismvault::inspect::Inspector;
use ismvault::{Session as _, Step};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// What we are measured against.
const RIVALS: [&str; 2] = ["mp4box@2.4.1", "mediainfo.js@0.3.8"];
const FRAGMENTS: u64 = 600;
/// Bytes of media in each fragment: 1.2 GB in all.
const MEDIA: u64 = 2_000_000;

/// Opening a large file in Chromium, against mp4box and mediainfo.js.
pub(crate) fn inspect() -> Result<()> {
    package::build()?;
    tools::ensure_programs()?;
    let folder = root().join("target/bench");
    fs::create_dir_all(&folder)?;
    fetch_rivals(&folder)?;
    make_large(&folder.join("large.ismv"))?;
    let (runtime, url, result) = serve::bench(&folder)?;
    println!("Opening {FRAGMENTS} fragments of {MEDIA} bytes in Chromium, five times each …");
    let profile = folder.join("profile");
    let _ = fs::remove_dir_all(&profile);
    let mut browser = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--remote-debugging-port=0",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("{url}/benches/inspect.html"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("chromium cannot be started")?;
    let answer = runtime.block_on(async {
        tokio::time::timeout(std::time::Duration::from_secs(300), result).await
    });
    let _ = browser.kill();
    let _ = browser.wait();
    let _ = fs::remove_dir_all(&profile);
    let answer = answer.context("the browser never answered")??;
    print(&serde_json::from_str(&answer)?)
}

fn print(result: &Value) -> Result<()> {
    if let Some(error) = result["error"].as_str() {
        bail!("the page stopped: {error}");
    }
    let time = |name: &str| result["median"][name].as_f64().unwrap_or(f64::NAN);
    let own = time("ismvault");
    println!("{:12} {:>10} {:>8}  found", "", "median ms", "ratio");
    for name in ["ismvault", "mp4box", "mediainfo"] {
        let found = &result["found"][name];
        println!("{name:12} {:>10.1} {:>8.1}  {found}", time(name), time(name) / own);
    }
    Ok(())
}

fn fetch_rivals(folder: &Path) -> Result<()> {
    if folder.join("node_modules/mediainfo.js").is_dir() {
        return Ok(());
    }
    println!("Fetching {} …", RIVALS.join(" and "));
    let prefix = folder.display().to_string();
    run(Command::new("npm")
        .args(["install", "--silent", "--no-save", "--prefix", &prefix])
        .args(RIVALS))
}

/// A file of 600 fragments with 2 MB of media each; the media is a hole.
fn make_large(path: &Path) -> Result<()> {
    let small = fs::read(root().join("tests/fixtures/bframes.ismv"))?;
    let mut inspector = Inspector::new(small.len() as u64);
    while let Step::Read(spans) = inspector.step()? {
        for span in spans {
            inspector.feed(&small[span.at as usize..span.end() as usize])?;
        }
    }
    let moof = inspector.movie().fragments.first().context("the fixture has no fragment")?.moof;
    let front = &small[..moof.at as usize];
    let node = Node::read(&small[moof.at as usize..moof.end() as usize], moof.at, &mut Vec::new())?;
    let mut file = File::create(path)?;
    file.write_all(front)?;
    let mut at = front.len() as u64;
    let mut entries = Vec::new();
    for number in 0..FRAGMENTS {
        let mut moof = node.clone();
        let time = number * 20_000_000;
        edit(&mut moof, &|node| {
            if node.kind == Mfhd::KIND {
                let mfhd = Mfhd { sequence_number: number as u32 + 1, ..Mfhd::parse(node)? };
                *node = mfhd.to_node();
            } else if node.kind == Tfxd::KIND {
                *node = Tfxd { time, ..Tfxd::parse(node)? }.to_node();
            } else if node.kind == Trun::KIND {
                let mut trun = Trun::parse(node)?;
                let each = MEDIA / trun.rows.len().max(1) as u64;
                trun.rows.iter_mut().for_each(|row| row.size = each as u32);
                *node = trun.to_node();
            }
            Ok(())
        })?;
        let bytes = moof.to_bytes();
        entries.push(TfraEntry { time, moof_offset: at, numbers: [1; 3] });
        file.write_all(&bytes)?;
        file.write_all(&(MEDIA as u32 + 8).to_be_bytes())?;
        file.write_all(b"mdat")?;
        file.seek(SeekFrom::Current(MEDIA as i64))?;
        at += bytes.len() as u64 + 8 + MEDIA;
    }
    let tfra = Tfra { version: 1, flags: 0, track_id: 1, lengths: 0, entries }.to_node();
    let size = 8 + tfra.size() as u32 + 16;
    let mfro = Mfro { version_flags: 0, size }.to_node();
    file.write_all(&Node::parent(b"mfra", vec![tfra, mfro]).to_bytes())?;
    Ok(())
}

fn edit(node: &mut Node, change: &impl Fn(&mut Node) -> Result<()>) -> Result<()> {
    change(node)?;
    if node.kind == BoxType::code(b"moof") || node.kind == BoxType::code(b"traf") {
        for child in node.children_mut().into_iter().flatten() {
            edit(child, change)?;
        }
    }
    Ok(())
}
