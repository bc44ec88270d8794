//! What is meant where a flag is left out, from a file of the user's: where players ask
//! for a licence, and which boxes are written. Never a key.

use crate::host::{Stop, USAGE};
use serde::Deserialize;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The defaults, as JSON has them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defaults {
    #[serde(default)]
    pub(crate) la_url: Option<String>,
    #[serde(default)]
    pub(crate) lui_url: Option<String>,
    #[serde(default)]
    pub(crate) profile: Option<String>,
}

const PROFILES: [&str; 4] = ["dual", "piff", "cenc", "cbcs"];

static DEFAULTS: OnceLock<Defaults> = OnceLock::new();

/// Reads the file that is named, or the user's own where there is one.
pub(crate) fn read(named: Option<&Path>) -> Result<(), Stop> {
    let path = match named {
        Some(path) => Some(path.to_owned()),
        None => own().filter(|path| path.is_file()),
    };
    let Some(path) = path else { return Ok(()) };
    let wrong = |why: String| Stop(format!("{}: {why}", path.display()), USAGE);
    let text = std::fs::read(&path).map_err(|e| wrong(format!("it cannot be read: {e}.")))?;
    // What stands in it may be a key, where it should not be.
    let defaults: Defaults = serde_json::from_slice(&text)
        .map_err(|e| wrong(ismvault::error::redacted(&format!("{e}."))))?;
    if let Some(profile) = &defaults.profile
        && !PROFILES.contains(&profile.as_str())
    {
        return Err(wrong(format!("its profile must be {}.", PROFILES.join(", "))));
    }
    let _ = DEFAULTS.set(defaults);
    Ok(())
}

pub(crate) fn defaults() -> Defaults {
    DEFAULTS.get().cloned().unwrap_or_default()
}

/// Where it is looked for (XDG Base Directory Specification; on Windows, APPDATA).
fn own() -> Option<PathBuf> {
    let folder =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || folder("HOME").map(|home| home.join(".config"));
    let base = folder("XDG_CONFIG_HOME").or_else(|| folder("APPDATA")).or_else(home)?;
    Some(base.join("ismvault/config.json"))
}
