//! What is checked in every fragment while the file is walked.

use crate::Span;
use crate::checks::CheckId;
use crate::collections::Map;
use crate::error::Code;
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Mfhd, Saio, Saiz, Tfhd, Trun};
use crate::format::boxes::piff::{Tfrf, Tfxd};
use crate::format::boxes::protection::{
    PIFF_PSSH, PIFF_SENC, PIFF_TENC, SENC, SampleInfo, Senc, Subsample,
};
use crate::format::boxes::tree::Node;
use crate::format::codec::Rule;
use crate::format::ids::{BoxType, Scheme, Uuid};
use crate::model::{
    AtHand, Finding, IvRun, Protected, Protection, SampleEntry, Track, TrackFragment, TrackKind,
    is_protection_aux, protected_samples,
};

/// A `traf`, with all that is known of it.
pub(crate) struct Traf<'a> {
    node: &'a Node,
    moof: Span,
    fragment: &'a TrackFragment,
    track: &'a Track,
    entry: Option<&'a SampleEntry>,
    protection: Option<&'a Protection>,
    protected: Vec<Option<Protected>>,
}

/// What is remembered from fragment to fragment.
#[derive(Debug, Default)]
pub(crate) struct Past {
    sequence: Option<u32>,
    /// Where the last fragment of each track ended, in ticks.
    ends: Map<u32, i64>,
    /// How far `tfxd` is from `tfdt` in each track. Some writers move every
    /// `tfdt` so that none is before zero.
    offsets: Map<u32, i64>,
    /// The counters used.
    pub(crate) ivs: Vec<IvRun>,
}

type Check = fn(&Traf<'_>, &mut Vec<Finding>);

/// To add a check of every `traf`: its function, and its row in
/// [`crate::checks::CHECKS`].
const CHECKS: &[Check] = &[
    sample_encryption,
    both_envelopes,
    subsamples,
    alignment,
    auxiliary_sizes,
    auxiliary_offsets,
    auxiliary_types,
    base,
    runs,
    smooth_time,
    sync_start,
    defaults,
    no_trex,
    no_such_entry,
];

/// Runs every check over a fragment. Gives the bytes in protected ranges, of each
/// `traf`.
pub(crate) fn run(
    moof: &Node,
    bytes: &[u8],
    fragments: &[TrackFragment],
    tracks: &[Track],
    past: &mut Past,
    out: &mut Vec<Finding>,
) -> Vec<u64> {
    let mut sums = vec![0; fragments.len()];
    let span = Span { at: moof.at, len: moof.size() };
    swapped_uuids(moof, out);
    if fragments.len() > 1 {
        out.push(
            Finding::new(CheckId::SeveralTrafs, "A moof has several tracks (traf).")
                .of_box(moof)
                .within("moof"),
        );
    }
    if let Ok(mfhd) = moof.get::<Mfhd>() {
        if past.sequence.is_some_and(|last| mfhd.sequence_number <= last) {
            let message =
                format!("The fragment number {} does not increase.", mfhd.sequence_number);
            out.push(Finding::new(CheckId::Sequence, message).of_box(moof).within("moof/mfhd"));
        }
        past.sequence = Some(mfhd.sequence_number);
    }
    overlaps(span, fragments, out);
    let nodes = moof.all(BoxType::code(b"traf"));
    for (number, (node, fragment)) in nodes.zip(fragments).enumerate() {
        let Some(track) = tracks.iter().find(|track| track.id == fragment.tfhd.track_id) else {
            continue;
        };
        let entry = track.entries.get(track.entry_of(&fragment.tfhd)).or(track.entries.first());
        let at_hand = AtHand { at: moof.at, bytes };
        let protected = match protected_samples(track, node, fragment, at_hand) {
            Ok(protected) => protected,
            Err(e) => {
                // A count that is wrong is told with its box, below; what follows
                // from it is not.
                let samples = fragment.samples.len();
                let miscounted = node
                    .children()
                    .iter()
                    .filter(|node| [SENC, PIFF_SENC].contains(&node.kind))
                    .any(|node| Senc::sample_count(node).is_ok_and(|n| n as usize != samples));
                if e.code != Code::IvCount && !miscounted {
                    let finding = Finding::from(e.at(node.at).within("moof/traf"));
                    out.push(finding.of_track(track.id));
                }
                Vec::new()
            }
        };
        sums[number] = protected
            .iter()
            .zip(&fragment.samples)
            .filter_map(|(protected, sample)| Some(protected.as_ref()?.bytes(sample.size)))
            .fold(0, u64::saturating_add);
        let protection = entry.and_then(SampleEntry::protection);
        let traf = Traf { node, moof: span, fragment, track, entry, protection, protected };
        let first = out.len();
        for check in CHECKS {
            check(&traf, out);
        }
        if number > 0
            && fragment.tfhd.flags & Tfhd::DEFAULT_BASE_IS_MOOF == 0
            && fragment.tfhd.base_data_offset.is_none()
        {
            out.push(
                Finding::new(
                    CheckId::BaseAmbiguous,
                    "The second track of a moof does not say where its data counts from.",
                )
                .of_box(node)
                .within("moof/traf/tfhd"),
            );
        }
        traf.times(past, out);
        traf.ivs(past, out);
        for finding in &mut out[first..] {
            finding.track.get_or_insert(track.id);
        }
    }
    sums
}

impl Traf<'_> {
    fn senc_nodes(&self) -> impl Iterator<Item = &Node> {
        self.node.children().iter().filter(|node| [SENC, PIFF_SENC].contains(&node.kind))
    }

    /// Whether the samples are NAL units.
    fn is_nal(&self) -> bool {
        self.entry.is_some_and(|entry| matches!(entry.codec.rule, Some(Rule::Nal(_))))
    }

    fn scheme(&self) -> Option<Scheme> {
        self.protection?.known_scheme()
    }

    /// Samples with their protection, by number.
    fn samples(&self) -> impl Iterator<Item = (usize, u32, &Protected)> {
        let pairs = self.fragment.samples.iter().zip(&self.protected).enumerate();
        pairs.filter_map(|(i, (sample, p))| Some((i, sample.size, p.as_ref()?)))
    }

    fn times(&self, past: &mut Past, out: &mut Vec<Finding>) {
        let Some(time) = self.fragment.decode_time() else { return };
        if let (Some(_), Some((smooth, _))) = (self.fragment.tfdt, self.fragment.smooth_time()) {
            let first = self.fragment.samples.first().map_or(0, |s| s.composition_offset);
            let offset = smooth.saturating_sub(time.saturating_add(first.into()));
            let known = *past.offsets.or_insert_with(self.track.id, || offset);
            if known.abs_diff(offset) > 1 {
                let message = format!(
                    "tfxd says the fragment begins at {smooth}, tfdt at {time}: they are {} ticks \
                     further apart than before.",
                    known.abs_diff(offset)
                );
                out.push(
                    Finding::new(CheckId::TfxdTime, message).of_box(self.node).within("moof/traf"),
                );
            }
        }
        let duration: u64 = self.fragment.samples.iter().map(|s| u64::from(s.duration)).sum();
        let end = time.saturating_add(i64::try_from(duration).unwrap_or(i64::MAX));
        if let Some(last) = past.ends.insert(self.track.id, end) {
            let gap = time.saturating_sub(last);
            if gap.unsigned_abs() > 1 {
                let what = if gap > 0 { "a gap" } else { "an overlap" };
                let message = format!(
                    "A fragment begins at {time}, but the one before ends at {last}: {what} of {} \
                     ticks ({} a second).",
                    gap.unsigned_abs(),
                    self.track.timescale
                );
                out.push(
                    Finding::new(CheckId::TimeGap, message).of_box(self.node).within("moof/traf"),
                );
            }
        }
    }

    /// Takes in the counters, in runs.
    fn ivs(&self, past: &mut Past, out: &mut Vec<Finding>) {
        // A constant IV, or one of AES-CBC, may well be the same everywhere.
        if !self.protection.is_some_and(Protection::uses_counters) {
            return;
        }
        let first = past.ivs.len();
        let mut gap = None;
        for (sample, size, protected) in self.samples() {
            let wide = protected.iv.len() == 16;
            if !wide && protected.iv.len() != 8 {
                continue;
            }
            let bytes = protected.protected_bytes(size);
            if bytes == 0 {
                continue;
            }
            let iv = protected.iv.iter().fold(0, |n, b| n << 8 | u128::from(*b));
            if !wide && iv == 0 {
                let message = format!("Sample {} has an IV of eight zero bytes.", sample + 1);
                out.push(
                    Finding::new(CheckId::IvZero, message).of_box(self.node).within("moof/traf"),
                );
            }
            let (from, blocks) = match wide {
                true => (iv, u128::from(bytes.div_ceil(16))),
                false => (iv << 64, 1 << 64),
            };
            // Only the low 64 bits count, and wrap among themselves.
            let low = from >> 64 << 64;
            let end = low.saturating_add(1 << 64);
            let to = from.saturating_add(blocks).min(end);
            let wrapped = blocks - (to - from).min(blocks);
            let run = |from, to| IvRun {
                kid: protected.kid,
                from,
                to,
                track: self.track.id,
                moof_at: self.moof.at,
                sample: sample as u32,
            };
            match past.ivs[first..].last_mut() {
                Some(last) if last.kid == protected.kid && last.to == from => last.to = to,
                last => {
                    if last.is_some_and(|last| last.kid == protected.kid) {
                        gap.get_or_insert(sample);
                    }
                    past.ivs.push(run(from, to));
                }
            }
            if wide && wrapped > 0 {
                past.ivs.push(run(low, low + wrapped));
            }
        }
        if let Some(sample) = gap {
            let message =
                format!("The IV of sample {} is not the one before plus one.", sample + 1);
            out.push(Finding::new(CheckId::IvGap, message).of_box(self.node).within("moof/traf"));
        }
    }
}

/// `uuid` boxes nobody will find, because their UUID is in GUID byte order.
pub(super) fn swapped_uuids(tree: &Node, out: &mut Vec<Finding>) {
    let known = [PIFF_PSSH, PIFF_TENC, PIFF_SENC, Tfxd::KIND, Tfrf::KIND];
    tree.walk(&mut |node| {
        let BoxType::Uuid(uuid) = node.kind else { return };
        if known.contains(&BoxType::Uuid(uuid.swapped())) {
            let message = format!(
                "The UUID {uuid} is that of a PIFF box in GUID byte order; written right it is {}.",
                Uuid::swapped(uuid)
            );
            out.push(Finding::new(CheckId::UuidSwapped, message).of_box(node));
        }
    });
}

fn overlaps(moof: Span, fragments: &[TrackFragment], out: &mut Vec<Finding>) {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for fragment in fragments {
        let mut samples = fragment.samples.iter();
        for (start, count) in &fragment.runs {
            let len: u64 = samples.by_ref().take(*count).map(|s| u64::from(s.size)).sum();
            runs.push((*start, start.saturating_add(len)));
        }
    }
    runs.retain(|(from, to)| from < to);
    crate::collections::sort(&mut runs);
    if let Some(pair) = runs.windows(2).find(|pair| pair[1].0 < pair[0].1) {
        let message = format!(
            "Two runs of samples share {} bytes, from byte {} on.",
            pair[0].1.min(pair[1].1) - pair[1].0,
            pair[1].0
        );
        out.push(
            Finding::new(CheckId::RunsOverlap, message)
                .at(moof.at, moof.len)
                .within("moof/traf/trun"),
        );
    }
}

/// Version, flags, override, and the number of samples.
fn sample_encryption(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    for node in traf.senc_nodes() {
        let Ok([version, a, b, flags]) = node.body().and_then(|body| {
            crate::format::bytes::Reader::new(body, node.body_at()).array::<4>("version_flags")
        }) else {
            continue;
        };
        let mut found = |id, message: String| {
            out.push(Finding::new(id, message).of_box(node).within("moof/traf/senc"));
        };
        let piff = node.kind == PIFF_SENC;
        if version != 0 {
            found(
                CheckId::PiffVersion,
                format!("The sample encryption box has version {version}."),
            );
        }
        let allowed = if piff { 3 } else { 2 };
        if a != 0 || b != 0 || flags & !allowed != 0 {
            let number = u32::from_be_bytes([0, a, b, flags]);
            found(
                CheckId::SencFlags,
                format!("The sample encryption box has the flags 0x{number:x}."),
            );
        } else if flags & 1 != 0 {
            found(
                CheckId::SencOverride,
                "This fragment overrides its track's key or IV size.".into(),
            );
        }
        let (Ok(have), want) = (Senc::sample_count(node), traf.fragment.samples.len()) else {
            continue;
        };
        if have as usize != want && have != 0 {
            found(
                CheckId::IvCount,
                format!(
                    "This fragment has {want} samples but IVs for {have}: players decrypt with \
                     the wrong ones, or refuse."
                ),
            );
        } else if have != 0
            && traf.protection.is_some_and(|p| p.algorithm_id == 0)
            && !traf.node.children().iter().any(|n| n.kind == BoxType::code(b"sbgp"))
        {
            found(
                CheckId::AlgorithmNoneWithIvs,
                "The track says its samples are not encrypted, but this fragment lists IVs.".into(),
            );
        }
    }
}

fn both_envelopes(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let (Some(iso), Some(piff)) = (traf.node.find(SENC), traf.node.find(PIFF_SENC)) else { return };
    if let (Ok(a), Ok(b)) = (iso.body(), piff.body())
        && a != b
    {
        let at = a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
        let message = format!(
            "senc and PIFF's sample encryption box differ, first in byte {at} of their bodies: \
             readers choose different ones."
        );
        out.push(Finding::new(CheckId::SencDiffers, message).of_box(piff).within("moof/traf"));
    }
}

fn subsamples(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let listed = traf
        .senc_nodes()
        .any(|node| node.body().is_ok_and(|body| body.get(3).is_some_and(|flags| flags & 2 != 0)));
    let at = traf.senc_nodes().next().unwrap_or(traf.node);
    let mut found = |id, message: String| {
        out.push(Finding::new(id, message).of_box(at).within("moof/traf/senc"));
    };
    for (i, size, protected) in traf.samples() {
        let (number, list) = (i + 1, &protected.subsamples);
        if list.is_empty() {
            if listed && size > 0 {
                found(CheckId::SubsampleNone, format!("Sample {number} lists no subsamples."));
            }
            continue;
        }
        let sum: u64 = list.iter().map(|s| u64::from(s.clear) + u64::from(s.protected)).sum();
        if sum != u64::from(size) {
            found(
                CheckId::SubsampleSum,
                format!(
                    "The subsamples of sample {number} add up to {sum} bytes, but it has {size}: \
                     players refuse it."
                ),
            );
        }
        if list.iter().any(|s| s.clear == 0 && s.protected == 0) {
            found(CheckId::SubsampleEmpty, format!("Sample {number} has a subsample of no bytes."));
        } else if list.windows(2).any(|pair| mergeable(pair[0], pair[1])) {
            found(
                CheckId::SubsampleMergeable,
                format!("Sample {number} lists subsamples that could be one."),
            );
        }
    }
}

fn mergeable(a: Subsample, b: Subsample) -> bool {
    let clear_runs = a.protected == 0 && u32::from(a.clear) + u32::from(b.clear) <= 0xffff;
    clear_runs || (b.clear == 0 && a.protected > 0)
}

fn alignment(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let counter = traf.protection.is_some_and(Protection::is_counter_mode);
    if !traf.is_nal() || !counter {
        return;
    }
    let id = match traf.scheme() {
        Some(Scheme::Cenc) => CheckId::UnalignedCenc,
        _ => CheckId::UnalignedPiff,
    };
    let odd = traf.samples().find_map(|(i, _, protected)| {
        let odd = protected.subsamples.iter().find(|s| s.protected % 16 != 0)?;
        Some((i + 1, odd.protected))
    });
    if let Some((number, size)) = odd {
        let message = format!(
            "Sample {number} has a protected range of {size} bytes, which is not a multiple of 16."
        );
        out.push(Finding::new(id, message).of_box(traf.node).within("moof/traf"));
    }
}

/// What `saiz` must say of these samples.
fn wanted_sizes(traf: &Traf<'_>) -> Option<Vec<usize>> {
    let node = traf.senc_nodes().next()?;
    let iv_size = traf.protection?.iv_size;
    let senc = Senc::parse(node, iv_size).ok()?;
    let subsamples = senc.subsamples();
    Some(senc.samples.iter().map(|info: &SampleInfo| info.len(subsamples)).collect())
}

fn auxiliary_sizes(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let Some(node) = traf.node.all(Saiz::KIND).find(|node| is_protection_aux(node)) else { return };
    let (Ok(saiz), Some(wanted)) = (Saiz::parse(node), wanted_sizes(traf)) else { return };
    let mut found = |id, message: String| {
        out.push(Finding::new(id, message).of_box(node).within("moof/traf/saiz"));
    };
    if let Some(sample) = wanted.iter().position(|size| *size > 255) {
        found(
            CheckId::SaizOverflow,
            format!(
                "Sample {} needs {} bytes of information, and saiz can say 255.",
                sample + 1,
                wanted[sample]
            ),
        );
    } else if saiz.sample_count as usize != wanted.len() {
        found(
            CheckId::SaizDiffers,
            format!("saiz is for {} samples, senc for {}.", saiz.sample_count, wanted.len()),
        );
    } else if let Some(sample) =
        (0..wanted.len()).find(|i| saiz.size(*i).map(usize::from) != Some(wanted[*i]))
    {
        found(
            CheckId::SaizDiffers,
            format!(
                "saiz says {} bytes for sample {}, senc has {}.",
                saiz.size(sample).unwrap_or(0),
                sample + 1,
                wanted[sample]
            ),
        );
    }
}

fn auxiliary_offsets(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let of_ours = |kind| traf.node.all(kind).find(|node| is_protection_aux(node));
    let (saiz, saio) = (of_ours(Saiz::KIND), of_ours(Saio::KIND));
    let node = match (saiz, saio) {
        (Some(_), Some(node)) => node,
        (None, None) => return,
        (saiz, saio) => {
            let (have, lacks) = if saiz.is_some() { ("saiz", "saio") } else { ("saio", "saiz") };
            let message = format!("This fragment has {have} but no {lacks}.");
            let node = saiz.or(saio).unwrap_or(traf.node);
            out.push(
                Finding::new(CheckId::SaioWithoutSaiz, message).of_box(node).within("moof/traf"),
            );
            return;
        }
    };
    let Ok(saio) = Saio::parse(node) else { return };
    let mut found = |id, message: String| {
        out.push(Finding::new(id, message).of_box(node).within("moof/traf/saio"));
    };
    let truns = traf.node.all(Trun::KIND).count();
    let offset = match saio.offsets[..] {
        [offset] => offset,
        [offset, ..] if saio.offsets.len() == truns => {
            let message = format!("saio has {truns} offsets, one for each run.");
            found(CheckId::SaioEntryEach, message);
            offset
        }
        _ => {
            let message = format!("saio has {} offsets for {truns} runs.", saio.offsets.len());
            return found(CheckId::SaioEntries, message);
        }
    };
    let base = traf.fragment.tfhd.base_data_offset.unwrap_or(traf.moof.at);
    let first_iv = |node: &Node| {
        let overrides = node.body().is_ok_and(|body| body.get(3).is_some_and(|f| f & 1 != 0));
        node.body_at() + Senc::FIRST_IV + if overrides { 20 } else { 0 }
    };
    let ivs: Vec<u64> = traf.senc_nodes().map(first_iv).collect();
    let points_at = base.saturating_add(offset);
    if !ivs.is_empty() && !ivs.contains(&points_at) {
        found(
            CheckId::SaioOffIv,
            format!("saio points at byte {points_at}, but the first IV stands at byte {}.", ivs[0]),
        );
    }
}

fn auxiliary_types(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    if traf.protection.is_none() || traf.node.children().iter().any(is_protection_aux) {
        return;
    }
    let aux = |node: &&Node| [Saiz::KIND, Saio::KIND].contains(&node.kind);
    if let Some(node) = traf.node.children().iter().find(aux) {
        let message = "saiz and saio have a type that is not the scheme's.";
        out.push(Finding::new(CheckId::AuxType, message).of_box(node).within("moof/traf"));
    }
}

fn base(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    if let Some(base) = traf.fragment.tfhd.base_data_offset {
        let message = format!("The data of this fragment counts from byte {base} of the file.");
        let finding = Finding::new(CheckId::BaseDataOffset, message);
        out.push(finding.of_box(traf.node).within("moof/traf/tfhd"));
    }
}

fn runs(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let truns: Vec<&Node> = traf.node.all(Trun::KIND).collect();
    if truns.len() > 1 {
        let message = format!("This traf has {} runs (trun).", truns.len());
        out.push(
            Finding::new(CheckId::SeveralTruns, message).of_box(traf.node).within("moof/traf"),
        );
    }
    for node in truns {
        let Ok(trun) = Trun::parse(node) else { continue };
        if trun.version == 0
            && trun.has(Trun::COMPOSITION)
            && trun.rows.iter().any(|row| row.composition_offset < 0)
        {
            let message = "A run of version 0 has negative composition offsets.";
            let finding = Finding::new(CheckId::NegativeCtsV0, message);
            out.push(finding.of_box(node).within("moof/traf/trun"));
        }
    }
}

fn smooth_time(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let Some(position) = traf.node.children().iter().position(|n| n.kind == Tfxd::KIND) else {
        return;
    };
    let node = &traf.node.children()[position];
    let mut found =
        |id, message: String| out.push(Finding::new(id, message).of_box(node).within("moof/traf"));
    if traf.node.children()[position + 1..].iter().any(|node| node.kind != Tfrf::KIND) {
        found(CheckId::TfxdPlace, "Other boxes follow tfxd in its traf.".into());
    }
    let Some((time, duration)) = traf.fragment.smooth_time() else { return };
    if time < 0 {
        // Priming of an encoder is a fraction of a second.
        let priming = time.unsigned_abs() <= u64::from(traf.track.timescale);
        let id = if priming { CheckId::TfxdPriming } else { CheckId::TfxdNegative };
        found(id, format!("The fragment's time (tfxd) is {time} ticks."));
    }
    let sum: u64 = traf.fragment.samples.iter().map(|s| u64::from(s.duration)).sum();
    if duration.abs_diff(sum) > 1 {
        let message = format!("tfxd says {duration} ticks, but the samples last {sum}.");
        found(CheckId::TfxdDuration, message);
    }
}

fn sync_start(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let video = traf.track.kind == TrackKind::Video;
    if video && traf.fragment.samples.first().is_some_and(|sample| !sample.sync) {
        let message = "This fragment does not begin with a sync sample.";
        out.push(Finding::new(CheckId::NoSyncStart, message).of_box(traf.node).within("moof/traf"));
    }
}

fn defaults(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let tfhd = &traf.fragment.tfhd;
    let given = match (tfhd.sample_size, tfhd.sample_duration) {
        (Some(_), Some(_)) => "sizes and durations",
        (Some(_), None) => "sizes",
        (None, Some(_)) => "durations",
        (None, None) => return,
    };
    let message = format!("Fragments give default sample {given} (tfhd).");
    out.push(
        Finding::new(CheckId::DefaultSize, message).of_box(traf.node).within("moof/traf/tfhd"),
    );
}

fn no_such_entry(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    let index = traf.track.entry_of(&traf.fragment.tfhd) + 1;
    if index > traf.track.entries.len() && !traf.track.entries.is_empty() {
        let message = format!(
            "The fragment uses sample entry {index}, but its track has {}.",
            traf.track.entries.len()
        );
        out.push(
            Finding::new(CheckId::NoSuchEntry, message).of_box(traf.node).within("moof/traf/tfhd"),
        );
    }
}

fn no_trex(traf: &Traf<'_>, out: &mut Vec<Finding>) {
    if traf.track.trex.is_none() {
        let message = "The track has fragments, but moov has no trex for it.";
        out.push(Finding::new(CheckId::TrexMissing, message).of_box(traf.node).within("moov/mvex"));
    }
}
