//! Keys without their being on the command line, where history and other
//! people's process lists keep them: from a file, standard input or a variable.

use crate::host::{Stop, USAGE, stop};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Text where a key goes: more is no list of keys.
const MOST: u64 = 16 << 20;

/// What every `--key` says of itself.
pub(crate) const FROM: &str = "@FILE, - (standard input) and env:NAME keep it off the command line";

/// The secret that stands there, or is to be found where it says: `@FILE`, `-`
/// for standard input, `env:NAME`.
pub(crate) fn secret(text: &str) -> Result<Zeroizing<String>, Stop> {
    let found = if text == "-" {
        stdin()?
    } else if let Some(path) = text.strip_prefix('@') {
        read(Path::new(path))?
    } else if let Some(name) = text.strip_prefix("env:") {
        let missing = || format!("There is no variable {name} with text in it.");
        Zeroizing::new(std::env::var(name).map_err(|_| Stop(missing(), USAGE))?)
    } else {
        return Ok(Zeroizing::new(text.to_owned()));
    };
    Ok(Zeroizing::new(found.trim().to_owned()))
}

/// All of them.
pub(crate) fn secrets(texts: &[String]) -> Result<Vec<Zeroizing<String>>, Stop> {
    texts.iter().map(|text| secret(text)).collect()
}

/// A list of keys: a file or a pipe, or `-` for standard input.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, Stop> {
    if path == Path::new("-") {
        return stdin();
    }
    // Who gave the key in place of the file's name must not see it again.
    let name = ismvault::error::Untrusted(&path.to_string_lossy()).to_string();
    let failed = |e: io::Error| stop(format!("The file of keys {name} cannot be read: {e}."));
    all(File::open(path).map_err(failed)?).map_err(failed)
}

fn all(mut from: impl Read) -> io::Result<Zeroizing<String>> {
    // Where it grows, what was there before is not wiped: there is room for a key
    // list from the start.
    let mut bytes = Zeroizing::new(Vec::with_capacity(1 << 20));
    from.by_ref().take(MOST).read_to_end(&mut bytes)?;
    if from.read(&mut [0])? > 0 {
        return Err(io::Error::other("it is too large for a list of keys"));
    }
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}

/// Standard input, which can be read once, and may be asked for by two options.
fn stdin() -> Result<Zeroizing<String>, Stop> {
    static TEXT: OnceLock<Zeroizing<String>> = OnceLock::new();
    if let Some(text) = TEXT.get() {
        return Ok(text.clone());
    }
    let text = all(io::stdin().lock())
        .map_err(|e| stop(format!("Standard input cannot be read: {e}.")))?;
    Ok(TEXT.get_or_init(|| text).clone())
}

/// Where a secret counts from a list of jobs, not from the current folder.
pub(crate) fn beside(base: &Path, text: &str) -> String {
    match text.strip_prefix('@') {
        Some(path) => format!("@{}", base.join(PathBuf::from(path)).display()),
        None => text.to_owned(),
    }
}
