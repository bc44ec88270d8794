//! H.264, H.265, VP9 and AV1: what is protected is what Shaka Packager protects, and what comes
//! back is what went in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::look::explore;
use ismvault_testkit::{
    KEY, KID, decrypted, framemd5, inspect, options, protect, reader, samples, scratch, text,
};
use std::fs;
use std::path::Path;
use std::process::Command;

/// H.264 and H.265: slices, fields, weights, several references, 10 bits.
const NALS: [&str; 6] = [
    "libx264 -preset veryfast -slices 3 -g 20",
    "libx264 -preset slow -bf 3 -refs 5 -g 25 -x264-params weightp=2",
    "libx264 -flags +ildct+ilme -x264-params interlaced=1:cabac=0 -g 20",
    "libx265 -preset ultrafast -x265-params log-level=0:slices=3:keyint=20",
    "libx265 -preset medium -x265-params log-level=0:bframes=4:weightb=1:keyint=25",
    "libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=0:keyint=20",
];

/// VP9: hidden frames in superframes; several tiles; segments with features.
const VP9: [&str; 3] = [
    "libvpx-vp9 -lag-in-frames 16 -auto-alt-ref 1 -g 30",
    "libvpx-vp9 -g 25 -tile-columns 1 -error-resilient 1",
    "libvpx-vp9 -g 40 -aq-mode 1 -deadline realtime -cpu-used 6",
];

/// AV1 by three encoders: what each writes by itself, then what else a frame
/// header may have, one after the other.
const AV1: [&str; 18] = [
    "libaom-av1 -cpu-used 6 -g 30",
    "libsvtav1 -preset 10 -g 30",
    "librav1e -speed 10 -g 30 -tiles 4",
    "libaom-av1 -cpu-used 8 -g 30 -tiles 4x2",
    "libaom-av1 -cpu-used 4 -g 40 -lag-in-frames 25 -pix_fmt yuv420p10le",
    "libsvtav1 -preset 12 -svtav1-params superres-mode=1:superres-denom=12",
    "libaom-av1 -cpu-used 8 -aom-params film-grain-test=3",
    "libaom-av1 -cpu-used 8 -aom-params tune-content=screen:sb-size=64",
    "libaom-av1 -cpu-used 8 -error-resilience default",
    "libaom-av1 -cpu-used 8 -aom-params lossless=1",
    "libaom-av1 -cpu-used 8 -aom-params enable-order-hint=0",
    "libsvtav1 -preset 12 -svtav1-params resize-mode=1:resize-denom=12",
    "libsvtav1 -preset 10 -svtav1-params sframe-dist=10:pred-struct=1:sframe-mode=1",
    "libaom-av1 -cpu-used 6 -aom-params aq-mode=2:deltaq-mode=0",
    "libaom-av1 -cpu-used 6 -aom-params deltaq-mode=1:delta-lf-mode=1:enable-qm=1",
    "libaom-av1 -cpu-used 8 -pix_fmt yuv444p -aom-params enable-cdef=0",
    "libaom-av1 -cpu-used 8 -pix_fmt gray -aom-params enable-restoration=0:num-tile-groups=2 -tiles 2x2",
    "libaom-av1 -cpu-used 8 -still-picture 1 -frames:v 1",
];

/// Header and protected bytes of every frame of every sample. Whether what is
/// left of a block is clear in front or behind, packagers differ.
fn protected(file: &[u8]) -> Vec<Vec<u32>> {
    let movie = inspect(file);
    let mut found = Vec::new();
    for fragment in &movie.fragments {
        let head = &file[fragment.head.at as usize..fragment.head.end() as usize];
        for track in explore::samples(&movie, head, fragment.moof.at).unwrap() {
            for sample in track.samples {
                let parts = sample.subsamples.iter().map(|(_, protected)| *protected);
                found.push(parts.filter(|protected| *protected > 0).collect());
            }
        }
    }
    found
}

#[test]
fn slices_are_protected_behind_their_headers() {
    NALS.into_iter().for_each(judge);
}

#[test]
fn frames_of_vp9_are_protected_behind_their_uncompressed_headers() {
    VP9.into_iter().for_each(judge);
}

#[test]
fn tiles_of_av1_are_protected() {
    AV1.into_iter().for_each(judge);
}

/// Makes a film of this kind, and lets others judge what we make of it.
fn judge(kind: &str) {
    let folder = scratch();
    let [clear, whole, out] =
        ["clear.mp4", "whole.mp4", "out.mp4"].map(|name| folder.path().join(name));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i"])
        .args(["testsrc2=size=640x360:rate=25,noise=alls=15:allf=t", "-t", "1.2"])
        .args(["-b:v", "600k", "-c:v"])
        .args(kind.split(' '))
        .args(["-movflags", "+frag_keyframe+empty_moov+default_base_moof"])
        .arg(&clear)
        .output()
        .unwrap();
    if !made.status.success() {
        eprintln!("skipped: no {kind}: {}", text(&made.stderr));
        return;
    }
    let file = fs::read(&clear).unwrap();
    for profile in ["dual", "cenc", "cbcs"] {
        let locked = protect(&file, &options(profile)).unwrap();
        assert_ne!(samples(&locked, 1), samples(&file, 1), "{kind} {profile}");
        assert_eq!(samples(&decrypted(&locked, KEY), 1), samples(&file, 1), "{kind} {profile}");
        fs::write(&out, &locked).unwrap();
        if let Some(ffmpeg) = reader("ffmpeg-linux-x64") {
            let (want, _) = framemd5(&ffmpeg, None, &clear);
            let (have, complaints) = framemd5(&ffmpeg, Some(KEY), &out);
            assert_eq!(have, want, "{kind} {profile}: {complaints}");
        }
    }
    let Some(packager) = reader("packager-linux-x64") else { return };
    // It asks for the configuration that an empty moov is written before.
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i", &path(&clear), "-c", "copy"])
        .args(["-movflags", "+frag_keyframe+delay_moov+default_base_moof", &path(&whole)])
        .status()
        .unwrap();
    assert!(made.success());
    let file = fs::read(&whole).unwrap();
    // Where a part of a block is left over, only NAL units are cut alike by both.
    let schemes: &[&str] = if kind.contains("x26") { &["cenc", "cbcs"] } else { &["cenc"] };
    for scheme in schemes {
        let made = Command::new(&packager)
            .arg(format!("in={},stream=video,output={}", path(&whole), path(&out)))
            .args(["--enable_raw_key_encryption", "--clear_lead", "0"])
            .args(["--protection_scheme", scheme, "--keys"])
            .arg(format!("label=:key_id={}:key={KEY}", KID.replace('-', "")))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        let ours = protected(&protect(&file, &options(scheme)).unwrap());
        assert_eq!(ours, protected(&fs::read(&out).unwrap()), "{kind} {scheme}");
    }
}
