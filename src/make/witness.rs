//! A second reader, for proof: it reads what was written as a stranger would.
//!
//! It shares nothing with the reader that everything else is made with: neither
//! its boxes nor its rules of where samples lie. What it knows is written here
//! anew from ISO/IEC 14496-12 §8.8 and 23001-7 §7, so that a fault of the first
//! reader, or of a writer that believes it, is not a fault of the proof.
//!
//! Where a file says the same thing in several places (`senc`, PIFF's box, what
//! `saio` points at), it reads all of them, and [`Agree::All`] makes a
//! difference an error.

mod lock;
mod moof;
mod moov;
mod tables;

pub(crate) use moof::read as runs;
pub(crate) use moov::{Header, Track};
pub(crate) use tables::{ListedTrack, listed};

use crate::error::{Code, Error, Result};
use crate::format::cipher::Method;

/// A sample, as a stranger finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Absolute offset of its first byte.
    pub(crate) at: u64,
    pub(crate) size: u32,
    pub(crate) duration: u32,
    /// From decoding to presentation.
    pub(crate) offset: i32,
    /// `sample_flags`, wherever they stand.
    pub(crate) flags: u32,
    /// None where it is clear.
    pub(crate) lock: Option<Lock>,
}

impl Seen {
    /// Whether decoding can start here.
    pub(crate) fn is_sync(&self) -> bool {
        self.flags >> 16 & 1 == 0
    }
}

/// What a sample needs to be decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lock {
    pub(crate) kid: [u8; 16],
    pub(crate) iv: Vec<u8>,
    /// Clear and protected bytes in turn; none where all is protected.
    pub(crate) parts: Vec<(u16, u32)>,
    pub(crate) method: Method,
}

/// The samples of one `traf`.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) track: u32,
    /// When the first is decoded, by `tfdt`.
    pub(crate) decoded: Option<u64>,
    /// When the first is presented, by `tfxd`.
    pub(crate) smooth: Option<i64>,
    pub(crate) samples: Vec<Seen>,
}

/// Whether places that say the same thing must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agree {
    /// All of them: of what we wrote.
    All,
    /// The first that can be read counts: of what others wrote.
    First,
}

/// What is wrong, in words that follow "Read again, ".
fn wrong(at: u64, what: impl Into<String>) -> Error {
    Error::malformed(Code::ProofFailed, what).at(at)
}

/// Numbers out of bytes, most significant first. It ends where the bytes do.
struct Cursor<'b> {
    bytes: &'b [u8],
    /// Absolute offset of the first byte left.
    at: u64,
}

impl<'b> Cursor<'b> {
    fn new(bytes: &'b [u8], at: u64) -> Self {
        Self { bytes, at }
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8]> {
        let (taken, left) = self
            .bytes
            .split_at_checked(count)
            .ok_or_else(|| wrong(self.at, "a box ends before its fields do"))?;
        self.bytes = left;
        self.at += count as u64;
        Ok(taken)
    }

    /// A number of so many bytes, eight at most.
    fn number(&mut self, bytes: usize) -> Result<u64> {
        Ok(self.take(bytes)?.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(self.number(4)? as u32)
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// A box: its code, its extended type if it is a `uuid`, and its body.
#[derive(Clone, Copy)]
struct Atom<'b> {
    code: [u8; 4],
    usertype: Option<[u8; 16]>,
    body: &'b [u8],
    body_at: u64,
}

impl<'b> Atom<'b> {
    fn cursor(&self) -> Cursor<'b> {
        Cursor::new(self.body, self.body_at)
    }

    fn children(&self) -> Result<Vec<Atom<'b>>> {
        atoms(self.body, self.body_at)
    }
}

/// The boxes in these bytes, one after the other. What is too short for a box
/// at the end is left alone, as everybody does.
fn atoms(bytes: &[u8], at: u64) -> Result<Vec<Atom<'_>>> {
    let mut found = Vec::new();
    let mut rest = Cursor::new(bytes, at);
    while rest.bytes.len() >= 8 {
        let (start, room) = (rest.at, rest.bytes.len() as u64);
        let mut size = rest.number(4)?;
        let mut code = [0; 4];
        code.copy_from_slice(rest.take(4)?);
        match size {
            0 => size = room,
            1 => size = rest.number(8)?,
            _ => {}
        }
        let mut usertype = None;
        if &code == b"uuid" && size >= rest.at - start + 16 {
            let mut uuid = [0; 16];
            uuid.copy_from_slice(rest.take(16)?);
            usertype = Some(uuid);
        }
        let head = rest.at - start;
        let len = size.checked_sub(head).and_then(|len| usize::try_from(len).ok());
        let len = len.ok_or_else(|| wrong(start, "a box is shorter than its header"))?;
        let body_at = rest.at;
        let body = rest.take(len).map_err(|_| wrong(start, "a box is longer than its parent"))?;
        found.push(Atom { code, usertype, body, body_at });
    }
    Ok(found)
}

fn first<'a, 'b>(atoms: &'a [Atom<'b>], code: &[u8; 4]) -> Option<&'a Atom<'b>> {
    atoms.iter().find(|atom| atom.code == *code && atom.usertype.is_none())
}

/// The first box along a path.
fn down<'b>(atom: &Atom<'b>, path: &[&[u8; 4]]) -> Result<Option<Atom<'b>>> {
    let mut found = *atom;
    for code in path {
        match first(&found.children()?, code) {
            Some(child) => found = *child,
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}
