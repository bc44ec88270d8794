//! `ismvault manifest`: manifests for files, and the files as the manifests
//! need them.

use crate::host::{Input, Stop, USAGE, print, printable, stop, to_json, write_small};
use crate::make::stitch;
use clap::{Args, ValueEnum};
use ismvault::Span;
use ismvault::error::Code;
use ismvault::jobs::{Part, Publish};
use ismvault::make::manifests::Rendition;
use ismvault::make::mux::{Mux, MuxInput};
use ismvault::model::Movie;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
Example:
  ismvault manifest low.ismv high.ismv --format dash --out out/")]
pub(crate) struct ManifestArgs {
    /// The files, one for each bitrate.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// The folder to write to; it is made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// Which manifests.
    #[arg(long, value_enum)]
    format: ManifestFormat,
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
enum ManifestFormat {
    /// .ism and .ismc.
    Ism,
    /// .mpd.
    Dash,
    /// .m3u8.
    Hls,
}

impl From<ManifestFormat> for ismvault::jobs::Format {
    fn from(format: ManifestFormat) -> Self {
        match format {
            ManifestFormat::Ism => Self::Ism,
            ManifestFormat::Dash => Self::Dash,
            ManifestFormat::Hls => Self::Hls,
        }
    }
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
    /// Made of its input, or that input as it is.
    fn new(
        part: &Part,
        args: &ManifestArgs,
        inputs: &[Input],
        movies: &[Movie],
    ) -> Result<Self, Stop> {
        let (input, movie) = (&inputs[part.input], &movies[part.input]);
        let (name, source) = (part.name.clone(), input.name.clone());
        let Some(options) = part.options else {
            let canonical = |path: &Path| path.canonicalize().ok();
            let (path, to) = (&args.inputs[part.input], args.out.join(&name));
            let there = canonical(path).is_some() && canonical(path) == canonical(&to);
            let (input, movie) = (input.clone(), movie.clone());
            return Ok(Self { name, source, input, movie, there });
        };
        let tracks = part.track.as_ref().map(std::slice::from_ref);
        let one = MuxInput { name: &source, movie, at: 0, tracks };
        let (recipe, _) = stitch(input, Mux::new(&[one], options)?)?;
        let own = input.stitched(&recipe);
        let movie = own.inspect()?;
        Ok(Self { name, source, input: own, movie, there: false })
    }

    fn rendition(&self) -> Rendition<'_> {
        Rendition { file: &self.name, source: &self.source, movie: &self.movie }
    }
}

pub(crate) fn manifest(args: &ManifestArgs) -> Result<ExitCode, Stop> {
    if args.inputs.iter().any(|path| crate::pipes::is_pipe(path)) {
        return Err(Stop(
            "A manifest names its files, so standard input cannot be one.".into(),
            crate::host::USAGE,
        ));
    }
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
    let inputs = args.inputs.iter().map(|path| Input::open(path));
    let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
    let movies = inputs.iter().map(Input::inspect).collect::<Result<Vec<_>, _>>()?;
    let first = args.inputs.first().and_then(|path| path.file_stem());
    let publish = Publish {
        format: args.format.into(),
        title: first.unwrap_or_default().to_string_lossy().into_owned(),
        segments: args.segments,
    };
    let named: Vec<_> = inputs.iter().map(|input| input.name.as_str()).zip(&movies).collect();
    let parts = publish.parts(&named)?;
    let media = parts.iter().map(|part| Media::new(part, args, &inputs, &movies));
    let mut media = media.collect::<Result<Vec<_>, _>>()?;
    let renditions: Vec<Rendition<'_>> = media.iter().map(Media::rendition).collect();
    let published = publish.write(&renditions)?;
    std::fs::create_dir_all(&args.out).map_err(failed)?;
    let notes = published.notes.clone();
    let mut result = Result_ { manifests: Vec::new(), media: Vec::new(), notes };
    // The media first: a manifest names what is there.
    for (file, name, span) in &published.segments {
        let Some(from) = media.iter_mut().find(|m| m.name == *file) else { continue };
        let path = args.out.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        write_small(&path, &from.input.read_whole(*span)?, args.force)?;
        result.media.push(path);
    }
    let wanted = |m: &&mut Media| !m.there && published.names(&m.name);
    for one in media.iter_mut().filter(wanted) {
        let path = args.out.join(&one.name);
        let whole = Whole(vec![ismvault::Piece::Copy(Span { at: 0, len: one.input.size })]);
        if path.exists() && !args.force {
            return Err(stop(format!("{} exists. Add --force to overwrite it.", path.display())));
        }
        one.input.write(&whole, &path, |_| {})?.keep_silently(args.force)?;
        result.media.push(path);
    }
    for one in &published.manifests {
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
        Err(ismvault::Error::misuse(Code::NoSuchUnit, format!("There is no unit {unit}.")))
    }
}
