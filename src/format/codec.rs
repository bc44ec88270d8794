//! Codecs: what a sample entry says, and which bytes of its samples may be
//! protected.
//!
//! To add a codec's protection rule: its row in `rule_of`, and for a NAL
//! codec a module beside [`avc`] and [`hevc`].

pub mod aac;
pub mod av1;
pub mod avc;
mod bits;
mod config;
pub mod hevc;
pub mod plausible;
pub mod vp9;

use crate::error::{Code, Error, Result};
use crate::format::boxes::codec::{AvcC, Esds, HvcC};
use crate::format::boxes::movie::Btrt;
use crate::format::boxes::tree::Node;
use crate::format::bytes::Reader;
use crate::format::ids::{BoxType, FourCc};

/// Which bytes of a sample may be protected (facts §4).
#[derive(Clone, Debug)]
pub enum Rule {
    /// NAL units: their lengths, headers and everything but picture data stay clear.
    Nal(NalCodec),
    /// VP9: the uncompressed header of each frame stays clear. Frames depend on the
    /// sizes of those before.
    Vp9(vp9::References),
    /// AV1: only tiles are protected. Frames depend on those before.
    Av1(Box<av1::State>),
    /// The whole sample: audio, and video without NAL units.
    Whole,
}

/// A codec whose samples are NAL units, each behind its length.
#[derive(Clone, Debug)]
pub enum NalCodec {
    /// H.264.
    Avc(AvcC),
    /// H.265.
    Hevc(HvcC),
    /// H.266: bytes of a NAL unit's length field. Its slice headers are not read.
    Vvc(u8),
}

impl NalCodec {
    /// Bytes of a NAL unit's length field.
    pub fn length_size(&self) -> usize {
        match self {
            Self::Avc(config) => config.length_size.into(),
            Self::Hevc(config) => config.length_size.into(),
            Self::Vvc(length_size) => (*length_size).into(),
        }
    }

    /// Bytes of a NAL unit's header.
    pub fn header_len(&self) -> usize {
        match self {
            Self::Avc(_) => 1,
            Self::Hevc(_) | Self::Vvc(_) => 2,
        }
    }

    /// Whether a NAL unit carries picture data.
    pub fn is_vcl(&self, nal: &[u8]) -> bool {
        match (self, nal) {
            (Self::Avc(_), [first, ..]) => avc::is_vcl(*first),
            (Self::Hevc(_), [first, ..]) => hevc::is_vcl(*first),
            // ISO/IEC 23090-3 §7.4.2.2: types 0 to 11.
            (Self::Vvc(_), [_, second, ..]) => second >> 3 < 12,
            _ => false,
        }
    }

    /// The parameter sets of the sample entry, to begin a fragment with.
    pub fn parameter_sets(&self) -> ParameterSets {
        let mut sets = match self {
            Self::Avc(_) => ParameterSets::Avc(avc::ParameterSets::default()),
            Self::Hevc(_) => ParameterSets::Hevc(hevc::ParameterSets::default()),
            Self::Vvc(_) => return ParameterSets::Unread,
        };
        if let Self::Avc(AvcC { parameter_sets, .. }) | Self::Hevc(HvcC { parameter_sets, .. }) =
            self
        {
            parameter_sets.iter().for_each(|nal| sets.update(nal));
        }
        sets
    }
}

/// The parameter sets that slice headers depend on.
#[derive(Clone, Debug)]
pub enum ParameterSets {
    /// H.264.
    Avc(avc::ParameterSets),
    /// H.265.
    Hevc(hevc::ParameterSets),
    /// Of a codec whose slice headers are not read.
    Unread,
}

impl ParameterSets {
    /// Takes in a NAL unit if it is a parameter set.
    pub fn update(&mut self, nal: &[u8]) {
        match self {
            Self::Avc(sets) => sets.update(nal),
            Self::Hevc(sets) => sets.update(nal),
            Self::Unread => {}
        }
    }

    /// Bytes of the NAL unit to the end of its slice header; `None` where it
    /// cannot be told.
    pub fn slice_header_len(&self, nal: &[u8]) -> Option<usize> {
        match self {
            Self::Avc(sets) => sets.slice_header_len(nal),
            Self::Hevc(sets) => sets.slice_header_len(nal),
            Self::Unread => None,
        }
    }
}

/// What a sample entry says.
#[derive(Clone, Debug)]
pub struct Codec {
    /// RFC 6381 string; the bare code where its parameters are not read here.
    pub string: String,
    /// How its samples are protected; none where we know no rule.
    pub rule: Option<Rule>,
    /// Width and height in pixels.
    pub dimensions: Option<(u16, u16)>,
    /// Channels.
    pub channels: Option<u32>,
    /// Samples a second.
    pub sample_rate: Option<u32>,
    /// Bits a second, from `esds` or `btrt`.
    pub declared_bitrate: Option<u32>,
    /// What a decoder is set up with, as Smooth Streaming manifests have it:
    /// parameter sets behind start codes, or an AudioSpecificConfig.
    pub private_data: Option<Vec<u8>>,
}

impl Codec {
    /// Reads the sample entry `entry` of a track with this handler, whose code
    /// is or was `format`. What cannot be read is noted.
    pub fn read(entry: &Node, format: FourCc, handler: FourCc, problems: &mut Vec<Error>) -> Self {
        let mut codec = Self {
            string: format.to_string().trim_end().to_owned(),
            rule: rule_of(format),
            dimensions: None,
            channels: None,
            sample_rate: None,
            declared_bitrate: None,
            private_data: None,
        };
        let mut note = |result: Result<()>| {
            if let Err(e) = result {
                problems.push(e.within(entry.kind));
            }
        };
        // An entry whose code we do not know is a leaf, but its fields stand alike.
        let fields = entry.body().unwrap_or(entry.head());
        let field = |at: usize| match fields.get(at..at + 2) {
            Some([a, b]) => Some(u16::from_be_bytes([*a, *b])),
            _ => None,
        };
        match &handler.0 {
            b"vide" => codec.dimensions = field(24).zip(field(26)),
            b"soun" => {
                codec.channels = field(16).map(u32::from);
                codec.sample_rate = field(24).map(u32::from);
            }
            _ => {}
        }
        // QuickTime keeps them in a box of its own.
        let wave = entry.all(BoxType::code(b"wave")).flat_map(Node::children);
        if &format.0 == b"vp09" {
            codec.rule = Some(Rule::Vp9(vp9::References::new(codec.dimensions)));
        }
        for child in entry.children().iter().chain(wave) {
            let BoxType::Code(FourCc(code)) = child.kind else { continue };
            match &code {
                b"avcC" => note(codec.avc(child, format)),
                b"hvcC" => note(codec.hevc(child, format)),
                b"vvcC" => codec.rule = child.body().ok().and_then(config::vvc).map(Rule::Nal),
                b"esds" => note(codec.esds(child, format)),
                b"btrt" => note(codec.btrt(child)),
                b"dec3" => {
                    codec.private_data = child.body().ok().map(ec3_private_data);
                    codec.sound(child.body().ok().and_then(config::eac3));
                }
                b"dac3" => {
                    codec.private_data = child.body().ok().map(ac3_private_data);
                    codec.sound(child.body().ok().and_then(config::ac3));
                }
                b"alac" => codec.sound(child.body().ok().and_then(config::alac)),
                b"dfLa" => codec.sound(child.body().ok().and_then(config::flac)),
                b"dOps" => codec.sound(child.body().ok().and_then(config::opus)),
                b"av1C" => {
                    let Ok(body) = child.body() else { continue };
                    codec.rule = Some(Rule::Av1(Box::new(av1::State::of_config(body))));
                    if &format.0 == b"av01" {
                        codec.named(config::av1(body));
                    }
                }
                b"vpcC" => codec.named(child.body().ok().and_then(|b| config::vp(format, b))),
                b"dac4" => codec.named(child.body().ok().and_then(config::ac4)),
                b"dvcC" | b"dvvC" | b"dvwC" if format.0.starts_with(b"d") => {
                    codec.named(child.body().ok().and_then(|b| config::dolby_vision(format, b)));
                }
                b"wfex" => codec.private_data = child.body().ok().map(wave_private_data),
                b"dvc1" => codec.private_data = child.body().ok().map(vc1_private_data),
                _ => {}
            }
        }
        // Without its configuration a NAL codec's length fields cannot be walked.
        let wanted = match &format.0 {
            b"avc1" | b"avc3" | b"dva1" | b"dvav" => Some("avcC"),
            b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => Some("hvcC"),
            b"vvc1" | b"vvi1" => Some("vvcC"),
            b"av01" | b"dav1" => Some("av1C"),
            _ => None,
        };
        if let (Some(wanted), None) = (wanted, &codec.rule) {
            note(Err(Error::malformed(
                Code::NoCodecConfiguration,
                format!("This sample entry has no readable {wanted} box."),
            )
            .at(entry.at)));
        }
        codec
    }

    /// Takes the string that a configuration gives, where it can be read.
    fn named(&mut self, string: Option<String>) {
        if let Some(string) = string {
            self.string = string;
        }
    }

    /// Takes channels and rate from a configuration: the sample entry often has
    /// others, which readers ignore.
    fn sound(&mut self, facts: Option<(u32, u32)>) {
        if let Some((channels, rate)) = facts {
            (self.channels, self.sample_rate) = (Some(channels), Some(rate));
        }
    }

    fn avc(&mut self, node: &Node, format: FourCc) -> Result<()> {
        let config = read_config(node, AvcC::read)?;
        let [profile, flags, level] = config.profile;
        self.string = format!("{format}.{profile:02X}{flags:02X}{level:02X}");
        self.private_data = Some(with_start_codes(&config.parameter_sets));
        self.rule = Some(Rule::Nal(NalCodec::Avc(config)));
        Ok(())
    }

    fn hevc(&mut self, node: &Node, format: FourCc) -> Result<()> {
        let config = read_config(node, HvcC::read)?;
        self.string = format!("{format}.{}", hevc::codec_suffix(&config));
        self.private_data = Some(with_start_codes(&config.parameter_sets));
        self.rule = Some(Rule::Nal(NalCodec::Hevc(config)));
        Ok(())
    }

    fn esds(&mut self, node: &Node, format: FourCc) -> Result<()> {
        let esds = read_config(node, Esds::read)?;
        let declared = if esds.avg_bitrate != 0 { esds.avg_bitrate } else { esds.max_bitrate };
        self.declared_bitrate = Some(declared).filter(|rate| *rate != 0).or(self.declared_bitrate);
        // MPEG-4 video and systems have an esds too.
        let code = if matches!(&format.0, b"mp4v" | b"mp4s") { format } else { FourCc(*b"mp4a") };
        self.string = format!("{code}.{:02X}", esds.object_type);
        if esds.object_type == 0x40
            && let Some(config) = aac::AudioConfig::read(&esds.specific)
        {
            self.string = format!("{code}.40.{}", config.object_type);
            self.sample_rate = Some(config.sample_rate);
            self.channels = config.channels.or(self.channels);
            self.private_data = Some(esds.specific);
        }
        Ok(())
    }

    fn btrt(&mut self, node: &Node) -> Result<()> {
        use crate::format::boxes::Mp4Box as _;
        let btrt = Btrt::parse(node)?;
        let declared = if btrt.avg_bitrate != 0 { btrt.avg_bitrate } else { btrt.max_bitrate };
        self.declared_bitrate = self.declared_bitrate.or(Some(declared).filter(|rate| *rate != 0));
        Ok(())
    }
}

/// GUID of E-AC-3 in WAVEFORMATEXTENSIBLE; behind it stands `dec3`'s payload.
pub(crate) const EC3_GUID: [u8; 16] = 0xaf87fba7_022d_fb42_a4d4_05cd93843bdd_u128.to_be_bytes();

/// The tail of a WAVEFORMATEXTENSIBLE: samples in a block, which channels there
/// are, the GUID, and `dec3` (facts §9).
fn ec3_private_data(dec3: &[u8]) -> Vec<u8> {
    let (acmod, lfe) = match dec3 {
        [_, _, _, byte, ..] => (byte >> 1 & 7, byte & 1),
        _ => (2, 0),
    };
    wave_extensible(acmod, lfe, dec3)
}

/// The same of AC-3.
fn ac3_private_data(dac3: &[u8]) -> Vec<u8> {
    let (acmod, lfe) = match dac3 {
        [_, byte, ..] => (byte >> 3 & 7, byte >> 2 & 1),
        _ => (2, 0),
    };
    wave_extensible(acmod, lfe, dac3)
}

fn wave_extensible(acmod: u8, lfe: u8, config: &[u8]) -> Vec<u8> {
    // Front left, right, centre, low frequency, back left, right, back centre.
    let mask = [0x3_u32, 0x4, 0x3, 0x7, 0x103, 0x107, 0x33, 0x37][usize::from(acmod)];
    let mask = mask | if lfe == 1 { 0x8 } else { 0 };
    [&1536_u16.to_le_bytes()[..], &mask.to_le_bytes(), &EC3_GUID, config].concat()
}

/// What stands behind a WAVEFORMATEX.
fn wave_private_data(wfex: &[u8]) -> Vec<u8> {
    wfex.get(18..).unwrap_or_default().to_vec()
}

/// Sequence header and entry point, behind ASF's binding byte.
fn vc1_private_data(dvc1: &[u8]) -> Vec<u8> {
    let headers = dvc1.windows(4).position(|w| w == [0, 0, 1, 0x0f]).map(|at| &dvc1[at..]);
    [&[0x25], headers.unwrap_or_default()].concat()
}

fn with_start_codes(units: &[Vec<u8>]) -> Vec<u8> {
    units.iter().flat_map(|unit| [&[0, 0, 0, 1], &unit[..]].concat()).collect()
}

fn read_config<T>(node: &Node, read: fn(&mut Reader<'_>) -> Result<T>) -> Result<T> {
    read(&mut Reader::new(node.body()?, node.body_at())).map_err(|e| e.within(node.kind))
}

/// The rule of codecs that need no configuration.
fn rule_of(format: FourCc) -> Option<Rule> {
    match &format.0 {
        b"mp4a" | b"ac-3" | b"ec-3" | b"Opus" | b"fLaC" | b"wma " | b"owma" | b"vc-1" | b"ovc1" => {
            Some(Rule::Whole)
        }
        // Every other sample entry for sound: samples are whole (facts §4).
        b"alac" | b"ac-4" | b"dtsc" | b"dtsh" | b"dtsl" | b"dtse" | b"dtsx" | b"dtsy" | b"mha1"
        | b"mha2" | b"mhm1" | b"mhm2" | b"mlpa" | b"samr" | b"sawb" | b"sowt" | b"twos"
        | b"lpcm" | b"ipcm" | b"fpcm" | b"in24" | b"in32" | b"fl32" | b"fl64" | b"ulaw"
        | b"alaw" => Some(Rule::Whole),
        _ => None,
    }
}
