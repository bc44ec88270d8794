//! MPEG-4 audio: the AudioSpecificConfig (ISO/IEC 14496-3 §1.6.2.1).

use super::bits::Bits;

/// The rates that have a number.
pub(crate) const RATES: [u32; 13] =
    [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];

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
    fn aac_lc_of_48_khz_in_stereo() {
        let config = AudioConfig::read(b"\x11\x90\x56\xe5\0").unwrap();
        assert_eq!((config.object_type, config.sample_rate), (2, 48000));
        assert_eq!(config.channels, Some(2));
        assert_eq!(AudioConfig::read(b"\x11"), None);
    }
}
