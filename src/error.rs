//! What can go wrong, whose doing it is, and where.
//!
//! Every message is a sentence a user can act on. The position (absolute file
//! offset) and the box path are data, so that a page can jump there and a
//! script can match on the [`Error::code`].

use std::fmt;

/// Whose doing an [`Error`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum ErrorKind {
    /// The file breaks the rules of its format.
    Malformed,
    /// The file is fine, but this is not handled here.
    Unsupported,
    /// The caller asked for something that cannot be.
    Misuse,
    /// The file exceeds a bound of [`crate::format::bytes::limits`].
    Limit,
}

/// A refusal: a sentence, a stable code, and the place in the file if there is one.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "Failure"))]
pub struct Error {
    /// Whose doing.
    pub kind: ErrorKind,
    /// Stable identifier for programs, such as `box_too_short`.
    pub code: &'static str,
    /// A sentence for people, without the place.
    pub message: String,
    /// Absolute byte offset in the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub at: Option<u64>,
    /// Box path, such as `moov/trak/tkhd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub path: Option<String>,
}

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), at: None, path: None }
    }

    /// The file breaks a rule.
    pub fn malformed(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed, code, message)
    }

    /// The file is outside what is handled here.
    pub fn unsupported(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, code, message)
    }

    /// The request cannot be met.
    pub fn misuse(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Misuse, code, message)
    }

    /// A bound was hit.
    pub fn limit(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, code, message)
    }

    /// A host read fewer bytes than the file had when it was opened.
    pub(crate) fn file_shrank(at: u64) -> Self {
        Self::malformed(
            "file_shrank",
            "The file ended while it was read. Was it changed or moved? Open it again.",
        )
        .at(at)
    }

    /// Adds the absolute offset, unless a more precise one is already there.
    pub fn at(mut self, offset: u64) -> Self {
        self.at.get_or_insert(offset);
        self
    }

    /// Puts `outer` in front of the box path.
    pub fn within(mut self, outer: impl fmt::Display) -> Self {
        self.path = Some(match self.path {
            Some(inner) => format!("{outer}/{inner}"),
            None => outer.to_string(),
        });
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match (self.at, &self.path) {
            (Some(at), Some(path)) => write!(f, " (at byte {at}, in {path})"),
            (Some(at), None) => write!(f, " (at byte {at})"),
            (None, Some(path)) => write!(f, " (in {path})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_place_once_and_from_the_outside_in() {
        let error = Error::malformed("x", "Bad.").at(7).at(9).within("trak").within("moov");
        assert_eq!(error.to_string(), "Bad. (at byte 7, in moov/trak)");
    }
}
