//! Several files and manifests that belong together: what no file shows alone.

mod manifests;
mod proofs;

pub use proofs::ReuseProofs;

use crate::checks::CheckId;
use crate::collections::Map;
use crate::format::cipher::CipherMode;
use crate::format::ids::Kid;
use crate::look::inspect::{Reuse, reuses};
use crate::model::manifest::Manifest;
use crate::model::{Finding, Movie, Track, TrackKind, bitrate};

/// Files and manifests opened together.
#[derive(Default)]
pub struct FileSet<'a> {
    /// Media files, by name.
    pub files: Vec<(String, &'a Movie)>,
    /// Manifests, by name.
    pub manifests: Vec<(String, Manifest)>,
    /// What proves that IVs are used in two files, from [`ReuseProofs`].
    pub proofs: Vec<(Reuse, Vec<String>)>,
}

/// A track of a file in the set.
#[derive(Clone, Copy)]
struct Member<'a> {
    name: &'a str,
    movie: &'a Movie,
    track: &'a Track,
}

impl Member<'_> {
    fn measured(&self) -> Option<u64> {
        bitrate(self.track.totals.bytes, self.track.totals.duration, self.track.timescale)
    }

    /// Where its fragments begin, in ticks.
    fn starts(&self) -> Vec<i64> {
        let runs = self.movie.fragments.iter().flat_map(|f| &f.runs);
        let own = runs.filter(|run| run.track_id == self.track.id && run.samples > 0);
        own.filter_map(|run| self.track.smooth_time(run)).map(|time| time.max(0)).collect()
    }

    fn is_kind(&self, kind: &str) -> bool {
        match kind {
            "video" => self.track.kind == TrackKind::Video,
            "audio" => self.track.kind == TrackKind::Audio,
            "text" | "textstream" => self.track.kind == TrackKind::Text,
            _ => false,
        }
    }
}

fn found(id: CheckId, file: &str, message: impl Into<String>) -> Finding {
    let mut finding = Finding::new(id, message);
    finding.file = Some(file.to_owned());
    finding
}

impl<'a> FileSet<'a> {
    /// Everything that is wrong between the files: the gravest first.
    pub fn check(&self) -> Vec<Finding> {
        let mut out = Vec::new();
        self.ivs(&mut out);
        self.keys_in_two_modes(&mut out);
        self.boundaries(&mut out);
        let server = self.manifests.iter().find_map(|(name, manifest)| match manifest {
            Manifest::Server(server) => Some((name.as_str(), server)),
            _ => None,
        });
        for (name, manifest) in &self.manifests {
            match manifest {
                Manifest::Server(server) => self.server(name, server, &mut out),
                Manifest::Client(client) => {
                    self.client(name, client, server.map(|(_, server)| server), &mut out);
                }
                Manifest::Dash(dash) => self.dash(name, dash, &mut out),
                Manifest::Hls(hls) => self.hls(name, hls, &mut out),
            }
        }
        crate::collections::sort_by_key(&mut out, Finding::gravity);
        out
    }

    fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.files.iter().flat_map(|(name, movie)| {
            movie.tracks.iter().map(move |track| Member { name, movie, track })
        })
    }

    /// What its tracks are encrypted with, each mode once.
    fn modes(&self) -> Vec<CipherMode> {
        let found = self.members().filter_map(|m| m.track.protection()?.mode());
        let mut modes = Vec::new();
        found.for_each(|mode| {
            if !modes.contains(&mode) {
                modes.push(mode)
            }
        });
        modes
    }

    /// IVs used in two files. Within one file that was told already, and a copy
    /// of a file gives nothing away.
    fn reuses(&self) -> Vec<Reuse> {
        let runs = self.files.iter().enumerate();
        let runs = runs.flat_map(|(file, (_, movie))| movie.ivs.iter().map(move |run| (file, run)));
        let (mut found, _) = reuses(runs, 10_000);
        let copies = |a: usize, b: usize| are_copies(self.files[a].1, self.files[b].1);
        found.retain(|r| r.first.0 != r.again.0 && !copies(r.first.0, r.again.0));
        found
    }

    fn ivs(&self, out: &mut Vec<Finding>) {
        let reuses = self.reuses();
        let names: Vec<String> = self.files.iter().map(|(name, _)| name.clone()).collect();
        let mut told: Map<(usize, usize, Kid), usize> = Map::new();
        for reuse in &reuses {
            let pair = (reuse.first.0, reuse.again.0, reuse.first.1.kid);
            if let Some(index) = told.get(&pair) {
                let finding: &mut Finding = &mut out[*index];
                finding.times = finding.times.saturating_add(1);
                continue;
            }
            told.insert(pair, out.len());
            let mut finding = reuse.finding(&names);
            let top =
                self.files[reuse.again.0].1.top.iter().find(|t| Some(t.span.at) == finding.at);
            finding.length = top.map(|top| top.span.len);
            let proof = self.proofs.iter().find(|(known, _)| known == reuse);
            finding.evidence = proof.map(|(_, lines)| lines.clone()).unwrap_or_default();
            out.push(finding);
        }
    }

    fn keys_in_two_modes(&self, out: &mut Vec<Finding>) {
        let mut modes: Map<Kid, (CipherMode, String)> = Map::new();
        for member in self.members() {
            let Some(protection) = member.track.protection() else { continue };
            let (Some(kid), Some(mode)) = (protection.kid, protection.mode()) else { continue };
            let place = format!("{}, track {}", member.name, member.track.id);
            match modes.get(&kid) {
                Some((known, first)) if *known != mode => {
                    let message = format!(
                        "The KID {kid} is used with AES-CTR and with AES-CBC: in {first}, and in {place}."
                    );
                    out.push(
                        found(CheckId::KeyInTwoModes, member.name, message)
                            .of_track(member.track.id),
                    );
                }
                Some(_) => {}
                None => drop(modes.insert(kid, (mode, place))),
            }
        }
    }

    /// Fragments of every bitrate of the video must begin together.
    fn boundaries(&self, out: &mut Vec<Finding>) {
        // What is for trick play has boundaries of its own.
        let tricks: Vec<&str> = self
            .manifests
            .iter()
            .filter_map(
                |(_, m)| if let Manifest::Dash(dash) = m { Some(&dash.trick_play) } else { None },
            )
            .flatten()
            .map(|file| file.rsplit('/').next().unwrap_or(file))
            .collect();
        let mut videos = self.members().filter(|m| {
            m.track.kind == TrackKind::Video
                && !tricks.contains(&m.name.rsplit(['/', '\\']).next().unwrap_or(m.name))
                && m.track.timescale != 0
                && m.track.totals.fragments > 0
        });
        let Some(first) = videos.next() else { return };
        // A file much longer or shorter is not of the same set.
        let lasts = |m: &Member<'_>| m.track.seconds(m.track.totals.duration).unwrap_or(0.0);
        let whole = lasts(&first);
        let videos = videos.filter(|m| (lasts(m) - whole).abs() <= 0.3 * whole);
        let seconds = |member: &Member<'_>| {
            let scale = f64::from(member.track.timescale);
            member.starts().iter().map(|t| *t as f64 / scale).collect::<Vec<f64>>()
        };
        let wanted = seconds(&first);
        for member in videos {
            let own = seconds(&member);
            let differs = wanted.iter().zip(&own).position(|(a, b)| (a - b).abs() > 0.001);
            let message = match differs {
                Some(i) => format!(
                    "Fragment {} of track {} begins at {:.3} s; in {} it begins at {:.3} s.",
                    i + 1,
                    member.track.id,
                    own[i],
                    first.name,
                    wanted[i]
                ),
                None if wanted.len() != own.len() => format!(
                    "Its video has {} fragments; that of {} has {}.",
                    own.len(),
                    first.name,
                    wanted.len()
                ),
                None => continue,
            };
            out.push(
                found(CheckId::BoundariesDiffer, member.name, message).of_track(member.track.id),
            );
        }
    }
}

/// Whether two files are the same, as far as they were read.
fn are_copies(a: &Movie, b: &Movie) -> bool {
    let moofs = |movie: &Movie| movie.fragments.iter().map(|f| f.span).collect::<Vec<_>>();
    a.size == b.size && a.ivs == b.ivs && a.moov == b.moov && moofs(a) == moofs(b)
}
