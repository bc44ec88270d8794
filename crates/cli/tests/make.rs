//! Files made of files: sets, muxing, fragmenting, other boxes, repair,
//! manifests. What comes out is judged by ffmpeg, Shaka Packager and, where it
//! is there, by `../shared/oracle/samples.py`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::checks::{CheckId, Severity};
use ismvault::error::Code;
use ismvault::format::boxes::Mp4Box as _;
use ismvault::format::boxes::fragment::{Saio, Saiz};
use ismvault::format::boxes::index::{Sidx, Tfra};
use ismvault::format::boxes::protection::SENC;
use ismvault::format::boxes::tables::{Stco, Stsc};
use ismvault::make::decrypt::{Decryption, parse_key};
use ismvault::make::fragmenter::fragment;
use ismvault::make::mux::{Mux, MuxInput, MuxOptions};
use ismvault::make::proof::{Proven, Proves as _};
use ismvault::make::protect::{PROFILES, Plan, Profile, Target, TrackKey};
use ismvault::{Error, Piece, Recipe};
use ismvault_testkit::{
    CLEAR, KEY, KID, cli, decrypted, fixture, fixture_path, framemd5, in_order, inspect, options,
    output_of, protect, reader, samples, scratch, shared, text,
};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const OTHER_KID: &str = "10000000-1000-1000-1000-100000000001";
const OTHER_KEY: &str = "3a2a1b68dd2bd9b2eeb25e84c4776668";

fn rebox(file: &[u8], profile: &str) -> Result<Vec<u8>, Error> {
    let profile = Some(Profile::parse(profile)?);
    in_order(file, MuxOptions { profile, ..MuxOptions::default() })
}

fn repair(file: &[u8]) -> Result<Vec<u8>, Error> {
    in_order(file, MuxOptions { mend: true, ..MuxOptions::default() })
}

fn errors(file: &[u8]) -> Vec<String> {
    let movie = inspect(file);
    let grave = movie.findings.iter().filter(|f| f.severity() == Severity::Error);
    grave.map(|f| format!("{}: {}", f.check.id, f.message)).collect()
}

/// Every index entry is a fragment of its track, and every `saio` an IV.
fn check_indexes(file: &[u8]) {
    let movie = inspect(file);
    let mut entries = 0;
    for node in movie.mfra.as_ref().expect("an index").all(Tfra::KIND) {
        let tfra = Tfra::parse(node).unwrap();
        for entry in &tfra.entries {
            let fragment = movie.fragments.iter().find(|f| f.moof.at == entry.moof_offset).unwrap();
            assert_eq!(fragment.runs[0].track_id, tfra.track_id);
            entries += 1;
        }
    }
    assert!(entries > 0);
    for (moof, _) in ismvault_testkit::trafs(&movie, file) {
        for traf in moof.children() {
            let Some(saio) = traf.get_opt::<Saio>().unwrap() else { continue };
            assert!(saio.offsets[0] < moof.size(), "saio points into its moof");
        }
    }
}

/// Judges two files to have the same samples, where the judge is there.
fn judged(ours: &Path, theirs: &Path, keys: &[String]) {
    let Some(judge) = shared("oracle/samples.py") else { return };
    let mut command = Command::new("python3");
    command.arg(judge).arg("--compare").args([ours, theirs]);
    for key in keys {
        command.args(["--key", key]);
    }
    let output = command.output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{}: {said}", ours.display());
}

fn run(args: &[&str]) -> String {
    let output = cli(args);
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

fn refused(args: &[&str]) -> String {
    let output = cli(args);
    assert!(!output.status.success(), "{args:?} was done");
    text(&output.stderr)
}

fn as_str(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn boxes_are_written_anew_without_the_key() {
    for name in CLEAR {
        let clear = fixture(name);
        let movie = inspect(&clear);
        for from in ["piff", "dual", "cenc"] {
            let protected = protect(&clear, &options(from)).unwrap();
            for to in ["dual", "piff", "cenc"] {
                let what = format!("{name} from {from} to {to}");
                let out = rebox(&protected, to).unwrap();
                assert_eq!(errors(&out), [] as [String; 0], "{what}");
                check_indexes(&out);
                let scheme = inspect(&out).tracks[0].protection().unwrap().scheme.unwrap();
                assert_eq!(scheme.scheme(), Some(Profile::parse(to).unwrap().scheme), "{what}");
                let keys = [parse_key(KEY).unwrap()];
                let back = Decryption::new(&inspect(&out), &keys).unwrap();
                let back = output_of(back, &out).unwrap();
                for track in &movie.tracks {
                    // Ciphertext as it was, and what it decrypts to.
                    assert_eq!(samples(&out, track.id), samples(&protected, track.id), "{what}");
                    assert_eq!(samples(&back, track.id), samples(&clear, track.id), "{what}");
                }
            }
        }
    }
}

#[test]
fn reboxing_copies_the_media_and_only_that() {
    let protected = protect(&fixture("h264_aac.ismv"), &options("piff")).unwrap();
    let movie = inspect(&protected);
    let input = MuxInput { name: "", movie: &movie, at: 0, tracks: None };
    let profile = Some(Profile::parse("dual").unwrap());
    let options = MuxOptions { profile, ..MuxOptions::default() };
    let mut mux = Mux::new(&[input], options).unwrap();
    let steps = ismvault_testkit::drive(&mut mux, &protected, usize::MAX).unwrap();
    let read: u64 = steps.iter().flatten().map(|span| span.len).sum();
    let moofs: u64 = movie.fragments.iter().map(|f| f.moof.len).sum();
    assert_eq!(read, moofs, "nothing but moofs is read");
    let stitched = mux.finish().unwrap();
    let media: u64 = movie.tracks.iter().map(|track| track.totals.bytes).sum();
    let copied = stitched.pieces().iter().map(|piece| match piece {
        Piece::Copy(span) => span.len,
        _ => 0,
    });
    assert_eq!(copied.sum::<u64>(), media, "every sample is copied, and nothing else");
    assert!(!stitched.pieces().iter().any(|piece| matches!(piece, Piece::Work { .. })));
}

#[test]
fn ffmpeg_and_shaka_read_what_was_piff() {
    let folder = scratch();
    let path = folder.path().join("out.mp4");
    let mut ffmpegs = vec![PathBuf::from("ffmpeg")];
    ffmpegs.extend(reader("ffmpeg-linux-x64"));
    for name in ["h264_aac.ismv", "bframes.ismv", "av_text.ismv"] {
        let piff = protect(&fixture(name), &options("piff")).unwrap();
        for to in ["dual", "cenc"] {
            fs::write(&path, rebox(&piff, to).unwrap()).unwrap();
            for ffmpeg in &ffmpegs {
                let (want, _) = framemd5(ffmpeg, None, &fixture_path(name));
                assert_eq!(framemd5(ffmpeg, Some(KEY), &path).0, want, "{name} {to}");
            }
            assert_eq!(shaka(&path, &[(KID, KEY)], "video"), payloads(&fixture(name), 1));
        }
    }
}

/// What Shaka Packager decrypts of a stream: every sample. Empty where it is not
/// there, as then nothing can be compared.
fn shaka(file: &Path, keys: &[(&str, &str)], stream: &str) -> Vec<Vec<u8>> {
    let Some(packager) = reader("packager-linux-x64") else { return payloads_of_nothing(file) };
    let out = file.with_extension("shaka.mp4");
    let keys: Vec<String> = keys
        .iter()
        .enumerate()
        .map(|(i, (kid, key))| format!("label={i}:key_id={}:key={key}", kid.replace('-', "")))
        .collect();
    let output = Command::new(packager)
        .arg(format!("in={},stream={stream},output={}", file.display(), out.display()))
        .args(["--enable_raw_key_decryption", "--keys", &keys.join(",")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", file.display(), text(&output.stderr));
    let made = fs::read(out).unwrap();
    payloads(&made, inspect(&made).tracks[0].id)
}

/// Stands in where Shaka Packager is not there: what our own reader decrypts.
fn payloads_of_nothing(file: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(file).unwrap();
    let keys = [parse_key(KEY).unwrap()];
    let clear = output_of(Decryption::new(&inspect(&bytes), &keys).unwrap(), &bytes).unwrap();
    payloads(&clear, 1)
}

fn payloads(file: &[u8], track: u32) -> Vec<Vec<u8>> {
    samples(file, track).into_iter().map(|(bytes, ..)| bytes).collect()
}

#[test]
fn a_set_becomes_one_file() {
    let folder = scratch();
    let out = folder.path().join("one.ismv");
    let names = ["set_high.ismv", "set_low.ismv", "set_eng.isma", "set_deu.isma"];
    let paths: Vec<PathBuf> = names.iter().map(|name| fixture_path(name)).collect();
    let inputs: Vec<&str> = paths.iter().map(|path| as_str(path)).collect();
    let target = as_str(&out).to_owned();
    let mux = |more: &'static [&'static str]| {
        [&["mux"], &inputs[..], &["-o", target.as_str(), "--force"], more].concat()
    };

    run(&mux(&[]));
    let file = fs::read(&out).unwrap();
    assert_eq!(errors(&file), [] as [String; 0]);
    check_indexes(&file);
    let movie = inspect(&file);
    let found: Vec<(u32, &str, &str)> =
        movie.tracks.iter().map(|t| (t.id, t.kind.word(), t.language.as_str())).collect();
    assert_eq!(found, [(1, "video", "und"), (2, "audio", "eng"), (3, "audio", "deu")]);
    assert_eq!(samples(&file, 1), samples(&fixture("set_high.ismv"), 1));
    assert_eq!(samples(&file, 2), samples(&fixture("set_eng.isma"), 1));
    assert_eq!(samples(&file, 3), samples(&fixture("set_deu.isma"), 1));
    // Interleaved by time, one track a fragment, every one with a decode time.
    let times: Vec<i64> = movie.fragments.iter().map(|f| f.runs[0].decode_time.unwrap()).collect();
    assert!(times.is_sorted() && movie.fragments.iter().all(|f| f.runs.len() == 1));
    // ffmpeg finds the same samples, all tracks together.
    let of = |name| framemd5(Path::new("ffmpeg"), None, &fixture_path(name)).0;
    let hashes = |lines: Vec<String>| {
        let mut all: Vec<String> =
            lines.iter().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect();
        all.sort();
        all
    };
    let want = [of("set_high.ismv"), of("set_eng.isma"), of("set_deu.isma")].concat();
    assert_eq!(hashes(framemd5(Path::new("ffmpeg"), None, &out).0), hashes(want));

    // Choices.
    run(&mux(&["--under", "100", "--audio", "deu"]));
    let file = fs::read(&out).unwrap();
    assert_eq!(samples(&file, 1), samples(&fixture("set_low.ismv"), 1));
    assert_eq!(inspect(&file).tracks[1].language, "deu");
    run(&mux(&["--height", "72", "--audio", "eng"]));
    assert_eq!(samples(&fs::read(&out).unwrap(), 1), samples(&fixture("set_low.ismv"), 1));
    run(&mux(&["--video", "set_low.ismv"]));
    assert_eq!(samples(&fs::read(&out).unwrap(), 1), samples(&fixture("set_low.ismv"), 1));
    let sentence = refused(&mux(&["--under", "10"]));
    assert!(sentence.contains("No video is that small; there are"), "{sentence}");
    let sentence = refused(&mux(&["--audio", "fra"]));
    assert!(sentence.contains("no audio in the language fra; there is"), "{sentence}");

    // Muxed and protected in one go, and by the folder with its manifests.
    let set = folder.path().join("set");
    run(&[&["manifest"], &inputs[..2], &["--out", as_str(&set), "--format", "ism"]].concat());
    for name in &names[2..] {
        fs::copy(fixture_path(name), set.join(name)).unwrap();
    }
    let made = folder.path().join("protected.mp4");
    let protection = ["--kid", KID, "--key", KEY, "--la-url", "https://licence.example/"];
    run(&[&["mux", as_str(&set), "-o", as_str(&made)], &protection[..]].concat());
    let (want, _) = framemd5(Path::new("ffmpeg"), None, &fixture_path("set_high.ismv"));
    let got = framemd5(Path::new("ffmpeg"), Some(KEY), &made).0;
    assert!(want.iter().all(|line| got.contains(line)));
    assert_eq!(shaka(&made, &[(KID, KEY)], "video"), payloads(&fixture("set_high.ismv"), 1));
}

#[test]
fn a_set_that_does_not_fit_is_refused_with_the_place() {
    let folder = scratch();
    let out = folder.path().join("one.ismv");
    // Twice as long as the audio.
    let long = folder.path().join("long.ismv");
    ismvault_testkit::write_large(&long, 3_000_000);
    let sentence =
        refused(&["mux", as_str(&long), as_str(&fixture_path("set_eng.isma")), "-o", as_str(&out)]);
    assert!(sentence.contains("They are not of one title"), "{sentence}");
    assert!(sentence.contains("at byte"), "{sentence}");
    // A manifest that lists other chunks.
    let set = folder.path().join("set");
    run(&[
        "manifest",
        as_str(&fixture_path("set_high.ismv")),
        "--out",
        as_str(&set),
        "--format",
        "ism",
    ]);
    let manifest = set.join("set_high.ismc");
    let told = fs::read_to_string(&manifest).unwrap().replace("d=\"20000000\"", "d=\"10000000\"");
    fs::write(&manifest, told).unwrap();
    let sentence = refused(&["mux", as_str(&set), "-o", as_str(&out)]);
    assert!(sentence.contains("do not fit together"), "{sentence}");
    assert!(!out.exists());
    let clear = fixture_path("slices.ismv");
    let sentence = refused(&["rebox", as_str(&clear), "-o", as_str(&out), "--profile", "dual"]);
    assert!(sentence.contains("The file is clear"), "{sentence}");
    let cbcs = folder.path().join("cbcs.mp4");
    fs::write(&cbcs, protect(&fixture("slices.ismv"), &options("cbcs")).unwrap()).unwrap();
    let sentence = refused(&["rebox", as_str(&cbcs), "-o", as_str(&out), "--profile", "dual"]);
    assert!(sentence.contains("boxes alone cannot change that"), "{sentence}");
}

#[test]
fn a_progressive_file_is_fragmented() {
    let folder = scratch();
    for name in ["progressive.mp4", "eac3.mp4"] {
        let clear = fixture(name);
        let file = output_of(fragment(&inspect(&clear)).unwrap().0, &clear).unwrap();
        assert_eq!(errors(&file), [] as [String; 0], "{name}");
        check_indexes(&file);
        let out = folder.path().join(name);
        fs::write(&out, &file).unwrap();
        judged(&out, &fixture_path(name), &[]);
        let ffmpeg = Path::new("ffmpeg");
        assert_eq!(framemd5(ffmpeg, None, &out).0, framemd5(ffmpeg, None, &fixture_path(name)).0);
        assert_eq!(times(&out), times(&fixture_path(name)), "{name}: the edit list is kept");
        // What comes out can be protected.
        let protected = protect(&file, &options("dual")).unwrap();
        fs::write(&out, protected).unwrap();
        judged(&out, &fixture_path(name), &[KEY.into()]);
    }
    // A set may have progressive files in it.
    let out = folder.path().join("mixed.ismv");
    run(&[
        "mux",
        as_str(&fixture_path("eac3.mp4")),
        as_str(&fixture_path("set_high.ismv")),
        "-o",
        as_str(&out),
    ]);
    let mixed = fs::read(&out).unwrap();
    assert_eq!(samples(&mixed, 1), samples(&fixture("set_high.ismv"), 1));
    assert_eq!(inspect(&mixed).tracks[1].codec().unwrap().string, "ec-3");
    assert_eq!(errors(&mixed), [] as [String; 0]);
    // A file whose first samples are in moov, the others in fragments.
    let sample = ismvault_testkit::root().join("www/sample.ismv");
    let part = folder.path().join("part.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-i", as_str(&sample), "-c", "copy", "-movflags", "frag_keyframe"])
        .arg(&part)
        .status();
    assert!(made.unwrap().success());
    let movie = inspect(&fs::read(&part).unwrap());
    assert!(movie.tracks[0].listed > 0 && !movie.fragments.is_empty());
    run(&["repair", as_str(&part), "-o", as_str(&out), "--force"]);
    let clear = fs::read(&sample).unwrap();
    for id in [1, 2] {
        assert_eq!(payloads(&fs::read(&out).unwrap(), id), payloads(&clear, id));
    }
    // About two seconds, and from sync sample to sync sample.
    let long = folder.path().join("long.mp4");
    let sample = ismvault_testkit::root().join("www/sample.ismv");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-i", as_str(&sample), "-c", "copy", as_str(&long)])
        .status();
    assert!(made.unwrap().success());
    let clear = fs::read(&long).unwrap();
    let file = output_of(fragment(&inspect(&clear)).unwrap().0, &clear).unwrap();
    let movie = inspect(&file);
    let video = movie.fragments.iter().filter(|f| f.runs[0].track_id == 1);
    let lengths: Vec<f64> =
        video.map(|f| f.runs[0].duration as f64 / f64::from(movie.tracks[0].timescale)).collect();
    assert!(lengths.len() == 6 && lengths.iter().all(|s| (*s - 2.0).abs() < 0.001), "{lengths:?}");
    assert!(movie.fragments.iter().all(|f| f.runs[0].sync_start));
}

/// When ffmpeg presents each packet, edit lists applied.
fn times(file: &Path) -> Vec<String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", "packet=stream_index,pts_time", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let mut lines: Vec<String> =
        text(&output.stdout).lines().map(|line| line.trim_end_matches(',').to_owned()).collect();
    lines.retain(|line| line.contains(|c: char| c.is_ascii_digit()));
    lines.sort();
    lines
}

#[test]
fn what_an_edit_list_never_shows_goes() {
    let folder = scratch();
    let cut = folder.path().join("cut.mp4");
    let sample = ismvault_testkit::root().join("www/sample.ismv");
    // Cut without re-encoding: an edit list hides what is before the third second.
    let made = Command::new("ffmpeg")
        .args([
            "-v",
            "error",
            "-ss",
            "3",
            "-i",
            as_str(&sample),
            "-t",
            "4",
            "-c",
            "copy",
            as_str(&cut),
        ])
        .status();
    assert!(made.unwrap().success());
    let clear = fs::read(&cut).unwrap();
    let file = output_of(fragment(&inspect(&clear)).unwrap().0, &clear).unwrap();
    let out = folder.path().join("out.ismv");
    fs::write(&out, &file).unwrap();
    assert_eq!(errors(&file), [] as [String; 0]);
    let shown = |path: &Path| -> Vec<String> {
        times(path).into_iter().filter(|line| !line.contains(",-")).collect()
    };
    assert_eq!(shown(&out), shown(&cut));
}

#[test]
fn a_manifest_and_its_fragments_become_a_file() {
    let folder = scratch();
    let eac3 = folder.path().join("eac3.isma");
    run(&["fragment", as_str(&fixture_path("eac3.mp4")), "-o", as_str(&eac3)]);
    let protected = folder.path().join("piff.ismv");
    fs::write(&protected, protect(&fixture("h264_aac.ismv"), &options("piff")).unwrap()).unwrap();
    let cases = [
        (fixture_path("h264_aac.ismv"), None),
        (fixture_path("hevc.ismv"), None),
        (fixture_path("set_eng.isma"), None),
        (eac3, None),
        (protected, Some(fixture_path("h264_aac.ismv"))),
    ];
    for (number, (source, clear)) in cases.into_iter().enumerate() {
        let base = folder.path().join(number.to_string());
        let (manifests, parts) = (base.join("ism"), base.join("parts"));
        run(&["manifest", as_str(&source), "--out", as_str(&manifests), "--format", "ism"]);
        run(&[
            "manifest",
            as_str(&source),
            "--out",
            as_str(&parts),
            "--format",
            "dash",
            "--segments",
        ]);
        let stem = source.file_stem().unwrap().to_str().unwrap();
        let manifest = manifests.join(format!("{stem}.ismc"));
        let out = base.join("whole.ismv");
        run(&["assemble", as_str(&manifest), as_str(&parts), "-o", as_str(&out)]);
        let file = fs::read(&out).unwrap();
        assert_eq!(errors(&file), [] as [String; 0], "{stem}");
        let (was, is) = (inspect(&fs::read(&source).unwrap()), inspect(&file));
        for (a, b) in was.tracks.iter().zip(&is.tracks) {
            let entry = |t: &ismvault::model::Track| {
                let e = &t.entries[0];
                (
                    e.codec.string.clone(),
                    e.codec.private_data.clone(),
                    e.codec.channels,
                    e.codec.dimensions,
                )
            };
            assert_eq!(entry(b), entry(a), "{stem}");
            assert_eq!((b.timescale, &b.language), (a.timescale, &a.language), "{stem}");
        }
        match clear {
            None => {
                judged(&out, &source, &[]);
                let complaints = Command::new("ffmpeg")
                    .args(["-nostdin", "-v", "error", "-i", as_str(&out), "-f", "null", "-"])
                    .output()
                    .unwrap();
                assert_eq!(text(&complaints.stderr), "", "{stem} decodes");
                let ffmpeg = Path::new("ffmpeg");
                assert_eq!(framemd5(ffmpeg, None, &out).0, framemd5(ffmpeg, None, &source).0);
            }
            Some(clear) => {
                assert_eq!(is.tracks[0].protection().unwrap().kid.unwrap().to_string(), KID);
                judged(&out, &clear, &[KEY.into()]);
                let keys = [parse_key(KEY).unwrap()];
                let back = output_of(Decryption::new(&is, &keys).unwrap(), &file).unwrap();
                assert_eq!(samples(&back, 1), samples(&fixture("h264_aac.ismv"), 1));
            }
        }
        // Without one of them it is refused, by name.
        let fragments: Vec<PathBuf> = walk(&parts);
        let one = fragments.iter().find(|path| path.to_string_lossy().contains("=20000000)"));
        if let Some(one) = one {
            fs::remove_file(one).unwrap();
            let args =
                ["assemble", as_str(&manifest), as_str(&parts), "-o", as_str(&out), "--force"];
            let sentence = refused(&args);
            assert!(sentence.contains("is missing") && sentence.contains("20000000"), "{sentence}");
        }
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn one_file_of_fragments_and_nothing_else() {
    // What people have who downloaded a stream: fragments one behind the other.
    let folder = scratch();
    let (ism, parts) = (folder.path().join("ism"), folder.path().join("parts"));
    let source = fixture_path("set_high.ismv");
    run(&["manifest", as_str(&source), "--out", as_str(&ism), "--format", "ism"]);
    run(&["manifest", as_str(&source), "--out", as_str(&parts), "--format", "dash", "--segments"]);
    let mut fragments: Vec<PathBuf> =
        walk(&parts).into_iter().filter(|p| p.to_string_lossy().contains("Fragments(")).collect();
    fragments.sort();
    let joined: Vec<u8> = fragments.iter().flat_map(|path| fs::read(path).unwrap()).collect();
    let (bare, out) = (folder.path().join("downloaded.bin"), folder.path().join("whole.ismv"));
    fs::write(&bare, joined).unwrap();
    let manifest = ism.join("set_high.ismc");
    run(&["assemble", as_str(&manifest), as_str(&bare), "-o", as_str(&out)]);
    assert_eq!(samples(&fs::read(&out).unwrap(), 1), samples(&fixture("set_high.ismv"), 1));
}

#[test]
fn fragments_without_times_follow_their_names() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25", "-t", "24"])
        .args(["-c:v", "libx264", "-g", "50", "-keyint_min", "50", as_str(&at("in.mp4"))])
        .status();
    assert!(made.unwrap().success());
    let (whole, ism, parts) = (at("whole.ismv"), at("ism"), at("parts"));
    run(&["fragment", as_str(&at("in.mp4")), "-o", as_str(&whole)]);
    run(&["manifest", as_str(&whole), "--out", as_str(&ism), "--format", "ism"]);
    // As a downloader leaves them: numbered, and with no time in them.
    let file = fs::read(&whole).unwrap();
    fs::create_dir(&parts).unwrap();
    let fragments = inspect(&file).fragments;
    assert!(fragments.len() > 10);
    for (number, fragment) in fragments.iter().enumerate() {
        let mut bytes = file[fragment.span.at as usize..fragment.span.end() as usize].to_vec();
        let tfdt = bytes.windows(4).position(|w| w == b"tfdt").unwrap();
        bytes[tfdt..tfdt + 4].copy_from_slice(b"free");
        fs::write(parts.join(format!("film.part-Frag{number}")), bytes).unwrap();
    }
    let out = at("out.ismv");
    run(&["assemble", as_str(&ism.join("whole.ismc")), as_str(&parts), "-o", as_str(&out)]);
    let made = fs::read(&out).unwrap();
    assert_eq!(samples(&made, 1), samples(&file, 1));
    let times = |file: &[u8]| -> Vec<Option<i64>> {
        inspect(file).fragments.iter().map(|f| f.runs[0].decode_time).collect()
    };
    assert_eq!(times(&made), times(&file));
}

#[test]
fn broken_files_are_repaired() {
    let clear = fixture("h264_aac.ismv");
    let whole = inspect(&clear);
    // An index that points nowhere.
    let mut stale = clear.clone();
    let mfra = whole.mfra.as_ref().unwrap().at as usize;
    for at in mfra..stale.len() - 20 {
        if stale[at..at + 4] == *b"tfra" {
            stale[at + 30] ^= 0x15;
        }
    }
    assert_ne!(stale, clear);
    // A file cut in its last fragment, one without an index, a live stream's head.
    let last = whole.fragments.last().unwrap().span;
    let cut = clear[..(last.at + last.len / 2) as usize].to_vec();
    let bare = clear[..mfra].to_vec();
    let mut live = clear.clone();
    let ftyp_end = whole.top[0].span.end() as usize;
    let manifest = ismvault::format::boxes::tree::Node::leaf(
        ismvault::format::boxes::piff::LIVE_MANIFEST,
        [&[0; 4][..], b"<smil></smil>"].concat(),
    );
    live.splice(ftyp_end..ftyp_end, manifest.to_bytes());
    for (what, file) in [("stale", stale), ("cut", cut), ("bare", bare), ("live", live)] {
        let out = repair(&file).unwrap();
        assert_eq!(errors(&out), [] as [String; 0], "{what}");
        check_indexes(&out);
        let movie = inspect(&out);
        assert!(movie.fragments.iter().all(|f| f.runs[0].has_tfdt), "{what}");
        assert!(!movie.findings.iter().any(|f| f.check.id == CheckId::LiveManifest), "{what}");
        for track in &whole.tracks {
            let (now, was) = (samples(&out, track.id), samples(&clear, track.id));
            if what == "cut" {
                assert!(!now.is_empty() && was.starts_with(&now));
            } else {
                assert_eq!(now, was, "{what}");
            }
        }
    }
    // Protected files keep their protection.
    let protected = protect(&clear, &options("dual")).unwrap();
    let out = repair(&protected).unwrap();
    let back = Decryption::new(&inspect(&out), &[parse_key(KEY).unwrap()]).unwrap();
    assert_eq!(samples(&output_of(back, &out).unwrap(), 1), samples(&clear, 1));
}

#[test]
fn several_keys_schemes_and_a_clear_lead() {
    let folder = scratch();
    let path = folder.path().join("out.mp4");
    let other = || TrackKey {
        target: Target::Audio,
        kid: ismvault::format::ids::Kid::parse(OTHER_KID).unwrap(),
        key: ismvault::format::cipher::ContentKey::parse(OTHER_KEY).unwrap(),
    };
    let keys = [format!("{KID}:{KEY}"), format!("{OTHER_KID}:{OTHER_KEY}")];
    let plain: Vec<String> = keys.iter().map(|key| key.replace('-', "")).collect();
    let name = "h264_aac.ismv";
    let clear = fixture(name);
    let mut tried = 0;
    for profile in PROFILES {
        for (iv_size, lead) in [(8, 0), (8, 1), (16, 0), (16, 1)] {
            let what = format!("{} {iv_size} {lead}", profile.name);
            let mut chosen = options(profile.name);
            chosen.keys.push(other());
            chosen.iv_size = iv_size;
            chosen.clear_lead = lead;
            chosen.widevine = true;
            let file = protect(&clear, &chosen).unwrap();
            assert_eq!(errors(&file), [] as [String; 0], "{what}");
            fs::write(&path, &file).unwrap();
            judged(&path, &fixture_path(name), &plain);
            // The header names both keys, in the oldest version that can.
            let movie = inspect(&file);
            let header = movie.systems[0].playready.as_ref().unwrap();
            let version = if profile.mode == ismvault::format::cipher::CipherMode::Cbc {
                "4.3.0.0"
            } else {
                "4.2.0.0"
            };
            assert_eq!((header.version.as_str(), header.kids.len()), (version, 2), "{what}");
            // Ours, with the original sample entries.
            let parsed: Vec<_> = keys.iter().map(|key| parse_key(key).unwrap()).collect();
            let back = output_of(Decryption::new(&movie, &parsed).unwrap(), &file).unwrap();
            for id in [1, 2] {
                assert_eq!(samples(&back, id), samples(&clear, id), "{what}");
                let same = samples(&file, id)
                    .iter()
                    .zip(samples(&clear, id))
                    .filter(|(a, b)| **a == *b)
                    .count();
                let first = inspect(&clear)
                    .fragments
                    .iter()
                    .flat_map(|f| &f.runs)
                    .find(|r| r.track_id == id)
                    .unwrap()
                    .samples;
                assert_eq!(
                    same as u32,
                    if lead == 1 { first } else { 0 },
                    "{what}: the lead is clear"
                );
            }
            if !profile.iso {
                continue;
            }
            // Theirs.
            let want = (payloads(&clear, 1), payloads(&clear, 2));
            if reader("packager-linux-x64").is_some() {
                let pairs = [(KID, KEY), (OTHER_KID, OTHER_KEY)];
                assert_eq!(shaka(&path, &pairs, "video"), want.0, "{what}");
                assert_eq!(shaka(&path, &pairs, "audio"), want.1, "{what}");
            }
            if let Some(ffmpeg) = reader("ffmpeg-linux-x64") {
                let pairs =
                    plain.iter().map(|key| key.replace(':', "=")).collect::<Vec<_>>().join(":");
                let output = Command::new(&ffmpeg)
                    .args([
                        "-nostdin",
                        "-v",
                        "error",
                        "-decryption_keys",
                        &pairs,
                        "-i",
                        as_str(&path),
                    ])
                    .args(["-map", "0", "-c", "copy", "-f", "framemd5", "-"])
                    .output()
                    .unwrap();
                let mut lines: Vec<String> = text(&output.stdout)
                    .lines()
                    .filter(|line| !line.starts_with('#'))
                    .map(|line| {
                        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
                        format!("{} {} {}", fields[0], fields[4], fields[5])
                    })
                    .collect();
                lines.sort();
                assert_eq!(lines, framemd5(&ffmpeg, None, &fixture_path(name)).0, "{what}");
            }
            tried += 1;
        }
    }
    assert_eq!(tried, 12);
}

#[test]
fn a_key_is_tried_on_a_protected_progressive_file() {
    let folder = scratch();
    let (ours, theirs) = (folder.path().join("in.mp4"), folder.path().join("out.mp4"));
    let source = ismvault_testkit::root().join("www/sample.ismv");
    for (input, output, more) in [
        (&source, &ours, &[][..]),
        (&ours, &theirs, &["-encryption_scheme", "cenc-aes-ctr", "-encryption_key", KEY][..]),
    ] {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-i", as_str(input), "-c", "copy"]).args(more);
        let kid = KID.replace('-', "");
        if !more.is_empty() {
            ffmpeg.args(["-encryption_kid", &kid]);
        }
        assert!(ffmpeg.arg(output).status().unwrap().success());
    }
    let movie = inspect(&fs::read(&theirs).unwrap());
    assert!(movie.fragments.is_empty() && movie.tracks.iter().all(|t| t.protection().is_some()));
    let right = cli(&["key", as_str(&theirs), "--try", KEY]);
    let said = text(&right.stdout);
    assert_eq!(right.status.code(), Some(0), "{said}");
    for track in ["Key proven on track 1", "Key proven on track 2"] {
        assert!(said.contains(track), "{said}");
    }
    let wrong = cli(&["key", as_str(&theirs), "--try", OTHER_KEY]);
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong.stdout));
    assert!(text(&wrong.stdout).contains("do not decrypt to avc1"), "{}", text(&wrong.stdout));

    // The same where no senc is there, but saio points at each chunk's IVs.
    let moved = infos_by_chunk(&fs::read(&theirs).unwrap());
    fs::write(&theirs, moved).unwrap();
    let right = cli(&["key", as_str(&theirs), "--try", KEY]);
    let said = text(&right.stdout);
    assert_eq!(said.matches("samples tried decrypt to").count(), 2, "{said}");
}

/// The IVs and subsamples out of `senc`, at the end of the file, a run for each
/// chunk and the last chunk's first; `moov` anew behind them.
fn infos_by_chunk(file: &[u8]) -> Vec<u8> {
    let mut moov = inspect(file).moov.unwrap();
    let mut out = file.to_vec();
    out[moov.at as usize + 4..][..4].copy_from_slice(b"free");
    let mut infos = Vec::new();
    for trak in moov.children_mut().unwrap() {
        let Some(stbl) = trak.path_mut(&[b"mdia", b"minf", b"stbl"]) else { continue };
        let (saiz, saio): (Saiz, Saio) = (stbl.get().unwrap(), stbl.get().unwrap());
        let (stsc, stco): (Stsc, Stco) = (stbl.get().unwrap(), stbl.get().unwrap());
        let (mut at, mut sample) = (saio.offsets[0] as usize, 0);
        let mut chunks = Vec::new();
        for chunk in 1..=stco.offsets.len() as u32 {
            let [_, each, _] = *stsc.entries.iter().rev().find(|run| run[0] <= chunk).unwrap();
            let sizes = (sample..).take(each as usize);
            let bytes: usize = sizes.map(|n| usize::from(saiz.size(n).unwrap())).sum();
            sample += each as usize;
            chunks.push(&file[at..at + bytes]);
            at += bytes;
        }
        assert!(chunks.len() > 1, "several chunks");
        let mut offsets = Vec::new();
        for chunk in chunks.iter().rev() {
            offsets.push((file.len() + 8 + infos.len()) as u64);
            infos.extend_from_slice(chunk);
        }
        offsets.reverse();
        let children = stbl.children_mut().unwrap();
        children.retain(|node| ![SENC, Saio::KIND].contains(&node.kind));
        children.push(Saio { offsets, ..saio }.to_node());
    }
    out.extend((infos.len() as u32 + 8).to_be_bytes());
    out.extend_from_slice(b"mdat");
    out.extend(infos);
    out.extend(moov.to_bytes());
    out
}

#[test]
fn schemes_of_other_packagers_are_decrypted() {
    let Some(packager) = reader("packager-linux-x64") else { return };
    let folder = scratch();
    let source = ismvault_testkit::root().join("www/sample.ismv");
    let progressive = folder.path().join("in.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-i", as_str(&source), "-c", "copy", as_str(&progressive)])
        .status();
    assert!(made.unwrap().success());
    let package = |stream: &str, more: &[&str]| {
        let out = folder.path().join("out.mp4");
        let output = Command::new(&packager)
            .arg(format!("in={},stream={stream},output={}", progressive.display(), out.display()))
            .args(more)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        fs::read(out).unwrap()
    };
    let key = format!("label=:key_id={}:key={KEY}", KID.replace('-', ""));
    for stream in ["video", "audio"] {
        let want = payloads(&package(stream, &[]), 1);
        for scheme in ["cenc", "cens", "cbc1", "cbcs"] {
            for lead in ["0", "3"] {
                let file = package(
                    stream,
                    &[
                        "--enable_raw_key_encryption",
                        "--keys",
                        &key,
                        "--protection_scheme",
                        scheme,
                        "--clear_lead",
                        lead,
                    ],
                );
                let decryption =
                    Decryption::new(&inspect(&file), &[parse_key(KEY).unwrap()]).unwrap();
                let back = output_of(decryption, &file).unwrap();
                assert_ne!(payloads(&file, 1), want);
                assert_eq!(payloads(&back, 1), want, "{stream} {scheme} {lead}");
            }
        }
    }
    // Keys that rotate: the packager turns KID and key by a byte a period.
    let want = payloads(&package("video", &[]), 1);
    let rotated = package(
        "video",
        &[
            "--enable_raw_key_encryption",
            "--keys",
            &key,
            "--clear_lead",
            "0",
            "--crypto_period_duration",
            "2",
        ],
    );
    let movie = inspect(&rotated);
    let all = [
        format!("{KID}:{KEY}"),
        "67028f33436ca5dd60ffe6671e7009e3:02030405060708090a0b0c0d0e0f0001".to_owned(),
    ];
    let keys = |n: usize| all[..n].iter().map(|key| parse_key(key).unwrap()).collect::<Vec<_>>();
    let back = output_of(Decryption::new(&movie, &keys(2)).unwrap(), &rotated).unwrap();
    assert_eq!(payloads(&back, 1), want);
    let missing = output_of(Decryption::new(&movie, &keys(1)).unwrap(), &rotated).unwrap_err();
    assert!(missing.message.contains("67028f33-436c"), "{missing}");
}

#[test]
fn refusals_of_keys_and_schemes() {
    let clear = fixture("h264_aac.ismv");
    let refuse = |profile: &str, change: &dyn Fn(&mut ismvault_testkit::Options)| {
        let mut chosen = options(profile);
        change(&mut chosen);
        protect(&clear, &chosen).unwrap_err().code
    };
    let key = |kid: &str, key: &str| TrackKey {
        target: Target::Audio,
        kid: ismvault::format::ids::Kid::parse(kid).unwrap(),
        key: ismvault::format::cipher::ContentKey::parse(key).unwrap(),
    };
    let version =
        |text| Some(ismvault::format::drm::playready::HeaderVersion::parse(text).unwrap());
    assert_eq!(refuse("dual", &|o| o.keys.clear()), Code::NoKey);
    assert_eq!(refuse("dual", &|o| o.keys[0].target = Target::Audio), Code::NoKeyForTrack);
    assert_eq!(refuse("dual", &|o| o.iv_size = 12), Code::BadIvSize);
    assert_eq!(refuse("dual", &|o| o.keys.push(key(KID, OTHER_KEY))), Code::KidTwice);
    assert_eq!(refuse("dual", &|o| o.keys.push(key(OTHER_KID, KEY))), Code::KeyTwice);
    // Two keys need 4.2, AES-CBC needs 4.3.
    let two = |o: &mut ismvault_testkit::Options| {
        o.keys.push(key(OTHER_KID, OTHER_KEY));
        o.header_version = version("4.1");
    };
    assert_eq!(refuse("dual", &two), Code::HeaderVersion);
    assert_eq!(refuse("cbcs", &|o| o.header_version = version("4.0")), Code::HeaderVersion);
}

#[test]
fn the_receipt_says_what_was_proved_and_a_mismatch_stops() {
    use sha2::Digest as _;
    let folder = scratch();
    let (out, receipt) = (folder.path().join("out.mp4"), folder.path().join("receipt.json"));
    let args = [
        "protect",
        as_str(&fixture_path("av_text.ismv")),
        "-o",
        as_str(&out),
        "--kid",
        KID,
        "--key",
        KEY,
        "--receipt",
        as_str(&receipt),
    ]
    .map(str::to_owned);
    run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let told: serde_json::Value = serde_json::from_slice(&fs::read(&receipt).unwrap()).unwrap();
    let file = fs::read(&out).unwrap();
    assert_eq!(told["sha256"], ismvault::format::cipher::hex(&sha2::Sha256::digest(&file)));
    assert_eq!(told["output_size"], file.len());
    let all: u64 = inspect(&file).tracks.iter().map(|track| track.totals.samples).sum();
    assert_eq!(told["samples_compared"], all);
    assert!(told["samples_encrypted"].as_u64().unwrap() < all, "text stays clear");
    assert_eq!(told["ivs_unique"], true);
    assert!(!fs::read_to_string(&receipt).unwrap().contains(&KEY[..8]), "without the key");
    // A unit given other bytes than were read before does not pass.
    let clear = fixture("slices.ismv");
    let plan = Plan::new(&inspect(&clear), &options("dual")).unwrap();
    let span = inspect(&clear).fragments[0].span;
    let unit = &clear[span.at as usize..span.end() as usize];
    let (right, _) = plan.work_and_prove(0, unit).unwrap();
    let mut wrong = right.clone();
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    let prove = |output: &[u8]| plan.protector().prove(span.at, unit, output);
    assert!(prove(&right).is_ok());
    let error = prove(&wrong).map(drop).unwrap_err();
    assert_eq!(error.code, Code::ProofFailed);
    // And missing samples do not make a receipt.
    let proven = Proven::new(Plan::new(&inspect(&clear), &options("dual")).unwrap());
    assert_eq!(proven.receipt("", [0, 0]).map(drop).unwrap_err().code, Code::ProofFailed);
}

#[test]
fn manifests_say_what_the_files_say() {
    let folder = scratch();
    let mut sources = Vec::new();
    for name in ["set_high.ismv", "set_low.ismv", "set_eng.isma", "set_deu.isma"] {
        let path = folder.path().join(name);
        fs::write(&path, protect(&fixture(name), &options("dual")).unwrap()).unwrap();
        sources.push(path);
    }
    let inputs: Vec<&str> = sources.iter().map(|path| as_str(path)).collect();
    for format in ["ism", "dash", "hls"] {
        let out = folder.path().join(format);
        run(&[&["manifest"], &inputs[..], &["--out", as_str(&out), "--format", format]].concat());
        // Our own rules, which know what each manifest must say of its files.
        let output = cli(&["lint", as_str(&out), "--format", "json"]);
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let listed = serde_json::to_string(&found).unwrap();
        for id in [
            "manifest_header_differs",
            "chunks_differ",
            "bitrate_twice",
            "track_id_mismatch",
            "header_mixed_up",
            "hls_method",
            "hls_session_key",
            "boundaries_differ",
            "kid_not_in_header",
        ] {
            assert!(!listed.contains(&format!("\"id\":\"{id}\"")), "{format}: {id}");
        }
    }
    let ismc = fs::read_to_string(folder.path().join("ism/set_high.ismc")).unwrap();
    for part in [
        "<c t=\"0\" d=\"20000000\" r=\"2\"/>",
        "FourCC=\"H264\"",
        "AudioTag=\"255\"",
        "Language=\"deu\"",
        "ProtectionHeader SystemID=\"9a04f079",
    ] {
        assert!(ismc.contains(part), "{part} is not in {ismc}");
    }
    let mpd = fs::read_to_string(folder.path().join("dash/set_high.mpd")).unwrap();
    for part in [
        "value=\"cenc\" cenc:default_KID",
        "<mspr:pro>",
        "<cenc:pssh>",
        "indexRange=",
        "lang=\"eng\"",
    ] {
        assert!(mpd.contains(part), "{part} is not in {mpd}");
    }
    // The segment index leads to every fragment.
    let file = fs::read(folder.path().join("dash/set_high_video1.mp4")).unwrap();
    let movie = inspect(&file);
    let sidx = Sidx::parse(&movie.indexes[0]).unwrap();
    let mut at = movie.indexes[0].at + movie.indexes[0].size();
    for (reference, fragment) in sidx.references.iter().zip(&movie.fragments) {
        assert_eq!(fragment.moof.at, at);
        at += u64::from(reference.size);
    }
    assert_eq!(sidx.references.len(), movie.fragments.len());
    // ffmpeg reads the playlist.
    let master = folder.path().join("hls/set_high.m3u8");
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "stream=codec_name",
            "-of",
            "csv=p=0",
            as_str(&master),
        ])
        .output()
        .unwrap();
    let streams = text(&output.stdout);
    assert!(
        streams.contains("h264") && streams.contains("aac"),
        "{streams}{}",
        text(&output.stderr)
    );
}

#[test]
fn a_batch_of_titles() {
    let folder = scratch();
    for name in ["set_high.ismv", "set_eng.isma", "slices.ismv"] {
        fs::copy(fixture_path(name), folder.path().join(name)).unwrap();
    }
    let list = folder.path().join("jobs.json");
    let jobs = serde_json::json!({
        "defaults": { "la_url": "https://licence.example/" },
        "jobs": [
            { "input": "slices.ismv", "output": "a.mp4", "kid": KID, "key": KEY },
            { "input": ["set_high.ismv", "set_eng.isma"], "output": "b.mp4", "profile": "cenc" },
            { "input": "not_there.ismv", "output": "c.mp4", "kid": KID, "key": KEY },
        ],
    });
    fs::write(&list, jobs.to_string()).unwrap();
    let keys = folder.path().join("keys.json");
    let sentence = refused(&["batch", as_str(&list)]);
    assert!(sentence.contains("--keys-out"), "{sentence}");
    let args = ["batch", as_str(&list), "--jobs", "2", "--keys-out", as_str(&keys)];
    let output = cli(&args);
    assert_eq!(output.status.code(), Some(1), "one title failed");
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["done"], &summary["failed"]), (&2.into(), &1.into()), "{summary}");
    assert!(summary["jobs"][2]["reason"].as_str().unwrap().contains("not_there.ismv"));
    let made: serde_json::Value = serde_json::from_slice(&fs::read(&keys).unwrap()).unwrap();
    let key = format!("{}:{}", made[0]["kid"].as_str().unwrap(), made[0]["key"].as_str().unwrap());
    let file = fs::read(folder.path().join("b.mp4")).unwrap();
    let back = Decryption::new(&inspect(&file), &[parse_key(&key).unwrap()]).unwrap();
    let back = output_of(back, &file).unwrap();
    assert_eq!(samples(&back, 1), samples(&fixture("set_high.ismv"), 1));
    assert_eq!(samples(&back, 2), samples(&fixture("set_eng.isma"), 1));
    assert!(!folder.path().join("c.mp4").exists());
    // Again: what is there is skipped.
    fs::remove_file(&keys).unwrap();
    let again: serde_json::Value = serde_json::from_slice(&cli(&args).stdout).unwrap();
    assert_eq!(again["skipped"], 2);
    // One key in two modes, two jobs with one output.
    let twice = serde_json::json!({ "jobs": [
        { "input": "slices.ismv", "output": "d.mp4", "kid": KID, "key": KEY },
        { "input": "slices.ismv", "output": "e.mp4", "kid": OTHER_KID, "key": KEY, "scheme": "cbcs" },
    ]});
    fs::write(&list, twice.to_string()).unwrap();
    assert!(refused(&["batch", as_str(&list)]).contains("must not be used in both"));
    let same = twice.to_string().replace("e.mp4", "d.mp4");
    fs::write(&list, same).unwrap();
    assert!(refused(&["batch", as_str(&list)]).contains("would be written twice"));
}

#[test]
fn what_was_asked_for_is_done_and_nothing_is_overwritten() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let [high, eng, out] = ["set_high.ismv", "set_eng.isma", "out.mp4"].map(|name| match name {
        "out.mp4" => at(name),
        _ => fixture_path(name),
    });
    let (high, eng, out) = (as_str(&high), as_str(&eng), as_str(&out));
    // Any option of protection protects what is muxed.
    let receipt = at("receipt.json");
    let ways: [&[&str]; 7] = [
        &["--clear-lead", "1"],
        &["--iv-size", "16"],
        &["--widevine"],
        &["--tracks", "1"],
        &["--lui-url", "https://example.org/"],
        &["--header-version", "4.1"],
        &["--receipt", as_str(&receipt)],
    ];
    for way in ways {
        run(&[&["mux", high, eng, "-o", out, "--force"], way].concat());
        let made = inspect(&fs::read(out).unwrap());
        assert!(made.tracks[0].protection().is_some(), "{way:?}");
    }
    // A receipt is not written over anything else.
    let clear = at("clear.ismv");
    fs::copy(fixture_path("slices.ismv"), &clear).unwrap();
    let before = fs::read(&clear).unwrap();
    let protect = ["protect", as_str(&clear), "-o", out, "--force", "--receipt"];
    for taken in [out, as_str(&clear), as_str(&at("./clear.ismv"))] {
        let sentence = refused(&[&protect[..], &[taken]].concat());
        let told = ["would be written twice", "would overwrite an input"];
        assert!(told.iter().any(|words| sentence.contains(words)), "{sentence}");
    }
    assert_eq!(fs::read(&clear).unwrap(), before);
    // Contradictions are told.
    let protect = ["protect", as_str(&clear), "-o", out, "--force"];
    for (way, words) in [
        (&["--profile", "cbcs", "--scheme", "cenc"][..], "The profile cbcs is AES-CBC"),
        (&["--profile", "cbcs", "--iv-size", "16"], "one IV of 16 bytes for each track"),
        (&["--iv-size", "12"], "8 or 16 bytes"),
        (&["--clear-lead", "1000"], "All fragments would stay clear"),
    ] {
        let sentence = refused(&[&protect[..], way].concat());
        assert!(sentence.contains(words), "{way:?}: {sentence}");
    }
    // Two keys that fit a track alike.
    let keys = at("keys.csv");
    let other = "0123456789abcdef0123456789abcdef";
    let lines = format!("{KID},{KEY},all\naaaaaaaa-8f33-436c-a5dd-60ffe6671e70,{other},all\n");
    fs::write(&keys, lines).unwrap();
    let sentence = refused(&[&protect[..], &["--keys", as_str(&keys)]].concat());
    assert!(sentence.contains("has two keys") && !sentence.contains(other), "{sentence}");
    // Files of one name would share what is made of them.
    fs::create_dir(at("b")).unwrap();
    for name in ["a.ismv", "b/a.ismv"] {
        fs::copy(fixture_path("set_low.ismv"), at(name)).unwrap();
    }
    let site = at("site");
    let manifest =
        ["manifest", as_str(&at("a.ismv")), as_str(&at("b/a.ismv")), "--format"].map(str::to_owned);
    let manifest: Vec<&str> = manifest.iter().map(String::as_str).collect();
    let sentence = refused(&[&manifest[..], &["dash", "--out", as_str(&site)]].concat());
    assert!(sentence.contains("have one name"), "{sentence}");
    assert!(!site.exists(), "nothing is left behind");
}

#[test]
fn random_keys_of_a_batch_outlive_the_next_one() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    fs::copy(fixture_path("slices.ismv"), at("in.ismv")).unwrap();
    let (list, keys) = (at("jobs.json"), at("keys.json"));
    fs::write(&list, r#"{"jobs": [{"input": "in.ismv", "output": "out.mp4"}]}"#).unwrap();
    let args = ["batch", as_str(&list), "--force", "--keys-out", as_str(&keys)];
    run(&args);
    let first = fs::read_to_string(&keys).unwrap();
    run(&args);
    let both: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&keys).unwrap()).unwrap();
    let first: serde_json::Value = serde_json::from_str(&first).unwrap();
    assert_eq!(both.as_array().unwrap().len(), 2);
    assert_eq!(both[0], first[0]);
    let back = decrypted(&fs::read(at("out.mp4")).unwrap(), both[1]["key"].as_str().unwrap());
    assert_eq!(samples(&back, 1), samples(&fixture("slices.ismv"), 1));
    // Not a list of keys: left alone.
    fs::write(&keys, "shopping").unwrap();
    assert!(refused(&args).contains("is not a list of keys"));
    assert_eq!(fs::read_to_string(&keys).unwrap(), "shopping");
    // One output, however it is spelled.
    let twice = r#"{"jobs": [{"input": "in.ismv", "output": "o.mp4"},
                             {"input": "in.ismv", "output": "./o.mp4"}]}"#;
    fs::write(&list, twice).unwrap();
    fs::remove_file(&keys).unwrap();
    assert!(refused(&args).contains("would be written twice"));
}
