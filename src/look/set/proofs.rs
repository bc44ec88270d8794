//! The proof that an IV is used in two files: a sample of each.

use super::FileSet;
use crate::collections::Set;
use crate::error::Result;
use crate::format::bytes::limits;
use crate::look::inspect::Reuse;
use crate::look::inspect::probe::{Pick, Probe, ProbedSample};
use crate::model::{IvRun, Movie};
use crate::{Session as _, Span, Step};

/// Reads the samples that prove IVs used in two files: `while let Some((file,
/// spans)) = step() { feed(bytes of those spans of that file) }`.
pub struct ReuseProofs {
    /// A use in each of two files, with what reads it.
    queue: Vec<(Reuse, [(usize, Probe); 2])>,
    samples: Vec<ProbedSample>,
    done: Vec<(Reuse, Vec<String>)>,
}

/// Pairs of files that are proven; more say the same.
const PROOFS: usize = 8;

impl ReuseProofs {
    /// For the files of a set.
    pub fn new(set: &FileSet<'_>) -> Self {
        let mut pairs = Set::new();
        let mut queue = Vec::new();
        for reuse in set.reuses() {
            if pairs.len() < PROOFS && pairs.insert((reuse.first.0, reuse.again.0)) {
                let probe = |(file, run): (usize, IvRun)| {
                    let movie = set.files[file].1;
                    let fragment = movie.fragments.iter().find(|f| f.moof.at == run.moof_at);
                    let pick = Pick::Counter(run.track, reuse.counter);
                    let wanted = fragment.map(|f| (f.head, pick)).into_iter().collect();
                    (file, Probe::new(movie, wanted, limits::FRAGMENT))
                };
                queue.push((reuse, [probe(reuse.again), probe(reuse.first)]));
            }
        }
        Self { queue, samples: Vec::new(), done: Vec::new() }
    }

    /// The probe that wants something: of the first file, then of the second.
    fn current(&mut self) -> Option<&mut (usize, Probe)> {
        let (_, [again, first]) = self.queue.last_mut()?;
        Some(if self.samples.is_empty() { first } else { again })
    }

    /// What to read next, and of which file; none when all is done.
    ///
    /// # Errors
    /// Those of reading what a file has there.
    pub fn step(&mut self) -> Result<Option<(usize, Vec<Span>)>> {
        while let Some((file, probe)) = self.current() {
            let file = *file;
            if let Step::Read(spans) = probe.step()? {
                return Ok(Some((file, spans)));
            }
            let movie = Movie::default();
            let done = std::mem::replace(probe, Probe::new(&movie, Vec::new(), 0));
            let sample = done.into_samples().into_iter().next();
            match (sample, self.samples.pop()) {
                (Some(sample), None) => self.samples.push(sample),
                (again, first) => {
                    let Some((reuse, _)) = self.queue.pop() else { break };
                    if let (Some(first), Some(again)) = (first, again) {
                        self.done.push((reuse, reuse.proof(&first, &again)));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Bytes of those spans.
    ///
    /// # Errors
    /// Where the file ended while it was read.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.current().map_or(Ok(()), |(_, probe)| probe.feed(bytes))
    }

    /// The proofs, for [`FileSet::proofs`].
    pub fn into_proofs(self) -> Vec<(Reuse, Vec<String>)> {
        self.done
    }
}
