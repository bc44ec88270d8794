//! Searches for an input that breaks the law named by `ISMVAULT_LAW`; seeds go
//! into the folder `ISMVAULT_SEEDS` first. `cargo xtask fuzz` runs it.
#![no_main]

use ismvault_testkit::laws::{Law, law};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static LAW: OnceLock<&'static Law> = OnceLock::new();

fn begin() {
    let name = std::env::var("ISMVAULT_LAW").expect("ISMVAULT_LAW names a law");
    let law = law(&name).expect("there is such a law");
    if let Some(folder) = std::env::var_os("ISMVAULT_SEEDS").map(std::path::PathBuf::from) {
        for (i, seed) in (law.seeds)().iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{i}")), seed).expect("a seed is written");
        }
    }
    let _ = LAW.set(law);
}

fuzz_target!(init: begin(), |input: &[u8]| {
    if let Some(law) = LAW.get() {
        (law.holds)(input);
    }
});
