//! The proof catches what a writer could get wrong: each fault by itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::Recipe as _;
use ismvault::error::Code;
use ismvault::make::proof::{Proven, Proves as _};
use ismvault::make::protect::Plan;
use ismvault_testkit::{fixture, inspect, options};

/// Where the body of the first box with this code begins.
fn body(bytes: &[u8], code: &[u8]) -> usize {
    bytes.windows(code.len()).position(|window| window == code).unwrap() + code.len()
}

const PIFF_SENC: [u8; 16] = 0xa2394f52_5a9b_4f14_a244_6c427c648df4_u128.to_be_bytes();

#[test]
fn one_wrong_byte_is_caught_wherever_it_is() {
    let file = fixture("h264_aac.ismv");
    let movie = inspect(&file);
    let plan = Plan::new(&movie, &options("dual")).unwrap();
    let span = movie.fragments[0].span;
    let input = &file[span.at as usize..span.end() as usize];
    let (right, _) = plan.work_and_prove(0, input).unwrap();
    let prove = |output: &[u8]| plan.protector().prove(span.at, input, output);
    prove(&right).unwrap();
    type Place = fn(&[u8]) -> usize;
    let faults: [(&str, Place); 11] = [
        ("saio beside the IVs", |b| body(b, b"saio") + 11),
        ("a size in saiz", |b| body(b, b"saiz") + 9),
        ("an IV in senc alone", |b| body(b, b"senc") + 8),
        ("a clear length in senc alone", |b| body(b, b"senc") + 19),
        ("an IV in PIFF's senc alone", |b| body(b, &PIFF_SENC) + 8),
        ("where the data is", |b| body(b, b"trun") + 11),
        ("a duration, size, flag or offset", |b| body(b, b"trun") + 15),
        ("the track", |b| body(b, b"tfhd") + 7),
        ("flags of all samples", |b| body(b, b"tfhd") + 8),
        ("how many IVs there are", |b| body(b, b"senc") + 7),
        ("the media", |b| b.len() - 1),
    ];
    for (what, place) in faults {
        let mut wrong = right.clone();
        wrong[place(&right)] ^= 1;
        let error = prove(&wrong).err().unwrap_or_else(|| panic!("{what} was not noticed"));
        assert!(error.message.ends_with("Please report this file."), "{what}: {error}");
    }
}

/// Flips the last bit of a box's field in each output, and expects it to be told.
fn time_is_compared(fixture_name: &str, place: impl Fn(&[u8]) -> usize) {
    let file = fixture(fixture_name);
    let movie = inspect(&file);
    let plan = Plan::new(&movie, &options("dual")).unwrap();
    let span = movie.fragments[1].span;
    let input = &file[span.at as usize..span.end() as usize];
    let (mut output, _) = plan.work_and_prove(1, input).unwrap();
    plan.protector().prove(span.at, input, &output).unwrap();
    let at = place(&output);
    output[at] ^= 1;
    let error = plan.protector().prove(span.at, input, &output).expect_err("it is noticed");
    assert!(error.message.contains("another time"), "{error}");
}

#[test]
fn the_time_of_a_fragment_is_compared() {
    const TFXD: [u8; 16] = 0x6d1d9b05_42d5_44e6_80e2_141daff757b2_u128.to_be_bytes();
    time_is_compared("h264_aac.ismv", |b| body(b, &TFXD) + 11);
    time_is_compared("cmaf_sidx.mp4", |b| body(b, b"tfdt") + 11);
}

#[test]
fn an_output_with_a_unit_that_was_not_proved_is_refused() {
    let file = fixture("h264_aac.ismv");
    let movie = inspect(&file);
    let proven = Proven::new(Plan::new(&movie, &options("dual")).unwrap());
    let span = |unit: usize| movie.fragments[unit].span;
    let bytes = |unit| &file[span(unit).at as usize..span(unit).end() as usize];
    proven.work(1, bytes(1)).unwrap();
    assert_eq!(proven.verdict().err().unwrap().code, Code::ProofFailed);
    let proven = Proven::new(Plan::new(&movie, &options("dual")).unwrap());
    for unit in (0..movie.fragments.len()).rev() {
        proven.work(unit, bytes(unit)).unwrap();
    }
    let (_, proof) = proven.verdict().unwrap();
    let samples: u64 = movie.tracks.iter().map(|track| track.totals.samples).sum();
    assert_eq!(proof.samples_compared(), samples);
}
