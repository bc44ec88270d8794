//! x
pub mod boxes;
pub mod bytes;
pub mod cipher;
pub mod drm;
pub mod error;
pub mod ids;
