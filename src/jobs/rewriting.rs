//! One file of several, or one anew, as it is asked for.

use crate::error::{Code, Error, Result};
use crate::look::set::FileSet;
use crate::make::mux::{Fold, Mux, MuxInput, MuxOptions};
use crate::make::protect::Profile;
use crate::model::Movie;
use crate::model::manifest::Manifest;
use serde::Deserialize;

/// What changes where a file is written anew, by boxes alone.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct Rewriting {
    /// Whose boxes of protection are written; none to keep those that are there.
    pub profile: Option<String>,
    /// Whether a file that ends too early is taken as far as it is whole.
    #[cfg_attr(test, ts(as = "Option<bool>"))]
    pub mend: bool,
    /// Whether edit lists become a part of the times, as for files of a set.
    #[cfg_attr(test, ts(as = "Option<bool>"))]
    pub fold: bool,
}

impl Rewriting {
    /// Files of a set, played as one.
    pub fn set() -> Self {
        Self { fold: true, ..Self::default() }
    }

    /// The same file in the boxes of a profile.
    pub fn rebox(profile: &str) -> Self {
        Self { profile: Some(profile.to_owned()), ..Self::default() }
    }

    /// The same file, as far as it is whole.
    pub fn repair() -> Self {
        Self { mend: true, ..Self::default() }
    }

    /// As [`crate::make::mux::Mux`] takes it.
    ///
    /// # Errors
    /// Where there is no such profile.
    pub fn options(&self) -> Result<MuxOptions> {
        let profile = self.profile.as_deref().map(Profile::parse).transpose()?;
        let fold = if self.fold { Fold::All { skip: 0 } } else { Fold::Nothing };
        Ok(MuxOptions { profile, mend: self.mend, fold, ..MuxOptions::default() })
    }

    /// A session that makes one file of some: each with its name, and which of its
    /// tracks go in, all where none are named. Spans count over all of them, one
    /// behind the other; one of which nothing is taken is there for a manifest to
    /// agree with.
    ///
    /// # Errors
    /// Where files and manifests do not belong together, or cannot be one file.
    pub fn mux(
        &self,
        files: &[(&str, &Movie, Option<&[u32]>)],
        manifests: &[(String, Manifest)],
    ) -> Result<Mux> {
        let options = self.options()?;
        check_set(files, manifests)?;
        let (mut at, mut inputs) = (0, Vec::new());
        for (name, movie, tracks) in files {
            if tracks.is_none_or(|tracks| !tracks.is_empty()) {
                inputs.push(MuxInput { name, movie, at, tracks: *tracks });
            }
            at += movie.size;
        }
        Mux::new(&inputs, options)
    }
}

/// Refuses a set whose manifest says other fragments than its files have.
fn check_set(
    files: &[(&str, &Movie, Option<&[u32]>)],
    manifests: &[(String, Manifest)],
) -> Result<()> {
    if manifests.is_empty() {
        return Ok(());
    }
    let files = files.iter().map(|(name, movie, _)| ((*name).to_owned(), *movie)).collect();
    let set = FileSet { files, manifests: manifests.to_vec(), proofs: Vec::new() };
    let found = set.check();
    let Some(finding) = found.iter().find(|finding| finding.check.breaks_set) else {
        return Ok(());
    };
    let file = finding.file.clone().unwrap_or_default();
    let mut error = Error::misuse(
        Code::SetDisagrees,
        format!("{file}: {} They do not fit together.", finding.message),
    );
    (error.at, error.path) = (finding.at, finding.path.clone());
    Err(error)
}
