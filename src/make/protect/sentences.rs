//! What a plan will write, in words.

use super::{Options, TrackKey};
use crate::format::boxes::tables::C2PA;
use crate::format::cipher::CipherMode;
use crate::format::drm::playready::NewHeader;
use crate::format::drm::{COMMON, PLAYREADY};
use crate::make::rewrite::Rewrite;
use crate::model::decode_times::COMMON_SCALE;
use crate::model::{Fragment, Movie, Track, TrackKind};
use crate::words;

/// What a plan decided, to be told.
pub(super) struct Decisions<'a> {
    pub(super) movie: &'a Movie,
    pub(super) options: &'a Options,
    pub(super) header: &'a NewHeader,
    /// Those that are protected.
    pub(super) tracks: &'a [&'a Track],
    pub(super) keys: &'a [&'a TrackKey],
    /// How many are protected.
    pub(super) samples: u64,
    pub(super) rewrite: &'a Rewrite,
    /// Ticks of 100 ns that all times move.
    pub(super) shift: i64,
}

/// One sentence for each decision a user may want to see.
pub(super) fn sentences(decided: &Decisions<'_>) -> Vec<String> {
    let Decisions { movie, options, header, tracks, keys, samples, rewrite, shift } = *decided;
    let ids: Vec<u32> = tracks.iter().map(|track| track.id).collect();
    let touched = |f: &&Fragment| f.runs.iter().any(|run| ids.contains(&run.track_id));
    let fragments = movie.fragments.iter().filter(touched).count();
    let cipher = match (options.profile.mode, options.iv_size) {
        (CipherMode::Cbc, _) => "AES-128-CBC with a constant IV for each track".to_owned(),
        (CipherMode::Ctr, size) => {
            format!("AES-128-CTR, {} {size}-byte IV each", if size == 8 { "an" } else { "a" })
        }
    };
    let mut out = vec![format!(
        "{}: {} in {}, {cipher}.",
        list(tracks),
        words::plural(samples as usize, "sample"),
        words::plural(fragments, "fragment")
    )];
    if keys.len() > 1 {
        out.push(format!("{} keys, each for tracks of its own.", keys.len()));
    }
    if options.profile.mode == CipherMode::Ctr && options.iv_size == 16 {
        out.push("IVs of 16 bytes: PlayReady before 4.0 cannot play this.".into());
    }
    if options.clear_lead > 0 {
        out.push(format!(
            "The first {} of each track stay{} clear.",
            words::plural(options.clear_lead as usize, "fragment"),
            words::verb(options.clear_lead as usize)
        ));
    }
    let clear: Vec<&Track> = movie.tracks.iter().filter(|track| !ids.contains(&track.id)).collect();
    if !clear.is_empty() {
        out.push(format!("{} stay{} clear.", list(&clear), words::verb(clear.len())));
    }
    let spoken = |t: &&&Track| matches!(t.kind, TrackKind::Video | TrackKind::Audio);
    for track in clear.iter().filter(spoken).filter(|track| !super::has_rule(track)) {
        out.push(format!(
            "Track {} has the codec {}, for which it is not known here which bytes may be protected.",
            track.id,
            track.codec().map_or("unknown", |codec| &codec.string)
        ));
    }
    if movie.top.iter().any(|top| top.kind == C2PA) {
        out.push("The file's content credentials (C2PA) no longer fit it: sign it again.".into());
    }
    let profile = options.profile;
    let widevine = if options.widevine { ", and for Widevine" } else { "" };
    out.push(format!("Boxes: {}{widevine}.", profile.boxes));
    out.push(match &options.la_url {
        Some(url) if !url.trim().is_empty() => format!(
            "PlayReady header {} with the licence URL {}.",
            header.version.text(),
            url.trim()
        ),
        _ => format!(
            "PlayReady header {} without a licence URL: the player must know it.",
            header.version.text()
        ),
    });
    let runs = || movie.fragments.iter().flat_map(|fragment| &fragment.runs);
    if profile.iso && runs().any(|run| !run.has_tfdt) {
        out.push(match shift {
            0 => "Decode times (tfdt) are added, which browsers need.".to_owned(),
            _ => format!(
                "Decode times (tfdt) are added, which browsers need, and begin at {:.3} ms: a track \
                 starts that much before zero, which tfdt cannot say.",
                shift as f64 / f64::from(COMMON_SCALE) * 1000.0
            ),
        });
    }
    let old = movie.systems.iter().filter(|s| [PLAYREADY, COMMON].contains(&s.system_id)).count();
    if old > 0 {
        out.push(format!(
            "{} in moov will be replaced.",
            words::plural(old, "old protection header")
        ));
    }
    if let Some(reason) = rewrite.lost_index() {
        out.push(format!("The index (mfra) {reason} and is left out."));
    }
    let stale = rewrite.stale_index_entries();
    if stale > 0 {
        out.push(format!(
            "{stale} entries of the index (mfra) point at no fragment and are left out."
        ));
    }
    if !rewrite.unmeasured().is_empty() {
        out.push("The segment index (sidx) is made anew, so the file is read twice.".into());
    }
    out
}

/// Tracks as a person lists them: `Tracks 1 (video), 2 (audio) and 3 (audio)`.
fn list(tracks: &[&Track]) -> String {
    let names: Vec<String> =
        tracks.iter().map(|track| format!("{} ({})", track.id, track.kind.word())).collect();
    match &names[..] {
        [] => "No track".to_owned(),
        [one] => format!("Track {one}"),
        [first @ .., last] => format!("Tracks {} and {last}", first.join(", ")),
    }
}
