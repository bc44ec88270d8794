//! Sizes before places: every offset that a `moof` holds, settled in one place.
//!
//! An offset counts from the start of its `moof` over all of it, so it is right
//! only once every box of that `moof` has its final size. Whoever edits a
//! `moof` says what its offsets are to point at ([`Targets`]), and [`settle`]
//! first brings every box to its size and only then writes the offsets. Nothing
//! else writes a `data_offset` or a `saio`.

use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Saio, Tfhd, Trun};
use crate::format::boxes::protection::{PIFF_SENC, SENC, Senc};
use crate::format::boxes::tree::Node;
use crate::format::ids::BoxType;
use crate::model::is_protection_aux;

/// What an offset points at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// So many bytes behind the last of the `moof`.
    Behind(u64),
    /// In the box of the `traf` that stood at `of`, so many bytes from its start.
    Inside { of: u64, offset: u64 },
}

/// What the offsets of one `traf` point at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    /// For each `trun`, how far behind the `moof` its data begins.
    pub(crate) runs: Vec<u64>,
    /// For each `saio` that does not find the IVs of a `senc` beside it, by the
    /// place where it stood, what each of its offsets points at.
    pub(crate) infos: Vec<(u64, Vec<Place>)>,
}

/// Ends the editing of a `moof`: offsets count from its start from now on, and
/// point at what `targets` say, one for each `traf`. A `saio` of protection
/// points at the first IV of the `senc` in its `traf`, where there is one.
pub(crate) fn settle(moof: &mut Node, targets: &[Targets], base_is_moof: bool) -> Result<()> {
    size(moof, targets, base_is_moof)?;
    place(moof, targets)
}

/// Brings every box to its final size.
fn size(moof: &mut Node, targets: &[Targets], base_is_moof: bool) -> Result<()> {
    // Without the flag a second traf counts from the end of the first one's data.
    let base_is_moof = base_is_moof || targets.len() > 1;
    for traf in trafs(moof) {
        let listed = has_senc(traf);
        for node in traf.children_mut().into_iter().flatten() {
            if node.kind == Tfhd::KIND {
                let mut tfhd = Tfhd::parse(node)?;
                let was = tfhd;
                tfhd.base_data_offset = None;
                if base_is_moof {
                    tfhd.flags |= Tfhd::DEFAULT_BASE_IS_MOOF;
                }
                if tfhd != was {
                    edit(node, &tfhd);
                }
            } else if node.kind == Trun::KIND {
                let trun = Trun::parse(node)?;
                edit(node, &Trun { data_offset: Some(0), ..trun });
            } else if node.kind == Saio::KIND && listed && is_protection_aux(node) {
                // The IVs of all runs lie one behind the other: one offset is all.
                let saio = Saio::parse(node)?;
                edit(node, &Saio { offsets: vec![0], ..saio });
            }
        }
    }
    Ok(())
}

/// Writes the offsets. No box changes its size any more.
fn place(moof: &mut Node, targets: &[Targets]) -> Result<()> {
    let end = moof.size();
    let mut starts = Vec::new();
    let mut at = moof.header_len();
    for child in moof.children() {
        if child.kind == BoxType::code(b"traf") {
            starts.push(at + child.header_len());
        }
        at += child.size();
    }
    for ((traf, start), targets) in trafs(moof).zip(starts).zip(targets) {
        let mut boxes = Vec::new();
        let mut at = start;
        for node in traf.children() {
            boxes.push((node.kind, node.at, at, node.header_len()));
            at += node.size();
        }
        let first_iv = |kind| {
            let senc = boxes.iter().find(|(own, ..)| *own == kind)?;
            Some(senc.2 + senc.3 + Senc::FIRST_IV)
        };
        let first_iv = first_iv(SENC).or_else(|| first_iv(PIFF_SENC));
        let now = |place: &Place| match *place {
            Place::Behind(offset) => Some(end + offset),
            Place::Inside { of, offset } => {
                let known = boxes.iter().find(|(_, was, ..)| of != 0 && *was == of)?;
                Some(known.2 + offset)
            }
        };
        let mut runs = targets.runs.iter();
        for node in traf.children_mut().into_iter().flatten() {
            if node.kind == Trun::KIND {
                let trun = Trun::parse(node)?;
                let behind = runs.next().copied().unwrap_or(0);
                let offset = i32::try_from(end.saturating_add(behind)).map_err(|_| {
                    let sentence = "This fragment's data is more than 2 GiB long.";
                    Error::limit(Code::FragmentTooLarge, sentence)
                })?;
                edit(node, &Trun { data_offset: Some(offset), ..trun });
                continue;
            }
            if node.kind != Saio::KIND {
                continue;
            }
            let mut saio = Saio::parse(node)?;
            saio.offsets = match first_iv.filter(|_| is_protection_aux(node)) {
                Some(first) => vec![first],
                None => {
                    let places = targets.infos.iter().find(|(was, _)| *was == node.at);
                    let places = places.map_or(&[][..], |(_, places)| places);
                    let new: Option<Vec<u64>> = places.iter().map(now).collect();
                    match new.filter(|new| new.len() == saio.offsets.len()) {
                        Some(new) => new,
                        None if is_protection_aux(node) => return Err(lost()),
                        // Of something else, and it led nowhere before.
                        None => saio.offsets,
                    }
                }
            };
            if saio.version == 0 && saio.offsets.iter().any(|offset| *offset > u32::MAX.into()) {
                return Err(Error::limit(Code::MoofTooLarge, "This moof would pass 4 GiB."));
            }
            edit(node, &saio);
        }
    }
    Ok(())
}

fn lost() -> Error {
    Error::unsupported(
        Code::InfosElsewhere,
        "saio points at information about samples that is neither in this moof nor behind it, so \
         it would be lost.",
    )
}

fn has_senc(traf: &Node) -> bool {
    traf.children().iter().any(|node| [SENC, PIFF_SENC].contains(&node.kind))
}

fn trafs(moof: &mut Node) -> impl Iterator<Item = &mut Node> {
    let children = moof.children_mut().into_iter().flatten();
    children.filter(|node| node.kind == BoxType::code(b"traf"))
}

/// Writes a box anew in its place; it is still the one that stood there.
fn edit(node: &mut Node, new: &impl crate::format::boxes::Mp4Box) {
    node.content = new.to_node().content;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::boxes::fragment::Mfhd;
    use crate::format::boxes::protection::SampleInfo;

    /// A traf with base-data-offset, a trun without a data offset, and a saio of
    /// 64 bits with a type, in front of its senc.
    fn traf() -> Node {
        let tfhd = Tfhd {
            version: 0,
            flags: 0,
            track_id: 1,
            base_data_offset: Some(77),
            sample_description_index: None,
            sample_duration: None,
            sample_size: Some(10),
            sample_flags: None,
        };
        let trun = Trun {
            version: 0,
            flags: 0,
            sample_count: 1,
            data_offset: None,
            first_sample_flags: None,
            rows: Vec::new(),
        };
        let saio = Saio {
            version: 1,
            flags: 1,
            aux_info_type: Some((crate::format::ids::FourCc(*b"cenc"), 0)),
            offsets: vec![5, 6],
        };
        let info = SampleInfo { iv: vec![9; 8], subsamples: Vec::new() };
        let senc = Senc::new(vec![info]).to_node_as(SENC);
        Node::parent(b"traf", vec![tfhd.to_node(), trun.to_node(), saio.to_node(), senc])
    }

    #[test]
    fn offsets_are_those_of_the_final_sizes() {
        let mfhd = Mfhd { version_flags: 0, sequence_number: 1 }.to_node();
        let mut moof = Node::parent(b"moof", vec![mfhd, traf(), traf()]);
        let behind = |run| Targets { runs: vec![run], infos: Vec::new() };
        settle(&mut moof, &[behind(8), behind(18)], false).unwrap();
        let bytes = moof.to_bytes();
        for (number, traf) in moof.all(BoxType::code(b"traf")).enumerate() {
            let tfhd: Tfhd = traf.get().unwrap();
            assert_eq!(tfhd.flags & Tfhd::DEFAULT_BASE_IS_MOOF, Tfhd::DEFAULT_BASE_IS_MOOF);
            assert_eq!(tfhd.base_data_offset, None);
            let trun: Trun = traf.get().unwrap();
            assert_eq!(trun.data_offset, Some(bytes.len() as i32 + 8 + 10 * number as i32));
            let saio: Saio = traf.get().unwrap();
            assert_eq!((saio.version, saio.offsets.len()), (1, 1));
            let iv = saio.offsets[0] as usize;
            assert_eq!(bytes[iv..iv + 8], [9; 8]);
            assert_eq!(bytes[iv - 4..iv], 1_u32.to_be_bytes(), "behind the count of senc");
        }
    }

    #[test]
    fn information_elsewhere_is_followed_or_refused() {
        let mut traf = traf();
        let children = traf.children_mut().unwrap();
        children.pop();
        children[2].at = 500;
        let mut free = Node::leaf(BoxType::code(b"free"), vec![1; 20]);
        free.at = 600;
        children.insert(0, free);
        let moof = Node::parent(b"moof", vec![traf]);
        let places = vec![Place::Behind(3), Place::Inside { of: 600, offset: 12 }];
        let targets = Targets { runs: vec![0], infos: vec![(500, places)] };
        let mut settled = moof.clone();
        settle(&mut settled, &[targets], false).unwrap();
        let saio: Saio = settled.children()[0].get().unwrap();
        assert_eq!(saio.offsets, [settled.size() + 3, 8 + 8 + 12]);
        let targets = Targets { runs: vec![0], infos: Vec::new() };
        assert_eq!(
            settle(&mut moof.clone(), &[targets], false).unwrap_err().code,
            Code::InfosElsewhere
        );
    }
}
