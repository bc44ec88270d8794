//! Boxes of sample entries: the fields of the entry itself, and the
//! configuration of its codec.

use crate::error::{Code, Error, Result};
use crate::format::bytes::Reader;

/// Fields of a visual sample entry (ISO/IEC 14496-12 §12.1.3).
pub(super) fn visual(r: &mut Reader<'_>) -> Result<()> {
    entry(r)?;
    r.u16("pre_defined")?;
    r.u16("reserved")?;
    r.bytes("pre_defined", 12)?;
    r.u16("width")?;
    r.u16("height")?;
    r.u32("horizresolution")?;
    r.u32("vertresolution")?;
    r.u32("reserved")?;
    r.u16("frame_count")?;
    r.bytes("compressorname", 32)?;
    r.u16("depth")?;
    r.u16("pre_defined")?;
    Ok(())
}

/// Fields of an audio sample entry (ISO/IEC 14496-12 §12.2.3), and those
/// QuickTime adds.
pub(super) fn audio(r: &mut Reader<'_>) -> Result<()> {
    entry(r)?;
    r.u16("entry_version")?;
    r.bytes("reserved", 6)?;
    r.u16("channelcount")?;
    r.u16("samplesize")?;
    r.u16("pre_defined")?;
    r.u16("reserved")?;
    r.u32("samplerate")?;
    r.rest("quicktime_fields");
    Ok(())
}

/// Fields of any sample entry, and texts behind them where it has some.
pub(super) fn text(r: &mut Reader<'_>) -> Result<()> {
    entry(r)?;
    for name in ["namespace", "schema_location", "auxiliary_mime_types"] {
        if r.left() > 0 {
            r.text(name)?;
        }
    }
    Ok(())
}

fn entry(r: &mut Reader<'_>) -> Result<()> {
    r.bytes("reserved", 6)?;
    r.u16("data_reference_index")?;
    Ok(())
}

/// AVC Configuration: an AVCDecoderConfigurationRecord
/// (ISO/IEC 14496-15 §5.3.3).
#[derive(Clone, Debug)]
pub struct AvcC {
    /// profile_idc, constraint flags, level_idc: the six digits of `avc1.`.
    pub profile: [u8; 3],
    /// Bytes of a NAL unit's length field: 1, 2 or 4.
    pub length_size: u8,
    /// The parameter sets.
    pub parameter_sets: Vec<Vec<u8>>,
}

impl AvcC {
    /// Reads the body.
    ///
    /// # Errors
    /// Where the record ends too early, or its version is unknown.
    pub fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.u8("configurationVersion")?;
        let profile = [
            r.u8("AVCProfileIndication")?,
            r.u8("profile_compatibility")?,
            r.u8("AVCLevelIndication")?,
        ];
        let [_, length_size] = r.bits([("reserved", 6), ("lengthSizeMinusOne", 2)])?;
        let [_, sps] = r.bits([("reserved", 3), ("numOfSequenceParameterSets", 5)])?;
        let mut parameter_sets = Vec::new();
        let mut sets = |r: &mut Reader<'_>, list: &str, count: u32| {
            (0..count as usize).try_for_each(|i| {
                r.row(list, i, |r| {
                    let len = r.u16("parameterSetLength")?;
                    parameter_sets.push(r.bytes("parameterSetNALUnit", len.into())?.to_vec());
                    Ok(())
                })
            })
        };
        sets(r, "sequence", sps)?;
        let pps = r.u8("numOfPictureParameterSets")?;
        sets(r, "picture", pps.into())?;
        r.rest("extension");
        Ok(Self { profile, length_size: length_size as u8 + 1, parameter_sets })
    }
}

/// HEVC Configuration: an HEVCDecoderConfigurationRecord
/// (ISO/IEC 14496-15 §8.3.3).
#[derive(Clone, Debug)]
pub struct HvcC {
    /// general_profile_space, two bits.
    pub profile_space: u8,
    /// general_tier_flag.
    pub high_tier: bool,
    /// general_profile_idc.
    pub profile: u8,
    /// general_profile_compatibility_flags.
    pub compatibility: u32,
    /// general_constraint_indicator_flags.
    pub constraints: [u8; 6],
    /// general_level_idc.
    pub level: u8,
    /// Bytes of a NAL unit's length field: 1, 2 or 4.
    pub length_size: u8,
    /// The parameter sets.
    pub parameter_sets: Vec<Vec<u8>>,
}

impl HvcC {
    /// Reads the body.
    ///
    /// # Errors
    /// Where the record ends too early, or its version is unknown.
    pub fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.u8("configurationVersion")?;
        let [space, tier, profile] = r.bits([
            ("general_profile_space", 2),
            ("general_tier_flag", 1),
            ("general_profile_idc", 5),
        ])?;
        let compatibility = r.u32("general_profile_compatibility_flags")?;
        let constraints = r.array("general_constraint_indicator_flags")?;
        let level = r.u8("general_level_idc")?;
        r.bits([("reserved", 4), ("min_spatial_segmentation_idc", 12)])?;
        r.bits([("reserved", 6), ("parallelismType", 2)])?;
        r.bits([("reserved", 6), ("chromaFormat", 2)])?;
        r.bits([("reserved", 5), ("bitDepthLumaMinus8", 3)])?;
        r.bits([("reserved", 5), ("bitDepthChromaMinus8", 3)])?;
        r.u16("avgFrameRate")?;
        let [.., length_size] = r.bits([
            ("constantFrameRate", 2),
            ("numTemporalLayers", 3),
            ("temporalIdNested", 1),
            ("lengthSizeMinusOne", 2),
        ])?;
        let mut parameter_sets = Vec::new();
        for array in 0..usize::from(r.u8("numOfArrays")?) {
            r.row("array", array, |r| {
                r.bits([("array_completeness", 1), ("reserved", 1), ("NAL_unit_type", 6)])?;
                for i in 0..usize::from(r.u16("numNalus")?) {
                    r.row("nal", i, |r| {
                        let len = r.u16("nalUnitLength")?;
                        parameter_sets.push(r.bytes("nalUnit", len.into())?.to_vec());
                        Ok(())
                    })?;
                }
                Ok(())
            })?;
        }
        r.rest("extension");
        Ok(Self {
            profile_space: space as u8,
            high_tier: tier == 1,
            profile: profile as u8,
            compatibility,
            constraints,
            level,
            length_size: length_size as u8 + 1,
            parameter_sets,
        })
    }
}

/// Elementary Stream Descriptor (ISO/IEC 14496-14 §5.6; 14496-1 §7.2.6).
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
    /// Reads the body.
    ///
    /// # Errors
    /// Where the record ends too early, or its version is unknown.
    pub fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.u32("version_flags")?;
        descriptor(r, "ES_Descriptor", 3)?;
        r.u16("ES_ID")?;
        let [depends, url, ocr, _] = r.bits([
            ("streamDependenceFlag", 1),
            ("URL_Flag", 1),
            ("OCRstreamFlag", 1),
            ("streamPriority", 5),
        ])?;
        if depends == 1 {
            r.u16("dependsOn_ES_ID")?;
        }
        if url == 1 {
            let len = r.u8("URLlength")?;
            r.bytes("URLstring", len.into())?;
        }
        if ocr == 1 {
            r.u16("OCR_ES_Id")?;
        }
        let len = descriptor(r, "DecoderConfigDescriptor", 4)?;
        let from = r.at();
        let object_type = r.u8("objectTypeIndication")?;
        r.bits([("streamType", 6), ("upStream", 1), ("reserved", 1)])?;
        r.u24("bufferSizeDB")?;
        let max_bitrate = r.u32("maxBitrate")?;
        let avg_bitrate = r.u32("avgBitrate")?;
        let mut specific = Vec::new();
        if r.at() < from + len as u64 {
            let len = descriptor(r, "DecoderSpecificInfo", 5)?;
            specific = r.bytes("DecoderSpecificInfo", len)?.to_vec();
        }
        r.rest("SLConfigDescriptor");
        Ok(Self { object_type, max_bitrate, avg_bitrate, specific })
    }
}

/// Reads the head of the next descriptor, which must have this tag, and gives
/// its length: seven bits a byte, in one byte or padded to four.
fn descriptor(r: &mut Reader<'_>, name: &str, tag: u8) -> Result<usize> {
    let at = r.at();
    let found = r.u8(&format!("{name} tag"))?;
    if found != tag {
        return Err(Error::malformed(
            Code::BadDescriptor,
            format!("A descriptor with tag {tag} should be here, but its tag is {found}."),
        )
        .at(at));
    }
    let mut len = 0;
    for _ in 0..4 {
        let byte = r.u8(&format!("{name} length"))?;
        len = len << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            break;
        }
    }
    if len > r.left() {
        return Err(Error::malformed(
            Code::BoxTooShort,
            format!("This descriptor is {len} bytes long, but its box has {} left.", r.left()),
        )
        .at(at));
    }
    Ok(len)
}

/// AC-3 Specific (ETSI TS 102 366 F.4).
pub(super) fn dac3(r: &mut Reader<'_>) -> Result<()> {
    r.bits([
        ("fscod", 2),
        ("bsid", 5),
        ("bsmod", 3),
        ("acmod", 3),
        ("lfeon", 1),
        ("bit_rate_code", 5),
        ("reserved", 5),
    ])?;
    Ok(())
}

/// E-AC-3 Specific (ETSI TS 102 366 F.6).
pub(super) fn dec3(r: &mut Reader<'_>) -> Result<()> {
    let [_, subs] = r.bits([("data_rate", 13), ("num_ind_sub", 3)])?;
    for i in 0..=subs as usize {
        r.row("substream", i, |r| {
            let [.., dependent, _] = r.bits([
                ("fscod", 2),
                ("bsid", 5),
                ("reserved", 1),
                ("asvc", 1),
                ("bsmod", 3),
                ("acmod", 3),
                ("lfeon", 1),
                ("reserved", 3),
                ("num_dep_sub", 4),
                ("chan_loc_high_or_reserved", 1),
            ])?;
            if dependent > 0 {
                r.u8("chan_loc")?;
            }
            Ok(())
        })?;
    }
    r.rest("extension");
    Ok(())
}

/// VC-1 configuration (SMPTE RP 2025 §7.3).
pub(super) fn dvc1(r: &mut Reader<'_>) -> Result<()> {
    let [profile, ..] = r.bits([("profile", 4), ("level", 3), ("reserved", 1)])?;
    if profile == 12 {
        r.bits([
            ("level", 3),
            ("cbr", 1),
            ("reserved", 6),
            ("no_interlace", 1),
            ("no_multiple_seq", 1),
            ("no_multiple_entry", 1),
            ("no_slice_code", 1),
            ("no_bframe", 1),
            ("reserved", 1),
        ])?;
        r.u32("framerate")?;
        r.rest("seqhdr_ephdr");
    } else {
        r.rest("seq_struct_c");
    }
    Ok(())
}

/// WAVEFORMATEX, little-endian (facts §9).
pub(super) fn wfex(r: &mut Reader<'_>) -> Result<()> {
    r.u16_le("wFormatTag")?;
    r.u16_le("nChannels")?;
    r.u32_le("nSamplesPerSec")?;
    r.u32_le("nAvgBytesPerSec")?;
    r.u16_le("nBlockAlign")?;
    r.u16_le("wBitsPerSample")?;
    let len = r.u16_le("cbSize")?;
    r.bytes("extra", len.into())?;
    Ok(())
}

/// Pixel Aspect Ratio (ISO/IEC 14496-12 §12.1.4).
pub(super) fn pasp(r: &mut Reader<'_>) -> Result<()> {
    r.u32("hSpacing")?;
    r.u32("vSpacing")?;
    Ok(())
}

/// Clean Aperture (ISO/IEC 14496-12 §12.1.4).
pub(super) fn clap(r: &mut Reader<'_>) -> Result<()> {
    for name in ["cleanApertureWidth", "cleanApertureHeight", "horizOff", "vertOff"] {
        r.i32(&format!("{name}N"))?;
        r.u32(&format!("{name}D"))?;
    }
    Ok(())
}

/// Colour Information (ISO/IEC 14496-12 §12.1.5).
pub(super) fn colr(r: &mut Reader<'_>) -> Result<()> {
    let kind = r.fourcc("colour_type")?;
    match &kind.0 {
        b"nclx" | b"nclc" => {
            r.u16("colour_primaries")?;
            r.u16("transfer_characteristics")?;
            r.u16("matrix_coefficients")?;
            if &kind.0 == b"nclx" {
                r.bits([("full_range_flag", 1), ("reserved", 7)])?;
            }
        }
        _ => drop(r.rest("ICC_profile")),
    }
    Ok(())
}

/// Dolby Vision configuration (Dolby Vision in ISOBMFF §3.1).
pub(super) fn dvcc(r: &mut Reader<'_>) -> Result<()> {
    r.u8("dv_version_major")?;
    r.u8("dv_version_minor")?;
    r.bits([
        ("dv_profile", 7),
        ("dv_level", 6),
        ("rpu_present_flag", 1),
        ("el_present_flag", 1),
        ("bl_present_flag", 1),
    ])?;
    r.rest("compatibility_and_reserved");
    Ok(())
}

/// WebVTT configuration (ISO/IEC 14496-30 §7.5).
pub(super) fn vttc(r: &mut Reader<'_>) -> Result<()> {
    r.text("config")?;
    Ok(())
}

/// AV1 Codec Configuration (AV1 in ISOBMFF §2.3).
pub(super) fn av1c(r: &mut Reader<'_>) -> Result<()> {
    r.bits([("marker", 1), ("version", 7)])?;
    r.bits([("seq_profile", 3), ("seq_level_idx_0", 5)])?;
    r.bits([
        ("seq_tier_0", 1),
        ("high_bitdepth", 1),
        ("twelve_bit", 1),
        ("monochrome", 1),
        ("chroma_subsampling_x", 1),
        ("chroma_subsampling_y", 1),
        ("chroma_sample_position", 2),
    ])?;
    r.u8("initial_presentation_delay")?;
    r.rest("configOBUs");
    Ok(())
}

/// Opus Specific (Opus in ISOBMFF §4.3.2).
pub(super) fn dops(r: &mut Reader<'_>) -> Result<()> {
    r.u8("Version")?;
    r.u8("OutputChannelCount")?;
    r.u16("PreSkip")?;
    r.u32("InputSampleRate")?;
    r.u16("OutputGain")?;
    r.u8("ChannelMappingFamily")?;
    r.rest("ChannelMappingTable");
    Ok(())
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
            assert_eq!(esds.specific, b"\x11\x90\x56\xe5\0");
        }
        for len in 0..short.len() - 3 {
            assert!(Esds::read(&mut Reader::new(&short[..len], 0)).is_err(), "cut at {len}");
        }
    }
}
