//! From `moov` to tracks and protection headers, and fragments into totals.

use crate::boxes::Mp4Box as _;
use crate::boxes::movie::{Hdlr, Mdhd, Mvhd, Stsz, Stts, Tkhd, Trex};
use crate::boxes::protection::{
    Frma, PIFF_PSSH, PIFF_SENC, PIFF_TENC, Pssh, SENC, Schm, Senc, Tenc,
};
use crate::boxes::tree::Node;
use crate::bytes::{Reader, limits};
use crate::codec::Codec;
use crate::drm::playready;
use crate::drm::{COMMON, PLAYREADY};
use crate::error::{Error, Result};
use crate::ids::{BoxType, FourCc};
use crate::model::{
    Finding, Fragment, Movie, Protection, ProtectionHeader, SampleEntry, Severity, Totals, Track,
    TrackFragment, TrackKind, bitrate, read_seig,
};

/// Keeps a finding, once for all places alike; beyond a bound, only that there
/// are more. The first error is the file's damage.
pub(super) fn find(movie: &mut Movie, finding: Finding) {
    if finding.severity == Severity::Error && movie.damage.is_none() {
        movie.damage = Some(finding.clone());
    }
    if let Some(known) = movie.findings.iter_mut().find(|known| known.is_like(&finding)) {
        known.times = known.times.saturating_add(1);
        return;
    }
    match movie.findings.len() {
        n if n < limits::FINDINGS => movie.findings.push(finding),
        n if n == limits::FINDINGS => movie.findings.push(Finding::new(
            Severity::Info,
            Error::limit("more_findings", "There are more findings; they are not listed."),
        )),
        _ => {}
    }
}

/// Takes in `moov`. What cannot be read is a finding; the rest still shows.
pub(super) fn read(movie: &mut Movie, moov: Node) {
    if movie.moov.is_some() {
        let error = Error::malformed("second_moov", "The file has a second moov; it is not read.");
        return find(movie, Finding::new(Severity::Warning, error.at(moov.at)));
    }
    match moov.get::<Mvhd>() {
        Ok(mvhd) => movie.timescale = mvhd.timescale,
        Err(e) => broken(movie, e),
    }
    let mvex = moov.find(BoxType::code(b"mvex"));
    movie.fragmented = mvex.is_some();
    let mut trexes = Vec::new();
    for node in mvex.into_iter().flat_map(|mvex| mvex.all(Trex::KIND)) {
        match Trex::parse(node) {
            Ok(trex) => trexes.push(trex),
            Err(e) => broken(movie, e.within("moov/mvex")),
        }
    }
    for (number, node) in moov.all(BoxType::code(b"trak")).enumerate() {
        if number == limits::TRACKS {
            let sentence = format!("The file has more than {number} tracks; the rest is not read.");
            broken(movie, Error::limit("too_many_tracks", sentence).at(node.at).within("moov"));
            break;
        }
        let mut problems = Vec::new();
        match read_track(node, &trexes, &mut problems) {
            Ok(track) => {
                let id = track.id;
                for problem in problems {
                    let finding = Finding::new(Severity::Warning, problem.within("moov/trak"));
                    find(movie, finding.of_track(id));
                }
                movie.tracks.push(track);
            }
            Err(e) => broken(movie, e.within("moov")),
        }
    }
    for node in moov.children() {
        if [Pssh::KIND, PIFF_PSSH].contains(&node.kind) {
            match Pssh::parse(node) {
                Ok(pssh) => read_system(movie, node, pssh),
                Err(e) => {
                    find(movie, Finding::new(Severity::Warning, e.at(node.at).within("moov")));
                }
            }
        }
    }
    let mut short = Vec::new();
    moov.walk(&mut |node| {
        if node.kind == BoxType::code(b"uuid") {
            short.push(node.at);
        }
    });
    for at in short {
        find(movie, Finding::new(Severity::Warning, super::short_uuid(at).within("moov")));
    }
    movie.moov = Some(moov);
}

fn broken(movie: &mut Movie, error: Error) {
    find(movie, Finding::new(Severity::Error, error));
}

fn read_track(trak: &Node, trexes: &[Trex], problems: &mut Vec<Error>) -> Result<Track> {
    let inside = |e: Error| e.at(trak.at).within("trak");
    let tkhd: Tkhd = trak.get()?;
    let mdia = trak.path(&[b"mdia"]).ok_or_else(|| {
        inside(Error::malformed("box_missing", "This track has no mdia box, so it has no media."))
    })?;
    let mdhd: Mdhd = mdia.get().map_err(inside)?;
    let hdlr: Hdlr = mdia.get().map_err(inside)?;
    let stbl = mdia.path(&[b"minf", b"stbl"]);
    let stsd = stbl.and_then(|stbl| stbl.find(BoxType::code(b"stsd")));
    if stsd.is_none() {
        problems.push(
            Error::malformed("box_missing", "This track has no stsd box, so its codec is unknown.")
                .at(trak.at),
        );
    }
    let entries = stsd.into_iter().flat_map(Node::children);
    let entries: Vec<SampleEntry> =
        entries.filter_map(|entry| read_entry(entry, hdlr.handler, problems)).collect();
    let totals = match stbl.map(table_totals).transpose() {
        Ok(totals) => totals.unwrap_or_default(),
        Err(e) => {
            problems.push(e.at(trak.at));
            Totals::default()
        }
    };
    Ok(Track {
        id: tkhd.track_id,
        kind: TrackKind::of(hdlr.handler),
        language: mdhd.language(),
        timescale: mdhd.timescale,
        listed: totals.samples,
        entries,
        seig: stbl.map(read_seig).transpose().unwrap_or_default().unwrap_or_default(),
        trex: trexes.iter().find(|trex| trex.track_id == tkhd.track_id).copied(),
        totals,
    })
}

/// Samples that `moov` itself lists, in a file that is not fragmented.
fn table_totals(stbl: &Node) -> Result<Totals> {
    let (stsz, stts) = (stbl.get_opt::<Stsz>()?, stbl.get_opt::<Stts>()?);
    let mut totals = Totals::default();
    // The compact table: only how many samples it has.
    if let Some(stz2) = stbl.find(BoxType::code(b"stz2")) {
        let mut r = Reader::new(stz2.body()?, stz2.body_at());
        r.bytes("version_flags and field_size", 8)?;
        totals.samples = r.u32("sample_count")?.into();
    }
    if let Some(stsz) = stsz {
        totals.samples = stsz.sample_count.into();
        totals.bytes = match stsz.sample_size {
            0 => stsz.sizes.iter().map(|size| u64::from(*size)).sum(),
            size => u64::from(size) * totals.samples,
        };
    }
    for (count, delta) in stts.into_iter().flat_map(|stts| stts.entries) {
        totals.duration =
            totals.duration.saturating_add(u64::from(count).saturating_mul(delta.into()));
    }
    Ok(totals)
}

fn read_entry(entry: &Node, handler: FourCc, problems: &mut Vec<Error>) -> Option<SampleEntry> {
    let BoxType::Code(coding) = entry.kind else { return None };
    let mut format = coding;
    let mut protection = Vec::new();
    for sinf in entry.all(BoxType::code(b"sinf")) {
        match read_sinf(sinf, problems) {
            Ok((original, found)) => {
                format = original.unwrap_or(format);
                protection.push(found);
            }
            Err(e) => problems.push(e.at(sinf.at).within(entry.kind)),
        }
    }
    let protected = matches!(&coding.0, b"encv" | b"enca" | b"enct" | b"encs");
    if matches!(&coding.0, b"enct" | b"encs") {
        // Where its boxes begin depends on what it was: nothing says so first.
        let sentence = format!("The sample entry {coding} is not looked into here.");
        problems.push(Error::unsupported("opaque_sample_entry", sentence).at(entry.at));
        protection.push(Protection::default());
    } else if protected && protection.is_empty() {
        problems.push(
            Error::malformed(
                "no_sinf",
                format!("The sample entry is {coding} but has no readable sinf: nothing says how it is protected."),
            )
            .at(entry.at),
        );
        protection.push(Protection::default());
    }
    let codec = Codec::read(entry, format, handler, problems);
    Some(SampleEntry { coding, format, codec, protection })
}

fn read_sinf(sinf: &Node, problems: &mut Vec<Error>) -> Result<(Option<FourCc>, Protection)> {
    let format = sinf.get_opt::<Frma>()?.map(|frma| frma.format);
    let mut protection = Protection::default();
    match sinf.get_opt::<Schm>()? {
        Some(schm) => {
            protection.scheme = Some(schm.scheme);
            protection.scheme_version = schm.version;
        }
        None => problems.push(
            Error::malformed(
                "no_schm",
                "This sinf has no schm, so its scheme is unknown. Players refuse it.",
            )
            .at(sinf.at)
            .within("sinf"),
        ),
    }
    let schi = sinf.path(&[b"schi"]);
    let tenc = schi.and_then(|schi| schi.find(Tenc::KIND).or_else(|| schi.find(PIFF_TENC)));
    protection.has_piff_tenc = schi.is_some_and(|schi| schi.find(PIFF_TENC).is_some());
    if let Some(node) = tenc {
        let tenc = Tenc::parse(node).map_err(|e| e.within("sinf/schi"))?;
        protection.piff_tenc = node.kind == PIFF_TENC;
        protection.algorithm_id = tenc.is_protected.into();
        protection.iv_size = tenc.iv_size;
        protection.constant_iv = tenc.constant_iv;
        protection.kid = Some(tenc.kid);
    }
    Ok((format, protection))
}

fn read_system(movie: &mut Movie, node: &Node, pssh: Pssh) {
    let mut kids = pssh.kids;
    let mut playready = None;
    if pssh.system_id == PLAYREADY && pssh.data.len() <= limits::PSSH {
        let mut problems = Vec::new();
        for record in playready::read_object(&pssh.data, &mut problems) {
            if record.kind == playready::RECORD_HEADER && playready.is_none() {
                playready = Some(playready::read_header(record.value, &mut problems));
            }
        }
        for problem in problems {
            let problem = problem.at(node.at).within("moov/pssh");
            find(movie, Finding::new(Severity::Warning, problem));
        }
        if let Some(header) = &playready {
            let new = header.kids.iter().filter(|kid| !kids.contains(kid)).copied();
            let new: Vec<_> = new.collect();
            kids.extend(new);
        }
    }
    if pssh.system_id == COMMON && pssh.version == 0 {
        let error = Error::malformed(
            "common_without_kids",
            "The W3C Common header is version 0, which lists no KIDs: browsers cannot use it.",
        );
        find(movie, Finding::new(Severity::Warning, error.at(node.at).within("moov/pssh")));
    }
    movie.systems.push(ProtectionHeader {
        system_id: pssh.system_id,
        envelope: node.kind,
        at: node.at,
        version: pssh.version,
        kids,
        data: pssh.data,
        playready,
    });
}

/// Adds a fragment to the list and to the totals of its tracks.
pub(super) fn add_fragment(movie: &mut Movie, fragment: Fragment) {
    for run in &fragment.runs {
        let Some(track) = movie.tracks.iter_mut().find(|track| track.id == run.track_id) else {
            if movie.moov.is_some() {
                let error = Error::malformed(
                    "unknown_track",
                    format!(
                        "This fragment belongs to track {}, which moov does not have.",
                        run.track_id
                    ),
                );
                broken(movie, error.at(fragment.moof.at).within("moof/traf/tfhd"));
            }
            continue;
        };
        let totals = &mut track.totals;
        totals.fragments += 1;
        totals.samples += u64::from(run.samples);
        totals.bytes = totals.bytes.saturating_add(run.bytes);
        totals.duration = totals.duration.saturating_add(run.duration);
        let rate = bitrate(run.bytes, run.duration, track.timescale);
        totals.peak_bitrate = totals.peak_bitrate.max(rate);
    }
    movie.fragments.push(fragment);
}

/// Holds what `senc` says against the samples it is for.
pub(super) fn check_sample_infos(movie: &mut Movie, moof: &Node, fragments: &[TrackFragment]) {
    for (traf, fragment) in moof.all(BoxType::code(b"traf")).zip(fragments) {
        let id = fragment.tfhd.track_id;
        let Some(iv_size) = movie.track(id).and_then(Track::protection).map(|p| p.iv_size) else {
            continue;
        };
        for node in traf.children().iter().filter(|n| [SENC, PIFF_SENC].contains(&n.kind)) {
            let problem = check_counts(node, fragment)
                .and_then(|()| Senc::parse(node, iv_size))
                .and_then(|senc| check_subsamples(&senc, fragment))
                .err();
            if let Some(problem) = problem {
                let problem = problem.at(node.at).within("moof/traf");
                find(movie, Finding::new(Severity::Warning, problem).of_track(id));
            }
        }
    }
}

fn check_counts(senc: &Node, fragment: &TrackFragment) -> Result<()> {
    let (have, want) = (Senc::sample_count(senc)? as usize, fragment.samples.len());
    if have == want || have == 0 {
        return Ok(());
    }
    Err(Error::malformed(
        "iv_count",
        format!(
            "This fragment has {want} samples but IVs for {have}: players decrypt with the wrong \
             ones, or refuse."
        ),
    ))
}

fn check_subsamples(senc: &Senc, fragment: &TrackFragment) -> Result<()> {
    for (i, (info, sample)) in senc.samples.iter().zip(&fragment.samples).enumerate() {
        let sizes = info.subsamples.iter().map(|s| u64::from(s.clear) + u64::from(s.protected));
        let sum: u64 = sizes.sum();
        if !info.subsamples.is_empty() && sum != u64::from(sample.size) {
            return Err(Error::malformed(
                "subsample_sum",
                format!(
                    "The subsamples of sample {} add up to {sum} bytes, but it has {}: players \
                     refuse it.",
                    i + 1,
                    sample.size
                ),
            ));
        }
    }
    Ok(())
}

/// Gives every fragment its end: the last `mdat` before the next box that is
/// not media or filler. Fragments come into file order.
pub(super) fn end_fragments(movie: &mut Movie) {
    movie.fragments.sort_by_key(|fragment| fragment.moof.at);
    let mut fragments = movie.fragments.iter_mut().peekable();
    let mut open: Option<&mut Fragment> = None;
    for top in &movie.top {
        if let Some(fragment) = fragments.next_if(|f| f.moof.at == top.span.at) {
            open = Some(fragment);
            continue;
        }
        let BoxType::Code(FourCc(code)) = top.kind else { continue };
        match &code {
            b"moof" | b"moov" | b"ftyp" | b"sidx" | b"mfra" => open = None,
            b"mdat" => {
                if let Some(fragment) = &mut open {
                    fragment.span.len = top.span.end() - fragment.span.at;
                }
            }
            _ => {}
        }
    }
}
