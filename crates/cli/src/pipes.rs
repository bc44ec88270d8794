//! `-`: standard input and output in place of files. A file is read from any place in
//! it, and written only when it is proved, so both go by a file of their own.

use crate::host::{Stop, stop};
use std::fs::File;
use std::io::{self, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::{NamedTempFile, TempPath};

/// Whether a path means standard input or output.
pub(crate) fn is_pipe(path: &Path) -> bool {
    path == Path::new("-")
}

static INPUT: OnceLock<TempPath> = OnceLock::new();

/// All of standard input, as a file.
pub(crate) fn input() -> Result<PathBuf, Stop> {
    if let Some(path) = INPUT.get() {
        return Ok(path.to_path_buf());
    }
    let failed = |e: io::Error| stop(format!("Standard input cannot be read: {e}."));
    let mut file = NamedTempFile::new().map_err(failed)?;
    io::copy(&mut io::stdin().lock(), file.as_file_mut()).map_err(failed)?;
    Ok(INPUT.get_or_init(|| file.into_temp_path()).to_path_buf())
}

/// Where an output is written that goes to standard output.
pub(crate) fn output() -> PathBuf {
    std::env::temp_dir().join("ismvault-standard-output")
}

/// Copies a file to standard output.
pub(crate) fn send(file: &mut File) -> Result<(), Stop> {
    let failed = |e: io::Error| stop(format!("Standard output cannot be written: {e}."));
    file.rewind().map_err(failed)?;
    io::copy(file, &mut io::stdout().lock()).map_err(failed)?;
    Ok(())
}

/// Removes what standard input was read into.
pub(crate) fn clear() {
    if let Some(path) = INPUT.get() {
        let _ = std::fs::remove_file(path);
    }
}
