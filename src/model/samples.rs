//! What each sample of a fragment needs to be decrypted, whichever boxes say so.

use super::{Protection, SampleEntry, Track, TrackFragment};
use crate::Span;
use crate::collections::Map;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Saio, Saiz};
use crate::format::boxes::protection::{PIFF_SENC, SENC, SampleInfo, Senc, Subsample, Subsamples};
use crate::format::boxes::tables::{Sbgp, Seig, Sgpd};
use crate::format::boxes::tree::Node;
use crate::format::bytes::Reader;
use crate::format::cipher::{CipherMode, Method, SampleCipher};
use crate::format::ids::{BoxType, Kid, Scheme};

/// How one sample is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The key.
    pub kid: Kid,
    /// 8 or 16 bytes.
    pub iv: Vec<u8>,
    /// Empty where the whole sample is protected.
    pub subsamples: Vec<Subsample>,
    /// How the cipher is used; none where that is not known.
    pub method: Option<Method>,
}

impl Protected {
    /// How many bytes of a sample of this size are in protected ranges.
    pub fn bytes(&self, size: u32) -> u64 {
        match self.subsamples.as_slice() {
            [] => size.into(),
            ranges => ranges.iter().map(|range| u64::from(range.protected)).sum(),
        }
    }

    /// Decrypts the sample, in place.
    ///
    /// # Errors
    /// Where the subsamples and the sample differ in length.
    pub fn decrypt(&self, cipher: &SampleCipher, sample: &mut [u8]) -> Result<()> {
        let method = self.method.ok_or_else(|| {
            Error::unsupported(Code::Scheme, "How this sample is encrypted is not known here.")
        })?;
        cipher.decrypt(method, &self.iv, &self.subsamples, sample)
    }

    /// Protected bytes of a sample of this size.
    pub fn protected_bytes(&self, size: u32) -> u64 {
        match self.subsamples.len() {
            0 => size.into(),
            _ => self.subsamples.iter().map(|s| u64::from(s.protected)).sum(),
        }
    }
}

/// Bytes of a file that are at hand, from an absolute offset on.
#[derive(Clone, Copy, Debug)]
pub struct AtHand<'a> {
    /// Offset of the first.
    pub at: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl SampleEntry {
    /// The `sinf` that counts where there are several: the first that can be
    /// decrypted here, else the first.
    pub fn protection(&self) -> Option<&Protection> {
        self.protection.iter().find(|p| p.is_counter_mode()).or(self.protection.first())
    }
}

impl Protection {
    /// Its scheme, where it is one that is known.
    pub fn known_scheme(&self) -> Option<Scheme> {
        self.scheme?.scheme()
    }

    /// Whether its samples are encrypted in counter mode, whatever else.
    pub fn uses_counters(&self) -> bool {
        match self.known_scheme() {
            Some(Scheme::Cenc | Scheme::Cens) => true,
            Some(Scheme::Piff) => self.algorithm_id != 2,
            _ => false,
        }
    }

    /// How the cipher is used, by the scheme (ISO/IEC 23001-7 §10) or PIFF's
    /// AlgorithmID; none where that is not known.
    pub fn method(&self) -> Option<Method> {
        self.method_of(self.algorithm_id, self.pattern)
    }

    fn method_of(&self, algorithm_id: u32, pattern: u8) -> Option<Method> {
        match (self.known_scheme()?, algorithm_id) {
            (Scheme::Piff, 0 | 1) | (Scheme::Cenc, _) => Some(Method::CTR),
            (Scheme::Piff, 2) | (Scheme::Cbc1, _) => Some(Method::CBC),
            (Scheme::Cens, _) => Some(Method { pattern, whole_blocks: true, ..Method::CTR }),
            (Scheme::Cbcs, _) => Some(Method { pattern, restart: true, ..Method::CBC }),
            (Scheme::Piff, _) => None,
        }
    }

    /// What samples are encrypted with, where a scheme is named.
    pub fn mode(&self) -> Option<CipherMode> {
        Some(match self.scheme?.scheme() {
            Some(Scheme::Cbcs | Scheme::Cbc1) => CipherMode::Cbc,
            Some(Scheme::Piff) if self.algorithm_id == 2 => CipherMode::Cbc,
            _ => CipherMode::Ctr,
        })
    }

    /// Whether it is `piff` or `cenc` with AES-CTR and an IV a sample.
    pub fn is_counter_mode(&self) -> bool {
        matches!(self.known_scheme(), Some(Scheme::Piff | Scheme::Cenc))
            && self.algorithm_id == 1
            && matches!(self.iv_size, 8 | 16)
    }
}

/// Whether a `saiz` or `saio` is about protection: without a type, or with a
/// scheme's.
pub fn is_protection_aux(node: &Node) -> bool {
    let aux = match node.kind {
        Saiz::KIND => Saiz::parse(node).map(|saiz| saiz.aux_info_type),
        Saio::KIND => Saio::parse(node).map(|saio| saio.aux_info_type),
        _ => return false,
    };
    aux.is_ok_and(|aux| aux.is_none_or(|(code, _)| code.scheme().is_some()))
}

/// The protection of every sample of a `traf`, in order; `None` for clear ones.
///
/// From `senc`, else PIFF's `senc`, else where `saio` points, which must be in
/// the bytes at hand. Groups (`seig`) may give samples another key, or none.
///
/// # Errors
/// Where the tables contradict each other or the samples.
pub fn protected_samples(
    track: &Track,
    traf: &Node,
    fragment: &TrackFragment,
    at_hand: AtHand<'_>,
) -> Result<Vec<Option<Protected>>> {
    let count = fragment.samples.len();
    let entry = track.entries.get(track.entry_of(&fragment.tfhd));
    let Some(protection) = entry.and_then(SampleEntry::protection) else {
        return Ok(vec![None; count]);
    };
    let grouped = track.seig_default > 0
        || [b"sbgp", b"sgpd"].iter().any(|code| traf.find(BoxType::code(code)).is_some());
    if protection.algorithm_id == 0 && !grouped {
        return Ok(vec![None; count]);
    }
    let groups = Groups::read(track, traf, protection, count)?;
    let infos = match traf.find(SENC).or_else(|| traf.find(PIFF_SENC)) {
        Some(node) => {
            let senc = Senc::parse_with(node, |sample| groups.iv_size(sample))?;
            if let Some(o) = senc.overriding {
                let kid = Some(o.kid).filter(|_| o.algorithm_id != 0);
                let method = protection.method_of(o.algorithm_id, 0);
                let over = Group { kid, iv_size: o.iv_size, constant_iv: Vec::new(), method };
                return match senc.samples.is_empty() {
                    true => Ok(vec![None; count]),
                    false => Groups::all(over, count).apply(senc.samples, count),
                };
            }
            if senc.samples.is_empty() && groups.all_have_ivs() {
                return Ok(vec![None; count]); // all clear
            }
            senc.samples
        }
        None if groups.none_has_ivs() => Vec::new(),
        None => auxiliary_infos(traf, fragment, at_hand, &groups)?,
    };
    groups.apply(infos, count)
}

/// What holds for a sample before its own information is read.
#[derive(Clone, Debug, Default)]
struct Group {
    /// `None` where it is clear.
    kid: Option<Kid>,
    iv_size: u8,
    constant_iv: Vec<u8>,
    method: Option<Method>,
}

/// The groups of samples, in order: which holds up to which sample.
#[derive(Debug)]
struct Groups {
    kinds: Vec<Group>,
    /// The sample behind each stretch, and its kind.
    until: Vec<(usize, usize)>,
}

impl Groups {
    /// Of the samples of a `traf` or `stbl`.
    fn read(track: &Track, parent: &Node, protection: &Protection, count: usize) -> Result<Self> {
        let default = Group {
            kid: protection.kid.filter(|_| protection.algorithm_id != 0),
            iv_size: if protection.algorithm_id == 0 { 0 } else { protection.iv_size },
            constant_iv: protection.constant_iv.clone(),
            method: protection.method(),
        };
        let (own, own_default) = read_seig(parent)?;
        let group = |seig: &Seig| Group {
            kid: Some(seig.kid).filter(|_| seig.is_protected),
            iv_size: seig.iv_size,
            constant_iv: seig.constant_iv.clone(),
            method: protection.method_of(1, seig.pattern),
        };
        let listed = |list: &[Seig], index: u32| {
            index.checked_sub(1).and_then(|index| list.get(index as usize)).map(group)
        };
        let ungrouped =
            listed(&own, own_default).or_else(|| listed(&track.seig, track.seig_default));
        let mut groups = Self { kinds: vec![ungrouped.unwrap_or(default)], until: Vec::new() };
        let mut sample = 0_usize;
        if let Some((node, sbgp)) = seig_of(parent)? {
            let mut kinds: Map<u32, usize> = Map::new();
            for (number, index) in &sbgp.entries {
                let until = count.min(sample.saturating_add(*number as usize));
                if *index != 0 && kinds.get(index).is_none() {
                    let described = match index.checked_sub(0x1_0000) {
                        Some(index) => listed(&own, index),
                        None => listed(&track.seig, *index),
                    };
                    let described = described.ok_or_else(|| {
                        Error::malformed(
                            Code::NoSuchGroup,
                            format!("Samples belong to the group {index} of seig, which is not described."),
                        )
                        .at(node.at)
                    })?;
                    kinds.insert(*index, groups.kinds.len());
                    groups.kinds.push(described);
                }
                if until > sample {
                    groups.until.push((until, kinds.get(index).copied().unwrap_or(0)));
                }
                sample = until;
            }
        }
        if sample < count {
            groups.until.push((count, 0));
        }
        Ok(groups)
    }

    /// Every sample in one group.
    fn all(group: Group, count: usize) -> Self {
        Self { kinds: vec![group], until: vec![(count, 0)] }
    }

    fn get(&self, sample: usize) -> Option<&Group> {
        let stretch = self.until.partition_point(|(until, _)| *until <= sample);
        self.until.get(stretch).and_then(|(_, kind)| self.kinds.get(*kind))
    }

    /// Whether a sample is in a group of its own.
    fn has_group(&self, sample: usize) -> bool {
        let stretch = self.until.partition_point(|(until, _)| *until <= sample);
        self.until.get(stretch).is_some_and(|(_, kind)| *kind != 0)
    }

    /// The groups that have samples.
    fn used(&self) -> impl Iterator<Item = &Group> {
        self.until.iter().filter_map(|(_, kind)| self.kinds.get(*kind))
    }

    fn iv_size(&self, sample: usize) -> u8 {
        self.get(sample).map_or(0, |group| group.iv_size)
    }

    fn all_have_ivs(&self) -> bool {
        self.used().all(|group| group.iv_size > 0)
    }

    fn none_has_ivs(&self) -> bool {
        self.used().all(|group| group.iv_size == 0)
    }

    fn apply(&self, infos: Vec<SampleInfo>, count: usize) -> Result<Vec<Option<Protected>>> {
        let constant = infos.is_empty() && self.none_has_ivs();
        if !constant && infos.len() != count {
            return Err(Error::malformed(
                Code::IvCount,
                format!(
                    "This fragment has {count} samples but IVs for {}: players decrypt with the \
                     wrong ones, or refuse.",
                    infos.len()
                ),
            ));
        }
        let mut infos = infos.into_iter();
        Ok((0..count).map(|sample| self.protected(sample, infos.next())).collect())
    }

    /// One sample, by its information where it has any; `None` where it is clear.
    fn protected(&self, sample: usize, info: Option<SampleInfo>) -> Option<Protected> {
        let group = self.get(sample)?;
        let kid = group.kid?;
        let (iv, subsamples) = match info {
            Some(info) if !info.iv.is_empty() => (info.iv, info.subsamples),
            Some(info) => (group.constant_iv.clone(), info.subsamples),
            None => (group.constant_iv.clone(), Vec::new()),
        };
        Some(Protected { kid, iv, subsamples, method: group.method })
    }
}

/// Which samples of a `traf` or `stbl` belong to which description of `seig`; the first
/// such box counts, for there is one for each grouping (ISO/IEC 14496-12 §8.9.2).
fn seig_of(parent: &Node) -> Result<Option<(&Node, Sbgp)>> {
    for node in parent.all(BoxType::code(b"sbgp")) {
        let mut r = Reader::new(node.body()?, node.body_at());
        let sbgp = Sbgp::read(&mut r).map_err(|e| e.within("sbgp"))?;
        if &sbgp.grouping.0 == b"seig" {
            return Ok(Some((node, sbgp)));
        }
    }
    Ok(None)
}

/// The `seig` descriptions in a `traf` or `stbl`, and which of them holds for
/// samples that are in no group, from 1; 0 for none.
pub(crate) fn read_seig(parent: &Node) -> Result<(Vec<Seig>, u32)> {
    for node in parent.all(BoxType::code(b"sgpd")) {
        let mut r = Reader::new(node.body()?, node.body_at());
        let sgpd = Sgpd::read(&mut r).map_err(|e| e.within("sgpd"))?;
        if &sgpd.grouping.0 == b"seig" {
            return Ok((sgpd.seig, sgpd.default_index));
        }
    }
    Ok((Vec::new(), 0))
}

fn auxiliary_infos(
    traf: &Node,
    fragment: &TrackFragment,
    at_hand: AtHand<'_>,
    groups: &Groups,
) -> Result<Vec<SampleInfo>> {
    let (saiz, saio) = auxiliary_tables(traf)?.ok_or_else(|| {
        Error::malformed(
            Code::NoIvs,
            "This fragment has neither senc nor saiz and saio, so its IVs are unknown.",
        )
    })?;
    let base = fragment.tfhd.base_data_offset.unwrap_or(fragment.moof_at);
    let outside = || {
        Error::malformed(
            Code::SaioOutside,
            "saio points outside its fragment, so its IVs are unknown.",
        )
    };
    let seek = |offset: u64| {
        let at = base.checked_add(offset).ok_or_else(outside)?;
        let from = at.checked_sub(at_hand.at).ok_or_else(outside)? as usize;
        Ok::<_, Error>(Reader::new(at_hand.bytes.get(from..).ok_or_else(outside)?, at))
    };
    let mut infos = Vec::with_capacity(fragment.samples.len());
    let mut r = seek(*saio.offsets.first().ok_or_else(outside)?)?;
    // One offset for all, or one for each run.
    for (run, (_, samples)) in fragment.runs.iter().enumerate() {
        if saio.offsets.len() > 1 {
            r = seek(*saio.offsets.get(run).ok_or_else(outside)?)?;
        }
        for _ in 0..*samples {
            let size = saiz.size(infos.len()).ok_or_else(|| {
                Error::malformed(
                    Code::SaizCount,
                    format!(
                        "saiz has sizes for {} samples, the fragment has {}.",
                        saiz.sample_count,
                        fragment.samples.len()
                    ),
                )
            })?;
            infos.push(auxiliary_info(&mut r, size, groups.iv_size(infos.len()))?);
        }
    }
    Ok(infos)
}

/// The `saiz` and `saio` of a `traf` or `stbl` that are about protection.
fn auxiliary_tables(parent: &Node) -> Result<Option<(Saiz, Saio)>> {
    let of_ours = |kind| parent.all(kind).find(|node| is_protection_aux(node));
    let saiz = of_ours(Saiz::KIND).map(Saiz::parse).transpose()?;
    let saio = of_ours(Saio::KIND).map(Saio::parse).transpose()?;
    Ok(saiz.zip(saio))
}

/// What `saio` points at for one sample, of the size that `saiz` gives.
fn auxiliary_info(r: &mut Reader<'_>, size: u8, iv_size: u8) -> Result<SampleInfo> {
    if size == 0 {
        return Ok(SampleInfo { iv: Vec::new(), subsamples: Vec::new() });
    }
    let lists = if size > iv_size { Subsamples::Listed } else { Subsamples::None };
    SampleInfo::read(r, iv_size, lists)
}

/// The protection of samples that `moov` lists: the boxes of a `traf` stand in
/// `stbl` or `trak` there (ISO/IEC 23001-7 §7).
#[derive(Debug)]
pub(crate) struct ListedProtection {
    groups: Groups,
    /// Of those that are wanted, in order, where a `senc` holds it.
    infos: Vec<(usize, SampleInfo)>,
}

/// A sample that `moov` lists, and where what is known of its protection lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListedInfo {
    /// Its number in the track, from 0.
    pub(crate) number: usize,
    /// Nothing where no `saio` is needed.
    pub(crate) place: Span,
}

impl ListedProtection {
    /// Of some samples of a track, in order, whose chunks have so many each.
    pub(crate) fn read(
        track: &Track,
        trak: &Node,
        chunks: &[u32],
        wanted: impl IntoIterator<Item = usize>,
    ) -> Result<(Self, Vec<ListedInfo>)> {
        let none = || Error::malformed(Code::NoIvs, "No box says what IVs its samples have.");
        let stbl = trak.path(&[b"mdia", b"minf", b"stbl"]).ok_or_else(none)?;
        let protection = track.protection().ok_or_else(none)?;
        let count = chunks.iter().map(|samples| *samples as usize).sum();
        let groups = Groups::read(track, stbl, protection, count)?;
        let whole = Span { at: 0, len: 0 };
        let here = |wanted: usize| ListedInfo { number: wanted, place: whole };
        let senc = [SENC, PIFF_SENC].into_iter();
        let senc = senc.flat_map(|kind| [stbl.find(kind), trak.find(kind)]).flatten().next();
        if let Some(node) = senc {
            let mut all = Senc::parse_with(node, |sample| groups.iv_size(sample))?.samples;
            if all.len() >= count {
                let places: Vec<ListedInfo> = wanted.into_iter().map(here).collect();
                let infos = places.iter().map(|info| {
                    let own = all.get_mut(info.number).map(std::mem::take).unwrap_or_default();
                    (info.number, own)
                });
                let infos = infos.collect();
                return Ok((Self { groups, infos }, places));
            }
        }
        if groups.none_has_ivs() && auxiliary_tables(stbl)?.is_none() {
            let places = wanted.into_iter().map(here).collect();
            return Ok((Self { groups, infos: Vec::new() }, places));
        }
        let (saiz, saio) = auxiliary_tables(stbl)?.ok_or_else(none)?;
        let mut wanted = wanted.into_iter().peekable();
        let (mut places, mut sample) = (Vec::new(), 0_usize);
        let mut at = *saio.offsets.first().ok_or_else(none)?;
        for (chunk, samples) in chunks.iter().enumerate() {
            if wanted.peek().is_none() {
                break;
            }
            // One offset for all, or one for each chunk.
            if saio.offsets.len() > 1 {
                at = *saio.offsets.get(chunk).ok_or_else(none)?;
            }
            let end = sample + *samples as usize;
            while let Some(number) = wanted.next_if(|number| *number < end) {
                let sizes = saiz.bytes(sample..number).zip(saiz.size(number));
                let Some((before, size)) = sizes else { return Ok((Self::of(groups), places)) };
                at = at.saturating_add(before);
                places.push(ListedInfo { number, place: Span { at, len: size.into() } });
                at = at.saturating_add(size.into());
                sample = number + 1;
            }
            at = at.saturating_add(saiz.bytes(sample..end).unwrap_or(0));
            sample = end;
        }
        Ok((Self::of(groups), places))
    }

    fn of(groups: Groups) -> Self {
        Self { groups, infos: Vec::new() }
    }

    /// One of them, by the bytes of its place and what its sample entry says; `None`
    /// where it is clear.
    pub(crate) fn protected(
        &self,
        listed: ListedInfo,
        bytes: &[u8],
        entry: Option<&Protection>,
    ) -> Result<Option<Protected>> {
        let number = listed.number;
        let own = self.infos.binary_search_by_key(&number, |(number, _)| *number);
        let info = match own.ok().and_then(|index| self.infos.get(index)) {
            Some((_, info)) => Some(info.clone()),
            None if listed.place.len == 0 => None,
            None => {
                let mut r = Reader::new(bytes, listed.place.at);
                Some(auxiliary_info(&mut r, listed.place.len as u8, self.groups.iv_size(number))?)
            }
        };
        let missing =
            info.as_ref().is_none_or(|info| info.iv.is_empty()) && self.groups.iv_size(number) > 0;
        let protected = self.groups.protected(number, info);
        // A clear lead has a sample entry of its own, or samples without IVs.
        Ok(match (protected, entry) {
            (Some(protected), Some(entry)) if !missing => {
                let kid = if self.groups.has_group(number) { None } else { entry.kid };
                Some(Protected { kid: kid.unwrap_or(protected.kid), ..protected })
            }
            _ => None,
        })
    }
}
