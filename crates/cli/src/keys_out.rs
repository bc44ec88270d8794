//! The list of keys that were made at random: JSON, or CSV where its name says
//! so. A key is in it, and on the disk, before its file has a name; none is ever
//! taken out, for it may be the only one there is.

use crate::host::{Stop, stop, to_json, unwritten};
use crate::parts::{PartFile, Readers, folder_of, sync_folder};
use crate::secret;
use ismvault::jobs::key_list::{self, Entry};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A list, by its path.
pub(crate) struct KeysOut {
    /// Through links, to the file itself.
    path: PathBuf,
}

impl KeysOut {
    /// Refuses a file that is there and is no such list.
    pub(crate) fn open(path: &Path) -> Result<Self, Stop> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let list = Self { path };
        list.read()?;
        Ok(list)
    }

    fn is_csv(&self) -> bool {
        self.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"))
    }

    fn read(&self) -> Result<Vec<Entry>, Stop> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let name = self.path.display();
        let other = |_| format!("{name} is there and is not a list of keys. Choose another name.");
        let text = secret::read(&self.path)?;
        if self.is_csv() {
            return key_list::read(&text).map_err(|e| stop(other(e.message)));
        }
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        serde_json::from_str(&text).map_err(|e| stop(other(e.to_string())))
    }

    /// Adds a key, whoever else adds some at the same time.
    pub(crate) fn add(&self, entry: Entry) -> Result<(), Stop> {
        let failed = |e: io::Error| unwritten(&self.path, &e);
        let _lock = lock(&self.path).map_err(failed)?;
        let mut entries = self.read()?;
        entries.push(entry);
        let text = match self.is_csv() {
            true => key_list::write(&entries),
            false => Zeroizing::new(to_json(&entries)? + "\n"),
        };
        let readers = Readers::Owner(mode_of(&self.path).unwrap_or(0o600));
        let mut part = PartFile::new(&self.path, readers).map_err(failed)?;
        part.write_all(text.as_bytes()).and_then(|()| part.sync()).map_err(failed)?;
        part.keep(&self.path, true).map_err(failed)?;
        sync_folder(folder_of(&self.path)).map_err(failed)
    }
}

/// Held while a list is read and written anew. The list itself is replaced, so
/// what is locked is its folder; where that cannot be, a file beside the list.
fn lock(path: &Path) -> io::Result<File> {
    let folder = folder_of(path);
    let file = if cfg!(unix) {
        File::open(folder)?
    } else {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        File::create(folder.join(name))?
    };
    file.lock()?;
    Ok(file)
}

#[cfg(unix)]
fn mode_of(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().ok().map(|meta| meta.permissions().mode())
}

#[cfg(not(unix))]
fn mode_of(_: &Path) -> Option<u32> {
    None
}
