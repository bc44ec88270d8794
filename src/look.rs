//! The wing of answers: what a file, a manifest, a header or a key is, and what
//! is wrong with it. Nothing is written here.

pub mod decode;
pub mod diff;
pub mod doctor;
pub mod explore;
pub mod inspect;
pub mod report;
pub mod set;
