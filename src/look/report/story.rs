//! Is it the key, the header or the boxes? Every link of the chain that playing
//! needs, and whether it holds.

use super::Inspection;
use crate::checks::{Check, CheckId, Severity};
use crate::model::{Finding, Movie};
use serde::Serialize;

/// What playing needs, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The content keys, by their KIDs.
    Key,
    /// The protection headers, by which players ask for a licence.
    Header,
    /// `moov`: tracks, codecs, what is said of their protection.
    Tracks,
    /// Fragments, their IVs and times, the media itself.
    Samples,
}

/// Whether a link holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Holds {
    /// It does.
    Yes,
    /// Something is wrong that some can live with.
    Nearly,
    /// It is broken.
    No,
    /// That cannot be seen from the file alone.
    Unknown,
    /// The file needs none.
    Unneeded,
}

/// One link.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Link {
    /// Which one.
    pub part: Part,
    /// Whether it holds.
    pub holds: Holds,
    /// Why, in a sentence.
    pub reason: String,
    /// Where its worst finding is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub at: Option<u64>,
}

/// The link that a check is about, by the check's number.
fn part_of(check: &Check) -> Part {
    match check.number {
        16 | 63 => Part::Key,
        13..=15 | 17..=26 | 50 | 64 => Part::Header,
        12 | 44..=49 | 51..=54 | 56 | 57 => Part::Tracks,
        59 => match check.id {
            CheckId::NoPlayreadyHeader => Part::Header,
            CheckId::NoMoov
            | CheckId::SecondMoov
            | CheckId::NoTracks
            | CheckId::SamplesInMoovToo
            | CheckId::UuidTooShort
            | CheckId::C2pa
            | CheckId::OpaqueSampleEntry
            | CheckId::NoCodecConfiguration
            | CheckId::BoxMissing => Part::Tracks,
            _ => Part::Samples,
        },
        _ => Part::Samples,
    }
}

/// The links of a file, in their order.
pub(super) fn story(inspection: &Inspection, movie: &Movie) -> Vec<Link> {
    [Part::Key, Part::Header, Part::Tracks, Part::Samples]
        .into_iter()
        .map(|part| {
            let own = |finding: &&Finding| part_of(&finding.check) == part;
            // Findings stand in the order of their gravity.
            let worst = inspection.findings.iter().find(own);
            let worst = worst.filter(|finding| finding.severity() != Severity::Info);
            match worst {
                Some(finding) => Link {
                    part,
                    holds: match finding.severity() {
                        Severity::Error => Holds::No,
                        _ => Holds::Nearly,
                    },
                    reason: finding.check.title.to_owned(),
                    at: finding.at,
                },
                None => {
                    let (holds, reason) = sound(part, inspection, movie);
                    Link { part, holds, reason, at: None }
                }
            }
        })
        .collect()
}

/// What is to be said of a link with which nothing is wrong.
fn sound(part: Part, inspection: &Inspection, movie: &Movie) -> (Holds, String) {
    let protected = inspection.tracks.iter().any(|track| track.protection.is_some());
    let ciphertext = !movie.ciphertext.is_empty();
    match part {
        Part::Key if ciphertext && !protected => {
            (Holds::No, "The samples are encrypted, and no KID says with which key.".to_owned())
        }
        Part::Key | Part::Header if !protected => {
            (Holds::Unneeded, "The file is clear.".to_owned())
        }
        Part::Key => match inspection.kids(movie).len() {
            0 => (Holds::No, "No KID says which key it is.".to_owned()),
            1 => (Holds::Unknown, "One KID; try its key.".to_owned()),
            n => (Holds::Unknown, format!("{n} KIDs; try their keys.")),
        },
        Part::Header => match inspection.systems.iter().find_map(|s| s.header.as_ref()) {
            Some(header) => (Holds::Yes, format!("PlayReady {}, sound.", header.header.version)),
            None if inspection.systems.is_empty() => {
                (Holds::Nearly, "None: players must have it from elsewhere.".to_owned())
            }
            None => (Holds::Nearly, "None for PlayReady.".to_owned()),
        },
        Part::Tracks if inspection.tracks.is_empty() => {
            (Holds::Unknown, "They are told in the initialization segment.".to_owned())
        }
        Part::Tracks => (Holds::Yes, format!("{}, sound.", capital(&inspection.track_words()))),
        Part::Samples => {
            let samples: u64 = inspection.tracks.iter().map(|track| track.samples).sum();
            match (samples, inspection.fragments) {
                (0, 0) => (Holds::Unknown, "There are none here.".to_owned()),
                (_, 0) => (Holds::Yes, format!("{samples} samples, in place.")),
                (_, 1) => (Holds::Yes, format!("{samples} in 1 fragment, in place.")),
                (_, n) => (Holds::Yes, format!("{samples} in {n} fragments, in place.")),
            }
        }
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
