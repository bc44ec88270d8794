//! H.265: how long a slice segment header is (ISO/IEC 23008-2 §7.3).

use super::bits::{Bits, ceil_log2};
use crate::collections::Map;
use crate::format::boxes::codec::HvcC;

/// What follows the dot in `hvc1.`: profile, reversed compatibility flags,
/// tier and level, constraint bytes without the trailing zero ones
/// (ISO/IEC 14496-15 E.3).
pub(super) fn codec_suffix(config: &HvcC) -> String {
    let space = ["", "A", "B", "C"][usize::from(config.profile_space & 3)];
    let tier = if config.high_tier { 'H' } else { 'L' };
    let flags = config.compatibility.reverse_bits();
    let mut text = format!("{space}{}.{flags:X}.{tier}{}", config.profile, config.level);
    let used = config.constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &config.constraints[..used] {
        text += &format!(".{byte:X}");
    }
    text
}

/// Whether a NAL unit with this first byte carries picture data.
pub fn is_vcl(first: u8) -> bool {
    first >> 1 & 63 < 32
}

#[derive(Clone, Debug, Default)]
struct Sps {
    separate_colour_planes: bool,
    chroma: bool,
    pic_size_in_ctbs: u32,
    poc_lsb_bits: u32,
    short_term_sets: Vec<RefPicSet>,
    long_term_refs: bool,
    /// used_by_curr_pic_lt_sps_flag of each.
    long_term_sets: Vec<bool>,
    temporal_mvp: bool,
    sao: bool,
}

#[derive(Clone, Debug, Default)]
struct Pps {
    sps: u32,
    dependent_slices: bool,
    output_flag: bool,
    extra_bits: u32,
    cabac_init: bool,
    default_refs: [u32; 2],
    weighted_pred: bool,
    weighted_bipred: bool,
    chroma_qp_offsets: bool,
    deblocking_override: bool,
    deblocking_disabled: bool,
    loop_filter_across: bool,
    lists_modification: bool,
    entry_points: bool,
    header_extension: bool,
    chroma_qp_offset_list: bool,
}

/// A short-term reference picture set: for each picture its distance and
/// whether the current picture uses it.
#[derive(Clone, Debug, Default)]
struct RefPicSet {
    negative: Vec<(i32, bool)>,
    positive: Vec<(i32, bool)>,
}

impl RefPicSet {
    fn used(&self) -> u32 {
        self.negative.iter().chain(&self.positive).filter(|(_, used)| *used).count() as u32
    }
}

/// The parameter sets seen so far.
#[derive(Clone, Debug, Default)]
pub struct ParameterSets {
    sps: Map<u32, Sps>,
    pps: Map<u32, Pps>,
}

impl ParameterSets {
    /// Takes in a NAL unit if it is a parameter set of the base layer.
    pub fn update(&mut self, nal: &[u8]) {
        let [first, second, ..] = *nal else { return };
        if (first & 1, second >> 3) != (0, 0) {
            return;
        }
        match first >> 1 & 63 {
            33 => match read_sps(nal) {
                Some((id, sps)) => drop(self.sps.insert(id, sps)),
                None => self.sps.clear(),
            },
            34 => match read_pps(nal) {
                Some((id, pps)) => drop(self.pps.insert(id, pps)),
                None => self.pps.clear(),
            },
            _ => {}
        }
    }

    /// Bytes of the NAL unit up to and with the end of its slice segment
    /// header; `None` where it cannot be told.
    pub fn slice_header_len(&self, nal: &[u8]) -> Option<usize> {
        let [first, second, ..] = *nal else { return None };
        let nal_type = first >> 1 & 63;
        // Slices are types 0 to 9 and 16 to 21; other layers add fields.
        if !matches!(nal_type, 0..=9 | 16..=21) || (first & 1, second >> 3) != (0, 0) {
            return None;
        }
        let mut b = Bits::new(nal);
        b.skip(16)?;
        let first_in_picture = b.flag()?;
        if (16..=23).contains(&nal_type) {
            b.skip(1)?; // no_output_of_prior_pics_flag
        }
        let pps = self.pps.get(&b.ue()?)?;
        let sps = self.sps.get(&pps.sps)?;
        let mut dependent = false;
        if !first_in_picture {
            if pps.dependent_slices {
                dependent = b.flag()?;
            }
            b.skip(ceil_log2(sps.pic_size_in_ctbs))?;
        }
        if !dependent {
            slice_header(&mut b, nal_type, sps, pps)?;
        }
        if pps.entry_points {
            let count = b.ue_to(440 * 20)?;
            if count > 0 {
                let bits = b.ue_to(31)? + 1;
                for _ in 0..count {
                    b.skip(bits)?;
                }
            }
        }
        if pps.header_extension {
            for _ in 0..b.ue_to(256)? {
                b.skip(8)?;
            }
        }
        b.flag()?; // the first bit of byte_alignment()
        Some(b.position())
    }
}

/// The part of the header a dependent slice segment takes from the one before.
fn slice_header(b: &mut Bits<'_>, nal_type: u8, sps: &Sps, pps: &Pps) -> Option<()> {
    b.skip(pps.extra_bits)?;
    let slice_type = b.ue_to(2)?;
    let (bi, intra) = (slice_type == 0, slice_type == 2);
    if pps.output_flag {
        b.skip(1)?;
    }
    if sps.separate_colour_planes {
        b.skip(2)?;
    }
    let mut pictures = 0; // NumPicTotalCurr
    let mut temporal_mvp = false;
    if !matches!(nal_type, 19 | 20) {
        b.skip(sps.poc_lsb_bits)?;
        let sets = sps.short_term_sets.len();
        if !b.flag()? {
            pictures += read_ref_pic_set(b, &sps.short_term_sets, true)?.used();
        } else {
            let index = b.u(ceil_log2(sets as u32))?;
            pictures += sps.short_term_sets.get(index as usize)?.used();
        }
        if sps.long_term_refs {
            pictures += long_term_refs(b, sps)?;
        }
        if sps.temporal_mvp {
            temporal_mvp = b.flag()?;
        }
    }
    let (mut sao_luma, mut sao_chroma) = (false, false);
    if sps.sao {
        sao_luma = b.flag()?;
        if sps.chroma {
            sao_chroma = b.flag()?;
        }
    }
    if !intra {
        let mut refs = pps.default_refs;
        if b.flag()? {
            refs[0] = b.ue_to(15)? + 1;
            if bi {
                refs[1] = b.ue_to(15)? + 1;
            }
        }
        let lists = 1 + usize::from(bi);
        if pps.lists_modification && pictures > 1 {
            for count in &refs[..lists] {
                if b.flag()? {
                    b.skip(count * ceil_log2(pictures))?;
                }
            }
        }
        if bi {
            b.skip(1)?; // mvd_l1_zero_flag
        }
        if pps.cabac_init {
            b.skip(1)?;
        }
        if temporal_mvp {
            let from_l0 = if bi { b.flag()? } else { true };
            if refs[usize::from(!from_l0)] > 1 {
                b.ue()?; // collocated_ref_idx
            }
        }
        if (pps.weighted_pred && !bi) || (pps.weighted_bipred && bi) {
            weights(b, &refs[..lists], sps.chroma)?;
        }
        b.ue_to(4)?; // five_minus_max_num_merge_cand
    }
    b.se()?; // slice_qp_delta
    if pps.chroma_qp_offsets {
        b.se()?;
        b.se()?;
    }
    if pps.chroma_qp_offset_list {
        b.skip(1)?;
    }
    let mut deblocking_disabled = pps.deblocking_disabled;
    if pps.deblocking_override && b.flag()? {
        deblocking_disabled = b.flag()?;
        if !deblocking_disabled {
            b.se()?;
            b.se()?;
        }
    }
    if pps.loop_filter_across && (sao_luma || sao_chroma || !deblocking_disabled) {
        b.skip(1)?;
    }
    Some(())
}

fn long_term_refs(b: &mut Bits<'_>, sps: &Sps) -> Option<u32> {
    let known = sps.long_term_sets.len() as u32;
    let from_sps = if known > 0 { b.ue_to(32)? } else { 0 };
    let own = b.ue_to(32)?;
    let mut used = 0;
    for i in 0..from_sps + own {
        if i < from_sps {
            let index = b.u(ceil_log2(known))?;
            used += u32::from(*sps.long_term_sets.get(index as usize)?);
        } else {
            b.skip(sps.poc_lsb_bits)?;
            used += u32::from(b.flag()?);
        }
        if b.flag()? {
            b.ue()?; // delta_poc_msb_cycle_lt
        }
    }
    Some(used)
}

fn weights(b: &mut Bits<'_>, refs: &[u32], chroma: bool) -> Option<()> {
    b.ue_to(7)?; // luma_log2_weight_denom
    if chroma {
        b.se()?;
    }
    for count in refs {
        let count = *count as usize;
        let luma = (0..count).map(|_| b.flag()).collect::<Option<Vec<_>>>()?;
        let colour = (0..count)
            .map(|_| if chroma { b.flag() } else { Some(false) })
            .collect::<Option<Vec<_>>>()?;
        for (luma, colour) in luma.into_iter().zip(colour) {
            for _ in 0..2 * u32::from(luma) + 4 * u32::from(colour) {
                b.se()?;
            }
        }
    }
    Some(())
}

/// st_ref_pic_set (§7.3.7), after the `known` ones of the SPS. Only a slice
/// header may build on a set other than the last.
fn read_ref_pic_set(b: &mut Bits<'_>, known: &[RefPicSet], in_slice: bool) -> Option<RefPicSet> {
    if !known.is_empty() && b.flag()? {
        let back = if in_slice { b.ue_to(64)? as usize + 1 } else { 1 };
        let base = known.get(known.len().checked_sub(back)?)?;
        let negative = b.flag()?;
        let step = i32::try_from(b.ue_to(0x7fff)? + 1).ok()?;
        let shift = if negative { -step } else { step };
        // The base's pictures in the order of §7.4.8, then the base itself.
        let pictures: Vec<i32> = base
            .negative
            .iter()
            .chain(&base.positive)
            .map(|(delta, _)| *delta)
            .chain([0])
            .collect();
        let mut set = RefPicSet::default();
        for delta in pictures {
            let used = b.flag()?;
            let kept = if used { true } else { b.flag()? };
            let delta = delta + shift;
            if kept && delta < 0 {
                set.negative.push((delta, used));
            } else if kept && delta > 0 {
                set.positive.push((delta, used));
            }
        }
        crate::collections::sort_by_key(&mut set.negative, |(delta, _)| -delta);
        crate::collections::sort_by_key(&mut set.positive, |(delta, _)| *delta);
        return Some(set);
    }
    let (negative, positive) = (b.ue_to(16)?, b.ue_to(16)?);
    let mut read = |count: u32, sign: i32| {
        let mut delta = 0;
        (0..count)
            .map(|_| {
                delta += sign * (b.ue_to(0x7fff)? as i32 + 1);
                Some((delta, b.flag()?))
            })
            .collect::<Option<Vec<_>>>()
    };
    Some(RefPicSet { negative: read(negative, -1)?, positive: read(positive, 1)? })
}

fn read_sps(nal: &[u8]) -> Option<(u32, Sps)> {
    let mut b = Bits::new(nal);
    b.skip(16 + 4)?;
    let sub_layers = b.u(3)?;
    b.skip(1)?;
    skip_profile_tier_level(&mut b, sub_layers)?;
    let id = b.ue_to(15)?;
    let chroma_format = b.ue_to(3)?;
    let separate = chroma_format == 3 && b.flag()?;
    let (width, height) = (b.ue_to(0xffff)?, b.ue_to(0xffff)?);
    if b.flag()? {
        for _ in 0..4 {
            b.ue()?; // conformance window
        }
    }
    b.ue()?; // bit_depth_luma_minus8
    b.ue()?;
    let poc_lsb_bits = b.ue_to(12)? + 4;
    let ordering_info = b.flag()?;
    for _ in 0..if ordering_info { sub_layers + 1 } else { 1 } {
        b.ue()?;
        b.ue()?;
        b.ue()?;
    }
    let ctb_bits = b.ue_to(3)? + 3 + b.ue_to(3)?;
    for _ in 0..4 {
        b.ue()?; // transform block sizes and depths
    }
    if b.flag()? && b.flag()? {
        skip_scaling_lists(&mut b)?;
    }
    b.skip(1)?; // amp_enabled_flag
    let sao = b.flag()?;
    if b.flag()? {
        b.skip(8)?; // PCM
        b.ue()?;
        b.ue()?;
        b.skip(1)?;
    }
    let mut short_term_sets = Vec::new();
    for _ in 0..b.ue_to(64)? {
        let set = read_ref_pic_set(&mut b, &short_term_sets, false)?;
        short_term_sets.push(set);
    }
    let long_term_refs = b.flag()?;
    let mut long_term_sets = Vec::new();
    if long_term_refs {
        for _ in 0..b.ue_to(32)? {
            b.skip(poc_lsb_bits)?;
            long_term_sets.push(b.flag()?);
        }
    }
    let in_ctbs = |len: u32| len.div_ceil(1 << ctb_bits);
    let sps = Sps {
        separate_colour_planes: separate,
        chroma: chroma_format != 0 && !separate,
        pic_size_in_ctbs: in_ctbs(width).checked_mul(in_ctbs(height))?,
        poc_lsb_bits,
        short_term_sets,
        long_term_refs,
        long_term_sets,
        temporal_mvp: b.flag()?,
        sao,
    };
    Some((id, sps))
}

/// What the head of a sequence parameter set tells the configuration box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpsHead {
    /// Twelve bytes, from general_profile_space to general_level_idc.
    pub profile_tier_level: [u8; 12],
    /// sps_max_sub_layers_minus1, and one.
    pub temporal_layers: u8,
    /// sps_temporal_id_nesting_flag.
    pub nested: bool,
    /// chroma_format_idc.
    pub chroma_format: u8,
    /// bit_depth_luma_minus8.
    pub luma_depth: u8,
    /// bit_depth_chroma_minus8.
    pub chroma_depth: u8,
}

impl SpsHead {
    /// Reads a NAL unit, header included.
    pub fn read(nal: &[u8]) -> Option<Self> {
        let mut b = Bits::new(nal);
        b.skip(16 + 4)?;
        let sub_layers = b.u(3)?;
        let nested = b.flag()?;
        let mut general = b.clone();
        let mut profile_tier_level = [0; 12];
        for byte in &mut profile_tier_level {
            *byte = general.u(8)? as u8;
        }
        skip_profile_tier_level(&mut b, sub_layers)?;
        b.ue_to(15)?;
        let chroma_format = b.ue_to(3)? as u8;
        if chroma_format == 3 {
            b.flag()?;
        }
        b.ue()?; // width
        b.ue()?;
        if b.flag()? {
            for _ in 0..4 {
                b.ue()?; // conformance window
            }
        }
        Some(Self {
            profile_tier_level,
            temporal_layers: sub_layers as u8 + 1,
            nested,
            chroma_format,
            luma_depth: b.ue_to(8)? as u8,
            chroma_depth: b.ue_to(8)? as u8,
        })
    }
}

fn skip_profile_tier_level(b: &mut Bits<'_>, sub_layers: u32) -> Option<()> {
    b.skip(3)?;
    // Profiles 9 and 11 (screen content) add fields to the slice header.
    if matches!(b.u(5)?, 9 | 11) {
        return None;
    }
    b.skip(80 + 8)?; // the rest of the 11 bytes of general profile, and the level
    let mut layers = Vec::new();
    for _ in 0..sub_layers {
        layers.push((b.flag()?, b.flag()?));
    }
    if sub_layers > 0 {
        b.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in layers {
        b.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

fn skip_scaling_lists(b: &mut Bits<'_>) -> Option<()> {
    for size in 0..4_u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !b.flag()? {
                b.ue()?;
                continue;
            }
            if size > 1 {
                b.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                b.se()?;
            }
        }
    }
    Some(())
}

fn read_pps(nal: &[u8]) -> Option<(u32, Pps)> {
    let mut b = Bits::new(nal);
    b.skip(16)?;
    let id = b.ue_to(63)?;
    let mut pps = Pps {
        sps: b.ue_to(15)?,
        dependent_slices: b.flag()?,
        output_flag: b.flag()?,
        extra_bits: b.u(3)?,
        ..Pps::default()
    };
    b.skip(1)?; // sign_data_hiding_enabled_flag
    pps.cabac_init = b.flag()?;
    pps.default_refs = [b.ue_to(14)? + 1, b.ue_to(14)? + 1];
    b.se()?; // init_qp_minus26
    b.skip(1)?;
    let transform_skip = b.flag()?;
    if b.flag()? {
        b.ue()?; // diff_cu_qp_delta_depth
    }
    b.se()?;
    b.se()?;
    pps.chroma_qp_offsets = b.flag()?;
    pps.weighted_pred = b.flag()?;
    pps.weighted_bipred = b.flag()?;
    b.skip(1)?; // transquant_bypass_enabled_flag
    let tiles = b.flag()?;
    let entropy_sync = b.flag()?;
    pps.entry_points = tiles || entropy_sync;
    if tiles {
        let (columns, rows) = (b.ue_to(19)?, b.ue_to(21)?);
        if !b.flag()? {
            for _ in 0..columns + rows {
                b.ue()?;
            }
        }
        b.skip(1)?;
    }
    pps.loop_filter_across = b.flag()?;
    if b.flag()? {
        pps.deblocking_override = b.flag()?;
        pps.deblocking_disabled = b.flag()?;
        if !pps.deblocking_disabled {
            b.se()?;
            b.se()?;
        }
    }
    if b.flag()? {
        skip_scaling_lists(&mut b)?;
    }
    pps.lists_modification = b.flag()?;
    b.ue()?; // log2_parallel_merge_level_minus2
    pps.header_extension = b.flag()?;
    if b.flag()? {
        let range = b.flag()?;
        // Multilayer, 3D, screen content: fields we do not read.
        if b.u(3)? != 0 {
            return None;
        }
        b.skip(4)?;
        if range {
            if transform_skip {
                b.ue()?;
            }
            b.skip(1)?; // cross_component_prediction_enabled_flag
            pps.chroma_qp_offset_list = b.flag()?;
        }
    }
    Some((id, pps))
}
