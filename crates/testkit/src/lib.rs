//! What the tests share: files, and the core driven over bytes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod edit;
pub mod laws;

use ismvault::format::cipher::ContentKey;
use ismvault::format::ids::Kid;
use ismvault::look::inspect::Inspector;
use ismvault::make::decrypt::{Decryption, parse_key};
use ismvault::make::mux::{Mux, MuxInput, MuxOptions};
pub use ismvault::make::protect::Options;
use ismvault::make::protect::{Plan, Profile, Target, TrackKey};
use ismvault::make::recipe::{self, Planner};
use ismvault::model::{Movie, TrackFragment, read_fragment};
use ismvault::{Error, Recipe, Session, Span, Step};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const KEY: &str = "000102030405060708090a0b0c0d0e0f";
pub const KID: &str = "09e36702-8f33-436c-a5dd-60ffe6671e70";

/// Our own fixtures that can be protected.
pub const CLEAR: [&str; 7] = [
    "h264_aac.ismv",
    "hevc.ismv",
    "audio_only.isma",
    "bframes.ismv",
    "slices.ismv",
    "av_text.ismv",
    "cmaf_sidx.mp4",
];

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub fn fixture_path(name: &str) -> PathBuf {
    root().join("tests/fixtures").join(name)
}

pub fn fixture(name: &str) -> Vec<u8> {
    fs::read(fixture_path(name)).unwrap()
}

/// The corpus of other software's files beside the project, if it is there.
pub fn shared(what: &str) -> Option<PathBuf> {
    let path = root().join("../shared").join(what);
    if !path.exists() {
        eprintln!("skipped: ../shared/{what} is not there");
        return None;
    }
    Some(path)
}

/// An input of `../shared/cases/hostile/inputs.tar.xz`, unpacked into a folder.
pub fn hostile(name: &str, folder: &Path) -> PathBuf {
    let all = shared("cases/hostile/inputs.tar.xz").expect("../shared is beside the project");
    let mut tar = Command::new("tar");
    tar.arg("-xJf").arg(all).arg("-C").arg(folder).arg(name);
    assert!(tar.status().unwrap().success(), "{name} is not among the inputs");
    folder.join(name)
}

/// A program of the stricter readers (`ffmpeg-linux-x64`, `packager-linux-x64`).
pub fn reader(program: &str) -> Option<PathBuf> {
    let found = std::env::var_os("ISMVAULT_READERS")
        .map(|folder| Path::new(&folder).join(program))
        .filter(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: {program} is not there (cargo xtask test fetches it)");
    }
    found
}

/// Drives a session over bytes, at most `most` at a time. Gives the spans it
/// asked for, one list a step.
pub fn drive(
    session: &mut impl Session,
    file: &[u8],
    most: usize,
) -> Result<Vec<Vec<Span>>, Error> {
    let mut steps = Vec::new();
    while let Step::Read(spans) = session.step()? {
        let first = spans[0];
        let len = (first.len as usize).min(most);
        if most == usize::MAX {
            let all: Vec<u8> = spans
                .iter()
                .flat_map(|s| &file[s.at as usize..s.end() as usize])
                .copied()
                .collect();
            session.feed(&all)?;
        } else {
            session.feed(&file[first.at as usize..][..len])?;
        }
        steps.push(spans);
    }
    Ok(steps)
}

pub fn inspect(file: &[u8]) -> Movie {
    let mut inspector = Inspector::new(file.len() as u64);
    drive(&mut inspector, file, usize::MAX).unwrap();
    inspector.into_movie()
}

/// One file written anew, in order.
pub fn in_order(file: &[u8], options: MuxOptions) -> Result<Vec<u8>, Error> {
    let movie = inspect(file);
    let input = MuxInput { name: "", movie: &movie, at: 0, tracks: None };
    let mut mux = Mux::new(&[input], options)?;
    drive(&mut mux, file, 1000)?; // however the bytes are cut
    output_of(mux.finish()?, file)
}

pub fn options(profile: &str) -> Options {
    let key = TrackKey {
        target: Target::All,
        kid: Kid::parse(KID).unwrap(),
        key: ContentKey::parse(KEY).unwrap(),
    };
    let random = 0x1122_3344_5566_7788_99aa_bbcc_ddee_ff00_u128.to_be_bytes();
    Options {
        la_url: Some("https://licence.example/rightsmanager.asmx".into()),
        ..Options::new(vec![key], random, Profile::parse(profile).unwrap())
    }
}

/// What a recipe makes of bytes.
pub fn output_of<R: Recipe>(recipe: R, file: &[u8]) -> Result<Vec<u8>, Error> {
    let mut planner = Planner::new(recipe);
    drive(&mut planner, file, usize::MAX)?;
    let mut out = Vec::new();
    recipe::run(
        &planner.finish()?,
        |span| Ok::<_, Error>(file[span.at as usize..span.end() as usize].to_vec()),
        |bytes| {
            out.extend_from_slice(bytes);
            Ok(())
        },
    )?;
    Ok(out)
}

pub fn protect(file: &[u8], options: &Options) -> Result<Vec<u8>, Error> {
    output_of(Plan::new(&inspect(file), options)?, file)
}

pub fn decrypted(file: &[u8], key: &str) -> Vec<u8> {
    let decryption = Decryption::new(&inspect(file), &[parse_key(key).unwrap()]).unwrap();
    output_of(decryption, file).unwrap()
}

/// Every fragment's `traf`s, in file order.
pub fn trafs(
    movie: &Movie,
    file: &[u8],
) -> Vec<(ismvault::format::boxes::tree::Node, Vec<TrackFragment>)> {
    movie
        .fragments
        .iter()
        .map(|fragment| {
            let bytes = &file[fragment.moof.at as usize..fragment.moof.end() as usize];
            let mut problems = Vec::new();
            let moof =
                ismvault::format::boxes::tree::Node::read(bytes, fragment.moof.at, &mut problems);
            let moof = moof.unwrap();
            assert_eq!(problems, []);
            let trafs = read_fragment(&moof, |id| movie.trex(id)).unwrap();
            (moof, trafs)
        })
        .collect()
}

/// Every sample of a track with its duration and composition offset.
pub fn samples(file: &[u8], track: u32) -> Vec<(Vec<u8>, u32, i32)> {
    let movie = inspect(file);
    trafs(&movie, file)
        .iter()
        .flat_map(|(_, trafs)| trafs)
        .filter(|traf| traf.tfhd.track_id == track)
        .flat_map(|traf| &traf.samples)
        .map(|s| {
            let bytes = file[s.at as usize..][..s.size as usize].to_vec();
            (bytes, s.duration, s.composition_offset)
        })
        .collect()
}

/// A folder of this test's own, gone when it is dropped.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// The command line, which lies beside the tests once it is built.
pub fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().with_file_name("ismvault");
    assert!(path.exists(), "{} is not built: cargo build", path.display());
    path
}

/// Runs the command line.
pub fn cli(args: &[&str]) -> Output {
    Command::new(program()).args(args).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What ffmpeg makes of a file's samples: stream, size and MD5 of each, without
/// decoding, and its complaints.
pub fn framemd5(ffmpeg: &Path, key: Option<&str>, file: &Path) -> (Vec<String>, String) {
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-v", "error"]);
    if let Some(key) = key {
        // Debian's 5.1 takes the wrong fragment's IVs from a file it can seek in.
        command.args(["-seekable", "0", "-decryption_key", key]);
    }
    let output = command
        .arg("-i")
        .arg(file)
        .args(["-map", "0", "-c", "copy", "-f", "framemd5", "-"])
        .output();
    let output = output.expect("ffmpeg runs");
    let mut lines: Vec<String> = text(&output.stdout)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            format!("{} {} {}", fields[0], fields[4], fields[5])
        })
        .collect();
    lines.sort();
    (lines, text(&output.stderr))
}

/// A file of about `len` bytes from a small one: its fragments over and over.
pub fn write_large(to: &Path, len: usize) {
    use std::io::Write as _;
    let file = fs::read(root().join("www/sample.ismv")).unwrap();
    let movie = inspect(&file);
    let (front, end) = (movie.fragments[0].moof.at, movie.fragments.last().unwrap().span.end());
    let body = &file[front as usize..end as usize];
    let mut out = std::io::BufWriter::new(fs::File::create(to).unwrap());
    out.write_all(&file[..front as usize]).unwrap();
    for _ in 0..=len / body.len() {
        out.write_all(body).unwrap();
    }
    out.flush().unwrap();
}
