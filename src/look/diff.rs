//! Two files side by side: what differs in meaning, then box by box. Equal
//! parts are left out.

use crate::collections::{Map, Set};
use crate::format::boxes::tree::{Content, Node};
use crate::format::boxes::{Context, definition};
use crate::format::bytes::{BoxField, Reader};
use crate::format::cipher::hex;
use crate::format::ids::BoxType;
use crate::look::report::{Inspection, SystemSummary, TrackSummary};
use crate::model::Movie;
use crate::words;
use serde::Serialize;

/// Something that is one thing in one file and another in the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Difference {
    /// What it is of: `file`, `track 1`, `PlayReady header`.
    pub of: String,
    /// Which fact, or box path.
    pub what: String,
    /// In the first file; none where it has none.
    pub a: Option<String>,
    /// In the second.
    pub b: Option<String>,
}

/// What differs between two files.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Comparison {
    /// The answer, in words.
    pub verdict: String,
    /// Whether they mean the same.
    pub same_meaning: bool,
    /// What differs in meaning.
    pub meaning: Vec<Difference>,
    /// What differs in boxes of `moov` and at the top.
    pub boxes: Vec<Difference>,
}

/// Differences that are listed; of more, only the number is told.
const LISTED: usize = 1000;

#[derive(Default)]
struct Differences {
    listed: Vec<Difference>,
    /// All of them.
    count: usize,
}

impl Differences {
    fn note(&mut self, of: &str, what: &str, a: Option<String>, b: Option<String>) {
        if a != b {
            self.count += 1;
            if self.listed.len() < LISTED {
                self.listed.push(Difference { of: of.into(), what: what.into(), a, b });
            }
        }
    }

    /// Those that are listed, and how many are not.
    fn into_list(mut self) -> Vec<Difference> {
        let left_out = self.count - self.listed.len();
        if left_out > 0 {
            let (of, what) = ("file".to_owned(), "differences that are not listed".to_owned());
            self.listed.push(Difference { of, what, a: Some(left_out.to_string()), b: None });
        }
        self.listed
    }

    fn both<T: ToString>(&mut self, of: &str, what: &str, a: T, b: T) {
        self.note(of, what, Some(a.to_string()), Some(b.to_string()));
    }

    fn maybe<T: ToString>(&mut self, of: &str, what: &str, a: Option<T>, b: Option<T>) {
        self.note(of, what, a.map(|a| a.to_string()), b.map(|b| b.to_string()));
    }
}

/// Compares two files. Media is not compared, only what is said of it.
pub fn compare(a: &Movie, b: &Movie) -> Comparison {
    let (left, right) = (Inspection::new(a), Inspection::new(b));
    let mut meaning = Differences::default();
    meaning.both("file", "brands", list(&left.brands), list(&right.brands));
    meaning.both("file", "fragmented", left.fragmented, right.fragmented);
    let ids: Set<u32> = left.tracks.iter().chain(&right.tracks).map(|t| t.id).collect();
    for id in ids {
        let of = format!("track {id}");
        let find = |tracks: &[TrackSummary]| tracks.iter().find(|t| t.id == id).cloned();
        match (find(&left.tracks), find(&right.tracks)) {
            (Some(a), Some(b)) => track(&of, &a, &b, &mut meaning),
            (a, b) => {
                let words =
                    |t: TrackSummary| format!("{} {}", t.kind.word(), t.codec.unwrap_or_default());
                meaning.note(&of, "track", a.map(words), b.map(words));
            }
        }
        fragments(&of, id, a, b, &mut meaning);
    }
    systems(&left.systems, &right.systems, &mut meaning);
    findings(&left, &right, &mut meaning);
    let mut boxes = Differences::default();
    top(a, b, &mut boxes);
    let pairs = [(&a.moov, &b.moov), (&a.mfra, &b.mfra)];
    for (a, b) in pairs {
        match (a, b) {
            (Some(a), Some(b)) => nodes(a, b, &a.kind.to_string(), &mut boxes),
            (a, b) => {
                let words = |node: &Node| format!("{} bytes", node.size());
                let kind = a.as_ref().or(b.as_ref()).map_or("moov".into(), |n| n.kind.to_string());
                boxes.note("file", &kind, a.as_ref().map(words), b.as_ref().map(words));
            }
        }
    }
    let same_meaning = meaning.count == 0;
    let verdict = match (meaning.count, boxes.count) {
        (0, 0) => "The files say the same, box by box. Media was not compared.".to_owned(),
        (0, n) => format!(
            "The files mean the same; {}. Media was not compared.",
            words::plural(n, "box difference")
        ),
        (n, _) => format!("The files differ in meaning in {}.", words::plural(n, "place")),
    };
    Comparison { verdict, same_meaning, meaning: meaning.into_list(), boxes: boxes.into_list() }
}

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn track(of: &str, a: &TrackSummary, b: &TrackSummary, out: &mut Differences) {
    out.both(of, "kind", a.kind.word(), b.kind.word());
    out.maybe(of, "codec", a.codec.clone(), b.codec.clone());
    out.both(of, "language", &a.language, &b.language);
    out.both(of, "timescale", a.timescale, b.timescale);
    out.maybe(of, "width", a.width, b.width);
    out.maybe(of, "height", a.height, b.height);
    out.maybe(of, "channels", a.channels, b.channels);
    out.maybe(of, "sample rate", a.sample_rate, b.sample_rate);
    out.both(of, "duration in ticks", &a.duration_ticks, &b.duration_ticks);
    out.both(of, "samples", a.samples, b.samples);
    out.both(of, "bytes of samples", a.bytes, b.bytes);
    out.maybe(of, "declared bitrate", a.bitrate.declared, b.bitrate.declared);
    out.both(of, "number of schemes", a.schemes.len(), b.schemes.len());
    let (p, q) = (a.protection.as_ref(), b.protection.as_ref());
    out.maybe(of, "scheme", p.and_then(|p| p.scheme), q.and_then(|p| p.scheme));
    out.maybe(of, "scheme version", p.map(|p| &p.scheme_version), q.map(|p| &p.scheme_version));
    out.maybe(of, "algorithm", p.map(|p| p.algorithm), q.map(|p| p.algorithm));
    out.maybe(of, "KID", p.and_then(|p| p.kid), q.and_then(|p| p.kid));
    out.maybe(of, "IV size", p.map(|p| p.iv_size), q.map(|p| p.iv_size));
    out.maybe(of, "track encryption in", p.map(|p| p.tenc), q.map(|p| p.tenc));
}

fn fragments(of: &str, id: u32, a: &Movie, b: &Movie, out: &mut Differences) {
    let runs = |movie: &Movie| {
        let runs = movie.fragments.iter().flat_map(|f| f.runs.clone());
        runs.filter(|run| run.track_id == id).collect::<Vec<_>>()
    };
    let (left, right) = (runs(a), runs(b));
    if left.len() != right.len() {
        return out.both(of, "fragments", left.len(), right.len());
    }
    let mut told = Set::new();
    for (number, (a, b)) in left.iter().zip(&right).enumerate() {
        let time = |t: Option<i64>| t.map(|t| t.to_string());
        let facts = [
            ("samples", Some(a.samples.to_string()), Some(b.samples.to_string())),
            ("ticks", Some(a.duration.to_string()), Some(b.duration.to_string())),
            ("decode time", time(a.decode_time), time(b.decode_time)),
            ("tfdt", Some(a.has_tfdt.to_string()), Some(b.has_tfdt.to_string())),
            ("IVs listed", Some(a.has_ivs.to_string()), Some(b.has_ivs.to_string())),
        ];
        // One fragment tells for all of its kind.
        for (what, a, b) in facts {
            if a != b && told.insert(what) {
                out.note(of, &format!("{what}, first in fragment {}", number + 1), a, b);
            }
        }
    }
}

fn systems(a: &[SystemSummary], b: &[SystemSummary], out: &mut Differences) {
    let key = |system: &SystemSummary| (system.system_id, system.envelope);
    let keys: Set<_> = a.iter().chain(b).map(key).collect();
    for (id, envelope) in keys {
        let find =
            |systems: &[SystemSummary]| systems.iter().find(|s| key(s) == (id, envelope)).cloned();
        let name = crate::format::drm::name(id).map_or(id.to_string(), str::to_owned);
        let of = format!("{name} header ({envelope})");
        match (find(a), find(b)) {
            (Some(a), Some(b)) => {
                out.both(&of, "KIDs", list(&a.kids), list(&b.kids));
                let (h, g) = (a.header.as_ref(), b.header.as_ref());
                let (h, g) = (h.map(|h| &h.header), g.map(|h| &h.header));
                out.maybe(&of, "version", h.map(|h| &h.version), g.map(|h| &h.version));
                for (what, get) in HEADER_FACTS {
                    out.note(&of, what, h.and_then(get), g.and_then(get));
                }
                if h.is_none() {
                    out.both(&of, "data", &a.data_base64, &b.data_base64);
                }
            }
            (a, b) => {
                let words = |s: SystemSummary| format!("{} bytes", s.data_size);
                out.note(&of, "header", a.map(words), b.map(words));
            }
        }
    }
}

type HeaderFact = (&'static str, fn(&crate::format::drm::playready::WrmHeader) -> Option<String>);

const HEADER_FACTS: [HeaderFact; 6] = [
    ("LA_URL", |h| h.la_url.clone()),
    ("LUI_URL", |h| h.lui_url.clone()),
    ("DS_ID", |h| h.ds_id.clone()),
    ("CUSTOMATTRIBUTES", |h| h.custom_attributes.clone()),
    ("DECRYPTORSETUP", |h| h.decryptor_setup.clone()),
    ("CHECKSUM", |h| {
        let sums: Vec<&str> = h.keys.iter().filter_map(|key| key.checksum.as_deref()).collect();
        (!sums.is_empty()).then(|| sums.join(" "))
    }),
];

/// Errors that only one of the files has.
fn findings(a: &Inspection, b: &Inspection, out: &mut Differences) {
    let errors = |inspection: &Inspection| {
        let errors =
            inspection.findings.iter().filter(|f| f.severity() == crate::checks::Severity::Error);
        errors.map(|f| (f.check.id, f.track)).collect::<Set<_>>()
    };
    let (left, right) = (errors(a), errors(b));
    for (id, track) in left
        .iter()
        .chain(right.iter())
        .filter(|error| !left.contains(error) || !right.contains(error))
    {
        let of = track.map_or("file".to_owned(), |track| format!("track {track}"));
        let message = |inspection: &Inspection| {
            let found = inspection.findings.iter().find(|f| f.check.id == *id && f.track == *track);
            found.map(|finding| finding.message.clone())
        };
        out.note(&of, &format!("error {id}"), message(a), message(b));
    }
}

/// Boxes at the top that are named.
const TOPS: usize = 100;

/// The boxes at the top, fragments counted as one kind.
fn top(a: &Movie, b: &Movie, out: &mut Differences) {
    let order = |movie: &Movie| {
        let mut kinds: Vec<String> = Vec::new();
        let mut told = Set::new();
        for top in &movie.top {
            let media = [b"moof", b"mdat"].iter().any(|code| top.kind == BoxType::code(code));
            if kinds.len() < TOPS && (!media || told.insert(top.kind)) {
                kinds.push(top.kind.to_string());
            }
        }
        kinds
    };
    out.both("file", "boxes at the top", list(&order(a)), list(&order(b)));
}

/// Two boxes of one kind: what is only in one, and fields that differ.
fn nodes(a: &Node, b: &Node, path: &str, out: &mut Differences) {
    if a.content == b.content {
        return;
    }
    if let (Content::Parent { .. }, Content::Parent { .. }) = (&a.content, &b.content) {
        fields(a, b, path, out);
        let mut kinds: Map<BoxType, [Vec<&Node>; 2]> =
            a.children().iter().chain(b.children()).map(|n| (n.kind, Default::default())).collect();
        for (side, parent) in [a, b].into_iter().enumerate() {
            for node in parent.children() {
                kinds.or_insert_with(node.kind, Default::default)[side].push(node);
            }
        }
        for (kind, [left, right]) in kinds {
            for i in 0..left.len().max(right.len()) {
                let number = if left.len().max(right.len()) > 1 {
                    format!("[{}]", i + 1)
                } else {
                    String::new()
                };
                let path = format!("{path}/{kind}{number}");
                match (left.get(i), right.get(i)) {
                    (Some(a), Some(b)) => nodes(a, b, &path, out),
                    (a, b) => {
                        let words = |node: &&Node| format!("{} bytes", node.size());
                        out.note("box", &path, a.map(words), b.map(words));
                    }
                }
            }
        }
        return;
    }
    fields(a, b, path, out);
}

/// How many fields of one box are listed.
const FIELDS: usize = 20;

fn fields(a: &Node, b: &Node, path: &str, out: &mut Differences) {
    let read = |node: &Node| {
        let body = match &node.content {
            Content::Leaf(body) => body,
            Content::Parent { head, .. } => head,
        };
        let mut r = Reader::recording(body, 0, 0, 4096);
        if let Some(read) = definition(node.kind).and_then(|def| def.fields) {
            let _ = read(&mut r, Context { iv_size: 8 });
        }
        r.rest("data");
        r.into_fields().0
    };
    let (left, right) = (read(a), read(b));
    let values = |fields: &[BoxField]| -> Map<String, String> {
        fields.iter().map(|f| (f.name.clone(), f.value.to_string())).collect()
    };
    let (in_a, in_b) = (values(&left), values(&right));
    let names = left.iter().map(|f| &f.name);
    let new = right.iter().map(|f| &f.name).filter(|name| in_a.get(name).is_none());
    let mut count = 0;
    for name in names.chain(new) {
        let (a, b) = (in_a.get(name).cloned(), in_b.get(name).cloned());
        if a != b {
            count += 1;
            if count <= FIELDS {
                out.note("box", &format!("{path}: {name}"), a, b);
            }
        }
    }
    if count > FIELDS {
        out.note("box", &format!("{path}: more fields"), Some((count - FIELDS).to_string()), None);
    }
    let bytes = |node: &Node| match &node.content {
        Content::Leaf(body) if body.len() <= 64 => hex(body),
        _ => format!("{} bytes", node.size()),
    };
    if count == 0 && matches!(a.content, Content::Leaf(_)) && a.content != b.content {
        out.note("box", path, Some(bytes(a)), Some(format!("{} (other bytes)", bytes(b))));
    }
}
