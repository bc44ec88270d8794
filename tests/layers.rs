//! The rule of direction: a module names only modules of lower rank.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first; modules in one row do not name each other.
const LAYERS: &[&[&str]] = &[
    &["error", "collections", "words"],
    &["checks"],
    &["format::ids"],
    &["format::bytes", "format::language"],
    &["format::xml"],
    &["format::boxes"],
    &["format::cipher"],
    &["format::drm", "format::codec", "make::witness", "format::quicktime"],
    &["model"],
    &["look::decode"],
    &["look::inspect", "make::recipe", "look::explore", "make::profile", "make::offsets"],
    &["make::protection_boxes", "make::sample_entries", "make::proof"],
    &["make::keys", "make::rewrite", "make::fragment_writer", "look::doctor", "look::set"],
    &["make::rebox", "make::fragmenter"],
    &["make::mux"],
    &["make::assemble"],
    &["make::protect", "make::decrypt", "make::header_editor", "make::manifests"],
    &["jobs"],
    &["look::report"],
    &["look::diff"],
    &["typescript"],
];

/// The modules that only hold others.
const WINGS: [&str; 3] = ["format", "look", "make"];

/// The place of a path such as `make::protect::plan` in [`LAYERS`].
fn rank(path: &[&str]) -> Option<(usize, String)> {
    let name = match path {
        [wing, module, ..] if WINGS.contains(wing) => format!("{wing}::{module}"),
        [module, ..] => (*module).to_owned(),
        [] => return None,
    };
    let row = LAYERS.iter().position(|row| row.contains(&name.as_str()))?;
    Some((row, name))
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
        let path: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
        if path == ["lib"] || (path.len() == 1 && WINGS.contains(&path[0])) {
            continue;
        }
        let (own, module) = rank(&path)
            .unwrap_or_else(|| panic!("{} has no layer: add it to LAYERS", path.join("::")));
        let text = fs::read_to_string(&file).unwrap();
        let code: Vec<&str> = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect();
        let text = code.join("\n");
        for (at, _) in text.match_indices("crate::") {
            let rest = &text[at + 7..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            let other: Vec<&str> = rest[..end.unwrap_or(rest.len())].split("::").collect();
            // What the crate itself has.
            if other[0].starts_with(char::is_uppercase) || other == ["", ""] || other == [""] {
                continue;
            }
            let (row, other) = rank(&other)
                .unwrap_or_else(|| panic!("{}: crate::{}", file.display(), other.join("::")));
            named += 1;
            assert!(row < own || other == module, "{} names crate::{other}", file.display());
        }
    }
    assert!(named > 300, "the test looked at the sources");
}

#[test]
fn one_module_names_the_cipher() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    for file in files.iter().filter(|file| !file.ends_with("format/cipher.rs")) {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains("ismvault_cipher"), "{} names the cipher", file.display());
    }
}
