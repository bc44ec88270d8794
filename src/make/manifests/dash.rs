//! DASH: a manifest of files with a segment index, or of templates.

use super::{
    Quality, QualityGroup, Rendition, WrittenManifest, address, begin, check_boundaries, groups,
    init, length,
};
use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::protection::Pssh;
use crate::format::drm::{PLAYREADY, name as system_name};
use crate::model::{ProtectionHeader, TrackKind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// How a DASH manifest finds fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// By the `sidx` of files with one track each (on-demand).
    Index,
    /// Each by an address like Smooth Streaming's, see [`super::segments`].
    Templates,
}

/// A DASH manifest.
///
/// # Errors
/// Where fragments of one thing do not begin together, or a file has no index.
pub fn dash(title: &str, renditions: &[Rendition<'_>], by: Addressing) -> Result<WrittenManifest> {
    let groups = groups(renditions)?;
    let duration = length(&groups, 1_000_000) as f64 / 1e6;
    let begin = begin(&groups);
    let profile = match by {
        Addressing::Index => "urn:mpeg:dash:profile:isoff-on-demand:2011",
        Addressing::Templates => "urn:mpeg:dash:profile:isoff-live:2011",
    };
    let mut mpd = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" xmlns:cenc=\"urn:mpeg:cenc:2013\" \
         xmlns:mspr=\"urn:microsoft:playready\" profiles=\"{profile}\" type=\"static\" \
         mediaPresentationDuration=\"PT{duration:.3}S\" minBufferTime=\"PT4S\">\n  <Period id=\"1\">\n"
    );
    for group in &groups {
        check_boundaries(group)?;
        adaptation_set(&mut mpd, group, by, begin)?;
    }
    mpd += "  </Period>\n</MPD>\n";
    Ok(WrittenManifest { name: format!("{title}.mpd"), text: mpd })
}

fn adaptation_set(
    out: &mut String,
    group: &QualityGroup<'_>,
    by: Addressing,
    begin: (u64, u32),
) -> Result<()> {
    let Some(first) = group.levels.first() else { return Ok(()) };
    let language = match first.track.language.as_str() {
        "und" => String::new(),
        language => format!(" lang=\"{language}\""),
    };
    let kind = group.kind.word();
    let mime = if group.kind == TrackKind::Text {
        "application/mp4".into()
    } else {
        format!("{kind}/mp4")
    };
    let _ = writeln!(
        out,
        "    <AdaptationSet contentType=\"{kind}\" mimeType=\"{mime}\"{language} \
         segmentAlignment=\"true\" startWithSAP=\"1\">"
    );
    // Said once where it is the same for all.
    let of = |level: &Quality<'_>| {
        let mut text = String::new();
        content_protection(&mut text, level);
        text
    };
    let shared = of(first);
    let own = group.levels.iter().any(|level| of(level) != shared);
    if !own {
        *out += &shared;
    }
    for level in &group.levels {
        representation(out, group, level, own, (by, begin))?;
    }
    *out += "    </AdaptationSet>\n";
    Ok(())
}

fn pssh_box(system: &ProtectionHeader) -> Vec<u8> {
    Pssh {
        version: system.version,
        flags: 0,
        system_id: system.system_id,
        kids: system.listed.clone(),
        data: system.data.clone(),
    }
    .to_node()
    .to_bytes()
}

fn content_protection(out: &mut String, level: &Quality<'_>) {
    let Some(protection) = level.track.protection() else { return };
    let scheme = protection.scheme.map_or("cenc".to_owned(), |scheme| scheme.to_string());
    let kid = protection.kid.map(|kid| format!(" cenc:default_KID=\"{kid}\"")).unwrap_or_default();
    let _ = writeln!(
        out,
        "      <ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" \
         value=\"{scheme}\"{kid}/>"
    );
    for system in level.movie.systems.iter().filter(|system| !system.in_fragment) {
        let is_playready = system.system_id == PLAYREADY;
        let name = match system_name(system.system_id) {
            Some("PlayReady") => " value=\"MSPR 2.0\"".to_owned(),
            _ => String::new(),
        };
        let pro = if is_playready {
            format!("<mspr:pro>{}</mspr:pro>", STANDARD.encode(&system.data))
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "      <ContentProtection schemeIdUri=\"urn:uuid:{}\"{name}>\
             <cenc:pssh>{}</cenc:pssh>{pro}</ContentProtection>",
            system.system_id,
            STANDARD.encode(pssh_box(system))
        );
    }
}

fn representation(
    out: &mut String,
    group: &QualityGroup<'_>,
    level: &Quality<'_>,
    own_protection: bool,
    (by, begin): (Addressing, (u64, u32)),
) -> Result<()> {
    let codec = level.track.codec();
    let own = match (group.kind, level.dimensions()) {
        (TrackKind::Video, Some((w, h))) => format!(" width=\"{w}\" height=\"{h}\""),
        (TrackKind::Audio, _) => codec
            .and_then(|c| c.sample_rate)
            .map(|rate| format!(" audioSamplingRate=\"{rate}\""))
            .unwrap_or_default(),
        _ => String::new(),
    };
    // In templates the bandwidth is a name, as Smooth Streaming's bitrate is.
    let bandwidth = if by == Addressing::Templates { level.bitrate } else { level.peak() };
    let _ = writeln!(
        out,
        "      <Representation id=\"{}-{}\" bandwidth=\"{bandwidth}\" codecs=\"{}\"{own}>",
        group.name,
        level.bitrate,
        level.codec()
    );
    if let (TrackKind::Audio, Some(channels)) = (group.kind, codec.and_then(|c| c.channels)) {
        let _ = writeln!(
            out,
            "        <AudioChannelConfiguration schemeIdUri=\
             \"urn:mpeg:dash:23003:3:audio_channel_configuration:2011\" value=\"{channels}\"/>"
        );
    }
    if own_protection {
        content_protection(out, level);
    }
    // What the period begins with, in the times of this track.
    let scale = level.track.timescale;
    let offset = u128::from(begin.0) * u128::from(scale) / u128::from(begin.1);
    let offset = match offset {
        0 => String::new(),
        offset => format!(" presentationTimeOffset=\"{offset}\""),
    };
    match by {
        Addressing::Index => {
            let (init, index) = ranges(level)?;
            let _ = writeln!(
                out,
                "        <BaseURL>{}</BaseURL>\n        <SegmentBase indexRange=\"{}-{}\" \
                 timescale=\"{}\"{offset}>\n          <Initialization range=\"{}-{}\"/>\n        </SegmentBase>",
                escape(address(level.file).as_str()),
                index.at,
                index.end() - 1,
                level.track.timescale,
                init.at,
                init.end() - 1
            );
        }
        Addressing::Templates => {
            let _ = writeln!(
                out,
                "        <SegmentTemplate timescale=\"{}\"{offset} \
                 initialization=\"QualityLevels($Bandwidth$)/Init({1})\" \
                 media=\"QualityLevels($Bandwidth$)/Fragments({1}=$Time$)\">\n          <SegmentTimeline>",
                level.track.timescale, group.name
            );
            for chunk in level.chunks() {
                let _ =
                    writeln!(out, "            <S t=\"{}\" d=\"{}\"/>", chunk.time, chunk.duration);
            }
            *out += "          </SegmentTimeline>\n        </SegmentTemplate>\n";
        }
    }
    *out += "      </Representation>\n";
    Ok(())
}

/// Where `ftyp` and `moov` are, and where the `sidx` is.
fn ranges(level: &Quality<'_>) -> Result<(Span, Span)> {
    let alone = || {
        Error::misuse(
            Code::NoSegmentIndex,
            format!(
                "{}: for on-demand DASH a file must have one track and a segment index (sidx).",
                level.file
            ),
        )
    };
    let [node] = &level.movie.indexes[..] else { return Err(alone()) };
    if level.movie.tracks.len() != 1 {
        return Err(alone());
    }
    Ok((init(level)?, Span { at: node.at, len: node.size() }))
}
