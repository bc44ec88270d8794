//! The inspection as one HTML file: no script, no other file, fit to print.
//! Everything from the file is escaped.

use super::{Inspection, Timeline, kbits, timecode};
use crate::checks::Severity;
use crate::model::Finding;
use quick_xml::escape::escape;
use std::fmt::{Result, Write as _};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1rem;font-weight:500}h2{font-size:1.15rem;margin:2rem 0 .5rem}\
.verdict{font-size:1.3rem;font-weight:600;line-height:1.35}\
table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8886;vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
code,pre{font:13px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}\
pre{white-space:pre-wrap;border:1px solid #8886;border-radius:4px;padding:.5rem}\
li{margin:.6rem 0}small{color:#777}svg{width:100%;height:120px}\
@media print{body{margin:0;max-width:none;font-size:11px}tr,li{break-inside:avoid}}";

/// The page, for a file of this name.
pub(super) fn html(name: &str, inspection: &Inspection, timelines: &[Timeline]) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    let _ = write(&mut out, name, inspection, timelines);
    out
}

fn write(out: &mut String, name: &str, inspection: &Inspection, timelines: &[Timeline]) -> Result {
    let name = escape(name);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{name} – ISMVault</title><style>{STYLE}</style></head><body>\n\
         <h1><code>{name}</code>, {} bytes</h1>\n<p class=\"verdict\">{}</p>\n",
        inspection.size,
        escape(&inspection.verdict)
    )?;
    tracks(out, inspection)?;
    protection(out, inspection)?;
    findings(out, &inspection.findings)?;
    for timeline in timelines {
        plot(out, timeline)?;
    }
    write!(
        out,
        "<p><small>Made by ISMVault {}. Schema {}. No key is in this report.</small></p>\n</body></html>\n",
        env!("CARGO_PKG_VERSION"),
        inspection.schema
    )
}

fn tracks(out: &mut String, inspection: &Inspection) -> Result {
    out.write_str(
        "<h2>Tracks</h2><table><thead><tr><th>Track</th><th>Codec</th><th class=\"n\">Duration</th>\
         <th class=\"n\">Fragments</th><th class=\"n\">Samples</th><th class=\"n\">Declared</th>\
         <th class=\"n\">Measured</th><th class=\"n\">Peak</th></tr></thead><tbody>",
    )?;
    for t in &inspection.tracks {
        let rate = |rate: Option<u64>| rate.map_or("–".to_owned(), kbits);
        write!(
            out,
            "<tr><td>{} {} {}</td><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            t.id,
            t.kind.word(),
            escape(&t.language),
            escape(t.codec.as_deref().unwrap_or("unknown")),
            t.duration_seconds.map_or("–".to_owned(), timecode),
            t.fragments,
            t.samples,
            rate(t.bitrate.declared.map(u64::from)),
            rate(t.bitrate.measured),
            rate(t.bitrate.peak)
        )?;
    }
    out.write_str("</tbody></table>\n")
}

fn protection(out: &mut String, inspection: &Inspection) -> Result {
    out.write_str("<h2>Protection</h2>")?;
    if inspection.tracks.iter().all(|t| t.protection.is_none()) && inspection.systems.is_empty() {
        return out.write_str("<p>None: no track says that it is protected.</p>\n");
    }
    for t in &inspection.tracks {
        for p in &t.schemes {
            let scheme = p.scheme.map_or("unknown".to_owned(), |s| s.to_string());
            write!(
                out,
                "<p>Track {}: scheme {} {}, {}, IV {} bytes<br>",
                t.id,
                escape(&scheme),
                p.scheme_version,
                p.algorithm,
                p.iv_size
            )?;
            if let (Some(kid), Some(guid)) = (p.kid, p.kid_guid) {
                write!(out, "KID <code>{kid}</code>, in GUID byte order <code>{guid}</code>")?;
            }
            out.write_str("</p>")?;
        }
    }
    for system in &inspection.systems {
        write!(
            out,
            "<p><b>{}</b> <code>{}</code>, {} version {}, {} bytes, at byte {}</p>",
            escape(system.name),
            system.system_id,
            system.envelope,
            system.version,
            system.data_size,
            system.at
        )?;
        for kid in &system.kids {
            write!(
                out,
                "<p>KID <code>{kid}</code>, in GUID byte order <code>{}</code></p>",
                kid.swapped()
            )?;
        }
        if let Some(header) = &system.header {
            write!(out, "<pre>{}</pre>", escape(&header.header.xml))?;
        }
    }
    out.write_char('\n')
}

fn findings(out: &mut String, findings: &[Finding]) -> Result {
    out.write_str("<h2>Findings</h2>")?;
    if findings.is_empty() {
        return out.write_str("<p>No problems found.</p>\n");
    }
    out.write_str("<ul>")?;
    for finding in findings {
        let word = match finding.severity() {
            Severity::Error => "Error",
            Severity::Warning => "Warning",
            Severity::Info => "Note",
        };
        write!(out, "<li><b>{word}</b> <code>{}</code> ", finding.check.id)?;
        if let Some(track) = finding.track {
            write!(out, "Track {track}: ")?;
        }
        out.write_str(&escape(&finding.message))?;
        for line in &finding.evidence {
            write!(out, "<br><code>{}</code>", escape(line))?;
        }
        write!(
            out,
            "<br>{} {} <small>{}",
            escape(finding.check.fails.sentence()),
            escape(finding.check.advice),
            escape(finding.check.source)
        )?;
        if let Some(at) = finding.at {
            write!(out, ", at byte {at}")?;
        }
        if finding.times > 1 {
            write!(out, ", {} times", finding.times)?;
        }
        out.write_str("</small></li>")?;
    }
    out.write_str("</ul>\n")
}

/// How many points a plot draws at most: more than it has pixels helps nobody.
const POINTS: usize = 600;

fn plot(out: &mut String, timeline: &Timeline) -> Result {
    let Some(end) = timeline.fragments.last().map(|p| p.start + p.duration).filter(|e| *e > 0.0)
    else {
        return Ok(());
    };
    let top = timeline.peak.unwrap_or(1).max(timeline.declared.unwrap_or(0).into()).max(1) as f64;
    let y = |rate: f64| 118.0 - rate / top * 112.0;
    write!(
        out,
        "<h2>Bitrate of track {} over time</h2><svg viewBox=\"0 0 1000 120\" preserveAspectRatio=\"none\" \
         role=\"img\" aria-label=\"Bitrate of track {}: average {}, peak fragment {}\"><path fill=\"none\" \
         stroke=\"currentColor\" vector-effect=\"non-scaling-stroke\" d=\"",
        timeline.track,
        timeline.track,
        timeline.average.map_or("unknown".into(), kbits),
        timeline.peak.map_or("unknown".into(), kbits)
    )?;
    let step = timeline.fragments.len().div_ceil(POINTS);
    for (i, chunk) in timeline.fragments.chunks(step).enumerate() {
        let (first, last) = (chunk[0], chunk[chunk.len() - 1]);
        let rate = chunk.iter().map(|p| p.bitrate).max().unwrap_or(0) as f64;
        let (from, to) = (first.start / end * 1000.0, (last.start + last.duration) / end * 1000.0);
        let command = if i == 0 { 'M' } else { 'L' };
        write!(out, "{command}{from:.1} {0:.1}L{to:.1} {0:.1}", y(rate))?;
    }
    out.write_str("\"/></svg>")?;
    writeln!(
        out,
        "<p>Average {}, peak fragment {}, declared {}.</p>",
        timeline.average.map_or("unknown".into(), kbits),
        timeline.peak.map_or("unknown".into(), kbits),
        timeline.declared.map_or("nothing".into(), |n| kbits(n.into()))
    )
}
