//! Jobs: what a person asks for, as data.
//!
//! A job is a plain struct with defaults that serde reads: the command line
//! flattens it, a batch is a list of it, the page sends it. What it means,
//! what it refuses and what its outputs are called is decided here, so that a
//! host only moves bytes. The fields of a job are a table ([`fields`]): flags
//! and their help, the page's forms and the names in JSON are made of it.

mod assemble;
mod decrypt;
pub mod fields;
mod header;
pub mod key_list;
mod mux_set;
pub mod names;
mod protect;
mod publish;
mod rewriting;

pub use assemble::Assemble;
pub use decrypt::Decrypt;
pub use header::Header;
pub use mux_set::{Candidate, MuxSet, SetPlan, candidates};
pub use protect::{KeyPair, Protect, random_kid};
pub use publish::{Format, NewFile, Part, Publish, Published, PublishedNames};
pub use rewriting::Rewriting;

/// Random bytes of the host; the core has none of its own.
pub type Random<'r> = &'r mut dyn FnMut(&mut [u8]) -> crate::Result<()>;
