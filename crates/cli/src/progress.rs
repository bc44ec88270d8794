//! How far a file is, on a terminal; elsewhere nothing of it is written.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether bars of single files are shown: a batch has one of its own.
static SHOWN: AtomicBool = AtomicBool::new(true);

/// Shows no bars of single files from here on.
pub(crate) fn of_many() {
    SHOWN.store(false, Ordering::Relaxed);
}

/// A bar over so many bytes, which goes away when it is dropped. It comes only where
/// the work is long enough to wait for.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(what: &'static str, bytes: u64) -> Self {
        let form = "{msg} {bar:24} {percent:>3} % · {decimal_bytes_per_sec} · {eta} left";
        Self(bar(form, bytes, SHOWN.load(Ordering::Relaxed)).with_message(what))
    }

    /// Of so many titles.
    pub(crate) fn of_titles(titles: usize) -> Self {
        Self(bar("{pos} of {len} titles {bar:24} {eta} left {msg}", titles as u64, true))
    }

    pub(crate) fn at(&self, bytes: u64) {
        self.0.set_position(bytes);
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }

    /// Says something above the bar.
    pub(crate) fn say(&self, words: &str) {
        self.0.suspend(|| eprintln!("{words}"));
    }
}

fn bar(form: &str, length: u64, shown: bool) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    // The form is our own; were it wrong, the plain one would do.
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style.progress_chars("━━─"));
    }
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
