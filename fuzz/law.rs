//! Searches for an input that breaks the law named by `ISMVAULT_LAW`; seeds go
//! into the folder `ISMVAULT_SEEDS` first. Without a law, it lists them.
//! `cargo xtask fuzz` runs it.
#![no_main]

use ismvault_testkit::laws::{LAWS, Law, law};
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static LAW: OnceLock<&'static Law> = OnceLock::new();

fn begin() {
    let Ok(name) = std::env::var("ISMVAULT_LAW") else {
        LAWS.iter().for_each(|law| println!("{}", law.name));
        std::process::exit(0);
    };
    let law = law(&name).expect("there is such a law");
    if let Some(folder) = std::env::var_os("ISMVAULT_SEEDS").map(std::path::PathBuf::from) {
        for (i, seed) in (law.seeds)().iter().chain(&law.corpus()).enumerate() {
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
