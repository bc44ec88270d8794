//! The types that cross to JavaScript, as TypeScript: written from the structs
//! into `crates/wasm/src/types.d.ts`, and compared with it by every test run.

use crate::jobs::{self, fields, key_list};
use crate::look::decode;
use crate::look::diff;
use crate::look::doctor;
use crate::look::explore;
use crate::look::report;
use crate::make::header_editor;
use crate::make::protect;
use crate::{checks, error, format, model};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use ts_rs::{Config, TS, TypeVisitor};

/// Keeps the declaration of a type and of all it is made of.
struct Declarations<'c> {
    config: &'c Config,
    found: BTreeMap<String, String>,
}

impl TypeVisitor for Declarations<'_> {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        // Lists, numbers and the like have no declaration of their own.
        if T::output_path().is_none() {
            return;
        }
        let docs = T::docs().unwrap_or_default();
        let text = format!("{docs}export {}\n", T::decl(self.config).trim_start_matches("export "));
        if let Some(known) = self.found.insert(T::ident(self.config), text.clone()) {
            assert_eq!(known, text, "two types have one name");
            return;
        }
        T::visit_dependencies(self);
    }
}

#[test]
fn the_types_of_the_page_are_those_of_the_core() {
    let config = Config::new().with_large_int("number");
    let mut all = Declarations { config: &config, found: BTreeMap::new() };
    all.visit::<checks::Check>();
    all.visit::<decode::Decoded>();
    all.visit::<diff::Comparison>();
    all.visit::<doctor::Diagnosis>();
    all.visit::<error::Error>();
    all.visit::<explore::Branch>();
    all.visit::<explore::BoxKind>();
    all.visit::<explore::FieldTable>();
    all.visit::<explore::TrackSamples>();
    all.visit::<fields::Tables>();
    all.visit::<format::drm::playready::WrmHeader>();
    all.visit::<header_editor::Attempt>();
    all.visit::<jobs::Candidate>();
    all.visit::<jobs::Decrypt>();
    all.visit::<jobs::Header>();
    all.visit::<jobs::KeyPair>();
    all.visit::<jobs::MuxSet>();
    all.visit::<jobs::NewFile>();
    all.visit::<jobs::Protect>();
    all.visit::<jobs::Publish>();
    all.visit::<jobs::PublishedNames>();
    all.visit::<jobs::Rewriting>();
    all.visit::<key_list::Entry>();
    all.visit::<model::Finding>();
    all.visit::<protect::Preview>();
    all.visit::<protect::receipt::Receipt>();
    all.visit::<report::Inspection>();
    all.visit::<report::Playable>();
    all.visit::<report::Timeline>();
    let mut text = String::from(
        "// Made of the structs of the core by `cargo test`; see src/typescript.rs.\n",
    );
    for declaration in all.found.values() {
        let _ = write!(text, "\n{declaration}");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/wasm/src/types.d.ts");
    if std::env::var_os("UPDATE_TYPES").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(kept == text, "types changed: run `UPDATE_TYPES=1 cargo test --lib typescript`");
}
