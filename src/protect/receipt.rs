//! The receipt: while a protected file is written, every unit of it is read
//! back from the bytes that go out, decrypted, and compared with what came in.
//!
//! Reading back shares nothing with writing but the boxes and the cipher: where
//! samples lie, their IVs and their keys are taken from the output alone.

use super::{Plan, PreviewKey};
use crate::Span;
use crate::boxes::BoxHeader;
use crate::boxes::tree::Node;
use crate::bytes::{Reader, Writer};
use crate::cipher::{SampleCipher, hex, same};
use crate::error::{Error, Result};
use crate::ids::{BoxType, Kid, Uuid};
use crate::inspect::movie_of;
use crate::model::{AtHand, Movie, Sample, TrackFragment, protected_samples, read_fragment};
use crate::recipe::{Piece, Recipe};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::sync::{Mutex, PoisonError};

/// What was found when one unit was read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Samples that came back as they were, clear ones included.
    samples: u64,
    /// Those of them that were encrypted.
    encrypted: u64,
    /// Counters used: the key, the first block, and the one behind the last.
    counters: Vec<(Kid, u128, u128)>,
}

/// Reads units back.
pub(super) struct Proving {
    /// What the output says of itself.
    movie: Movie,
}

impl Proving {
    pub(super) fn new(moov: &Node) -> Self {
        Self { movie: movie_of(moov.clone()) }
    }

    /// Compares a unit as it came in with what goes out.
    pub(super) fn prove<'c>(
        &self,
        at: u64,
        fragments: &[TrackFragment],
        input: &[u8],
        output: &[u8],
        cipher: impl Fn(Kid) -> Option<&'c SampleCipher>,
    ) -> Result<Proof> {
        let mut proof = Proof::default();
        let mut plain = Vec::new();
        let header = BoxHeader::read(output, at, output.len() as u64)?;
        let bytes =
            output.get(..header.size as usize).ok_or_else(|| mismatch(at, "its moof is cut"))?;
        let moof = Node::read(bytes, at, &mut Vec::new())?;
        let written = read_fragment(&moof, |id| self.movie.trex(id))?;
        if written.len() != fragments.len() {
            return Err(mismatch(at, "it has another number of tracks"));
        }
        let trafs = moof.all(BoxType::code(b"traf"));
        for ((traf, written), read) in trafs.zip(&written).zip(fragments) {
            if written.samples.len() != read.samples.len() {
                return Err(mismatch(at, "it has another number of samples"));
            }
            let track = self.movie.track(written.tfhd.track_id);
            let at_hand = AtHand { at, bytes: output };
            let infos = match track {
                Some(track) => protected_samples(track, traf, written, at_hand)?,
                None => vec![None; written.samples.len()],
            };
            for ((now, before), info) in written.samples.iter().zip(&read.samples).zip(infos) {
                let differs = || mismatch(before.at, "a sample does not come back as it was");
                let was = slice(input, at, before).ok_or_else(differs)?;
                let mut is = slice(output, at, now).ok_or_else(differs)?;
                if let Some(info) = &info {
                    let cipher = cipher(info.kid)
                        .ok_or_else(|| mismatch(before.at, "its KID is another"))?;
                    plain.clear();
                    plain.extend_from_slice(is);
                    info.decrypt(cipher, &mut plain)?;
                    is = &plain;
                    proof.encrypted += 1;
                    proof.count(info.kid, &info.iv, now.size);
                }
                let same_times = (now.duration, now.composition_offset)
                    == (before.duration, before.composition_offset);
                if !same(was, is) || !same_times {
                    return Err(differs());
                }
                proof.samples += 1;
            }
        }
        Ok(proof)
    }
}

/// The bytes of a sample, of those of its unit.
fn slice<'b>(unit: &'b [u8], at: u64, sample: &Sample) -> Option<&'b [u8]> {
    if sample.size == 0 {
        return Some(&[]); // wherever it says it is
    }
    let from = usize::try_from(sample.at.checked_sub(at)?).ok()?;
    unit.get(from..from.checked_add(sample.size as usize)?)
}

impl Proof {
    /// As bytes, from a worker.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u64(self.samples);
        w.u64(self.encrypted);
        for (kid, from, to) in &self.counters {
            w.bytes(&kid.0);
            w.bytes(&from.to_be_bytes());
            w.bytes(&to.to_be_bytes());
        }
        w.into_bytes()
    }

    /// From those bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new(bytes, 0);
        let mut proof = Self {
            samples: r.u64("samples")?,
            encrypted: r.u64("encrypted")?,
            counters: Vec::new(),
        };
        while r.left() > 0 {
            let kid = Uuid(r.array("kid")?);
            let [from, to] = [r.array("from")?, r.array("to")?].map(u128::from_be_bytes);
            proof.counters.push((kid, from, to));
        }
        Ok(proof)
    }

    /// Takes in what was found of other units.
    pub fn join(&mut self, other: Self) {
        self.samples += other.samples;
        self.encrypted += other.encrypted;
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

fn mismatch(at: u64, what: &str) -> Error {
    Error::malformed(
        "proof_failed",
        format!(
            "Read back and decrypted, {what}. The run was stopped and nothing kept; please report \
             this file."
        ),
    )
    .at(at)
}

/// SHA-256 of a file, taken in from its start.
#[derive(Default)]
pub struct FileHash(Sha256);

impl FileHash {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In hex.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// What is known of a finished file.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt {
    /// What made it.
    pub made_by: String,
    /// Name of the input, where it has one.
    pub input: String,
    /// Bytes of the input.
    pub input_size: u64,
    /// Bytes of the output.
    pub output_size: u64,
    /// SHA-256 of the output, in hex: see [`FileHash`].
    pub sha256: String,
    /// Samples that were decrypted again from the output and are those of the input.
    pub samples_compared: u64,
    /// Those of them that were encrypted.
    pub samples_encrypted: u64,
    /// Whether no counter is used twice with a key; `false` is never written.
    pub ivs_unique: bool,
    /// `piff`, `cenc` or `cbcs`.
    pub scheme: String,
    /// The profile.
    pub profile: &'static str,
    /// The keys, by what is public of them.
    pub keys: Vec<PreviewKey>,
    /// The plan in sentences.
    pub options: Vec<String>,
}

/// A plan that proves its work, and keeps what is found.
pub struct Proven {
    plan: Plan,
    book: Mutex<ReceiptBook>,
}

impl Proven {
    /// Of a plan.
    pub fn new(plan: Plan) -> Self {
        Self { plan, book: Mutex::default() }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes in what was found of a unit, wherever it was done.
    pub fn add(&self, proof: Proof) {
        self.book.lock().unwrap_or_else(PoisonError::into_inner).add(proof);
    }

    /// The receipt of a file that is whole; see [`ReceiptBook::finish`].
    pub fn receipt(self, input: &str, sizes: [u64; 2]) -> Result<Receipt> {
        let book = self.book.into_inner().unwrap_or_else(PoisonError::into_inner);
        book.finish(&self.plan, input, sizes)
    }
}

impl Recipe for Proven {
    fn pieces(&self) -> &[Piece] {
        self.plan.pieces()
    }

    fn work(&self, unit: usize, bytes: &[u8]) -> Result<Vec<u8>> {
        let (output, proof) = self.plan.work_and_prove(unit, bytes)?;
        self.add(proof);
        Ok(output)
    }

    fn finish(&self, lengths: &[u64]) -> Result<Vec<u8>> {
        self.plan.finish(lengths)
    }

    fn unmeasured(&self) -> Vec<Span> {
        self.plan.unmeasured()
    }

    fn measure(&self, unit: usize, bytes: &[u8]) -> Result<u64> {
        self.plan.measure(unit, bytes)
    }

    fn settle(&mut self, lengths: &[u64]) -> Result<()> {
        self.plan.settle(lengths)
    }
}

/// Collects what is found on the way.
#[derive(Default)]
pub struct ReceiptBook {
    proofs: Proof,
}

impl ReceiptBook {
    /// Takes in what was found of a unit. Units may come in any order.
    pub fn add(&mut self, proof: Proof) {
        self.proofs.join(proof);
    }

    /// The receipt of a file that is whole, from the sizes of input and output.
    /// Its hash is still empty.
    ///
    /// # Errors
    /// If a counter was used twice, or samples are missing.
    pub fn finish(mut self, plan: &Plan, input: &str, sizes: [u64; 2]) -> Result<Receipt> {
        let preview = plan.preview();
        if self.proofs.encrypted != preview.samples {
            return Err(mismatch(0, "another number of samples is encrypted than was planned"));
        }
        let constant = plan.profile().cbc;
        crate::sorted::sort_by_key(&mut self.proofs.counters, |(kid, from, _)| (kid.0, *from));
        let twice = self.proofs.counters.windows(2).any(|pair| {
            let ((a, _, end), (b, from, _)) = (pair[0], pair[1]);
            a == b && from < end
        });
        if twice && !constant {
            return Err(mismatch(0, "an IV is used twice"));
        }
        Ok(Receipt {
            made_by: format!("ismvault {}", env!("CARGO_PKG_VERSION")),
            input: input.to_owned(),
            input_size: sizes[0],
            output_size: sizes[1],
            sha256: String::new(),
            samples_compared: self.proofs.samples,
            samples_encrypted: self.proofs.encrypted,
            ivs_unique: !constant,
            scheme: String::from_utf8_lossy(&plan.profile().scheme).into_owned(),
            profile: plan.profile().name,
            keys: preview.keys.clone(),
            options: preview.sentences.clone(),
        })
    }
}
