//! What a page needs to know to play a file through Media Source Extensions.

use crate::format::ids::{BoxType, Kid, Scheme};
use crate::model::{Movie, TrackKind};
use serde::Serialize;

/// What is given to a media source, and in which parts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Playable {
    /// `video/mp4` or `audio/mp4`.
    pub mime: &'static str,
    /// RFC 6381 strings of its video.
    pub video: Vec<String>,
    /// RFC 6381 strings of its audio.
    pub audio: Vec<String>,
    /// Whether the fragments have what browsers need: `tfdt`, and a scheme that
    /// is not `piff`.
    pub as_it_is: bool,
    /// Whether samples are protected.
    pub protected: bool,
    /// The keys they need.
    pub kids: Vec<Kid>,
    /// `ftyp` and `moov`: offset and length of each.
    pub head: Vec<(u64, u64)>,
    /// Offset and length of every fragment of the first seconds.
    pub fragments: Vec<(u64, u64)>,
    /// When the first picture, or sound where there is none, is presented, in
    /// seconds: an element that waits for media at zero waits for ever.
    pub start: f64,
    /// Where those fragments end, in seconds.
    pub seconds: f64,
}

impl Playable {
    /// The first `seconds` of a file.
    pub fn new(movie: &Movie, seconds: f64) -> Self {
        let spoken: Vec<_> = movie
            .tracks
            .iter()
            .filter(|t| matches!(t.kind, TrackKind::Video | TrackKind::Audio))
            .collect();
        let codecs = |kind| {
            let own = spoken.iter().filter(|track| track.kind == kind);
            let mut codecs: Vec<String> =
                own.filter_map(|track| Some(track.codec()?.string.clone())).collect();
            crate::collections::sort(&mut codecs);
            codecs.dedup();
            codecs
        };
        let (video, audio) = (codecs(TrackKind::Video), codecs(TrackKind::Audio));
        let mut kids: Vec<Kid> = Vec::new();
        for kid in spoken.iter().filter_map(|track| track.protection()?.kid) {
            if !kids.contains(&kid) {
                kids.push(kid);
            }
        }
        let schemes = spoken.iter().filter_map(|track| track.protection()?.known_scheme());
        let piff = schemes.into_iter().any(|scheme| scheme == Scheme::Piff);
        let runs = || movie.fragments.iter().flat_map(|fragment| &fragment.runs);
        let head = movie
            .top
            .iter()
            .filter(|top| [BoxType::code(b"ftyp"), BoxType::code(b"moov")].contains(&top.kind));
        let mut ends: Vec<(u32, f64)> = Vec::new();
        let mut fragments = Vec::new();
        for fragment in &movie.fragments {
            let done = spoken
                .iter()
                .all(|track| ends.iter().any(|(id, end)| *id == track.id && *end >= seconds));
            if done && !spoken.is_empty() {
                break;
            }
            fragments.push((fragment.span.at, fragment.span.len));
            for run in &fragment.runs {
                let scale = movie.track(run.track_id).map_or(1, |track| track.timescale.max(1));
                let lasts = run.duration as f64 / f64::from(scale);
                match ends.iter_mut().find(|(id, _)| *id == run.track_id) {
                    Some((_, end)) => *end += lasts,
                    None => ends.push((run.track_id, lasts)),
                }
            }
        }
        let first = spoken.iter().find(|t| t.kind == TrackKind::Video).or(spoken.first());
        let start = first.and_then(|track| {
            let run = runs().find(|run| run.track_id == track.id)?;
            Some(track.presented(run)? as f64 / f64::from(track.timescale.max(1)))
        });
        Self {
            mime: if video.is_empty() { "audio/mp4" } else { "video/mp4" },
            video,
            audio,
            as_it_is: !piff && runs().all(|run| run.has_tfdt),
            protected: spoken.iter().any(|track| track.protection().is_some()),
            kids,
            head: head.map(|top| (top.span.at, top.span.len)).collect(),
            fragments,
            start: start.unwrap_or(0.0),
            seconds: ends.iter().map(|(_, end)| *end).fold(0.0, f64::max),
        }
    }
}
