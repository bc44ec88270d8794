//! Headers put into files, files compared, boxes and samples looked at, reports.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::Piece;
use ismvault::checks::CheckId;
use ismvault::format::boxes::Mp4Box as _;
use ismvault::format::boxes::index::{Mfro, Tfra, TfraEntry};
use ismvault::format::boxes::tree::Node;
use ismvault::format::drm::playready::{HeaderVersion, NewHeader, NewKey};
use ismvault::format::ids::{BoxType, Kid};
use ismvault::look::decode::{Decoded, recognise};
use ismvault::look::diff::compare;
use ismvault::look::explore;
use ismvault::look::inspect::Inspector;
use ismvault::look::report::{Form, Inspection, timelines};
use ismvault::make::header_editor::{HeaderChange, every_version};
use ismvault::{Recipe as _, Session as _, Step, Stitched};
use ismvault_testkit::{
    CLEAR, KEY, KID, drive, fixture, fixture_path, framemd5, inspect, options, output_of, protect,
    samples, scratch, shared,
};
use std::fs;
use std::path::Path;

/// The file with another header.
fn changed(file: &[u8], url: &str) -> Stitched {
    let mut change = HeaderChange::new(&inspect(file), &new_header(url)).unwrap();
    drive(&mut change, file, 1000).unwrap(); // however the bytes are cut
    change.finish().unwrap()
}

fn new_header(url: &str) -> NewHeader {
    NewHeader {
        version: HeaderVersion::V4_2,
        keys: vec![NewKey { kid: Kid::parse(KID).unwrap(), checksum: None }],
        la_url: Some(url.into()),
        ..NewHeader::default()
    }
}

#[test]
fn a_header_goes_into_a_file_and_the_media_stays() {
    let url =
        "https://licence.example/a-much-longer-address-than-before/rightsmanager.asmx?x=1&y=2";
    let mut files = vec![("progressive.mp4".to_owned(), fixture("progressive.mp4"))];
    for name in CLEAR {
        files.push((name.to_owned(), fixture(name)));
        for profile in ["dual", "piff"] {
            files.push((
                format!("{name} {profile}"),
                protect(&fixture(name), &options(profile)).unwrap(),
            ));
        }
    }
    for (name, file) in files {
        let movie = inspect(&file);
        let change = changed(&file, url);
        assert!(change.pieces().iter().all(|p| !matches!(p, Piece::Work { .. })), "{name}");
        let out = output_of(change, &file).unwrap();
        let found = inspect(&out);
        let headers: Vec<_> = found.systems.iter().filter_map(|s| s.playready.as_ref()).collect();
        assert_eq!(headers.len(), 1, "{name}");
        assert_eq!(headers[0].la_url.as_deref(), Some(url), "{name}");
        for (was, is) in movie.tracks.iter().zip(&found.tracks) {
            assert_eq!(was.totals, is.totals, "{name}");
            assert_eq!(samples(&file, was.id), samples(&out, was.id), "{name}");
        }
        let errors = |movie: &ismvault::model::Movie| {
            movie
                .findings
                .iter()
                .filter(|f| f.severity() == ismvault::checks::Severity::Error)
                .count()
        };
        assert_eq!(errors(&movie), errors(&found), "{name}: {:?}", found.findings);
        // Nothing to do the second time.
        assert_eq!(output_of(changed(&out, url), &out).unwrap(), out, "{name}");
    }
}

#[test]
fn ffmpeg_reads_the_file_with_another_header() {
    let folder = scratch();
    for name in ["h264_aac.ismv", "progressive.mp4", "cmaf_sidx.mp4"] {
        let file = fixture(name);
        let change = changed(&file, "https://l.example/");
        let path = folder.path().join(name);
        fs::write(&path, output_of(change, &file).unwrap()).unwrap();
        let (want, _) = framemd5(Path::new("ffmpeg"), None, &fixture_path(name));
        assert_eq!(framemd5(Path::new("ffmpeg"), None, &path).0, want, "{name}");
    }
}

#[test]
fn every_version_or_why_not() {
    let mut header = new_header("https://l.example/?a=1&b=2");
    header.keys.push(NewKey { kid: Kid::of(5), checksum: None });
    let attempts = every_version(&header);
    let can: Vec<bool> = attempts.iter().map(|attempt| attempt.forms.is_some()).collect();
    assert_eq!(can, [false, false, true, true]);
    assert!(attempts[0].refusal.as_ref().unwrap().message.contains("4.2 or later"));
    // Every form is recognised again, and names both keys.
    let forms = attempts[2].forms.as_ref().unwrap();
    for text in [
        &forms.xml,
        &forms.object_base64,
        &forms.object_hex,
        &forms.pssh_base64,
        &forms.pssh_hex,
        &forms.ismc,
        &forms.mpd,
        &forms.hls,
    ] {
        let decoded = recognise(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
        let mut kids = Vec::new();
        decoded.walk(&mut |part: &Decoded| kids.extend(part.kids.iter().map(|k| k.kid)));
        assert!(kids.contains(&Kid::of(5)) && kids.contains(&Kid::parse(KID).unwrap()), "{text}");
        let grave: Vec<_> = decoded.all_findings().iter().map(|f| f.check.id).collect();
        assert!(!grave.contains(&CheckId::HeaderMixedUp), "{text}: {grave:?}");
    }
}

#[test]
fn what_differs_and_what_does_not() {
    let clear = fixture("h264_aac.ismv");
    let movie = inspect(&clear);
    assert!(compare(&movie, &movie).same_meaning);
    assert_eq!(compare(&movie, &movie).boxes, []);
    // Free space means nothing.
    let mut padded = clear.clone();
    padded.extend_from_slice(b"\0\0\0\x0cfree....");
    let found = compare(&movie, &inspect(&padded));
    assert!(found.same_meaning, "{:?}", found.meaning);
    assert_eq!(found.boxes.len(), 1);
    // Protection does.
    let dual = inspect(&protect(&clear, &options("dual")).unwrap());
    let found = compare(&movie, &dual);
    assert!(!found.same_meaning);
    let whats: Vec<&str> = found.meaning.iter().map(|d| d.what.as_str()).collect();
    assert!(whats.contains(&"KID") && whats.contains(&"scheme"), "{whats:?}");
    // And so does one field of a header, told by its name.
    let mut la_url = options("dual");
    la_url.la_url = Some("https://other.example/".into());
    let found = compare(&dual, &inspect(&protect(&clear, &la_url).unwrap()));
    let whats: Vec<&str> = found.meaning.iter().map(|d| d.what.as_str()).collect();
    assert_eq!(whats, ["LA_URL"]);
}

#[test]
fn boxes_and_samples_of_a_fragment() {
    let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
    let movie = inspect(&file);
    let moof = movie.fragments[0].moof;
    let bytes = &file[moof.at as usize..moof.end() as usize];
    let (tree, problems) = explore::tree(bytes, moof.at).unwrap();
    assert!(problems.is_empty());
    let traf = tree.children.iter().find(|child| child.kind == "traf").unwrap();
    let trun = traf.children.iter().find(|child| child.kind == "trun").unwrap();
    assert_eq!(trun.name, Some("Track Fragment Run"));
    let table = explore::fields(&movie, bytes, moof.at, trun.at, 0).unwrap();
    let field = |name: &str| table.fields.iter().find(|f| f.name == name).unwrap();
    assert_eq!(field("sample_count").value.to_string(), "50");
    assert_eq!(field("size").at, trun.at);
    // A page of fields further on is that of the whole.
    let later = explore::fields(&movie, bytes, moof.at, trun.at, 10).unwrap();
    assert_eq!(later.total, table.total);
    assert_eq!(later.fields[0], table.fields[10]);
    // Samples as the file says them.
    let shown = explore::samples(&movie, bytes, moof.at).unwrap();
    let samples = &shown[0].samples;
    assert_eq!((samples.len(), samples[0].number), (50, 1));
    assert!(samples[0].sync && !samples[1].sync);
    assert_eq!(samples[0].iv.as_deref(), Some("1122334455667788"));
    assert_eq!(samples[1].iv.as_deref(), Some("1122334455667789"));
    for sample in samples {
        let sum: u32 = sample.subsamples.iter().map(|(c, p)| u32::from(*c) + p).sum();
        assert_eq!(sum, sample.size);
    }
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn every_box_of_every_broken_file_can_be_looked_at() {
    let folder = shared("corpus/malformed").expect("../shared is beside the project");
    let mut boxes = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = fs::read(entry.unwrap().path()).unwrap();
        let movie = inspect(&file);
        for top in &movie.top {
            let bytes = &file[top.span.at as usize..top.span.end() as usize];
            let Ok((tree, _)) = explore::tree(bytes, top.span.at) else { continue };
            let mut todo = vec![tree];
            while let Some(branch) = todo.pop() {
                let table = explore::fields(&movie, bytes, top.span.at, branch.at, 0).unwrap();
                assert!(!table.fields.is_empty());
                boxes += 1;
                todo.extend(branch.children);
            }
            if top.kind == BoxType::code(b"moof") {
                let _ = explore::samples(&movie, bytes, top.span.at);
            }
        }
    }
    assert!(boxes > 500, "{boxes}");
}

#[test]
fn reports_hold_all_and_no_key() {
    let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
    let movie = inspect(&file);
    let (inspection, lines) = (Inspection::new(&movie), timelines(&movie));
    let page = Form::Html.write("a<b>.mp4", &inspection, &lines);
    for words in ["a&lt;b&gt;.mp4", "Protected: PlayReady", KID, "&lt;WRMHEADER", "<svg", "tfxd"] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("<script") && !page.contains("http-equiv=\"refresh\""));
    let table = Form::Csv.write("", &inspection, &lines);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows.len(),
        1 + movie.tracks.len() + lines.iter().map(|l| l.fragments.len()).sum::<usize>()
    );
    let columns = rows[0].split(',').count();
    assert!(rows.iter().all(|row| row.split(',').count() == columns));
    let json = serde_json::to_string(&inspection).unwrap();
    for text in [&page, &table, &json] {
        assert!(!text.contains(KEY));
    }
}

#[test]
fn opening_reads_what_it_must_and_no_more() {
    // 600 fragments, 2 MB each, protected: headers are real, media is not there.
    let small = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
    let movie = inspect(&small);
    let first = movie.fragments[0].moof;
    let front = &small[..first.at as usize];
    let moof = small[first.at as usize..first.end() as usize].to_vec();
    let mdat = 2_000_000_u64;
    let step = moof.len() as u64 + mdat;
    let index_at = front.len() as u64 + 600 * step;
    let index = {
        let moof_offset = |i: u64| front.len() as u64 + i * step;
        let entries =
            (0..600).map(|i| TfraEntry { time: i, moof_offset: moof_offset(i), numbers: [1; 3] });
        let entries = entries.collect();
        let tfra = Tfra { version: 1, flags: 0, track_id: 1, lengths: 0, entries }.to_node();
        let size = 8 + tfra.size() as u32 + 16;
        let mfro = Mfro { version_flags: 0, size }.to_node();
        Node::parent(b"mfra", vec![tfra, mfro]).to_bytes()
    };
    let size = index_at + index.len() as u64;
    let media =
        &small[first.end() as usize + 8..][..60_000.min(small.len() - first.end() as usize - 8)];
    let read = |at: u64, len: u64| -> Vec<u8> {
        (at..at + len)
            .map(|at| {
                if at >= index_at {
                    return index[(at - index_at) as usize];
                }
                let Some(at) = at.checked_sub(front.len() as u64) else {
                    return front[at as usize];
                };
                let at = at % step;
                match at.checked_sub(moof.len() as u64) {
                    None => moof[at as usize],
                    Some(at @ 0..8) => {
                        [(mdat as u32).to_be_bytes(), *b"mdat"].concat()[at as usize]
                    }
                    Some(at) => media.get(at as usize - 8).copied().unwrap_or(0),
                }
            })
            .collect()
    };
    let mut inspector = Inspector::new(size);
    let (mut bytes, mut steps) = (0, 0);
    while let Step::Read(spans) = inspector.step().unwrap() {
        steps += 1;
        for span in spans {
            bytes += span.len;
            inspector.feed(&read(span.at, span.len)).unwrap();
        }
    }
    assert_eq!(inspector.movie().fragments.len(), 600);
    let must = (front.len() + 600 * moof.len() + index.len()) as u64;
    assert!(bytes < must + (256 << 10), "{} bytes beyond moov and moofs", bytes - must);
    assert!(steps <= 18, "{steps} steps for 600 fragments");
}

#[test]
fn the_same_answer_with_one_byte_at_a_time() {
    let file = protect(&fixture("audio_only.isma"), &options("dual")).unwrap();
    let mut slow = Inspector::new(file.len() as u64);
    drive(&mut slow, &file, 1).unwrap();
    let json =
        |movie: &ismvault::model::Movie| serde_json::to_value(Inspection::new(movie)).unwrap();
    assert_eq!(json(slow.movie()), json(&inspect(&file)));
    assert!(Node::read(b"", 0, &mut Vec::new()).is_err());
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn samples_agree_with_other_peoples_facts() {
    let path = shared("corpus/expected_dev.json").expect("../shared is beside the project");
    let expected: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut tracks = 0;
    for (name, facts) in expected["files"].as_object().unwrap() {
        let file = fs::read(shared("corpus").unwrap().join(name)).unwrap();
        let movie = inspect(&file);
        if movie.fragments.is_empty() || movie.moov.is_none() {
            continue;
        }
        let mut all = Vec::new();
        for fragment in &movie.fragments {
            let bytes = &file[fragment.moof.at as usize..fragment.moof.end() as usize];
            all.extend(explore::samples(&movie, bytes, fragment.moof.at).unwrap());
        }
        for want in facts["facts"]["tracks"].as_array().unwrap() {
            let id = want["id"].as_u64().unwrap();
            let own: Vec<_> =
                all.iter().filter(|t| u64::from(t.track) == id).flat_map(|t| &t.samples).collect();
            let what = format!("{name}, track {id}");
            let count = |n: usize| serde_json::json!(n);
            assert_eq!(count(own.len()), want["samples"], "{what}");
            let protected: Vec<_> = own.iter().filter(|s| s.kid.is_some()).collect();
            assert_eq!(count(protected.len()), want["protected_samples"], "{what}");
            let mapped = protected.iter().filter(|s| !s.subsamples.is_empty()).count();
            assert_eq!(count(mapped), want["with_subsamples"], "{what}");
            for (length, number) in want["iv_lengths"].as_object().unwrap() {
                let length: usize = length.parse().unwrap();
                let have = protected
                    .iter()
                    .filter(|s| s.iv.as_ref().is_some_and(|iv| iv.len() == 2 * length))
                    .count();
                assert_eq!(&count(have), number, "{what}");
            }
            let mut kids: Vec<String> = protected
                .iter()
                .filter_map(|s| s.kid.map(|kid| kid.to_string().replace('-', "")))
                .collect();
            kids.sort();
            kids.dedup();
            assert_eq!(serde_json::json!(kids), want["kids_used"], "{what}");
            let offsets = own.iter().map(|s| s.composition_offset);
            assert_eq!(serde_json::json!(offsets.clone().min()), want["min_cts"], "{what}");
            assert_eq!(serde_json::json!(offsets.max()), want["max_cts"], "{what}");
            tracks += 1;
        }
    }
    assert!(tracks > 30, "{tracks}");
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn playready_headers_of_other_peoples_in_full() {
    let path = shared("corpus/playready_vectors.json").expect("../shared is beside the project");
    let vectors: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    for (name, vector) in vectors["pro"].as_object().unwrap() {
        let decoded = recognise(vector["base64"].as_str().unwrap().as_bytes()).unwrap();
        let mut headers = Vec::new();
        decoded.walk(&mut |part| headers.extend(part.header.clone()));
        let want: Vec<_> = vector["expect"]["records"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|record| record["type"] == 1)
            .collect();
        assert_eq!(headers.len(), want.len(), "{name}");
        for (header, want) in headers.iter().zip(want) {
            assert_eq!(header.version, want["version"], "{name}");
            let kids: Vec<String> =
                header.kids.iter().map(|kid| kid.to_string().replace('-', "")).collect();
            let wanted: Vec<&str> = want["kids"]
                .as_array()
                .unwrap()
                .iter()
                .map(|k| k["kid"].as_str().unwrap())
                .collect();
            assert_eq!(kids, wanted, "{name}");
        }
    }
}
