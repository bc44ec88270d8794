//! A few samples of a file, read with all that is known of their protection:
//! what the key doctor tries keys on, and what shows that a counter was used
//! twice.

use super::source::Source;
use crate::error::Result;
use crate::format::boxes::movie::Trex;
use crate::format::boxes::tree::Node;
use crate::format::ids::BoxType;
use crate::make::witness;
use crate::model::{
    AtHand, Movie, Protected, Sample, SampleEntry, Track, TrackKind, protected_samples,
    read_fragment,
};
use crate::{Session, Span, Step};
use std::ops::Range;

/// A sample that was read.
#[derive(Clone, Debug)]
pub struct ProbedSample {
    /// Its track.
    pub track: u32,
    /// Its fragment's `moof`.
    pub moof_at: u64,
    /// Its number in that fragment, from 0.
    pub number: usize,
    /// Its sample entry, from 0.
    pub entry: usize,
    /// Where it lies, and when.
    pub sample: Sample,
    /// How it is protected; `None` where it is clear.
    pub protected: Option<Protected>,
    /// Its bytes, as they are in the file.
    pub bytes: Vec<u8>,
}

impl ProbedSample {
    /// The ranges of its bytes that are protected.
    pub fn protected_ranges(&self) -> Vec<Range<usize>> {
        let Some(protected) = &self.protected else { return Vec::new() };
        if protected.subsamples.is_empty() {
            return std::iter::once(0..self.bytes.len()).collect();
        }
        let mut at = 0_usize;
        let mut ranges = Vec::new();
        for subsample in &protected.subsamples {
            let from = at.saturating_add(subsample.clear.into());
            at = from.saturating_add(subsample.protected as usize);
            if from < at && at <= self.bytes.len() {
                ranges.push(from..at);
            }
        }
        ranges
    }

    /// The ranges of its bytes that are encrypted: of a pattern, the blocks that are.
    pub fn encrypted_ranges(&self) -> Vec<Range<usize>> {
        let method = self.protected.as_ref().and_then(|protected| protected.method);
        let ranges = self.protected_ranges();
        match method.filter(|method| method.pattern & 15 != 0) {
            Some(method) => ranges.into_iter().flat_map(|range| method.parts(range)).collect(),
            None => ranges,
        }
    }

    /// The bytes that a counter block encrypts, and where the first lies.
    pub(crate) fn block(&self, counter: u128) -> Option<(u64, Vec<u8>)> {
        let protected = self.protected.as_ref()?;
        let iv = protected.iv.iter().fold(0, |n, b| n << 8 | u128::from(*b));
        let iv = if protected.iv.len() == 8 { iv << 64 } else { iv };
        let skip = usize::try_from(counter.checked_sub(iv)?).ok()?.checked_mul(16)?;
        // Protected bytes in order; clear ones use no keystream.
        let places = self.protected_ranges().into_iter().flatten().skip(skip).take(16);
        let places: Vec<usize> = places.collect();
        let first = *places.first()?;
        let bytes = places.iter().filter_map(|i| self.bytes.get(*i).copied()).collect();
        Some((self.sample.at + first as u64, bytes))
    }
}

/// Which samples of a fragment are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Pick {
    /// The first so many of a track.
    First(u32, usize),
    /// The one of a track whose keystream has this counter block.
    Counter(u32, u128),
}

/// A [`Session`] that reads samples.
#[derive(Debug)]
pub struct Probe {
    tracks: Vec<Track>,
    wanted: Vec<(Span, Pick)>,
    /// Samples whose bytes are not there yet.
    pending: Vec<ProbedSample>,
    found: Vec<ProbedSample>,
    source: Source,
    /// Bytes of samples that may still be asked for.
    budget: u64,
    asked: bool,
    /// Whether those were asked for that no fragment has.
    listed_asked: bool,
}

impl Probe {
    /// Of these fragments of a file, and at most `budget` bytes of samples.
    pub fn new(movie: &Movie, wanted: Vec<(Span, Pick)>, budget: u64) -> Self {
        Self {
            tracks: movie.tracks.clone(),
            wanted,
            pending: Vec::new(),
            found: Vec::new(),
            source: Source::new(movie.size),
            budget,
            asked: false,
            listed_asked: false,
        }
    }

    /// Of samples of every protected track, from fragments all over the file.
    pub fn of_protected(movie: &Movie, fragments: usize, samples: usize, budget: u64) -> Self {
        Self::of_tracks(movie, |track| track.protection().is_some(), fragments, samples, budget)
    }

    /// Of samples of video and audio, from fragments all over the file and from
    /// those that `moov` lists.
    pub fn of_all(movie: &Movie, fragments: usize, samples: usize, budget: u64) -> Self {
        let spoken = |track: &Track| matches!(track.kind, TrackKind::Video | TrackKind::Audio);
        let mut probe = Self::of_tracks(movie, spoken, fragments, samples, budget);
        let listed = movie.tracks.iter().any(|track| track.listed > 0 && spoken(track));
        let moov = movie.moov.as_ref().filter(|_| listed).map(Node::to_bytes);
        let Some(found) = moov.and_then(|moov| witness::listed(&moov, movie.size).ok()) else {
            return probe;
        };
        for listed in found {
            let Some(track) = movie.track(listed.track).filter(|track| spoken(track)) else {
                continue;
            };
            if track.protection().is_some() {
                continue; // where their IVs are is not known here
            }
            let mut share = budget / 4;
            for (number, (_, seen)) in listed.samples().take(LISTED).enumerate() {
                let size = u64::from(seen.size);
                if size == 0 || size > share || probe.budget < size {
                    continue;
                }
                share -= size;
                probe.budget -= size;
                probe.pending.push(ProbedSample {
                    track: track.id,
                    moof_at: 0,
                    number,
                    entry: 0,
                    sample: Sample { at: seen.at, size: seen.size, ..Sample::default() },
                    protected: None,
                    bytes: Vec::new(),
                });
            }
        }
        probe
    }

    fn of_tracks(
        movie: &Movie,
        which: impl Fn(&Track) -> bool,
        fragments: usize,
        samples: usize,
        budget: u64,
    ) -> Self {
        let mut wanted = Vec::new();
        for track in movie.tracks.iter().filter(|track| which(track)) {
            let own: Vec<Span> = movie
                .fragments
                .iter()
                .filter(|f| f.runs.iter().any(|run| run.track_id == track.id && run.samples > 0))
                .map(|fragment| fragment.head)
                .collect();
            let step = own.len().div_ceil(fragments).max(1);
            let own = own.iter().step_by(step);
            wanted.extend(own.map(|moof| (*moof, Pick::First(track.id, samples))));
        }
        Self::new(movie, wanted, budget)
    }

    /// The samples, in the order they were asked for.
    pub fn into_samples(self) -> Vec<ProbedSample> {
        self.found
    }

    fn advance(&mut self) {
        if self.source.is_waiting() {
            return;
        }
        if !self.asked {
            self.asked = true;
            let mut spans: Vec<Span> = self.wanted.iter().map(|(moof, _)| *moof).collect();
            crate::collections::sort(&mut spans);
            spans.dedup();
            self.source.ask(spans);
            if self.source.is_waiting() {
                return;
            }
        }
        if !self.wanted.is_empty() || !self.listed_asked {
            self.listed_asked = true;
            for (moof, pick) in std::mem::take(&mut self.wanted) {
                // A fragment that cannot be read was told when it was walked.
                let _ = self.choose(moof, pick);
            }
            self.source.ask(self.pending.iter().map(|p| span(&p.sample)).collect());
            if self.source.is_waiting() {
                return;
            }
        }
        for mut sample in std::mem::take(&mut self.pending) {
            if let Some(bytes) = self.source.get(span(&sample.sample)) {
                sample.bytes = bytes.to_vec();
                self.found.push(sample);
            }
        }
    }

    fn choose(&mut self, moof: Span, pick: Pick) -> Result<()> {
        let Some(bytes) = self.source.get(moof) else { return Ok(()) };
        let node = Node::read_first(bytes, moof.at, &mut Vec::new())?;
        let trexes: Vec<Trex> = self.tracks.iter().filter_map(|track| track.trex).collect();
        let trafs = read_fragment(&node, |id| trexes.iter().find(|trex| trex.track_id == id))?;
        let (Pick::First(id, _) | Pick::Counter(id, _)) = pick;
        for (traf, fragment) in node.all(BoxType::code(b"traf")).zip(&trafs) {
            let track = self.tracks.iter().find(|track| track.id == fragment.tfhd.track_id);
            let Some(track) = track.filter(|track| track.id == id) else { continue };
            let at_hand = AtHand { at: moof.at, bytes };
            let protected = protected_samples(track, traf, fragment, at_hand)?;
            let samples = fragment.samples.iter().zip(protected).enumerate();
            let wanted = samples.filter(|(number, (sample, protected))| match pick {
                Pick::First(_, most) => *number < most && sample.size > 0,
                Pick::Counter(_, counter) => {
                    protected.as_ref().is_some_and(|p| uses(p, sample.size, counter))
                }
            });
            for (number, (sample, protected)) in wanted {
                let size = u64::from(sample.size);
                let fits = size <= self.budget;
                if fits && sample.at.saturating_add(size) <= self.source.size() {
                    self.budget -= size;
                    self.pending.push(ProbedSample {
                        track: id,
                        moof_at: moof.at,
                        number,
                        entry: track.entry_of(&fragment.tfhd),
                        sample: *sample,
                        protected,
                        bytes: Vec::new(),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Whether a sample's keystream has this counter block.
fn uses(protected: &Protected, size: u32, counter: u128) -> bool {
    let iv = protected.iv.iter().fold(0, |n, b| n << 8 | u128::from(*b));
    if protected.iv.len() == 8 {
        return iv == counter >> 64;
    }
    let blocks = u128::from(protected.protected_bytes(size).div_ceil(16));
    (iv..iv.saturating_add(blocks)).contains(&counter)
}

fn span(sample: &Sample) -> Span {
    Span { at: sample.at, len: sample.size.into() }
}

/// Samples that `moov` lists, of each track.
const LISTED: usize = 200;

/// The sample entry of a probed sample.
pub(crate) fn entry_of<'m>(movie: &'m Movie, sample: &ProbedSample) -> Option<&'m SampleEntry> {
    let track = movie.track(sample.track)?;
    track.entries.get(sample.entry).or(track.entries.first())
}

impl Session for Probe {
    fn step(&mut self) -> Result<Step> {
        self.advance();
        let wanted = self.source.wanted();
        Ok(if wanted.is_empty() { Step::Done } else { Step::Read(wanted) })
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.source.feed(bytes)?;
        self.advance();
        Ok(())
    }
}
