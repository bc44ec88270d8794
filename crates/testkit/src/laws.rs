//! What holds for every input, whatever it is. `tests/laws.rs` tries each law on
//! changed fixtures, the same in every run; `cargo xtask fuzz` searches for inputs
//! that break one.
//!
//! A law panics where it is broken. That nothing panics, loops or takes memory
//! without end is part of each.

use crate::{KEY, KID, drive, fixture, inspect, options, output_of, samples};
use ismvault::Recipe;
use ismvault::checks::Severity;
use ismvault::look::decode::recognise;
use ismvault::look::doctor::Doctor;
use ismvault::look::explore;
use ismvault::look::inspect::Inspector;
use ismvault::look::report::{Form, Inspection, timelines};
use ismvault::look::set::FileSet;
use ismvault::make::decrypt::{Decryption, parse_key};
use ismvault::make::mux::{Mux, MuxInput, MuxOptions};
use ismvault::make::protect::Plan;
use ismvault::model::Movie;
use ismvault::model::manifest::Manifest;
use std::sync::OnceLock;

/// A law, and seeds to begin with.
pub struct Law {
    pub name: &'static str,
    pub holds: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl Law {
    /// What earlier searches found to lead elsewhere than anything else:
    /// `fuzz/corpus/LAW`, each input behind its length in four bytes.
    /// `cargo xtask fuzz keep` writes it anew.
    pub fn corpus(&self) -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");
        let kept = std::fs::read(format!("{folder}/{}", self.name)).unwrap_or_default();
        let mut rest = kept.as_slice();
        let mut inputs = Vec::new();
        while let Some((len, behind)) = rest.split_first_chunk() {
            let (input, next) = behind.split_at(u32::from_be_bytes(*len) as usize);
            inputs.push(input.to_vec());
            rest = next;
        }
        inputs
    }
}

/// All of them.
pub const LAWS: &[Law] = &[
    Law { name: "look", holds: look, seeds: files },
    Law { name: "protect", holds: protect, seeds: files },
    Law { name: "rewrite", holds: rewrite, seeds: files },
    Law { name: "paste", holds: paste, seeds: texts },
    Law { name: "key", holds: key, seeds: texts },
    Law { name: "manifest", holds: manifest, seeds: manifests },
];

/// The law of this name.
pub fn law(name: &str) -> Option<&'static Law> {
    LAWS.iter().find(|law| law.name == name)
}

/// A file is answered alike however its bytes are cut; every finding lies in it.
pub fn look(file: &[u8]) {
    let movie = inspect(file);
    let whole = Inspection::new(&movie);
    let mut cut = Inspector::new(file.len() as u64);
    drive(&mut cut, file, 257).unwrap();
    let json = |inspection| serde_json::to_string(inspection).unwrap();
    assert_eq!(json(&Inspection::new(cut.movie())), json(&whole), "read in pieces");
    for finding in &whole.findings {
        let at = finding.at.unwrap_or_default();
        assert!(at <= file.len() as u64, "{} lies at byte {at}", finding.check.id);
        assert!(!finding.message.is_empty() && finding.times > 0);
    }
    Form::Html.write("a", &whole, &timelines(&movie));
    for top in movie.top.iter().filter(|top| top.span.len <= 1 << 20) {
        let bytes = &file[top.span.at as usize..top.span.end() as usize];
        let Ok((branch, _)) = explore::tree(bytes, top.span.at) else { continue };
        let _ = explore::fields(&movie, bytes, top.span.at, branch.at, 0);
        if top.kind.to_string() == "moof" {
            let _ = explore::samples(&movie, bytes, top.span.at);
        }
    }
}

/// What a recipe writes of a good file is a good file.
fn written<R: Recipe>(recipe: R, file: &[u8]) -> Option<Vec<u8>> {
    let out = output_of(recipe, file).ok()?;
    let movie = inspect(&out);
    assert!(movie.damage.is_none(), "{:?}", movie.damage);
    Some(out)
}

fn without_errors(movie: &Movie) -> bool {
    movie.damage.is_none() && movie.findings.iter().all(|f| f.severity() != Severity::Error)
}

/// What is protected is decrypted to what it was, sample by sample.
pub fn protect(file: &[u8]) {
    let movie = inspect(file);
    // Any of them, but the same for the same file.
    let profile = ["dual", "piff", "cenc", "cbcs"][file.len() % 4];
    let Ok(plan) = Plan::new(&movie, &options(profile)) else { return };
    if !without_errors(&movie) {
        let _ = output_of(plan, file);
        return;
    }
    let tracks = plan.preview().tracks.clone();
    let Some(out) = written(plan, file) else { return };
    let key = parse_key(&format!("{KID}:{KEY}")).unwrap();
    let decryption = Decryption::new(&inspect(&out), &[key]).unwrap();
    let clear = output_of(decryption, &out).unwrap();
    for track in tracks {
        assert!(samples(&clear, track) == samples(file, track), "{profile}, track {track}");
    }
}

/// A file put in order is a good file with the same samples.
pub fn rewrite(file: &[u8]) {
    let movie = inspect(file);
    let input = MuxInput { name: "", movie: &movie, at: 0, tracks: None };
    let Ok(mut mux) = Mux::new(&[input], MuxOptions::default()) else { return };
    if drive(&mut mux, file, usize::MAX).is_err() {
        return;
    }
    let Ok(stitched) = mux.finish() else { return };
    if !without_errors(&movie) {
        let _ = output_of(stitched, file);
        return;
    }
    let Some(out) = written(stitched, file) else { return };
    let same = inspect(&out).tracks.len() == movie.tracks.len();
    for track in movie.tracks.iter().filter(|_| same) {
        let bytes = |all: Vec<(Vec<u8>, u32, i32)>| -> Vec<Vec<u8>> {
            all.into_iter().map(|(bytes, ..)| bytes).collect()
        };
        assert!(bytes(samples(&out, track.id)) == bytes(samples(file, track.id)));
    }
}

/// A key that is called one is never shown, whatever text stands around it.
pub fn paste(text: &[u8]) {
    const PLANTED: &str = "f1e2d3c4b5a69788796a5b4c3d2e1f00";
    let found = |told: &str| told.to_lowercase().contains(PLANTED);
    let letters = |text: &&str| text.chars().all(|c| !c.is_control() || c.is_whitespace());
    // Bytes that are no text are shown as what they are, to their end.
    let Some(own) = std::str::from_utf8(text).ok().filter(letters) else {
        let _ = recognise(text);
        return;
    };
    if found(own) {
        return;
    }
    let text = [text, b"\ncontent key: ", PLANTED.as_bytes()].concat();
    let told = match recognise(&text) {
        Ok(decoded) => serde_json::to_string(&decoded).unwrap(),
        Err(error) => error.to_string(),
    };
    assert!(!found(&told), "the key is shown: {told}");
}

/// A refusal never repeats what may be a key; a proof has a key.
pub fn key(text: &[u8]) {
    static PROTECTED: OnceLock<(Vec<u8>, Movie)> = OnceLock::new();
    let (file, movie) = PROTECTED.get_or_init(|| {
        let file = crate::protect(&fixture("audio_only.isma"), &options("dual")).unwrap();
        let movie = inspect(&file);
        (file, movie)
    });
    let text = String::from_utf8_lossy(text);
    match Doctor::new(movie, &[&text]) {
        Err(error) => {
            let told = error.to_string();
            for word in text.split(|c: char| !c.is_ascii_hexdigit()).filter(|w| w.len() >= 32) {
                assert!(!told.contains(word), "{told}");
            }
        }
        Ok(mut doctor) => {
            drive(&mut doctor, file, usize::MAX).unwrap();
            for diagnosis in doctor.diagnose() {
                assert!(!diagnosis.sentence.is_empty());
            }
        }
    }
}

/// Whatever is in a manifest is checked.
pub fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else { return };
    let manifests = vec![("a".into(), manifest)];
    let set = FileSet { manifests, ..FileSet::default() };
    for finding in set.check() {
        assert!(!finding.message.is_empty());
    }
}

fn files() -> Vec<Vec<u8>> {
    let small = ["audio_only.isma", "cmaf_sidx.mp4", "bframes.ismv", "slices.ismv"].map(fixture);
    let protected = ["dual", "piff"]
        .map(|profile| crate::protect(&fixture("audio_only.isma"), &options(profile)).unwrap());
    small.into_iter().chain(protected).collect()
}

fn texts() -> Vec<Vec<u8>> {
    let object = "RgMAAAEAAQA8A";
    [
        KEY.to_owned(),
        format!("{KID}:{KEY}"),
        format!("{{\"keys\":[{{\"kty\":\"oct\",\"k\":\"AAECAwQFBgcICQoLDA0ODw\",\"kid\":\"{KID}\"}}]}}"),
        format!("<ContentProtection cenc:default_KID=\"{KID}\"><cenc:pssh>{object}</cenc:pssh></ContentProtection>"),
        format!("#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"data:text/plain;base64,{object}\",KEYFORMAT=\"com.microsoft.playready\""),
        format!("label=SD:key_id={KID}:key={KEY}"),
        "00000000: 0000 0034 7073 7368 0100 0000 1077 efec  ...4pssh.....w..\n".to_owned(),
        "<WRMHEADER xmlns=\"http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader\" version=\"4.0.0.0\"><DATA><PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO><KID>AmfjCTOPbEOl3WD/5mcecA==</KID></DATA></WRMHEADER>".to_owned(),
    ]
    .map(String::into_bytes)
    .to_vec()
}

fn manifests() -> Vec<Vec<u8>> {
    [
        "<SmoothStreamingMedia MajorVersion=\"2\" MinorVersion=\"0\" Duration=\"40000000\"><StreamIndex Type=\"video\" Chunks=\"2\" QualityLevels=\"1\" Url=\"QualityLevels({bitrate})/Fragments(video={start time})\"><QualityLevel Index=\"0\" Bitrate=\"100000\" FourCC=\"H264\" MaxWidth=\"320\" MaxHeight=\"180\" CodecPrivateData=\"0000000167640015\"/><c n=\"0\" d=\"20000000\" r=\"2\"/></StreamIndex></SmoothStreamingMedia>",
        "<smil><body><switch><video src=\"a.ismv\" systemBitrate=\"100000\"><param name=\"trackID\" value=\"1\"/></video></switch></body></smil>",
        "<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" xmlns:cenc=\"urn:mpeg:cenc:2013\" type=\"static\"><Period><AdaptationSet mimeType=\"video/mp4\"><ContentProtection schemeIdUri=\"urn:mpeg:dash:mp4protection:2011\" value=\"cenc\" cenc:default_KID=\"09e36702-8f33-436c-a5dd-60ffe6671e70\"/><Representation id=\"1\" bandwidth=\"100000\" codecs=\"avc1.640015\"><BaseURL>a.mp4</BaseURL><SegmentBase indexRange=\"100-200\"/></Representation></AdaptationSet></Period></MPD>",
        "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"a.mp4\",BYTERANGE=\"100@0\"\n#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"skd://a\",KEYFORMAT=\"com.apple.streamingkeydelivery\"\n#EXTINF:2,\n#EXT-X-BYTERANGE:1000@100\na.mp4\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=100000,CODECS=\"avc1.640015\"\na.m3u8\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
