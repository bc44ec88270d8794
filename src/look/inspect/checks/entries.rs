//! Sample entries: what they call the samples, and how those are protected.

use crate::checks::CheckId;
use crate::collections::Set;
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::protection::{PIFF_TENC, Tenc};
use crate::format::boxes::tree::Node;
use crate::format::codec::Rule;
use crate::format::ids::{BoxType, FourCc, Scheme};
use crate::model::{Finding, Movie, SampleEntry, Track};

/// Each sample entry's `sinf`s: what `tenc` says in both envelopes, and the order.
pub(super) fn schemes(movie: &Movie, out: &mut Vec<Finding>) {
    for track in &movie.tracks {
        for protection in track.entries.iter().flat_map(|entry| &entry.protection) {
            let Some(scheme) = protection.scheme else { continue };
            if scheme.scheme().is_none() {
                let message = format!("The protection scheme {scheme} is not known.");
                out.push(Finding::new(CheckId::SchemeUnknown, message).of_track(track.id));
            }
        }
        for entry in &track.entries {
            let schemes: Vec<FourCc> = entry.protection.iter().filter_map(|p| p.scheme).collect();
            if let [first, .., last] = schemes[..]
                && last.scheme() == Some(Scheme::Piff)
                && first != last
            {
                let message = "Of two sinf, the one with the scheme piff comes last.";
                out.push(Finding::new(CheckId::PiffAfterCenc, message).of_track(track.id));
            }
            if schemes == [Scheme::Piff.code()] {
                out.push(
                    Finding::new(
                        CheckId::SchemePiff,
                        "The scheme is piff, which Smooth Streaming and PlayReady clients read. \
                         Browsers, ffmpeg and Shaka Packager do not: they want cenc.",
                    )
                    .of_track(track.id),
                );
            }
            for protection in &entry.protection {
                if protection.known_scheme() == Some(Scheme::Piff) && protection.algorithm_id == 2 {
                    let message = "The samples are protected with AES-CBC (AlgorithmID 2).";
                    out.push(Finding::new(CheckId::AlgorithmCbc, message).of_track(track.id));
                }
            }
        }
        tencs(movie, track, out);
    }
}

/// Every `tenc` of a track, in either envelope, must say the same.
fn tencs(movie: &Movie, track: &Track, out: &mut Vec<Finding>) {
    let Some(trak) = movie.trak(track.id) else { return };
    let Some(stsd) = trak.path(&[b"mdia", b"minf", b"stbl", b"stsd"]) else { return };
    for entry in stsd.children() {
        let mut first: Option<(&Node, Tenc)> = None;
        entry.walk(&mut |node| {
            if ![Tenc::KIND, PIFF_TENC].contains(&node.kind) {
                return;
            }
            let Ok(tenc) = Tenc::parse(node) else { return };
            if node.kind == PIFF_TENC && tenc.version != 0 {
                let message = format!("PIFF's track encryption box has version {}.", tenc.version);
                out.push(
                    Finding::new(CheckId::PiffVersion, message).of_box(node).of_track(track.id),
                );
            }
            let Some((_, known)) = &first else {
                first = Some((node, tenc));
                return;
            };
            let facts = |t: &Tenc| (t.kid, t.iv_size, t.is_protected);
            if facts(known) != facts(&tenc) {
                let words = |t: &Tenc| {
                    format!("KID {}, IV {} bytes, algorithm {}", t.kid, t.iv_size, t.is_protected)
                };
                let message = format!(
                    "Two track encryption boxes of this track differ: {}; and {}.",
                    words(known),
                    words(&tenc)
                );
                let finding = Finding::new(CheckId::TencDiffers, message).of_box(node);
                out.push(finding.of_track(track.id).within("moov/trak/stsd/sinf/schi"));
            }
        });
    }
}

pub(super) fn sample_entries(movie: &Movie, out: &mut Vec<Finding>) {
    let mut ids = Set::new();
    for track in &movie.tracks {
        if !ids.insert(track.id) {
            let message = format!("Two tracks have the number {}.", track.id);
            out.push(Finding::new(CheckId::TrackIdMismatch, message).of_track(track.id));
            continue;
        }
        let protected = track.entries.iter().position(|entry| !entry.protection.is_empty());
        if protected.is_some_and(|index| index > 0) {
            let message = "Its protected sample entry is not the first.";
            out.push(Finding::new(CheckId::ProtectedEntryNotFirst, message).of_track(track.id));
        }
        let Some(trak) = movie.trak(track.id) else {
            continue;
        };
        let Some(stsd) = trak.path(&[b"mdia", b"minf", b"stbl", b"stsd"]) else { continue };
        for (node, entry) in stsd.children().iter().zip(&track.entries) {
            entry_format(track, node, entry, out);
        }
    }
}

fn entry_format(track: &Track, node: &Node, entry: &SampleEntry, out: &mut Vec<Finding>) {
    let mut found = |id, message: String| {
        let finding = Finding::new(id, message).of_box(node).of_track(track.id);
        out.push(finding.within("moov/trak/stsd"));
    };
    if !entry.protection.is_empty() && !entry.coding.0.starts_with(b"enc") {
        found(
            CheckId::ClearEntryWithSinf,
            format!("The sample entry is {}, but has a sinf: is it protected?", entry.coding),
        );
    }
    let mut sinfs = node.all(BoxType::code(b"sinf"));
    if sinfs.any(|sinf| sinf.find(BoxType::code(b"frma")).is_none()) {
        found(CheckId::NoFrma, format!("A sinf of {} has no frma.", entry.coding));
        return;
    }
    let fits: &[&[u8; 4]] = match &entry.format.0 {
        b"avc1" | b"avc3" | b"dva1" | b"dvav" => &[b"avcC"],
        b"hvc1" | b"hev1" | b"dvh1" | b"dvhe" => &[b"hvcC"],
        b"mp4a" => &[b"esds", b"wave"],
        b"ac-3" => &[b"dac3"],
        b"ec-3" => &[b"dec3"],
        _ => return,
    };
    const CONFIGURATIONS: [&[u8; 4]; 6] = [b"avcC", b"hvcC", b"esds", b"dac3", b"dec3", b"av1C"];
    let has = |code: &[u8; 4]| node.find(BoxType::code(code)).is_some();
    let other = CONFIGURATIONS.iter().find(|code| has(code) && !fits.contains(code));
    if let (Some(other), false) = (other, fits.iter().any(|code| has(code))) {
        let message = format!(
            "The original format is {}, but the sample entry has the configuration {}.",
            entry.format,
            FourCc(**other)
        );
        found(CheckId::FrmaMismatch, message);
    }
}

pub(super) fn iv_sizes(movie: &Movie, out: &mut Vec<Finding>) {
    for track in &movie.tracks {
        let Some(protection) = track.protection() else { continue };
        let grouped = !track.seig.is_empty() || movie.ivs.iter().any(|run| run.track == track.id);
        match protection.iv_size {
            8 => {}
            0 if !protection.constant_iv.is_empty() || protection.algorithm_id == 0 || grouped => {}
            16 => {
                let message = "Its IVs are 16 bytes; PlayReady before 4.0 reads 8 only.";
                out.push(Finding::new(CheckId::IvSize16, message).of_track(track.id));
            }
            n => {
                let message = format!("Its IV size is {n}; 8 and 16 are defined.");
                out.push(Finding::new(CheckId::IvSizeUnknown, message).of_track(track.id));
            }
        }
    }
}

pub(super) fn nal_lengths(movie: &Movie, out: &mut Vec<Finding>) {
    for track in &movie.tracks {
        let Some(Rule::Nal(codec)) = track.codec().and_then(|codec| codec.rule.as_ref()) else {
            continue;
        };
        if codec.length_size() != 4 {
            let message = format!("NAL lengths are {} bytes long.", codec.length_size());
            out.push(Finding::new(CheckId::NalLengthSize, message).of_track(track.id));
        }
    }
}
