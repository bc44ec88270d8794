//! Whether tracks of different files belong together.

use super::{File, MuxInput, whole_fragments};
use crate::error::{Code, Error, Result};
use crate::make::fragmenter::FRAGMENT_SECONDS;
use crate::model::{Track, TrackKind};

/// When a track begins and ends, and its longest fragment, in seconds.
struct Extent {
    from: f64,
    to: f64,
    longest: f64,
    last_at: u64,
}

fn extent(input: &MuxInput<'_>, track: &Track) -> Option<Extent> {
    if track.listed > 0 {
        let to = track.seconds(track.totals.duration)?;
        let last_at = input.movie.moov.as_ref().map_or(0, |moov| moov.at);
        let from = track.seconds(track.edits.pause.max(0) as u64)?;
        return Some(Extent { from, to: from + to, longest: f64::from(FRAGMENT_SECONDS), last_at });
    }
    let runs = || {
        let all = whole_fragments(input).flat_map(|f| f.runs.iter().map(move |run| (f, run)));
        all.filter(|(_, run)| run.track_id == track.id && run.samples > 0)
    };
    let scale = f64::from(track.timescale);
    let from = track.presented(runs().next()?.1).unwrap_or(0) as f64 / scale;
    let length: u64 = runs().map(|(_, run)| run.duration).sum();
    let longest = runs().map(|(_, run)| run.duration).max()? as f64 / scale;
    let last_at = runs().last()?.0.moof.at;
    Some(Extent { from, to: from + length as f64 / scale, longest, last_at })
}

/// Refuses tracks of different files that do not begin and end together, as
/// those of one title do.
pub(super) fn check_fit(inputs: &[MuxInput<'_>], files: &[File]) -> Result<()> {
    let mut known: Vec<(&str, &Track, Extent)> = Vec::new();
    for (input, file) in inputs.iter().zip(files) {
        let spoken = |track: &&Track| matches!(track.kind, TrackKind::Video | TrackKind::Audio);
        for track in file.tracks.iter().map(|(track, _)| track).filter(spoken) {
            let Some(own) = extent(input, track) else { continue };
            let misfit = known.iter().find(|(name, _, other)| {
                let room = 0.5 + own.longest.max(other.longest);
                let apart = (own.from - other.from).abs().max((own.to - other.to).abs());
                *name != input.name && apart > room
            });
            if let Some((name, other_track, other)) = misfit {
                return Err(Error::misuse(
                    Code::DoNotFit,
                    format!(
                        "{}: its {} lasts from {:.3} to {:.3} s, but the {} of {name} from {:.3} to \
                         {:.3} s. They are not of one title, or one of them is not whole.",
                        input.name,
                        track.kind.word(),
                        own.from,
                        own.to,
                        other_track.kind.word(),
                        other.from,
                        other.to
                    ),
                )
                .at(own.last_at));
            }
            known.push((input.name, track, own));
        }
    }
    Ok(())
}
