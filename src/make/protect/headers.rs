//! `moov` of the output, and the headers in it.

use super::{Options, TrackKey};
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::movie::Tkhd;
use crate::format::boxes::protection::{PIFF_PSSH, Pssh, Tenc};
use crate::format::boxes::tree::{Content, Node};
use crate::format::cipher::CipherMode;
use crate::format::drm::playready::{HeaderVersion, NewHeader, NewKey};
use crate::format::drm::{COMMON, PLAYREADY, WIDEVINE, common_pssh, widevine};
use crate::format::ids::{BoxType, Kid};
use crate::make::profile::Profile;
use crate::make::protection_boxes::{headers, insert_headers, sinf};
use crate::model::TrackKind;

/// The PlayReady header: of the version asked for, else of the oldest that can
/// say it, which most clients read.
pub(super) fn playready_header(options: &Options, keys: &[&TrackKey]) -> NewHeader {
    let oldest = match (options.profile.mode, keys.len()) {
        (CipherMode::Cbc, _) => HeaderVersion::V4_3,
        (CipherMode::Ctr, 0 | 1) => HeaderVersion::V4_0,
        (CipherMode::Ctr, _) => HeaderVersion::V4_2,
    };
    let checksum = |key: &TrackKey| Some(key.key.checksum(key.kid));
    NewHeader {
        version: options.header_version.unwrap_or(oldest),
        keys: keys.iter().map(|key| NewKey { kid: key.kid, checksum: checksum(key) }).collect(),
        mode: options.profile.mode,
        la_url: options.la_url.clone(),
        lui_url: options.lui_url.clone(),
        custom_attributes: options.custom_attributes.clone(),
        ..NewHeader::default()
    }
}

/// The headers of all systems, PlayReady's first.
pub(super) fn systems(options: &Options, playready: Pssh, kids: Vec<Kid>) -> Vec<Pssh> {
    let mut systems = vec![playready];
    if options.widevine {
        systems.push(widevine::pssh(&kids, options.profile.scheme.code()));
    }
    if options.profile.iso {
        systems.push(common_pssh(kids));
    }
    systems
}

/// How one track is signalled.
pub(super) struct Signal {
    pub(super) track: u32,
    pub(super) kind: TrackKind,
    pub(super) tenc: Tenc,
}

/// `moov` with its protection headers behind `mvhd` and a `sinf` in every
/// sample entry that is protected. Headers of the same systems that were left
/// from an earlier life of the file go.
pub(super) fn protected_moov(
    moov: &Node,
    signals: &[Signal],
    options: &Options,
    systems: &[Pssh],
) -> Result<Node> {
    let profile = options.profile;
    let mut moov = moov.clone();
    if let Some(children) = moov.children_mut() {
        children.retain(|node| {
            let header = [Pssh::KIND, PIFF_PSSH].contains(&node.kind);
            let system = Pssh::parse(node).ok().filter(|_| header).map(|pssh| pssh.system_id);
            !system.is_some_and(|system| [PLAYREADY, COMMON, WIDEVINE].contains(&system))
        });
    }
    insert_headers(&mut moov, headers(profile, systems));
    let traks = moov.children_mut().into_iter().flatten();
    for trak in traks.filter(|node| node.kind == BoxType::code(b"trak")) {
        let id = trak.get::<Tkhd>()?.track_id;
        let Some(signal) = signals.iter().find(|signal| signal.track == id) else { continue };
        let stsd = trak.path_mut(&[b"mdia", b"minf", b"stbl", b"stsd"]);
        let Some(Content::Parent { head, children, .. }) = stsd.map(|stsd| &mut stsd.content)
        else {
            continue;
        };
        // Fragments of the clear lead use the entries as they were, behind.
        let clear = if options.clear_lead > 0 { children.clone() } else { Vec::new() };
        for entry in children.iter_mut() {
            protect_entry(entry, signal, profile)?;
        }
        children.extend(clear);
        let count = children.len() as u32;
        if let Some(entry_count) = head.get_mut(4..8) {
            entry_count.copy_from_slice(&count.to_be_bytes());
        }
    }
    Ok(moov)
}

fn protect_entry(entry: &mut Node, signal: &Signal, profile: &Profile) -> Result<()> {
    let (BoxType::Code(format), at) = (entry.kind, entry.at) else { return Ok(()) };
    let video = signal.kind == TrackKind::Video;
    entry.kind = BoxType::code(if video { b"encv" } else { b"enca" });
    let children = entry.children_mut().ok_or_else(|| {
        Error::unsupported(
            Code::OpaqueSampleEntry,
            format!("The sample entry {format} cannot hold a sinf here."),
        )
        .at(at)
    })?;
    children.push(sinf(profile, format, &signal.tenc));
    Ok(())
}
