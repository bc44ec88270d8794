//! `ismvault key`: the key doctor.

use crate::host::{Input, Stop, print, printable, to_json, usage};
use crate::secret::{Opening, secrets};
use clap::Args;
use ismvault::error::Code;
use ismvault::look::doctor::{Diagnosis, Doctor, Verdict};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ismvault key film.mp4 --try AmfjCTOPbEOl3WD/5mcecA==
  ismvault key film.mp4 --try @key.txt")]
pub(crate) struct KeyArgs {
    file: PathBuf,
    /// Anything that may be a key: hex, base64, a GUID, KID:KEY, a key seed,
    /// JSON, CSV, CPIX; @FILE, - (standard input) and env:NAME keep it off the
    /// command line. May be given several times.
    #[arg(long = "try", value_name = "TEXT", required = true, allow_hyphen_values = true)]
    texts: Vec<String>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(serde::Serialize)]
struct Answer {
    file: String,
    tracks: Vec<Diagnosis>,
}

/// Exit status 1 unless a key is proven for every protected track.
pub(crate) fn key(args: &KeyArgs) -> Result<ExitCode, Stop> {
    let input = Input::open(&args.file)?;
    let movie = input.inspect()?;
    let given = secrets(&args.texts)?;
    let texts: Vec<&str> = given.iter().map(|text| text.as_str()).collect();
    let mut doctor = Doctor::new(&movie, &texts).map_err(|e| match e.code {
        Code::NotProtected => e.into(),
        _ => usage(e),
    })?;
    input.drive(&mut doctor)?;
    let tracks = doctor.diagnose();
    let proven = tracks.iter().all(|track| track.verdict == Verdict::Proven && track.given);
    if args.json {
        let file = args.file.display().to_string();
        print(&to_json(&Answer { file, tracks })?)?;
    } else {
        let lines: Vec<String> = tracks.iter().map(|track| printable(&track.sentence)).collect();
        print(&lines.join("\n"))?;
    }
    Ok(if proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
