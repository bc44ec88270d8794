//! QuickTime movies as ISO files: what is said in another way there is
//! translated, for it would be read wrongly under ISO brands.

use crate::format::boxes::tree::{Content, Node};
use crate::format::ids::BoxType;
use crate::format::language;

/// Translates a `trak`: its language, its handlers, and its sound descriptions.
pub(crate) fn translate(trak: &mut Node) {
    let Some(mdia) = trak.path_mut(&[b"mdia"]) else { return };
    for node in mdia.children_mut().into_iter().flatten() {
        match node.kind {
            kind if kind == BoxType::code(b"mdhd") => media_header(node),
            kind if kind == BoxType::code(b"hdlr") => handler(node),
            _ => {}
        }
    }
    let Some(minf) = mdia.path_mut(&[b"minf"]) else { return };
    if let Some(children) = minf.children_mut() {
        // The data handler; ISO has dref alone.
        children.retain(|node| node.kind != BoxType::code(b"hdlr"));
    }
    let stsd = minf.path_mut(&[b"stbl", b"stsd"]).and_then(Node::children_mut);
    stsd.into_iter().flatten().for_each(sound_description);
}

/// The language, where it is a Macintosh code.
fn media_header(mdhd: &mut Node) {
    let Content::Leaf(body) = &mut mdhd.content else { return };
    let at = if body.first() == Some(&1) { 32 } else { 20 };
    let Some([high, low]) = body.get_mut(at..at + 2) else { return };
    let field = u16::from_be_bytes([*high, *low]);
    if field < 0x400 || field == 0x7fff {
        let three = language::to_field(&language::of_field(field));
        [*high, *low] = three.to_be_bytes();
    }
}

/// A component type and a counted name, where ISO has zeros and a text that ends.
fn handler(hdlr: &mut Node) {
    let Content::Leaf(body) = &mut hdlr.content else { return };
    let Some(component) = body.get_mut(4..8) else { return };
    if component.iter().all(|byte| *byte == 0) {
        return;
    }
    component.fill(0);
    if let Some(maker) = body.get_mut(12..24) {
        maker.fill(0);
    }
    let counted = body.get(24).is_some_and(|count| usize::from(*count) + 25 == body.len());
    if counted {
        body.remove(24);
        body.push(0);
    }
}

/// A sound description of version 1 or 2 as an ISO audio sample entry: eight
/// bytes of QuickTime's own are zero, its extra fields go, and what stands in
/// `wave` of the codec stands in the entry itself.
fn sound_description(entry: &mut Node) {
    let Content::Parent { head, children, .. } = &mut entry.content else { return };
    let (channels, rate) = match (head.len(), head.get(8..10)) {
        (44, Some([0, 1])) => (None, None),
        (64, Some([0, 2])) => {
            let number = |at: usize, len: usize| {
                head[at..at + len].iter().fold(0_u64, |n, b| n << 8 | u64::from(*b))
            };
            (Some(number(40, 4) as u16), Some(f64::from_bits(number(32, 8))))
        }
        _ => return,
    };
    head.truncate(28);
    head[8..16].fill(0);
    if let Some(channels) = channels {
        head[16..18].copy_from_slice(&channels.to_be_bytes());
        head[18..20].copy_from_slice(&16_u16.to_be_bytes());
    }
    head[20..24].fill(0);
    if let Some(rate) = rate {
        // 16.16; a rate that does not fit is told by the configuration alone.
        let rate = if rate < 65536.0 { rate as u32 } else { 0 };
        head[24..28].copy_from_slice(&(rate << 16).to_be_bytes());
    }
    let configuration = [b"esds", b"alac", b"dac3", b"dec3"].map(BoxType::code);
    let mut lifted = Vec::new();
    for wave in children.iter().filter(|node| node.kind == BoxType::code(b"wave")) {
        let own = wave.children().iter().filter(|node| configuration.contains(&node.kind));
        lifted.extend(own.cloned());
    }
    children.retain(|node| node.kind != BoxType::code(b"wave"));
    lifted.retain(|node| !children.iter().any(|known| known.kind == node.kind));
    children.splice(0..0, lifted);
}
