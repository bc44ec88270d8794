//! One file of several, or one anew, as it is asked for.

use crate::error::Result;
use crate::make::mux::{Fold, MuxOptions};
use crate::make::protect::Profile;
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
}
