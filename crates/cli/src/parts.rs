//! Part files: what is written beside an output until it is whole. None is left
//! behind: signals remove those of this run, and the next run into a folder those
//! of one that was killed.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, Once, PoisonError};
use tempfile::NamedTempFile;

const PREFIX: &str = ".ismvault-";
const SUFFIX: &str = ".part";

/// Those of this run.
static OPEN: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn open() -> std::sync::MutexGuard<'static, Vec<PathBuf>> {
    OPEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Those that the user's umask allows.
    Usual,
    /// The user, as this mode says or less.
    Owner(u32),
}

/// A file that is being written beside the place it will have.
pub(crate) struct PartFile(NamedTempFile);

impl PartFile {
    /// In the folder of `output`.
    pub(crate) fn new(output: &Path, readers: Readers) -> io::Result<Self> {
        let folder = folder_of(output);
        sweep(folder);
        Self::within(folder, readers)
    }

    /// In the system's folder for such files, for the user alone.
    pub(crate) fn apart() -> io::Result<Self> {
        Self::within(&std::env::temp_dir(), Readers::Owner(0o600))
    }

    fn within(folder: &Path, readers: Readers) -> io::Result<Self> {
        catch_signals();
        let mut builder = tempfile::Builder::new();
        builder.prefix(PREFIX).suffix(SUFFIX);
        permit(&mut builder, readers);
        loop {
            let file = builder.tempfile_in(folder)?;
            // While it is locked, no other run takes it for one left behind; but one
            // may have done so before.
            let locked = file.as_file().lock().is_ok();
            if locked && !file.path().exists() {
                continue;
            }
            open().push(file.path().to_owned());
            return Ok(Self(file));
        }
    }

    /// Waits until what was written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.as_file().sync_all()
    }

    /// Where it is until it has a name.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// To read what was written, where it gets no name.
    pub(crate) fn as_file_mut(&mut self) -> &mut File {
        self.0.as_file_mut()
    }

    /// Gives it its name, in place of what is there only where it is to.
    pub(crate) fn keep(self, output: &Path, force: bool) -> io::Result<()> {
        let part = self.0.path().to_owned();
        let kept = if force { self.0.persist(output) } else { self.0.persist_noclobber(output) };
        open().retain(|path| *path != part);
        kept.map(drop).map_err(|e| e.error)
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits until the names in a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and names are written at once.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes what killed runs left in a folder: nobody holds it any more.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) && !open().contains(&entry.path()) {
            // What is no plain file may keep whoever opens it waiting.
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                continue;
            }
            let Ok(file) = File::open(entry.path()) else { continue };
            // Held until it is removed: who has just made it sees that it is gone.
            if file.try_lock().is_ok() {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// INT, TERM and HUP end the run, and leave nothing half-written.
fn catch_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Where there is a handler already, or none can be, files are swept later.
        let _ = ctrlc::set_handler(|| {
            for path in open().drain(..) {
                let _ = fs::remove_file(path);
            }
            std::process::exit(130);
        });
    });
}

/// A temporary file is private; this one becomes a file like any other, under
/// the user's umask, unless it is to stay private.
fn permit(builder: &mut tempfile::Builder<'_, '_>, readers: Readers) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = match readers {
            Readers::Usual => 0o666,
            Readers::Owner(mode) => mode & 0o600,
        };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = (builder, readers);
}
