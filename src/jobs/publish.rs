//! Manifests for files, and the files as manifests need them.

use super::names;
use crate::Span;
use crate::error::Result;
use crate::format::ids::Scheme;
use crate::make::manifests::{
    self, Addressing, Rendition, Texts, WrittenManifest, dash, hls, left_out, segments, smooth,
};
use crate::make::mux::{Fold, MuxOptions, earliest, is_to_be_folded, longest_skip};
use crate::make::protect::Profile;
use crate::model::{Movie, Protection, Track, TrackKind};
use serde::{Deserialize, Serialize};

/// Which manifests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// `.ism` and `.ismc`.
    Ism,
    /// `.mpd`.
    Dash,
    /// `.m3u8`.
    Hls,
}

/// What is to be published.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// Which manifests.
    pub format: Format,
    /// What they are called.
    pub title: String,
    /// For DASH: each fragment as a file of its own, with an address like Smooth
    /// Streaming's.
    #[serde(default)]
    #[cfg_attr(test, ts(optional, as = "Option<bool>"))]
    pub segments: bool,
}

/// A file that manifests name, and how it is made.
#[derive(Clone, Debug)]
pub struct Part {
    /// Which input.
    pub input: usize,
    /// The only track it takes; all of them if none.
    pub track: Option<u32>,
    /// What it is called.
    pub name: String,
    /// How it is muxed; none if the input serves as it is.
    pub options: Option<MuxOptions>,
}

/// A [`Part`], for a host that only makes files.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct NewFile {
    /// Which input.
    pub input: usize,
    /// What it is called.
    pub name: String,
    /// Whether the input serves as it is.
    pub whole: bool,
}

impl From<&Part> for NewFile {
    fn from(part: &Part) -> Self {
        let whole = part.options.is_none();
        Self { input: part.input, name: part.name.clone(), whole }
    }
}

/// What is kept of what was published.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PublishedNames {
    /// The manifests.
    pub texts: Vec<WrittenManifest>,
    /// The media files that they name.
    pub media: Vec<String>,
    /// What the manifests leave out.
    pub notes: Vec<String>,
}

/// What publishing gives, but for the media.
#[derive(Debug)]
pub struct Published {
    /// The manifests.
    pub manifests: Vec<WrittenManifest>,
    /// Fragments that become files of their own: of which media file, called
    /// what, and where they are in it.
    pub segments: Vec<(String, String, Span)>,
    /// What the manifests leave out.
    pub notes: Vec<String>,
}

impl Publish {
    /// The files that are needed, of these inputs by name.
    ///
    /// Smooth Streaming takes files of several tracks, called `.ismv`, or `.isma`
    /// without video. DASH and HLS take files of one track with a segment index.
    ///
    /// # Errors
    /// None that can happen: the profile it asks for exists.
    pub fn parts(&self, inputs: &[(&str, &Movie)]) -> Result<Vec<Part>> {
        let movies = || inputs.iter().map(|(_, movie)| *movie);
        let before = movies().map(earliest).min().unwrap_or(0).min(0);
        let skip = movies().map(longest_skip).max().unwrap_or(0).max(0);
        let mut parts = Vec::new();
        for (input, (name, movie)) in inputs.iter().enumerate() {
            let stem = names::stem(name);
            if self.format == Format::Ism {
                let video = movie.tracks.iter().any(|track| track.kind == TrackKind::Video);
                let fold = Fold::All { skip };
                let options = MuxOptions { fold, earliest: before, ..MuxOptions::default() };
                parts.push(Part {
                    input,
                    track: None,
                    name: format!("{stem}.{}", if video { "ismv" } else { "isma" }),
                    options: is_to_be_folded(movie, skip).then_some(options),
                });
                continue;
            }
            for track in movie.tracks.iter().filter(|track| track.totals.samples > 0) {
                parts.push(Part {
                    input,
                    track: Some(track.id),
                    name: format!("{stem}_{}{}.mp4", track.kind.word(), track.id),
                    options: Some(MuxOptions {
                        // Players of DASH and HLS do not read PIFF's boxes.
                        profile: if is_piff(track) { Some(Profile::parse("dual")?) } else { None },
                        sidx: true,
                        mend: false,
                        earliest: before,
                        fold: Fold::Pauses,
                    }),
                });
            }
        }
        Ok(parts)
    }

    /// The manifests of the files that were made.
    ///
    /// # Errors
    /// What the manifest cannot say of these files.
    pub fn write(&self, media: &[Rendition<'_>]) -> Result<Published> {
        let split = self.format == Format::Dash && self.segments;
        let addressing = if split { Addressing::Templates } else { Addressing::Index };
        Ok(Published {
            manifests: match self.format {
                Format::Ism => smooth(&self.title, media)?.to_vec(),
                Format::Dash => vec![dash(&self.title, media, addressing)?],
                Format::Hls => hls(&self.title, media)?,
            },
            segments: if split { segments(media)? } else { Vec::new() },
            notes: left_out(
                media,
                if self.format == Format::Hls { Texts::LeftOut } else { Texts::Kept },
            ),
        })
    }
}

impl Published {
    /// The manifests, and those of these media files that they name.
    pub fn of<'a>(self, media: impl Iterator<Item = &'a str>) -> PublishedNames {
        let media = media.filter(|file| self.names(file)).map(str::to_owned).collect();
        PublishedNames { media, texts: self.manifests, notes: self.notes }
    }

    /// Whether a media file is to be kept: one that no manifest names is a copy of
    /// another.
    pub fn names(&self, file: &str) -> bool {
        self.segments.is_empty() && manifests::names(&self.manifests, file)
    }
}

fn is_piff(track: &Track) -> bool {
    track.protection().and_then(Protection::known_scheme) == Some(Scheme::Piff)
}
