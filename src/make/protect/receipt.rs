//! The receipt: what is known of a protected file, once all of it was read back
//! from the bytes that went out; see [`crate::make::proof`].

use super::{Plan, PreviewKey};
use crate::error::Result;
use crate::format::cipher::{CipherMode, hex};
use crate::make::proof::{Proven, blamed, failed};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

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
#[cfg_attr(test, derive(ts_rs::TS))]
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

impl Proven<Plan> {
    /// The receipt of a file that is whole, from the sizes of input and output.
    /// Its hash is still empty.
    ///
    /// # Errors
    /// If the file is not what it should be: a counter was used twice, samples
    /// are missing, or its boxes have a fault that those of the input have not.
    pub fn receipt(self, input: &str, sizes: [u64; 2]) -> Result<Receipt> {
        let (plan, mut proof) = self.verdict()?;
        let preview = plan.preview();
        let wrong = |what| blamed(failed(0, what), None);
        if proof.encrypted != preview.samples {
            return Err(wrong("another number of samples is encrypted than was planned"));
        }
        let constant = plan.profile().mode == CipherMode::Cbc;
        crate::collections::sort_by_key(&mut proof.counters, |(kid, from, _)| (kid.0, *from));
        let twice = proof.counters.windows(2).any(|pair| {
            let ((a, _, end), (b, from, _)) = (pair[0], pair[1]);
            a == b && from < end
        });
        if twice && !constant {
            return Err(wrong("an IV is used twice"));
        }
        Ok(Receipt {
            made_by: format!("ismvault {}", env!("CARGO_PKG_VERSION")),
            input: input.to_owned(),
            input_size: sizes[0],
            output_size: sizes[1],
            sha256: String::new(),
            samples_compared: proof.samples,
            samples_encrypted: proof.encrypted,
            ivs_unique: !constant,
            scheme: plan.profile().scheme.code().to_string(),
            profile: plan.profile().name,
            keys: preview.keys.clone(),
            options: preview.sentences.clone(),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::format::cipher::ContentKey;
    use crate::format::ids::Kid;
    use crate::look::inspect::Inspector;
    use crate::make::proof::{Proof, Proves as _};
    use crate::make::protect::{Options, Profile, Target, TrackKey};
    use crate::{Session as _, Step};

    const FILE: &[u8] = include_bytes!("../../../tests/fixtures/h264_aac.ismv");

    /// The receipt of the fixture, with something changed of what was found.
    fn receipt(profile: &str, change: impl FnOnce(&mut [Proof])) -> Result<Receipt> {
        let mut inspector = Inspector::new(FILE.len() as u64);
        while let Step::Read(spans) = inspector.step().unwrap() {
            let bytes = spans.iter().flat_map(|s| &FILE[s.at as usize..s.end() as usize]);
            inspector.feed(&bytes.copied().collect::<Vec<u8>>()).unwrap();
        }
        let movie = inspector.into_movie();
        let key = TrackKey {
            target: Target::All,
            kid: Kid::parse("09e36702-8f33-436c-a5dd-60ffe6671e70").unwrap(),
            key: ContentKey::from_bytes([7; 16]),
        };
        let options = Options::new(vec![key], [3; 16], Profile::parse(profile).unwrap());
        let plan = Plan::new(&movie, &options).unwrap();
        let spans: Vec<_> = movie.fragments.iter().map(|f| f.span).collect();
        let prove = |(unit, span): (usize, &crate::Span)| {
            let input = &FILE[span.at as usize..span.end() as usize];
            plan.work_and_prove(unit, input).unwrap().1
        };
        let mut proofs: Vec<Proof> = spans.iter().enumerate().map(prove).collect();
        change(&mut proofs);
        let proven = Proven::new(plan);
        proofs.into_iter().for_each(|proof| proven.add(proof));
        proven.receipt("", [0; 2])
    }

    #[test]
    fn a_counter_that_comes_twice_is_no_receipt() {
        assert!(receipt("dual", |_| ()).unwrap().ivs_unique);
        // One of another fragment, and one that only overlaps.
        let again = |proofs: &mut [Proof]| {
            let first = proofs[0].counters[0];
            *proofs[1].counters.last_mut().unwrap() = first;
        };
        let error = receipt("dual", again).unwrap_err();
        assert!(error.message.contains("an IV is used twice"), "{error}");
        let overlap = |proofs: &mut [Proof]| proofs[0].counters[0].2 += 1 << 64;
        assert!(receipt("dual", overlap).unwrap_err().message.contains("twice"));
        // Of two keys it may.
        let other =
            |proofs: &mut [Proof]| proofs[0].counters[0].0 = Kid::parse(&"9".repeat(32)).unwrap();
        receipt("dual", other).unwrap();
    }

    #[test]
    fn every_sample_is_counted() {
        let error = receipt("cbcs", |proofs| proofs[2].encrypted -= 1).unwrap_err();
        assert!(error.message.contains("another number of samples"), "{error}");
    }
}
