//! The commands that make files of files: `decrypt`, `mux`, `assemble`,
//! `fragment`, `rebox`, `repair`.

use crate::host::{
    Input, Stop, Written, check_output, plural, print, printable, shown, stop, to_json, usage,
};
use crate::identity::same_file;
use crate::protect::{Out, Protection, finish};
use crate::secret::{Opening, secrets};
use clap::Args;
use ismvault::jobs::names;
use ismvault::look::set::FileSet;
use ismvault::make::assemble::{FragmentFile, assemble as assembled, is_fragment};
use ismvault::make::decrypt::{Decryption, parse_keys};
use ismvault::make::fragmenter::fragment as fragmented;
use ismvault::make::mux::{Fold, Mux, MuxInput, MuxOptions, TrackChoice, check_set, choose};
use ismvault::make::proof::Proven;
use ismvault::make::protect::Profile;
use ismvault::model::Movie;
use ismvault::model::manifest::Manifest;
use ismvault::{Span, Stitched};
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct DecryptArgs {
    input: PathBuf,
    #[command(flatten)]
    out: Out,
    /// A content key, in hex or base64; with a KID or a track number in front
    /// if there are several. @FILE, - (standard input) and env:NAME keep it off
    /// the command line.
    #[arg(long = "key", value_name = "[KID:]KEY", required = true)]
    keys: Vec<String>,
    #[command(flatten)]
    pub(crate) opening: Opening,
}

#[derive(Args)]
pub(crate) struct MuxArgs {
    /// The files of a set, with its .ism and .ismc if they are there; or a folder.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    out: Out,
    /// The file with the video.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["under", "height"])]
    video: Option<String>,
    /// The best video of at most so many kbit/s.
    #[arg(long, value_name = "KBPS")]
    under: Option<u64>,
    /// The best video of at most so many lines.
    #[arg(long, value_name = "LINES")]
    height: Option<u16>,
    /// Languages of the audio; one track of each language if left out.
    #[arg(long, value_name = "LANG,...", value_delimiter = ',')]
    audio: Option<Vec<String>>,
    /// Text tracks too.
    #[arg(long)]
    text: bool,
    /// Protect the result.
    #[arg(long)]
    protect: bool,
    #[command(flatten)]
    protection: Protection,
}

#[derive(Args)]
pub(crate) struct AssembleArgs {
    /// The client manifest (.ismc).
    manifest: PathBuf,
    /// The folder with the fragments, or the fragments themselves.
    #[arg(required = true)]
    fragments: Vec<PathBuf>,
    #[command(flatten)]
    out: Out,
}

#[derive(Args)]
pub(crate) struct OneArgs {
    input: PathBuf,
    #[command(flatten)]
    out: Out,
}

#[derive(Args)]
pub(crate) struct ReboxArgs {
    input: PathBuf,
    #[command(flatten)]
    out: Out,
    /// Whose boxes to write: dual, piff or cenc.
    #[arg(long, value_name = "P")]
    profile: String,
}

/// What a command made.
#[derive(Serialize)]
struct Made<'a> {
    output: String,
    size: u64,
    /// Samples that were compared with those of the inputs.
    samples_compared: u64,
    notes: &'a [String],
}

/// Writes a recipe of copies, which is proved already, and says so.
fn write(input: &Input, recipe: &Stitched, notes: &[String], out: &Out) -> Result<ExitCode, Stop> {
    let written = input.write(recipe, &out.output, |_| {})?;
    tell(written, recipe.samples_compared(), notes, out)
}

/// Gives an output its name, and says what is known of it.
fn tell(
    written: Written,
    samples_compared: u64,
    notes: &[String],
    out: &Out,
) -> Result<ExitCode, Stop> {
    let size = written.len;
    if out.json {
        let output = written.keep_silently(out.force)?;
        print(&to_json(&Made { output: shown(&output), size, samples_compared, notes })?)?;
    } else {
        notes.iter().for_each(|note| eprintln!("{}", printable(note)));
        eprintln!("Read again and compared: {}.", plural(samples_compared, "sample"));
        written.keep(out.force)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn decrypt(args: &DecryptArgs) -> Result<ExitCode, Stop> {
    check_output(&args.input, &args.out.output, args.out.force)?;
    let mut keys = Vec::new();
    for given in secrets(&args.keys)? {
        keys.extend(parse_keys(&given).map_err(usage)?);
    }
    let input = Input::open(&args.input)?;
    let movie = input.inspect()?;
    let decryption = Decryption::new(&movie, &keys)?;
    let notes: Vec<String> = decryption
        .warnings()
        .iter()
        .map(|warning| format!("ismvault: warning: {warning}"))
        .collect();
    let proven = input.ready(Proven::new(decryption))?;
    let written = input.write(&proven, &args.out.output, |_| {})?;
    let (_, proof) = proven.verdict()?;
    tell(written, proof.samples_compared(), &notes, &args.out)
}

pub(crate) fn fragment(args: &OneArgs) -> Result<ExitCode, Stop> {
    check_output(&args.input, &args.out.output, args.out.force)?;
    let input = Input::open(&args.input)?;
    let (recipe, notes) = fragmented(&input.inspect()?)?;
    write(&input, &recipe, &notes, &args.out)
}

pub(crate) fn rebox(args: &ReboxArgs) -> Result<ExitCode, Stop> {
    let profile = Profile::parse(&args.profile).map_err(usage)?;
    in_order(&args.input, &args.out, MuxOptions { profile: Some(profile), ..MuxOptions::default() })
}

pub(crate) fn repair(args: &OneArgs) -> Result<ExitCode, Stop> {
    in_order(&args.input, &args.out, MuxOptions { mend: true, ..MuxOptions::default() })
}

/// Writes one file anew, in order.
fn in_order(path: &Path, out: &Out, options: MuxOptions) -> Result<ExitCode, Stop> {
    check_output(path, &out.output, out.force)?;
    let input = Input::open(path)?;
    let movie = input.inspect()?;
    let one = MuxInput { name: "", movie: &movie, at: 0, tracks: None };
    let (recipe, notes) = stitch(&input, Mux::new(&[one], options)?)?;
    write(&input, &recipe, &notes, out)
}

/// Reads what a mux must know; gives its output, and what it has to say.
pub(crate) fn stitch(input: &Input, mut mux: Mux) -> Result<(Stitched, Vec<String>), Stop> {
    input.drive(&mut mux)?;
    let notes = mux.sentences().to_vec();
    Ok((mux.finish()?, notes))
}

/// A name by which `part10` comes behind `part9`.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let word = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(word);
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        parts.push((0, text.to_owned()));
        parts.push((after[..digits].parse().unwrap_or(0), String::new()));
        rest = &after[digits..];
    }
    parts
}

/// Folders in folders that are looked into.
const FOLDERS: usize = 32;

/// Files, and those in folders; in folders, every one below.
fn files_in(paths: &[PathBuf], depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Stop> {
    for path in paths {
        // A link to a folder may lead back; one that is named is meant.
        if depth > 0 && path.is_symlink() && path.is_dir() {
            continue;
        }
        if depth > FOLDERS {
            return Err(stop(format!("{} is too deep in folders.", path.display())));
        }
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let failed = |e| stop(format!("{} cannot be read: {e}.", path.display()));
        let entries = path.read_dir().map_err(failed)?;
        let mut inside = entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(failed)?;
        inside.sort_by_cached_key(|path| natural(&path.to_string_lossy()));
        files_in(&inside, depth + 1, found)?;
    }
    Ok(())
}

/// A set of files, opened.
pub(crate) struct Set {
    pub(crate) inputs: Vec<Input>,
    pub(crate) movies: Vec<Movie>,
    manifests: Vec<(String, Manifest)>,
}

impl Set {
    /// Of files and folders. What an earlier run wrote into such a folder, where
    /// this one will write, is not a part of it.
    pub(crate) fn open(paths: &[PathBuf], output: &Path) -> Result<Self, Stop> {
        let mut files = Vec::new();
        files_in(paths, 0, &mut files)?;
        let named: HashSet<&PathBuf> = paths.iter().collect();
        files.retain(|path| named.contains(path) || !same_file(path, output));
        let mut set = Self { inputs: Vec::new(), movies: Vec::new(), manifests: Vec::new() };
        for path in files {
            let named = named.contains(&path);
            if names::is_manifest(&path.to_string_lossy()) {
                let input = Input::open(&path)?;
                let manifest = Manifest::parse(&input.read_text()?);
                let manifest = manifest.map_err(|e| stop(format!("{}: {e}", path.display())))?;
                set.manifests.push((input.name, manifest));
            } else if named || names::is_media(&path.to_string_lossy()) {
                let input = Input::open(&path)?;
                set.movies.push(input.inspect()?);
                set.inputs.push(input);
            }
        }
        Ok(set)
    }

    fn named(&self) -> Vec<(&str, &Movie)> {
        self.inputs.iter().map(|input| input.name.as_str()).zip(&self.movies).collect()
    }

    /// One file of what was chosen, and what there is to say of it.
    pub(crate) fn mux(self, choice: &TrackChoice) -> Result<(Input, Stitched, Vec<String>), Stop> {
        let named = self.named();
        let files = named.iter().map(|(name, movie)| ((*name).to_owned(), *movie)).collect();
        if self.movies.is_empty() {
            return Err(stop("There is no media file among the inputs."));
        }
        let manifests = self.manifests.clone();
        check_set(&FileSet { files, manifests, proofs: Vec::new() })?;
        let chosen = choose(&named, choice)?;
        let mut at = 0;
        let mut parts = Vec::new();
        for (file, tracks) in &chosen {
            let (name, movie) = named[*file];
            parts.push(MuxInput { name, movie, at, tracks: Some(tracks) });
            at += movie.size;
        }
        let mut notes: Vec<String> = Vec::new();
        for (file, tracks) in &chosen {
            for track in named[*file].1.tracks.iter().filter(|track| tracks.contains(&track.id)) {
                notes.push(format!(
                    "{}: track {}, {} {}{}.",
                    named[*file].0,
                    track.id,
                    track.kind.word(),
                    track.codec().map_or("", |codec| &codec.string),
                    if track.language == "und" {
                        String::new()
                    } else {
                        format!(", {}", track.language)
                    }
                ));
            }
        }
        let fold = Fold::All { skip: 0 };
        let mux = Mux::new(&parts, MuxOptions { fold, ..MuxOptions::default() })?;
        let order: Vec<usize> = chosen.iter().map(|(file, _)| *file).collect();
        let mut slots: Vec<Option<Input>> = self.inputs.into_iter().map(Some).collect();
        let inputs = order.iter().filter_map(|file| slots[*file].take()).collect();
        let joined = Input::joined(inputs);
        let (recipe, more) = stitch(&joined, mux)?;
        notes.extend(more);
        Ok((joined, recipe, notes))
    }
}

pub(crate) fn mux(args: &MuxArgs) -> Result<ExitCode, Stop> {
    for input in args.inputs.iter().filter(|input| input.is_file()) {
        check_output(input, &args.out.output, args.out.force)?;
    }
    args.protection.check_roles(&args.out, &args.inputs)?;
    let choice = TrackChoice {
        video: args.video.as_ref().map(|name| {
            Path::new(name).file_name().unwrap_or_default().to_string_lossy().into_owned()
        }),
        under: args.under.map(|kbps| kbps.saturating_mul(1000)),
        height: args.height,
        audio: args.audio.clone(),
        text: args.text,
    };
    let (joined, recipe, notes) = Set::open(&args.inputs, &args.out.output)?.mux(&choice)?;
    if !args.protect && !args.protection.is_wanted() {
        return write(&joined, &recipe, &notes, &args.out);
    }
    let name = joined.name.clone();
    finish(&args.protection, &joined.stitched(&recipe), &name, &args.out, &notes)
}

pub(crate) fn assemble(args: &AssembleArgs) -> Result<ExitCode, Stop> {
    check_output(&args.manifest, &args.out.output, args.out.force)?;
    let manifest = Manifest::parse(&Input::open(&args.manifest)?.read_text()?)?;
    let Manifest::Client(manifest) = manifest else {
        let sentence = format!(
            "{} is a {}, not a client manifest (.ismc).",
            args.manifest.display(),
            manifest.kind()
        );
        return Err(stop(sentence));
    };
    let mut paths = Vec::new();
    files_in(&args.fragments, 0, &mut paths)?;
    if args.fragments.iter().any(|path| path.is_file() && same_file(path, &args.out.output)) {
        return Err(stop("The output is one of the fragments. Choose another name."));
    }
    paths.retain(|path| !same_file(path, &args.out.output));
    let mut inputs = Vec::new();
    let (mut names, mut left) = (Vec::new(), 0);
    let is_manifest = |path: &Path| names::is_manifest(&path.to_string_lossy());
    for path in paths.iter().filter(|path| !is_manifest(path) && **path != args.manifest) {
        let input = Input::open(path)?;
        let base = args.fragments.iter().find_map(|folder| path.strip_prefix(folder).ok());
        let name = base.filter(|name| name.iter().next().is_some()).unwrap_or(path);
        let start = input.read(Span { at: 0, len: 8 })?;
        if !is_fragment(&name.to_string_lossy(), &start) {
            left += 1;
            continue;
        }
        names.push((name.to_string_lossy().into_owned(), input.size));
        inputs.push(input);
    }
    let mut at = 0;
    let mut files = Vec::new();
    for (name, size) in &names {
        files.push(FragmentFile { name, at, size: *size });
        at += size;
    }
    let joined = Input::joined(inputs);
    let movie = joined.inspect()?;
    let (recipe, mut notes) = stitch(&joined, assembled(&manifest, &movie, &files)?)?;
    if left > 0 {
        notes.push(format!("{left} files that are no fragments are left out."));
    }
    write(&joined, &recipe, &notes, &args.out)
}
