//! `ismvault manifest`: manifests for files, and the files as the manifests
//! need them.

use crate::host::{Input, Stop, USAGE, print, printable, stop, to_json, write_small};
use crate::make::stitch;
use clap::{Args, ValueEnum};
use ismvault::Span;
use ismvault::make::manifests::{
    Addressing, Rendition, Written, dash, hls, left_out, names, segments, smooth,
};
use ismvault::make::mux::{
    Fold, Mux, MuxInput, MuxOptions, earliest, is_to_be_folded, longest_skip,
};
use ismvault::make::protect::Profile;
use ismvault::model::{Movie, TrackKind};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct ManifestArgs {
    /// The files, one for each bitrate.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// The folder to write to; it is made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Which manifests.
    #[arg(long, value_enum)]
    format: Format,
    /// For DASH: each fragment as a file of its own, with an address like Smooth
    /// Streaming's.
    #[arg(long)]
    segments: bool,
    /// Overwrite what is there.
    #[arg(long)]
    force: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// .ism and .ismc.
    Ism,
    /// .mpd.
    Dash,
    /// .m3u8.
    Hls,
}

#[derive(Serialize)]
struct Result_ {
    manifests: Vec<PathBuf>,
    media: Vec<PathBuf>,
    notes: Vec<String>,
}

/// A file as a manifest needs it.
struct Media {
    name: String,
    /// The file it was made of.
    source: String,
    input: Input,
    movie: Movie,
    /// Whether it is in the folder already.
    there: bool,
}

impl Media {
    fn rendition(&self) -> Rendition<'_> {
        Rendition { file: &self.name, source: &self.source, movie: &self.movie }
    }
}

pub(crate) fn manifest(args: &ManifestArgs) -> Result<ExitCode, Stop> {
    let failed = |e| stop(format!("{} cannot be made: {e}.", args.out.display()));
    for (i, path) in args.inputs.iter().enumerate() {
        let before = &args.inputs[..i];
        if let Some(other) = before.iter().find(|other| other.file_stem() == path.file_stem()) {
            let sentence = format!(
                "{} and {} have one name, and so would the files made of them. Rename one.",
                other.display(),
                path.display()
            );
            return Err(Stop(sentence, USAGE));
        }
    }
    let mut media = Vec::new();
    let mut opened = Vec::new();
    for path in &args.inputs {
        let input = Input::open(path)?;
        let movie = input.inspect()?;
        opened.push((path, input, movie));
    }
    let before = opened.iter().map(|(.., movie)| earliest(movie)).min().unwrap_or(0);
    let skip = opened.iter().map(|(.., movie)| longest_skip(movie)).max().unwrap_or(0);
    for (path, input, movie) in opened {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if args.format == Format::Ism {
            media.push(as_smooth(args, path, &stem, input, movie, (before, skip))?);
        } else {
            by_track(&stem, &input, &movie, before, &mut media)?;
        }
    }
    let first = args.inputs.first().and_then(|path| path.file_stem());
    let title = first.unwrap_or_default().to_string_lossy().into_owned();
    let renditions: Vec<Rendition<'_>> = media.iter().map(Media::rendition).collect();
    let written: Vec<Written> = match args.format {
        Format::Ism => smooth(&title, &renditions)?.to_vec(),
        Format::Dash if args.segments => vec![dash(&title, &renditions, Addressing::Templates)?],
        Format::Dash => vec![dash(&title, &renditions, Addressing::Index)?],
        Format::Hls => hls(&title, &renditions)?,
    };
    let split = match args.format == Format::Dash && args.segments {
        true => segments(&renditions)?,
        false => Vec::new(),
    };
    std::fs::create_dir_all(&args.out).map_err(failed)?;
    let notes = left_out(&renditions, args.format != Format::Hls);
    let mut result = Result_ { manifests: Vec::new(), media: Vec::new(), notes };
    // The media first: a manifest names what is there.
    for (file, name, span) in &split {
        let Some(from) = media.iter_mut().find(|m| m.name == *file) else { continue };
        let path = args.out.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        write_small(&path, &from.input.read_whole(*span)?, args.force)?;
        result.media.push(path);
    }
    let wanted = |m: &&mut Media| split.is_empty() && !m.there && names(&written, &m.name);
    for one in media.iter_mut().filter(wanted) {
        let path = args.out.join(&one.name);
        let whole = Whole(vec![ismvault::Piece::Copy(Span { at: 0, len: one.input.size })]);
        if path.exists() && !args.force {
            return Err(stop(format!("{} exists. Add --force to overwrite it.", path.display())));
        }
        one.input.write(&whole, &path, |_| {})?.keep_silently(args.force)?;
        result.media.push(path);
    }
    for one in &written {
        let path = args.out.join(&one.name);
        write_small(&path, one.text.as_bytes(), args.force)?;
        result.manifests.push(path);
    }
    if args.json {
        print(&to_json(&result)?)?;
    } else {
        result.notes.iter().for_each(|note| eprintln!("{}", printable(note)));
        for path in result.manifests.iter().chain(&result.media) {
            eprintln!("Wrote {}.", path.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A file as it is.
struct Whole(Vec<ismvault::Piece>);

impl ismvault::Recipe for Whole {
    fn pieces(&self) -> &[ismvault::Piece] {
        &self.0
    }

    fn work(&self, unit: usize, _: &[u8]) -> ismvault::Result<Vec<u8>> {
        Err(ismvault::Error::misuse("no_such_unit", format!("There is no unit {unit}.")))
    }
}

/// A Smooth Streaming server takes files called .ismv, or .isma without video.
fn as_smooth(
    args: &ManifestArgs,
    path: &Path,
    stem: &str,
    input: Input,
    movie: Movie,
    (earliest, skip): (i64, i64),
) -> Result<Media, Stop> {
    let video = movie.tracks.iter().any(|track| track.kind == TrackKind::Video);
    let name = format!("{stem}.{}", if video { "ismv" } else { "isma" });
    if is_to_be_folded(&movie, skip) {
        let one = MuxInput { name: &input.name.clone(), movie: &movie, at: 0, tracks: None };
        let options = MuxOptions { fold: Fold::All { skip }, earliest, ..MuxOptions::default() };
        let (recipe, _) = stitch(&input, Mux::new(&[one], options)?)?;
        let own = input.stitched(&recipe);
        let movie = own.inspect()?;
        return Ok(Media { name, source: input.name, input: own, movie, there: false });
    }
    let canonical = |path: &Path| path.canonicalize().ok();
    let there = canonical(path).is_some() && canonical(path) == canonical(&args.out.join(&name));
    let source = input.name.clone();
    Ok(Media { name, source, input, movie, there })
}

/// DASH and HLS take files of one track with a segment index.
fn by_track(
    stem: &str,
    input: &Input,
    movie: &Movie,
    before: i64,
    media: &mut Vec<Media>,
) -> Result<(), Stop> {
    for track in movie.tracks.iter().filter(|track| track.totals.samples > 0) {
        let scheme = track.protection().and_then(|protection| protection.scheme);
        let piff = scheme.is_some_and(|scheme| &scheme.0 == b"piff");
        let profile = if piff { Some(Profile::parse("dual")?) } else { None };
        let ids = [track.id];
        let one = MuxInput { name: &input.name.clone(), movie, at: 0, tracks: Some(&ids) };
        let fold = Fold::Pauses;
        let options = MuxOptions { profile, sidx: true, mend: false, earliest: before, fold };
        let (recipe, _) = stitch(input, Mux::new(&[one], options)?)?;
        let own = input.stitched(&recipe);
        let movie = own.inspect()?;
        let name = format!("{stem}_{}{}.mp4", track.kind.word(), track.id);
        media.push(Media { name, source: input.name.clone(), input: own, movie, there: false });
    }
    Ok(())
}
