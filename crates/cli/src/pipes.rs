//! `-`: standard input and output in place of files. A file is read from any place in
//! it, and written only when it is proved, so both go by a file of their own.

use crate::host::{Stop, USAGE, stop};
use crate::parts::PartFile;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Whether a path means standard input or output.
pub(crate) fn is_pipe(path: &Path) -> bool {
    path == Path::new("-")
}

/// Standard input is read once: as a file, or as what holds keys.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes standard input for one of them.
pub(crate) fn take() -> Result<(), Stop> {
    match TAKEN.swap(true, Ordering::Relaxed) {
        true => Err(Stop("Standard input is the file or the key, not both.".into(), USAGE)),
        false => Ok(()),
    }
}

static INPUT: Mutex<Option<PartFile>> = Mutex::new(None);

/// All of standard input, as a file.
pub(crate) fn input() -> Result<PathBuf, Stop> {
    let mut known = INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = &*known {
        return Ok(file.path().to_owned());
    }
    take()?;
    let mut file = PartFile::apart().map_err(|e| no_room(&e))?;
    io::copy(&mut io::stdin().lock(), &mut file)
        .map_err(|e| stop(format!("Standard input cannot be read, or kept: {e}.")))?;
    let path = file.path().to_owned();
    *known = Some(file);
    Ok(path)
}

/// Where there is no temporary file to be had.
pub(crate) fn no_room(error: &io::Error) -> Stop {
    let folder = std::env::temp_dir();
    let kind = error.kind();
    stop(format!("The temporary folder {} (TMPDIR) takes no file: {kind}.", folder.display()))
}

/// Copies a file to standard output, all of it or with a complaint.
pub(crate) fn send(file: &mut File) -> Result<(), Stop> {
    let failed = |e: io::Error| stop(format!("Standard output cannot be written: {e}."));
    file.rewind().map_err(failed)?;
    let mut out = io::stdout().lock();
    io::copy(file, &mut out).map_err(failed)?;
    out.flush().map_err(failed)
}

/// Removes what standard input was read into.
pub(crate) fn clear() {
    INPUT.lock().unwrap_or_else(PoisonError::into_inner).take();
}
