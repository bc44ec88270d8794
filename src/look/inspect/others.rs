//! What a file is that is no MP4, and the way from there.

use crate::error::{Code, Error};
use crate::model::manifest::decode_text;

/// Bytes of its start that tell.
pub(super) const START: u64 = 4096;

const REMUX: &str = " Make an MP4 of it: ffmpeg -i IN -c copy -f ismv OUT.ismv.";
const ENCODE: &str = " Make an MP4 of it: ffmpeg -i IN -f ismv OUT.ismv.";
const UNPACK: &str = " Unpack it, and open what is in it.";

/// Files that people open by mistake: how they begin, what they are, what to do.
const FILES: [(&[u8], &str, &str); 13] = [
    (b"\x1aE\xdf\xa3", "a Matroska or WebM file", REMUX),
    (b"PK\x03\x04", "a ZIP archive", UNPACK),
    (b"\x1f\x8b", "a gzip archive", UNPACK),
    (b"\xff\xd8\xff", "a JPEG image", ""),
    (b"\x89PNG", "a PNG image", ""),
    (b"GIF8", "a GIF image", ""),
    (b"%PDF", "a PDF document", ""),
    (b"RIFF", "an AVI or WAV file", ENCODE),
    (b"OggS", "an Ogg file", ENCODE),
    (b"ID3", "an MP3 file", ""),
    (b"FLV\x01", "a Flash video", REMUX),
    (b"\x30\x26\xb2\x75", "a Windows Media file", ENCODE),
    (b"fLaC", "a FLAC file", ""),
];

/// Manifests, by a word that is in each.
const MANIFESTS: [(&str, &str); 3] = [
    ("<SmoothStreamingMedia", "a Smooth Streaming client manifest"),
    ("<smil", "a Smooth Streaming server manifest"),
    ("<MPD", "a DASH manifest"),
];

/// Says what these first bytes are of.
pub(super) fn not_an_mp4(bytes: &[u8], code: Code) -> Error {
    Error::malformed(code, words(bytes)).at(0)
}

fn words(bytes: &[u8]) -> String {
    let file = FILES.iter().find(|(magic, ..)| bytes.starts_with(magic));
    if let Some((_, what, way)) = file {
        return format!("This is {what}, not an MP4 file.{way}");
    }
    // Packets of 188 bytes.
    if bytes.first() == Some(&0x47) && bytes.get(188) == Some(&0x47) {
        return format!("This is an MPEG transport stream, not an MP4 file.{REMUX}");
    }
    let text = decode_text(bytes);
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("#EXTM3U") {
        return manifest("an HLS playlist");
    }
    if start.starts_with('<') {
        return document(start);
    }
    match bytes.len() {
        0 => "The file is empty.".to_owned(),
        1 => "The file is 1 byte long, too short for a single box.".to_owned(),
        n @ 2..8 => format!("The file is {n} bytes long, too short for a single box."),
        _ => "This is not an MP4 file: it does not begin with a box.".to_owned(),
    }
}

fn document(start: &str) -> String {
    if let Some((_, what)) = MANIFESTS.iter().find(|(word, _)| start.contains(word)) {
        manifest(what)
    } else if start.contains("WRMHEADER") {
        "This is a PlayReady header, not a file with media. Read it under Header.".to_owned()
    } else {
        let page = start.contains("<html") || start.to_ascii_lowercase().contains("<!doctype html");
        let what = if page { "a web page" } else { "a web page or an XML document" };
        format!("This is {what}, not an MP4 file. Was it saved from a link that needs a sign-in?")
    }
}

fn manifest(what: &str) -> String {
    format!(
        "This is {what}, which has no media in it. It is checked with lint, or opened with its files; \
         its protection is read under Header."
    )
}
