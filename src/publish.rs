//! Manifests for files: Smooth Streaming's .ism and .ismc, DASH, HLS.
//!
//! They say what the files say, so they are written from the files alone. Each
//! is short enough that writing it here is less than a library's types for it.

use crate::Span;
use crate::boxes::Mp4Box as _;
use crate::boxes::protection::Pssh;
use crate::cipher::hex;
use crate::drm::{PLAYREADY, name as system_name};
use crate::error::{Error, Result};
use crate::model::{Movie, ProtectionHeader, Track, TrackKind, bitrate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// A file that a manifest names.
#[derive(Clone, Copy, Debug)]
pub struct Rendition<'a> {
    /// Its name, as the manifest is to have it.
    pub file: &'a str,
    /// What it has.
    pub movie: &'a Movie,
}

/// A manifest, and what it is to be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file's name.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// A track of a rendition, with the bitrate it goes by.
struct Level<'a> {
    file: &'a str,
    movie: &'a Movie,
    track: &'a Track,
    bitrate: u64,
}

/// Levels of the same kind and language: players choose one of them.
struct Group<'a> {
    kind: TrackKind,
    name: String,
    levels: Vec<Level<'a>>,
}

/// What a fragment is in a manifest.
struct Chunk {
    /// In ticks; never negative.
    time: u64,
    duration: u64,
    span: Span,
    sync: bool,
}

impl Level<'_> {
    fn chunks(&self) -> Vec<Chunk> {
        let fragments =
            self.movie.fragments.iter().flat_map(|f| f.runs.iter().map(move |r| (f, r)));
        let mut next = 0;
        fragments
            .filter(|(_, run)| run.track_id == self.track.id && run.samples > 0)
            .map(|(fragment, run)| {
                let told = run.tfxd.map(|(time, _)| time).or(run.presentation_time());
                let told = told.unwrap_or(next);
                // What is before zero is not in a manifest.
                let duration = run.duration.saturating_sub(told.min(0).unsigned_abs());
                let time = told.max(0) as u64;
                next = time.saturating_add(duration) as i64;
                Chunk { time, duration, span: fragment.span, sync: run.sync_start }
            })
            .collect()
    }

    /// Whether it is the same track in another file, by the size of every fragment.
    fn is_copy_of(&self, other: &Self) -> bool {
        let sizes = |level: &Self| -> Vec<(u64, u32)> {
            let runs = level.movie.fragments.iter().flat_map(|fragment| &fragment.runs);
            let own = runs.filter(|run| run.track_id == level.track.id);
            own.map(|run| (run.bytes, run.samples)).collect()
        };
        (self.codec(), self.track.totals) == (other.codec(), other.track.totals)
            && self.private_data() == other.private_data()
            && sizes(self) == sizes(other)
    }

    fn codec(&self) -> &str {
        self.track.codec().map_or("", |codec| &codec.string)
    }

    fn dimensions(&self) -> Option<(u16, u16)> {
        self.track.codec()?.dimensions
    }

    /// Bits a second of the fragment with the most; what a player must expect.
    fn peak(&self) -> u64 {
        self.track.totals.peak_bitrate.unwrap_or(self.bitrate).max(self.bitrate)
    }

    fn private_data(&self) -> String {
        let data = self.track.codec().and_then(|codec| codec.private_data.as_deref());
        hex(data.unwrap_or_default()).to_ascii_uppercase()
    }
}

fn groups<'a>(renditions: &[Rendition<'a>]) -> Result<Vec<Group<'a>>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for rendition in renditions {
        let spoken = |track: &&Track| track.kind != TrackKind::Other && track.totals.samples > 0;
        for track in rendition.movie.tracks.iter().filter(spoken) {
            let totals = &track.totals;
            let measured = bitrate(totals.bytes, totals.duration, track.timescale);
            let declared = track.codec().and_then(|codec| codec.declared_bitrate).map(u64::from);
            let mut level = Level {
                file: rendition.file,
                movie: rendition.movie,
                track,
                bitrate: declared.or(measured).unwrap_or(1).max(1),
            };
            let word = track.kind.word();
            let name = match track.language.as_str() {
                language if track.kind != TrackKind::Video && language != "und" => {
                    format!("{word}_{language}")
                }
                _ => word.to_owned(),
            };
            let group = match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group,
                None => {
                    groups.push(Group { kind: track.kind, name, levels: Vec::new() });
                    let last = groups.len() - 1;
                    &mut groups[last]
                }
            };
            // Sets often carry the same audio in every file.
            if group.levels.iter().any(|known| known.is_copy_of(&level)) {
                continue;
            }
            // The bitrate is a name in addresses, so no two are alike.
            while group.levels.iter().any(|known| known.bitrate == level.bitrate) {
                level.bitrate += 1;
            }
            group.levels.push(level);
        }
    }
    if groups.is_empty() {
        return Err(Error::misuse("no_tracks", "The files have no track to write a manifest for."));
    }
    Ok(groups)
}

/// Refuses levels whose fragments do not begin together: a player that changes
/// between them would ask for what is not there.
fn check_boundaries(group: &Group<'_>) -> Result<()> {
    let Some(first) = group.levels.first() else { return Ok(()) };
    let seconds = |level: &Level<'_>| {
        let scale = f64::from(level.track.timescale.max(1));
        level
            .chunks()
            .iter()
            .map(|chunk| (chunk.time as f64 / scale, chunk.span.at))
            .collect::<Vec<_>>()
    };
    let wanted = seconds(first);
    for level in &group.levels[1..] {
        let own = seconds(level);
        let differs = wanted.iter().zip(&own).find(|(a, b)| (a.0 - b.0).abs() > 0.001);
        let (what, at) = match differs {
            Some((a, b)) => {
                (format!("a fragment at {:.3} s, that of {} at {:.3} s", b.0, first.file, a.0), b.1)
            }
            None if wanted.len() != own.len() => {
                (format!("{} fragments, that of {} {}", own.len(), first.file, wanted.len()), 0)
            }
            None => continue,
        };
        return Err(Error::misuse(
            "boundaries_differ",
            format!(
                "{}: its {} has {what}. They do not fit together.",
                level.file,
                group.kind.word()
            ),
        )
        .at(at));
    }
    Ok(())
}

fn playready(renditions: &[Rendition<'_>]) -> Option<Vec<u8>> {
    let mut systems = renditions.iter().flat_map(|rendition| &rendition.movie.systems);
    systems.find(|system| system.system_id == PLAYREADY).map(|system| system.data.clone())
}

/// The server and the client manifest for IIS, Unified Origin and the like.
pub fn smooth(title: &str, renditions: &[Rendition<'_>]) -> Result<[Written; 2]> {
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
    let ends = groups.iter().flat_map(|group| &group.levels).filter_map(|level| {
        let last = level.chunks().pop()?;
        let ticks = u128::from(last.time + last.duration) * 10_000_000;
        Some((ticks / u128::from(level.track.timescale.max(1))) as u64)
    });
    let mut ismc = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <SmoothStreamingMedia MajorVersion=\"2\" MinorVersion=\"1\" TimeScale=\"10000000\" \
         Duration=\"{}\">\n",
        ends.max().unwrap_or(0)
    );
    for group in &groups {
        check_boundaries(group)?;
        for level in &group.levels {
            server_track(&mut ism, group, level);
        }
        stream_index(&mut ismc, group)?;
    }
    ism += "    </switch>\n  </body>\n</smil>\n";
    if let Some(object) = playready(renditions) {
        let _ = writeln!(
            ismc,
            "  <Protection><ProtectionHeader SystemID=\"{PLAYREADY}\">{}</ProtectionHeader></Protection>",
            STANDARD.encode(object)
        );
    }
    ismc += "</SmoothStreamingMedia>\n";
    Ok([Written { name: format!("{title}.ism"), text: ism }, Written { name: client, text: ismc }])
}

fn server_track(out: &mut String, group: &Group<'_>, level: &Level<'_>) {
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

fn stream_index(out: &mut String, group: &Group<'_>) -> Result<()> {
    let Some(first) = group.levels.first() else { return Ok(()) };
    let chunks = first.chunks();
    let timescale = match first.track.timescale {
        10_000_000 => String::new(),
        scale => format!(" TimeScale=\"{scale}\""),
    };
    let language = match first.track.language.as_str() {
        "und" => String::new(),
        language => format!(" Language=\"{language}\""),
    };
    let sizes = group.levels.iter().filter_map(Level::dimensions);
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
                "timescales_differ",
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

fn quality_level(out: &mut String, index: usize, kind: TrackKind, level: &Level<'_>) {
    let format = level.track.entries.first().map(|entry| entry.format.0).unwrap_or_default();
    let (fourcc, tag) = match &format {
        b"avc1" | b"avc3" => ("H264", 0),
        b"hev1" => ("HEV1", 0),
        b"hvc1" => ("HVC1", 0),
        b"vc-1" | b"ovc1" => ("WVC1", 0),
        b"mp4a" if level.codec().ends_with(".5") => ("AACH", 255),
        b"mp4a" => ("AACL", 255),
        b"ec-3" => ("EC-3", 65534),
        b"ac-3" => ("AC-3", 65534),
        b"wma " | b"owma" => ("WMAP", 354),
        _ => ("TTML", 0),
    };
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

/// How a DASH manifest finds fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// By the `sidx` of files with one track each (on-demand).
    Index,
    /// Each by an address like Smooth Streaming's, see [`segments`].
    Templates,
}

/// A DASH manifest.
pub fn dash(title: &str, renditions: &[Rendition<'_>], by: Addressing) -> Result<Written> {
    let groups = groups(renditions)?;
    let ends = groups.iter().flat_map(|group| &group.levels).filter_map(|level| {
        let last = level.chunks().pop()?;
        Some((last.time + last.duration) as f64 / f64::from(level.track.timescale.max(1)))
    });
    let duration = ends.fold(0.0, f64::max);
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
        adaptation_set(&mut mpd, group, by)?;
    }
    mpd += "  </Period>\n</MPD>\n";
    Ok(Written { name: format!("{title}.mpd"), text: mpd })
}

fn adaptation_set(out: &mut String, group: &Group<'_>, by: Addressing) -> Result<()> {
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
    content_protection(out, first);
    for level in &group.levels {
        representation(out, group, level, by)?;
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

fn content_protection(out: &mut String, level: &Level<'_>) {
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
    group: &Group<'_>,
    level: &Level<'_>,
    by: Addressing,
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
    match by {
        Addressing::Index => {
            let (init, index) = ranges(level)?;
            let _ = writeln!(
                out,
                "        <BaseURL>{}</BaseURL>\n        <SegmentBase indexRange=\"{}-{}\" \
                 timescale=\"{}\">\n          <Initialization range=\"{}-{}\"/>\n        </SegmentBase>",
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
                "        <SegmentTemplate timescale=\"{}\" \
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
fn ranges(level: &Level<'_>) -> Result<(Span, Span)> {
    let alone = || {
        Error::misuse(
            "no_segment_index",
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

/// `ftyp` and `moov`.
fn init(level: &Level<'_>) -> Result<Span> {
    let moov = level.movie.moov.as_ref();
    let missing = || Error::malformed("no_moov", "The file has no moov box.");
    let moov = moov.ok_or_else(missing)?;
    Ok(Span { at: 0, len: moov.at + moov.size() })
}

/// Whether a manifest names a file.
pub fn names(written: &[Written], file: &str) -> bool {
    let (plain, address) = (escape(file), address(file));
    written.iter().any(|one| one.text.contains(&*plain) || one.text.contains(&address))
}

/// A file's name in an address.
fn address(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte.into());
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The files that addresses with templates name: the file each is a part of,
/// its name, and where it is.
pub fn segments(renditions: &[Rendition<'_>]) -> Result<Vec<(String, String, Span)>> {
    let mut out = Vec::new();
    for group in &groups(renditions)? {
        for level in &group.levels {
            let folder = format!("QualityLevels({})", level.bitrate);
            let init = init(level)?;
            out.push((level.file.to_owned(), format!("{folder}/Init({})", group.name), init));
            for chunk in level.chunks() {
                let name = format!("{folder}/Fragments({}={})", group.name, chunk.time);
                out.push((level.file.to_owned(), name, chunk.span));
            }
        }
    }
    Ok(out)
}

/// An HLS multivariant playlist, and a media playlist of byte ranges for each
/// file.
pub fn hls(title: &str, renditions: &[Rendition<'_>]) -> Result<Vec<Written>> {
    let groups = groups(renditions)?;
    let key = |session: bool, level: &Level<'_>| {
        let object = level.movie.systems.iter().find(|system| system.system_id == PLAYREADY)?;
        let scheme = level.track.protection()?.scheme?.0;
        let method = if &scheme == b"cbcs" { "SAMPLE-AES" } else { "SAMPLE-AES-CTR" };
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
    let playlist = |group: &Group<'_>, level: &Level<'_>| {
        format!("{title}-{}-{}.m3u8", group.name, level.bitrate)
    };
    let audio: Vec<&Group<'_>> = groups.iter().filter(|g| g.kind == TrackKind::Audio).collect();
    let videos = groups.iter().filter(|group| group.kind == TrackKind::Video);
    let alone = videos.clone().next().is_none();
    for (number, group) in audio.iter().enumerate() {
        // In a group players choose by language; of each, one level.
        let Some(level) = group.levels.iter().max_by_key(|level| level.bitrate) else { continue };
        let language = match level.track.language.as_str() {
            "und" => String::new(),
            language => format!(",LANGUAGE=\"{language}\""),
        };
        if !alone {
            let _ = writeln!(
                master,
                "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"{}\"{language},DEFAULT={},\
                 AUTOSELECT=YES,URI=\"{}\"",
                group.name,
                if number == 0 { "YES" } else { "NO" },
                address(&playlist(group, level))
            );
        }
    }
    let loudest = audio.iter().flat_map(|group| &group.levels).map(Level::peak).max().unwrap_or(0);
    let heard = audio.first().and_then(|group| group.levels.first()).map(|level| level.codec());
    let main: Vec<&Group<'_>> = if alone { audio.clone() } else { videos.collect() };
    for group in main {
        for level in &group.levels {
            let codecs: Vec<&str> =
                std::iter::once(level.codec()).chain(heard.filter(|_| !alone)).collect();
            let size = level.dimensions().filter(|_| !alone);
            let size = size.map(|(w, h)| format!(",RESOLUTION={w}x{h}")).unwrap_or_default();
            let sound = if alone || audio.is_empty() { "" } else { ",AUDIO=\"audio\"" };
            let _ = writeln!(
                master,
                "#EXT-X-STREAM-INF:BANDWIDTH={},CODECS=\"{}\"{size}{sound}\n{}",
                level.peak() + if alone { 0 } else { loudest },
                codecs.join(","),
                address(&playlist(group, level))
            );
        }
    }
    written.push(Written { name: format!("{title}.m3u8"), text: master });
    for group in groups.iter().filter(|group| group.kind != TrackKind::Text) {
        for level in &group.levels {
            let text = media_playlist(level, key(false, level))?;
            written.push(Written { name: playlist(group, level), text });
        }
    }
    Ok(written)
}

fn media_playlist(level: &Level<'_>, key: Option<String>) -> Result<String> {
    if level.movie.tracks.len() != 1 {
        let sentence = format!("{}: for HLS a file must have one track.", level.file);
        return Err(Error::misuse("several_tracks", sentence));
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
