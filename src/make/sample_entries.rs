//! Sample entries made from what a Smooth Streaming client manifest says of a
//! stream (facts §9), for files whose `moov` is to be made anew.

use crate::error::{Code, Error, Result};
use crate::format::boxes::tree::Node;
use crate::format::bytes::Writer;
use crate::format::codec::{EC3_GUID, hevc};
use crate::format::ids::{BoxType, FourCc};
use crate::model::manifest::{Level, Stream};

/// A sample entry, and what `mdia` needs to know of it.
pub(crate) struct NewEntry {
    pub(crate) node: Node,
    /// Of `hdlr`.
    pub(crate) handler: [u8; 4],
    /// The media header box: `vmhd`, `smhd`, `nmhd` or `sthd`.
    pub(crate) header: Node,
    pub(crate) dimensions: (u16, u16),
}

/// The sample entry of a quality level.
pub(crate) fn entry(stream: &Stream, level: &Level) -> Result<NewEntry> {
    let data = private_data(level)?;
    let code = level.fourcc.as_deref().unwrap_or_default().trim().to_ascii_uppercase();
    match (stream.kind.as_str(), code.as_str()) {
        ("video", "H264" | "AVC1" | "AVCB" | "X264" | "DAVC" | "AVC3") => {
            video(level, avc(level, &data)?)
        }
        ("video", "HVC1" | "HEV1" | "HEVC" | "H265" | "DVHE" | "DVH1") => {
            video(level, hevc_boxes(level, &code, &data)?)
        }
        ("video", "WVC1" | "VC-1") => video(level, (*b"vc-1", vc1(&data)?)),
        ("audio", _) => audio(level, &code, &data),
        ("text", "TTML" | "DFXP" | "") => Ok(ttml()),
        (kind, _) => {
            let sentence = format!(
                "The {kind} stream {} has the FourCC \"{}\", for which no sample entry is known here.",
                stream.name.as_deref().unwrap_or_default(),
                level.fourcc.as_deref().unwrap_or_default()
            );
            Err(Error::unsupported(Code::UnknownFourcc, sentence))
        }
    }
}

fn private_data(level: &Level) -> Result<Vec<u8>> {
    let text = level.private_data.as_deref().unwrap_or_default();
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2)).ok_or_else(|| {
        Error::malformed(Code::PrivateData, "A CodecPrivateData of the manifest is not hex.")
    })?;
    Ok(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// NAL units behind start codes of three or four bytes.
fn nal_units(data: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> =
        data.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(i, _)| i).collect();
    let ends = starts.iter().skip(1).copied().chain([data.len()]);
    let units = starts.iter().zip(ends).map(|(start, end)| {
        let unit = &data[start + 3..end.max(start + 3)];
        let zeros = unit.iter().rev().take_while(|byte| **byte == 0).count();
        &unit[..unit.len() - zeros]
    });
    units.filter(|unit| !unit.is_empty()).collect()
}

fn length_size(level: &Level) -> u8 {
    level.nal_length.filter(|len| matches!(len, 1 | 2 | 4)).unwrap_or(4)
}

fn missing(what: &str) -> Error {
    let sentence = format!("A CodecPrivateData of the manifest has no {what}.");
    Error::malformed(Code::PrivateData, sentence)
}

/// Parameter sets, each behind its length.
fn put_sets(w: &mut Writer, sets: &[&[u8]]) {
    for set in sets {
        w.u16(set.len() as u16);
        w.bytes(set);
    }
}

/// `avc1` with `avcC` (ISO/IEC 14496-15 §5.3.3).
fn avc(level: &Level, data: &[u8]) -> Result<([u8; 4], Vec<Node>)> {
    let of = |kind: u8| -> Vec<&[u8]> {
        nal_units(data).into_iter().filter(|unit| unit[0] & 0x1f == kind).collect()
    };
    let (sps, pps) = (of(7), of(8));
    let first = sps.first().filter(|sps| sps.len() >= 4).ok_or_else(|| missing("SPS"))?;
    if pps.is_empty() {
        return Err(missing("PPS"));
    }
    let mut w = Writer::new();
    w.u8(1);
    w.bytes(&first[1..4]);
    w.u8(0xfc | (length_size(level) - 1));
    w.u8(0xe0 | (sps.len().min(31) as u8));
    put_sets(&mut w, &sps);
    w.u8(pps.len() as u8);
    put_sets(&mut w, &pps);
    Ok((*b"avc1", vec![leaf(b"avcC", w)]))
}

/// `hvc1` or `hev1` with `hvcC` (ISO/IEC 14496-15 §8.3.3).
fn hevc_boxes(level: &Level, code: &str, data: &[u8]) -> Result<([u8; 4], Vec<Node>)> {
    let units = nal_units(data);
    let of = |kind: u8| -> Vec<&[u8]> {
        units.iter().filter(|unit| unit[0] >> 1 & 0x3f == kind).copied().collect()
    };
    // VPS, SPS, PPS, and SEI in front of and behind pictures.
    let sets = [32, 33, 34, 39, 40].map(|kind| (kind, of(kind)));
    let head = sets[1].1.first().and_then(|sps| hevc::SpsHead::read(sps));
    let head = head.ok_or_else(|| missing("readable SPS"))?;
    let format = match code {
        "HEV1" => *b"hev1",
        "DVHE" | "DVH1" => *b"dvh1",
        _ => *b"hvc1",
    };
    let mut w = Writer::new();
    w.u8(1);
    w.bytes(&head.profile_tier_level);
    w.u16(0xf000);
    w.u8(0xfc);
    w.u8(0xfc | head.chroma_format);
    w.u8(0xf8 | head.luma_depth);
    w.u8(0xf8 | head.chroma_depth);
    w.u16(0);
    w.u8(head.temporal_layers << 3 | u8::from(head.nested) << 2 | (length_size(level) - 1));
    w.u8(sets.iter().filter(|(_, units)| !units.is_empty()).count() as u8);
    let complete = if &format == b"hev1" { 0 } else { 0x80 };
    for (kind, units) in sets.iter().filter(|(_, units)| !units.is_empty()) {
        w.u8(complete | kind);
        w.u16(units.len() as u16);
        put_sets(&mut w, units);
    }
    Ok((format, vec![leaf(b"hvcC", w)]))
}

/// `dvc1` (SMPTE RP 2025 §7.3). In front of the sequence header manifests have
/// ASF's binding byte, which does not belong into a file.
fn vc1(data: &[u8]) -> Result<Vec<Node>> {
    let start = data.windows(4).position(|w| w == [0, 0, 1, 0x0f]);
    let headers = start.map(|at| &data[at..]).ok_or_else(|| missing("VC-1 sequence header"))?;
    let level = headers.get(4).map_or(0, |byte| byte >> 3 & 7);
    let mut w = Writer::new();
    w.u8(12 << 4 | level << 1);
    w.u8(level << 5);
    w.u8(0); // interlaced, several sequences, entry points, slices and B pictures may be there
    w.u32(u32::MAX); // the frame rate is not known here
    w.bytes(headers);
    Ok(vec![leaf(b"dvc1", w)])
}

/// A visual sample entry (ISO/IEC 14496-12 §12.1.3).
fn video(level: &Level, (code, boxes): ([u8; 4], Vec<Node>)) -> Result<NewEntry> {
    let (width, height) = (level.width.unwrap_or(0), level.height.unwrap_or(0));
    let mut w = Writer::new();
    w.bytes(&[0, 0, 0, 0, 0, 0, 0, 1]);
    w.bytes(&[0; 16]);
    w.u16(width);
    w.u16(height);
    w.u32(0x0048_0000);
    w.u32(0x0048_0000);
    w.u32(0);
    w.u16(1);
    w.bytes(&[0; 32]);
    w.u16(0x18);
    w.u16(0xffff);
    let mut vmhd = Writer::new();
    vmhd.u32(1);
    vmhd.bytes(&[0; 8]);
    Ok(NewEntry {
        node: parent(&code, w, boxes),
        handler: *b"vide",
        header: leaf(b"vmhd", vmhd),
        dimensions: (width, height),
    })
}

/// An audio sample entry (ISO/IEC 14496-12 §12.2.3).
fn audio(level: &Level, code: &str, data: &[u8]) -> Result<NewEntry> {
    let tag = level.audio_tag.unwrap_or(0);
    let (format, boxes) = match (code, tag) {
        ("EC-3" | "DEC3", _) | ("", 65534) => {
            let at = data.windows(16).position(|w| w == EC3_GUID);
            let payload = at.map(|at| &data[at + 16..]).unwrap_or_default();
            (*b"ec-3", Some(payload).filter(|p| p.len() >= 5).map(|p| ("dec3", p.to_vec())))
        }
        ("WMAP" | "WMA2" | "WMA1", _) | ("", 353 | 354) => {
            let tag = match (tag, code) {
                (0, "WMAP") => 354,
                (0, _) => 353,
                (tag, _) => tag,
            };
            (*b"wma ", Some(("wfex", wave_format(level, tag, data))))
        }
        ("AACL" | "AACH" | "AACP" | "AAC" | "MP4A", _) | ("", 0 | 255) => {
            (*b"mp4a", Some(("esds", esds(level, &audio_config(level, code, data)))))
        }
        _ => {
            let sentence = format!(
                "The manifest has audio of the FourCC \"{code}\" and AudioTag {tag}, for \
                         which no sample entry is known here."
            );
            return Err(Error::unsupported(Code::UnknownFourcc, sentence));
        }
    };
    let mut w = Writer::new();
    w.bytes(&[0, 0, 0, 0, 0, 0, 0, 1]);
    w.bytes(&[0; 8]);
    w.u16(level.channels.unwrap_or(2));
    w.u16(level.bits_per_sample.unwrap_or(16));
    w.u32(0);
    // 16.16; a rate that does not fit is told by the configuration alone.
    w.u32(u16::try_from(level.sampling_rate.unwrap_or(0)).map_or(0, |rate| u32::from(rate) << 16));
    let boxes = boxes.map(|(code, body)| Node::leaf(BoxType::Code(four(code)), body));
    Ok(NewEntry {
        node: parent(&format, w, boxes.into_iter().collect()),
        handler: *b"soun",
        header: Node::leaf(BoxType::code(b"smhd"), vec![0; 8]),
        dimensions: (0, 0),
    })
}

fn four(code: &str) -> FourCc {
    let mut bytes = [b' '; 4];
    bytes.iter_mut().zip(code.bytes()).for_each(|(to, from)| *to = from);
    FourCc(bytes)
}

/// The AudioSpecificConfig: the manifest's, else of AAC-LC with the rate and
/// channels it tells. HE-AAC's extension decoders find in the samples.
fn audio_config(level: &Level, code: &str, data: &[u8]) -> Vec<u8> {
    if !data.is_empty() {
        return data.to_vec();
    }
    let rate = level.sampling_rate.unwrap_or(48000);
    // HE-AAC's core has half the rate that comes out.
    let rate = if code == "AACH" && rate >= 32000 { rate / 2 } else { rate };
    let channels = match level.channels.unwrap_or(2) {
        8 => 7,
        n => n.min(6),
    };
    match crate::format::codec::aac::RATES.iter().position(|known| *known == rate) {
        Some(index) => {
            let bits = 2 << 11 | (index as u16) << 7 | channels << 3;
            bits.to_be_bytes().to_vec()
        }
        None => {
            let bits = 2 << 35 | 15 << 31 | u64::from(rate) << 7 | u64::from(channels) << 3;
            bits.to_be_bytes()[3..].to_vec()
        }
    }
}

/// `esds` of MPEG-4 audio (ISO/IEC 14496-14 §5.6).
fn esds(level: &Level, config: &[u8]) -> Vec<u8> {
    let bitrate = level.bitrate.unwrap_or(0).min(u32::MAX.into()) as u32;
    let len = config.len().min(100) as u8;
    let mut w = Writer::new();
    w.u32(0);
    w.bytes(&[3, 23 + len, 0, 0, 0]);
    w.bytes(&[4, 15 + len, 0x40, 0x15, 0, 0, 0]);
    w.u32(bitrate);
    w.u32(bitrate);
    w.bytes(&[5, len]);
    w.bytes(&config[..len.into()]);
    w.bytes(&[6, 1, 2]);
    w.into_bytes()
}

/// WAVEFORMATEX, little-endian; what the manifest has is what stands behind it.
fn wave_format(level: &Level, tag: u32, extra: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.bytes(&(tag as u16).to_le_bytes());
    w.bytes(&level.channels.unwrap_or(2).to_le_bytes());
    w.bytes(&level.sampling_rate.unwrap_or(0).to_le_bytes());
    w.bytes(&((level.bitrate.unwrap_or(0) / 8) as u32).to_le_bytes());
    w.bytes(&level.packet_size.unwrap_or(0).to_le_bytes());
    w.bytes(&level.bits_per_sample.unwrap_or(16).to_le_bytes());
    w.bytes(&(extra.len() as u16).to_le_bytes());
    w.bytes(extra);
    w.into_bytes()
}

/// `stpp` (ISO/IEC 14496-12 §12.6.3).
fn ttml() -> NewEntry {
    let body = [&[0, 0, 0, 0, 0, 0, 0, 1][..], b"http://www.w3.org/ns/ttml\0\0\0"].concat();
    NewEntry {
        node: Node::leaf(BoxType::code(b"stpp"), body),
        handler: *b"subt",
        header: Node::leaf(BoxType::code(b"sthd"), vec![0; 4]),
        dimensions: (0, 0),
    }
}

fn leaf(code: &[u8; 4], w: Writer) -> Node {
    Node::leaf(BoxType::code(code), w.into_bytes())
}

fn parent(code: &[u8; 4], head: Writer, children: Vec<Node>) -> Node {
    let mut node = Node::parent(code, children);
    if let crate::format::boxes::tree::Content::Parent { head: own, .. } = &mut node.content {
        *own = head.into_bytes();
    }
    node
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aac_without_private_data() {
        let level = |rate, channels| Level {
            sampling_rate: Some(rate),
            channels: Some(channels),
            ..Level::default()
        };
        let config = |rate, channels, code| audio_config(&level(rate, channels), code, &[]);
        assert_eq!(config(48000, 2, "AACL"), [0x11, 0x90]);
        assert_eq!(config(44100, 2, "AACL"), [0x12, 0x10]);
        assert_eq!(config(48000, 8, "AACL"), [0x11, 0xb8]);
        assert_eq!(config(48000, 2, "AACH"), [0x13, 0x10]);
        let odd = crate::format::codec::aac::AudioConfig::read(&config(50000, 2, "AACL")).unwrap();
        assert_eq!((odd.object_type, odd.sample_rate, odd.channels), (2, 50000, Some(2)));
    }

    #[test]
    fn start_codes_of_both_lengths() {
        let units = nal_units(b"\0\0\0\x01\x67\x4d\x40\x1e\0\0\x01\x68\xee\0\0\0\x01\x65");
        assert_eq!(units, [&b"\x67\x4d\x40\x1e"[..], b"\x68\xee", b"\x65"]);
    }
}
