//! The receipt: while a protected file is written, every unit of it is read
//! back from the bytes that go out, decrypted, and compared with what came in.
//!
//! Reading back shares nothing with writing but the boxes and the cipher: where
//! samples lie, their IVs and their keys are taken from the output alone.

use super::{Options, Plan, PreviewKey};
use crate::Span;
use crate::boxes::BoxHeader;
use crate::boxes::tree::Node;
use crate::cipher::{SampleCipher, hex};
use crate::error::{Error, Result};
use crate::ids::{BoxType, Kid};
use crate::inspect::movie_of;
use crate::model::{AtHand, Movie, TrackFragment, protected_samples, read_fragment};
use crate::recipe::{Piece, Recipe};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;

/// What was found when one unit was read back.
#[derive(Clone, Debug, Default)]
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
    ciphers: Vec<(Kid, SampleCipher)>,
}

impl Proving {
    pub(super) fn new(moov: &Node, options: &Options) -> Self {
        let ciphers = options.keys.iter().map(|key| (key.kid, key.key.cipher())).collect();
        Self { movie: movie_of(moov.clone()), ciphers }
    }

    /// Compares a unit as it came in with what goes out.
    pub(super) fn prove(
        &self,
        at: u64,
        fragments: &[TrackFragment],
        input: &[u8],
        output: &[u8],
    ) -> Result<Proof> {
        let mut proof = Proof::default();
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
                let slice = |bytes: &[u8], from: u64, size: u32| {
                    let from = from.checked_sub(at)? as usize;
                    bytes.get(from..from + size as usize).map(<[u8]>::to_vec)
                };
                let was = slice(input, before.at, before.size);
                let mut is = slice(output, now.at, now.size);
                if let (Some(info), Some(bytes)) = (&info, &mut is) {
                    let cipher = self.ciphers.iter().find(|(kid, _)| *kid == info.kid);
                    let (kid, cipher) =
                        cipher.ok_or_else(|| mismatch(before.at, "its KID is another"))?;
                    info.decrypt(cipher, bytes)?;
                    proof.encrypted += 1;
                    proof.count(*kid, &info.iv, now.size);
                }
                let same_times = (now.duration, now.composition_offset)
                    == (before.duration, before.composition_offset);
                if was.is_none() || was != is || !same_times {
                    return Err(mismatch(before.at, "a sample does not come back as it was"));
                }
                proof.samples += 1;
            }
        }
        Ok(proof)
    }
}

impl Proof {
    /// Takes in the counter blocks of a sample, where it has an IV of its own.
    fn count(&mut self, kid: Kid, iv: &[u8], size: u32) {
        let from = iv.iter().fold(0, |n, byte| n << 8 | u128::from(*byte));
        let (from, to) = match iv.len() {
            8 => (from << 64, (from + 1) << 64),
            _ => (from, from + u128::from(size.div_ceil(16).max(1))),
        };
        match self.counters.last_mut() {
            Some((known, _, last)) if *known == kid && *last == from => *last = to,
            _ => self.counters.push((kid, from, to)),
        }
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
    /// SHA-256 of the output, in hex.
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
    book: RefCell<ReceiptBook>,
}

impl Proven {
    /// Of a plan.
    pub fn new(plan: Plan) -> Self {
        Self { plan, book: RefCell::default() }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Takes in bytes of the output, in order.
    pub fn wrote(&self, bytes: &[u8]) {
        self.book.borrow_mut().wrote(bytes);
    }

    /// The receipt of a file that is whole; see [`ReceiptBook::finish`].
    pub fn receipt(self, input: &str, input_size: u64) -> Result<Receipt> {
        self.book.into_inner().finish(&self.plan, input, input_size)
    }
}

impl Recipe for Proven {
    fn pieces(&self) -> &[Piece] {
        self.plan.pieces()
    }

    fn work(&self, unit: usize, bytes: Vec<u8>) -> Result<Vec<u8>> {
        let (output, proof) = self.plan.work_and_prove(unit, &bytes)?;
        self.book.borrow_mut().add(proof);
        Ok(output)
    }

    fn finish(&self, lengths: &[u64]) -> Result<Vec<u8>> {
        self.plan.finish(lengths)
    }

    fn unmeasured(&self) -> Vec<Span> {
        self.plan.unmeasured()
    }

    fn measure(&self, unit: usize, bytes: Vec<u8>) -> Result<u64> {
        self.plan.measure(unit, bytes)
    }

    fn settle(&mut self, lengths: &[u64]) -> Result<()> {
        self.plan.settle(lengths)
    }
}

/// Collects what is found on the way.
pub struct ReceiptBook {
    proofs: Proof,
    hash: Sha256,
    size: u64,
}

impl Default for ReceiptBook {
    fn default() -> Self {
        Self { proofs: Proof::default(), hash: Sha256::new(), size: 0 }
    }
}

impl ReceiptBook {
    /// Takes in what was found of a unit. Units may come in any order.
    pub fn add(&mut self, proof: Proof) {
        self.proofs.samples += proof.samples;
        self.proofs.encrypted += proof.encrypted;
        for (kid, from, to) in proof.counters {
            match self.proofs.counters.last_mut() {
                Some((known, _, last)) if *known == kid && *last == from => *last = to,
                _ => self.proofs.counters.push((kid, from, to)),
            }
        }
    }

    /// Takes in bytes of the output, in order.
    pub fn wrote(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// The receipt of a file that is whole.
    ///
    /// # Errors
    /// If a counter was used twice, or samples are missing.
    pub fn finish(mut self, plan: &Plan, input: &str, input_size: u64) -> Result<Receipt> {
        let preview = plan.preview();
        if self.proofs.encrypted != preview.samples {
            return Err(mismatch(0, "another number of samples is encrypted than was planned"));
        }
        let constant = plan.profile().cbc;
        self.proofs.counters.sort_unstable_by_key(|(kid, from, _)| (kid.0, *from));
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
            input_size,
            output_size: self.size,
            sha256: hex(&self.hash.finalize()),
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
