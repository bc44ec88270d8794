//! VP9: frames of a sample, and where each one's uncompressed header ends (VP9
//! bitstream specification §6.2, annex B).

use super::bits::Bits;
use std::ops::Range;

/// What uncompressed headers depend on: the sizes of the frames kept for reference.
#[derive(Clone, Debug)]
pub struct References([(u32, u32); 8]);

impl References {
    /// Where nothing is known yet: frames as large as the sample entry says.
    pub fn new(dimensions: Option<(u16, u16)>) -> Self {
        let (width, height) = dimensions.unwrap_or_default();
        Self([(width.into(), height.into()); 8])
    }

    /// What is behind the uncompressed header of each frame of a sample, in order;
    /// the index of a superframe is behind the last. `None` where the headers
    /// cannot be read.
    pub fn frames(&mut self, sample: &[u8]) -> Option<Vec<Range<usize>>> {
        let mut frames = Vec::new();
        let mut at = 0;
        for len in frame_sizes(sample) {
            let end = at + len;
            let frame = sample.get(at..end)?;
            if !frame.is_empty() {
                frames.push(at + self.header(frame)?..end);
            }
            at = end;
        }
        Some(frames)
    }

    /// Bytes of the uncompressed header that a frame begins with.
    fn header(&mut self, frame: &[u8]) -> Option<usize> {
        let mut b = Bits::plain(frame);
        if b.u(2)? != 2 {
            return None; // frame_marker
        }
        let profile = b.u(1)? | b.u(1)? << 1;
        if profile == 3 {
            b.skip(1)?;
        }
        if b.flag()? {
            b.skip(3)?; // frame_to_show_map_idx
            b.align();
            return Some(b.position());
        }
        let key = !b.flag()?;
        let (shown, resilient) = (b.flag()?, b.flag()?);
        let (size, refreshed);
        if key {
            b.skip(24)?;
            color_config(&mut b, profile)?;
            size = frame_size(&mut b)?;
            render_size(&mut b)?;
            refreshed = 0xff;
        } else {
            let intra = !shown && b.flag()?;
            if !resilient {
                b.skip(2)?; // reset_frame_context
            }
            if intra {
                b.skip(24)?;
                if profile > 0 {
                    color_config(&mut b, profile)?;
                }
                refreshed = b.u(8)?;
                size = frame_size(&mut b)?;
                render_size(&mut b)?;
            } else {
                refreshed = b.u(8)?;
                let mut used = [0; 3];
                for index in &mut used {
                    *index = b.u(3)? as usize;
                    b.skip(1)?; // sign bias
                }
                size = self.size_with_references(&mut b, used)?;
                b.skip(1)?; // allow_high_precision_mv
                if !b.flag()? {
                    b.skip(2)?; // raw_interpolation_filter
                }
            }
        }
        if !resilient {
            b.skip(2)?; // refresh_frame_context, frame_parallel_decoding_mode
        }
        b.skip(2)?; // frame_context_idx
        loop_filter(&mut b)?;
        b.skip(8)?; // base_q_idx
        for _ in 0..3 {
            signed_if_coded(&mut b, 4)?;
        }
        segmentation(&mut b)?;
        tiles(&mut b, size.0)?;
        b.skip(16)?; // header_size_in_bytes
        b.align();
        for (index, kept) in self.0.iter_mut().enumerate() {
            if refreshed >> index & 1 == 1 {
                *kept = size;
            }
        }
        Some(b.position())
    }

    fn size_with_references(&self, b: &mut Bits<'_>, used: [usize; 3]) -> Option<(u32, u32)> {
        let mut size = None;
        for index in used {
            if b.flag()? {
                size = Some(self.0[index]);
                break;
            }
        }
        let size = match size {
            Some(size) => size,
            None => frame_size(b)?,
        };
        render_size(b)?;
        Some(size)
    }
}

/// Bytes of each frame: all of the sample, or what its index lists.
fn frame_sizes(sample: &[u8]) -> Vec<usize> {
    let whole = || vec![sample.len()];
    let Some(marker) = sample.last().filter(|last| **last & 0xe0 == 0xc0) else { return whole() };
    let count = usize::from(marker & 7) + 1;
    let each = usize::from(marker >> 3 & 3) + 1;
    let index = sample.len().checked_sub(2 + each * count).and_then(|at| sample.get(at..));
    let Some(index) = index.filter(|index| index.first() == Some(marker)) else { return whole() };
    let sizes = index[1..index.len() - 1].chunks(each);
    sizes.map(|size| size.iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte))).collect()
}

fn color_config(b: &mut Bits<'_>, profile: u32) -> Option<()> {
    if profile >= 2 {
        b.skip(1)?; // ten_or_twelve_bit
    }
    let rgb = b.u(3)? == 7;
    let sampled = profile & 1 == 1;
    b.skip(match (rgb, sampled) {
        (false, false) => 1,
        (false, true) => 4,
        (true, true) => 1,
        (true, false) => 0,
    })
}

fn frame_size(b: &mut Bits<'_>) -> Option<(u32, u32)> {
    Some((b.u(16)? + 1, b.u(16)? + 1))
}

fn render_size(b: &mut Bits<'_>) -> Option<()> {
    if b.flag()? { b.skip(32) } else { Some(()) }
}

/// A number with a sign, if the bit in front says that it is there.
fn signed_if_coded(b: &mut Bits<'_>, bits: u32) -> Option<()> {
    if b.flag()? { b.skip(bits + 1) } else { Some(()) }
}

fn loop_filter(b: &mut Bits<'_>) -> Option<()> {
    b.skip(9)?; // level, sharpness
    if b.flag()? && b.flag()? {
        for _ in 0..6 {
            signed_if_coded(b, 6)?;
        }
    }
    Some(())
}

fn segmentation(b: &mut Bits<'_>) -> Option<()> {
    if !b.flag()? {
        return Some(());
    }
    let probability = |b: &mut Bits<'_>| if b.flag()? { b.skip(8) } else { Some(()) };
    if b.flag()? {
        for _ in 0..7 {
            probability(b)?;
        }
        if b.flag()? {
            for _ in 0..3 {
                probability(b)?;
            }
        }
    }
    if b.flag()? {
        b.skip(1)?;
        // Bits of each feature's value, with its sign.
        for bits in [9, 7, 2, 0].repeat(8) {
            if b.flag()? {
                b.skip(bits)?;
            }
        }
    }
    Some(())
}

fn tiles(b: &mut Bits<'_>, width: u32) -> Option<()> {
    let blocks = width.div_ceil(8).div_ceil(8);
    let least = (0..).find(|log| 64_u32 << log >= blocks)?;
    let most = (1..32).find(|log| blocks >> log < 4)? - 1;
    for _ in least..most.max(least) {
        if !b.flag()? {
            break;
        }
    }
    if b.flag()? { b.skip(1) } else { Some(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_lists_frames() {
        let sample = [0x80, 1, 2, 3, 0xc1, 3, 1, 0xc1];
        assert_eq!(frame_sizes(&sample), [3, 1]);
        assert_eq!(frame_sizes(&[0x80, 1, 0xc1]), [3], "no index of that length");
        assert_eq!(frame_sizes(&[]), [0]);
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert_eq!(References::new(None).frames(&[0x40, 0, 0]), None);
        assert_eq!(References::new(None).frames(&[0x80]), None);
    }
}
