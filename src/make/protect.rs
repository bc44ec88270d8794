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
pub mod receipt;
mod sentences;
pub mod subsample;
mod unit;

pub use crate::make::keys::{Target, TrackKey};
pub use crate::make::profile::{PROFILES, Profile};
pub use plan::{Plan, Preview, PreviewKey};
pub use unit::{Protector, UnitState};

use crate::collections::Set;
use crate::error::{Code, Error, Result};
use crate::format::drm::playready::HeaderVersion;
use crate::make::rewrite::{check_fragments, check_intact};
use crate::model::{Movie, Track, TrackKind};

/// How to protect a file.
pub struct Options {
    /// The keys, each with the tracks it is for.
    pub keys: Vec<TrackKey>,
    /// What IVs begin with; from the host's randomness, new for every file.
    pub random: [u8; 16],
    /// Bytes of an IV: 8, or 16, which PlayReady before 4.0 cannot read.
    pub iv_size: u8,
    /// Which boxes are written.
    pub profile: &'static Profile,
    /// Of the PlayReady header; none for the oldest that can say it.
    pub header_version: Option<HeaderVersion>,
    /// Where licences are asked for.
    pub la_url: Option<String>,
    /// A page for people.
    pub lui_url: Option<String>,
    /// XML of the packager's own.
    pub custom_attributes: Option<String>,
    /// Whether a Widevine header is written beside PlayReady's.
    pub widevine: bool,
    /// How many fragments of each track stay clear at the start.
    pub clear_lead: u32,
    /// Which tracks; none for all video and audio.
    pub tracks: Option<Vec<u32>>,
}

impl Options {
    /// With these keys and IVs, and everything else as most people have it.
    pub fn new(keys: Vec<TrackKey>, random: [u8; 16], profile: &'static Profile) -> Self {
        Self {
            keys,
            random,
            iv_size: 8,
            profile,
            header_version: None,
            la_url: None,
            lui_url: None,
            custom_attributes: None,
            widevine: false,
            clear_lead: 0,
            tracks: None,
        }
    }
}

impl Options {
    /// The key of a track: the one that was given for it most closely.
    fn key_of(&self, track: &Track) -> Result<&TrackKey> {
        let fits = |key: &&TrackKey| key.target.fit(track);
        let closest = self.keys.iter().filter_map(|key| fits(&key)).max();
        let mut best = self.keys.iter().filter(|key| closest.is_some() && fits(key) == closest);
        let (first, second) = (best.next(), best.next());
        let another = |first: &&TrackKey| second.filter(|second| second.kid != first.kid);
        if let Some((first, second)) = first.and_then(|f| another(&f).map(|second| (f, second))) {
            let sentence = format!(
                "Track {} ({}) has two keys, of the KIDs {} and {}. Say which tracks each is for.",
                track.id,
                track.kind.word(),
                first.kid,
                second.kid
            );
            return Err(Error::misuse(Code::TwoKeysForTrack, sentence));
        }
        first.ok_or_else(|| {
            Error::misuse(
                Code::NoKeyForTrack,
                format!(
                    "No key was given for track {} ({}). Give one, or leave the track out.",
                    track.id,
                    track.kind.word()
                ),
            )
        })
    }

    /// Refuses what cannot be right, whatever the file.
    fn check(&self) -> Result<()> {
        if self.keys.is_empty() {
            return Err(Error::misuse(Code::NoKey, "No key was given."));
        }
        self.keys.iter().try_for_each(TrackKey::check)?;
        let mut sorted: Vec<&TrackKey> = self.keys.iter().collect();
        crate::collections::sort_by_key(&mut sorted, |key| key.kid);
        for pair in sorted.windows(2) {
            if pair[0].kid == pair[1].kid && !pair[0].key.is(&pair[1].key) {
                let sentence = format!("The KID {} is given with two keys.", pair[0].kid);
                return Err(Error::misuse(Code::KidTwice, sentence));
            }
        }
        crate::collections::sort_by_key(&mut sorted, |key| {
            let key = *key;
            key.key.order()
        });
        for pair in sorted.windows(2) {
            if pair[0].kid != pair[1].kid && pair[0].key.is(&pair[1].key) {
                let sentence = format!(
                    "The KIDs {} and {} have the same key; who has one licence has both. Use two \
                     keys, or one KID.",
                    pair[0].kid, pair[1].kid
                );
                return Err(Error::misuse(Code::KeyTwice, sentence));
            }
        }
        if !matches!(self.iv_size, 8 | 16) {
            let sentence =
                format!("IVs of {} bytes are not defined; choose 8 or 16.", self.iv_size);
            return Err(Error::misuse(Code::BadIvSize, sentence));
        }
        Ok(())
    }
}

/// Why a file cannot be protected, whatever the options; none if it can.
pub fn refusal(movie: &Movie) -> Option<Error> {
    selected(movie, None).err()
}

/// Whether it is known which bytes of a track's samples may be protected.
pub(crate) fn has_rule(track: &Track) -> bool {
    !track.entries.is_empty() && track.entries.iter().all(|entry| entry.codec.rule.is_some())
}

/// The tracks to protect: those asked for, or all video and audio. Text stays
/// clear, as everywhere in Smooth Streaming.
fn selected<'m>(movie: &'m Movie, wanted: Option<&[u32]>) -> Result<Vec<&'m Track>> {
    check_intact(movie, "protected")?;
    if let Some(track) = movie.tracks.iter().find(|track| track.protection().is_some()) {
        let scheme = track.protection().and_then(|p| p.scheme).map(|s| format!(" (scheme {s})"));
        return Err(Error::misuse(
            Code::AlreadyProtected,
            format!(
                "Track {} is already protected{}. Decrypt the file with its key first: \
                 ismvault decrypt IN -o OUT --key @KEYFILE.",
                track.id,
                scheme.unwrap_or_default()
            ),
        ));
    }
    if let Some(track) = movie.ciphertext.first() {
        return Err(Error::misuse(
            Code::Ciphertext,
            format!(
                "Track {track} is called clear, but its samples are encrypted already: a protected \
                 file was remuxed (ffmpeg -c copy), and its IVs are lost. Decrypt before remuxing."
            ),
        ));
    }
    if movie.moov.is_some() && !movie.fragmented && movie.fragments.is_empty() {
        return Err(Error::unsupported(
            Code::Progressive,
            "This is a progressive MP4; only fragmented files can be protected. Fragment it first: \
             ismvault fragment IN.mp4 -o OUT.ismv.",
        ));
    }
    check_fragments(movie)?;
    if movie.fragments.is_empty() {
        return Err(Error::unsupported(
            Code::NoFragments,
            "The file has no fragments, so there is nothing to protect. Open the whole .ismv, not \
             only its initialization segment.",
        ));
    }
    let tracks = match wanted {
        Some(ids) => Set::from_iter(ids)
            .into_iter()
            .map(|id| {
                movie.track(*id).ok_or_else(|| {
                    let have: Vec<String> = movie.tracks.iter().map(|t| t.id.to_string()).collect();
                    let have = have.join(", ");
                    Error::misuse(
                        Code::NoSuchTrack,
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
            // What is not known here stays clear, and the preview says so.
            .filter(|t| has_rule(t) || !movie.tracks.iter().any(has_rule))
            .collect(),
    };
    if tracks.is_empty() {
        return Err(Error::unsupported(
            Code::NothingToProtect,
            "The file has no video or audio track with samples, so there is nothing to protect.",
        ));
    }
    for track in &tracks {
        if track.timescale == 0 {
            return Err(Error::malformed(
                Code::TimescaleZero,
                format!(
                    "Track {} has the timescale 0, so its times mean nothing. Write the file anew \
                     with its packager, or leave the track out.",
                    track.id
                ),
            ));
        }
        if !matches!(track.kind, TrackKind::Video | TrackKind::Audio) {
            return Err(Error::unsupported(
                Code::TextStaysClear,
                format!(
                    "Track {} is {}, which Smooth Streaming clients read only when it is clear. \
                     Leave it out.",
                    track.id,
                    track.kind.word()
                ),
            ));
        }
        if !has_rule(track) {
            let codec = track.codec().map_or("unknown", |codec| &codec.string);
            return Err(Error::unsupported(
                Code::NoRule,
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
