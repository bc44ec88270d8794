//! `ismvault batch`: many titles, by a list of jobs.

use crate::host::{Input, Small, Stop, USAGE, check_output, print, same_file, stop, to_json};
use crate::make::Set;
use crate::protect::Protection;
use clap::Args;
use ismvault::format::cipher::CipherMode;
use ismvault::format::ids::Kid;
use ismvault::make::mux::TrackChoice;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Args)]
pub(crate) struct BatchArgs {
    /// The jobs, as JSON: {"defaults": {…}, "jobs": [{"input": …, "output": …, …}]}.
    jobs: PathBuf,
    /// How many at a time.
    #[arg(long = "jobs", value_name = "N", default_value_t = 1)]
    at_once: usize,
    /// Where to write the keys that are made at random, as JSON.
    #[arg(long, value_name = "FILE")]
    keys_out: Option<PathBuf>,
    /// Write outputs anew that are there already, instead of skipping their jobs.
    #[arg(long)]
    force: bool,
    /// Print each title as it ends, besides the summary.
    #[arg(long)]
    verbose: bool,
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

/// One title: what goes in, what comes out; the rest is [`Protection`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    input: Inputs,
    output: PathBuf,
    /// Of a set: the best video of at most so many kbit/s.
    under: Option<u64>,
    /// Of a set: languages of the audio.
    audio: Option<Vec<String>>,
}

struct Job {
    place: Place,
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
    output: PathBuf,
    /// `done`, `skipped` or `failed`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kids: Vec<Kid>,
    /// Why it failed, or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

fn read(args: &BatchArgs) -> Result<Vec<Job>, Stop> {
    let bad = |what: String| Stop(format!("{}: {what}", args.jobs.display()), USAGE);
    let bytes = Input::open(&args.jobs)?.read_text()?;
    let list: List = serde_json::from_slice(&bytes).map_err(|e| bad(format!("{e}.")))?;
    let base = args.jobs.parent().unwrap_or(Path::new(""));
    let mut jobs = Vec::new();
    for (number, own) in list.jobs.into_iter().enumerate() {
        let mut all = list.defaults.clone();
        all.extend(own);
        let mut place = serde_json::Map::new();
        for name in ["input", "output", "under", "audio"] {
            place.extend(all.remove_entry(name));
        }
        let bad = |e: serde_json::Error| bad(format!("job {}: {e}.", number + 1));
        let mut place: Place = serde_json::from_value(place.into()).map_err(bad)?;
        let mut protection = Protection::from_json(all).map_err(bad)?;
        // Paths count from the list, wherever the command is run.
        let from = |path: &mut PathBuf| *path = base.join(&*path);
        match &mut place.input {
            Inputs::One(path) => from(path),
            Inputs::Several(paths) => paths.iter_mut().for_each(from),
        }
        from(&mut place.output);
        protection.keys.as_mut().into_iter().for_each(from);
        protection.receipt.as_mut().into_iter().for_each(from);
        jobs.push(Job { place, protection });
    }
    Ok(jobs)
}

/// Refuses lists that cannot be right, before anything is written.
fn check(jobs: &[Job], args: &BatchArgs) -> Result<(), Stop> {
    let mut modes: Vec<(String, CipherMode, &Path)> = Vec::new();
    for (number, job) in jobs.iter().enumerate() {
        let output = &job.place.output;
        let before = &jobs[..number];
        if before.iter().any(|other| same_file(&other.place.output, output)) {
            return Err(Stop(format!("Two jobs write {}.", output.display()), USAGE));
        }
        if let Some(receipt) = &job.protection.receipt {
            let same = |other: &Job| {
                let theirs = other.protection.receipt.as_deref();
                theirs.is_some_and(|theirs| same_file(theirs, receipt))
                    || same_file(&other.place.output, receipt)
            };
            if before.iter().any(same) {
                let sentence = format!(
                    "Two jobs write {}. Give each its own receipt, not one in the defaults.",
                    receipt.display()
                );
                return Err(Stop(sentence, USAGE));
            }
            let mut others: Vec<&Path> = job.place.input.paths().collect();
            others.extend(args.keys_out.as_deref());
            others.push(&args.jobs);
            // Whether it is there already is asked when its job is done.
            job.protection.check_receipt(output, &others, true)?;
        }
        if let Some(keys) = &args.keys_out {
            let mut others = job.place.input.paths().chain([&**output, &*args.jobs]);
            if others.any(|other| same_file(other, keys)) {
                let sentence = format!(
                    "--keys-out would overwrite {}, or be overwritten. Choose another name.",
                    keys.display()
                );
                return Err(Stop(sentence, USAGE));
            }
        }
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
            let secret = key.key.reveal().to_string();
            let own = options.profile.mode;
            if let Some((_, _, other)) =
                modes.iter().find(|(k, mode, _)| *k == secret && *mode != own)
            {
                let sentence = format!(
                    "The key of {} is that of {name}, and one is AES-CTR, the other AES-CBC: a key \
                     must not be used in both.",
                    other.display()
                );
                return Err(Stop(sentence, USAGE));
            }
            modes.push((secret, own, output));
        }
    }
    use zeroize::Zeroize as _;
    modes.iter_mut().for_each(|(secret, ..)| secret.zeroize());
    Ok(())
}

pub(crate) fn batch(args: &BatchArgs) -> Result<ExitCode, Stop> {
    let jobs = read(args)?;
    check(&jobs, args)?;
    // Keys of earlier runs stay: they are the only ones of files made then.
    let known = match &args.keys_out {
        Some(path) if path.exists() => {
            let text = zeroize::Zeroizing::new(Input::open(path)?.read_text()?);
            serde_json::from_slice(&text).map_err(|e| {
                let name = path.display();
                stop(format!(
                    "{name} is there and is not a list of keys ({e}). Choose another name."
                ))
            })?
        }
        _ => Vec::new(),
    };
    let next = AtomicUsize::new(0);
    let outcomes: Mutex<Vec<(usize, Outcome)>> = Mutex::default();
    let keys: Mutex<Vec<serde_json::Value>> = Mutex::new(known);
    std::thread::scope(|scope| {
        for _ in 0..args.at_once.clamp(1, 64) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(number) else { return };
                    let outcome = one(job, args, &keys);
                    if args.verbose {
                        let _ = writeln!(
                            std::io::stderr(),
                            "{} {}{}",
                            outcome.status,
                            outcome.output.display(),
                            outcome.reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default()
                        );
                    }
                    outcomes.lock().unwrap_or_else(|e| e.into_inner()).push((number, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(|e| e.into_inner());
    outcomes.sort_by_key(|(number, _)| *number);
    let jobs: Vec<Outcome> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
    let count = |status: &str| jobs.iter().filter(|job| job.status == status).count();
    let (done, skipped, failed) = (count("done"), count("skipped"), count("failed"));
    print(&to_json(&Summary { done, skipped, failed, jobs })?)?;
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn one(job: &Job, args: &BatchArgs, keys: &Mutex<Vec<serde_json::Value>>) -> Outcome {
    let output = job.place.output.clone();
    let mut outcome = Outcome {
        output,
        status: "done",
        size: None,
        sha256: None,
        kids: Vec::new(),
        reason: None,
    };
    if outcome.output.exists() && !args.force {
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
    keys: &Mutex<Vec<serde_json::Value>>,
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
        [one] if one.is_file() => Input::open(one)?,
        _ => {
            let choice = TrackChoice {
                under: job.place.under.map(|kbps| kbps.saturating_mul(1000)),
                audio: job.place.audio.clone(),
                ..TrackChoice::default()
            };
            let (joined, recipe, _) = Set::open(&paths, &job.place.output)?.mux(&choice)?;
            joined.stitched(&recipe)
        }
    };
    let name = input.name.clone();
    let run = job.protection.run(&input, &job.place.output, &name)?;
    if let (true, Some(path), Some(made)) =
        (job.protection.makes_key(), &args.keys_out, run.made_key())
    {
        // The key is on disk before the file has its name.
        let mut keys = keys.lock().unwrap_or_else(|e| e.into_inner());
        keys.push(serde_json::to_value(&made).map_err(|e| stop(format!("{e}.")))?);
        Small::new(path, (to_json(&*keys)? + "\n").as_bytes())?.keep(true)?;
    }
    outcome.size = Some(run.written.len);
    outcome.sha256 = Some(run.receipt.sha256.clone());
    outcome.kids = run.receipt.keys.iter().map(|key| key.kid).collect();
    if let Some(path) = &job.protection.receipt {
        crate::host::write_small(path, (to_json(&run.receipt)? + "\n").as_bytes(), args.force)?;
    }
    run.written.keep_silently(args.force)?;
    Ok(())
}
