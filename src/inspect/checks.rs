//! What is checked once a file has been walked. To add a check: one function,
//! and one row in [`CHECKS`].

use super::moov::find;
use crate::Span;
use crate::boxes::Mp4Box as _;
use crate::boxes::index::{Mfro, Tfra};
use crate::drm::PLAYREADY;
use crate::error::Error;
use crate::ids::BoxType;
use crate::model::{Finding, Movie, Severity};
use std::collections::BTreeSet;

type Check = fn(&Movie, &mut Vec<Finding>);

const CHECKS: &[Check] = &[
    no_moov,
    no_tracks,
    no_fragments,
    timescale_zero,
    samples_outside_mdat,
    samples_in_moov_too,
    clear_track_with_ivs,
    index_off_fragments,
    index_length,
    header_without_the_tracks_kid,
    protected_without_header,
    scheme_piff,
    no_tfdt,
];

/// Runs every check.
pub(super) fn run(movie: &mut Movie) {
    let mut found = Vec::new();
    for check in CHECKS {
        check(movie, &mut found);
    }
    for finding in found {
        find(movie, finding);
    }
}

fn error(code: &'static str, message: impl Into<String>) -> Finding {
    Finding::new(Severity::Error, Error::malformed(code, message))
}

fn warning(code: &'static str, message: impl Into<String>) -> Finding {
    Finding::new(Severity::Warning, Error::malformed(code, message))
}

fn info(code: &'static str, message: impl Into<String>) -> Finding {
    Finding::new(Severity::Info, Error::malformed(code, message))
}

fn no_moov(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.moov.is_some() || movie.damage.is_some() {
        return;
    }
    let fragments = movie.fragments.len();
    out.push(error(
        "no_moov",
        match fragments {
            0 => "The file has no moov box, so nothing says what is in it.".to_owned(),
            n => format!(
                "The file has no moov box, only {n} fragment{}: these are media segments. \
                 Put their initialization segment in front of them.",
                if n == 1 { "" } else { "s" }
            ),
        },
    ));
}

fn no_tracks(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.moov.is_some() && movie.tracks.is_empty() && movie.damage.is_none() {
        out.push(warning("no_tracks", "The moov box has no tracks."));
    }
}

fn no_fragments(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.fragmented && movie.fragments.is_empty() && movie.damage.is_none() {
        out.push(warning(
            "no_fragments",
            "The file announces fragments but has none: it is an initialization segment, or was cut.",
        ));
    }
}

fn timescale_zero(movie: &Movie, out: &mut Vec<Finding>) {
    for track in movie.tracks.iter().filter(|track| track.timescale == 0) {
        let message =
            "Its timescale is 0, so its times and bitrates mean nothing. Players refuse it.";
        out.push(warning("timescale_zero", message).of_track(track.id));
    }
}

fn samples_outside_mdat(movie: &Movie, out: &mut Vec<Finding>) {
    let mdats: Vec<Span> =
        movie.top.iter().filter(|t| t.kind == BoxType::code(b"mdat")).map(|t| t.span).collect();
    for (fragment, run) in movie.runs_without_their_mdat() {
        let index = mdats.partition_point(|mdat| mdat.at <= run.data.at);
        let inside = index > 0 && mdats[index - 1].end() >= run.data.end();
        let place = format!("bytes {} to {}", run.data.at, run.data.end());
        let mut finding = if inside {
            warning(
                "data_elsewhere",
                format!("The samples of this fragment lie at {place}, not in the mdat behind it."),
            )
        } else {
            error(
                "samples_outside_mdat",
                format!("The samples of this fragment lie at {place}, in no mdat."),
            )
        }
        .of_track(run.track_id);
        finding.at = Some(fragment.moof.at);
        finding.path = Some("moof/traf/trun".into());
        out.push(finding);
    }
}

fn clear_track_with_ivs(movie: &Movie, out: &mut Vec<Finding>) {
    for track in movie.tracks_clear_with_ivs() {
        let message = "Its fragments list IVs (senc), so its samples are protected, but moov says \
                       it is clear: no player will decrypt it. Were fragments joined to another \
                       file's header?";
        out.push(warning("clear_track_with_ivs", message).of_track(track.id));
    }
}

fn samples_in_moov_too(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.fragments.is_empty() {
        return;
    }
    for track in movie.tracks.iter().filter(|track| track.listed > 0) {
        out.push(
            info(
                "samples_in_moov_too",
                format!(
                    "moov lists {} of its samples itself; the rest is in fragments.",
                    track.listed
                ),
            )
            .of_track(track.id),
        );
    }
}

fn index_off_fragments(movie: &Movie, out: &mut Vec<Finding>) {
    let Some(mfra) = &movie.mfra else { return };
    let starts: BTreeSet<u64> = movie.fragments.iter().map(|f| f.moof.at).collect();
    for node in mfra.all(Tfra::KIND) {
        let tfra = match Tfra::parse(node) {
            Ok(tfra) => tfra,
            Err(e) => {
                out.push(Finding::new(Severity::Warning, e.within("mfra")));
                continue;
            }
        };
        let stale = tfra.entries.iter().filter(|entry| !starts.contains(&entry.moof_offset));
        let count = stale.clone().count();
        if let Some(first) = stale.into_iter().next() {
            let mut finding = warning(
                "index_off_fragments",
                format!(
                    "The index (mfra) points {count} of {} times to where no fragment begins, \
                     first to byte {}. A server that seeks by it sends wrong bytes.",
                    tfra.entries.len(),
                    first.moof_offset
                ),
            )
            .of_track(tfra.track_id);
            finding.at = Some(node.at);
            finding.path = Some("mfra/tfra".into());
            out.push(finding);
        }
    }
}

fn index_length(movie: &Movie, out: &mut Vec<Finding>) {
    let Some(mfra) = &movie.mfra else { return };
    match mfra.get_opt::<Mfro>() {
        Ok(Some(mfro)) if u64::from(mfro.size) == mfra.size() => {}
        Ok(Some(mfro)) => {
            let message = format!(
                "The last box says that the index (mfra) is {} bytes long, but it is {}. \
                 Readers that look from the end miss it.",
                mfro.size,
                mfra.size()
            );
            out.push(warning("index_length", message));
        }
        Ok(None) => out.push(warning(
            "no_mfro",
            "The index (mfra) has no mfro, so readers that look from the end miss it.",
        )),
        Err(e) => out.push(Finding::new(Severity::Warning, e)),
    }
}

fn header_without_the_tracks_kid(movie: &Movie, out: &mut Vec<Finding>) {
    let headers = movie.systems.iter().filter(|s| s.playready.is_some());
    let kids: BTreeSet<_> = headers.flat_map(|s| s.kids.iter().copied()).collect();
    if kids.is_empty() {
        return;
    }
    for track in &movie.tracks {
        let Some(kid) = track.protection().and_then(|p| p.kid) else { continue };
        if kids.contains(&kid) {
            continue;
        }
        out.push(
            if kids.contains(&kid.swapped()) {
                warning(
                    "kid_byte_swapped",
                    format!(
                        "The PlayReady header has this track's KID {kid} in the wrong byte order. \
                         Licences will be asked for {}, and the key will not fit.",
                        kid.swapped()
                    ),
                )
            } else {
                warning(
                    "kid_not_in_header",
                    format!(
                        "The track's KID {kid} is not in the PlayReady header, so a client will \
                         not ask for its licence."
                    ),
                )
            }
            .of_track(track.id),
        );
    }
}

fn protected_without_header(movie: &Movie, out: &mut Vec<Finding>) {
    let protected = movie.tracks.iter().any(|track| track.protection().is_some());
    if protected && !movie.systems.iter().any(|s| s.system_id == PLAYREADY) {
        out.push(info(
            "no_playready_header",
            "The file is protected but carries no PlayReady header. A PlayReady client needs it \
             from elsewhere, such as a manifest.",
        ));
    }
}

fn scheme_piff(movie: &Movie, out: &mut Vec<Finding>) {
    let piff = |track: &&crate::model::Track| {
        track.protection().and_then(|p| p.scheme).is_some_and(|s| s.0 == *b"piff")
    };
    if movie.tracks.iter().any(|track| piff(&track)) {
        out.push(info(
            "scheme_piff",
            "The scheme is piff, which Smooth Streaming and PlayReady clients read. Browsers, \
             ffmpeg and Shaka Packager do not: they want cenc.",
        ));
    }
}

fn no_tfdt(movie: &Movie, out: &mut Vec<Finding>) {
    let runs = || movie.fragments.iter().flat_map(|f| &f.runs);
    if runs().next().is_some() && runs().all(|run| !run.has_tfdt) {
        out.push(info(
            "no_tfdt",
            "The fragments have no decode time (tfdt), as usual for Smooth Streaming. Browsers \
             need it: protecting with the profile dual or cenc adds it.",
        ));
    }
}
