//! `cargo bench --bench core`: the parts of the core that a large file is made of.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ismvault::format::boxes::protection::{SENC, SampleInfo, Senc, Subsample};
use ismvault::format::cipher::{ContentKey, Method};
use ismvault::format::codec::Rule;
use ismvault::make::proof::Proves as _;
use ismvault::make::protect::Plan;
use ismvault::make::protect::subsample::{Layout, subsamples};
use ismvault::make::recipe::{Piece, Recipe as _};
use ismvault_testkit::{fixture, inspect, options, trafs};
use std::hint::black_box;

/// Opening a file that is in memory: every box header, `moov` and `moof`s read.
fn box_walk(c: &mut Criterion) {
    let file = fixture("av_text.ismv");
    let mut group = c.benchmark_group("boxes");
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("open av_text.ismv", |b| b.iter(|| inspect(black_box(&file))));
    group.finish();
}

/// The `senc` of fifty video samples.
fn senc(c: &mut Criterion) {
    let info = |n: u64| SampleInfo {
        iv: n.to_be_bytes().to_vec(),
        subsamples: vec![Subsample { clear: 40, protected: 24_960 }],
    };
    let samples: Vec<SampleInfo> = (0..50).map(info).collect();
    c.bench_function("senc of 50 samples", |b| {
        b.iter_batched(
            || samples.clone(),
            |samples| Senc::new(samples).to_node_as(SENC).to_bytes(),
            BatchSize::SmallInput,
        );
    });
}

/// From NAL units to a subsample map, slice headers and all.
fn nal_walk(c: &mut Criterion) {
    let mut group = c.benchmark_group("subsample map");
    for name in ["slices.ismv", "hevc.ismv"] {
        let file = fixture(name);
        let movie = inspect(&file);
        let track = movie.tracks.iter().find(|track| {
            matches!(track.codec().and_then(|codec| codec.rule.as_ref()), Some(Rule::Nal(_)))
        });
        let track = track.unwrap();
        let Some(Rule::Nal(codec)) = &track.codec().unwrap().rule else { unreachable!() };
        let all = trafs(&movie, &file);
        let samples = all.iter().flat_map(|(_, trafs)| trafs);
        let samples: Vec<&[u8]> = samples
            .filter(|traf| traf.tfhd.track_id == track.id)
            .flat_map(|traf| &traf.samples)
            .map(|sample| &file[sample.at as usize..][..sample.size as usize])
            .collect();
        let layout = Layout { aligned: true, iv_size: 8 };
        group.throughput(Throughput::Elements(samples.len() as u64));
        group.bench_function(name, |b| {
            b.iter(|| {
                let mut sets = codec.parameter_sets();
                for sample in &samples {
                    black_box(subsamples(codec, &mut sets, sample, layout).unwrap());
                }
            });
        });
    }
    group.finish();
}

fn cipher(c: &mut Criterion) {
    let cipher = ContentKey::from_bytes([7; 16]).cipher();
    let mut group = c.benchmark_group("AES-CTR");
    for size in [350, 25_000, 1 << 20] {
        let mut sample = vec![0; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("{size} bytes"), |b| {
            b.iter(|| cipher.encrypt(Method::CTR, &[1; 8], &[], &mut sample).unwrap());
        });
    }
    group.finish();
}

/// A whole unit: boxes, encryption, and reading back.
fn unit(c: &mut Criterion) {
    let file = fixture("h264_aac.ismv");
    let plan = Plan::new(&inspect(&file), &options("dual")).unwrap();
    let units: Vec<(usize, &[u8])> = plan
        .pieces()
        .iter()
        .filter_map(|piece| match piece {
            Piece::Work { unit, span } => {
                Some((*unit, &file[span.at as usize..span.end() as usize]))
            }
            _ => None,
        })
        .collect();
    let mut group = c.benchmark_group("protect");
    group.throughput(Throughput::Bytes(units.iter().map(|(_, bytes)| bytes.len() as u64).sum()));
    group.bench_function("h264_aac.ismv", |b| {
        b.iter(|| {
            for (unit, bytes) in &units {
                black_box(plan.work_and_prove(*unit, bytes).unwrap());
            }
        });
    });
    group.finish();
}

criterion_group!(benches, box_walk, senc, nal_walk, cipher, unit);
criterion_main!(benches);
