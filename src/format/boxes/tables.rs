//! Boxes of `stbl` and its neighbours: the sample tables of a file that is not
//! fragmented, sample groups, references, edits.

use super::Mp4Box;
use crate::error::Result;
use crate::format::bytes::{Reader, Width, Writer};
use crate::format::ids::{BoxType, FourCc, Kid};

/// Sample to Chunk (ISO/IEC 14496-12 §8.7.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stsc {
    /// Version and flags.
    pub version_flags: u32,
    /// First chunk (from 1), samples in each, sample entry (from 1).
    pub entries: Vec<[u32; 3]>,
}

impl Mp4Box for Stsc {
    const KIND: BoxType = BoxType::code(b"stsc");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let count = r.u32("entry_count")?;
        let row = |r: &mut Reader<'_>| {
            Ok([
                r.u32("first_chunk")?,
                r.u32("samples_per_chunk")?,
                r.u32("sample_description_index")?,
            ])
        };
        let entries = (0..r.rows("entry_count", count, 12)?)
            .map(|i| r.row("entry", i, row))
            .collect::<Result<_>>()?;
        Ok(Self { version_flags, entries })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.entries.len() as u32);
        self.entries.iter().flatten().for_each(|n| w.u32(*n));
    }
}

/// Chunk Offset, of 32 bits (ISO/IEC 14496-12 §8.7.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stco {
    /// Version and flags.
    pub version_flags: u32,
    /// Absolute offsets.
    pub offsets: Vec<u32>,
}

impl Mp4Box for Stco {
    const KIND: BoxType = BoxType::code(b"stco");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let count = r.u32("entry_count")?;
        let offsets = (0..r.rows("entry_count", count, 4)?)
            .map(|i| r.row("entry", i, |r| r.u32("chunk_offset")))
            .collect::<Result<_>>()?;
        Ok(Self { version_flags, offsets })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.offsets.len() as u32);
        self.offsets.iter().for_each(|offset| w.u32(*offset));
    }
}

/// Chunk Offset, of 64 bits (ISO/IEC 14496-12 §8.7.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Co64 {
    /// Version and flags.
    pub version_flags: u32,
    /// Absolute offsets.
    pub offsets: Vec<u64>,
}

impl Mp4Box for Co64 {
    const KIND: BoxType = BoxType::code(b"co64");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let count = r.u32("entry_count")?;
        let offsets = (0..r.rows("entry_count", count, 8)?)
            .map(|i| r.row("entry", i, |r| r.u64("chunk_offset")))
            .collect::<Result<_>>()?;
        Ok(Self { version_flags, offsets })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.offsets.len() as u32);
        self.offsets.iter().for_each(|offset| w.u64(*offset));
    }
}

/// Composition Time to Sample (ISO/IEC 14496-12 §8.6.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ctts {
    /// Version and flags.
    pub version_flags: u32,
    /// Count of samples, and the offset of each from decoding to presentation.
    /// Signed in version 0 too, as writers have it.
    pub entries: Vec<(u32, i32)>,
}

impl Mp4Box for Ctts {
    const KIND: BoxType = BoxType::code(b"ctts");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let count = r.u32("entry_count")?;
        let entries = (0..r.rows("entry_count", count, 8)?)
            .map(|i| r.row("entry", i, |r| Ok((r.u32("sample_count")?, r.i32("sample_offset")?))))
            .collect::<Result<_>>()?;
        Ok(Self { version_flags, entries })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.entries.len() as u32);
        for (count, offset) in &self.entries {
            w.u32(*count);
            w.u32(*offset as u32);
        }
    }
}

/// Sync Sample (ISO/IEC 14496-12 §8.6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stss {
    /// Version and flags.
    pub version_flags: u32,
    /// Numbers of the sync samples, from 1.
    pub samples: Vec<u32>,
}

impl Mp4Box for Stss {
    const KIND: BoxType = BoxType::code(b"stss");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let count = r.u32("entry_count")?;
        let samples = (0..r.rows("entry_count", count, 4)?)
            .map(|i| r.row("entry", i, |r| r.u32("sample_number")))
            .collect::<Result<_>>()?;
        Ok(Self { version_flags, samples })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.samples.len() as u32);
        self.samples.iter().for_each(|number| w.u32(*number));
    }
}

/// One entry of an [`Elst`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edit {
    /// How long it is presented, in movie ticks.
    pub duration: u64,
    /// From where in the media, in media ticks; -1 for nothing (an empty edit).
    pub media_time: i64,
    /// How fast, 16.16.
    pub rate: u32,
}

/// Edit List (ISO/IEC 14496-12 §8.6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elst {
    /// 1 for 64-bit times.
    pub version: u8,
    /// Bit 0: repeat the edits.
    pub flags: u32,
    /// In order of presentation.
    pub entries: Vec<Edit>,
}

impl Mp4Box for Elst {
    const KIND: BoxType = BoxType::code(b"elst");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let width = Width::of(version);
        let count = r.u32("entry_count")?;
        let row = |r: &mut Reader<'_>| {
            let duration = r.uint("segment_duration", width)?;
            let media_time = match width {
                Width::Bits64 => r.u64("media_time")? as i64,
                Width::Bits32 => r.i32("media_time")?.into(),
            };
            Ok(Edit { duration, media_time, rate: r.u32("media_rate")? })
        };
        let entries = (0..r.rows("entry_count", count, 4 + 2 * width.bytes())?)
            .map(|i| r.row("entry", i, row))
            .collect::<Result<_>>()?;
        Ok(Self { version, flags, entries })
    }

    fn write(&self, w: &mut Writer) {
        let width = Width::of(self.version);
        w.u8(self.version);
        w.u24(self.flags);
        w.u32(self.entries.len() as u32);
        for edit in &self.entries {
            w.uint(edit.duration, width);
            match width {
                Width::Bits64 => w.u64(edit.media_time as u64),
                Width::Bits32 => w.u32(edit.media_time as u32),
            }
            w.u32(edit.rate);
        }
    }
}

/// Compact Sample Size (ISO/IEC 14496-12 §8.7.3.3).
pub(super) fn stz2(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    r.u24("reserved")?;
    r.u8("field_size")?;
    r.u32("sample_count")?;
    r.rest("entry_sizes");
    Ok(())
}

/// Independent and Disposable Samples (ISO/IEC 14496-12 §8.6.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdtp {
    /// Version and flags.
    pub version_flags: u32,
    /// A byte a sample: leading, depends on, depended on, redundancy, two bits each.
    pub samples: Vec<u8>,
}

impl Sdtp {
    /// Whether a sample says that it depends on no other: decoding can start
    /// there. `None` where it says nothing.
    pub fn independent(&self, sample: usize) -> Option<bool> {
        match self.samples.get(sample)? >> 4 & 3 {
            1 => Some(false),
            2 => Some(true),
            _ => None,
        }
    }
}

impl Mp4Box for Sdtp {
    const KIND: BoxType = BoxType::code(b"sdtp");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let mut samples = Vec::with_capacity(r.left());
        while r.left() > 0 {
            let parts = r.row("sample", samples.len(), |r| {
                r.bits([
                    ("is_leading", 2),
                    ("sample_depends_on", 2),
                    ("sample_is_depended_on", 2),
                    ("sample_has_redundancy", 2),
                ])
            })?;
            samples.push(parts.iter().fold(0, |n, part| n << 2 | *part as u8));
        }
        Ok(Self { version_flags, samples })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.bytes(&self.samples);
    }
}

/// Sample to Group (ISO/IEC 14496-12 §8.9.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sbgp {
    /// What is grouped; `seig` is protection.
    pub grouping: FourCc,
    /// Samples, and the number of their description (from 1; from 0x10001
    /// where the description is in the same `traf`; 0 for none).
    pub entries: Vec<(u32, u32)>,
}

impl Sbgp {
    /// Reads the body.
    ///
    /// # Errors
    /// Where the body ends too early, or has bytes left over.
    pub fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        r.u24("flags")?;
        let grouping = r.fourcc("grouping_type")?;
        if version == 1 {
            r.u32("grouping_type_parameter")?;
        }
        let count = r.u32("entry_count")?;
        let row =
            |r: &mut Reader<'_>| Ok((r.u32("sample_count")?, r.u32("group_description_index")?));
        let entries = (0..r.rows("entry_count", count, 8)?)
            .map(|i| r.row("entry", i, row))
            .collect::<Result<_>>()?;
        Ok(Self { grouping, entries })
    }

    /// The description of a sample.
    pub fn description(&self, sample: usize) -> u32 {
        let mut left = sample as u64;
        for (count, index) in &self.entries {
            if left < u64::from(*count) {
                return *index;
            }
            left -= u64::from(*count);
        }
        0
    }
}

/// A `seig` description: protection of the samples in its group
/// (ISO/IEC 23001-7 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seig {
    /// Whether they are protected.
    pub is_protected: bool,
    /// Bytes of IV a sample.
    pub iv_size: u8,
    /// Their key.
    pub kid: Kid,
    /// The IV of every sample, where `iv_size` is 0.
    pub constant_iv: Vec<u8>,
    /// Blocks to encrypt and to skip, four bits each.
    pub pattern: u8,
}

/// Sample Group Description (ISO/IEC 14496-12 §8.9.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sgpd {
    /// What is grouped.
    pub grouping: FourCc,
    /// The description of samples that no `sbgp` puts into a group, from 1; 0
    /// for none.
    pub default_index: u32,
    /// The descriptions of protection; empty for other groupings.
    pub seig: Vec<Seig>,
}

impl Sgpd {
    /// Reads the body.
    ///
    /// # Errors
    /// Where the body ends too early, or has bytes left over.
    pub fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        r.u24("flags")?;
        let grouping = r.fourcc("grouping_type")?;
        // The length came with version 1 and stays in later ones.
        let default_length = if version >= 1 { r.u32("default_length")? } else { 0 };
        let default_index =
            if version >= 2 { r.u32("default_group_description_index")? } else { 0 };
        let count = r.u32("entry_count")?;
        let is_seig = &grouping.0 == b"seig";
        let least = if is_seig { 20 } else { 0 };
        let count = r.rows("entry_count", count, least)?;
        let mut seig = Vec::new();
        for i in 0..count.min(r.left()) {
            r.row("entry", i, |r| {
                let length = match (version, default_length) {
                    (1.., 0) => r.u32("description_length")?,
                    (_, length) => length,
                } as usize;
                if is_seig {
                    seig.push(read_seig(r)?);
                } else if version >= 1 {
                    r.bytes("description", length)?;
                } else {
                    r.rest("description");
                }
                Ok(())
            })?;
        }
        Ok(Self { grouping, default_index, seig })
    }
}

fn read_seig(r: &mut Reader<'_>) -> Result<Seig> {
    r.u8("reserved")?;
    let [crypt, skip] = r.bits([("crypt_byte_block", 4), ("skip_byte_block", 4)])?;
    let is_protected = r.u8("isProtected")? != 0;
    let iv_size = r.u8("Per_Sample_IV_Size")?;
    let kid = r.uuid("KID")?;
    let mut constant_iv = Vec::new();
    if is_protected && iv_size == 0 {
        let len = r.u8("constant_IV_size")?;
        constant_iv = r.bytes("constant_IV", len.into())?.to_vec();
    }
    let pattern = (crypt << 4 | skip) as u8;
    Ok(Seig { is_protected, iv_size, kid, constant_iv, pattern })
}

/// Sub-Sample Information (ISO/IEC 14496-12 §8.7.7).
pub(super) fn subs(r: &mut Reader<'_>) -> Result<()> {
    let version = r.u8("version")?;
    r.u24("flags")?;
    let count = r.u32("entry_count")?;
    for i in 0..r.rows("entry_count", count, 6)? {
        r.row("entry", i, |r| {
            r.u32("sample_delta")?;
            for i in 0..usize::from(r.u16("subsample_count")?) {
                r.row("subsample", i, |r| {
                    r.uint("subsample_size", Width::of(version))?;
                    r.u8("subsample_priority")?;
                    r.u8("discardable")?;
                    r.u32("codec_specific_parameters")
                })?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Video Media Header (ISO/IEC 14496-12 §12.1.2).
pub(super) fn vmhd(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    r.u16("graphicsmode")?;
    for i in 0..3 {
        r.row("opcolor", i, |r| r.u16("value"))?;
    }
    Ok(())
}

/// Sound Media Header (ISO/IEC 14496-12 §12.2.2).
pub(super) fn smhd(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    r.u16("balance")?;
    r.u16("reserved")?;
    Ok(())
}

/// A full box without fields of its own: Null and Subtitle Media Headers
/// (ISO/IEC 14496-12 §8.4.5.2, §12.6.2).
pub(super) fn bare(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    Ok(())
}

/// A full box that begins a list: `stsd`, `dref` (ISO/IEC 14496-12 §8.5.2, §8.7.2).
pub(super) fn list(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    r.u32("entry_count")?;
    Ok(())
}

/// Data Entry (ISO/IEC 14496-12 §8.7.2).
pub(super) fn url(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    if r.left() > 0 {
        r.text("location")?;
    }
    Ok(())
}

/// Track Reference Type (ISO/IEC 14496-12 §8.3.3).
pub(super) fn track_ids(r: &mut Reader<'_>) -> Result<()> {
    let mut i = 0;
    while r.left() > 0 {
        r.row("track", i, |r| r.u32("track_ID"))?;
        i += 1;
    }
    Ok(())
}

/// Extended Language Tag (ISO/IEC 14496-12 §8.4.6).
pub(super) fn elng(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    r.text("extended_language")?;
    Ok(())
}

/// Event Message (ISO/IEC 23009-1 §5.10.3.3).
pub(super) fn emsg(r: &mut Reader<'_>) -> Result<()> {
    let version = r.u8("version")?;
    r.u24("flags")?;
    if version == 0 {
        r.text("scheme_id_uri")?;
        r.text("value")?;
        r.u32("timescale")?;
        r.u32("presentation_time_delta")?;
    } else {
        r.u32("timescale")?;
        r.u64("presentation_time")?;
    }
    r.u32("event_duration")?;
    r.u32("id")?;
    if version != 0 {
        r.text("scheme_id_uri")?;
        r.text("value")?;
    }
    r.rest("message_data");
    Ok(())
}

/// Producer Reference Time (ISO/IEC 14496-12 §8.16.5).
pub(super) fn prft(r: &mut Reader<'_>) -> Result<()> {
    let version = r.u8("version")?;
    r.u24("flags")?;
    r.u32("reference_track_ID")?;
    r.u64("ntp_timestamp")?;
    r.uint("media_time", Width::of(version))?;
    Ok(())
}

/// Content credentials: who made the file, and hashes of its bytes (C2PA §A.5).
pub const C2PA: BoxType = BoxType::uuid(0xd8fec3d6_1b0e_483c_9297_5828877ec481);

/// Content credentials (C2PA §A.5).
pub(super) fn c2pa(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    r.text("box_purpose")?;
    r.rest("data");
    Ok(())
}

/// Live Server Manifest: a SMIL document (facts §1.4).
pub(super) fn live_manifest(r: &mut Reader<'_>) -> Result<()> {
    r.u32("version_flags")?;
    r.text("manifest")?;
    r.rest("after_manifest");
    Ok(())
}
