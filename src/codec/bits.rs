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

    /// Bytes of the NAL unit that hold everything read so far.
    pub(super) fn bytes_used(&self) -> usize {
        self.byte + usize::from(self.bit > 0)
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
        assert_eq!(bits.bytes_used(), 4);
        assert_eq!(bits.u(16), Some(0));
        assert_eq!(bits.u(1), None);
    }

    #[test]
    fn logarithms() {
        assert_eq!([0, 1, 2, 3, 4, 5, 1024, 1025].map(ceil_log2), [0, 0, 1, 2, 2, 3, 10, 11]);
    }
}
