//! `ismvault` on the command line: the second host of the same core.
//!
//! Exit status: 0, or 1 for a bad file or a refusal, or 2 for bad usage, which
//! a key or a UUID that cannot be read is too.

mod batch;
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
mod protect;
mod secret;
mod unlock;
mod writing;

use clap::{Parser, Subcommand};
use host::{Stop, USAGE, printable};
use std::path::Path;
use std::process::ExitCode;

/// Inspect Smooth Streaming files and protect them with PlayReady.
#[derive(Parser)]
#[command(name = "ismvault", version, arg_required_else_help = true)]
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
}

impl Command {
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

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(error),
    };
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
