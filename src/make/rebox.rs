//! Re-boxing: the same ciphertext, IVs and subsamples in the boxes of another
//! profile, without the key.
//!
//! PIFF with AES-CTR and `cenc` differ in their boxes alone (facts §2), so one
//! becomes the other, or both at once.

use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::movie::Tkhd;
use crate::format::boxes::protection::{PIFF_PSSH, Pssh, SampleInfo, Senc, Subsamples, Tenc};
use crate::format::boxes::tree::Node;
use crate::format::cipher::CipherMode;
use crate::format::drm::{COMMON, common_pssh};
use crate::format::ids::{BoxType, Kid};
use crate::make::profile::Profile;
use crate::make::protection_boxes::{
    add_clear_group, add_senc, headers, insert_headers, is_of_protection, sinf,
};
use crate::model::{AtHand, Protection, SampleEntry, Track, TrackFragment, protected_samples};

/// Refuses tracks whose protection the profile's boxes cannot say.
pub(crate) fn check(tracks: &[&Track], profile: &Profile) -> Result<()> {
    let protected: Vec<&&Track> = tracks.iter().filter(|t| t.protection().is_some()).collect();
    if protected.is_empty() {
        return Err(Error::misuse(
            Code::NotProtected,
            "The file is clear, so there are no boxes of protection to write anew. Protect it.",
        ));
    }
    for track in protected {
        for protection in track.entries.iter().filter_map(SampleEntry::protection) {
            let same = protection.is_counter_mode() && profile.mode == CipherMode::Ctr;
            let own = protection.known_scheme() == Some(profile.scheme);
            if !(same || own) {
                let scheme = protection.scheme.map_or("unknown".to_owned(), |s| s.to_string());
                return Err(Error::unsupported(
                    Code::OtherCipher,
                    format!(
                        "Track {} has the scheme {scheme}, which encrypts in another way than the \
                         profile {}: boxes alone cannot change that. Decrypt it and protect it again.",
                        track.id, profile.name
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn tenc(protection: &Protection, kid: Kid) -> Tenc {
    Tenc {
        version: u8::from(protection.pattern != 0),
        pattern: protection.pattern,
        iv_size: protection.iv_size,
        constant_iv: protection.constant_iv.clone(),
        ..Tenc::ctr(kid)
    }
}

/// Writes the protection of `moov` in the boxes of a profile.
pub(crate) fn moov(moov: &mut Node, tracks: &[&Track], profile: &Profile) -> Result<()> {
    let mut kids: Vec<Kid> = Vec::new();
    let traks = moov.children_mut().into_iter().flatten();
    for trak in traks.filter(|node| node.kind == BoxType::code(b"trak")) {
        let id = trak.get::<Tkhd>()?.track_id;
        let Some(track) = tracks.iter().find(|track| track.id == id) else { continue };
        let stsd = trak.path_mut(&[b"mdia", b"minf", b"stbl", b"stsd"]);
        let nodes = stsd.and_then(Node::children_mut).into_iter().flatten();
        for (node, entry) in nodes.zip(&track.entries) {
            let Some(protection) = entry.protection() else { continue };
            let kid = protection.kid.ok_or_else(|| {
                Error::malformed(
                    Code::NoKid,
                    "This sample entry has no tenc, so its KID is unknown.",
                )
                .at(node.at)
            })?;
            if !kids.contains(&kid) {
                kids.push(kid);
            }
            let new = sinf(profile, entry.format, &tenc(protection, kid));
            if let Some(children) = node.children_mut() {
                children.retain(|child| child.kind != BoxType::code(b"sinf"));
                children.push(new);
            }
        }
    }
    let is_header = |node: &Node| [Pssh::KIND, PIFF_PSSH].contains(&node.kind);
    let mut old: Vec<Pssh> = Vec::new();
    for node in moov.children().iter().filter(|node| is_header(node)) {
        let pssh = Pssh::parse(node)?;
        // Both envelopes may hold the same header.
        if pssh.system_id != COMMON && !old.contains(&pssh) {
            old.push(pssh);
        }
    }
    if profile.iso {
        old.push(common_pssh(kids));
    }
    if let Some(children) = moov.children_mut() {
        children.retain(|node| !is_header(node));
    }
    insert_headers(moov, headers(profile, &old));
    Ok(())
}

/// Writes the protection of a `traf` in the boxes of a profile.
pub(crate) fn traf(
    traf: &mut Node,
    track: &Track,
    fragment: &TrackFragment,
    at_hand: AtHand<'_>,
    profile: &Profile,
) -> Result<()> {
    let entry = track.entries.get(track.entry_of(&fragment.tfhd));
    let Some(default) = entry.and_then(SampleEntry::protection) else { return Ok(()) };
    let samples = protected_samples(track, traf, fragment, at_hand)
        .map_err(|e| e.at(traf.at).within("moof/traf"))?;
    if let Some(children) = traf.children_mut() {
        children.retain(|node| !is_of_protection(node));
    }
    let protected: Vec<_> = samples.iter().flatten().collect();
    let cannot = |what: &str| {
        let sentence = format!("{what} Boxes alone cannot say that; decrypt and protect it again.");
        Err(Error::unsupported(Code::OtherDefaults, sentence)
            .at(fragment.moof_at)
            .within("moof/traf"))
    };
    if protected.is_empty() && profile.iso {
        add_clear_group(traf, samples.len() as u32);
        return Ok(());
    }
    if protected.is_empty() {
        return cannot(
            "This fragment is clear, and the sample entry it names is protected; PIFF has no word for that which players read.",
        );
    }
    if protected.len() < samples.len() {
        return cannot("Some samples of this fragment are clear and some are not.");
    }
    let differs = |p: &&&crate::model::Protected| {
        Some(p.kid) != default.kid
            || p.method != default.method()
            || (default.iv_size != 0 && p.iv.len() != usize::from(default.iv_size))
    };
    if let Some(other) = protected.iter().find(differs) {
        return cannot(&format!(
            "This fragment has the KID {} or a cipher of its own, not that of its track.",
            other.kid
        ));
    }
    let constant = default.iv_size == 0;
    let infos = protected.iter().map(|p| SampleInfo {
        iv: if constant { Vec::new() } else { p.iv.clone() },
        subsamples: p.subsamples.clone(),
    });
    let senc = Senc::new(infos.collect());
    if !constant || senc.subsamples() == Subsamples::Listed {
        add_senc(traf, profile, &senc);
    }
    Ok(())
}
