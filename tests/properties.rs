//! What holds for every input there is, tried on many of them.
//!
//! The cases are made from a fixed seed, so that a run is the same everywhere;
//! `PROPTEST_CASES` makes them more.

#![allow(clippy::unwrap_used, clippy::panic)]

use ismvault::format::boxes::Mp4Box;
use ismvault::format::boxes::fragment::{Saio, Saiz, Tfdt, Tfhd, Trun};
use ismvault::format::boxes::index::{Sidx, Tfra};
use ismvault::format::boxes::movie::Mvhd;
use ismvault::format::boxes::protection::{Pssh, Schm, Senc, Tenc};
use ismvault::format::bytes::{Reader, Writer};
use ismvault::format::drm::playready::{self, HeaderVersion, NewHeader, NewKey};
use ismvault::format::ids::{Kid, Uuid};
use ismvault::look::inspect::Inspector;
use ismvault::look::report::Inspection;
use ismvault_testkit::{CLEAR, drive, fixture, inspect, options, protect};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Tries a property on inputs that are the same in every run.
fn always<S: Strategy>(
    cases: u32,
    inputs: S,
    holds: impl Fn(S::Value) -> Result<(), TestCaseError>,
) {
    let config = Config { failure_persistence: None, ..Config::default() };
    let cases = if config.cases == 256 { cases } else { config.cases };
    let seed = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config { cases, ..config }, seed);
    if let Err(failure) = runner.run(&inputs, holds) {
        panic!("{failure}");
    }
}

/// Bodies of boxes: a version and flags as there are, a count that is small, and
/// anything behind it.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let flags = prop_oneof![Just(0_u32), 0..16_u32, any::<u32>().prop_map(|n| n & 0x03_0f3f)];
    let count = prop_oneof![0..5_u32, any::<u32>()];
    (0..3_u8, flags, count, proptest::collection::vec(any::<u8>(), 0..160)).prop_map(
        |(version, flags, count, rest)| {
            let mut body = vec![version];
            body.extend(&flags.to_be_bytes()[1..]);
            body.extend(count.to_be_bytes());
            body.extend(rest);
            body
        },
    )
}

/// What was read is written again, byte for byte.
fn again(
    body: &[u8],
    read: impl Fn(&mut Reader<'_>, &mut Writer) -> Option<()>,
) -> Result<bool, TestCaseError> {
    let (mut reader, mut writer) = (Reader::new(body, 0), Writer::new());
    if read(&mut reader, &mut writer).is_none() {
        return Ok(false);
    }
    let read = body.len() - reader.left();
    prop_assert_eq!(writer.into_bytes(), &body[..read]);
    Ok(true)
}

fn whole<B: Mp4Box>(body: &[u8]) -> Result<bool, TestCaseError> {
    again(body, |r, w| B::read(r).ok().map(|b| b.write(w)))
}

#[test]
fn what_a_box_says_is_written_as_it_was_read() {
    use std::cell::Cell;
    let read = Cell::new(0);
    always(3000, bodies(), |body| {
        for known in [
            whole::<Saio>(&body)?,
            whole::<Saiz>(&body)?,
            whole::<Tfdt>(&body)?,
            whole::<Tfhd>(&body)?,
            whole::<Trun>(&body)?,
            whole::<Sidx>(&body)?,
            whole::<Tfra>(&body)?,
            whole::<Mvhd>(&body)?,
            whole::<Pssh>(&body)?,
            whole::<Schm>(&body)?,
            whole::<Tenc>(&body)?,
            again(&body, |r, w| {
                // Of a senc that lists nothing for its samples, only the count is left.
                let senc = Senc::read(r, 8).ok().filter(|senc| senc.overriding.is_none());
                senc.map(|senc| senc.write(w))
            })?,
        ] {
            read.set(read.get() + u32::from(known));
        }
        Ok(())
    });
    assert!(read.get() > 3000, "only {} of the bodies were boxes", read.get());
}

#[test]
fn any_damage_gives_one_answer_however_the_file_is_cut() {
    let files: Vec<Vec<u8>> = CLEAR
        .iter()
        .map(|name| fixture(name))
        .flat_map(|clear| [protect(&clear, &options("dual")).unwrap(), clear])
        .collect();
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let inputs =
        (any::<prop::sample::Index>(), damage, any::<prop::sample::Index>(), 1..5000_usize);
    always(150, inputs, |(file, damage, end, most)| {
        let mut bytes = file.get(&files).clone();
        for (at, value) in damage {
            // Where boxes are, mostly.
            let heads = bytes.len().min(6000);
            bytes[at.index(heads)] = value;
        }
        bytes.truncate(end.index(4 * bytes.len()).min(bytes.len()));
        let answer = |most| {
            let mut inspector = Inspector::new(bytes.len() as u64);
            drive(&mut inspector, &bytes, most).unwrap();
            let movie = inspector.into_movie();
            serde_json::to_string(&Inspection::new(&movie)).unwrap()
        };
        prop_assert_eq!(answer(usize::MAX), answer(most));
        Ok(())
    });
}

#[test]
fn a_header_says_what_was_put_into_it() {
    let text = "[ -~äöü€𝄞]{1,60}";
    let inputs =
        (any::<[u8; 16]>(), proptest::option::of(text), proptest::option::of(text), 0..4_usize);
    always(400, inputs, |(kid, la_url, lui_url, version)| {
        let versions =
            [HeaderVersion::V4_0, HeaderVersion::V4_1, HeaderVersion::V4_2, HeaderVersion::V4_3];
        let kid = Uuid(kid);
        let trimmed = |url: &Option<String>| url.as_ref().map(|url| url.trim().to_owned());
        let header = NewHeader {
            version: versions[version],
            keys: vec![NewKey { kid, checksum: None }],
            la_url: trimmed(&la_url),
            lui_url: trimmed(&lui_url),
            ..NewHeader::default()
        };
        let Ok(object) = header.object() else { return Ok(()) };
        let mut problems = Vec::new();
        let records = playready::read_object(&object, &mut problems);
        let read = playready::read_header(records[0].value, &mut problems);
        prop_assert_eq!(read.kids, vec![kid]);
        prop_assert_eq!(read.la_url, header.la_url.filter(|url| !url.is_empty()));
        prop_assert_eq!(read.lui_url, header.lui_url.filter(|url| !url.is_empty()));
        Ok(())
    });
}

#[test]
fn a_kid_is_read_in_every_form_it_is_written_in() {
    always(200, any::<[u8; 16]>(), |bytes| {
        let kid: Kid = Uuid(bytes);
        let text = kid.to_string();
        for form in [
            text.clone(),
            text.to_uppercase(),
            text.replace('-', ""),
            format!("{{{text}}}"),
            format!("urn:uuid:{text}"),
        ] {
            prop_assert_eq!(Kid::parse(&form).unwrap(), kid);
        }
        prop_assert_eq!(kid.swapped().swapped(), kid);
        Ok(())
    });
}

#[test]
fn what_was_protected_is_clean_whatever_was_asked_for() {
    let inputs = (
        0..CLEAR.len(),
        prop_oneof![Just("dual"), Just("piff"), Just("cenc"), Just("cbcs")],
        any::<[u8; 16]>(),
        any::<bool>(),
        any::<bool>(),
        0..3_u32,
    );
    always(24, inputs, |(file, profile, random, wide, widevine, clear_lead)| {
        let clear = fixture(CLEAR[file]);
        let mut asked = options(profile);
        asked.random = random;
        asked.iv_size = if wide && profile != "cbcs" { 16 } else { 8 };
        asked.widevine = widevine;
        asked.clear_lead = clear_lead;
        let Ok(made) = protect(&clear, &asked) else { return Ok(()) };
        let movie = inspect(&made);
        let errors: Vec<_> = movie
            .findings
            .iter()
            .filter(|f| f.check.severity == ismvault::checks::Severity::Error)
            .collect();
        prop_assert!(errors.is_empty(), "{errors:?}");
        Ok(())
    });
}
