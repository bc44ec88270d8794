//! Protecting files: whatever goes in comes out again, for us and for others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::error::Code;
use ismvault::format::boxes::Mp4Box as _;
use ismvault::format::boxes::fragment::{Saio, Tfhd};
use ismvault::format::boxes::index::{Sidx, Tfra};
use ismvault::format::boxes::protection::{PIFF_SENC, SENC, Senc};
use ismvault::format::cipher::CipherMode;
use ismvault::make::decrypt::{Decryption, Decryptor, parse_key};
use ismvault::make::proof::{Proof, Proves as _};
use ismvault::make::protect::{PROFILES, Plan, Protector, UnitState};
use ismvault::make::recipe::{Piece, Planner};
use ismvault::model::Movie;
use ismvault::{Error, Recipe as _};
use ismvault_testkit::{
    CLEAR, KEY, KID, drive, fixture, fixture_path, framemd5, inspect, options, output_of, protect,
    reader, samples, scratch, shared, text, trafs,
};
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn decrypt(file: &[u8], key: &str) -> Result<Vec<u8>, Error> {
    output_of(Decryption::new(&inspect(file), &[parse_key(key)?])?, file)
}

fn ids(movie: &Movie) -> Vec<u32> {
    movie.tracks.iter().map(|track| track.id).collect()
}

#[test]
fn every_fixture_in_every_profile_comes_back() {
    for name in CLEAR {
        let clear = fixture(name);
        let movie = inspect(&clear);
        for profile in PROFILES {
            let protected = protect(&clear, &options(profile.name)).unwrap();
            let back = decrypt(&protected, KEY).unwrap();
            for track in &movie.tracks {
                let want = samples(&clear, track.id);
                assert!(!want.is_empty());
                assert_eq!(samples(&back, track.id), want, "{name} {} {}", profile.name, track.id);
                let stored = samples(&protected, track.id);
                let text = track.kind.word() == "text";
                assert_eq!(stored == want, text, "track {} of {name} is encrypted", track.id);
            }
            assert_eq!(
                inspect(&back).tracks[0].entries[0].coding,
                movie.tracks[0].entries[0].coding
            );
        }
    }
}

#[test]
fn the_wrong_key_gives_other_bytes() {
    let clear = fixture("audio_only.isma");
    let protected = protect(&clear, &options("dual")).unwrap();
    let wrong = decrypt(&protected, "ffeeddccbbaa99887766554433221100").unwrap();
    assert_ne!(samples(&wrong, 1), samples(&clear, 1));
    let movie = inspect(&protected);
    let key = parse_key("ffeeddccbbaa99887766554433221100").unwrap();
    let decryption = Decryption::new(&movie, &[key]).unwrap();
    assert!(decryption.warnings()[0].contains("CHECKSUM"), "{:?}", decryption.warnings());
}

#[test]
fn structure_of_the_output() {
    for name in CLEAR {
        let clear = fixture(name);
        // cbcs has no IV a sample; tests/make.rs looks at it.
        for profile in PROFILES.iter().filter(|profile| profile.mode == CipherMode::Ctr) {
            let what = format!("{name} {}", profile.name);
            let file = protect(&clear, &options(profile.name)).unwrap();
            let movie = inspect(&file);
            assert!(movie.damage.is_none(), "{what}: {:?}", movie.findings);
            assert!(
                movie.findings.iter().all(|f| f.severity() != ismvault::checks::Severity::Error),
                "{what}: {:?}",
                movie.findings
            );
            check_ivs_and_boxes(&movie, &file, profile.iso, profile.piff, &what);
            check_index(&movie, &what);
            let brands = movie.ftyp.as_ref().unwrap();
            for brand in profile.brands {
                assert!(brands.compatible.iter().any(|b| b.0 == *brand), "{what}");
            }
        }
    }
}

fn check_ivs_and_boxes(movie: &Movie, file: &[u8], iso: bool, piff: bool, what: &str) {
    let protected: Vec<u32> =
        movie.tracks.iter().filter(|t| t.protection().is_some()).map(|t| t.id).collect();
    let mut ivs = HashSet::new();
    for (moof, fragments) in trafs(movie, file) {
        let mut at = moof.at + 8;
        for node in moof.children() {
            let Some(fragment) = fragments.iter().find(|_| node.kind.to_string() == "traf") else {
                at += node.size();
                continue;
            };
            let kinds: Vec<String> = node.children().iter().map(|n| n.kind.to_string()).collect();
            assert_eq!(
                kinds.contains(&"tfdt".to_owned()),
                iso || fragment.tfdt.is_some(),
                "{what}"
            );
            assert!(fragment.tfhd.base_data_offset.is_none(), "{what}");
            if iso {
                assert_ne!(fragment.tfhd.flags & Tfhd::DEFAULT_BASE_IS_MOOF, 0, "{what}");
            }
            if protected.contains(&fragment.tfhd.track_id) {
                let find = |kind| node.find(kind);
                let iso_senc = find(SENC);
                let piff_senc = find(PIFF_SENC);
                assert_eq!((iso_senc.is_some(), piff_senc.is_some()), (iso, piff), "{what}");
                if let (Some(a), Some(b)) = (iso_senc, piff_senc) {
                    assert_eq!(a.content, b.content, "{what}: one payload");
                }
                let senc = Senc::parse(iso_senc.or(piff_senc).unwrap(), 8).unwrap();
                assert_eq!(senc.samples.len(), fragment.samples.len(), "{what}");
                for (info, sample) in senc.samples.iter().zip(&fragment.samples) {
                    assert!(ivs.insert(info.iv.clone()), "{what}: an IV twice");
                    for s in &info.subsamples {
                        assert_eq!(s.protected % 16, 0, "{what}: whole blocks");
                        assert!(s.clear > 0 || s.protected > 0, "{what}: no empty entry");
                    }
                    let sum: u64 = info
                        .subsamples
                        .iter()
                        .map(|s| u64::from(s.clear) + u64::from(s.protected))
                        .sum();
                    assert!(info.subsamples.is_empty() || sum == u64::from(sample.size), "{what}");
                }
                if let Some(saio) = node.get_opt::<Saio>().unwrap() {
                    let first_iv = moof.at + saio.offsets[0];
                    assert_eq!(&file[first_iv as usize..][..8], senc.samples[0].iv, "{what}: saio");
                }
                let order = |name: &str| kinds.iter().position(|kind| kind == name);
                let smooth = kinds.iter().position(|kind| kind.starts_with("uuid[6d1d9b05"));
                if let (Some(saiz), Some(smooth)) = (order("saiz"), smooth) {
                    assert!(saiz < smooth, "{what}: {kinds:?}");
                }
            }
            at += node.size();
        }
        assert_eq!(at, moof.at + moof.size());
    }
    assert!(!ivs.is_empty());
}

fn check_index(movie: &Movie, what: &str) {
    if let Some(mfra) = &movie.mfra {
        let entries: Vec<_> =
            mfra.all(Tfra::KIND).flat_map(|n| Tfra::parse(n).unwrap().entries).collect();
        assert!(!entries.is_empty());
        for entry in entries {
            assert!(movie.fragments.iter().any(|f| f.moof.at == entry.moof_offset), "{what}: tfra");
        }
    }
    for node in &movie.indexes {
        let sidx = Sidx::parse(node).unwrap();
        let mut at = node.at + node.size() + sidx.first_offset;
        for reference in &sidx.references {
            assert!(movie.fragments.iter().any(|f| f.moof.at == at), "{what}: sidx");
            at += u64::from(reference.size);
        }
        assert_eq!(at, movie.fragments.last().unwrap().span.end(), "{what}: sidx");
    }
}

#[test]
fn a_segment_index_is_made_anew() {
    let movie = inspect(&protect(&fixture("cmaf_sidx.mp4"), &options("dual")).unwrap());
    assert_eq!(movie.indexes.len(), 1);
    assert!(Sidx::parse(&movie.indexes[0]).unwrap().references.len() > 1);
}

#[test]
fn units_may_be_done_in_any_order() {
    let file = fixture("h264_aac.ismv");
    let plan = || {
        let mut planner = Planner::new(Plan::new(&inspect(&file), &options("dual")).unwrap());
        drive(&mut planner, &file, usize::MAX).unwrap();
        planner.finish().unwrap()
    };
    let (one, other) = (plan(), plan());
    let units: Vec<_> = one
        .pieces()
        .iter()
        .filter_map(|piece| match piece {
            Piece::Work { unit, span } => {
                Some((*unit, file[span.at as usize..span.end() as usize].to_vec()))
            }
            _ => None,
        })
        .collect();
    let forwards: Vec<_> = units.iter().map(|(u, b)| one.work(*u, b).unwrap()).collect();
    let mut backwards: Vec<_> =
        units.iter().rev().map(|(u, b)| other.work(*u, b).unwrap()).collect();
    backwards.reverse();
    assert!(forwards.len() > 2);
    assert_eq!(forwards, backwards);
    for ((_, bytes), done) in units.iter().zip(&forwards) {
        assert!(done.len() > bytes.len());
    }
}

#[test]
fn a_worker_made_from_bytes_does_the_same() {
    for (name, profile) in
        [("av_text.ismv", "dual"), ("hevc.ismv", "cbcs"), ("bframes.ismv", "piff")]
    {
        let file = fixture(name);
        let mut how = options(profile);
        how.clear_lead = 1;
        let plan = Plan::new(&inspect(&file), &how).unwrap();
        let worker = Protector::from_setup(&plan.protector().setup(&how)).unwrap();
        let mut units = 0;
        for piece in plan.pieces() {
            let Piece::Work { unit, span } = piece else { continue };
            let bytes = &file[span.at as usize..span.end() as usize];
            let state = UnitState::from_bytes(&plan.unit_state(*unit).unwrap().to_bytes()).unwrap();
            let (here, proof) = plan.work_and_prove(*unit, bytes).unwrap();
            let mut there = Vec::new();
            let other = worker.work(&state, span.at, bytes, &mut there).unwrap();
            assert!(here == there, "{name}, unit {unit}");
            assert_eq!(proof, Proof::from_bytes(&other.to_bytes()).unwrap());
            assert_eq!(worker.measure(&state, span.at, bytes).unwrap(), there.len() as u64);
            units += 1;
        }
        assert!(units > 1, "{name}");
        let out = protect(&file, &how).unwrap();
        let keys = [parse_key(KEY).unwrap()];
        let decryption = Decryption::new(&inspect(&out), &keys).unwrap();
        let worker = Decryptor::from_setup(&decryption.decryptor().setup(&keys)).unwrap();
        for piece in decryption.pieces() {
            let Piece::Work { unit, span } = piece else { continue };
            let bytes = &out[span.at as usize..span.end() as usize];
            let mut there = Vec::new();
            worker.work(span.at, bytes, &mut there).unwrap();
            assert!(decryption.work(*unit, bytes).unwrap() == there, "{name}, unit {unit}");
        }
    }
}

#[test]
fn what_is_not_protected_stays_to_the_byte() {
    let clear = fixture("av_text.ismv");
    let mut chosen = options("dual");
    chosen.tracks = Some(vec![1]);
    let file = protect(&clear, &chosen).unwrap();
    let movie = inspect(&file);
    let protected: Vec<bool> = movie.tracks.iter().map(|t| t.protection().is_some()).collect();
    assert_eq!(protected, [true, false, false]);
    for id in [2, 3] {
        assert_eq!(samples(&file, id), samples(&clear, id));
    }
    // Every box of moov but those of protection.
    let boxes = |file: &[u8]| {
        let mut found = Vec::new();
        inspect(file).moov.unwrap().walk(&mut |node| {
            if node.children().is_empty() {
                found.push(node.to_bytes());
            }
        });
        found
    };
    let after: HashSet<Vec<u8>> = boxes(&file).into_iter().collect();
    for node in boxes(&clear) {
        assert!(after.contains(&node), "a box is gone: {:?}", String::from_utf8_lossy(&node[4..8]));
    }
}

#[test]
fn decode_times_keep_tracks_in_step() {
    let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
    let movie = inspect(&file);
    for id in ids(&movie) {
        let mut end = None;
        for (_, fragments) in trafs(&movie, &file) {
            for traf in fragments.iter().filter(|t| t.tfhd.track_id == id) {
                let time = traf.tfdt.unwrap().base_media_decode_time;
                let duration: u64 = traf.samples.iter().map(|s| u64::from(s.duration)).sum();
                if let Some(end) = end {
                    assert!(time.abs_diff(end) <= 1, "track {id}: {time} after {end}");
                }
                end = Some(time + duration);
            }
        }
    }
    // ffmpeg's AAC begins 1024 samples before zero; video is moved as much.
    let first = |id: u32| {
        let all = trafs(&movie, &file);
        let traf = all.iter().flat_map(|(_, t)| t).find(|t| t.tfhd.track_id == id).unwrap().clone();
        traf.tfdt.unwrap().base_media_decode_time
    };
    assert_eq!((first(1), first(2)), (213_333, 0));
}

#[test]
fn refusals_say_what_to_do() {
    let refused = |file: &[u8], change: fn(&mut ismvault::make::protect::Options)| {
        let mut chosen = options("dual");
        change(&mut chosen);
        protect(file, &chosen).unwrap_err()
    };
    let clear = fixture("av_text.ismv");
    let progressive = refused(&fixture("progressive.mp4"), |_| {});
    assert_eq!(progressive.code, Code::Progressive);
    assert!(progressive.message.contains("ismvault fragment"), "{progressive}");
    let protected = protect(&clear, &options("piff")).unwrap();
    assert_eq!(refused(&protected, |_| {}).code, Code::AlreadyProtected);
    assert_eq!(refused(&clear, |o| o.tracks = Some(vec![9])).code, Code::NoSuchTrack);
    assert_eq!(refused(&clear, |o| o.tracks = Some(vec![3])).code, Code::TextStaysClear);
    assert_eq!(refused(&clear, |o| o.tracks = Some(vec![])).code, Code::NothingToProtect);
    assert_eq!(refused(&clear, |o| o.la_url = Some("x".into())).code, Code::BadUrl);
    assert_eq!(
        refused(&clear, |o| o.keys[0].kid = ismvault::format::ids::Kid::of(0)).code,
        Code::ZeroKid
    );
    assert_eq!(
        refused(&clear, |o| o.keys[0].kid = ismvault::format::ids::Uuid::parse(KEY).unwrap()).code,
        Code::KidAsKey
    );
    assert_eq!(refused(&clear[..clear.len() / 2], |_| {}).code, Code::Damaged);
    // The same file with a codec nobody knows.
    let mut unknown = clear.clone();
    let at = unknown.windows(4).position(|w| w == b"avc1").unwrap();
    unknown[at..at + 4].copy_from_slice(b"zzz1");
    assert_eq!(refused(&unknown, |o| o.tracks = Some(vec![1])).code, Code::NoRule);
    // The others are protected, and what stays clear is told.
    let plan = Plan::new(&inspect(&unknown), &options("dual")).unwrap();
    assert_eq!(plan.preview().tracks, [2]);
    let told = plan.preview().sentences.join(" ");
    assert!(told.contains("Track 1 has the codec zzz1"), "{told}");
    let out = protect(&unknown, &options("dual")).unwrap();
    assert_eq!(samples(&out, 1), samples(&unknown, 1));
    assert_ne!(samples(&out, 2), samples(&unknown, 2));
    let mut alone = fixture("bframes.ismv");
    let at = alone.windows(4).position(|w| w == b"avc1").unwrap();
    alone[at..at + 4].copy_from_slice(b"zzz1");
    assert_eq!(refused(&alone, |_| {}).code, Code::NoRule);
}

#[test]
fn content_credentials_stay_and_are_told() {
    use ismvault::format::boxes::tables::C2PA;
    let mut nodes = ismvault_testkit::edit::open(&fixture("h264_aac.ismv"));
    let body = b"\0\0\0\0manifest\0\0\0\0\0\0\0\0\0jumb".to_vec();
    nodes.insert(1, ismvault::format::boxes::tree::Node::leaf(C2PA, body));
    // Without the index, whose offsets would be stale.
    ismvault_testkit::edit::remove(&mut nodes, ismvault_testkit::edit::code(b"mfra"));
    let file = ismvault_testkit::edit::close(&nodes);
    let plan = Plan::new(&inspect(&file), &options("dual")).unwrap();
    let told = plan.preview().sentences.join(" ");
    assert!(told.contains("content credentials (C2PA) no longer fit"), "{told}");
    let out = inspect(&protect(&file, &options("dual")).unwrap());
    assert!(out.top.iter().any(|top| top.kind == C2PA));
}

/// What ffmpeg and Shaka Packager make of our output is what was put in.
#[test]
fn ffmpeg_decrypts_dual_and_cenc() {
    let folder = scratch();
    let mut ffmpegs = vec![Path::new("ffmpeg").to_owned()];
    ffmpegs.extend(reader("ffmpeg-linux-x64"));
    for name in CLEAR {
        for profile in ["dual", "cenc"] {
            let path = folder.path().join("out.mp4");
            fs::write(&path, protect(&fixture(name), &options(profile)).unwrap()).unwrap();
            for ffmpeg in &ffmpegs {
                let (want, _) = framemd5(ffmpeg, None, &fixture_path(name));
                let (got, complaints) = framemd5(ffmpeg, Some(KEY), &path);
                assert!(!want.is_empty());
                assert_eq!(got, want, "{name} {profile} {}: {complaints}", ffmpeg.display());
                assert_ne!(framemd5(ffmpeg, None, &path).0, want, "{name} is encrypted");
            }
        }
    }
}

#[test]
fn ffmpeg_decodes_every_frame() {
    let folder = scratch();
    for name in CLEAR {
        let path = folder.path().join("out.mp4");
        fs::write(&path, protect(&fixture(name), &options("dual")).unwrap()).unwrap();
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-seekable", "0", "-decryption_key", KEY, "-i"])
            .arg(&path)
            .args(["-map", "0:v?", "-map", "0:a?", "-f", "null", "-"])
            .output()
            .unwrap();
        assert_eq!(text(&output.stderr), "", "{name}");
        assert!(output.status.success());
    }
}

#[test]
fn shaka_packager_decrypts_and_agrees_on_slice_headers() {
    let Some(packager) = reader("packager-linux-x64") else { return };
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let run = |args: &[String]| {
        let output = Command::new(&packager).args(args).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    let bare = KID.replace('-', "");
    let names = ["h264_aac.ismv", "hevc.ismv", "bframes.ismv", "slices.ismv"];
    for (name, profile) in names.iter().flat_map(|name| [(*name, "dual"), (*name, "cenc")]) {
        let clear = fixture(name);
        let ours = protect(&clear, &options(profile)).unwrap();
        fs::write(at("ours.mp4"), &ours).unwrap();
        let stream = |input: &Path, output: &Path| {
            format!("in={},stream=video,output={}", input.display(), output.display())
        };
        run(&[
            stream(&at("ours.mp4"), &at("clear.mp4")),
            "--enable_raw_key_decryption".into(),
            "--keys".into(),
            format!("label=:key_id={bare}:key={KEY}"),
        ]);
        let bytes = |file: &[u8], id: u32| -> Vec<Vec<u8>> {
            samples(file, id).into_iter().map(|(bytes, ..)| bytes).collect()
        };
        let decrypted = fs::read(at("clear.mp4")).unwrap();
        let id = inspect(&decrypted).tracks[0].id;
        assert_eq!(bytes(&decrypted, id), bytes(&clear, 1), "{name} {profile}");
        // Its own encryption leaves as many bytes of each slice clear as ours.
        run(&[
            stream(&fixture_path(name), &at("theirs.mp4")),
            "--enable_raw_key_encryption".into(),
            "--keys".into(),
            format!("label=:key_id={bare}:key={KEY}"),
            "--clear_lead".into(),
            "0".into(),
            "--protection_scheme".into(),
            "cenc".into(),
        ]);
        let theirs = fs::read(at("theirs.mp4")).unwrap();
        let found = protected_sizes(&theirs);
        assert!(found.len() > 20);
        assert_eq!(protected_sizes(&ours)[..found.len()], found, "{name}");
    }
}

/// For each video sample, the protected bytes of each of its slices.
fn protected_sizes(file: &[u8]) -> Vec<Vec<u32>> {
    let movie = inspect(file);
    let id = movie.tracks[0].id;
    trafs(&movie, file)
        .iter()
        .filter(|(_, fragments)| fragments[0].tfhd.track_id == id)
        .flat_map(|(moof, _)| {
            let traf = moof.path(&[b"traf"]).unwrap();
            Senc::parse(traf.find(SENC).unwrap(), 8).unwrap().samples
        })
        .map(|info| info.subsamples.iter().map(|s| s.protected).filter(|p| *p > 0).collect())
        .collect()
}

#[test]
fn the_corpus_is_judged_by_samples_py() {
    let Some(judge) = shared("oracle/samples.py") else { return };
    let folder = scratch();
    let out = folder.path().join("out.mp4");
    let mut judged = 0;
    for entry in fs::read_dir(shared("corpus").unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let Ok(file) = fs::read(&path) else { continue };
        let movie = inspect(&file);
        if ismvault::make::protect::refusal(&movie).is_some() {
            continue;
        }
        for profile in PROFILES {
            fs::write(&out, protect(&file, &options(profile.name)).unwrap()).unwrap();
            compare(&judge, &[&out, &path], Some(KEY), profile.name);
            fs::write(&out, decrypt(&fs::read(&out).unwrap(), KEY).unwrap()).unwrap();
            compare(&judge, &[&out, &path], None, profile.name);
        }
        judged += 1;
    }
    assert!(judged >= 14, "{judged} files were judged");
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn files_that_others_protected_are_decrypted() {
    let list = shared("corpus/expected_dev.json").expect("../shared is beside the project");
    let corpus = shared("corpus").unwrap();
    let list: serde_json::Value = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    let mut decrypted = 0;
    for (name, about) in list["files"].as_object().unwrap() {
        let Some(keys) = about["keys"].as_object() else { continue };
        let file = fs::read(corpus.join(name)).unwrap();
        let movie = inspect(&file);
        if movie.moov.is_none() || movie.fragments.is_empty() {
            continue; // an initialization segment, or a media segment alone
        }
        let keys: Vec<_> = keys
            .iter()
            .map(|(kid, key)| parse_key(&format!("{kid}:{}", key.as_str().unwrap())).unwrap())
            .collect();
        let decryption = Decryption::new(&movie, &keys).unwrap();
        assert_eq!(decryption.warnings(), [] as [String; 0], "{name}");
        let back = output_of(decryption, &file).unwrap();
        for track in about["facts"]["tracks"].as_array().unwrap() {
            let id = track["id"].as_u64().unwrap() as u32;
            let bytes: Vec<u8> = samples(&back, id).into_iter().flat_map(|(b, ..)| b).collect();
            let hash = ismvault::format::cipher::hex(&Sha256::digest(&bytes));
            assert_eq!(hash, track["clear_sha256"], "track {id} of {name}");
        }
        decrypted += 1;
    }
    assert!(decrypted >= 10, "{decrypted} files were decrypted");
}

fn compare(judge: &Path, files: &[&Path], key: Option<&str>, what: &str) {
    let mut command = Command::new("python3");
    command.arg(judge).arg("--compare").args(files);
    if let Some(key) = key {
        command.args(["--key", key]);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{what} {}: {}{}",
        files[1].display(),
        text(&output.stdout),
        text(&output.stderr)
    );
}
