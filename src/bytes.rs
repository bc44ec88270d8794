//! Reading and writing big-endian fields, by name and with their place.

use crate::error::{Error, Result};
use crate::ids::{BoxType, FourCc, Uuid};

/// Every bound on what a file may make this crate allocate or walk.
///
/// A count in a file is never trusted: it is checked against the bytes that
/// are really there, and where nothing in the file bounds it, against these.
pub mod limits {
    /// Boxes within boxes. The deepest real path (to `schi`) is nine.
    pub const DEPTH: usize = 16;
    /// A box that is read whole: `moov`, `moof`, `mfra`, `uuid` and the like.
    pub const WHOLE_BOX: u64 = 128 << 20;
    /// One fragment, `moof` and `mdat` together, as it is worked on in memory.
    pub const FRAGMENT: u64 = 512 << 20;
    /// Samples in one fragment. At 48,000 samples a second this is 20 seconds
    /// of uncompressed audio, sample by sample.
    pub const FRAGMENT_SAMPLES: usize = 1 << 20;
    /// Boxes in one tree. A `moov` of a hundred tracks has some three thousand.
    pub const NODES: usize = 1 << 18;
    /// Tracks read.
    pub const TRACKS: usize = 1000;
    /// Samples that need no byte of their own in the file (a run may give one
    /// size and duration to a million), over the whole file.
    pub const FREE_SAMPLES: u64 = 1 << 20;
    /// Findings kept; a file with more is told so in a last one.
    pub const FINDINGS: usize = 500;
    /// Problems kept while one box is read.
    pub const PROBLEMS: usize = 50;
    /// A `pssh` that is decoded; larger ones are shown as bytes.
    pub const PSSH: usize = 1 << 20;
    /// Elements in a PlayReady header before reading gives up.
    pub const XML_EVENTS: usize = 10_000;
}

/// Reads the body of one box. Knows where in the file it is.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
    pos: usize,
    base: u64,
}

impl<'a> Reader<'a> {
    /// Reads `data`, whose first byte stands at `base` in the file.
    pub fn new(data: &'a [u8], base: u64) -> Self {
        Self { data, pos: 0, base }
    }

    /// Absolute offset of the next byte.
    pub fn at(&self) -> u64 {
        self.base + self.pos as u64
    }

    /// Bytes left.
    pub fn left(&self) -> usize {
        self.data.len() - self.pos
    }

    /// The next `n` bytes, called `name`.
    pub fn bytes(&mut self, name: &str, n: usize) -> Result<&'a [u8]> {
        if n > self.left() {
            return Err(Error::malformed(
                "box_too_short",
                format!("The field {name} needs {n} bytes but its box has {} left.", self.left()),
            )
            .at(self.at()));
        }
        let bytes = &self.data[self.pos..self.pos + n];
        self.pos += n;
        Ok(bytes)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let bytes = &self.data[self.pos..];
        self.pos = self.data.len();
        bytes
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self, name: &str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(name, N)?);
        Ok(array)
    }

    /// 8 bits.
    pub fn u8(&mut self, name: &str) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array(name)?))
    }

    /// 16 bits.
    pub fn u16(&mut self, name: &str) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array(name)?))
    }

    /// 24 bits.
    pub fn u24(&mut self, name: &str) -> Result<u32> {
        let [a, b, c] = self.array(name)?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// 32 bits.
    pub fn u32(&mut self, name: &str) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array(name)?))
    }

    /// 64 bits.
    pub fn u64(&mut self, name: &str) -> Result<u64> {
        Ok(u64::from_be_bytes(self.array(name)?))
    }

    /// 64 bits where `wide`, else 32.
    pub fn uint(&mut self, name: &str, wide: bool) -> Result<u64> {
        if wide { self.u64(name) } else { self.u32(name).map(u64::from) }
    }

    /// A four-character code.
    pub fn fourcc(&mut self, name: &str) -> Result<FourCc> {
        Ok(FourCc(self.array(name)?))
    }

    /// A UUID in printed order.
    pub fn uuid(&mut self, name: &str) -> Result<Uuid> {
        Ok(Uuid(self.array(name)?))
    }

    /// Refuses a count of `rows` of `row_len` bytes that the box cannot hold.
    pub fn rows(&self, name: &str, rows: u32, row_len: usize) -> Result<usize> {
        let rows = rows as usize;
        match rows.checked_mul(row_len) {
            Some(need) if need <= self.left() => Ok(rows),
            _ => Err(Error::malformed(
                "count_past_box",
                format!(
                    "{name} says {rows}, {row_len} bytes each, but its box has {} bytes left.",
                    self.left()
                ),
            )
            .at(self.at())),
        }
    }

    /// A box is eaten to its last byte, or it is not what it says.
    pub fn end(&self) -> Result<()> {
        match self.left() {
            0 => Ok(()),
            n => Err(Error::malformed(
                "bytes_left_over",
                format!("{n} bytes are left over after the last field of this box."),
            )
            .at(self.at())),
        }
    }
}

/// Writes boxes.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// 8 bits.
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    /// 16 bits.
    pub fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    /// The low 24 bits.
    pub fn u24(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes()[1..]);
    }

    /// 32 bits.
    pub fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    /// 64 bits.
    pub fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    /// 64 bits where `wide`, else the low 32.
    pub fn uint(&mut self, value: u64, wide: bool) {
        if wide { self.u64(value) } else { self.u32(value as u32) }
    }

    /// A box around what `body` writes, with a 32-bit size.
    pub fn boxed(&mut self, kind: BoxType, body: impl FnOnce(&mut Self)) {
        let start = self.0.len();
        self.u32(0);
        match kind {
            BoxType::Code(code) => self.bytes(&code.0),
            BoxType::Uuid(uuid) => {
                self.bytes(b"uuid");
                self.bytes(&uuid.0);
            }
        }
        body(self);
        let size = (self.0.len() - start) as u32;
        self.0[start..start + 4].copy_from_slice(&size.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_names_the_field_and_the_place() {
        let mut r = Reader::new(&[1, 2, 3], 100);
        r.u16("a").unwrap();
        let error = r.u32("track_ID").unwrap_err();
        assert_eq!(error.at, Some(102));
        assert!(error.message.contains("track_ID"), "{error}");
    }

    #[test]
    fn a_count_is_held_against_the_bytes_there_are() {
        let r = Reader::new(&[0; 24], 0);
        assert_eq!(r.rows("n", 3, 8).unwrap(), 3);
        assert!(r.rows("n", u32::MAX, 8).is_err());
    }
}
