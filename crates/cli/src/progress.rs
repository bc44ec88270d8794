//! How far a file is, on a terminal; elsewhere nothing of it is written.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Whether bars of single files are shown: a batch has one of its own.
static SHOWN: AtomicBool = AtomicBool::new(true);

/// Shows no bars of single files from here on.
pub(crate) fn of_many() {
    SHOWN.store(false, Ordering::Relaxed);
}

/// What is done sooner needs no bar.
const SOON: Duration = Duration::from_millis(300);

/// A bar over so many bytes, which goes away when it is dropped. It comes only where
/// the work is long enough to wait for.
pub(crate) struct Progress {
    bar: ProgressBar,
    begun: Instant,
    /// Whether it is still to come.
    coming: AtomicBool,
}

impl Progress {
    pub(crate) fn new(what: &'static str, bytes: u64) -> Self {
        let form = "{msg} {bar:24} {percent:>3} % · {decimal_bytes_per_sec} · {eta} left";
        let progress = Self::of(form, bytes, SHOWN.load(Ordering::Relaxed));
        progress.bar.set_message(what);
        progress
    }

    /// Of so many titles.
    pub(crate) fn of_titles(titles: usize) -> Self {
        Self::of("{pos} of {len} titles {bar:24} {eta} left", titles as u64, true)
    }

    fn of(form: &str, length: u64, coming: bool) -> Self {
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
        // The form is our own; were it wrong, the plain one would do.
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style.progress_chars("━━─"));
        }
        Self { bar, begun: Instant::now(), coming: AtomicBool::new(coming) }
    }

    pub(crate) fn at(&self, bytes: u64) {
        self.come();
        self.bar.set_position(bytes);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.come();
        self.bar.inc(bytes);
    }

    fn come(&self) {
        if self.begun.elapsed() > SOON && self.coming.swap(false, Ordering::Relaxed) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// Says something above the bar.
    pub(crate) fn say(&self, words: &str) {
        self.bar.suspend(|| eprintln!("{words}"));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
