//! Boxes of `ftyp` and `moov`.

use super::Mp4Box;
use crate::error::Result;
use crate::format::bytes::{Reader, Width, Writer};
use crate::format::ids::{BoxType, FourCc};

/// File Type (ISO/IEC 14496-12 §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ftyp {
    /// The best use of the file.
    pub major: FourCc,
    /// Informative version of that.
    pub minor: u32,
    /// Everything the file may be read as.
    pub compatible: Vec<FourCc>,
    /// What is left at the end, too short for a brand; none in a right file.
    pub rest: Vec<u8>,
}

impl Ftyp {
    /// For a file that has none.
    pub fn missing() -> Self {
        let compatible = vec![FourCc(*b"iso6")];
        Self { major: FourCc(*b"mp42"), minor: 0, compatible, rest: Vec::new() }
    }
}

impl Mp4Box for Ftyp {
    const KIND: BoxType = BoxType::code(b"ftyp");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (major, minor) = (r.fourcc("major_brand")?, r.u32("minor_version")?);
        let mut compatible = Vec::new();
        while r.left() >= 4 {
            compatible.push(r.fourcc("compatible_brand")?);
        }
        Ok(Self { major, minor, compatible, rest: r.rest("rest").to_vec() })
    }

    fn write(&self, w: &mut Writer) {
        w.bytes(&self.major.0);
        w.u32(self.minor);
        self.compatible.iter().for_each(|brand| w.bytes(&brand.0));
        w.bytes(&self.rest);
    }
}

fn matrix(r: &mut Reader<'_>) -> Result<()> {
    for index in 0..9 {
        r.row("matrix", index, |r| r.i32("value"))?;
    }
    Ok(())
}

/// Fields read for their names alone, as they stand.
fn kept<const N: usize>(r: &Reader<'_>, from: u64) -> [u8; N] {
    r.since(from).try_into().unwrap_or([0; N])
}

/// Movie Header (ISO/IEC 14496-12 §8.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mvhd {
    /// 1 for 64-bit times.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// Seconds since 1904.
    pub creation_time: u64,
    /// Seconds since 1904.
    pub modification_time: u64,
    /// Ticks a second.
    pub timescale: u32,
    /// In ticks; all ones when unknown.
    pub duration: u64,
    /// Rate, volume, matrix, next track ID.
    pub rest: [u8; 80],
}

impl Mp4Box for Mvhd {
    const KIND: BoxType = BoxType::code(b"mvhd");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        Ok(Self {
            version,
            flags: r.u24("flags")?,
            creation_time: r.uint("creation_time", Width::of(version))?,
            modification_time: r.uint("modification_time", Width::of(version))?,
            timescale: r.u32("timescale")?,
            duration: r.uint("duration", Width::of(version))?,
            rest: {
                let from = r.at();
                r.u32("rate")?;
                r.u16("volume")?;
                r.bytes("reserved", 10)?;
                matrix(r)?;
                r.bytes("pre_defined", 24)?;
                r.u32("next_track_ID")?;
                kept(r, from)
            },
        })
    }

    fn write(&self, w: &mut Writer) {
        let width = Width::of(self.version);
        w.u8(self.version);
        w.u24(self.flags);
        w.uint(self.creation_time, width);
        w.uint(self.modification_time, width);
        w.u32(self.timescale);
        w.uint(self.duration, width);
        w.bytes(&self.rest);
    }
}

/// Track Header (ISO/IEC 14496-12 §8.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tkhd {
    /// 1 for 64-bit times.
    pub version: u8,
    /// Bit 0: enabled; bit 1: in the movie.
    pub flags: u32,
    /// Seconds since 1904.
    pub creation_time: u64,
    /// Seconds since 1904.
    pub modification_time: u64,
    /// The track's number, from 1.
    pub track_id: u32,
    /// Reserved.
    pub reserved: u32,
    /// In movie ticks; all ones when unknown.
    pub duration: u64,
    /// Layer, group, volume, matrix.
    pub rest: [u8; 52],
    /// Display width, 16.16.
    pub width: u32,
    /// Display height, 16.16.
    pub height: u32,
}

impl Mp4Box for Tkhd {
    const KIND: BoxType = BoxType::code(b"tkhd");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        Ok(Self {
            version,
            flags: r.u24("flags")?,
            creation_time: r.uint("creation_time", Width::of(version))?,
            modification_time: r.uint("modification_time", Width::of(version))?,
            track_id: r.u32("track_ID")?,
            reserved: r.u32("reserved")?,
            duration: r.uint("duration", Width::of(version))?,
            rest: {
                let from = r.at();
                r.u64("reserved")?;
                r.u16("layer")?;
                r.u16("alternate_group")?;
                r.u16("volume")?;
                r.u16("reserved")?;
                matrix(r)?;
                kept(r, from)
            },
            width: r.u32("width")?,
            height: r.u32("height")?,
        })
    }

    fn write(&self, w: &mut Writer) {
        let width = Width::of(self.version);
        w.u8(self.version);
        w.u24(self.flags);
        w.uint(self.creation_time, width);
        w.uint(self.modification_time, width);
        w.u32(self.track_id);
        w.u32(self.reserved);
        w.uint(self.duration, width);
        w.bytes(&self.rest);
        w.u32(self.width);
        w.u32(self.height);
    }
}

/// Media Header (ISO/IEC 14496-12 §8.4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mdhd {
    /// 1 for 64-bit times.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// Seconds since 1904.
    pub creation_time: u64,
    /// Seconds since 1904.
    pub modification_time: u64,
    /// Ticks a second.
    pub timescale: u32,
    /// In ticks; all ones when unknown.
    pub duration: u64,
    /// ISO 639-2/T, three letters of five bits.
    pub language: u16,
    /// Reserved.
    pub pre_defined: u16,
}

impl Mdhd {
    /// The language as three letters; `und` where it is none.
    pub fn language(&self) -> String {
        crate::format::language::of_field(self.language)
    }
}

impl Mp4Box for Mdhd {
    const KIND: BoxType = BoxType::code(b"mdhd");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        Ok(Self {
            version,
            flags: r.u24("flags")?,
            creation_time: r.uint("creation_time", Width::of(version))?,
            modification_time: r.uint("modification_time", Width::of(version))?,
            timescale: r.u32("timescale")?,
            duration: r.uint("duration", Width::of(version))?,
            language: r.u16("language")?,
            pre_defined: r.u16("pre_defined")?,
        })
    }

    fn write(&self, w: &mut Writer) {
        let width = Width::of(self.version);
        w.u8(self.version);
        w.u24(self.flags);
        w.uint(self.creation_time, width);
        w.uint(self.modification_time, width);
        w.u32(self.timescale);
        w.uint(self.duration, width);
        w.u16(self.language);
        w.u16(self.pre_defined);
    }
}

/// Handler Reference (ISO/IEC 14496-12 §8.4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hdlr {
    /// Version and flags.
    pub version_flags: u32,
    /// Reserved; `mhlr` in QuickTime.
    pub pre_defined: u32,
    /// What the track is: `vide`, `soun`, `text`, `subt`, `sbtl`.
    pub handler: FourCc,
    /// Reserved.
    pub reserved: [u8; 12],
    /// A name for people.
    pub name: Vec<u8>,
}

impl Mp4Box for Hdlr {
    const KIND: BoxType = BoxType::code(b"hdlr");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            version_flags: r.u32("version_flags")?,
            pre_defined: r.u32("pre_defined")?,
            handler: r.fourcc("handler_type")?,
            reserved: r.array("reserved")?,
            name: {
                let from = r.at();
                r.text("name")?;
                r.rest("after_name");
                r.since(from).to_vec()
            },
        })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.pre_defined);
        w.bytes(&self.handler.0);
        w.bytes(&self.reserved);
        w.bytes(&self.name);
    }
}

/// Decoding Time to Sample (ISO/IEC 14496-12 §8.6.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stts {
    /// Version and flags.
    pub version_flags: u32,
    /// Count of samples and the duration of each, in media ticks.
    pub entries: Vec<(u32, u32)>,
}

impl Mp4Box for Stts {
    const KIND: BoxType = BoxType::code(b"stts");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let count = r.u32("entry_count")?;
        let entries = (0..r.rows("entry_count", count, 8)?)
            .map(|i| r.row("entry", i, |r| Ok((r.u32("sample_count")?, r.u32("sample_delta")?))))
            .collect::<Result<_>>()?;
        Ok(Self { version_flags, entries })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.entries.len() as u32);
        for (count, delta) in &self.entries {
            w.u32(*count);
            w.u32(*delta);
        }
    }
}

/// Sample Size (ISO/IEC 14496-12 §8.7.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stsz {
    /// Version and flags.
    pub version_flags: u32,
    /// The size of every sample, or 0 where they differ.
    pub sample_size: u32,
    /// How many samples.
    pub sample_count: u32,
    /// Their sizes, where they differ.
    pub sizes: Vec<u32>,
}

impl Mp4Box for Stsz {
    const KIND: BoxType = BoxType::code(b"stsz");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let sample_size = r.u32("sample_size")?;
        let sample_count = r.u32("sample_count")?;
        let rows = if sample_size == 0 { r.rows("sample_count", sample_count, 4)? } else { 0 };
        let sizes = (0..rows)
            .map(|i| r.row("sample", i, |r| r.u32("entry_size")))
            .collect::<Result<_>>()?;
        Ok(Self { version_flags, sample_size, sample_count, sizes })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.sample_size);
        w.u32(self.sample_count);
        self.sizes.iter().for_each(|size| w.u32(*size));
    }
}

/// Movie Extends Header (ISO/IEC 14496-12 §8.8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mehd {
    /// 1 for a 64-bit duration.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// Of the whole movie, fragments included, in movie ticks.
    pub fragment_duration: u64,
}

impl Mp4Box for Mehd {
    const KIND: BoxType = BoxType::code(b"mehd");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let fragment_duration = r.uint("fragment_duration", Width::of(version))?;
        Ok(Self { version, flags, fragment_duration })
    }

    fn write(&self, w: &mut Writer) {
        w.u8(self.version);
        w.u24(self.flags);
        w.uint(self.fragment_duration, Width::of(self.version));
    }
}

/// Track Extends: defaults of every fragment (ISO/IEC 14496-12 §8.8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trex {
    /// Version and flags.
    pub version_flags: u32,
    /// The track.
    pub track_id: u32,
    /// Which sample entry, from 1.
    pub sample_description_index: u32,
    /// In media ticks.
    pub sample_duration: u32,
    /// In bytes.
    pub sample_size: u32,
    /// See [`super::fragment::is_sync`].
    pub sample_flags: u32,
}

impl Mp4Box for Trex {
    const KIND: BoxType = BoxType::code(b"trex");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            version_flags: r.u32("version_flags")?,
            track_id: r.u32("track_ID")?,
            sample_description_index: r.u32("default_sample_description_index")?,
            sample_duration: r.u32("default_sample_duration")?,
            sample_size: r.u32("default_sample_size")?,
            sample_flags: r.u32("default_sample_flags")?,
        })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.track_id);
        w.u32(self.sample_description_index);
        w.u32(self.sample_duration);
        w.u32(self.sample_size);
        w.u32(self.sample_flags);
    }
}

/// Bit Rate (ISO/IEC 14496-12 §8.5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Btrt {
    /// Bytes a decoder must buffer.
    pub buffer_size: u32,
    /// Bits a second over any second.
    pub max_bitrate: u32,
    /// Bits a second over all.
    pub avg_bitrate: u32,
}

impl Mp4Box for Btrt {
    const KIND: BoxType = BoxType::code(b"btrt");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            buffer_size: r.u32("bufferSizeDB")?,
            max_bitrate: r.u32("maxBitrate")?,
            avg_bitrate: r.u32("avgBitrate")?,
        })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.buffer_size);
        w.u32(self.max_bitrate);
        w.u32(self.avg_bitrate);
    }
}
