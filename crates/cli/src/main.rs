//! `ismvault` on the command line: the second host of the same core.
//!
//! Exit status: 0, or 1 for a bad file or a refusal, or 2 for bad usage, which
//! a key or a UUID that cannot be read is too.

mod batch;
mod config;
mod diff;
mod explain;
mod flags;
mod header;
mod host;
mod identity;
mod inspect;
mod key;
mod keys_out;
mod lint;
mod make;
mod manifest;
mod parts;
mod pipes;
mod progress;
mod protect;
mod secret;
mod style;
mod unlock;
mod writing;

use clap::{CommandFactory as _, Parser, Subcommand};
use host::{Stop, USAGE, printable};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Inspect Smooth Streaming files and protect them with PlayReady.
#[derive(Parser)]
#[command(name = "ismvault", version, arg_required_else_help = true, after_help = AFTER)]
struct Cli {
    /// When to colour what is printed.
    #[arg(
        long,
        value_enum,
        global = true,
        default_value = "auto",
        hide_possible_values = true,
        value_name = "auto|always|never"
    )]
    color: style::Color,
    /// Defaults for flags that are left out (la_url, lui_url, profile), as JSON; without it ismvault/config.json in the user's configuration folder.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show tracks, bitrates, KIDs and protection headers; boxes and samples; a report.
    Inspect(inspect::InspectArgs),
    /// Check files, and manifests with them, by every rule.
    Lint(lint::LintArgs),
    /// Explain a finding: what it means, who trips over it, what to do.
    Explain(explain::ExplainArgs),
    /// Try whatever may be a key on a file, and tell what it is.
    Key(key::KeyArgs),
    /// Read a protection header in any wrapping; make one, or put one into a file.
    Header(header::HeaderArgs),
    /// Compare two files: what differs in meaning, then box by box.
    Diff(diff::DiffArgs),
    /// Protect a file with PlayReady.
    Protect(protect::ProtectArgs),
    /// Decrypt a file with its keys.
    Decrypt(make::DecryptArgs),
    /// Make one file of a set: the preferred video, with audio muxed in.
    Mux(make::MuxArgs),
    /// Make a file of a client manifest (.ismc) and the fragments it names.
    Assemble(make::AssembleArgs),
    /// Fragment a progressive MP4.
    Fragment(make::OneArgs),
    /// Write the protection of a file in other boxes, without its key.
    Rebox(make::ReboxArgs),
    /// Put a file in order: decode times, offsets, indexes; without its broken end.
    Repair(make::OneArgs),
    /// Write manifests for files: Smooth Streaming, DASH or HLS.
    Manifest(manifest::ManifestArgs),
    /// Protect many titles.
    Batch(batch::BatchArgs),
    /// Print what a shell needs to complete commands and flags.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Write manual pages into a folder.
    Man {
        /// The folder, which must be there.
        folder: PathBuf,
    },
}

impl Command {
    /// Where its result goes.
    fn out(&self) -> Option<&protect::Out> {
        match self {
            Self::Protect(args) => Some(&args.out),
            Self::Decrypt(args) => Some(&args.out),
            Self::Mux(args) => Some(&args.out),
            Self::Assemble(args) => Some(&args.out),
            Self::Fragment(args) | Self::Repair(args) => Some(&args.out),
            Self::Rebox(args) => Some(&args.out),
            _ => None,
        }
    }

    /// What opens the keys it is given.
    fn private_key(&self) -> Option<&Path> {
        let opening = match self {
            Self::Key(args) => &args.opening,
            Self::Lint(args) => &args.opening,
            Self::Protect(args) => &args.opening,
            Self::Decrypt(args) => &args.opening,
            Self::Mux(args) => &args.opening,
            Self::Batch(args) => &args.opening,
            _ => return None,
        };
        opening.private_key.as_deref()
    }
}

const AFTER: &str = "\
Examples:
  ismvault inspect film.ismv
  ismvault lint set/
  ismvault protect film.ismv -o film.mp4 --la-url https://licence.example/

Exit status: 0 where all is well, 1 for a bad file, an error found, or a refusal, 2 for bad usage,
which a key or a UUID that cannot be read is too.";

fn main() -> ExitCode {
    // Where the shell leaves * to programs.
    let cli = match Cli::try_parse_from(wild::args_os()) {
        Ok(cli) => cli,
        Err(error) => return refuse(error),
    };
    style::choose(cli.color);
    let code = run(cli);
    pipes::clear();
    code
}

fn run(cli: Cli) -> ExitCode {
    if cli.command.out().is_some_and(|out| out.json && pipes::is_pipe(&out.output)) {
        eprintln!("ismvault: Standard output takes the file or the JSON, not both.");
        return ExitCode::from(USAGE);
    }
    if let Err(Stop(sentence, status)) = config::read(cli.config.as_deref()) {
        eprintln!("ismvault: {}", printable(&sentence));
        return ExitCode::from(status);
    }
    if let Some(path) = cli.command.private_key() {
        secret::open_with(path);
    }
    let result = match cli.command {
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Lint(args) => lint::lint(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Key(args) => key::key(&args),
        Command::Header(args) => header::header(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Protect(args) => protect::protect(&args),
        Command::Decrypt(args) => make::decrypt(&args),
        Command::Mux(args) => make::mux(&args),
        Command::Assemble(args) => make::assemble(&args),
        Command::Fragment(args) => make::fragment(&args),
        Command::Rebox(args) => make::rebox(&args),
        Command::Repair(args) => make::repair(&args),
        Command::Manifest(args) => manifest::manifest(&args),
        Command::Batch(args) => batch::batch(&args),
        Command::Completions { shell } => {
            let mut words = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ismvault", &mut words);
            host::print(&String::from_utf8_lossy(&words)).map(|()| ExitCode::SUCCESS)
        }
        Command::Man { folder } => clap_mangen::generate_to(Cli::command(), &folder)
            .map(|()| ExitCode::SUCCESS)
            .map_err(|e| host::unwritten(&folder, &e)),
    };
    result.unwrap_or_else(|Stop(sentence, status)| {
        eprintln!("ismvault: {}", printable(&sentence));
        ExitCode::from(status)
    })
}

/// Tells what is wrong with the command line, but not what may be a key on it.
fn refuse(mut error: clap::Error) -> ExitCode {
    use clap::error::{ContextKind, ContextValue};
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand]
    {
        if let Some(ContextValue::String(text)) = error.get(kind) {
            let text = ismvault::error::redacted(text);
            error.insert(kind, ContextValue::String(text));
        }
    }
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS }
}
