//! Which names mean one file, so that nothing overwrites what it reads.

use crate::host::{Stop, USAGE};
use crate::parts::folder_of;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// A file, whatever its names: its path without links, and where it is there what
/// the file system calls it.
fn names(path: &Path) -> impl Iterator<Item = Name> {
    let place = path.canonicalize().ok().or_else(|| {
        let folder = folder_of(path).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    });
    place.map(Name::Path).into_iter().chain(number_of(path))
}

#[derive(PartialEq, Eq, Hash)]
enum Name {
    Path(PathBuf),
    Number(u64, u64),
}

#[cfg(unix)]
fn number_of(path: &Path) -> Option<Name> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = path.metadata().ok()?;
    Some(Name::Number(meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn number_of(_: &Path) -> Option<Name> {
    None
}

/// Whether two paths name one file, also one that is not there yet.
pub(crate) fn same_file(a: &Path, b: &Path) -> bool {
    let known: Vec<Name> = names(a).collect();
    names(b).any(|name| known.contains(&name))
}

/// What a command reads and writes. Who asks to overwrite an output does not ask
/// to lose an input, or keys.
#[derive(Default)]
pub(crate) struct Roles(HashMap<Name, Role>);

/// What a file is, its path as it was given, and whether it is written.
struct Role {
    what: &'static str,
    path: PathBuf,
    written: bool,
}

impl Roles {
    /// A file that is read.
    pub(crate) fn read(&mut self, what: &'static str, path: &Path) {
        for name in names(path) {
            let role = Role { what, path: path.to_owned(), written: false };
            self.0.entry(name).or_insert(role);
        }
    }

    /// A file that is written: refused where it is another one of these.
    pub(crate) fn write(&mut self, what: &'static str, path: &Path) -> Result<(), Stop> {
        for name in names(path) {
            let role = Role { what, path: path.to_owned(), written: true };
            if let Some(other) = self.0.insert(name, role) {
                let (path, there) = (path.display(), other.path.display());
                let sentence = if other.written {
                    format!(
                        "{path} would be written twice: as {what}, and as {}. Give each a name of \
                         its own.",
                        other.what
                    )
                } else {
                    format!("{path} would overwrite {} ({there}). Choose another name.", other.what)
                };
                return Err(Stop(sentence, USAGE));
            }
        }
        Ok(())
    }
}
