//! How much decrypted bytes look like what their codec makes.
//!
//! A wrong key gives bytes that look random. No single test of a sample tells
//! them apart for sure, so every test is weighed in bits of evidence: how many
//! times likelier the bytes are from the codec than from a wrong key, as a
//! power of two. Bits of many samples add up. Only tests of protected bytes
//! count: clear ones say nothing about a key.

use super::{Codec, NalCodec, ParameterSets, Rule};
use std::ops::Range;

/// Evidence for (above zero) or against (below) a key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evidence {
    /// Bits of every test but the one of last bytes.
    bits: f64,
    /// How many tests gave evidence.
    pub tests: u32,
    /// Last bytes of slices, by the number of zero bits at their end.
    tails: [u32; 9],
}

impl Evidence {
    /// Bits beyond which a key counts as proven, or disproven: once in a
    /// thousand million by chance.
    pub const ENOUGH: f64 = 30.0;

    fn add(&mut self, bits: f64) {
        self.bits += bits;
        self.tests += 1;
    }

    /// Takes in the evidence of another sample.
    pub fn join(&mut self, other: Self) {
        self.bits += other.bits;
        self.tests += other.tests;
        for (mine, other) in self.tails.iter_mut().zip(other.tails) {
            *mine += other;
        }
    }

    /// Whether the bytes are surely none of the codec's. Where slices end in zero
    /// bytes, as some writers fill them up, their ends tell nothing.
    pub fn looks_random(&self) -> bool {
        let ends: u32 = self.tails.iter().sum();
        self.total() <= -Self::ENOUGH && self.tails[8] * 20 <= ends.max(1)
    }

    /// All of it, in bits.
    pub fn total(&self) -> f64 {
        self.bits + tail_bits(&self.tails)
    }
}

/// What the last bytes of slices tell. A slice ends in a one and zeros to the
/// end of its byte (rbsp_trailing_bits, ISO/IEC 14496-10 §7.3.2.11, 23008-2
/// §7.3.2.11). Where in the byte the one comes is even chance, or, with
/// encoders that fill up the byte, often its last bit: a mixture whose share is
/// taken as it fits best. In random bytes each further zero is half as likely,
/// and one byte in 256 has no one at all.
fn tail_bits(tails: &[u32; 9]) -> f64 {
    /// What fitting the share is worth.
    const FITTED: f64 = 4.0;
    if tails.iter().all(|count| *count == 0) {
        return 0.0;
    }
    let of = |filled: f64| {
        let bits = tails[..8].iter().enumerate().map(|(zeros, count)| {
            let even = (1.0 - filled) / 8.0;
            let likely = if zeros == 0 { filled + even } else { even };
            f64::from(*count) * (likely.log2() + zeros as f64 + 1.0)
        });
        bits.sum::<f64>() - 10.0 * f64::from(tails[8])
    };
    let best = (0..10).map(|tenth| of(f64::from(tenth) / 10.0)).fold(f64::MIN, f64::max);
    best - FITTED
}

/// Weighs one sample, decrypted. `sets` are the parameter sets known so far,
/// for NAL codecs; `protected` are the ranges that were protected.
pub fn weigh(
    codec: &Codec,
    sets: Option<&mut ParameterSets>,
    sample: &[u8],
    protected: &[Range<usize>],
) -> Evidence {
    let mut evidence = Evidence::default();
    let head = |len: usize| protected.first().is_some_and(|r| r.start == 0 && r.end >= len);
    match (&codec.rule, sets) {
        (Some(Rule::Nal(nal)), Some(sets)) => nals(nal, sets, sample, protected, &mut evidence),
        _ if codec.string.starts_with("mp4a.40") => {
            if head(sample.len()) {
                aac(codec.channels, sample, &mut evidence);
            }
        }
        _ => {
            let sync: &[u8] = match &codec.string[..] {
                "ac-3" | "ec-3" => b"\x0b\x77",
                "fLaC" => b"\xff\xf8",
                "vc-1" | "ovc1" => b"\0\0\x01",
                s if s.starts_with("stpp") || s == "dfxp" => b"<",
                _ => return evidence,
            };
            if head(sync.len()) {
                let fits = sample.starts_with(sync) || sample.starts_with(b"\xef\xbb\xbf<");
                // TTML may begin otherwise, and VC-1 without a start code.
                let against = if sync.len() == 2 { -20.0 } else { -6.0 };
                evidence.add(if fits { 8.0 * sync.len() as f64 } else { against });
            }
        }
    }
    evidence
}

/// Whether any of these bytes was protected.
fn touches(protected: &[Range<usize>], bytes: Range<usize>) -> bool {
    protected.iter().any(|range| range.start < bytes.end && bytes.start < range.end)
}

/// What a file that is called clear has of bytes that encryption would change,
/// though it leaves NAL units and their headers: the rest of pictures, whole
/// samples of others.
pub fn payload(codec: &Codec, sample: &[u8]) -> Vec<Range<usize>> {
    let Some(Rule::Nal(nal)) = &codec.rule else {
        return std::iter::once(0..sample.len()).collect();
    };
    let units = walk(nal.length_size(), sample).unwrap_or_default();
    let pictures = units.into_iter().filter(|unit| nal.is_vcl(&sample[unit.clone()]));
    let body = |unit: Range<usize>| (unit.start + nal.header_len()).min(unit.end)..unit.end;
    pictures.map(body).filter(|range| !range.is_empty()).collect()
}

/// The NAL units of a sample, each as its range without the length field;
/// `None` where the lengths do not lead to the sample's end.
pub fn walk(length_size: usize, sample: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut units = Vec::new();
    let mut at = 0;
    while at < sample.len() {
        let field = sample.get(at..at + length_size)?;
        let length = field.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
        let start = at + length_size;
        at = start.checked_add(length).filter(|end| *end <= sample.len())?;
        units.push(start..at);
    }
    Some(units)
}

fn nals(
    codec: &NalCodec,
    sets: &mut ParameterSets,
    sample: &[u8],
    protected: &[Range<usize>],
    evidence: &mut Evidence,
) {
    let length_size = codec.length_size();
    let Some(units) = walk(length_size, sample) else {
        // Where the first length is clear, the file is at fault, not the key.
        if touches(protected, 0..length_size) {
            evidence.add(-20.0);
        }
        return;
    };
    let lengths = units.iter().map(|unit| unit.start - length_size..unit.start);
    if lengths.into_iter().any(|field| touches(protected, field)) {
        // By chance a length of four bytes is right for one size in 2^32.
        evidence.add(16.0);
    }
    for unit in units {
        let nal = &sample[unit.clone()];
        if nal.is_empty() {
            continue;
        }
        if !codec.is_vcl(nal) {
            sets.update(nal);
            continue;
        }
        let body = unit.start + codec.header_len();
        match sets.slice_header_len(nal) {
            Some(len) if touches(protected, body..unit.start + len) => evidence.add(0.7),
            None if touches(protected, body..(body + 4).min(unit.end)) => evidence.add(-6.0),
            _ => {}
        }
        let last = unit.end - 1;
        if touches(protected, last..unit.end) {
            evidence.tails[sample[last].trailing_zeros() as usize] += 1;
            evidence.tests += 1;
        }
        emulation(&sample[unit.clone()], unit.start, protected, evidence);
    }
}

/// No NAL unit has 00 00 00, 00 00 01 or 00 00 02 in it (ISO/IEC 14496-10
/// §7.4.1); random bytes do, once in some 5.6 million.
fn emulation(nal: &[u8], at: usize, protected: &[Range<usize>], evidence: &mut Evidence) {
    let forbidden = nal
        .windows(3)
        .enumerate()
        .filter(|(_, w)| w[0] == 0 && w[1] == 0 && w[2] < 3)
        .filter(|(i, _)| touches(protected, at + i..at + i + 3))
        .count();
    if forbidden > 0 {
        evidence.add(-8.0);
    }
}

/// A raw_data_block: syntactic elements, an end mark, zeros to the byte
/// (ISO/IEC 14496-3 §4.4.2.1).
fn aac(channels: Option<u32>, sample: &[u8], evidence: &mut Evidence) {
    let mut bits = super::bits::Bits::plain(sample);
    evidence.add(if begins_like_aac(channels, &mut bits).is_some() { 6.0 } else { -8.0 });
    let Some(last) = sample.last() else { return };
    let zeros = last.trailing_zeros();
    let before = sample.len().checked_sub(2).map_or(0, |i| sample[i]);
    let tail = u32::from(before) << 8 | u32::from(*last);
    let ends = zeros < 8 && tail >> zeros & 7 == 7;
    evidence.add(if ends { f64::from(zeros) } else { -8.0 });
}

/// The first element with sound in it is the one the channels begin with, and
/// the first of its kind.
fn begins_like_aac(channels: Option<u32>, bits: &mut super::bits::Bits<'_>) -> Option<()> {
    for _ in 0..4 {
        match bits.u(3)? {
            // Single channel, or a pair.
            id @ (0 | 1) => {
                let pair = id == 1;
                let fits = channels.is_none_or(|n| pair == (n == 2));
                let tag = bits.u(4)?;
                if pair && bits.u(1)? == 1 && bits.u(1)? == 1 {
                    return None; // ics_reserved_bit
                }
                return (fits && tag == 0).then_some(());
            }
            // A data stream.
            4 => {
                bits.skip(4)?;
                let aligned = bits.u(1)? == 1;
                let mut count = bits.u(8)?;
                if count == 255 {
                    count += bits.u(8)?;
                }
                if aligned {
                    bits.align();
                }
                bits.skip(8 * count)?;
            }
            // Fill.
            6 => {
                let mut count = bits.u(4)?;
                if count == 15 {
                    count += bits.u(8)?.checked_sub(1)?;
                }
                bits.skip(8 * count)?;
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nal_lengths_lead_to_the_end_or_nowhere() {
        let sample = b"\0\0\0\x02ab\0\0\0\x01c";
        assert_eq!(walk(4, sample), Some(vec![4..6, 10..11]));
        assert_eq!(walk(4, &sample[..10]), None);
        assert_eq!(walk(4, b"\xff\xff\xff\xff"), None);
        assert_eq!(walk(4, b""), Some(vec![]));
    }

    #[test]
    fn microsofts_own_audio_samples_look_like_aac() {
        // facts, Appendix A: two first samples of a Microsoft test stream.
        let sample = 0x210a90287d60143eb1c0_u128.to_be_bytes();
        let mut evidence = Evidence::default();
        aac(Some(2), &sample[6..], &mut evidence);
        assert!(evidence.total() > 8.0, "{evidence:?}");
        let mut against = Evidence::default();
        aac(Some(2), b"\x9a\x38\xb5\x6a\x8e\x39\x72\x75\x2c\xd6", &mut against);
        assert!(against.total() < -8.0, "{against:?}");
    }
}
