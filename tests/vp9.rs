//! VP9: what is protected is what Shaka Packager protects, and what comes back
//! is what went in.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{
    KEY, KID, decrypted, framemd5, inspect, options, protect, reader, samples, scratch, text,
};
use ismvault::explore;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Hidden frames in superframes; several tiles; segments with features.
const KINDS: [&str; 3] = [
    "-lag-in-frames 16 -auto-alt-ref 1 -g 30",
    "-g 25 -tile-columns 1 -error-resilient 1",
    "-g 40 -aq-mode 1 -deadline realtime -cpu-used 6",
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
fn frames_are_protected_behind_their_uncompressed_headers() {
    let folder = scratch();
    let (clear, out) = (folder.path().join("clear.mp4"), folder.path().join("out.mp4"));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    for kind in KINDS {
        let made = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i"])
            .args(["testsrc2=size=640x360:rate=25,noise=alls=15:allf=t", "-t", "3"])
            .args(["-c:v", "libvpx-vp9", "-b:v", "600k"])
            .args(kind.split(' '))
            .args(["-movflags", "+frag_keyframe+empty_moov+default_base_moof"])
            .arg(&clear)
            .output()
            .unwrap();
        if !made.status.success() {
            eprintln!("skipped: this ffmpeg makes no VP9: {}", text(&made.stderr));
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
        let Some(packager) = reader("packager-linux-x64") else { continue };
        let made = Command::new(packager)
            .arg(format!("in={},stream=video,output={}", path(&clear), path(&out)))
            .args(["--enable_raw_key_encryption", "--clear_lead", "0"])
            .args(["--protection_scheme", "cenc", "--keys"])
            .arg(format!("label=:key_id={}:key={KEY}", KID.replace('-', "")))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        let ours = protected(&protect(&file, &options("cenc")).unwrap());
        assert_eq!(ours, protected(&fs::read(&out).unwrap()), "{kind}");
    }
}
