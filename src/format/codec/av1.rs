//! AV1: where the tiles of a sample are (AV1 bitstream specification §5.3 to
//! §5.11). Only they are protected (AV1 in ISOBMFF, Common Encryption), and to
//! find the first one all of the frame header in front must be read, which
//! depends on the frames before it.

mod frame;
mod sequence;

use super::bits::Bits;
use frame::{FrameHeader, Kept, Layout};
use sequence::Sequence;
use std::ops::Range;

/// Types of OBU (§6.2.2).
const SEQUENCE_HEADER: u32 = 1;
const TEMPORAL_DELIMITER: u32 = 2;
const FRAME_HEADER: u32 = 3;
const TILE_GROUP: u32 = 4;
const FRAME: u32 = 6;
const REDUNDANT_FRAME_HEADER: u32 = 7;

/// What a decoder knows between two samples.
#[derive(Clone, Debug, Default)]
pub struct State {
    sequence: Option<Sequence>,
    /// The frames kept for reference.
    slots: [Option<Kept>; 8],
    /// The frame whose tiles are not all there yet.
    open: Option<FrameHeader>,
}

/// An OBU of a sample.
struct Obu {
    kind: u32,
    temporal: u32,
    spatial: u32,
    payload: Range<usize>,
}

impl State {
    /// From the body of `av1C`: its OBUs may have the sequence header.
    pub fn of_config(body: &[u8]) -> Self {
        let mut state = Self::default();
        // A configuration that cannot be read leaves it to the first sample.
        let _ = body.get(4..).and_then(|obus| state.tiles(obus));
        state
    }

    /// Where the data of each tile is, in order; `None` where the headers cannot be
    /// read.
    pub fn tiles(&mut self, sample: &[u8]) -> Option<Vec<Range<usize>>> {
        let mut tiles = Vec::new();
        let mut at = 0;
        while at < sample.len() {
            let obu = obu(sample, at)?;
            at = obu.payload.end;
            let payload = &sample[obu.payload.clone()];
            match obu.kind {
                SEQUENCE_HEADER => self.sequence = Some(Sequence::read(payload)?),
                TEMPORAL_DELIMITER => self.open = None,
                FRAME_HEADER | REDUNDANT_FRAME_HEADER => {
                    self.frame_header(&mut Bits::plain(payload), &obu)?;
                }
                FRAME => {
                    let mut bits = Bits::plain(payload);
                    self.frame_header(&mut bits, &obu)?;
                    bits.align();
                    self.tile_group(&mut bits, payload, obu.payload.start, &mut tiles)?;
                }
                TILE_GROUP => {
                    let bits = &mut Bits::plain(payload);
                    self.tile_group(bits, payload, obu.payload.start, &mut tiles)?;
                }
                _ => {}
            }
        }
        Some(tiles)
    }

    /// A frame header, or a copy of the one before.
    fn frame_header(&mut self, bits: &mut Bits<'_>, obu: &Obu) -> Option<()> {
        if self.open.is_some() {
            return Some(());
        }
        let sequence = self.sequence.as_ref()?;
        let header = FrameHeader::read(bits, sequence, &mut self.slots, obu.temporal, obu.spatial)?;
        if header.layout.is_some() {
            self.open = Some(header);
        } else {
            self.keep(&header);
        }
        Some(())
    }

    /// `tile_group_obu` (§5.11.1), whose payload is `bytes` and begins at `base`.
    fn tile_group(
        &mut self,
        bits: &mut Bits<'_>,
        bytes: &[u8],
        base: usize,
        tiles: &mut Vec<Range<usize>>,
    ) -> Option<()> {
        let layout = self.open.as_ref()?.layout.as_ref()?;
        let Layout { columns, rows, bits: number, size_bytes } = *layout;
        let count = columns * rows;
        let (mut first, mut last) = (0, count - 1);
        if count > 1 && bits.flag()? {
            (first, last) = (bits.u(number)?, bits.u(number)?);
        }
        bits.align();
        if first > last || last >= count {
            return None;
        }
        let mut at = bits.position();
        for tile in first..=last {
            let len = if tile == last {
                bytes.len().checked_sub(at)?
            } else {
                let size = bytes.get(at..at + size_bytes)?;
                at += size_bytes;
                size.iter().rev().fold(0, |n, byte| n << 8 | usize::from(*byte)) + 1
            };
            let end = at.checked_add(len).filter(|end| *end <= bytes.len())?;
            tiles.push(base + at..base + end);
            at = end;
        }
        if last + 1 == count
            && let Some(header) = self.open.take()
        {
            self.keep(&header);
        }
        Some(())
    }

    /// The reference frame update (§7.20).
    fn keep(&mut self, header: &FrameHeader) {
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if header.refreshes >> index & 1 == 1 {
                *slot = Some(header.kept.clone());
            }
        }
    }
}

/// The OBU that begins here (§5.3).
fn obu(sample: &[u8], at: usize) -> Option<Obu> {
    let mut bits = Bits::plain(&sample[at..]);
    if bits.flag()? {
        return None; // obu_forbidden_bit
    }
    let kind = bits.u(4)?;
    let (extended, sized) = (bits.flag()?, bits.flag()?);
    bits.skip(1)?;
    let (temporal, spatial) = if extended { (bits.u(3)?, bits.u(2)?) } else { (0, 0) };
    bits.align();
    let len = if sized { leb128(&mut bits)? } else { sample.len() - at - bits.position() };
    let start = at + bits.position();
    let end = start.checked_add(len).filter(|end| *end <= sample.len())?;
    Some(Obu { kind, temporal, spatial, payload: start..end })
}

fn leb128(bits: &mut Bits<'_>) -> Option<usize> {
    let mut value = 0_u64;
    for byte in 0..8 {
        let more = bits.flag()?;
        value |= u64::from(bits.u(7)?) << (7 * byte);
        if !more {
            return usize::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obus_lead_from_one_to_the_next() {
        // A delimiter, padding of two bytes, and metadata to the end.
        let sample = [0x12, 0, 0x7a, 2, 0xaa, 0xbb, 0x28, 1, 2];
        let found: Vec<_> = [0, 2, 6].map(|at| obu(&sample, at).unwrap().payload).into();
        assert_eq!(found, [2..2, 4..6, 7..9]);
        assert!(State::default().tiles(&sample).unwrap().is_empty());
        assert!(obu(&[0x7a, 3, 0], 0).is_none(), "longer than its sample");
        assert!(obu(&[0x92, 0], 0).is_none(), "the forbidden bit");
    }

    #[test]
    fn a_frame_without_its_sequence_is_refused() {
        assert!(State::default().tiles(&[0x32, 1, 0x10]).is_none());
        assert!(State::default().tiles(&[0x22, 1, 0]).is_none());
    }

    #[test]
    fn lengths_of_several_bytes() {
        assert_eq!(leb128(&mut Bits::plain(&[0x80, 0x01])), Some(128));
        assert_eq!(leb128(&mut Bits::plain(&[0xe5, 0x8e, 0x26])), Some(624_485));
        assert_eq!(leb128(&mut Bits::plain(&[0x80; 9])), None);
    }
}
