//! The work on one fragment. What does it knows nothing of the file around it
//! but what its [`UnitState`] says, so any thread or worker can.

use super::subsample::{Layout, Walk};
use super::{Options, Profile, TrackKey};
use crate::error::{Code, Error, Result};
use crate::format::boxes::Mp4Box as _;
use crate::format::boxes::fragment::{Tfdt, Tfhd};
use crate::format::boxes::movie::Trex;
use crate::format::boxes::protection::{SampleInfo, Senc, Tenc};
use crate::format::boxes::tree::Node;
use crate::format::bytes::{Reader, Writer};
use crate::format::cipher::{CipherMode, ContentKey, IvCounter, Method, SampleCipher, constant_iv};
use crate::format::codec::Rule;
use crate::format::ids::{Kid, Uuid};
use crate::look::inspect::movie_of;
use crate::make::fragment_writer::{insert_after, replace};
use crate::make::proof::{self, Proof, header_of};
use crate::make::protection_boxes::add_senc;
use crate::make::rewrite::PlannedUnit;
use crate::make::witness::Header;
use crate::model::{Track, TrackFragment};
use zeroize::Zeroizing;

/// What a unit must know of the rest of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitState {
    /// The IV of its first protected sample.
    pub(super) iv: IvCounter,
    /// The decode time of each of its `traf`s.
    pub(super) times: Vec<u64>,
    /// Which of its `traf`s are in the clear lead.
    pub(super) lead: Vec<bool>,
}

impl UnitState {
    /// As bytes, for a worker.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.iv.write(&mut w);
        for (time, lead) in self.times.iter().zip(&self.lead) {
            w.u64(*time);
            w.u8((*lead).into());
        }
        w.into_bytes()
    }

    /// From those bytes.
    ///
    /// # Errors
    /// Where the bytes are no such state.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut r = Reader::new(bytes, 0);
        let iv = IvCounter::read(&mut r)?;
        let (mut times, mut lead) = (Vec::new(), Vec::new());
        while r.left() > 0 {
            times.push(r.u64("decode_time")?);
            lead.push(r.u8("lead")? != 0);
        }
        Ok(Self { iv, times, lead })
    }
}

/// One protected track.
pub(super) struct TrackPlan {
    id: u32,
    kid: Kid,
    /// One for each sample entry.
    rules: Vec<Rule>,
    /// The sample entry of fragments that name none, from 1.
    default_entry: u32,
    cipher: SampleCipher,
    method: Method,
    /// The IV of every sample, where the scheme has one for all.
    constant_iv: Option<Vec<u8>>,
}

impl TrackPlan {
    pub(super) fn new(track: &Track, key: &TrackKey, profile: &Profile, random: [u8; 16]) -> Self {
        Self::with(track, key.kid, &key.key, profile, random)
    }

    fn with(
        track: &Track,
        kid: Kid,
        key: &ContentKey,
        profile: &Profile,
        random: [u8; 16],
    ) -> Self {
        let rules: Vec<Rule> =
            track.entries.iter().filter_map(|entry| entry.codec.rule.clone()).collect();
        // One block in ten of video with a map; all blocks where samples are protected
        // whole (ISO/IEC 23001-7 §10.4).
        let pattern = if matches!(rules.first(), None | Some(Rule::Whole)) { 0 } else { 0x19 };
        Self {
            id: track.id,
            kid,
            rules,
            default_entry: track.trex.map_or(1, |trex| trex.sample_description_index),
            cipher: key.cipher(),
            method: match profile.mode {
                CipherMode::Cbc => Method::cbcs(pattern),
                CipherMode::Ctr => Method::CTR,
            },
            constant_iv: (profile.mode == CipherMode::Cbc).then(|| constant_iv(random, track.id)),
        }
    }

    /// The sample entry that a fragment uses, from 1, and its rule.
    fn entry_of(&self, fragment: &TrackFragment, unit: &PlannedUnit) -> Result<(u32, &Rule)> {
        let named = fragment.tfhd.sample_description_index;
        let entry = named.unwrap_or(self.default_entry).max(1);
        let rule = self.rules.get(entry as usize - 1).ok_or_else(|| {
            Error::malformed(
                Code::NoSuchSampleEntry,
                format!(
                    "This fragment uses sample entry {entry} of track {}, which has {}.",
                    self.id,
                    self.rules.len()
                ),
            )
            .at(unit.at)
            .within("moof/traf/tfhd")
        })?;
        Ok((entry, rule))
    }

    pub(super) fn tenc(&self, iv_size: u8) -> Tenc {
        match &self.constant_iv {
            None => Tenc { iv_size, ..Tenc::ctr(self.kid) },
            Some(iv) => Tenc {
                version: 1,
                pattern: self.method.pattern,
                iv_size: 0,
                constant_iv: iv.clone(),
                ..Tenc::ctr(self.kid)
            },
        }
    }
}

/// How the samples of a `traf` are encrypted; none where it stays clear.
type Sealed<'p> = Option<(&'p TrackPlan, Senc)>;

/// Protects units, and reads each back.
pub struct Protector {
    trexes: Vec<Trex>,
    profile: &'static Profile,
    tracks: Vec<TrackPlan>,
    /// `moov` as it was and as it is written, as a stranger reads them.
    headers: [Header; 2],
    /// `moov` as it was and as it is written, for [`Protector::setup`].
    moovs: [Node; 2],
}

impl Protector {
    /// For a file with this `moov`, which becomes that.
    pub(super) fn new(
        moov: &Node,
        protected: &Node,
        profile: &'static Profile,
        tracks: Vec<TrackPlan>,
    ) -> Result<Self> {
        let trexes = movie_of(moov.clone()).tracks.iter().filter_map(|track| track.trex).collect();
        let headers = [header_of(moov)?, header_of(protected)?];
        let moovs = [moov.clone(), protected.clone()];
        Ok(Self { trexes, profile, tracks, headers, moovs })
    }

    pub(super) fn profile(&self) -> &'static Profile {
        self.profile
    }

    /// All of it as bytes, with the keys, for a worker to make its own from.
    pub fn setup(&self, options: &Options) -> Zeroizing<Vec<u8>> {
        let mut w = Writer::new();
        for moov in &self.moovs {
            let bytes = moov.to_bytes();
            w.u64(moov.at);
            w.u32(bytes.len() as u32);
            w.bytes(&bytes);
        }
        w.u8(self.profile.name.len() as u8);
        w.bytes(self.profile.name.as_bytes());
        w.bytes(&options.random);
        w.reserve(self.tracks.len() * 64);
        for track in &self.tracks {
            let Some(key) = options.keys.iter().find(|key| key.kid == track.kid) else { continue };
            w.u32(track.id);
            w.bytes(&track.kid.0);
            key.key.write(&mut w);
        }
        Zeroizing::new(w.into_bytes())
    }

    /// From a [`Protector::setup`].
    ///
    /// # Errors
    /// Where the bytes are no such setup.
    pub fn from_setup(setup: &[u8]) -> Result<Self> {
        let mut r = Reader::new(setup, 0);
        let mut moov = || -> Result<Node> {
            let at = r.u64("at")?;
            let size = r.u32("size")?;
            Node::read(r.bytes("moov", size as usize)?, at, &mut Vec::new())
        };
        let (moov, protected) = (moov()?, moov()?);
        let length = r.u8("length")?;
        let profile = Profile::parse(&String::from_utf8_lossy(r.bytes("profile", length.into())?))?;
        let random = r.array("random")?;
        let movie = movie_of(moov.clone());
        let mut tracks = Vec::new();
        while r.left() > 0 {
            let (id, kid) = (r.u32("track_ID")?, Uuid(r.array("kid")?));
            let key = ContentKey::from_bytes(r.array("key")?);
            let track = movie.track(id);
            let track =
                track.ok_or_else(|| Error::misuse(Code::BadSetup, "A track is missing."))?;
            tracks.push(TrackPlan::with(track, kid, &key, profile, random));
        }
        Self::new(&moov, &protected, profile, tracks)
    }

    /// Protects a unit that was `input` at this place: what goes out is added to
    /// `out`. Then reads it back.
    ///
    /// # Errors
    /// Where the unit is not what the plan says, a sample breaks its codec's rule, or
    /// what was made does not prove.
    pub fn work(
        &self,
        state: &UnitState,
        at: u64,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Proof> {
        let (unit, sealed) = self.boxes(state, at, input)?;
        let start = out.len();
        unit.write(input, out);
        let out = &mut out[start..];
        for (fragment, sealed) in unit.fragments.iter().zip(&sealed) {
            let Some((track, senc)) = sealed else { continue };
            for (info, sample) in senc.samples.iter().zip(&fragment.samples) {
                let iv = track.constant_iv.as_ref().unwrap_or(&info.iv);
                let range = unit.new_range(sample)?;
                track.cipher.encrypt(track.method, iv, &info.subsamples, &mut out[range])?;
            }
        }
        self.prove(at, input, out)
    }

    /// Reads a unit back: whether `output` decrypts to what `input` has.
    ///
    /// # Errors
    /// Where it does not.
    pub fn prove(&self, at: u64, input: &[u8], output: &[u8]) -> Result<Proof> {
        let cipher = |_, kid| self.tracks.iter().find(|t| t.kid == kid).map(|track| &track.cipher);
        let unit = proof::UnitBytes { at, input, output };
        proof::compare(&unit, self.headers.each_ref(), cipher)
    }

    /// How long what [`Protector::work`] makes will be.
    ///
    /// # Errors
    /// Where the unit is not what the plan says.
    pub fn measure(&self, state: &UnitState, at: u64, input: &[u8]) -> Result<u64> {
        Ok(self.boxes(state, at, input)?.0.len(input))
    }

    /// The unit with its new boxes, and how each `traf` is encrypted.
    fn boxes(
        &self,
        state: &UnitState,
        at: u64,
        input: &[u8],
    ) -> Result<(PlannedUnit, Vec<Sealed<'_>>)> {
        let mut unit = PlannedUnit::open(at, input, &self.trexes)?;
        let chosen = |id: u32| self.tracks.iter().find(|track| track.id == id);
        unit.check_overlaps(|fragment| chosen(fragment.tfhd.track_id).is_some())?;
        let mut iv = state.iv;
        let mut sealed: Vec<Sealed<'_>> = Vec::new();
        let mut lead_entries = Vec::new();
        for (fragment, lead) in unit.fragments.iter().zip(&state.lead) {
            let track = chosen(fragment.tfhd.track_id);
            let (mut seal, mut lead_entry) = (None, None);
            if let Some(track) = track {
                let (entry, rule) = track.entry_of(fragment, &unit)?;
                if *lead {
                    // The clear copies of all sample entries follow them.
                    lead_entry = Some(entry + track.rules.len() as u32);
                } else {
                    let samples =
                        self.sample_infos(track, rule, fragment, &unit, input, &mut iv)?;
                    seal = Some((track, Senc::new(samples)));
                }
            }
            sealed.push(seal);
            lead_entries.push(lead_entry);
        }
        let makers = sealed.iter().zip(lead_entries).zip(&state.times);
        for ((traf, fragment), ((sealed, lead_entry), time)) in unit.trafs().zip(makers) {
            if self.profile.iso && fragment.tfdt.is_none() {
                insert_after(traf, Tfhd::KIND, Tfdt::new(*time).to_node());
            }
            if let Some(entry) = lead_entry {
                let tfhd = Tfhd { sample_description_index: Some(entry), ..fragment.tfhd };
                replace(traf, &tfhd.to_node());
            }
            if let Some((_, senc)) = sealed {
                add_senc(traf, self.profile, senc);
            }
        }
        unit.close(self.profile.iso)?;
        Ok((unit, sealed))
    }

    /// IV and subsample map of every sample of a `traf`.
    fn sample_infos(
        &self,
        track: &TrackPlan,
        rule: &Rule,
        fragment: &TrackFragment,
        unit: &PlannedUnit,
        bytes: &[u8],
        iv: &mut IvCounter,
    ) -> Result<Vec<SampleInfo>> {
        let mut walk = Walk::new(rule);
        let constant = track.constant_iv.is_some();
        let iv_size = if constant { 0 } else { iv.size() };
        let layout = Layout { aligned: track.method.mode == CipherMode::Ctr, iv_size };
        let mut infos = Vec::with_capacity(fragment.samples.len());
        for sample in &fragment.samples {
            let data = &bytes[unit.range(sample)?];
            let subsamples = walk.subsamples(data, layout).map_err(|mut error| {
                error.at = Some(sample.at + error.at.unwrap_or(0));
                error.within(format!("sample of track {}", track.id))
            })?;
            let own = if constant { Vec::new() } else { iv.to_bytes() };
            infos.push(SampleInfo { iv: own, subsamples });
            *iv = iv.after_sample(sample.size.into());
        }
        Ok(infos)
    }
}
