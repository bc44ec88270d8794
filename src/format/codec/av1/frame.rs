//! The frame header, read for its length and for where its tiles are (§5.9).

use super::sequence::Sequence;
use crate::format::codec::bits::Bits;

/// Frames that others are predicted from, LAST to ALTREF.
const REFERENCES: usize = 7;
const GOLDEN: usize = 3;
const BACKWARD: usize = 4;
const ALTERNATE_2: usize = 5;
const ALTERNATE: usize = 6;
const SEGMENTS: usize = 8;
/// Bits of each segmentation feature's value, and whether it has a sign.
const FEATURES: [(u32, bool); 8] =
    [(8, true), (6, true), (6, true), (6, true), (6, true), (3, false), (0, false), (0, false)];
/// Every slot of the reference frames.
const ALL: u32 = 0xff;
const WARPED_BITS: u32 = 16;
/// Parameters of global motion: of each reference its six numbers.
type Motion = [[i32; 6]; REFERENCES];
/// A picture that nobody moved.
const STILL: Motion = [[0, 0, 1 << WARPED_BITS, 0, 0, 1 << WARPED_BITS]; REFERENCES];

/// A frame header.
#[derive(Clone, Debug)]
pub(super) struct FrameHeader {
    /// Its tiles; none where it shows a frame that was decoded before.
    pub layout: Option<Layout>,
    /// Which slots take it in, a bit each.
    pub refreshes: u32,
    pub kept: Kept,
}

/// What a tile group depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub columns: u32,
    pub rows: u32,
    /// Bits of a tile's number.
    pub bits: u32,
    /// Bytes of a tile's size.
    pub size_bytes: usize,
}

/// What later frame headers depend on.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    kind: FrameKind,
    /// Width before superres made it narrower, and height.
    size: (u32, u32),
    order_hint: u32,
    motion: Motion,
    /// What is added to the quantizer index of each segment.
    quantizers: [i32; SEGMENTS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    Key,
    Inter,
    IntraOnly,
    Switch,
}

/// Width before superres, width and height.
#[derive(Clone, Copy)]
struct Size {
    upscaled: u32,
    width: u32,
    height: u32,
}

/// Reads one header: what several of its parts depend on.
struct Parser<'b, 'd, 's> {
    b: &'b mut Bits<'d>,
    sequence: &'s Sequence,
    kind: FrameKind,
    intra: bool,
    error_resilient: bool,
    order_hint: u32,
    /// Whether a size of its own follows.
    resized: bool,
}

impl FrameHeader {
    /// `uncompressed_header` (§5.9.2), of a frame in these layers.
    pub(super) fn read(
        b: &mut Bits<'_>,
        sequence: &Sequence,
        slots: &mut [Option<Kept>; 8],
        temporal: u32,
        spatial: u32,
    ) -> Option<Self> {
        let (mut kind, mut shown, mut showable, mut resilient) =
            (FrameKind::Key, true, false, true);
        if !sequence.reduced_still_picture {
            if b.flag()? {
                return shown_again(b, sequence, slots);
            }
            kind = match b.u(2)? {
                0 => FrameKind::Key,
                1 => FrameKind::Inter,
                2 => FrameKind::IntraOnly,
                _ => FrameKind::Switch,
            };
            shown = b.flag()?;
            if shown {
                b.skip(sequence.presentation_time.unwrap_or(0))?;
            }
            showable = if shown { kind != FrameKind::Key } else { b.flag()? };
            resilient =
                kind == FrameKind::Switch || (kind == FrameKind::Key && shown) || b.flag()?;
        }
        let starts = kind == FrameKind::Key && shown;
        if starts {
            *slots = Default::default();
        }
        let disable_cdf_update = b.flag()?;
        let screen_content = own_or(b, sequence.screen_content)?;
        let mut integer_mv = screen_content && own_or(b, sequence.integer_mv)?;
        b.skip(sequence.frame_id.map_or(0, |(_, bits)| bits))?;
        let resized = match kind {
            FrameKind::Switch => true,
            _ => !sequence.reduced_still_picture && b.flag()?,
        };
        let order_hint = b.u(sequence.order_hint)?;
        let intra = matches!(kind, FrameKind::Key | FrameKind::IntraOnly);
        integer_mv |= intra;
        let primary = if intra || resilient { None } else { Some(b.u(3)?).filter(|p| *p < 7) };
        removal_times(b, sequence, temporal, spatial)?;
        let refreshes = if kind == FrameKind::Switch || starts { ALL } else { b.u(8)? };
        if (!intra || refreshes != ALL) && resilient && sequence.order_hint > 0 {
            for slot in slots.iter_mut() {
                let hint = b.u(sequence.order_hint)?;
                // Another frame than the one that was kept: it was lost.
                if slot.as_ref().is_none_or(|kept| kept.order_hint != hint) {
                    *slot = Some(Kept::lost(sequence, hint));
                }
            }
        }
        let mut parser =
            Parser { b, sequence, kind, intra, error_resilient: resilient, order_hint, resized };
        let size;
        let (mut used, mut intrabc, mut precise) = ([0; REFERENCES], false, false);
        if intra {
            size = parser.frame_size()?;
            parser.render_size()?;
            intrabc = screen_content && size.upscaled == size.width && parser.b.flag()?;
        } else {
            used = parser.references(slots)?;
            (size, precise) = parser.inter(slots, used, integer_mv)?;
        }
        if !sequence.reduced_still_picture && !disable_cdf_update {
            parser.b.skip(1)?; // disable_frame_end_update_cdf
        }
        let before = match primary {
            Some(index) => Some(slots[used[index as usize]].as_ref()?),
            None => None,
        };
        let layout = parser.tile_info(size)?;
        let (quantizer, lossless_steps) = parser.quantization()?;
        let quantizers = parser.segmentation(primary.is_some(), before)?;
        let deltas = quantizer > 0 && parser.b.flag()?;
        if deltas {
            parser.b.skip(2)?; // delta_q_res
            if !intrabc && parser.b.flag()? {
                parser.b.skip(3)?; // delta_lf_res, delta_lf_multi
            }
        }
        let lossless = lossless_steps
            && quantizers.iter().all(|added| (quantizer as i32 + added).clamp(0, 255) == 0);
        if !lossless && !intrabc {
            parser.loop_filter()?;
            parser.cdef()?;
        }
        if !(intrabc || (lossless && size.width == size.upscaled)) {
            parser.restoration()?;
        }
        if !lossless {
            parser.b.skip(1)?; // tx_mode_select
        }
        let several = !intra && parser.b.flag()?; // reference_select
        if several && parser.may_skip(slots, used)? {
            parser.b.skip(1)?; // skip_mode_present
        }
        if !(intra || resilient || !sequence.warped_motion) {
            parser.b.skip(1)?; // allow_warped_motion
        }
        parser.b.skip(1)?; // reduced_tx_set
        let motion = parser.global_motion(before.map_or(&STILL, |kept| &kept.motion), precise)?;
        if sequence.film_grain && (shown || showable) {
            parser.film_grain()?;
        }
        let size = (size.upscaled, size.height);
        let kept = Kept { kind, size, order_hint, motion, quantizers };
        Some(Self { layout: Some(layout), refreshes, kept })
    }
}

impl Kept {
    /// In place of a frame that is not there (§7.20).
    fn lost(sequence: &Sequence, order_hint: u32) -> Self {
        let quantizers = [0; SEGMENTS];
        Self { kind: FrameKind::Inter, size: sequence.size, order_hint, motion: STILL, quantizers }
    }
}

/// A frame that was decoded before is shown: a key frame begins anew.
fn shown_again(
    b: &mut Bits<'_>,
    sequence: &Sequence,
    slots: &[Option<Kept>; 8],
) -> Option<FrameHeader> {
    let index = b.u(3)? as usize;
    b.skip(sequence.presentation_time.unwrap_or(0))?;
    b.skip(sequence.frame_id.map_or(0, |(_, bits)| bits))?;
    // Nothing depends on which frame it is, unless it is a key frame.
    let kept = slots[index].clone().unwrap_or_else(|| Kept::lost(sequence, 0));
    let refreshes = if kept.kind == FrameKind::Key { ALL } else { 0 };
    Some(FrameHeader { layout: None, refreshes, kept })
}

/// A flag of the frame's own where the sequence leaves it to it.
fn own_or(b: &mut Bits<'_>, choice: Option<bool>) -> Option<bool> {
    match choice {
        Some(set) => Some(set),
        None => b.flag(),
    }
}

fn removal_times(b: &mut Bits<'_>, sequence: &Sequence, temporal: u32, spatial: u32) -> Option<()> {
    let Some(bits) = sequence.removal_time else { return Some(()) };
    if !b.flag()? {
        return Some(());
    }
    for point in sequence.operating_points.iter().filter(|point| point.has_model) {
        let within = point.idc >> temporal & 1 == 1 && point.idc >> (spatial + 8) & 1 == 1;
        if point.idc == 0 || within {
            b.skip(bits)?;
        }
    }
    Some(())
}

impl Parser<'_, '_, '_> {
    fn frame_size(&mut self) -> Option<Size> {
        let (width_bits, height_bits) = self.sequence.size_bits;
        let (width, height) = if self.resized {
            (self.b.u(width_bits)? + 1, self.b.u(height_bits)? + 1)
        } else {
            self.sequence.size
        };
        self.superres(width, height)
    }

    /// A frame that is coded narrower than it is (§5.9.8).
    fn superres(&mut self, upscaled: u32, height: u32) -> Option<Size> {
        let mut width = upscaled;
        if self.sequence.superres && self.b.flag()? {
            let denominator = self.b.u(3)? + 9;
            width = (upscaled * 8 + denominator / 2) / denominator;
        }
        Some(Size { upscaled, width, height })
    }

    fn render_size(&mut self) -> Option<()> {
        if self.b.flag()? { self.b.skip(32) } else { Some(()) }
    }

    /// The slot of each reference.
    fn references(&mut self, slots: &[Option<Kept>; 8]) -> Option<[usize; REFERENCES]> {
        let mut used = [0; REFERENCES];
        let short = self.sequence.order_hint > 0 && self.b.flag()?;
        if short {
            let (last, golden) = (self.b.u(3)? as usize, self.b.u(3)? as usize);
            used = self.set_references(slots, last, golden)?;
        }
        for slot in &mut used {
            if !short {
                *slot = self.b.u(3)? as usize;
            }
            self.b.skip(self.sequence.frame_id.map_or(0, |(difference, _)| difference))?;
        }
        Some(used)
    }

    /// The references that follow from the first and the golden one (§7.8).
    fn set_references(
        &self,
        slots: &[Option<Kept>; 8],
        last: usize,
        golden: usize,
    ) -> Option<[usize; REFERENCES]> {
        // Of each slot, how far behind this frame it is shown.
        let mut behind = [0; 8];
        for (behind, slot) in behind.iter_mut().zip(slots) {
            *behind = self.sequence.distance(slot.as_ref()?.order_hint, self.order_hint);
        }
        let mut free = [true; 8];
        let mut found = [None; REFERENCES];
        for (reference, slot) in [(0, last), (GOLDEN, golden)] {
            found[reference] = Some(slot);
            free[slot] = false;
        }
        let backward = |free: &[bool; 8]| (0..8).filter(|i| free[*i] && behind[*i] >= 0).collect();
        // Of those alike, the last one is the latest and the first one the earliest.
        let latest = |of: Vec<usize>| of.into_iter().max_by_key(|i| (behind[*i], *i));
        let earliest = |of: Vec<usize>| of.into_iter().min_by_key(|i| (behind[*i], *i));
        for reference in [ALTERNATE, BACKWARD, ALTERNATE_2] {
            let of = backward(&free);
            let slot = if reference == ALTERNATE { latest(of) } else { earliest(of) };
            if let Some(slot) = slot {
                found[reference] = Some(slot);
                free[slot] = false;
            }
        }
        for reference in [1, 2, BACKWARD, ALTERNATE_2, ALTERNATE] {
            if found[reference].is_none() {
                let slot = latest((0..8).filter(|i| free[*i] && behind[*i] < 0).collect());
                if let Some(slot) = slot {
                    found[reference] = Some(slot);
                    free[slot] = false;
                }
            }
        }
        let rest = earliest((0..8).collect())?;
        Some(found.map(|slot| slot.unwrap_or(rest)))
    }

    /// What only frames that are predicted from others have: their size, and
    /// whether their motion is precise.
    fn inter(
        &mut self,
        slots: &[Option<Kept>; 8],
        used: [usize; REFERENCES],
        integer_mv: bool,
    ) -> Option<(Size, bool)> {
        let mut size = None;
        if self.resized && !self.error_resilient {
            for slot in used {
                if self.b.flag()? {
                    let (width, height) = slots[slot].as_ref()?.size;
                    size = Some(self.superres(width, height)?);
                    break;
                }
            }
        }
        let size = match size {
            Some(size) => size,
            None => {
                let size = self.frame_size()?;
                self.render_size()?;
                size
            }
        };
        let precise = !integer_mv && self.b.flag()?;
        if !self.b.flag()? {
            self.b.skip(2)?; // interpolation_filter
        }
        self.b.skip(1)?; // is_motion_mode_switchable
        if !self.error_resilient && self.sequence.ref_frame_mvs {
            self.b.skip(1)?; // use_ref_frame_mvs
        }
        Some((size, precise))
    }

    /// How the frame is cut into tiles (§5.9.15).
    fn tile_info(&mut self, size: Size) -> Option<Layout> {
        let log = if self.sequence.superblock_128 { 7 } else { 6 };
        let (columns, rows) = (size.width.div_ceil(1 << log), size.height.div_ceil(1 << log));
        let widest = 4096 >> log;
        let largest = (4096 * 2304) >> (2 * log);
        let least_columns = tile_log2(widest, columns);
        let least = least_columns.max(tile_log2(largest, rows * columns));
        let (across, down);
        let (across_log, down_log);
        if self.b.flag()? {
            across_log = self.increments(least_columns, tile_log2(1, columns.min(64)))?;
            across = columns.div_ceil(columns.div_ceil(1 << across_log));
            let least_rows = least.saturating_sub(across_log);
            down_log = self.increments(least_rows, tile_log2(1, rows.min(64)))?;
            down = rows.div_ceil(rows.div_ceil(1 << down_log));
        } else {
            let (count, wide) = self.uneven(columns, widest)?;
            (across, across_log) = (count, tile_log2(1, count));
            let area = if least > 0 { (rows * columns) >> (least + 1) } else { rows * columns };
            (down, _) = self.uneven(rows, (area / wide).max(1))?;
            down_log = tile_log2(1, down);
        }
        let bits = across_log + down_log;
        let mut size_bytes = 4;
        if bits > 0 {
            self.b.skip(bits)?; // context_update_tile_id
            size_bytes = self.b.u(2)? as usize + 1;
        }
        Some(Layout { columns: across, rows: down, bits, size_bytes })
    }

    fn increments(&mut self, least: u32, most: u32) -> Option<u32> {
        let mut value = least;
        while value < most && self.b.flag()? {
            value += 1;
        }
        Some(value)
    }

    /// Tiles of sizes of their own: how many, and the largest.
    fn uneven(&mut self, blocks: u32, most: u32) -> Option<(u32, u32)> {
        let (mut left, mut count, mut largest) = (blocks, 0, 0);
        while left > 0 {
            let size = self.b.ns(left.min(most))? + 1;
            left -= size;
            largest = largest.max(size);
            count += 1;
        }
        (1..=64).contains(&count).then_some((count, largest))
    }

    /// `base_q_idx`, and whether no step differs from it (§5.9.12).
    fn quantization(&mut self) -> Option<(u32, bool)> {
        let base = self.b.u(8)?;
        let color = self.sequence.color;
        let mut same = self.delta_q()? == 0;
        if !color.mono {
            let apart = color.separate_uv && self.b.flag()?;
            for _ in 0..if apart { 4 } else { 2 } {
                same &= self.delta_q()? == 0;
            }
        }
        if self.b.flag()? {
            self.b.skip(if color.separate_uv { 12 } else { 8 })?; // qm_y, qm_u, qm_v
        }
        Some((base, same))
    }

    fn delta_q(&mut self) -> Option<i32> {
        if self.b.flag()? { self.b.su(7) } else { Some(0) }
    }

    /// What each segment adds to the quantizer index (§5.9.14).
    fn segmentation(&mut self, inherits: bool, before: Option<&Kept>) -> Option<[i32; SEGMENTS]> {
        let mut quantizers = [0; SEGMENTS];
        if !self.b.flag()? {
            return Some(quantizers);
        }
        let mut updated = true;
        if inherits {
            if self.b.flag()? {
                self.b.skip(1)?; // segmentation_temporal_update
            }
            updated = self.b.flag()?;
        }
        if !updated {
            return before.map(|kept| kept.quantizers);
        }
        for quantizer in &mut quantizers {
            for (feature, (bits, signed)) in FEATURES.into_iter().enumerate() {
                if !self.b.flag()? {
                    continue;
                }
                let value = if signed { self.b.su(bits + 1)? } else { self.b.u(bits)? as i32 };
                if feature == 0 {
                    *quantizer = value;
                }
            }
        }
        Some(quantizers)
    }

    fn loop_filter(&mut self) -> Option<()> {
        let levels = (self.b.u(6)?, self.b.u(6)?);
        if !self.sequence.color.mono && levels != (0, 0) {
            self.b.skip(12)?;
        }
        self.b.skip(3)?; // loop_filter_sharpness
        if self.b.flag()? && self.b.flag()? {
            for _ in 0..10 {
                self.delta_q()?; // of each reference and mode, written alike
            }
        }
        Some(())
    }

    fn cdef(&mut self) -> Option<()> {
        if !self.sequence.cdef {
            return Some(());
        }
        self.b.skip(2)?; // cdef_damping_minus_3
        let strengths = 1 << self.b.u(2)?;
        self.b.skip(strengths * if self.sequence.color.mono { 6 } else { 12 })
    }

    /// `lr_params` (§5.9.20).
    fn restoration(&mut self) -> Option<()> {
        if !self.sequence.restoration {
            return Some(());
        }
        let color = self.sequence.color;
        let luma = self.b.u(2)? != 0;
        let chroma = !color.mono && (self.b.u(2)? | self.b.u(2)?) != 0;
        if luma || chroma {
            if self.b.flag()? && !self.sequence.superblock_128 {
                self.b.skip(1)?; // lr_unit_extra_shift
            }
            if chroma && color.halved {
                self.b.skip(1)?; // lr_uv_shift
            }
        }
        Some(())
    }

    /// Whether references on both sides, or two before, let blocks be skipped
    /// (§5.9.22).
    fn may_skip(&self, slots: &[Option<Kept>; 8], used: [usize; REFERENCES]) -> Option<bool> {
        if self.sequence.order_hint == 0 {
            return Some(false);
        }
        let mut hints = [0; REFERENCES];
        for (hint, slot) in hints.iter_mut().zip(used) {
            *hint = slots[slot].as_ref()?.order_hint;
        }
        let distance = |a, b| self.sequence.distance(a, b);
        let mut nearest: Option<u32> = None;
        for hint in hints.into_iter().filter(|hint| distance(*hint, self.order_hint) < 0) {
            if nearest.is_none_or(|nearest| distance(hint, nearest) > 0) {
                nearest = Some(hint);
            }
        }
        let Some(nearest) = nearest else { return Some(false) };
        Some(
            hints
                .into_iter()
                .any(|hint| distance(hint, self.order_hint) > 0 || distance(hint, nearest) < 0),
        )
    }

    /// `global_motion_params` (§5.9.24): lengths depend on the frame before.
    fn global_motion(&mut self, before: &Motion, precise: bool) -> Option<Motion> {
        let mut motion = STILL;
        if self.intra {
            return Some(motion);
        }
        for (own, before) in motion.iter_mut().zip(before) {
            if !self.b.flag()? {
                continue;
            }
            // Turned and zoomed; moved alone; or anything.
            let turned = self.b.flag()?;
            let moved = !turned && self.b.flag()?;
            let mut read =
                |index: usize| self.global_parameter(before[index], index, moved, precise);
            if !moved {
                (own[2], own[3]) = (read(2)?, read(3)?);
                (own[4], own[5]) = if turned { (-own[3], own[2]) } else { (read(4)?, read(5)?) };
            }
            (own[0], own[1]) = (read(0)?, read(1)?);
        }
        Some(motion)
    }

    fn global_parameter(
        &mut self,
        before: i32,
        index: usize,
        moved: bool,
        precise: bool,
    ) -> Option<i32> {
        let coarse = u32::from(!precise);
        let (size, precision) = match (index < 2, moved) {
            (true, true) => (9 - coarse, 3 - coarse),
            (true, false) => (12, 6),
            (false, _) => (12, 15),
        };
        let shift = WARPED_BITS - precision;
        let one = i32::from(index % 3 == 2);
        let most = 1_i32 << size;
        let reference = (before >> shift) - (one << precision);
        let value = self.b.subexp_around(2 * most + 1, reference + most)? - most;
        Some((value << shift) + (one << WARPED_BITS))
    }

    fn film_grain(&mut self) -> Option<()> {
        if !self.b.flag()? {
            return Some(());
        }
        self.b.skip(16)?; // grain_seed
        if self.kind == FrameKind::Inter && !self.b.flag()? {
            return self.b.skip(3); // film_grain_params_ref_idx
        }
        let color = self.sequence.color;
        let luma = self.b.u(4)?;
        self.b.skip(16 * luma)?;
        let from_luma = !color.mono && self.b.flag()?;
        let mut chroma = [0; 2];
        if !(color.mono || from_luma || (color.halved && luma == 0)) {
            for points in &mut chroma {
                *points = self.b.u(4)?;
                self.b.skip(16 * *points)?;
            }
        }
        self.b.skip(2)?; // grain_scaling_minus_8
        let lag = self.b.u(2)?;
        let coefficients = 2 * lag * (lag + 1);
        if luma > 0 {
            self.b.skip(8 * coefficients)?;
        }
        for points in chroma {
            if from_luma || points > 0 {
                self.b.skip(8 * (coefficients + u32::from(luma > 0)))?;
            }
        }
        self.b.skip(4)?; // ar_coeff_shift_minus_6, grain_scale_shift
        for points in chroma {
            if points > 0 {
                self.b.skip(25)?; // mult, luma_mult, offset
            }
        }
        self.b.skip(2) // overlap_flag, clip_to_restricted_range
    }
}

/// The least power of two that brings `size` to `target` (§5.9.15).
fn tile_log2(size: u32, target: u32) -> u32 {
    let mut log = 0;
    while size << log < target {
        log += 1;
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_tiles() {
        assert_eq!([1, 2, 3, 4, 5].map(|n| tile_log2(1, n)), [0, 1, 2, 2, 3]);
        assert_eq!(tile_log2(64, 65), 1);
    }
}
