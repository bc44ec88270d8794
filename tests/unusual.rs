//! Files that are right but unlike what most tools write, and files that only
//! look right: each comes out whole, or is refused with a reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::checks::CheckId;
use ismvault::error::{Code, ErrorKind};
use ismvault::format::boxes::Mp4Box as _;
use ismvault::format::boxes::fragment::{Saio, Saiz, Tfhd, Trun};
use ismvault::format::boxes::index::{Sidx, SidxReference};
use ismvault::format::boxes::piff::Tfxd;
use ismvault::format::boxes::protection::{SENC, Senc};
use ismvault::format::boxes::tree::{Content, Node};
use ismvault::format::ids::{BoxType, FourCc};
use ismvault::make::decrypt::{Decryption, parse_key};
use ismvault_testkit::edit::{Parts, find};
use ismvault_testkit::{KEY, fixture, inspect, options, output_of, protect, samples};

/// Protects in every profile, decrypts, and compares.
fn round_trip(file: &[u8]) {
    let want = samples(file, 1);
    assert!(!want.is_empty());
    for profile in ["dual", "piff", "cenc"] {
        let protected = protect(file, &options(profile)).unwrap();
        let movie = inspect(&protected);
        assert!(movie.damage.is_none(), "{profile}: {:?}", movie.findings);
        assert_ne!(samples(&protected, 1), want, "{profile}");
        assert_eq!(samples(&decrypt(&protected), 1), want, "{profile}");
        // What saio points at is the first IV, for readers that prefer it.
        for (moof, _) in ismvault_testkit::trafs(&movie, &protected) {
            for traf in moof.all(BoxType::code(b"traf")) {
                if let Some(saio) = traf.get_opt::<Saio>().unwrap() {
                    let senc = Senc::parse(traf.find(SENC).unwrap(), 8).unwrap();
                    let at = (moof.at + saio.offsets[0]) as usize;
                    assert_eq!(&protected[at..at + 8], senc.samples[0].iv, "{profile}");
                }
            }
        }
    }
}

fn decrypt(file: &[u8]) -> Vec<u8> {
    let decryption = Decryption::new(&inspect(file), &[parse_key(KEY).unwrap()]).unwrap();
    output_of(decryption, file).unwrap()
}

fn refusal(file: &[u8]) -> Code {
    let error = protect(file, &options("dual")).unwrap_err();
    assert!(error.message.ends_with('.'), "{error}");
    error.code
}

#[test]
fn fragments_on_both_sides_of_moov() {
    let mut parts = Parts::audio();
    let (moov, moof) = (parts.position(b"moov"), parts.position(b"moof"));
    let moov = parts.0.remove(moov);
    parts.0.insert(moof + 1, moov);
    round_trip(&parts.bytes());
}

#[test]
fn moov_inside_a_fragment_is_refused() {
    let mut parts = Parts::audio();
    let (moov, moof) = (parts.position(b"moov"), parts.position(b"moof"));
    let moov = parts.0.remove(moov);
    let nodes = parts.0[moof - 1].path_mut(&[b"traf"]).unwrap().children_mut().unwrap();
    let at = find(nodes, Trun::KIND);
    let mut trun = Trun::parse(&nodes[at]).unwrap();
    trun.data_offset = trun.data_offset.map(|o| o + moov.size() as i32);
    nodes[at] = trun.to_node();
    parts.0.insert(moof, moov);
    assert_eq!(refusal(&parts.bytes()), Code::DataElsewhere);
}

#[test]
fn filler_inside_a_fragment_moves_with_it() {
    let mut parts = Parts::audio();
    let moof = parts.position(b"moof");
    parts.0.insert(moof + 1, Node::leaf(BoxType::code(b"free"), vec![7; 100]));
    // The first fragment's data is 108 bytes further on.
    if let Some(traf) = parts.0[moof].path_mut(&[b"traf"]) {
        let nodes = traf.children_mut().unwrap();
        let at = find(nodes, Trun::KIND);
        let mut trun = Trun::parse(&nodes[at]).unwrap();
        trun.data_offset = trun.data_offset.map(|o| o + 108);
        nodes[at] = trun.to_node();
    }
    round_trip(&parts.bytes());
}

#[test]
fn sizes_in_64_bits_where_32_would_do() {
    let mut parts = Parts::audio();
    for node in &mut parts.0 {
        if [b"moof", b"mdat"].iter().any(|code| node.kind == BoxType::code(code)) {
            node.large = true;
        }
    }
    let mut file = Parts(Vec::new());
    file.0 = parts.0;
    for moof in file.0.iter_mut().filter(|node| node.kind == BoxType::code(b"moof")) {
        for traf in moof.children_mut().unwrap().iter_mut() {
            if traf.kind == BoxType::code(b"traf") {
                traf.large = true;
                let nodes = traf.children_mut().unwrap();
                let at = find(nodes, Trun::KIND);
                let mut trun = Trun::parse(&nodes[at]).unwrap();
                // moof, traf and mdat each have 8 bytes more.
                trun.data_offset = trun.data_offset.map(|o| o + 24);
                nodes[at] = trun.to_node();
            }
        }
    }
    round_trip(&file.bytes());
}

#[test]
fn absolute_offsets_and_runs_without_offsets() {
    let mut parts = Parts::audio();
    parts.each_traf(|_, nodes| {
        let at = find(nodes, Tfhd::KIND);
        let mut tfhd = Tfhd::parse(&nodes[at]).unwrap();
        tfhd.base_data_offset = Some(0);
        nodes[at] = tfhd.to_node();
        // An empty run, then the samples in two runs, of which only the first
        // says where.
        let at = find(nodes, Trun::KIND);
        let whole = Trun::parse(&nodes[at]).unwrap();
        let half = whole.rows.len() / 2;
        let run = |rows: &[_], data_offset| Trun {
            sample_count: rows.len() as u32,
            rows: rows.to_vec(),
            data_offset,
            ..whole.clone()
        };
        let runs =
            [run(&[], None), run(&whole.rows[..half], Some(0)), run(&whole.rows[half..], None)];
        nodes.splice(at..=at, runs.map(|run| run.to_node()));
    });
    let mut file = parts.bytes();
    // Now that it is known where the moofs are: offsets from the file's start.
    let tops = inspect(&file).top;
    let mut parts = Parts::of(&file);
    for (i, top) in tops.iter().enumerate().filter(|(_, t)| t.kind == BoxType::code(b"moof")) {
        let nodes = parts.0[i].path_mut(&[b"traf"]).unwrap().children_mut().unwrap();
        let at = find(nodes, Trun::KIND) + 1;
        let mut trun = Trun::parse(&nodes[at]).unwrap();
        trun.data_offset = Some(top.span.end() as i32 + 8);
        nodes[at] = trun.to_node();
    }
    file = parts.bytes();
    assert_eq!(samples(&file, 1), samples(&fixture("audio_only.isma"), 1));
    round_trip(&file);
}

#[test]
fn a_part_in_moov_is_refused() {
    let mut parts = Parts::audio();
    let moov = parts.position(b"moov");
    let path = [b"trak", b"mdia", b"minf", b"stbl", b"stsz"];
    let stsz = parts.0[moov].path_mut(&path).unwrap();
    // One sample of ten bytes.
    stsz.content = Content::Leaf(b"\0\0\0\0\0\0\0\x0a\0\0\0\x01".to_vec());
    assert_eq!(refusal(&parts.bytes()), Code::SamplesInMoovToo);
}

#[test]
fn ivs_in_a_clear_track_are_refused() {
    let mut parts = Parts::audio();
    parts.each_traf(|_, nodes| nodes.push(Senc::new(Vec::new()).to_node_as(SENC)));
    let file = parts.bytes();
    assert_eq!(refusal(&file), Code::ClearTrackWithIvs);
    assert!(inspect(&file).findings.iter().any(|f| f.check.id == CheckId::SencLeftOver));
}

#[test]
fn media_before_its_moof_is_refused_but_not_called_damaged() {
    let mut parts = Parts::audio();
    let moof = parts.position(b"moof");
    let Content::Leaf(media) = &parts.0[moof + 1].content else { panic!() };
    let len = media.len() as i32;
    parts.0.truncate(moof + 2);
    parts.0.swap(moof, moof + 1);
    let nodes = parts.0[moof + 1].path_mut(&[b"traf"]).unwrap().children_mut().unwrap();
    let at = find(nodes, Trun::KIND);
    let mut trun = Trun::parse(&nodes[at]).unwrap();
    trun.data_offset = Some(-len);
    nodes[at] = trun.to_node();
    let file = parts.bytes();
    assert!(inspect(&file).damage.is_none());
    assert_eq!(protect(&file, &options("dual")).unwrap_err().kind, ErrorKind::Unsupported);
}

#[test]
fn two_samples_in_the_same_bytes_are_refused() {
    let mut parts = Parts::audio();
    let moof = parts.position(b"moof");
    let traf = parts.0[moof].path(&[b"traf"]).unwrap().clone();
    let before = parts.0[moof].size();
    parts.0[moof].children_mut().unwrap().push(traf);
    let grown = (parts.0[moof].size() - before) as i32;
    for traf in parts.0[moof].children_mut().unwrap().iter_mut().skip(1) {
        let nodes = traf.children_mut().unwrap();
        let at = find(nodes, Tfhd::KIND);
        let mut tfhd = Tfhd::parse(&nodes[at]).unwrap();
        tfhd.flags |= Tfhd::DEFAULT_BASE_IS_MOOF;
        nodes[at] = tfhd.to_node();
        let at = find(nodes, Trun::KIND);
        let mut trun = Trun::parse(&nodes[at]).unwrap();
        trun.data_offset = trun.data_offset.map(|o| o + grown);
        nodes[at] = trun.to_node();
    }
    assert_eq!(refusal(&parts.bytes()), Code::SamplesOverlap);
}

#[test]
fn an_index_before_an_open_mdat_is_left_out() {
    let file = fixture("audio_only.isma");
    let mut parts = Parts::of(&file);
    let mfra = parts.0.pop().unwrap();
    let mfra_len = mfra.size();
    let moof = parts.position(b"moof");
    parts.0.insert(moof, mfra);
    let mut bytes = parts.bytes();
    // Its offsets are stale now, which is told; the last mdat runs to the end.
    let last = inspect(&bytes).top.last().unwrap().span;
    bytes[last.at as usize..][..4].fill(0);
    let protected = protect(&bytes, &options("dual")).unwrap();
    assert!(protected.len() as u64 > bytes.len() as u64 - mfra_len);
    assert_eq!(samples(&decrypt(&protected), 1), samples(&file, 1));
    assert!(inspect(&protected).mfra.is_none());
}

#[test]
fn a_stale_segment_index_becomes_free_space() {
    for large in [false, true] {
        let mut parts = Parts::audio();
        let moof = parts.position(b"moof");
        let references = vec![SidxReference { to_index: false, size: 12345, duration: 1, sap: 0 }];
        let mut sidx = Sidx {
            version: 0,
            flags: 0,
            reference_id: 1,
            timescale: 10_000_000,
            earliest_presentation_time: 0,
            first_offset: 7,
            reserved: 0,
            references,
        }
        .to_node();
        sidx.large = large;
        parts.0.insert(moof, sidx);
        let protected = protect(&parts.bytes(), &options("dual")).unwrap();
        let movie = inspect(&protected);
        assert!(movie.damage.is_none(), "{:?}", movie.findings);
        assert!(movie.indexes.is_empty());
        assert_eq!(samples(&decrypt(&protected), 1), samples(&parts.bytes(), 1));
    }
}

#[test]
fn times_that_cannot_be_are_not_believed() {
    for time in [i64::MIN, -(1 << 62), i64::MAX] {
        let mut parts = Parts::audio();
        parts.each_traf(|_, nodes| {
            let at = find(nodes, Tfxd::KIND);
            nodes[at] = Tfxd { version: 1, flags: 0, time: time as u64, duration: 1 }.to_node();
        });
        round_trip(&parts.bytes());
    }
}

/// As Shaka Packager writes a clear lead: two sample entries, and fragments
/// that use the clear one without IVs.
#[test]
fn a_clear_sample_entry_beside_a_protected_one() {
    let clear = fixture("audio_only.isma");
    let mut parts = Parts::of(&protect(&clear, &options("cenc")).unwrap());
    parts.0.retain(|node| node.kind != BoxType::code(b"mfra"));
    let entry = Parts::of(&clear).0[1]
        .path(&[b"trak", b"mdia", b"minf", b"stbl", b"stsd"])
        .unwrap()
        .children()[0]
        .clone();
    let moov = parts.position(b"moov");
    let stsd = parts.0[moov].path_mut(&[b"trak", b"mdia", b"minf", b"stbl", b"stsd"]).unwrap();
    let Content::Parent { head, children, .. } = &mut stsd.content else { panic!() };
    head[7] = 2;
    children.push(entry);
    // The first fragment from the clear file, told to use the second entry.
    let first = parts.position(b"moof");
    let original = Parts::of(&clear);
    let from = original.position(b"moof");
    parts.0[first] = original.0[from].clone();
    parts.0[first + 1] = original.0[from + 1].clone();
    let nodes = parts.0[first].path_mut(&[b"traf"]).unwrap().children_mut().unwrap();
    let at = find(nodes, Tfhd::KIND);
    let mut tfhd = Tfhd::parse(&nodes[at]).unwrap();
    tfhd.sample_description_index = Some(2);
    nodes[at] = tfhd.to_node();
    let at = find(nodes, Trun::KIND);
    let mut trun = Trun::parse(&nodes[at]).unwrap();
    trun.data_offset = trun.data_offset.map(|o| o + 4);
    nodes[at] = trun.to_node();
    let file = parts.bytes();
    assert_eq!(samples(&decrypt(&file), 1), samples(&clear, 1));
    assert_eq!(refusal(&file), Code::AlreadyProtected);
}

/// IVs found through `saiz` and `saio` alone: one offset a run, in version 1,
/// behind a pair of boxes about something else.
#[test]
fn ivs_where_saio_points() {
    let clear = fixture("audio_only.isma");
    let mut parts = Parts::of(&protect(&clear, &options("cenc")).unwrap());
    parts.0.retain(|node| node.kind != BoxType::code(b"mfra"));
    let count = parts.0.len();
    for i in (0..count).filter(|i| i + 1 < count) {
        if parts.0[i].kind != BoxType::code(b"moof") {
            continue;
        }
        let nodes = parts.0[i].path_mut(&[b"traf"]).unwrap().children_mut().unwrap();
        let senc = Senc::parse(&nodes[find(nodes, SENC)], 8).unwrap();
        nodes.retain(|node| node.kind != SENC);
        let at = find(nodes, Trun::KIND);
        let whole = Trun::parse(&nodes[at]).unwrap();
        let half = whole.rows.len() / 2;
        let run = |rows: &[_]| Trun {
            sample_count: rows.len() as u32,
            rows: rows.to_vec(),
            ..whole.clone()
        };
        let runs = [run(&[]), run(&whole.rows[..half]), run(&whole.rows[half..])];
        nodes.splice(at..=at, runs.map(|run| run.to_node()));
        let at = find(nodes, Saiz::KIND);
        let other = Some((FourCc(*b"abcd"), 0));
        let foreign = [
            Saiz { version_flags: 1, aux_info_type: other, ..Saiz::new(&[1]) }.to_node(),
            Saio { flags: 1, aux_info_type: other, ..Saio::new(0) }.to_node(),
        ];
        nodes.splice(at..at, foreign);
        // The IVs go behind the media, the second run's before the first's.
        let Content::Leaf(media) = &mut parts.0[i + 1].content else { panic!() };
        let media_len = media.len();
        let ivs = |infos: &[ismvault::format::boxes::protection::SampleInfo]| -> Vec<u8> {
            infos.iter().flat_map(|info| info.iv.clone()).collect()
        };
        let (first, second) = (ivs(&senc.samples[..half]), ivs(&senc.samples[half..]));
        media.extend_from_slice(&second);
        media.extend_from_slice(&first);
        let set = |parts: &mut Parts, saio: Saio, offset: i32| {
            let nodes = parts.0[i].path_mut(&[b"traf"]).unwrap().children_mut().unwrap();
            let at = nodes.iter().rposition(|node| node.kind == Saio::KIND).unwrap();
            nodes[at] = saio.to_node();
            let mut next = offset;
            for node in nodes.iter_mut().filter(|node| node.kind == Trun::KIND) {
                let mut trun = Trun::parse(node).unwrap();
                trun.data_offset = Some(next);
                next += trun.rows.iter().map(|row| row.size as i32).sum::<i32>();
                *node = trun.to_node();
            }
        };
        let saio = |base: u64| Saio {
            version: 1,
            flags: 0,
            aux_info_type: None,
            offsets: vec![base, base + second.len() as u64, base],
        };
        set(&mut parts, saio(0), 0);
        let moof_len = parts.0[i].size();
        set(&mut parts, saio(moof_len + 8 + media_len as u64), moof_len as i32 + 8);
    }
    let file = parts.bytes();
    assert!(inspect(&file).damage.is_none());
    assert_eq!(samples(&decrypt(&file), 1), samples(&clear, 1));
}

#[test]
fn an_error_past_the_bound_on_findings_still_counts() {
    // Six hundred tracks without media, then a box that is cut.
    let mut parts = Parts::audio();
    let moov = parts.position(b"moov");
    let children = parts.0[moov].children_mut().unwrap();
    let at = find(children, BoxType::code(b"trak"));
    for id in 2..600_u32 {
        let mut trak = children[at].clone();
        let tkhd = trak.children_mut().unwrap();
        let Content::Leaf(body) = &mut tkhd[0].content else { panic!() };
        body[20..24].copy_from_slice(&id.to_be_bytes());
        let minf = trak.path_mut(&[b"mdia", b"minf"]).unwrap();
        minf.children_mut().unwrap().retain(|node| node.kind != BoxType::code(b"stbl"));
        children.insert(at + 1, trak);
    }
    let mut file = parts.bytes();
    file.extend_from_slice(b"\0\0\0\x40free");
    let movie = inspect(&file);
    assert!(movie.findings.len() > 500);
    assert_eq!(movie.damage.unwrap().check.id, CheckId::FileCut);
}

#[test]
fn few_bytes_cannot_claim_many_samples() {
    // A thousand fragments of a million samples, of one size and no bytes.
    let mut parts = Parts::audio();
    let moof = parts.position(b"moof");
    parts.0.truncate(moof);
    let mut file = parts.bytes();
    for _ in 0..1000 {
        file.extend_from_slice(b"\0\0\0\x40moof\0\0\0\x10mfhd\0\0\0\0\0\0\0\x01\0\0\0\x28traf\0\0\0\x10tfhd\0\x02\0\0\0\0\0\x01\0\0\0\x10trun\0\0\0\0\0\x0f\xff\xff");
    }
    let started = std::time::Instant::now();
    let movie = inspect(&file);
    assert_eq!(movie.damage.unwrap().check.id, CheckId::Structure(Code::TooManySamples));
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn samples_without_bytes_may_be_anywhere() {
    for base in [0, u64::MAX, u64::MAX - 100] {
        let mut parts = Parts::audio();
        let moof = parts.position(b"moof");
        let second = moof + 2;
        parts.0.truncate(second + 2);
        let nodes = parts.0[second].path_mut(&[b"traf"]).unwrap().children_mut().unwrap();
        let at = find(nodes, Tfhd::KIND);
        let tfhd = Tfhd { base_data_offset: Some(base), ..Tfhd::parse(&nodes[at]).unwrap() };
        nodes[at] = tfhd.to_node();
        let at = find(nodes, Trun::KIND);
        let mut trun = Trun::parse(&nodes[at]).unwrap();
        trun.data_offset = Some(0);
        trun.rows.iter_mut().for_each(|row| row.size = 0);
        nodes[at] = trun.to_node();
        let file = parts.bytes();
        let protected = protect(&file, &options("dual")).unwrap();
        assert_eq!(
            samples(&decrypt(&protected), 1).len(),
            inspect(&file).tracks[0].totals.samples as usize
        );
    }
}

#[test]
fn a_sample_of_many_nal_units_is_quick() {
    use ismvault::format::boxes::codec::AvcC;
    use ismvault::format::codec::NalCodec;
    let config = AvcC { profile: [100, 0, 12], length_size: 4, parameter_sets: vec![] };
    let codec = NalCodec::Avc(config);
    let nal = [&[0, 0, 0, 120, 0x41][..], &[0xaa; 119]].concat();
    let sample = nal.repeat(100_000);
    let started = std::time::Instant::now();
    let layout = ismvault::make::protect::subsample::Layout { aligned: true, iv_size: 8 };
    let map = ismvault::make::protect::subsample::subsamples(
        &codec,
        &mut codec.parameter_sets(),
        &sample,
        layout,
    );
    let map = map.unwrap();
    let sum: u64 = map.iter().map(|s| u64::from(s.clear) + u64::from(s.protected)).sum();
    assert_eq!(sum, sample.len() as u64);
    assert!(started.elapsed().as_secs() < 5);
}

/// What an interrupted download or a writer leaves between two fragments.
#[test]
fn zeros_between_fragments_are_passed() {
    let clear = fixture("audio_only.isma");
    let movie = inspect(&clear);
    for zeros in [8, 16, 17, 3000] {
        let at = movie.fragments[1].moof.at as usize;
        let file = [&clear[..at], &vec![0; zeros], &clear[at..]].concat();
        let found = inspect(&file);
        assert!(found.damage.is_none(), "{zeros}");
        let finding = found.findings.iter().find(|f| f.check.id == CheckId::BytesBetween).unwrap();
        assert_eq!((finding.at, finding.length), (Some(at as u64), Some(zeros as u64)));
        assert_eq!(samples(&file, 1), samples(&clear, 1), "{zeros}");
        round_trip(&file);
    }
    // Nothing but zeros to the end: the rest is not there.
    let cut = [&clear[..movie.fragments[1].moof.at as usize], &[0; 500]].concat();
    assert_eq!(inspect(&cut).damage.unwrap().check.id, CheckId::Structure(Code::NotABox));
}
