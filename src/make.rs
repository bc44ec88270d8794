//! The wing of outputs: every file that is written is a [`recipe`], and is
//! proved by other code than it was made with.

pub mod assemble;
pub mod decrypt;
pub(crate) mod fragment_writer;
pub mod fragmenter;
pub mod header_editor;
pub mod keys;
pub mod manifests;
pub mod mux;
pub(crate) mod offsets;
pub(crate) mod profile;
pub mod proof;
pub mod protect;
pub(crate) mod protection_boxes;
pub(crate) mod rebox;
pub mod recipe;
pub(crate) mod rewrite;
pub(crate) mod sample_entries;
pub(crate) mod witness;
