//! Edges that a small change of the code would move without anything else
//! noticing: each has a value here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::format::boxes::Mp4Box as _;
use ismvault::format::boxes::fragment::{Tfdt, Trun};
use ismvault::format::boxes::index::Tfra;
use ismvault::format::cipher::{ContentKey, IvCounter};
use ismvault::format::ids::Kid;
use ismvault::make::mux::MuxOptions;
use ismvault::make::protect::{Plan, Target, TrackKey};
use ismvault::model::{Movie, TrackFragment, TrackKind};
use ismvault_testkit::edit::{Parts, code, find};
use ismvault_testkit::{
    KEY, decrypted, fixture, in_order, inspect, options, protect, samples, trafs,
};

/// Fragments of a track that have IVs, by their order in the track.
fn encrypted(movie: &Movie, track: u32) -> Vec<bool> {
    let runs = movie.fragments.iter().flat_map(|fragment| &fragment.runs);
    runs.filter(|run| run.track_id == track).map(|run| run.has_ivs).collect()
}

#[test]
fn a_clear_lead_counts_fragments_with_samples() {
    let mut parts = Parts::audio();
    let whole = parts.bytes();
    // The first fragment is told to have no samples; its media stays unused.
    parts.each_traf(|number, traf| {
        if number == 0 {
            let at = find(traf, Trun::KIND);
            let mut trun = Trun::parse(&traf[at]).unwrap();
            trun.rows.clear();
            trun.sample_count = 0;
            traf[at] = trun.to_node();
        }
    });
    for (file, want) in
        [(whole, vec![false, true, true]), (parts.bytes(), vec![false, false, true])]
    {
        let mut options = options("dual");
        options.clear_lead = 1;
        let movie = inspect(&protect(&file, &options).unwrap());
        assert_eq!(encrypted(&movie, 1)[..3], want);
    }
}

#[test]
fn a_pattern_is_one_block_in_ten() {
    let movie = inspect(&protect(&fixture("h264_aac.ismv"), &options("cbcs")).unwrap());
    let pattern = |kind| {
        let track = movie.tracks.iter().find(|track| track.kind == kind).unwrap();
        track.protection().unwrap().pattern
    };
    assert_eq!(pattern(TrackKind::Video), 0x19);
    assert_eq!(pattern(TrackKind::Audio), 0, "audio is whole");
}

#[test]
fn keys_by_lines_of_video() {
    let file = fixture("h264_aac.ismv");
    let kids = [1, 2, 3].map(|n: u8| Kid::parse(&format!("{n:032x}")).unwrap());
    let chosen = |lines: u16| {
        let mut movie = inspect(&file);
        let video = movie.tracks.iter_mut().find(|track| track.kind == TrackKind::Video).unwrap();
        video.entries[0].codec.dimensions = Some((720, lines));
        let (id, mut options) = (video.id, options("dual"));
        let targets = [Target::Sd, Target::Hd, Target::Uhd];
        options.keys = targets
            .into_iter()
            .zip(kids)
            .map(|(target, kid)| TrackKey {
                target,
                kid,
                key: ContentKey::from_bytes(kid.0.map(|b| !b)),
            })
            .collect();
        options.tracks = Some(vec![id]);
        let plan = Plan::new(&movie, &options).unwrap();
        let key = plan.preview().keys.iter().find(|key| key.tracks.contains(&id)).unwrap().kid;
        kids.iter().position(|kid| *kid == key).unwrap()
    };
    assert_eq!([576, 577, 1080, 1081].map(chosen), [0, 1, 1, 2]);
}

#[test]
fn an_index_lists_only_fragments_that_begin_with_a_sync_sample() {
    let mut parts = Parts::unindexed(&fixture("set_high.ismv"));
    let video = inspect(&parts.bytes()).tracks[0].id;
    // The second fragment begins with a picture that depends on others.
    parts.each_traf(|number, traf| {
        let at = find(traf, Trun::KIND);
        let mut trun = Trun::parse(&traf[at]).unwrap();
        if number == 1 {
            trun.first_sample_flags = trun.first_sample_flags.map(|flags| flags | 0x0001_0000);
            if let Some(row) = trun.rows.first_mut() {
                row.flags |= 0x0001_0000;
            }
        }
        traf[at] = trun.to_node();
        traf.retain(|node| node.kind != code(b"sdtp"));
    });
    let made = in_order(&parts.bytes(), MuxOptions { mend: true, ..MuxOptions::default() });
    let movie = inspect(&made.unwrap());
    let starts: Vec<bool> = movie.fragments.iter().map(|f| f.runs[0].sync_start).collect();
    assert!(starts[0] && !starts[1], "{starts:?}");
    let index = movie.mfra.as_ref().unwrap().all(Tfra::KIND).map(|node| Tfra::parse(node).unwrap());
    let listed = index.filter(|tfra| tfra.track_id == video).flat_map(|tfra| tfra.entries);
    let want = movie.fragments.iter().filter(|f| f.runs[0].sync_start).map(|f| f.moof.at);
    assert_eq!(listed.map(|entry| entry.moof_offset).collect::<Vec<_>>(), want.collect::<Vec<_>>());
}

/// The decode times of `tfdt`, fragment by fragment.
fn tfdts(file: &[u8]) -> Vec<Option<u64>> {
    let movie = inspect(file);
    let all = trafs(&movie, file).into_iter().flat_map(|(_, trafs)| trafs);
    all.map(|traf| traf.tfdt.map(|tfdt| tfdt.base_media_decode_time)).collect()
}

#[test]
fn times_that_are_there_do_not_move() {
    // All fragments have a tfdt, then only those of the first track; the other
    // begins before zero by its tfxd.
    let protected = protect(&fixture("h264_aac.ismv"), &options("dual")).unwrap();
    let mut parts = Parts::unindexed(&decrypted(&protected, KEY));
    let before = tfdts(&parts.bytes());
    assert!(before.iter().all(Option::is_some));
    let tracks: Vec<u32> =
        inspect(&parts.bytes()).fragments.iter().map(|f| f.runs[0].track_id).collect();
    parts.each_traf(|number, traf| {
        if tracks[number] != tracks[0] {
            traf.retain(|node| node.kind != Tfdt::KIND);
        }
    });
    let smooth = |(_, trafs): (_, Vec<TrackFragment>)| trafs[0].tfxd.map(|tfxd| tfxd.time as i64);
    let movie = inspect(&parts.bytes());
    let told: Vec<_> = trafs(&movie, &parts.bytes()).into_iter().map(smooth).collect();
    assert_eq!(told[1], Some(-213_333), "it begins before zero");
    let again = tfdts(&protect(&parts.bytes(), &options("dual")).unwrap());
    for (number, track) in tracks.iter().enumerate() {
        if *track == tracks[0] {
            assert_eq!(again[number], before[number], "fragment {number}");
        } else {
            // What tfxd says, but never before zero.
            let time = told[number].unwrap().max(0) as u64;
            assert_eq!(again[number], Some(time), "fragment {number}");
        }
    }
}

#[test]
fn a_file_is_too_short_to_end_the_counter() {
    let first = IvCounter::narrow([0xff; 16]).to_bytes();
    assert_eq!((first.len(), first[0]), (8, 0x7f), "{first:?}");
}

#[test]
fn samples_keep_their_bytes_through_every_edge() {
    let file = fixture("slices.ismv");
    let locked = protect(&file, &options("cbcs")).unwrap();
    assert_eq!(samples(&decrypted(&locked, KEY), 1), samples(&file, 1));
}
