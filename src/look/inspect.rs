//! Looking at a file by reading only what it must: box headers at the top,
//! `moov`, every `moof`, and the indexes; no `mdat`.
//!
//! Reads are batched: `mfra` at the end of the file, or `sidx` in front, tells
//! where fragments are, so that a few hundred of them are asked for in one step.
//! What they say is only a hint for reading ahead; the walk from box to box decides.
//!
//! At the end a few samples of protected tracks are read after all ([`probe`]):
//! whether they are protected where they should be stands nowhere else.

mod checks;
mod moov;
mod others;
mod places;
pub mod probe;
mod source;

pub use checks::ivs::{Reuse, reuses};

use crate::checks::CheckId;
use crate::error::{Code, Error, Result};
use crate::format::boxes::index::{Mfro, Sidx, Tfra};
use crate::format::boxes::movie::Ftyp;
use crate::format::boxes::piff::LIVE_MANIFEST;
use crate::format::boxes::tables::C2PA;
use crate::format::boxes::tree::Node;
use crate::format::boxes::{BoxHeader, Mp4Box as _, SizeForm, starts_a_file};
use crate::format::bytes::limits;
use crate::format::ids::BoxType;
use crate::model::{Finding, Fragment, Movie, TopBox, read_fragment};
use crate::{Session, Span, Step};
use checks::fragments::Past;
use others::{START, not_an_mp4};
use probe::{Pick, Probe, ProbedSample};
use source::Source;
use std::collections::VecDeque;

/// Fragments asked for in one step, and bytes of them at most.
const BATCH: usize = 256;
const BATCH_BYTES: u64 = 8 << 20;
/// What the first read takes: for most files, all of `ftyp` and `moov`.
const FIRST_READ: u64 = 32 << 10;
/// Bytes by which moofs that are alike differ at most.
const ALIKE: u64 = 256;
/// Fragments this near each other are read through, so many at a time.
const SMALL_FRAGMENT: u64 = 64 << 10;
const SMALL_BATCH: u64 = 64;
/// Samples looked into at the end: of each protected track so many fragments,
/// so many samples of each, and so many bytes of all.
const PROBED_FRAGMENTS: usize = 3;
const PROBED_SAMPLES: usize = 24;
const PROBED_BYTES: u64 = 256 << 10;

/// Of a file that is still being written.
const UNKNOWN_SIZE: u64 = u64::MAX >> 1;

/// What a `moov` says by itself, without the file it is for.
pub(crate) fn movie_of(moov: Node) -> Movie {
    let mut movie = Movie::default();
    moov::read(&mut movie, moov);
    movie
}

/// A [`Session`] that builds a [`Movie`].
#[derive(Debug)]
pub struct Inspector {
    movie: Movie,
    source: Source,
    stage: Stage,
    /// Next box at the top.
    pos: u64,
    /// Fragments `mfra` points at that were not read ahead yet.
    ahead: VecDeque<u64>,
    /// Fragments passed before `moov` was found, which has their defaults.
    passed: VecDeque<u64>,
    /// Samples seen so far.
    samples: u64,
    /// What checks remember from fragment to fragment.
    past: Past,
    /// Samples being read at the end: those of [`probe::Probe::of_protected`],
    /// or the two that share a keystream.
    probe: Option<(Probing, Probe)>,
    /// Whether samples are looked into at the end.
    media: bool,
    /// Whether it is known where the file ends.
    ended: bool,
}

/// What samples are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probing {
    Media,
    Reuse(Reuse),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// From box to box at the top, before the first fragment.
    Head,
    /// At the end of the file, for `mfro`.
    Tail,
    /// At the `mfra` of this length.
    Index(u64),
    /// From box to box, fragments among them.
    Walk,
    /// Back to fragments that stood before `moov`.
    Passed,
    /// At a few samples.
    Samples,
    Done,
}

impl Inspector {
    /// Of a file of `size` bytes.
    pub fn new(size: u64) -> Self {
        let movie = Movie { size, ..Movie::default() };
        let mut inspector = Self {
            movie,
            source: Source::new(size),
            stage: Stage::Head,
            pos: 0,
            ahead: VecDeque::new(),
            passed: VecDeque::new(),
            samples: 0,
            past: Past::default(),
            probe: None,
            media: true,
            ended: true,
        };
        if size == 0 {
            inspector.broken(not_an_mp4(&[], Code::Empty));
        }
        inspector
    }

    /// Of a file that is still being written, of which only boxes are looked
    /// at: it asks for them one after the other, and for nothing else. How long
    /// the file is, [`Inspector::end_at`] tells.
    pub(crate) fn of_boxes() -> Self {
        Self { media: false, ended: false, ..Self::new(UNKNOWN_SIZE) }
    }

    /// The file ends here; what was asked for behind that is not there.
    pub(crate) fn end_at(&mut self, size: u64) {
        self.movie.size = size;
        self.ended = true;
        self.source.end_at(size);
        let end = self.movie.top.last().map_or(0, |top| top.span.end());
        if end > size {
            let sentence = "The last box is longer than the file.";
            self.cut(Error::malformed(Code::FileCut, sentence).at(end));
        }
    }

    /// What was found so far.
    pub fn movie(&self) -> &Movie {
        &self.movie
    }

    /// What was found.
    pub fn into_movie(self) -> Movie {
        self.movie
    }

    /// How far the walk has come, in bytes of the file.
    pub fn position(&self) -> u64 {
        match self.stage {
            Stage::Samples | Stage::Done => self.movie.size,
            _ => self.pos,
        }
    }

    fn find(&mut self, finding: impl Into<Finding>) {
        moov::find(&mut self.movie, finding.into());
    }

    fn broken(&mut self, error: Error) {
        moov::broken(&mut self.movie, error);
    }

    /// The file ends before it should.
    fn cut(&mut self, error: Error) {
        self.movie.ends_early = self.movie.damage.is_none();
        self.broken(error);
    }

    fn advance(&mut self) {
        while !self.source.is_waiting() && self.stage != Stage::Done {
            match self.stage {
                Stage::Head | Stage::Walk if self.pos < self.movie.size => self.top_box(),
                Stage::Head | Stage::Walk => self.end_of_walk(),
                Stage::Tail => self.tail(),
                Stage::Index(len) => self.index(len),
                Stage::Passed => self.passed_fragment(),
                Stage::Samples | Stage::Done => return,
            }
        }
    }

    /// The bytes of a span if they are there; asks for them if not.
    fn need(&mut self, span: Span) -> Option<Vec<u8>> {
        let found = self.source.get(span).map(<[u8]>::to_vec);
        if found.is_none() {
            self.source.ask(vec![span]);
        }
        found
    }

    fn top_box(&mut self) {
        let (at, room) = (self.pos, self.movie.size - self.pos);
        let head = Span { at, len: room.min(BoxHeader::MAX_LEN) };
        if self.source.get(head).is_none() {
            self.ask_for_head(head, room);
            return;
        }
        let Some(bytes) = self.need(head) else { return };
        if self.stage == Stage::Walk && bytes.len() >= 8 && bytes[..8] == [0; 8] {
            return self.padding(at, room);
        }
        let header = match BoxHeader::read(&bytes, at, room) {
            Ok(header) => header,
            Err(e) if at == 0 && !looks_like_a_box(&bytes) => {
                let Some(start) = self.need(Span { at, len: room.min(START) }) else { return };
                self.broken(not_an_mp4(&start, e.code));
                return self.end_of_walk();
            }
            Err(e) => {
                self.broken(e);
                return self.end_of_walk();
            }
        };
        if at == 0 && !starts_a_file(header.kind) {
            let Some(start) = self.need(Span { at, len: room.min(START) }) else { return };
            self.broken(not_an_mp4(&start, Code::NotAnMp4));
            return self.end_of_walk();
        }
        if let BoxType::Code(code) = header.kind
            && !code.is_printable()
        {
            self.broken(
                Error::malformed(
                    Code::NotABox,
                    format!("No box begins here: its code would be {code}. The rest is not read."),
                )
                .at(at),
            );
            return self.end_of_walk();
        }
        if header.form == SizeForm::ToEnd && !self.ended {
            // Until it is known where that is.
            self.source.ask(vec![Span { at: UNKNOWN_SIZE - 1, len: 1 }]);
            return;
        }
        if header.size > room {
            self.cut(cut(&header, room).at(at));
            let span = Span { at, len: room };
            let header_len = header.header_len;
            self.movie.top.push(TopBox { kind: header.kind, span, header_len, to_end: false });
            return self.end_of_walk();
        }
        if !self.visit(&header, Span { at, len: header.size }) {
            return; // waiting for its bytes
        }
        let span = Span { at, len: header.size };
        let to_end = header.form == SizeForm::ToEnd;
        let header_len = header.header_len;
        self.movie.top.push(TopBox { kind: header.kind, span, header_len, to_end });
        self.pos = self.pos.max(span.end());
        self.source.release(self.pos);
    }

    /// Zeros where a box should begin, as interrupted downloads and writers leave
    /// them: the walk goes on at the box behind them, if there is one near.
    fn padding(&mut self, at: u64, room: u64) {
        let Some(bytes) = self.need(Span { at, len: room.min(limits::PADDING) }) else { return };
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        // The first byte of a size is often zero, too.
        let begins = |from: &usize| {
            let header = BoxHeader::read(&bytes[*from..], at + *from as u64, room - *from as u64);
            header.is_ok_and(|header| {
                starts_a_file(header.kind) && header.size <= room - *from as u64
            })
        };
        let next = (zeros.saturating_sub(3)..=zeros).find(begins);
        match next {
            Some(next) => {
                let message = format!("{next} zero bytes stand between two boxes here.");
                self.movie.gaps.push(Span { at, len: next as u64 });
                self.find(Finding::new(CheckId::BytesBetween, message).at(at, next as u64));
                self.pos = at + next as u64;
            }
            None => {
                let sentence = "No box begins here: there are only zeros. The rest is not read.";
                self.broken(Error::malformed(Code::NotABox, sentence).at(at));
                self.end_of_walk();
            }
        }
    }

    /// Asks for the header at the walk's position, and what likely follows.
    fn ask_for_head(&mut self, head: Span, room: u64) {
        while self.ahead.front().is_some_and(|at| *at < head.at) {
            self.ahead.pop_front();
        }
        if !self.media {
            self.source.ask(vec![head]);
            return;
        }
        if self.ahead.front() == Some(&head.at) {
            self.read_ahead();
            return;
        }
        // A moof is about as long as those before; tracks take turns.
        let recent = self.movie.fragments.iter().rev().take(2).map(|f| f.moof.len).max();
        // Where fragments are small, reading on through a few of them costs less
        // than a read of each.
        let last: Vec<u64> = self.movie.fragments.iter().rev().take(5).map(|f| f.moof.at).collect();
        let apart = match last[..] {
            [newest, .., oldest] => newest.saturating_sub(oldest) / (last.len() as u64 - 1),
            _ => u64::MAX,
        };
        let guess = match recent {
            Some(_) if apart <= SMALL_FRAGMENT => (apart * SMALL_BATCH).max(SMALL_FRAGMENT),
            Some(len) => len + 2 * BoxHeader::MAX_LEN,
            None if head.at == 0 => FIRST_READ,
            None => BoxHeader::MAX_LEN,
        };
        let len = guess.clamp(head.len, head.len.max(BATCH_BYTES)).min(room);
        self.source.ask(vec![Span { at: head.at, len }]);
    }

    /// Asks for the next fragments `mfra` points at: first for their headers,
    /// then for all of each, with the header of the `mdat` behind it.
    fn read_ahead(&mut self) {
        let size = self.movie.size;
        let head = |at: u64| Span { at, len: BoxHeader::MAX_LEN.min(size - at) };
        let batch: Vec<u64> = self.ahead.iter().copied().take(BATCH).collect();
        // Where moofs are all about as long, one read for each is enough.
        let recent: Vec<u64> =
            self.movie.fragments.iter().rev().take(8).map(|f| f.moof.len).collect();
        if let (Some(most), Some(least), true) =
            (recent.iter().max(), recent.iter().min(), recent.len() > 3)
            && most - least <= ALIKE
        {
            let len = most + BoxHeader::MAX_LEN;
            let fits = (BATCH_BYTES / len).max(1) as usize;
            let spans: Vec<Span> = batch
                .iter()
                .take(fits)
                .map(|at| Span { at: *at, len: len.min(size - at) })
                .filter(|span| self.source.get(*span).is_none())
                .collect();
            if !spans.is_empty() {
                self.ahead.drain(..batch.len().min(fits));
                self.source.ask(spans);
                return;
            }
        }
        let unknown: Vec<Span> =
            batch.iter().map(|at| head(*at)).filter(|h| self.source.get(*h).is_none()).collect();
        if !unknown.is_empty() {
            self.source.ask(unknown);
            return;
        }
        let (mut spans, mut total) = (Vec::new(), 0);
        for at in batch {
            let len = self
                .source
                .get(head(at))
                .and_then(|bytes| BoxHeader::read(bytes, at, size - at).ok())
                .filter(|header| header.kind == BoxType::code(b"moof"))
                .map_or(0, |header| header.size.saturating_add(BoxHeader::MAX_LEN).min(size - at));
            if total + len > BATCH_BYTES && total > 0 {
                break;
            }
            self.ahead.pop_front();
            if len > 0 && len <= BATCH_BYTES {
                total += len;
                spans.push(Span { at, len });
            }
        }
        self.source.ask(spans);
    }

    /// Takes in one box at the top. False where its bytes are not there yet.
    fn visit(&mut self, header: &BoxHeader, span: Span) -> bool {
        let BoxType::Code(code) = header.kind else {
            if header.kind == C2PA {
                let message = "The file carries content credentials (C2PA), which hash its bytes.";
                self.find(Finding::new(CheckId::C2pa, message).at(span.at, span.len));
            }
            if header.kind == LIVE_MANIFEST {
                let message = "The file begins like a live ingest stream, with a server manifest.";
                self.find(Finding::new(CheckId::LiveManifest, message).at(span.at, span.len));
            }
            return true;
        };
        match &code.0 {
            b"moof" if self.movie.moov.is_none() => {
                self.passed.push_back(span.at);
                return true;
            }
            b"moof" if self.stage == Stage::Head && self.media => {
                self.stage = Stage::Tail;
                return false;
            }
            b"uuid" => {
                self.find(short_uuid(span.at));
                return true;
            }
            b"ftyp" | b"moov" | b"moof" | b"mfra" | b"sidx" => {}
            _ => return true,
        }
        if span.len > limits::WHOLE_BOX {
            self.broken(too_large(code, span));
            return true;
        }
        let with_next = Span { at: span.at, len: span.len + BoxHeader::MAX_LEN };
        let fits = self.media && with_next.end() <= self.movie.size;
        let wanted = if fits { with_next } else { span };
        if self.source.get(span).is_none() {
            if self.ahead.front() == Some(&span.at) {
                self.read_ahead();
            }
            // A fragment too large for a batch is read by itself.
            if !self.source.is_waiting() {
                self.source.ask(vec![wanted]);
            }
            return false;
        }
        let Some(bytes) = self.need(span) else { return false };
        let mut problems = Vec::new();
        let node = match Node::read(&bytes, span.at, &mut problems) {
            Ok(node) => node,
            Err(e) => {
                self.broken(e);
                return true;
            }
        };
        let bytes = if header.kind == BoxType::code(b"moof") {
            let Some(bytes) = self.need(self.head_of(&node)) else { return false };
            bytes
        } else {
            bytes
        };
        for problem in problems {
            self.broken(problem);
        }
        match &code.0 {
            b"ftyp" => match Ftyp::parse(&node) {
                Ok(ftyp) => self.movie.ftyp = Some(ftyp),
                Err(e) => self.find(e),
            },
            b"moov" => moov::read(&mut self.movie, node),
            b"moof" => self.fragment(&node, &bytes),
            b"sidx" => self.movie.indexes.push(node),
            _ => self.movie.mfra = Some(node),
        }
        true
    }

    /// What must be read of a fragment to know its samples: its `moof`, and IVs
    /// that stand behind it.
    fn head_of(&self, moof: &Node) -> Span {
        let span = Span { at: moof.at, len: moof.size() };
        let trafs = read_fragment(moof, |id| self.movie.trex(id)).unwrap_or_default();
        let head = Fragment::new(moof, &trafs).head;
        if head.end() > self.movie.size { span } else { head }
    }

    fn fragment(&mut self, moof: &Node, bytes: &[u8]) {
        match read_fragment(moof, |id| self.movie.trex(id)) {
            Ok(trafs) => {
                self.samples += trafs.iter().map(|traf| traf.samples.len() as u64).sum::<u64>();
                if self.samples > self.movie.size.saturating_add(limits::FREE_SAMPLES) {
                    self.broken(
                        Error::limit(
                            Code::TooManySamples,
                            format!(
                                "The fragments up to here claim {} samples, more than the file \
                                 has bytes. The rest is not read.",
                                self.samples
                            ),
                        )
                        .at(moof.at),
                    );
                    self.pos = self.movie.size;
                    self.passed.clear();
                    return;
                }
                moov::read_systems(&mut self.movie, moof);
                let mut found = Vec::new();
                let Self { movie, past, .. } = self;
                let protected =
                    checks::fragments::run(moof, bytes, &trafs, &movie.tracks, past, &mut found);
                if past.ivs.len() > limits::IV_RUNS {
                    past.ivs.truncate(limits::IV_RUNS);
                    let message = "There are more IVs than are remembered; from here on, one used \
                                   twice is not found.";
                    found.push(Finding::new(CheckId::IvLimit, message).of_box(moof));
                }
                found.into_iter().for_each(|finding| self.find(finding));
                let mut fragment = Fragment::new(moof, &trafs);
                for (run, protected) in fragment.runs.iter_mut().zip(protected) {
                    run.protected = protected;
                }
                fragment.inside = self.inside(moof);
                moov::add_fragment(&mut self.movie, fragment);
            }
            Err(e) => self.broken(e),
        }
    }

    /// Remembers what kinds of boxes a `moof` has inside.
    fn inside(&mut self, moof: &Node) -> Option<u16> {
        let mut kinds = Vec::new();
        let mut open = vec![moof.children()];
        while let Some(children) = open.pop() {
            for child in children {
                if !kinds.contains(&child.kind) {
                    kinds.push(child.kind);
                }
                if kinds.len() > limits::INSIDES {
                    return None;
                }
                open.push(child.children());
            }
        }
        let known = &mut self.movie.insides;
        let at = known.iter().position(|other| *other == kinds).unwrap_or(known.len());
        if at == limits::INSIDES {
            return None;
        }
        if at == known.len() {
            known.push(kinds);
        }
        u16::try_from(at).ok()
    }

    fn tail(&mut self) {
        let len = Mfro::LEN.min(self.movie.size);
        let Some(bytes) = self.need(Span { at: self.movie.size - len, len }) else { return };
        self.stage = match Mfro::from_tail(&bytes) {
            Ok(mfro) if u64::from(mfro.size) <= self.movie.size - self.pos => {
                Stage::Index(mfro.size.into())
            }
            _ => {
                self.hints_of_sidx();
                Stage::Walk
            }
        };
    }

    /// Where `sidx` says that segments begin, for want of an `mfra`.
    fn hints_of_sidx(&mut self) {
        let mut offsets = Vec::new();
        for node in &self.movie.indexes {
            let Ok(sidx) = Sidx::parse(node) else { continue };
            let mut at = (node.at + node.size()).saturating_add(sidx.first_offset);
            for reference in sidx.references {
                offsets.push(at);
                at = at.saturating_add(reference.size.into());
            }
        }
        offsets.retain(|at| (self.pos..self.movie.size).contains(at));
        crate::collections::sort(&mut offsets);
        offsets.dedup();
        self.ahead = offsets.into();
    }

    fn index(&mut self, len: u64) {
        if len > limits::WHOLE_BOX {
            self.stage = Stage::Walk;
            return;
        }
        let at = self.movie.size - len;
        let Some(bytes) = self.need(Span { at, len }) else { return };
        // What is wrong in it is told when the walk gets there.
        if let Ok(mfra) = Node::read(&bytes, at, &mut Vec::new()) {
            let mut offsets: Vec<u64> = mfra
                .all(Tfra::KIND)
                .filter_map(|node| Tfra::parse(node).ok())
                .flat_map(|tfra| tfra.entries)
                .map(|entry| entry.moof_offset)
                .filter(|offset| (self.pos..at).contains(offset))
                .collect();
            crate::collections::sort(&mut offsets);
            offsets.dedup();
            self.ahead = offsets.into();
        }
        self.stage = Stage::Walk;
    }

    fn end_of_walk(&mut self) {
        self.stage = Stage::Passed;
    }

    /// A fragment that stood before `moov`. Its box was walked over already.
    fn passed_fragment(&mut self) {
        let Some(at) = self.passed.front().copied() else { return self.finish() };
        let span = self.top_span(at);
        if span.len > limits::WHOLE_BOX {
            self.passed.pop_front();
            return self.broken(too_large("moof", span));
        }
        if self.source.get(span).is_none() {
            let (mut spans, mut total) = (vec![span], span.len);
            for at in self.passed.iter().skip(1).take(BATCH) {
                let span = self.top_span(*at);
                total += span.len;
                if total > BATCH_BYTES {
                    break;
                }
                spans.push(span);
            }
            self.source.ask(spans);
            return;
        }
        let Some(bytes) = self.need(span) else { return };
        let mut problems = Vec::new();
        match Node::read(&bytes, at, &mut problems) {
            Ok(node) => {
                let Some(bytes) = self.need(self.head_of(&node)) else { return };
                self.passed.pop_front();
                self.fragment(&node, &bytes);
            }
            Err(e) => {
                self.passed.pop_front();
                problems.push(e);
            }
        }
        for problem in problems {
            self.broken(problem);
        }
        self.source.release(span.end());
    }

    /// The box at the top that begins at `at`.
    fn top_span(&self, at: u64) -> Span {
        let index = self.movie.top.partition_point(|b| b.span.at < at);
        self.movie.top.get(index).map_or(Span { at, len: 0 }, |b| b.span)
    }

    fn finish(&mut self) {
        moov::end_fragments(&mut self.movie);
        self.movie.ivs = std::mem::take(&mut self.past.ivs);
        checks::run(&mut self.movie);
        places::fill(&mut self.movie);
        if !self.media {
            self.stage = Stage::Done;
            return;
        }
        let probe = Probe::of_all(&self.movie, PROBED_FRAGMENTS, PROBED_SAMPLES, PROBED_BYTES);
        self.probe = Some((Probing::Media, probe));
        self.stage = Stage::Samples;
    }

    /// What is still wanted of samples. Takes in those that are there.
    fn samples(&mut self) -> Result<Step> {
        while let Some((what, mut probe)) = self.probe.take() {
            if let step @ Step::Read(_) = probe.step()? {
                self.probe = Some((what, probe));
                return Ok(step);
            }
            let samples = probe.into_samples();
            self.probe = self.probed(what, &samples);
        }
        places::fill(&mut self.movie);
        self.stage = Stage::Done;
        Ok(Step::Done)
    }

    /// Takes in samples that were read, and says what to read next.
    fn probed(&mut self, what: Probing, samples: &[ProbedSample]) -> Option<(Probing, Probe)> {
        match what {
            Probing::Media => {
                let mut found = Vec::new();
                checks::media::run(&mut self.movie, samples, &mut found);
                found.into_iter().for_each(|finding| self.find(finding));
                let (reuses, _) = reuses(self.movie.ivs.iter().map(|run| (0, run)), 1);
                let reuse = reuses.into_iter().next()?;
                let wanted = [reuse.first, reuse.again]
                    .iter()
                    .filter_map(|(_, run)| {
                        let moof =
                            self.movie.fragments.iter().find(|f| f.moof.at == run.moof_at)?;
                        Some((moof.head, Pick::Counter(run.track, reuse.counter)))
                    })
                    .collect();
                let probe = Probe::new(&self.movie, wanted, limits::FRAGMENT);
                Some((Probing::Reuse(reuse), probe))
            }
            Probing::Reuse(reuse) => {
                if let [first, .., again] = samples {
                    let finding = self.movie.findings.iter_mut().find(|finding| {
                        matches!(finding.check.id, CheckId::IvReused | CheckId::CounterOverlap)
                    });
                    if let Some(finding) = finding {
                        finding.evidence = reuse.proof(first, again);
                    }
                }
                None
            }
        }
    }
}

impl Session for Inspector {
    fn step(&mut self) -> Result<Step> {
        self.advance();
        match self.stage {
            Stage::Samples => self.samples(),
            Stage::Done => Ok(Step::Done),
            _ => Ok(Step::Read(self.source.wanted())),
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((_, probe)) = &mut self.probe {
            return probe.feed(bytes);
        }
        self.source.feed(bytes)?;
        self.advance();
        Ok(())
    }
}

fn short_uuid(at: u64) -> Error {
    Error::malformed(
        Code::UuidTooShort,
        "This uuid box has no room for its UUID, so nobody can tell what it is.",
    )
    .at(at)
}

fn too_large(code: impl std::fmt::Display, span: Span) -> Error {
    Error::limit(
        Code::BoxTooLarge,
        format!(
            "The box {code} is {} bytes long; at most {} are read.",
            span.len,
            limits::WHOLE_BOX
        ),
    )
    .at(span.at)
}

fn cut(header: &BoxHeader, room: u64) -> Error {
    let missing = header.size - room;
    Error::malformed(
        Code::FileCut,
        format!(
            "The file ends inside this {}: {missing} of its {} bytes are missing.",
            header.kind, header.size
        ),
    )
}

fn looks_like_a_box(bytes: &[u8]) -> bool {
    bytes
        .get(4..8)
        .is_some_and(|code| starts_a_file(BoxType::code(&[code[0], code[1], code[2], code[3]])))
}
