//! The rule of direction: a module names only modules of lower rank.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first; modules in one row do not name each other.
const LAYERS: &[&[&str]] = &[
    &["error", "lint", "sorted"],
    &["ids"],
    &["bytes", "language"],
    &["xml"],
    &["boxes"],
    &["cipher"],
    &["drm", "codec", "witness", "quicktime"],
    &["model", "manifest"],
    &["decode"],
    &["inspect", "recipe", "explore", "profile", "times", "offsets"],
    &["envelopes", "entries", "proof"],
    &["rewrite", "compose", "doctor", "set"],
    &["rebox", "fragmenter"],
    &["mux"],
    &["assemble"],
    &["protect", "decrypt", "workshop", "publish"],
    &["report"],
    &["diff"],
    &["wasm"],
];

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn modules_name_only_modules_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut named = 0;
    for file in files {
        let path = file.strip_prefix(&src).unwrap().with_extension("");
        let module = path.iter().next().unwrap().to_str().unwrap().to_owned();
        if matches!(module.as_str(), "lib" | "bin") {
            continue;
        }
        let own =
            rank(&module).unwrap_or_else(|| panic!("{module} has no layer: add it to LAYERS"));
        let text = fs::read_to_string(&file).unwrap();
        let code: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        let text = code.join("\n");
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at + 7..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let Some(other) = rank(&rest[..end]) else { continue };
            named += 1;
            let allowed = other < own || rest[..end] == module;
            assert!(allowed, "{} names crate::{}", file.display(), &rest[..end]);
        }
    }
    assert!(named > 50, "the test looked at the sources");
}

#[test]
fn one_module_names_the_cipher() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    for file in files.iter().filter(|file| !file.ends_with("cipher.rs")) {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains("ismvault_cipher"), "{} names the cipher", file.display());
    }
}
