//! What of a `moof` stands in `moov`: defaults, and how samples are protected.

use super::lock::{Group, PIFF_TENC, Rule, groups};
use super::{Atom, atoms, down, first, wrong};
use crate::error::Result;
use crate::format::cipher::{CipherMode, Method};

/// What a stranger knows of a file before its fragments.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    /// Ticks a second, of edit lists.
    pub(crate) scale: u32,
    pub(crate) tracks: Vec<Track>,
}

/// A track.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    pub(crate) id: u32,
    /// Ticks a second.
    pub(crate) scale: u32,
    /// By how many ticks its edit list presents it later than its own times say.
    pub(crate) later: i64,
    /// Sample entry, duration, size and flags of samples that have none.
    pub(super) defaults: [u32; 4],
    /// One for each sample entry; none where it is clear.
    pub(super) rules: Vec<Option<Rule>>,
    pub(super) groups: Vec<Group>,
}

impl Header {
    /// Of the bytes of a `moov`.
    pub(crate) fn read(moov: &[u8]) -> Result<Self> {
        let whole = atoms(moov, 0)?;
        let moov = first(&whole, b"moov").ok_or_else(|| wrong(0, "there is no moov"))?;
        let children = moov.children()?;
        let mut header = Self::default();
        if let Some(mvhd) = first(&children, b"mvhd") {
            header.scale = scale(mvhd)?;
        }
        for trak in children.iter().filter(|atom| &atom.code == b"trak") {
            // A track that cannot be read has no samples to prove.
            if let Ok(track) = read_track(trak, header.scale) {
                header.tracks.push(track);
            }
        }
        let mvex = first(&children, b"mvex").map(Atom::children).transpose()?;
        for trex in mvex.unwrap_or_default().iter().filter(|atom| &atom.code == b"trex") {
            let mut c = trex.cursor();
            c.take(4)?;
            let id = c.u32()?;
            let defaults = [c.u32()?, c.u32()?, c.u32()?, c.u32()?];
            for track in header.tracks.iter_mut().filter(|track| track.id == id) {
                track.defaults = defaults;
            }
        }
        Ok(header)
    }

    /// One track of it alone, under another number.
    pub(crate) fn only(&self, id: u32, number: u32) -> Self {
        let track = self.track(id).map(|track| Track { id: number, ..track.clone() });
        Self { scale: self.scale, tracks: track.into_iter().collect() }
    }

    pub(crate) fn track(&self, id: u32) -> Option<&Track> {
        self.tracks.iter().find(|track| track.id == id)
    }
}

/// The timescale of `mvhd` or `mdhd`: behind two times of 32 or 64 bits.
fn scale(header: &Atom<'_>) -> Result<u32> {
    let mut c = header.cursor();
    let wide = c.number(1)? == 1;
    c.take(3 + if wide { 16 } else { 8 })?;
    c.u32()
}

fn read_track(trak: &Atom<'_>, movie_scale: u32) -> Result<Track> {
    let missing = |what: &str| wrong(trak.body_at, format!("a track has no {what}"));
    let mut tkhd = down(trak, &[b"tkhd"])?.ok_or_else(|| missing("tkhd"))?.cursor();
    let wide = tkhd.number(1)? == 1;
    tkhd.take(3 + if wide { 16 } else { 8 })?;
    let id = tkhd.u32()?;
    let mdhd = down(trak, &[b"mdia", b"mdhd"])?.ok_or_else(|| missing("mdhd"))?;
    let scale = scale(&mdhd)?;
    let stbl = down(trak, &[b"mdia", b"minf", b"stbl"])?;
    let mut track = Track {
        id,
        scale,
        later: later(trak, movie_scale, scale)?,
        defaults: [1, 0, 0, 0],
        rules: Vec::new(),
        groups: Vec::new(),
    };
    let Some(stbl) = stbl else { return Ok(track) };
    track.groups = groups(&stbl.children()?)?;
    if let Some(stsd) = down(&stbl, &[b"stsd"])? {
        let list = stsd.body.get(8..).unwrap_or_default();
        for entry in atoms(list, stsd.body_at + 8)? {
            track.rules.push(rule(&entry)?);
        }
    }
    Ok(track)
}

/// What an edit list does to a track: pauses in front of it come before it, and
/// what it skips does not.
fn later(trak: &Atom<'_>, movie_scale: u32, scale: u32) -> Result<i64> {
    let Some(elst) = down(trak, &[b"edts", b"elst"])? else { return Ok(0) };
    let mut c = elst.cursor();
    let wide = c.number(1)? == 1;
    c.take(3)?;
    let mut pause = 0_i128;
    for _ in 0..c.u32()? {
        let (duration, media_time) = if wide {
            (c.number(8)?, c.number(8)? as i64)
        } else {
            (c.number(4)?, i64::from(c.u32()? as i32))
        };
        c.take(4)?;
        if media_time >= 0 {
            let pause = pause * i128::from(scale) / i128::from(movie_scale.max(1));
            return Ok((pause - i128::from(media_time)) as i64);
        }
        pause += i128::from(duration);
    }
    Ok(0)
}

/// How the samples of an entry are protected: of several `sinf` the first whose
/// scheme is known, as players choose.
fn rule(entry: &Atom<'_>) -> Result<Option<Rule>> {
    if ![b"encv", b"enca", b"enct", b"encs"].contains(&&entry.code) {
        return Ok(None);
    }
    // Behind the fields of the entry, of whatever kind, come boxes; its sinf is
    // found by its code.
    let Some(from) = (8..entry.body.len()).find(|at| {
        let rest = &entry.body[*at..];
        rest.get(4..8) == Some(b"sinf") && {
            let size = rest[..4].iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
            size >= 16 && size <= rest.len()
        }
    }) else {
        return Ok(None);
    };
    let mut found = None;
    for sinf in atoms(&entry.body[from..], entry.body_at + from as u64)? {
        if &sinf.code != b"sinf" || found.is_some() {
            continue;
        }
        let Some(schm) = down(&sinf, &[b"schm"])? else { continue };
        let mut c = schm.cursor();
        c.take(4)?;
        let mut scheme = [0; 4];
        scheme.copy_from_slice(c.take(4)?);
        let Some(schi) = down(&sinf, &[b"schi"])? else { continue };
        let children = schi.children()?;
        let piff = children.iter().find(|atom| atom.usertype == Some(PIFF_TENC));
        let Some(tenc) = first(&children, b"tenc").or(piff) else { continue };
        found = read_tenc(tenc, &scheme)?;
    }
    Ok(found)
}

fn read_tenc(tenc: &Atom<'_>, scheme: &[u8; 4]) -> Result<Option<Rule>> {
    let mut c = tenc.cursor();
    let version = c.number(1)?;
    c.take(3)?;
    // PIFF has AlgorithmID where ISO has reserved bytes, a pattern, isProtected.
    let [_, pattern, protected] = [c.number(1)?, c.number(1)?, c.number(1)?];
    let iv_size = c.number(1)? as usize;
    let mut kid = [0; 16];
    kid.copy_from_slice(c.take(16)?);
    let mut constant = Vec::new();
    if protected != 0 && iv_size == 0 && !c.is_empty() {
        let len = c.number(1)? as usize;
        constant = c.take(len)?.to_vec();
    }
    let pattern = if version == 0 { 0 } else { pattern as u8 };
    let Some(method) = method(scheme, protected, pattern) else { return Ok(None) };
    let group = Group { protected: protected != 0, iv_size, kid, constant, pattern };
    Ok(Some(Rule { scheme: *scheme, method, group }))
}

/// How a scheme uses the cipher (ISO/IEC 23001-7 §10; PIFF's AlgorithmID).
pub(super) fn method(scheme: &[u8; 4], algorithm: u64, pattern: u8) -> Option<Method> {
    let ctr = Method { mode: CipherMode::Ctr, restart: false, whole_blocks: false, pattern: 0 };
    Some(match (scheme, algorithm) {
        (b"cenc", _) | (b"piff", 0 | 1) => ctr,
        (b"cens", _) => Method { pattern, whole_blocks: true, ..ctr },
        (b"cbc1", _) | (b"piff", 2) => Method { mode: CipherMode::Cbc, whole_blocks: true, ..ctr },
        (b"cbcs", _) => {
            Method { mode: CipherMode::Cbc, restart: true, whole_blocks: true, pattern }
        }
        _ => return None,
    })
}
