//! What a file is, in words.

use super::{Inspection, ProtectionSummary, TrackSummary, kbits, timecode};
use crate::checks::{CheckId, Severity};
use crate::format::ids::{Kid, Scheme};
use crate::model::{Movie, Track, TrackKind};
use crate::words;

/// What a file is, before anything else is said of it.
enum State {
    /// Damaged, or a part of a file: said in a sentence.
    Said(String),
    Clear,
    /// Called clear, but its samples are ciphertext.
    Ciphertext,
    /// With what, and by which keys.
    Protected(String),
}

/// The parts that say something, as one text.
fn joined(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

impl Inspection {
    /// Fills in what a file is, in words: for a line of text, and for a page.
    pub(super) fn say(&mut self, movie: &Movie) {
        let state = self.state(movie);
        let made_of = self.made_of(movie);
        let bare = self.fragmented && movie.fragments.is_empty();
        let bare = if bare { "A header without media." } else { "" };
        let troubles = self.troubles();
        let ready = if self.protectable.yes { "Ready to protect." } else { "" };
        let (short, long, line) = match &state {
            State::Said(sentence) => (sentence.clone(), sentence.clone(), sentence.clone()),
            State::Clear => ("Clear.".into(), "Clear.".into(), format!("Clear {made_of}.")),
            State::Ciphertext => {
                let called = "Called clear, but its samples are encrypted";
                (format!("{called}."), format!("{called}."), format!("{called}: a {made_of}."))
            }
            State::Protected(how) => {
                let long = format!("Protected: {how}");
                ("Protected.".into(), long.clone(), format!("{long} A {made_of}."))
            }
        };
        let said = matches!(state, State::Said(_));
        let worst = self.findings.first().filter(|f| f.severity() == Severity::Error);
        let worst = worst.filter(|_| !said);
        self.verdict = if said { line } else { joined(&[bare, &line, &troubles, ready]) };
        self.answer = match worst {
            Some(worst) => {
                let errors = self.findings.iter().filter(|f| f.severity() == Severity::Error);
                let more = match errors.count() - 1 {
                    0 => String::new(),
                    n => format!("{}.", words::plural(n, "more error")),
                };
                // That is said already.
                let title = match (&state, worst.check.id) {
                    (State::Ciphertext, CheckId::LooksEncrypted) => "",
                    _ => worst.check.title,
                };
                joined(&[bare, &short, title, worst.check.fails.sentence(), &more])
            }
            None if can_be_repaired(movie) => joined(&[&long, "Repair it to keep what is whole."]),
            None if said => joined(&[&long, &troubles]),
            None => joined(&[bare, &long, &troubles, ready]),
        };
        self.facts = match &state {
            State::Said(_) if self.tracks.is_empty() => String::new(),
            State::Protected(how) if worst.is_some() => joined(&[how, &made_of]),
            _ => made_of,
        };
    }

    fn state(&self, movie: &Movie) -> State {
        if let Some(damage) = &movie.damage {
            let nothing = movie.tracks.is_empty() && movie.fragments.is_empty();
            let before = if nothing { "" } else { "Damaged: " };
            return State::Said(format!("{before}{}", damage.message));
        }
        if movie.moov.is_none() && (!movie.fragments.is_empty() || !movie.indexes.is_empty()) {
            return State::Said(segment_words(movie));
        }
        let protected = self.tracks.iter().find(|track| track.protection.is_some());
        match protected.and_then(|track| track.protection.as_ref()) {
            None if !movie.ciphertext.is_empty() => State::Ciphertext,
            None => State::Clear,
            Some(protection) => State::Protected(format!(
                "{}, {}, {}. {}",
                self.system_words(),
                scheme_words(protection, self.has_piff_boxes(movie)),
                protection.algorithm,
                self.kid_words(movie),
            )),
        }
    }

    /// Such as `Smooth Streaming file, 1 video track, 00:00:12.000, 400 kbit/s`.
    fn made_of(&self, movie: &Movie) -> String {
        let form = match (self.fragmented, movie.is_smooth()) {
            (true, true) => "Smooth Streaming file",
            (true, false) => "fragmented MP4",
            (false, _) => "progressive MP4",
        };
        format!("{form}, {}{}", self.track_words(), self.extent())
    }

    /// How many errors and warnings there are, and who trips over them.
    fn troubles(&self) -> String {
        let of = |severity| self.findings.iter().filter(|f| f.severity() == severity).count();
        let mut counts: Vec<String> = [(Severity::Error, "error"), (Severity::Warning, "warning")]
            .into_iter()
            .map(|(severity, word)| (of(severity), word))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| words::plural(count, word))
            .collect();
        let failing = self.findings.iter().filter(|f| f.severity() == Severity::Error);
        let mut who: Vec<&str> = failing.map(|f| f.check.fails.words()).collect();
        who.dedup();
        if let Some(errors) = counts.first_mut().filter(|_| !who.is_empty()) {
            *errors += &format!(" ({})", words::listed(&who));
        }
        match counts.is_empty() {
            true => String::new(),
            false => format!("{}.", counts.join(", ")),
        }
    }

    pub(super) fn track_words(&self) -> String {
        let kinds = [TrackKind::Video, TrackKind::Audio, TrackKind::Text, TrackKind::Other];
        let counts: Vec<(usize, &str)> = kinds
            .into_iter()
            .map(|kind| (self.tracks.iter().filter(|t| t.kind == kind).count(), kind.word()))
            .filter(|(count, _)| *count > 0)
            .collect();
        let list: Vec<String> = counts.iter().map(|(n, word)| format!("{n} {word}")).collect();
        if list.is_empty() {
            return "no tracks".to_owned();
        }
        let plural = if counts.last().is_some_and(|(n, _)| *n > 1) { "s" } else { "" };
        format!("{} track{plural}", words::listed(&list))
    }

    fn extent(&self) -> String {
        let time = self.duration_seconds.map(|s| format!(", {}", timecode(s)));
        let rate = self.bitrate.map(|rate| format!(", {}", kbits(rate)));
        time.unwrap_or_default() + &rate.unwrap_or_default()
    }

    /// Whether PIFF's `tenc` stands in a sample entry, as beside ISO's in `dual`.
    fn has_piff_boxes(&self, movie: &Movie) -> bool {
        movie.tracks.iter().filter_map(Track::protection).any(|p| p.has_piff_tenc)
    }

    fn system_words(&self) -> String {
        let mut names: Vec<&str> = self.systems.iter().map(|s| s.name).collect();
        names.dedup();
        match names[..] {
            [] => "no DRM header".to_owned(),
            _ => words::listed(&names),
        }
    }

    /// The KIDs that samples use, where keys rotate, else those announced.
    pub(super) fn kids(&self, movie: &Movie) -> Vec<Kid> {
        let mut kids: Vec<Kid> = movie.ivs.iter().map(|run| run.kid).collect();
        if kids.is_empty() {
            let announced = self.tracks.iter().filter_map(|t| t.protection.as_ref()?.kid);
            kids = announced.collect();
        }
        crate::collections::sort(&mut kids);
        kids.dedup();
        kids
    }

    fn kid_words(&self, movie: &Movie) -> String {
        let protected: Vec<&TrackSummary> =
            self.tracks.iter().filter(|t| t.protection.is_some()).collect();
        let kids = self.kids(movie);
        let clear = match self.tracks.len() - protected.len() {
            0 => String::new(),
            1 => ", 1 track clear".to_owned(),
            n => format!(", {n} tracks clear"),
        };
        match (kids.len(), protected.len()) {
            (0, _) => format!("No KID{clear}."),
            (1, 1) => format!("One KID{clear}."),
            (1, 2) if self.tracks.len() == 2 => "One KID on both tracks.".to_owned(),
            (1, n) => format!("One KID on {n} tracks{clear}."),
            (n, _) => format!("{n} KIDs{clear}."),
        }
    }
}

/// Whether there are whole fragments behind a whole `moov`.
fn can_be_repaired(movie: &Movie) -> bool {
    let (Some(damage), Some(moov)) = (&movie.damage, &movie.moov) else { return false };
    let outside = damage.at.is_none_or(|at| at < moov.at || at >= moov.at + moov.size());
    outside && !movie.fragments.is_empty()
}

/// What a file without `moov` is.
fn segment_words(movie: &Movie) -> String {
    let fragments = movie.fragments.len();
    let runs = || movie.fragments.iter().flat_map(|fragment| &fragment.runs);
    match fragments {
        0 => "A segment index by itself, without header and media.".to_owned(),
        n => format!(
            "{} media segment, {} with {}, without its header: put its \
             initialization segment in front.",
            if runs().any(|run| run.has_ivs) { "A protected" } else { "A" },
            words::plural(n, "fragment"),
            words::plural(runs().map(|run| run.samples as usize).sum(), "sample")
        ),
    }
}

fn scheme_words(protection: &ProtectionSummary, piff_boxes: bool) -> String {
    let Some(code) = protection.scheme else { return "unknown scheme".to_owned() };
    match (code.scheme(), protection.scheme_version.as_str()) {
        (Some(Scheme::Piff), "0x00010001") => "PIFF 1.1".to_owned(),
        (Some(Scheme::Piff), _) => "PIFF 1.0".to_owned(),
        _ if piff_boxes => format!("scheme {code} with PIFF boxes beside it"),
        _ => format!("scheme {code}"),
    }
}
