//! Files that people brought, in `../shared/cases/make`: what comes of each is
//! what its README expects. Without them these tests are ignored.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault::checks::Severity;
use ismvault::format::boxes::Mp4Box as _;
use ismvault::format::boxes::tables::Elst;
use ismvault_testkit::{KEY, KID, cli, framemd5, hostile, inspect, reader, scratch, shared, text};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn case(name: &str) -> PathBuf {
    shared(&format!("cases/make/{name}")).expect("../shared is beside the project")
}

fn as_str(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs the command, which must succeed; gives all that it says.
fn run(args: &[&str]) -> String {
    let output = cli(args);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

/// Runs the command, which must refuse; gives why.
fn refused(args: &[&str]) -> String {
    let output = cli(args);
    assert!(!output.status.success(), "{args:?} was done");
    text(&output.stderr)
}

/// Judges two files to have the same samples.
fn judged(ours: &Path, theirs: &Path) {
    let Some(judge) = shared("oracle/samples.py") else { return };
    let mut command = Command::new("python3");
    command.arg(judge).arg("--compare").args([ours, theirs]).args(["--key", KEY]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}: {}", ours.display(), text(&output.stdout));
}

/// What ffmpeg 8 reads of one is what it reads of the other.
fn same_in_ffmpeg(ours: &Path, theirs: &Path) {
    let Some(ffmpeg) = reader("ffmpeg-linux-x64") else { return };
    let (want, _) = framemd5(&ffmpeg, Some(KEY), theirs);
    let (have, complaints) = framemd5(&ffmpeg, Some(KEY), ours);
    assert!(!want.is_empty());
    assert_eq!(have, want, "{complaints}");
}

/// When ffprobe presents the first packet of a stream (`v` or `a`), in seconds.
fn begins(file: &Path, stream: &str) -> f64 {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", stream, "-show_entries", "packet=pts_time"])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let said = text(&output.stdout);
    let times = said.lines().filter_map(|line| line.trim_end_matches(',').parse::<f64>().ok());
    times.fold(f64::MAX, f64::min)
}

fn packets(file: &Path) -> Vec<u32> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets"])
        .args(["-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    text(&output.stdout).lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// Manifests of a file: the folder's texts, one behind the other.
fn manifests(files: &[&Path], format: &str, folder: &Path) -> String {
    let out = folder.join(format);
    let mut args = vec!["manifest", "--out", as_str(&out), "--format", format];
    args.extend(files.iter().map(|file| as_str(file)));
    let said = run(&args);
    let mut names: Vec<PathBuf> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let texts = names.iter().filter(|path| {
        ["ism", "ismc", "mpd", "m3u8"].iter().any(|e| path.extension().is_some_and(|x| x == *e))
    });
    texts.map(|path| fs::read_to_string(path).unwrap()).collect::<String>() + &said
}

/// The value of an attribute, the first time it is there behind `after`.
fn attribute(text: &str, after: &str, name: &str) -> String {
    let rest = &text[text.find(after).unwrap_or_else(|| panic!("no {after} in {text}"))..];
    let name = format!("{name}=\"");
    let rest =
        &rest[rest.find(&name).unwrap_or_else(|| panic!("no {name} in {rest}")) + name.len()..];
    rest[..rest.find('"').unwrap()].to_owned()
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn saio_of_files_with_base_data_offset() {
    let folder = scratch();
    let out = folder.path().join("out.mp4");
    for name in ["01_base_data_offset_video.mp4", "ffmpeg_frag_default.mp4"] {
        let input = case(name);
        for profile in ["dual", "cenc", "cbcs", "piff"] {
            let args = ["protect", as_str(&input), "-o", as_str(&out), "--profile", profile];
            run(&[&args[..], &["--kid", KID, "--key", KEY, "--force"]].concat());
            judged(&out, &input);
            if profile != "piff" {
                same_in_ffmpeg(&out, &input);
            }
            assert_eq!(errors(&out), [] as [String; 0], "{name} {profile}");
        }
    }
    let input = case("04_protected_with_base_data_offset.mp4");
    let url = "https://l.example/";
    let args = ["header", "set", as_str(&input), "-o", as_str(&out), "--force"];
    run(&[&args[..], &["--kid", KID, "--la-url", url]].concat());
    same_in_ffmpeg(&out, &input);
    let clear = hostile("base_offset_clear.mp4", folder.path());
    run(&["protect", as_str(&clear), "-o", as_str(&out), "--kid", KID, "--key", KEY, "--force"]);
    judged(&out, &clear);
    same_in_ffmpeg(&out, &clear);
}

fn errors(file: &Path) -> Vec<String> {
    let movie = inspect(&fs::read(file).unwrap());
    let grave = movie.findings.iter().filter(|f| f.severity() == Severity::Error);
    grave.map(|f| format!("{}: {}", f.check.id, f.message)).collect()
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn saio_of_64_bits_keeps_samples_in_their_places() {
    let (input, clear) = (case("dual_saio_v1.mp4"), case("smooth.ismv"));
    let folder = scratch();
    let out = folder.path().join("out.mp4");
    for command in ["repair", "mux"] {
        run(&[command, as_str(&input), "-o", as_str(&out), "--force"]);
        judged(&out, &clear);
        same_in_ffmpeg(&out, &clear);
    }
    for format in ["dash", "hls"] {
        manifests(&[&input], format, folder.path());
        for entry in fs::read_dir(folder.path().join(format)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|e| e == "mp4") {
                let back = folder.path().join("back.mp4");
                run(&["decrypt", as_str(&path), "-o", as_str(&back), "--key", KEY, "--force"]);
                same_in_ffmpeg(&path, &back);
            }
        }
    }
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn groups_of_either_version_and_ivs_in_front_of_the_media() {
    let folder = scratch();
    let (one, two) = (folder.path().join("1.mp4"), folder.path().join("2.mp4"));
    {
        let (v1, v2) = (case("seig_sgpd_v1.mp4"), case("seig_sgpd_v2.mp4"));
        for (input, out) in [(v1, &one), (v2, &two)] {
            // Naive rotation: the key and KID moved on by a byte each time.
            let output = cli(&["decrypt", as_str(&input), "-o", as_str(out), "--key", KEY]);
            let said = text(&output.stderr);
            assert!(output.status.success(), "{}: {said}", input.display());
        }
        judged(&one, &two);
    }
    let (input, clear) = (case("aux_in_mdat_cenc.mp4"), case("smooth.ismv"));
    run(&["decrypt", as_str(&input), "-o", as_str(&one), "--key", KEY, "--force"]);
    judged(&one, &clear);
    for args in [&["repair"][..], &["mux"], &["rebox", "--profile", "dual"]] {
        run(&[args, &[as_str(&input), "-o", as_str(&one), "--force"]].concat());
        judged(&one, &clear);
        same_in_ffmpeg(&one, &clear);
    }
    assert!(run(&["key", "--try", KEY, as_str(&input)]).contains("proven on track 2"));
    assert!(run(&["inspect", as_str(&input), "--samples"]).contains("IV 51d8a6d6d5b117cd"));
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn presentation_times_survive_fragmenting() {
    let folder = scratch();
    let out = folder.path().join("out.ismv");
    let names = [
        "05_audio_delayed_empty_edit.mp4",
        "17_two_contiguous_edits.mp4",
        "18_trailing_empty_edit.mp4",
        "31_bframes_smooth_manifest.mp4",
    ];
    for name in names {
        let input = case(name);
        run(&["fragment", as_str(&input), "-o", as_str(&out), "--force"]);
        let apart = |file: &Path| begins(file, "a") - begins(file, "v");
        assert!((apart(&out) - apart(&input)).abs() < 0.002, "{name}: {}", apart(&out));
        let here = folder.path().join(name);
        fs::create_dir(&here).unwrap();
        // A client of Smooth Streaming knows the manifest's times alone.
        let ismc = manifests(&[&out], "ism", &here);
        let time = |stream: &str| -> f64 {
            let from = format!("Type=\"{stream}\"");
            let scale: f64 = attribute(&ismc, &from, "TimeScale").parse().unwrap();
            attribute(&ismc[ismc.find(&from).unwrap()..], "<c ", "t").parse::<f64>().unwrap()
                / scale
        };
        assert!((time("audio") - time("video") - apart(&input)).abs() < 0.002, "{name}: {ismc}");
        manifests(&[&out], "dash", &here);
        let of = |kind: &str| {
            let mut files = fs::read_dir(here.join("dash")).unwrap().map(|e| e.unwrap().path());
            files.find(|path| as_str(path).contains(&format!("/out_{kind}"))).unwrap()
        };
        let parts = begins(&of("audio"), "a") - begins(&of("video"), "v");
        assert!((parts - apart(&input)).abs() < 0.002, "{name}: {parts}");
        // Browsers know one edit, and no pause.
        let moov = inspect(&fs::read(of("audio")).unwrap()).moov.unwrap();
        moov.walk(&mut |node| {
            if node.kind == Elst::KIND {
                let elst = Elst::parse(node).unwrap();
                assert!(elst.entries.len() == 1 && elst.entries[0].media_time >= 0, "{name}");
            }
        });
    }
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn live_archives_last_as_long_as_what_is_there() {
    let input = case("28_live_archive_starts_at_unix_time.mp4");
    let folder = scratch();
    let mpd = manifests(&[&input], "dash", folder.path());
    assert_eq!(attribute(&mpd, "<MPD", "mediaPresentationDuration"), "PT6.000S");
    let offset: u64 = attribute(&mpd, "<SegmentBase", "presentationTimeOffset").parse().unwrap();
    assert_eq!(offset / 12800, 1_721_482_856);
    let ismc = manifests(&[&input], "ism", folder.path());
    assert_eq!(attribute(&ismc, "<SmoothStreamingMedia", "Duration"), "60000000");
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn quicktime_becomes_iso() {
    let input = case("07_quicktime_aac_wave.mov");
    let folder = scratch();
    let out = folder.path().join("out.ismv");
    run(&["fragment", as_str(&input), "-o", as_str(&out)]);
    let movie = inspect(&fs::read(&out).unwrap());
    let codec = movie.tracks[1].codec().unwrap();
    assert_eq!(codec.string, "mp4a.40.2");
    assert!(codec.private_data.as_ref().unwrap().starts_with(&[0x11, 0x88]));
    let ismc = manifests(&[&out], "ism", folder.path());
    assert!(attribute(&ismc, "AACL", "CodecPrivateData").starts_with("1188"), "{ismc}");
    let mpd = manifests(&[&out], "dash", folder.path());
    assert!(mpd.contains("codecs=\"mp4a.40.2\""), "{mpd}");
    assert_eq!(packets(&out), packets(&input));
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn two_sounds_and_two_codecs_are_two_sets() {
    let folder = scratch();
    for name in ["09_two_english_audio.mp4", "10_aac_and_eac3_english.mp4"] {
        let input = case(name);
        let here = folder.path().join(name);
        fs::create_dir(&here).unwrap();
        let mpd = manifests(&[&input], "dash", &here);
        assert_eq!(mpd.matches("<AdaptationSet contentType=\"audio\"").count(), 2, "{mpd}");
        let ismc = manifests(&[&input], "ism", &here);
        assert_eq!(ismc.matches("<StreamIndex Type=\"audio\"").count(), 2, "{ismc}");
        let hls = manifests(&[&input], "hls", &here);
        assert_eq!(hls.matches("#EXT-X-MEDIA:TYPE=AUDIO").count(), 2, "{hls}");
        assert!(name.starts_with("09") || hls.contains("CODECS=\"avc1.4D400B,ec-3\""), "{hls}");
    }
    let input = case("09_two_english_audio.mp4");
    let out = folder.path().join("out.mp4");
    let said = run(&["mux", as_str(&input), "-o", as_str(&out)]);
    assert!(said.contains("track 2, audio") && said.contains("track 3 (audio"), "{said}");
    let (avc, hevc) = (case("11a_set_avc.mp4"), case("11b_set_hevc.mp4"));
    let mpd = manifests(&[&avc, &hevc], "dash", folder.path());
    assert_eq!(mpd.matches("<AdaptationSet contentType=\"video\"").count(), 2, "{mpd}");
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn smooth_streaming_names_no_codec_it_does_not_have() {
    let folder = scratch();
    let out = folder.path().join("ism");
    for name in ["12_opus_to_ism.mp4", "13_av1_codecs_string.mp4", "16_tx3g_to_ism_hls.mp4"] {
        let input = case(name);
        let why = refused(&["manifest", as_str(&input), "--out", as_str(&out), "--format", "ism"]);
        assert!(why.contains("Smooth Streaming has no FourCC"), "{why}");
    }
    let input = case("13_av1_codecs_string.mp4");
    for format in ["dash", "hls"] {
        assert!(manifests(&[&input], format, folder.path()).contains("av01.0.00M.08"));
    }
    let input = case("16_tx3g_to_ism_hls.mp4");
    let hls = folder.path().join("text");
    fs::create_dir(&hls).unwrap();
    assert!(manifests(&[&input], "hls", &hls).contains("text track 3 (tx3g, ron) is left out"));
    let input = case("ac3_51.mp4");
    let here = folder.path().join("ac3");
    fs::create_dir(&here).unwrap();
    let ismc = manifests(&[&input], "ism", &here);
    assert_eq!(attribute(&ismc, "AC-3", "Channels"), "6");
    let mpd = manifests(&[&input], "dash", &here);
    assert_eq!(attribute(&mpd, "<AudioChannelConfiguration", "value"), "6");
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn what_is_lost_is_said_and_what_is_there_is_kept() {
    let folder = scratch();
    let out = folder.path().join("out.mp4");
    let to = ["-o", as_str(&out), "--force"];
    {
        let input = case("20_pcm_1s.mov");
        run(&[&["fragment", as_str(&input)], &to[..]].concat());
        let (made, was) = (fs::metadata(&out).unwrap().len(), fs::metadata(&input).unwrap().len());
        assert!(made < was + 4096, "{made} of {was}");
        assert_eq!(inspect(&fs::read(&out).unwrap()).tracks[0].totals.samples, 48000);
    }
    {
        let input = case("21_timecode_track.mov");
        let said = run(&[&["fragment", as_str(&input), "--json"], &to[..]].concat());
        assert!(said.contains("Track 3 (other, tmcd) is left out."), "{said}");
    }
    {
        let input = case("23_progressive_cut_short.mp4");
        for command in ["fragment", "repair"] {
            let said = run(&[&[command, as_str(&input)], &to[..]].concat());
            assert!(said.contains("past the end of the file"), "{said}");
            // ffprobe counts a picture of which only a part is there.
            assert_eq!(packets(&out), [79, 146]);
        }
    }
    {
        let input = case("24_sixteen_zero_bytes_between_fragments.mp4");
        let said = run(&[&["repair", as_str(&input)], &to[..]].concat());
        assert!(said.contains("16 zero bytes"), "{said}");
        assert_eq!(inspect(&fs::read(&out).unwrap()).fragments.len(), 4);
    }
    {
        let input = case("25_two_headers_joined.mp4");
        for command in ["repair", "protect"] {
            let why = refused(&[&[command, as_str(&input)], &to[..]].concat());
            assert!(why.contains("Two files were joined"), "{why}");
        }
    }
    {
        let input = shared("cases/hostile/repair_broken_moov.mp4")
            .expect("../shared is beside the project");
        let why = refused(&[&["repair", as_str(&input)], &to[..]].concat());
        assert!(why.contains("The header (moov) itself is broken"), "{why}");
    }
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn fragments_go_to_the_level_they_are_of_or_nowhere() {
    let folder = scratch();
    let out = folder.path().join("out.ismv");
    let assemble = |folder: &Path, saved: &Path| {
        let manifest = folder.join("film.ismc");
        cli(&["assemble", as_str(&manifest), as_str(saved), "-o", as_str(&out), "--force"])
    };
    for name in ["26_assemble_level_not_named", "27_assemble_same_bitrate_custom_attributes"] {
        let input = case(name);
        let output = assemble(&input, &input.join("saved"));
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let movie = inspect(&fs::read(&out).unwrap());
        assert_eq!(movie.tracks[0].codec().unwrap().dimensions, Some((320, 180)), "{name}");
        let decoded = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-i", as_str(&out), "-f", "null", "-"])
            .output()
            .unwrap();
        assert_eq!(text(&decoded.stderr), "", "{name} decodes");
    }
    // A name that tells neither bitrate nor attributes.
    let input = case("26_assemble_level_not_named");
    let saved = folder.path().join("saved");
    fs::create_dir(&saved).unwrap();
    for time in [0, 25600] {
        let from = input.join(format!("saved/1100000-Fragments(video={time}).mp4"));
        fs::copy(from, saved.join(format!("Fragments(video={time}).mp4"))).unwrap();
    }
    let output = assemble(&input, &saved);
    let why = text(&output.stderr);
    assert!(!output.status.success(), "it was guessed");
    assert!(why.contains("QualityLevels(300000), QualityLevels(1100000)"), "{why}");
    let input = case("29_assemble_language_ro");
    let output = assemble(&input, &input.join("saved"));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(inspect(&fs::read(&out).unwrap()).tracks[0].language, "ron");
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn healthy_files_are_called_so() {
    for name in ["ll_chunks.mp4", "init_with_sidx.mp4", "ondemand.mp4", "seig_sgpd_v2.mp4"] {
        let input = case(name);
        assert_eq!(errors(&input), [] as [String; 0], "{name}");
    }
}

#[test]
#[ignore = "needs ../shared: cargo xtask test"]
fn the_proof_raises_no_false_alarm() {
    let folder = scratch();
    let out = folder.path().join("out.mp4");
    let to = ["-o", as_str(&out), "--force"];
    // An index lists only where decoding can start; one that was stale stays incomplete.
    {
        let input = case("ll_chunks.mp4");
        run(&[&["repair", as_str(&input)], &to[..]].concat());
        judged(&out, &input);
    }
    {
        let input = case("24_sixteen_zero_bytes_between_fragments.mp4");
        run(&[&["protect", as_str(&input)], &to[..]].concat());
    }
    // A header for another key is what its author chose.
    {
        let input = case("seig_sgpd_v1.mp4");
        let said = run(&[&["header", "set", as_str(&input), "--kid", KID], &to[..]].concat());
        assert!(said.contains("is not in the new header"), "{said}");
    }
}
