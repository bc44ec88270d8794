//! Proof that an output is right: what was written is read again by the
//! `witness`, a reader of its own, and compared with what came in; then its
//! boxes go through the checks that every opened file goes through.
//!
//! Two kinds of output are proved in two ways. Where media is changed, a unit is
//! read from the bytes that go out and its samples are decrypted (`compare`).
//! Where media is only copied, no media is read: every sample of the output must
//! be a span of the source, with the times, flags, IVs and subsamples it has
//! there (`Claims`).

mod claims;
mod outline;

pub(crate) use claims::{Changed, Claims};
pub(crate) use outline::{Faults, Known};

use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::protection::Subsample;
use crate::format::boxes::tree::Node;
use crate::format::bytes::{Reader, Writer};
use crate::format::cipher::{SampleCipher, same};
use crate::format::ids::{Kid, Uuid};
use crate::make::recipe::{Piece, Recipe};
use crate::make::witness::{self, Agree, Header, Seen};
use crate::model::TopBox;
use outline::{Boxes, Outline};
use std::sync::{Mutex, PoisonError};

/// An output that is not what it should be: nothing of it is kept.
pub(crate) fn failed(at: u64, what: &str) -> Error {
    let message =
        format!("Read again, the output is not what it should be: {what}. It is not kept.");
    Error::malformed(Code::ProofFailed, message).at(at)
}

/// What to do about such a failure, where `cause` is what is wrong with the input
/// already: of a sound one it is a fault of ours.
pub(crate) fn blamed(error: Error, cause: Option<&str>) -> Error {
    let end = match (error.code, cause) {
        (Code::ProofFailed, Some(cause)) => {
            format!(" The file has this against it already, which is not mended here: {cause}")
        }
        (Code::ProofFailed, None) => " Please report this file.".to_owned(),
        _ => return error,
    };
    Error { message: error.message + &end, ..error }
}

/// What the witness finds wrong, told as a failure of the output.
fn told(error: Error) -> Error {
    failed(error.at.unwrap_or(0), &error.message)
}

/// What the witness cannot read of an input.
fn unread(error: Error) -> Error {
    let sentence = format!(
        "This fragment says different things to different readers: {}. What is made of it could not \
         be proved, so nothing is made.",
        error.message
    );
    Error::unsupported(Code::NotProvable, sentence).at(error.at.unwrap_or(0))
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
pub(crate) struct UnitBytes<'a> {
    pub(crate) at: u64,
    pub(crate) input: &'a [u8],
    pub(crate) output: &'a [u8],
}

/// Compares a unit with what it was: samples, with their bytes once decrypted,
/// times, flags and sizes. `headers` are those of the input and of the output;
/// `agree` says which of the two was written here.
pub(crate) fn compare<'c>(
    unit: &UnitBytes<'_>,
    headers: [&Header; 2],
    cipher: impl Fn(u32, Kid) -> Option<&'c SampleCipher>,
) -> Result<Proof> {
    compare_runs(unit, headers, cipher).map_err(|e| blamed(e, None))
}

fn compare_runs<'c>(
    unit: &UnitBytes<'_>,
    headers: [&Header; 2],
    cipher: impl Fn(u32, Kid) -> Option<&'c SampleCipher>,
) -> Result<Proof> {
    let UnitBytes { at, input, output } = *unit;
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
    ///
    /// # Errors
    /// Where the bytes are no proof.
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
    ///
    /// # Errors
    /// Those of [`Recipe::work`], and where what was made does not prove.
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
        self.judge().map_err(|e| blamed(e, None))
    }

    fn judge(self) -> Result<(R, Proof)> {
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

/// What the witness reads of a `moov`.
pub(crate) fn header_of(moov: &Node) -> Result<Header> {
    Header::read(&moov.to_bytes()).map_err(told)
}
