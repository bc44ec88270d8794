//! What configuration boxes say of codecs whose samples are not walked here:
//! their RFC 6381 strings, channels and rates.

use super::NalCodec;
use super::bits::Bits;
use crate::format::ids::FourCc;

/// `av01.P.LLT.DD` (AV1 in ISOBMFF §5), of the body of `av1C`.
pub(super) fn av1(body: &[u8]) -> Option<String> {
    let mut b = Bits::plain(body);
    b.skip(8)?; // marker, version
    let (profile, level) = (b.u(3)?, b.u(5)?);
    let tier = if b.flag()? { 'H' } else { 'M' };
    let (high, twelve) = (b.flag()?, b.flag()?);
    let depth = match (high, twelve) {
        (false, _) => 8,
        (true, true) if profile == 2 => 12,
        _ => 10,
    };
    Some(format!("av01.{profile}.{level:02}{tier}.{depth:02}"))
}

/// How VVC's NAL units are told apart, of the body of `vvcC` (ISO/IEC 14496-15
/// §11.2.4.2).
pub(super) fn vvc(body: &[u8]) -> Option<NalCodec> {
    Some(NalCodec::Vvc((body.get(4)? >> 1 & 3) + 1))
}

/// `vp09.PP.LL.DD` (VP codec ISO media binding), of the body of `vpcC`.
pub(super) fn vp(format: FourCc, body: &[u8]) -> Option<String> {
    let mut b = Bits::plain(body.get(4..)?);
    let (profile, level, depth) = (b.u(8)?, b.u(8)?, b.u(4)?);
    Some(format!("{format}.{profile:02}.{level:02}.{depth:02}"))
}

/// `dvh1.PP.LL` (Dolby Vision streams within ISOBMFF), of the body of `dvcC`,
/// `dvvC` or `dvwC`.
pub(super) fn dolby_vision(format: FourCc, body: &[u8]) -> Option<String> {
    let mut b = Bits::plain(body.get(2..)?);
    let (profile, level) = (b.u(7)?, b.u(6)?);
    Some(format!("{format}.{profile:02}.{level:02}"))
}

/// `ac-4.VV.PP.MM` (ETSI TS 103 190-2 §E.13), of the body of `dac4`: versions of
/// the bitstream and of its first presentation, and how much a decoder must do.
pub(super) fn ac4(body: &[u8]) -> Option<String> {
    let mut b = Bits::plain(body);
    let dsi = b.u(3)?;
    let bitstream = b.u(7)?;
    b.skip(5)?; // fs_index, frame_rate_index
    let presentations = b.u(9)?;
    if bitstream > 1 && b.flag()? {
        b.skip(16)?;
        if b.flag()? {
            b.skip(128)?;
        }
    }
    if dsi == 0 || presentations == 0 {
        return None;
    }
    b.skip(66)?; // ac4_bitrate_dsi
    b.align();
    let version = b.u(8)?;
    if b.u(8)? == 255 {
        b.skip(16)?;
    }
    let level = if b.u(5)? == 6 { 0 } else { b.u(3)? };
    Some(format!("ac-4.{bitstream:02}.{version:02}.{level:02}"))
}

/// Channels of an `acmod`, without the low frequency one.
const ACMOD: [u32; 8] = [2, 1, 2, 3, 3, 4, 4, 5];
/// Samples a second of an `fscod`.
const FSCOD: [u32; 3] = [48000, 44100, 32000];

/// Channels and rate of AC-3, of the body of `dac3` (ETSI TS 102 366 §F.4).
pub(super) fn ac3(body: &[u8]) -> Option<(u32, u32)> {
    let mut b = Bits::plain(body);
    let rate = *FSCOD.get(b.u(2)? as usize)?;
    b.skip(8)?; // bsid, bsmod
    let channels = ACMOD[b.u(3)? as usize] + b.u(1)?;
    Some((channels, rate))
}

/// Channels and rate of E-AC-3, of the body of `dec3` (ETSI TS 102 366 §F.6):
/// of the first independent substream with those that depend on it.
pub(super) fn eac3(body: &[u8]) -> Option<(u32, u32)> {
    let mut b = Bits::plain(body);
    b.skip(16)?; // data_rate, num_ind_sub
    let rate = *FSCOD.get(b.u(2)? as usize)?;
    b.skip(10)?; // bsid, reserved, asvc, bsmod
    let mut channels = ACMOD[b.u(3)? as usize] + b.u(1)?;
    b.skip(3)?;
    if b.u(4)? > 0 {
        // Pairs and single channels that dependent substreams add.
        let added = b.u(9)?;
        const PAIRS: u32 = 0b1_1001_1100;
        channels += (added & !PAIRS).count_ones() + 2 * (added & PAIRS).count_ones();
    }
    Some((channels, rate))
}

/// Channels and rate of Apple Lossless, of the body of `alac` in its sample entry.
pub(super) fn alac(body: &[u8]) -> Option<(u32, u32)> {
    let mut b = Bits::plain(body.get(13..)?);
    let channels = b.u(8)?;
    b.skip(80)?; // maxRun, maxFrameBytes, avgBitRate
    Some((channels, b.u(32)?))
}

/// Channels and rate of FLAC, of the body of `dfLa`: its STREAMINFO.
pub(super) fn flac(body: &[u8]) -> Option<(u32, u32)> {
    let mut b = Bits::plain(body.get(18..)?);
    let rate = b.u(20)?;
    Some((b.u(3)? + 1, rate))
}

/// Channels of Opus, of the body of `dOps`; it always comes out at 48 kHz.
pub(super) fn opus(body: &[u8]) -> Option<(u32, u32)> {
    Some((u32::from(*body.get(1)?), 48000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_those_of_the_registrations() {
        assert_eq!(av1(&[0x81, 0x00, 0x0c, 0]).unwrap(), "av01.0.00M.08");
        assert_eq!(av1(&[0x81, 0x08, 0x4c, 0]).unwrap(), "av01.0.08M.10");
        assert_eq!(av1(&[0x81, 0x48, 0xec, 0]).unwrap(), "av01.2.08H.12");
        let vp9 = FourCc(*b"vp09");
        assert_eq!(vp(vp9, &[1, 0, 0, 0, 0, 10, 0x82, 1, 1, 1]).unwrap(), "vp09.00.10.08");
        let dvh1 = FourCc(*b"dvh1");
        assert_eq!(dolby_vision(dvh1, &[1, 0, 0x0a, 0x35, 0]).unwrap(), "dvh1.05.06");
        // dsi 1, bitstream 2, 48 kHz, one presentation of version 1, level 3.
        let dac4 =
            [0x20, 0xa2, 0x01, 0x40, 0, 0, 0, 0x1f, 0xff, 0xff, 0xff, 0xe0, 1, 18, 0x0b, 0x20];
        assert_eq!(ac4(&dac4).unwrap(), "ac-4.02.01.03");
    }

    #[test]
    fn channels_are_those_of_the_configuration() {
        // 5.1 at 48 kHz; then two more at the back by a dependent substream.
        assert_eq!(ac3(&[0x10, 0x3d, 0xe0]).unwrap(), (6, 48000));
        assert_eq!(eac3(&[0x06, 0x00, 0x20, 0x0f, 0x00]).unwrap(), (6, 48000));
        assert_eq!(eac3(&[0x06, 0x00, 0x20, 0x0f, 0x02, 0x80]).unwrap(), (8, 48000));
    }
}
