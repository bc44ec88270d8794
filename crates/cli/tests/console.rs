//! The command as people and shells use it: pipes, folders, colours, defaults, manuals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ismvault_testkit::{
    KEY, KID, cli, decrypted, fixture, fixture_path, inspect, program, samples, scratch, text,
};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn path(file: &Path) -> &str {
    file.to_str().unwrap()
}

/// Runs the command with something on its standard input.
fn piped(args: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program());
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

#[test]
fn standard_input_and_output_are_files_too() {
    let clear = fixture("h264_aac.ismv");
    let looked = piped(&["inspect", "-"], &clear);
    assert!(text(&looked.stdout).starts_with("Clear Smooth Streaming file"));
    let made = piped(&["protect", "-", "-o", "-", "--kid", KID, "--key", KEY], &clear);
    let said = text(&made.stderr);
    assert!(made.status.success(), "{said}");
    // The file alone goes there; what there is to say does not.
    assert_eq!(samples(&decrypted(&made.stdout, KEY), 1), samples(&clear, 1));
    assert!(said.contains(KID) && said.contains("to standard output"), "{said}");
    let random = piped(&["protect", "-", "-o", "-"], &clear);
    let key = text(&random.stderr);
    let key = key.lines().find_map(|line| line.strip_prefix("Key  ")).unwrap();
    assert_eq!(samples(&decrypted(&random.stdout, key), 1), samples(&clear, 1));
    let both = piped(&["protect", "-", "-o", "-", "--json"], &clear);
    assert_eq!(both.status.code(), Some(2));
    assert!(both.stdout.is_empty() && text(&both.stderr).contains("not both"));
    let twice = piped(&["protect", "-", "-o", "-", "--kid", KID, "--key", "-"], &clear);
    assert!(twice.status.code() == Some(2) && text(&twice.stderr).contains("or the key"));
    // Nothing of a file that is refused.
    let refused = piped(&["protect", "-", "-o", "-", "--kid", KID, "--key", KEY], &made.stdout);
    assert!(refused.status.code() == Some(1) && refused.stdout.is_empty());
}

#[test]
fn a_folder_of_titles_is_protected_into_another() {
    let folder = scratch();
    let (titles, out) = (folder.path().join("titles"), folder.path().join("out"));
    fs::create_dir_all(titles.join("set")).unwrap();
    fs::copy(fixture_path("h264_aac.ismv"), titles.join("film.ismv")).unwrap();
    for name in ["set_low.ismv", "set_high.ismv", "set_eng.isma"] {
        fs::copy(fixture_path(name), titles.join("set").join(name)).unwrap();
    }
    // A set is one title: the best video, with its sound.
    fs::write(
        titles.join("set/show.ism"),
        "<smil><body><switch><video src=\"set_low.ismv\" systemBitrate=\"49000\"/>\
         <video src=\"set_high.ismv\" systemBitrate=\"161000\"/>\
         <audio src=\"set_eng.isma\" systemBitrate=\"48000\"/></switch></body></smil>",
    )
    .unwrap();
    fs::write(titles.join("notes.txt"), "none of it").unwrap();
    let args = ["protect", path(&titles), "-o", path(&out), "--la-url", "https://l.example/"];
    let run = cli(&args);
    assert!(run.status.success(), "{}", text(&run.stderr));
    assert_eq!(text(&run.stdout).trim(), "2 done, 0 skipped, 0 failed.");
    let keys: Value =
        serde_json::from_slice(&fs::read(out.join("ismvault-keys.json")).unwrap()).unwrap();
    for (name, source, tracks) in
        [("film.mp4", "h264_aac.ismv", 2), ("set/show.mp4", "set_high.ismv", 2)]
    {
        let file = fs::read(out.join(name)).unwrap();
        assert_eq!(inspect(&file).tracks.len(), tracks, "{name}");
        let list = keys.as_array().or_else(|| keys["keys"].as_array()).unwrap();
        let own = list.iter().find(|entry| entry["output"] == name).unwrap();
        let back = decrypted(&file, own["key"].as_str().unwrap());
        assert_eq!(samples(&back, 1), samples(&fixture(source), 1), "{name}");
    }
    // Dots are a part of a name, and of two that differ in their extension both are made.
    let odd = folder.path().join("odd");
    fs::create_dir(&odd).unwrap();
    for name in ["Show.S01.E01.ismv", "Show.S01.E02.ismv", "film.ismv", "film.isma"] {
        fs::copy(fixture_path("audio_only.isma"), odd.join(name)).unwrap();
    }
    // And what stands in the folder itself is not taken for a title again.
    let inside = odd.join("made");
    for words in ["4 done, 0 skipped, 0 failed.", "0 done, 4 skipped, 0 failed."] {
        let run = cli(&["protect", path(&odd), "-o", path(&inside)]);
        assert_eq!(text(&run.stdout).trim(), words, "{}", text(&run.stderr));
    }
    let mut made: Vec<String> = fs::read_dir(&inside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    made.sort();
    assert_eq!(
        made,
        [
            "Show.S01.E01.mp4",
            "Show.S01.E02.mp4",
            "film.isma.mp4",
            "film.ismv.mp4",
            "ismvault-keys.json"
        ]
    );
    let one_kid = cli(&["protect", path(&odd), "-o", path(&inside), "--force", "--kid", KID]);
    assert!(one_kid.status.code() == Some(2) && text(&one_kid.stderr).contains("One KID"));
    // Again, nothing is done twice.
    let again = cli(&args);
    assert_eq!(text(&again.stdout).trim(), "0 done, 2 skipped, 0 failed.");
    for (out, words) in [(path(&titles), "Choose another folder"), ("film.mp4", "Name a folder")] {
        let refused = cli(&["protect", path(&titles), "-o", out]);
        assert_eq!(refused.status.code(), Some(2));
        assert!(text(&refused.stderr).contains(words), "{}", text(&refused.stderr));
    }
}

#[test]
fn several_files_are_looked_at_and_one_that_is_broken_hides_none() {
    let folder = scratch();
    fs::copy(fixture_path("h264_aac.ismv"), folder.path().join("a.ismv")).unwrap();
    fs::write(folder.path().join("b.ismv"), "no file at all, but text").unwrap();
    fs::copy(fixture_path("audio_only.isma"), folder.path().join("c.isma")).unwrap();
    let all = cli(&["inspect", path(folder.path()), "--json"]);
    assert_eq!(all.status.code(), Some(1));
    let found: Vec<Value> = serde_json::from_slice(&all.stdout).unwrap();
    let answers: Vec<_> = found.iter().map(|file| file["answer"].as_str().unwrap_or("")).collect();
    assert_eq!((answers[0], answers[2]), ("Clear. Ready to protect.", "Clear. Ready to protect."));
    assert!(found[1]["file"].as_str().unwrap().ends_with("b.ismv"));
    let words = text(&cli(&["inspect", path(folder.path())]).stdout);
    assert_eq!(words.matches("Ready to protect.").count(), 2, "{words}");
    assert!(found[0]["timelines"].is_array());
    // Of a folder it is a list, whatever is in it.
    let lone = folder.path().join("lone");
    fs::create_dir(&lone).unwrap();
    fs::copy(fixture_path("audio_only.isma"), lone.join("c.isma")).unwrap();
    let list = cli(&["inspect", path(&lone), "--json"]);
    assert_eq!(serde_json::from_slice::<Vec<Value>>(&list.stdout).unwrap().len(), 1);
    let one = cli(&["inspect", path(folder.path()), "--boxes"]);
    assert_eq!(one.status.code(), Some(2));
}

#[test]
fn colours_and_bars_are_for_terminals() {
    let file = fixture_path("h264_aac.ismv");
    let escape = "\u{1b}[";
    for (flags, coloured) in [(&[][..], false), (&["--color", "always"], true)] {
        let run = cli(&[&["inspect", path(&file)][..], flags].concat());
        assert_eq!(text(&run.stdout).contains(escape), coloured, "{flags:?}");
        // No bar is drawn where nobody sees it.
        assert!(run.stderr.is_empty(), "{}", text(&run.stderr));
    }
    let mut command = Command::new(program());
    let run = command.args(["lint", path(&file), "--color", "never"]).env("CLICOLOR_FORCE", "1");
    assert!(!text(&run.output().unwrap().stdout).contains(escape));
}

#[test]
fn what_is_left_out_comes_from_the_users_file_and_never_a_key() {
    let folder = scratch();
    let (config, out) = (folder.path().join("ismvault"), folder.path().join("out.mp4"));
    fs::create_dir(&config).unwrap();
    let file = config.join("config.json");
    let run = |more: &[&str]| {
        let input = fixture_path("h264_aac.ismv");
        let mut command = Command::new(program());
        command.args(["protect", path(&input), "-o", path(&out), "--force", "--json"]).args(more);
        command.args(["--kid", KID, "--key", KEY]).env("XDG_CONFIG_HOME", folder.path());
        command.output().unwrap()
    };
    fs::write(&file, r#"{ "la_url": "https://own.example/", "profile": "piff" }"#).unwrap();
    assert!(run(&[]).status.success());
    let movie = inspect(&fs::read(&out).unwrap());
    let url = |movie: &ismvault::model::Movie| {
        movie.systems.iter().find_map(|s| s.playready.as_ref()?.la_url.clone())
    };
    assert_eq!(url(&movie).as_deref(), Some("https://own.example/"));
    assert_eq!(movie.tracks[0].protection().unwrap().scheme.unwrap().to_string(), "piff");
    // A flag goes before it, and a file that is named before the user's own.
    assert!(run(&["--la-url", "https://flag.example/"]).status.success());
    assert_eq!(url(&inspect(&fs::read(&out).unwrap())).as_deref(), Some("https://flag.example/"));
    let other = folder.path().join("other.json");
    fs::write(&other, r#"{ "la_url": "https://other.example/" }"#).unwrap();
    assert!(run(&["--config", path(&other)]).status.success());
    assert_eq!(url(&inspect(&fs::read(&out).unwrap())).as_deref(), Some("https://other.example/"));
    fs::write(&file, format!("{{ \"key\": \"{KEY}\" }}")).unwrap();
    let refused = run(&[]);
    let said = text(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("config.json"), "{said}");
    assert!(!said.contains(KEY), "{said}");
}

#[test]
fn shells_and_manuals_know_every_command() {
    let folder = scratch();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::write(empty.join("key.txt"), KEY).unwrap();
    let pssh = cli(&["header", "new", "--kid", KID, "--form", "pssh"]);
    fs::write(empty.join("pssh.txt"), pssh.stdout).unwrap();
    let help = text(&cli(&["--help"]).stdout);
    assert!(help.contains("Exit status: 0"), "{help}");
    let commands: Vec<String> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .map_while(|line| line.strip_prefix("  "))
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    assert!(commands.len() > 15, "{commands:?}");
    assert!(cli(&["man", path(folder.path())]).status.success());
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let words = text(&cli(&["completions", shell]).stdout);
        for command in &commands {
            assert!(words.contains(command.as_str()), "{shell}: {command}");
        }
    }
    for command in commands.iter().filter(|command| *command != "help") {
        assert!(folder.path().join(format!("ismvault-{command}.1")).is_file(), "{command}");
        // Each has an example.
        let own = text(&cli(&[command, "--help"]).stdout);
        let plain = ["completions", "man"].contains(&command.as_str());
        assert!(plain || own.contains("Example"), "{command}: {own}");
        for example in own.lines().filter_map(|line| line.strip_prefix("  ismvault ")) {
            // As a shell has it; the files are not there, but it is no wrong usage.
            let words = example.split(['<', '>', '(']).next().unwrap();
            let words = words.replace("KID1", KID).replace("KID2", KID).replace("KID", KID);
            let words = words.replace("KEY1", KEY).replace("KEY2", KEY).replace("KEY", KEY);
            let mut run = Command::new(program());
            run.args(words.split_whitespace()).current_dir(&empty).stdin(Stdio::null());
            let run = run.output().unwrap();
            assert_ne!(run.status.code(), Some(2), "{example}: {}", text(&run.stderr));
        }
    }
    let nowhere = cli(&["man", path(&folder.path().join("none"))]);
    assert!(nowhere.status.code() == Some(1) && text(&nowhere.stderr).contains("not there"));
}
