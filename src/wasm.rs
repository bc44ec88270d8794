//! The boundary to JavaScript, and nothing else: nothing is decided here.
//!
//! Offsets cross as `f64` (exact to 2^53, more than any file), bytes as typed
//! arrays, facts as plain objects, and errors as `{kind, code, message, at,
//! path}`. Randomness comes from the worker's `crypto`.

use crate::cipher::{ContentKey, IvCounter};
use crate::drm::playready::HeaderVersion;
use crate::error::{Error, Result};
use crate::ids::{Kid, Uuid};
use crate::inspect::Inspector;
use crate::protect::{Options, PROFILES, Plan, Profile};
use crate::recipe::{Piece, Planner, Recipe as _};
use crate::report::Inspection;
use crate::{Session, Step};
use js_sys::{Float64Array, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

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

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
    scope.crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(&mut bytes)).map_err(
        |_| Error::unsupported("no_randomness", "This browser gives no random numbers."),
    )?;
    Ok(bytes)
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

/// The profiles a file can be protected with: `{name, purpose}`, the default first.
#[wasm_bindgen]
pub fn profiles() -> JsResult<JsValue> {
    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        purpose: &'static str,
    }
    let rows: Vec<Row> =
        PROFILES.iter().map(|p| Row { name: p.name, purpose: p.purpose }).collect();
    to_js(&rows)
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

    /// What was found so far.
    pub fn inspection(&self) -> JsResult<JsValue> {
        to_js(&Inspection::new(self.0.movie()))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsOptions {
    kid: Option<String>,
    key: Option<Zeroizing<String>>,
    seed: Option<Zeroizing<String>>,
    la_url: Option<String>,
    lui_url: Option<String>,
    custom_attributes: Option<String>,
    header_version: Option<String>,
    profile: String,
    tracks: Vec<u32>,
}

impl JsOptions {
    fn read(self) -> Result<Options> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let kid = match given(&self.kid) {
            Some(text) => Kid::parse(&text)?,
            None => {
                let mut bytes = random::<16>()?;
                bytes[6] = bytes[6] & 0x0f | 0x40; // a random UUID, version 4
                bytes[8] = bytes[8] & 0x3f | 0x80;
                Uuid(bytes)
            }
        };
        let key = match (&self.key, &self.seed) {
            (Some(key), _) => ContentKey::parse(key)?,
            (None, Some(seed)) => ContentKey::from_seed(seed, kid)?,
            (None, None) => ContentKey::from_bytes(random()?),
        };
        Ok(Options {
            kid,
            key,
            iv: IvCounter::from_random(random()?),
            profile: Profile::parse(&self.profile)?,
            header_version: match given(&self.header_version) {
                Some(text) => HeaderVersion::parse(&text)?,
                None => HeaderVersion::default(),
            },
            la_url: given(&self.la_url),
            lui_url: given(&self.lui_url),
            custom_attributes: given(&self.custom_attributes),
            tracks: Some(self.tracks),
        })
    }
}

/// Protects a file: a session first, then a recipe.
#[wasm_bindgen(js_name = Protection)]
pub struct JsProtection {
    planner: Option<Planner<Plan>>,
    plan: Option<Plan>,
    options: Options,
}

#[wasm_bindgen(js_class = Protection)]
impl JsProtection {
    /// Decides everything, from `{kid, key, seed, laUrl, luiUrl,
    /// customAttributes, headerVersion, profile, tracks}`; a KID and key that
    /// are left out are made at random. Throws what cannot be done.
    #[wasm_bindgen(constructor)]
    pub fn new(inspector: &JsInspector, options: JsValue) -> JsResult<Self> {
        let options: JsOptions = serde_wasm_bindgen::from_value(options)
            .map_err(|e| throw(Error::misuse("bad_options", e.to_string())))?;
        let options = options.read().map_err(throw)?;
        let plan = Plan::new(inspector.0.movie(), &options).map_err(throw)?;
        Ok(Self { planner: Some(Planner::new(plan)), plan: None, options })
    }

    /// What will be written.
    pub fn preview(&self) -> JsResult<JsValue> {
        match (&self.planner, &self.plan) {
            (Some(planner), _) => to_js(planner.recipe().preview()),
            (None, Some(plan)) => to_js(plan.preview()),
            (None, None) => Ok(JsValue::UNDEFINED),
        }
    }

    /// KID and key, `{kid, key}`, to show to the person who made them.
    pub fn secret(&self) -> JsResult<JsValue> {
        #[derive(Serialize)]
        struct Secret<'a> {
            kid: Kid,
            key: &'a str,
        }
        to_js(&Secret { kid: self.options.kid, key: &self.options.key.reveal() })
    }

    /// The spans to read before anything is written; `undefined` when ready.
    pub fn step(&mut self) -> JsResult<Option<Float64Array>> {
        let Some(planner) = &mut self.planner else { return Ok(None) };
        let spans = step(planner)?;
        if spans.is_none()
            && let Some(planner) = self.planner.take()
        {
            self.plan = Some(planner.finish().map_err(throw)?);
        }
        Ok(spans)
    }

    /// Bytes of those spans.
    pub fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        self.planner.as_mut().map_or(Ok(()), |planner| planner.feed(bytes)).map_err(throw)
    }

    fn plan(&self) -> JsResult<&Plan> {
        let unready = || throw(Error::misuse("not_planned", "The plan is not finished."));
        self.plan.as_ref().ok_or_else(unready)
    }

    /// The pieces in order, each a `Uint8Array` of bytes made already, or
    /// `{at, length}` to copy, or `{at, length, unit}` to work on.
    pub fn pieces(&self) -> JsResult<Vec<JsValue>> {
        #[derive(Serialize)]
        struct Place {
            at: u64,
            length: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            unit: Option<usize>,
        }
        let place = |span: crate::Span, unit| to_js(&Place { at: span.at, length: span.len, unit });
        self.plan()?
            .pieces()
            .iter()
            .map(|piece| match piece {
                Piece::Bytes(bytes) => Ok(Uint8Array::from(&bytes[..]).into()),
                Piece::Copy(span) => place(*span, None),
                Piece::Work { unit, span } => place(*span, Some(*unit)),
            })
            .collect()
    }

    /// Makes a unit of the output from its bytes of the input.
    pub fn work(&self, unit: usize, bytes: Vec<u8>) -> JsResult<Vec<u8>> {
        self.plan()?.work(unit, bytes).map_err(throw)
    }

    /// What comes last, from the lengths of all units.
    pub fn finish(&self, lengths: Vec<f64>) -> JsResult<Vec<u8>> {
        let lengths: Vec<u64> = lengths.iter().map(|len| *len as u64).collect();
        self.plan()?.finish(&lengths).map_err(throw)
    }
}
