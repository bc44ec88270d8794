//! What the copies of an output must be, by what its sources are. No media is
//! read: every sample must be a span of a source.

use super::outline::{Faults, Known, Outline};
use super::{blamed, failed, told, unread};
use crate::Span;
use crate::checks::{Mend, Severity};
use crate::error::Result;
use crate::make::recipe::{Piece, Recipe as _, Stitched};
use crate::make::witness::{self, Agree, Header, Seen};
use crate::model::{Finding, TopBox};
use sha2::{Digest as _, Sha256};

/// What the copies of an output must be, by what its sources are.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    tracks: Vec<(u32, Claim)>,
    faults: Faults,
    /// The gravest that is wrong with the inputs and stays so, in a sentence.
    cause: Option<String>,
}

/// Samples that a `moov` lists.
#[derive(Debug)]
struct Table {
    listed: witness::ListedTrack,
    /// Which of them are taken.
    taken: std::ops::Range<usize>,
    /// Where the source begins among all.
    start: u64,
    /// How much later than its own times the track is presented, in ticks.
    later: i64,
    scale: f64,
}

impl Table {
    /// The samples, each with when it is presented, in seconds.
    fn samples(&self) -> impl Iterator<Item = (f64, Seen)> {
        let taken = self.listed.samples().skip(self.taken.start).take(self.taken.len());
        taken.map(|(decoded, seen)| {
            let presented = decoded.saturating_add(seen.offset.into()).saturating_add(self.later);
            (presented as f64 / self.scale, Seen { at: seen.at + self.start, ..seen })
        })
    }
}

/// What of a claim the output has shown so far.
struct Shown<'c> {
    listed: std::iter::Peekable<Box<dyn Iterator<Item = (f64, Seen)> + 'c>>,
    fragments: usize,
}

#[derive(Debug, Default)]
struct Claim {
    listed: Option<Table>,
    /// What fragments have, in order.
    fragments: Vec<Told>,
}

/// What one `traf` of a source has.
#[derive(Debug)]
struct Told {
    samples: usize,
    digest: [u8; 32],
    /// When its first sample is presented, in seconds, where the source tells.
    presented: Option<f64>,
    at: u64,
}

/// How a source's samples may differ in an output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Changed {
    /// Where the source begins among all.
    pub(crate) start: u64,
    /// The duration of samples that have none of their own.
    pub(crate) duration: Option<u32>,
}

/// Everything about samples but when they are decoded, and their bytes.
fn digest<'s>(samples: impl Iterator<Item = (u64, &'s Seen)>, changed: Changed) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (at, seen) in samples {
        let place = if seen.size == 0 { 0 } else { at };
        let mut row = [0; 24];
        row[..8].copy_from_slice(&place.to_be_bytes());
        row[8..12].copy_from_slice(&seen.size.to_be_bytes());
        let duration = changed.duration.unwrap_or(seen.duration);
        row[12..16].copy_from_slice(&duration.to_be_bytes());
        row[16..20].copy_from_slice(&seen.offset.to_be_bytes());
        row[20..].copy_from_slice(&seen.flags.to_be_bytes());
        hash.update(row);
        if let Some(lock) = &seen.lock {
            hash.update(lock.kid);
            hash.update([lock.iv.len() as u8, lock.method.pattern, lock.method.mode as u8]);
            hash.update(&lock.iv);
            for (clear, protected) in &lock.parts {
                hash.update(clear.to_be_bytes());
                hash.update(protected.to_be_bytes());
            }
        }
    }
    hash.finalize().into()
}

impl Claims {
    /// About inputs in which this is wrong already.
    pub(crate) fn new<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let findings: Vec<&Finding> = findings.into_iter().collect();
        // What a repair mends is the cause only where there is nothing else.
        let mended = |f: &Finding| f.check.mend == Some(Mend::Repair);
        let grave = findings.iter().filter(|f| f.severity() != Severity::Info);
        let worst = grave.min_by_key(|finding| (mended(finding), finding.gravity()));
        let cause = worst.map(|finding| match finding.track {
            Some(id) => format!("Track {id}: {}", finding.message),
            None => finding.message.clone(),
        });
        Self { tracks: Vec::new(), faults: Faults::of(findings), cause }
    }

    /// Checks that may fail because somebody chose so.
    pub(crate) fn allow(&mut self, numbers: std::ops::RangeInclusive<u8>) {
        self.faults.allow(numbers);
    }

    fn track(&mut self, id: u32) -> &mut Claim {
        let index = self.tracks.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
            self.tracks.push((id, Claim::default()));
            self.tracks.len() - 1
        });
        &mut self.tracks[index].1
    }

    /// Claims the samples of a track in a source's `moof`, whose bytes are
    /// these, for the track `id` of the output.
    pub(crate) fn fragment(
        &mut self,
        id: u32,
        (header, track): (&Header, u32),
        (bytes, at): (&[u8], u64),
        traf: usize,
        changed: Changed,
    ) -> Result<()> {
        let runs = witness::runs(header, bytes, at, Agree::First).map_err(unread)?;
        let run = runs.get(traf).filter(|run| run.track == track);
        let run = run.ok_or_else(|| failed(at, "a fragment is another's"))?;
        let presented = header.track(track).and_then(|own| {
            let first = i64::from(run.samples.first()?.offset);
            let media = match (run.decoded, run.smooth) {
                (Some(decoded), _) => (decoded as i64).checked_add(first)?,
                (None, Some(smooth)) if smooth >= -60 * i64::from(own.scale) => smooth,
                _ => return None,
            };
            Some((media + own.later) as f64 / f64::from(own.scale.max(1)))
        });
        let samples = run.samples.iter().map(|seen| (seen.at + changed.start, seen));
        let told = Told {
            samples: run.samples.len(),
            digest: digest(samples, changed),
            presented,
            at: at + changed.start,
        };
        self.track(id).fragments.push(told);
        Ok(())
    }

    /// Claims samples that a source's `moov` lists, but for so many in front and
    /// behind that its edit list hides. The source begins at `start`.
    pub(crate) fn listed(
        &mut self,
        id: u32,
        (header, listed): (&Header, witness::ListedTrack),
        hidden: [usize; 2],
        start: u64,
    ) {
        let Some(own) = header.track(listed.track) else { return };
        let to = listed.count.saturating_sub(hidden[1]);
        let taken = hidden[0].min(to)..to;
        let (later, scale) = (own.later, f64::from(own.scale.max(1)));
        self.track(id).listed = Some(Table { listed, taken, start, later, scale });
    }

    /// Reads an output again and compares it with the claims.
    ///
    /// # Errors
    /// If a sample is not the span of a source that it should be, differs from
    /// it, or is missing; if tracks are moved against each other; if its boxes
    /// have a fault that no source had.
    pub(crate) fn check(self, output: Stitched) -> Result<Stitched> {
        self.check_boxes(output, None)
    }

    /// The same where boxes at the top are copied with their headers: those of
    /// the source, and what is known of their bytes.
    pub(crate) fn check_boxes(
        self,
        output: Stitched,
        source: Option<(&[TopBox], &Known)>,
    ) -> Result<Stitched> {
        self.judge(output, source).map_err(|e| blamed(e, self.cause.as_deref()))
    }

    fn judge(&self, mut output: Stitched, source: Option<(&[TopBox], &Known)>) -> Result<Stitched> {
        let mut outline = Outline::default();
        // Where each copy begins in the output, and what it is a copy of.
        let mut copies: Vec<(u64, Span)> = Vec::new();
        for piece in output.pieces() {
            match piece {
                Piece::Bytes(bytes) => outline.bytes(bytes),
                Piece::Copy(span) | Piece::Work { span, .. } => {
                    copies.push((outline.size, *span));
                    match source {
                        Some((top, known)) => outline.boxes(*span, top, known),
                        None => outline.gap(span.len),
                    }
                }
            }
        }
        output.compared = self.compare(&outline, &copies)?;
        outline.lint(&self.faults)?;
        Ok(output)
    }

    /// The same of an output whose outline is known.
    fn compare(&self, outline: &Outline, copies: &[(u64, Span)]) -> Result<u64> {
        let source_of = |seen: &Seen| -> Option<u64> {
            let index = copies.partition_point(|(at, _)| *at <= seen.at).checked_sub(1)?;
            let (at, span) = copies[index];
            let inside = seen.at - at;
            (inside + u64::from(seen.size) <= span.len).then_some(span.at + inside)
        };
        let mut header: Option<Header> = None;
        for (at, size, code) in outline.top()? {
            if &code == b"moov" && header.is_none() {
                let moov = outline.read(Span { at, len: size });
                header = Some(Header::read(&moov).map_err(told)?);
            }
        }
        let header = header.ok_or_else(|| failed(0, "there is no moov"))?;
        let mut shown: Vec<Shown<'_>> =
            self.tracks.iter().map(|(_, claim)| claim.shown()).collect();
        let (mut shift, mut total) = (None, 0);
        for (at, size, code) in outline.top()? {
            match &code {
                b"moov" => {
                    let moov = outline.read(Span { at, len: size });
                    for listed in witness::listed(&moov, outline.size).map_err(told)? {
                        let index = self.tracks.iter().position(|(id, _)| *id == listed.track);
                        let Some(index) = index else { continue };
                        let samples = listed.samples().map(|(_, seen)| seen).collect();
                        let (track, decoded, smooth) = (listed.track, None, None);
                        let run = witness::Run { track, decoded, smooth, samples };
                        self.tracks[index].1.take(&run, &mut shown[index], source_of)?;
                        total += run.samples.len() as u64;
                    }
                }
                b"moof" => {
                    let bytes = outline.known_from(at);
                    for run in witness::runs(&header, bytes, at, Agree::All).map_err(told)? {
                        let index = self.tracks.iter().position(|(id, _)| *id == run.track);
                        let index = index.ok_or_else(|| failed(at, "a track was not asked for"))?;
                        let claim = &self.tracks[index].1;
                        let place = claim.at(&mut shown[index]);
                        let presented = claim.take(&run, &mut shown[index], source_of)?;
                        total += run.samples.len() as u64;
                        let Some(own) = header.track(run.track) else { continue };
                        check_time(&run, own, presented, &mut shift)
                            .map_err(|what| failed(place, &what))?;
                    }
                }
                _ => {}
            }
        }
        for ((id, claim), mut shown) in self.tracks.iter().zip(shown) {
            if shown.listed.peek().is_some() || shown.fragments < claim.fragments.len() {
                let at = claim.at(&mut shown);
                return Err(failed(at, &format!("samples of track {id} are missing")));
            }
        }
        Ok(total)
    }
}

impl Claim {
    fn shown(&self) -> Shown<'_> {
        let listed = self.listed.iter().flat_map(Table::samples);
        let listed: Box<dyn Iterator<Item = (f64, Seen)>> = Box::new(listed);
        Shown { listed: listed.peekable(), fragments: 0 }
    }

    /// Takes the samples of a `traf` of the output off what is claimed, and
    /// tells when the first should be presented.
    fn take(
        &self,
        run: &witness::Run,
        shown: &mut Shown<'_>,
        source_of: impl Fn(&Seen) -> Option<u64>,
    ) -> Result<Option<f64>> {
        let place = self.at(shown);
        let mut places = Vec::with_capacity(run.samples.len());
        for seen in &run.samples {
            let source = if seen.size == 0 { Some(0) } else { source_of(seen) };
            places.push(source.ok_or_else(|| failed(place, "a sample is no copy of one"))?);
        }
        if let Some((begins, _)) = shown.listed.peek() {
            let begins = *begins;
            for (seen, at) in run.samples.iter().zip(&places) {
                let claimed = shown.listed.next();
                let (_, claimed) =
                    claimed.ok_or_else(|| failed(place, "there are samples too many"))?;
                let facts = |seen: &Seen| (seen.size, seen.duration, seen.offset, seen.is_sync());
                let moved = seen.size > 0 && *at != claimed.at;
                if facts(seen) != facts(&claimed) || moved {
                    return Err(failed(claimed.at, "a sample differs from the one it was"));
                }
            }
            return Ok(Some(begins));
        }
        let claimed = self.fragments.get(shown.fragments);
        let claimed = claimed.ok_or_else(|| failed(place, "there are fragments too many"))?;
        let own = digest(places.iter().copied().zip(&run.samples), Changed::default());
        if (claimed.samples, claimed.digest) != (run.samples.len(), own) {
            return Err(failed(claimed.at, "its samples differ from those they were"));
        }
        shown.fragments += 1;
        Ok(claimed.presented)
    }

    /// Where in the sources something is that is claimed next.
    fn at(&self, shown: &mut Shown<'_>) -> u64 {
        let listed = shown.listed.peek().map(|(_, seen)| seen.at);
        listed.or(self.fragments.get(shown.fragments).map(|told| told.at)).unwrap_or(0)
    }
}

/// Whether a run is presented when it should be: moved by as much as all others.
fn check_time(
    run: &witness::Run,
    track: &witness::Track,
    claimed: Option<f64>,
    shift: &mut Option<f64>,
) -> std::result::Result<(), String> {
    let first = run.samples.first().map(|seen| i64::from(seen.offset));
    let (Some(claimed), Some(decoded), Some(first)) = (claimed, run.decoded, first) else {
        return Ok(());
    };
    let scale = f64::from(track.scale.max(1));
    let media = (decoded as i64).saturating_add(first).saturating_add(track.later);
    let moved = media as f64 / scale - claimed;
    let known = *shift.get_or_insert(moved);
    // Edit lists and other timescales round; two milliseconds are heard by nobody.
    if (moved - known).abs() > 0.002 + 2.0 / scale {
        return Err(format!(
            "a fragment of track {} is presented {:.3} s away from the others",
            run.track,
            moved - known
        ));
    }
    Ok(())
}
