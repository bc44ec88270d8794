//! The samples that `moov` lists itself (ISO/IEC 14496-12 §8.6, §8.7). They are
//! kept as the tables that list them: PCM has millions.

use super::{Atom, Cursor, Seen, atoms, down, first, wrong};
use crate::error::Result;

/// A track whose samples `moov` lists.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListedTrack {
    pub(crate) track: u32,
    /// Samples that lie within the file.
    pub(crate) count: usize,
    sizes: Sizes,
    pub(crate) chunks: Vec<Chunk>,
    /// How many samples, and the duration of each.
    durations: Vec<(u32, u32)>,
    /// How many samples, and the composition offset of each.
    offsets: Vec<(u32, i32)>,
    /// Numbers of sync samples, from 1; none where all are.
    syncs: Option<Vec<u32>>,
}

/// Samples that lie one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    /// Where the first begins.
    at: u64,
    pub(crate) samples: u32,
    /// Their sample entry, from 1.
    pub(crate) entry: u32,
}

#[derive(Clone, Debug)]
enum Sizes {
    Same(u32, u32),
    Own(Vec<u32>),
}

impl Default for Sizes {
    fn default() -> Self {
        Self::Own(Vec::new())
    }
}

impl Sizes {
    /// Bytes of some samples together.
    fn sum(&self, samples: std::ops::Range<usize>) -> u64 {
        match self {
            Self::Same(size, _) => samples.len() as u64 * u64::from(*size),
            Self::Own(sizes) => {
                sizes.get(samples).into_iter().flatten().copied().map(u64::from).sum()
            }
        }
    }

    fn get(&self, sample: usize) -> Option<u32> {
        match self {
            Self::Same(size, count) => (sample < *count as usize).then_some(*size),
            Self::Own(sizes) => sizes.get(sample).copied(),
        }
    }
}

/// The tracks of a `moov` that lists samples. Samples past the end of the file
/// end the list, as where a download was cut.
pub(crate) fn listed(moov: &[u8], file_size: u64) -> Result<Vec<ListedTrack>> {
    let whole = atoms(moov, 0)?;
    let moov = first(&whole, b"moov").ok_or_else(|| wrong(0, "there is no moov"))?;
    let mut found = Vec::new();
    for trak in moov.children()?.iter().filter(|atom| &atom.code == b"trak") {
        let Some(tkhd) = down(trak, &[b"tkhd"])? else { continue };
        let mut c = tkhd.cursor();
        let wide = c.number(1)? == 1;
        c.take(3 + if wide { 16 } else { 8 })?;
        let track = c.u32()?;
        let Some(stbl) = down(trak, &[b"mdia", b"minf", b"stbl"])? else { continue };
        let listed = read(&stbl, track, file_size)?;
        if listed.count > 0 {
            found.push(listed);
        }
    }
    Ok(found)
}

/// The rows of a table behind version, flags and a count: two numbers each.
fn pairs(atom: &Atom<'_>) -> Result<Vec<(u32, u32)>> {
    let mut c = atom.cursor();
    c.take(4)?;
    let mut rows = Vec::new();
    for _ in 0..c.u32()? {
        rows.push((c.u32()?, c.u32()?));
    }
    Ok(rows)
}

fn read(stbl: &Atom<'_>, track: u32, file_size: u64) -> Result<ListedTrack> {
    let children = stbl.children()?;
    let mut listed = ListedTrack { track, sizes: sizes(&children)?, ..ListedTrack::default() };
    let (Some(stsc), Some(chunks)) =
        (first(&children, b"stsc"), first(&children, b"co64").or(first(&children, b"stco")))
    else {
        return Ok(listed);
    };
    let mut c = stsc.cursor();
    c.take(4)?;
    let mut runs = Vec::new();
    for _ in 0..c.u32()? {
        runs.push((c.u32()?, c.u32()?, c.u32()?));
    }
    let wide = &chunks.code == b"co64";
    let mut c = chunks.cursor();
    c.take(4)?;
    let mut row = 0;
    'chunks: for chunk in 1..=c.u32()? {
        let at = c.number(if wide { 8 } else { 4 })?;
        while runs.get(row + 1).is_some_and(|(first, ..)| *first <= chunk) {
            row += 1;
        }
        let (mut next, mut inside) = (at, 0);
        let (_, each, entry) = runs.get(row).copied().unwrap_or_default();
        if let Sizes::Same(size, all) = listed.sizes
            && size > 0
        {
            // PCM has millions.
            let room = file_size.saturating_sub(at) / u64::from(size);
            let left = u64::from(all).min(file_size).saturating_sub(listed.count as u64);
            let inside = room.min(left).min(each.into());
            listed.count += inside as usize;
            listed.chunks.push(Chunk { at, samples: inside as u32, entry });
            if inside < u64::from(each) {
                break;
            }
            continue;
        }
        for _ in 0..each {
            let size = listed.sizes.get(listed.count);
            let end = size.map(|size| next.saturating_add(size.into()));
            // More samples than bytes there can only be if they share them.
            let fits = |end: &u64| *end <= file_size && (listed.count as u64) < file_size;
            let Some(end) = end.filter(fits) else {
                listed.chunks.push(Chunk { at, samples: inside, entry });
                break 'chunks;
            };
            (next, inside) = (end, inside + 1);
            listed.count += 1;
        }
        listed.chunks.push(Chunk { at, samples: inside, entry });
    }
    if let Some(stts) = first(&children, b"stts") {
        listed.durations = pairs(stts)?;
    }
    if let Some(ctts) = first(&children, b"ctts") {
        listed.offsets = pairs(ctts)?.into_iter().map(|(n, offset)| (n, offset as i32)).collect();
    }
    if let Some(stss) = first(&children, b"stss") {
        let mut c = stss.cursor();
        c.take(4)?;
        let mut syncs = Vec::new();
        for _ in 0..c.u32()? {
            syncs.push(c.u32()?);
        }
        listed.syncs = Some(syncs);
    }
    Ok(listed)
}

fn sizes(children: &[Atom<'_>]) -> Result<Sizes> {
    if let Some(stsz) = first(children, b"stsz") {
        let mut c = stsz.cursor();
        c.take(4)?;
        let (all, count) = (c.u32()?, c.u32()?);
        if all != 0 {
            return Ok(Sizes::Same(all, count));
        }
        let mut own = Vec::new();
        for _ in 0..count {
            own.push(c.u32()?);
        }
        return Ok(Sizes::Own(own));
    }
    let Some(stz2) = first(children, b"stz2") else { return Ok(Sizes::default()) };
    let mut c = stz2.cursor();
    c.take(7)?;
    let bits = c.number(1)?;
    let count = c.u32()?;
    let mut own = Vec::new();
    let mut half = None;
    for _ in 0..count {
        own.push(match bits {
            16 => c.number(2)? as u32,
            8 => c.number(1)? as u32,
            _ => match half.take() {
                Some(low) => low,
                None => {
                    let byte = Cursor::number(&mut c, 1)? as u32;
                    half = Some(byte & 15);
                    byte >> 4
                }
            },
        });
    }
    Ok(Sizes::Own(own))
}

/// Values given as runs of a count and a value.
fn expanded<T: Copy>(rows: &[(u32, T)]) -> impl Iterator<Item = T> {
    rows.iter().flat_map(|(count, value)| std::iter::repeat_n(*value, *count as usize))
}

impl ListedTrack {
    /// The first `each` samples of every `step`: number, place, size, sample entry.
    pub(crate) fn spread(&self, step: usize, each: usize) -> Vec<(usize, u64, u32, u32)> {
        let wanted = |from: usize| match from % step < each {
            true => from,
            false => from.checked_next_multiple_of(step).unwrap_or(usize::MAX),
        };
        let (mut found, mut first) = (Vec::new(), 0);
        for chunk in &self.chunks {
            let (mut at, mut counted) = (chunk.at, first);
            first += chunk.samples as usize;
            let mut number = wanted(counted);
            while number < first {
                at = at.saturating_add(self.sizes.sum(counted..number));
                counted = number;
                found.push((number, at, self.sizes.get(number).unwrap_or(0), chunk.entry));
                number = wanted(number.saturating_add(1));
            }
        }
        found
    }

    /// The samples, in order of decoding, each with its time.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (i64, Seen)> {
        let mut durations = expanded(&self.durations);
        let mut offsets = expanded(&self.offsets);
        let mut syncs = self.syncs.as_ref().map(|syncs| syncs.iter().copied().peekable());
        let places = self.chunks.iter().flat_map(|c| (0..c.samples).map(|n| (c.at, n == 0)));
        let (mut time, mut next) = (0_i64, 0);
        places.enumerate().map(move |(index, (chunk, begins))| {
            let at = if begins { chunk } else { next };
            let size = self.sizes.get(index).unwrap_or(0);
            next = at + u64::from(size);
            let number = index as u32 + 1;
            let sync = syncs.as_mut().is_none_or(|syncs| {
                while syncs.next_if(|sync| *sync < number).is_some() {}
                syncs.peek() == Some(&number)
            });
            let duration = durations.next().unwrap_or(0);
            let offset = offsets.next().unwrap_or(0);
            let flags = if sync { 0 } else { 0x1_0000 };
            let decoded = time;
            time = time.saturating_add(duration.into());
            (decoded, Seen { at, size, duration, offset, flags, lock: None })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_all_over_a_track_lie_where_a_walk_finds_them() {
        let chunk = |at, samples, entry| Chunk { at, samples, entry };
        let chunks = vec![chunk(100, 7, 1), chunk(900, 1, 2), chunk(40, 0, 1), chunk(2000, 12, 1)];
        for sizes in [Sizes::Same(9, 20), Sizes::Own((1..=20).collect())] {
            let track =
                ListedTrack { count: 20, sizes, chunks: chunks.clone(), ..ListedTrack::default() };
            for (step, each) in [(1, 1), (3, 1), (5, 2), (7, 6), (20, 3), (2, 9)] {
                let walked: Vec<(usize, u64, u32)> = track
                    .samples()
                    .enumerate()
                    .filter(|(number, _)| number % step < each)
                    .map(|(number, (_, seen))| (number, seen.at, seen.size))
                    .collect();
                let found = track.spread(step, each);
                let places: Vec<_> =
                    found.iter().map(|(n, at, size, _)| (*n, *at, *size)).collect();
                assert_eq!(places, walked, "{step} {each}");
                assert!(found.iter().all(|(n, .., entry)| (*entry == 2) == (*n == 7)));
            }
        }
    }
}
