//! `ismvault diff`.

use crate::host::{Input, Stop, print, printable, to_json};
use clap::Args;
use ismvault::look::diff::{Difference, compare};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
Example:
  ismvault diff plays.mp4 fails.mp4")]
pub(crate) struct DiffArgs {
    a: PathBuf,
    b: PathBuf,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Exit status 1 where the files differ in meaning.
pub(crate) fn diff(args: &DiffArgs) -> Result<ExitCode, Stop> {
    let (a, b) = (Input::open(&args.a)?.inspect()?, Input::open(&args.b)?.inspect()?);
    let found = compare(&a, &b);
    if args.json {
        print(&to_json(&found)?)?;
    } else {
        let mut out = found.verdict.clone() + "\n";
        for (title, differences) in [("Meaning", &found.meaning), ("Boxes", &found.boxes)] {
            if !differences.is_empty() {
                out += &format!("\n{title}\n");
            }
            differences.iter().for_each(|d| out += &text(d));
        }
        print(&out)?;
    }
    Ok(if found.same_meaning { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn text(difference: &Difference) -> String {
    let side = |value: &Option<String>| match value {
        Some(value) => printable(value),
        None => "(none)".to_owned(),
    };
    format!(
        "  {}, {}\n    < {}\n    > {}\n",
        printable(&difference.of),
        printable(&difference.what),
        side(&difference.a),
        side(&difference.b)
    )
}
