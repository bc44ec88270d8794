//! The samples of a `moof`, by the rules of ISO/IEC 14496-12 §8.8.

use super::lock::{Around, locks};
use super::moov::Header;
use super::{Agree, Atom, Run, Seen, atoms, first, wrong};
use crate::error::Result;

const TFXD: [u8; 16] = 0x6d1d9b05_42d5_44e6_80e2_141daff757b2_u128.to_be_bytes();

/// The samples of each `traf` of the `moof` that `bytes` begin with, at this
/// offset. Behind the `moof` may be more of the fragment: IVs can stand there.
pub(crate) fn read(header: &Header, bytes: &[u8], at: u64, agree: Agree) -> Result<Vec<Run>> {
    let size = bytes.get(..4).map_or(0, |size| size.iter().fold(0, |n, b| n << 8 | u64::from(*b)));
    let size = match size {
        1 => bytes.get(8..16).map_or(0, |s| s.iter().fold(0, |n, b| n << 8 | u64::from(*b))),
        size => size,
    };
    let own = usize::try_from(size).ok().and_then(|size| bytes.get(..size));
    let own = own.ok_or_else(|| wrong(at, "its moof is cut"))?;
    let whole = atoms(own, at)?;
    let moof = first(&whole, b"moof").ok_or_else(|| wrong(at, "it does not begin with a moof"))?;
    let mut runs = Vec::new();
    // Where the data of the traf before ends.
    let mut end = at;
    for traf in moof.children()?.iter().filter(|atom| &atom.code == b"traf") {
        let run = read_traf(header, traf, bytes, at, &mut end, agree)?;
        runs.push(run);
    }
    Ok(runs)
}

fn read_traf(
    header: &Header,
    traf: &Atom<'_>,
    bytes: &[u8],
    moof_at: u64,
    end: &mut u64,
    agree: Agree,
) -> Result<Run> {
    let children = traf.children()?;
    let tfhd =
        first(&children, b"tfhd").ok_or_else(|| wrong(traf.body_at, "a traf has no tfhd"))?;
    let mut c = tfhd.cursor();
    c.take(1)?;
    let flags = c.number(3)?;
    let track_id = c.u32()?;
    let track = header.track(track_id);
    let mut own = track.map_or([1, 0, 0, 0], |track| track.defaults);
    let base = if flags & 1 != 0 { Some(c.number(8)?) } else { None };
    for (bit, value) in [0x2, 0x8, 0x10, 0x20].iter().zip(&mut own) {
        if flags & bit != 0 {
            *value = c.u32()?;
        }
    }
    let [entry, duration, size, sample_flags] = own;
    let start = match base {
        Some(base) => base,
        None if flags & 0x2_0000 != 0 => moof_at,
        None => *end,
    };
    let mut samples = Vec::new();
    let mut counts = Vec::new();
    let mut next = start;
    for trun in children.iter().filter(|atom| &atom.code == b"trun") {
        let mut c = trun.cursor();
        c.take(1)?;
        let flags = c.number(3)?;
        let count = c.u32()?;
        if flags & 1 != 0 {
            let offset = c.u32()? as i32;
            next = start
                .checked_add_signed(offset.into())
                .ok_or_else(|| wrong(trun.body_at, "a run begins before the file does"))?;
        }
        let first_flags = if flags & 4 != 0 { Some(c.u32()?) } else { None };
        if flags & 0xf00 != 0 && u64::from(count) > c.bytes.len() as u64 / 4 {
            return Err(wrong(trun.body_at, "trun counts more samples than it lists"));
        }
        for number in 0..count {
            let mut field =
                |bit: u64, default| if flags & bit != 0 { c.u32() } else { Ok(default) };
            let sample = Seen {
                at: next,
                duration: field(0x100, duration)?,
                size: field(0x200, size)?,
                flags: field(0x400, first_flags.filter(|_| number == 0).unwrap_or(sample_flags))?,
                offset: field(0x800, 0)? as i32,
                lock: None,
            };
            next = next.saturating_add(sample.size.into());
            samples.push(sample);
        }
        counts.push(count as usize);
        *end = next;
    }
    let rule = track.and_then(|track| track.rules.get(entry.max(1) as usize - 1)?.as_ref());
    if let (Some(rule), Some(track)) = (rule, track) {
        let base = base.unwrap_or(moof_at);
        let around = Around { bytes, moof_at, base, runs: counts, agree };
        let locks = locks(&children, rule, &track.groups, &around)?;
        samples.iter_mut().zip(locks).for_each(|(sample, lock)| sample.lock = lock);
    }
    let decoded = match first(&children, b"tfdt") {
        Some(tfdt) => {
            let mut c = tfdt.cursor();
            let wide = c.number(1)? == 1;
            c.take(3)?;
            Some(c.number(if wide { 8 } else { 4 })?)
        }
        None => None,
    };
    let smooth = match children.iter().find(|atom| atom.usertype == Some(TFXD)) {
        Some(tfxd) => {
            let mut c = tfxd.cursor();
            let wide = c.number(1)? == 1;
            c.take(3)?;
            Some(if wide { c.number(8)? as i64 } else { i64::from(c.u32()?) })
        }
        None => None,
    };
    Ok(Run { track: track_id, decoded, smooth, samples })
}
