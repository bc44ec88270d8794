//! The samples that `moov` lists itself (ISO/IEC 14496-12 §8.6, §8.7).

use super::{Atom, Cursor, Seen, atoms, down, first, wrong};
use crate::error::Result;

/// A track whose samples `moov` lists.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) track: u32,
    /// In order of decoding, each with its time.
    pub(crate) samples: Vec<(i64, Seen)>,
}

/// The tracks of a `moov` that lists samples. Samples past the end of the file
/// end the list, as where a download was cut.
pub(crate) fn listed(moov: &[u8], file_size: u64) -> Result<Vec<Listed>> {
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
        let samples = samples(&stbl, file_size)?;
        if !samples.is_empty() {
            found.push(Listed { track, samples });
        }
    }
    Ok(found)
}

/// The rows of a table behind version, flags and a count.
fn rows<'b>(atom: &Atom<'b>) -> Result<(Cursor<'b>, u32)> {
    let mut c = atom.cursor();
    c.take(4)?;
    let count = c.u32()?;
    Ok((c, count))
}

fn samples(stbl: &Atom<'_>, file_size: u64) -> Result<Vec<(i64, Seen)>> {
    let children = stbl.children()?;
    let places = places(&children, file_size)?;
    let mut samples: Vec<(i64, Seen)> = places
        .into_iter()
        .map(|(at, size)| (0, Seen { at, size, duration: 0, offset: 0, flags: 0, lock: None }))
        .collect();
    if let Some(stts) = first(&children, b"stts") {
        let (mut c, count) = rows(stts)?;
        let (mut sample, mut time) = (0, 0_i64);
        for _ in 0..count {
            let (run, delta) = (c.u32()?, c.u32()?);
            for (decoded, seen) in samples.iter_mut().skip(sample).take(run as usize) {
                (*decoded, seen.duration) = (time, delta);
                time = time.saturating_add(delta.into());
            }
            sample += run as usize;
        }
    }
    if let Some(ctts) = first(&children, b"ctts") {
        let (mut c, count) = rows(ctts)?;
        let mut sample = 0;
        for _ in 0..count {
            let (run, offset) = (c.u32()?, c.u32()? as i32);
            let own = samples.iter_mut().skip(sample).take(run as usize);
            own.for_each(|(_, seen)| seen.offset = offset);
            sample += run as usize;
        }
    }
    if let Some(stss) = first(&children, b"stss") {
        samples.iter_mut().for_each(|(_, seen)| seen.flags = 0x1_0000);
        let (mut c, count) = rows(stss)?;
        for _ in 0..count {
            let number = c.u32()? as usize;
            if let Some((_, seen)) = samples.get_mut(number.wrapping_sub(1)) {
                seen.flags = 0;
            }
        }
    }
    Ok(samples)
}

/// Where each sample is, and its size.
fn places(children: &[Atom<'_>], file_size: u64) -> Result<Vec<(u64, u32)>> {
    let (Some(stsc), Some(chunks)) =
        (first(children, b"stsc"), first(children, b"co64").or(first(children, b"stco")))
    else {
        return Ok(Vec::new());
    };
    let mut size = sizes(children)?;
    let (mut c, count) = rows(stsc)?;
    let mut runs = Vec::new();
    for _ in 0..count {
        runs.push((c.u32()?, c.u32()?));
        c.take(4)?;
    }
    let wide = &chunks.code == b"co64";
    let (mut c, count) = rows(chunks)?;
    let (mut places, mut row) = (Vec::new(), 0);
    for chunk in 1..=count {
        let mut at = c.number(if wide { 8 } else { 4 })?;
        while runs.get(row + 1).is_some_and(|(first, _)| *first <= chunk) {
            row += 1;
        }
        for _ in 0..runs.get(row).map_or(0, |(_, each)| *each) {
            let Some(size) = size() else { return Ok(places) };
            if at.saturating_add(size.into()) > file_size {
                return Ok(places);
            }
            places.push((at, size));
            at += u64::from(size);
        }
    }
    Ok(places)
}

/// Gives the size of one sample after the other.
fn sizes<'b>(children: &[Atom<'b>]) -> Result<Box<dyn FnMut() -> Option<u32> + 'b>> {
    if let Some(stsz) = first(children, b"stsz") {
        let mut c = stsz.cursor();
        c.take(4)?;
        let (all, count) = (c.u32()?, c.u32()?);
        let mut left = count;
        return Ok(Box::new(move || {
            left = left.checked_sub(1)?;
            if all == 0 { c.u32().ok() } else { Some(all) }
        }));
    }
    let Some(stz2) = first(children, b"stz2") else { return Ok(Box::new(|| None)) };
    let mut c = stz2.cursor();
    c.take(7)?;
    let bits = c.number(1)?;
    let mut left = c.u32()?;
    let mut half = None;
    Ok(Box::new(move || {
        left = left.checked_sub(1)?;
        match bits {
            16 => c.number(2).ok().map(|size| size as u32),
            8 => c.number(1).ok().map(|size| size as u32),
            _ => match half.take() {
                Some(low) => Some(low),
                None => {
                    let byte = c.number(1).ok()? as u32;
                    half = Some(byte & 15);
                    Some(byte >> 4)
                }
            },
        }
    }))
}
