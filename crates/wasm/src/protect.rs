//! Protecting and decrypting: decided here, done unit by unit by
//! [`crate::worker`]s, which may be in other threads.

use super::{JsInspector, JsResult, fill, from_js, piece, throw, to_js};
use crate::worker;
use ismvault::error::{Code, Error};
use ismvault::format::cipher::ContentKey;
use ismvault::jobs::{Decrypt, KeyPair, Protect};
use ismvault::make::decrypt::{Decryption, KeyFor};
use ismvault::make::proof::{Proof, Proven};
use ismvault::make::protect::{Options, Plan};
use ismvault::make::recipe::Recipe;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;

fn pieces(recipe: &impl Recipe) -> JsResult<Vec<JsValue>> {
    recipe.pieces().iter().map(piece).collect()
}

fn whole(lengths: &[f64]) -> Vec<u64> {
    lengths.iter().map(|len| *len as u64).collect()
}

/// Protects a file: `pieces`, of which the units are done by workers made from
/// `setup`; where `unmeasured`, all of them are measured first.
#[wasm_bindgen(js_name = Protection)]
pub struct JsProtection {
    /// None once the receipt is written.
    proven: Option<Proven<Plan>>,
    options: Options,
}

impl JsProtection {
    fn proven(&self) -> JsResult<&Proven<Plan>> {
        self.proven.as_ref().ok_or_else(ended)
    }
}

fn ended() -> JsValue {
    throw(Error::misuse(Code::Ended, "The receipt was written already."))
}

#[wasm_bindgen(js_class = Protection)]
impl JsProtection {
    /// Decides everything; a KID and key that are left out are made
    /// at random. Throws what cannot be done.
    #[wasm_bindgen(constructor)]
    pub fn new(
        inspector: &JsInspector,
        #[wasm_bindgen(unchecked_param_type = "Protect")] options: JsValue,
    ) -> JsResult<Self> {
        let options = from_js::<Protect>(options)?.options(&mut fill).map_err(throw)?;
        let plan = Plan::new(inspector.0.movie(), &options).map_err(throw)?;
        Ok(Self { proven: Some(Proven::new(plan)), options })
    }

    /// What will be written.
    #[wasm_bindgen(unchecked_return_type = "Preview")]
    pub fn preview(&self) -> JsResult<JsValue> {
        to_js(self.proven()?.recipe().preview())
    }

    /// KIDs and keys, to show to the person who made them.
    #[wasm_bindgen(unchecked_return_type = "KeyPair[]")]
    pub fn secret(&self) -> JsResult<JsValue> {
        to_js(&KeyPair::all(&self.options))
    }

    /// What a worker is made of. It has the keys in it: wipe it when it is sent.
    pub fn setup(&self) -> JsResult<Uint8Array> {
        Ok(worker::setup(
            worker::PROTECT,
            &self.proven()?.recipe().protector().setup(&self.options),
        ))
    }

    /// What a worker must know for this unit.
    #[wasm_bindgen(js_name = unitState)]
    pub fn unit_state(&self, unit: usize) -> JsResult<Vec<u8>> {
        Ok(self.proven()?.recipe().unit_state(unit).map_err(throw)?.to_bytes())
    }

    /// Whether the lengths of all units must be known before anything is written.
    #[wasm_bindgen(getter)]
    pub fn unmeasured(&self) -> JsResult<bool> {
        Ok(!self.proven()?.unmeasured().is_empty())
    }

    /// Takes those lengths.
    pub fn settle(&mut self, lengths: &[f64]) -> JsResult<()> {
        self.proven.as_mut().ok_or_else(ended)?.settle(&whole(lengths)).map_err(throw)
    }

    /// The pieces in order, each a `Uint8Array` of bytes made already, or
    /// `{at, length}` to copy, or `{at, length, unit}` to work on.
    #[wasm_bindgen(unchecked_return_type = "Piece[]")]
    pub fn pieces(&self) -> JsResult<Vec<JsValue>> {
        pieces(self.proven()?)
    }

    /// Takes in what a worker found when it read a unit back.
    pub fn proved(&self, proof: &[u8]) -> JsResult<()> {
        self.proven()?.add(Proof::from_bytes(proof).map_err(throw)?);
        Ok(())
    }

    /// What comes last, from the lengths of all units.
    pub fn finish(&self, lengths: &[f64]) -> JsResult<Vec<u8>> {
        self.proven()?.finish(&whole(lengths)).map_err(throw)
    }

    /// The receipt of the file that is whole now, but for its hash. There is one
    /// only.
    #[wasm_bindgen(unchecked_return_type = "Receipt")]
    pub fn receipt(&mut self, input: &str, from: f64, to: f64) -> JsResult<JsValue> {
        let proven = self.proven.take().ok_or_else(ended)?;
        to_js(&proven.receipt(input, [from as u64, to as u64]).map_err(throw)?)
    }
}

/// Decrypts a file, as [`JsProtection`] protects it.
#[wasm_bindgen(js_name = Decryption)]
pub struct JsDecryption {
    /// None once it is judged.
    proven: Option<Proven<Decryption>>,
    keys: Vec<(KeyFor, ContentKey)>,
}

impl JsDecryption {
    fn proven(&self) -> JsResult<&Proven<Decryption>> {
        self.proven.as_ref().ok_or_else(ended)
    }
}

#[wasm_bindgen(js_class = Decryption)]
impl JsDecryption {
    /// Of an inspected file.
    #[wasm_bindgen(constructor)]
    pub fn new(
        inspector: &JsInspector,
        #[wasm_bindgen(unchecked_param_type = "Decrypt")] job: JsValue,
    ) -> JsResult<Self> {
        let keys = from_js::<Decrypt>(job)?.keys().map_err(throw)?;
        let decryption = Decryption::new(inspector.0.movie(), &keys).map_err(throw)?;
        Ok(Self { proven: Some(Proven::new(decryption)), keys })
    }

    /// What the user should know.
    pub fn warnings(&self) -> JsResult<Vec<String>> {
        Ok(self.proven()?.recipe().warnings().to_vec())
    }

    /// What a worker is made of. It has the keys in it: wipe it when it is sent.
    pub fn setup(&self) -> JsResult<Uint8Array> {
        let setup = self.proven()?.recipe().decryptor().setup(&self.keys);
        Ok(worker::setup(worker::DECRYPT, &setup))
    }

    /// What a worker must know for a unit: nothing.
    #[wasm_bindgen(js_name = unitState)]
    pub fn unit_state(&self, _unit: usize) -> Vec<u8> {
        Vec::new()
    }

    /// Whether the lengths of all units must be known before anything is written.
    #[wasm_bindgen(getter)]
    pub fn unmeasured(&self) -> JsResult<bool> {
        Ok(!self.proven()?.unmeasured().is_empty())
    }

    /// Takes those lengths.
    pub fn settle(&mut self, lengths: &[f64]) -> JsResult<()> {
        self.proven.as_mut().ok_or_else(ended)?.settle(&whole(lengths)).map_err(throw)
    }

    /// The pieces, as those of `Protection`.
    #[wasm_bindgen(unchecked_return_type = "Piece[]")]
    pub fn pieces(&self) -> JsResult<Vec<JsValue>> {
        pieces(self.proven()?)
    }

    /// Takes in what a worker found when it read a unit back.
    pub fn proved(&self, proof: &[u8]) -> JsResult<()> {
        self.proven()?.add(Proof::from_bytes(proof).map_err(throw)?);
        Ok(())
    }

    /// What comes last, from the lengths of all units.
    pub fn finish(&self, lengths: &[f64]) -> JsResult<Vec<u8>> {
        self.proven()?.finish(&whole(lengths)).map_err(throw)
    }

    /// Throws where the file that is whole now is not what it should be.
    pub fn judge(&mut self) -> JsResult<()> {
        let proven = self.proven.take().ok_or_else(ended)?;
        proven.verdict().map(drop).map_err(throw)
    }
}
