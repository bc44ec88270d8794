//! A few samples of a file, read with all that is known of their protection:
//! what the key doctor tries keys on, and what shows that a counter was used
//! twice.

use super::source::Source;
use crate::collections::Set;
use crate::error::Result;
use crate::format::boxes::movie::Trex;
use crate::format::boxes::tree::Node;
use crate::format::ids::BoxType;
use crate::make::witness;
use crate::model::{
    AtHand, ListedInfo, ListedProtection, Movie, Protected, Sample, SampleEntry, Track, TrackKind,
    protected_samples, read_fragment,
};
use crate::{Session, Span, Step};
use std::ops::Range;

/// A sample that was read.
#[derive(Clone, Debug)]
pub struct ProbedSample {
    /// Its track.
    pub track: u32,
    /// Its fragment's `moof`; 0 where `moov` lists it.
    pub moof_at: u64,
    /// Its number in that fragment or in `moov`, from 0.
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
    listed: Vec<Listed>,
    /// Samples whose bytes are not there yet.
    pending: Vec<ProbedSample>,
    found: Vec<ProbedSample>,
    source: Source,
    /// Bytes of samples that may still be asked for.
    budget: u64,
    asked: Asked,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Nothing,
    /// Headers of fragments, and what `saio` points at.
    Tables,
    Samples,
}

/// Some samples of a track that `moov` lists.
#[derive(Debug)]
struct Listed {
    /// Nothing where the track is clear.
    protection: Option<ListedProtection>,
    samples: Vec<(ListedInfo, ProbedSample)>,
}

impl Probe {
    /// Of these fragments of a file, and at most `budget` bytes of samples.
    pub fn new(movie: &Movie, wanted: Vec<(Span, Pick)>, budget: u64) -> Self {
        Self {
            tracks: movie.tracks.clone(),
            wanted,
            listed: Vec::new(),
            pending: Vec::new(),
            found: Vec::new(),
            source: Source::new(movie.size),
            budget,
            asked: Asked::Nothing,
        }
    }

    /// Of samples of every protected track, from all over the file: of each so
    /// many fragments, and so many samples of each.
    pub fn of_protected(movie: &Movie, fragments: usize, samples: usize, budget: u64) -> Self {
        Self::of_tracks(movie, |track| track.protection().is_some(), [fragments, samples], budget)
    }

    /// The same of all video and audio.
    pub fn of_all(movie: &Movie, fragments: usize, samples: usize, budget: u64) -> Self {
        let spoken = |track: &Track| matches!(track.kind, TrackKind::Video | TrackKind::Audio);
        Self::of_tracks(movie, spoken, [fragments, samples], budget)
    }

    fn of_tracks(
        movie: &Movie,
        which: impl Fn(&Track) -> bool,
        [fragments, samples]: [usize; 2],
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
        let mut probe = Self::new(movie, wanted, budget);
        let listed = movie.tracks.iter().any(|track| track.listed > 0 && which(track));
        let moov = movie.moov.as_ref().filter(|_| listed).map(Node::to_bytes);
        // Tables that contradict each other were told when they were read.
        let tables = moov.and_then(|moov| witness::listed(&moov, movie.size).ok());
        let stretches = [fragments, samples.max(LISTED / fragments)];
        let mut known = Set::new();
        for table in tables.unwrap_or_default() {
            // Of several with one number the first counts.
            if !known.insert(table.track) {
                continue;
            }
            if let Some(track) = movie.track(table.track).filter(|track| which(track)) {
                probe.listed.extend(Listed::of(movie, track, &table, stretches, budget / 4));
            }
        }
        probe
    }

    /// The samples, in the order they were asked for.
    pub fn into_samples(self) -> Vec<ProbedSample> {
        self.found
    }

    fn advance(&mut self) {
        if self.source.is_waiting() {
            return;
        }
        if self.asked == Asked::Nothing {
            self.asked = Asked::Tables;
            let mut spans: Vec<Span> = self.wanted.iter().map(|(moof, _)| *moof).collect();
            let listed = self.listed.iter().flat_map(|listed| &listed.samples);
            spans.extend(listed.map(|(info, _)| info.place));
            crate::collections::sort(&mut spans);
            spans.dedup();
            self.source.ask(spans);
            if self.source.is_waiting() {
                return;
            }
        }
        if self.asked == Asked::Tables {
            self.asked = Asked::Samples;
            for (moof, pick) in std::mem::take(&mut self.wanted) {
                // A fragment that cannot be read was told when it was walked.
                let _ = self.choose(moof, pick);
            }
            for listed in std::mem::take(&mut self.listed) {
                self.choose_listed(listed);
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

    fn choose_listed(&mut self, listed: Listed) {
        for (info, mut sample) in listed.samples {
            if let Some(protection) = &listed.protection {
                let Some(bytes) = self.source.get(info.place) else { continue };
                let entry = self.tracks.iter().find(|track| track.id == sample.track);
                let entry = entry.and_then(|track| track.entries.get(sample.entry));
                let own = entry.and_then(SampleEntry::protection);
                let Ok(protected) = protection.protected(info, bytes, own) else { continue };
                sample.protected = protected;
            }
            let size = u64::from(sample.sample.size);
            if size <= self.budget {
                self.budget -= size;
                self.pending.push(sample);
            }
        }
    }
}

impl Listed {
    /// Of samples from all over a track, of at most `budget` bytes. Nothing where
    /// it is not known how they are protected.
    fn of(
        movie: &Movie,
        track: &Track,
        table: &witness::ListedTrack,
        stretches: [usize; 2],
        budget: u64,
    ) -> Option<Self> {
        let wanted = spread(table, stretches, budget);
        let numbers = wanted.iter().map(|sample| sample.number);
        let chunks: Vec<u32> = table.chunks.iter().map(|chunk| chunk.samples).collect();
        let (protection, infos) = if track.protection().is_some() {
            let trak = movie.trak(track.id)?;
            let (known, infos) = ListedProtection::read(track, trak, &chunks, numbers).ok()?;
            (Some(known), infos)
        } else {
            let nowhere = Span { at: 0, len: 0 };
            (None, numbers.map(|number| ListedInfo { number, place: nowhere }).collect())
        };
        let samples = infos.into_iter().zip(wanted).collect();
        Some(Self { protection, samples })
    }
}

/// Samples of a track from so many places all over it, so many of each, in
/// order; the first of each place before the second of any, while they fit.
fn spread(
    table: &witness::ListedTrack,
    [places, each]: [usize; 2],
    mut budget: u64,
) -> Vec<ProbedSample> {
    let step = table.count.div_ceil(places).max(1);
    let near = table.spread(step, each).into_iter().filter(|(_, _, size, _)| *size > 0);
    let mut found: Vec<ProbedSample> = near
        .map(|(number, at, size, entry)| ProbedSample {
            track: table.track,
            moof_at: 0,
            number,
            entry: entry.max(1) as usize - 1,
            sample: Sample { at, size, ..Sample::default() },
            protected: None,
            bytes: Vec::new(),
        })
        .collect();
    crate::collections::sort_by_key(&mut found, |sample| (sample.number % step, sample.number));
    found.retain(|sample| {
        let size = u64::from(sample.sample.size);
        let fits = size <= budget;
        budget -= if fits { size } else { 0 };
        fits
    });
    crate::collections::sort_by_key(&mut found, |sample| sample.number);
    found
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

/// Samples that `moov` lists, of each track, at least: they are found at once.
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
