//! Proof that an output is right: what was written is read again by the
//! `witness`, a reader of its own, and compared with what came in; then its
//! boxes go through the checks that every opened file goes through.
//!
//! Two kinds of output are proved in two ways. Where media is changed, a unit is
//! read from the bytes that go out and its samples are decrypted (`compare`).
//! Where media is only copied, no media is read: every sample of the output must
//! be a span of the source, with the times, flags, IVs and subsamples it has
//! there (`Claims`).

use crate::boxes::protection::Subsample;
use crate::boxes::tree::Node;
use crate::bytes::{Reader, Writer};
use crate::cipher::{SampleCipher, same};
use crate::error::{Error, Result};
use crate::ids::{BoxType, FourCc, Kid, Uuid};
use crate::inspect::Inspector;
use crate::lint::Severity;
use crate::model::{Finding, TopBox};
use crate::recipe::{Piece, Recipe, Stitched};
use crate::sorted::Set;
use crate::witness::{self, Agree, Header, Seen};
use crate::{Session as _, Span, Step};
use sha2::{Digest as _, Sha256};
use std::sync::{Mutex, PoisonError};

/// An output that is not what it should be: nothing of it is kept.
pub(crate) fn failed(at: u64, what: &str) -> Error {
    Error::malformed(
        "proof_failed",
        format!(
            "Read again, the output is not what it should be: {what}. The run was stopped and \
             nothing kept; please report this file."
        ),
    )
    .at(at)
}

/// What the witness finds wrong, told as a failure of the output.
fn told(error: Error) -> Error {
    failed(error.at.unwrap_or(0), &error.message)
}

/// What the witness cannot read of an input.
fn unread(error: Error) -> Error {
    let sentence = format!(
        "A second reader cannot follow this fragment: {}. What is made of it could not be proved, \
         so nothing is made; please report this file.",
        error.message
    );
    Error::unsupported("not_provable", sentence).at(error.at.unwrap_or(0))
}

/// What was found when one unit was read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Samples that came back as they were, clear ones included.
    pub(crate) samples: u64,
    /// Those of them that are encrypted on one side.
    pub(crate) encrypted: u64,
    /// Counters used: the key, the first block, and the one behind the last.
    pub(crate) counters: Vec<(Kid, u128, u128)>,
    /// The boxes of each unit, by its place in the input.
    outlines: Vec<(u64, Outline)>,
}

/// Units on their way out or in: where they begin in the input, and the bytes.
pub(crate) struct Unit<'a> {
    pub(crate) at: u64,
    pub(crate) input: &'a [u8],
    pub(crate) output: &'a [u8],
}

/// Compares a unit with what it was: samples, with their bytes once decrypted,
/// times, flags and sizes. `headers` are those of the input and of the output;
/// `agree` says which of the two was written here.
pub(crate) fn compare<'c>(
    unit: &Unit<'_>,
    headers: [&Header; 2],
    cipher: impl Fn(u32, Kid) -> Option<&'c SampleCipher>,
) -> Result<Proof> {
    let Unit { at, input, output } = *unit;
    let before = witness::runs(headers[0], input, at, Agree::First).map_err(unread)?;
    let after = witness::runs(headers[1], output, at, Agree::All).map_err(told)?;
    if before.len() != after.len() {
        return Err(failed(at, "a fragment has another number of tracks"));
    }
    let mut proof = Proof::default();
    let (mut plain, mut parts) = ([Vec::new(), Vec::new()], Vec::new());
    for (was, is) in before.iter().zip(&after) {
        if (was.track, was.samples.len()) != (is.track, is.samples.len()) {
            return Err(failed(at, "a track has another number of samples"));
        }
        if was.smooth != is.smooth || (was.decoded.is_some() && was.decoded != is.decoded) {
            return Err(failed(at, "a fragment begins at another time"));
        }
        let track = is.track;
        for (was, is) in was.samples.iter().zip(&is.samples) {
            let differs = || failed(was.at, "a sample does not come back as it was");
            let facts = |seen: &Seen| (seen.size, seen.duration, seen.offset, seen.flags);
            if facts(was) != facts(is) {
                return Err(failed(was.at, "a sample has another size, time or flag"));
            }
            let mut sides =
                [(was, input), (is, output)].map(|(seen, bytes)| (seen, bytes, &[][..]));
            for ((seen, bytes, clear), plain) in sides.iter_mut().zip(&mut plain) {
                *clear = slice(bytes, at, seen).ok_or_else(differs)?;
                let Some(lock) = &seen.lock else { continue };
                let kid = Uuid(lock.kid);
                let cipher =
                    cipher(track, kid).ok_or_else(|| failed(seen.at, "its KID is another"))?;
                plain.clear();
                plain.extend_from_slice(clear);
                let part = |(clear, protected): &(u16, u32)| Subsample {
                    clear: *clear,
                    protected: *protected,
                };
                parts.clear();
                parts.extend(lock.parts.iter().map(part));
                cipher.decrypt(lock.method, &lock.iv, &parts, plain)?;
                *clear = plain;
                proof.count(kid, &lock.iv, seen.size);
                proof.encrypted += 1;
            }
            if !same(sides[0].2, sides[1].2) {
                return Err(differs());
            }
            proof.samples += 1;
        }
    }
    let mut outline = Outline::default();
    outline.unit(output)?;
    proof.outlines.push((at, outline));
    Ok(proof)
}

/// The bytes of a sample, of those of its unit.
fn slice<'b>(unit: &'b [u8], at: u64, sample: &Seen) -> Option<&'b [u8]> {
    if sample.size == 0 {
        return Some(&[]); // wherever it says it is
    }
    let from = usize::try_from(sample.at.checked_sub(at)?).ok()?;
    unit.get(from..from.checked_add(sample.size as usize)?)
}

impl Proof {
    /// Samples that came back as they were.
    pub fn samples_compared(&self) -> u64 {
        self.samples
    }

    /// As bytes, from a worker.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u64(self.samples);
        w.u64(self.encrypted);
        w.u32(self.counters.len() as u32);
        for (kid, from, to) in &self.counters {
            w.bytes(&kid.0);
            w.bytes(&from.to_be_bytes());
            w.bytes(&to.to_be_bytes());
        }
        for (at, outline) in &self.outlines {
            w.u64(*at);
            w.u64(outline.size);
            w.u32(outline.chunks.len() as u32);
            for (at, bytes) in &outline.chunks {
                w.u64(*at);
                w.u32(bytes.len() as u32);
                w.bytes(bytes);
            }
        }
        w.into_bytes()
    }

    /// From those bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new(bytes, 0);
        let mut proof =
            Self { samples: r.u64("samples")?, encrypted: r.u64("encrypted")?, ..Self::default() };
        for _ in 0..r.u32("counters")? {
            let kid = Uuid(r.array("kid")?);
            let [from, to] = [r.array("from")?, r.array("to")?].map(u128::from_be_bytes);
            proof.counters.push((kid, from, to));
        }
        while r.left() > 0 {
            let at = r.u64("at")?;
            let mut outline = Outline { size: r.u64("size")?, chunks: Vec::new() };
            for _ in 0..r.u32("chunks")? {
                let (at, len) = (r.u64("at")?, r.u32("length")?);
                outline.chunks.push((at, r.bytes("bytes", len as usize)?.to_vec()));
            }
            proof.outlines.push((at, outline));
        }
        Ok(proof)
    }

    /// Takes in what was found of other units.
    pub fn join(&mut self, other: Self) {
        self.samples += other.samples;
        self.encrypted += other.encrypted;
        self.outlines.extend(other.outlines);
        other.counters.into_iter().for_each(|counters| self.extend(counters));
    }

    fn extend(&mut self, (kid, from, to): (Kid, u128, u128)) {
        match self.counters.last_mut() {
            Some((known, _, last)) if *known == kid && *last == from => *last = to,
            _ => self.counters.push((kid, from, to)),
        }
    }

    /// Takes in the counter blocks of a sample, where it has an IV of its own.
    fn count(&mut self, kid: Kid, iv: &[u8], size: u32) {
        let from = iv.iter().fold(0, |n, byte| n << 8 | u128::from(*byte));
        let (from, to) = match iv.len() {
            8 => (from << 64, (from + 1) << 64),
            _ => (from, from + u128::from(size.div_ceil(16).max(1))),
        };
        self.extend((kid, from, to));
    }
}

/// A recipe whose units are proved while they are done.
pub trait Proves: Recipe {
    /// Does a unit, and reads back what is made of it.
    fn work_and_prove(&self, unit: usize, bytes: &[u8]) -> Result<(Vec<u8>, Proof)>;

    /// What is copied of the input, and what is wrong with it already.
    fn source(&self) -> &Source;
}

/// What a proof must know of an input.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// Its boxes at the top.
    pub(crate) top: Vec<TopBox>,
    /// The checks that it fails itself.
    pub(crate) faults: Faults,
}

/// The checks that inputs fail, by identifier.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Set<&'static str>);

impl Faults {
    pub(crate) fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let errors = findings.into_iter().filter(|f| f.severity() == Severity::Error);
        Self(errors.map(|finding| finding.check.id).collect())
    }
}

/// A recipe of units that proves its work, and keeps what is found.
pub struct Proven<R> {
    recipe: R,
    found: Mutex<Found>,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    proof: Proof,
    /// Units whose turn has not come, by their place in the input.
    waiting: Vec<(u64, Outline)>,
    /// How many pieces the outline has, and how long its units are.
    pieces: usize,
    lengths: Vec<u64>,
    boxes: Boxes,
    fault: Option<Error>,
}

impl<R: Proves> Proven<R> {
    /// Of a recipe.
    pub fn new(recipe: R) -> Self {
        Self { recipe, found: Mutex::default() }
    }

    /// The recipe.
    pub fn recipe(&self) -> &R {
        &self.recipe
    }

    /// Takes in what was found of a unit, wherever it was done. Units may come in
    /// any order.
    pub fn add(&self, mut proof: Proof) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.waiting.append(&mut proof.outlines);
        found.proof.join(proof);
        if let Err(e) = found.advance(&self.recipe) {
            found.fault.get_or_insert(e);
        }
    }

    /// What is proved of an output that is whole.
    ///
    /// # Errors
    /// If its boxes have a fault that those of the input did not have.
    pub fn verdict(self) -> Result<(R, Proof)> {
        let Self { recipe, found } = self;
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.advance(&recipe)?;
        if let Some(fault) = found.fault {
            return Err(fault);
        }
        if let Some(Piece::Work { span, .. }) = recipe.pieces().get(found.pieces) {
            return Err(failed(span.at, "a fragment was not proved"));
        }
        found.boxes.outline.bytes(&recipe.finish(&found.lengths)?);
        found.boxes.judge(&recipe.source().faults)?;
        Ok((recipe, found.proof))
    }
}

impl Found {
    /// Adds the pieces whose turn has come.
    fn advance<R: Proves>(&mut self, recipe: &R) -> Result<()> {
        for piece in &recipe.pieces()[self.pieces..] {
            let outline = &mut self.boxes.outline;
            match piece {
                Piece::Bytes(bytes) => outline.bytes(bytes),
                Piece::Copy(span) => outline.boxes(*span, &recipe.source().top, &Known::new()),
                Piece::Work { span, .. } => {
                    let index = self.waiting.iter().position(|(at, _)| *at == span.at);
                    let Some(index) = index else { break };
                    let (_, unit) = self.waiting.swap_remove(index);
                    self.lengths.push(unit.size);
                    outline.outline(&unit);
                }
            }
            self.pieces += 1;
            self.boxes.advance()?;
        }
        Ok(())
    }
}

/// The boxes of an output, checked while they are written.
struct Boxes {
    outline: Outline,
    inspector: Inspector,
}

impl Default for Boxes {
    fn default() -> Self {
        Self { outline: Outline::default(), inspector: Inspector::of_boxes() }
    }
}

impl Boxes {
    /// Gives the inspection what it waits for, as far as it is there.
    fn advance(&mut self) -> Result<()> {
        while let Step::Read(spans) = self.inspector.step()? {
            let Some(span) = spans.first().filter(|span| span.end() <= self.outline.size) else {
                break;
            };
            self.inspector.feed(&self.outline.read(*span))?;
        }
        self.outline.forget(self.inspector.position());
        Ok(())
    }

    /// Ends the output. An error that `known` does not have is one that we made.
    fn judge(mut self, known: &Faults) -> Result<()> {
        self.advance()?;
        self.inspector.end_at(self.outline.size);
        self.advance()?;
        let movie = self.inspector.into_movie();
        let fault = movie.findings.iter().find(|finding| {
            finding.severity() == Severity::Error && !known.0.contains(&finding.check.id)
        });
        fault.map_or(Ok(()), |f| Err(failed(f.at.unwrap_or(0), f.message.trim_end_matches('.'))))
    }
}

impl<R: Proves> Recipe for Proven<R> {
    fn pieces(&self) -> &[Piece] {
        self.recipe.pieces()
    }

    fn work(&self, unit: usize, bytes: &[u8]) -> Result<Vec<u8>> {
        let (output, proof) = self.recipe.work_and_prove(unit, bytes)?;
        self.add(proof);
        Ok(output)
    }

    fn finish(&self, lengths: &[u64]) -> Result<Vec<u8>> {
        self.recipe.finish(lengths)
    }

    fn unmeasured(&self) -> Vec<Span> {
        self.recipe.unmeasured()
    }

    fn measure(&self, unit: usize, bytes: &[u8]) -> Result<u64> {
        self.recipe.measure(unit, bytes)
    }

    fn settle(&mut self, lengths: &[u64]) -> Result<()> {
        self.recipe.settle(lengths)
    }
}

/// An output without its media: its boxes, and how long it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    size: u64,
    /// What is known, in order.
    chunks: Vec<(u64, Vec<u8>)>,
}

/// What is known of copied boxes: bytes, by the place of the first in the source.
pub(crate) type Known = crate::sorted::Map<u64, Vec<u8>>;

/// Boxes whose bodies an inspection reads: without them they are filler.
const READ: [&[u8; 4]; 5] = [b"ftyp", b"moov", b"moof", b"mfra", b"sidx"];

impl Outline {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.size;
        self.size += bytes.len() as u64;
        match self.chunks.last_mut() {
            Some((at, last)) if *at + last.len() as u64 == end => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.chunks.push((end, bytes.to_vec())),
        }
    }

    /// Media, or anything else that is not looked into.
    pub(crate) fn gap(&mut self, len: u64) {
        self.size += len;
    }

    fn outline(&mut self, other: &Self) {
        let start = self.size;
        for (at, bytes) in &other.chunks {
            self.size = start + at;
            self.bytes(bytes);
        }
        self.size = start + other.size;
    }

    /// Boxes that are copied as they are, by their headers.
    pub(crate) fn boxes(&mut self, span: Span, top: &[TopBox], known: &Known) {
        let (start, end) = (self.size, self.size + span.len);
        let first = top.partition_point(|b| b.span.at < span.at);
        for own in top[first..].iter().take_while(|b| b.span.at < span.end()) {
            if start + (own.span.at - span.at) < self.size {
                continue; // among what is known
            }
            if let Some(bytes) = known.get(&own.span.at) {
                self.size = start + (own.span.at - span.at);
                self.bytes(bytes);
                continue;
            }
            let code = match own.kind {
                BoxType::Code(FourCc(code)) if !READ.contains(&&code) => code,
                _ => *b"free",
            };
            self.size = start + (own.span.at - span.at);
            let header = match own.header_len {
                16 => [&1_u32.to_be_bytes()[..], &code, &own.span.len.to_be_bytes()].concat(),
                _ if own.to_end => [&[0; 4][..], &code].concat(),
                _ => [&(own.span.len as u32).to_be_bytes()[..], &code].concat(),
            };
            self.bytes(&header);
        }
        self.size = end;
    }

    /// The boxes of a unit: all of them but for the payload of `mdat`.
    fn unit(&mut self, bytes: &[u8]) -> Result<()> {
        let mut at = 0;
        while at < bytes.len() {
            let header =
                crate::boxes::BoxHeader::read(&bytes[at..], at as u64, (bytes.len() - at) as u64)?;
            let end = at.saturating_add(header.size as usize).min(bytes.len());
            if header.kind == BoxType::code(b"mdat") {
                let payload = (at + header.header_len as usize).min(end);
                self.bytes(&bytes[at..payload]);
                self.gap((end - payload) as u64);
            } else {
                self.bytes(&bytes[at..end]);
            }
            at = end;
        }
        Ok(())
    }

    fn read(&self, span: Span) -> Vec<u8> {
        let mut out = vec![0; span.len as usize];
        let first = self.chunks.partition_point(|(at, bytes)| at + bytes.len() as u64 <= span.at);
        for (at, bytes) in self.chunks[first..].iter().take_while(|(at, _)| *at < span.end()) {
            let (from, to) = (span.at.max(*at), span.end().min(at + bytes.len() as u64));
            let part = &bytes[(from - at) as usize..(to - at) as usize];
            out[(from - span.at) as usize..(to - span.at) as usize].copy_from_slice(part);
        }
        out
    }

    /// Lets go of what is in front of this place.
    fn forget(&mut self, before: u64) {
        self.chunks.retain(|(at, bytes)| at + bytes.len() as u64 > before);
    }

    /// Runs the checks over the boxes.
    fn lint(self, known: &Faults) -> Result<()> {
        let mut boxes = Boxes { outline: self, ..Boxes::default() };
        boxes.advance()?;
        boxes.judge(known)
    }
}

/// What the copies of an output must be, by what its sources are.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    tracks: Vec<(u32, Claim)>,
    faults: Faults,
}

/// Samples that a `moov` lists.
#[derive(Debug)]
struct Table {
    listed: witness::Listed,
    /// Which of them are taken.
    taken: std::ops::Range<usize>,
    /// Where the source begins among all.
    start: u64,
    /// How much later than its own times the track is presented, in ticks.
    later: i64,
    scale: f64,
}

impl Table {
    /// The samples, each with when it is presented, in seconds.
    fn samples(&self) -> impl Iterator<Item = (f64, Seen)> {
        let taken = self.listed.samples().skip(self.taken.start).take(self.taken.len());
        taken.map(|(decoded, seen)| {
            let presented = decoded.saturating_add(seen.offset.into()).saturating_add(self.later);
            (presented as f64 / self.scale, Seen { at: seen.at + self.start, ..seen })
        })
    }
}

/// What of a claim the output has shown so far.
struct Shown<'c> {
    listed: std::iter::Peekable<Box<dyn Iterator<Item = (f64, Seen)> + 'c>>,
    fragments: usize,
}

#[derive(Debug, Default)]
struct Claim {
    listed: Option<Table>,
    /// What fragments have, in order.
    fragments: Vec<Told>,
}

/// What one `traf` of a source has.
#[derive(Debug)]
struct Told {
    samples: usize,
    digest: [u8; 32],
    /// When its first sample is presented, in seconds, where the source tells.
    presented: Option<f64>,
    at: u64,
}

/// How a source's samples may differ in an output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changed {
    /// Where the source begins among all.
    pub(crate) start: u64,
    /// The duration of samples that have none of their own.
    pub(crate) duration: Option<u32>,
}

/// Everything about samples but when they are decoded, and their bytes.
fn digest<'s>(samples: impl Iterator<Item = (u64, &'s Seen)>, changed: Changed) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (at, seen) in samples {
        let place = if seen.size == 0 { 0 } else { at };
        let mut row = [0; 24];
        row[..8].copy_from_slice(&place.to_be_bytes());
        row[8..12].copy_from_slice(&seen.size.to_be_bytes());
        let duration = changed.duration.unwrap_or(seen.duration);
        row[12..16].copy_from_slice(&duration.to_be_bytes());
        row[16..20].copy_from_slice(&seen.offset.to_be_bytes());
        row[20..].copy_from_slice(&seen.flags.to_be_bytes());
        hash.update(row);
        if let Some(lock) = &seen.lock {
            hash.update(lock.kid);
            hash.update([lock.iv.len() as u8, lock.method.pattern, lock.method.cbc.into()]);
            hash.update(&lock.iv);
            for (clear, protected) in &lock.parts {
                hash.update(clear.to_be_bytes());
                hash.update(protected.to_be_bytes());
            }
        }
    }
    hash.finalize().into()
}

impl Claims {
    /// About inputs in which this is wrong already.
    pub(crate) fn new<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        Self { tracks: Vec::new(), faults: Faults::of(findings) }
    }

    fn track(&mut self, id: u32) -> &mut Claim {
        let index = self.tracks.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            self.tracks.push((id, Claim::default()));
            self.tracks.len() - 1
        });
        &mut self.tracks[index].1
    }

    /// Claims the samples of a track in a source's `moof`, whose bytes are
    /// these, for the track `id` of the output.
    pub(crate) fn fragment(
        &mut self,
        id: u32,
        (header, track): (&Header, u32),
        (bytes, at): (&[u8], u64),
        traf: usize,
        changed: Changed,
    ) -> Result<()> {
        let runs = witness::runs(header, bytes, at, Agree::First).map_err(unread)?;
        let run = runs.get(traf).filter(|run| run.track == track);
        let run = run.ok_or_else(|| failed(at, "a fragment is another's"))?;
        let presented = header.track(track).and_then(|own| {
            let first = i64::from(run.samples.first()?.offset);
            let media = match (run.decoded, run.smooth) {
                (Some(decoded), _) => (decoded as i64).checked_add(first)?,
                (None, Some(smooth)) if smooth >= -60 * i64::from(own.scale) => smooth,
                _ => return None,
            };
            Some((media + own.later) as f64 / f64::from(own.scale.max(1)))
        });
        let samples = run.samples.iter().map(|seen| (seen.at + changed.start, seen));
        let told = Told {
            samples: run.samples.len(),
            digest: digest(samples, changed),
            presented,
            at: at + changed.start,
        };
        self.track(id).fragments.push(told);
        Ok(())
    }

    /// Claims samples that a source's `moov` lists, but for so many in front and
    /// behind that its edit list hides. The source begins at `start`.
    pub(crate) fn listed(
        &mut self,
        id: u32,
        (header, listed): (&Header, witness::Listed),
        hidden: [usize; 2],
        start: u64,
    ) {
        let Some(own) = header.track(listed.track) else { return };
        let to = listed.count.saturating_sub(hidden[1]);
        let taken = hidden[0].min(to)..to;
        let (later, scale) = (own.later, f64::from(own.scale.max(1)));
        self.track(id).listed = Some(Table { listed, taken, start, later, scale });
    }

    /// Reads an output again and compares it with the claims.
    ///
    /// # Errors
    /// If a sample is not the span of a source that it should be, differs from
    /// it, or is missing; if tracks are moved against each other; if its boxes
    /// have a fault that no source had.
    pub(crate) fn check(self, output: Stitched) -> Result<Stitched> {
        self.check_boxes(output, None)
    }

    /// The same where boxes at the top are copied with their headers: those of
    /// the source, and what is known of their bytes.
    pub(crate) fn check_boxes(
        self,
        mut output: Stitched,
        source: Option<(&[TopBox], &Known)>,
    ) -> Result<Stitched> {
        let mut outline = Outline::default();
        // Where each copy begins in the output, and what it is a copy of.
        let mut copies: Vec<(u64, Span)> = Vec::new();
        for piece in output.pieces() {
            match piece {
                Piece::Bytes(bytes) => outline.bytes(bytes),
                Piece::Copy(span) | Piece::Work { span, .. } => {
                    copies.push((outline.size, *span));
                    match source {
                        Some((top, known)) => outline.boxes(*span, top, known),
                        None => outline.gap(span.len),
                    }
                }
            }
        }
        output.compared = self.compare(&outline, &copies)?;
        outline.lint(&self.faults)?;
        Ok(output)
    }

    /// The same of an output whose outline is known.
    fn compare(&self, outline: &Outline, copies: &[(u64, Span)]) -> Result<u64> {
        let source_of = |seen: &Seen| -> Option<u64> {
            let index = copies.partition_point(|(at, _)| *at <= seen.at).checked_sub(1)?;
            let (at, span) = copies[index];
            let inside = seen.at - at;
            (inside + u64::from(seen.size) <= span.len).then_some(span.at + inside)
        };
        let mut header: Option<Header> = None;
        for (at, size, code) in outline.top()? {
            if &code == b"moov" && header.is_none() {
                let moov = outline.read(Span { at, len: size });
                header = Some(Header::read(&moov).map_err(told)?);
            }
        }
        let header = header.ok_or_else(|| failed(0, "there is no moov"))?;
        let mut shown: Vec<Shown<'_>> =
            self.tracks.iter().map(|(_, claim)| claim.shown()).collect();
        let (mut shift, mut total) = (None, 0);
        for (at, size, code) in outline.top()? {
            match &code {
                b"moov" => {
                    let moov = outline.read(Span { at, len: size });
                    for listed in witness::listed(&moov, outline.size).map_err(told)? {
                        let index = self.tracks.iter().position(|(id, _)| *id == listed.track);
                        let Some(index) = index else { continue };
                        let samples = listed.samples().map(|(_, seen)| seen).collect();
                        let (track, decoded, smooth) = (listed.track, None, None);
                        let run = witness::Run { track, decoded, smooth, samples };
                        self.tracks[index].1.take(&run, &mut shown[index], source_of)?;
                        total += run.samples.len() as u64;
                    }
                }
                b"moof" => {
                    let bytes = outline.known_from(at);
                    for run in witness::runs(&header, bytes, at, Agree::All).map_err(told)? {
                        let index = self.tracks.iter().position(|(id, _)| *id == run.track);
                        let index = index.ok_or_else(|| failed(at, "a track was not asked for"))?;
                        let claim = &self.tracks[index].1;
                        let place = claim.at(&mut shown[index]);
                        let presented = claim.take(&run, &mut shown[index], source_of)?;
                        total += run.samples.len() as u64;
                        let Some(own) = header.track(run.track) else { continue };
                        check_time(&run, own, presented, &mut shift)
                            .map_err(|what| failed(place, &what))?;
                    }
                }
                _ => {}
            }
        }
        for ((id, claim), mut shown) in self.tracks.iter().zip(shown) {
            if shown.listed.peek().is_some() || shown.fragments < claim.fragments.len() {
                let at = claim.at(&mut shown);
                return Err(failed(at, &format!("samples of track {id} are missing")));
            }
        }
        Ok(total)
    }
}

impl Claim {
    fn shown(&self) -> Shown<'_> {
        let listed = self.listed.iter().flat_map(Table::samples);
        let listed: Box<dyn Iterator<Item = (f64, Seen)>> = Box::new(listed);
        Shown { listed: listed.peekable(), fragments: 0 }
    }

    /// Takes the samples of a `traf` of the output off what is claimed, and
    /// tells when the first should be presented.
    fn take(
        &self,
        run: &witness::Run,
        shown: &mut Shown<'_>,
        source_of: impl Fn(&Seen) -> Option<u64>,
    ) -> Result<Option<f64>> {
        let place = self.at(shown);
        let mut places = Vec::with_capacity(run.samples.len());
        for seen in &run.samples {
            let source = if seen.size == 0 { Some(0) } else { source_of(seen) };
            places.push(source.ok_or_else(|| failed(place, "a sample is no copy of one"))?);
        }
        if let Some((begins, _)) = shown.listed.peek() {
            let begins = *begins;
            for (seen, at) in run.samples.iter().zip(&places) {
                let claimed = shown.listed.next();
                let (_, claimed) =
                    claimed.ok_or_else(|| failed(place, "there are samples too many"))?;
                let facts = |seen: &Seen| (seen.size, seen.duration, seen.offset, seen.is_sync());
                let moved = seen.size > 0 && *at != claimed.at;
                if facts(seen) != facts(&claimed) || moved {
                    return Err(failed(claimed.at, "a sample differs from the one it was"));
                }
            }
            return Ok(Some(begins));
        }
        let claimed = self.fragments.get(shown.fragments);
        let claimed = claimed.ok_or_else(|| failed(place, "there are fragments too many"))?;
        let own = digest(places.iter().copied().zip(&run.samples), Changed::default());
        if (claimed.samples, claimed.digest) != (run.samples.len(), own) {
            return Err(failed(claimed.at, "its samples differ from those they were"));
        }
        shown.fragments += 1;
        Ok(claimed.presented)
    }

    /// Where in the sources something is that is claimed next.
    fn at(&self, shown: &mut Shown<'_>) -> u64 {
        let listed = shown.listed.peek().map(|(_, seen)| seen.at);
        listed.or(self.fragments.get(shown.fragments).map(|told| told.at)).unwrap_or(0)
    }
}

/// Whether a run is presented when it should be: moved by as much as all others.
fn check_time(
    run: &witness::Run,
    track: &witness::Track,
    claimed: Option<f64>,
    shift: &mut Option<f64>,
) -> std::result::Result<(), String> {
    let first = run.samples.first().map(|seen| i64::from(seen.offset));
    let (Some(claimed), Some(decoded), Some(first)) = (claimed, run.decoded, first) else {
        return Ok(());
    };
    let scale = f64::from(track.scale.max(1));
    let media = (decoded as i64).saturating_add(first).saturating_add(track.later);
    let moved = media as f64 / scale - claimed;
    let known = *shift.get_or_insert(moved);
    // Edit lists and other timescales round; two milliseconds are heard by nobody.
    if (moved - known).abs() > 0.002 + 2.0 / scale {
        return Err(format!(
            "a fragment of track {} is presented {:.3} s away from the others",
            run.track,
            moved - known
        ));
    }
    Ok(())
}

impl Outline {
    /// Place, size and code of every box at the top.
    fn top(&self) -> Result<Vec<(u64, u64, [u8; 4])>> {
        let (mut found, mut at) = (Vec::new(), 0);
        while at + 8 <= self.size {
            let head = self.read(Span { at, len: 16.min(self.size - at) });
            let number = |bytes: &[u8]| bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b));
            let size = match number(&head[..4]) {
                0 => self.size - at,
                1 => number(&head[8..]),
                size => size,
            };
            if size < 8 || size > self.size - at {
                return Err(failed(at, "a box is longer than the file"));
            }
            found.push((at, size, [head[4], head[5], head[6], head[7]]));
            at += size;
        }
        Ok(found)
    }

    /// What is known from this place on without a gap.
    fn known_from(&self, at: u64) -> &[u8] {
        let index = self.chunks.partition_point(|(from, _)| *from <= at);
        let Some((from, bytes)) = index.checked_sub(1).and_then(|index| self.chunks.get(index))
        else {
            return &[];
        };
        usize::try_from(at - from).ok().and_then(|from| bytes.get(from..)).unwrap_or_default()
    }
}

/// What the witness reads of a `moov`.
pub(crate) fn header_of(moov: &Node) -> Result<Header> {
    Header::read(&moov.to_bytes()).map_err(told)
}
