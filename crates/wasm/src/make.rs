//! Files made of files by boxes alone: pieces of bytes and copies, which the
//! page stitches together.

use super::{JsInspector, JsResult, from_js, piece, step, throw, to_js};
use ismvault::error::{Code, Error};
use ismvault::jobs::{Assemble, MuxSet, NewFile, Part, Publish, Rewriting, candidates};
use ismvault::make::fragmenter;
use ismvault::make::manifests::Rendition;
use ismvault::make::mux::{Mux, MuxInput};
use ismvault::make::recipe::{Recipe as _, Stitched};
use ismvault::model::Movie;
use ismvault::model::manifest::Manifest;
use js_sys::Float64Array;
use serde::Serialize;
use wasm_bindgen::prelude::*;

pub(super) fn pieces(stitched: &Stitched) -> JsResult<Vec<JsValue>> {
    stitched.pieces().iter().map(piece).collect()
}

/// A progressive MP4 as a fragmented one: its pieces, and last what there is to
/// say of it.
#[wasm_bindgen(unchecked_return_type = "[...Piece[], { notes: string[]; compared: number }]")]
pub fn fragment(inspector: &JsInspector) -> JsResult<Vec<JsValue>> {
    let (made, notes) = fragmenter::fragment(inspector.0.movie()).map_err(throw)?;
    let mut out = pieces(&made)?;
    #[derive(Serialize)]
    struct Told {
        notes: Vec<String>,
        compared: u64,
    }
    out.push(to_js(&Told { notes, compared: made.samples_compared() })?);
    Ok(out)
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
    compared: u64,
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

    /// Adds a file, and which of its tracks: all without a list, and with an empty
    /// one none, so that only the manifest must agree with it.
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
    #[wasm_bindgen(unchecked_return_type = "Candidate[]")]
    pub fn candidates(&self) -> JsResult<JsValue> {
        to_js(&candidates(&self.named()))
    }

    /// Which tracks of which files are meant: `[[file, [track]]]`.
    #[wasm_bindgen(unchecked_return_type = "[number, number[]][]")]
    pub fn choose(
        &self,
        #[wasm_bindgen(unchecked_param_type = "MuxSet")] job: JsValue,
    ) -> JsResult<JsValue> {
        let plan = from_js::<MuxSet>(job)?.plan(&self.named()).map_err(throw)?;
        to_js(&plan.files)
    }

    /// Decides everything.
    pub fn begin(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Rewriting")] options: JsValue,
    ) -> JsResult<()> {
        let files: Vec<_> = self
            .files
            .iter()
            .map(|(name, movie, tracks)| (name.as_str(), movie, tracks.as_deref()))
            .collect();
        let mux = from_js::<Rewriting>(options)?.mux(&files, &self.manifests).map_err(throw)?;
        self.mux = Some(mux);
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
    #[wasm_bindgen(unchecked_return_type = "Piece[]")]
    pub fn pieces(&mut self) -> JsResult<Vec<JsValue>> {
        let unready = || throw(Error::misuse(Code::NotPlanned, "The plan is not finished."));
        let made = self.mux.take().ok_or_else(unready)?.finish().map_err(throw)?;
        self.compared = made.samples_compared();
        pieces(&made)
    }

    /// Samples that were compared with those of the inputs.
    #[wasm_bindgen(getter)]
    pub fn compared(&self) -> f64 {
        self.compared as f64
    }
}

/// The files that a server manifest (.ism) names.
#[wasm_bindgen]
pub fn sources(manifest: &[u8]) -> JsResult<Vec<String>> {
    Ok(Manifest::parse(manifest).map_err(throw)?.sources())
}

/// Makes a file of a client manifest and fragments: files are added, then
/// `begin`, with an inspector of those taken, one behind the other.
#[wasm_bindgen(js_name = Assembly)]
pub struct JsAssembly(Assemble);

#[wasm_bindgen(js_class = Assembly)]
impl JsAssembly {
    /// Of a client manifest.
    #[wasm_bindgen(constructor)]
    pub fn new(manifest: &[u8]) -> JsResult<Self> {
        Ok(Self(Assemble::new(manifest).map_err(throw)?))
    }

    /// Takes a file in if it may be a fragment, by its name and its first eight
    /// bytes; gives whether it was taken.
    pub fn add(&mut self, name: &str, size: f64, start: &[u8]) -> bool {
        self.0.add(name, size as u64, start)
    }

    /// A session, as of `Mux`.
    pub fn begin(&self, inspector: &JsInspector) -> JsResult<JsMux> {
        let mux = self.0.mux(inspector.0.movie()).map_err(throw)?;
        Ok(JsMux { mux: Some(mux), ..JsMux::default() })
    }
}

/// Manifests for files: inputs are added, the parts made of them are given, and
/// the manifests are written.
#[wasm_bindgen(js_name = Publication)]
pub struct JsPublication {
    publish: Publish,
    inputs: Vec<(String, Movie)>,
    parts: Vec<Part>,
    media: Vec<(String, String, Movie)>,
}

#[wasm_bindgen(js_class = Publication)]
impl JsPublication {
    /// Of what is asked for.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "Publish")] publish: JsValue,
    ) -> JsResult<Self> {
        let publish = from_js(publish)?;
        Ok(Self { publish, inputs: Vec::new(), parts: Vec::new(), media: Vec::new() })
    }

    /// Adds an input.
    pub fn input(&mut self, name: String, inspector: &JsInspector) {
        self.inputs.push((name, inspector.0.movie().clone()));
    }

    /// The files that are needed.
    #[wasm_bindgen(unchecked_return_type = "NewFile[]")]
    pub fn parts(&mut self) -> JsResult<JsValue> {
        let inputs: Vec<_> = self.inputs.iter().map(|(name, m)| (name.as_str(), m)).collect();
        self.parts = self.publish.parts(&inputs).map_err(throw)?;
        to_js(&self.parts.iter().map(NewFile::from).collect::<Vec<_>>())
    }

    /// How one of them is made: a session, as of `Mux`.
    pub fn mux(&self, part: usize) -> JsResult<JsMux> {
        let unknown = || throw(Error::misuse(Code::NoSuchPart, "There is no such part."));
        let part = self.parts.get(part).ok_or_else(unknown)?;
        let (name, movie) = self.inputs.get(part.input).ok_or_else(unknown)?;
        let tracks = part.track.as_ref().map(std::slice::from_ref);
        let one = MuxInput { name, movie, at: 0, tracks };
        let mux = Mux::new(&[one], part.options.unwrap_or_default()).map_err(throw)?;
        Ok(JsMux { mux: Some(mux), ..JsMux::default() })
    }

    /// A part that was made, in the order of `parts`.
    pub fn made(&mut self, inspector: &JsInspector) -> JsResult<()> {
        let unknown = || throw(Error::misuse(Code::NoSuchPart, "There is no such part."));
        let part = self.parts.get(self.media.len()).ok_or_else(unknown)?;
        let (source, _) = self.inputs.get(part.input).ok_or_else(unknown)?;
        self.media.push((part.name.clone(), source.clone(), inspector.0.movie().clone()));
        Ok(())
    }

    /// The manifests, the parts they name, and what they leave out.
    #[wasm_bindgen(unchecked_return_type = "PublishedNames")]
    pub fn write(&self) -> JsResult<JsValue> {
        let media: Vec<_> = self
            .media
            .iter()
            .map(|(file, source, movie)| Rendition { file, source, movie })
            .collect();
        let published = self.publish.write(&media).map_err(throw)?;
        to_js(&published.of(media.iter().map(|one| one.file)))
    }
}
