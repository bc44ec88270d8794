//! The boxes of an output, and the checks that run over them.

use super::failed;
use crate::checks::Severity;
use crate::collections::{Map, Set};
use crate::error::Result;
use crate::format::boxes::BoxHeader;
use crate::format::ids::{BoxType, FourCc};
use crate::look::inspect::Inspector;
use crate::model::{Finding, TopBox};
use crate::{Session as _, Span, Step};

/// The checks that inputs fail, by number: where an index was stale, what is left
/// of it may be incomplete.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Set<u8>);

impl Faults {
    /// Checks that may fail because somebody chose so.
    pub(crate) fn allow(&mut self, numbers: std::ops::RangeInclusive<u8>) {
        for number in numbers {
            self.0.insert(number);
        }
    }

    pub(crate) fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let errors = findings.into_iter().filter(|f| f.severity() == Severity::Error);
        Self(errors.map(|finding| finding.check.number).collect())
    }
}

/// The boxes of an output, checked while they are written.
pub(super) struct Boxes {
    pub(super) outline: Outline,
    inspector: Inspector,
}

impl Default for Boxes {
    fn default() -> Self {
        Self { outline: Outline::default(), inspector: Inspector::of_boxes() }
    }
}

impl Boxes {
    /// Gives the inspection what it waits for, as far as it is there.
    pub(super) fn advance(&mut self) -> Result<()> {
        while let Step::Read(spans) = self.inspector.step()? {
            let Some(span) = spans.first().filter(|span| span.end() <= self.outline.size) else {
                break;
            };
            self.inspector.feed(&self.outline.read(*span))?;
        }
        self.outline.forget(self.inspector.position());
        Ok(())
    }

    /// Ends the output. An error that `known` does not have is one that we made.
    pub(super) fn judge(mut self, known: &Faults) -> Result<()> {
        self.advance()?;
        self.inspector.end_at(self.outline.size);
        self.advance()?;
        let movie = self.inspector.into_movie();
        let fault = movie.findings.iter().find(|finding| {
            finding.severity() == Severity::Error && !known.0.contains(&finding.check.number)
        });
        fault.map_or(Ok(()), |f| Err(failed(f.at.unwrap_or(0), f.message.trim_end_matches('.'))))
    }
}

/// An output without its media: its boxes, and how long it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(super) size: u64,
    /// What is known, in order.
    pub(super) chunks: Vec<(u64, Vec<u8>)>,
}

/// What is known of copied boxes: bytes, by the place of the first in the source.
pub(crate) type Known = Map<u64, Vec<u8>>;

/// Boxes whose bodies an inspection reads: without them they are filler.
const READ: [&[u8; 4]; 5] = [b"ftyp", b"moov", b"moof", b"mfra", b"sidx"];

impl Outline {
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        let end = self.size;
        self.size += bytes.len() as u64;
        match self.chunks.last_mut() {
            Some((at, last)) if *at + last.len() as u64 == end => last.extend_from_slice(bytes),
            _ if bytes.is_empty() => {}
            _ => self.chunks.push((end, bytes.to_vec())),
        }
    }

    /// Media, or anything else that is not looked into.
    pub(super) fn gap(&mut self, len: u64) {
        self.size += len;
    }

    pub(super) fn outline(&mut self, other: &Self) {
        let start = self.size;
        for (at, bytes) in &other.chunks {
            self.size = start + at;
            self.bytes(bytes);
        }
        self.size = start + other.size;
    }

    /// Boxes that are copied as they are, by their headers.
    pub(super) fn boxes(&mut self, span: Span, top: &[TopBox], known: &Known) {
        let (start, end) = (self.size, self.size + span.len);
        let first = top.partition_point(|b| b.span.at < span.at);
        for own in top[first..].iter().take_while(|b| b.span.at < span.end()) {
            if start + (own.span.at - span.at) < self.size {
                continue; // among what is known
            }
            if let Some(bytes) = known.get(&own.span.at) {
                self.size = start + (own.span.at - span.at);
                self.bytes(bytes);
                continue;
            }
            let code = match own.kind {
                BoxType::Code(FourCc(code)) if !READ.contains(&&code) => code,
                _ => *b"free",
            };
            self.size = start + (own.span.at - span.at);
            let header = match own.header_len {
                16 => [&1_u32.to_be_bytes()[..], &code, &own.span.len.to_be_bytes()].concat(),
                _ if own.to_end => [&[0; 4][..], &code].concat(),
                _ => [&(own.span.len as u32).to_be_bytes()[..], &code].concat(),
            };
            self.bytes(&header);
        }
        self.size = end;
    }

    /// The boxes of a unit: all of them but for the payload of `mdat`.
    pub(super) fn unit(&mut self, bytes: &[u8]) -> Result<()> {
        let mut at = 0;
        while at < bytes.len() {
            let header = BoxHeader::read(&bytes[at..], at as u64, (bytes.len() - at) as u64)?;
            let end = at.saturating_add(header.size as usize).min(bytes.len());
            if header.kind == BoxType::code(b"mdat") {
                let payload = (at + header.header_len as usize).min(end);
                self.bytes(&bytes[at..payload]);
                self.gap((end - payload) as u64);
            } else {
                self.bytes(&bytes[at..end]);
            }
            at = end;
        }
        Ok(())
    }

    pub(super) fn read(&self, span: Span) -> Vec<u8> {
        let mut out = vec![0; span.len as usize];
        let first = self.chunks.partition_point(|(at, bytes)| at + bytes.len() as u64 <= span.at);
        for (at, bytes) in self.chunks[first..].iter().take_while(|(at, _)| *at < span.end()) {
            let (from, to) = (span.at.max(*at), span.end().min(at + bytes.len() as u64));
            let part = &bytes[(from - at) as usize..(to - at) as usize];
            out[(from - span.at) as usize..(to - span.at) as usize].copy_from_slice(part);
        }
        out
    }

    /// Lets go of what is in front of this place.
    fn forget(&mut self, before: u64) {
        self.chunks.retain(|(at, bytes)| at + bytes.len() as u64 > before);
    }

    /// Runs the checks over the boxes.
    pub(super) fn lint(self, known: &Faults) -> Result<()> {
        let mut boxes = Boxes { outline: self, ..Boxes::default() };
        boxes.advance()?;
        boxes.judge(known)
    }
}

impl Outline {
    /// Place, size and code of every box at the top.
    pub(super) fn top(&self) -> Result<Vec<(u64, u64, [u8; 4])>> {
        let (mut found, mut at) = (Vec::new(), 0);
        while at + 8 <= self.size {
            let head = self.read(Span { at, len: 16.min(self.size - at) });
            let number = |bytes: &[u8]| bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b));
            let size = match number(&head[..4]) {
                0 => self.size - at,
                1 => number(&head[8..]),
                size => size,
            };
            if size < 8 || size > self.size - at {
                return Err(failed(at, "a box is longer than the file"));
            }
            found.push((at, size, [head[4], head[5], head[6], head[7]]));
            at += size;
        }
        Ok(found)
    }

    /// What is known from this place on without a gap.
    pub(super) fn known_from(&self, at: u64) -> &[u8] {
        let index = self.chunks.partition_point(|(from, _)| *from <= at);
        let Some((from, bytes)) = index.checked_sub(1).and_then(|index| self.chunks.get(index))
        else {
            return &[];
        };
        usize::try_from(at - from).ok().and_then(|from| bytes.get(from..)).unwrap_or_default()
    }
}
