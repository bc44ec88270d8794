//! Which bytes of a sample made of NAL units are protected (facts §4).
//!
//! Clear: every length field, NAL unit header and slice header, and every NAL
//! unit that carries no picture data. Protected: the rest of each slice, in
//! whole AES blocks counted from its end, so that no block is shared with the
//! next one. Where a slice header cannot be parsed, the first 96 bytes stay
//! clear, as Bento4 does it.

use crate::error::{Code, Error, Result};
use crate::format::boxes::protection::Subsample;
use crate::format::codec::av1::State;
use crate::format::codec::vp9::References;
use crate::format::codec::{NalCodec, ParameterSets, Rule};
use std::cmp::Reverse;
use std::ops::Range;

/// What a subsample map must keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Whether protected runs are whole blocks, as `cenc` asks; `cbcs` leaves
    /// what is behind the last block clear by itself.
    pub aligned: bool,
    /// Bytes of IV that stand in front of the map.
    pub iv_size: u8,
}

impl Layout {
    /// Entries a sample may have, so that its information (the IV, a count of
    /// 2, 6 for each entry) fits the 8 bits `saiz` has for its size.
    pub fn max_entries(self) -> usize {
        (usize::from(u8::MAX) - usize::from(self.iv_size) - 2) / 6
    }
}

/// What stays clear of a slice whose header cannot be parsed, its length field
/// included.
const CLEAR_WITHOUT_HEADER: usize = 96;
const BLOCK: usize = 16;

/// A run of clear bytes, then a run of protected ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    clear: usize,
    protected: usize,
}

/// Goes from sample to sample of a fragment, and remembers what the next one
/// depends on.
pub enum Walk<'r> {
    /// NAL units, and the parameter sets so far.
    Nal(&'r NalCodec, Box<ParameterSets>),
    /// Frames, and the sizes of those kept for reference.
    Vp9(References),
    /// Tiles, and the frames kept for reference.
    Av1(Box<State>),
    /// Nothing to go by.
    Whole,
}

impl<'r> Walk<'r> {
    /// By the rule of a codec.
    pub fn new(rule: &'r Rule) -> Self {
        match rule {
            Rule::Nal(codec) => Self::Nal(codec, Box::new(codec.parameter_sets())),
            Rule::Vp9(references) => Self::Vp9(references.clone()),
            Rule::Av1(state) => Self::Av1(state.clone()),
            Rule::Whole => Self::Whole,
        }
    }

    /// The subsample map of the next sample; none where all of it is protected.
    ///
    /// # Errors
    /// If the sample is not what its codec says; the place is counted from the
    /// sample's first byte.
    pub fn subsamples(&mut self, sample: &[u8], layout: Layout) -> Result<Vec<Subsample>> {
        match self {
            Self::Nal(codec, sets) => subsamples(codec, sets, sample, layout),
            Self::Vp9(references) => {
                let frames = references
                    .frames(sample)
                    .ok_or_else(|| unreadable(Code::Vp9Header, "a VP9"))?;
                Ok(between(frames, sample.len(), layout))
            }
            Self::Av1(state) => {
                let tiles =
                    state.tiles(sample).ok_or_else(|| unreadable(Code::Av1Header, "an AV1"))?;
                Ok(between(tiles, sample.len(), layout))
            }
            Self::Whole => Ok(Vec::new()),
        }
    }
}

fn unreadable(code: Code, codec: &str) -> Error {
    Error::malformed(
        code,
        format!(
            "The header of {codec} frame cannot be read, so it is not known which bytes may be \
             protected. Was the file already protected, or does a fragment not begin with a key \
             frame?"
        ),
    )
    .at(0)
}

/// The subsample map of a sample of which these parts may be protected: whole
/// blocks of each, counted from its end. What is between them stays clear: frame
/// headers, sizes of tiles, the index of a superframe (VP codec ISO media binding
/// and AV1 in ISOBMFF, Common Encryption).
fn between(parts: Vec<Range<usize>>, len: usize, layout: Layout) -> Vec<Subsample> {
    let (mut runs, mut clear_from) = (Vec::new(), 0);
    for part in parts {
        let free = part.len();
        let protected = if layout.aligned { free / BLOCK * BLOCK } else { free };
        if protected > 0 {
            runs.push(Run { clear: part.end - protected - clear_from, protected });
            clear_from = part.end;
        }
    }
    if clear_from < len {
        runs.push(Run { clear: len - clear_from, protected: 0 });
    }
    entries(fit(runs, layout.max_entries()))
}

/// The subsample map of one sample. Parameter sets in the sample are taken in
/// on the way.
///
/// # Errors
/// If the NAL unit lengths do not lead to the end of the sample; the place is
/// counted from the sample's first byte.
pub fn subsamples(
    codec: &NalCodec,
    sets: &mut ParameterSets,
    sample: &[u8],
    layout: Layout,
) -> Result<Vec<Subsample>> {
    let length_size = codec.length_size();
    let mut runs = Vec::new();
    let mut clear = 0;
    let mut at = 0;
    while at < sample.len() {
        let rest = &sample[at..];
        let Some((length, body)) = rest.split_at_checked(length_size) else {
            return Err(Error::malformed(
                Code::NalLengthCut,
                format!(
                    "{} bytes are left in the sample, too few for a NAL unit length.",
                    rest.len()
                ),
            )
            .at(at as u64));
        };
        let length = length.iter().fold(0, |n, byte| n << 8 | *byte as usize);
        let nal = body.get(..length).ok_or_else(|| {
            Error::malformed(
                Code::NalPastSample,
                format!(
                    "A NAL unit says it is {length} bytes long, but its sample has {} left. \
                     Was the file already protected, or its length field size changed?",
                    body.len()
                ),
            )
            .at(at as u64)
        })?;
        sets.update(nal);
        let whole = length_size + length;
        let protected = if codec.is_vcl(nal) {
            let free = match sets.slice_header_len(nal) {
                Some(header) => whole - length_size - header.max(codec.header_len()).min(length),
                None => whole.saturating_sub(CLEAR_WITHOUT_HEADER),
            };
            if layout.aligned || free < BLOCK { free / BLOCK * BLOCK } else { free }
        } else {
            0
        };
        clear += whole - protected;
        if protected > 0 {
            runs.push(Run { clear, protected });
            clear = 0;
        }
        at += whole;
    }
    if clear > 0 {
        runs.push(Run { clear, protected: 0 });
    }
    Ok(entries(fit(runs, layout.max_entries())))
}

/// Leaves the smallest protected runs clear until `saiz` can count the rest.
fn fit(runs: Vec<Run>, most: usize) -> Vec<Run> {
    let count = |runs: &[Run]| runs.iter().map(|run| entry_count(*run)).sum::<usize>();
    if count(&runs) <= most {
        return runs;
    }
    let mut largest: Vec<usize> = (0..runs.len()).filter(|i| runs[*i].protected > 0).collect();
    crate::collections::sort_by_key(&mut largest, |i| (Reverse(runs[*i].protected), *i));
    for keep in (0..most.min(largest.len())).rev() {
        let mut kept = largest[..=keep].to_vec();
        crate::collections::sort(&mut kept);
        let fitted = keep_protected(&runs, &kept);
        if count(&fitted) <= most {
            return fitted;
        }
    }
    keep_protected(&runs, &[])
}

/// The same bytes with only the runs at these places (in order) protected.
fn keep_protected(runs: &[Run], kept: &[usize]) -> Vec<Run> {
    let mut out = Vec::with_capacity(kept.len() + 1);
    let mut kept = kept.iter().copied().peekable();
    let mut clear = 0;
    for (i, run) in runs.iter().enumerate() {
        clear += run.clear;
        if kept.next_if_eq(&i).is_some() {
            out.push(Run { clear, protected: run.protected });
            clear = 0;
        } else {
            clear += run.protected;
        }
    }
    if clear > 0 {
        out.push(Run { clear, protected: 0 });
    }
    out
}

/// BytesOfClearData has 16 bits: a longer run takes entries of its own.
fn entry_count(run: Run) -> usize {
    1 + run.clear.saturating_sub(1) / usize::from(u16::MAX)
}

fn entries(runs: Vec<Run>) -> Vec<Subsample> {
    let mut entries = Vec::new();
    for mut run in runs {
        while run.clear > u16::MAX.into() {
            entries.push(Subsample { clear: u16::MAX, protected: 0 });
            run.clear -= usize::from(u16::MAX);
        }
        entries.push(Subsample { clear: run.clear as u16, protected: run.protected as u32 });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: Layout = Layout { aligned: true, iv_size: 8 };
    use crate::format::boxes::codec::AvcC;

    fn codec(length_size: u8) -> NalCodec {
        NalCodec::Avc(AvcC { profile: [100, 0, 12], length_size, parameter_sets: vec![] })
    }

    fn map(nals: &[(u8, usize)]) -> Vec<(u16, u32)> {
        let mut sample = Vec::new();
        for (first, len) in nals {
            sample.extend_from_slice(&(*len as u32).to_be_bytes());
            sample.push(*first);
            sample.resize(sample.len() + len - 1, 0xaa);
        }
        let codec = codec(4);
        let found = subsamples(&codec, &mut codec.parameter_sets(), &sample, LAYOUT).unwrap();
        let total: usize = found.iter().map(|s| usize::from(s.clear) + s.protected as usize).sum();
        assert_eq!(total, sample.len());
        assert!(found.iter().all(|s| s.protected % 16 == 0));
        found.iter().map(|s| (s.clear, s.protected)).collect()
    }

    #[test]
    fn without_parameter_sets_96_bytes_stay_clear() {
        assert_eq!(map(&[(0x65, 107)]), [(111, 0)]);
        assert_eq!(map(&[(0x65, 108)]), [(96, 16)]);
        assert_eq!(map(&[(0x65, 1000)]), [(4 + 1000 - 896, 896)]);
    }

    #[test]
    fn other_nal_units_join_the_clear_run() {
        assert_eq!(map(&[(9, 2), (6, 50), (0x41, 200)]), [(6 + 54 + 108, 96)]);
        assert_eq!(map(&[(0x41, 200), (0x0c, 30)]), [(108, 96), (34, 0)]);
    }

    #[test]
    fn long_clear_runs_are_split() {
        // 70,004 bytes of SEI and 108 of the slice: 65,535 and 4,577.
        assert_eq!(map(&[(6, 70_000), (0x41, 200)]), [(65535, 0), (4577, 96)]);
        assert_eq!(map(&[(6, 65_531)]), [(65535, 0)]);
    }

    #[test]
    fn many_slices_never_overflow_saiz() {
        let slices: Vec<(u8, usize)> = (0..100).map(|i| (0x41, 200 + i)).collect();
        let found = map(&slices);
        assert_eq!(found.len(), LAYOUT.max_entries());
        assert_eq!(LAYOUT.max_entries(), 40);
        // The largest slices are the ones that stay protected.
        assert!(found.iter().filter(|(_, protected)| *protected > 0).count() >= 39);
    }

    #[test]
    fn slices_of_vvc_are_protected_behind_96_bytes() {
        // A picture header (19), and a slice of an IDR picture (8).
        let unit = |kind: u8, len: usize| {
            let mut unit = (len as u32).to_be_bytes().to_vec();
            unit.extend([0, kind << 3 | 1]);
            unit.resize(4 + len, 0xaa);
            unit
        };
        let sample = [unit(19, 40), unit(8, 220)].concat();
        let codec = NalCodec::Vvc(4);
        let found = subsamples(&codec, &mut codec.parameter_sets(), &sample, LAYOUT).unwrap();
        assert_eq!(found, [Subsample { clear: 44 + 96, protected: 128 }]);
    }

    #[test]
    fn lengths_that_lie_are_errors() {
        let codec = codec(2);
        for sample in [&[0xff, 0xff, 0x41, 0][..], &[0, 1, 0x41, 0][..]] {
            let error =
                subsamples(&codec, &mut codec.parameter_sets(), sample, LAYOUT).unwrap_err();
            assert!(error.at.is_some(), "{error}");
        }
    }
}
