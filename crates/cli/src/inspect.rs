//! `ismvault inspect`: a file in words, as JSON, as a report; its boxes and samples.

use crate::host::{Input, Stop, USAGE, plural, print, printable, shown, stop, to_json};
use crate::make::files_in;
use crate::style;
use clap::Args;
use ismvault::Span;
use ismvault::jobs::names;
use ismvault::look::explore;
use ismvault::look::report::{self, Inspection, kbits, timecode};
use ismvault::model::{Finding, Movie};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
#[command(after_help = "\
Examples:
  ismvault inspect film.ismv
  ismvault inspect titles/ --json
  ismvault inspect - < film.ismv")]
pub(crate) struct InspectArgs {
    /// Files, or a folder of them; - is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Print everything as JSON.
    #[arg(long)]
    json: bool,
    /// Print every box with its fields.
    #[arg(long, conflicts_with = "samples")]
    boxes: bool,
    /// Print every sample of every fragment.
    #[arg(long)]
    samples: bool,
    /// Print a report instead.
    #[arg(long, value_name = "html|csv", conflicts_with_all = ["json", "boxes", "samples"])]
    report: Option<report::Form>,
}

pub(crate) fn inspect(args: &InspectArgs) -> Result<ExitCode, Stop> {
    let mut files = Vec::new();
    files_in(&args.files, 0, &mut files)?;
    files.retain(|path| args.files.contains(path) || names::is_media(&path.to_string_lossy()));
    if let ([file], [named]) = (&files[..], &args.files[..])
        && !named.is_dir()
    {
        return one(args, file);
    }
    if files.is_empty() {
        return Err(stop("There is no media file in there."));
    }
    if args.boxes || args.samples || args.report.is_some() {
        return Err(Stop("Boxes, samples and reports are of one file. Name one.".into(), USAGE));
    }
    // One that cannot be read does not hide the others.
    let mut worst = ExitCode::SUCCESS;
    for (number, file) in files.iter().enumerate() {
        if args.json {
            print(if number == 0 { "[" } else { "," })?;
        } else {
            print(&format!("{}{}", if number == 0 { "" } else { "\n" }, printable(&shown(file))))?;
        }
        let looked = Input::open(file).and_then(|input| input.inspect());
        match looked {
            Err(Stop(sentence, status)) => {
                worst = ExitCode::from(status);
                match args.json {
                    true => print(&to_json(&Refused { file: shown(file), error: sentence })?)?,
                    false => print(&printable(&sentence))?,
                }
            }
            Ok(movie) => {
                let inspection = Inspection::new(&movie);
                if movie.damage.is_some() {
                    worst = ExitCode::FAILURE;
                }
                match args.json {
                    true => {
                        let timelines = report::timelines(&movie);
                        let whole = Whole { inspection: &inspection, timelines };
                        print(&to_json(&Named { file: shown(file), whole })?)?;
                    }
                    false => print(&inspection.verdict)?,
                }
            }
        }
    }
    if args.json {
        print("]")?;
    }
    Ok(worst)
}

/// One of several files, as JSON.
#[derive(serde::Serialize)]
struct Named<'a> {
    file: String,
    #[serde(flatten)]
    whole: Whole<'a>,
}

/// One that cannot be read.
#[derive(serde::Serialize)]
struct Refused {
    file: String,
    error: String,
}

fn one(args: &InspectArgs, file: &Path) -> Result<ExitCode, Stop> {
    let input = Input::open(file)?;
    let movie = input.inspect()?;
    let inspection = Inspection::new(&movie);
    let name = input.name.clone();
    let timelines = || report::timelines(&movie);
    match args.report {
        Some(form) => print(&form.write(&name, &inspection, &timelines()))?,
        None if args.boxes => boxes(&input, &movie, args.json)?,
        None if args.samples => samples(&input, &movie, args.json)?,
        None if args.json => {
            let whole = Whole { inspection: &inspection, timelines: timelines() };
            print(&to_json(&whole)?)?;
        }
        None => print(&describe(&inspection))?,
    }
    Ok(damage(file, &movie))
}

/// The inspection, and its fragments over time.
#[derive(serde::Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    inspection: &'a Inspection,
    timelines: Vec<report::Timeline>,
}

/// A box with its fields, as JSON.
#[derive(serde::Serialize)]
struct BoxWithFields {
    #[serde(flatten)]
    head: Head,
    fields: Vec<ismvault::format::bytes::BoxField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ismvault::Error>,
    children: Vec<BoxWithFields>,
}

#[derive(serde::Serialize)]
struct Head {
    kind: String,
    name: Option<&'static str>,
    source: Option<&'static str>,
    at: u64,
    size: u64,
}

fn with_fields(movie: &Movie, bytes: &[u8], top: u64, branch: &explore::Branch) -> BoxWithFields {
    let table = explore::fields(movie, bytes, top, branch.at, 0);
    let (fields, error) = match table {
        Ok(table) => (table.fields, table.error),
        Err(e) => (Vec::new(), Some(e)),
    };
    BoxWithFields {
        head: Head {
            kind: branch.kind.clone(),
            name: branch.name,
            source: branch.source,
            at: branch.at,
            size: branch.size,
        },
        fields,
        error,
        children: branch
            .children
            .iter()
            .map(|child| with_fields(movie, bytes, top, child))
            .collect(),
    }
}

/// Boxes at the top that are read whole to look into.
fn looked_into(kind: &str, span: Span) -> bool {
    !matches!(kind, "mdat" | "free" | "skip")
        && span.len <= ismvault::format::bytes::limits::WHOLE_BOX
}

fn boxes(input: &Input, movie: &Movie, json: bool) -> Result<(), Stop> {
    let mut first = true;
    for top in &movie.top {
        let kind = top.kind.to_string();
        let explore::BoxKind { name, source, .. } = top.kind.into();
        let head = Head { kind: kind.clone(), name, source, at: top.span.at, size: top.span.len };
        let mut shown =
            BoxWithFields { head, fields: Vec::new(), error: None, children: Vec::new() };
        if looked_into(&kind, top.span) {
            let bytes = input.read_whole(top.span)?;
            match explore::tree(&bytes, top.span.at) {
                Ok((branch, _)) => shown = with_fields(movie, &bytes, top.span.at, &branch),
                Err(e) => shown.error = Some(e),
            }
        }
        if json {
            let text = to_json(&shown)?;
            print(&format!("{}{text}", if first { "[" } else { "," }))?;
        } else {
            let mut out = String::new();
            // Writing to a String does not fail.
            let _ = tree_text(&mut out, &shown, 0);
            print(&out)?;
        }
        first = false;
    }
    if json {
        print(if first { "[]" } else { "]" })?;
    }
    Ok(())
}

/// Fields of one box that text shows.
const FIELDS: usize = 40;

fn tree_text(out: &mut String, shown: &BoxWithFields, depth: usize) -> std::fmt::Result {
    let indent = "  ".repeat(depth);
    let head = &shown.head;
    let name = head.name.unwrap_or("unknown box");
    writeln!(out, "{indent}{} at {}, {} bytes: {name}", printable(&head.kind), head.at, head.size)?;
    for field in shown.fields.iter().skip(2).take(FIELDS) {
        writeln!(out, "{indent}    {} = {}", field.name, printable(&field.value.to_string()))?;
    }
    if shown.fields.len() > FIELDS + 2 {
        writeln!(out, "{indent}    … {} more", shown.fields.len() - FIELDS - 2)?;
    }
    if let Some(error) = &shown.error {
        writeln!(out, "{indent}    ! {error}")?;
    }
    shown.children.iter().try_for_each(|child| tree_text(out, child, depth + 1))
}

fn samples(input: &Input, movie: &Movie, json: bool) -> Result<(), Stop> {
    if movie.fragments.is_empty() {
        return Err(stop("The file has no fragments; samples are listed for fragmented files."));
    }
    let mut first = true;
    for fragment in &movie.fragments {
        let bytes = input.read_whole(fragment.head)?;
        for track in explore::samples(movie, &bytes, fragment.moof.at)? {
            if json {
                print(&format!("{}{}", if first { "[" } else { "," }, to_json(&track)?))?;
                first = false;
                continue;
            }
            let mut out = format!("Track {}, fragment at byte {}\n", track.track, track.moof_at);
            if let Some(problem) = &track.problem {
                let _ = writeln!(out, "  ! {problem}");
            }
            for s in &track.samples {
                let time = s.seconds.map_or("–".into(), |s| format!("{s:.3}"));
                let sync = if s.sync { "sync" } else { "" };
                let _ = write!(
                    out,
                    "  {:>5} at {:>10} {:>8} bytes {time:>10} s {sync:4}",
                    s.number, s.at, s.size
                );
                if let Some(iv) = &s.iv {
                    let _ = write!(out, " IV {iv}");
                }
                for (clear, protected) in &s.subsamples {
                    let _ = write!(out, " {clear}+{protected}");
                }
                out.push('\n');
            }
            print(&out)?;
        }
    }
    if json {
        print("]")?;
    }
    Ok(())
}

/// Tells what is damaged, and gives the exit status.
fn damage(file: &Path, movie: &Movie) -> ExitCode {
    let Some(damage) = &movie.damage else { return ExitCode::SUCCESS };
    let mut place = damage.at.map(|at| format!(" (at byte {at}")).unwrap_or_default();
    if !place.is_empty() {
        place += &damage.path.as_ref().map(|path| format!(", in {path}")).unwrap_or_default();
        place += ")";
    }
    eprintln!("ismvault: {}: {}{place}", file.display(), damage.message);
    ExitCode::FAILURE
}

fn describe(inspection: &Inspection) -> String {
    let mut out = format!("{}\n\n", style::strong(&inspection.verdict));
    // Writing to a String does not fail.
    let _ = describe_into(&mut out, inspection);
    out
}

fn describe_into(out: &mut String, inspection: &Inspection) -> std::fmt::Result {
    let brands: Vec<String> = inspection.brands.iter().map(ToString::to_string).collect();
    if !brands.is_empty() {
        writeln!(out, "Brands     {}", brands.join(" "))?;
    }
    let (size, fragments) = (inspection.size, inspection.fragments as u64);
    writeln!(out, "Size       {}, {}", plural(size, "byte"), plural(fragments, "fragment"))?;
    for track in &inspection.tracks {
        writeln!(
            out,
            "\nTrack {}    {}, {}, {}",
            track.id,
            track.kind.word(),
            track.codec.as_deref().unwrap_or("unknown codec"),
            track.language
        )?;
        let mut facts = Vec::new();
        if let (Some(w), Some(h)) = (track.width, track.height) {
            facts.push(format!("{w} × {h}"));
        }
        facts.extend(track.frame_rate.map(|rate| format!("{rate:.3} fps")));
        facts.extend(track.channels.map(|n| plural(n.into(), "channel")));
        facts.extend(track.sample_rate.map(|rate| format!("{rate} Hz")));
        facts.extend(track.duration_seconds.map(timecode));
        writeln!(out, "           {}", facts.join(", "))?;
        writeln!(
            out,
            "           {} in {}, {}",
            plural(track.samples, "sample"),
            plural(track.fragments.into(), "fragment"),
            plural(track.bytes, "byte")
        )?;
        let rate = |rate: Option<u64>| rate.map_or("unknown".into(), kbits);
        writeln!(
            out,
            "           bitrate: declared {}, measured {}, peak fragment {}",
            rate(track.bitrate.declared.map(u64::from)),
            rate(track.bitrate.measured),
            rate(track.bitrate.peak)
        )?;
        for p in &track.schemes {
            let scheme = p.scheme.map_or("unknown".into(), |s| s.to_string());
            writeln!(
                out,
                "           protected: scheme {scheme} {}, {} ({}), IV {} bytes",
                p.scheme_version, p.algorithm, p.algorithm_id, p.iv_size
            )?;
            if let (Some(kid), Some(guid)) = (p.kid, p.kid_guid) {
                writeln!(out, "           KID {kid} (in GUID byte order {guid})")?;
            }
        }
    }
    for system in &inspection.systems {
        writeln!(
            out,
            "\nHeader     {} ({}), {} version {}, {} bytes",
            system.name, system.system_id, system.envelope, system.version, system.data_size
        )?;
        for kid in &system.kids {
            writeln!(out, "           KID {kid} (in GUID byte order {})", kid.swapped())?;
        }
        let Some(header) = system.header.as_ref().map(|h| &h.header) else { continue };
        writeln!(out, "           WRMHEADER {}", printable(&header.version))?;
        for (name, value) in
            [("LA_URL", &header.la_url), ("LUI_URL", &header.lui_url), ("DS_ID", &header.ds_id)]
        {
            if let Some(value) = value {
                writeln!(out, "           {name} {}", printable(value))?;
            }
        }
        for checksum in header.keys.iter().filter_map(|key| key.checksum.as_ref()) {
            writeln!(out, "           CHECKSUM {}", printable(checksum))?;
        }
        writeln!(out, "           {}", printable(&header.xml))?;
    }
    if !inspection.findings.is_empty() {
        writeln!(out, "\nFindings")?;
    }
    for finding in &inspection.findings {
        writeln!(out, "  {}", finding_text(finding))?;
    }
    Ok(())
}

/// A finding on one line, with its evidence below.
pub(crate) fn finding_text(finding: &Finding) -> String {
    let severity = format!("{:8}", finding.severity().word());
    let severity = style::severity(finding.severity(), &severity);
    let track = finding.track.map(|id| format!("track {id}: ")).unwrap_or_default();
    let at = match (finding.at, finding.times) {
        (None, 1) => String::new(),
        (None, n) => format!(" ({n} times)"),
        (Some(at), 1) => format!(" (at byte {at})"),
        (Some(at), n) => format!(" ({n} times, first at byte {at})"),
    };
    let mut text =
        format!("{severity} {track}{}{at} [{}]", printable(&finding.message), finding.check.id);
    for line in &finding.evidence {
        text += &format!("\n             {}", printable(line));
    }
    text
}
