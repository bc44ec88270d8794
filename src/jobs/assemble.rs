//! A file of a client manifest and its fragments, as it is asked for.

use crate::error::{Code, Error, Result};
use crate::make::assemble::{FragmentFile, assemble, is_fragment};
use crate::make::mux::Mux;
use crate::model::Movie;
use crate::model::manifest::{Client, Manifest};

/// A client manifest, and the files that may be its fragments.
pub struct Assemble {
    manifest: Client,
    files: Vec<(String, u64)>,
    left_out: usize,
}

impl Assemble {
    /// Of a client manifest, and no files yet.
    ///
    /// # Errors
    /// Where it is not a client manifest.
    pub fn new(manifest: &[u8]) -> Result<Self> {
        match Manifest::parse(manifest)? {
            Manifest::Client(manifest) => Ok(Self { manifest, files: Vec::new(), left_out: 0 }),
            other => Err(Error::misuse(
                Code::NotAClientManifest,
                format!(
                    "This is a {}; fragments need their client manifest (.ismc).",
                    other.kind()
                ),
            )),
        }
    }

    /// Takes a file in if it may be a fragment, by its name and its first eight
    /// bytes; gives whether it was taken. They count one behind the other.
    pub fn add(&mut self, name: &str, size: u64, start: &[u8]) -> bool {
        let taken = is_fragment(name, start);
        match taken {
            true => self.files.push((name.to_owned(), size)),
            false => self.left_out += 1,
        }
        taken
    }

    /// A session that makes the file, of what was found in all files taken.
    ///
    /// # Errors
    /// Where fragments are missing, or the manifest does not say what `moov` needs.
    pub fn mux(&self, movie: &Movie) -> Result<Mux> {
        let mut at = 0;
        let mut files = Vec::new();
        for (name, size) in &self.files {
            files.push(FragmentFile { name, at, size: *size });
            at += size;
        }
        let mut mux = assemble(&self.manifest, movie, &files)?;
        if self.left_out > 0 {
            let files = crate::words::plural(self.left_out, "file");
            mux.tell(format!("Left out, for they are no fragments: {files}."));
        }
        Ok(mux)
    }
}
