//! The wing of bytes: boxes, headers and samples as they stand in a file, and
//! what their specifications say of each.

pub mod boxes;
pub mod bytes;
pub mod cipher;
pub mod codec;
pub mod drm;
pub mod ids;
pub(crate) mod language;
pub(crate) mod quicktime;
pub mod xml;
