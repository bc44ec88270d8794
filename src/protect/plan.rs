//! The plan: what every byte of the output will be.

use super::headers::{protected_moov, with_brands};
use super::sentences::sentences;
use super::subsample::subsamples;
use super::times::decode_times;
use super::{Options, Profile, selected};
use crate::Span;
use crate::boxes::Mp4Box as _;
use crate::boxes::fragment::{Saio, Saiz, Tfdt, Tfhd};
use crate::boxes::piff::{Tfrf, Tfxd};
use crate::boxes::protection::{PIFF_SENC, SENC, SampleInfo, Senc};
use crate::boxes::tree::Node;
use crate::cipher::{IvCounter, Method, SampleCipher};
use crate::codec::Rule;
use crate::drm::playready::{self, NewHeader, NewKey};
use crate::error::{Error, Result};
use crate::ids::{BoxType, Kid};
use crate::model::{Movie, Track, TrackFragment};
use crate::recipe::{Piece, Recipe};
use crate::rewrite::Rewrite;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// What a plan will write, for people to read first.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// The plan in sentences.
    pub sentences: Vec<String>,
    /// In the order of `tenc`.
    pub kid: Kid,
    /// In the order of the PlayReady header.
    pub kid_guid: Kid,
    /// The WRMHEADER.
    pub header_xml: String,
    /// The PlayReady Object, base64: for a manifest's ProtectionHeader.
    pub object_base64: String,
    /// Its `pssh` box, base64: for an MPD's `cenc:pssh`.
    pub pssh_base64: String,
    /// Proves the key to whoever has it.
    pub checksum: String,
    /// The tracks that are protected.
    pub tracks: Vec<u32>,
    /// Their samples.
    pub samples: u64,
}

/// One protected track.
#[derive(Clone, Debug)]
struct TrackPlan {
    id: u32,
    /// One for each sample entry.
    rules: Vec<Rule>,
    /// The sample entry of fragments that name none, from 1.
    default_entry: u32,
}

/// A [`Recipe`] that protects a file.
pub struct Plan {
    rewrite: Rewrite,
    profile: &'static Profile,
    cipher: SampleCipher,
    tracks: Vec<TrackPlan>,
    /// For each unit, the IV of its first protected sample.
    ivs: Vec<IvCounter>,
    /// For each unit, the decode time of each of its `traf`s.
    decode_times: Vec<Vec<u64>>,
    preview: Preview,
}

impl Plan {
    /// Decides everything. What cannot be done is refused here.
    pub fn new(movie: &Movie, options: &Options) -> Result<Self> {
        let tracks = selected(movie, options.tracks.as_deref())?;
        if options.kid == Kid::of(0) {
            return Err(Error::misuse(
                "zero_kid",
                "The KID is all zeros, which names no key. Choose another.",
            ));
        }
        if *options.key.reveal() == crate::cipher::hex(&options.kid.0) {
            return Err(Error::misuse(
                "kid_as_key",
                "The key is the same as the KID. The KID is public; paste the content key.",
            ));
        }
        if options.key.is_zero() {
            return Err(Error::misuse("zero_key", "The key is all zero. Give a real one."));
        }
        let header = NewHeader {
            version: options.header_version,
            keys: vec![NewKey {
                kid: options.kid,
                checksum: Some(options.key.checksum(options.kid)),
            }],
            la_url: options.la_url.clone(),
            lui_url: options.lui_url.clone(),
            custom_attributes: options.custom_attributes.clone(),
            ..NewHeader::default()
        };
        let object = header.object()?;
        let playready = playready::pssh(object.clone());
        let profile = options.profile;
        let missing = || Error::malformed("no_moov", "The file has no moov box.");
        let source = movie.moov.as_ref().ok_or_else(missing)?;
        let moov = protected_moov(source, &tracks, options.kid, profile, &playready)?;
        let ftyp = with_brands(movie.ftyp.as_ref(), profile);
        let rewrite = Rewrite::new(movie, &ftyp, &moov)?;
        let ids: Vec<u32> = tracks.iter().map(|track| track.id).collect();
        let (decode_times, shift) = decode_times(movie);
        let mut samples = 0;
        let ivs = movie
            .fragments
            .iter()
            .map(|fragment| {
                let first = options.iv.after(samples);
                let runs = fragment.runs.iter().filter(|run| ids.contains(&run.track_id));
                samples += runs.map(|run| u64::from(run.samples)).sum::<u64>();
                first
            })
            .collect();
        let preview = Preview {
            sentences: sentences(movie, options, &tracks, samples, &rewrite, shift),
            kid: options.kid,
            kid_guid: options.kid.swapped(),
            header_xml: header.xml()?,
            object_base64: STANDARD.encode(&object),
            pssh_base64: STANDARD.encode(playready.to_node().to_bytes()),
            checksum: STANDARD.encode(options.key.checksum(options.kid)),
            tracks: ids,
            samples,
        };
        let track_plan = |track: &&Track| TrackPlan {
            id: track.id,
            rules: track.entries.iter().filter_map(|entry| entry.codec.rule.clone()).collect(),
            default_entry: track.trex.map_or(1, |trex| trex.sample_description_index),
        };
        Ok(Self {
            rewrite,
            profile,
            cipher: options.key.cipher(),
            tracks: tracks.iter().map(track_plan).collect(),
            ivs,
            decode_times,
            preview,
        })
    }

    /// What will be written.
    pub fn preview(&self) -> &Preview {
        &self.preview
    }

    /// Protects a unit; without `encrypt` only its boxes are made, to measure it.
    fn protect(&self, number: usize, mut bytes: Vec<u8>, encrypt: bool) -> Result<Vec<u8>> {
        let mut unit = self.rewrite.open(number, &bytes)?;
        let not_planned = || Error::misuse("no_such_unit", format!("There is no unit {number}."));
        let mut iv = *self.ivs.get(number).ok_or_else(not_planned)?;
        let times = self.decode_times.get(number).ok_or_else(not_planned)?;
        let chosen = |id: u32| self.tracks.iter().find(|track| track.id == id);
        unit.check_overlaps(|fragment| chosen(fragment.tfhd.track_id).is_some())?;
        let mut maps = Vec::new();
        for fragment in &unit.fragments {
            maps.push(match chosen(fragment.tfhd.track_id) {
                None => None,
                Some(track) => {
                    let infos = self.sample_infos(track, fragment, &unit, &bytes, &mut iv)?;
                    if encrypt {
                        for (info, sample) in infos.iter().zip(&fragment.samples) {
                            let range = unit.range(sample)?;
                            self.cipher.encrypt(
                                Method::CTR,
                                &info.iv,
                                &info.subsamples,
                                &mut bytes[range],
                            )?;
                        }
                    }
                    Some(infos)
                }
            });
        }
        for (((traf, fragment), infos), time) in unit.trafs().zip(maps).zip(times) {
            if self.profile.iso && fragment.tfdt.is_none() {
                insert_after(traf, Tfhd::KIND, Tfdt::new(*time).to_node());
            }
            if let Some(infos) = infos {
                self.add_sample_infos(traf, infos);
            }
        }
        if self.profile.iso {
            point_saio_at_senc(&mut unit.moof)?;
        }
        unit.close(&bytes, self.profile.iso)
    }

    /// IV and subsample map of every sample of a `traf`.
    fn sample_infos(
        &self,
        track: &TrackPlan,
        fragment: &TrackFragment,
        unit: &crate::rewrite::Unit,
        bytes: &[u8],
        iv: &mut IvCounter,
    ) -> Result<Vec<SampleInfo>> {
        let entry = fragment.tfhd.sample_description_index.unwrap_or(track.default_entry).max(1);
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
        let mut infos = Vec::with_capacity(fragment.samples.len());
        for sample in &fragment.samples {
            let data = &bytes[unit.range(sample)?];
            let subsamples = match &mut nal {
                Some((codec, sets)) => subsamples(codec, sets, data).map_err(|mut error| {
                    error.at = Some(sample.at + error.at.unwrap_or(0));
                    error.within(format!("sample of track {}", track.id))
                })?,
                None => Vec::new(),
            };
            infos.push(SampleInfo { iv: iv.to_bytes().to_vec(), subsamples });
            *iv = iv.after(1);
        }
        Ok(infos)
    }

    /// Adds `saiz`, `saio`, `senc` and PIFF's `senc`, before the Smooth times.
    fn add_sample_infos(&self, traf: &mut Node, infos: Vec<SampleInfo>) {
        let senc = Senc::new(infos);
        let sizes: Option<Vec<u8>> = senc
            .samples
            .iter()
            .map(|info| info.len(senc.has_subsamples()).try_into().ok())
            .collect();
        let mut boxes = Vec::new();
        if self.profile.iso {
            // Without saiz and saio readers take senc; with a size that does
            // not fit, there is no right saiz.
            if let Some(sizes) = sizes {
                boxes.extend([Saiz::new(&sizes).to_node(), Saio::new(0).to_node()]);
            }
            boxes.push(senc.to_node_as(SENC));
        }
        if self.profile.piff {
            boxes.push(senc.to_node_as(PIFF_SENC));
        }
        if let Some(children) = traf.children_mut() {
            let smooth = |node: &Node| [Tfxd::KIND, Tfrf::KIND].contains(&node.kind);
            let at = children.iter().position(smooth).unwrap_or(children.len());
            children.splice(at..at, boxes);
        }
    }
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

/// Sets every new `saio` to the first IV of the `senc` behind it, counted from
/// the `moof`.
fn point_saio_at_senc(moof: &mut Node) -> Result<()> {
    let mut offsets = Vec::new();
    let mut at = moof.header_len();
    for child in moof.children() {
        let mut inner = at + child.header_len();
        let mut found = None;
        for node in child.children() {
            if node.kind == SENC {
                found = Some(inner + node.header_len() + Senc::FIRST_IV);
            }
            inner += node.size();
        }
        offsets.push(found);
        at += child.size();
    }
    for (child, offset) in moof.children_mut().into_iter().flatten().zip(offsets) {
        let has_new = child.children().iter().any(|node| node.kind == Saio::KIND && node.at == 0);
        if let (Some(offset), true) = (offset, has_new) {
            let offset = u32::try_from(offset)
                .map_err(|_| Error::limit("moof_too_large", "This moof would pass 4 GiB."))?;
            let node = Saio::new(offset).to_node();
            for old in child.children_mut().into_iter().flatten() {
                if old.kind == Saio::KIND && old.at == 0 {
                    *old = node.clone();
                }
            }
        }
    }
    Ok(())
}

fn insert_after(parent: &mut Node, kind: BoxType, new: Node) {
    if let Some(children) = parent.children_mut() {
        let at = children.iter().position(|node| node.kind == kind).map_or(0, |i| i + 1);
        children.insert(at, new);
    }
}
