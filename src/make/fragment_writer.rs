//! Putting a fragmented file together: `ftyp`, `moov`, then a `moof` and an
//! `mdat` for each part of a track in order of time, and the index.
//!
//! Only boxes are made here; samples are copied from where they lie.

use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Mfhd, Tfdt, Tfhd};
use crate::format::boxes::index::{Mfro, Sidx, SidxReference, Tfra, TfraEntry};
use crate::format::boxes::movie::{Ftyp, Mehd, Mvhd};
use crate::format::boxes::tree::Node;
use crate::format::ids::BoxType;
use crate::make::offsets::{Targets, settle};
use crate::make::recipe::Stitched;
use crate::model::decode_times::{COMMON_SCALE, decode_times, to_scale};
use crate::model::{Fragment, FragmentRun, Movie, Track, TrackKind};

/// What one fragment of the output has: one `traf`, and where its samples lie.
#[derive(Clone, Debug)]
pub(crate) struct FragmentPart {
    /// The `traf`, its track numbered as in the output. Offsets are settled later.
    pub(crate) traf: Node,
    /// What it has, its track numbered as in the output.
    pub(crate) run: FragmentRun,
    /// For each `trun`, how many bytes its samples have.
    pub(crate) runs: Vec<u64>,
    /// Where these lie in the input, in order.
    pub(crate) media: Vec<Span>,
    /// What stands beside the `traf`s in its `moof`.
    pub(crate) siblings: Vec<Node>,
    /// Where it was, for messages.
    pub(crate) at: u64,
}

/// A file to be.
#[derive(Debug)]
pub(crate) struct FragmentLayout {
    pub(crate) ftyp: Ftyp,
    pub(crate) moov: Node,
    /// Its tracks, for their kinds and timescales.
    pub(crate) tracks: Vec<Track>,
    pub(crate) parts: Vec<FragmentPart>,
    /// When the earliest track begins that is played with these, in
    /// [`COMMON_SCALE`]; zero, or before it.
    pub(crate) earliest: i64,
    /// Whether the parts are of one file, whose order is kept where its times
    /// mean none.
    pub(crate) one_file: bool,
    /// Whether every `traf` gets a `tfdt`.
    pub(crate) tfdt: bool,
    /// Whether a segment index (`sidx`) is put in front; only for one track.
    pub(crate) sidx: bool,
}

/// Where a fragment of the output is, and when.
struct Placed {
    run: FragmentRun,
    at: u64,
    len: u64,
    /// When its first sample is presented, in ticks of its track.
    time: i64,
}

impl FragmentLayout {
    /// The file. Refuses parts of a track that are not in order.
    pub(crate) fn stitch(mut self) -> Result<Stitched> {
        let fragments = self.parts.iter().map(|part| {
            let span = Span { at: part.at, len: 0 };
            Fragment { moof: span, head: span, span, runs: vec![part.run], inside: None }
        });
        let movie = Movie {
            fragments: fragments.collect(),
            tracks: std::mem::take(&mut self.tracks),
            ..Movie::default()
        };
        let (times, _) = decode_times(&movie, self.earliest, false);
        let times: Vec<u64> = times.iter().filter_map(|times| times.first().copied()).collect();
        let order = self.order(&movie, &times)?;
        self.set_durations(&movie, &times)?;
        let head = [self.ftyp.to_node().to_bytes(), self.moov.to_bytes()].concat();
        let mut parts: Vec<Option<FragmentPart>> = self.parts.into_iter().map(Some).collect();
        let mut body = Stitched::default();
        let (mut at, mut placed) = (0, Vec::new());
        for (number, index) in order.into_iter().enumerate() {
            let Some(part) = parts[index].take() else { continue };
            let time = times[index];
            let moof = moof(&part, number as u32 + 1, self.tfdt, time)?;
            let bytes: u64 = part.media.iter().map(|span| span.len).sum();
            let mut boxes = moof.to_bytes();
            boxes.extend(mdat_header(bytes));
            let len = boxes.len() as u64 + bytes;
            let presented = (time as i64).saturating_add(part.run.first_offset.into());
            placed.push(Placed { run: part.run, at, len, time: presented });
            at += len;
            body.bytes(boxes);
            part.media.iter().for_each(|span| body.copy(*span));
        }
        let mut out = Stitched::default();
        out.bytes(head);
        if let (true, [track]) = (self.sidx, &movie.tracks[..]) {
            out.bytes(segment_index(track, &placed)?.to_node().to_bytes());
        }
        let front = out.size();
        for piece in crate::Recipe::pieces(&body) {
            match piece {
                crate::Piece::Bytes(bytes) => out.bytes(bytes.clone()),
                crate::Piece::Copy(span) => out.copy(*span),
                crate::Piece::Work { .. } => {}
            }
        }
        placed.iter_mut().for_each(|fragment| fragment.at += front);
        out.bytes(index(&movie.tracks, &placed)?.to_bytes());
        Ok(out)
    }

    /// The parts in order of time; at the same time video first. Within a track
    /// they must be in order as they are.
    fn order(&self, movie: &Movie, times: &[u64]) -> Result<Vec<usize>> {
        let mut last: Vec<(u32, u64)> = Vec::new();
        for (part, time) in self.parts.iter().zip(times) {
            match last.iter_mut().find(|(id, _)| *id == part.run.track_id) {
                Some((_, last)) if *time < *last && self.one_file => {
                    return Ok((0..self.parts.len()).collect());
                }
                Some((_, last)) if *time < *last => {
                    return Err(Error::malformed(
                        Code::FragmentsOutOfOrder,
                        format!(
                            "This fragment of track {} begins at {time} ticks, before the one in \
                             front of it, which begins at {last}. They do not fit together.",
                            part.run.track_id
                        ),
                    )
                    .at(part.at));
                }
                Some((_, last)) => *last = *time,
                None => last.push((part.run.track_id, *time)),
            }
        }
        let key = |index: usize| {
            let track = movie.track(self.parts[index].run.track_id);
            let scale = track.map_or(COMMON_SCALE, |track| track.timescale);
            let rank = match track.map(|track| track.kind) {
                Some(TrackKind::Video) => 0,
                Some(TrackKind::Audio) => 1,
                _ => 2,
            };
            (to_scale(times[index].min(i64::MAX as u64) as i64, scale, COMMON_SCALE), rank)
        };
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        crate::collections::sort_by_key(&mut order, |index| key(*index));
        Ok(order)
    }

    /// `mehd` says how long all of it is, in movie ticks.
    fn set_durations(&mut self, movie: &Movie, times: &[u64]) -> Result<()> {
        let mvhd: Mvhd = self.moov.get()?;
        let ends = self.parts.iter().zip(times).map(|(part, time)| {
            let end = time.saturating_add(part.run.duration).min(i64::MAX as u64) as i64;
            let scale = movie.track(part.run.track_id).map_or(1, |track| track.timescale);
            to_scale(end, scale, mvhd.timescale)
        });
        let duration = ends.max().unwrap_or(0).max(0) as u64;
        let mehd = Mehd { version: 1, flags: 0, fragment_duration: duration }.to_node();
        if let Some(children) = self.moov.path_mut(&[b"mvex"]).and_then(Node::children_mut) {
            children.retain(|node| node.kind != Mehd::KIND);
            children.insert(0, mehd);
        }
        Ok(())
    }
}

/// The header of an `mdat` with this many bytes.
pub(crate) fn mdat_header(bytes: u64) -> Vec<u8> {
    match u32::try_from(bytes + 8) {
        Ok(size) => [&size.to_be_bytes()[..], b"mdat"].concat(),
        Err(_) => [&b"\0\0\0\x01mdat"[..], &(bytes + 16).to_be_bytes()].concat(),
    }
}

/// The `moof` of a part, all offsets settled.
fn moof(part: &FragmentPart, number: u32, tfdt: bool, time: u64) -> Result<Node> {
    let mut traf = part.traf.clone();
    let nodes = traf.children_mut().into_iter().flatten();
    for node in nodes.filter(|node| node.kind == Tfhd::KIND) {
        *node = Tfhd { track_id: part.run.track_id, ..Tfhd::parse(node)? }.to_node();
    }
    match traf.get_opt::<Tfdt>()? {
        Some(own) if own.base_media_decode_time != time => {
            replace(&mut traf, &Tfdt::new(time).to_node())
        }
        None if tfdt => insert_after(&mut traf, Tfhd::KIND, Tfdt::new(time).to_node()),
        _ => {}
    }
    let mfhd = Mfhd { version_flags: 0, sequence_number: number }.to_node();
    let mut children = vec![mfhd];
    children.extend(part.siblings.iter().cloned());
    children.push(traf);
    let mut moof = Node::parent(b"moof", children);
    // The runs lie one behind the other in the mdat.
    let mut behind = mdat_header(part.media.iter().map(|span| span.len).sum()).len() as u64;
    let mut runs = Vec::new();
    for bytes in &part.runs {
        runs.push(behind);
        behind += bytes;
    }
    let targets = Targets { runs, infos: Vec::new() };
    settle(&mut moof, &[targets], true).map_err(|e| e.at(part.at).within("moof"))?;
    Ok(moof)
}

/// The `mfra`: for each track, every fragment that begins with a sync sample.
fn index(tracks: &[Track], placed: &[Placed]) -> Result<Node> {
    let mut children = Vec::new();
    for track in tracks {
        let always = track.kind != TrackKind::Video;
        let own =
            placed.iter().filter(|p| p.run.track_id == track.id && (always || p.run.sync_start));
        let entries = own.map(|fragment| TfraEntry {
            time: fragment.time.max(0) as u64,
            moof_offset: fragment.at,
            numbers: [1; 3],
        });
        let entries: Vec<TfraEntry> = entries.collect();
        if !entries.is_empty() {
            let tfra = Tfra { version: 1, flags: 0, track_id: track.id, lengths: 0, entries };
            children.push(tfra.to_node());
        }
    }
    children.push(Mfro { version_flags: 0, size: 0 }.to_node());
    let mut mfra = Node::parent(b"mfra", children);
    let size = u32::try_from(mfra.size())
        .map_err(|_| Error::limit(Code::IndexTooLarge, "The index (mfra) would pass 4 GiB."))?;
    if let Some(last) = mfra.children_mut().and_then(|children| children.last_mut()) {
        *last = Mfro { version_flags: 0, size }.to_node();
    }
    Ok(mfra)
}

/// The `sidx` over the fragments of one track: a reference for each, or for
/// several where there are more than it can count.
fn segment_index(track: &Track, placed: &[Placed]) -> Result<Sidx> {
    let each = placed.len().div_ceil(usize::from(u16::MAX)).max(1);
    let references = placed.chunks(each).map(|group| {
        let size: u64 = group.iter().map(|fragment| fragment.len).sum();
        let duration: u64 = group.iter().map(|fragment| fragment.run.duration).sum();
        reference(size, duration, group.first().is_some_and(|f| f.run.sync_start))
    });
    Ok(Sidx {
        version: 1,
        flags: 0,
        reference_id: track.id,
        timescale: track.timescale,
        earliest_presentation_time: placed
            .first()
            .map_or(0, |f| f.time.saturating_add(track.edits.later()).max(0) as u64),
        first_offset: 0,
        reserved: 0,
        references: references.collect::<Result<_>>()?,
    })
}

/// A reference, whose size has 31 bits and whose duration 32
/// (ISO/IEC 14496-12 §8.16.3).
fn reference(size: u64, duration: u64, sync: bool) -> Result<SidxReference> {
    let size = u32::try_from(size).ok().filter(|size| size >> 31 == 0);
    let (Some(size), Ok(duration)) = (size, u32::try_from(duration)) else {
        let sentence = "A segment is larger or longer than a segment index (sidx) can say: 2 GiB, \
                        or 2^32 ticks. Make shorter fragments.";
        return Err(Error::limit(Code::IndexTooLarge, sentence));
    };
    // Begins with a stream access point, of type 1.
    Ok(SidxReference { to_index: false, size, duration, sap: if sync { 0x9000_0000 } else { 0 } })
}

/// Puts a box in the place of the first of its kind.
pub(crate) fn replace(parent: &mut Node, new: &Node) {
    let children = parent.children_mut().into_iter().flatten();
    if let Some(old) = children.into_iter().find(|node| node.kind == new.kind) {
        *old = new.clone();
    }
}

/// The box `kind` put into `parent` behind the first of `after`.
pub(crate) fn insert_after(parent: &mut Node, after: BoxType, new: Node) {
    if let Some(children) = parent.children_mut() {
        let at = children.iter().position(|node| node.kind == after).map_or(0, |i| i + 1);
        children.insert(at, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_says_no_more_than_it_has_bits_for() {
        let most = i32::MAX as u64;
        let largest = reference(most, u32::MAX.into(), true).map(|r| (r.size, r.duration, r.sap));
        assert_eq!(largest, Ok((most as u32, u32::MAX, 0x9000_0000)));
        assert!(reference(most + 1, 0, false).is_err());
        assert!(reference(0, 1 << 32, false).is_err());
    }
}
