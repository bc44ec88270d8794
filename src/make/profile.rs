//! Profiles: which boxes a protected file is written with.

use crate::error::{Code, Error, Result, Untrusted};
use crate::format::cipher::CipherMode;
use crate::format::ids::Scheme;

/// Which boxes say that a file is protected, and how (facts §2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What users call it.
    pub name: &'static str,
    /// Who reads it.
    pub purpose: &'static str,
    /// What it writes, in the field's terms.
    pub boxes: &'static str,
    /// Of `schm`.
    pub scheme: Scheme,
    /// Of `schm`.
    pub scheme_version: u32,
    /// `tenc`, `senc`, `saiz`, `saio`, `pssh` and `tfdt` are written.
    pub iso: bool,
    /// The `uuid` forms of `tenc` and `senc` are written.
    pub piff: bool,
    /// AES-CTR, or AES-CBC with a constant IV and a pattern.
    pub mode: CipherMode,
    /// Brands that `ftyp` must have.
    pub brands: &'static [[u8; 4]],
}

/// Every profile, the default first.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "dual",
        purpose: "PIFF and Common Encryption in one file: PlayReady clients, browsers, ffmpeg and Bento4 read it",
        boxes: "scheme cenc; tenc and senc in both their ISO and PIFF forms, saiz, saio, tfdt; pssh for PlayReady and W3C Common",
        scheme: Scheme::Cenc,
        scheme_version: 0x0001_0000,
        iso: true,
        piff: true,
        mode: CipherMode::Ctr,
        brands: &[*b"piff", *b"iso6"],
    },
    Profile {
        name: "piff",
        purpose: "PIFF 1.1 alone, for Smooth Streaming clients and servers",
        boxes: "scheme piff 1.1; the uuid forms of tenc, senc and pssh",
        scheme: Scheme::Piff,
        scheme_version: 0x0001_0001,
        iso: false,
        piff: true,
        mode: CipherMode::Ctr,
        brands: &[*b"piff"],
    },
    Profile {
        name: "cenc",
        purpose: "ISO Common Encryption alone, for DASH packagers and browsers",
        boxes: "scheme cenc; tenc, senc, saiz, saio, tfdt; pssh for PlayReady and W3C Common",
        scheme: Scheme::Cenc,
        scheme_version: 0x0001_0000,
        iso: true,
        piff: false,
        mode: CipherMode::Ctr,
        brands: &[*b"iso6"],
    },
    Profile {
        name: "cbcs",
        purpose: "Common Encryption with AES-CBC and a pattern, for FairPlay, Widevine, and PlayReady 4 and later",
        boxes: "scheme cbcs; tenc with a constant IV, senc for video, saiz, saio, tfdt; pssh for PlayReady and W3C Common",
        scheme: Scheme::Cbcs,
        scheme_version: 0x0001_0000,
        iso: true,
        piff: false,
        mode: CipherMode::Cbc,
        brands: &[*b"iso6"],
    },
];

impl Profile {
    /// The profile with this name.
    ///
    /// # Errors
    /// Where there is none; the sentence names those there are.
    pub fn parse(name: &str) -> Result<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name).ok_or_else(|| {
            Error::misuse(
                Code::BadProfile,
                format!(
                    "There is no profile {}. Choose dual, piff, cenc or cbcs.",
                    Untrusted(name)
                ),
            )
        })
    }
}
