//! What every recipe that changes fragments has in common: which parts of a
//! file are kept, which are worked on, and every offset that moves with them.

use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::fragment::Saio;
use crate::format::boxes::index::{Mfro, Sidx, Tfra};
use crate::format::boxes::movie::{Ftyp, Trex};
use crate::format::boxes::tree::{Content, Node};
use crate::format::boxes::{BoxHeader, Mp4Box as _};
use crate::format::bytes::limits;
use crate::format::ids::BoxType;
use crate::make::offsets::{Place, Targets, settle};
use crate::make::recipe::{Piece, Stitched};
use crate::model::{Movie, Sample, TrackFragment, read_fragment};
use std::ops::Range;

/// A file taken apart into pieces, and put together again.
#[derive(Clone, Debug)]
pub(crate) struct Rewrite {
    pieces: Vec<Piece>,
    /// Where each piece was in the input.
    origins: Vec<Span>,
    /// The bytes of each unit in the input, in order.
    units: Vec<Span>,
    /// Where each fragment begins in the input, in order.
    fragments: Vec<u64>,
    mfra: Option<Node>,
    /// Which piece each `sidx` is.
    indexes: Vec<(usize, Node)>,
    /// Why the `mfra` is left out, if it is.
    lost_index: Option<&'static str>,
}

impl Rewrite {
    /// Of a file whose `ftyp` and `moov` become these, and whose fragments are
    /// worked on.
    pub(crate) fn new(movie: &Movie, ftyp: &Ftyp, moov: &Node) -> Result<Self> {
        Self::build(movie, ftyp, moov, None)
    }

    /// The same, whose fragments get these `moof`s, in order, and keep their
    /// media. An output of bytes and copies alone.
    pub(crate) fn stitch(
        movie: &Movie,
        ftyp: &Ftyp,
        moov: &Node,
        moofs: Vec<Vec<u8>>,
    ) -> Result<Stitched> {
        let mut rewrite = Self::build(movie, ftyp, moov, Some(moofs))?;
        rewrite.update_indexes(&[])?;
        let index = rewrite.finish(&[])?;
        let mut out = Stitched::default();
        for piece in rewrite.pieces {
            match piece {
                Piece::Bytes(bytes) => out.bytes(bytes),
                Piece::Copy(span) | Piece::Work { span, .. } => out.copy(span),
            }
        }
        out.bytes(index);
        Ok(out)
    }

    fn build(movie: &Movie, ftyp: &Ftyp, moov: &Node, moofs: Option<Vec<Vec<u8>>>) -> Result<Self> {
        let (work, mut moofs) = (moofs.is_none(), moofs.unwrap_or_default().into_iter());
        let mut rewrite = Self {
            pieces: Vec::new(),
            origins: Vec::new(),
            units: Vec::new(),
            fragments: movie.fragments.iter().map(|fragment| fragment.moof.at).collect(),
            mfra: None,
            indexes: Vec::new(),
            lost_index: None,
        };
        rewrite.take_index(movie);
        let ftyp = ftyp.to_node().to_bytes();
        if movie.top.iter().all(|top| top.kind != Ftyp::KIND) {
            rewrite.push(Span { at: 0, len: 0 }, Piece::Bytes(ftyp.clone()));
        }
        let mut fragments = movie.fragments.iter().enumerate().peekable();
        let mut indexes = movie.indexes.iter().peekable();
        let mut done_to = 0;
        for top in &movie.top {
            if top.span.at < done_to {
                continue; // inside a unit
            }
            done_to = top.span.end();
            let fragment = fragments.next_if(|(_, f)| f.moof.at == top.span.at);
            if let Some((unit, fragment)) = fragment.filter(|_| work) {
                if fragment.span.len > limits::FRAGMENT {
                    return Err(Error::limit(
                        Code::FragmentTooLarge,
                        format!(
                            "This fragment is {} bytes long; at most {} are worked on at a time.",
                            fragment.span.len,
                            limits::FRAGMENT
                        ),
                    )
                    .at(fragment.moof.at));
                }
                done_to = fragment.span.end();
                rewrite.units.push(fragment.span);
                rewrite.push(fragment.span, Piece::Work { unit, span: fragment.span });
            } else if let Some(moof) = fragment.and_then(|_| moofs.next()) {
                rewrite.push(top.span, Piece::Bytes(moof));
            } else if top.kind == Ftyp::KIND {
                rewrite.push(top.span, Piece::Bytes(ftyp.clone()));
            } else if top.kind == moov.kind && top.span.at == moov.at {
                rewrite.push(top.span, Piece::Bytes(moov.to_bytes()));
            } else if movie.mfra.as_ref().is_some_and(|mfra| mfra.at == top.span.at) {
                // Written by `finish`, last.
            } else if let Some(node) = indexes.next_if(|node| node.at == top.span.at) {
                rewrite.indexes.push((rewrite.pieces.len(), node.clone()));
                rewrite.push(top.span, Piece::Bytes(node.to_bytes()));
            } else {
                rewrite.copy(top.span);
            }
        }
        let left = fragments.next().map(|(_, f)| f.moof.at).or(indexes.next().map(|node| node.at));
        match left {
            None => Ok(rewrite),
            Some(at) => {
                let sentence = "This box lies inside another fragment, so it cannot be moved.";
                Err(Error::unsupported(Code::EntangledBoxes, sentence).at(at))
            }
        }
    }

    /// Takes the `mfra` to be written last, where that can be.
    fn take_index(&mut self, movie: &Movie) {
        let Some(mfra) = &movie.mfra else { return };
        let readable = mfra.all(Tfra::KIND).all(|node| Tfra::parse(node).is_ok())
            && mfra.get_opt::<Mfro>().is_ok();
        if !readable {
            self.lost_index = Some("cannot be read");
        } else if movie.top.last().is_some_and(|top| top.to_end) {
            self.lost_index = Some("cannot follow an mdat that runs to the end of the file");
        } else {
            self.mfra = Some(mfra.clone());
        }
    }

    /// Why the `mfra` is left out, if it is.
    pub(crate) fn lost_index(&self) -> Option<&'static str> {
        self.lost_index
    }

    fn push(&mut self, origin: Span, piece: Piece) {
        self.origins.push(origin);
        self.pieces.push(piece);
    }

    fn copy(&mut self, span: Span) {
        if let (Some(Piece::Copy(last)), Some(origin)) =
            (self.pieces.last_mut(), self.origins.last_mut())
            && last.end() == span.at
        {
            last.len += span.len;
            origin.len += span.len;
            return;
        }
        self.push(span, Piece::Copy(span));
    }

    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The units that an index in front of them has the sizes of.
    pub(crate) fn unmeasured(&self) -> Vec<Span> {
        if self.indexes.is_empty() { Vec::new() } else { self.units.clone() }
    }

    /// Where a unit is in the input, whose bytes these are to be.
    pub(crate) fn unit_at(&self, unit: usize, bytes: &[u8]) -> Result<u64> {
        let span =
            self.units.get(unit).copied().ok_or_else(|| {
                Error::misuse(Code::NoSuchUnit, format!("There is no unit {unit}."))
            })?;
        if span.len != bytes.len() as u64 {
            return Err(Error::misuse(Code::WrongBytes, "These are not the bytes of this unit."));
        }
        Ok(span.at)
    }

    /// Where every piece begins in the output, and where the last ends.
    fn starts(&self, lengths: &[u64]) -> Result<Vec<u64>> {
        let mut starts = vec![0];
        let mut at = 0_u64;
        for piece in &self.pieces {
            at += match piece {
                Piece::Bytes(bytes) => bytes.len() as u64,
                Piece::Copy(span) => span.len,
                Piece::Work { unit, .. } => *lengths.get(*unit).ok_or_else(|| {
                    Error::misuse(
                        Code::UnitMissing,
                        format!("The length of unit {unit} is missing."),
                    )
                })?,
            };
            starts.push(at);
        }
        Ok(starts)
    }

    /// Makes every `sidx` say the new sizes of what it points at. One that
    /// pointed elsewhere already becomes free space: it would only mislead.
    pub(crate) fn update_indexes(&mut self, lengths: &[u64]) -> Result<()> {
        let starts = self.starts(lengths)?;
        for (piece, mut node) in std::mem::take(&mut self.indexes) {
            let end = self.origins[piece].end();
            let updated = match Sidx::parse(&node) {
                Ok(sidx) => self.updated_index(sidx, end, &starts)?,
                Err(_) => None,
            };
            // Either box is as long as the old one, so `starts` stays right.
            match updated {
                Some(sidx) => node.content = sidx.to_node().content,
                None => {
                    let len = node.size() - node.header_len();
                    node.kind = BoxType::code(b"free");
                    node.content = Content::Leaf(vec![0; len as usize]);
                }
            }
            self.pieces[piece] = Piece::Bytes(node.to_bytes());
        }
        Ok(())
    }

    fn updated_index(&self, mut sidx: Sidx, end: u64, starts: &[u64]) -> Result<Option<Sidx>> {
        let Some(anchor) = self.moved(end, starts) else { return Ok(None) };
        let mut old = end.saturating_add(sidx.first_offset);
        let Some(mut new) = self.moved(old, starts) else { return Ok(None) };
        sidx.first_offset = new - anchor;
        for reference in &mut sidx.references {
            old = old.saturating_add(reference.size.into());
            let Some(next) = self.moved(old, starts) else { return Ok(None) };
            reference.size =
                u32::try_from(next - new).ok().filter(|size| *size < 1 << 31).ok_or_else(|| {
                    Error::limit(Code::SubsegmentTooLarge, "A subsegment of sidx would pass 2 GiB.")
                })?;
            new = next;
        }
        Ok(Some(sidx))
    }

    /// Where a position of the input is in the output; none inside a unit.
    fn moved(&self, old: u64, starts: &[u64]) -> Option<u64> {
        let after = self.origins.partition_point(|origin| origin.at <= old);
        let index = after.checked_sub(1)?;
        let origin = self.origins[index];
        let offset = old - origin.at;
        if offset == origin.len {
            return Some(starts[index + 1]);
        }
        let whole = offset == 0 || matches!(self.pieces[index], Piece::Copy(_));
        (whole && offset < origin.len).then(|| starts[index] + offset)
    }

    /// How many entries of `mfra` point at no fragment, and are left out.
    pub(crate) fn stale_index_entries(&self) -> usize {
        let Some(mfra) = &self.mfra else { return 0 };
        let known = |at: &u64| self.fragments.binary_search(at).is_ok();
        mfra.all(Tfra::KIND)
            .filter_map(|node| Tfra::parse(node).ok())
            .flat_map(|tfra| tfra.entries)
            .filter(|entry| !known(&entry.moof_offset))
            .count()
    }

    /// The `mfra`, its offsets those of the output.
    pub(crate) fn finish(&self, lengths: &[u64]) -> Result<Vec<u8>> {
        let starts = self.starts(lengths)?;
        let Some(mut mfra) = self.mfra.clone() else { return Ok(Vec::new()) };
        let moved = |old: u64| {
            self.fragments.binary_search(&old).ok().and_then(|_| self.moved(old, &starts))
        };
        for node in mfra.children_mut().into_iter().flatten() {
            if node.kind == Tfra::KIND {
                let mut tfra = Tfra::parse(node)?;
                tfra.entries.retain_mut(|entry| {
                    moved(entry.moof_offset).map(|new| entry.moof_offset = new).is_some()
                });
                tfra.widen();
                *node = tfra.to_node();
            }
        }
        let size = u32::try_from(mfra.size())
            .map_err(|_| Error::limit(Code::IndexTooLarge, "The index (mfra) would pass 4 GiB."))?;
        for node in mfra.children_mut().into_iter().flatten() {
            if node.kind == Mfro::KIND {
                *node = Mfro { size, ..Mfro::parse(node)? }.to_node();
            }
        }
        Ok(mfra.to_bytes())
    }
}

/// A fragment, opened.
#[derive(Debug)]
pub(crate) struct PlannedUnit {
    /// Where it was.
    pub(crate) at: u64,
    old_len: u64,
    /// Bytes of the `moof`, edited.
    new_len: u64,
    /// Where the payloads of its `mdat`s are.
    media: Vec<Span>,
    /// Its `moof`, to edit.
    pub(crate) moof: Node,
    /// Its `traf`s, as they were.
    pub(crate) fragments: Vec<TrackFragment>,
}

impl PlannedUnit {
    /// Of a fragment of which only the `moof` is at hand.
    pub(crate) fn open_head(at: u64, bytes: &[u8], trexes: &[Trex]) -> Result<Self> {
        let header = BoxHeader::read(bytes, at, bytes.len() as u64)?;
        Self::open(at, bytes.get(..header.size as usize).unwrap_or_default(), trexes)
    }

    /// Of the bytes of a unit at this place. Of the file around it only the
    /// defaults of its tracks count.
    pub(crate) fn open(at: u64, bytes: &[u8], trexes: &[Trex]) -> Result<Self> {
        let span = Span { at, len: bytes.len() as u64 };
        let header = BoxHeader::read(bytes, span.at, span.len)?;
        let moof = bytes.get(..header.size as usize).ok_or_else(|| {
            Error::malformed(
                Code::FileChanged,
                "The file changed while it was read. Open it again.",
            )
            .at(span.at)
        })?;
        let mut problems = Vec::new();
        let moof = Node::read(moof, span.at, &mut problems)?;
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        let trex = |id| trexes.iter().find(|trex| trex.track_id == id);
        let fragments = read_fragment(&moof, trex)?;
        let media = media(bytes, span, header.size)?;
        Ok(Self { at: span.at, old_len: header.size, new_len: header.size, media, moof, fragments })
    }

    /// The `traf`s, to edit, each with what it was.
    pub(crate) fn trafs(&mut self) -> impl Iterator<Item = (&mut Node, &TrackFragment)> {
        let nodes = self.moof.children_mut().map(|nodes| nodes.iter_mut());
        let trafs = nodes.into_iter().flatten().filter(|n| n.kind == BoxType::code(b"traf"));
        trafs.zip(&self.fragments)
    }

    /// Where a sample lies in the unit's bytes. It is inside an `mdat`.
    pub(crate) fn range(&self, sample: &Sample) -> Result<Range<usize>> {
        if sample.size == 0 {
            return Ok(0..0);
        }
        let end = sample.at.saturating_add(sample.size.into());
        // They are in the order of the file, and do not overlap.
        let before = self.media.partition_point(|media| media.at <= sample.at);
        let inside = |media: &Span| end <= media.end();
        if !before.checked_sub(1).is_some_and(|last| inside(&self.media[last])) {
            let sentence = "This sample does not lie in the mdat of its fragment.";
            return Err(Error::malformed(Code::SamplesOutsideMdat, sentence).at(sample.at));
        }
        let from = sample.at.saturating_sub(self.at) as usize;
        Ok(from..from + sample.size as usize)
    }

    /// Refuses samples that share bytes where one of them is `changed`:
    /// changing them twice would garble both.
    pub(crate) fn check_overlaps(&self, changed: impl Fn(&TrackFragment) -> bool) -> Result<()> {
        let mut spans: Vec<(u64, u64, bool)> = Vec::new();
        for fragment in &self.fragments {
            let changed = changed(fragment);
            let samples = fragment.samples.iter().filter(|sample| sample.size > 0);
            spans.extend(samples.map(|s| (s.at, s.at.saturating_add(s.size.into()), changed)));
        }
        crate::collections::sort(&mut spans);
        let (mut clear_end, mut changed_end) = (0, 0);
        for (at, end, changed) in spans {
            if at < changed_end || (changed && at < clear_end) {
                let sentence = "Two samples share bytes here; changing both would garble them.";
                return Err(Error::malformed(Code::SamplesOverlap, sentence).at(at));
            }
            let last = if changed { &mut changed_end } else { &mut clear_end };
            *last = end.max(*last);
        }
        Ok(())
    }

    /// Ends the editing: all offsets into the unit's other bytes are those of
    /// the edited `moof`, and count from it from now on.
    pub(crate) fn close(&mut self, base_is_moof: bool) -> Result<()> {
        let trafs = self.moof.all(BoxType::code(b"traf")).zip(&self.fragments);
        let targets = trafs.map(|(traf, old)| self.targets(traf, old)).collect::<Result<Vec<_>>>();
        let at = self.at;
        settle(&mut self.moof, &targets?, base_is_moof).map_err(|e| e.at(at).within("moof"))?;
        self.new_len = self.moof.size();
        Ok(())
    }

    /// What the offsets of a `traf` point at.
    fn targets(&self, traf: &Node, old: &TrackFragment) -> Result<Targets> {
        let end = self.at + self.old_len;
        let mut samples = old.samples.iter();
        let mut runs = Vec::new();
        for (start, count) in &old.runs {
            let bytes: u64 = samples.by_ref().take(*count).map(|s| u64::from(s.size)).sum();
            // A run without bytes points at nothing; behind the header of the mdat.
            let behind = if bytes == 0 { Some(8) } else { start.checked_sub(end) };
            runs.push(behind.ok_or_else(|| {
                let sentence =
                    "This fragment's data stands before its moof, which no Smooth tool writes.";
                Error::unsupported(Code::DataBeforeMoof, sentence).at(*start)
            })?);
        }
        let base = old.tfhd.base_data_offset.unwrap_or(self.at);
        let place = |offset: &u64| {
            let at = base.saturating_add(*offset);
            let inside = |node: &&Node| node.at != 0 && at >= node.at && at < node.at + node.size();
            match at.checked_sub(end) {
                Some(behind) => Some(Place::Behind(behind)),
                None => {
                    let node = traf.children().iter().find(inside)?;
                    Some(Place::Inside { of: node.at, offset: at - node.at })
                }
            }
        };
        let mut infos = Vec::new();
        for node in traf.all(Saio::KIND).filter(|node| node.at != 0) {
            let places: Option<Vec<Place>> = Saio::parse(node)?.offsets.iter().map(place).collect();
            infos.extend(places.map(|places| (node.at, places)));
        }
        Ok(Targets { runs, infos })
    }

    /// Bytes of it, edited, which were these.
    pub(crate) fn len(&self, bytes: &[u8]) -> u64 {
        self.new_len + bytes.len() as u64 - self.old_len
    }

    /// Writes the edited `moof` and, behind it, the unit's other bytes.
    pub(crate) fn write(&self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.len(bytes) as usize);
        self.moof.write(out);
        out.extend_from_slice(&bytes[self.old_len as usize..]);
    }

    /// Where a sample lies in the bytes that were written; see [`PlannedUnit::range`].
    pub(crate) fn new_range(&self, sample: &Sample) -> Result<Range<usize>> {
        let old = self.range(sample)?;
        if old.is_empty() {
            return Ok(old);
        }
        let moved = |at: usize| at - self.old_len as usize + self.new_len as usize;
        Ok(moved(old.start)..moved(old.end))
    }
}

/// Where the payloads of the `mdat`s behind a `moof` of this length are.
fn media(bytes: &[u8], span: Span, moof_len: u64) -> Result<Vec<Span>> {
    let mut media = Vec::new();
    let mut at = moof_len;
    while at < span.len {
        let header = BoxHeader::read(&bytes[at as usize..], span.at + at, span.len - at)?;
        if header.kind == BoxType::code(b"mdat") {
            let len = header.body_len().min(span.len - at - header.header_len);
            media.push(Span { at: span.at + at + header.header_len, len });
        }
        at = at.saturating_add(header.size);
    }
    Ok(media)
}

/// Refuses a file whose structure is broken.
pub(crate) fn check_intact(movie: &Movie, done: &str) -> Result<()> {
    let Some(damage) = &movie.damage else { return Ok(()) };
    let mut error = Error::malformed(
        Code::Damaged,
        format!("The file is damaged, so it cannot be {done} whole: {}", damage.message),
    );
    (error.at, error.path) = (damage.at, damage.path.clone());
    Err(error)
}

/// Fragments of another header were joined to this one.
pub(crate) fn check_header(movie: &Movie) -> Result<()> {
    let Some((fragment, run)) = movie.foreign_run() else { return Ok(()) };
    let track = movie.track(run.track_id);
    let advice = match movie.second_moov {
        Some(at) => format!(
            "Two files were joined: cut this one in front of the second ftyp and moov (the moov is \
             at byte {at}), and work on each part"
        ),
        None => "Join the fragments to the header they belong to".to_owned(),
    };
    let sentence = format!(
        "A fragment uses sample entry {}, but its track has {}. {advice}.",
        track.map_or(1, |track| track.entry_index(run.entry) + 1),
        track.map_or(0, |track| track.entries.len())
    );
    Err(Error::malformed(Code::NoSuchSampleEntry, sentence).at(fragment.moof.at))
}

/// Refuses layouts that working fragment by fragment cannot do right.
pub(crate) fn check_fragments(movie: &Movie) -> Result<()> {
    if movie.fragments.is_empty() {
        return Ok(());
    }
    if let Some(track) = movie.tracks.iter().find(|t| t.listed > 0 && t.protection().is_some()) {
        return Err(Error::unsupported(
            Code::SamplesInMoovToo,
            format!(
                "Only a part of this file is fragmented, and moov lists {} protected samples of \
                 track {} itself, which is not handled here. Decrypt it first: ffmpeg \
                 -decryption_key KEY -i IN -c copy OUT.mp4.",
                track.listed, track.id
            ),
        ));
    }
    check_header(movie)?;
    if let Some(track) = movie.tracks.iter().find(|track| track.listed > 0) {
        return Err(Error::unsupported(
            Code::SamplesInMoovToo,
            format!(
                "Only a part of this file is fragmented: moov lists {} samples of track {} itself. \
                 Put it in order first: ismvault repair IN -o OUT.ismv.",
                track.listed, track.id
            ),
        ));
    }
    if let Some(track) = movie.tracks_clear_with_ivs().next() {
        return Err(Error::unsupported(
            Code::ClearTrackWithIvs,
            format!(
                "The fragments of track {} list IVs (senc), so it is protected already, though \
                 moov says it is clear. Join the fragments to the header they belong to.",
                track.id
            ),
        ));
    }
    if let Some((fragment, run)) = movie.runs_without_their_mdat().next() {
        return Err(Error::unsupported(
            Code::DataElsewhere,
            format!(
                "The samples of track {} in this fragment are not in the mdat behind it. Write \
                 the file anew first: ffmpeg -i IN -c copy -f ismv OUT.ismv.",
                run.track_id
            ),
        )
        .at(fragment.moof.at));
    }
    Ok(())
}
