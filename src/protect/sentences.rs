//! What a plan will write, in words.

use super::Options;
use super::times::COMMON_SCALE;
use crate::drm::{COMMON, PLAYREADY};
use crate::model::{Movie, Track};
use crate::rewrite::Rewrite;

/// One sentence for each decision a user may want to see.
pub(super) fn sentences(
    movie: &Movie,
    options: &Options,
    tracks: &[&Track],
    samples: u64,
    rewrite: &Rewrite,
    shift: i64,
) -> Vec<String> {
    let list: Vec<String> =
        tracks.iter().map(|track| format!("{} ({})", track.id, track.kind.word())).collect();
    let plural = |n: usize| if n == 1 { "" } else { "s" };
    let mut out = vec![format!(
        "Track{} {}: {samples} samples in {} fragment{}, AES-128-CTR, an 8-byte IV each.",
        plural(list.len()),
        list.join(" and "),
        movie.fragments.len(),
        plural(movie.fragments.len())
    )];
    let clear: Vec<String> = movie
        .tracks
        .iter()
        .filter(|track| !tracks.iter().any(|t| t.id == track.id))
        .map(|track| format!("{} ({})", track.id, track.kind.word()))
        .collect();
    if !clear.is_empty() {
        out.push(format!("Track{} {} stays clear.", plural(clear.len()), clear.join(" and ")));
    }
    let profile = options.profile;
    out.push(format!("Boxes: {}.", profile.boxes));
    out.push(match &options.la_url {
        Some(url) if !url.trim().is_empty() => format!(
            "PlayReady header {} with the licence URL {}.",
            options.header_version.text(),
            url.trim()
        ),
        _ => format!(
            "PlayReady header {} without a licence URL: the player must know it.",
            options.header_version.text()
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
        out.push(format!("{old} old protection header{} in moov will be replaced.", plural(old)));
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
