//! Every recipe over files of every legal shape: the samples that come out are
//! those that went in, by our reader, and of each single shape by ffmpeg 8,
//! Shaka Packager and `../shared/oracle/samples.py`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod shape;

use ismvault::checks::Severity;
use ismvault::format::cipher::CipherMode;
use ismvault::format::drm::playready::{HeaderVersion, NewHeader, NewKey};
use ismvault::format::ids::Kid;
use ismvault::look::inspect::Inspector;
use ismvault::make::header_editor::HeaderChange;
use ismvault::make::mux::{Mux, MuxInput, MuxOptions};
use ismvault::make::proof::Proven;
use ismvault::make::protect::{Plan, Profile};
use ismvault::{Error, Piece, Recipe as _, Session, Step, Stitched};
use ismvault_testkit::{
    KEY, KID, decrypted, fixture, framemd5, inspect, options, output_of, protect, reader, samples,
    scratch, shared, text,
};
use shape::{
    Defaults, Far, LOCK_TWISTS, Mdat, Shape, TWISTS, Title, Twist, emit, emit_far, trex_says_it,
};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Fixtures whose samples are written in every shape.
const TITLES: [&str; 3] = ["h264_aac.ismv", "bframes.ismv", "audio_only.isma"];

type Recipe = (&'static str, fn(&[u8]) -> Result<Vec<u8>, Error>);

const OF_CLEAR: &[Recipe] = &[
    ("protect dual", |file| protect(file, &options("dual"))),
    ("protect piff", |file| protect(file, &options("piff"))),
    ("protect cenc", |file| protect(file, &options("cenc"))),
    ("protect cbcs", |file| protect(file, &options("cbcs"))),
    ("repair", |file| in_order(file, None, true)),
    ("header", header),
];

const OF_PROTECTED: &[Recipe] = &[
    ("decrypt", |file| Ok(decrypted(file, KEY))),
    ("rebox dual", |file| in_order(file, Some("dual"), false)),
    ("rebox piff", |file| in_order(file, Some("piff"), false)),
    ("rebox cenc", |file| in_order(file, Some("cenc"), false)),
    ("repair", |file| in_order(file, None, true)),
    ("header", header),
];

fn in_order(file: &[u8], profile: Option<&str>, mend: bool) -> Result<Vec<u8>, Error> {
    let profile = profile.map(Profile::parse).transpose()?;
    let movie = inspect(file);
    let input = MuxInput { name: "", movie: &movie, at: 0, tracks: None };
    let mut mux = Mux::new(&[input], MuxOptions { profile, mend, ..MuxOptions::default() })?;
    ismvault_testkit::drive(&mut mux, file, usize::MAX)?;
    output_of(mux.finish()?, file)
}

fn new_header() -> NewHeader {
    NewHeader {
        version: HeaderVersion::V4_0,
        keys: vec![NewKey { kid: Kid::parse(KID).unwrap(), checksum: None }],
        mode: CipherMode::Ctr,
        la_url: Some("https://l.example/".into()),
        lui_url: None,
        ds_id: None,
        custom_attributes: None,
        on_demand: false,
    }
}

fn header(file: &[u8]) -> Result<Vec<u8>, Error> {
    let mut change = HeaderChange::new(&inspect(file), &new_header())?;
    ismvault_testkit::drive(&mut change, file, usize::MAX)?;
    let made: Stitched = change.finish()?;
    output_of(made, file)
}

/// The plain shape, each twist by itself, and each two of them.
fn twisted(twists: &[&Twist]) -> Vec<(String, Shape)> {
    let mut all = vec![("plain".to_owned(), Shape::PLAIN)];
    for (i, (name, twist)) in twists.iter().enumerate() {
        let mut shape = Shape::PLAIN;
        twist(&mut shape);
        all.push(((*name).to_owned(), shape));
        for (other, also) in &twists[i + 1..] {
            let mut both = shape;
            also(&mut both);
            all.push((format!("{name}+{other}"), both));
        }
    }
    all
}

fn fits(title: &Title, shape: &Shape) -> bool {
    title.allows(shape)
        && (shape.defaults != Defaults::Trex || trex_says_it(title))
        // Nothing can follow an mdat that runs to the end.
        && !(shape.mdat == Mdat::ToEnd && shape.moov_last)
}

fn errors(file: &[u8]) -> Vec<String> {
    let movie = inspect(file);
    let grave = movie.findings.iter().filter(|f| f.severity() == Severity::Error);
    grave.map(|f| format!("{}: {}", f.check.id, f.message)).collect()
}

/// Runs every recipe over every shape; gives how many pairs there were.
fn matrix(name: &str, clear: &[u8], source: &[u8], twists: &[&Twist], recipes: &[Recipe]) -> usize {
    let title = Title::of(source);
    let ids: Vec<u32> = inspect(source).tracks.iter().map(|track| track.id).collect();
    let mut pairs = 0;
    for (shape_name, shape) in twisted(twists) {
        if !fits(&title, &shape) {
            continue;
        }
        let file = emit(&title, &shape);
        for id in &ids {
            assert_eq!(samples(&file, *id), samples(source, *id), "{name} {shape_name}: the shape");
        }
        assert_eq!(errors(&file), [] as [String; 0], "{name} {shape_name}");
        for (recipe_name, recipe) in recipes {
            let what = format!("{name} {shape_name} {recipe_name}");
            let out = recipe(&file).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(errors(&out), [] as [String; 0], "{what}");
            let protected = inspect(&out).tracks.iter().any(|t| t.protection().is_some());
            let plain = if protected { decrypted(&out, KEY) } else { out };
            for id in &ids {
                assert_eq!(samples(&plain, *id), samples(clear, *id), "{what}");
            }
            pairs += 1;
        }
    }
    pairs
}

#[test]
fn clear_files_of_every_shape() {
    let twists: Vec<&Twist> = TWISTS.iter().collect();
    let mut pairs = 0;
    for name in TITLES {
        let clear = fixture(name);
        pairs += matrix(name, &clear, &clear, &twists, OF_CLEAR);
    }
    eprintln!("{pairs} pairs of a shape and a recipe, of clear files");
    assert!(pairs > 2000, "{pairs}");
}

#[test]
fn protected_files_of_every_shape() {
    let twists: Vec<&Twist> = TWISTS.iter().chain(LOCK_TWISTS).collect();
    let mut pairs = 0;
    for name in TITLES {
        let clear = fixture(name);
        let protected = protect(&clear, &options("cenc")).unwrap();
        pairs += matrix(name, &clear, &protected, &twists, OF_PROTECTED);
    }
    eprintln!("{pairs} pairs of a shape and a recipe, of protected files");
    assert!(pairs > 2000, "{pairs}");
}

/// Reads a file with a hole for a session.
fn drive_far(session: &mut impl Session, file: &Far) {
    while let Step::Read(spans) = session.step().unwrap() {
        for span in spans {
            session.feed(&file.read(span.at, span.len)).unwrap();
        }
    }
}

#[test]
fn offsets_past_two_and_four_gigabytes() {
    let source = fixture("h264_aac.ismv");
    let title = Title::of(&source);
    let samples: u64 = inspect(&source).tracks.iter().map(|track| track.totals.samples).sum();
    for free in [3_u64 << 30, 5 << 30] {
        for (name, twist) in TWISTS.iter().filter(|(_, twist)| {
            let mut shape = Shape::PLAIN;
            twist(&mut shape);
            shape.sidx.is_none() && fits(&title, &shape)
        }) {
            let mut shape = Shape::PLAIN;
            twist(&mut shape);
            let file = emit_far(&title, &shape, free);
            let mut inspector = Inspector::new(file.size());
            drive_far(&mut inspector, &file);
            let movie = inspector.into_movie();
            assert!(movie.damage.is_none(), "{name}: {:?}", movie.damage);
            assert!(movie.fragments[0].moof.at > free, "{name}");
            let proven = Proven::new(Plan::new(&movie, &options("dual")).unwrap());
            for piece in proven.pieces() {
                if let Piece::Work { unit, span } = piece {
                    proven.work(*unit, &file.read(span.at, span.len)).unwrap();
                }
            }
            let (_, proof) = proven.verdict().unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(proof.samples_compared(), samples, "{name}");
            let input = MuxInput { name: "", movie: &movie, at: 0, tracks: None };
            let mut mux = Mux::new(&[input], MuxOptions::default()).unwrap();
            drive_far(&mut mux, &file);
            assert_eq!(mux.finish().unwrap().samples_compared(), samples, "{name}");
            let mut change = HeaderChange::new(&movie, &new_header()).unwrap();
            drive_far(&mut change, &file);
            assert_eq!(change.finish().unwrap().samples_compared(), samples, "{name}");
        }
    }
}

/// What comes out of single shapes, judged by others.
#[test]
fn others_read_what_comes_of_every_shape() {
    let folder = scratch();
    let out = folder.path().join("out.mp4");
    let source = folder.path().join("source.mp4");
    let ffmpeg = reader("ffmpeg-linux-x64");
    let judge = shared("oracle/samples.py");
    let (mut judged, mut by_ffmpeg) = (0, 0);
    for name in TITLES {
        let clear = fixture(name);
        let clear_path = ismvault_testkit::fixture_path(name);
        let protected = protect(&clear, &options("cenc")).unwrap();
        let lock_twists: Vec<&Twist> = TWISTS.iter().chain(LOCK_TWISTS).collect();
        let clear_twists: Vec<&Twist> = TWISTS.iter().collect();
        let sides = [
            (&clear, clear_twists, &["protect dual", "protect cbcs", "repair"][..], OF_CLEAR),
            (&protected, lock_twists, &["rebox dual", "repair", "header"][..], OF_PROTECTED),
        ];
        for (file, twists, names, recipes) in sides {
            let title = Title::of(file);
            for (shape_name, shape) in twisted(&twists) {
                if shape_name.contains('+') || !fits(&title, &shape) {
                    continue;
                }
                let shaped = emit(&title, &shape);
                fs::write(&source, &shaped).unwrap();
                same_by_judge(judge.as_deref(), &source, &clear_path, &shape_name);
                for (recipe_name, recipe) in recipes.iter().filter(|(n, _)| names.contains(n)) {
                    let what = format!("{name} {shape_name} {recipe_name}");
                    fs::write(&out, recipe(&shaped).unwrap()).unwrap();
                    same_by_judge(judge.as_deref(), &out, &clear_path, &what);
                    if let Some(ffmpeg) = &ffmpeg {
                        by_ffmpeg +=
                            usize::from(same_by_ffmpeg(ffmpeg, &out, &source, &clear_path, &what));
                    }
                    judged += 1;
                }
            }
        }
    }
    eprintln!("{judged} outputs judged by samples.py, {by_ffmpeg} of them by ffmpeg 8");
    assert!(ffmpeg.is_none() || by_ffmpeg > 300, "{by_ffmpeg}");
}

fn same_by_judge(judge: Option<&Path>, ours: &Path, theirs: &Path, what: &str) {
    let Some(judge) = judge else { return };
    let mut command = Command::new("python3");
    command.arg(judge).arg("--compare").args([ours, theirs]).args(["--key", KEY]);
    let output = command.output().unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
}

/// What ffmpeg reads right in the shape that came in, it reads right in what came
/// of it. (It reads no fragments in front of moov, and of protected runs the
/// first only.) Whether it could read that.
fn same_by_ffmpeg(ffmpeg: &Path, ours: &Path, source: &Path, clear: &Path, what: &str) -> bool {
    let (want, _) = framemd5(ffmpeg, None, clear);
    let readable = framemd5(ffmpeg, Some(KEY), source).0 == want;
    let (have, complaints) = framemd5(ffmpeg, Some(KEY), ours);
    assert!(!readable || have == want, "{what}: {complaints}");
    readable
}
