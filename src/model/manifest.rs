//! Manifests, as far as they say something about files and their protection:
//! Smooth Streaming's server (.ism) and client (.ismc) manifests, DASH (.mpd),
//! HLS (.m3u8).

use crate::error::{Code, Error, Result};
use crate::format::bytes::limits;
use crate::format::ids::{Kid, SystemId, Uuid};
use crate::format::xml::Element;

/// A manifest.
#[derive(Clone, Debug)]
pub enum Manifest {
    /// .ism: which file has which bitrate.
    Server(Server),
    /// .ismc: what a client may ask for.
    Client(Client),
    /// .mpd, for its protection.
    Dash(Dash),
    /// .m3u8, for its keys.
    Hls(Hls),
}

impl Manifest {
    /// The files that a server manifest names, each once; nothing of others.
    pub fn sources(&self) -> Vec<String> {
        let Self::Server(server) = self else { return Vec::new() };
        let mut files: Vec<String> = server.tracks.iter().map(|t| t.src.clone()).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Reads whichever it is.
    ///
    /// # Errors
    /// Where it is no manifest that is known, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = decode_text(bytes);
        if text.trim_start().starts_with("#EXTM3U") {
            return Ok(Self::Hls(Hls::read(&text)));
        }
        if text.trim().is_empty() {
            return Err(Error::malformed(Code::ManifestXml, "The manifest is empty."));
        }
        let root = Element::parse(&text)?;
        match root.name.to_ascii_lowercase().as_str() {
            "smil" => Ok(Self::Server(Server::read(&root))),
            "smoothstreamingmedia" => Client::read(&root).map(Self::Client),
            "mpd" => Ok(Self::Dash(Dash::read(&root))),
            _ => Err(Error::unsupported(
                Code::NotAManifest,
                format!(
                    "<{}> is not a manifest that is read here (.ism, .ismc, .mpd, .m3u8).",
                    root.name
                ),
            )),
        }
    }

    /// What it is, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Server(_) => "Smooth Streaming server manifest",
            Self::Client(_) => "Smooth Streaming client manifest",
            Self::Dash(_) => "DASH manifest",
            Self::Hls(_) => "HLS playlist",
        }
    }
}

/// Text in UTF-8, or in UTF-16 with a byte order mark, as Microsoft's tools write it.
pub fn decode_text(bytes: &[u8]) -> String {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [b'<', 0, ..] => wide(bytes, u16::from_le_bytes),
        [0, b'<', ..] => wide(bytes, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// A server manifest.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// The client manifest's name.
    pub client: Option<String>,
    /// Tracks in files.
    pub tracks: Vec<ServerTrack>,
}

/// One `video`, `audio` or `textstream` of a [`Server`] manifest.
#[derive(Clone, Debug, Default)]
pub struct ServerTrack {
    /// `video`, `audio`, `textstream`.
    pub kind: String,
    /// The file.
    pub src: String,
    /// systemBitrate.
    pub bitrate: Option<u64>,
    /// The trackID parameter.
    pub track_id: Option<u32>,
    /// The trackName parameter.
    pub name: Option<String>,
}

impl Server {
    fn read(root: &Element) -> Self {
        let mut server = Self::default();
        root.walk(&mut |element| match element.name.to_ascii_lowercase().as_str() {
            "meta" if element.attribute("name") == Some("clientManifestRelativePath") => {
                server.client = element.attribute("content").map(str::to_owned);
            }
            kind @ ("video" | "audio" | "textstream") => {
                let parameter = |name: &str| {
                    let own = element.all("param").find(|p| {
                        p.attribute("name").is_some_and(|n| n.eq_ignore_ascii_case(name))
                    })?;
                    own.attribute("value").map(str::to_owned)
                };
                server.tracks.push(ServerTrack {
                    kind: kind.to_owned(),
                    src: element.attribute("src").unwrap_or_default().to_owned(),
                    bitrate: element.number("systemBitrate"),
                    track_id: parameter("trackID").and_then(|id| id.parse().ok()),
                    name: parameter("trackName"),
                });
            }
            _ => {}
        });
        server
    }
}

/// A client manifest.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Ticks a second; 10,000,000 where it is not said.
    pub timescale: u64,
    /// In ticks.
    pub duration: Option<u64>,
    /// Whether it is of a live stream.
    pub live: bool,
    /// Its streams.
    pub streams: Vec<Stream>,
    /// Protection headers: whose, and the text in them.
    pub protection: Vec<(Option<SystemId>, String)>,
}

/// A `StreamIndex`.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// `video`, `audio` or `text`.
    pub kind: String,
    /// Its name.
    pub name: Option<String>,
    /// Its language, of two letters or three.
    pub language: Option<String>,
    /// How many chunks it says it has.
    pub chunks: Option<u64>,
    /// Ticks a second.
    pub timescale: u64,
    /// Its bitrates.
    pub levels: Vec<Level>,
    /// Start and duration of every chunk, in ticks.
    pub times: Vec<(u64, u64)>,
}

/// A `QualityLevel`.
#[derive(Clone, Debug, Default)]
pub struct Level {
    /// Bits a second, which is its name in URLs.
    pub bitrate: Option<u64>,
    /// `H264`, `AACL` and the like.
    pub fourcc: Option<String>,
    /// In hex.
    pub private_data: Option<String>,
    /// NALUnitLengthField.
    pub nal_length: Option<u8>,
    /// MaxWidth.
    pub width: Option<u16>,
    /// MaxHeight.
    pub height: Option<u16>,
    /// SamplingRate.
    pub sampling_rate: Option<u32>,
    /// Channels.
    pub channels: Option<u16>,
    /// BitsPerSample.
    pub bits_per_sample: Option<u16>,
    /// PacketSize.
    pub packet_size: Option<u16>,
    /// AudioTag, such as 255 for AAC.
    pub audio_tag: Option<u32>,
    /// Names and values of its CustomAttributes, a part of its name in URLs.
    pub attributes: Vec<(String, String)>,
}

impl Client {
    fn read(root: &Element) -> Result<Self> {
        let timescale = root.number("TimeScale").unwrap_or(10_000_000);
        let mut client = Self {
            timescale,
            duration: root.number("Duration"),
            live: root.attribute("IsLive").is_some_and(|v| v.eq_ignore_ascii_case("true")),
            ..Self::default()
        };
        let mut chunks = 0;
        let streams = root.all("StreamIndex").map(|s| Stream::read(s, timescale, &mut chunks));
        client.streams = streams.collect::<Result<_>>()?;
        root.walk(&mut |element| {
            if element.name.eq_ignore_ascii_case("ProtectionHeader") {
                let system = element.attribute("SystemID").and_then(|id| Uuid::parse(id).ok());
                client.protection.push((system, element.text.clone()));
            }
        });
        Ok(client)
    }
}

impl Stream {
    /// `chunks` counts those of all streams.
    fn read(element: &Element, timescale: u64, chunks: &mut u64) -> Result<Self> {
        let mut stream = Self {
            kind: element.attribute("Type").unwrap_or_default().to_ascii_lowercase(),
            name: element.attribute("Name").map(str::to_owned),
            language: element.attribute("Language").map(str::to_owned),
            chunks: element.number("Chunks"),
            timescale: element.number("TimeScale").unwrap_or(timescale),
            ..Self::default()
        };
        stream.levels = element
            .all("QualityLevel")
            .map(|level| Level {
                bitrate: level.number("Bitrate"),
                fourcc: level
                    .attribute("FourCC")
                    .or(element.attribute("FourCC"))
                    .map(str::to_owned),
                private_data: level.attribute("CodecPrivateData").map(str::to_owned),
                nal_length: level.number("NALUnitLengthField"),
                width: level.number("MaxWidth").or(level.number("Width")),
                height: level.number("MaxHeight").or(level.number("Height")),
                sampling_rate: level.number("SamplingRate"),
                channels: level.number("Channels"),
                bits_per_sample: level.number("BitsPerSample"),
                packet_size: level.number("PacketSize"),
                audio_tag: level.number("AudioTag"),
                attributes: level
                    .all("CustomAttributes")
                    .flat_map(|list| list.all("Attribute"))
                    .filter_map(|one| {
                        Some((
                            one.attribute("Name")?.to_owned(),
                            one.attribute("Value")?.to_owned(),
                        ))
                    })
                    .collect(),
            })
            .collect();
        // A chunk begins where it says, or where the one before ends; `r` is
        // how many there are of the same duration, this one included.
        let mut next = 0_u64;
        for c in element.all("c") {
            let start = c.number("t").unwrap_or(next);
            let duration: u64 = c.number("d").unwrap_or(0);
            let repeat = c.number::<u64>("r").unwrap_or(1).max(1);
            *chunks = chunks.saturating_add(repeat);
            if *chunks > limits::CHUNKS {
                let sentence = format!(
                    "The manifest lists more than {} chunks; so many are not read.",
                    limits::CHUNKS
                );
                return Err(Error::limit(Code::TooManyChunks, sentence));
            }
            for i in 0..repeat {
                let at = start.saturating_add(i.saturating_mul(duration));
                stream.times.push((at, duration));
                next = at.saturating_add(duration);
            }
        }
        Ok(stream)
    }
}

/// What a DASH manifest says of protection.
#[derive(Clone, Debug, Default)]
pub struct Dash {
    /// Every ContentProtection, in order.
    pub protection: Vec<ContentProtection>,
    /// Files of adaptation sets for trick play, which have boundaries of their own.
    pub trick_play: Vec<String>,
}

/// A `ContentProtection` element.
#[derive(Clone, Debug, Default)]
pub struct ContentProtection {
    /// Which element it is in, counted from 0: those of one describe one thing.
    pub group: usize,
    /// schemeIdUri.
    pub scheme: String,
    /// Whose, where the scheme is a `urn:uuid:`.
    pub system: Option<SystemId>,
    /// value, such as `cenc`.
    pub value: Option<String>,
    /// cenc:default_KID, which may be several.
    pub default_kids: Vec<Kid>,
    /// The first of them that is no UUID.
    pub bad_kid: Option<String>,
    /// The text of cenc:pssh.
    pub pssh: Option<String>,
    /// The text of mspr:pro.
    pub pro: Option<String>,
}

impl ContentProtection {
    /// From its element.
    pub fn read(element: &Element) -> Self {
        let scheme = element.attribute("schemeIdUri").unwrap_or_default().trim().to_owned();
        let kids = || element.attribute("default_KID").unwrap_or_default().split_whitespace();
        let text = |name| element.all(name).next().map(|child| child.text.clone());
        Self {
            system: scheme
                .get(..9)
                .filter(|s| s.eq_ignore_ascii_case("urn:uuid:"))
                .and_then(|_| Uuid::parse(scheme.get(9..)?).ok()),
            value: element.attribute("value").map(str::to_owned),
            default_kids: kids().filter_map(|kid| Uuid::parse(kid).ok()).collect(),
            bad_kid: kids().find(|kid| Uuid::parse(kid).is_err()).map(str::to_owned),
            pssh: text("pssh"),
            pro: text("pro"),
            group: 0,
            scheme,
        }
    }
}

impl Dash {
    /// Of every ContentProtection inside an element.
    pub fn read(root: &Element) -> Self {
        let mut dash = Self::default();
        let mut group = 0;
        root.walk(&mut |parent| {
            group += 1;
            for element in parent.all("ContentProtection") {
                dash.protection
                    .push(ContentProtection { group, ..ContentProtection::read(element) });
            }
            let is_trick = |property: &Element| {
                property.attribute("schemeIdUri").is_some_and(|uri| uri.ends_with("/trickmode"))
            };
            let mut properties =
                parent.all("EssentialProperty").chain(parent.all("SupplementalProperty"));
            if parent.name.eq_ignore_ascii_case("AdaptationSet") && properties.any(is_trick) {
                parent.walk(&mut |inner| {
                    if inner.name.eq_ignore_ascii_case("BaseURL") {
                        dash.trick_play.push(inner.text.trim().to_owned());
                    }
                });
            }
        });
        dash
    }
}

/// What an HLS playlist says of keys.
#[derive(Clone, Debug, Default)]
pub struct Hls {
    /// Every key, in order.
    pub keys: Vec<HlsKey>,
    /// Whether it lists playlists, not segments: a multivariant playlist.
    pub is_multivariant: bool,
}

/// An `EXT-X-KEY` or `EXT-X-SESSION-KEY`.
#[derive(Clone, Debug, Default)]
pub struct HlsKey {
    /// Whether it is for the whole session.
    pub session: bool,
    /// METHOD.
    pub method: String,
    /// URI.
    pub uri: String,
    /// KEYFORMAT.
    pub format: String,
    /// KEYID.
    pub key_id: Option<String>,
}

impl Hls {
    /// Of every key line in a text.
    pub fn read(text: &str) -> Self {
        let keys = text.lines().filter_map(|line| {
            let line = line.trim();
            let session = line.strip_prefix("#EXT-X-SESSION-KEY:");
            let list = session.or(line.strip_prefix("#EXT-X-KEY:"))?;
            let mut key = HlsKey { session: session.is_some(), ..HlsKey::default() };
            for (name, value) in attributes(list) {
                match name {
                    "METHOD" => key.method = value.to_owned(),
                    "URI" => key.uri = value.to_owned(),
                    "KEYFORMAT" => key.format = value.to_owned(),
                    "KEYID" => key.key_id = Some(value.to_owned()),
                    _ => {}
                }
            }
            Some(key)
        });
        let lists = |line: &str| line.trim_start().starts_with("#EXT-X-STREAM-INF");
        Self { keys: keys.collect(), is_multivariant: text.lines().any(lists) }
    }
}

/// An attribute list: NAME=value or NAME="value", with commas between
/// (RFC 8216 §4.2).
fn attributes(mut list: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = list.split_once('=') {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        found.push((name.trim(), value));
        list = after.strip_prefix(',').unwrap_or(after);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_follow_each_other_and_repeat() {
        let xml =
            br#"<SmoothStreamingMedia MajorVersion="2" Duration="100"><StreamIndex Type="video"
            Chunks="4"><QualityLevel Bitrate="5" FourCC="H264" CodecPrivateData="00"/>
            <c d="10" r="2"/><c t="30" d="20"/><c d="5"/></StreamIndex>
            <Protection><ProtectionHeader SystemID="{9A04F079-9840-4286-AB92-E65BE0885F95}">
            QUJD</ProtectionHeader></Protection></SmoothStreamingMedia>"#;
        let Manifest::Client(client) = Manifest::parse(xml).unwrap() else { panic!() };
        assert_eq!(client.streams[0].times, [(0, 10), (10, 10), (30, 20), (50, 5)]);
        assert_eq!(client.timescale, 10_000_000);
        assert_eq!(client.protection[0].0, Some(crate::format::drm::PLAYREADY));
    }

    #[test]
    fn servers_in_utf_16_and_keys_in_hls() {
        let xml = "<smil><head><meta name=\"clientManifestRelativePath\" content=\"a.ismc\"/></head>\
            <body><switch><video src=\"a.ismv\" systemBitrate=\"9\"><param name=\"trackID\" value=\"2\"/>\
            </video></switch></body></smil>";
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend(xml.encode_utf16().flat_map(u16::to_le_bytes));
        let Manifest::Server(server) = Manifest::parse(&bytes).unwrap() else { panic!() };
        assert_eq!(server.client.as_deref(), Some("a.ismc"));
        assert_eq!((server.tracks[0].bitrate, server.tracks[0].track_id), (Some(9), Some(2)));
        let hls = Hls::read(
            "#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"data:text/plain;base64,QQ==\",\
             KEYFORMAT=\"com.microsoft.playready\",KEYFORMATVERSIONS=\"1\"\n",
        );
        assert_eq!(hls.keys[0].method, "SAMPLE-AES-CTR");
        assert_eq!(hls.keys[0].uri, "data:text/plain;base64,QQ==");
    }
}
