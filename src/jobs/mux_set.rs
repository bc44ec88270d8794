//! Which tracks of a set go into one file.

use crate::checks::CheckId;
use crate::error::{Code, Error, Result};
use crate::look::set::FileSet;
use crate::model::{Movie, TrackKind, bitrate};
use serde::Serialize;

/// Which tracks of a set go into one file.
#[derive(Clone, Debug, Default)]
pub struct TrackChoice {
    /// The file with the video; none for the best.
    pub video: Option<String>,
    /// Bits a second that the video may have at most.
    pub under: Option<u64>,
    /// Lines that the video may have at most.
    pub height: Option<u16>,
    /// Languages of the audio; none for one track of each language.
    pub audio: Option<Vec<String>>,
    /// Whether text goes in too.
    pub text: bool,
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

/// The tracks a choice means: of each file that has some, their numbers.
///
/// # Errors
/// Where nothing fits; the sentence says what there is.
pub fn choose(files: &[(&str, &Movie)], choice: &TrackChoice) -> Result<Vec<(usize, Vec<u32>)>> {
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
            choice.under.is_none_or(|most| c.bitrate <= most)
                && choice.height.is_none_or(|most| c.dimensions.is_some_and(|(_, h)| h <= most))
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

/// Refuses a set whose manifest says other fragments than its files have.
///
/// # Errors
/// The first such finding.
pub fn check_set(set: &FileSet<'_>) -> Result<()> {
    const GRAVE: [CheckId; 3] =
        [CheckId::ChunksDiffer, CheckId::TrackIdMismatch, CheckId::ManifestFileMissing];
    let found = set.check();
    let Some(finding) = found.iter().find(|finding| GRAVE.contains(&finding.check.id)) else {
        return Ok(());
    };
    let file = finding.file.clone().unwrap_or_default();
    let mut error = Error::misuse(
        Code::SetDisagrees,
        format!("{file}: {} They do not fit together.", finding.message),
    );
    (error.at, error.path) = (finding.at, finding.path.clone());
    Err(error)
}
