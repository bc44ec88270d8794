//! What a file means, free of box layout: tracks, fragments, samples,
//! protection. Everything after inspection works on this.

use crate::Span;
use crate::boxes::Mp4Box as _;
use crate::boxes::fragment::{Tfdt, Tfhd, Trun};
use crate::boxes::movie::{Ftyp, Trex};
use crate::boxes::piff::Tfxd;
use crate::boxes::protection::{PIFF_SENC, SENC};
use crate::boxes::tree::Node;
use crate::bytes::limits;
use crate::codec::Codec;
use crate::drm::playready::Header;
use crate::error::{Error, Result};
use crate::ids::{BoxType, FourCc, Kid, SystemId};
use serde::Serialize;
use std::collections::BTreeSet;

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
    /// Every `sidx` at the top.
    pub indexes: Vec<Node>,
    /// The `mfra` box.
    pub mfra: Option<Node>,
    /// What is wrong, or worth knowing.
    pub findings: Vec<Finding>,
    /// Where the structure is broken, if it is: what follows would be guesswork.
    pub damage: Option<Finding>,
}

impl Movie {
    /// The track with this number.
    pub fn track(&self, id: u32) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }

    /// Fragments whose samples are not in the `mdat` behind them, and which.
    pub fn runs_without_their_mdat(&self) -> impl Iterator<Item = (&Fragment, &FragmentRun)> {
        let runs = self.fragments.iter().flat_map(|f| f.runs.iter().map(move |run| (f, run)));
        runs.filter(|(fragment, run)| {
            let inside =
                run.data.at >= fragment.moof.end() && run.data.end() <= fragment.span.end();
            run.bytes > 0 && !inside
        })
    }

    /// Tracks that `moov` calls clear, though their fragments list IVs.
    pub fn tracks_clear_with_ivs(&self) -> impl Iterator<Item = &Track> {
        let ids: BTreeSet<u32> = self
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
    /// Whether its size says "to the end of the file".
    pub to_end: bool,
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The structure is broken: parts of the file cannot be read.
    Error,
    /// It can be read, but something will trip over it.
    Warning,
    /// Worth knowing.
    Info,
}

/// Something worth telling about a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Stable identifier.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
    /// Which track, where it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track: Option<u32>,
    /// Absolute byte offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Box path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How often the same was found; the rest is about the first time.
    pub times: u32,
}

impl Finding {
    /// From an error, with its place.
    pub fn new(severity: Severity, error: Error) -> Self {
        let Error { code, message, at, path, .. } = error;
        Self { severity, code, message, track: None, at, path, times: 1 }
    }

    /// Whether `other` tells of the same fault in the same kind of place.
    pub fn is_like(&self, other: &Self) -> bool {
        (self.code, self.track, &self.path) == (other.code, other.track, &other.path)
    }

    /// About one track.
    pub fn of_track(mut self, id: u32) -> Self {
        self.track = Some(id);
        self
    }
}

/// What a track is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
    /// Its sample entries.
    pub entries: Vec<SampleEntry>,
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
        self.entries.iter().find_map(|entry| entry.protection.first())
    }

    /// The sample entry that a fragment uses.
    pub fn entry_of(&self, tfhd: &Tfhd) -> usize {
        let default = self.trex.map_or(1, |trex| trex.sample_description_index);
        tfhd.sample_description_index.unwrap_or(default).max(1) as usize - 1
    }

    /// Ticks as seconds; none without a timescale.
    pub fn seconds(&self, ticks: u64) -> Option<f64> {
        (self.timescale != 0).then(|| ticks as f64 / f64::from(self.timescale))
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
    /// The key.
    pub kid: Option<Kid>,
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
    /// Of the box.
    pub version: u8,
    /// The keys the box lists, or its PlayReady header does.
    pub kids: Vec<Kid>,
    /// The system's own data.
    pub data: Vec<u8>,
    /// The PlayReady header in it.
    pub playready: Option<Header>,
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

/// A `moof` with the `mdat` behind it.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The `moof`.
    pub moof: Span,
    /// From the first byte of the `moof` to the last of its `mdat`.
    pub span: Span,
    /// What it has of each track, in its own order.
    pub runs: Vec<FragmentRun>,
}

/// What a fragment has of one track.
#[derive(Clone, Copy, Debug)]
pub struct FragmentRun {
    /// The track.
    pub track_id: u32,
    /// How many samples.
    pub samples: u32,
    /// Bytes of them.
    pub bytes: u64,
    /// Ticks of them.
    pub duration: u64,
    /// When the first is decoded, in ticks, where `tfdt` or `tfxd` tells.
    pub decode_time: Option<i64>,
    /// Whether `tfdt` is there.
    pub has_tfdt: bool,
    /// Whether IVs are listed for it, in either `senc`.
    pub has_ivs: bool,
    /// Where its samples lie.
    pub data: Span,
}

/// One sample of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Absolute offset.
    pub at: u64,
    /// Bytes.
    pub size: u32,
    /// Ticks.
    pub duration: u32,
    /// Ticks from decoding to presentation.
    pub composition_offset: i32,
    /// See [`crate::boxes::fragment::is_sync`].
    pub flags: u32,
}

/// A `traf`, read.
#[derive(Clone, Debug)]
pub struct TrackFragment {
    /// Its header.
    pub tfhd: Tfhd,
    /// Its decode time.
    pub tfdt: Option<Tfdt>,
    /// Its Smooth time.
    pub tfxd: Option<Tfxd>,
    /// Its samples, over all runs.
    pub samples: Vec<Sample>,
    /// Where each `trun`'s data begins, and how many samples it has.
    pub runs: Vec<(u64, usize)>,
    /// Whether IVs are listed, in either `senc`.
    pub has_ivs: bool,
}

impl TrackFragment {
    /// When the first sample is decoded, where the file tells. `tfxd` has its
    /// presentation time, negative in two's complement where ffmpeg primes.
    pub fn decode_time(&self) -> Option<i64> {
        if let Some(tfdt) = self.tfdt {
            return Some(tfdt.base_media_decode_time as i64);
        }
        let first = self.samples.first().map_or(0, |sample| sample.composition_offset);
        let tfxd = self.tfxd?;
        let time = if tfxd.version == 1 { tfxd.time as i64 } else { i64::from(tfxd.time as u32) };
        time.checked_sub(first.into())
    }

    /// From the first byte of its samples to the last.
    pub fn data(&self) -> Span {
        let from = self.samples.iter().map(|sample| sample.at).min().unwrap_or(0);
        let to = self.samples.iter().map(|sample| sample.at + u64::from(sample.size)).max();
        Span { at: from, len: to.unwrap_or(from) - from }
    }

    fn run(&self) -> FragmentRun {
        FragmentRun {
            track_id: self.tfhd.track_id,
            samples: self.samples.len() as u32,
            bytes: self.samples.iter().map(|sample| u64::from(sample.size)).sum(),
            duration: self.samples.iter().map(|sample| u64::from(sample.duration)).sum(),
            decode_time: self.decode_time(),
            has_tfdt: self.tfdt.is_some(),
            has_ivs: self.has_ivs,
            data: self.data(),
        }
    }
}

impl Fragment {
    /// From a `moof` and its `traf`s; its `mdat` is not known yet.
    pub fn new(moof: &Node, trafs: &[TrackFragment]) -> Self {
        let span = Span { at: moof.at, len: moof.size() };
        Self { moof: span, span, runs: trafs.iter().map(TrackFragment::run).collect() }
    }
}

/// Bits a second of this many bytes in this many ticks, to the nearest.
pub fn bitrate(bytes: u64, ticks: u64, timescale: u32) -> Option<u64> {
    if ticks == 0 || timescale == 0 {
        return None;
    }
    let (bits, ticks) = (u128::from(bytes) * 8 * u128::from(timescale), u128::from(ticks));
    Some(((bits + ticks / 2) / ticks).try_into().unwrap_or(u64::MAX))
}

/// Reads every `traf` of a `moof`, in order.
///
/// Where data lies (ISO/IEC 14496-12 §8.8.7): from `base_data_offset`, or from
/// the `moof` where that flag is set or the `traf` is the first, or else from
/// the end of the `traf` before.
pub fn read_fragment<'a>(
    moof: &Node,
    trex: impl Fn(u32) -> Option<&'a Trex>,
) -> Result<Vec<TrackFragment>> {
    let mut fragments = Vec::new();
    let mut previous_end = moof.at;
    let mut budget = limits::FRAGMENT_SAMPLES;
    for traf in moof.all(BoxType::code(b"traf")) {
        let fragment = read_traf(traf, moof.at, previous_end, &trex, &mut budget)
            .map_err(|e| e.at(traf.at).within("moof/traf"))?;
        if let Some(last) = fragment.samples.last() {
            previous_end = last.at + u64::from(last.size);
        }
        fragments.push(fragment);
    }
    Ok(fragments)
}

fn read_traf<'a>(
    traf: &Node,
    moof_at: u64,
    previous_end: u64,
    trex: &impl Fn(u32) -> Option<&'a Trex>,
    budget: &mut usize,
) -> Result<TrackFragment> {
    let tfhd: Tfhd = traf.get()?;
    let defaults = trex(tfhd.track_id);
    let default = |own: Option<u32>, of: fn(&Trex) -> u32| own.or(defaults.map(of)).unwrap_or(0);
    let duration = default(tfhd.sample_duration, |t| t.sample_duration);
    let size = default(tfhd.sample_size, |t| t.sample_size);
    let flags = default(tfhd.sample_flags, |t| t.sample_flags);
    let base = match tfhd.base_data_offset {
        Some(base) => base,
        None if tfhd.flags & Tfhd::DEFAULT_BASE_IS_MOOF != 0 => moof_at,
        None => previous_end,
    };
    let mut fragment = TrackFragment {
        tfhd,
        tfdt: traf.get_opt()?,
        tfxd: traf.get_opt()?,
        samples: Vec::new(),
        runs: Vec::new(),
        has_ivs: traf.children().iter().any(|node| [SENC, PIFF_SENC].contains(&node.kind)),
    };
    let mut next = base;
    for node in traf.all(BoxType::code(b"trun")) {
        let trun = Trun::parse(node)?;
        *budget = budget.checked_sub(trun.sample_count as usize).ok_or_else(|| {
            Error::limit(
                "too_many_samples",
                format!(
                    "This run says it has {} samples; a fragment may have {} here.",
                    trun.sample_count,
                    limits::FRAGMENT_SAMPLES
                ),
            )
            .at(node.at)
            .within("trun")
        })?;
        if let Some(offset) = trun.data_offset {
            next = base.checked_add_signed(offset.into()).ok_or_else(|| {
                Error::malformed(
                    "data_before_file",
                    format!("The data offset {offset} points before the start of the file."),
                )
                .at(node.at)
                .within("trun")
            })?;
        }
        fragment.runs.push((next, trun.sample_count as usize));
        for i in 0..trun.sample_count as usize {
            let row = trun.rows.get(i).copied().unwrap_or_default();
            let sample_flags = match (trun.has(Trun::FLAGS), i, trun.first_sample_flags) {
                (true, ..) => row.flags,
                (false, 0, Some(first)) => first,
                _ => flags,
            };
            let sample = Sample {
                at: next,
                size: if trun.has(Trun::SIZE) { row.size } else { size },
                duration: if trun.has(Trun::DURATION) { row.duration } else { duration },
                composition_offset: row.composition_offset,
                flags: sample_flags,
            };
            next = next.checked_add(sample.size.into()).ok_or_else(|| {
                Error::malformed("data_past_file", "This run's data would end past any file.")
                    .at(node.at)
                    .within("trun")
            })?;
            fragment.samples.push(sample);
        }
    }
    Ok(fragment)
}
