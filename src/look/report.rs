//! The inspection as hosts show it: the verdict, then the facts. This is the
//! value the page gets, and `ismvault inspect --json` prints. `docs/inspection.md`
//! describes it.

mod answer;
mod csv;
mod html;
mod playable;
mod story;
mod timeline;

use csv::csv;
use html::html;
pub use playable::Playable;
pub use story::{Holds, Link, Part};
pub use timeline::{Point, Timeline, timelines};

use crate::error::{Code, Error, Result};
use crate::format::boxes::protection::PIFF_PSSH;
use crate::format::cipher::{CipherMode, hex};
use crate::format::drm;
use crate::format::drm::playready::WrmHeader;
use crate::format::ids::{FourCc, Kid, SystemId};
use crate::look::decode::Decoded;
use crate::model::{Finding, Movie, Protection, ProtectionHeader, Track, TrackKind, bitrate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// A form that a report comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One page without scripts.
    Html,
    /// Tracks and fragments as a table.
    Csv,
}

impl std::str::FromStr for Form {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "html" => Ok(Self::Html),
            "csv" => Ok(Self::Csv),
            _ => {
                let sentence = format!("There is no report as \"{text}\". Choose html or csv.");
                Err(Error::misuse(Code::BadForm, sentence))
            }
        }
    }
}

impl Form {
    /// The report of a file with this name.
    pub fn write(self, name: &str, inspection: &Inspection, timelines: &[Timeline]) -> String {
        match self {
            Self::Html => html(name, inspection, timelines),
            Self::Csv => csv(inspection, timelines),
        }
    }
}

/// Everything known of a file. Times in seconds; in ticks as decimal text,
/// because JavaScript's numbers end at 2^53. Rates in bits a second.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Inspection {
    /// Version of this form.
    pub schema: u32,
    /// All of it in a line.
    pub verdict: String,
    /// The state of the file and what follows of it, the worst first.
    pub answer: String,
    /// What the file is made of.
    pub facts: String,
    /// Each link that playing needs: key, header, tracks, samples.
    pub story: Vec<Link>,
    /// Whether the file can be protected as it is; if not, why.
    pub protectable: Protectable,
    /// Bytes of the file.
    pub size: u64,
    /// What `ftyp` lists, the major brand first.
    pub brands: Vec<FourCc>,
    /// Of `ftyp`.
    pub major_brand: Option<FourCc>,
    /// Of `ftyp`.
    pub minor_version: Option<u32>,
    /// Whether the file has or announces fragments.
    pub fragmented: bool,
    /// Of the longest track.
    pub duration_seconds: Option<f64>,
    /// Of all tracks together.
    pub bitrate: Option<u64>,
    /// `moof` boxes.
    pub fragments: usize,
    /// In file order.
    pub tracks: Vec<TrackSummary>,
    /// In file order.
    pub systems: Vec<SystemSummary>,
    /// The gravest first.
    pub findings: Vec<Finding>,
}

/// Whether a file can be protected.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Protectable {
    /// It can.
    pub yes: bool,
    /// Why not, and what to do.
    pub reason: Option<String>,
    /// The same as a stable code.
    pub code: Option<Code>,
}

/// One track.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TrackSummary {
    /// Its number.
    pub id: u32,
    /// What it is.
    pub kind: TrackKind,
    /// RFC 6381.
    pub codec: Option<String>,
    /// The sample entry's code before protection.
    pub format: Option<FourCc>,
    /// ISO 639-2/T.
    pub language: String,
    /// Ticks a second.
    pub timescale: u32,
    /// From its samples.
    pub duration_seconds: Option<f64>,
    /// From its samples, in decimal.
    pub duration_ticks: String,
    /// Pixels.
    pub width: Option<u16>,
    /// Pixels.
    pub height: Option<u16>,
    /// Pictures a second, on average.
    pub frame_rate: Option<f64>,
    /// Channels.
    pub channels: Option<u32>,
    /// Samples a second.
    pub sample_rate: Option<u32>,
    /// Fragments with samples of it.
    pub fragments: u32,
    /// Samples.
    pub samples: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bits a second.
    pub bitrate: Bitrates,
    /// How it is protected; null where it is clear.
    pub protection: Option<ProtectionSummary>,
    /// All of its schemes, where a sample entry has several `sinf`.
    pub schemes: Vec<ProtectionSummary>,
    /// Whether it can be protected, as far as its codec goes.
    pub has_rule: bool,
}

/// Bits a second.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Bitrates {
    /// What `esds` or `btrt` says.
    pub declared: Option<u32>,
    /// Bytes of samples over their time.
    pub measured: Option<u64>,
    /// The same of the fragment with the most.
    pub peak: Option<u64>,
}

/// How a track is protected.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProtectionSummary {
    /// `piff`, `cenc` and the like.
    pub scheme: Option<FourCc>,
    /// Such as 0x00010001.
    pub scheme_version: String,
    /// Its name, and PIFF's number for it.
    pub algorithm: &'static str,
    /// 0 clear, 1 AES-CTR, 2 AES-CBC.
    pub algorithm_id: u32,
    /// Bytes of IV a sample.
    pub iv_size: u8,
    /// Of every sample, in hex, where there is one.
    pub constant_iv: Option<String>,
    /// In the order of `tenc`.
    pub kid: Option<Kid>,
    /// In the order a PlayReady header and licence have it.
    pub kid_guid: Option<Kid>,
    /// Which boxes say so: `tenc`, `uuid` for PIFF's, or `tenc and uuid`.
    pub tenc: &'static str,
}

/// A protection header.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SystemSummary {
    /// SystemID.
    pub system_id: SystemId,
    /// Its name.
    pub name: &'static str,
    /// `pssh`, or `uuid` for PIFF's.
    #[serde(rename = "box")]
    pub envelope: &'static str,
    /// Of the box.
    pub version: u8,
    /// Where the box is.
    pub at: u64,
    /// The keys it lists.
    pub kids: Vec<Kid>,
    /// Bytes of its data.
    pub data_size: usize,
    /// Its data; for PlayReady the PlayReady Object.
    pub data_base64: String,
    /// Whether it is in a fragment, as where keys rotate.
    pub in_fragment: bool,
    /// PlayReady's header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub header: Option<HeaderSummary>,
    /// All that is in it.
    pub decoded: Decoded,
}

/// A WRMHEADER, each KID in both byte orders.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HeaderSummary {
    /// As it was found.
    #[serde(flatten)]
    pub header: WrmHeader,
    /// The KIDs in GUID byte order.
    pub kids_guid: Vec<Kid>,
}

impl Inspection {
    /// Of a file, read whole or in part.
    pub fn new(movie: &Movie) -> Self {
        let tracks: Vec<TrackSummary> = movie.tracks.iter().map(track).collect();
        let duration_seconds =
            tracks.iter().filter_map(|t| t.duration_seconds).max_by(f64::total_cmp);
        let bytes = movie.tracks.iter().fold(0_u64, |sum, t| sum.saturating_add(t.totals.bytes));
        let bitrate =
            duration_seconds.filter(|s| *s > 0.0).map(|s| (bytes as f64 * 8.0 / s) as u64);
        let ftyp = movie.ftyp.as_ref();
        let brands = movie.brands();
        let mut findings = movie.findings.clone();
        crate::collections::sort_by_key(&mut findings, Finding::gravity);
        let refusal = crate::make::protect::refusal(movie);
        let mut inspection = Self {
            schema: 2,
            verdict: String::new(),
            answer: String::new(),
            facts: String::new(),
            story: Vec::new(),
            protectable: Protectable {
                yes: refusal.is_none(),
                code: refusal.as_ref().map(|error| error.code),
                reason: refusal.map(|error| error.to_string()),
            },
            size: movie.size,
            brands,
            major_brand: ftyp.map(|f| f.major),
            minor_version: ftyp.map(|f| f.minor),
            fragmented: movie.fragmented || !movie.fragments.is_empty(),
            duration_seconds,
            bitrate: bitrate.map(exact),
            fragments: movie.fragments.len(),
            tracks,
            systems: movie.systems.iter().map(system).collect(),
            findings,
        };
        inspection.say(movie);
        inspection.story = story::story(&inspection, movie);
        inspection
    }
}

fn track(track: &Track) -> TrackSummary {
    let codec = track.codec();
    let totals = track.totals;
    let duration_seconds = track.seconds(totals.duration).filter(|_| totals.samples > 0);
    let positive = duration_seconds.filter(|s| *s > 0.0);
    let measured = bitrate(totals.bytes, totals.duration, track.timescale);
    let video = track.kind == TrackKind::Video;
    let protected = track.entries.iter().find(|entry| !entry.protection.is_empty());
    let schemes: Vec<ProtectionSummary> =
        protected.into_iter().flat_map(|entry| &entry.protection).map(protection).collect();
    TrackSummary {
        id: track.id,
        kind: track.kind,
        codec: codec.map(|c| c.string.clone()),
        format: track.entries.first().map(|e| e.format),
        language: track.language.clone(),
        timescale: track.timescale,
        duration_seconds,
        duration_ticks: totals.duration.to_string(),
        width: codec.and_then(|c| c.dimensions).map(|(width, _)| width),
        height: codec.and_then(|c| c.dimensions).map(|(_, height)| height),
        frame_rate: positive.filter(|_| video).map(|s| totals.samples as f64 / s),
        channels: codec.and_then(|c| c.channels),
        sample_rate: codec.and_then(|c| c.sample_rate),
        fragments: totals.fragments,
        samples: exact(totals.samples),
        bytes: exact(totals.bytes),
        bitrate: Bitrates {
            declared: codec.and_then(|c| c.declared_bitrate),
            measured: measured.map(exact),
            peak: totals.peak_bitrate.map(exact),
        },
        protection: schemes.first().cloned(),
        schemes,
        has_rule: codec.is_some_and(|c| c.rule.is_some()),
    }
}

fn protection(protection: &Protection) -> ProtectionSummary {
    ProtectionSummary {
        scheme: protection.scheme,
        scheme_version: format!("0x{:08x}", protection.scheme_version),
        algorithm: match (protection.algorithm_id, protection.mode()) {
            (0, _) => "not encrypted",
            (_, Some(CipherMode::Cbc)) => "AES-CBC",
            _ => "AES-CTR",
        },
        algorithm_id: protection.algorithm_id,
        iv_size: protection.iv_size,
        constant_iv: Some(hex(&protection.constant_iv)).filter(|iv| !iv.is_empty()),
        kid: protection.kid,
        kid_guid: protection.kid.map(Kid::swapped),
        tenc: match (protection.piff_tenc, protection.has_piff_tenc) {
            (true, _) => "uuid",
            (false, true) => "tenc and uuid",
            (false, false) => "tenc",
        },
    }
}

fn system(system: &ProtectionHeader) -> SystemSummary {
    let decoded = crate::look::decode::pssh(&system.pssh(), system.envelope);
    let mut kids = system.kids.clone();
    decoded.walk(&mut |part| {
        let new: Vec<Kid> =
            part.kids.iter().map(|forms| forms.kid).filter(|kid| !kids.contains(kid)).collect();
        kids.extend(new);
    });
    SystemSummary {
        system_id: system.system_id,
        name: drm::name(system.system_id).unwrap_or("Unknown system"),
        envelope: if system.envelope == PIFF_PSSH { "uuid" } else { "pssh" },
        version: system.version,
        at: system.at,
        kids,
        data_size: system.data.len(),
        data_base64: STANDARD.encode(&system.data),
        in_fragment: system.in_fragment,
        decoded,
        header: system.playready.clone().map(|header| HeaderSummary {
            kids_guid: header.kids.iter().map(|kid| kid.swapped()).collect(),
            header,
        }),
    }
}

/// A number JavaScript can hold exactly. Only a file that lies gets past it.
fn exact(n: u64) -> u64 {
    n.min(1 << 53)
}

/// Seconds as `hh:mm:ss.mmm`.
pub fn timecode(seconds: f64) -> String {
    let ms = (seconds * 1000.0).round() as u64;
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

/// Bits a second as engineers say it, kept on one line.
pub fn kbits(rate: u64) -> String {
    if rate < 10_000_000 {
        format!("{}\u{a0}kbit/s", (rate + 500) / 1000)
    } else {
        format!("{:.1}\u{a0}Mbit/s", rate as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(timecode(8.021333), "00:00:08.021");
        assert_eq!(timecode(3661.0), "01:01:01.000");
        assert_eq!(kbits(267_154), "267\u{a0}kbit/s");
        assert_eq!(kbits(12_345_678), "12.3\u{a0}Mbit/s");
    }
}
