//! Inspect Smooth Streaming files (`.ismv`: PIFF fragmented MP4) and protect
//! them with PlayReady.
//!
//! There is no I/O, clock or randomness in here. The core asks and a host
//! answers, through two small contracts:
//!
//! * Looking at a file is a [`Session`]: [`Session::step`] says which spans to
//!   read, [`Session::feed`] takes the bytes.
//! * Every output is a [`Recipe`]: a list of [`Piece`]s that a host writes in
//!   order into a sink that only ever grows at its end.
//!
//! The hosts are a Web Worker (`pkg/lib/worker.js`, through `crates/wasm`) and the
//! command line (`crates/cli`).
//!
//! Four wings: [`mod@format`] knows bytes, [`model`] what they mean, [`look`] gives
//! answers, [`make`] writes files.

#![warn(clippy::missing_errors_doc)]

/// What the crate's README shows is compiled, and run.
#[cfg(doctest)]
#[doc = include_str!("README.md")]
struct Readme;

pub mod checks;
pub(crate) mod collections;
pub mod error;
pub mod format;
pub mod jobs;
pub mod look;
pub mod make;
pub mod model;
#[cfg(test)]
mod typescript;
mod words;

pub use error::{Error, Result};
pub use make::recipe::{Piece, Recipe, Stitched};

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Absolute offset of the first byte.
    pub at: u64,
    /// How many.
    pub len: u64,
}

impl Span {
    /// Offset of the first byte behind it.
    pub fn end(self) -> u64 {
        self.at + self.len
    }
}

/// What a [`Session`] wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These bytes, one span after the other. Several spans in one step are a
    /// batch: a host may read them at once.
    Read(Vec<Span>),
    /// Nothing more.
    Done,
}

/// Something that looks at a file it cannot read itself.
///
/// ```
/// use ismvault::look::inspect::Inspector;
/// use ismvault::{Session as _, Step};
///
/// # let file: &[u8] = include_bytes!("../tests/fixtures/h264_aac.ismv");
/// let mut inspector = Inspector::new(file.len() as u64);
/// while let Step::Read(spans) = inspector.step()? {
///     let bytes = spans.iter().flat_map(|span| &file[span.at as usize..span.end() as usize]);
///     inspector.feed(&bytes.copied().collect::<Vec<u8>>())?;
/// }
/// let movie = inspector.into_movie();
/// assert_eq!(movie.tracks.len(), 2);
/// # Ok::<(), ismvault::Error>(())
/// ```
///
/// # Errors
///
/// A session that gave an error gives no more: what is known by then is still
/// there to be asked for.
pub trait Session {
    /// What it wants next. Asking again gives the same answer.
    ///
    /// # Errors
    /// What makes the file unusable for what is asked; see [`Session`].
    fn step(&mut self) -> Result<Step>;

    /// Bytes of the spans asked for, in order: all of them, or the first few
    /// (the next step then asks for the rest). Empty bytes mean that the file
    /// ends before them.
    ///
    /// # Errors
    /// What makes the file unusable for what is asked; see [`Session`].
    fn feed(&mut self, bytes: &[u8]) -> Result<()>;
}
