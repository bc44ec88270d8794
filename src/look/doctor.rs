//! The key doctor: whatever may be a key is read in every way people get it
//! wrong, and tried on every protected track, first against CHECKSUM, then
//! against samples.

mod key_text;

use crate::checks::CheckId;
use crate::error::{Code, Error, Result};
use crate::format::cipher::{ContentKey, checksum_text};
use crate::format::codec::Rule;
use crate::format::codec::plausible::{Evidence, weigh};
use crate::format::ids::{Kid, Uuid};
use crate::look::inspect::probe::{Probe, ProbedSample, entry_of};
use crate::model::{Finding, Movie, Track};
use crate::{Session, Step};
use key_text::{Given, What, read};
use serde::Serialize;

/// Samples tried: of each track so many fragments, so many of each, so many
/// bytes in all.
const FRAGMENTS: usize = 12;
const SAMPLES: usize = 50;
const BYTES: u64 = 24 << 20;

/// Microsoft's public test key seed (PlayReady test server).
const TEST_SEED: &str = "XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I";

/// What is known of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is the key.
    Proven,
    /// It is not.
    Disproven,
    /// Nothing tells.
    Unproven,
}

/// The answer for one track.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Diagnosis {
    /// Its number.
    pub track: u32,
    /// Its KID.
    pub kid: Option<Kid>,
    /// What is known.
    pub verdict: Verdict,
    /// Which way of reading what was given it is about.
    pub reading: Option<String>,
    /// Whether that is something that was given: a file may also be protected with
    /// a key that everybody knows.
    pub given: bool,
    /// What tells.
    pub evidence: String,
    /// All of it in a sentence.
    pub sentence: String,
}

/// A way to read something given, as a key for one track.
struct Reading {
    how: String,
    key: ContentKey,
    /// The KID it was given for.
    label: Option<Kid>,
    /// Whether it stood where a KID does.
    is_kid: bool,
    /// Whether it was given, or is one that everybody knows.
    given: bool,
}

/// A [`Session`] that reads samples, and then answers.
pub struct Doctor {
    movie: Movie,
    given: Vec<Given>,
    probe: Option<Probe>,
    samples: Vec<ProbedSample>,
}

impl Doctor {
    /// For a file and whatever may be its keys. Text in which nothing can be
    /// read is refused, and never repeated.
    ///
    /// # Errors
    /// Where nothing in the texts can be a key, or no track is protected.
    pub fn new(movie: &Movie, texts: &[&str]) -> Result<Self> {
        let mut given = Vec::new();
        for text in texts {
            read(text, &mut given)?;
        }
        let keys = given.iter().filter(|one| !one.is_kid).count();
        for one in given.iter_mut().filter(|one| one.is_kid) {
            one.name = "what stands where its KID should".into();
        }
        if keys > 1 {
            for (number, one) in given.iter_mut().filter(|one| !one.is_kid).enumerate() {
                one.name = format!("{} {}", one.name, number + 1);
            }
        }
        if movie.moov.is_none() && movie.fragments.iter().flat_map(|f| &f.runs).any(|r| r.has_ivs) {
            return Err(Error::misuse(
                Code::NoMoov,
                "This is a media segment without its header. Put its initialization segment in \
                 front of it, and try the key on that.",
            ));
        }
        if let (Some(track), false) = (
            movie.ciphertext.first(),
            movie.tracks.iter().any(|track| track.protection().is_some()),
        ) {
            return Err(Error::misuse(
                Code::NotProtected,
                format!(
                    "The file says it is clear, but the samples of track {track} are encrypted: their \
                     IVs were lost in a remux, so no key opens it. Take the file from before, and \
                     decrypt that."
                ),
            ));
        }
        if !movie.tracks.iter().any(|track| track.protection().is_some()) {
            return Err(Error::misuse(
                Code::NotProtected,
                "The file is not protected, so no key belongs to it.",
            ));
        }
        let probe = Some(Probe::of_protected(movie, FRAGMENTS, SAMPLES, BYTES));
        Ok(Self { movie: movie.clone(), given, probe, samples: Vec::new() })
    }

    /// What is wrong with the file, as a key that was given shows.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let protected = self.movie.tracks.iter().filter(|track| track.protection().is_some());
        let kids =
            protected.flat_map(|t| self.kids(t).into_iter().flatten().map(move |kid| (t, kid)));
        for (track, kid) in kids {
            let Some((trial, _)) = self.best(track, kid) else { continue };
            let mut tell = |id, message: String| {
                found.push(Finding::new(id, message).of_track(track.id));
            };
            match (trial.by_samples(), trial.checksum) {
                (_, Some(false)) if trial.checksum_swapped => tell(
                    CheckId::ChecksumSwapped,
                    format!(
                        "CHECKSUM is that of the key with the KID {kid} in the wrong byte order."
                    ),
                ),
                (Verdict::Proven, Some(false)) => tell(
                    CheckId::ChecksumWrong,
                    "The key decrypts the samples, but CHECKSUM is not that of the key.".into(),
                ),
                (Verdict::Disproven, _) => tell(
                    CheckId::DecryptFailed,
                    format!("With the key given, {}", trial.words(track)),
                ),
                (_, Some(false)) => {
                    tell(CheckId::ChecksumWrong, "CHECKSUM is not that of the key given.".into())
                }
                _ => {}
            }
        }
        found
    }

    /// The answer for every protected track.
    pub fn diagnose(&self) -> Vec<Diagnosis> {
        let protected = self.movie.tracks.iter().filter(|track| track.protection().is_some());
        let mut found: Vec<Diagnosis> = protected
            .flat_map(|track| self.kids(track).into_iter().map(|kid| self.track(track, kid)))
            .collect();
        // What one track proves holds for every track with its KID.
        let proven: Vec<Diagnosis> =
            found.iter().filter(|d| d.verdict == Verdict::Proven).cloned().collect();
        for diagnosis in found.iter_mut().filter(|d| d.verdict == Verdict::Unproven) {
            let twin = proven.iter().find(|p| p.kid.is_some() && p.kid == diagnosis.kid);
            if let Some(twin) = twin {
                diagnosis.verdict = Verdict::Proven;
                diagnosis.reading.clone_from(&twin.reading);
                diagnosis.given = twin.given;
                diagnosis.evidence = format!(
                    "The same KID is proven on track {}; {}",
                    twin.track, diagnosis.evidence
                );
                diagnosis.sentence = format!(
                    "Key proven for track {} by track {}, which has the same KID.",
                    diagnosis.track, twin.track
                );
            }
        }
        found
    }

    /// How the best reading did on the samples of a track with this KID.
    fn best(&self, track: &Track, kid: Kid) -> Option<(Trial, Reading)> {
        let samples: Vec<&ProbedSample> = self.samples_of(track).collect();
        let mut best: Option<(Trial, Reading)> = None;
        for reading in self.readings(kid) {
            let trial = self.attempt(kid, Some(&reading.key), &samples);
            let proven = trial.verdict() == Verdict::Proven;
            if best.as_ref().is_none_or(|(known, _)| trial.rank() > known.rank()) {
                best = Some((trial, reading));
            }
            if proven {
                break;
            }
        }
        let (mut trial, reading) = best?;
        if trial.verdict() != Verdict::Proven {
            let as_they_stand = self.attempt(kid, None, &samples);
            trial.is_clear = as_they_stand.by_samples() == Verdict::Proven;
        }
        Some((trial, reading))
    }

    fn samples_of(&self, track: &Track) -> impl Iterator<Item = &ProbedSample> {
        let id = track.id;
        self.samples.iter().filter(move |s| s.track == id && s.protected.is_some())
    }

    /// The KIDs of a track: those its samples use, which rotate in some files,
    /// else the one of its `tenc`; `None` where it names none.
    fn kids(&self, track: &Track) -> Vec<Option<Kid>> {
        let mut kids: Vec<Option<Kid>> = Vec::new();
        for sample in self.samples_of(track) {
            let kid = sample.protected.as_ref().map(|p| p.kid);
            if !kids.contains(&kid) {
                kids.push(kid);
            }
        }
        if kids.is_empty() {
            kids.push(track.protection().and_then(|p| p.kid));
        }
        kids
    }

    fn track(&self, track: &Track, kid: Option<Kid>) -> Diagnosis {
        let Some(kid) = kid else {
            return Diagnosis {
                track: track.id,
                kid: None,
                verdict: Verdict::Unproven,
                reading: None,
                given: false,
                evidence: "The track names no KID.".into(),
                sentence: format!("Track {} names no KID, so no key can be told for it.", track.id),
            };
        };
        let Some((trial, reading)) = self.best(track, kid) else {
            return Diagnosis {
                track: track.id,
                kid: Some(kid),
                verdict: Verdict::Unproven,
                reading: None,
                given: false,
                evidence: "Nothing given can be a key.".into(),
                sentence: format!("Track {}: nothing given can be a key.", track.id),
            };
        };
        let verdict = trial.verdict();
        let evidence = trial.words(track);
        let hints = match verdict {
            Verdict::Proven => proven_hint(&reading, kid),
            _ => self.hints(kid),
        };
        let how = reading.how;
        let sentence = match verdict {
            Verdict::Proven => {
                format!("Key proven on track {}, {how}: {evidence}{hints}", track.id)
            }
            Verdict::Disproven => {
                format!("No key for track {} (KID {kid}): {evidence}{hints}", track.id)
            }
            Verdict::Unproven => {
                format!("Nothing tells whether the key fits track {}: {evidence}{hints}", track.id)
            }
        };
        Diagnosis {
            track: track.id,
            kid: Some(kid),
            verdict,
            reading: Some(how),
            given: reading.given,
            evidence,
            sentence,
        }
    }

    /// Every way to read what was given as a key for this KID; the likeliest first.
    fn readings(&self, kid: Kid) -> Vec<Reading> {
        let mut readings = Vec::new();
        // What was given for this very KID comes first.
        let mut order: Vec<&Given> = self.given.iter().collect();
        crate::collections::sort_by_key(&mut order, |given| {
            (given.is_kid, given.label != Some(kid))
        });
        for given in &order {
            let name = &given.name;
            let mut add = |how, key| readings.push(given.reading(how, key));
            match &given.what {
                What::Bytes(bytes) => {
                    add(format!("{name} as given"), ContentKey::from_bytes(**bytes))
                }
                What::Seed(seed) => {
                    if let Ok(key) = ContentKey::from_seed_bytes(seed, kid) {
                        add(format!("{name} as a key seed"), key);
                    }
                }
            }
        }
        for given in &order {
            let name = &given.name;
            let mut add = |how, key| readings.push(given.reading(how, key));
            match &given.what {
                What::Bytes(bytes) => {
                    let swapped = Uuid(**bytes).swapped().0;
                    add(
                        format!("{name} with its bytes swapped (GUID order)"),
                        ContentKey::from_bytes(swapped),
                    );
                    let mut reversed = **bytes;
                    reversed.reverse();
                    add(format!("{name} back to front"), ContentKey::from_bytes(reversed));
                }
                What::Seed(seed) => {
                    if let Ok(key) = ContentKey::from_seed_bytes(seed, kid.swapped()) {
                        add(
                            format!("{name} as a key seed, with the KID in the wrong byte order"),
                            key,
                        );
                    }
                }
            }
        }
        if let Ok(key) = ContentKey::from_seed(TEST_SEED, kid) {
            let how = "not what was given, but the key from Microsoft's public test seed".into();
            readings.push(Reading { how, key, label: None, is_kid: false, given: false });
        }
        readings
    }

    /// What a person may have mixed up.
    fn hints(&self, kid: Kid) -> String {
        let mut hints = String::new();
        for given in self.given.iter().filter(|given| !given.is_kid) {
            let name = &given.name;
            if let What::Bytes(bytes) = &given.what {
                if Uuid(**bytes) == kid {
                    hints += &format!(" What you gave ({name}) is the KID, not the key.");
                } else if Uuid(**bytes) == kid.swapped() {
                    hints += &format!(
                        " What you gave ({name}) is the KID with its bytes swapped, not the key."
                    );
                }
            }
            match given.label {
                // Never the text itself: it may be the key, in the wrong place.
                Some(label) if label == kid => {}
                Some(_) if self.given.iter().any(|other| other.label == Some(kid)) => {}
                Some(label) if label == kid.swapped() => {
                    hints += " Your KID is byte-swapped.";
                }
                Some(_) if self.given.len() < 3 => {
                    hints += &format!(" The track uses {kid}, not the KID you gave.");
                }
                _ => {}
            }
        }
        hints
    }

    fn attempt(&self, kid: Kid, key: Option<&ContentKey>, samples: &[&ProbedSample]) -> Trial {
        let mut trial = Trial::default();
        let headers = self.movie.systems.iter().filter_map(|system| system.playready.as_ref());
        for stated in headers.flat_map(|h| &h.keys).filter(|k| k.kid == Some(kid)) {
            let (Some(stated), Some(key)) = (&stated.checksum, key) else { continue };
            let fits = stated.trim() == checksum_text(key, kid);
            trial.checksum = Some(trial.checksum.unwrap_or(false) || fits);
            trial.checksum_swapped |= stated.trim() == checksum_text(key, kid.swapped());
        }
        // Without a key, the samples as they stand.
        let cipher = key.map(ContentKey::cipher);
        let mut sets = None;
        for sample in samples {
            let Some(protected) = sample.protected.as_ref().filter(|p| p.kid == kid) else {
                continue;
            };
            let Some(entry) = entry_of(&self.movie, sample) else { continue };
            let Some(method) = protected.method else {
                trial.other_mode = true;
                continue;
            };
            let mut clear = sample.bytes.clone();
            let applied = cipher.as_ref().map_or(Ok(()), |cipher| {
                cipher.decrypt(method, &protected.iv, &protected.subsamples, &mut clear)
            });
            if applied.is_err() {
                continue;
            }
            if let (Some(Rule::Nal(codec)), None) = (&entry.codec.rule, &sets) {
                sets = Some(codec.parameter_sets());
            }
            let weight = weigh(&entry.codec, sets.as_mut(), &clear, &sample.protected_ranges());
            trial.evidence.join(weight);
            trial.samples += 1;
            trial.tested += u32::from(weight.tests > 0);
            trial.fitting += u32::from(weight.tests > 0 && weight.total() > -6.0);
            trial.codec = entry.codec.string.clone();
        }
        trial
    }
}

/// How one key did on one track.
#[derive(Default)]
struct Trial {
    /// Whether CHECKSUM fits; `None` where there is none.
    checksum: Option<bool>,
    /// Whether it is that of the KID in the wrong byte order.
    checksum_swapped: bool,
    evidence: Evidence,
    samples: u32,
    /// Those with protected bytes that a test looks at.
    tested: u32,
    fitting: u32,
    codec: String,
    other_mode: bool,
    /// Whether the samples are not encrypted at all.
    is_clear: bool,
}

impl Trial {
    fn by_samples(&self) -> Verdict {
        match self.evidence.total() {
            bits if bits >= Evidence::ENOUGH => Verdict::Proven,
            bits if bits <= -Evidence::ENOUGH => Verdict::Disproven,
            _ => Verdict::Unproven,
        }
    }

    fn verdict(&self) -> Verdict {
        match (self.by_samples(), self.checksum) {
            (Verdict::Unproven, Some(true)) => Verdict::Proven,
            (Verdict::Unproven, Some(false)) => Verdict::Disproven,
            (by_samples, _) => by_samples,
        }
    }

    /// To choose the best of several.
    fn rank(&self) -> (u8, bool, i64) {
        let verdict = match self.verdict() {
            Verdict::Proven => 2,
            Verdict::Unproven => 1,
            Verdict::Disproven => 0,
        };
        (verdict, self.checksum == Some(true), self.evidence.total() as i64)
    }

    fn words(&self, track: &Track) -> String {
        let codec = self.codec.split('.').next().unwrap_or_default();
        let samples = match (self.by_samples(), self.samples) {
            (_, 0) if self.other_mode => {
                Some("its samples are protected in a way that is not known here".to_owned())
            }
            (_, 0) if track.listed > 0 && track.totals.fragments == 0 => {
                Some("none of its samples could be read with its IV, so none was tried".to_owned())
            }
            (_, 0) => Some("there are no samples to try it on".to_owned()),
            (Verdict::Proven, _) => Some(format!(
                "{} of {} samples tried decrypt to {codec}",
                self.fitting, self.tested
            )),
            _ if self.is_clear => {
                Some(format!("its samples are not encrypted: they are {codec} as they stand"))
            }
            (Verdict::Disproven, n) => Some(format!("{n} samples do not decrypt to {codec}")),
            (Verdict::Unproven, _) if self.evidence.tests == 0 => {
                Some(format!("protected bytes of {codec} show nothing that could be tested"))
            }
            (Verdict::Unproven, n) => {
                Some(format!("the protected bytes of {n} samples show too little to tell"))
            }
        };
        let checksum = match self.checksum {
            Some(true) => Some("CHECKSUM fits".to_owned()),
            Some(false) if self.checksum_swapped => {
                Some("CHECKSUM is that of the KID in the wrong byte order".to_owned())
            }
            Some(false) => Some("CHECKSUM in the PlayReady header does not fit".to_owned()),
            None => {
                Some("no CHECKSUM".to_owned()).filter(|_| self.by_samples() == Verdict::Unproven)
            }
        };
        let parts: Vec<String> = [checksum, samples].into_iter().flatten().collect();
        let mut words = parts.join("; ");
        match (self.by_samples(), self.checksum) {
            (Verdict::Proven, Some(false)) if !self.checksum_swapped => {
                words += ": the key is right, and the header's CHECKSUM is wrong";
            }
            (Verdict::Disproven, Some(true)) if !self.is_clear => {
                words += ": it is the header's key, but the samples were protected with another";
            }
            _ => {}
        }
        words + "."
    }
}

impl Given {
    /// One way to read it.
    fn reading(&self, how: String, key: ContentKey) -> Reading {
        Reading { how, key, label: self.label, is_kid: self.is_kid, given: true }
    }
}

/// What to say of a key that fits, where it was given for another KID or the pair
/// was the wrong way round.
fn proven_hint(reading: &Reading, kid: Kid) -> String {
    match reading.label {
        _ if reading.is_kid => {
            " The pair is the wrong way round: the KID comes first, then the key.".to_owned()
        }
        Some(label) if label == kid => String::new(),
        Some(label) if label == kid.swapped() => " Your KID is byte-swapped.".to_owned(),
        Some(_) => format!(" The track's KID is {kid}, not the one you gave."),
        None => String::new(),
    }
}

impl Session for Doctor {
    fn step(&mut self) -> Result<Step> {
        let Some(probe) = &mut self.probe else { return Ok(Step::Done) };
        let step = probe.step()?;
        if step == Step::Done
            && let Some(probe) = self.probe.take()
        {
            self.samples = probe.into_samples();
        }
        Ok(step)
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.probe.as_mut().map_or(Ok(()), |probe| probe.feed(bytes))
    }
}
