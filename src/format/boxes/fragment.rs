//! Boxes of `moof`.

use super::Mp4Box;
use crate::error::Result;
use crate::format::bytes::{Reader, Width, Writer};
use crate::format::ids::{BoxType, FourCc};

/// Whether sample flags say that decoding can start here: the
/// `sample_is_non_sync_sample` bit is clear (ISO/IEC 14496-12 §8.8.3.1).
pub fn is_sync(sample_flags: u32) -> bool {
    sample_flags & 0x1_0000 == 0
}

/// Movie Fragment Header (ISO/IEC 14496-12 §8.8.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mfhd {
    /// Version and flags.
    pub version_flags: u32,
    /// Counts the fragments; some writers leave it 0.
    pub sequence_number: u32,
}

impl Mp4Box for Mfhd {
    const KIND: BoxType = BoxType::code(b"mfhd");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        Ok(Self { version_flags, sequence_number: r.u32("sequence_number")? })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.u32(self.sequence_number);
    }
}

/// Track Fragment Header (ISO/IEC 14496-12 §8.8.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tfhd {
    /// Always 0.
    pub version: u8,
    /// Bits this struct does not show through an `Option`.
    pub flags: u32,
    /// The track.
    pub track_id: u32,
    /// Absolute offset that `trun` offsets count from. PIFF forbids it.
    pub base_data_offset: Option<u64>,
    /// Which sample entry, from 1.
    pub sample_description_index: Option<u32>,
    /// In media ticks.
    pub sample_duration: Option<u32>,
    /// In bytes.
    pub sample_size: Option<u32>,
    /// See [`is_sync`].
    pub sample_flags: Option<u32>,
}

impl Tfhd {
    /// Offsets count from the first byte of the `moof` (brand `iso5` and later).
    pub const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
    const OPTIONS: u32 = 0x1 | 0x2 | 0x8 | 0x10 | 0x20;
}

impl Mp4Box for Tfhd {
    const KIND: BoxType = BoxType::code(b"tfhd");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let track_id = r.u32("track_ID")?;
        let has = |bit: u32| flags & bit != 0;
        let base = if has(0x1) { Some(r.u64("base_data_offset")?) } else { None };
        let mut optional =
            |bit: u32, name: &str| if has(bit) { r.u32(name).map(Some) } else { Ok(None) };
        Ok(Self {
            version,
            flags: flags & !Self::OPTIONS,
            track_id,
            base_data_offset: base,
            sample_description_index: optional(0x2, "sample_description_index")?,
            sample_duration: optional(0x8, "default_sample_duration")?,
            sample_size: optional(0x10, "default_sample_size")?,
            sample_flags: optional(0x20, "default_sample_flags")?,
        })
    }

    fn write(&self, w: &mut Writer) {
        let options = [
            (0x2, self.sample_description_index),
            (0x8, self.sample_duration),
            (0x10, self.sample_size),
            (0x20, self.sample_flags),
        ];
        let mut flags = self.flags | u32::from(self.base_data_offset.is_some());
        for (bit, _) in options.iter().filter(|(_, value)| value.is_some()) {
            flags |= bit;
        }
        w.u8(self.version);
        w.u24(flags);
        w.u32(self.track_id);
        if let Some(base) = self.base_data_offset {
            w.u64(base);
        }
        options.iter().filter_map(|(_, value)| *value).for_each(|value| w.u32(value));
    }
}

/// Track Fragment Decode Time (ISO/IEC 14496-12 §8.8.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tfdt {
    /// 1 for a 64-bit time.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// Decode time of the first sample, in media ticks.
    pub base_media_decode_time: u64,
}

impl Tfdt {
    /// With a 64-bit time, always: a file's `moof` sizes then do not depend on
    /// how long it is.
    pub fn new(base_media_decode_time: u64) -> Self {
        Self { version: 1, flags: 0, base_media_decode_time }
    }
}

impl Mp4Box for Tfdt {
    const KIND: BoxType = BoxType::code(b"tfdt");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let time = r.uint("baseMediaDecodeTime", Width::of(version))?;
        Ok(Self { version, flags, base_media_decode_time: time })
    }

    fn write(&self, w: &mut Writer) {
        w.u8(self.version);
        w.u24(self.flags);
        w.uint(self.base_media_decode_time, Width::of(self.version));
    }
}

/// One row of a [`Trun`]; a field the run does not carry is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrunRow {
    /// In media ticks.
    pub duration: u32,
    /// In bytes.
    pub size: u32,
    /// See [`is_sync`].
    pub flags: u32,
    /// Presentation time less decode time. Signed in version 0 too: Microsoft
    /// writes negative ones there (facts §1.3).
    pub composition_offset: i32,
}

/// Track Fragment Run (ISO/IEC 14496-12 §8.8.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trun {
    /// 0 or 1.
    pub version: u8,
    /// All flags but those of the two `Option`s.
    pub flags: u32,
    /// How many samples.
    pub sample_count: u32,
    /// Where the first sample is, from the base of the `traf`.
    pub data_offset: Option<i32>,
    /// Flags of the first sample, instead of the default.
    pub first_sample_flags: Option<u32>,
    /// A row for each sample; none where no field is per sample.
    pub rows: Vec<TrunRow>,
}

impl Trun {
    /// Rows carry durations.
    pub const DURATION: u32 = 0x100;
    /// Rows carry sizes.
    pub const SIZE: u32 = 0x200;
    /// Rows carry flags.
    pub const FLAGS: u32 = 0x400;
    /// Rows carry composition offsets.
    pub const COMPOSITION: u32 = 0x800;

    /// Whether rows carry this field.
    pub fn has(&self, bit: u32) -> bool {
        self.flags & bit != 0
    }
}

impl Mp4Box for Trun {
    const KIND: BoxType = BoxType::code(b"trun");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let sample_count = r.u32("sample_count")?;
        let data_offset = if flags & 0x1 != 0 { Some(r.i32("data_offset")?) } else { None };
        let first_sample_flags =
            if flags & 0x4 != 0 { Some(r.u32("first_sample_flags")?) } else { None };
        let row_len = 4 * (flags & 0xf00).count_ones() as usize;
        let rows = if row_len == 0 { 0 } else { r.rows("sample_count", sample_count, row_len)? };
        let has = |bit: u32| flags & bit != 0;
        let row = |r: &mut Reader<'_>| {
            let mut field = |bit, name| if has(bit) { r.u32(name) } else { Ok(0) };
            Ok(TrunRow {
                duration: field(Self::DURATION, "sample_duration")?,
                size: field(Self::SIZE, "sample_size")?,
                flags: field(Self::FLAGS, "sample_flags")?,
                composition_offset: match has(Self::COMPOSITION) {
                    true => r.i32("sample_composition_time_offset")?,
                    false => 0,
                },
            })
        };
        let rows = (0..rows).map(|i| r.row("sample", i, row)).collect::<Result<_>>()?;
        let flags = flags & !0x5;
        Ok(Self { version, flags, sample_count, data_offset, first_sample_flags, rows })
    }

    fn write(&self, w: &mut Writer) {
        let flags = self.flags
            | if self.data_offset.is_some() { 0x1 } else { 0 }
            | if self.first_sample_flags.is_some() { 0x4 } else { 0 };
        w.u8(self.version);
        w.u24(flags);
        w.u32(self.sample_count);
        if let Some(offset) = self.data_offset {
            w.u32(offset as u32);
        }
        if let Some(flags) = self.first_sample_flags {
            w.u32(flags);
        }
        for row in &self.rows {
            for (bit, value) in [
                (Self::DURATION, row.duration),
                (Self::SIZE, row.size),
                (Self::FLAGS, row.flags),
                (Self::COMPOSITION, row.composition_offset as u32),
            ] {
                if self.has(bit) {
                    w.u32(value);
                }
            }
        }
    }
}

/// The aux_info_type and its parameter, where `saiz` and `saio` carry them.
pub type AuxInfoType = Option<(FourCc, u32)>;

fn read_aux_info_type(r: &mut Reader<'_>, flags: u32) -> Result<AuxInfoType> {
    if flags & 1 == 0 {
        return Ok(None);
    }
    Ok(Some((r.fourcc("aux_info_type")?, r.u32("aux_info_type_parameter")?)))
}

fn write_aux_info_type(w: &mut Writer, aux: AuxInfoType) {
    if let Some((code, parameter)) = aux {
        w.bytes(&code.0);
        w.u32(parameter);
    }
}

/// Sample Auxiliary Information Sizes (ISO/IEC 14496-12 §8.7.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saiz {
    /// Version and flags.
    pub version_flags: u32,
    /// What the information is; none means the scheme's own.
    pub aux_info_type: AuxInfoType,
    /// The size for every sample, or 0 where they differ.
    pub default_size: u8,
    /// How many samples.
    pub sample_count: u32,
    /// Their sizes, where they differ.
    pub sizes: Vec<u8>,
}

impl Saiz {
    /// For these sizes, in the shortest form.
    pub fn new(sizes: &[u8]) -> Self {
        let same = sizes.first().filter(|first| sizes.iter().all(|size| size == *first));
        Self {
            version_flags: 0,
            aux_info_type: None,
            default_size: same.copied().unwrap_or(0),
            sample_count: sizes.len() as u32,
            sizes: if same.is_some() { Vec::new() } else { sizes.to_vec() },
        }
    }

    /// Bytes for some samples together; none past the last.
    pub fn bytes(&self, samples: std::ops::Range<usize>) -> Option<u64> {
        match self.default_size {
            0 => self.sizes.get(samples).map(|sizes| sizes.iter().copied().map(u64::from).sum()),
            size => (samples.end <= self.sample_count as usize)
                .then(|| samples.len() as u64 * u64::from(size)),
        }
    }

    /// The size for one sample; none past the last.
    pub fn size(&self, sample: usize) -> Option<u8> {
        match self.default_size {
            0 => self.sizes.get(sample).copied(),
            size => (sample < self.sample_count as usize).then_some(size),
        }
    }
}

impl Mp4Box for Saiz {
    const KIND: BoxType = BoxType::code(b"saiz");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version_flags = r.u32("version_flags")?;
        let aux_info_type = read_aux_info_type(r, version_flags)?;
        let default_size = r.u8("default_sample_info_size")?;
        let sample_count = r.u32("sample_count")?;
        let rows = if default_size == 0 { r.rows("sample_count", sample_count, 1)? } else { 0 };
        let sizes = r.bytes("sample_info_size", rows)?.to_vec();
        Ok(Self { version_flags, aux_info_type, default_size, sample_count, sizes })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        write_aux_info_type(w, self.aux_info_type);
        w.u8(self.default_size);
        w.u32(self.sample_count);
        w.bytes(&self.sizes);
    }
}

/// Sample Auxiliary Information Offsets (ISO/IEC 14496-12 §8.7.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saio {
    /// 1 for 64-bit offsets.
    pub version: u8,
    /// Bit 0: the type is there.
    pub flags: u32,
    /// What the information is; none means the scheme's own.
    pub aux_info_type: AuxInfoType,
    /// One offset for all runs, or one a run, from the base of the `traf`.
    pub offsets: Vec<u64>,
}

impl Saio {
    /// For one offset.
    pub fn new(offset: u32) -> Self {
        Self { version: 0, flags: 0, aux_info_type: None, offsets: vec![offset.into()] }
    }
}

impl Mp4Box for Saio {
    const KIND: BoxType = BoxType::code(b"saio");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let aux_info_type = read_aux_info_type(r, flags)?;
        let count = r.u32("entry_count")?;
        let width = Width::of(version);
        let rows = r.rows("entry_count", count, width.bytes())?;
        let offsets = (0..rows)
            .map(|i| r.row("entry", i, |r| r.uint("offset", width)))
            .collect::<Result<_>>()?;
        Ok(Self { version, flags, aux_info_type, offsets })
    }

    fn write(&self, w: &mut Writer) {
        w.u8(self.version);
        w.u24(self.flags);
        write_aux_info_type(w, self.aux_info_type);
        w.u32(self.offsets.len() as u32);
        self.offsets.iter().for_each(|offset| w.uint(*offset, Width::of(self.version)));
    }
}
