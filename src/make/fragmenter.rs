//! Fragmenting a progressive MP4: its sample tables say where every sample
//! lies, so `moof`s are made from `moov` alone and the media is copied.

use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Mfhd, Tfhd, Trun, TrunRow};
use crate::format::boxes::movie::{Ftyp, Mdhd, Mvhd, Stsz, Stts, Tkhd, Trex};
use crate::format::boxes::tables::{Co64, Ctts, Edit, Elst, Stco, Stsc, Stss};
use crate::format::boxes::tree::Node;
use crate::format::bytes::limits;
use crate::format::ids::{BoxType, FourCc};
use crate::format::quicktime;
use crate::make::fragment_writer::{FragmentLayout, FragmentPart};
use crate::make::proof::{Claims, header_of};
use crate::make::recipe::Stitched;
use crate::make::rewrite::check_intact;
use crate::make::witness;
use crate::model::decode_times::{Fold, longest_skip};
use crate::model::{Edits, Fragment, FragmentRun, Movie, Track, TrackKind, read_fragment};
use std::ops::Range;

/// How long a fragment is about to be, in seconds.
pub const FRAGMENT_SECONDS: u32 = 2;

/// Flags of a sample that can be decoded by itself, and of one that cannot
/// (ISO/IEC 14496-12 §8.8.3.1).
const SYNC: u32 = 0x0200_0000;
const NOT_SYNC: u32 = 0x0101_0000;

/// Samples of more bytes have rows of their own in `trun`, though all are alike:
/// Silverlight refuses a default size.
const SMALLEST_ROW: u32 = 32;

/// One sample of a track.
#[derive(Clone, Copy, Debug)]
struct ListedSample {
    at: u64,
    size: u32,
    decoded: i64,
    duration: u32,
    /// From decoding to presentation.
    offset: i64,
    sync: bool,
    entry: u32,
}

impl ListedSample {
    fn presented(&self) -> i64 {
        self.decoded.saturating_add(self.offset)
    }
}

/// A file of fragments, from one that has its samples listed in `moov`.
///
/// Fragments begin with sync samples of the video, about
/// [`FRAGMENT_SECONDS`] apart. Edit lists become a part of the times (see
/// [`Fold`]), and what they never show goes.
/// Also gives what there is to say of it, in sentences.
///
/// # Errors
/// Where the file has fragments already, no samples, or tables that contradict each
/// other.
pub fn fragment(movie: &Movie) -> Result<(Stitched, Vec<String>)> {
    // Of a file that only ends too early there are samples to keep.
    if !movie.ends_early {
        check_intact(movie, "fragmented")?;
    }
    let missing = || Error::malformed(Code::NoMoov, "The file has no moov box.");
    let source = movie.moov.as_ref().ok_or_else(missing)?;
    if !movie.fragments.is_empty() {
        return Err(Error::misuse(
            Code::Fragmented,
            "The file is fragmented already. To put it in order, repair it: ismvault repair IN -o OUT.",
        ));
    }
    let listed = listed(movie, |_| true, Fold::All { skip: longest_skip(movie) })?;
    let mut claims = Claims::new(&movie.findings);
    listed.claim(movie, 0, Some, &mut claims)?;
    let mut notes = left_out(movie, &listed);
    notes.extend(listed.notes());
    let Listed { tracks, parts, .. } = listed;
    if tracks.is_empty() {
        return Err(Error::unsupported(
            Code::NoSamples,
            "moov lists no video, audio or text samples, so there is nothing to fragment.",
        ));
    }
    let ftyp = Ftyp {
        major: FourCc(*b"isml"),
        minor: 1,
        compatible: [*b"piff", *b"iso2", *b"iso6"].map(FourCc).to_vec(),
        rest: Vec::new(),
    };
    let mut moov = fragmented_moov(source, &tracks)?;
    for trak in moov.children_mut().into_iter().flatten() {
        let id = trak.get::<Tkhd>().map_or(0, |tkhd| tkhd.track_id);
        if let Some(track) = tracks.iter().find(|track| track.id == id) {
            set_edits(trak, track.edits.skip);
        }
    }
    let layout = FragmentLayout {
        ftyp,
        moov,
        tracks,
        parts,
        earliest: 0,
        one_file: true,
        tfdt: true,
        sidx: false,
    };
    Ok((claims.check(layout.stitch()?)?, notes))
}

/// Tracks whose samples do not go into an output.
fn left_out(movie: &Movie, listed: &Listed) -> Vec<String> {
    let kept = |track: &&Track| listed.tracks.iter().any(|own| own.id == track.id);
    let others = movie.tracks.iter().filter(|track| track.totals.samples > 0 && !kept(track));
    let note = |track: &Track| {
        let codec = track.codec().map_or("?", |codec| codec.string.as_str());
        format!("Track {} ({}, {codec}) is left out.", track.id, track.kind.word())
    };
    others.map(note).collect()
}

/// The samples that a `moov` lists, as fragments.
pub(crate) struct Listed {
    /// The tracks they are of, with what is left of their edit lists.
    pub(crate) tracks: Vec<Track>,
    /// Of each of these, how many samples its edit list hides in front and
    /// behind, and how many lie past the end of the file.
    hidden: Vec<[usize; 3]>,
    pub(crate) parts: Vec<FragmentPart>,
}

impl Listed {
    /// What an edit list hides is not kept, nor what is not there.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for (track, [front, behind, lost]) in self.tracks.iter().zip(&self.hidden) {
            if front + behind > 0 {
                notes.push(format!(
                    "Track {}: {} samples that its edit list hides are left out.",
                    track.id,
                    front + behind
                ));
            }
            if *lost > 0 {
                notes.push(format!(
                    "Track {}: {lost} of {} samples lie past the end of the file and are lost.",
                    track.id, track.listed
                ));
            }
        }
        notes
    }

    /// Claims what these samples are, as a stranger reads them, for an output
    /// whose tracks have these numbers. The file begins at `start`.
    pub(crate) fn claim(
        &self,
        movie: &Movie,
        start: u64,
        number: impl Fn(u32) -> Option<u32>,
        claims: &mut Claims,
    ) -> Result<()> {
        let Some(moov) = movie.moov.as_ref().filter(|_| !self.tracks.is_empty()) else {
            return Ok(());
        };
        let header = header_of(moov)?;
        let found = witness::listed(&moov.to_bytes(), movie.size)?;
        for (track, hidden) in self.tracks.iter().zip(&self.hidden) {
            let own = found.iter().find(|listed| listed.track == track.id).cloned();
            let (Some(own), Some(id)) = (own, number(track.id)) else { continue };
            claims.listed(id, (&header, own), [hidden[0], hidden[1]], start);
        }
        Ok(())
    }
}

/// The samples that `moov` lists, as fragments.
pub(crate) fn listed(movie: &Movie, wanted: impl Fn(u32) -> bool, how: Fold) -> Result<Listed> {
    let missing = || Error::malformed(Code::NoMoov, "The file has no moov box.");
    let source = movie.moov.as_ref().ok_or_else(missing)?;
    let mvhd: Mvhd = source.get()?;
    let kinds = [TrackKind::Video, TrackKind::Audio, TrackKind::Text];
    let (mut tracks, mut all_hidden) = (Vec::new(), Vec::new());
    for track in movie.tracks.iter().filter(|t| kinds.contains(&t.kind) && wanted(t.id)) {
        let Some(trak) = movie.trak(track.id).filter(|_| track.listed > 0) else { continue };
        if track.protection().is_some() {
            return Err(Error::unsupported(
                Code::Protected,
                format!(
                    "Track {} is protected, and where its IVs are would be lost. Decrypt it first: \
                     ffmpeg -decryption_key KEY -i IN -c copy OUT.mp4.",
                    track.id
                ),
            ));
        }
        if track.timescale == 0 {
            let sentence =
                format!("Track {} has the timescale 0, so its times mean nothing.", track.id);
            return Err(Error::malformed(Code::TimescaleZero, sentence));
        }
        let (samples, hidden, edits) = samples(trak, track, movie, mvhd.timescale, how)
            .map_err(|e| e.at(trak.at).within("moov/trak"))?;
        if !samples.is_empty() {
            tracks.push((Track { edits, ..track.clone() }, samples));
            all_hidden.push(hidden);
        }
    }
    let boundaries = boundaries(&tracks);
    let mut parts = Vec::new();
    for (track, samples) in &tracks {
        for range in cut(track, samples, &boundaries) {
            parts.push(part(track, &samples[range])?);
        }
    }
    let tracks = tracks.into_iter().map(|(track, _)| track).collect();
    Ok(Listed { tracks, hidden: all_hidden, parts })
}

/// The samples of a track, in order of decoding, its edit list made a part of
/// their times; how many it hides in front and behind; and what is left of it.
fn samples(
    trak: &Node,
    track: &Track,
    movie: &Movie,
    movie_scale: u32,
    how: Fold,
) -> Result<(Vec<ListedSample>, [usize; 3], Edits)> {
    let Some(stbl) = trak.path(&[b"mdia", b"minf", b"stbl"]) else {
        return Ok((Vec::new(), [0; 3], Edits::default()));
    };
    check_data_is_inside(trak)?;
    let sizes = sizes(stbl, movie.size)?;
    let places = places(stbl, &sizes, movie.size)?;
    let mut samples: Vec<ListedSample> = sizes
        .iter()
        .zip(places)
        .map(|(size, (at, entry))| ListedSample {
            at,
            size: *size,
            decoded: 0,
            duration: 0,
            offset: 0,
            sync: true,
            entry,
        })
        .collect();
    let lost = sizes.len() - samples.len();
    let stts: Stts = stbl.get()?;
    let mut durations = runs(stts.entries.into_iter());
    let mut time = 0_i64;
    for sample in &mut samples {
        sample.duration = durations.next().unwrap_or(0);
        sample.decoded = time;
        time = time.saturating_add(sample.duration.into());
    }
    if let Some(ctts) = stbl.get_opt::<Ctts>()? {
        for (sample, offset) in samples.iter_mut().zip(runs(ctts.entries.into_iter())) {
            sample.offset = offset.into();
        }
    }
    if let Some(stss) = stbl.get_opt::<Stss>()? {
        samples.iter_mut().for_each(|sample| sample.sync = false);
        for number in stss.samples {
            if let Some(sample) = samples.get_mut((number as usize).wrapping_sub(1)) {
                sample.sync = true;
            }
        }
    }
    let edits = Edits::read(trak, movie_scale, track.timescale)?;
    let [front, behind] = trim(&edits, &mut samples, track);
    let hidden = [front, behind, lost];
    let (later, left) = how.of(&edits, track.timescale);
    samples.iter_mut().for_each(|sample| sample.decoded = sample.decoded.saturating_add(later));
    Ok((samples, hidden, left))
}

/// Values given as runs of a count and a value.
fn runs<T: Copy>(entries: impl Iterator<Item = (u32, T)>) -> impl Iterator<Item = T> {
    entries.flat_map(|(count, value)| std::iter::repeat_n(value, count as usize))
}

fn check_data_is_inside(trak: &Node) -> Result<()> {
    let dref = trak.path(&[b"mdia", b"minf", b"dinf", b"dref"]);
    let outside = dref.into_iter().flat_map(Node::children).any(|entry| {
        // Flag 1: the media is in this very file.
        entry.body().is_ok_and(|body| body.get(3).is_some_and(|flags| flags & 1 == 0))
    });
    if outside {
        let sentence = "The media of this track is in another file, which is not followed.";
        return Err(Error::unsupported(Code::DataElsewhere, sentence));
    }
    Ok(())
}

/// How many bytes each sample has.
fn sizes(stbl: &Node, file_size: u64) -> Result<Vec<u32>> {
    let compact = BoxType::code(b"stz2");
    if let Some(node) = stbl.find(compact) {
        let mut r = crate::format::bytes::Reader::new(node.body()?, node.body_at());
        r.u32("version_flags")?;
        r.u24("reserved")?;
        let bits = r.u8("field_size")?;
        let count = r.u32("sample_count")?;
        let bytes = r.rest("entry_sizes");
        let size = |i: usize| -> Option<u32> {
            Some(match bits {
                4 => u32::from(bytes.get(i / 2)? >> (4 * (1 - i % 2)) & 15),
                8 => u32::from(*bytes.get(i)?),
                _ => u32::from(u16::from_be_bytes([*bytes.get(2 * i)?, *bytes.get(2 * i + 1)?])),
            })
        };
        let most = bytes.len() * 2;
        return Ok((0..(count as usize).min(most)).map_while(size).collect());
    }
    let stsz: Stsz = stbl.get()?;
    match stsz.sample_size {
        0 => Ok(stsz.sizes),
        size if u64::from(size) * u64::from(stsz.sample_count) <= file_size => {
            Ok(vec![size; stsz.sample_count as usize])
        }
        _ => Err(Error::malformed(
            Code::DataPastFile,
            format!("stsz says the track has {} samples, more than the file.", stsz.sample_count),
        )),
    }
}

/// Where each sample is, and which sample entry it uses.
fn places(stbl: &Node, sizes: &[u32], file_size: u64) -> Result<Vec<(u64, u32)>> {
    let stsc: Stsc = stbl.get()?;
    let chunks: Vec<u64> = match stbl.get_opt::<Co64>()? {
        Some(co64) => co64.offsets,
        None => stbl.get::<Stco>()?.offsets.into_iter().map(u64::from).collect(),
    };
    let mut places = Vec::with_capacity(sizes.len());
    let mut row = 0;
    for (number, chunk) in (1_u32..).zip(chunks) {
        while stsc.entries.get(row + 1).is_some_and(|next| next[0] <= number) {
            row += 1;
        }
        let Some([_, count, entry]) = stsc.entries.get(row) else { break };
        let mut at = chunk;
        for size in sizes.iter().skip(places.len()).take(*count as usize) {
            if at.saturating_add((*size).into()) > file_size {
                return Ok(places); // a download that was cut
            }
            places.push((at, *entry));
            at += u64::from(*size);
        }
    }
    if places.len() < sizes.len() {
        return Err(Error::malformed(
            Code::ChunksMissing,
            format!("stsz lists {} samples, but the chunks hold {}.", sizes.len(), places.len()),
        ));
    }
    Ok(places)
}

/// Leaves out what an edit list never shows: pictures in front of where it
/// begins, but for those needed to decode the first, and all behind its end.
/// Gives how many samples went in front and behind.
fn trim(edits: &Edits, samples: &mut Vec<ListedSample>, track: &Track) -> [usize; 2] {
    if track.kind == TrackKind::Text {
        return [0; 2]; // a few bytes, and readers differ in what they show
    }
    let end = edits.end.unwrap_or(i64::MAX);
    let shown = samples.iter().rposition(|sample| sample.presented() < end).map_or(0, |i| i + 1);
    let mut hidden = [0, samples.len() - shown];
    samples.truncate(shown);
    if track.kind == TrackKind::Video {
        let begin =
            samples.iter().rposition(|sample| sample.sync && sample.presented() <= edits.skip);
        hidden[0] = begin.unwrap_or(0);
        samples.drain(..hidden[0]);
    }
    hidden
}

/// Where fragments begin, in seconds, by the sync samples of the first video,
/// or of the first track.
fn boundaries(tracks: &[(Track, Vec<ListedSample>)]) -> Vec<f64> {
    let video = tracks.iter().find(|(track, _)| track.kind == TrackKind::Video);
    let Some((track, samples)) = video.or(tracks.first()) else { return Vec::new() };
    let mut found: Vec<f64> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.sync) {
        let time = sample.presented() as f64 / f64::from(track.timescale);
        let far = found.last().is_none_or(|last| time - last >= f64::from(FRAGMENT_SECONDS) - 1e-6);
        if far {
            found.push(time);
        }
    }
    found
}

/// Cuts the samples of a track at the first sync sample behind each boundary,
/// and where the sample entry changes.
fn cut(track: &Track, samples: &[ListedSample], boundaries: &[f64]) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut from = 0;
    let mut boundaries = boundaries.iter().skip(1).peekable();
    for (i, sample) in samples.iter().enumerate().skip(1) {
        let time = sample.presented() as f64 / f64::from(track.timescale);
        // Half a tick of grace, for timescales that do not divide each other.
        let behind = |boundary: &f64| time + 0.5 / f64::from(track.timescale) >= *boundary;
        let due = sample.sync && boundaries.peek().is_some_and(|boundary| behind(boundary));
        let full = i - from >= limits::FRAGMENT_SAMPLES;
        if due || full || sample.entry != samples[i - 1].entry {
            cuts.push(from..i);
            from = i;
            while sample.sync && boundaries.next_if(|boundary| behind(boundary)).is_some() {}
        }
    }
    cuts.push(from..samples.len());
    cuts
}

/// A fragment of these samples.
fn part(track: &Track, samples: &[ListedSample]) -> Result<FragmentPart> {
    let offsets = samples.iter().any(|sample| sample.offset != 0);
    let too_far = || {
        let sentence = "A sample is presented further from its decoding than trun can say.";
        Error::unsupported(Code::OffsetTooLarge, sentence)
    };
    let rows = samples.iter().map(|sample| {
        Ok(TrunRow {
            duration: sample.duration,
            size: sample.size,
            flags: if sample.sync { SYNC } else { NOT_SYNC },
            composition_offset: sample.offset.try_into().map_err(|_| too_far())?,
        })
    });
    let rows: Vec<TrunRow> = rows.collect::<Result<_>>()?;
    let rest = rows.get(1).or(rows.first()).map_or(SYNC, |row| row.flags);
    // Most fragments have one sync sample, the first; or only such samples.
    let plain = rows.iter().skip(1).all(|row| row.flags == rest);
    let first = rows.first().map(|row| row.flags).filter(|flags| plain && *flags != rest);
    // Tiny samples that are all alike, as those of PCM: a row would be longer.
    let alike = rows.first().filter(|first| {
        let same = |row: &TrunRow| (row.duration, row.size) == (first.duration, first.size);
        first.size <= SMALLEST_ROW && rows.iter().all(same)
    });
    let alike = alike.map(|row| (row.duration, row.size)).filter(|_| plain && !offsets);
    let flags = if alike.is_some() { 0 } else { Trun::DURATION | Trun::SIZE }
        | if plain { 0 } else { Trun::FLAGS }
        | if offsets { Trun::COMPOSITION } else { 0 };
    let negative = rows.iter().any(|row| row.composition_offset < 0);
    let trun = Trun {
        version: u8::from(negative),
        flags,
        sample_count: samples.len() as u32,
        data_offset: Some(0),
        first_sample_flags: first,
        rows: if alike.is_some() { Vec::new() } else { rows },
    };
    let entry = samples.first().map_or(1, |sample| sample.entry);
    let tfhd = Tfhd {
        version: 0,
        flags: Tfhd::DEFAULT_BASE_IS_MOOF,
        track_id: track.id,
        base_data_offset: None,
        sample_description_index: Some(entry).filter(|entry| *entry != 1),
        sample_duration: alike.map(|(duration, _)| duration),
        sample_size: alike.map(|(_, size)| size),
        sample_flags: Some(rest),
    };
    let time = samples.first().map_or(0, |sample| sample.decoded).max(0) as u64;
    let tfdt = crate::format::boxes::fragment::Tfdt::new(time);
    let traf = Node::parent(b"traf", vec![tfhd.to_node(), tfdt.to_node(), trun.to_node()]);
    let mfhd = Mfhd { version_flags: 0, sequence_number: 0 }.to_node();
    let moof = Node::parent(b"moof", vec![mfhd, traf.clone()]);
    let fragments = read_fragment(&moof, |_| None)?;
    let run = Fragment::new(&moof, &fragments).runs.first().copied().ok_or_else(too_far)?;
    // Settled when all of the output is known, for it may begin before zero.
    let decode_time = samples.first().map(|sample| sample.decoded);
    let run = FragmentRun { decode_time, ..run };
    let mut media: Vec<Span> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.size > 0) {
        match media.last_mut() {
            Some(last) if last.end() == sample.at => last.len += u64::from(sample.size),
            _ => media.push(Span { at: sample.at, len: sample.size.into() }),
        }
    }
    let at = samples.first().map_or(0, |sample| sample.at);
    Ok(FragmentPart { traf, run, runs: vec![run.bytes], media, siblings: Vec::new(), at })
}

/// `moov` with its tables emptied and `mvex` added.
pub(crate) fn fragmented_moov(source: &Node, tracks: &[Track]) -> Result<Node> {
    let mut moov = source.clone();
    let code = BoxType::code;
    let kept = |trak: &Node| {
        trak.get::<Tkhd>().is_ok_and(|tkhd| tracks.iter().any(|track| track.id == tkhd.track_id))
    };
    let trexes = tracks.iter().map(|track| {
        Trex {
            version_flags: 0,
            track_id: track.id,
            sample_description_index: 1,
            sample_duration: 0,
            sample_size: 0,
            sample_flags: 0,
        }
        .to_node()
    });
    let mvex = Node::parent(b"mvex", trexes.collect());
    let Some(children) = moov.children_mut() else { return Ok(moov) };
    children
        .retain(|node| node.kind != code(b"mvex") && (node.kind != code(b"trak") || kept(node)));
    for node in children.iter_mut() {
        if node.kind == Mvhd::KIND {
            *node = Mvhd { duration: 0, ..Mvhd::parse(node)? }.to_node();
        }
        if node.kind != code(b"trak") {
            continue;
        }
        quicktime::translate(node);
        let Some(trak) = node.children_mut() else { continue };
        let edits = trak.iter_mut().filter_map(Node::children_mut).flatten();
        for node in edits.filter(|node| node.kind == Elst::KIND) {
            let mut elst = Elst::parse(node)?;
            // Of a fragmented movie: to its end, however long it is.
            for edit in elst.entries.iter_mut().filter(|edit| edit.media_time >= 0) {
                edit.duration = 0;
            }
            *node = elst.to_node();
        }
        trak.retain(|node| node.kind != code(b"tref"));
        for node in trak.iter_mut().filter(|node| node.kind == Tkhd::KIND) {
            *node = Tkhd { duration: 0, ..Tkhd::parse(node)? }.to_node();
        }
        let Some(mdia) = node.path_mut(&[b"mdia"]) else { continue };
        for node in mdia.children_mut().into_iter().flatten().filter(|n| n.kind == Mdhd::KIND) {
            *node = Mdhd { duration: 0, ..Mdhd::parse(node)? }.to_node();
        }
        let Some(stbl) = mdia.path_mut(&[b"minf", b"stbl"]).and_then(Node::children_mut) else {
            continue;
        };
        stbl.retain(|node| node.kind == code(b"stsd"));
        stbl.extend(empty_tables());
    }
    children.push(mvex);
    Ok(moov)
}

/// Gives a track an edit list that skips so much of its media, or none.
pub(crate) fn set_edits(trak: &mut Node, skip: i64) {
    let Some(children) = trak.children_mut() else { return };
    children.retain(|node| node.kind != BoxType::code(b"edts"));
    if skip == 0 {
        return;
    }
    // To the end of the movie, however long it is.
    let edit = Edit { duration: 0, media_time: skip, rate: 0x1_0000 };
    let elst = Elst { version: 1, flags: 0, entries: vec![edit] };
    let at = children.iter().position(|node| node.kind == Tkhd::KIND).map_or(0, |i| i + 1);
    children.insert(at, Node::parent(b"edts", vec![elst.to_node()]));
}

/// The tables that a track must have though all its samples are in fragments.
pub(crate) fn empty_tables() -> [Node; 4] {
    [
        Stts { version_flags: 0, entries: Vec::new() }.to_node(),
        Stsc { version_flags: 0, entries: Vec::new() }.to_node(),
        Stsz { version_flags: 0, sample_size: 0, sample_count: 0, sizes: Vec::new() }.to_node(),
        Stco { version_flags: 0, offsets: Vec::new() }.to_node(),
    ]
}
