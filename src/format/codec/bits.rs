//! Bits of NAL units and other packed headers.

/// Reads bits from the first byte on. Every method gives `None`
/// past the end, so a parser is a chain of `?`.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    nal: &'a [u8],
    /// Next byte to take bits from.
    byte: usize,
    /// Bits of it already taken.
    bit: u8,
    /// Zero bytes in a row before it.
    zeros: u8,
    /// Whether 00 00 03 is an escape.
    escaped: bool,
}

impl<'a> Bits<'a> {
    /// From the first byte of the NAL unit's header.
    pub(super) fn new(nal: &'a [u8]) -> Self {
        Self { nal, byte: 0, bit: 0, zeros: 0, escaped: true }
    }

    /// Of bytes that are not a NAL unit: nothing is escaped in them.
    pub(super) fn plain(bytes: &'a [u8]) -> Self {
        Self { escaped: false, ..Self::new(bytes) }
    }

    /// One bit.
    pub(super) fn flag(&mut self) -> Option<bool> {
        // 00 00 03: the 03 is not data (ISO/IEC 14496-10 §7.4.1).
        if self.escaped && self.bit == 0 && self.zeros >= 2 && self.nal.get(self.byte) == Some(&3) {
            self.byte += 1;
            self.zeros = 0;
        }
        let byte = *self.nal.get(self.byte)?;
        let value = byte >> (7 - self.bit) & 1 == 1;
        self.bit += 1;
        if self.bit == 8 {
            self.bit = 0;
            self.byte += 1;
            self.zeros = if byte == 0 { self.zeros.saturating_add(1) } else { 0 };
        }
        Some(value)
    }

    /// An unsigned number of up to 32 bits.
    pub(super) fn u(&mut self, bits: u32) -> Option<u32> {
        (0..bits).try_fold(0_u32, |n, _| Some(n << 1 | u32::from(self.flag()?)))
    }

    /// Passes over bits.
    pub(super) fn skip(&mut self, bits: u32) -> Option<()> {
        (0..bits).try_for_each(|_| self.flag().map(drop))
    }

    /// Bytes that were taken, in part or whole.
    pub(super) fn position(&self) -> usize {
        self.byte + usize::from(self.bit > 0)
    }

    /// Goes on at the next whole byte.
    pub(super) fn align(&mut self) {
        if self.bit > 0 {
            (self.bit, self.byte) = (0, self.byte + 1);
        }
    }

    /// An unsigned Exp-Golomb number.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1_u32 << zeros) - 1 + self.u(zeros)?)
    }

    /// An unsigned Exp-Golomb number, at most `most`.
    pub(super) fn ue_to(&mut self, most: u32) -> Option<u32> {
        self.ue().filter(|n| *n <= most)
    }

    /// A signed Exp-Golomb number.
    pub(super) fn se(&mut self) -> Option<i32> {
        let n = i64::from(self.ue()?);
        i32::try_from(if n % 2 == 1 { n / 2 + 1 } else { -(n / 2) }).ok()
    }

    /// A number of this many bits, the first of which is its sign (AV1 §4.10.6).
    pub(super) fn su(&mut self, bits: u32) -> Option<i32> {
        let n = self.u(bits)? as i32;
        let sign = 1 << (bits - 1);
        Some(if n & sign != 0 { n - 2 * sign } else { n })
    }

    /// One of `n` values, the first ones a bit shorter (AV1 §4.10.7).
    pub(super) fn ns(&mut self, n: u32) -> Option<u32> {
        let bits = n.checked_ilog2()? + 1;
        let short = (1 << bits) - n;
        let value = self.u(bits - 1)?;
        Some(if value < short { value } else { (value << 1) - short + self.u(1)? })
    }

    /// One of `n` values, those near `reference` shorter (AV1 §5.9.26 to §5.9.29).
    pub(super) fn subexp_around(&mut self, n: i32, reference: i32) -> Option<i32> {
        let value = self.subexp(n)?;
        // Near zero for those near the reference, by turns above and below it.
        let recentred = |value: i32, around: i32| match value {
            far if far > 2 * around => far,
            odd if odd % 2 == 1 => around - (odd + 1) / 2,
            even => around + even / 2,
        };
        Some(if 2 * reference <= n {
            recentred(value, reference)
        } else {
            n - 1 - recentred(value, n - 1 - reference)
        })
    }

    fn subexp(&mut self, n: i32) -> Option<i32> {
        let (mut start, mut bits, mut first) = (0_i32, 3, true);
        loop {
            let step = 1 << bits;
            if n <= start + 3 * step {
                return Some(self.ns((n - start) as u32)? as i32 + start);
            }
            if !self.flag()? {
                return Some(self.u(bits)? as i32 + start);
            }
            start += step;
            // The first two steps are alike.
            if !first {
                bits += 1;
            }
            first = false;
        }
    }
}

/// Bits needed to tell `n` values apart: Ceil(Log2(n)).
pub(super) fn ceil_log2(n: u32) -> u32 {
    if n <= 1 { 0 } else { 32 - (n - 1).leading_zeros() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golomb_numbers() {
        // 1 010 011 00100 00101 -> 0 1 2 3 4, signed 0 1 -1 2 -2
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        let read: Vec<u32> = (0..5).map(|_| bits.ue().unwrap()).collect();
        assert_eq!(read, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&bytes);
        let read: Vec<i32> = (0..5).map(|_| bits.se().unwrap()).collect();
        assert_eq!(read, [0, 1, -1, 2, -2]);
        assert_eq!(Bits::new(&[0; 8]).ue(), None);
    }

    #[test]
    fn emulation_prevention_is_passed_over() {
        let mut bits = Bits::new(&[0, 0, 3, 1, 0, 0, 3]);
        assert_eq!(bits.u(24), Some(1));
        assert_eq!(bits.position(), 4);
        assert_eq!(bits.u(16), Some(0));
        assert_eq!(bits.u(1), None);
    }

    #[test]
    fn numbers_of_av1() {
        let mut bits = Bits::plain(&[0b1111_1110, 0b0111_1110]);
        assert_eq!((bits.su(7), bits.su(2), bits.su(7)), (Some(-1), Some(0), Some(-2)));
        // Of five values, three have two bits and two have three.
        let mut bits = Bits::plain(&[0b0001_1011, 0b0111_0000]);
        let read: Vec<u32> = (0..5).map(|_| bits.ns(5).unwrap()).collect();
        assert_eq!(read, [0, 1, 2, 3, 4]);
        // The reference itself is the shortest: 0, and its three bits.
        assert_eq!(Bits::plain(&[0]).subexp_around(8193, 4096), Some(4096));
        assert_eq!(Bits::plain(&[0b0001_0000]).subexp_around(8193, 4096), Some(4095));
        assert_eq!(Bits::plain(&[0b0010_0000]).subexp_around(8193, 4096), Some(4097));
    }

    #[test]
    fn logarithms() {
        assert_eq!([0, 1, 2, 3, 4, 5, 1024, 1025].map(ceil_log2), [0, 0, 1, 2, 2, 3, 10, 11]);
    }
}
