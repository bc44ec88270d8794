//! H.264: how long a slice header is (ISO/IEC 14496-10 §7.3).

use super::bits::Bits;
use crate::collections::Map;

/// Whether a NAL unit with this first byte carries picture data: slices and
/// partitions (1 to 5), and the layered ones (19 to 21).
pub fn is_vcl(first: u8) -> bool {
    matches!(first & 31, 1..=5 | 19..=21)
}

#[derive(Clone, Debug)]
struct Sps {
    separate_colour_planes: bool,
    chroma: bool,
    frame_num_bits: u32,
    poc_type: u32,
    poc_lsb_bits: u32,
    delta_pic_order_always_zero: bool,
    frame_mbs_only: bool,
}

#[derive(Clone, Debug)]
struct Pps {
    sps: u32,
    entropy_coding: bool,
    bottom_field_pic_order: bool,
    default_refs: [u32; 2],
    weighted_pred: bool,
    weighted_bipred: u32,
    deblocking_control: bool,
    redundant_pic_cnt: bool,
}

/// The parameter sets seen so far.
#[derive(Clone, Debug, Default)]
pub struct ParameterSets {
    sps: Map<u32, Sps>,
    pps: Map<u32, Pps>,
}

impl ParameterSets {
    /// Takes in a NAL unit if it is a parameter set. One that does not parse
    /// takes away all of its kind, for it may have replaced any: slices that
    /// need them are then treated as unparseable.
    pub fn update(&mut self, nal: &[u8]) {
        match nal.first().map(|first| first & 31) {
            Some(7) => match read_sps(nal) {
                Some((id, sps)) => drop(self.sps.insert(id, sps)),
                None => self.sps.clear(),
            },
            Some(8) => match read_pps(nal) {
                Some((id, pps)) => drop(self.pps.insert(id, pps)),
                None => self.pps.clear(),
            },
            _ => {}
        }
    }

    /// Bytes of the NAL unit up to and with the end of its slice header;
    /// `None` where it cannot be told.
    pub fn slice_header_len(&self, nal: &[u8]) -> Option<usize> {
        let first = *nal.first()?;
        let (ref_idc, nal_type) = (first >> 5 & 3, first & 31);
        // Partitions B and C, and layered slices, begin otherwise.
        if !matches!(nal_type, 1 | 2 | 5 | 19) {
            return None;
        }
        let idr = nal_type == 5;
        let mut b = Bits::new(nal);
        b.skip(8)?;
        b.ue()?; // first_mb_in_slice
        let slice_type = b.ue_to(9)? % 5;
        let (p, bi, i, sp, si) =
            (slice_type == 0, slice_type == 1, slice_type == 2, slice_type == 3, slice_type == 4);
        let pps = self.pps.get(&b.ue()?)?;
        let sps = self.sps.get(&pps.sps)?;
        if sps.separate_colour_planes {
            b.skip(2)?;
        }
        b.skip(sps.frame_num_bits)?;
        let mut field = false;
        if !sps.frame_mbs_only {
            field = b.flag()?;
            if field {
                b.skip(1)?; // bottom_field_flag
            }
        }
        if idr {
            b.ue()?; // idr_pic_id
        }
        if sps.poc_type == 0 {
            b.skip(sps.poc_lsb_bits)?;
            if pps.bottom_field_pic_order && !field {
                b.se()?;
            }
        }
        if sps.poc_type == 1 && !sps.delta_pic_order_always_zero {
            b.se()?;
            if pps.bottom_field_pic_order && !field {
                b.se()?;
            }
        }
        if pps.redundant_pic_cnt {
            b.ue()?;
        }
        if bi {
            b.skip(1)?; // direct_spatial_mv_pred_flag
        }
        let mut refs = pps.default_refs;
        if (p || sp || bi) && b.flag()? {
            refs[0] = b.ue_to(31)? + 1;
            if bi {
                refs[1] = b.ue_to(31)? + 1;
            }
        }
        let lists = if i || si { 0 } else { 1 + usize::from(bi) };
        for _ in 0..lists {
            if b.flag()? {
                while b.ue_to(5)? != 3 {
                    b.ue()?;
                }
            }
        }
        if (pps.weighted_pred && (p || sp)) || (pps.weighted_bipred == 1 && bi) {
            b.ue()?; // luma_log2_weight_denom
            if sps.chroma {
                b.ue()?;
            }
            for count in &refs[..lists] {
                for _ in 0..*count {
                    if b.flag()? {
                        b.se()?;
                        b.se()?;
                    }
                    if sps.chroma && b.flag()? {
                        for _ in 0..4 {
                            b.se()?;
                        }
                    }
                }
            }
        }
        if ref_idc != 0 {
            if idr {
                b.skip(2)?;
            } else if b.flag()? {
                loop {
                    match b.ue_to(6)? {
                        0 => break,
                        3 => {
                            b.ue()?;
                            b.ue()?;
                        }
                        5 => {}
                        _ => {
                            b.ue()?;
                        }
                    }
                }
            }
        }
        if pps.entropy_coding && !i && !si {
            b.ue_to(2)?; // cabac_init_idc
        }
        b.se()?; // slice_qp_delta
        if sp || si {
            if sp {
                b.skip(1)?;
            }
            b.se()?;
        }
        if pps.deblocking_control && b.ue_to(2)? != 1 {
            b.se()?;
            b.se()?;
        }
        Some(b.position())
    }
}

fn read_sps(nal: &[u8]) -> Option<(u32, Sps)> {
    let mut b = Bits::new(nal);
    b.skip(8)?;
    let profile = b.u(8)?;
    b.skip(16)?;
    let id = b.ue_to(31)?;
    let (mut chroma_format, mut separate) = (1, false);
    if matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
        chroma_format = b.ue_to(3)?;
        if chroma_format == 3 {
            separate = b.flag()?;
        }
        b.ue()?; // bit_depth_luma_minus8
        b.ue()?;
        b.skip(1)?;
        if b.flag()? {
            for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                if b.flag()? {
                    skip_scaling_list(&mut b, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }
    let frame_num_bits = b.ue_to(12)? + 4;
    let poc_type = b.ue_to(2)?;
    let (mut poc_lsb_bits, mut always_zero) = (0, false);
    if poc_type == 0 {
        poc_lsb_bits = b.ue_to(12)? + 4;
    } else if poc_type == 1 {
        always_zero = b.flag()?;
        b.se()?;
        b.se()?;
        for _ in 0..b.ue_to(255)? {
            b.se()?;
        }
    }
    b.ue()?; // max_num_ref_frames
    b.skip(1)?;
    b.ue()?; // pic_width_in_mbs_minus1
    b.ue()?;
    let sps = Sps {
        separate_colour_planes: separate,
        chroma: chroma_format != 0 && !separate,
        frame_num_bits,
        poc_type,
        poc_lsb_bits,
        delta_pic_order_always_zero: always_zero,
        frame_mbs_only: b.flag()?,
    };
    Some((id, sps))
}

fn skip_scaling_list(b: &mut Bits<'_>, len: u32) -> Option<()> {
    let (mut last, mut next) = (8, 8);
    for _ in 0..len {
        if next != 0 {
            next = (last + b.se()?.clamp(-128, 127)).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

fn read_pps(nal: &[u8]) -> Option<(u32, Pps)> {
    let mut b = Bits::new(nal);
    b.skip(8)?;
    let id = b.ue_to(255)?;
    let sps = b.ue_to(31)?;
    let entropy_coding = b.flag()?;
    let bottom_field_pic_order = b.flag()?;
    if b.ue()? != 0 {
        return None; // slice groups: found in no file, and their headers depend on them
    }
    let default_refs = [b.ue_to(31)? + 1, b.ue_to(31)? + 1];
    let weighted_pred = b.flag()?;
    let weighted_bipred = b.u(2)?;
    b.se()?;
    b.se()?;
    b.se()?;
    let deblocking_control = b.flag()?;
    b.skip(1)?;
    let redundant_pic_cnt = b.flag()?;
    let pps = Pps {
        sps,
        entropy_coding,
        bottom_field_pic_order,
        default_refs,
        weighted_pred,
        weighted_bipred,
        deblocking_control,
        redundant_pic_cnt,
    };
    Some((id, pps))
}
