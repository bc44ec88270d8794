//! The plan: what every byte of the output will be.

use super::headers::{Signal, playready_header, protected_moov, systems};
use super::sentences::{Decisions, sentences};
use super::unit::{Protector, TrackPlan, UnitState};
use super::{Options, Profile, TrackKey, selected};
use crate::Span;
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::cipher::{IvCounter, checksum_text};
use crate::format::drm::playready;
use crate::format::ids::Kid;
use crate::make::proof::{Faults, Proof, Proves, Source};
use crate::make::protection_boxes::with_brands;
use crate::make::recipe::{Piece, Recipe};
use crate::make::rewrite::Rewrite;
use crate::model::Movie;
use crate::model::decode_times::decode_times;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// What a plan will write, for people to read first.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Preview {
    /// The plan in sentences.
    pub sentences: Vec<String>,
    /// The keys in use.
    pub keys: Vec<PreviewKey>,
    /// The WRMHEADER.
    pub header_xml: String,
    /// The PlayReady Object, base64: for a manifest's ProtectionHeader.
    pub object_base64: String,
    /// Its `pssh` box, base64: for an MPD's `cenc:pssh`.
    pub pssh_base64: String,
    /// The tracks that are protected.
    pub tracks: Vec<u32>,
    /// Their samples that are.
    pub samples: u64,
}

/// A key of a [`Preview`], by what is public of it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PreviewKey {
    /// In the order of `tenc`.
    pub kid: Kid,
    /// In the order of the PlayReady header.
    pub kid_guid: Kid,
    /// Proves the key to whoever has it.
    pub checksum: String,
    /// The tracks it is for.
    pub tracks: Vec<u32>,
}

/// A [`Recipe`] that protects a file.
pub struct Plan {
    rewrite: Rewrite,
    protector: Protector,
    /// One for each unit.
    states: Vec<UnitState>,
    preview: Preview,
    source: Source,
}

impl Plan {
    /// Decides everything. What cannot be done is refused here.
    ///
    /// # Errors
    /// Files that are protected already, progressive or damaged, codecs without a rule,
    /// tracks without a key.
    pub fn new(movie: &Movie, options: &Options) -> Result<Self> {
        let tracks = selected(movie, options.tracks.as_deref())?;
        options.check()?;
        let profile = options.profile;
        let chosen =
            tracks.iter().map(|track| options.key_of(track)).collect::<Result<Vec<_>>>()?;
        let mut keys: Vec<&TrackKey> = Vec::new();
        for key in &chosen {
            if !keys.iter().any(|known| known.kid == key.kid) {
                keys.push(key);
            }
        }
        let header = playready_header(options, &keys);
        let object = header.object()?;
        let playready = playready::pssh(object.clone());
        let first_iv = match options.iv_size {
            16 => IvCounter::wide(options.random),
            _ => IvCounter::narrow(options.random),
        };
        let plans: Vec<TrackPlan> = tracks
            .iter()
            .zip(&chosen)
            .map(|(track, key)| TrackPlan::new(track, key, profile, options.random))
            .collect();
        let signals: Vec<Signal> = tracks
            .iter()
            .zip(&plans)
            .map(|(track, plan)| Signal {
                track: track.id,
                kind: track.kind,
                tenc: plan.tenc(first_iv.size()),
            })
            .collect();
        let missing = || Error::malformed(Code::NoMoov, "The file has no moov box.");
        let source = movie.moov.as_ref().ok_or_else(missing)?;
        let headers = systems(options, playready.clone(), keys.iter().map(|key| key.kid).collect());
        let moov = protected_moov(source, &signals, options, &headers)?;
        let ftyp = with_brands(movie.ftyp.as_ref(), profile);
        let rewrite = Rewrite::new(movie, &ftyp, &moov)?;
        let ids: Vec<u32> = tracks.iter().map(|track| track.id).collect();
        let (decode_times, shift) = decode_times(movie, 0, true);
        let lead = clear_lead(movie, &ids, options.clear_lead);
        let mut samples = 0;
        let mut next = first_iv;
        let states = movie
            .fragments
            .iter()
            .zip(decode_times)
            .zip(lead)
            .map(|((fragment, times), lead)| {
                let iv = next;
                let runs = fragment.runs.iter().zip(&lead);
                for (run, _) in runs.filter(|(run, lead)| !**lead && ids.contains(&run.track_id)) {
                    samples += u64::from(run.samples);
                    next = next.after(run.samples.into(), run.bytes);
                }
                UnitState { iv, times, lead }
            })
            .collect();
        if samples == 0 {
            let sentence = format!(
                "All fragments would stay clear: no track has more than {}. Choose a shorter clear \
                 lead.",
                options.clear_lead
            );
            return Err(Error::misuse(Code::NothingLeftToProtect, sentence));
        }
        let preview_key = |key: &&TrackKey| PreviewKey {
            kid: key.kid,
            kid_guid: key.kid.swapped(),
            checksum: checksum_text(&key.key, key.kid),
            tracks: tracks
                .iter()
                .zip(&chosen)
                .filter(|(_, own)| own.kid == key.kid)
                .map(|(track, _)| track.id)
                .collect(),
        };
        let preview = Preview {
            sentences: sentences(&Decisions {
                movie,
                options,
                header: &header,
                tracks: &tracks,
                keys: &keys,
                samples,
                rewrite: &rewrite,
                shift,
            }),
            keys: keys.iter().map(preview_key).collect(),
            header_xml: header.xml()?,
            object_base64: STANDARD.encode(&object),
            pssh_base64: STANDARD.encode(playready.to_node().to_bytes()),
            tracks: ids,
            samples,
        };
        let protector = Protector::new(source, &moov, profile, plans)?;
        let source = Source { top: movie.top.clone(), faults: Faults::of(&movie.findings) };
        Ok(Self { rewrite, protector, states, preview, source })
    }

    /// What will be written.
    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    /// The profile.
    pub fn profile(&self) -> &'static Profile {
        self.protector.profile()
    }

    /// What does the units.
    pub fn protector(&self) -> &Protector {
        &self.protector
    }

    /// What a unit must know of the rest of the file.
    ///
    /// # Errors
    /// Where there is no such unit.
    pub fn unit_state(&self, unit: usize) -> Result<&UnitState> {
        self.states
            .get(unit)
            .ok_or_else(|| Error::misuse(Code::NoSuchUnit, format!("There is no unit {unit}.")))
    }
}

impl Proves for Plan {
    fn work_and_prove(&self, unit: usize, bytes: &[u8]) -> Result<(Vec<u8>, Proof)> {
        let at = self.rewrite.unit_at(unit, bytes)?;
        let mut out = Vec::new();
        let proof = self.protector.work(self.unit_state(unit)?, at, bytes, &mut out)?;
        Ok((out, proof))
    }

    fn source(&self) -> &Source {
        &self.source
    }
}

/// For each unit, which of its `traf`s are among the first of their track.
fn clear_lead(movie: &Movie, tracks: &[u32], fragments: u32) -> Vec<Vec<bool>> {
    let mut seen: Vec<(u32, u32)> = tracks.iter().map(|id| (*id, 0)).collect();
    let mut is_lead = |id: u32, samples: u32| {
        let Some((_, count)) = seen.iter_mut().find(|(track, _)| *track == id) else {
            return false;
        };
        let lead = *count < fragments;
        *count += u32::from(samples > 0);
        lead
    };
    let lead = movie.fragments.iter().map(|fragment| {
        fragment.runs.iter().map(|run| is_lead(run.track_id, run.samples)).collect()
    });
    lead.collect()
}

impl Recipe for Plan {
    fn pieces(&self) -> &[Piece] {
        self.rewrite.pieces()
    }

    fn work(&self, unit: usize, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(self.work_and_prove(unit, bytes)?.0)
    }

    fn finish(&self, lengths: &[u64]) -> Result<Vec<u8>> {
        self.rewrite.finish(lengths)
    }

    fn unmeasured(&self) -> Vec<Span> {
        self.rewrite.unmeasured()
    }

    fn measure(&self, unit: usize, bytes: &[u8]) -> Result<u64> {
        let at = self.rewrite.unit_at(unit, bytes)?;
        self.protector.measure(self.unit_state(unit)?, at, bytes)
    }

    fn settle(&mut self, lengths: &[u64]) -> Result<()> {
        self.rewrite.update_indexes(lengths)
    }
}
