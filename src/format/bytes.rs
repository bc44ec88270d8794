//! Reading and writing big-endian fields, by name and with their place.

use crate::error::{Code, Error, Result};
use crate::format::ids::{BoxType, FourCc, Uuid};
use serde::{Serialize, Serializer};
use std::fmt;

/// Every bound on what a file may make this crate allocate or walk.
///
/// A count in a file is never trusted: it is checked against the bytes that
/// are really there, and where nothing in the file bounds it, against these.
pub mod limits {
    /// Boxes within boxes. The deepest real path (to `schi`) is nine.
    pub const DEPTH: usize = 16;
    /// A box that is read whole: `moov`, `moof`, `mfra`, `uuid` and the like.
    pub const WHOLE_BOX: u64 = 128 << 20;
    /// Zero bytes between boxes that are looked through for the next one.
    pub const PADDING: u64 = 64 << 10;
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
    /// Protection headers kept; key rotation may put one into every fragment.
    pub const HEADERS: usize = 1000;
    /// A `pssh` that is decoded; larger ones are shown as bytes.
    pub const PSSH: usize = 1 << 20;
    /// Bytes of one field that a field table keeps.
    pub const FIELD_BYTES: usize = 64;
    /// Fields of one box shown at a time.
    pub const FIELDS: usize = 2000;
    /// Sets of kinds of boxes remembered that a `moof` has inside, and kinds in one.
    pub const INSIDES: usize = 64;
    /// Runs of IVs remembered to find one used twice. Counters that count make
    /// one run of many samples.
    pub const IV_RUNS: usize = 1 << 20;
    /// Chunks that a client manifest may list, repeated ones one by one, over all
    /// its streams; a day of ten streams in chunks of two seconds has 432,000.
    pub const CHUNKS: u64 = 1 << 20;
    /// Text pasted, or read from a manifest.
    pub const TEXT: usize = 16 << 20;
    /// Parts of an XML document, such as a manifest.
    pub const XML_PARTS: usize = 4 << 20;
    /// Elements within elements.
    pub const XML_DEPTH: usize = 64;
    /// Elements in a PlayReady header before reading gives up.
    pub const XML_EVENTS: usize = 10_000;
}

/// How many bits a number has where the version of its box says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// In version 0.
    Bits32,
    /// In version 1.
    Bits64,
}

impl Width {
    /// As a version says.
    pub fn of(version: u8) -> Self {
        if version == 1 { Self::Bits64 } else { Self::Bits32 }
    }

    /// Bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Bits32 => 4,
            Self::Bits64 => 8,
        }
    }
}

/// What a [`Reader`] that records has read: one field, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BoxField {
    /// Its name in the standard; rows of a list carry their number, from 0.
    pub name: String,
    /// Absolute offset of its first byte.
    pub at: u64,
    /// Bytes. Fields of a few bits share theirs.
    pub len: u64,
    /// What stands there.
    pub value: Value,
}

/// The value of a [`BoxField`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub enum Value {
    /// An unsigned number.
    Number(u64),
    /// A signed number.
    Signed(i64),
    /// A four-character code.
    Code(FourCc),
    /// Sixteen bytes that name something.
    Uuid(Uuid),
    /// Text, with what a reader would not show left out.
    Text(String),
    /// Bytes, the first few of them.
    Bytes(Vec<u8>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Signed(n) => n.fmt(f),
            Self::Code(code) => code.fmt(f),
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|b| write!(f, "{b:02x}")),
        }
    }
}

impl Serialize for Value {
    /// As text: numbers of 64 bits would not survive JavaScript.
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// Keeps the fields of a window, and counts them all.
#[derive(Clone, Debug)]
struct Recorder {
    /// In front of every name: the row of a list that is being read.
    prefix: String,
    fields: Vec<BoxField>,
    from: usize,
    most: usize,
    total: usize,
}

/// Reads the body of one box. Knows where in the file it is.
///
/// Every field is read by name. A reader that records keeps the names with
/// values and places, so that what a hex view shows is what the rest of the
/// crate reads.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    data: &'a [u8],
    pos: usize,
    base: u64,
    recorder: Option<Recorder>,
}

impl<'a> Reader<'a> {
    /// Reads `data`, whose first byte stands at `base` in the file.
    pub fn new(data: &'a [u8], base: u64) -> Self {
        Self { data, pos: 0, base, recorder: None }
    }

    /// The same, and keeps the fields from number `from` on, `most` of them.
    pub fn recording(data: &'a [u8], base: u64, from: usize, most: usize) -> Self {
        let recorder = Recorder { prefix: String::new(), fields: Vec::new(), from, most, total: 0 };
        Self { recorder: Some(recorder), ..Self::new(data, base) }
    }

    /// The fields kept, and how many there were.
    pub fn into_fields(self) -> (Vec<BoxField>, usize) {
        self.recorder.map_or((Vec::new(), 0), |recorder| (recorder.fields, recorder.total))
    }

    /// Absolute offset of the next byte.
    pub fn at(&self) -> u64 {
        self.base + self.pos as u64
    }

    /// Bytes left.
    pub fn left(&self) -> usize {
        self.data.len() - self.pos
    }

    /// Fields that `read` reads are those of row `index` of a list.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn row<T>(
        &mut self,
        list: &str,
        index: usize,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let Some(recorder) = &mut self.recorder else { return read(self) };
        let kept = recorder.prefix.len();
        recorder.prefix += &format!("{list}[{index}].");
        let value = read(self);
        if let Some(recorder) = &mut self.recorder {
            recorder.prefix.truncate(kept);
        }
        value
    }

    /// Notes the last `len` bytes as a field.
    fn record(&mut self, name: &str, len: usize, value: impl FnOnce() -> Value) {
        let at = self.at() - len as u64;
        let Some(recorder) = self.recorder.as_mut().filter(|_| len > 0) else { return };
        let number = recorder.total;
        recorder.total += 1;
        if number >= recorder.from && recorder.fields.len() < recorder.most {
            let name = format!("{}{name}", recorder.prefix);
            recorder.fields.push(BoxField { name, at, len: len as u64, value: value() });
        }
    }

    fn take(&mut self, name: &str, n: usize) -> Result<&'a [u8]> {
        if n > self.left() {
            return Err(Error::malformed(
                Code::BoxTooShort,
                format!("The field {name} needs {n} bytes but its box has {} left.", self.left()),
            )
            .at(self.at()));
        }
        let bytes = &self.data[self.pos..self.pos + n];
        self.pos += n;
        Ok(bytes)
    }

    fn take_array<const N: usize>(&mut self, name: &str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(name, N)?);
        Ok(array)
    }

    /// The next `n` bytes, called `name`.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn bytes(&mut self, name: &str, n: usize) -> Result<&'a [u8]> {
        let bytes = self.take(name, n)?;
        let first = bytes.get(..limits::FIELD_BYTES).unwrap_or(bytes);
        self.record(name, n, || Value::Bytes(first.to_vec()));
        Ok(bytes)
    }

    /// All that is left.
    pub fn rest(&mut self, name: &str) -> &'a [u8] {
        if self.left() == 0 {
            return &[];
        }
        self.bytes(name, self.left()).unwrap_or(&[])
    }

    /// Text, up to its zero byte or the end.
    ///
    /// # Errors
    /// Never: what is no UTF-8 is replaced.
    pub fn text(&mut self, name: &str) -> Result<String> {
        let len = self.data[self.pos..].iter().position(|b| *b == 0);
        let bytes = self.take(name, len.unwrap_or(self.left()))?;
        let terminator = usize::from(len.is_some());
        self.pos += terminator;
        // What is no UTF-8 grows when it is replaced.
        let text = String::from_utf8_lossy(bytes).into_owned();
        let shown = text.clone();
        self.record(name, bytes.len() + terminator, || Value::Text(shown));
        Ok(text)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn array<const N: usize>(&mut self, name: &str) -> Result<[u8; N]> {
        let array = self.take_array(name)?;
        self.record(name, N, || Value::Bytes(array.to_vec()));
        Ok(array)
    }

    fn number<const N: usize>(&mut self, name: &str) -> Result<u64> {
        let bytes = self.take_array::<N>(name)?;
        let value = bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b));
        self.record(name, N, || Value::Number(value));
        Ok(value)
    }

    /// 8 bits.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn u8(&mut self, name: &str) -> Result<u8> {
        self.number::<1>(name).map(|n| n as u8)
    }

    /// 16 bits.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn u16(&mut self, name: &str) -> Result<u16> {
        self.number::<2>(name).map(|n| n as u16)
    }

    /// 24 bits.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn u24(&mut self, name: &str) -> Result<u32> {
        self.number::<3>(name).map(|n| n as u32)
    }

    /// 32 bits.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn u32(&mut self, name: &str) -> Result<u32> {
        self.number::<4>(name).map(|n| n as u32)
    }

    /// 64 bits.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn u64(&mut self, name: &str) -> Result<u64> {
        self.number::<8>(name)
    }

    /// A number of either width.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn uint(&mut self, name: &str, width: Width) -> Result<u64> {
        match width {
            Width::Bits32 => self.u32(name).map(u64::from),
            Width::Bits64 => self.u64(name),
        }
    }

    /// `len` bytes, at most eight.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn uint_of(&mut self, name: &str, len: usize) -> Result<u64> {
        let bytes = self.take(name, len)?;
        let value = bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b));
        self.record(name, len, || Value::Number(value));
        Ok(value)
    }

    /// 32 bits, signed.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn i32(&mut self, name: &str) -> Result<i32> {
        let value = i32::from_be_bytes(self.take_array(name)?);
        self.record(name, 4, || Value::Signed(value.into()));
        Ok(value)
    }

    /// 16 bits, little-endian, as Microsoft's structures have them.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn u16_le(&mut self, name: &str) -> Result<u16> {
        let value = u16::from_le_bytes(self.take_array(name)?);
        self.record(name, 2, || Value::Number(value.into()));
        Ok(value)
    }

    /// 32 bits, little-endian.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn u32_le(&mut self, name: &str) -> Result<u32> {
        let value = u32::from_le_bytes(self.take_array(name)?);
        self.record(name, 4, || Value::Number(value.into()));
        Ok(value)
    }

    /// Fields of a few bits each, which together fill whole bytes.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn bits<const N: usize>(&mut self, fields: [(&str, u32); N]) -> Result<[u32; N]> {
        let total: u32 = fields.iter().map(|(_, bits)| bits).sum();
        let len = total.div_ceil(8) as usize;
        let bytes = self.take(fields.first().map_or("", |(name, _)| name), len)?;
        let all = bytes.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let mut left = len as u32 * 8;
        let mut values = [0; N];
        for ((name, bits), value) in fields.into_iter().zip(&mut values) {
            left -= bits;
            *value = (all >> left & ((1 << bits) - 1)) as u32;
            let shown = u64::from(*value);
            self.record(name, len, || Value::Number(shown));
        }
        Ok(values)
    }

    /// A four-character code.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn fourcc(&mut self, name: &str) -> Result<FourCc> {
        let code = FourCc(self.take_array(name)?);
        self.record(name, 4, || Value::Code(code));
        Ok(code)
    }

    /// A UUID in printed order.
    ///
    /// # Errors
    /// Where the box ends before.
    pub fn uuid(&mut self, name: &str) -> Result<Uuid> {
        let uuid = Uuid(self.take_array(name)?);
        self.record(name, 16, || Value::Uuid(uuid));
        Ok(uuid)
    }

    /// Bytes from an earlier [`Reader::at`] to here, once more.
    pub fn since(&self, at: u64) -> &'a [u8] {
        let from = at.saturating_sub(self.base) as usize;
        self.data.get(from..self.pos).unwrap_or(&[])
    }

    /// Refuses a count of `rows` of `row_len` bytes that the box cannot hold.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn rows(&self, name: &str, rows: u32, row_len: usize) -> Result<usize> {
        let rows = rows as usize;
        match rows.checked_mul(row_len) {
            Some(need) if need <= self.left() => Ok(rows),
            _ => Err(Error::malformed(
                Code::CountPastBox,
                format!(
                    "{name} says {rows}, {row_len} bytes each, but its box has {} bytes left.",
                    self.left()
                ),
            )
            .at(self.at())),
        }
    }

    /// A box is eaten to its last byte, or it is not what it says.
    ///
    /// # Errors
    /// Where bytes are left over.
    pub fn end(&self) -> Result<()> {
        match self.left() {
            0 => Ok(()),
            n => Err(Error::malformed(
                Code::BytesLeftOver,
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

    /// Room for so many bytes more, so that writing them moves nothing: what would be
    /// left behind may be a key.
    pub fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
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

    /// A number in this width, its low bits.
    pub fn uint(&mut self, value: u64, width: Width) {
        match width {
            Width::Bits32 => self.u32(value as u32),
            Width::Bits64 => self.u64(value),
        }
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
