//! The boundary to JavaScript, and nothing else: nothing is decided here.
//!
//! Offsets cross as `f64` (exact to 2^53, more than any file), bytes as typed
//! arrays, facts as plain objects, and errors as `{kind, code, message, at,
//! path}`. Randomness comes from the worker's `crypto`.

#![cfg(target_family = "wasm")]

use ismvault::error::{Code, Error, Result};
use ismvault::format::drm::playready::NewHeader;
use ismvault::format::ids::BoxType;
use ismvault::jobs::{Header, KeyPair, fields, key_list};
use ismvault::look::decode;
use ismvault::look::diff::compare;
use ismvault::look::doctor::Doctor;
use ismvault::look::explore::{self, BoxKind};
use ismvault::look::inspect::Inspector;
use ismvault::look::report::{self, Inspection};
use ismvault::look::set::{FileSet, ReuseProofs};
use ismvault::make::header_editor::{HeaderChange, every_version};
use ismvault::make::recipe::Piece;
use ismvault::model::Movie;
use ismvault::model::manifest::Manifest;
use ismvault::{Session, Step};
use js_sys::{Float64Array, Uint8Array, Uint16Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

pub mod make;
pub mod protect;
pub mod worker;

/// The types of the core, made of its structs, and what is only JavaScript's.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = concat!(
    include_str!("types.d.ts"),
    r"
/** A part of an output: bytes made already, bytes of the input to copy, or a unit to work on. */
export type Piece = Uint8Array<ArrayBuffer> | { at: number; length: number; unit?: number };
/** The boxes at the top of a file, in columns: of each the number of its kind, its offset and its size; of fragments more. */
export type Tops = { kinds: BoxKind[]; insides: BoxKind[][]; kind: Uint16Array; at: Float64Array; size: Float64Array; track: Uint32Array; time: Float64Array; sync: Uint8Array; inside: Uint16Array };
"
);

type JsResult<T> = std::result::Result<T, JsValue>;

#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}

fn to_js(value: &impl Serialize) -> JsResult<JsValue> {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    value.serialize(&serializer).map_err(|e| JsValue::from_str(&e.to_string()))
}

fn throw(error: Error) -> JsValue {
    to_js(&error).unwrap_or_else(|js| js)
}

/// Random bytes of the browser.
fn fill(bytes: &mut [u8]) -> Result<()> {
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    scope.crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(bytes)).map_err(
        |_| Error::unsupported(Code::NoRandomness, "This browser gives no random numbers."),
    )?;
    Ok(())
}

/// Options as JavaScript has them.
fn from_js<T: serde::de::DeserializeOwned>(value: JsValue) -> JsResult<T> {
    serde_wasm_bindgen::from_value(value)
        .map_err(|e| throw(Error::misuse(Code::BadOptions, e.to_string())))
}

/// The spans a session wants, as `[at, length, at, length, …]`; `undefined`
/// when it wants nothing more.
fn step(session: &mut impl Session) -> JsResult<Option<Float64Array>> {
    Ok(match session.step().map_err(throw)? {
        Step::Done => None,
        Step::Read(spans) => {
            let flat: Vec<f64> = spans.iter().flat_map(|s| [s.at as f64, s.len as f64]).collect();
            Some(Float64Array::from(&flat[..]))
        }
    })
}

/// This package's version.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// What forms are made of.
#[wasm_bindgen(unchecked_return_type = "Tables")]
pub fn tables() -> JsResult<JsValue> {
    to_js(&fields::tables())
}

/// A KID and a key, both at random.
#[wasm_bindgen(js_name = newKey, unchecked_return_type = "KeyPair")]
pub fn new_key() -> JsResult<JsValue> {
    to_js(&KeyPair::random(&mut fill).map_err(throw)?)
}

/// The lines of a list of keys.
#[wasm_bindgen(js_name = readKeyList, unchecked_return_type = "Entry[]")]
pub fn read_key_list(text: String) -> JsResult<JsValue> {
    to_js(&key_list::read(&Zeroizing::new(text)).map_err(throw)?)
}

/// A list of such lines, as CSV.
#[wasm_bindgen(js_name = writeKeyList)]
pub fn write_key_list(
    #[wasm_bindgen(unchecked_param_type = "Entry[]")] entries: JsValue,
) -> JsResult<String> {
    Ok(key_list::write(&from_js::<Vec<key_list::Entry>>(entries)?).to_string())
}

/// Looks at a file: `while (spans = step()) feed(bytes of the spans)`.
#[wasm_bindgen(js_name = Inspector)]
pub struct JsInspector(Inspector);

#[wasm_bindgen(js_class = Inspector)]
impl JsInspector {
    /// Of a file of `size` bytes.
    #[wasm_bindgen(constructor)]
    pub fn new(size: f64) -> Self {
        Self(Inspector::new(size as u64))
    }

    /// The spans to read next; `undefined` when done.
    pub fn step(&mut self) -> JsResult<Option<Float64Array>> {
        step(&mut self.0)
    }

    /// Bytes of the spans, in order, all of them or the first few.
    pub fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        self.0.feed(bytes).map_err(throw)
    }

    /// Bytes of the file walked so far.
    #[wasm_bindgen(getter)]
    pub fn position(&self) -> f64 {
        self.0.position() as f64
    }

    /// Whether the tracks are known.
    #[wasm_bindgen(getter)]
    pub fn begun(&self) -> bool {
        !self.0.movie().tracks.is_empty()
    }

    /// What was found so far.
    #[wasm_bindgen(unchecked_return_type = "Inspection")]
    pub fn inspection(&self) -> JsResult<JsValue> {
        to_js(&Inspection::new(self.0.movie()))
    }

    /// The fragments of every track over time.
    #[wasm_bindgen(unchecked_return_type = "Timeline[]")]
    pub fn timelines(&self) -> JsResult<JsValue> {
        to_js(&report::timelines(self.0.movie()))
    }

    /// Every box at the top: what kinds there are, and of each box the number
    /// of its kind, its offset and its size; of those that are fragments the track,
    /// 0 where there are several, when it is presented, whether it begins with
    /// a sync sample, and which of `insides` it has, 65,535 where that is not known.
    #[wasm_bindgen(unchecked_return_type = "Tops")]
    pub fn tops(&self) -> JsResult<JsValue> {
        let mut kinds: Vec<BoxType> = Vec::new();
        let (mut kind, mut at, mut size) = (Vec::new(), Vec::new(), Vec::new());
        let (mut track, mut time, mut sync) = (Vec::new(), Vec::new(), Vec::new());
        let mut inside = Vec::new();
        let movie = self.0.movie();
        let mut fragments = movie.fragments.iter().peekable();
        for top in &movie.top {
            while fragments.next_if(|fragment| fragment.moof.at < top.span.at).is_some() {}
            let fragment = fragments.next_if(|fragment| fragment.moof.at == top.span.at);
            let run = fragment.and_then(|fragment| fragment.runs.first());
            let own = run.and_then(|run| movie.track(run.track_id));
            let one = fragment.is_some_and(|fragment| fragment.runs.len() == 1);
            track.push(run.map_or(0, |run| if one { run.track_id } else { 0 }));
            let presented = own.zip(run).and_then(|(own, run)| {
                Some(own.presented(run)? as f64 / f64::from(own.timescale.max(1)))
            });
            time.push(presented.unwrap_or(f64::NAN));
            sync.push(u8::from(run.is_some_and(|run| run.sync_start)));
            inside.push(fragment.and_then(|fragment| fragment.inside).unwrap_or(u16::MAX));
            let index = kinds.iter().position(|k| *k == top.kind).unwrap_or_else(|| {
                kinds.push(top.kind);
                kinds.len() - 1
            });
            kind.push(index as u16);
            at.push(top.span.at as f64);
            size.push(top.span.len as f64);
        }
        let named = |kinds: &[BoxType]| kinds.iter().copied().map(BoxKind::from).collect();
        let insides: Vec<Vec<BoxKind>> = movie.insides.iter().map(|own| named(own)).collect();
        let kinds: Vec<BoxKind> = named(&kinds);
        let tops = js_sys::Object::new();
        let columns: [(&str, JsValue); 9] = [
            ("kinds", to_js(&kinds)?),
            ("insides", to_js(&insides)?),
            ("inside", Uint16Array::from(&inside[..]).into()),
            ("kind", Uint16Array::from(&kind[..]).into()),
            ("at", Float64Array::from(&at[..]).into()),
            ("size", Float64Array::from(&size[..]).into()),
            ("track", js_sys::Uint32Array::from(&track[..]).into()),
            ("time", Float64Array::from(&time[..]).into()),
            ("sync", Uint8Array::from(&sync[..]).into()),
        ];
        for (name, column) in columns {
            js_sys::Reflect::set(&tops, &name.into(), &column)?;
        }
        Ok(tops.into())
    }

    /// The tree of a box at the top, from its bytes.
    #[wasm_bindgen(unchecked_return_type = "Branch")]
    pub fn tree(&self, bytes: &[u8], at: f64) -> JsResult<JsValue> {
        to_js(&explore::tree(bytes, at as u64).map_err(throw)?.0)
    }

    /// The fields of the box at `box_at` in the box at the top that `bytes`
    /// are.
    #[wasm_bindgen(unchecked_return_type = "FieldTable")]
    pub fn fields(&self, bytes: &[u8], at: f64, box_at: f64, from: usize) -> JsResult<JsValue> {
        let table = explore::fields(self.0.movie(), bytes, at as u64, box_at as u64, from);
        to_js(&table.map_err(throw)?)
    }

    /// The samples of a fragment, from the bytes of its `moof`.
    #[wasm_bindgen(unchecked_return_type = "TrackSamples[]")]
    pub fn samples(&self, bytes: &[u8], at: f64) -> JsResult<JsValue> {
        to_js(&explore::samples(self.0.movie(), bytes, at as u64).map_err(throw)?)
    }

    /// What is needed to play the first seconds of it in a page.
    #[wasm_bindgen(unchecked_return_type = "Playable")]
    pub fn playable(&self, seconds: f64) -> JsResult<JsValue> {
        to_js(&report::Playable::new(self.0.movie(), seconds))
    }

    /// What differs between this file and another.
    #[wasm_bindgen(unchecked_return_type = "Comparison")]
    pub fn compare(&self, other: &JsInspector) -> JsResult<JsValue> {
        to_js(&compare(self.0.movie(), other.0.movie()))
    }

    /// The report: `html` or `csv`.
    pub fn report(&self, form: &str, name: &str) -> JsResult<String> {
        let movie = self.0.movie();
        let inspection = Inspection::new(movie);
        let timelines = report::timelines(movie);
        let form: report::Form = form.parse().map_err(throw)?;
        Ok(form.write(name, &inspection, &timelines))
    }
}

/// The key doctor: a session, then an answer.
#[wasm_bindgen(js_name = Doctor)]
pub struct JsDoctor(Doctor);

#[wasm_bindgen(js_class = Doctor)]
impl JsDoctor {
    /// For a file, and text that may hold its keys.
    #[wasm_bindgen(constructor)]
    pub fn new(inspector: &JsInspector, text: String) -> JsResult<Self> {
        let text = Zeroizing::new(text);
        Ok(Self(Doctor::new(inspector.0.movie(), &[&text]).map_err(throw)?))
    }

    /// The spans to read next; `undefined` when done.
    pub fn step(&mut self) -> JsResult<Option<Float64Array>> {
        step(&mut self.0)
    }

    /// Bytes of those spans.
    pub fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        self.0.feed(bytes).map_err(throw)
    }

    /// What is known of what was given, track by track.
    #[wasm_bindgen(unchecked_return_type = "Diagnosis[]")]
    pub fn diagnose(&self) -> JsResult<JsValue> {
        to_js(&self.0.diagnose())
    }
}

/// Recognises a protection header in any wrapping.
#[wasm_bindgen(unchecked_return_type = "Decoded")]
pub fn recognise(bytes: &[u8]) -> JsResult<JsValue> {
    to_js(&decode::recognise(bytes).map_err(throw)?)
}

/// Files and manifests opened together.
#[wasm_bindgen(js_name = FileSet)]
#[derive(Default)]
pub struct JsSet {
    files: Vec<(String, Movie)>,
    manifests: Vec<(String, Manifest)>,
    proofs: Option<ReuseProofs>,
}

impl JsSet {
    fn set(&self) -> FileSet<'_> {
        let files = self.files.iter().map(|(name, movie)| (name.clone(), movie)).collect();
        FileSet { files, manifests: self.manifests.clone(), proofs: Vec::new() }
    }
}

#[wasm_bindgen(js_class = FileSet)]
impl JsSet {
    /// Without files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a media file.
    #[wasm_bindgen(js_name = addFile)]
    pub fn add_file(&mut self, name: String, inspector: &JsInspector) {
        self.files.push((name, inspector.0.movie().clone()));
    }

    /// Adds a manifest; gives what it is, in words.
    #[wasm_bindgen(js_name = addManifest)]
    pub fn add_manifest(&mut self, name: String, bytes: &[u8]) -> JsResult<String> {
        let manifest = Manifest::parse(bytes).map_err(throw)?;
        let kind = manifest.kind().to_owned();
        self.manifests.push((name, manifest));
        Ok(kind)
    }

    /// What to read next of which file, to prove IVs used twice: the number of
    /// the file, in order of adding, then its spans; `undefined` when done.
    pub fn step(&mut self) -> JsResult<Option<Float64Array>> {
        if self.proofs.is_none() {
            let proofs = ReuseProofs::new(&self.set());
            self.proofs = Some(proofs);
        }
        let Some(proofs) = &mut self.proofs else { return Ok(None) };
        Ok(proofs.step().map_err(throw)?.map(|(file, spans)| {
            let flat = spans.iter().flat_map(|s| [s.at as f64, s.len as f64]);
            let all: Vec<f64> = std::iter::once(file as f64).chain(flat).collect();
            Float64Array::from(&all[..])
        }))
    }

    /// Bytes of those spans.
    pub fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        self.proofs.as_mut().map_or(Ok(()), |proofs| proofs.feed(bytes)).map_err(throw)
    }

    /// What is wrong between them.
    #[wasm_bindgen(unchecked_return_type = "Finding[]")]
    pub fn check(&mut self) -> JsResult<JsValue> {
        let proofs = self.proofs.take().map(ReuseProofs::into_proofs).unwrap_or_default();
        to_js(&FileSet { proofs, ..self.set() }.check())
    }
}

/// A header as the page asks for it.
fn header(options: JsValue) -> JsResult<NewHeader> {
    from_js::<Header>(options)?.header().map_err(throw)
}

/// A PlayReady header in every version: its forms, or why not.
#[wasm_bindgen(js_name = everyVersion, unchecked_return_type = "Attempt[]")]
pub fn every_version_of(
    #[wasm_bindgen(unchecked_param_type = "Header")] options: JsValue,
) -> JsResult<JsValue> {
    to_js(&every_version(&header(options)?))
}

/// Puts that header into a file: a session, then the pieces, each a `Uint8Array`
/// or `{at, length}` to copy.
#[wasm_bindgen(js_name = HeaderChange)]
pub struct JsHeaderChange {
    change: Option<HeaderChange>,
    compared: u64,
}

#[wasm_bindgen(js_class = HeaderChange)]
impl JsHeaderChange {
    /// Of a file, from the options of [`every_version_of`].
    #[wasm_bindgen(constructor)]
    pub fn new(
        inspector: &JsInspector,
        #[wasm_bindgen(unchecked_param_type = "Header")] options: JsValue,
    ) -> JsResult<Self> {
        let header = header(options)?;
        let change = HeaderChange::new(inspector.0.movie(), &header).map_err(throw)?;
        Ok(Self { change: Some(change), compared: 0 })
    }

    /// The spans to read next; `undefined` when done.
    pub fn step(&mut self) -> JsResult<Option<Float64Array>> {
        self.change.as_mut().map_or(Ok(None), step)
    }

    /// Bytes of those spans.
    pub fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        use crate::Session as _;
        self.change.as_mut().map_or(Ok(()), |change| change.feed(bytes)).map_err(throw)
    }

    /// Fragments read, as a part of all.
    #[wasm_bindgen(getter)]
    pub fn progress(&self) -> f64 {
        let (done, all) = self.change.as_ref().map_or((0, 0), HeaderChange::progress);
        if all == 0 { 0.0 } else { done as f64 / all as f64 }
    }

    /// There is nothing to say of it.
    pub fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// The pieces.
    #[wasm_bindgen(unchecked_return_type = "Piece[]")]
    pub fn pieces(&mut self) -> JsResult<Vec<JsValue>> {
        let unready = || throw(Error::misuse(Code::NotPlanned, "The plan is not finished."));
        let made = self.change.take().ok_or_else(unready)?.finish().map_err(throw)?;
        self.compared = made.samples_compared();
        make::pieces(&made)
    }

    /// Samples that were compared with those of the input.
    #[wasm_bindgen(getter)]
    pub fn compared(&self) -> f64 {
        self.compared as f64
    }
}

/// A piece as JavaScript takes it.
fn piece(piece: &Piece) -> JsResult<JsValue> {
    #[derive(Serialize)]
    struct Place {
        at: u64,
        length: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        unit: Option<usize>,
    }
    let place = |span: ismvault::Span, unit| to_js(&Place { at: span.at, length: span.len, unit });
    match piece {
        Piece::Bytes(bytes) => Ok(Uint8Array::from(&bytes[..]).into()),
        Piece::Copy(span) => place(*span, None),
        Piece::Work { unit, span } => place(*span, Some(*unit)),
    }
}
