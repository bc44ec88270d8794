//! The commands that make files of files: `decrypt`, `mux`, `assemble`,
//! `fragment`, `rebox`, `repair`.

use crate::flags;
use crate::host::{
    Input, Stop, Written, check_output, check_place, plural, print, printable, shown, stop,
    to_json, usage,
};
use crate::identity::same_file;
use crate::protect::{Out, Protection, finish};
use crate::secret::{Opening, secrets};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use ismvault::jobs::fields::MUX_SET;
use ismvault::jobs::{Assemble, Decrypt, MuxSet, Rewriting, names};
use ismvault::make::decrypt::Decryption;
use ismvault::make::fragmenter::fragment as fragmented;
use ismvault::make::mux::Mux;
use ismvault::make::proof::Proven;
use ismvault::model::Movie;
use ismvault::model::manifest::Manifest;
use ismvault::{Span, Stitched};
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ismvault decrypt film.mp4 -o clear.mp4 --key @key.txt
  ismvault decrypt set.mp4 -o clear.mp4 --key KID1:KEY1 --key KID2:KEY2")]
pub(crate) struct DecryptArgs {
    input: PathBuf,
    #[command(flatten)]
    pub(crate) out: Out,
    /// A content key, in hex or base64; with a KID or a track number in front
    /// if there are several. @FILE, - (standard input) and env:NAME keep it off
    /// the command line.
    #[arg(long = "key", value_name = "[KID:]KEY", required = true)]
    keys: Vec<String>,
    #[command(flatten)]
    pub(crate) opening: Opening,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ismvault mux set/ -o film.ismv --under 3000
  ismvault mux set.ism video_2.ismv audio.isma -o film.mp4 --protect --la-url https://licence.example/")]
pub(crate) struct MuxArgs {
    /// The files of a set, with its .ism and .ismc if they are there; or a folder.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) out: Out,
    #[command(flatten)]
    choice: Choice,
    /// Protect the result.
    #[arg(long)]
    protect: bool,
    #[command(flatten)]
    protection: Protection,
}

/// Which tracks of a set to take.
struct Choice(MuxSet);

impl Args for Choice {
    fn augment_args(command: Command) -> Command {
        flags::add(command, MUX_SET)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Choice {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut job: MuxSet = flags::job(matches, MUX_SET)?;
        if let Some(video) = &mut job.video {
            let name = Path::new(video).file_name().unwrap_or_default();
            *video = name.to_string_lossy().into_owned();
        }
        Ok(Self(job))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[derive(Args)]
#[command(after_help = "\
Example:
  ismvault assemble stream.ismc fragments/ -o stream.ismv")]
pub(crate) struct AssembleArgs {
    /// The client manifest (.ismc).
    manifest: PathBuf,
    /// The folder with the fragments, or the fragments themselves.
    #[arg(required = true)]
    fragments: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  ismvault fragment progressive.mp4 -o fragmented.ismv
  ismvault repair broken.ismv -o mended.ismv")]
pub(crate) struct OneArgs {
    input: PathBuf,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  ismvault rebox film.ismv -o film.mp4 --profile cenc")]
pub(crate) struct ReboxArgs {
    input: PathBuf,
    #[command(flatten)]
    pub(crate) out: Out,
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
    let keys = Decrypt { keys: secrets(&args.keys)? }.keys().map_err(usage)?;
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
    let job = Rewriting::rebox(&args.profile);
    job.options().map_err(usage)?;
    in_order(&args.input, &args.out, &job)
}

pub(crate) fn repair(args: &OneArgs) -> Result<ExitCode, Stop> {
    in_order(&args.input, &args.out, &Rewriting::repair())
}

/// Writes one file anew, in order.
fn in_order(path: &Path, out: &Out, job: &Rewriting) -> Result<ExitCode, Stop> {
    check_output(path, &out.output, out.force)?;
    let input = Input::open(path)?;
    let movie = input.inspect()?;
    let (recipe, notes) = stitch(&input, job.mux(&[("", &movie, None)], &[])?)?;
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
pub(crate) fn files_in(
    paths: &[PathBuf],
    depth: usize,
    found: &mut Vec<PathBuf>,
) -> Result<(), Stop> {
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

    /// One file of what is asked for, and what there is to say of it.
    pub(crate) fn mux(self, job: &MuxSet) -> Result<(Input, Stitched, Vec<String>), Stop> {
        let named = self.named();
        if named.is_empty() {
            return Err(stop("There is no media file among the inputs."));
        }
        let plan = job.plan(&named)?;
        let mux = plan.mux(&named, &self.manifests)?;
        let mut slots: Vec<Option<Input>> = self.inputs.into_iter().map(Some).collect();
        let inputs = plan.files.iter().filter_map(|(file, _)| slots[*file].take()).collect();
        let joined = Input::joined(inputs);
        let (recipe, more) = stitch(&joined, mux)?;
        Ok((joined, recipe, [plan.sentences, more].concat()))
    }
}

pub(crate) fn mux(args: &MuxArgs) -> Result<ExitCode, Stop> {
    check_place(&args.out.output, args.out.force)?;
    for input in args.inputs.iter().filter(|input| input.is_file()) {
        check_output(input, &args.out.output, args.out.force)?;
    }
    args.protection.check_roles(&args.out, &args.inputs)?;
    let job = &args.choice.0;
    job.check().map_err(usage)?;
    let (joined, recipe, notes) = Set::open(&args.inputs, &args.out.output)?.mux(job)?;
    if !args.protect && !args.protection.is_wanted() {
        return write(&joined, &recipe, &notes, &args.out);
    }
    let name = joined.name.clone();
    finish(&args.protection, &joined.stitched(&recipe), &name, &args.out, &notes)
}

pub(crate) fn assemble(args: &AssembleArgs) -> Result<ExitCode, Stop> {
    check_output(&args.manifest, &args.out.output, args.out.force)?;
    let mut job = Assemble::new(&Input::open(&args.manifest)?.read_text()?)
        .map_err(|e| stop(format!("{}: {e}", args.manifest.display())))?;
    let mut paths = Vec::new();
    files_in(&args.fragments, 0, &mut paths)?;
    if args.fragments.iter().any(|path| path.is_file() && same_file(path, &args.out.output)) {
        return Err(stop("The output is one of the fragments. Choose another name."));
    }
    paths.retain(|path| !same_file(path, &args.out.output));
    let mut inputs = Vec::new();
    let is_manifest = |path: &Path| names::is_manifest(&path.to_string_lossy());
    for path in paths.iter().filter(|path| !is_manifest(path) && **path != args.manifest) {
        let input = Input::open(path)?;
        let base = args.fragments.iter().find_map(|folder| path.strip_prefix(folder).ok());
        let name = base.filter(|name| name.iter().next().is_some()).unwrap_or(path);
        let start = input.read(Span { at: 0, len: 8 })?;
        if job.add(&name.to_string_lossy(), input.size, &start) {
            inputs.push(input);
        }
    }
    let joined = Input::joined(inputs);
    let movie = joined.inspect()?;
    let (recipe, notes) = stitch(&joined, job.mux(&movie)?)?;
    write(&joined, &recipe, &notes, &args.out)
}
