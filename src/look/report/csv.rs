//! Tracks and fragments as one CSV table (RFC 4180): rows of `track`, then rows
//! of `fragment`.

use super::{Inspection, Timeline};

const COLUMNS: [&str; 17] = [
    "record",
    "track",
    "kind",
    "codec",
    "language",
    "at",
    "start_seconds",
    "duration_seconds",
    "samples",
    "bytes",
    "bitrate",
    "declared_bitrate",
    "peak_bitrate",
    "sync_start",
    "scheme",
    "kid",
    "iv_size",
];

/// The table.
pub(super) fn csv(inspection: &Inspection, timelines: &[Timeline]) -> String {
    let mut out = COLUMNS.join(",") + "\r\n";
    let mut row = |cells: [String; 17]| {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        out += &(cells.join(",") + "\r\n");
    };
    let text = |value: Option<String>| value.unwrap_or_default();
    for track in &inspection.tracks {
        let protection = track.protection.as_ref();
        row([
            "track".into(),
            track.id.to_string(),
            track.kind.word().into(),
            text(track.codec.clone()),
            track.language.clone(),
            String::new(),
            String::new(),
            text(track.duration_seconds.map(|s| format!("{s:.6}"))),
            track.samples.to_string(),
            track.bytes.to_string(),
            text(track.bitrate.measured.map(|n| n.to_string())),
            text(track.bitrate.declared.map(|n| n.to_string())),
            text(track.bitrate.peak.map(|n| n.to_string())),
            String::new(),
            text(protection.and_then(|p| p.scheme).map(|s| s.to_string())),
            text(protection.and_then(|p| p.kid).map(|kid| kid.to_string())),
            text(protection.map(|p| p.iv_size.to_string())),
        ]);
    }
    for timeline in timelines {
        for point in &timeline.fragments {
            let mut cells = [const { String::new() }; 17];
            cells[0] = "fragment".into();
            cells[1] = timeline.track.to_string();
            cells[5] = point.at.to_string();
            cells[6] = format!("{:.6}", point.start);
            cells[7] = format!("{:.6}", point.duration);
            cells[8] = point.samples.to_string();
            cells[9] = point.bytes.to_string();
            cells[10] = point.bitrate.to_string();
            cells[13] = if point.sync { "yes" } else { "no" }.into();
            row(cells);
        }
    }
    out
}

/// A cell; what a spreadsheet would take for a formula is kept as text.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '@', '\t'])
        || (cell.starts_with(['+', '-']) && cell.parse::<f64>().is_err());
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_would_break_the_table_are_quoted() {
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"x\""), "\"say \"\"x\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("-0.5"), "-0.5");
    }
}
