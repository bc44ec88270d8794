//! `ismvault` on the command line: the second host of the same core.
//!
//! Exit status: 0, or 1 for a bad file or a refusal, or 2 for bad usage, which
//! a key or a UUID that cannot be read is too.

mod diff;
mod header;
mod host;
mod inspect;
mod key;
mod lint;

use clap::{Args, Parser, Subcommand};
use host::{Input, Stop, check_output, printable, random, stop, usage};
use ismvault::cipher::{ContentKey, IvCounter};
use ismvault::decrypt::{Decryption, parse_key};
use ismvault::drm::playready::HeaderVersion;
use ismvault::ids::Kid;
use ismvault::protect::{Options, Plan, Profile};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Inspect Smooth Streaming files and protect them with PlayReady.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show tracks, bitrates, KIDs and protection headers; boxes and samples; a report.
    Inspect(inspect::InspectArgs),
    /// Check files, and manifests with them, against 64 rules.
    Lint(lint::LintArgs),
    /// Try whatever may be a key on a file, and tell what it is.
    Key(key::KeyArgs),
    /// Read a protection header in any wrapping; make one, or put one into a file.
    Header(header::HeaderArgs),
    /// Compare two files: what differs in meaning, then box by box.
    Diff(diff::DiffArgs),
    /// Protect a file with PlayReady (AES-128-CTR).
    Protect(ProtectArgs),
    /// Decrypt a file with its key.
    Decrypt {
        input: PathBuf,
        /// Where to write.
        #[arg(short, long)]
        output: PathBuf,
        /// The content key, in hex or base64; with a KID or a track number in
        /// front if there are several.
        #[arg(long = "key", value_name = "[KID:]KEY", required = true)]
        keys: Vec<String>,
        /// Overwrite the output.
        #[arg(long)]
        force: bool,
    },
}

#[derive(Args)]
struct ProtectArgs {
    input: PathBuf,
    /// Where to write, usually an .mp4.
    #[arg(short, long)]
    output: PathBuf,
    /// The key's identifier; made at random if left out.
    #[arg(long, value_name = "UUID")]
    kid: Option<String>,
    /// The content key; made at random, and shown once, if left out.
    #[arg(long, value_name = "HEX|BASE64", conflicts_with = "seed")]
    key: Option<String>,
    /// Derive the content key from a PlayReady key seed and the KID.
    #[arg(long, value_name = "BASE64", requires = "kid")]
    seed: Option<String>,
    /// Where players ask for licences.
    #[arg(long, value_name = "URL")]
    la_url: Option<String>,
    /// A page for people without a licence.
    #[arg(long, value_name = "URL")]
    lui_url: Option<String>,
    /// XML to put into the header's CUSTOMATTRIBUTES.
    #[arg(long, value_name = "XML")]
    custom_attributes: Option<String>,
    /// Version of the PlayReady header: 4.0, 4.1, 4.2 or 4.3.
    #[arg(long, value_name = "V", default_value = "4.0")]
    header_version: String,
    /// Which boxes to write: dual, piff or cenc.
    #[arg(long, value_name = "P", default_value = "dual")]
    profile: String,
    /// Which tracks to protect; all video and audio if left out.
    #[arg(long, value_name = "1,2", value_delimiter = ',')]
    tracks: Option<Vec<u32>>,
    /// Overwrite the output.
    #[arg(long)]
    force: bool,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Lint(args) => lint::lint(&args),
        Command::Key(args) => key::key(&args),
        Command::Header(args) => header::header(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Protect(args) => protect(args),
        Command::Decrypt { input, output, keys, force } => decrypt(&input, &output, &keys, force),
    };
    result.unwrap_or_else(|Stop(sentence, status)| {
        eprintln!("ismvault: {}", printable(&sentence));
        ExitCode::from(status)
    })
}

fn protect(args: ProtectArgs) -> Result<ExitCode, Stop> {
    check_output(&args.input, &args.output, args.force)?;
    let kid = match &args.kid {
        Some(text) => Kid::parse(text).map_err(usage)?,
        None => random_kid()?,
    };
    let made = args.key.is_none() && args.seed.is_none();
    let key = match (&args.key, &args.seed) {
        (Some(key), _) => ContentKey::parse(key).map_err(usage)?,
        (None, Some(seed)) => ContentKey::from_seed(seed, kid).map_err(usage)?,
        (None, None) => ContentKey::from_bytes(random()?),
    };
    let options = Options {
        kid,
        key,
        iv: IvCounter::from_random(random()?),
        profile: Profile::parse(&args.profile).map_err(usage)?,
        header_version: HeaderVersion::parse(&args.header_version).map_err(usage)?,
        la_url: args.la_url,
        lui_url: args.lui_url,
        custom_attributes: args.custom_attributes,
        tracks: args.tracks,
    };
    let mut input = Input::open(&args.input)?;
    let movie = input.inspect()?;
    let plan = Plan::new(&movie, &options)?;
    let sentences = plan.preview().sentences.clone();
    let written = input.write(plan, &args.output)?;
    for sentence in sentences {
        eprintln!("{}", printable(&sentence));
    }
    // A key that nobody saw would make the output worthless: it comes first.
    let mut shown = format!("KID  {kid}\n");
    if made {
        let _ = writeln!(shown, "Key  {}", *options.key.reveal());
    }
    let mut out = io::stdout().lock();
    let printed = out.write_all(shown.as_bytes()).and_then(|()| out.flush());
    if let (Err(e), true) = (printed, made) {
        return Err(stop(format!("The key cannot be printed: {e}. Nothing was written.")));
    }
    written.keep(args.force)?;
    if made {
        eprintln!("The key is shown only now. Give it, with the KID, to your licence server.");
    }
    Ok(ExitCode::SUCCESS)
}

/// A random UUID, marked as one (version 4).
fn random_kid() -> Result<Kid, Stop> {
    let mut bytes = random::<16>()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(ismvault::ids::Uuid(bytes))
}

fn decrypt(input: &Path, output: &Path, keys: &[String], force: bool) -> Result<ExitCode, Stop> {
    check_output(input, output, force)?;
    let keys =
        keys.iter().map(|key| parse_key(key)).collect::<Result<Vec<_>, _>>().map_err(usage)?;
    let mut file = Input::open(input)?;
    let movie = file.inspect()?;
    let decryption = Decryption::new(&movie, &keys)?;
    for warning in decryption.warnings() {
        eprintln!("ismvault: warning: {}", printable(warning));
    }
    file.write(decryption, output)?.keep(force)?;
    Ok(ExitCode::SUCCESS)
}
