//! The boxes of protection, in the envelopes a profile asks for. Protecting
//! and re-boxing both write them here, so that they write the same.

use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Saio, Saiz};
use crate::format::boxes::movie::Ftyp;
use crate::format::boxes::piff::{Tfrf, Tfxd};
use crate::format::boxes::protection::{
    Frma, PIFF_PSSH, PIFF_SENC, PIFF_TENC, Pssh, SENC, Schm, Senc, Tenc,
};
use crate::format::boxes::tree::Node;
use crate::format::bytes::Writer;
use crate::format::ids::{BoxType, FourCc};
use crate::make::profile::Profile;
use crate::model::is_protection_aux;

/// `ftyp` with the brands of the profile, and without `piff` where it is none.
pub(crate) fn with_brands(ftyp: Option<&Ftyp>, profile: &Profile) -> Ftyp {
    let mut ftyp = ftyp.cloned().unwrap_or_else(Ftyp::missing);
    add_brands(&mut ftyp, profile.brands);
    ftyp
}

/// Adds brands that are not there yet.
pub(crate) fn add_brands(ftyp: &mut Ftyp, brands: &[[u8; 4]]) {
    for brand in brands.iter().map(|brand| FourCc(*brand)) {
        if !ftyp.compatible.contains(&brand) {
            ftyp.compatible.push(brand);
        }
    }
}

/// `sinf` for a sample entry that was `format`.
pub(crate) fn sinf(profile: &Profile, format: FourCc, tenc: &Tenc) -> Node {
    let mut schi = Vec::new();
    if profile.iso {
        schi.push(tenc.to_node());
    }
    if profile.piff {
        schi.push(tenc.to_node_as(PIFF_TENC));
    }
    let boxes = vec![
        Frma { format }.to_node(),
        Schm::new(&profile.scheme.code().0, profile.scheme_version).to_node(),
        Node::parent(b"schi", schi),
    ];
    Node::parent(b"sinf", boxes)
}

/// The headers of DRM systems, each in the envelope of the profile.
pub(crate) fn headers<'a>(
    profile: &Profile,
    headers: impl IntoIterator<Item = &'a Pssh>,
) -> Vec<Node> {
    let envelope = if profile.iso { Pssh::KIND } else { PIFF_PSSH };
    headers.into_iter().map(|pssh| pssh.to_node_as(envelope)).collect()
}

/// Puts headers behind `mvhd`.
pub(crate) fn insert_headers(moov: &mut Node, headers: Vec<Node>) {
    if let Some(children) = moov.children_mut() {
        let mvhd = children.iter().position(|node| node.kind == BoxType::code(b"mvhd"));
        let at = mvhd.map_or(0, |i| i + 1);
        children.splice(at..at, headers);
    }
}

/// Adds `saiz`, `saio`, `senc` and PIFF's `senc` to a `traf`, before the Smooth
/// times. Where `saio` points is settled when the `moof` is whole.
pub(crate) fn add_senc(traf: &mut Node, profile: &Profile, senc: &Senc) {
    let sizes: Option<Vec<u8>> =
        senc.samples.iter().map(|info| info.len(senc.subsamples()).try_into().ok()).collect();
    let mut boxes = Vec::new();
    if profile.iso {
        // Without saiz and saio readers take senc; with a size that does not
        // fit there is no right saiz, and where samples have nothing to say
        // (a constant IV, no subsamples) none is needed.
        if let Some(sizes) = sizes.filter(|sizes| sizes.iter().any(|size| *size > 0)) {
            boxes.extend([Saiz::new(&sizes).to_node(), Saio::new(0).to_node()]);
        }
        boxes.push(senc.to_node_as(SENC));
    }
    if profile.piff {
        boxes.push(senc.to_node_as(PIFF_SENC));
    }
    insert_before_times(traf, boxes);
}

/// Says of all samples of a `traf` that they are clear, whatever `tenc` says:
/// a group of their own (`seig`, ISO/IEC 23001-7 §6).
pub(crate) fn add_clear_group(traf: &mut Node, samples: u32) {
    let mut sgpd = Writer::new();
    sgpd.u32(0x0100_0000);
    sgpd.bytes(b"seig");
    sgpd.u32(20); // bytes of a description
    sgpd.u32(1);
    sgpd.bytes(&[0; 20]); // not protected, no IV, no KID
    let mut sbgp = Writer::new();
    sbgp.u32(0);
    sbgp.bytes(b"seig");
    sbgp.u32(1);
    sbgp.u32(samples);
    sbgp.u32(0x1_0001); // the first description of this traf
    let leaf = |code, body: Writer| Node::leaf(BoxType::code(code), body.into_bytes());
    insert_before_times(traf, vec![leaf(b"sgpd", sgpd), leaf(b"sbgp", sbgp)]);
}

fn insert_before_times(traf: &mut Node, boxes: Vec<Node>) {
    if let Some(children) = traf.children_mut() {
        let smooth = |node: &Node| [Tfxd::KIND, Tfrf::KIND].contains(&node.kind);
        let at = children.iter().position(smooth).unwrap_or(children.len());
        children.splice(at..at, boxes);
    }
}

/// Whether a box of a `traf` says how its samples are protected.
pub(crate) fn is_of_protection(node: &Node) -> bool {
    is_protection_aux(node) || is_seig(node) || [SENC, PIFF_SENC].contains(&node.kind)
}

/// Whether a box is about groups of samples with a protection of their own.
fn is_seig(node: &Node) -> bool {
    [b"sbgp", b"sgpd"].iter().any(|code| node.kind == BoxType::code(code))
        && node.body().is_ok_and(|body| body.get(4..8) == Some(b"seig"))
}
