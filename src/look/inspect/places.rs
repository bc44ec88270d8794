//! Gives every finding its bytes: those of the box it begins at, or else of the
//! track or the part of the file it is about.

use crate::Span;
use crate::collections::Map;
use crate::format::boxes::movie::Tkhd;
use crate::format::boxes::tree::Node;
use crate::format::ids::BoxType;
use crate::model::{Finding, Movie};

pub(super) fn fill(movie: &mut Movie) {
    let mut boxes = Vec::new();
    let mut traks: Map<u32, Span> = Map::new();
    for tree in movie.moov.iter().chain(&movie.mfra).chain(&movie.indexes) {
        tree.walk(&mut |node: &Node| {
            boxes.push((node.at, node.size()));
            if node.kind == BoxType::code(b"trak")
                && let Ok(tkhd) = node.get::<Tkhd>()
            {
                traks.or_insert_with(tkhd.track_id, || Span { at: node.at, len: node.size() });
            }
        });
    }
    boxes.extend(movie.top.iter().map(|top| (top.span.at, top.span.len)));
    let known: Map<u64, u64> = boxes.into_iter().collect();
    let moov = movie.moov.as_ref().map(|moov| Span { at: moov.at, len: moov.size() });
    let whole = Span { at: 0, len: movie.size };
    for finding in movie.findings.iter_mut().chain(&mut movie.damage) {
        place(finding, &known, &traks, moov.unwrap_or(whole));
    }
}

fn place(finding: &mut Finding, known: &Map<u64, u64>, traks: &Map<u32, Span>, rest: Span) {
    let Some(at) = finding.at else {
        let span = finding.track.and_then(|id| traks.get(&id)).copied().unwrap_or(rest);
        (finding.at, finding.length) = (Some(span.at), Some(span.len));
        return;
    };
    if finding.length.is_none() {
        // A place inside a box is about the rest of it.
        let around =
            || known.up_to(&at).rev().find(|(from, len)| **from < at && **from + **len > at);
        let rest = || around().map(|(from, len)| from + len - at);
        finding.length = known.get(&at).copied().or_else(rest);
    }
}
