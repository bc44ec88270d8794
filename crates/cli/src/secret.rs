//! Keys without their being on the command line, where history and other
//! people's process lists keep them: from a file, standard input or a variable.

use crate::host::{Stop, USAGE, stop};
use crate::unlock;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Text where a key goes: more is no list of keys.
const MOST: u64 = 16 << 20;

/// What every `--key` says of itself.
pub(crate) const FROM: &str = "@FILE, - (standard input) and env:NAME keep it off the command line";

/// The file of the private key that opens encrypted key lists.
static PRIVATE_KEY: OnceLock<PathBuf> = OnceLock::new();

/// Says where that is.
pub(crate) fn open_with(private_key: &Path) {
    let _ = PRIVATE_KEY.set(private_key.to_owned());
}

/// How keys are opened that are encrypted for their receiver.
#[derive(Default, clap::Args)]
pub(crate) struct Opening {
    /// The receiver's RSA private key (PEM), for a CPIX whose keys are encrypted.
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key: Option<PathBuf>,
}

/// A list whose keys are encrypted for its receiver, opened; any other as it is.
fn opened(text: Zeroizing<String>) -> Result<Zeroizing<String>, Stop> {
    match PRIVATE_KEY.get() {
        Some(path) if unlock::is_locked(&text) => unlock::unlock(&text, &from_file(path)?),
        None if unlock::is_locked(&text) => Err(stop(
            "The keys in this CPIX are encrypted for its receiver. Give the receiver's private key \
             with --private-key FILE, or ask for the document with PlainValue.",
        )),
        _ => Ok(text),
    }
}

/// The secret that stands there, or is to be found where it says: `@FILE`, `-`
/// for standard input, `env:NAME`.
pub(crate) fn secret(text: &str) -> Result<Zeroizing<String>, Stop> {
    let found = if text == "-" {
        stdin()?
    } else if let Some(path) = text.strip_prefix('@') {
        from_file(Path::new(path))?
    } else if let Some(name) = text.strip_prefix("env:") {
        let missing = || format!("There is no variable {name} with text in it.");
        Zeroizing::new(std::env::var(name).map_err(|_| Stop(missing(), USAGE))?)
    } else {
        return Ok(Zeroizing::new(text.to_owned()));
    };
    opened(Zeroizing::new(found.trim().to_owned()))
}

/// All of them.
pub(crate) fn secrets(texts: &[String]) -> Result<Vec<Zeroizing<String>>, Stop> {
    texts.iter().map(|text| secret(text)).collect()
}

/// A list of keys: a file or a pipe, or `-` for standard input.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, Stop> {
    if path == Path::new("-") {
        return opened(stdin()?);
    }
    opened(from_file(path)?)
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, Stop> {
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
    crate::pipes::take()?;
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
