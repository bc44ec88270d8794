//! Decode times for files that have none.

pub(crate) use crate::model::to_scale;
use crate::model::{Edits, Movie};

/// The decode time of every `traf`, for `tfdt`: as the file tells it, else
/// where the track's last fragment ended. All tracks are moved by the same
/// time if one begins before zero (ffmpeg's AAC priming), for `tfdt` has no
/// sign and they must stay together; with `keep`, not where some have a `tfdt`
/// already, which stays as it is. Also gives that time, in [`COMMON_SCALE`].
/// `before` is how long before zero another file begins that is to be played
/// with this one.
pub(crate) fn decode_times(movie: &Movie, before: i64, keep: bool) -> (Vec<Vec<u64>>, i64) {
    let mut ends: Vec<(u32, i64)> = Vec::new();
    let mut earliest = before.min(0);
    let mut any_tfdt = false;
    let times: Vec<Vec<i64>> = movie
        .fragments
        .iter()
        .map(|fragment| {
            let runs = fragment.runs.iter();
            runs.map(|run| {
                let known = ends.iter_mut().find(|(id, _)| *id == run.track_id);
                let scale = movie.track(run.track_id).map_or(COMMON_SCALE, |t| t.timescale);
                let told = run.decode_time.filter(|time| *time >= -EARLIEST * i64::from(scale));
                let time = told.or(known.as_ref().map(|(_, end)| *end)).unwrap_or(0);
                let end = time.saturating_add_unsigned(run.duration);
                match known {
                    Some((_, known)) => *known = end,
                    None => ends.push((run.track_id, end)),
                }
                any_tfdt |= run.has_tfdt;
                if let Some(track) = movie.track(run.track_id).filter(|t| t.timescale > 0) {
                    earliest = earliest.min(to_scale(time, track.timescale, COMMON_SCALE));
                }
                time
            })
            .collect()
        })
        .collect();
    let shift = if any_tfdt && keep { 0 } else { earliest.saturating_neg() };
    let moved = |(time, id): (i64, u32)| {
        let scale = movie.track(id).map_or(COMMON_SCALE, |track| track.timescale);
        time.saturating_add(to_scale(shift, COMMON_SCALE, scale)).max(0) as u64
    };
    let times = times.into_iter().zip(&movie.fragments).map(|(times, fragment)| {
        times.into_iter().zip(fragment.runs.iter().map(|run| run.track_id)).map(moved).collect()
    });
    (times.collect(), shift)
}

/// What becomes of edit lists where times are written anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    /// They stay as they are.
    #[default]
    Nothing,
    /// Pauses become a part of the times: browsers know only what a list skips.
    Pauses,
    /// All tracks skip so much, in ticks of 100 ns: whoever does not know edit
    /// lists (Smooth Streaming) presents all of them later alike, and whoever
    /// does, in time.
    All {
        /// The most that a track skips; see [`longest_skip`].
        skip: i64,
    },
}

impl Fold {
    /// By how much the times of a track move, and the edit list it has then.
    pub(crate) fn of(self, edits: &Edits, timescale: u32) -> (i64, Edits) {
        let left = |skip| Edits { pause: 0, skip, end: None };
        match self {
            Self::Nothing => (0, *edits),
            Self::Pauses => (edits.pause, left(edits.skip)),
            Self::All { skip } => {
                let skip = to_scale(skip, COMMON_SCALE, timescale).max(edits.skip);
                (edits.later().saturating_add(skip), left(skip))
            }
        }
    }
}

/// The most that a track of a file skips of its media, in ticks of 100 ns.
pub fn longest_skip(movie: &Movie) -> i64 {
    let tracks = movie.tracks.iter().filter(|t| t.totals.samples > 0 && t.timescale > 0);
    let skips = tracks.map(|track| to_scale(track.edits.skip, track.timescale, COMMON_SCALE));
    skips.fold(0, i64::max)
}

/// Ticks a second in which times of different tracks are compared: Smooth
/// Streaming's own.
pub(crate) const COMMON_SCALE: u32 = 10_000_000;

/// Seconds before zero that a track may begin. One that says more is wrong, and
/// its times are counted from zero.
const EARLIEST: i64 = 60;
