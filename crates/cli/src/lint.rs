//! `ismvault lint`: every check, over one file or a set, for people and CI jobs.

use crate::host::{Input, Stop, plural, print, printable, stop, to_json, usage};
use crate::inspect::finding_text;
use crate::secret::{Opening, secrets};
use clap::{Args, ValueEnum};
use ismvault::checks::{CHECKS, CheckId, Severity};
use ismvault::look::doctor::Doctor;
use ismvault::look::set::{FileSet, ReuseProofs};
use ismvault::model::manifest::Manifest;
use ismvault::model::{Finding, Movie};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ismvault lint film.mp4 --key @key.txt
  ismvault lint set/                         (a set and its manifests, against each other)
  ismvault lint set/ --format sarif > findings.sarif")]
pub(crate) struct LintArgs {
    /// Files, manifests (.ism, .ismc, .mpd, .m3u8) or a folder of them; those
    /// given together are one set.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A key to test the samples and the CHECKSUM with, as in `ismvault key`.
    #[arg(long = "key", value_name = "TEXT", allow_hyphen_values = true)]
    keys: Vec<String>,
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// How to print what was found.
    #[arg(long, value_enum, default_value = "text")]
    format: LintFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum LintFormat {
    Text,
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// JUnit XML.
    Junit,
}

const MANIFESTS: [&str; 4] = ["ism", "ismc", "mpd", "m3u8"];
const MEDIA: [&str; 12] =
    ["ismv", "isma", "ismt", "mp4", "m4v", "m4a", "m4s", "cmfv", "cmfa", "cmft", "mov", "uvu"];

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase()
}

/// Exit status 1 where there is an error.
pub(crate) fn lint(args: &LintArgs) -> Result<ExitCode, Stop> {
    let mut paths = Vec::new();
    for path in &args.files {
        let found = if path.is_dir() { folder(path)? } else { vec![path.clone()] };
        for path in found {
            let known = |other: &PathBuf| {
                other.canonicalize().ok() == path.canonicalize().ok() && path.exists()
            };
            if !paths.iter().any(known) {
                paths.push(path);
            }
        }
    }
    if paths.is_empty() {
        return Err(stop("There is no media file and no manifest in there."));
    }
    let (findings, names) = findings(&paths, &args.keys)?;
    let text = match args.format {
        LintFormat::Text => text(&findings, &names),
        LintFormat::Json => to_json(&as_json(&findings, &names))?,
        LintFormat::Sarif => to_json(&sarif(&findings))?,
        LintFormat::Junit => junit(&findings, &names),
    };
    print(&text)?;
    let errors = findings.iter().any(|finding| finding.severity() == Severity::Error);
    Ok(if errors { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn folder(path: &Path) -> Result<Vec<PathBuf>, Stop> {
    let failed = |e: std::io::Error| stop(format!("{} cannot be read: {e}.", path.display()));
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let extension = extension(&path);
        if path.is_file() && MEDIA.iter().chain(&MANIFESTS).any(|e| *e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Everything found in the files and between them; the gravest first in each.
fn findings(paths: &[PathBuf], keys: &[String]) -> Result<(Vec<Finding>, Vec<String>), Stop> {
    let mut movies: Vec<(String, Movie)> = Vec::new();
    let mut set = FileSet::default();
    let mut all: Vec<Finding> = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        if MANIFESTS.contains(&extension(path).as_str()) {
            let bytes = match Input::open(path).and_then(|input| input.read_text()) {
                Ok(bytes) => bytes,
                Err(stop) => {
                    all.push(unreadable(name, &stop));
                    continue;
                }
            };
            match Manifest::parse(&bytes) {
                Ok(manifest) => set.manifests.push((name, manifest)),
                Err(e) => {
                    let mut finding = Finding::from(e);
                    finding.file = Some(name);
                    all.push(finding);
                }
            }
            continue;
        }
        let opened = Input::open(path).and_then(|input| {
            let movie = input.inspect()?;
            Ok((input, movie))
        });
        let (input, mut movie) = match opened {
            Ok(opened) => opened,
            Err(stop) => {
                all.push(unreadable(name, &stop));
                continue;
            }
        };
        if !keys.is_empty() && movie.tracks.iter().any(|track| track.protection().is_some()) {
            let given = secrets(keys)?;
            let texts: Vec<&str> = given.iter().map(|text| text.as_str()).collect();
            let mut doctor = Doctor::new(&movie, &texts).map_err(usage)?;
            input.drive(&mut doctor)?;
            movie.findings.extend(doctor.findings());
        }
        for finding in &mut movie.findings {
            finding.file = Some(name.clone());
        }
        movie.findings.sort_by_key(Finding::gravity);
        all.append(&mut movie.findings);
        movies.push((name, movie));
    }
    // Segments and their initialization segment are one file, in parts.
    let header = movies.iter().any(|(_, m)| m.moov.is_some() && m.fragments.is_empty());
    let segments = movies.iter().any(|(_, m)| m.moov.is_none() && !m.fragments.is_empty());
    if header && segments {
        all.retain(|f| {
            !matches!(f.check.id, CheckId::NoMoov | CheckId::MediaSegment | CheckId::NoFragments)
        });
    }
    set.files = movies.iter().map(|(name, movie)| (name.clone(), movie)).collect();
    let mut proofs = ReuseProofs::new(&set);
    while let Some((file, spans)) = proofs.step()? {
        let input = Input::open(Path::new(&movies[file].0))?;
        for span in spans {
            proofs.feed(&input.read_whole(span)?)?;
        }
    }
    set.proofs = proofs.into_proofs();
    all.extend(set.check());
    all.sort_by_key(Finding::gravity);
    Ok((all, paths.iter().map(|path| path.display().to_string()).collect()))
}

/// A file that could not be looked at is a finding, so that the others are.
fn unreadable(name: String, stop: &Stop) -> Finding {
    let mut finding = Finding::new(CheckId::Unreadable, stop.0.clone());
    finding.file = Some(name);
    finding
}

fn count(findings: &[Finding], severity: Severity) -> u64 {
    findings.iter().filter(|finding| finding.severity() == severity).count() as u64
}

fn text(findings: &[Finding], names: &[String]) -> String {
    let mut out = String::new();
    for name in names {
        let own: Vec<&Finding> =
            findings.iter().filter(|f| f.file.as_deref() == Some(name.as_str())).collect();
        out += &format!("{}\n", printable(name));
        for finding in own {
            out += &format!("  {}\n", finding_text(finding));
            if finding.severity() != Severity::Info {
                let ismvault::checks::Check { fails, advice, source, .. } = finding.check;
                out += &match source {
                    "" => format!("           {advice}\n"),
                    source => format!("           {} {advice} ({source})\n", fails.sentence()),
                };
            }
        }
    }
    let (errors, warnings) = (count(findings, Severity::Error), count(findings, Severity::Warning));
    out += &format!(
        "{}, {}, {} in {}.",
        plural(errors, "error"),
        plural(warnings, "warning"),
        plural(count(findings, Severity::Info), "note"),
        plural(names.len() as u64, "file")
    );
    out
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

fn as_json(findings: &[Finding], names: &[String]) -> Value {
    let findings: Vec<Value> = findings
        .iter()
        .map(|f| {
            json!({
                "id": f.check.id, "number": f.check.number, "severity": word(f.severity()),
                "message": f.message, "file": f.file, "track": f.track, "at": f.at,
                "length": f.length, "path": f.path, "source": f.check.source,
                "advice": f.check.advice, "fails": f.check.fails, "times": f.times, "evidence": f.evidence,
            })
        })
        .collect();
    json!({ "schema": 1, "version": env!("CARGO_PKG_VERSION"), "files": names, "findings": findings })
}

/// Static Analysis Results Interchange Format (OASIS SARIF 2.1.0).
fn sarif(findings: &[Finding]) -> Value {
    let level = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let mut rules: Vec<Value> = CHECKS
        .iter()
        .map(|check| {
            json!({
                "id": check.id,
                "shortDescription": { "text": check.title },
                "help": { "text": check.explanation() },
                "defaultConfiguration": { "level": level(check.severity) },
            })
        })
        .collect();
    for finding in findings {
        // Faults of structure have a code each, and one text.
        let id = finding.check.id;
        if !rules.iter().any(|rule| rule["id"] == id.name()) {
            rules.push(json!({
                "id": id,
                "shortDescription": { "text": finding.check.title },
                "help": { "text": finding.check.explanation() },
                "defaultConfiguration": { "level": level(finding.severity()) },
            }));
        }
    }
    let results: Vec<Value> = findings
        .iter()
        .map(|f| {
            let uri = uri(f.file.as_deref().unwrap_or_default());
            let mut place = json!({ "artifactLocation": { "uri": uri } });
            if let Some(at) = f.at {
                place["region"] = json!({ "byteOffset": at, "byteLength": f.length.unwrap_or(1) });
            }
            json!({
                "ruleId": f.check.id,
                "level": level(f.severity()),
                "message": { "text": f.message },
                "locations": [{ "physicalLocation": place }],
                "properties": { "track": f.track, "times": f.times },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "ismvault", "version": env!("CARGO_PKG_VERSION"), "rules": rules,
            } },
            "results": results,
        }],
    })
}

/// A path as a relative URI (RFC 3986).
fn uri(path: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"/-._~:".contains(&b);
    let bytes = path.bytes().map(|b| if b == b'\\' { b'/' } else { b });
    bytes.map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// JUnit XML: a suite for each file, a case for each finding; errors fail.
fn junit(findings: &[Finding], names: &[String]) -> String {
    let escape = |text: &str| {
        let clean: String = text.chars().filter(|c| !c.is_control()).collect();
        clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"ismvault lint\">\n",
    );
    for name in names {
        let own: Vec<&Finding> =
            findings.iter().filter(|f| f.file.as_deref() == Some(name.as_str())).collect();
        let errors = own.iter().filter(|f| f.severity() == Severity::Error).count();
        out += &format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{errors}\" errors=\"0\">\n",
            escape(name),
            own.len().max(1)
        );
        if own.is_empty() {
            out += "    <testcase name=\"all checks\"/>\n";
        }
        for f in own {
            let track = f.track.map(|id| format!(", track {id}")).unwrap_or_default();
            let case = format!(
                "    <testcase classname=\"{}\" name=\"{}{track}\"",
                escape(name),
                f.check.id
            );
            let message = escape(&f.message);
            out += &match f.severity() {
                Severity::Error => format!(
                    "{case}><failure type=\"{}\" message=\"{message}\">{}</failure></testcase>\n",
                    f.check.id,
                    escape(f.check.advice)
                ),
                severity => format!(
                    "{case}><system-out>{}: {message}</system-out></testcase>\n",
                    word(severity)
                ),
            };
        }
        out += "  </testsuite>\n";
    }
    out + "</testsuites>"
}
