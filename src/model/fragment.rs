//! Fragments and their samples.

use super::is_protection_aux;
use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Saio, Saiz, Tfdt, Tfhd, Trun, is_sync};
use crate::format::boxes::movie::Trex;
use crate::format::boxes::piff::Tfxd;
use crate::format::boxes::protection::{PIFF_SENC, SENC};
use crate::format::boxes::tables::Sdtp;
use crate::format::boxes::tree::Node;
use crate::format::bytes::limits;
use crate::format::ids::BoxType;

/// A `moof` with the `mdat` behind it.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The `moof`.
    pub moof: Span,
    /// The `moof`, and what stands behind it of IVs that no `senc` lists: what
    /// must be read to know its samples.
    pub head: Span,
    /// From the first byte of the `moof` to the last of its `mdat`.
    pub span: Span,
    /// What it has of each track, in its own order.
    pub runs: Vec<FragmentRun>,
    /// Which of the movie's [`insides`](crate::model::Movie::insides) its `moof`
    /// has, where that was remembered.
    pub inside: Option<u16>,
}

/// What a fragment has of one track.
#[derive(Clone, Copy, Debug)]
pub struct FragmentRun {
    /// The track.
    pub track_id: u32,
    /// Which of the track's sample entries it uses, from 1, if it says so.
    pub entry: Option<u32>,
    /// How many samples.
    pub samples: u32,
    /// Bytes of them.
    pub bytes: u64,
    /// Of those, in protected ranges; known once its samples are looked at.
    pub protected: u64,
    /// Ticks of them.
    pub duration: u64,
    /// When the first is decoded, in ticks, where `tfdt` or `tfxd` tells.
    pub decode_time: Option<i64>,
    /// Whether `tfdt` is there.
    pub has_tfdt: bool,
    /// Whether IVs are listed for it, in either `senc`.
    pub has_ivs: bool,
    /// Whether offsets count from the `moof` by flag.
    pub base_is_moof: bool,
    /// Time and duration of `tfxd`, in ticks.
    pub tfxd: Option<(i64, u64)>,
    /// From decoding of the first sample to its presentation.
    pub first_offset: i32,
    /// Whether it begins with a sync sample, by flags and `sdtp`.
    pub sync_start: bool,
    /// Where its samples lie.
    pub data: Span,
}

impl FragmentRun {
    /// When the first sample is presented.
    pub fn presentation_time(&self) -> Option<i64> {
        self.decode_time?.checked_add(self.first_offset.into())
    }
}

/// One sample of a fragment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Absolute offset.
    pub at: u64,
    /// Bytes.
    pub size: u32,
    /// Ticks.
    pub duration: u32,
    /// Ticks from decoding to presentation.
    pub composition_offset: i32,
    /// See [`is_sync`].
    pub flags: u32,
    /// Whether decoding can start here, by its flags and `sdtp`. Microsoft's
    /// tools call every sample sync in the flags, and tell it in `sdtp`.
    pub sync: bool,
}

/// A `traf`, read.
#[derive(Clone, Debug)]
pub struct TrackFragment {
    /// Where its `moof` is.
    pub moof_at: u64,
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
    /// Where the information about samples ends that `saio` finds without a
    /// `senc`; 0 where there is none.
    pub infos_end: u64,
}

impl TrackFragment {
    /// When the first sample is decoded, where the file tells. `tfxd` has its
    /// presentation time, negative in two's complement where ffmpeg primes.
    pub fn decode_time(&self) -> Option<i64> {
        if let Some(tfdt) = self.tfdt {
            return Some(tfdt.base_media_decode_time as i64);
        }
        let first = self.samples.first().map_or(0, |sample| sample.composition_offset);
        let (time, _) = self.smooth_time()?;
        time.checked_sub(first.into())
    }

    /// Time and duration of `tfxd`.
    pub fn smooth_time(&self) -> Option<(i64, u64)> {
        let tfxd = self.tfxd?;
        let time = if tfxd.version == 1 { tfxd.time as i64 } else { i64::from(tfxd.time as u32) };
        Some((time, tfxd.duration))
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
            entry: self.tfhd.sample_description_index,
            samples: self.samples.len() as u32,
            bytes: self.samples.iter().map(|sample| u64::from(sample.size)).sum(),
            protected: 0,
            duration: self.samples.iter().map(|sample| u64::from(sample.duration)).sum(),
            decode_time: self.decode_time(),
            has_tfdt: self.tfdt.is_some(),
            has_ivs: self.has_ivs,
            base_is_moof: self.tfhd.flags & Tfhd::DEFAULT_BASE_IS_MOOF != 0,
            tfxd: self.smooth_time(),
            first_offset: self.samples.first().map_or(0, |sample| sample.composition_offset),
            sync_start: self.samples.first().is_none_or(|sample| sample.sync),
            data: self.data(),
        }
    }
}

impl Fragment {
    /// From a `moof` and its `traf`s; its `mdat` is not known yet.
    pub fn new(moof: &Node, trafs: &[TrackFragment]) -> Self {
        let span = Span { at: moof.at, len: moof.size() };
        let end = trafs.iter().map(|traf| traf.infos_end).fold(span.end(), u64::max);
        let head = Span { at: span.at, len: end - span.at };
        // Further away they are only read with all of the fragment.
        let head = if head.len > limits::WHOLE_BOX { span } else { head };
        let runs = trafs.iter().map(TrackFragment::run).collect();
        Self { moof: span, head, span, runs, inside: None }
    }
}

/// Where information about samples ends that only `saiz` and `saio` tell of.
fn infos_end(traf: &Node, base: u64, runs: &[(u64, usize)]) -> u64 {
    let of_ours = |kind| traf.all(kind).find(|node| is_protection_aux(node));
    let saiz = of_ours(Saiz::KIND).and_then(|node| Saiz::parse(node).ok());
    let saio = of_ours(Saio::KIND).and_then(|node| Saio::parse(node).ok());
    let (Some(saiz), Some(saio)) = (saiz, saio) else { return 0 };
    let len = |samples: std::ops::Range<usize>| -> u64 {
        samples.map_while(|sample| saiz.size(sample)).map(u64::from).sum()
    };
    let all = runs.iter().map(|(_, count)| count).sum();
    let mut from = 0;
    let ends = saio.offsets.iter().zip(runs).map(|(offset, (_, count))| {
        let samples = if saio.offsets.len() == 1 { 0..all } else { from..from + count };
        from += count;
        base.saturating_add(*offset).saturating_add(len(samples))
    });
    ends.max().unwrap_or(0)
}

/// Reads every `traf` of a `moof`, in order.
///
/// Where data lies (ISO/IEC 14496-12 §8.8.7): from `base_data_offset`, or from
/// the `moof` where that flag is set or the `traf` is the first, or else from
/// the end of the `traf` before.
///
/// # Errors
/// Where a `traf` names no track, lies outside the file, or has too many samples.
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
        moof_at,
        tfhd,
        tfdt: traf.get_opt()?,
        tfxd: traf.get_opt()?,
        samples: Vec::new(),
        runs: Vec::new(),
        has_ivs: traf.children().iter().any(|node| [SENC, PIFF_SENC].contains(&node.kind)),
        infos_end: 0,
    };
    let none = Sdtp { version_flags: 0, samples: Vec::new() };
    let sdtp = traf.get_opt().ok().flatten().unwrap_or(none);
    let mut next = base;
    for node in traf.all(BoxType::code(b"trun")) {
        let trun = Trun::parse(node)?;
        *budget = budget.checked_sub(trun.sample_count as usize).ok_or_else(|| {
            Error::limit(
                Code::TooManySamples,
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
                    Code::DataBeforeFile,
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
                sync: is_sync(sample_flags)
                    && sdtp.independent(fragment.samples.len()) != Some(false),
            };
            next = next.checked_add(sample.size.into()).ok_or_else(|| {
                Error::malformed(Code::DataPastFile, "This run's data would end past any file.")
                    .at(node.at)
                    .within("trun")
            })?;
            fragment.samples.push(sample);
        }
    }
    if !fragment.has_ivs {
        let base = fragment.tfhd.base_data_offset.unwrap_or(moof_at);
        fragment.infos_end = infos_end(traf, base, &fragment.runs);
    }
    Ok(fragment)
}
