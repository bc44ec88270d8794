//! Smooth Streaming: a server manifest (.ism) and a client manifest (.ismc).

use super::{
    Quality, QualityGroup, Rendition, WrittenManifest, check_boundaries, groups, length, playready,
};
use crate::error::{Code, Error, Result};
use crate::format::drm::PLAYREADY;
use crate::model::TrackKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// The server and the client manifest for IIS, Unified Origin and the like.
///
/// # Errors
/// Where fragments of one thing do not begin together, or a codec has no name there.
pub fn smooth(title: &str, renditions: &[Rendition<'_>]) -> Result<[WrittenManifest; 2]> {
    let groups = groups(renditions)?;
    let client = format!("{title}.ismc");
    let mut ism = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <smil xmlns=\"http://www.w3.org/2001/SMIL20/Language\">\n  <head>\n",
    );
    let _ = writeln!(
        ism,
        "    <meta name=\"clientManifestRelativePath\" content=\"{}\"/>\n  </head>\n  <body>\n    <switch>",
        escape(client.as_str())
    );
    let mut ismc = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <SmoothStreamingMedia MajorVersion=\"2\" MinorVersion=\"1\" TimeScale=\"10000000\" \
         Duration=\"{}\">\n",
        length(&groups, 10_000_000)
    );
    for group in &groups {
        check_boundaries(group)?;
        for level in &group.levels {
            check_named(level)?;
            server_track(&mut ism, group, level);
        }
        stream_index(&mut ismc, group)?;
    }
    ism += "    </switch>\n  </body>\n</smil>\n";
    let own = |one: &Rendition<'_>| playready(std::slice::from_ref(one));
    let mut with_header = renditions.iter().filter(|one| own(one).is_some());
    let first = with_header.next();
    if let Some((first, other)) =
        first.and_then(|first| Some((first, with_header.find(|one| own(one) != own(first))?)))
    {
        return Err(Error::unsupported(
            Code::HeadersDiffer,
            format!(
                "{} and {} have different PlayReady headers, and a client manifest (.ismc) has \
                 one for all. Protect them with one header that names all KIDs.",
                first.file, other.file
            ),
        ));
    }
    if let Some(object) = playready(renditions) {
        let _ = writeln!(
            ismc,
            "  <Protection><ProtectionHeader SystemID=\"{PLAYREADY}\">{}</ProtectionHeader></Protection>",
            STANDARD.encode(object)
        );
    }
    ismc += "</SmoothStreamingMedia>\n";
    Ok([
        WrittenManifest { name: format!("{title}.ism"), text: ism },
        WrittenManifest { name: client, text: ismc },
    ])
}

fn server_track(out: &mut String, group: &QualityGroup<'_>, level: &Quality<'_>) {
    let element = match group.kind {
        TrackKind::Video => "video",
        TrackKind::Audio => "audio",
        _ => "textstream",
    };
    let language = match level.track.language.as_str() {
        "und" => String::new(),
        language => format!(" systemLanguage=\"{language}\""),
    };
    let _ = writeln!(
        out,
        "      <{element} src=\"{}\" systemBitrate=\"{}\"{language}>\n        \
         <param name=\"trackID\" value=\"{}\" valuetype=\"data\"/>\n        \
         <param name=\"trackName\" value=\"{}\" valuetype=\"data\"/>\n      </{element}>",
        escape(level.file),
        level.bitrate,
        level.track.id,
        group.name
    );
}

fn stream_index(out: &mut String, group: &QualityGroup<'_>) -> Result<()> {
    let Some(first) = group.levels.first() else { return Ok(()) };
    let chunks = first.unedited();
    let timescale = match first.track.timescale {
        10_000_000 => String::new(),
        scale => format!(" TimeScale=\"{scale}\""),
    };
    let language = match first.track.language.as_str() {
        "und" => String::new(),
        language => format!(" Language=\"{language}\""),
    };
    let sizes = group.levels.iter().filter_map(Quality::dimensions);
    let size = match (group.kind, sizes.clone().map(|s| s.0).max(), sizes.map(|s| s.1).max()) {
        (TrackKind::Video, Some(w), Some(h)) => format!(" MaxWidth=\"{w}\" MaxHeight=\"{h}\""),
        _ => String::new(),
    };
    let kind = group.kind.word();
    let subtype = if group.kind == TrackKind::Text { " Subtype=\"CAPT\"" } else { "" };
    let _ = writeln!(
        out,
        "  <StreamIndex Type=\"{kind}\" Name=\"{0}\"{subtype} Chunks=\"{1}\" QualityLevels=\"{2}\" \
         Url=\"QualityLevels({{bitrate}})/Fragments({0}={{start time}})\"{timescale}{language}{size}>",
        group.name,
        chunks.len(),
        group.levels.len()
    );
    for (index, level) in group.levels.iter().enumerate() {
        if level.track.timescale != first.track.timescale {
            return Err(Error::misuse(
                Code::TimescalesDiffer,
                format!("{}: its timescale is not that of {}.", level.file, first.file),
            ));
        }
        quality_level(out, index, group.kind, level);
    }
    // `r` counts all chunks of the same duration, the first included.
    let mut at = 0;
    let mut next = None;
    while let Some(chunk) = chunks.get(at) {
        let follows = |n: usize| {
            chunks.get(at + n).is_some_and(|c| {
                c.duration == chunk.duration && c.time == chunk.time + chunk.duration * n as u64
            })
        };
        let run = (1..).find(|n| !follows(*n)).unwrap_or(1);
        let time =
            if next == Some(chunk.time) { String::new() } else { format!(" t=\"{}\"", chunk.time) };
        let repeat = if run > 1 { format!(" r=\"{run}\"") } else { String::new() };
        let _ = writeln!(out, "    <c{time} d=\"{}\"{repeat}/>", chunk.duration);
        at += run;
        next = Some(chunk.time + chunk.duration * run as u64);
    }
    *out += "  </StreamIndex>\n";
    Ok(())
}

/// FourCC and AudioTag of a sample entry (facts §9); none where Smooth Streaming
/// has no name for it.
fn fourcc(format: &[u8; 4], codec: &str) -> Option<(&'static str, u32)> {
    Some(match format {
        b"avc1" | b"avc3" => ("H264", 0),
        b"hev1" => ("HEV1", 0),
        b"hvc1" => ("HVC1", 0),
        b"dvh1" => ("DVH1", 0),
        b"dvhe" => ("DVHE", 0),
        b"vc-1" | b"ovc1" => ("WVC1", 0),
        b"mp4a" if codec.ends_with(".40.5") || codec.ends_with(".40.29") => ("AACH", 255),
        b"mp4a" if codec.starts_with("mp4a.40.") => ("AACL", 255),
        b"ec-3" => ("EC-3", 65534),
        b"ac-3" => ("AC-3", 65534),
        b"wma " | b"owma" => ("WMAP", 354),
        b"stpp" | b"dfxp" => ("TTML", 0),
        _ => return None,
    })
}

/// Refuses a track that Smooth Streaming has no name for.
fn check_named(level: &Quality<'_>) -> Result<()> {
    let format = level.track.entries.first().map(|entry| entry.format.0).unwrap_or_default();
    if fourcc(&format, level.codec()).is_some() {
        return Ok(());
    }
    let sentence = format!(
        "{}: Smooth Streaming has no FourCC for {} (track {}), so no client would play it. Write \
         it in a codec that Smooth Streaming has (H.264, H.265, VC-1, AAC, \
         AC-3, E-AC-3, Windows Media audio, TTML), or use DASH or HLS.",
        level.file,
        level.codec(),
        level.track.id
    );
    Err(Error::unsupported(Code::NotInSmooth, sentence))
}

fn quality_level(out: &mut String, index: usize, kind: TrackKind, level: &Quality<'_>) {
    let format = level.track.entries.first().map(|entry| entry.format.0).unwrap_or_default();
    let (fourcc, tag) = fourcc(&format, level.codec()).unwrap_or_default();
    let codec = level.track.codec();
    let own = match kind {
        TrackKind::Video => {
            let (width, height) = level.dimensions().unwrap_or_default();
            format!(" MaxWidth=\"{width}\" MaxHeight=\"{height}\"")
        }
        TrackKind::Audio => {
            let channels = codec.and_then(|c| c.channels).unwrap_or(2);
            format!(
                " AudioTag=\"{tag}\" SamplingRate=\"{}\" Channels=\"{channels}\" \
                 BitsPerSample=\"16\" PacketSize=\"{}\"",
                codec.and_then(|c| c.sample_rate).unwrap_or(48000),
                2 * channels
            )
        }
        _ => String::new(),
    };
    let _ = writeln!(
        out,
        "    <QualityLevel Index=\"{index}\" Bitrate=\"{}\" FourCC=\"{fourcc}\" \
         CodecPrivateData=\"{}\"{own}/>",
        level.bitrate,
        level.private_data()
    );
}
