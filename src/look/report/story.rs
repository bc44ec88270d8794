//! Is it the key, the header or the boxes? Every link of the chain that playing
//! needs, and whether it holds.

use super::Inspection;
use crate::checks::{CheckId, Severity};
use crate::model::{Finding, Movie};
use crate::words;
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

/// The link that a finding is about: by the number of its check, and where that
/// says nothing, by the box it is in.
fn part_of(finding: &Finding) -> Part {
    let path = finding.path.as_deref().unwrap_or_default();
    // PIFF's pssh is a uuid of moov.
    let by_path = if path.contains("pssh") || path == "moov/uuid" {
        Part::Header
    } else if path.starts_with("moov") {
        Part::Tracks
    } else {
        Part::Samples
    };
    match (finding.check.number, finding.check.id) {
        (_, CheckId::KidZero) | (63, _) => Part::Key,
        (
            _,
            CheckId::NoPlayreadyHeader | CheckId::OtherSystemsOnly | CheckId::SeveralKidsOneHeader,
        ) => Part::Header,
        (_, CheckId::SencFlags | CheckId::SencOverride) => Part::Samples,
        (50, _) if !path.is_empty() => by_path,
        (13..=26 | 50 | 64, _) => Part::Header,
        (12 | 44..=49 | 51..=54 | 56 | 57, _) => Part::Tracks,
        (
            59,
            CheckId::NoMoov
            | CheckId::SecondMoov
            | CheckId::NoTracks
            | CheckId::SamplesInMoovToo
            | CheckId::C2pa
            | CheckId::OpaqueSampleEntry
            | CheckId::NoCodecConfiguration,
        ) => Part::Tracks,
        (59, _) => by_path,
        _ => Part::Samples,
    }
}

/// The links of a file, in their order.
pub(super) fn story(inspection: &Inspection, movie: &Movie) -> Vec<Link> {
    [Part::Key, Part::Header, Part::Tracks, Part::Samples]
        .into_iter()
        .map(|part| {
            let own = |finding: &&Finding| match finding.check.id {
                // Before any track was read.
                CheckId::FileCut if inspection.tracks.is_empty() => part == Part::Tracks,
                _ => part_of(finding) == part,
            };
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
    let runs = || movie.fragments.iter().flat_map(|fragment| &fragment.runs);
    let says_so = inspection.tracks.iter().any(|track| track.protection.is_some());
    let ciphertext = !movie.ciphertext.is_empty() && !says_so;
    let untold = match movie.damage.is_some() {
        true => "That cannot be read any more.",
        false => "That is told in the initialization segment.",
    };
    match part {
        Part::Key if ciphertext => {
            (Holds::No, "The samples are encrypted, and no KID says with which key.".to_owned())
        }
        Part::Header if ciphertext => (Holds::No, "None says where a key may be had.".to_owned()),
        Part::Key | Part::Header | Part::Tracks if inspection.tracks.is_empty() => {
            (Holds::Unknown, untold.to_owned())
        }
        Part::Key | Part::Header if !says_so => (Holds::Unneeded, "The file is clear.".to_owned()),
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
        Part::Tracks => (Holds::Yes, format!("{}, sound.", capital(&inspection.track_words()))),
        Part::Samples => {
            let samples: u64 = match inspection.tracks.is_empty() {
                true => runs().map(|run| u64::from(run.samples)).sum(),
                false => inspection.tracks.iter().map(|track| track.samples).sum(),
            };
            let words = words::plural(usize::try_from(samples).unwrap_or(usize::MAX), "sample");
            match (samples, inspection.fragments) {
                (0, 0) => (Holds::Unknown, "There are none here.".to_owned()),
                (_, 0) => (Holds::Yes, format!("{words}, in place.")),
                (_, n) => {
                    (Holds::Yes, format!("{words} in {}, in place.", words::plural(n, "fragment")))
                }
            }
        }
    }
}

fn capital(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn a_finding_goes_to_its_link() {
        let part = |id, path: &str| {
            part_of(&Finding { path: Some(path.to_owned()), ..Finding::new(id, "") })
        };
        let header = "moov/pssh";
        assert_eq!(part(CheckId::KidZero, header), Part::Key);
        assert_eq!(part(CheckId::KidNotInHeader, header), Part::Header);
        assert_eq!(part(CheckId::SeveralKidsOneHeader, header), Part::Header);
        assert_eq!(part(CheckId::TencDiffers, "moov/trak/mdia/minf/stbl/stsd"), Part::Tracks);
        assert_eq!(part(CheckId::SencFlags, "moof/traf/senc"), Part::Samples);
        assert_eq!(part(CheckId::UuidSwapped, "moof/traf/uuid"), Part::Samples);
        assert_eq!(part(CheckId::IvReused, "moof/traf/senc"), Part::Samples);
        assert_eq!(part(CheckId::Structure(Code::BoxTooShort), "moov/trak/tkhd"), Part::Tracks);
        assert_eq!(part(CheckId::Structure(Code::BoxTooShort), "moof/traf/trun"), Part::Samples);
    }
}
