//! `ismvault protect`, and protection as the last step of other commands.

use crate::config;
use crate::flags;
use crate::host::{
    Input, Small, Stop, USAGE, check_output, fill, printable, shown, stop, to_json, usage,
};
use crate::identity::Roles;
use crate::pipes;
use crate::secret::{self, Opening, secret};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use ismvault::jobs::KeyPair;
use ismvault::jobs::Protect;
use ismvault::jobs::fields::PROTECT;
use ismvault::make::proof::Proven;
use ismvault::make::protect::receipt::{FileHash, Receipt};
use ismvault::make::protect::{Options, Plan};
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ismvault protect film.ismv -o film.mp4 --la-url https://licence.example/
  ismvault protect film.ismv -o film.mp4 --kid KID --key @key.txt --receipt film.json
  ismvault protect titles/ -o protected/ --la-url https://licence.example/")]
pub(crate) struct ProtectArgs {
    /// The file; - is standard input. Of a folder every title, into another folder.
    input: PathBuf,
    #[command(flatten)]
    pub(crate) out: Out,
    #[command(flatten)]
    options: Protection,
    #[command(flatten)]
    pub(crate) opening: Opening,
}

/// Where the result goes.
#[derive(Args)]
pub(crate) struct Out {
    /// Where to write, usually an .mp4; - is standard output.
    #[arg(short, long)]
    pub(crate) output: PathBuf,
    /// Overwrite the output.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How to protect, on the command line and in the jobs of a batch; and where
/// what is read from files and written beside the output lies.
#[derive(Clone, Default)]
pub(crate) struct Protection {
    pub(crate) job: Protect,
    /// A file with keys, whose text becomes the job's when it is run.
    pub(crate) keys: Option<PathBuf>,
    /// Where to write the receipt, as JSON.
    pub(crate) receipt: Option<PathBuf>,
    /// Whether flags said so, to which the user's defaults belong; a list of jobs has
    /// its own.
    by_hand: bool,
}

impl Args for Protection {
    fn augment_args(command: Command) -> Command {
        let receipt = Arg::new("receipt")
            .long("receipt")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Where to write the receipt, as JSON: what was compared, and hashes");
        flags::add(command, PROTECT).arg(receipt)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Protection {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let job = flags::job(matches, PROTECT)?;
        let path = |name| matches.get_one::<PathBuf>(name).cloned();
        Ok(Self { job, keys: path("keys"), receipt: path("receipt"), by_hand: true })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Protection {
    /// Of a batch's list, where keys and receipt are paths.
    pub(crate) fn from_json(mut job: Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut path = |name: &str| job.remove(name).map(serde_json::from_value).transpose();
        let (keys, receipt) = (path("keys")?, path("receipt")?);
        Ok(Self { job: serde_json::from_value(job.into())?, keys, receipt, by_hand: false })
    }
}

/// What protecting gave.
#[derive(Serialize)]
pub(crate) struct Protected {
    pub(crate) output: String,
    pub(crate) size: u64,
    pub(crate) receipt: Receipt,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) made_key: Option<KeyPair>,
}

impl Protection {
    /// Whether any of it was asked for. Who asks for a receipt, or for tracks, and
    /// gets a clear file, was not served.
    pub(crate) fn is_wanted(&self) -> bool {
        self.job.is_wanted() || self.keys.is_some() || self.receipt.is_some()
    }

    /// Whether a key must be made at random.
    pub(crate) fn makes_key(&self) -> bool {
        self.keys.is_none() && self.job.makes_key()
    }

    /// Refuses outputs that are something else too, and a receipt that is there.
    pub(crate) fn check_roles<'a>(
        &self,
        out: &Out,
        inputs: impl IntoIterator<Item = &'a PathBuf>,
    ) -> Result<(), Stop> {
        let mut roles = Roles::default();
        inputs.into_iter().for_each(|path| roles.read("an input", path));
        self.read_roles(&mut roles);
        self.write_roles(&out.output, &mut roles)?;
        match &self.receipt {
            Some(path) if pipes::is_pipe(path) => {
                Err(Stop("A receipt goes into a file. Name one.".into(), USAGE))
            }
            Some(path) if path.exists() && !out.force => {
                Err(stop(format!("{} exists. Add --force to overwrite it.", path.display())))
            }
            _ => Ok(()),
        }
    }

    /// Takes down what is read.
    pub(crate) fn read_roles(&self, roles: &mut Roles) {
        let keys = self.keys.as_deref().filter(|path| *path != Path::new("-"));
        let secrets = [&self.job.key, &self.job.seed].into_iter().flatten();
        let files = secrets.filter_map(|text| text.strip_prefix('@')).map(Path::new);
        files.chain(keys).for_each(|path| roles.read("a list of keys", path));
    }

    /// Takes down what is written.
    pub(crate) fn write_roles(&self, output: &Path, roles: &mut Roles) -> Result<(), Stop> {
        if !pipes::is_pipe(output) {
            roles.write("an output", output)?;
        }
        self.receipt.as_deref().map_or(Ok(()), |path| roles.write("a receipt", path))
    }

    /// As the core takes it.
    pub(crate) fn options(&self) -> Result<Options, Stop> {
        let mut job = self.job.clone();
        if self.by_hand {
            let defaults = config::defaults();
            job.la_url = job.la_url.or(defaults.la_url);
            job.lui_url = job.lui_url.or(defaults.lui_url);
            // A scheme that was asked for has profiles of its own.
            job.profile = job.profile.or(defaults.profile.filter(|_| job.scheme.is_none()));
        }
        for text in [&mut job.key, &mut job.seed].into_iter().flatten() {
            *text = secret(text)?;
        }
        if let Some(path) = &self.keys {
            job.keys = Some(secret::read(path)?);
        }
        job.options(&mut fill).map_err(usage)
    }

    /// Protects an input into a file that has not its name yet.
    pub(crate) fn run(&self, input: &Input, output: &Path, name: &str) -> Result<Run, Stop> {
        let options = self.options()?;
        let movie = input.inspect()?;
        let plan = Plan::new(&movie, &options)?;
        let proven = input.ready(Proven::new(plan))?;
        let mut hash = FileHash::default();
        let written = input.write(&proven, output, |bytes| hash.update(bytes))?;
        let sentences = proven.recipe().preview().sentences.clone();
        let mut receipt = proven.receipt(name, [input.size, written.len])?;
        receipt.sha256 = hash.finish();
        Ok(Run { written, sentences, receipt, options })
    }
}

/// A protected file that has not its name yet.
pub(crate) struct Run {
    pub(crate) written: crate::host::Written,
    pub(crate) sentences: Vec<String>,
    pub(crate) receipt: Receipt,
    pub(crate) options: Options,
}

impl Run {
    /// The key, where it was made here.
    pub(crate) fn made_key(&self) -> Option<KeyPair> {
        KeyPair::all(&self.options).into_iter().next()
    }
}

pub(crate) fn protect(args: &ProtectArgs) -> Result<ExitCode, Stop> {
    if args.input.is_dir() {
        return crate::batch::folder(&args.input, &args.out, &args.options);
    }
    check_output(&args.input, &args.out.output, args.out.force)?;
    args.options.check_roles(&args.out, [&args.input])?;
    let input = Input::open(&args.input)?;
    let name = input.name.clone();
    finish(&args.options, &input, &name, &args.out, &[])
}

/// Protects an input, tells the key if it was made here, and gives the output
/// its name.
pub(crate) fn finish(
    protection: &Protection,
    input: &Input,
    name: &str,
    out: &Out,
    notes: &[String],
) -> Result<ExitCode, Stop> {
    let run = protection.run(input, &out.output, name)?;
    for sentence in notes.iter().chain(&run.sentences).filter(|_| !out.json) {
        eprintln!("{}", printable(sentence));
    }
    let receipt = &run.receipt;
    if !out.json {
        eprintln!(
            "Read back and compared: {} samples, of which {} are encrypted. SHA-256 {}.",
            receipt.samples_compared, receipt.samples_encrypted, receipt.sha256
        );
    }
    let made = Some(()).filter(|()| protection.makes_key()).and_then(|()| run.made_key());
    // A key that nobody saw would make the output worthless: it comes first.
    let mut words = String::new();
    if out.json {
        let result = Protected {
            output: shown(&out.output),
            size: run.written.len,
            receipt: receipt.clone(),
            notes: notes.to_vec(),
            made_key: made,
        };
        words = to_json(&result)? + "\n";
    } else {
        for key in &receipt.keys {
            let _ = writeln!(words, "KID  {}", key.kid);
        }
        if let Some(made) = &made {
            let _ = writeln!(words, "Key  {}", *made.key);
        }
    }
    // Where the file itself goes to standard output, words do not.
    let mut to: Box<dyn io::Write> = match pipes::is_pipe(&out.output) {
        true => Box::new(io::stderr().lock()),
        false => Box::new(io::stdout().lock()),
    };
    let printed = to.write_all(words.as_bytes()).and_then(|()| to.flush());
    drop(to);
    if let (Err(e), true) = (printed, protection.makes_key()) {
        return Err(stop(format!("The key cannot be printed: {e}. Nothing was written.")));
    }
    // The receipt is on disk before the output has its name, and after it, or
    // neither.
    let text = to_json(receipt)? + "\n";
    let receipt = match &protection.receipt {
        Some(path) => Some(Small::new(path, text.as_bytes())?),
        None => None,
    };
    if out.json {
        run.written.keep_silently(out.force)?;
    } else {
        run.written.keep(out.force)?;
    }
    receipt.map_or(Ok(()), |receipt| receipt.keep(out.force))?;
    if protection.makes_key() && !out.json {
        eprintln!("The key is shown only now. Give it, with the KID, to your licence server.");
    }
    Ok(ExitCode::SUCCESS)
}
