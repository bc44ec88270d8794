//! Colours on terminals, where they are wanted.

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// When to colour what is printed.
#[derive(Clone, Copy, Default, ValueEnum)]
pub(crate) enum Color {
    /// On terminals, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

static COLOURED: AtomicBool = AtomicBool::new(false);

pub(crate) fn choose(color: Color) {
    let wanted = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            !refused && std::io::stdout().is_terminal()
        }
    };
    COLOURED.store(wanted, Ordering::Relaxed);
}

fn painted(style: Style, text: &str) -> String {
    match COLOURED.load(Ordering::Relaxed) {
        true => format!("{style}{text}{style:#}"),
        false => text.to_owned(),
    }
}

/// The word of a severity, in its colour.
pub(crate) fn severity(severity: ismvault::checks::Severity, text: &str) -> String {
    use ismvault::checks::Severity;
    let color = match severity {
        Severity::Error => AnsiColor::Red,
        Severity::Warning => AnsiColor::Yellow,
        Severity::Info => AnsiColor::Cyan,
    };
    painted(color.on_default(), text)
}

/// What is said first.
pub(crate) fn strong(text: &str) -> String {
    painted(Style::new().bold(), text)
}
