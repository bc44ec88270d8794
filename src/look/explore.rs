//! Boxes and samples to look at, one at a time: what a host shows when a
//! person opens a box or a fragment. The host reads the bytes of a box at the
//! top; everything here is made from them.

use crate::error::{Code, Error, Result};
use crate::format::boxes::tree::{Content, Node};
use crate::format::boxes::{Context, definition};
use crate::format::bytes::{BoxField, Reader, limits};
use crate::format::cipher::hex;
use crate::format::ids::{BoxType, Kid};
use crate::model::{AtHand, Movie, Sample, Track, TrackFragment, protected_samples, read_fragment};
use serde::Serialize;

/// A box, with those inside it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Branch {
    /// Its code, or `uuid[…]`.
    pub kind: String,
    /// Its name in the standard, where it is known.
    pub name: Option<&'static str>,
    /// Where it is defined.
    pub source: Option<&'static str>,
    /// Absolute offset.
    pub at: u64,
    /// Bytes, header included.
    pub size: u64,
    /// Bytes of its header.
    pub header: u64,
    /// The boxes inside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub children: Vec<Branch>,
}

/// A kind of box.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BoxKind {
    /// Its type.
    pub kind: String,
    /// Its name.
    pub name: Option<&'static str>,
    /// Where it is defined.
    pub source: Option<&'static str>,
}

impl From<BoxType> for BoxKind {
    fn from(kind: BoxType) -> Self {
        let (name, source) = names(kind);
        Self { kind: kind.to_string(), name, source }
    }
}

/// Name and source of a box.
fn names(kind: BoxType) -> (Option<&'static str>, Option<&'static str>) {
    definition(kind).map_or((None, None), |def| (Some(def.name), Some(def.source)))
}

fn branch(node: &Node) -> Branch {
    let (name, source) = names(node.kind);
    Branch {
        kind: node.kind.to_string(),
        name,
        source,
        at: node.at,
        size: node.size(),
        header: node.header_len(),
        children: node.children().iter().map(branch).collect(),
    }
}

/// The tree of the box that `bytes` are, at offset `at`, and what is broken in it.
///
/// # Errors
/// Where the bytes are no box.
pub fn tree(bytes: &[u8], at: u64) -> Result<(Branch, Vec<Error>)> {
    let mut problems = Vec::new();
    let node = Node::read(bytes, at, &mut problems)?;
    Ok((branch(&node), problems))
}

/// The fields of one box.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct FieldTable {
    /// The window asked for.
    pub fields: Vec<BoxField>,
    /// How many there are.
    pub total: usize,
    /// Where they stop being what the standard says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub error: Option<Error>,
}

/// The fields of the box at `box_at`, inside the box at the top that `bytes`
/// are: from number `from` on, at most [`limits::FIELDS`].
///
/// # Errors
/// Where the bytes are no box, or none begins at `box_at`.
pub fn fields(
    movie: &Movie,
    bytes: &[u8],
    at: u64,
    box_at: u64,
    from: usize,
) -> Result<FieldTable> {
    let node = Node::read(bytes, at, &mut Vec::new())?;
    let mut path = Vec::new();
    let Some(found) = find(&node, box_at, &mut path) else {
        let sentence = format!("No box begins at byte {box_at}.");
        return Err(Error::misuse(Code::NoSuchBox, sentence).at(box_at));
    };
    let offset = usize::try_from(box_at - at).unwrap_or(usize::MAX);
    let head = bytes.get(offset..).unwrap_or(&[]);
    let mut table = header_fields(found, head);
    let body = match &found.content {
        Content::Leaf(body) => body,
        Content::Parent { head, .. } => head,
    };
    let context = Context { iv_size: iv_size(movie, &path) };
    let kept = from.saturating_sub(table.len());
    let room = limits::FIELDS - table.len().min(limits::FIELDS);
    let mut r = Reader::recording(body, found.body_at(), kept, room);
    let known = definition(found.kind).and_then(|def| def.fields);
    let read = match known {
        Some(fields) => fields(&mut r, context),
        None => Ok(()),
    };
    let left = r.left();
    if left > 0 {
        r.rest(if known.is_some() { "after_the_last_field" } else { "data" });
    }
    let error = match read {
        Err(e) => Some(e.within(found.kind)),
        Ok(()) if left > 0 && known.is_some() => Some(
            Error::malformed(
                Code::BytesLeftOver,
                format!("{left} bytes are left over after the last field of this box."),
            )
            .within(found.kind),
        ),
        Ok(()) => None,
    };
    let (fields, total) = r.into_fields();
    let total = total + table.len();
    if from > 0 {
        table.clear();
    }
    table.extend(fields);
    Ok(FieldTable { fields: table, total, error })
}

/// The header of a box, as fields.
fn header_fields(node: &Node, bytes: &[u8]) -> Vec<BoxField> {
    let mut r = Reader::recording(bytes, node.at, 0, 8);
    // It was read once already, so it can be read again.
    let _ = r.u32("size");
    let _ = r.fourcc("type");
    if node.large {
        let _ = r.u64("largesize");
    }
    if matches!(node.kind, BoxType::Uuid(_)) {
        let _ = r.uuid("usertype");
    }
    r.into_fields().0
}

/// The box that begins at `at`, with the boxes it is in.
fn find<'a>(node: &'a Node, at: u64, path: &mut Vec<&'a Node>) -> Option<&'a Node> {
    if node.at == at {
        return Some(node);
    }
    path.push(node);
    for child in node.children() {
        if (child.at..child.at + child.size()).contains(&at) {
            return find(child, at, path);
        }
    }
    None
}

/// The IV size of the track whose fragment a box is in.
fn iv_size(movie: &Movie, path: &[&Node]) -> u8 {
    let traf = path.iter().find(|node| node.kind == BoxType::code(b"traf"));
    let tfhd = traf.and_then(|traf| traf.get::<crate::format::boxes::fragment::Tfhd>().ok());
    tfhd.and_then(|tfhd| movie.track(tfhd.track_id)?.protection())
        .map_or(8, |protection| protection.iv_size)
}

/// One sample, to show.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SampleRow {
    /// Its number in the fragment, from 1.
    pub number: usize,
    /// Absolute offset.
    pub at: u64,
    /// Bytes.
    pub size: u32,
    /// When it is decoded, in ticks, in decimal; where the file tells.
    pub decode_time: Option<String>,
    /// When it is shown, in seconds.
    pub seconds: Option<f64>,
    /// Ticks.
    pub duration: u32,
    /// Ticks from decoding to presentation.
    pub composition_offset: i32,
    /// Whether decoding can start here.
    pub sync: bool,
    /// Its key.
    pub kid: Option<Kid>,
    /// In hex.
    pub iv: Option<String>,
    /// Clear and protected bytes, in turn; none where all of it is one or the
    /// other, as [`SampleRow::kid`] tells.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub subsamples: Vec<(u16, u32)>,
}

/// The samples of one track in a fragment.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct TrackSamples {
    /// The track.
    pub track: u32,
    /// The fragment's `moof`.
    pub moof_at: u64,
    /// Its samples.
    pub samples: Vec<SampleRow>,
    /// Why their protection cannot be told, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub problem: Option<Error>,
}

/// The samples of a fragment, from the bytes of its [`head`](crate::model::Fragment::head).
///
/// # Errors
/// Where the bytes are no `moof`, or a `traf` cannot be read.
pub fn samples(movie: &Movie, bytes: &[u8], at: u64) -> Result<Vec<TrackSamples>> {
    let moof = Node::read_first(bytes, at, &mut Vec::new())?;
    let trafs = read_fragment(&moof, |id| movie.trex(id))?;
    let nodes = moof.all(BoxType::code(b"traf"));
    Ok(nodes
        .zip(&trafs)
        .map(|(node, traf)| track_samples(movie, node, traf, AtHand { at, bytes }))
        .collect())
}

fn track_samples(
    movie: &Movie,
    node: &Node,
    traf: &TrackFragment,
    at_hand: AtHand<'_>,
) -> TrackSamples {
    let track = movie.track(traf.tfhd.track_id);
    let protected = track.map(|track| protected_samples(track, node, traf, at_hand));
    let (protected, problem) = match protected {
        Some(Ok(protected)) => (protected, None),
        Some(Err(e)) => (Vec::new(), Some(e)),
        None => (Vec::new(), None),
    };
    let mut time = traf.decode_time();
    let samples = traf.samples.iter().enumerate().map(|(i, sample)| {
        let protected = protected.get(i).and_then(Option::as_ref);
        let row = SampleRow {
            number: i + 1,
            at: sample.at,
            size: sample.size,
            decode_time: time.map(|time| time.to_string()),
            seconds: track.and_then(|track| seconds(track, time?, sample)),
            duration: sample.duration,
            composition_offset: sample.composition_offset,
            sync: sample.sync,
            kid: protected.map(|p| p.kid),
            iv: protected.map(|p| hex(&p.iv)),
            subsamples: protected
                .map(|p| p.subsamples.iter().map(|s| (s.clear, s.protected)).collect())
                .unwrap_or_default(),
        };
        time = time.and_then(|time| time.checked_add(sample.duration.into()));
        row
    });
    TrackSamples {
        track: traf.tfhd.track_id,
        moof_at: at_hand.at,
        samples: samples.collect(),
        problem,
    }
}

fn seconds(track: &Track, decode_time: i64, sample: &Sample) -> Option<f64> {
    let shown = decode_time.checked_add(sample.composition_offset.into())?;
    let shown = shown.checked_add(track.edits.later())?;
    (track.timescale != 0).then(|| shown as f64 / f64::from(track.timescale))
}
