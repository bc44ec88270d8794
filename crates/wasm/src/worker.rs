//! What is done in the workers of the pool: units, with nothing else of the
//! file at hand. And hashing.

use super::{JsResult, throw};
use ismvault::error::{Code, Error, Result};
use ismvault::make::decrypt::Decryptor;
use ismvault::make::proof::Proof;
use ismvault::make::protect::receipt::FileHash;
use ismvault::make::protect::{Protector, UnitState};
use ismvault_cipher::Cipher;
use js_sys::Uint8Array;
use wasm_bindgen::prelude::*;
use zeroize::Zeroizing;

/// What a setup begins with.
pub(super) const PROTECT: u8 = 1;
pub(super) const DECRYPT: u8 = 2;

/// A setup for JavaScript. Nothing of it stays in this module's memory.
pub(super) fn setup(kind: u8, setup: &[u8]) -> Uint8Array {
    let bytes = Zeroizing::new([&[kind][..], setup].concat());
    Uint8Array::from(bytes.as_slice())
}

enum Work {
    Protect(Box<Protector>),
    Decrypt(Decryptor),
}

/// Does units. Their bytes are put into this module's memory, and taken from
/// there: at `room(length)`, and at `output`.
#[wasm_bindgen(js_name = Worker)]
pub struct JsWorker {
    work: Work,
    /// The unit, and behind it what is left of longer ones.
    input: Vec<u8>,
    length: usize,
    output: Vec<u8>,
    proof: Proof,
}

#[wasm_bindgen(js_class = Worker)]
impl JsWorker {
    /// From a `setup`.
    #[wasm_bindgen(constructor)]
    pub fn new(setup: &Uint8Array) -> JsResult<Self> {
        // Copied by ourselves, for what the boundary copies is not wiped.
        let setup = Zeroizing::new(setup.to_vec());
        let work = || -> Result<Work> {
            match setup.split_first() {
                Some((&PROTECT, setup)) => {
                    Ok(Work::Protect(Box::new(Protector::from_setup(setup)?)))
                }
                Some((&DECRYPT, setup)) => Ok(Work::Decrypt(Decryptor::from_setup(setup)?)),
                _ => Err(Error::misuse(Code::BadSetup, "This is no setup of a worker.")),
            }
        };
        let work = work().map_err(throw)?;
        Ok(Self { work, input: Vec::new(), length: 0, output: Vec::new(), proof: Proof::default() })
    }

    /// Where to put the bytes of a unit.
    pub fn room(&mut self, length: usize) -> *mut u8 {
        if self.input.len() < length {
            self.input.resize(length, 0);
        }
        self.length = length;
        self.input.as_mut_ptr()
    }

    /// Does the unit whose bytes were put there; gives the length of the output.
    pub fn work(&mut self, state: &[u8], at: f64) -> JsResult<usize> {
        self.output.clear();
        let (at, input, output) = (at as u64, &self.input[..self.length], &mut self.output);
        match &self.work {
            Work::Protect(protector) => {
                let state = UnitState::from_bytes(state).map_err(throw)?;
                self.proof.join(protector.work(&state, at, input, output).map_err(throw)?);
            }
            Work::Decrypt(decryptor) => {
                self.proof.join(decryptor.work(at, input, output).map_err(throw)?);
            }
        }
        Ok(self.output.len())
    }

    /// The length that the output would have.
    pub fn measure(&self, state: &[u8], at: f64) -> JsResult<f64> {
        let (at, input) = (at as u64, &self.input[..self.length]);
        let length = match &self.work {
            Work::Protect(protector) => {
                protector.measure(&UnitState::from_bytes(state).map_err(throw)?, at, input)
            }
            Work::Decrypt(decryptor) => decryptor.measure(at, input),
        };
        Ok(length.map_err(throw)? as f64)
    }

    /// Where the output is.
    #[wasm_bindgen(getter)]
    pub fn output(&self) -> *const u8 {
        self.output.as_ptr()
    }

    /// What was found on reading back, since it was last taken.
    #[wasm_bindgen(js_name = takeProof)]
    pub fn take_proof(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.proof).to_bytes()
    }
}

/// SHA-256 of a file, from its start.
#[wasm_bindgen(js_name = FileHash)]
#[derive(Default)]
pub struct JsFileHash(FileHash);

#[wasm_bindgen(js_class = FileHash)]
impl JsFileHash {
    /// Of nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// In hex.
    pub fn finish(self) -> String {
        self.0.finish()
    }
}

/// Encrypts as many samples of a size as it takes, for `cargo xtask bench`: in
/// counter mode, each with an IV of its own. `reference` does it with the plain
/// `aes` and `ctr` crates.
#[wasm_bindgen(js_name = encryptSamples)]
pub fn encrypt_samples(bytes: &mut [u8], times: u32, reference: bool) {
    let cipher = Cipher::new(&[7; 16]);
    for number in 0..times {
        let mut iv = [0; 16];
        iv[4..8].copy_from_slice(&number.to_be_bytes());
        if reference {
            cipher.count_plainly(&iv, bytes);
        } else {
            cipher.count(&iv, std::iter::once(&mut *bytes));
        }
    }
}
