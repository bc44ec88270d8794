//! The bytes a session has, and those it waits for.

use crate::Span;
use crate::collections::Map;
use crate::error::{Error, Result};

/// Spans of a file, asked for and kept until they are passed.
#[derive(Debug)]
pub(crate) struct Source {
    size: u64,
    chunks: Map<u64, Vec<u8>>,
    waiting: Vec<Span>,
    /// Bytes of the first span waited for that have come.
    partial: Vec<u8>,
}

impl Source {
    pub(crate) fn new(size: u64) -> Self {
        Self { size, chunks: Map::new(), waiting: Vec::new(), partial: Vec::new() }
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// There are no more bytes than this.
    pub(crate) fn end_at(&mut self, size: u64) {
        self.size = size;
        self.waiting.clear();
        self.partial.clear();
    }

    /// The bytes of a span, if one chunk holds them all.
    pub(crate) fn get(&self, span: Span) -> Option<&[u8]> {
        if span.len == 0 {
            return Some(&[]);
        }
        let (at, bytes) = self.chunks.up_to(&span.at).next_back()?;
        let from = usize::try_from(span.at - at).ok()?;
        bytes.get(from..from.checked_add(usize::try_from(span.len).ok()?)?)
    }

    /// Asks for spans; parts past the end of the file are not asked for.
    pub(crate) fn ask(&mut self, spans: Vec<Span>) {
        let inside = |span: &Span| span.len > 0 && span.end() <= self.size;
        self.waiting = spans.into_iter().filter(inside).collect();
        self.waiting.reverse();
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// What is still to come, in order.
    pub(crate) fn wanted(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = self.waiting.iter().rev().copied().collect();
        if let Some(first) = spans.first_mut() {
            let have = self.partial.len() as u64;
            *first = Span { at: first.at + have, len: first.len - have };
        }
        spans
    }

    /// Takes bytes in order of what is wanted.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<()> {
        if bytes.is_empty()
            && let Some(span) = self.waiting.last()
        {
            return Err(Error::file_shrank(span.at + self.partial.len() as u64));
        }
        while let Some(span) = self.waiting.last().copied() {
            let missing = span.len as usize - self.partial.len();
            let (part, rest) = bytes.split_at(missing.min(bytes.len()));
            self.partial.extend_from_slice(part);
            bytes = rest;
            if self.partial.len() < span.len as usize {
                return Ok(());
            }
            self.waiting.pop();
            self.chunks.insert(span.at, std::mem::take(&mut self.partial));
        }
        Ok(())
    }

    /// Forgets chunks that end before `pos`.
    pub(crate) fn release(&mut self, pos: u64) {
        self.chunks.retain(|at, bytes| at + bytes.len() as u64 > pos);
    }
}
