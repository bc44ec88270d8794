//! One file of a set, as it is asked for.

use super::Rewriting;
use crate::error::{Code, Error, Result};
use crate::make::mux::Mux;
use crate::model::manifest::Manifest;
use crate::model::{Movie, Track, TrackKind, bitrate};
use serde::{Deserialize, Serialize};

/// Which tracks of a set go into one file; a field for each row of
/// [`super::fields::MUX_SET`], where it says what each is for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct MuxSet {
    pub video: Option<String>,
    pub under: Option<u32>,
    pub height: Option<u32>,
    pub audio: Option<Vec<String>>,
    #[cfg_attr(test, ts(as = "Option<bool>"))]
    pub text: bool,
}

/// How one file is made of a set.
#[derive(Clone, Debug)]
pub struct SetPlan {
    /// Every file of the set by its number, in the order in which they are read,
    /// and which of its tracks are taken: of some none.
    pub files: Vec<(usize, Vec<u32>)>,
    /// What is taken, in sentences.
    pub sentences: Vec<String>,
}

/// A track of a set, as it can be chosen.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Candidate {
    /// Number of its file.
    pub file: usize,
    /// Its own number.
    pub track: u32,
    /// What it is.
    pub kind: TrackKind,
    /// Its language.
    pub language: String,
    /// Bits a second, measured.
    pub bitrate: u64,
    /// Width and height.
    pub dimensions: Option<(u16, u16)>,
    /// Its codec.
    pub codec: String,
    /// Whether players play it by themselves.
    pub enabled: bool,
}

/// Every track of a set that can go into one file, the best of each kind first.
pub fn candidates(files: &[(&str, &Movie)]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (file, (_, movie)) in files.iter().enumerate() {
        for track in movie.tracks.iter().filter(|track| track.totals.samples > 0) {
            let totals = &track.totals;
            found.push(Candidate {
                file,
                track: track.id,
                kind: track.kind,
                language: track.language.clone(),
                bitrate: bitrate(totals.bytes, totals.duration, track.timescale).unwrap_or(0),
                dimensions: track.codec().and_then(|codec| codec.dimensions),
                codec: track.codec().map(|codec| codec.string.clone()).unwrap_or_default(),
                enabled: track.enabled,
            });
        }
    }
    crate::collections::sort_by_key(&mut found, |c| {
        (rank(c.kind), std::cmp::Reverse(c.bitrate), c.file, c.track)
    });
    found
}

fn rank(kind: TrackKind) -> u8 {
    match kind {
        TrackKind::Video => 0,
        TrackKind::Audio => 1,
        TrackKind::Text => 2,
        TrackKind::Other => 3,
    }
}

impl MuxSet {
    /// Whether any of it was asked for.
    pub fn is_wanted(&self) -> bool {
        *self != Self::default()
    }

    /// Refuses what excludes each other.
    ///
    /// # Errors
    /// Where the video is named and limited too.
    pub fn check(&self) -> Result<()> {
        match (&self.video, self.under.is_some() || self.height.is_some()) {
            (Some(_), true) => Err(Error::misuse(
                Code::BadOptions,
                "The file with the video is named, and a limit for the video is given too. Leave \
                 one of them out.",
            )),
            _ => Ok(()),
        }
    }

    /// Which tracks it means, by the names and contents of the set's files.
    ///
    /// # Errors
    /// Where nothing fits; the sentence says what there is.
    pub fn plan(&self, files: &[(&str, &Movie)]) -> Result<SetPlan> {
        self.check()?;
        let mut chosen = choose(files, self)?;
        let mut sentences = Vec::new();
        for (file, tracks) in &chosen {
            let Some((name, movie)) = files.get(*file) else { continue };
            let own = movie.tracks.iter().filter(|track| tracks.contains(&track.id));
            sentences.extend(own.map(|track| taken(name, track)));
        }
        for file in 0..files.len() {
            if !chosen.iter().any(|(known, _)| *known == file) {
                chosen.push((file, Vec::new()));
            }
        }
        Ok(SetPlan { files: chosen, sentences })
    }
}

impl SetPlan {
    /// A session that makes the file. Spans count over all files of the plan, one
    /// behind the other.
    ///
    /// # Errors
    /// Where files and manifests do not belong together, or cannot be one file.
    pub fn mux(&self, files: &[(&str, &Movie)], manifests: &[(String, Manifest)]) -> Result<Mux> {
        let parts = self.files.iter().filter_map(|(file, tracks)| {
            let (name, movie) = files.get(*file)?;
            Some((*name, *movie, Some(&tracks[..])))
        });
        Rewriting::set().mux(&parts.collect::<Vec<_>>(), manifests)
    }
}

fn taken(name: &str, track: &Track) -> String {
    let codec = track.codec().map_or("", |codec| &codec.string);
    let language = match track.language.as_str() {
        "und" => String::new(),
        language => format!(", {language}"),
    };
    format!("{name}: track {}, {} {codec}{language}.", track.id, track.kind.word())
}

/// The tracks a choice means: of each file that has some, their numbers.
fn choose(files: &[(&str, &Movie)], choice: &MuxSet) -> Result<Vec<(usize, Vec<u32>)>> {
    let all = candidates(files);
    let videos: Vec<&Candidate> = all.iter().filter(|c| c.kind == TrackKind::Video).collect();
    let mut chosen = Vec::new();
    if let Some(name) = &choice.video {
        let video = videos.iter().find(|c| files[c.file].0.eq_ignore_ascii_case(name));
        chosen.push(*video.ok_or_else(|| {
            Error::misuse(Code::NoSuchFile, format!("There is no video in a file called {name}."))
        })?);
    } else if !videos.is_empty() {
        let fits = |c: &&&Candidate| {
            choice.under.is_none_or(|most| c.bitrate <= u64::from(most) * 1000)
                && choice
                    .height
                    .is_none_or(|most| c.dimensions.is_some_and(|(_, h)| u32::from(h) <= most))
        };
        chosen.push(*videos.iter().find(fits).ok_or_else(|| {
            let have: Vec<String> = videos
                .iter()
                .map(|c| {
                    let lines = c.dimensions.map_or(0, |(_, lines)| lines);
                    format!("{} kbit/s with {lines} lines", c.bitrate / 1000)
                })
                .collect();
            let sentence = format!("No video is that small; there are {}.", have.join(", "));
            Error::misuse(Code::NoSuchBitrate, sentence)
        })?);
    }
    // Audio of the video's own file comes before the same from elsewhere.
    let home = chosen.first().map(|video| video.file);
    let mut audio: Vec<&Candidate> = all.iter().filter(|c| c.kind == TrackKind::Audio).collect();
    // Of one file the first that is enabled: what players play by themselves.
    let best = |file: usize| {
        let own = all.iter().filter(|c| c.kind == TrackKind::Audio && c.file == file);
        own.map(|c| c.bitrate).max()
    };
    crate::collections::sort_by_key(&mut audio, |c| {
        (Some(c.file) != home, !c.enabled, std::cmp::Reverse(best(c.file)), c.file, c.track)
    });
    let wanted = |c: &Candidate| {
        choice
            .audio
            .as_ref()
            .is_none_or(|list| list.iter().any(|l| l.eq_ignore_ascii_case(&c.language)))
    };
    let mut languages: Vec<&str> = Vec::new();
    let mut heard = Vec::new();
    for candidate in audio.iter().filter(|c| wanted(c)) {
        if !languages.contains(&candidate.language.as_str()) {
            languages.push(&candidate.language);
            heard.push(*candidate);
        }
    }
    crate::collections::sort_by_key(&mut heard, |c| (c.file, c.track));
    chosen.extend(heard);
    for language in choice.audio.iter().flatten() {
        if !languages.iter().any(|known| known.eq_ignore_ascii_case(language)) {
            let have: Vec<&str> = audio.iter().map(|c| c.language.as_str()).collect();
            let sentence = format!(
                "There is no audio in the language {language}; there is {}.",
                have.join(", ")
            );
            return Err(Error::misuse(Code::NoSuchLanguage, sentence));
        }
    }
    if choice.text {
        chosen.extend(all.iter().filter(|c| c.kind == TrackKind::Text));
    }
    let mut inputs: Vec<(usize, Vec<u32>)> = Vec::new();
    for candidate in chosen {
        match inputs.iter_mut().find(|(file, _)| *file == candidate.file) {
            Some((_, tracks)) => tracks.push(candidate.track),
            None => inputs.push((candidate.file, vec![candidate.track])),
        }
    }
    Ok(inputs)
}
