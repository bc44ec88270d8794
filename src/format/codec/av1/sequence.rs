//! The sequence header: what every frame header depends on (§5.5).

use crate::format::codec::bits::Bits;

/// A sequence header, as far as frame headers depend on it.
#[derive(Clone, Debug)]
pub(super) struct Sequence {
    pub reduced_still_picture: bool,
    /// Bits of `frame_presentation_time`, where frames have one.
    pub presentation_time: Option<u32>,
    /// Bits of `buffer_removal_time`, where frames may have them.
    pub removal_time: Option<u32>,
    pub operating_points: Vec<OperatingPoint>,
    /// Bits of a frame's width and height.
    pub size_bits: (u32, u32),
    /// The largest frame.
    pub size: (u32, u32),
    /// Bits of the difference of frame ids, and of a frame id.
    pub frame_id: Option<(u32, u32)>,
    pub superblock_128: bool,
    pub warped_motion: bool,
    pub ref_frame_mvs: bool,
    /// For all frames, or left to each.
    pub screen_content: Option<bool>,
    pub integer_mv: Option<bool>,
    /// Bits of an order hint; none where there are no order hints.
    pub order_hint: u32,
    pub superres: bool,
    pub cdef: bool,
    pub restoration: bool,
    pub color: Color,
    pub film_grain: bool,
}

/// Layers that are decoded together.
#[derive(Clone, Copy, Debug)]
pub(super) struct OperatingPoint {
    pub idc: u32,
    pub has_model: bool,
}

/// `color_config` (§5.5.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct Color {
    pub mono: bool,
    /// Whether both directions of chroma are halved.
    pub halved: bool,
    pub separate_uv: bool,
}

impl Sequence {
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let b = &mut Bits::plain(payload);
        let profile = b.u(3)?;
        b.skip(1)?; // still_picture
        let reduced = b.flag()?;
        let (mut presentation_time, mut removal_time) = (None, None);
        let mut operating_points = vec![OperatingPoint { idc: 0, has_model: false }];
        if reduced {
            b.skip(5)?; // seq_level_idx
        } else {
            let mut delay = None;
            if b.flag()? {
                b.skip(64)?; // num_units_in_display_tick, time_scale
                let equal = b.flag()?;
                if equal {
                    b.ue()?; // num_ticks_per_picture_minus_1, written alike
                }
                if b.flag()? {
                    delay = Some(b.u(5)? + 1);
                    b.skip(32)?; // num_units_in_decoding_tick
                    removal_time = Some(b.u(5)? + 1);
                    let time = b.u(5)? + 1;
                    presentation_time = (!equal).then_some(time);
                }
            }
            operating_points = operating_points_of(b, delay)?;
        }
        let size_bits = (b.u(4)? + 1, b.u(4)? + 1);
        let size = (b.u(size_bits.0)? + 1, b.u(size_bits.1)? + 1);
        let mut frame_id = None;
        if !reduced && b.flag()? {
            let difference = b.u(4)? + 2;
            frame_id = Some((difference, difference + b.u(3)? + 1));
        }
        let superblock_128 = b.flag()?;
        b.skip(2)?; // enable_filter_intra, enable_intra_edge_filter
        let mut warped_motion = false;
        let mut ref_frame_mvs = false;
        let (mut screen_content, mut integer_mv) = (None, None);
        let mut order_hint = 0;
        if !reduced {
            b.skip(2)?; // enable_interintra_compound, enable_masked_compound
            warped_motion = b.flag()?;
            b.skip(1)?; // enable_dual_filter
            let ordered = b.flag()?;
            if ordered {
                b.skip(1)?; // enable_jnt_comp
                ref_frame_mvs = b.flag()?;
            }
            screen_content = choice(b)?;
            if screen_content != Some(false) {
                integer_mv = choice(b)?;
            }
            if ordered {
                order_hint = b.u(3)? + 1;
            }
        }
        let (superres, cdef, restoration) = (b.flag()?, b.flag()?, b.flag()?);
        Some(Self {
            reduced_still_picture: reduced,
            presentation_time,
            removal_time,
            operating_points,
            size_bits,
            size,
            frame_id,
            superblock_128,
            warped_motion,
            ref_frame_mvs,
            screen_content,
            integer_mv,
            order_hint,
            superres,
            cdef,
            restoration,
            color: Color::read(b, profile)?,
            film_grain: b.flag()?,
        })
    }

    /// How far `a` is behind `b`, as order hints wrap around (§7.1).
    pub(super) fn distance(&self, a: u32, b: u32) -> i32 {
        if self.order_hint == 0 {
            return 0;
        }
        let half = 1_i32 << (self.order_hint - 1);
        let difference = a as i32 - b as i32;
        (difference & (half - 1)) - (difference & half)
    }
}

/// A flag that is set for all frames, or left to each.
fn choice(b: &mut Bits<'_>) -> Option<Option<bool>> {
    Some(if b.flag()? { None } else { Some(b.flag()?) })
}

fn operating_points_of(b: &mut Bits<'_>, delay: Option<u32>) -> Option<Vec<OperatingPoint>> {
    let displays = b.flag()?;
    let count = b.u(5)? + 1;
    let mut points = Vec::new();
    for _ in 0..count {
        let idc = b.u(12)?;
        if b.u(5)? > 7 {
            b.skip(1)?; // seq_tier
        }
        let mut has_model = false;
        if let Some(bits) = delay {
            has_model = b.flag()?;
            if has_model {
                b.skip(2 * bits + 1)?; // operating_parameters_info
            }
        }
        if displays && b.flag()? {
            b.skip(4)?; // initial_display_delay_minus_1
        }
        points.push(OperatingPoint { idc, has_model });
    }
    Some(points)
}

impl Color {
    fn read(b: &mut Bits<'_>, profile: u32) -> Option<Self> {
        let deep = b.flag()?;
        let twelve = profile == 2 && deep && b.flag()?;
        let mono = profile != 1 && b.flag()?;
        let described = if b.flag()? { (b.u(8)?, b.u(8)?, b.u(8)?) } else { (2, 2, 2) };
        if mono {
            b.skip(1)?; // color_range
            return Some(Self { mono, halved: true, separate_uv: false });
        }
        // sRGB: BT.709 primaries, its own transfer, the identity as matrix.
        let halved = if described == (1, 13, 0) {
            false
        } else {
            b.skip(1)?; // color_range
            let halved = match profile {
                0 => true,
                1 => false,
                _ => twelve && b.flag()? && b.flag()?,
            };
            if halved {
                b.skip(2)?; // chroma_sample_position
            }
            halved
        };
        Some(Self { mono, halved, separate_uv: b.flag()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libaom writes for pictures of 640 by 360.
    const HEADER: [u8; 11] = [0, 0, 0, 0x0c, 0xc4, 0xff, 0x67, 0x36, 0xbe, 0x40, 0x10];

    #[test]
    fn a_header_is_read() {
        let sequence = Sequence::read(&HEADER).unwrap();
        assert_eq!(sequence.size, (640, 360));
        assert_eq!(sequence.order_hint, 7);
        assert!(sequence.color.halved && !sequence.color.mono && !sequence.film_grain);
        assert!((0..10).all(|len| Sequence::read(&HEADER[..len]).is_none()));
    }

    #[test]
    fn order_hints_wrap_around() {
        let mut sequence = Sequence::read(&HEADER).unwrap();
        assert_eq!(sequence.distance(1, 127), 2);
        assert_eq!(sequence.distance(127, 1), -2);
        sequence.order_hint = 0;
        assert_eq!(sequence.distance(5, 1), 0);
    }
}
