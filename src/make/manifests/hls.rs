//! HLS: playlists of byte ranges (RFC 8216).

use super::{Quality, QualityGroup, Rendition, WrittenManifest, address, groups, init};
use crate::error::{Code, Error, Result};
use crate::format::drm::PLAYREADY;
use crate::format::ids::Scheme;
use crate::model::TrackKind;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// An HLS multivariant playlist, and a media playlist of byte ranges for each
/// file.
///
/// # Errors
/// Where a file has no index or more than one track.
pub fn hls(title: &str, renditions: &[Rendition<'_>]) -> Result<Vec<WrittenManifest>> {
    let groups = groups(renditions)?;
    let key = |session: bool, level: &Quality<'_>| {
        let object = level.movie.systems.iter().find(|system| system.system_id == PLAYREADY)?;
        let method = match level.track.protection()?.known_scheme()? {
            Scheme::Cbcs => "SAMPLE-AES",
            _ => "SAMPLE-AES-CTR",
        };
        let tag = if session { "SESSION-KEY" } else { "KEY" };
        Some(format!(
            "#EXT-X-{tag}:METHOD={method},URI=\"data:text/plain;charset=UTF-16;base64,{}\",\
             KEYFORMAT=\"com.microsoft.playready\",KEYFORMATVERSIONS=\"1\"\n",
            STANDARD.encode(&object.data)
        ))
    };
    let mut master = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let levels = || groups.iter().flat_map(|group| &group.levels);
    let mut session_keys: Vec<String> = Vec::new();
    for line in levels().filter_map(|level| key(true, level)) {
        if !session_keys.contains(&line) {
            session_keys.push(line);
        }
    }
    session_keys.iter().for_each(|line| master += line);
    let mut written = Vec::new();
    let playlist = |group: &QualityGroup<'_>, level: &Quality<'_>| {
        format!("{title}-{}-{}.m3u8", group.name, level.bitrate)
    };
    let audio: Vec<&QualityGroup<'_>> =
        groups.iter().filter(|g| g.kind == TrackKind::Audio).collect();
    let videos = groups.iter().filter(|group| group.kind == TrackKind::Video);
    let alone = videos.clone().next().is_none();
    // Renditions of a group are of one codec, which each variant names.
    let codec_of = |group: &QualityGroup<'_>| {
        let format = group.levels.first().and_then(|level| level.track.entries.first());
        format.map(|entry| entry.format.to_string().trim_end().to_owned()).unwrap_or_default()
    };
    let mut sounds: Vec<String> = Vec::new();
    for group in &audio {
        let codec = codec_of(group);
        let first = !sounds.contains(&codec);
        if first {
            sounds.push(codec.clone());
        }
        let id = if sounds.first() == Some(&codec) {
            "audio".to_owned()
        } else {
            format!("audio-{codec}")
        };
        // In a group players choose by language; of each, one level.
        let Some(level) = group.levels.iter().max_by_key(|level| level.bitrate) else { continue };
        let language = match level.track.language.as_str() {
            "und" => String::new(),
            language => format!(",LANGUAGE=\"{language}\""),
        };
        if !alone {
            let _ = writeln!(
                master,
                "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{id}\",NAME=\"{}\"{language},DEFAULT={},\
                 AUTOSELECT=YES,CHANNELS=\"{}\",URI=\"{}\"",
                group.name,
                if first { "YES" } else { "NO" },
                level.track.codec().and_then(|codec| codec.channels).unwrap_or(2),
                address(&playlist(group, level))
            );
        }
    }
    let main: Vec<&QualityGroup<'_>> = if alone { audio.clone() } else { videos.collect() };
    let variants: Vec<Option<&String>> = match alone || sounds.is_empty() {
        true => vec![None],
        false => sounds.iter().map(Some).collect(),
    };
    for group in main {
        for (level, sound) in
            group.levels.iter().flat_map(|level| variants.iter().map(move |sound| (level, *sound)))
        {
            let own = audio.iter().filter(|group| Some(&codec_of(group)) == sound);
            let own: Vec<&Quality<'_>> = own.flat_map(|group| &group.levels).collect();
            let loudest = own.iter().map(|level| level.peak()).max().unwrap_or(0);
            let mut codecs: Vec<&str> = vec![level.codec()];
            for level in &own {
                if !codecs.contains(&level.codec()) {
                    codecs.push(level.codec());
                }
            }
            let size = level.dimensions().filter(|_| !alone);
            let size = size.map(|(w, h)| format!(",RESOLUTION={w}x{h}")).unwrap_or_default();
            let sound = match sound {
                None => String::new(),
                Some(codec) if Some(codec) == sounds.first() => ",AUDIO=\"audio\"".to_owned(),
                Some(codec) => format!(",AUDIO=\"audio-{codec}\""),
            };
            let _ = writeln!(
                master,
                "#EXT-X-STREAM-INF:BANDWIDTH={},CODECS=\"{}\"{size}{sound}\n{}",
                level.peak() + loudest,
                codecs.join(","),
                address(&playlist(group, level))
            );
        }
    }
    written.push(WrittenManifest { name: format!("{title}.m3u8"), text: master });
    for group in groups.iter().filter(|group| group.kind != TrackKind::Text) {
        for level in &group.levels {
            let text = media_playlist(level, key(false, level))?;
            written.push(WrittenManifest { name: playlist(group, level), text });
        }
    }
    Ok(written)
}

fn media_playlist(level: &Quality<'_>, key: Option<String>) -> Result<String> {
    if level.movie.tracks.len() != 1 {
        let sentence = format!("{}: for HLS a file must have one track.", level.file);
        return Err(Error::misuse(Code::SeveralTracks, sentence));
    }
    let chunks = level.chunks();
    let scale = f64::from(level.track.timescale.max(1));
    let longest = chunks.iter().map(|chunk| chunk.duration as f64 / scale).fold(0.0, f64::max);
    let init = init(level)?;
    let file = address(level.file);
    let independent = chunks.iter().all(|chunk| chunk.sync);
    let mut out = format!(
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{}\n#EXT-X-MEDIA-SEQUENCE:0\n\
         #EXT-X-PLAYLIST-TYPE:VOD\n{}",
        longest.round().max(1.0),
        if independent { "#EXT-X-INDEPENDENT-SEGMENTS\n" } else { "" }
    );
    out += &key.unwrap_or_default();
    let _ = writeln!(out, "#EXT-X-MAP:URI=\"{file}\",BYTERANGE=\"{}@{}\"", init.len, init.at);
    for chunk in chunks {
        let _ = writeln!(
            out,
            "#EXTINF:{:.5},\n#EXT-X-BYTERANGE:{}@{}\n{file}",
            chunk.duration as f64 / scale,
            chunk.span.len,
            chunk.span.at
        );
    }
    out += "#EXT-X-ENDLIST\n";
    Ok(out)
}
