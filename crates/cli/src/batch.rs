//! `ismvault batch`: many titles, by a list of jobs.

use crate::flags;
use crate::host::{
    Input, Stop, USAGE, check_output, print, printable, shown, to_json, write_small,
};
use crate::identity::Roles;
use crate::keys_out::KeysOut;
use crate::make::Set;
use crate::protect::Protection;
use crate::secret::{self, Opening};
use clap::Args;
use ismvault::error::redacted;
use ismvault::format::cipher::CipherMode;
use ismvault::format::ids::Kid;
use ismvault::jobs::MuxSet;
use ismvault::jobs::fields::MUX_SET;
use ismvault::jobs::key_list::Entry;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use zeroize::Zeroizing;

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
    #[command(flatten)]
    pub(crate) opening: Opening,
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

pub(crate) fn batch(args: &BatchArgs) -> Result<ExitCode, Stop> {
    let jobs = read(args)?;
    check(&jobs, args)?;
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
                        let _ = writeln!(
                            std::io::stderr(),
                            "{} {}{}",
                            outcome.status,
                            printable(&outcome.output),
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

fn one(job: &Job, args: &BatchArgs, keys: Option<&KeysOut>) -> Outcome {
    let output = &job.place.output;
    let mut outcome = Outcome {
        output: shown(output),
        status: "done",
        size: None,
        sha256: None,
        kids: Vec::new(),
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
            let (joined, recipe, _) = Set::open(&paths, &job.place.output)?.mux(&job.set)?;
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
