//! The indexes over fragments: `sidx` before them, `mfra` behind.

use super::Mp4Box;
use crate::error::{Code, Error, Result};
use crate::format::bytes::{Reader, Width, Writer};
use crate::format::ids::BoxType;

/// One reference of a [`Sidx`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SidxReference {
    /// Whether it points to another index, not to media.
    pub to_index: bool,
    /// Bytes from its first byte to the next reference's; 31 bits.
    pub size: u32,
    /// In ticks.
    pub duration: u32,
    /// Stream access point bits.
    pub sap: u32,
}

/// Segment Index (ISO/IEC 14496-12 §8.16.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sidx {
    /// 1 for 64-bit times and offsets.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// The track, usually.
    pub reference_id: u32,
    /// Ticks a second.
    pub timescale: u32,
    /// In ticks.
    pub earliest_presentation_time: u64,
    /// Bytes from the end of this box to the first reference.
    pub first_offset: u64,
    /// Reserved.
    pub reserved: u16,
    /// What lies behind, in order and without gaps.
    pub references: Vec<SidxReference>,
}

impl Mp4Box for Sidx {
    const KIND: BoxType = BoxType::code(b"sidx");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let reference_id = r.u32("reference_ID")?;
        let timescale = r.u32("timescale")?;
        let width = Width::of(version.min(1));
        let earliest_presentation_time = r.uint("earliest_presentation_time", width)?;
        let first_offset = r.uint("first_offset", width)?;
        let reserved = r.u16("reserved")?;
        let count = r.u16("reference_count")?;
        let references = (0..r.rows("reference_count", count.into(), 12)?)
            .map(|i| {
                r.row("reference", i, |r| {
                    let [kind, size] = r.bits([("reference_type", 1), ("referenced_size", 31)])?;
                    let duration = r.u32("subsegment_duration")?;
                    let from = r.at();
                    r.bits([("starts_with_SAP", 1), ("SAP_type", 3), ("SAP_delta_time", 28)])?;
                    let sap = r.since(from).iter().fold(0, |n, b| n << 8 | u32::from(*b));
                    Ok(SidxReference { to_index: kind == 1, size, duration, sap })
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            version,
            flags,
            reference_id,
            timescale,
            earliest_presentation_time,
            first_offset,
            reserved,
            references,
        })
    }

    fn write(&self, w: &mut Writer) {
        let width = Width::of(self.version.min(1));
        w.u8(self.version);
        w.u24(self.flags);
        w.u32(self.reference_id);
        w.u32(self.timescale);
        w.uint(self.earliest_presentation_time, width);
        w.uint(self.first_offset, width);
        w.u16(self.reserved);
        w.u16(self.references.len() as u16);
        for reference in &self.references {
            w.u32(u32::from(reference.to_index) << 31 | reference.size);
            w.u32(reference.duration);
            w.u32(reference.sap);
        }
    }
}

/// One entry of a [`Tfra`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TfraEntry {
    /// Presentation time of the sync sample, in media ticks.
    pub time: u64,
    /// Absolute offset of its `moof`.
    pub moof_offset: u64,
    /// Which `traf`, `trun` and sample, each from 1.
    pub numbers: [u32; 3],
}

/// Track Fragment Random Access (ISO/IEC 14496-12 §8.8.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tfra {
    /// 1 for 64-bit times and offsets.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// The track.
    pub track_id: u32,
    /// Reserved bits, then the three lengths of the numbers, two bits each.
    pub lengths: u32,
    /// In order of time.
    pub entries: Vec<TfraEntry>,
}

impl Tfra {
    fn number_lens(lengths: u32) -> [usize; 3] {
        [4, 2, 0].map(|shift| ((lengths >> shift) & 3) as usize + 1)
    }

    /// Takes the version with 64 bits where a time or an offset needs them.
    pub fn widen(&mut self) {
        let most = u64::from(u32::MAX);
        if self.entries.iter().any(|entry| entry.time > most || entry.moof_offset > most) {
            self.version = 1;
        }
    }
}

impl Mp4Box for Tfra {
    const KIND: BoxType = BoxType::code(b"tfra");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let track_id = r.u32("track_ID")?;
        let lengths = r.u32("length_sizes")?;
        let count = r.u32("number_of_entry")?;
        let width = Width::of(version);
        let lens = Self::number_lens(lengths);
        let row_len = 2 * width.bytes() + lens.iter().sum::<usize>();
        let entries = (0..r.rows("number_of_entry", count, row_len)?)
            .map(|i| {
                r.row("entry", i, |r| {
                    let time = r.uint("time", width)?;
                    let moof_offset = r.uint("moof_offset", width)?;
                    let mut numbers = [0; 3];
                    let names = ["traf_number", "trun_number", "sample_number"];
                    for ((number, len), name) in numbers.iter_mut().zip(lens).zip(names) {
                        *number = r.uint_of(name, len)? as u32;
                    }
                    Ok(TfraEntry { time, moof_offset, numbers })
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { version, flags, track_id, lengths, entries })
    }

    fn write(&self, w: &mut Writer) {
        let width = Width::of(self.version);
        w.u8(self.version);
        w.u24(self.flags);
        w.u32(self.track_id);
        w.u32(self.lengths);
        w.u32(self.entries.len() as u32);
        for entry in &self.entries {
            w.uint(entry.time, width);
            w.uint(entry.moof_offset, width);
            for (number, len) in entry.numbers.iter().zip(Self::number_lens(self.lengths)) {
                w.bytes(&number.to_be_bytes()[4 - len..]);
            }
        }
    }
}

/// Movie Fragment Random Access Offset (ISO/IEC 14496-12 §8.8.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mfro {
    /// Version and flags.
    pub version_flags: u32,
    /// Bytes of the whole `mfra`, so that a reader finds it from the end.
    pub size: u32,
}

impl Mfro {
    /// Bytes of this box; it is the last of its file.
    pub const LEN: u64 = 16;

    /// Reads the size of `mfra` from the last bytes of a file.
    ///
    /// # Errors
    /// Where they are no `mfro`.
    pub fn from_tail(tail: &[u8]) -> Result<Self> {
        let body = tail.strip_prefix(b"\0\0\0\x10mfro").ok_or_else(|| {
            Error::malformed(Code::NoMfro, "The file does not end in an mfro box.")
        })?;
        Self::read(&mut Reader::new(body, 0))
    }
}

impl Mp4Box for Mfro {
    const KIND: BoxType = BoxType::code(b"mfro");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { version_flags: r.u32("version_flags")?, size: r.u32("size")? })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_past_four_gigabytes_take_64_bits() {
        let entry = |time, moof_offset| TfraEntry { time, moof_offset, numbers: [1; 3] };
        let version = |entries| {
            let mut tfra = Tfra { version: 0, flags: 0, track_id: 1, lengths: 0, entries };
            tfra.widen();
            let back = Tfra::parse(&tfra.to_node()).map(|back| back.entries[1].moof_offset);
            assert_eq!(back, Ok(tfra.entries[1].moof_offset));
            tfra.version
        };
        let most = u64::from(u32::MAX);
        assert_eq!(version(vec![entry(0, 100), entry(most, most)]), 0);
        assert_eq!(version(vec![entry(0, 100), entry(0, most + 1)]), 1);
        assert_eq!(version(vec![entry(0, 100), entry(most + 1, 200)]), 1);
    }
}
