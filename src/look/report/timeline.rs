//! Fragments over time: bitrates, durations, where they begin.

use crate::model::{Movie, bitrate};
use serde::Serialize;

/// The fragments of one track.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Timeline {
    /// The track.
    pub track: u32,
    /// Bits a second, over all.
    pub average: Option<u64>,
    /// Of the fragment with the most.
    pub peak: Option<u64>,
    /// What the file declares.
    pub declared: Option<u32>,
    /// In file order.
    pub fragments: Vec<Point>,
}

/// One fragment of a track.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Point {
    /// Its `moof`.
    pub at: u64,
    /// Bytes of that.
    pub size: u64,
    /// When its first sample is shown, in seconds; counted from the fragments
    /// before it where the file does not tell.
    pub start: f64,
    /// Seconds.
    pub duration: f64,
    /// Bytes of its samples.
    pub bytes: u64,
    /// Of those, in protected ranges.
    pub protected: u64,
    /// Its samples.
    pub samples: u32,
    /// Bits a second.
    pub bitrate: u64,
    /// Whether it begins with a sync sample.
    pub sync: bool,
}

/// Of every track that has fragments.
pub fn timelines(movie: &Movie) -> Vec<Timeline> {
    let tracks = movie.tracks.iter().filter(|track| track.totals.fragments > 0);
    tracks
        .map(|track| {
            let scale = f64::from(track.timescale.max(1));
            let mut next = 0.0;
            let runs = movie.fragments.iter().flat_map(|f| f.runs.iter().map(move |run| (f, run)));
            let own = runs.filter(|(_, run)| run.track_id == track.id);
            let fragments = own.map(|(fragment, run)| {
                let start = track.presented(run).map_or(next, |time| time as f64 / scale);
                let duration = run.duration as f64 / scale;
                next = start + duration;
                Point {
                    at: fragment.moof.at,
                    size: fragment.head.len,
                    start,
                    duration,
                    bytes: super::exact(run.bytes),
                    protected: super::exact(run.protected),
                    samples: run.samples,
                    bitrate: bitrate(run.bytes, run.duration, track.timescale)
                        .map_or(0, super::exact),
                    sync: run.sync_start,
                }
            });
            let totals = track.totals;
            Timeline {
                track: track.id,
                average: bitrate(totals.bytes, totals.duration, track.timescale).map(super::exact),
                peak: totals.peak_bitrate.map(super::exact),
                declared: track.codec().and_then(|codec| codec.declared_bitrate),
                fragments: fragments.collect(),
            }
        })
        .collect()
}
