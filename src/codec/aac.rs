//! MPEG-4 audio: the elementary stream descriptor and the AudioSpecificConfig
//! in it (ISO/IEC 14496-1 §7.2.6, 14496-3 §1.6.2.1).

use super::bits::Bits;
use crate::bytes::Reader;
use crate::error::{Error, Result};

/// What `esds` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Esds {
    /// objectTypeIndication: 0x40 is MPEG-4 audio.
    pub object_type: u8,
    /// Bits a second.
    pub max_bitrate: u32,
    /// Bits a second.
    pub avg_bitrate: u32,
    /// DecoderSpecificInfo; for MPEG-4 audio the AudioSpecificConfig.
    pub specific: Vec<u8>,
}

impl Esds {
    /// Reads the body of an `esds` box.
    pub fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.u32("version_flags")?;
        let mut es = descriptor(r, 3)?;
        es.u16("ES_ID")?;
        let flags = es.u8("streamDependenceFlag to streamPriority")?;
        if flags & 0x80 != 0 {
            es.u16("dependsOn_ES_ID")?;
        }
        if flags & 0x40 != 0 {
            let len = es.u8("URLlength")?;
            es.bytes("URLstring", len.into())?;
        }
        if flags & 0x20 != 0 {
            es.u16("OCR_ES_Id")?;
        }
        let mut config = descriptor(&mut es, 4)?;
        let object_type = config.u8("objectTypeIndication")?;
        config.bytes("streamType and bufferSizeDB", 4)?;
        let max_bitrate = config.u32("maxBitrate")?;
        let avg_bitrate = config.u32("avgBitrate")?;
        let specific = match config.left() {
            0 => Vec::new(),
            _ => descriptor(&mut config, 5)?.rest().to_vec(),
        };
        Ok(Self { object_type, max_bitrate, avg_bitrate, specific })
    }
}

/// The next descriptor, which must have this tag. Its length has seven bits a
/// byte, in one byte or padded to four.
fn descriptor<'a>(r: &mut Reader<'a>, tag: u8) -> Result<Reader<'a>> {
    let at = r.at();
    let found = r.u8("descriptor tag")?;
    if found != tag {
        return Err(Error::malformed(
            "bad_descriptor",
            format!("A descriptor with tag {tag} should be here, but its tag is {found}."),
        )
        .at(at));
    }
    let mut len = 0;
    for _ in 0..4 {
        let byte = r.u8("descriptor length")?;
        len = len << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    let at = r.at();
    Ok(Reader::new(r.bytes("descriptor", len)?, at))
}

/// What an AudioSpecificConfig says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioConfig {
    /// 2 AAC-LC, 5 HE-AAC, 29 HE-AAC v2, and so on.
    pub object_type: u32,
    /// Of the core; HE-AAC puts out twice as many.
    pub sample_rate: u32,
    /// None where the bitstream tells.
    pub channels: Option<u32>,
}

impl AudioConfig {
    /// Reads it; `None` where it is too short.
    pub fn read(specific: &[u8]) -> Option<Self> {
        const RATES: [u32; 13] = [
            96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
        ];
        let mut b = Bits::plain(specific);
        let object_type = match b.u(5)? {
            31 => 32 + b.u(6)?,
            n => n,
        };
        let sample_rate = match b.u(4)? {
            15 => b.u(24)?,
            n => *RATES.get(n as usize)?,
        };
        let channels = match b.u(4)? {
            0 => None,
            n @ 1..=6 => Some(n),
            7 | 12 | 14 => Some(8),
            11 => Some(7),
            _ => None,
        };
        Some(Self { object_type, sample_rate, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_padded_lengths() {
        // ffmpeg's esds of 64 kbit/s AAC-LC, then the same with short lengths.
        let padded = b"\0\0\0\0\x03\x80\x80\x80\x25\0\x02\0\x04\x80\x80\x80\x17\x40\x15\0\0\0\
            \0\0\xfa\0\0\0\xfa\0\x05\x80\x80\x80\x05\x11\x90\x56\xe5\0\x06\x80\x80\x80\x01\x02";
        let short = b"\0\0\0\0\x03\x1c\0\x02\0\x04\x14\x40\x15\0\0\0\
            \0\0\xfa\0\0\0\xfa\0\x05\x05\x11\x90\x56\xe5\0\x06\x01\x02";
        for body in [&padded[..], &short[..]] {
            let esds = Esds::read(&mut Reader::new(body, 0)).unwrap();
            assert_eq!((esds.object_type, esds.avg_bitrate), (0x40, 64000));
            let config = AudioConfig::read(&esds.specific).unwrap();
            assert_eq!((config.object_type, config.sample_rate), (2, 48000));
            assert_eq!(config.channels, Some(2));
        }
        for len in 0..short.len() - 3 {
            assert!(Esds::read(&mut Reader::new(&short[..len], 0)).is_err(), "cut at {len}");
        }
    }
}
