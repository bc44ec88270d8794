//! Decrypting, as it is asked for.

use crate::error::{Code, Error, Result};
use crate::format::cipher::ContentKey;
use crate::make::decrypt::{KeyFor, parse_keys};
use serde::Deserialize;
use zeroize::Zeroizing;

/// With which keys to decrypt.
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(default, deny_unknown_fields)]
pub struct Decrypt {
    /// Each `KEY`, `KID:KEY` or `TRACK:KEY`, several of them with spaces, commas or
    /// line ends between, or a list that a file is protected with.
    #[cfg_attr(test, ts(as = "Vec<String>"))]
    pub keys: Vec<Zeroizing<String>>,
}

impl Decrypt {
    /// The keys, as [`crate::make::decrypt::Decryption`] takes them.
    ///
    /// # Errors
    /// Where there is none, or one cannot be read; its text is not repeated.
    pub fn keys(&self) -> Result<Vec<(KeyFor, ContentKey)>> {
        let mut keys = Vec::new();
        for text in &self.keys {
            keys.extend(parse_keys(text)?);
        }
        if keys.is_empty() {
            return Err(Error::misuse(Code::NoKey, "No key was given."));
        }
        Ok(keys)
    }
}
