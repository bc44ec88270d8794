//! What is checked once a file has been walked; [`fragments`] is checked on the
//! way, [`media`] in a few samples at the end.
//!
//! To add a check: its function, its place in [`CHECKS`], and its row in
//! [`crate::checks::CHECKS`].

mod entries;
pub(super) mod fragments;
pub(super) mod headers;
mod indexes;
pub(super) mod ivs;
pub(super) mod media;

use super::moov::{broken, find};
use crate::Span;
use crate::checks::CheckId;
use crate::format::boxes::movie::{Mehd, Mvhd};
use crate::format::ids::{BoxType, FourCc, Scheme};
use crate::model::{Finding, Movie, TrackKind};
use crate::words;

type Check = fn(&Movie, &mut Vec<Finding>);

const CHECKS: &[Check] = &[
    no_moov,
    no_tracks,
    no_fragments,
    timescales,
    brands,
    samples_outside_mdat,
    unreferenced_media,
    moof_without_mdat,
    samples_in_moov_too,
    clear_track_with_ivs,
    entries::schemes,
    entries::sample_entries,
    entries::iv_sizes,
    swapped_uuids,
    indexes::index,
    indexes::index_length,
    indexes::index_place,
    indexes::segment_indexes,
    durations,
    bitrates,
    entries::nal_lengths,
    no_tfdt,
    base_brand,
    headers::kids,
    headers::systems,
    headers::modes,
    headers::versions,
    headers::twice,
    headers::envelopes,
    headers::checksums,
    headers::missing,
    ivs::reused,
];

/// Findings that mean the rest of the file would be guesswork.
const DAMAGE: [CheckId; 2] = [CheckId::NoMoov, CheckId::SamplesOutsideMdat];

/// Where most fragments begin in the middle, they are chunks of fragments (CMAF),
/// of which only the first must begin with a sync sample.
fn forgive_chunks(movie: &mut Movie) {
    let chunked = |track: &crate::model::Track| {
        let runs = movie.fragments.iter().flat_map(|fragment| &fragment.runs);
        let own: Vec<bool> = runs
            .filter(|run| run.track_id == track.id && run.samples > 0)
            .map(|run| run.sync_start)
            .collect();
        own.first() == Some(&true) && own.iter().filter(|sync| **sync).count() * 2 <= own.len()
    };
    let ids: Vec<u32> = movie.tracks.iter().filter(|t| chunked(t)).map(|t| t.id).collect();
    movie.findings.retain(|finding| {
        finding.check.id != CheckId::NoSyncStart
            || finding.track.is_none_or(|id| !ids.contains(&id))
    });
}

/// What Smooth Streaming tools write as a matter of course is told in one note.
fn gather_habits(movie: &mut Movie) {
    if !movie.is_smooth() {
        return;
    }
    let habit = |f: &Finding| matches!(f.check.id, CheckId::NoTfdt | CheckId::TfxdPriming);
    let mut evidence = Vec::new();
    let mut place = None;
    movie.findings.retain(|finding| {
        if habit(finding) {
            place = place.take().or_else(|| finding.at.map(|_| finding.clone()));
            let track = finding.track.map(|id| format!("Track {id}: ")).unwrap_or_default();
            evidence.push(track + &finding.message);
        }
        !habit(finding)
    });
    if !evidence.is_empty() {
        let message = "The file is written as Smooth Streaming tools write theirs.";
        let told = Finding::new(CheckId::SmoothHabits, message);
        let (at, length, path) = place.map(|f| (f.at, f.length, f.path)).unwrap_or_default();
        find(movie, Finding { at, length, path, evidence, ..told });
    }
}

/// Runs every check.
pub(super) fn run(movie: &mut Movie) {
    forgive_chunks(movie);
    let mut found = Vec::new();
    for check in CHECKS {
        check(movie, &mut found);
    }
    for finding in found {
        if DAMAGE.contains(&finding.check.id) {
            broken(movie, finding);
        } else {
            find(movie, finding);
        }
    }
    gather_habits(movie);
}

fn no_moov(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.moov.is_some() || movie.damage.is_some() {
        return;
    }
    let indexes = movie.indexes.len();
    match movie.fragments.len() {
        0 if indexes > 0 => out.push(Finding::new(
            CheckId::MediaSegment,
            "A segment index (sidx) by itself: its header and its media are in other files.",
        )),
        0 => out.push(Finding::new(
            CheckId::NoMoov,
            "The file has no moov box, so nothing says what is in it.",
        )),
        n => out.push(Finding::new(
            CheckId::MediaSegment,
            format!(
                "Media segments without their header: {}, and no moov. To play or to \
                 protect them, put their initialization segment in front.",
                words::plural(n, "fragment")
            ),
        )),
    }
}

fn no_tracks(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.moov.is_some() && movie.tracks.is_empty() && movie.damage.is_none() {
        out.push(Finding::new(CheckId::NoTracks, "The moov box has no tracks."));
    }
}

fn no_fragments(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.fragmented && movie.fragments.is_empty() && movie.damage.is_none() {
        out.push(Finding::new(
            CheckId::NoFragments,
            "The file announces fragments but has none: it is an initialization segment, or was cut.",
        ));
    }
}

fn timescales(movie: &Movie, out: &mut Vec<Finding>) {
    for track in &movie.tracks {
        match track.timescale {
            0 => {
                let message = "Its timescale is 0, so its times and bitrates mean nothing. Players refuse it.";
                out.push(Finding::new(CheckId::TimescaleZero, message).of_track(track.id));
            }
            10_000_000 => {}
            n if movie.is_smooth() => {
                let message =
                    format!("Its timescale is {n}; Smooth Streaming tools write 10000000.");
                out.push(Finding::new(CheckId::TimescaleNotSmooth, message).of_track(track.id));
            }
            _ => {}
        }
    }
}

fn brands(movie: &Movie, out: &mut Vec<Finding>) {
    let brands = movie.brands();
    let has = |code: &[u8; 4]| brands.contains(&FourCc(*code));
    let piff = movie.tracks.iter().flat_map(|t| &t.entries).flat_map(|e| &e.protection);
    let piff = piff.into_iter().any(|p| p.has_piff_tenc || p.known_scheme() == Some(Scheme::Piff));
    if piff && !has(b"piff") {
        let message =
            "The file has PIFF's protection boxes, but ftyp does not name the brand piff.";
        let ftyp = movie.top.iter().find(|top| top.kind == BoxType::code(b"ftyp"));
        let finding = Finding::new(CheckId::BrandMissing, message).within("ftyp");
        out.push(match ftyp {
            Some(top) => finding.at(top.span.at, top.span.len),
            None => finding,
        });
    }
}

/// Brands under which `default-base-is-moof` is defined.
fn allows_base_is_moof(brands: &[FourCc]) -> bool {
    brands.iter().any(|FourCc(code)| {
        (code.starts_with(b"iso") && (b'5'..=b'z').contains(&code[3]) && code != b"isom")
            || matches!(code, b"dash" | b"msdh" | b"msix" | b"cmfc" | b"cmf2" | b"cmfs" | b"avc3")
    })
}

fn base_brand(movie: &Movie, out: &mut Vec<Finding>) {
    // A segment has no ftyp of its own.
    if movie.ftyp.is_none() {
        return;
    }
    let used = movie.fragments.iter().find(|f| f.runs.iter().any(|run| run.base_is_moof));
    if let Some(fragment) = used.filter(|_| !allows_base_is_moof(&movie.brands())) {
        let message = "Fragments use default-base-is-moof, but ftyp names no brand from iso5 on.";
        let finding = Finding::new(CheckId::BaseWithoutBrand, message);
        out.push(finding.at(fragment.moof.at, fragment.moof.len).within("moof/traf/tfhd"));
    }
}

/// `mdat`s at the top, in file order.
fn mdats(movie: &Movie) -> impl Iterator<Item = Span> {
    movie.top.iter().filter(|top| top.kind == BoxType::code(b"mdat")).map(|top| top.span)
}

fn unreferenced_media(movie: &Movie, out: &mut Vec<Finding>) {
    let mut mdats = mdats(movie).peekable();
    for fragment in &movie.fragments {
        while mdats.next_if(|mdat| mdat.at < fragment.moof.at).is_some() {}
        let (mut payload, mut count) = (0, 0);
        while let Some(mdat) = mdats.next_if(|mdat| mdat.at < fragment.span.end()) {
            payload += mdat.len.saturating_sub(8);
            count += 1;
        }
        let used: u64 = fragment.runs.iter().map(|run| run.bytes).sum();
        // IVs in front of the media.
        let used = used + (fragment.head.len - fragment.moof.len).saturating_sub(8);
        // A 64-bit size takes eight bytes more.
        let left = payload.saturating_sub(used);
        if left > 8 * count {
            let message = format!(
                "{left} of the {payload} bytes of media behind this moof belong to no sample."
            );
            let finding = Finding::new(CheckId::MdatUnreferenced, message);
            out.push(finding.at(fragment.moof.at, fragment.span.len).within("mdat"));
        }
    }
}

fn moof_without_mdat(movie: &Movie, out: &mut Vec<Finding>) {
    for pair in movie.top.windows(2) {
        let [moof, next] = pair else { continue };
        if moof.kind == BoxType::code(b"moof") && next.kind != BoxType::code(b"mdat") {
            let message = format!("A moof is followed by {}, not by its mdat.", next.kind);
            let finding = Finding::new(CheckId::MdatNotBehindMoof, message);
            out.push(finding.at(moof.span.at, moof.span.len).within("moof"));
        }
    }
}

fn samples_outside_mdat(movie: &Movie, out: &mut Vec<Finding>) {
    let mdats: Vec<Span> =
        movie.top.iter().filter(|t| t.kind == BoxType::code(b"mdat")).map(|t| t.span).collect();
    for (fragment, run) in movie.runs_without_their_mdat() {
        let index = mdats.partition_point(|mdat| mdat.at <= run.data.at);
        let inside = index > 0
            && run.data.at >= mdats[index - 1].at + 8
            && mdats[index - 1].end() >= run.data.end();
        let place = format!("bytes {} to {}", run.data.at, run.data.end());
        let mut finding = if inside {
            Finding::new(
                CheckId::DataElsewhere,
                format!("The samples of this fragment lie at {place}, not in the mdat behind it."),
            )
        } else {
            Finding::new(
                CheckId::SamplesOutsideMdat,
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
        out.push(Finding::new(CheckId::ClearTrackWithIvs, message).of_track(track.id));
    }
}

fn samples_in_moov_too(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.fragments.is_empty() {
        return;
    }
    for track in movie.tracks.iter().filter(|track| track.listed > 0) {
        out.push(
            Finding::new(
                CheckId::SamplesInMoovToo,
                format!(
                    "moov lists {} of its samples itself; the rest is in fragments.",
                    track.listed
                ),
            )
            .of_track(track.id),
        );
    }
}

fn durations(movie: &Movie, out: &mut Vec<Finding>) {
    let Some(moov) = &movie.moov else { return };
    let seconds = movie.tracks.iter().filter_map(|t| t.seconds(t.totals.duration));
    let (Some(real), scale) = (seconds.max_by(f64::total_cmp), movie.timescale) else { return };
    if real == 0.0 || scale == 0 {
        return;
    }
    let longest = movie
        .fragments
        .iter()
        .flat_map(|f| &f.runs)
        .filter_map(|run| movie.track(run.track_id)?.seconds(run.duration));
    let tolerance = longest.max_by(f64::total_cmp).unwrap_or(0.5).max(0.5);
    let mvhd = moov.get::<Mvhd>().ok().map(|mvhd| ("mvhd", mvhd.duration));
    let mehd = moov.path(&[b"mvex"]).and_then(|mvex| mvex.get::<Mehd>().ok());
    for (name, ticks) in mvhd.into_iter().chain(mehd.map(|m| ("mehd", m.fragment_duration))) {
        let stated = ticks as f64 / f64::from(scale);
        let unknown = ticks == 0 || ticks >= u64::from(u32::MAX);
        if !unknown && (stated - real).abs() > tolerance {
            let message =
                format!("{name} says the movie lasts {stated:.3} s; its samples last {real:.3} s.");
            out.push(Finding::new(CheckId::DurationsDisagree, message).of_box(moov).within("moov"));
        }
    }
}

fn bitrates(movie: &Movie, out: &mut Vec<Finding>) {
    for track in &movie.tracks {
        let measured =
            crate::model::bitrate(track.totals.bytes, track.totals.duration, track.timescale);
        let Some(measured) = measured.filter(|rate| *rate > 0) else { continue };
        match track.codec().and_then(|codec| codec.declared_bitrate) {
            Some(declared)
                if measured.abs_diff(declared.into()).saturating_mul(10) > u64::from(declared) =>
            {
                let message = format!(
                    "The file declares {declared} bit/s for this track; measured are {measured}."
                );
                out.push(Finding::new(CheckId::BitrateDiffers, message).of_track(track.id));
            }
            None if matches!(track.kind, TrackKind::Video | TrackKind::Audio) => {
                let message = "The file declares no bitrate for this track (btrt, esds).";
                out.push(Finding::new(CheckId::BitrateMissing, message).of_track(track.id));
            }
            _ => {}
        }
    }
}

fn swapped_uuids(movie: &Movie, out: &mut Vec<Finding>) {
    if let Some(moov) = &movie.moov {
        fragments::swapped_uuids(moov, out);
    }
}

fn no_tfdt(movie: &Movie, out: &mut Vec<Finding>) {
    let runs = || movie.fragments.iter().flat_map(|f| &f.runs);
    if runs().next().is_some() && runs().all(|run| !run.has_tfdt) {
        out.push(Finding::new(CheckId::NoTfdt, "The fragments have no decode time (tfdt)."));
    }
}
