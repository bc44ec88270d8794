//! What pasted text or bytes are: wrappings taken off until a header is found.

use super::cpix;
use super::scan::{self, Role};
use super::{Decoded, KidForms, data, is_printable, object, pssh_within, widevine_data, wrmheader};
use crate::checks::CheckId;
use crate::collections::Set;
use crate::error::{Code, Error, Result, Untrusted};
use crate::format::boxes::protection::{PIFF_PSSH, PIFF_TENC, Pssh, Tenc};
use crate::format::boxes::tree::Node;
use crate::format::boxes::{BoxHeader, Mp4Box as _};
use crate::format::bytes::limits;
use crate::format::cipher::{SEED_BYTES, hex};
use crate::format::drm::{self, PLAYREADY, widevine};
use crate::format::ids::{SystemId, Uuid};
use crate::format::xml::Element;
use crate::model::Finding;
use crate::model::manifest::{ContentProtection, Hls, decode_text};
use crate::words;
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Recognises pasted text, or the bytes of a file that is not media.
///
/// # Errors
/// Where nothing is recognised; the sentence says what was tried.
pub fn recognise(input: &[u8]) -> Result<Decoded> {
    if input.len() > limits::TEXT {
        return Err(Error::limit(Code::TextTooLong, "This is too long for a protection header."));
    }
    // Letters can happen to be a message of protocol buffers.
    if !std::str::from_utf8(input).is_ok_and(is_printable)
        && let Ok(decoded) = bytes(input, 0)
    {
        return Ok(decoded);
    }
    let text = decode_text(input);
    self::text(text.trim().trim_matches(['"', '\'']).trim(), 0)
}

/// How many wrappings of text in text are taken off.
const LAYERS: usize = 4;

fn text(text: &str, depth: usize) -> Result<Decoded> {
    let unknown = || {
        Error::misuse(
            Code::NotRecognised,
            "This is not a protection header that is known here. Paste a pssh box, a PlayReady \
             Object or its XML, a KID, or the part of a manifest they stand in; as base64, hex or \
             text.",
        )
    };
    if text.is_empty() || depth > LAYERS {
        return Err(unknown());
    }
    if text.starts_with('<') {
        return xml(text, depth);
    }
    let line = |tag: &str| text.lines().any(|line| line.trim_start().starts_with(tag));
    if line("#EXT-X-KEY:") || line("#EXT-X-SESSION-KEY:") {
        return Ok(hls(text, depth));
    }
    if let Some(rest) = text.strip_prefix("data:") {
        let (kind, body) = rest.split_once(',').ok_or_else(unknown)?;
        let inner = self::text(body.trim(), depth + 1)?;
        return Ok(Decoded::new("data_url", format!("data: URL ({kind})")).with(inner));
    }
    if text.starts_with("&lt;") {
        let plain = quick_xml::escape::unescape(text).map_err(|_| unknown())?;
        return self::text(&plain, depth + 1);
    }
    if let Ok(id) = Uuid::parse(text) {
        return Ok(identifier(id));
    }
    // One thing and nothing else keeps how it was written.
    for (how, found) in [("hex", from_hex(text)), ("base64", from_base64(text))] {
        let Some(found) = found else { continue };
        let known = wrapped(how, &found, depth);
        if known.kind != "bytes" {
            return Ok(known);
        }
        // Words may be read as base64 too; nothing that is meant so is that short.
        let prose = how == "base64" && (found.len() < 16 || text.contains(' '));
        return scanned(text, depth).or(Some(known).filter(|_| !prose)).ok_or_else(unknown);
    }
    scanned(text, depth).ok_or_else(unknown)
}

fn wrapped(how: &str, found: &[u8], depth: usize) -> Decoded {
    let mut inner = bytes(found, depth)
        .or_else(|_| {
            // Text in base64 in base64, as some servers send it.
            let inner = std::str::from_utf8(found).map_err(|_| ()).and_then(|t| {
                if t.trim().len() < 16 {
                    Err(())
                } else {
                    self::text(t.trim(), depth + 1).map_err(|_| ())
                }
            })?;
            if std::str::from_utf8(found).is_ok_and(|text| text.trim().starts_with("<WRMHEADER")) {
                let mut outer = Decoded::new("text", "Bare XML in UTF-8");
                outer.find(
                    CheckId::WrmNotUtf16,
                    "This is bare XML in UTF-8; clients read UTF-16LE inside a PlayReady Object.",
                );
                return Ok(outer.with(inner));
            }
            if std::str::from_utf8(found).is_ok_and(|text| text.trim().starts_with(['<', '{', '#']))
            {
                return Ok::<_, ()>(inner);
            }
            let mut outer = Decoded::new("text", "Text in base64 or hex, in base64 or hex again");
            outer.find(CheckId::HeaderMixedUp, "This is encoded twice; once is what tools expect.");
            Ok::<_, ()>(outer.with(inner))
        })
        .unwrap_or_else(|()| match found.len() {
            SEED_BYTES => Decoded::new("bytes", "30 bytes, as a key seed of PlayReady has")
                .fact("Seed", "It is not shown; try it in Key."),
            n => Decoded::new("bytes", format!("{n} bytes, not a header that is known here"))
                .fact("Hex", hex(&found[..n.min(256)])),
        });
    inner.title = format!("{} (from {how})", inner.title);
    inner
}

/// Recognises bytes.
pub(super) fn bytes(found: &[u8], depth: usize) -> Result<Decoded> {
    if depth > LAYERS {
        let title = format!("{} bytes, wrapped too often to be looked into", found.len());
        return Ok(Decoded::new("bytes", title));
    }
    let unknown = || Error::misuse(Code::NotRecognised, "These bytes are not a known header.");
    if is_box(found) {
        return boxes(found, depth);
    }
    if is_object(found) {
        return Ok(object(found));
    }
    if is_utf16_xml(found) {
        return Ok(wrmheader(found));
    }
    if let Ok(id) = <[u8; 16]>::try_from(found)
        && found.iter().any(|b| !(0x20..0x7f).contains(b))
    {
        return Ok(identifier(Uuid(id)));
    }
    if let Some(message) = widevine::read(found).ok().filter(widevine::Message::is_plausible) {
        let mut outer = Decoded::new("widevine", "Widevine data without its pssh box");
        let mut inner = widevine_data(found, message, &mut outer);
        inner.title = outer.title;
        inner.findings = outer.findings;
        return Ok(inner);
    }
    if let Some(decoded) = tenc(found) {
        return Ok(decoded);
    }
    Err(unknown())
}

/// What is wrong with a `pssh` whose version does not say that it lists KIDs.
pub(crate) const VERSION_0_WITH_KIDS: &str = "The version of this pssh is 0, but it lists KIDs, which \
    version 1 does: write 1 into its version byte. Readers take the list for the data.";

/// One box after the other, each a `pssh` in either envelope.
fn boxes(mut found: &[u8], depth: usize) -> Result<Decoded> {
    let mut decoded = Vec::new();
    let mut at = 0;
    while found.len() >= 8 && decoded.len() < limits::HEADERS {
        let header = BoxHeader::read(found, at, found.len() as u64)?;
        let size = usize::try_from(header.size).unwrap_or(usize::MAX).min(found.len());
        let (one, rest) = found.split_at(size);
        let mut problems = Vec::new();
        match Node::read(one, at, &mut problems)
            .and_then(|node| Ok((Pssh::parse(&node)?, node.kind)))
        {
            Ok((header, kind)) => decoded.push(pssh_within(&header, kind, depth).bytes(one)),
            Err(e) => {
                if let Some(header) = Pssh::of_version_1(one) {
                    let mut meant = pssh_within(&header, Pssh::KIND, depth).bytes(one);
                    meant.find(CheckId::PsshVersion, VERSION_0_WITH_KIDS);
                    decoded.push(meant);
                    (found, at) = (rest, at + size as u64);
                    continue;
                }
                let mut broken = Decoded::new("pssh", "pssh box that cannot be read").bytes(one);
                let size =
                    matches!(e.code, Code::BoxTooShort | Code::BytesLeftOver | Code::BoxPastParent);
                let code = if size { Code::PsshDataSize } else { e.code };
                broken.findings.push(Finding::from(Error { code, ..e }));
                decoded.push(broken);
            }
        }
        (found, at) = (rest, at + size as u64);
    }
    if let (false, Some(last)) = (found.is_empty(), decoded.last_mut()) {
        let message = format!("{} bytes are left over behind the box.", found.len());
        last.find(CheckId::PsshDataSize, message);
    }
    Ok(match decoded.len() {
        1 => decoded.remove(0),
        n => Decoded { inner: decoded, ..Decoded::new("pssh_list", format!("{n} pssh boxes")) },
    })
}

/// A `tenc` box by itself.
fn tenc(found: &[u8]) -> Option<Decoded> {
    let header = BoxHeader::read(found, 0, found.len() as u64).ok()?;
    if ![Tenc::KIND, PIFF_TENC].contains(&header.kind) {
        return None;
    }
    let node = Node::read(found, 0, &mut Vec::new()).ok()?;
    let tenc = Tenc::parse(&node).ok()?;
    let name = if header.kind == PIFF_TENC { "PIFF's track encryption box" } else { "tenc box" };
    let mut decoded = Decoded::new("tenc", format!("{name}: how a track is protected"))
        .fact("Protected", tenc.is_protected.to_string())
        .fact("IV size", tenc.iv_size.to_string());
    if tenc.pattern != 0 {
        decoded = decoded.fact("Pattern", format!("{}:{}", tenc.pattern >> 4, tenc.pattern & 15));
    }
    if !tenc.constant_iv.is_empty() {
        decoded = decoded.fact("Constant IV", hex(&tenc.constant_iv));
    }
    decoded.kids = vec![KidForms::of(tenc.kid)];
    Some(decoded)
}

fn identifier(id: Uuid) -> Decoded {
    if let Some(name) = drm::name(id) {
        return Decoded::new("system_id", format!("SystemID of {name}"))
            .fact("SystemID", id.to_string());
    }
    let mut decoded = Decoded::new("kid", "16 bytes: a KID (or a key), in both byte orders");
    decoded.kids = vec![KidForms::of(id)];
    decoded
}

fn xml(text: &str, depth: usize) -> Result<Decoded> {
    if let Some((inner, alone)) = wrmheader_in(text) {
        if alone {
            return Ok(inner);
        }
        // A header, and more behind it.
        if let (true, Some(all)) = (text.starts_with("<WRMHEADER"), scanned(text, depth)) {
            return Ok(all);
        }
        return Ok(Decoded::new("text", "XML with a WRMHEADER in it").with(inner));
    }
    let root = Element::parse(text)?;
    if root.name == "CPIX" {
        return Ok(cpix::document(&root, text, scanned(text, depth)));
    }
    let mut decoded = Decoded::new("manifest", format!("<{}>", root.name));
    if root.name.is_empty() {
        decoded.title = "Part of a manifest".into();
    }
    root.walk(&mut |element| match element.name.to_ascii_lowercase().as_str() {
        "protectionheader" => {
            let system = element.attribute("SystemID").and_then(|id| Uuid::parse(id).ok());
            decoded.inner.push(protection_header(system, &element.text, depth));
        }
        "contentprotection" => {
            decoded.inner.push(content_protection(&ContentProtection::read(element), depth));
        }
        _ => {}
    });
    // On their own, outside a ContentProtection.
    for element in std::iter::once(&root).chain(&root.children) {
        let outside = root.name.is_empty() || std::ptr::eq(element, &root);
        if outside && ["pssh", "pro"].contains(&element.name.as_str()) {
            decoded.inner.push(carried(&element.name, &element.text, depth));
        }
    }
    if !decoded.inner.is_empty() {
        return Ok(decoded);
    }
    match scanned(text, depth) {
        Some(found) => Ok(found),
        None => Err(Error::misuse(
            Code::NoProtection,
            format!("The XML <{}> has no protection header in it.", root.name),
        )),
    }
}

/// What a Smooth client manifest's ProtectionHeader holds: a bare object.
pub fn protection_header(system: Option<SystemId>, text: &str, depth: usize) -> Decoded {
    let name = system.and_then(drm::name).unwrap_or("unknown system");
    let mut decoded = Decoded::new("protection_header", format!("ProtectionHeader for {name}"));
    decoded.system_id = system;
    let Some(found) = from_base64(text) else {
        decoded.find(CheckId::HeaderMixedUp, "Its content is not base64.");
        return decoded;
    };
    if system == Some(PLAYREADY) || system.is_none() {
        if is_box(&found) {
            decoded.find(
                CheckId::HeaderMixedUp,
                "It holds a whole pssh box; a bare PlayReady Object belongs here.",
            );
        }
        let inner = wrapped("base64", &found, depth);
        let mut store = false;
        inner.walk(&mut |part| store |= part.kind == "licence_store");
        if store {
            decoded.find(CheckId::ElsInManifest, "It carries an embedded licence store.");
        }
        return decoded.with(inner);
    }
    match system.and_then(|system| data(system, &found, &mut decoded, depth)) {
        Some(inner) => decoded.with(inner),
        None => decoded,
    }
}

/// A ContentProtection of DASH, with what is in it.
pub fn content_protection(found: &ContentProtection, depth: usize) -> Decoded {
    let name = match (found.system.and_then(drm::name), found.scheme.as_str()) {
        (Some(name), _) => name.to_owned(),
        (None, "urn:mpeg:dash:mp4protection:2011") => "the scheme itself".to_owned(),
        (None, scheme) => scheme.to_owned(),
    };
    let mut decoded = Decoded::new("content_protection", format!("ContentProtection for {name}"));
    decoded.system_id = found.system;
    if let Some(value) = &found.value {
        decoded = decoded.fact("value", value.clone());
    }
    decoded.kids = found.default_kids.iter().copied().map(KidForms::of).collect();
    if let Some(text) = &found.bad_kid {
        let sentence = format!("default_KID {} is no UUID; write it with dashes.", Untrusted(text));
        decoded.find(CheckId::ManifestKid, sentence);
        let meant = from_base64(text).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        decoded.kids.extend(meant.map(|bytes| KidForms::of(Uuid(bytes))));
    }
    for (name, text) in [("pssh", &found.pssh), ("pro", &found.pro)] {
        if let Some(text) = text {
            decoded.inner.push(carried(name, text, depth));
        }
    }
    decoded
}

/// The content of cenc:pssh or mspr:pro.
fn carried(name: &str, text: &str, depth: usize) -> Decoded {
    let (title, is_box_here) = match name {
        "pssh" => ("cenc:pssh", true),
        _ => ("mspr:pro", false),
    };
    let mut decoded = Decoded::new(if is_box_here { "cenc_pssh" } else { "mspr_pro" }, title);
    let Some(found) = from_base64(text) else {
        decoded.find(CheckId::HeaderMixedUp, format!("The content of {title} is not base64."));
        return decoded;
    };
    if is_box_here && !is_box(&found) {
        decoded.find(
            CheckId::HeaderMixedUp,
            "cenc:pssh holds no pssh box; the whole box belongs here.",
        );
    }
    if !is_box_here && is_box(&found) {
        decoded.find(
            CheckId::HeaderMixedUp,
            "mspr:pro holds a whole pssh box; the bare object belongs here.",
        );
    } else if !is_box_here && is_utf16_xml(&found) {
        decoded.find(
            CheckId::HeaderMixedUp,
            "mspr:pro holds bare XML; a PlayReady Object around it is missing.",
        );
    }
    decoded.with(wrapped("base64", &found, depth))
}

fn hls(text: &str, depth: usize) -> Decoded {
    let mut decoded = Decoded::new("manifest", "HLS keys");
    for key in Hls::read(text).keys {
        let tag = if key.session { "EXT-X-SESSION-KEY" } else { "EXT-X-KEY" };
        // What stands for none (RFC 8216 §4.3.2.4).
        let format = if key.format.is_empty() { "identity" } else { &key.format };
        let mut one = Decoded::new("hls_key", format!("{tag} for {format}"))
            .fact("METHOD", key.method.clone());
        if let Some(id) = &key.key_id {
            one = one.fact("KEYID", id.clone());
        }
        // Of AES-128 the URI leads to the key itself (RFC 8216 §4.3.2.4).
        if key.method == "AES-128" && key.uri.starts_with("data:") {
            decoded.inner.push(one.fact("URI", "the content key itself, which is not shown"));
            continue;
        }
        match self::text(&key.uri, depth + 1) {
            Ok(inner) => {
                let mut whole = false;
                inner.walk(&mut |part| whole |= part.kind == "pssh");
                if whole && key.format == "com.microsoft.playready" {
                    one.find(
                        CheckId::HeaderMixedUp,
                        "The URI holds a pssh box; the bare object belongs here.",
                    );
                }
                one = one.with(inner);
            }
            Err(_) if key.uri.starts_with("data:") => {
                one = one.fact("URI", crate::error::redacted(&key.uri));
            }
            Err(_) => one = one.fact("URI", key.uri.clone()),
        }
        decoded.inner.push(one);
    }
    decoded
}

/// Everything in a text of any kind: headers, KIDs, and that there are keys,
/// which are not shown. Nothing where there is none of it.
fn scanned(text: &str, depth: usize) -> Option<Decoded> {
    let text = scan::plain(text);
    let mut inner: Vec<Decoded> = wrmheader_in(&text).map(|(found, _)| found).into_iter().collect();
    let (mut kids, mut keys, mut loose) = (Vec::new(), 0, Vec::new());
    let mut seen = Set::new();
    let tokens = scan::tokens(&text);
    for (number, token) in tokens.iter().enumerate() {
        let key = token.role() == Role::Key && token.bytes.len() == 16;
        if key {
            keys += 1;
            continue;
        }
        if let Some(id) = token.sixteen().map(|id| Uuid(*id)) {
            match token.role() {
                Role::Kid => kids.push(id),
                Role::Unknown if drm::name(id).is_none() => loose.push((number, id)),
                _ => {}
            }
            continue;
        }
        if !seen.insert(token.bytes.to_vec()) || inner.len() >= limits::HEADERS {
            continue;
        }
        match bytes(&token.bytes, depth + 1) {
            Ok(found) if found.kind != "kid" => inner.push(found),
            _ => {
                // A part of a manifest, or a header in UTF-8, in base64.
                let words = std::str::from_utf8(&token.bytes).unwrap_or_default().trim();
                if words.starts_with(['<', '{', '#']) {
                    inner.extend(self::text(words, depth + 1).ok());
                } else if token.bytes.len() == 32 && token.role() != Role::Other {
                    // A KID and its key without anything between.
                    kids.extend(<[u8; 16]>::try_from(&token.bytes[..16]).map(Uuid));
                    keys += 1;
                }
            }
        }
    }
    // Two side by side are a KID and its key; which is which, a file tells.
    let mut rest = loose.into_iter().peekable();
    while let Some((number, id)) = rest.next() {
        let pair = rest.peek().is_some_and(|(other, _)| {
            *other == number + 1 && tokens[*other].group == tokens[number].group
        });
        let numbered = text[..tokens[number].at].ends_with(':')
            && text[..tokens[number].at]
                .trim_end_matches(':')
                .ends_with(|c: char| c.is_ascii_digit());
        if pair {
            rest.next();
            kids.push(id);
            keys += 1;
        } else if numbered && !kids.contains(&id) {
            keys += 1; // TRACK:KEY
        } else {
            kids.push(id);
        }
    }
    kids.sort_unstable();
    kids.dedup();
    if inner.is_empty() && kids.is_empty() && keys == 0 {
        return None;
    }
    if keys == 0 && kids.is_empty() && inner.len() == 1 {
        return inner.pop();
    }
    let json = (text.trim_start().starts_with('{') && text.len() <= 2000 && keys == 0)
        .then(|| text.trim().to_owned());
    if let (0, true, [id], None) = (keys, inner.is_empty(), &kids[..], &json) {
        let mut decoded = identifier(*id);
        if tokens.iter().any(|token| token.role() == Role::Kid) {
            decoded.title = "A KID, in both byte orders".into();
        }
        return Some(decoded);
    }
    let what = [(inner.len(), "header"), (kids.len(), "KID"), (keys, "key")];
    let what = what.into_iter().filter(|(n, _)| *n > 0);
    let what: Vec<String> = what.map(|(n, word)| words::counted(n, word)).collect();
    let title = format!("Text with {}", words::listed(&what));
    let mut decoded = Decoded::new(if inner.is_empty() { "keyids" } else { "text" }, title);
    if keys > 0 {
        let sentence = if keys == 1 {
            "It is not shown; try it in Key."
        } else {
            "They are not shown; try them in Key."
        };
        decoded = decoded.fact(if keys == 1 { "Key" } else { "Keys" }, sentence);
    }
    if let Some(json) = json {
        decoded = decoded.fact("JSON", json);
    }
    decoded.kids = kids.into_iter().map(KidForms::of).collect();
    decoded.inner = inner;
    Some(decoded)
}

/// The WRMHEADER of a text such as a licence challenge, and whether it is all of it.
/// What follows it is not shown: it may be a key.
fn wrmheader_in(text: &str) -> Option<(Decoded, bool)> {
    let (before, found) = text.split_at(text.find("<WRMHEADER")?);
    let closed = found.find("</WRMHEADER>").map(|at| at + "</WRMHEADER>".len());
    let end = closed.or_else(|| found.rfind('>').map(|at| at + 1))?;
    let (found, after) = found.split_at(end);
    let units: Vec<u8> = found.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Some((wrmheader(&units), before.trim().is_empty() && after.trim().is_empty()))
}

/// Whether these bytes begin with a `pssh` box, in either envelope.
pub(super) fn is_box(found: &[u8]) -> bool {
    let Ok(header) = BoxHeader::read(found, 0, found.len() as u64) else { return false };
    [Pssh::KIND, PIFF_PSSH].contains(&header.kind)
}

/// Whether these bytes are a PlayReady Object: their length and a first record.
pub(super) fn is_object(found: &[u8]) -> bool {
    let [a, b, c, d, e, f, g, h, ..] = *found else { return false };
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let count = u16::from_le_bytes([e, f]);
    let kind = u16::from_le_bytes([g, h]);
    // One that lies about its length is still one if it goes on like one.
    let xml = found.get(10..14) == Some(b"<\0W\0");
    (length == found.len() && (1..16).contains(&count) && (1..=3).contains(&kind)) || xml
}

pub(super) fn is_utf16_xml(found: &[u8]) -> bool {
    let bare = found.strip_prefix(b"\xff\xfe").unwrap_or(found);
    bare.starts_with(b"<\0W\0R\0M\0H\0")
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    // One 0x in front, or one in front of every byte.
    let bare = text.replace("0x", " ").replace("0X", " ").replace("\\x", " ");
    let digits: Vec<u8> = bare
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | ':' | ','))
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect::<Option<_>>()?;
    (digits.len() >= 8 && digits.len().is_multiple_of(2))
        .then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// base64 of either alphabet, with or without padding, with white space.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, lenient);
    let bare: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    engine.decode(bare).ok().filter(|bytes| bytes.len() >= 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::drm::playready::{self, NewHeader, NewKey};
    use crate::format::ids::Kid;
    use base64::engine::general_purpose::STANDARD;

    const KID: Kid = Kid::of(0x09e367028f33436ca5dd60ffe6671e70);

    fn header() -> NewHeader {
        NewHeader { keys: vec![NewKey { kid: KID, checksum: None }], ..NewHeader::default() }
    }

    fn kids(decoded: &Decoded) -> Vec<Kid> {
        let mut kids = Vec::new();
        decoded.walk(&mut |part| kids.extend(part.kids.iter().map(|forms| forms.kid)));
        kids
    }

    fn ids(decoded: &Decoded) -> Vec<&'static str> {
        decoded.all_findings().iter().map(|finding| finding.check.id.name()).collect()
    }

    #[test]
    fn the_same_header_in_every_wrapping() {
        let object = header().object().unwrap();
        let boxed = playready::pssh(object.clone()).to_node().to_bytes();
        let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
        for text in [
            header().xml().unwrap(),
            b64(&object),
            hex(&object),
            b64(&boxed),
            hex(&boxed).to_uppercase(),
            format!("\"{}\"\n", b64(&boxed)),
            format!("data:text/plain;charset=UTF-16;base64,{}", b64(&object)),
            format!(
                "<ProtectionHeader SystemID=\"{PLAYREADY}\">\n{}\n</ProtectionHeader>",
                b64(&object)
            ),
            format!(
                "<ContentProtection schemeIdUri=\"urn:uuid:{PLAYREADY}\"><cenc:pssh>{}</cenc:pssh>\
                 <mspr:pro>{}</mspr:pro></ContentProtection>",
                b64(&boxed),
                b64(&object)
            ),
            format!(
                "#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"data:text/plain;base64,{}\",KEYFORMAT=\"com.microsoft.playready\"",
                b64(&object)
            ),
        ] {
            let decoded = recognise(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}"));
            assert!(kids(&decoded).contains(&KID), "{text}");
            assert_eq!(ids(&decoded), Vec::<&str>::new(), "{text}");
        }
        for bytes in [&object[..], &boxed] {
            assert!(kids(&recognise(bytes).unwrap()).contains(&KID));
        }
    }

    #[test]
    fn double_wrapping_and_mix_ups_are_told() {
        let object = header().object().unwrap();
        let once = playready::pssh(object.clone()).to_node().to_bytes();
        let twice = playready::pssh(once.clone()).to_node().to_bytes();
        let b64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let bare = header().xml().unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
        for text in [
            b64(&twice),
            b64(b64(&once).as_bytes()),
            b64(&playready::pssh(bare).to_node().to_bytes()),
            format!("<ProtectionHeader SystemID=\"{PLAYREADY}\">{}</ProtectionHeader>", b64(&once)),
            format!("<mspr:pro>{}</mspr:pro>", b64(&once)),
            format!("<cenc:pssh>{}</cenc:pssh>", b64(&object)),
        ] {
            let decoded = recognise(text.as_bytes()).unwrap();
            assert!(ids(&decoded).contains(&"header_mixed_up"), "{text}: {decoded:?}");
            assert!(kids(&decoded).contains(&KID), "{text}");
        }
    }

    #[test]
    fn identifiers_in_both_orders() {
        for text in [
            "09e36702-8f33-436c-a5dd-60ffe6671e70",
            "{09E36702-8F33-436C-A5DD-60FFE6671E70}",
            "09e367028f33436ca5dd60ffe6671e70",
            "CeNnAo8zQ2yl3WD/5mcecA==",
            "CeNnAo8zQ2yl3WD_5mcecA",
            "{\"kids\":[\"CeNnAo8zQ2yl3WD_5mcecA\"]}",
        ] {
            let decoded = recognise(text.as_bytes()).unwrap();
            assert_eq!(decoded.kids[0].guid_base64, "AmfjCTOPbEOl3WD/5mcecA==", "{text}");
        }
        for text in [
            "",
            "hello",
            "good morning",
            "No protection header stands here",
            "<a>",
            "<a></a>",
            "https://example.com/",
        ] {
            assert!(recognise(text.as_bytes()).is_err(), "{text}");
        }
        let licence = recognise(
            b"{\"keys\":[{\"kty\":\"oct\",\"kid\":\"CeNnAo8zQ2yl3WD_5mcecA\",\"k\":\"tCyjFy7k5pv1GEilnbnNEw\"}]}",
        );
        assert_eq!(licence.unwrap().kids.len(), 1);
    }

    /// Found by the law `paste`.
    #[test]
    fn a_key_behind_something_else_is_not_shown() {
        const KEY: &str = "f1e2d3c4b5a69788796a5b4c3d2e1f00";
        for before in [
            "<WRMHEADER version=\"4.0.0.0\"><DATA></DATA></WRMHEADER>",
            "<WRMHEADER version=\"4.0.0.0\"><DATA>",
            "<WRMHEADER xmlns=\"http://schemas.mic",
            "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"data:;base64,8eLTxLWml4h5altMPS4fAA==\"",
            "#EXT-X-KEY:METHOD=AES-128,URI=\"data:text/plain,f1e2d3c4b5a69788796a5b4c3d2e1f00\"",
            "#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"data:a;f1e2d3c4b5a69788796a5b4c3d2e1f00\"",
            // Letters that are a message of protocol buffers.
            "-=RMHEADER xmlns=\"http://sche}}}}}}}}}}}}}sgp1}}}RMHEADER xmlns=.mic0xsoft.com/DRM/1\
             <WRMHEADEO><KEY9LEN>19LEN>1",
        ] {
            let told = match recognise(format!("{before}\ncontent key: {KEY}").as_bytes()) {
                Ok(decoded) => format!("{decoded:?}"),
                Err(error) => error.to_string(),
            };
            assert!(!told.contains(KEY) && !told.contains("8eLTxLWm"), "{before}: {told}");
        }
    }

    #[test]
    fn a_key_seed_is_not_shown() {
        let told = recognise(b"XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I").unwrap();
        assert!(told.title.contains("key seed") && !format!("{told:?}").contains("5d5068be"));
    }

    #[test]
    fn what_stands_behind_a_header_is_found_too() {
        let boxed = playready::pssh(header().object().unwrap()).to_node().to_bytes();
        let text = format!("{}\n{}", header().xml().unwrap(), STANDARD.encode(boxed));
        let kinds: Vec<&str> =
            recognise(text.as_bytes()).unwrap().inner.iter().map(|part| part.kind).collect();
        assert_eq!(kinds, ["wrmheader", "pssh"]);
    }
}
