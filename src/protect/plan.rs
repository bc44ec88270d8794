//! The plan: what every byte of the output will be.

use super::headers::{Signal, playready_header, protected_moov, systems};
use super::receipt::{Proof, Proving};
use super::sentences::sentences;
use super::subsample::{Layout, subsamples};
use super::{Options, Profile, TrackKey, selected};
use crate::Span;
use crate::boxes::Mp4Box as _;
use crate::boxes::fragment::{Tfdt, Tfhd};
use crate::boxes::protection::{SampleInfo, Senc, Tenc};
use crate::cipher::{IvCounter, Method, SampleCipher, checksum_text, constant_iv};
use crate::codec::Rule;
use crate::compose::{insert_after, point_saio};
use crate::drm::playready;
use crate::envelopes::{add_senc, with_brands};
use crate::error::{Error, Result};
use crate::ids::Kid;
use crate::model::{Movie, Track, TrackFragment};
use crate::recipe::{Piece, Recipe};
use crate::rewrite::{Rewrite, Unit, replace};
use crate::times::decode_times;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// What a plan will write, for people to read first.
#[derive(Clone, Debug, Serialize)]
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

/// One protected track.
struct TrackPlan {
    id: u32,
    /// One for each sample entry.
    rules: Vec<Rule>,
    /// The sample entry of fragments that name none, from 1.
    default_entry: u32,
    cipher: SampleCipher,
    method: Method,
    /// The IV of every sample, where the scheme has one for all.
    constant_iv: Option<Vec<u8>>,
}

/// A [`Recipe`] that protects a file.
pub struct Plan {
    rewrite: Rewrite,
    proving: Proving,
    profile: &'static Profile,
    tracks: Vec<TrackPlan>,
    /// For each unit, the IV of its first protected sample.
    ivs: Vec<IvCounter>,
    /// For each unit, the decode time of each of its `traf`s.
    decode_times: Vec<Vec<u64>>,
    /// For each unit, which of its `traf`s are in the clear lead.
    lead: Vec<Vec<bool>>,
    preview: Preview,
}

impl Plan {
    /// Decides everything. What cannot be done is refused here.
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
            .map(|(track, key)| TrackPlan::new(track, key, options))
            .collect();
        let signals: Vec<Signal> = tracks
            .iter()
            .zip(&plans)
            .zip(&chosen)
            .map(|((track, plan), key)| Signal {
                track: track.id,
                kind: track.kind,
                tenc: plan.tenc(key.kid, first_iv.size()),
            })
            .collect();
        let missing = || Error::malformed("no_moov", "The file has no moov box.");
        let source = movie.moov.as_ref().ok_or_else(missing)?;
        let headers = systems(options, playready.clone(), keys.iter().map(|key| key.kid).collect());
        let moov = protected_moov(source, &signals, options, &headers)?;
        let ftyp = with_brands(movie.ftyp.as_ref(), profile);
        let rewrite = Rewrite::new(movie, &ftyp, &moov)?;
        let ids: Vec<u32> = tracks.iter().map(|track| track.id).collect();
        let (decode_times, shift) = decode_times(movie, 0);
        let lead = clear_lead(movie, &ids, options.clear_lead);
        let mut samples = 0;
        let mut next = first_iv;
        let ivs = movie
            .fragments
            .iter()
            .zip(&lead)
            .map(|(fragment, lead)| {
                let first = next;
                let runs = fragment.runs.iter().zip(lead);
                for (run, _) in runs.filter(|(run, lead)| !**lead && ids.contains(&run.track_id)) {
                    samples += u64::from(run.samples);
                    next = next.after(run.samples.into(), run.bytes);
                }
                first
            })
            .collect();
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
            sentences: sentences(movie, options, &header, &tracks, &keys, samples, &rewrite, shift),
            keys: keys.iter().map(preview_key).collect(),
            header_xml: header.xml()?,
            object_base64: STANDARD.encode(&object),
            pssh_base64: STANDARD.encode(playready.to_node().to_bytes()),
            tracks: ids,
            samples,
        };
        let proving = Proving::new(&moov, options);
        Ok(Self { rewrite, proving, profile, tracks: plans, ivs, decode_times, lead, preview })
    }

    /// What will be written.
    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    /// The profile.
    pub fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// Does the work of a unit, then reads it back: the bytes that go out, and
    /// the proof that they are right.
    pub fn work_and_prove(&self, number: usize, bytes: &[u8]) -> Result<(Vec<u8>, Proof)> {
        let output = self.protect(number, bytes.to_vec(), true)?;
        let proof = self.prove(number, bytes, &output)?;
        Ok((output, proof))
    }

    /// Reads a unit back: whether `output` decrypts to what `input` has.
    pub fn prove(&self, number: usize, input: &[u8], output: &[u8]) -> Result<Proof> {
        let unit = self.rewrite.open(number, input)?;
        self.proving.prove(unit.at, &unit.fragments, input, output)
    }

    /// Protects a unit; without `encrypt` only its boxes are made, to measure it.
    fn protect(&self, number: usize, mut bytes: Vec<u8>, encrypt: bool) -> Result<Vec<u8>> {
        let mut unit = self.rewrite.open(number, &bytes)?;
        let not_planned = || Error::misuse("no_such_unit", format!("There is no unit {number}."));
        let mut iv = *self.ivs.get(number).ok_or_else(not_planned)?;
        let times = self.decode_times.get(number).ok_or_else(not_planned)?;
        let lead = self.lead.get(number).ok_or_else(not_planned)?;
        let chosen = |id: u32| self.tracks.iter().find(|track| track.id == id);
        unit.check_overlaps(|fragment| chosen(fragment.tfhd.track_id).is_some())?;
        let mut maps = Vec::new();
        for (fragment, lead) in unit.fragments.iter().zip(lead) {
            maps.push(match chosen(fragment.tfhd.track_id) {
                None => None,
                Some(track) if *lead => Some((track, None)),
                Some(track) => {
                    let infos = self.sample_infos(track, fragment, &unit, &bytes, &mut iv)?;
                    if encrypt {
                        for (info, sample) in infos.iter().zip(&fragment.samples) {
                            let range = unit.range(sample)?;
                            let iv = track.constant_iv.as_ref().unwrap_or(&info.iv);
                            let map = &info.subsamples;
                            track.cipher.encrypt(track.method, iv, map, &mut bytes[range])?;
                        }
                    }
                    Some((track, Some(infos)))
                }
            });
        }
        for (((traf, fragment), map), time) in unit.trafs().zip(maps).zip(times) {
            if self.profile.iso && fragment.tfdt.is_none() {
                insert_after(traf, Tfhd::KIND, Tfdt::new(*time).to_node());
            }
            match map {
                None => {}
                Some((track, None)) => {
                    let entry = track.entry_of(fragment) + track.rules.len() as u32;
                    let tfhd = Tfhd { sample_description_index: Some(entry), ..fragment.tfhd };
                    replace(traf, &tfhd.to_node());
                }
                Some((_, Some(infos))) => add_senc(traf, self.profile, &Senc::new(infos)),
            }
        }
        if self.profile.iso {
            point_saio(&mut unit.moof, |saio| saio.at == 0)?;
        }
        unit.close(&bytes, self.profile.iso)
    }

    /// IV and subsample map of every sample of a `traf`.
    fn sample_infos(
        &self,
        track: &TrackPlan,
        fragment: &TrackFragment,
        unit: &Unit,
        bytes: &[u8],
        iv: &mut IvCounter,
    ) -> Result<Vec<SampleInfo>> {
        let entry = track.entry_of(fragment);
        let rule = track.rules.get(entry as usize - 1).ok_or_else(|| {
            Error::malformed(
                "no_such_sample_entry",
                format!(
                    "This fragment uses sample entry {entry} of track {}, which has {}.",
                    track.id,
                    track.rules.len()
                ),
            )
            .at(unit.at)
            .within("moof/traf/tfhd")
        })?;
        let mut nal = match rule {
            Rule::Nal(codec) => Some((codec, codec.parameter_sets())),
            Rule::Whole => None,
        };
        let constant = track.constant_iv.is_some();
        let iv_size = if constant { 0 } else { iv.size() };
        let layout = Layout { aligned: !track.method.cbc, iv_size };
        let mut infos = Vec::with_capacity(fragment.samples.len());
        for sample in &fragment.samples {
            let data = &bytes[unit.range(sample)?];
            let subsamples = match &mut nal {
                Some((codec, sets)) => {
                    subsamples(codec, sets, data, layout).map_err(|mut error| {
                        error.at = Some(sample.at + error.at.unwrap_or(0));
                        error.within(format!("sample of track {}", track.id))
                    })?
                }
                None => Vec::new(),
            };
            let own = if constant { Vec::new() } else { iv.to_bytes() };
            infos.push(SampleInfo { iv: own, subsamples });
            *iv = iv.after_sample(sample.size.into());
        }
        Ok(infos)
    }
}

impl TrackPlan {
    fn new(track: &Track, key: &TrackKey, options: &Options) -> Self {
        let rules: Vec<Rule> =
            track.entries.iter().filter_map(|entry| entry.codec.rule.clone()).collect();
        // One block in ten of slices; all blocks where samples are protected
        // whole (ISO/IEC 23001-7 §10.4).
        let pattern = if matches!(rules.first(), Some(Rule::Nal(_))) { 0x19 } else { 0 };
        let cbc = options.profile.cbc;
        Self {
            id: track.id,
            rules,
            default_entry: track.trex.map_or(1, |trex| trex.sample_description_index),
            cipher: key.key.cipher(),
            method: if cbc { Method::cbcs(pattern) } else { Method::CTR },
            constant_iv: cbc.then(|| constant_iv(options.random, track.id)),
        }
    }

    /// The sample entry that a fragment uses, from 1.
    fn entry_of(&self, fragment: &TrackFragment) -> u32 {
        fragment.tfhd.sample_description_index.unwrap_or(self.default_entry).max(1)
    }

    fn tenc(&self, kid: Kid, iv_size: u8) -> Tenc {
        match &self.constant_iv {
            None => Tenc { iv_size, ..Tenc::ctr(kid) },
            Some(iv) => Tenc {
                version: 1,
                pattern: self.method.pattern,
                iv_size: 0,
                constant_iv: iv.clone(),
                ..Tenc::ctr(kid)
            },
        }
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

    fn work(&self, unit: usize, bytes: Vec<u8>) -> Result<Vec<u8>> {
        self.protect(unit, bytes, true)
    }

    fn finish(&self, lengths: &[u64]) -> Result<Vec<u8>> {
        self.rewrite.finish(lengths)
    }

    fn unmeasured(&self) -> Vec<Span> {
        self.rewrite.unmeasured()
    }

    fn measure(&self, unit: usize, bytes: Vec<u8>) -> Result<u64> {
        Ok(self.protect(unit, bytes, false)?.len() as u64)
    }

    fn settle(&mut self, lengths: &[u64]) -> Result<()> {
        self.rewrite.update_indexes(lengths)
    }
}
