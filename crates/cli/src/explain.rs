//! `ismvault explain`: what a check means, who trips, how to mend it.

use crate::host::{Stop, print, stop};
use clap::Args;
use ismvault::checks::{CHECKS, Check};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
Example:
  ismvault explain kid_byte_swapped")]
pub(crate) struct ExplainArgs {
    /// The identifier of a finding, as kid_byte_swapped; without one, all are listed.
    id: Option<String>,
}

pub(crate) fn explain(args: &ExplainArgs) -> Result<ExitCode, Stop> {
    let Some(id) = &args.id else {
        let row = |check: &Check| {
            format!("{:28} {:8} {}", check.id.name(), check.severity.word(), check.title)
        };
        print(&CHECKS.iter().map(row).collect::<Vec<_>>().join("\n"))?;
        return Ok(ExitCode::SUCCESS);
    };
    // As a finding is printed: [kid_byte_swapped].
    let id = id.trim_matches(['[', ']']);
    let Some(check) = Check::named(id) else {
        let near: Vec<&str> = CHECKS
            .iter()
            .map(|check| check.id.name())
            .filter(|name| id.split('_').any(|part| part.len() > 2 && name.contains(part)))
            .take(8)
            .collect();
        let near = match &near[..] {
            [] => "`ismvault explain` lists all.".to_owned(),
            near => format!("Near it: {}.", near.join(", ")),
        };
        return Err(stop(format!("No check is called {id}. {near}")));
    };
    print(&format!("{}: {}\n\n{}", check.id, check.severity.word(), check.explanation()))?;
    Ok(ExitCode::SUCCESS)
}
