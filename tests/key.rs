//! The key doctor: right keys in every spelling, wrong ones never proven.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ismvault::error::Code;
use ismvault::format::cipher::ContentKey;
use ismvault::format::ids::{Kid, Uuid};
use ismvault::look::doctor::{Diagnosis, Doctor, Verdict};
use ismvault::model::Finding;
use ismvault_testkit::{CLEAR, KEY, KID, drive, fixture, inspect, options, protect, shared};
use std::fs;

fn doctor(file: &[u8], text: &str) -> Doctor {
    let movie = inspect(file);
    let mut doctor = Doctor::new(&movie, &[text]).unwrap();
    drive(&mut doctor, file, usize::MAX).unwrap();
    doctor
}

fn diagnose(file: &[u8], text: &str) -> Vec<Diagnosis> {
    doctor(file, text).diagnose()
}

fn verdicts(file: &[u8], text: &str) -> Vec<Verdict> {
    diagnose(file, text).into_iter().map(|d| d.verdict).collect()
}

/// The file without its protection headers, so that only samples tell.
fn without_headers(file: &[u8]) -> Vec<u8> {
    let mut out = file.to_vec();
    let movie = inspect(file);
    for system in &movie.systems {
        // Free space of the same size, so that nothing moves.
        out[system.at as usize + 4..][..4].copy_from_slice(b"free");
    }
    assert!(inspect(&out).systems.is_empty());
    out
}

fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state ^ state >> 29
    }
}

#[test]
fn every_spelling_of_the_right_key() {
    let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
    let key = u128::from_str_radix(KEY, 16).unwrap().to_be_bytes();
    let swapped = Uuid(key).swapped();
    let kid = KID.replace('-', "");
    for text in [
        KEY.to_owned(),
        KEY.to_uppercase(),
        format!("0x{KEY}"),
        STANDARD.encode(key),
        URL_SAFE_NO_PAD.encode(key),
        Uuid(key).to_string(),
        format!("{{{}}}", Uuid(key)),
        swapped.to_string(),
        format!("{KID}:{KEY}"),
        format!("{kid}:{KEY}"),
        format!("{},{KEY}", Kid::parse(KID).unwrap().swapped()),
        format!("kid;key\n{KID};{KEY}\n"),
        format!("{{\"keys\":[{{\"kid\":\"x\",\"k\":\"{}\"}}]}}", URL_SAFE_NO_PAD.encode(key)),
        format!("00112233445566778899aabbccddeeff\n{KEY}"),
    ] {
        let found = diagnose(&file, &text);
        assert_eq!(found.len(), 2);
        for diagnosis in found {
            assert_eq!(diagnosis.verdict, Verdict::Proven, "{text}: {}", diagnosis.sentence);
            assert!(!diagnosis.sentence.contains(KEY), "{}", diagnosis.sentence);
        }
    }
    let said = |text: &str| diagnose(&file, text)[0].sentence.clone();
    assert!(said(&swapped.to_string()).contains("swapped"));
    assert!(said(KID).contains("is the KID, not the key"), "{}", said(KID));
    let other_order = Kid::parse(KID).unwrap().swapped();
    assert!(said(&format!("{other_order}:{KEY}")).contains("Your KID is byte-swapped"));
}

#[test]
fn a_seed_and_the_public_test_seed() {
    let seed = "XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I";
    let kid = Kid::parse(KID).unwrap();
    let key = ContentKey::from_seed(seed, kid).unwrap();
    let file = protect(&fixture("h264_aac.ismv"), &with_key(key)).unwrap();
    assert_eq!(verdicts(&file, seed), [Verdict::Proven; 2]);
    let found = diagnose(&file, "00112233445566778899aabbccddeeff");
    assert!(found[0].sentence.contains("Microsoft's public test seed"), "{}", found[0].sentence);
}

#[test]
fn samples_alone_prove_and_disprove() {
    for name in ["h264_aac.ismv", "audio_only.isma", "hevc.ismv", "bframes.ismv", "slices.ismv"] {
        for profile in ["dual", "piff"] {
            let file = without_headers(&protect(&fixture(name), &options(profile)).unwrap());
            for diagnosis in diagnose(&file, KEY) {
                let sentence = &diagnosis.sentence;
                assert_eq!(diagnosis.verdict, Verdict::Proven, "{name} {profile}: {sentence}");
            }
        }
    }
}

#[test]
fn no_wrong_key_is_ever_proven() {
    let mut next = numbers(7);
    let mut tried = 0;
    for name in CLEAR {
        for profile in ["dual", "piff", "cenc"] {
            let file = without_headers(&protect(&fixture(name), &options(profile)).unwrap());
            let doctors: Vec<String> =
                (0..8).map(|_| format!("{:016x}{:016x}", next(), next())).collect();
            for key in doctors {
                for diagnosis in diagnose(&file, &key) {
                    tried += 1;
                    let sentence = &diagnosis.sentence;
                    assert_ne!(
                        diagnosis.verdict,
                        Verdict::Proven,
                        "{name} {profile} {key}: {sentence}"
                    );
                }
            }
        }
    }
    assert!(tried > 150, "{tried}");
}

fn ids(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.check.id.name()).collect()
}

#[test]
fn what_a_key_shows_to_be_wrong_with_the_file() {
    let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
    assert_eq!(ids(&doctor(&file, KEY).findings()), Vec::<&str>::new());
    let wrong = doctor(&file, "ffeeddccbbaa99887766554433221100").findings();
    assert!(ids(&wrong).contains(&"decrypt_failed"), "{:?}", ids(&wrong));
    let (kid, key) = (Kid::parse(KID).unwrap(), ContentKey::parse(KEY).unwrap());
    let sum = |sum: [u8; 8]| {
        STANDARD.encode(sum).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    let right = sum(key.checksum(kid));
    let at = file.windows(right.len()).position(|w| w == right).unwrap();
    for (other, id) in
        [(sum(key.checksum(kid.swapped())), "checksum_swapped"), (sum([1; 8]), "checksum_wrong")]
    {
        let mut file = file.clone();
        file[at..at + other.len()].copy_from_slice(&other);
        let found = doctor(&file, KEY).findings();
        assert!(ids(&found).contains(&id), "{id}: {:?}", ids(&found));
        assert_eq!(verdicts(&file, KEY), [Verdict::Proven; 2], "samples know better");
    }
}

#[test]
fn a_clear_file_has_no_key() {
    let movie = inspect(&fixture("h264_aac.ismv"));
    assert_eq!(Doctor::new(&movie, &[KEY]).err().unwrap().code, Code::NotProtected);
    let file = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
    let movie = inspect(&file);
    for text in ["", "hello", "0011"] {
        assert_eq!(Doctor::new(&movie, &[text]).err().unwrap().code, Code::NoKey, "{text}");
    }
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn keys_of_files_that_others_protected() {
    let path = shared("corpus/expected_dev.json").expect("../shared is beside the project");
    let expected: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut proven = 0;
    for (name, facts) in expected["files"].as_object().unwrap() {
        let Some(keys) = facts["keys"].as_object() else { continue };
        // A segment without its header has no track to try on.
        let file = fs::read(shared("corpus").unwrap().join(name)).unwrap();
        if !inspect(&file).tracks.iter().any(|track| track.protection().is_some()) {
            continue;
        }
        for key in keys.values() {
            for diagnosis in diagnose(&file, key.as_str().unwrap()) {
                let told = diagnosis.verdict != Verdict::Disproven || keys.len() > 1;
                assert!(told, "{name}: {}", diagnosis.sentence);
                proven += usize::from(diagnosis.verdict == Verdict::Proven);
            }
        }
        for diagnosis in diagnose(&file, "5f5e5d5c5b5a59585756555453525150") {
            assert_ne!(diagnosis.verdict, Verdict::Proven, "{name}: {}", diagnosis.sentence);
        }
    }
    assert!(proven > 12, "{proven}");
}

/// The usual options with another key.
fn with_key(key: ismvault::format::cipher::ContentKey) -> ismvault_testkit::Options {
    let mut options = options("dual");
    options.keys[0].key = key;
    options
}
