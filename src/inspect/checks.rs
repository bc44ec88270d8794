//! What is checked once a file has been walked; [`fragments`] is checked on the
//! way, [`media`] in a few samples at the end.
//!
//! To add a check: its function, its place in [`CHECKS`], and its row in
//! [`crate::lint::CHECKS`].

pub(super) mod fragments;
pub(super) mod headers;
pub(super) mod ivs;
pub(super) mod media;

use super::moov::{broken, find};
use crate::Span;
use crate::boxes::Mp4Box as _;
use crate::boxes::index::{Mfro, Sidx, Tfra, TfraEntry};
use crate::boxes::movie::{Mehd, Mvhd};
use crate::boxes::protection::{PIFF_TENC, Tenc};
use crate::boxes::tree::Node;
use crate::codec::Rule;
use crate::ids::{BoxType, FourCc};
use crate::model::{Finding, FragmentRun, Movie, SampleEntry, Track, TrackKind};
use std::collections::{BTreeMap, BTreeSet};

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
    schemes,
    sample_entries,
    iv_sizes,
    swapped_uuids,
    index,
    index_length,
    index_place,
    segment_indexes,
    durations,
    bitrates,
    nal_lengths,
    no_tfdt,
    base_brand,
    headers::kids,
    headers::modes,
    headers::versions,
    headers::twice,
    headers::envelopes,
    headers::checksums,
    headers::missing,
    ivs::reused,
];

/// Findings that mean the rest of the file would be guesswork.
const DAMAGE: [&str; 2] = ["no_moov", "samples_outside_mdat"];

/// Runs every check.
pub(super) fn run(movie: &mut Movie) {
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
}

fn no_moov(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.moov.is_some() || movie.damage.is_some() {
        return;
    }
    let fragments = movie.fragments.len();
    out.push(Finding::new(
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
        out.push(Finding::new("no_tracks", "The moov box has no tracks."));
    }
}

fn no_fragments(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.fragmented && movie.fragments.is_empty() && movie.damage.is_none() {
        out.push(Finding::new(
            "no_fragments",
            "The file announces fragments but has none: it is an initialization segment, or was cut.",
        ));
    }
}

fn timescales(movie: &Movie, out: &mut Vec<Finding>) {
    for track in &movie.tracks {
        match track.timescale {
            0 => {
                let message = "Its timescale is 0, so its times and bitrates mean nothing. Players refuse it.";
                out.push(Finding::new("timescale_zero", message).of_track(track.id));
            }
            10_000_000 => {}
            n if movie.is_smooth() => {
                let message =
                    format!("Its timescale is {n}; Smooth Streaming tools write 10000000.");
                out.push(Finding::new("timescale_not_smooth", message).of_track(track.id));
            }
            _ => {}
        }
    }
}

fn brands(movie: &Movie, out: &mut Vec<Finding>) {
    let brands = movie.brands();
    let has = |code: &[u8; 4]| brands.contains(&FourCc(*code));
    let piff = movie.tracks.iter().flat_map(|t| &t.entries).flat_map(|e| &e.protection);
    let piff = piff.into_iter().any(|p| p.has_piff_tenc || p.scheme == Some(FourCc(*b"piff")));
    if piff && !has(b"piff") {
        let message =
            "The file has PIFF's protection boxes, but ftyp does not name the brand piff.";
        let ftyp = movie.top.iter().find(|top| top.kind == BoxType::code(b"ftyp"));
        let finding = Finding::new("brand_missing", message).within("ftyp");
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
        let finding = Finding::new("base_without_brand", message);
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
        // A 64-bit size takes eight bytes more.
        let left = payload.saturating_sub(used);
        if left > 8 * count {
            let message = format!(
                "{left} of the {payload} bytes of media behind this moof belong to no sample."
            );
            let finding = Finding::new("mdat_unreferenced", message);
            out.push(finding.at(fragment.moof.at, fragment.span.len).within("mdat"));
        }
    }
}

fn moof_without_mdat(movie: &Movie, out: &mut Vec<Finding>) {
    for pair in movie.top.windows(2) {
        let [moof, next] = pair else { continue };
        if moof.kind == BoxType::code(b"moof") && next.kind != BoxType::code(b"mdat") {
            let message = format!("A moof is followed by {}, not by its mdat.", next.kind);
            let finding = Finding::new("mdat_not_behind_moof", message);
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
                "data_elsewhere",
                format!("The samples of this fragment lie at {place}, not in the mdat behind it."),
            )
        } else {
            Finding::new(
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
        out.push(Finding::new("clear_track_with_ivs", message).of_track(track.id));
    }
}

fn samples_in_moov_too(movie: &Movie, out: &mut Vec<Finding>) {
    if movie.fragments.is_empty() {
        return;
    }
    for track in movie.tracks.iter().filter(|track| track.listed > 0) {
        out.push(
            Finding::new(
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

fn index(movie: &Movie, out: &mut Vec<Finding>) {
    let Some(mfra) = &movie.mfra else { return };
    let listed: BTreeSet<u32> = mfra
        .all(Tfra::KIND)
        .filter_map(|node| Tfra::parse(node).ok())
        .map(|t| t.track_id)
        .collect();
    for track in movie.tracks.iter().filter(|t| t.totals.fragments > 0 && !listed.is_empty()) {
        // Where the index is for a track that is not there, that is told.
        if !listed.contains(&track.id) && listed.iter().all(|id| movie.track(*id).is_some()) {
            let message = "The index has no entries for this track.";
            let finding = Finding::new("index_incomplete", message).of_track(track.id);
            out.push(finding.of_box(mfra).within("mfra"));
        }
    }
    let runs: BTreeMap<u64, &[FragmentRun]> =
        movie.fragments.iter().map(|f| (f.moof.at, &f.runs[..])).collect();
    for node in mfra.all(Tfra::KIND) {
        let tfra = match Tfra::parse(node) {
            Ok(tfra) => tfra,
            Err(e) => {
                out.push(Finding::from(e.within("mfra")).of_box(node));
                continue;
            }
        };
        let mut found = |id, message: String| {
            let finding = Finding::new(id, message).of_track(tfra.track_id);
            out.push(finding.of_box(node).within("mfra/tfra"));
        };
        if movie.moov.is_some() && movie.track(tfra.track_id).is_none() {
            let message = "The index is for a track that moov does not have.".to_owned();
            found("track_id_mismatch", message);
            continue;
        }
        let own = |entry: &TfraEntry| {
            let runs = runs.get(&entry.moof_offset)?;
            Some(runs.iter().find(|run| run.track_id == tfra.track_id))
        };
        let places: Vec<_> = tfra.entries.iter().map(|entry| (entry, own(entry))).collect();
        // A moof that could not be read is one all the same.
        let moofs: BTreeSet<u64> = movie
            .top
            .iter()
            .filter(|top| top.kind == BoxType::code(b"moof"))
            .map(|top| top.span.at)
            .collect();
        let stale: Vec<_> =
            places.iter().filter(|(entry, _)| !moofs.contains(&entry.moof_offset)).collect();
        if let Some((first, _)) = stale.first() {
            found(
                "index_off_fragments",
                format!(
                    "The index (mfra) points {} of {} times to where no fragment begins, first to \
                     byte {}. A server that seeks by it sends wrong bytes.",
                    stale.len(),
                    tfra.entries.len(),
                    first.moof_offset
                ),
            );
        }
        if let Some((first, _)) = places.iter().find(|(_, run)| matches!(run, Some(None))) {
            found(
                "index_other_track",
                format!(
                    "The index points to the fragment at byte {}, which has no samples of this \
                     track.",
                    first.moof_offset
                ),
            );
        }
        if tfra.entries.windows(2).any(|pair| pair[1].time < pair[0].time) {
            found("index_unsorted", "The entries of the index are not in order of time.".into());
        }
        let listed: BTreeSet<u64> = tfra.entries.iter().map(|entry| entry.moof_offset).collect();
        let missing = movie.fragments.iter().filter(|fragment| {
            fragment.runs.iter().any(|run| run.track_id == tfra.track_id && run.samples > 0)
                && !listed.contains(&fragment.moof.at)
        });
        let missing = missing.count();
        let total = movie.track(tfra.track_id).map_or(0, |track| track.totals.fragments);
        if missing > 0 && stale.is_empty() {
            found(
                "index_incomplete",
                format!("The index leaves out {missing} of the {total} fragments of this track."),
            );
        }
        let late = places.iter().find_map(|(entry, run)| {
            let run = (*run)??;
            // ffmpeg sets a time before zero to zero here.
            let time = run.tfxd.map(|(time, _)| time).or(run.presentation_time())?.max(0);
            let decoded = run.decode_time.unwrap_or(time).max(0);
            let stated = i64::try_from(entry.time).unwrap_or(i64::MAX);
            (stated != time && stated != decoded).then_some((stated, time))
        });
        if let Some((stated, time)) = late {
            found(
                "index_time",
                format!("The index says {stated} for a fragment that begins at {time}."),
            );
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
            out.push(Finding::new("index_length", message).of_box(mfra).within("mfra/mfro"));
        }
        Ok(None) => {
            let message =
                "The index (mfra) has no mfro, so readers that look from the end miss it.";
            out.push(Finding::new("no_mfro", message).of_box(mfra).within("mfra"));
        }
        Err(e) => out.push(e.into()),
    }
}

fn index_place(movie: &Movie, out: &mut Vec<Finding>) {
    let Some(mfra) = &movie.mfra else {
        if movie.is_smooth() && !movie.fragments.is_empty() {
            out.push(Finding::new(
                "no_index",
                "The file has no index (mfra) behind its fragments.",
            ));
        }
        return;
    };
    if movie.top.last().is_some_and(|last| last.span.at != mfra.at) {
        let message = "Boxes follow the index (mfra), so readers that look from the end miss it.";
        out.push(Finding::new("index_not_last", message).of_box(mfra).within("mfra"));
    }
}

fn segment_indexes(movie: &Movie, out: &mut Vec<Finding>) {
    let starts: BTreeSet<u64> =
        movie.top.iter().flat_map(|top| [top.span.at, top.span.end()]).collect();
    for node in &movie.indexes {
        let sidx = match Sidx::parse(node) {
            Ok(sidx) => sidx,
            Err(e) => {
                out.push(Finding::from(e).of_box(node));
                continue;
            }
        };
        let track = movie.track(sidx.reference_id);
        if movie.moov.is_some() && track.is_none() {
            let message = format!(
                "The segment index is for track {}, which moov does not have.",
                sidx.reference_id
            );
            out.push(Finding::new("track_id_mismatch", message).of_box(node).within("sidx"));
        }
        let mut at = (node.at + node.size()).saturating_add(sidx.first_offset);
        let mut wrong = None;
        let mut long = None;
        for (number, reference) in sidx.references.iter().enumerate() {
            let media = movie.top.iter().find(|top| top.span.at == at).map(|top| top.kind);
            let moof = [b"moof", b"styp", b"sidx", b"emsg", b"prft"].map(BoxType::code);
            if wrong.is_none() && !media.is_some_and(|kind| moof.contains(&kind)) {
                wrong = Some((number + 1, at));
            }
            let next = at.saturating_add(reference.size.into());
            if reference.size == 0 {
                wrong.get_or_insert((number + 1, at));
            }
            if let Some(track) = track.filter(|_| !reference.to_index) {
                let inside = movie.fragments.iter().filter(|f| (at..next).contains(&f.moof.at));
                let runs = inside.flat_map(|f| &f.runs).filter(|run| run.track_id == track.id);
                let real = track.seconds(runs.map(|run| run.duration).sum());
                let stated = f64::from(reference.duration) / f64::from(sidx.timescale.max(1));
                if let Some(real) =
                    real.filter(|real| (real - stated).abs() > (real * 0.05).max(0.1))
                {
                    long.get_or_insert((number + 1, stated, real));
                }
            }
            at = next;
        }
        if let (None, Some((number, stated, real))) = (wrong, long) {
            let message = format!(
                "Reference {number} of the segment index (sidx) says {stated:.3} s; its fragments \
                 last {real:.3} s."
            );
            out.push(Finding::new("sidx_stale", message).of_box(node).within("sidx"));
        }
        if wrong.is_none() && !sidx.references.is_empty() && !starts.contains(&at) {
            wrong = Some((sidx.references.len(), at));
        }
        if let Some((number, at)) = wrong {
            let message = format!(
                "Reference {number} of the segment index (sidx) leads to byte {at}, where no \
                 segment begins."
            );
            out.push(Finding::new("sidx_stale", message).of_box(node).within("sidx"));
        }
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
            out.push(Finding::new("durations_disagree", message).of_box(moov).within("moov"));
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
                out.push(Finding::new("bitrate_differs", message).of_track(track.id));
            }
            None if matches!(track.kind, TrackKind::Video | TrackKind::Audio) => {
                let message = "The file declares no bitrate for this track (btrt, esds).";
                out.push(Finding::new("bitrate_missing", message).of_track(track.id));
            }
            _ => {}
        }
    }
}

fn nal_lengths(movie: &Movie, out: &mut Vec<Finding>) {
    for track in &movie.tracks {
        let Some(Rule::Nal(codec)) = track.codec().and_then(|codec| codec.rule.as_ref()) else {
            continue;
        };
        if codec.length_size() != 4 {
            let message = format!("NAL lengths are {} bytes long.", codec.length_size());
            out.push(Finding::new("nal_length_size", message).of_track(track.id));
        }
    }
}

/// Each sample entry's `sinf`s: what `tenc` says in both envelopes, and the order.
fn schemes(movie: &Movie, out: &mut Vec<Finding>) {
    const KNOWN: [&[u8; 4]; 5] = [b"piff", b"cenc", b"cbcs", b"cbc1", b"cens"];
    for track in &movie.tracks {
        for protection in track.entries.iter().flat_map(|entry| &entry.protection) {
            let Some(scheme) = protection.scheme else { continue };
            if !KNOWN.contains(&&scheme.0) {
                let message = format!("The protection scheme {scheme} is not known.");
                out.push(Finding::new("scheme_unknown", message).of_track(track.id));
            }
        }
        for entry in &track.entries {
            let schemes: Vec<FourCc> = entry.protection.iter().filter_map(|p| p.scheme).collect();
            if let [first, .., last] = schemes[..]
                && last.0 == *b"piff"
                && first != last
            {
                let message = "Of two sinf, the one with the scheme piff comes last.";
                out.push(Finding::new("piff_after_cenc", message).of_track(track.id));
            }
            if schemes.first().is_some_and(|s| s.0 == *b"piff") && schemes.len() == 1 {
                out.push(
                    Finding::new(
                        "scheme_piff",
                        "The scheme is piff, which Smooth Streaming and PlayReady clients read. \
                         Browsers, ffmpeg and Shaka Packager do not: they want cenc.",
                    )
                    .of_track(track.id),
                );
            }
            for protection in &entry.protection {
                if protection.scheme.is_some_and(|s| s.0 == *b"piff")
                    && protection.algorithm_id == 2
                {
                    let message = "The samples are protected with AES-CBC (AlgorithmID 2).";
                    out.push(Finding::new("algorithm_cbc", message).of_track(track.id));
                }
            }
        }
        tencs(movie, track, out);
    }
}

/// Every `tenc` of a track, in either envelope, must say the same.
fn tencs(movie: &Movie, track: &Track, out: &mut Vec<Finding>) {
    let Some(trak) = movie.moov.as_ref().and_then(|moov| trak(moov, track.id)) else { return };
    let Some(stsd) = trak.path(&[b"mdia", b"minf", b"stbl", b"stsd"]) else { return };
    for entry in stsd.children() {
        let mut first: Option<(&Node, Tenc)> = None;
        entry.walk(&mut |node| {
            if ![Tenc::KIND, PIFF_TENC].contains(&node.kind) {
                return;
            }
            let Ok(tenc) = Tenc::parse(node) else { return };
            if node.kind == PIFF_TENC && tenc.version != 0 {
                let message = format!("PIFF's track encryption box has version {}.", tenc.version);
                out.push(Finding::new("piff_version", message).of_box(node).of_track(track.id));
            }
            let Some((_, known)) = &first else {
                first = Some((node, tenc));
                return;
            };
            let facts = |t: &Tenc| (t.kid, t.iv_size, t.is_protected);
            if facts(known) != facts(&tenc) {
                let words = |t: &Tenc| {
                    format!("KID {}, IV {} bytes, algorithm {}", t.kid, t.iv_size, t.is_protected)
                };
                let message = format!(
                    "Two track encryption boxes of this track differ: {}; and {}.",
                    words(known),
                    words(&tenc)
                );
                let finding = Finding::new("tenc_differs", message).of_box(node);
                out.push(finding.of_track(track.id).within("moov/trak/stsd/sinf/schi"));
            }
        });
    }
}

fn trak(moov: &Node, id: u32) -> Option<&Node> {
    let is = |trak: &&Node| {
        trak.get::<crate::boxes::movie::Tkhd>().is_ok_and(|tkhd| tkhd.track_id == id)
    };
    moov.all(BoxType::code(b"trak")).find(is)
}

fn sample_entries(movie: &Movie, out: &mut Vec<Finding>) {
    let mut ids = BTreeSet::new();
    for track in &movie.tracks {
        if !ids.insert(track.id) {
            let message = format!("Two tracks have the number {}.", track.id);
            out.push(Finding::new("track_id_mismatch", message).of_track(track.id));
            continue;
        }
        let protected = track.entries.iter().position(|entry| !entry.protection.is_empty());
        if protected.is_some_and(|index| index > 0) {
            let message = "Its protected sample entry is not the first.";
            out.push(Finding::new("protected_entry_not_first", message).of_track(track.id));
        }
        let Some(trak) = movie.moov.as_ref().and_then(|moov| trak(moov, track.id)) else {
            continue;
        };
        let Some(stsd) = trak.path(&[b"mdia", b"minf", b"stbl", b"stsd"]) else { continue };
        for (node, entry) in stsd.children().iter().zip(&track.entries) {
            entry_format(track, node, entry, out);
        }
    }
}

fn entry_format(track: &Track, node: &Node, entry: &SampleEntry, out: &mut Vec<Finding>) {
    let mut found = |id, message: String| {
        let finding = Finding::new(id, message).of_box(node).of_track(track.id);
        out.push(finding.within("moov/trak/stsd"));
    };
    if !entry.protection.is_empty() && !entry.coding.0.starts_with(b"enc") {
        found(
            "clear_entry_with_sinf",
            format!("The sample entry is {}, but has a sinf: is it protected?", entry.coding),
        );
    }
    let mut sinfs = node.all(BoxType::code(b"sinf"));
    if sinfs.any(|sinf| sinf.find(BoxType::code(b"frma")).is_none()) {
        found("no_frma", format!("A sinf of {} has no frma.", entry.coding));
        return;
    }
    let fits: &[&[u8; 4]] = match &entry.format.0 {
        b"avc1" | b"avc3" | b"dva1" | b"dvav" => &[b"avcC"],
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => &[b"hvcC"],
        b"mp4a" => &[b"esds", b"wave"],
        b"ac-3" => &[b"dac3"],
        b"ec-3" => &[b"dec3"],
        _ => return,
    };
    const CONFIGURATIONS: [&[u8; 4]; 6] = [b"avcC", b"hvcC", b"esds", b"dac3", b"dec3", b"av1C"];
    let has = |code: &[u8; 4]| node.find(BoxType::code(code)).is_some();
    let other = CONFIGURATIONS.iter().find(|code| has(code) && !fits.contains(code));
    if let (Some(other), false) = (other, fits.iter().any(|code| has(code))) {
        let message = format!(
            "The original format is {}, but the sample entry has the configuration {}.",
            entry.format,
            FourCc(**other)
        );
        found("frma_mismatch", message);
    }
}

fn iv_sizes(movie: &Movie, out: &mut Vec<Finding>) {
    for track in &movie.tracks {
        let Some(protection) = track.protection() else { continue };
        let grouped = !track.seig.is_empty() || movie.ivs.iter().any(|run| run.track == track.id);
        match protection.iv_size {
            8 => {}
            0 if !protection.constant_iv.is_empty() || protection.algorithm_id == 0 || grouped => {}
            16 => {
                let message = "Its IVs are 16 bytes; PlayReady before 4.0 reads 8 only.";
                out.push(Finding::new("iv_size_16", message).of_track(track.id));
            }
            n => {
                let message = format!("Its IV size is {n}; 8 and 16 are defined.");
                out.push(Finding::new("iv_size_unknown", message).of_track(track.id));
            }
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
        out.push(Finding::new(
            "no_tfdt",
            "The fragments have no decode time (tfdt), as usual for Smooth Streaming.",
        ));
    }
}
