//! `cargo xtask`: builds, serves, tests and packs ISMVault.

mod bench;
mod docs;
mod engines;
mod fuzz;
mod mutants;
mod package;
mod serve;
mod test;
mod tools;

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const USAGE: &str = "\
cargo xtask serve [--no-open]   build everything and open the tool at http://127.0.0.1:8080
cargo xtask test                build and run every check and test, the browser's too
cargo xtask build               build pkg/, the WebAssembly package
cargo xtask twice               build the module in another folder too, and compare the bytes
cargo xtask dist                write dist/, a folder that any static host can serve
cargo xtask pack                make the package for npm, target/ismvault-*.tgz
cargo xtask publish             what publishing the crates would do, without doing it
cargo xtask docs                build the site of documentation, target/book
cargo xtask bench [PART...]     measure it against native packagers and others, in Chromium and
                                natively: cipher, protect, start, growth, open; all if none is named
cargo xtask pictures            take the pictures of docs/ again, in Chromium
cargo xtask fixtures            make tests/fixtures and www/sample.ismv again, with ffmpeg
cargo xtask mutants [FILE...]   change the core in small ways, and tell what no test notices
cargo xtask deny                check licences and sources of what is built in (deny.toml)
cargo xtask faults              full disks, killed runs, inputs that shrink, two writers
cargo xtask fuzz [LAW [SECONDS]] search for inputs that break a law of crates/testkit/src/laws.rs
cargo xtask fuzz keep           keep the least of what was found that leads as far, in fuzz/corpus";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words[..] {
        ["serve"] => serve::serve(true),
        ["serve", "--no-open"] => serve::serve(false),
        ["test"] => test::test(),
        ["build"] => package::build(),
        ["twice"] => package::twice(),
        ["dist"] => package::dist(),
        ["pack"] => package::pack(),
        ["publish"] => package::publish(),
        ["docs"] => docs::docs(),
        ["bench", ref only @ ..] => bench::bench(only),
        ["fixtures"] => test::fixtures(),
        ["deny"] => test::deny(),
        ["pictures"] => test::pictures(),
        ["faults"] => test::faults(),
        ["fuzz", ref words @ ..] => fuzz::fuzz(words),
        ["mutants", ref only @ ..] => mutants::mutants(only),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("xtask: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// The project's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Runs a command in the project's folder; its failure is ours.
fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .current_dir(root())
        .status()
        .with_context(|| format!("{name} cannot be started"))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}

/// The cargo that runs us.
fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}
