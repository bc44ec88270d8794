//! Files made of files by boxes alone: pieces of bytes and copies, which the
//! page stitches together.

use super::{JsInspector, JsResult, piece, step, throw, to_js};
use ismvault::error::{Error, Result};
use ismvault::look::set::FileSet;
use ismvault::make::assemble::{FragmentFile, assemble, is_fragment};
use ismvault::make::fragmenter;
use ismvault::make::manifests::{self, Addressing, Rendition};
use ismvault::make::mux::{self, Choice, Fold, Mux, MuxInput, MuxOptions};
use ismvault::make::protect::Profile;
use ismvault::make::recipe::{Recipe as _, Stitched};
use ismvault::model::Movie;
use ismvault::model::manifest::Manifest;
use js_sys::Float64Array;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

pub(super) fn pieces(stitched: &Stitched) -> JsResult<Vec<JsValue>> {
    stitched.pieces().iter().map(piece).collect()
}

/// A progressive MP4 as a fragmented one: its pieces, and last what there is to
/// say of it.
#[wasm_bindgen]
pub fn fragment(inspector: &JsInspector) -> JsResult<Vec<JsValue>> {
    let (made, notes) = fragmenter::fragment(inspector.0.movie()).map_err(throw)?;
    let mut out = pieces(&made)?;
    out.push(to_js(&notes)?);
    Ok(out)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct JsMuxOptions {
    profile: Option<String>,
    #[serde(default)]
    sidx: bool,
    #[serde(default)]
    mend: bool,
    #[serde(default)]
    earliest: f64,
    /// `pauses` or `all`; nothing if left out.
    fold: Option<String>,
    /// With `all`, the most that any file of the title skips.
    #[serde(default)]
    skip: f64,
}

/// Makes one file of several, or one anew: files are added, then `begin`, then
/// a session, then the pieces. Spans count over all files that were added, one
/// behind the other.
#[wasm_bindgen(js_name = Mux)]
#[derive(Default)]
pub struct JsMux {
    files: Vec<(String, Movie, Option<Vec<u32>>)>,
    manifests: Vec<(String, Manifest)>,
    mux: Option<Mux>,
}

impl JsMux {
    fn named(&self) -> Vec<(&str, &Movie)> {
        self.files.iter().map(|(name, movie, _)| (name.as_str(), movie)).collect()
    }
}

#[wasm_bindgen(js_class = Mux)]
impl JsMux {
    /// Without files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, and which of its tracks; all where none are named.
    pub fn add(&mut self, name: String, inspector: &JsInspector, tracks: Option<Vec<u32>>) {
        self.files.push((name, inspector.0.movie().clone(), tracks));
    }

    /// Adds a manifest that the files must agree with.
    #[wasm_bindgen(js_name = addManifest)]
    pub fn add_manifest(&mut self, name: String, bytes: &[u8]) -> JsResult<()> {
        self.manifests.push((name, Manifest::parse(bytes).map_err(throw)?));
        Ok(())
    }

    /// Every track that can be chosen, the best first, with the number of its
    /// file.
    pub fn candidates(&self) -> JsResult<JsValue> {
        to_js(&mux::candidates(&self.named()))
    }

    /// Which tracks of which files are best under so many bit/s: `[[file,
    /// [track]]]`.
    pub fn choose(&self, under: Option<f64>) -> JsResult<JsValue> {
        let choice = Choice { under: under.map(|under| under as u64), ..Choice::default() };
        to_js(&mux::choose(&self.named(), &choice).map_err(throw)?)
    }

    /// Decides everything, from `{profile, sidx, mend, earliest, fold, skip}`.
    pub fn begin(&mut self, options: JsValue) -> JsResult<()> {
        let options: JsMuxOptions = serde_wasm_bindgen::from_value(options)
            .map_err(|e| throw(Error::misuse("bad_options", e.to_string())))?;
        if !self.manifests.is_empty() {
            let files = self.files.iter().map(|(name, movie, _)| (name.clone(), movie));
            let manifests = self.manifests.clone();
            let set = FileSet { files: files.collect(), manifests, proofs: Vec::new() };
            mux::check_set(&set).map_err(throw)?;
        }
        let profile = options.profile.as_deref().map(Profile::parse).transpose().map_err(throw)?;
        let (mut at, mut inputs) = (0, Vec::new());
        for (name, movie, tracks) in &self.files {
            inputs.push(MuxInput { name, movie, at, tracks: tracks.as_deref() });
            at += movie.size;
        }
        let earliest = options.earliest as i64;
        let fold = match options.fold.as_deref() {
            Some("pauses") => Fold::Pauses,
            Some("all") => Fold::All { skip: options.skip as i64 },
            _ => Fold::Nothing,
        };
        let options =
            MuxOptions { profile, sidx: options.sidx, mend: options.mend, earliest, fold };
        self.mux = Some(Mux::new(&inputs, options).map_err(throw)?);
        Ok(())
    }

    /// The spans to read next; `undefined` when done.
    pub fn step(&mut self) -> JsResult<Option<Float64Array>> {
        self.mux.as_mut().map_or(Ok(None), step)
    }

    /// Bytes of those spans.
    pub fn feed(&mut self, bytes: &[u8]) -> JsResult<()> {
        use crate::Session as _;
        self.mux.as_mut().map_or(Ok(()), |mux| mux.feed(bytes)).map_err(throw)
    }

    /// Fragments read, as a part of all.
    #[wasm_bindgen(getter)]
    pub fn progress(&self) -> f64 {
        let (done, all) = self.mux.as_ref().map_or((0, 0), Mux::progress);
        if all == 0 { 0.0 } else { done as f64 / all as f64 }
    }

    /// What there is to say of it.
    pub fn notes(&self) -> Vec<String> {
        self.mux.as_ref().map(|mux| mux.sentences().to_vec()).unwrap_or_default()
    }

    /// The pieces.
    pub fn pieces(&mut self) -> JsResult<Vec<JsValue>> {
        let unready = || throw(Error::misuse("not_planned", "The plan is not finished."));
        pieces(&self.mux.take().ok_or_else(unready)?.finish().map_err(throw)?)
    }

    /// How long before zero a file begins that is to be played with others.
    pub fn earliest(inspector: &JsInspector) -> f64 {
        mux::earliest(inspector.0.movie()) as f64
    }

    /// The most that a track of a file skips of its media.
    #[wasm_bindgen(js_name = longestSkip)]
    pub fn longest_skip(inspector: &JsInspector) -> f64 {
        mux::longest_skip(inspector.0.movie()) as f64
    }

    /// Whether a Smooth Streaming client would present a file otherwise than it
    /// means.
    #[wasm_bindgen(js_name = isToBeFolded)]
    pub fn is_to_be_folded(inspector: &JsInspector, skip: f64) -> bool {
        mux::is_to_be_folded(inspector.0.movie(), skip as i64)
    }
}

/// The files that a server manifest (.ism) names.
#[wasm_bindgen]
pub fn sources(manifest: &[u8]) -> JsResult<Vec<String>> {
    match Manifest::parse(manifest).map_err(throw)? {
        Manifest::Server(server) => {
            let mut files: Vec<String> = server.tracks.into_iter().map(|track| track.src).collect();
            files.sort_unstable();
            files.dedup();
            Ok(files)
        }
        _ => Ok(Vec::new()),
    }
}

/// Whether a file of this name that begins with these bytes may be a fragment
/// without a header.
#[wasm_bindgen(js_name = isFragment)]
pub fn is_a_fragment(name: &str, start: &[u8]) -> bool {
    is_fragment(name, start)
}

/// A session that makes a file of a client manifest and fragments. The
/// inspector is of all of them, one behind the other.
#[wasm_bindgen(js_name = assemble)]
pub fn assemble_fragments(
    manifest: &[u8],
    inspector: &JsInspector,
    names: Vec<String>,
    sizes: Vec<f64>,
) -> JsResult<JsMux> {
    let mux = || -> Result<Mux> {
        let Manifest::Client(client) = Manifest::parse(manifest)? else {
            let sentence = "Fragments need their client manifest (.ismc).";
            return Err(Error::misuse("not_a_client_manifest", sentence));
        };
        let (mut at, mut files) = (0, Vec::new());
        for (name, size) in names.iter().zip(&sizes) {
            files.push(FragmentFile { name, at, size: *size as u64 });
            at += *size as u64;
        }
        assemble(&client, inspector.0.movie(), &files)
    };
    Ok(JsMux { mux: Some(mux().map_err(throw)?), ..JsMux::default() })
}

/// Manifests for files: they are added, then written.
#[wasm_bindgen(js_name = Publication)]
#[derive(Default)]
pub struct JsPublication(Vec<(String, String, Movie)>);

impl JsPublication {
    fn renditions(&self) -> Vec<Rendition<'_>> {
        self.0.iter().map(|(file, source, movie)| Rendition { file, source, movie }).collect()
    }
}

#[wasm_bindgen(js_class = Publication)]
impl JsPublication {
    /// Without files.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file under the name that manifests give it, made of another.
    pub fn add(&mut self, name: String, source: String, inspector: &JsInspector) {
        self.0.push((name, source, inspector.0.movie().clone()));
    }

    /// What the manifests leave out.
    pub fn notes(&self, format: &str) -> Vec<String> {
        manifests::left_out(&self.renditions(), format != "hls")
    }

    /// The manifests, name and text in turn: `ism`, `dash` or `hls`.
    pub fn write(&self, format: &str, title: &str) -> JsResult<Vec<String>> {
        let renditions = self.renditions();
        let written = match format {
            "ism" => manifests::smooth(title, &renditions).map(|pair| pair.to_vec()),
            "dash" => manifests::dash(title, &renditions, Addressing::Index).map(|one| vec![one]),
            _ => manifests::hls(title, &renditions),
        };
        let written = written.map_err(throw)?;
        // Files that no manifest names are copies of others.
        let named = self.0.iter().filter(|(file, ..)| manifests::names(&written, file));
        let files: Vec<&str> = named.map(|(file, ..)| file.as_str()).collect();
        let mut out = vec![files.join("\n")];
        out.extend(written.into_iter().flat_map(|one| [one.name, one.text]));
        Ok(out)
    }
}
