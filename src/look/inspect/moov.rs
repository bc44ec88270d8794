//! From `moov` to tracks and protection headers, and fragments into totals.

use crate::checks::CheckId;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::movie::{Hdlr, Mdhd, Mvhd, Stsz, Stts, Tkhd, Trex};
use crate::format::boxes::protection::{Frma, PIFF_PSSH, PIFF_TENC, Pssh, Schm, Tenc};
use crate::format::boxes::tree::Node;
use crate::format::bytes::{Reader, limits};
use crate::format::codec::Codec;
use crate::format::drm::playready;
use crate::format::drm::{COMMON, PLAYREADY};
use crate::format::ids::{BoxType, FourCc};
use crate::look::decode::VERSION_0_WITH_KIDS;
use crate::model::{
    Edits, Finding, Fragment, Movie, Protection, ProtectionHeader, SampleEntry, Totals, Track,
    TrackKind, bitrate, read_seig,
};

/// Keeps a finding, once for all places alike; beyond a bound, only that there
/// are more.
pub(super) fn find(movie: &mut Movie, finding: Finding) {
    if let Some(known) = movie.findings.iter_mut().find(|known| known.is_like(&finding)) {
        known.times = known.times.saturating_add(1);
        return;
    }
    match movie.findings.len() {
        n if n < limits::FINDINGS => movie.findings.push(finding),
        n if n == limits::FINDINGS => movie.findings.push(Finding::new(
            CheckId::MoreFindings,
            "There are more findings; they are not listed.",
        )),
        _ => {}
    }
}

/// Keeps a finding of broken structure; the first is the file's damage.
pub(super) fn broken(movie: &mut Movie, finding: impl Into<Finding>) {
    let finding = finding.into();
    movie.damage.get_or_insert_with(|| finding.clone());
    find(movie, finding);
}

/// Takes in `moov`. What cannot be read is a finding; the rest still shows.
pub(super) fn read(movie: &mut Movie, moov: Node) {
    if movie.moov.is_some() {
        movie.second_moov.get_or_insert(moov.at);
        let error =
            Error::malformed(Code::SecondMoov, "The file has a second moov; it is not read.");
        return find(movie, error.at(moov.at).into());
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
            broken(movie, Error::limit(Code::TooManyTracks, sentence).at(node.at).within("moov"));
            break;
        }
        let mut problems = Vec::new();
        match read_track(node, &trexes, movie.timescale, &mut problems) {
            Ok(track) => {
                let id = track.id;
                for problem in problems {
                    find(movie, Finding::from(problem.within("moov/trak")).of_track(id));
                }
                movie.tracks.push(track);
            }
            Err(e) => broken(movie, e.within("moov")),
        }
    }
    read_systems(movie, &moov);
    let mut short = Vec::new();
    moov.walk(&mut |node| {
        if node.kind == BoxType::code(b"uuid") {
            short.push(node.at);
        }
    });
    for at in short {
        find(movie, super::short_uuid(at).within("moov").into());
    }
    movie.moov = Some(moov);
}

fn read_track(
    trak: &Node,
    trexes: &[Trex],
    movie_scale: u32,
    problems: &mut Vec<Error>,
) -> Result<Track> {
    let inside = |e: Error| e.at(trak.at).within("trak");
    let tkhd: Tkhd = trak.get()?;
    let mdia = trak.path(&[b"mdia"]).ok_or_else(|| {
        inside(Error::malformed(
            Code::BoxMissing,
            "This track has no mdia box, so it has no media.",
        ))
    })?;
    let mdhd: Mdhd = mdia.get().map_err(inside)?;
    let hdlr: Hdlr = mdia.get().map_err(inside)?;
    let stbl = mdia.path(&[b"minf", b"stbl"]);
    let stsd = stbl.and_then(|stbl| stbl.find(BoxType::code(b"stsd")));
    if stsd.is_none() {
        problems.push(
            Error::malformed(
                Code::BoxMissing,
                "This track has no stsd box, so its codec is unknown.",
            )
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
    let (seig, seig_default) =
        stbl.map(read_seig).transpose().unwrap_or_default().unwrap_or_default();
    Ok(Track {
        id: tkhd.track_id,
        kind: TrackKind::of(hdlr.handler),
        language: mdhd.language(),
        timescale: mdhd.timescale,
        enabled: tkhd.flags & 1 != 0,
        edits: Edits::read(trak, movie_scale, mdhd.timescale).unwrap_or_default(),
        listed: totals.samples,
        entries,
        seig,
        seig_default,
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
    if protection.is_empty() && matches!(&coding.0, b"enct" | b"encs") && entry.body().is_ok() {
        let sentence =
            format!("The boxes of the sample entry {coding} do not fill it, so they are not read.");
        problems.push(Error::unsupported(Code::OpaqueSampleEntry, sentence).at(entry.at));
        protection.push(Protection::default());
    } else if protected && protection.is_empty() {
        problems.push(
            Error::malformed(
                Code::NoSinf,
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
                Code::NoSchm,
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
        protection.pattern = tenc.pattern;
        protection.kid = Some(tenc.kid);
    }
    Ok((format, protection))
}

/// Takes in the protection headers of `moov` or of a `moof`. One that a
/// fragment repeats is kept once.
pub(super) fn read_systems(movie: &mut Movie, parent: &Node) {
    for node in parent.children().iter().filter(|n| [Pssh::KIND, PIFF_PSSH].contains(&n.kind)) {
        let path = format!("{}/pssh", parent.kind);
        match Pssh::parse(node) {
            Ok(pssh) if parent.kind == BoxType::code(b"moof") && is_known(movie, &pssh) => {}
            Ok(_) if movie.systems.len() >= limits::HEADERS => {}
            Ok(pssh) => read_system(movie, node, pssh, &path),
            Err(e) => {
                if let Some(pssh) = Pssh::of_version_1(&node.to_bytes()) {
                    let finding = Finding::new(CheckId::PsshVersion, VERSION_0_WITH_KIDS);
                    find(movie, finding.of_box(node).within(&path));
                    read_system(movie, node, pssh, &path);
                    continue;
                }
                let data_size = matches!(e.code, Code::BoxTooShort | Code::BytesLeftOver);
                let code = if data_size { Code::PsshDataSize } else { e.code };
                let finding = Finding::from(crate::error::Error { code, ..e });
                find(movie, finding.of_box(node).within(path));
            }
        }
    }
}

fn is_known(movie: &Movie, pssh: &Pssh) -> bool {
    movie
        .systems
        .iter()
        .any(|s| (s.system_id, &s.data, &s.listed) == (pssh.system_id, &pssh.data, &pssh.kids))
}

fn read_system(movie: &mut Movie, node: &Node, pssh: Pssh, path: &str) {
    let mut kids = pssh.kids.clone();
    let mut playready = None;
    if pssh.system_id == PLAYREADY && pssh.data.len() <= limits::PSSH {
        let mut problems = Vec::new();
        for record in playready::read_object(&pssh.data, &mut problems) {
            if record.kind == playready::RECORD_HEADER && playready.is_none() {
                playready = Some(playready::read_header(record.value, &mut problems));
            }
        }
        for problem in problems {
            find(movie, Finding::from(problem).of_box(node).within(path));
        }
        if let Some(header) = &playready {
            let new = header.kids.iter().filter(|kid| !kids.contains(kid)).copied();
            let new: Vec<_> = new.collect();
            kids.extend(new);
        }
    }
    if pssh.system_id == COMMON && pssh.version == 0 {
        let message =
            "The W3C Common header is version 0, which lists no KIDs: browsers cannot use it.";
        find(movie, Finding::new(CheckId::CommonWithoutKids, message).of_box(node).within(path));
    }
    if pssh.version != 0 && node.kind == PIFF_PSSH {
        let message = format!("PIFF's protection header has version {}.", pssh.version);
        find(movie, Finding::new(CheckId::PiffVersion, message).of_box(node).within(path));
    }
    movie.systems.push(ProtectionHeader {
        system_id: pssh.system_id,
        envelope: node.kind,
        at: node.at,
        size: node.size(),
        in_fragment: path.starts_with("moof"),
        version: pssh.version,
        listed: pssh.kids,
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
                    Code::UnknownTrack,
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

/// Gives every fragment its end: the last `mdat` before the next box that is
/// not media or filler. Fragments come into file order.
pub(super) fn end_fragments(movie: &mut Movie) {
    crate::collections::sort_by_key(&mut movie.fragments, |fragment| fragment.moof.at);
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
