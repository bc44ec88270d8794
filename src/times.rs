//! Decode times for files that have none.

use crate::model::Movie;

/// The decode time of every `traf`, for `tfdt`: as the file tells it, else
/// where the track's last fragment ended. All tracks are moved by the same
/// time if one begins before zero (ffmpeg's AAC priming), for `tfdt` has no
/// sign and they must stay together; but not where some have a `tfdt` already.
/// Also gives that time, in [`COMMON_SCALE`]. `before` is how long before zero
/// another file begins that is to be played with this one.
pub(crate) fn decode_times(movie: &Movie, before: i64) -> (Vec<Vec<u64>>, i64) {
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
    let shift = if any_tfdt { 0 } else { earliest.saturating_neg() };
    let moved = |(time, id): (i64, u32)| {
        let scale = movie.track(id).map_or(COMMON_SCALE, |track| track.timescale);
        time.saturating_add(to_scale(shift, COMMON_SCALE, scale)).max(0) as u64
    };
    let times = times.into_iter().zip(&movie.fragments).map(|(times, fragment)| {
        times.into_iter().zip(fragment.runs.iter().map(|run| run.track_id)).map(moved).collect()
    });
    (times.collect(), shift)
}

/// Ticks a second in which times of different tracks are compared: Smooth
/// Streaming's own.
pub(crate) const COMMON_SCALE: u32 = 10_000_000;

/// Seconds before zero that a track may begin. One that says more is wrong, and
/// its times are counted from zero.
const EARLIEST: i64 = 60;

pub(crate) fn to_scale(time: i64, from: u32, to: u32) -> i64 {
    let scaled = i128::from(time) * i128::from(to) / i128::from(from.max(1));
    scaled.try_into().unwrap_or(if time < 0 { i64::MIN } else { i64::MAX })
}
