//! Looking at files: the right answer, from few bytes, whatever the file is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::Span;
use ismvault::look::inspect::Inspector;
use ismvault::look::report::Inspection;
use ismvault_testkit::{CLEAR, cli, drive, fixture, inspect, options, protect, shared, text};
use serde_json::{Value, json};
use std::fs;
use std::time::Instant;

fn report(file: &[u8]) -> Value {
    serde_json::to_value(Inspection::new(&inspect(file))).unwrap()
}

#[test]
fn a_clear_file() {
    let found = report(&fixture("h264_aac.ismv"));
    assert_eq!(found["brands"], json!(["isml", "piff"]));
    assert_eq!(found["protectable"]["yes"], true);
    assert_eq!(found["systems"], json!([]));
    let video = &found["tracks"][0];
    assert_eq!((&video["id"], &video["kind"]), (&json!(1), &json!("video")));
    assert_eq!(video["codec"], "avc1.64000B");
    assert_eq!((&video["width"], &video["height"]), (&json!(192), &json!(108)));
    assert_eq!((&video["samples"], &video["fragments"]), (&json!(100), &json!(2)));
    assert_eq!(video["duration_seconds"], 4.0);
    assert_eq!(video["frame_rate"], 25.0);
    assert_eq!(video["protection"], Value::Null);
    let audio = &found["tracks"][1];
    assert_eq!((&audio["codec"], &audio["language"]), (&json!("mp4a.40.2"), &json!("und")));
    assert_eq!((&audio["channels"], &audio["sample_rate"]), (&json!(2), &json!(48000)));
    assert_eq!(audio["bitrate"]["declared"], 48000);
    let verdict = found["verdict"].as_str().unwrap();
    assert!(
        verdict.starts_with("Clear Smooth Streaming file, 1 video and 1 audio track"),
        "{verdict}"
    );
    assert!(verdict.ends_with("Ready to protect."), "{verdict}");
}

#[test]
fn a_protected_file() {
    for (profile, scheme, version, systems) in [
        ("dual", "cenc", "0x00010000", 2),
        ("piff", "piff", "0x00010001", 1),
        ("cenc", "cenc", "0x00010000", 2),
    ] {
        let file = protect(&fixture("h264_aac.ismv"), &options(profile)).unwrap();
        let found = report(&file);
        let protection = &found["tracks"][0]["protection"];
        assert_eq!(protection["scheme"], scheme);
        assert_eq!(protection["scheme_version"], version);
        assert_eq!(protection["iv_size"], 8);
        assert_eq!(protection["kid"], ismvault_testkit::KID);
        assert_eq!(protection["kid_guid"], "0267e309-338f-6c43-a5dd-60ffe6671e70");
        assert_eq!(found["tracks"][0]["codec"], "avc1.64000B", "from frma, not encv");
        assert_eq!(found["systems"].as_array().unwrap().len(), systems, "{profile}");
        let playready = &found["systems"][0];
        assert_eq!(playready["name"], "PlayReady");
        assert_eq!(playready["box"], if profile == "piff" { "uuid" } else { "pssh" });
        assert_eq!(playready["kids"], json!([ismvault_testkit::KID]));
        assert_eq!(playready["header"]["version"], "4.0.0.0");
        assert_eq!(playready["header"]["la_url"], "https://licence.example/rightsmanager.asmx");
        assert_eq!(playready["header"]["keys"][0]["checksum"], "qhmfONWOqJs=");
        assert_eq!(found["protectable"]["yes"], false);
        assert!(found["findings"].as_array().unwrap().iter().all(|f| f["severity"] != "error"));
    }
}

#[test]
fn the_same_answer_however_the_bytes_are_cut() {
    for name in CLEAR.iter().chain(&["progressive.mp4"]) {
        let file = fixture(name);
        let whole = report(&file);
        for most in [1, 7, 4096] {
            let mut inspector = Inspector::new(file.len() as u64);
            drive(&mut inspector, &file, most).unwrap();
            let cut = serde_json::to_value(Inspection::new(inspector.movie())).unwrap();
            assert_eq!(cut, whole, "{name} in reads of {most}");
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_told_and_never_panics() {
    let file = fixture("bframes.ismv");
    let whole = inspect(&file);
    let mut lengths: Vec<usize> = (0..2000).chain((2000..file.len()).step_by(97)).collect();
    lengths.push(file.len() - 1);
    for len in lengths {
        let movie = inspect(&file[..len]);
        let between = whole.top.iter().any(|top| top.span.at == len as u64);
        let told = movie.damage.is_some() || !movie.findings.is_empty();
        assert!(told || between, "cut at {len}: {:?}", movie.findings);
    }
}

#[test]
fn moov_may_come_last() {
    let file = fixture("h264_aac.ismv");
    let movie = inspect(&file);
    let moov = movie.top.iter().find(|top| top.kind.to_string() == "moov").unwrap().span;
    let last = movie.top.iter().rfind(|top| top.kind.to_string() == "mdat").unwrap().span;
    // Without mfra, whose offsets would be stale.
    let moved = [
        &file[..moov.at as usize],
        &file[moov.end() as usize..last.end() as usize],
        &file[moov.at as usize..moov.end() as usize],
    ]
    .concat();
    let (found, whole) = (report(&moved), report(&file));
    assert_eq!(found["tracks"], whole["tracks"]);
    let verdict = found["verdict"].as_str().unwrap().replace(" 1 warning.", "");
    assert_eq!(verdict, whole["verdict"], "but for the index that is not there");
    let key = options("dual");
    let protected = protect(&moved, &key).unwrap();
    assert_eq!(report(&protected)["tracks"][0]["samples"], whole["tracks"][0]["samples"]);
}

#[test]
fn the_last_mdat_may_run_to_the_end() {
    let file = fixture("h264_aac.ismv");
    let movie = inspect(&file);
    let last = movie.top.iter().rfind(|top| top.kind.to_string() == "mdat").unwrap().span;
    let mut open = file[..last.end() as usize].to_vec();
    open[last.at as usize..][..4].fill(0);
    let found = report(&open);
    assert_eq!(found["tracks"], report(&file)["tracks"]);
    let protected = protect(&open, &options("dual")).unwrap();
    assert_eq!(report(&protected)["tracks"][0]["samples"], found["tracks"][0]["samples"]);
}

#[test]
fn changed_bytes_never_panic() {
    // Not a fuzzer: the same few thousand damaged files every time.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let protected = protect(&fixture("slices.ismv"), &options("dual")).unwrap();
    for file in [fixture("slices.ismv"), fixture("cmaf_sidx.mp4"), protected] {
        for _ in 0..1500 {
            let mut damaged = file.clone();
            for _ in 0..1 + next() % 4 {
                // Most of what matters is near the front.
                let at = (next() % [2500, damaged.len() as u64][(next() % 2) as usize]) as usize;
                damaged[at] = [0, 1, 0x7f, 0xff, next() as u8][(next() % 5) as usize];
            }
            let movie = inspect(&damaged);
            let _ = serde_json::to_value(Inspection::new(&movie)).unwrap();
            let _ = protect(&damaged, &options("dual"));
            let key = ismvault::make::decrypt::parse_key(ismvault_testkit::KEY).unwrap();
            if let Ok(decryption) = ismvault::make::decrypt::Decryption::new(&movie, &[key]) {
                let _ = ismvault_testkit::output_of(decryption, &damaged);
            }
        }
    }
}

/// A file of `count` fragments of `media` bytes, with or without `mfra`: the
/// front of it as bytes, and a way to read any span without holding it.
struct Tall {
    head: Vec<u8>,
    unit: Vec<u8>,
    unit_len: u64,
    count: u64,
    tail: Vec<u8>,
}

impl Tall {
    fn new(count: u64, media: u32, indexed: bool) -> Self {
        let file = fixture("bframes.ismv");
        let movie = inspect(&file);
        let moov = movie.top.iter().find(|top| top.kind.to_string() == "moov").unwrap().span;
        let head = file[..moov.end() as usize].to_vec();
        // moof { mfhd, traf { tfhd, trun of one sample } }, mdat with a 64-bit size.
        let mut unit = Vec::new();
        let mut put = |bytes: &[u8]| unit.extend_from_slice(bytes);
        put(b"\0\0\0\x4cmoof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01\0\0\0\x34traf");
        put(b"\0\0\0\x10tfhd\0\x02\0\0\0\0\0\x01");
        put(b"\0\0\0\x1ctrun\0\0\x03\x01\0\0\0\x01\0\0\0\x5c\0\x06\x1a\x80");
        put(&media.to_be_bytes());
        put(b"\0\0\0\x01mdat");
        put(&(u64::from(media) + 16).to_be_bytes());
        let unit_len = unit.len() as u64 + u64::from(media);
        let mut tail = Vec::new();
        if indexed {
            let len = 8 + 24 + 19 * count as u32 + 16;
            tail.extend_from_slice(&len.to_be_bytes());
            tail.extend_from_slice(b"mfra");
            tail.extend_from_slice(&(24 + 19 * count as u32).to_be_bytes());
            tail.extend_from_slice(b"tfra\x01\0\0\0\0\0\0\x01\0\0\0\0");
            tail.extend_from_slice(&(count as u32).to_be_bytes());
            for i in 0..count {
                tail.extend_from_slice(&(i * 400_000).to_be_bytes());
                tail.extend_from_slice(&(head.len() as u64 + i * unit_len).to_be_bytes());
                tail.extend_from_slice(&[1, 1, 1]);
            }
            tail.extend_from_slice(b"\0\0\0\x10mfro\0\0\0\0");
            tail.extend_from_slice(&len.to_be_bytes());
        }
        Self { head, unit, unit_len, count, tail }
    }

    fn len(&self) -> u64 {
        self.head.len() as u64 + self.count * self.unit_len + self.tail.len() as u64
    }

    fn read(&self, span: Span) -> Vec<u8> {
        let body = self.head.len() as u64;
        let end = body + self.count * self.unit_len;
        (span.at..span.end())
            .map(|at| match at {
                at if at < body => self.head[at as usize],
                at if at >= end => self.tail[(at - end) as usize],
                at => *self.unit.get(((at - body) % self.unit_len) as usize).unwrap_or(&0),
            })
            .collect()
    }

    /// Bytes read, and in how many steps, to inspect it.
    fn inspect(&self) -> (u64, usize, ismvault::model::Movie) {
        use ismvault::{Session as _, Step};
        let mut inspector = Inspector::new(self.len());
        let (mut bytes, mut steps) = (0, 0);
        while let Step::Read(spans) = inspector.step().unwrap() {
            steps += 1;
            let all: Vec<u8> = spans.iter().flat_map(|span| self.read(*span)).collect();
            bytes += all.len() as u64;
            inspector.feed(&all).unwrap();
        }
        (bytes, steps, inspector.into_movie())
    }
}

#[test]
fn a_large_file_is_read_in_few_small_steps() {
    // 1.2 GB, 600 fragments.
    for (indexed, most_steps) in [(true, 12), (false, 620)] {
        let tall = Tall::new(600, 2 << 20, indexed);
        let (bytes, steps, movie) = tall.inspect();
        assert_eq!(
            movie
                .findings
                .iter()
                .filter(|f| f.severity() == ismvault::checks::Severity::Error)
                .count(),
            0,
            "{:?}",
            movie.findings
        );
        assert_eq!(movie.tracks[0].totals.samples, 600);
        let must = (tall.head.len() + 600 * 76 + tall.tail.len()) as u64;
        assert!(bytes <= must + (256 << 10), "{bytes} bytes read, {must} needed");
        assert!(steps <= most_steps, "{steps} steps");
    }
}

#[test]
fn five_gigabytes_with_64_bit_boxes() {
    // Sparse: the holes are the media.
    let tall = Tall::new(3, u32::MAX / 2, false);
    assert!(tall.len() > 5 << 30);
    let file = tempfile::NamedTempFile::new().unwrap();
    {
        use std::io::{Seek as _, SeekFrom, Write as _};
        let mut out = file.as_file();
        out.write_all(&tall.head).unwrap();
        for i in 0..3 {
            out.seek(SeekFrom::Start(tall.head.len() as u64 + i * tall.unit_len)).unwrap();
            out.write_all(&tall.unit).unwrap();
        }
        out.set_len(tall.len()).unwrap();
    }
    let started = Instant::now();
    let output = cli(&["inspect", file.path().to_str().unwrap(), "--json"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["tracks"][0]["bytes"], 3 * u64::from(u32::MAX / 2));
    assert_eq!(found["size"], tall.len());
    // Reading the media would take seconds at the least.
    assert!(started.elapsed().as_millis() < 1000, "{:?}", started.elapsed());
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn malformed_files_get_a_sentence_in_under_a_second() {
    let folder = shared("corpus/malformed").expect("../shared is beside the project");
    let list = fs::read(shared("corpus/malformed.json").unwrap()).unwrap();
    let list: Value = serde_json::from_slice(&list).unwrap();
    for (name, about) in list.as_object().unwrap() {
        let started = Instant::now();
        let path = folder.join(name);
        let output = cli(&["inspect", path.to_str().unwrap(), "--json"]);
        assert!(started.elapsed().as_millis() < 1000, "{name}");
        let complaint = text(&output.stderr);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        let expected = about["expect"].as_str().unwrap();
        match output.status.code() {
            Some(0) => assert_ne!(expected, "error", "{name} should be refused"),
            Some(1) => {
                assert_ne!(expected, "warn", "{name} should be read: {complaint}");
                assert_eq!(complaint.lines().count(), 1, "{name}: {complaint}");
                assert_eq!(found["findings"][0]["severity"], "error", "{name}");
            }
            code => panic!("{name} ends with {code:?}: {complaint}"),
        }
        let scratch = ismvault_testkit::scratch();
        let out = scratch.path().join("out.mp4");
        let output = cli(&["protect", path.to_str().unwrap(), "-o", out.to_str().unwrap()]);
        assert!(output.status.code() == Some(0) || !out.exists(), "{name} leaves half a file");
        assert!(output.status.code().is_some_and(|code| code < 2), "{name}");
    }
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn the_corpus_agrees_with_other_peoples_facts() {
    let list = shared("corpus/expected_dev.json").expect("../shared is beside the project");
    let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    let mut compared = 0;
    for (name, about) in list["files"].as_object().unwrap() {
        let facts = &about["facts"];
        let Some(tracks) = facts["tracks"].as_array().filter(|_| !name.ends_with(".m4s")) else {
            continue; // a media segment has no tracks of its own
        };
        let file = fs::read(shared("corpus").unwrap().join(name)).unwrap();
        let found = report(&file);
        assert_eq!(found["minor_version"], facts["brands"][1], "{name}");
        assert_eq!(found["tracks"].as_array().unwrap().len(), tracks.len(), "{name}");
        for (ours, theirs) in found["tracks"].as_array().unwrap().iter().zip(tracks) {
            for key in ["id", "language", "timescale", "samples", "fragments", "bytes"] {
                assert_eq!(ours[key], theirs[key], "{key} of {name}");
            }
            let ticks: u64 = ours["duration_ticks"].as_str().unwrap().parse().unwrap();
            assert_eq!(json!(ticks), theirs["sum_durations"], "{name}");
            let rate = |v: &Value| v.as_u64().unwrap_or(0);
            assert!(
                rate(&ours["bitrate"]["measured"]).abs_diff(rate(&theirs["bitrate"])) <= 1,
                "{name}"
            );
            let theirs = &theirs["protection"][0];
            let ours = &ours["protection"];
            assert_eq!(ours.is_null(), theirs.is_null(), "{name}");
            if !theirs.is_null() {
                for key in ["scheme", "scheme_version", "iv_size"] {
                    assert_eq!(ours[key], theirs[key], "{key} of {name}");
                }
                assert_eq!(ours["kid"].as_str().unwrap().replace('-', ""), theirs["kid"], "{name}");
            }
        }
        for theirs in about["mp4info"]["tracks"].as_array().into_iter().flatten() {
            let ours = found["tracks"].as_array().unwrap().iter().find(|t| t["id"] == theirs["id"]);
            let (ours, theirs) = (ours.unwrap(), &theirs["descriptions"][0]);
            for (key, their_key) in [
                ("codec", "codecs_string"),
                ("width", "width"),
                ("height", "height"),
                ("channels", "channels"),
                ("sample_rate", "sample_rate"),
            ] {
                let theirs = &theirs[their_key];
                assert!(
                    theirs.is_null() || ours[key] == *theirs,
                    "{key} of {name}: {} {theirs}",
                    ours[key]
                );
            }
        }
        let systems = facts["pssh"].as_array().unwrap();
        assert_eq!(found["systems"].as_array().unwrap().len(), systems.len(), "{name}");
        for (ours, theirs) in found["systems"].as_array().unwrap().iter().zip(systems) {
            assert_eq!(
                ours["system_id"].as_str().unwrap().replace('-', ""),
                theirs["system"],
                "{name}"
            );
            let header = &theirs["playready"]["records"][0];
            if !header.is_null() {
                assert_eq!(ours["header"]["xml"], header["wrmheader"], "{name}");
                assert_eq!(ours["header"]["la_url"], header["LA_URL"], "{name}");
                for (ours, theirs) in ours["header"]["kids"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .zip(header["kids"].as_array().unwrap())
                {
                    assert_eq!(ours.as_str().unwrap().replace('-', ""), theirs["kid"], "{name}");
                }
            }
        }
        compared += 1;
    }
    assert!(compared > 25, "{compared} files were compared");
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn playready_objects_of_other_peoples() {
    use ismvault::format::drm::playready::{read_header, read_object};
    let list = shared("corpus/playready_vectors.json").expect("../shared is beside the project");
    let list: Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    for (name, vector) in list["pro"].as_object().unwrap() {
        use base64::Engine as _;
        let object = base64::engine::general_purpose::STANDARD
            .decode(vector["base64"].as_str().unwrap())
            .unwrap();
        let mut problems = Vec::new();
        let records = read_object(&object, &mut problems);
        let expected = &vector["expect"]["records"];
        for (record, expected) in records.iter().zip(expected.as_array().unwrap()) {
            assert_eq!(
                (json!(record.kind), json!(record.value.len())),
                (expected["type"].clone(), expected["length"].clone()),
                "{name}"
            );
            let Some(xml) = expected["wrmheader"].as_str() else { continue };
            let header = read_header(record.value, &mut problems);
            assert_eq!(
                (header.xml.as_str(), header.version.as_str()),
                (xml, expected["version"].as_str().unwrap()),
                "{name}"
            );
            let kids: Vec<String> =
                header.kids.iter().map(|kid| kid.to_string().replace('-', "")).collect();
            let theirs: Vec<&str> = expected["kids"]
                .as_array()
                .unwrap()
                .iter()
                .map(|k| k["kid"].as_str().unwrap())
                .collect();
            assert_eq!(kids, theirs, "{name}");
            for (key, theirs) in header.keys.iter().zip(expected["kids"].as_array().unwrap()) {
                assert_eq!(json!(key.checksum), theirs["checksum"], "{name}");
            }
        }
        assert_eq!(records.len(), expected.as_array().unwrap().len(), "{name}: {problems:?}");
    }
}
