//! `ftyp` and `moov` of the output.

use super::Profile;
use crate::boxes::Mp4Box as _;
use crate::boxes::movie::{Ftyp, Tkhd};
use crate::boxes::protection::{Frma, PIFF_PSSH, PIFF_TENC, Pssh, Schm, Tenc};
use crate::boxes::tree::Node;
use crate::drm::{COMMON, PLAYREADY, common_pssh};
use crate::error::{Error, Result};
use crate::ids::{BoxType, FourCc, Kid};
use crate::model::{Track, TrackKind};

/// `ftyp` with the brands of the profile.
pub(super) fn with_brands(ftyp: Option<&Ftyp>, profile: &Profile) -> Ftyp {
    let mut ftyp = ftyp.cloned().unwrap_or_else(Ftyp::missing);
    for brand in profile.brands.iter().map(|brand| FourCc(*brand)) {
        if !ftyp.compatible.contains(&brand) {
            ftyp.compatible.push(brand);
        }
    }
    ftyp
}

/// `moov` with its protection headers behind `mvhd` and a `sinf` in every
/// sample entry that is protected. Headers of the same systems that were left
/// from an earlier life of the file go.
pub(super) fn protected_moov(
    moov: &Node,
    tracks: &[&Track],
    kid: Kid,
    profile: &Profile,
    playready: &Pssh,
) -> Result<Node> {
    let mut moov = moov.clone();
    let mut headers = Vec::new();
    if profile.iso {
        headers.extend([playready.to_node(), common_pssh(vec![kid]).to_node()]);
    } else {
        headers.push(playready.to_node_as(PIFF_PSSH));
    }
    if let Some(children) = moov.children_mut() {
        children.retain(|node| {
            let header = [Pssh::KIND, PIFF_PSSH].contains(&node.kind);
            let system = Pssh::parse(node).ok().filter(|_| header).map(|pssh| pssh.system_id);
            !system.is_some_and(|system| [PLAYREADY, COMMON].contains(&system))
        });
        let mvhd = children.iter().position(|node| node.kind == BoxType::code(b"mvhd"));
        let at = mvhd.map_or(0, |i| i + 1);
        children.splice(at..at, headers);
    }
    let traks = moov.children_mut().into_iter().flatten();
    for trak in traks.filter(|node| node.kind == BoxType::code(b"trak")) {
        let id = trak.get::<Tkhd>()?.track_id;
        let Some(track) = tracks.iter().find(|track| track.id == id) else { continue };
        let stsd = trak.path_mut(&[b"mdia", b"minf", b"stbl", b"stsd"]);
        for entry in stsd.and_then(Node::children_mut).into_iter().flatten() {
            protect_entry(entry, track.kind, kid, profile)?;
        }
    }
    Ok(moov)
}

fn protect_entry(entry: &mut Node, kind: TrackKind, kid: Kid, profile: &Profile) -> Result<()> {
    let (BoxType::Code(format), at) = (entry.kind, entry.at) else { return Ok(()) };
    let tenc = Tenc::ctr(kid);
    let mut schi = Vec::new();
    if profile.iso {
        schi.push(tenc.to_node());
    }
    if profile.piff {
        schi.push(tenc.to_node_as(PIFF_TENC));
    }
    let sinf = vec![
        Frma { format }.to_node(),
        Schm::new(&profile.scheme, profile.scheme_version).to_node(),
        Node::parent(b"schi", schi),
    ];
    entry.kind = BoxType::code(if kind == TrackKind::Video { b"encv" } else { b"enca" });
    let children = entry.children_mut().ok_or_else(|| {
        Error::unsupported(
            "opaque_sample_entry",
            format!("The sample entry {format} cannot hold a sinf here."),
        )
        .at(at)
    })?;
    children.push(Node::parent(b"sinf", sinf));
    Ok(())
}
