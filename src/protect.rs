//! Protecting a file with PlayReady: options, profiles, and the plan.
//!
//! All decisions are made when the [`Plan`] is, and all refusals that the headers
//! call for; the user sees them before a byte is written. (Only what is wrong
//! inside the media, such as a NAL unit longer than its sample, comes to light
//! later.) Then the plan is a [`crate::Recipe`], and nothing
//! changes any more: every sample has its IV already, so fragments can be
//! protected in any order.

mod headers;
mod plan;
mod sentences;
pub mod subsample;
mod times;

pub use plan::{Plan, Preview};

use crate::cipher::{ContentKey, IvCounter};
use crate::drm::playready::HeaderVersion;
use crate::error::{Error, Result};
use crate::ids::Kid;
use crate::model::{Movie, Track, TrackKind};
use crate::rewrite::{check_fragments, check_intact};
use std::collections::BTreeSet;

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
    pub scheme: [u8; 4],
    /// Of `schm`.
    pub scheme_version: u32,
    /// `tenc`, `senc`, `saiz`, `saio`, `pssh` and `tfdt` are written.
    pub iso: bool,
    /// The `uuid` forms of `tenc` and `senc` are written.
    pub piff: bool,
    /// Brands that `ftyp` must have.
    pub brands: &'static [[u8; 4]],
}

/// Every profile, the default first.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "dual",
        purpose: "PIFF and Common Encryption in one file: PlayReady clients, browsers, ffmpeg and Bento4 read it",
        boxes: "scheme cenc; tenc and senc in both their ISO and PIFF forms, saiz, saio, tfdt; pssh for PlayReady and W3C Common",
        scheme: *b"cenc",
        scheme_version: 0x0001_0000,
        iso: true,
        piff: true,
        brands: &[*b"piff", *b"iso6"],
    },
    Profile {
        name: "piff",
        purpose: "PIFF 1.1 alone, for Smooth Streaming clients and servers",
        boxes: "scheme piff 1.1; the uuid forms of tenc, senc and pssh",
        scheme: *b"piff",
        scheme_version: 0x0001_0001,
        iso: false,
        piff: true,
        brands: &[*b"piff"],
    },
    Profile {
        name: "cenc",
        purpose: "ISO Common Encryption alone, for DASH packagers and browsers",
        boxes: "scheme cenc; tenc, senc, saiz, saio, tfdt; pssh for PlayReady and W3C Common",
        scheme: *b"cenc",
        scheme_version: 0x0001_0000,
        iso: true,
        piff: false,
        brands: &[*b"iso6"],
    },
];

impl Profile {
    /// The profile with this name.
    pub fn parse(name: &str) -> Result<&'static Self> {
        PROFILES.iter().find(|profile| profile.name == name).ok_or_else(|| {
            Error::misuse(
                "bad_profile",
                format!("There is no profile \"{name}\". Choose dual, piff or cenc."),
            )
        })
    }
}

/// How to protect a file.
pub struct Options {
    /// Names the key.
    pub kid: Kid,
    /// The key.
    pub key: ContentKey,
    /// Where IVs begin; from the host's randomness.
    pub iv: IvCounter,
    /// Which boxes are written.
    pub profile: &'static Profile,
    /// Of the PlayReady header.
    pub header_version: HeaderVersion,
    /// Where licences are asked for.
    pub la_url: Option<String>,
    /// A page for people.
    pub lui_url: Option<String>,
    /// XML of the packager's own.
    pub custom_attributes: Option<String>,
    /// Which tracks; none for all video and audio.
    pub tracks: Option<Vec<u32>>,
}

/// Why a file cannot be protected, whatever the options; none if it can.
pub fn refusal(movie: &Movie) -> Option<Error> {
    selected(movie, None).err()
}

/// The tracks to protect: those asked for, or all video and audio. Text stays
/// clear, as everywhere in Smooth Streaming.
fn selected<'m>(movie: &'m Movie, wanted: Option<&[u32]>) -> Result<Vec<&'m Track>> {
    check_intact(movie, "protected")?;
    if let Some(track) = movie.tracks.iter().find(|track| track.protection().is_some()) {
        let scheme = track.protection().and_then(|p| p.scheme).map(|s| format!(" (scheme {s})"));
        return Err(Error::misuse(
            "already_protected",
            format!(
                "Track {} is already protected{}. Decrypt the file with its key first: \
                 ismvault decrypt IN -o OUT --key KEY.",
                track.id,
                scheme.unwrap_or_default()
            ),
        ));
    }
    if movie.moov.is_some() && !movie.fragmented && movie.fragments.is_empty() {
        return Err(Error::unsupported(
            "progressive",
            "This is a progressive MP4; only fragmented files can be protected. Make a fragmented \
             one first: ffmpeg -i IN.mp4 -c copy -f ismv OUT.ismv.",
        ));
    }
    check_fragments(movie)?;
    if movie.fragments.is_empty() {
        return Err(Error::unsupported(
            "no_fragments",
            "The file has no fragments, so there is nothing to protect. Open the whole .ismv, not \
             only its initialization segment.",
        ));
    }
    let tracks = match wanted {
        Some(ids) => BTreeSet::from_iter(ids)
            .into_iter()
            .map(|id| {
                movie.track(*id).ok_or_else(|| {
                    let have: Vec<String> = movie.tracks.iter().map(|t| t.id.to_string()).collect();
                    let have = have.join(", ");
                    Error::misuse(
                        "no_such_track",
                        format!("There is no track {id}; the file has {have}."),
                    )
                })
            })
            .collect::<Result<Vec<_>>>()?,
        None => movie
            .tracks
            .iter()
            .filter(|t| matches!(t.kind, TrackKind::Video | TrackKind::Audio))
            .filter(|t| t.totals.samples > 0)
            .collect(),
    };
    if tracks.is_empty() {
        return Err(Error::unsupported(
            "nothing_to_protect",
            "The file has no video or audio track with samples, so there is nothing to protect.",
        ));
    }
    for track in &tracks {
        if track.timescale == 0 {
            return Err(Error::malformed(
                "timescale_zero",
                format!(
                    "Track {} has the timescale 0, so its times mean nothing. Write the file anew \
                     with its packager, or leave the track out.",
                    track.id
                ),
            ));
        }
        if !matches!(track.kind, TrackKind::Video | TrackKind::Audio) {
            return Err(Error::unsupported(
                "text_stays_clear",
                format!(
                    "Track {} is {}, which Smooth Streaming clients read only when it is clear. \
                     Leave it out.",
                    track.id,
                    track.kind.word()
                ),
            ));
        }
        if track.entries.is_empty() || track.entries.iter().any(|entry| entry.codec.rule.is_none())
        {
            let codec = track.codec().map_or("unknown", |codec| &codec.string);
            return Err(Error::unsupported(
                "no_rule",
                format!(
                    "Track {} has the codec {codec}, for which it is not known here which bytes \
                     may be protected. Leave it clear by choosing the other tracks.",
                    track.id
                ),
            ));
        }
    }
    Ok(tracks)
}
