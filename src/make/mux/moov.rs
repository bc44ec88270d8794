//! One `moov` of several.

use super::{File, MuxInput};
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::movie::{Mvhd, Tkhd, Trex};
use crate::format::boxes::protection::{PIFF_PSSH, Pssh};
use crate::format::boxes::tables::Elst;
use crate::format::boxes::tree::Node;
use crate::format::ids::BoxType;
use crate::make::fragmenter::fragmented_moov;
use crate::model::decode_times::to_scale;

/// One `moov` of the tracks that were chosen: the first input's, with theirs.
pub(super) fn joined_moov(inputs: &[MuxInput<'_>], files: &[File]) -> Result<Node> {
    let mut moov: Option<Node> = None;
    let (mut headers, mut traks, mut trexes) = (Vec::new(), Vec::new(), Vec::new());
    let mut timescale = 0;
    let is_header = |node: &Node| [Pssh::KIND, PIFF_PSSH].contains(&node.kind);
    for (input, file) in inputs.iter().zip(files) {
        let Some(own) = &input.movie.moov else { continue };
        let emptied;
        let own = match input.movie.tracks.iter().any(|track| track.listed > 0) {
            true => {
                emptied = fragmented_moov(own, &input.movie.tracks)?;
                &emptied
            }
            false => own,
        };
        let mvhd: Mvhd = own.get()?;
        if moov.is_none() {
            moov = Some(own.clone());
            timescale = mvhd.timescale;
        }
        if file.tracks.iter().any(|(track, _)| track.protection().is_some()) {
            for node in own.children().iter().filter(|node| is_header(node)) {
                let known =
                    |other: &Node| (other.kind, &other.content) == (node.kind, &node.content);
                if !headers.iter().any(known) {
                    headers.push(node.clone());
                }
            }
        }
        for trak in own.all(BoxType::code(b"trak")) {
            let tkhd: Tkhd = trak.get()?;
            let chosen = file.tracks.iter().find(|(track, _)| track.id == tkhd.track_id);
            let Some((track, id)) = chosen else { continue };
            traks.push(renumbered(trak, tkhd, *id, mvhd.timescale, timescale)?);
            let trex = track.trex.unwrap_or(Trex {
                version_flags: 0,
                track_id: *id,
                sample_description_index: 1,
                sample_duration: 0,
                sample_size: 0,
                sample_flags: 0,
            });
            trexes.push(Trex { track_id: *id, ..trex }.to_node());
        }
    }
    let missing = || Error::malformed(Code::NoMoov, "No input has a moov box.");
    let mut moov = moov.ok_or_else(missing)?;
    let next = files.iter().flat_map(|f| &f.tracks).map(|(_, id)| id + 1).max().unwrap_or(1);
    if let Some(children) = moov.children_mut() {
        children.retain(|node| {
            let replaced = [BoxType::code(b"trak"), BoxType::code(b"mvex")].contains(&node.kind);
            !replaced && !is_header(node)
        });
        for node in children.iter_mut().filter(|node| node.kind == Mvhd::KIND) {
            let mut mvhd = Mvhd::parse(node)?;
            mvhd.rest[76..].copy_from_slice(&next.to_be_bytes());
            *node = mvhd.to_node();
        }
        let at = children.iter().position(|n| n.kind == Mvhd::KIND).map_or(0, |i| i + 1);
        let own = headers.into_iter().chain(traks).chain([Node::parent(b"mvex", trexes)]);
        children.splice(at..at, own);
    }
    Ok(moov)
}

/// A `trak` with another number, its times in another timescale.
fn renumbered(trak: &Node, tkhd: Tkhd, id: u32, from: u32, to: u32) -> Result<Node> {
    let mut trak = trak.clone();
    let scaled = |time: u64| match time {
        u64::MAX => time,
        _ if time == u64::from(u32::MAX) && tkhd.version == 0 => time,
        _ => to_scale(time.min(i64::MAX as u64) as i64, from, to) as u64,
    };
    let duration = scaled(tkhd.duration);
    let wide = tkhd.version == 1 || duration > u32::MAX.into();
    let new = Tkhd { track_id: id, duration, version: u8::from(wide), ..tkhd };
    if let Some(children) = trak.children_mut() {
        // References would name tracks by numbers that are no more.
        children.retain(|node| node.kind != BoxType::code(b"tref"));
        for node in children.iter_mut().filter(|node| node.kind == Tkhd::KIND) {
            *node = new.to_node();
        }
    }
    if let Some(edts) = trak.path_mut(&[b"edts"]).and_then(Node::children_mut) {
        for node in edts.iter_mut().filter(|node| node.kind == Elst::KIND) {
            let mut elst = Elst::parse(node)?;
            elst.entries.iter_mut().for_each(|edit| edit.duration = scaled(edit.duration));
            *node = elst.to_node();
        }
    }
    Ok(trak)
}
