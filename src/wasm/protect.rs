//! Protecting and decrypting: a session first, then a recipe with work.

use super::{JsInspector, JsResult, piece, random, step, throw, to_js};
use crate::Session as _;
use crate::cipher::ContentKey;
use crate::decrypt::{Decryption, parse_key};
use crate::drm::playready::HeaderVersion;
use crate::error::{Error, Result};
use crate::ids::{Kid, Uuid};
use crate::protect::receipt::Proven;
use crate::protect::{Options, Plan, Profile, Target, TrackKey, keyfile};
use crate::recipe::{Planner, Recipe};
use js_sys::Float64Array;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsOptions {
    kid: Option<String>,
    key: Option<Zeroizing<String>>,
    seed: Option<Zeroizing<String>>,
    key_file: Option<Zeroizing<String>>,
    la_url: Option<String>,
    lui_url: Option<String>,
    custom_attributes: Option<String>,
    header_version: Option<String>,
    profile: String,
    tracks: Option<Vec<u32>>,
    #[serde(default)]
    iv_size: Option<u8>,
    #[serde(default)]
    widevine: bool,
    #[serde(default)]
    clear_lead: u32,
}

fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.trim().is_empty())
}

impl JsOptions {
    fn read(self) -> Result<Options> {
        Ok(Options {
            keys: self.keys()?,
            random: random()?,
            iv_size: self.iv_size.unwrap_or(8),
            profile: Profile::parse(&self.profile)?,
            header_version: given(&self.header_version)
                .map(|text| HeaderVersion::parse(&text))
                .transpose()?,
            la_url: given(&self.la_url),
            lui_url: given(&self.lui_url),
            custom_attributes: given(&self.custom_attributes),
            widevine: self.widevine,
            clear_lead: self.clear_lead,
            tracks: self.tracks,
        })
    }

    fn keys(&self) -> Result<Vec<TrackKey>> {
        if let Some(text) = &self.key_file {
            return keyfile::parse(text);
        }
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
        Ok(vec![TrackKey { target: Target::All, kid, key }])
    }
}

/// A recipe on its way: being made ready, then ready.
enum Stage<R> {
    Planning(Planner<R>),
    Ready(R),
    /// While it goes from one to the other.
    Between,
}

impl<R: Recipe> Stage<R> {
    fn new(recipe: R) -> Self {
        Self::Planning(Planner::new(recipe))
    }

    fn recipe(&self) -> JsResult<&R> {
        match self {
            Self::Planning(planner) => Ok(planner.recipe()),
            Self::Ready(recipe) => Ok(recipe),
            Self::Between => Err(unready()),
        }
    }

    fn ready(&self) -> JsResult<&R> {
        match self {
            Self::Ready(recipe) => Ok(recipe),
            _ => Err(unready()),
        }
    }

    fn step(&mut self) -> JsResult<Option<Float64Array>> {
        let Self::Planning(planner) = self else { return Ok(None) };
        let spans = step(planner)?;
        if spans.is_none()
            && let Self::Planning(planner) = std::mem::replace(self, Self::Between)
        {
            *self = Self::Ready(planner.finish().map_err(throw)?);
        }
        Ok(spans)
    }

    fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        match self {
            Self::Planning(planner) => planner.feed(bytes).map_err(throw),
            _ => Ok(()),
        }
    }

    fn finish(&self, lengths: &[f64]) -> JsResult<Vec<u8>> {
        let lengths: Vec<u64> = lengths.iter().map(|len| *len as u64).collect();
        self.ready()?.finish(&lengths).map_err(throw)
    }
}

fn unready() -> JsValue {
    throw(Error::misuse("not_planned", "The plan is not finished."))
}

/// Protects a file: a session first, then a recipe.
#[wasm_bindgen(js_name = Protection)]
pub struct JsProtection {
    stage: Stage<Proven>,
    options: Options,
}

#[wasm_bindgen(js_class = Protection)]
impl JsProtection {
    /// Decides everything, from `{kid, key, seed, keyFile, laUrl, luiUrl,
    /// customAttributes, headerVersion, profile, tracks, ivSize, widevine,
    /// clearLead}`; a KID and key that are left out are made at random. Throws
    /// what cannot be done.
    #[wasm_bindgen(constructor)]
    pub fn new(inspector: &JsInspector, options: JsValue) -> JsResult<Self> {
        let options: JsOptions = serde_wasm_bindgen::from_value(options)
            .map_err(|e| throw(Error::misuse("bad_options", e.to_string())))?;
        let options = options.read().map_err(throw)?;
        let plan = Plan::new(inspector.0.movie(), &options).map_err(throw)?;
        Ok(Self { stage: Stage::new(Proven::new(plan)), options })
    }

    /// What will be written.
    pub fn preview(&self) -> JsResult<JsValue> {
        to_js(self.stage.recipe()?.plan().preview())
    }

    /// KIDs and keys, `[{kid, key}]`, to show to the person who made them.
    pub fn secret(&self) -> JsResult<JsValue> {
        #[derive(Serialize)]
        struct Secret {
            kid: Kid,
            key: Zeroizing<String>,
        }
        let keys = self.options.keys.iter();
        let secrets: Vec<Secret> =
            keys.map(|key| Secret { kid: key.kid, key: key.key.reveal() }).collect();
        to_js(&secrets)
    }

    /// The spans to read before anything is written; `undefined` when ready.
    pub fn step(&mut self) -> JsResult<Option<Float64Array>> {
        self.stage.step()
    }

    /// Bytes of those spans.
    pub fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        self.stage.feed(bytes)
    }

    /// The pieces in order, each a `Uint8Array` of bytes made already, or
    /// `{at, length}` to copy, or `{at, length, unit}` to work on.
    pub fn pieces(&self) -> JsResult<Vec<JsValue>> {
        self.stage.ready()?.pieces().iter().map(piece).collect()
    }

    /// Makes a unit of the output from its bytes of the input, and reads it back.
    pub fn work(&self, unit: usize, bytes: Vec<u8>) -> JsResult<Vec<u8>> {
        self.stage.ready()?.work(unit, bytes).map_err(throw)
    }

    /// Takes in bytes of the output for the receipt, in order.
    pub fn wrote(&self, bytes: &[u8]) -> JsResult<()> {
        self.stage.ready()?.wrote(bytes);
        Ok(())
    }

    /// What comes last, from the lengths of all units.
    pub fn finish(&self, lengths: Vec<f64>) -> JsResult<Vec<u8>> {
        self.stage.finish(&lengths)
    }

    /// The receipt of the file that is whole now. There is one only.
    pub fn receipt(&mut self, input: &str, size: f64) -> JsResult<JsValue> {
        match std::mem::replace(&mut self.stage, Stage::Between) {
            Stage::Ready(proven) => to_js(&proven.receipt(input, size as u64).map_err(throw)?),
            _ => Err(unready()),
        }
    }
}

/// Decrypts a file: a session first, then a recipe.
#[wasm_bindgen(js_name = Decryption)]
pub struct JsDecryption(Stage<Decryption>);

#[wasm_bindgen(js_class = Decryption)]
impl JsDecryption {
    /// With keys as a person writes them: `KEY`, `KID:KEY` or `TRACK:KEY`, with
    /// spaces, commas or line ends between.
    #[wasm_bindgen(constructor)]
    pub fn new(inspector: &JsInspector, keys: String) -> JsResult<Self> {
        let keys = Zeroizing::new(keys);
        let words = keys.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
        let words = words.filter(|word| !word.is_empty());
        let keys = words.map(parse_key).collect::<Result<Vec<_>>>().map_err(throw)?;
        let decryption = Decryption::new(inspector.0.movie(), &keys).map_err(throw)?;
        Ok(Self(Stage::new(decryption)))
    }

    /// What the user should know.
    pub fn warnings(&self) -> JsResult<Vec<String>> {
        Ok(self.0.recipe()?.warnings().to_vec())
    }

    /// The spans to read before anything is written; `undefined` when ready.
    pub fn step(&mut self) -> JsResult<Option<Float64Array>> {
        self.0.step()
    }

    /// Bytes of those spans.
    pub fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        self.0.feed(bytes)
    }

    /// The pieces, as those of `Protection`.
    pub fn pieces(&self) -> JsResult<Vec<JsValue>> {
        self.0.ready()?.pieces().iter().map(piece).collect()
    }

    /// Makes a unit of the output from its bytes of the input.
    pub fn work(&self, unit: usize, bytes: Vec<u8>) -> JsResult<Vec<u8>> {
        self.0.ready()?.work(unit, bytes).map_err(throw)
    }

    /// What comes last, from the lengths of all units.
    pub fn finish(&self, lengths: Vec<f64>) -> JsResult<Vec<u8>> {
        self.0.finish(&lengths)
    }
}
