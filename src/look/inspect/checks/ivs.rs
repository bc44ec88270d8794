//! IVs used twice: the one mistake of a packager that gives the content away.

use crate::checks::CheckId;
use crate::format::cipher::hex;
use crate::look::inspect::probe::ProbedSample;
use crate::model::{Finding, IvRun, Movie};

/// Two samples whose keystream is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// The counter block both use.
    pub counter: u128,
    /// File and run it is used in first.
    pub first: (usize, IvRun),
    /// File and run it is used in again.
    pub again: (usize, IvRun),
}

impl Reuse {
    /// Whether whole IVs are the same, and not only counters run into others.
    fn is_whole(&self) -> bool {
        let low = |n: u128| n as u64;
        self.first.1.from == self.again.1.from
            || (low(self.first.1.from) == 0 && low(self.again.1.from) == 0)
    }

    /// The number of the sample in its fragment, from 1. With 16-byte IVs, where
    /// samples differ in length, that of the first in the run.
    fn sample(&self, run: &IvRun) -> u128 {
        let past = if self.is_whole() { (self.counter - run.from) >> 64 } else { 0 };
        u128::from(run.sample) + 1 + past
    }

    /// The IV, as it stands in `senc` if it is of eight bytes.
    fn iv(&self) -> String {
        let block = self.counter.to_be_bytes();
        if self.counter as u64 == 0 { hex(&block[..8]) } else { hex(&block) }
    }

    /// As a finding; `names` are those of the files, where there are several.
    pub fn finding(&self, names: &[String]) -> Finding {
        let place = |(file, run): &(usize, IvRun)| {
            let file = names.get(*file).map(|name| format!("{name}, ")).unwrap_or_default();
            let sample = self.sample(run);
            format!(
                "{file}track {}, sample {sample} of the fragment at byte {}",
                run.track, run.moof_at
            )
        };
        let (id, what) = match self.is_whole() {
            true => (CheckId::IvReused, "The IV"),
            false => (CheckId::CounterOverlap, "The counter block"),
        };
        let message = format!(
            "{what} {} is used twice with the key {}: in {}, and again in {}. Where one of the \
             two samples is known, the other can be read without the key.",
            self.iv(),
            self.first.1.kid,
            place(&self.first),
            place(&self.again)
        );
        let mut finding = Finding::new(id, message).within("moof/traf/senc");
        finding.file = names.get(self.again.0).cloned();
        finding.at = Some(self.again.1.moof_at);
        finding.of_track(self.again.1.track)
    }

    /// The proof: the bytes of both samples that the block encrypts, and what
    /// their XOR gives away.
    pub fn proof(&self, first: &ProbedSample, again: &ProbedSample) -> Vec<String> {
        let shown = |sample: &ProbedSample| sample.block(self.counter);
        let (Some((at_a, a)), Some((at_b, b))) = (shown(first), shown(again)) else {
            return Vec::new();
        };
        let xor: Vec<u8> = a.iter().zip(&b).map(|(a, b)| a ^ b).collect();
        if xor.is_empty() {
            return Vec::new();
        }
        vec![
            format!("Track {}, sample {}, byte {at_a}: {}", first.track, first.number + 1, hex(&a)),
            format!("Track {}, sample {}, byte {at_b}: {}", again.track, again.number + 1, hex(&b)),
            format!("XOR of the two, which is the XOR of the clear bytes: {}", hex(&xor)),
        ]
    }
}

/// Every place where counters meet, over all files: at most `most` of them,
/// and how many there are.
pub fn reuses<'a>(
    runs: impl Iterator<Item = (usize, &'a IvRun)>,
    most: usize,
) -> (Vec<Reuse>, usize) {
    let mut runs: Vec<(usize, IvRun)> = runs.map(|(file, run)| (file, *run)).collect();
    crate::collections::sort_by_key(&mut runs, |(file, run)| {
        (run.kid, run.from, *file, run.moof_at)
    });
    let (mut found, mut count) = (Vec::new(), 0);
    let mut open: Option<(usize, IvRun)> = None;
    for run in runs {
        let meets = open.filter(|(_, last)| last.kid == run.1.kid && run.1.from < last.to);
        if let Some(last) = meets {
            count += 1;
            if found.len() < most {
                found.push(Reuse { counter: run.1.from, first: last, again: run });
            }
        }
        // The one that reaches farthest can meet what comes.
        if meets.is_none_or(|last| run.1.to > last.1.to) {
            open = Some(run);
        }
    }
    (found, count)
}

pub(super) fn reused(movie: &Movie, out: &mut Vec<Finding>) {
    let (found, count) = reuses(movie.ivs.iter().map(|run| (0, run)), 1);
    for reuse in found {
        let mut finding = reuse.finding(&[]);
        finding.times = u32::try_from(count).unwrap_or(u32::MAX);
        out.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::ids::Kid;

    fn run(from: u128, to: u128, moof_at: u64) -> IvRun {
        IvRun { kid: Kid::of(1), from, to, track: 1, moof_at, sample: 0 }
    }

    #[test]
    fn runs_that_touch_do_not_meet() {
        let ivs = |n: u128| n << 64;
        let apart = [run(ivs(1), ivs(5), 0), run(ivs(5), ivs(9), 1)];
        assert_eq!(reuses(apart.iter().map(|r| (0, r)), 9).1, 0);
        let meet = [run(ivs(1), ivs(6), 0), run(ivs(5), ivs(9), 1), run(ivs(2), ivs(3), 2)];
        let (found, count) = reuses(meet.iter().map(|r| (0, r)), 9);
        assert_eq!(count, 2);
        assert!(found.iter().all(Reuse::is_whole));
        assert_eq!(found[1].iv(), "0000000000000005");
        let other_key =
            [run(ivs(1), ivs(6), 0), IvRun { kid: Kid::of(2), ..run(ivs(1), ivs(6), 1) }];
        assert_eq!(reuses(other_key.iter().map(|r| (0, r)), 9).1, 0);
        let wide = [run(ivs(1), ivs(1) + 10, 0), run(ivs(1) + 9, ivs(1) + 20, 1)];
        let (found, _) = reuses(wide.iter().map(|r| (0, r)), 9);
        assert!(!found[0].is_whole());
    }
}
