//! The `uuid` boxes Smooth Streaming adds beside protection (facts §1.4).

use super::Mp4Box;
use crate::error::Result;
use crate::format::bytes::{Reader, Width, Writer};
use crate::format::ids::BoxType;

/// Live Server Manifest: a SMIL document at the top of an ingest stream.
pub const LIVE_MANIFEST: BoxType = BoxType::uuid(0xa5d40b30_e814_11dd_ba2f_0800200c9a66);

/// Stream Manifest, as one reader lists it; the last digits are not confirmed.
pub const STREAM_MANIFEST: BoxType = BoxType::uuid(0x3c2fe51b_efee_40a3_ae81_5300199dc348);

/// Absolute time and duration of a fragment ([MS-SSTR] §2.2.4.4), in media ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tfxd {
    /// 1 for 64-bit times.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// Presentation time of the first sample. ffmpeg writes a negative one, in
    /// two's complement, where an AAC encoder primes.
    pub time: u64,
    /// To the end of the fragment.
    pub duration: u64,
}

impl Mp4Box for Tfxd {
    const KIND: BoxType = BoxType::uuid(0x6d1d9b05_42d5_44e6_80e2_141daff757b2);

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        Ok(Self {
            version,
            flags: r.u24("flags")?,
            time: r.uint("fragment_absolute_time", Width::of(version))?,
            duration: r.uint("fragment_duration", Width::of(version))?,
        })
    }

    fn write(&self, w: &mut Writer) {
        w.u8(self.version);
        w.u24(self.flags);
        w.uint(self.time, Width::of(self.version));
        w.uint(self.duration, Width::of(self.version));
    }
}

/// Times and durations of the fragments that follow, in a live stream
/// ([MS-SSTR] §2.2.4.5), in media ticks. The count is one byte, whatever one
/// page of the document says: every writer and reader has it so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tfrf {
    /// 1 for 64-bit times.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// Time and duration of each.
    pub fragments: Vec<(u64, u64)>,
}

impl Mp4Box for Tfrf {
    const KIND: BoxType = BoxType::uuid(0xd4807ef2_ca39_4695_8e54_26cb9e46a79f);

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let count = r.u8("fragment_count")?;
        let width = Width::of(version);
        let fragments = (0..count)
            .map(|i| {
                r.row("fragment", i.into(), |r| {
                    let time = r.uint("fragment_absolute_time", width)?;
                    Ok((time, r.uint("fragment_duration", width)?))
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { version, flags, fragments })
    }

    fn write(&self, w: &mut Writer) {
        w.u8(self.version);
        w.u24(self.flags);
        w.u8(self.fragments.len() as u8);
        for (time, duration) in &self.fragments {
            w.uint(*time, Width::of(self.version));
            w.uint(*duration, Width::of(self.version));
        }
    }
}
