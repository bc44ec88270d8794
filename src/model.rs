//! What a file means, free of box layout: tracks, fragments, samples,
//! protection. Everything after inspection works on this.

pub(crate) mod decode_times;
mod edits;
mod fragment;
pub mod manifest;
mod samples;

pub use edits::Edits;
pub(crate) use edits::to_scale;
pub use fragment::{Fragment, FragmentRun, Sample, TrackFragment, read_fragment};
pub use samples::{AtHand, Protected, is_protection_aux, protected_samples};
pub(crate) use samples::{ListedInfo, ListedProtection, read_seig};

use crate::Span;
use crate::checks::{Check, CheckId, Fails, Severity};
use crate::collections::Set;
use crate::error::Error;
use crate::format::boxes::fragment::Tfhd;
use crate::format::boxes::movie::{Ftyp, Tkhd, Trex};
use crate::format::boxes::protection::Pssh;
use crate::format::boxes::tables::Seig;
use crate::format::boxes::tree::Node;
use crate::format::codec::Codec;
use crate::format::drm::playready::WrmHeader;
use crate::format::ids::{BoxType, FourCc, Kid, SystemId};
use serde::Serialize;

/// A file, as far as it was read.
#[derive(Clone, Debug, Default)]
pub struct Movie {
    /// Bytes of the file.
    pub size: u64,
    /// What `ftyp` says.
    pub ftyp: Option<Ftyp>,
    /// Every box at the top, in file order.
    pub top: Vec<TopBox>,
    /// The `moov` box.
    pub moov: Option<Node>,
    /// Ticks a second, of the movie.
    pub timescale: u32,
    /// Whether `moov` announces fragments.
    pub fragmented: bool,
    /// The tracks, in file order.
    pub tracks: Vec<Track>,
    /// Protection headers of `moov`, in file order.
    pub systems: Vec<ProtectionHeader>,
    /// The fragments, in file order.
    pub fragments: Vec<Fragment>,
    /// What kinds of boxes a `moof` has inside: each set of them once, for most
    /// fragments of a file are made alike.
    pub insides: Vec<Vec<BoxType>>,
    /// The counters every protected sample used, in runs, in file order.
    pub ivs: Vec<IvRun>,
    /// Every `sidx` at the top.
    pub indexes: Vec<Node>,
    /// The `mfra` box.
    pub mfra: Option<Node>,
    /// Where a second `moov` begins, which is not read.
    pub second_moov: Option<u64>,
    /// Zeros between boxes at the top, which are passed over.
    pub gaps: Vec<Span>,
    /// What is wrong, or worth knowing.
    pub findings: Vec<Finding>,
    /// Where the structure is broken, if it is: what follows would be guesswork.
    pub damage: Option<Finding>,
    /// Whether the damage is that the file ends too early: what comes before is
    /// whole.
    pub ends_early: bool,
    /// Tracks that are called clear, and whose samples are encrypted.
    pub ciphertext: Vec<u32>,
}

impl Movie {
    /// The first run that uses a sample entry its track does not have: it was
    /// made for another header.
    pub fn foreign_run(&self) -> Option<(&Fragment, &FragmentRun)> {
        let runs = self.fragments.iter().flat_map(|f| f.runs.iter().map(move |run| (f, run)));
        let mut runs = runs.filter(|(_, run)| run.samples > 0);
        runs.find(|(_, run)| {
            self.track(run.track_id).is_some_and(|track| {
                !track.entries.is_empty() && track.entry_index(run.entry) >= track.entries.len()
            })
        })
    }

    /// The track with this number.
    pub fn track(&self, id: u32) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }

    /// The `trak` box of the track with this number.
    pub fn trak(&self, id: u32) -> Option<&Node> {
        let is_it = |trak: &&Node| trak.get::<Tkhd>().is_ok_and(|tkhd| tkhd.track_id == id);
        self.moov.as_ref()?.all(BoxType::code(b"trak")).find(is_it)
    }

    /// Fragments whose samples are not in the `mdat` behind them, and which.
    pub fn runs_without_their_mdat(&self) -> impl Iterator<Item = (&Fragment, &FragmentRun)> {
        let runs = self.fragments.iter().flat_map(|f| f.runs.iter().map(move |run| (f, run)));
        runs.filter(|(fragment, run)| {
            // Behind the moof comes the header of the mdat, at least.
            let inside =
                run.data.at >= fragment.moof.end() + 8 && run.data.end() <= fragment.span.end();
            run.bytes > 0 && !inside
        })
    }

    /// Tracks that `moov` calls clear, though their fragments list IVs.
    pub fn tracks_clear_with_ivs(&self) -> impl Iterator<Item = &Track> {
        let ids: Set<u32> = self
            .fragments
            .iter()
            .flat_map(|fragment| &fragment.runs)
            .filter(|run| run.has_ivs)
            .map(|run| run.track_id)
            .collect();
        let clear = self.tracks.iter().filter(|track| track.protection().is_none());
        clear.filter(move |track| ids.contains(&track.id))
    }

    /// The fragment defaults of a track.
    pub fn trex(&self, track_id: u32) -> Option<&Trex> {
        self.track(track_id)?.trex.as_ref()
    }
}

/// A box at the top of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopBox {
    /// What it is.
    pub kind: BoxType,
    /// Where, and how long; never past the end of the file.
    pub span: Span,
    /// Bytes of its header.
    pub header_len: u64,
    /// Whether its size says "to the end of the file".
    pub to_end: bool,
}

/// Something worth telling about a file.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Finding {
    /// The check that found it.
    #[serde(flatten)]
    pub check: Check,
    /// A sentence.
    pub message: String,
    /// The file it is in, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub file: Option<String>,
    /// Which track, where it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub track: Option<u32>,
    /// Absolute byte offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub at: Option<u64>,
    /// Bytes it is about, from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub length: Option<u64>,
    /// Box path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub path: Option<String>,
    /// How often the same was found; the rest is about the first time.
    pub times: u32,
    /// What proves it, line by line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub evidence: Vec<String>,
}

impl Finding {
    /// Of the check with this identifier.
    pub fn new(id: CheckId, message: impl Into<String>) -> Self {
        Self {
            check: id.check(),
            message: message.into(),
            file: None,
            track: None,
            at: None,
            length: None,
            path: None,
            times: 1,
            evidence: Vec::new(),
        }
    }

    /// How bad.
    pub fn severity(&self) -> Severity {
        self.check.severity
    }

    /// How bad, and for how many: the gravest comes first.
    pub fn gravity(&self) -> (Severity, Fails) {
        (self.check.severity, self.check.fails)
    }

    /// Whether `other` tells of the same fault in the same kind of place.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.check.id, self.track, &self.path) == (other.check.id, other.track, &other.path)
    }

    /// About one track.
    pub fn of_track(mut self, id: u32) -> Self {
        self.track = Some(id);
        self
    }

    /// About these bytes.
    pub fn at(mut self, at: u64, length: u64) -> Self {
        (self.at, self.length) = (Some(at), Some(length));
        self
    }

    /// About this box.
    pub fn of_box(self, node: &Node) -> Self {
        self.at(node.at, node.size())
    }

    /// With the path of its box.
    pub fn within(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }
}

impl From<Error> for Finding {
    fn from(error: Error) -> Self {
        let Error { code, message, at, path, .. } = error;
        Self { at, path, ..Self::new(CheckId::of_code(code), message) }
    }
}

/// What a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
    /// Subtitles, captions.
    Text,
    /// Anything else.
    Other,
}

impl TrackKind {
    /// From a handler type.
    pub fn of(handler: FourCc) -> Self {
        match &handler.0 {
            b"vide" => Self::Video,
            b"soun" => Self::Audio,
            b"text" | b"subt" | b"sbtl" | b"subp" | b"clcp" => Self::Text,
            _ => Self::Other,
        }
    }

    /// As a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Text => "text",
            Self::Other => "other",
        }
    }
}

/// A track.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its number, from 1.
    pub id: u32,
    /// What it is.
    pub kind: TrackKind,
    /// ISO 639-2/T; `und` where none is given.
    pub language: String,
    /// Ticks a second.
    pub timescale: u32,
    /// Whether players play it by themselves (`tkhd`).
    pub enabled: bool,
    /// What its edit list does; nothing where it does what no fragment can say.
    pub edits: Edits,
    /// Its sample entries.
    pub entries: Vec<SampleEntry>,
    /// Protection of groups of samples, described in `moov`.
    pub seig: Vec<Seig>,
    /// Which of these holds for samples in no group, from 1; 0 for none.
    pub seig_default: u32,
    /// Fragment defaults.
    pub trex: Option<Trex>,
    /// Samples that `moov` itself lists; none in a file that is all fragments.
    pub listed: u64,
    /// What its samples add up to, those of fragments included.
    pub totals: Totals,
}

impl Track {
    /// The codec of the first sample entry.
    pub fn codec(&self) -> Option<&Codec> {
        self.entries.first().map(|entry| &entry.codec)
    }

    /// The protection of the first sample entry that has one.
    pub fn protection(&self) -> Option<&Protection> {
        self.entries.iter().find_map(SampleEntry::protection)
    }

    /// The sample entry that a fragment uses.
    pub fn entry_of(&self, tfhd: &Tfhd) -> usize {
        self.entry_index(tfhd.sample_description_index)
    }

    /// The place among the entries of one that a fragment names, or of the default.
    pub fn entry_index(&self, named: Option<u32>) -> usize {
        let default = self.trex.map_or(1, |trex| trex.sample_description_index);
        named.unwrap_or(default).max(1) as usize - 1
    }

    /// When the first sample of a run is presented, in ticks, by decode time and
    /// edit list: as players do that read the file.
    pub fn presented(&self, run: &FragmentRun) -> Option<i64> {
        run.presentation_time()?.checked_add(self.edits.later())
    }

    /// The same for clients of Smooth Streaming, which go by `tfxd` where it is
    /// there, and know no edit lists.
    pub fn smooth_time(&self, run: &FragmentRun) -> Option<i64> {
        run.tfxd.map(|(time, _)| time).or(run.presentation_time())
    }

    /// Ticks as seconds; none without a timescale.
    pub fn seconds(&self, ticks: u64) -> Option<f64> {
        (self.timescale != 0).then(|| ticks as f64 / f64::from(self.timescale))
    }
}

impl ProtectionHeader {
    /// The box it was read from.
    pub fn pssh(&self) -> Pssh {
        Pssh {
            version: self.version,
            flags: 0,
            system_id: self.system_id,
            kids: self.listed.clone(),
            data: self.data.clone(),
        }
    }
}

/// A sample entry of `stsd`.
#[derive(Clone, Debug)]
pub struct SampleEntry {
    /// Its code as it stands: `avc1`, or `encv`.
    pub coding: FourCc,
    /// Its code before protection.
    pub format: FourCc,
    /// What it says of the samples.
    pub codec: Codec,
    /// How they are protected, one for each `sinf`; none for clear ones.
    pub protection: Vec<Protection>,
}

/// What one `sinf` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// `piff`, `cenc`, `cbcs` and the like.
    pub scheme: Option<FourCc>,
    /// 0x00010000 or 0x00010001.
    pub scheme_version: u32,
    /// Whether what follows is from PIFF's envelope of `tenc`, for want of ISO's.
    pub piff_tenc: bool,
    /// Whether PIFF's envelope is there, alone or beside ISO's.
    pub has_piff_tenc: bool,
    /// 0 clear, 1 AES-CTR (any protected scheme in ISO), 2 AES-CBC in PIFF.
    pub algorithm_id: u32,
    /// Bytes of IV a sample.
    pub iv_size: u8,
    /// The IV of every sample, where `iv_size` is 0.
    pub constant_iv: Vec<u8>,
    /// Blocks to encrypt and to skip, four bits each, in `cens` and `cbcs`.
    pub pattern: u8,
    /// The key.
    pub kid: Option<Kid>,
}

/// Samples of one `traf` whose counters follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IvRun {
    /// The key they are used with.
    pub kid: Kid,
    /// The first counter block, as a number of 128 bits.
    pub from: u128,
    /// The block behind the last. An 8-byte IV has all blocks up to the next.
    pub to: u128,
    /// The track.
    pub track: u32,
    /// The fragment's `moof`.
    pub moof_at: u64,
    /// Number of the first sample in its fragment, from 0.
    pub sample: u32,
}

/// A header for one DRM system.
#[derive(Clone, Debug)]
pub struct ProtectionHeader {
    /// Whose.
    pub system_id: SystemId,
    /// The box it came in.
    pub envelope: BoxType,
    /// Where that box is.
    pub at: u64,
    /// Bytes of it.
    pub size: u64,
    /// Whether it is in a `moof`, as where keys rotate.
    pub in_fragment: bool,
    /// Of the box.
    pub version: u8,
    /// The keys the box lists itself.
    pub listed: Vec<Kid>,
    /// The keys the box lists, or its PlayReady header does.
    pub kids: Vec<Kid>,
    /// The system's own data.
    pub data: Vec<u8>,
    /// The PlayReady header in it.
    pub playready: Option<WrmHeader>,
}

impl Movie {
    /// The brands of `ftyp`, the major one first.
    pub fn brands(&self) -> Vec<FourCc> {
        let mut brands: Vec<FourCc> = Vec::new();
        for brand in self.ftyp.iter().flat_map(|f| std::iter::once(&f.major).chain(&f.compatible)) {
            if !brands.contains(brand) {
                brands.push(*brand);
            }
        }
        brands
    }

    /// Whether `ftyp` calls it Smooth Streaming.
    pub fn is_smooth(&self) -> bool {
        self.brands().iter().any(|b| matches!(&b.0, b"isml" | b"piff"))
    }
}

/// Sums over the samples of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Fragments with samples of it.
    pub fragments: u32,
    /// Samples.
    pub samples: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Ticks of them.
    pub duration: u64,
    /// Bits a second of the fragment with the most.
    pub peak_bitrate: Option<u64>,
}

/// Bits a second of this many bytes in this many ticks, to the nearest.
pub fn bitrate(bytes: u64, ticks: u64, timescale: u32) -> Option<u64> {
    if ticks == 0 || timescale == 0 {
        return None;
    }
    let (bits, ticks) = (u128::from(bytes) * 8 * u128::from(timescale), u128::from(ticks));
    Some(((bits + ticks / 2) / ticks).try_into().unwrap_or(u64::MAX))
}
