//! Manifests for files: Smooth Streaming's .ism and .ismc, DASH, HLS.
//!
//! They say what the files say, so they are written from the files alone. Each
//! is short enough that writing it here is less than a library's types for it.

mod dash;
mod hls;
mod smooth;

pub use dash::{Addressing, dash};
pub use hls::hls;
pub use smooth::smooth;

use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::cipher::hex;
use crate::format::drm::PLAYREADY;
use crate::model::{FragmentRun, Movie, Track, TrackKind, bitrate};
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// A file that a manifest names.
#[derive(Clone, Copy, Debug)]
pub struct Rendition<'a> {
    /// Its name, as the manifest is to have it.
    pub file: &'a str,
    /// The file it was made of.
    pub source: &'a str,
    /// What it has.
    pub movie: &'a Movie,
}

/// A manifest, and what it is to be called.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WrittenManifest {
    /// The file's name.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// A track of a rendition, with the bitrate it goes by.
struct Quality<'a> {
    file: &'a str,
    /// The file it was taken from; two sounds of one file are two things.
    source: &'a str,
    movie: &'a Movie,
    track: &'a Track,
    bitrate: u64,
}

/// Levels of the same thing in the same codec: players change between them.
struct QualityGroup<'a> {
    kind: TrackKind,
    /// Its kind and language.
    stem: String,
    /// The same, with a number where there are several.
    name: String,
    levels: Vec<Quality<'a>>,
}

/// What a fragment is in a manifest.
struct Chunk {
    /// In ticks; never negative.
    time: u64,
    duration: u64,
    span: Span,
    sync: bool,
}

impl Quality<'_> {
    /// Its fragments as a client of Smooth Streaming sees them, which knows no
    /// edit lists.
    fn unedited(&self) -> Vec<Chunk> {
        self.chunks_by(|run| self.track.smooth_time(run))
    }

    fn chunks(&self) -> Vec<Chunk> {
        self.chunks_by(|run| self.track.presented(run))
    }

    fn chunks_by(&self, time: impl Fn(&FragmentRun) -> Option<i64>) -> Vec<Chunk> {
        let fragments =
            self.movie.fragments.iter().flat_map(|f| f.runs.iter().map(move |r| (f, r)));
        let mut next = 0;
        fragments
            .filter(|(_, run)| run.track_id == self.track.id && run.samples > 0)
            .map(|(fragment, run)| {
                let told = time(run).unwrap_or(next);
                // What is before zero is not in a manifest.
                let duration = run.duration.saturating_sub(told.min(0).unsigned_abs());
                let time = told.max(0) as u64;
                next = time.saturating_add(duration) as i64;
                Chunk { time, duration, span: fragment.span, sync: run.sync_start }
            })
            .collect()
    }

    /// Whether it is the same track in another file, by the size of every fragment.
    fn is_copy_of(&self, other: &Self) -> bool {
        let sizes = |level: &Self| -> Vec<(u64, u32)> {
            let runs = level.movie.fragments.iter().flat_map(|fragment| &fragment.runs);
            let own = runs.filter(|run| run.track_id == level.track.id);
            own.map(|run| (run.bytes, run.samples)).collect()
        };
        (self.codec(), self.track.totals) == (other.codec(), other.track.totals)
            && self.private_data() == other.private_data()
            && sizes(self) == sizes(other)
    }

    /// Whether a player may change from one to the other while it plays: they are
    /// of one codec and one layout, and not two sounds of one file.
    fn is_alternative_to(&self, other: &Self) -> bool {
        let format = |level: &Self| level.track.entries.first().map(|entry| entry.format);
        let layout = |level: &Self| level.track.codec().and_then(|codec| codec.channels);
        let protected = |level: &Self| level.track.protection().is_some();
        let source = |level: &Self| level.source.to_owned();
        let apart = self.track.kind == TrackKind::Video || source(self) != source(other);
        (format(self), layout(self), protected(self))
            == (format(other), layout(other), protected(other))
            && apart
    }

    fn codec(&self) -> &str {
        self.track.codec().map_or("", |codec| &codec.string)
    }

    fn dimensions(&self) -> Option<(u16, u16)> {
        self.track.codec()?.dimensions
    }

    /// Bits a second of the fragment with the most; what a player must expect.
    fn peak(&self) -> u64 {
        self.track.totals.peak_bitrate.unwrap_or(self.bitrate).max(self.bitrate)
    }

    fn private_data(&self) -> String {
        let data = self.track.codec().and_then(|codec| codec.private_data.as_deref());
        hex(data.unwrap_or_default()).to_ascii_uppercase()
    }
}

fn groups<'a>(renditions: &[Rendition<'a>]) -> Result<Vec<QualityGroup<'a>>> {
    let mut groups: Vec<QualityGroup<'a>> = Vec::new();
    for rendition in renditions {
        let spoken = |track: &&Track| track.kind != TrackKind::Other && track.totals.samples > 0;
        for track in rendition.movie.tracks.iter().filter(spoken) {
            let totals = &track.totals;
            let measured = bitrate(totals.bytes, totals.duration, track.timescale);
            let declared = track.codec().and_then(|codec| codec.declared_bitrate).map(u64::from);
            let mut level = Quality {
                file: rendition.file,
                source: rendition.source,
                movie: rendition.movie,
                track,
                bitrate: declared.or(measured).unwrap_or(1).max(1),
            };
            let word = track.kind.word();
            let stem = match track.language.as_str() {
                language if track.kind != TrackKind::Video && language != "und" => {
                    format!("{word}_{language}")
                }
                _ => word.to_owned(),
            };
            // Sets often carry the same audio in every file.
            let all = || groups.iter().flat_map(|group| &group.levels);
            if all().any(|known| known.is_copy_of(&level)) {
                continue;
            }
            let fits = |group: &QualityGroup<'_>| {
                group.stem == stem
                    && group.levels.iter().all(|known| known.is_alternative_to(&level))
            };
            let index = match groups.iter().position(fits) {
                Some(index) => index,
                None => {
                    let others = groups.iter().filter(|group| group.stem == stem).count();
                    let name = match others {
                        0 => stem.clone(),
                        n => format!("{stem}_{}", n + 1),
                    };
                    groups.push(QualityGroup { kind: track.kind, stem, name, levels: Vec::new() });
                    groups.len() - 1
                }
            };
            let group = &mut groups[index];
            // The bitrate is a name in addresses, so no two are alike.
            while group.levels.iter().any(|known| known.bitrate == level.bitrate) {
                level.bitrate += 1;
            }
            group.levels.push(level);
        }
    }
    if groups.is_empty() {
        return Err(Error::misuse(
            Code::NoTracks,
            "The files have no track to write a manifest for.",
        ));
    }
    Ok(groups)
}

/// When the first fragment of all begins, as a time and its timescale: live
/// archives count from the epoch, and a player from there.
fn begin(groups: &[QualityGroup<'_>]) -> (u64, u32) {
    let levels = groups.iter().flat_map(|group| &group.levels);
    let starts = levels.filter_map(|level| {
        let first = level.chunks().into_iter().next()?;
        Some((first.time, level.track.timescale.max(1)))
    });
    let seconds = |(time, scale): &(u64, u32)| *time as f64 / f64::from(*scale);
    starts.min_by(|a, b| seconds(a).total_cmp(&seconds(b))).unwrap_or((0, 1))
}

/// How long all of it lasts, in ticks of this timescale.
fn length(groups: &[QualityGroup<'_>], timescale: u32) -> u64 {
    let scaled =
        |time: u64, from: u32| u128::from(time) * u128::from(timescale) / u128::from(from.max(1));
    let levels = groups.iter().flat_map(|group| &group.levels);
    let ends = levels.filter_map(|level| {
        let last = level.chunks().pop()?;
        Some(scaled(last.time.saturating_add(last.duration), level.track.timescale))
    });
    let (time, scale) = begin(groups);
    ends.max().unwrap_or(0).saturating_sub(scaled(time, scale)).min(u64::MAX.into()) as u64
}

/// Refuses levels whose fragments do not begin together: a player that changes
/// between them would ask for what is not there.
fn check_boundaries(group: &QualityGroup<'_>) -> Result<()> {
    let Some(first) = group.levels.first() else { return Ok(()) };
    let seconds = |level: &Quality<'_>| {
        let scale = f64::from(level.track.timescale.max(1));
        level
            .chunks()
            .iter()
            .map(|chunk| (chunk.time as f64 / scale, chunk.span.at))
            .collect::<Vec<_>>()
    };
    let wanted = seconds(first);
    for level in &group.levels[1..] {
        let own = seconds(level);
        let differs = wanted.iter().zip(&own).find(|(a, b)| (a.0 - b.0).abs() > 0.001);
        let (what, at) = match differs {
            Some((a, b)) => {
                (format!("a fragment at {:.3} s, that of {} at {:.3} s", b.0, first.file, a.0), b.1)
            }
            None if wanted.len() != own.len() => {
                (format!("{} fragments, that of {} {}", own.len(), first.file, wanted.len()), 0)
            }
            None => continue,
        };
        return Err(Error::misuse(
            Code::BoundariesDiffer,
            format!(
                "{}: its {} has {what}. They do not fit together.",
                level.file,
                group.kind.word()
            ),
        )
        .at(at));
    }
    Ok(())
}

fn playready(renditions: &[Rendition<'_>]) -> Option<Vec<u8>> {
    let mut systems = renditions.iter().flat_map(|rendition| &rendition.movie.systems);
    systems.find(|system| system.system_id == PLAYREADY).map(|system| system.data.clone())
}

/// `ftyp` and `moov`.
fn init(level: &Quality<'_>) -> Result<Span> {
    let moov = level.movie.moov.as_ref();
    let missing = || Error::malformed(Code::NoMoov, "The file has no moov box.");
    let moov = moov.ok_or_else(missing)?;
    Ok(Span { at: 0, len: moov.at + moov.size() })
}

/// Whether a manifest has text tracks of fragmented files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// Smooth Streaming and DASH have.
    Kept,
    /// HLS has text in files of its own, which are not written here.
    LeftOut,
}

/// What manifests leave out of these files, in sentences.
pub fn left_out(renditions: &[Rendition<'_>], texts: Texts) -> Vec<String> {
    let mut notes = Vec::new();
    for rendition in renditions {
        for track in rendition.movie.tracks.iter().filter(|track| track.totals.samples > 0) {
            let codec = track.codec().map_or("?", |codec| &codec.string);
            let note = match track.kind {
                TrackKind::Text if texts == Texts::LeftOut => format!(
                    "{}: the text track {} ({codec}, {}) is left out: HLS carries text in other \
                     files, as WebVTT or IMSC1.",
                    rendition.source, track.id, track.language
                ),
                TrackKind::Other => format!(
                    "{}: track {} ({codec}) is left out: it is neither video nor audio nor text.",
                    rendition.source, track.id
                ),
                _ => continue,
            };
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}

/// Whether a manifest names a file.
pub fn names(written: &[WrittenManifest], file: &str) -> bool {
    let (plain, address) = (escape(file), address(file));
    written.iter().any(|one| one.text.contains(&*plain) || one.text.contains(&address))
}

/// A file's name in an address.
fn address(name: &str) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte.into());
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

/// The files that addresses with templates name: the file each is a part of,
/// its name, and where it is.
///
/// # Errors
/// Where two of them would have one name.
pub fn segments(renditions: &[Rendition<'_>]) -> Result<Vec<(String, String, Span)>> {
    let mut out = Vec::new();
    for group in &groups(renditions)? {
        for level in &group.levels {
            let folder = format!("QualityLevels({})", level.bitrate);
            let init = init(level)?;
            out.push((level.file.to_owned(), format!("{folder}/Init({})", group.name), init));
            for chunk in level.chunks() {
                let name = format!("{folder}/Fragments({}={})", group.name, chunk.time);
                out.push((level.file.to_owned(), name, chunk.span));
            }
        }
    }
    Ok(out)
}
