//! `cargo xtask bench`: the page in Chromium and the command natively, measured
//! in turns with others on the same files, as ratios of medians.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../tests/page/mod.rs"]
mod page;

use fantoccini::Locator;
use ismvault::format::boxes::Mp4Box as _;
use ismvault::format::boxes::fragment::{Mfhd, Trun};
use ismvault::format::boxes::index::{Mfro, Tfra, TfraEntry};
use ismvault::format::boxes::piff::Tfxd;
use ismvault::format::boxes::tree::Node;
use ismvault::format::ids::BoxType;
use ismvault_testkit::{inspect, reader};
use page::{Page, in_browser};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;

fn main() {
    let Ok(folder) = std::env::var("ISMVAULT_BENCH").map(PathBuf::from) else {
        println!("skipped: cargo xtask bench makes the files that are measured");
        return;
    };
    // cargo passes --bench; anything else chooses what to measure.
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let mut table = Table::default();
    in_browser(|page| async move {
        let bench = Bench::open(page, folder).await;
        let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
        if wanted("cipher") {
            bench.cipher(&mut table).await;
        }
        if wanted("protect") {
            bench.protect(&mut table).await;
        }
        if wanted("start") {
            bench.start(&mut table).await;
        }
        if wanted("growth") {
            bench.growth(&mut table).await;
        }
        if wanted("open") {
            bench.open_files(&mut table).await;
        }
        table.print(&bench.folder);
    });
}

/// What was measured, against its goal.
#[derive(Default)]
struct Table(Vec<Value>);

impl Table {
    fn row(&mut self, what: &str, value: f64, unit: &str, goal: Option<(char, f64)>) {
        let met = goal.map(|(sign, goal)| if sign == '≥' { value >= goal } else { value <= goal });
        let goal = goal.map(|(sign, goal)| format!("{sign} {goal}"));
        println!("  {what}: {value:.2} {unit} {}", goal.as_deref().unwrap_or(""));
        self.0
            .push(json!({ "what": what, "value": value, "unit": unit, "goal": goal, "met": met }));
    }

    fn print(&self, folder: &Path) {
        println!("\n| what | measured | goal | |\n| --- | ---: | ---: | --- |");
        for row in &self.0 {
            let (unit, text) = (row["unit"].as_str().unwrap(), |v: &Value| {
                v.as_str().unwrap_or_default().to_owned()
            });
            let met = row["met"].as_bool().map_or("", |met| if met { "met" } else { "missed" });
            let value = row["value"].as_f64().unwrap();
            let digits = if value < 100.0 { 2 } else { 0 };
            println!(
                "| {} | {value:.digits$} {unit} | {} | {met} |",
                row["what"].as_str().unwrap(),
                text(&row["goal"])
            );
        }
        let path = folder.join("result.json");
        fs::write(&path, serde_json::to_string_pretty(&self.0).unwrap()).unwrap();
        println!("\nAlso as JSON: {}", path.display());
    }
}

fn median(list: &[f64]) -> f64 {
    let mut sorted = list.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Runs a command: seconds, and its peak memory in bytes.
fn timed(command: &mut Command) -> (f64, f64) {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0.0_f64;
    let code = loop {
        if let Some(code) = child.try_wait().unwrap() {
            break code;
        }
        peak = peak.max(kilobytes(&status, "VmHWM:") * 1024.0);
        thread::sleep(Duration::from_millis(2));
    };
    assert!(code.success(), "{command:?}");
    (start.elapsed().as_secs_f64(), peak)
}

fn kilobytes(file: &Path, name: &str) -> f64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0.0)
}

/// Watches the memory of Chromium: of the processes below a chromedriver of ours,
/// each page of memory counted once.
struct Watch {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: thread::JoinHandle<()>,
}

fn chromium_bytes() -> f64 {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let parent = rest.split(' ').nth(1).and_then(|p| p.parse::<u32>().ok()).unwrap_or(0);
        parents.push((pid, parent));
    }
    let mut ours = vec![std::process::id()];
    let mut next = 0;
    while next < ours.len() {
        let parent = ours[next];
        ours.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    ours.iter()
        .skip(1)
        .map(|pid| kilobytes(Path::new(&format!("/proc/{pid}/smaps_rollup")), "Pss_Anon:") * 1024.0)
        .sum()
}

impl Watch {
    fn start() -> Self {
        let (stop, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, highest) = (stop.clone(), peak.clone());
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                highest.fetch_max(chromium_bytes() as u64, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            }
        });
        Self { stop, peak, thread }
    }

    fn peak(self) -> f64 {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.peak.load(Ordering::Relaxed) as f64
    }
}

/// Waits until what was written before is on the disk, so that who comes later
/// does not wait for it.
fn settle() {
    let _ = Command::new("sync").status();
    thread::sleep(Duration::from_millis(200));
}

struct Bench {
    page: Page,
    folder: PathBuf,
}

impl Bench {
    async fn open(page: Page, folder: PathBuf) -> Self {
        let site = std::env::var("ISMVAULT_SITE").unwrap();
        page.client.goto(&format!("{site}/benches/bench.html")).await.unwrap();
        page.client.wait().for_element(Locator::Css("html[data-ready]")).await.unwrap();
        let long = Some(Duration::from_secs(900));
        let timeouts = fantoccini::wd::TimeoutConfiguration::new(long, long, None);
        page.client.update_timeouts(timeouts).await.unwrap();
        Self { page, folder }
    }

    async fn choose(&self, name: &str) {
        self.page.script("document.getElementById('file').value = ''").await;
        let path = self.folder.join(name);
        self.page.find("#file").await.send_keys(path.to_str().unwrap()).await.unwrap();
    }

    /// Calls a function of `bench.js`.
    async fn run(&self, what: &str, args: Value) -> Value {
        let script = "const [what, args, done] = arguments;
            bench[what](...args).then(done, (e) => done({ error: e.message + e.stack }))";
        let args = vec![json!(what), args];
        let answer = self.page.client.execute_async(script, args).await.unwrap();
        assert!(answer["error"].is_null(), "{what}: {answer}");
        answer
    }

    async fn seconds(&self, what: &str, args: Value) -> f64 {
        self.run(what, args).await["ms"].as_f64().unwrap() / 1000.0
    }

    async fn cipher(&self, table: &mut Table) {
        println!("The cipher, one thread …");
        let found = self.run("cipher", json!([])).await;
        for (size, name, goal) in [
            ("25000", "samples of 25 kB", Some(4.0)),
            ("350", "samples of 350 bytes", Some(3.5)),
            ("1048576", "1 MiB", None),
        ] {
            let rate = |of: &str| found[size][of].as_f64().unwrap();
            table.row(&format!("AES-CTR, {name}"), rate("ours"), "MB/s", None);
            let against = format!("AES-CTR, {name}, against aes 0.9 in the same module");
            table.row(&against, rate("ours") / rate("aes"), "x", goal.map(|goal| ('≥', goal)));
            let against = format!("AES-CTR, {name}, against aes 0.9 without simd128");
            table.row(&against, rate("ours") / rate("plain"), "x", goal.map(|goal| ('≥', goal)));
        }
        let web = found["webcrypto"].as_f64().unwrap();
        table.row("ISMV mix, against WebCrypto a sample", web, "x", Some(('≥', 1.0)));
        let two = self.run("two", json!([])).await;
        let two = two["ratio"].as_f64().unwrap();
        table.row("AES-CTR, two workers against one", two, "x", Some(('≥', 1.85)));
    }

    async fn protect(&self, table: &mut Table) {
        println!("Protecting 310 MB, {ROUNDS} rounds …");
        self.choose("310.ismv").await;
        let input = self.folder.join("310.ismv");
        let out = self.folder.join("out.mp4");
        let shaka = reader("packager-linux-x64");
        let ffmpeg = reader("ffmpeg-linux-x64");
        let mut times: Vec<(&str, Vec<f64>)> = Vec::new();
        let mut add = |name, seconds| match times.iter_mut().find(|(n, _)| *n == name) {
            Some((_, list)) => list.push(seconds),
            None => times.push((name, vec![seconds])),
        };
        let (mut own_peak, mut shaka_peak) = (0.0_f64, 0.0_f64);
        self.run("protect", json!(["stored"])).await; // the first run compiles
        for _ in 0..ROUNDS {
            settle();
            let (seconds, peak) = timed(&mut ismvault(&input, &out));
            own_peak = own_peak.max(peak);
            add("native", seconds);
            settle();
            let start = Instant::now();
            fs::copy(&input, &out).unwrap();
            add("cp", start.elapsed().as_secs_f64());
            if let Some(shaka) = &shaka {
                settle();
                let (seconds, peak) = timed(&mut packager(shaka, &input, &self.folder));
                shaka_peak = shaka_peak.max(peak);
                add("shaka", seconds);
            }
            if let Some(ffmpeg) = &ffmpeg {
                settle();
                add("ffmpeg", timed(&mut cenc(ffmpeg, &input, &out)).0);
            }
            for (name, what, args) in [
                ("page", "protect", json!(["stored"])),
                ("page copy", "copy", json!(["stored"])),
                ("page picked", "protect", json!(["picked"])),
                ("page one", "protect", json!(["stored", 1])),
            ] {
                settle();
                add(name, self.seconds(what, args).await);
            }
        }
        // Watching takes time, so it has a run of its own.
        let idle = chromium_bytes();
        let watch = Watch::start();
        self.run("protect", json!(["stored"])).await;
        let peak = watch.peak();
        for (name, list) in &times {
            println!("  {name}: {list:.2?} s");
        }
        let of = |name: &str| times.iter().find(|(n, _)| *n == name).map(|(_, list)| median(list));
        let (page, copy) = (of("page").unwrap(), of("page copy").unwrap());
        let native = of("native").unwrap();
        if let Some(shaka) = of("shaka") {
            table.row(
                "page to OPFS, time against Shaka Packager",
                page / shaka,
                "x",
                Some(('≤', 1.0)),
            );
            let picked = of("page picked").unwrap() / shaka;
            table.row(
                "page to createWritable, time against Shaka Packager",
                picked,
                "x",
                Some(('≤', 1.5)),
            );
            table.row(
                "command, speed against Shaka Packager",
                shaka / native,
                "x",
                Some(('≥', 3.0)),
            );
            table.row("Shaka Packager, memory", shaka_peak / 1048576.0, "MiB", None);
        }
        if let Some(ffmpeg) = of("ffmpeg") {
            table.row("page to OPFS, time against ffmpeg 8", page / ffmpeg, "x", None);
            table.row("command, speed against ffmpeg 8", ffmpeg / native, "x", None);
        }
        table.row(
            "page to OPFS, time against the same without encryption",
            page / copy,
            "x",
            Some(('≤', 1.5)),
        );
        table.row(
            "page to OPFS, all workers against one",
            of("page one").unwrap() / page,
            "x",
            None,
        );
        table.row("command, time against cp", native / of("cp").unwrap(), "x", None);
        table.row("command, memory", own_peak / 1048576.0, "MiB", Some(('≤', 64.0)));
        table.row("page, memory above idle", (peak - idle) / 1048576.0, "MiB", Some(('≤', 256.0)));
        let _ = fs::remove_file(out);
    }

    /// How soon the page can be used, and how soon it stops.
    async fn start(&self, table: &mut Table) {
        println!("Starting and stopping …");
        let site = std::env::var("ISMVAULT_SITE").unwrap();
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            self.page.client.goto(&site).await.unwrap();
            self.page.client.wait().for_element(Locator::Css("html[data-ready]")).await.unwrap();
            times.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        table.row("page ready on loopback", median(&times), "ms", Some(('≤', 1000.0)));
        self.page.client.goto(&format!("{site}/benches/bench.html")).await.unwrap();
        self.page.client.wait().for_element(Locator::Css("html[data-ready]")).await.unwrap();
        self.choose("310.ismv").await;
        for kind in ["stored", "picked"] {
            let mut times = Vec::new();
            for after in [150, 300, 450, 600, 750] {
                times.push(self.run("cancel", json!([kind, after])).await["ms"].as_f64().unwrap());
            }
            let worst = times.iter().copied().fold(0.0, f64::max);
            table.row(
                &format!("cancel, {kind}, the slowest of {}", times.len()),
                worst,
                "ms",
                Some(('≤', 100.0)),
            );
        }
    }

    async fn growth(&self, table: &mut Table) {
        println!("Growth …");
        for name in ["31.ismv", "310.ismv", "3100.ismv"] {
            self.choose(name).await;
            let (input, out) = (self.folder.join(name), self.folder.join("out.mp4"));
            let megabytes = fs::metadata(&input).unwrap().len() as f64 / 1e6;
            let (seconds, memory) = timed(&mut ismvault(&input, &out));
            table.row(&format!("{name}, command"), megabytes / seconds, "MB/s", None);
            table.row(
                &format!("{name}, command, memory"),
                memory / 1048576.0,
                "MiB",
                Some(('≤', 64.0)),
            );
            let _ = fs::remove_file(out);
            let idle = chromium_bytes();
            let watch = Watch::start();
            let seconds = self.seconds("protect", json!(["stored"])).await;
            let above = (watch.peak() - idle) / 1048576.0;
            table.row(&format!("{name}, page"), megabytes / seconds, "MB/s", None);
            table.row(
                &format!("{name}, page, memory above idle"),
                above,
                "MiB",
                Some(('≤', 256.0)),
            );
        }
    }

    async fn open_files(&self, table: &mut Table) {
        println!("Opening …");
        let mut times = Vec::new();
        for (fragments, media) in [(600, 2_000_000), (10_000, 30_000), (100_000, 30_000)] {
            let name = format!("{fragments}.ismv");
            make_long(&self.folder.join(&name), fragments, media);
            self.choose(&name).await;
            let (mut all, mut first) = (Vec::new(), Vec::new());
            let (mut mp4box, mut mediainfo) = (Vec::new(), Vec::new());
            for _ in 0..3 {
                let found = self.run("inspect", json!([])).await;
                assert_eq!(found["fragments"].as_u64(), Some(fragments));
                all.push(found["ms"].as_f64().unwrap());
                first.push(found["first"].as_f64().unwrap());
                if fragments == 600 {
                    mp4box.push(self.run("mp4box", json!([])).await["ms"].as_f64().unwrap());
                    mediainfo.push(self.run("mediainfo", json!([])).await["ms"].as_f64().unwrap());
                }
            }
            let own = median(&all);
            table.row(&format!("{fragments} fragments, all listed"), own, "ms", None);
            table.row(
                &format!("{fragments} fragments, first facts"),
                median(&first),
                "ms",
                Some(('≤', 100.0)),
            );
            if fragments == 600 {
                table.row("1.2 GB, mp4box against us", median(&mp4box) / own, "x", None);
                table.row("1.2 GB, mediainfo.js against us", median(&mediainfo) / own, "x", None);
            }
            times.push(own);
        }
        table.row("100,000 fragments against 10,000", times[2] / times[1], "x", Some(('≤', 11.0)));
    }
}

fn ismvault(input: &Path, out: &Path) -> Command {
    let mut command = Command::new(ismvault_testkit::root().join("target/release/ismvault"));
    command.arg("protect").arg(input).arg("-o").arg(out).arg("--force");
    command.args(["--kid", ismvault_testkit::KID, "--key", ismvault_testkit::KEY]);
    command
}

fn packager(shaka: &Path, input: &Path, folder: &Path) -> Command {
    let stream = |kind: &str| {
        let out = folder.join(format!("shaka_{kind}.mp4"));
        format!("in={},stream={kind},output={}", input.display(), out.display())
    };
    let (kid, key) = (ismvault_testkit::KID.replace('-', ""), ismvault_testkit::KEY);
    let mut command = Command::new(shaka);
    command.args([stream("video"), stream("audio")]);
    command.args(["--enable_raw_key_encryption", "--clear_lead", "0", "--keys"]);
    command.arg(format!("label=:key_id={kid}:key={key}"));
    command
}

fn cenc(ffmpeg: &Path, input: &Path, out: &Path) -> Command {
    let mut command = Command::new(ffmpeg);
    command.args(["-v", "error", "-y", "-i"]).arg(input).args(["-c", "copy"]);
    command.args(["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", ismvault_testkit::KEY]);
    command.args(["-encryption_kid", &ismvault_testkit::KID.replace('-', "")]).arg(out);
    command
}

/// A file of so many fragments with an index; the media is a hole.
fn make_long(path: &Path, fragments: u64, media: u64) {
    let small = ismvault_testkit::fixture("bframes.ismv");
    let moof = inspect(&small).fragments[0].moof;
    let node = &small[moof.at as usize..moof.end() as usize];
    let node = Node::read(node, moof.at, &mut Vec::new()).unwrap();
    let mut file = BufWriter::new(File::create(path).unwrap());
    file.write_all(&small[..moof.at as usize]).unwrap();
    let (mut at, mut entries) = (moof.at, Vec::new());
    for number in 0..fragments {
        let mut moof = node.clone();
        let time = number * 20_000_000;
        edit(&mut moof, &|node| {
            if node.kind == Mfhd::KIND {
                let sequence_number = number as u32 + 1;
                *node = Mfhd { sequence_number, ..Mfhd::parse(node).unwrap() }.to_node();
            } else if node.kind == Tfxd::KIND {
                *node = Tfxd { time, ..Tfxd::parse(node).unwrap() }.to_node();
            } else if node.kind == Trun::KIND {
                let mut trun = Trun::parse(node).unwrap();
                let each = media / trun.rows.len().max(1) as u64;
                trun.rows.iter_mut().for_each(|row| row.size = each as u32);
                *node = trun.to_node();
            }
        });
        let bytes = moof.to_bytes();
        entries.push(TfraEntry { time, moof_offset: at, numbers: [1; 3] });
        file.write_all(&bytes).unwrap();
        file.write_all(&(media as u32 + 8).to_be_bytes()).unwrap();
        file.write_all(b"mdat").unwrap();
        file.seek(SeekFrom::Current(media as i64)).unwrap();
        at += bytes.len() as u64 + 8 + media;
    }
    let tfra = Tfra { version: 1, flags: 0, track_id: 1, lengths: 0, entries }.to_node();
    let size = 8 + tfra.size() as u32 + 16;
    let mfro = Mfro { version_flags: 0, size }.to_node();
    file.write_all(&Node::parent(b"mfra", vec![tfra, mfro]).to_bytes()).unwrap();
    file.flush().unwrap();
}

fn edit(node: &mut Node, change: &impl Fn(&mut Node)) {
    change(node);
    if node.kind == BoxType::code(b"moof") || node.kind == BoxType::code(b"traf") {
        node.children_mut().into_iter().flatten().for_each(|child| edit(child, change));
    }
}
