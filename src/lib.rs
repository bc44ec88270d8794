//! Inspect Smooth Streaming files (`.ismv`: PIFF fragmented MP4) and protect
//! them with PlayReady.
//!
//! There is no I/O, clock or randomness in here. The core asks and a host
//! answers, through two small contracts:
//!
//! * Looking at a file is a [`Session`]: [`Session::step`] says which spans to
//!   read, [`Session::feed`] takes the bytes.
//! * Every output is a [`Recipe`]: a list of [`Piece`]s that a host realises in
//!   order into a sink that only ever grows at its end.
//!
//! The hosts are a Web Worker (`www/worker.js`, through `src/wasm.rs`) and the
//! command line (`src/bin/ismvault/`).

pub mod assemble;
pub mod boxes;
pub mod bytes;
pub mod cipher;
pub mod codec;
mod compose;
pub mod decode;
pub mod decrypt;
pub mod diff;
pub mod doctor;
pub mod drm;
mod entries;
mod envelopes;
pub mod error;
pub mod explore;
pub mod fragmenter;
pub mod ids;
pub mod inspect;
mod language;
pub mod lint;
pub mod manifest;
pub mod model;
pub mod mux;
mod offsets;
mod profile;
pub mod proof;
pub mod protect;
pub mod publish;
mod quicktime;
mod rebox;
pub mod recipe;
pub mod report;
mod rewrite;
pub mod set;
mod sorted;
mod times;
#[cfg(target_family = "wasm")]
pub mod wasm;
mod witness;
pub mod workshop;
mod xml;

pub use error::{Error, Result};
pub use recipe::{Piece, Recipe, Stitched};

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
pub trait Session {
    /// What it wants next. Asking again gives the same answer.
    fn step(&mut self) -> Result<Step>;

    /// Bytes of the spans asked for, in order: all of them, or the first few
    /// (the next step then asks for the rest). Empty bytes mean that the file
    /// ends before them.
    fn feed(&mut self, bytes: &[u8]) -> Result<()>;
}
