//! `ismvault batch`: many titles, by a list of jobs.

use crate::flags;
use crate::host::{
    Input, Stop, USAGE, check_output, print, printable, shown, stop, to_json, unwritten,
    write_small,
};
use crate::identity::{Roles, same_file};
use crate::keys_out::KeysOut;
use crate::make::{Set, files_in};
use crate::pipes;
use crate::progress::{Progress, of_many};
use crate::protect::{Out, Protection};
use crate::secret::{self, Opening};
use clap::Args;
use ismvault::error::redacted;
use ismvault::format::cipher::CipherMode;
use ismvault::format::ids::Kid;
use ismvault::jobs::fields::MUX_SET;
use ismvault::jobs::key_list::Entry;
use ismvault::jobs::{MuxSet, names};
use ismvault::model::manifest::Manifest;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use zeroize::Zeroizing;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ismvault batch jobs.json --jobs 2 --keys-out keys.json
  ismvault protect titles/ -o protected/      (every title of a folder, alike)

jobs.json:
  {\"defaults\": {\"la_url\": \"https://licence.example/\"},
   \"jobs\": [{\"input\": \"film.ismv\", \"output\": \"film.mp4\"},
            {\"input\": [\"set.ism\", \"set/\"], \"output\": \"set.mp4\", \"under\": 3000}]}")]
pub(crate) struct BatchArgs {
    /// The jobs, as JSON: {"defaults": {…}, "jobs": [{"input": …, "output": …, …}]}.
    jobs: PathBuf,
    /// How many at a time.
    #[arg(long = "jobs", value_name = "N", default_value_t = 1)]
    at_once: usize,
    /// Where to write the keys that are made at random, as JSON.
    #[arg(long, value_name = "FILE")]
    keys_out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Write outputs anew that are there already, instead of skipping their jobs.
    #[arg(long)]
    force: bool,
    /// Print each title as it ends, besides the summary.
    #[arg(long)]
    verbose: bool,
    /// Whether the jobs are the titles of a folder, not of a list.
    #[arg(skip)]
    of_folder: bool,
    /// The summary is JSON always; this is for symmetry with other commands.
    #[arg(long, hide = true)]
    json: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// Options of every job that has none of its own.
    #[serde(default)]
    defaults: serde_json::Map<String, serde_json::Value>,
    jobs: Vec<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Inputs {
    One(PathBuf),
    Several(Vec<PathBuf>),
}

impl Inputs {
    fn paths(&self) -> impl Iterator<Item = &Path> {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Several(paths) => paths,
        }
        .iter()
        .map(PathBuf::as_path)
    }
}

/// One title: what goes in, what comes out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    input: Inputs,
    output: PathBuf,
    /// The same as the list has it.
    #[serde(skip)]
    listed: String,
}

struct Job {
    place: Place,
    /// What to take of a set.
    set: MuxSet,
    protection: Protection,
}

#[derive(Serialize)]
struct Summary {
    done: usize,
    skipped: usize,
    failed: usize,
    jobs: Vec<Outcome>,
}

#[derive(Serialize)]
struct Outcome {
    output: String,
    /// `done`, `skipped` or `failed`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kids: Vec<Kid>,
    /// What of a set was taken, and what is not as it was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Why it failed, or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn read(args: &BatchArgs) -> Result<Vec<Job>, Stop> {
    // What stands in it may be a key, also where something else should.
    let bad = |what: String| Stop(format!("{}: {}", args.jobs.display(), redacted(&what)), USAGE);
    let bytes = Zeroizing::new(Input::open(&args.jobs)?.read_text()?);
    let list: List = serde_json::from_slice(&bytes).map_err(|e| bad(format!("{e}.")))?;
    let base = args.jobs.parent().unwrap_or(Path::new(""));
    let mut jobs = Vec::new();
    for (number, own) in list.jobs.into_iter().enumerate() {
        let mut all = list.defaults.clone();
        // Which tracks of a set to take is no matter of files by themselves.
        if own.get("input").is_some_and(serde_json::Value::is_string) {
            flags::take(&mut all, MUX_SET);
        }
        all.extend(own);
        let mut place = serde_json::Map::new();
        for name in ["input", "output"] {
            place.extend(all.remove_entry(name));
        }
        let set = flags::take(&mut all, MUX_SET);
        let bad = |e: serde_json::Error| bad(format!("job {}: {e}.", number + 1));
        let mut place: Place = serde_json::from_value(place.into()).map_err(bad)?;
        let set: MuxSet = serde_json::from_value(set.into()).map_err(bad)?;
        let mut protection = Protection::from_json(all).map_err(bad)?;
        // Paths count from the list, wherever the command is run.
        let from = |path: &mut PathBuf| *path = base.join(&*path);
        match &mut place.input {
            Inputs::One(path) => from(path),
            Inputs::Several(paths) => paths.iter_mut().for_each(from),
        }
        place.listed = shown(&place.output);
        from(&mut place.output);
        protection.keys.as_mut().into_iter().filter(|path| *path != Path::new("-")).for_each(from);
        for text in [&mut protection.job.key, &mut protection.job.seed].into_iter().flatten() {
            *text = Zeroizing::new(secret::beside(base, text));
        }
        protection.receipt.as_mut().into_iter().for_each(from);
        jobs.push(Job { place, set, protection });
    }
    Ok(jobs)
}

/// Refuses lists that cannot be right, before anything is written.
fn check(jobs: &[Job], args: &BatchArgs) -> Result<(), Stop> {
    let mut roles = Roles::default();
    roles.read("the list of jobs", &args.jobs);
    for job in jobs {
        let wrong = |e| Stop(format!("{}: {e}", job.place.output.display()), USAGE);
        job.set.check().map_err(wrong)?;
        job.place.input.paths().for_each(|path| roles.read("an input", path));
        job.protection.read_roles(&mut roles);
    }
    if let Some(keys) = &args.keys_out {
        roles.write("the list of keys", keys)?;
    }
    let mut modes: Vec<(Zeroizing<String>, CipherMode, &Path)> = Vec::new();
    for job in jobs {
        let output = &job.place.output;
        let receipt = job.protection.receipt.as_deref();
        if [Some(Path::new(&job.place.listed)), receipt].contains(&Some(Path::new("-"))) {
            let sentence =
                "A title of many goes into a file, and so does its receipt; - is for one.";
            return Err(Stop(sentence.into(), USAGE));
        }
        job.protection.write_roles(output, &mut roles)?;
        if job.protection.makes_key() && args.keys_out.is_none() {
            let sentence = format!(
                "{} has no key, and one made at random would be lost. Give it one, or add --keys-out FILE.",
                output.display()
            );
            return Err(Stop(sentence, USAGE));
        }
        let name = output.display();
        let options =
            job.protection.options().map_err(|e| Stop(format!("{name}: {}", e.0), USAGE))?;
        for key in &options.keys {
            modes.push((key.key.reveal(), options.profile.mode, output));
        }
    }
    modes.sort_by(|a, b| a.0.cmp(&b.0));
    for pair in modes.windows(2) {
        let [(a, one, first), (b, other, second)] = pair else { continue };
        if a == b && one != other {
            let sentence = format!(
                "The key of {} is that of {}, and one is AES-CTR, the other AES-CBC: a key must \
                 not be used in both.",
                first.display(),
                second.display()
            );
            return Err(Stop(sentence, USAGE));
        }
    }
    Ok(())
}

/// Every title of a folder, protected alike into another: a file, or where there is a
/// server manifest, the set it names.
pub(crate) fn folder(input: &Path, out: &Out, protection: &Protection) -> Result<ExitCode, Stop> {
    let outputs = &out.output;
    let as_file = outputs.is_file() || names::is_media(&outputs.to_string_lossy());
    if as_file && !outputs.is_dir() || pipes::is_pipe(outputs) {
        let sentence = "is a folder, so what comes of it goes into one. Name a folder with -o";
        return Err(Stop(format!("{} {sentence}.", input.display()), USAGE));
    }
    if protection.receipt.is_some() {
        return Err(Stop("One receipt cannot be of a folder of titles.".into(), USAGE));
    }
    if same_file(input, outputs) {
        let sentence = "Choose another folder to write to: in this one, protected files would \
                        stand among clear ones.";
        return Err(Stop(sentence.into(), USAGE));
    }
    let titles = titles(input, outputs)?;
    let stem = |path: &Path| path.with_extension("");
    let mut jobs = Vec::new();
    for paths in &titles {
        let [first, ..] = &paths[..] else { continue };
        // Of titles that differ in their extension alone, both keep it.
        let alike = titles.iter().filter(|other| stem(&other[0]) == stem(first)).count() > 1;
        let own = if alike { first.file_name() } else { first.file_stem() };
        let mut name = own.unwrap_or_default().to_owned();
        name.push(".mp4");
        let output = outputs.join(first.strip_prefix(input).unwrap_or(first)).with_file_name(name);
        let set = MuxSet { text: true, ..MuxSet::default() };
        let input = match paths.len() {
            1 => Inputs::One(first.clone()),
            _ => Inputs::Several(paths.clone()),
        };
        let listed = shown(output.strip_prefix(outputs).unwrap_or(&output));
        jobs.push(Job {
            place: Place { input, output, listed },
            set,
            protection: protection.clone(),
        });
    }
    if jobs.is_empty() {
        return Err(stop(format!("There is no media file in {}.", input.display())));
    }
    let own = &protection.job;
    if jobs.len() > 1 && own.kid.is_some() && protection.makes_key() {
        let sentence = "One KID would have a key for each title. Give its key too, or leave the \
                        KID out";
        return Err(Stop(format!("{sentence}."), USAGE));
    }
    let keys_out = protection.makes_key().then(|| outputs.join("ismvault-keys.json"));
    if let Some(path) = &keys_out {
        eprintln!("A key for each title is made, and listed in {}.", path.display());
    }
    let args = BatchArgs {
        jobs: input.to_owned(),
        at_once: 1,
        keys_out,
        opening: Opening::default(),
        force: out.force,
        verbose: !out.json,
        of_folder: true,
        json: out.json,
    };
    all(&jobs, &args)
}

/// The files of each title below a folder, in their order; without what earlier runs
/// wrote, where that is below it too.
fn titles(folder: &Path, outputs: &Path) -> Result<Vec<Vec<PathBuf>>, Stop> {
    let mut files = Vec::new();
    files_in(&[folder.to_owned()], 0, &mut files)?;
    let whole = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    let outputs = whole(outputs);
    files.retain(|path| match (whole(path), &outputs) {
        (Some(path), Some(outputs)) => !path.starts_with(outputs),
        _ => true,
    });
    let is = |path: &Path, what: fn(&str) -> bool| what(&path.to_string_lossy());
    let server = |path: &&PathBuf| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("ism"));
    let mut titles: Vec<Vec<PathBuf>> = Vec::new();
    let mut taken: Vec<PathBuf> = Vec::new();
    for manifest in files.iter().filter(server) {
        let text = Input::open(manifest).and_then(|input| input.read_text());
        let parsed = text.and_then(|text| Ok(Manifest::parse(&text)?));
        let named = match parsed {
            Ok(parsed) => parsed.sources(),
            Err(Stop(why, _)) => {
                let name = printable(&manifest.display().to_string());
                eprintln!("{name} is passed over, so its files are titles by themselves: {why}");
                continue;
            }
        };
        let beside = manifest.parent().unwrap_or(folder);
        let own: Vec<PathBuf> = files
            .iter()
            .filter(|path| is(path, names::is_media))
            .filter(|path| named.iter().any(|name| same_file(&beside.join(name), path)))
            .cloned()
            .collect();
        if own.is_empty() {
            continue;
        }
        taken.extend(own.iter().cloned());
        titles.push(std::iter::once(manifest.clone()).chain(own).collect());
    }
    for path in files.iter().filter(|path| is(path, names::is_media) && !taken.contains(path)) {
        titles.push(vec![path.clone()]);
    }
    Ok(titles)
}

pub(crate) fn batch(args: &BatchArgs) -> Result<ExitCode, Stop> {
    all(&read(args)?, args)
}

fn all(jobs: &[Job], args: &BatchArgs) -> Result<ExitCode, Stop> {
    check(jobs, args)?;
    let of_folder = args.of_folder;
    for parent in jobs.iter().filter_map(|job| job.place.output.parent()).filter(|_| of_folder) {
        std::fs::create_dir_all(parent).map_err(|e| unwritten(parent, &e))?;
    }
    if let Some(folder) = args.keys_out.as_deref().and_then(Path::parent).filter(|_| of_folder) {
        std::fs::create_dir_all(folder).map_err(|e| unwritten(folder, &e))?;
    }
    of_many();
    let progress = Progress::of_titles(jobs.len());
    let keys = args.keys_out.as_deref().map(KeysOut::open).transpose()?;
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<(usize, Outcome)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..args.at_once.clamp(1, 64) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(number) else { return };
                    let outcome = one(job, args, keys.as_ref());
                    if args.verbose {
                        let why = outcome.reason.as_ref().map(|r| format!(": {}", printable(r)));
                        let (status, output) = (outcome.status, printable(&outcome.output));
                        progress.say(&format!("{status} {output}{}", why.unwrap_or_default()));
                        for note in &outcome.notes {
                            progress.say(&format!("  {}", printable(note)));
                        }
                    }
                    progress.add(1);
                    outcomes.lock().unwrap_or_else(|e| e.into_inner()).push((number, outcome));
                }
            });
        }
    });
    drop(progress);
    let mut outcomes = outcomes.into_inner().unwrap_or_else(|e| e.into_inner());
    outcomes.sort_by_key(|(number, _)| *number);
    let jobs: Vec<Outcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    let count = |status: &str| jobs.iter().filter(|job| job.status == status).count();
    let (done, skipped, failed) = (count("done"), count("skipped"), count("failed"));
    if !args.json && of_folder {
        print(&format!("{done} done, {skipped} skipped, {failed} failed."))?;
        return Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    print(&to_json(&Summary { done, skipped, failed, jobs })?)?;
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn one(job: &Job, args: &BatchArgs, keys: Option<&KeysOut>) -> Outcome {
    let output = &job.place.output;
    let mut outcome = Outcome {
        output: shown(output),
        status: "done",
        size: None,
        sha256: None,
        kids: Vec::new(),
        notes: Vec::new(),
        reason: None,
    };
    if output.exists() && !args.force {
        outcome.status = "skipped";
        outcome.reason = Some("It is there already. Add --force to write it anew.".into());
        return outcome;
    }
    match run(job, args, keys, &mut outcome) {
        Ok(()) => {}
        Err(Stop(sentence, _)) => {
            outcome.status = "failed";
            outcome.reason = Some(sentence);
        }
    }
    outcome
}

fn run(
    job: &Job,
    args: &BatchArgs,
    keys: Option<&KeysOut>,
    outcome: &mut Outcome,
) -> Result<(), Stop> {
    let paths = match &job.place.input {
        Inputs::One(path) => vec![path.clone()],
        Inputs::Several(paths) => paths.clone(),
    };
    for path in paths.iter().filter(|path| path.is_file()) {
        check_output(path, &job.place.output, args.force)?;
    }
    let input = match &paths[..] {
        [one] if one.is_file() && !job.set.is_wanted() => Input::open(one)?,
        _ => {
            let set = Set::open(&paths, &job.place.output)?;
            let (joined, recipe, notes) = set.mux(&job.set)?;
            outcome.notes = notes;
            joined.stitched(&recipe)
        }
    };
    let name = input.name.clone();
    let run = job.protection.run(&input, &job.place.output, &name)?;
    if let (true, Some(list), Some(made)) = (job.protection.makes_key(), keys, run.made_key()) {
        // The key is on disk before the file has its name.
        let output = job.place.listed.clone();
        list.add(Entry { output, kid: made.kid.to_string(), key: made.key })?;
    }
    outcome.size = Some(run.written.len);
    outcome.sha256 = Some(run.receipt.sha256.clone());
    outcome.kids = run.receipt.keys.iter().map(|key| key.kid).collect();
    if let Some(path) = &job.protection.receipt {
        write_small(path, (to_json(&run.receipt)? + "\n").as_bytes(), args.force)?;
    }
    run.written.keep_silently(args.force)?;
    Ok(())
}
