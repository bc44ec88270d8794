//! What in any text may be bytes: hex in every dress, base64 in either alphabet,
//! UUIDs; each with its place and the name in front of it. Logs, JSON, XML, CSV,
//! C arrays and dumps are not told apart: people paste parts of them.

use super::recognise::from_base64;
use crate::format::ids::Uuid;
use zeroize::Zeroizing;

/// Bytes that stand in a text.
pub(crate) struct Token {
    /// Where they begin.
    pub(crate) at: usize,
    /// What they are called there, in small letters and digits alone: `kid`, `key`,
    /// `plainvalue`; or nothing.
    pub(crate) label: String,
    /// The bytes, which may be a key.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// What is read as one with them: an object of JSON, an element of XML, a line.
    pub(crate) group: usize,
}

/// What a name says of the bytes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Kid,
    Key,
    /// An IV, a hash, a system: nothing to be tried as a key.
    Other,
    Unknown,
}

impl Token {
    pub(crate) fn role(&self) -> Role {
        let label = self.label.as_str();
        let kid = label.ends_with("kid") || label.ends_with("kids") || label.contains("keyid");
        match label {
            "" => Role::Unknown,
            _ if kid => Role::Kid,
            "iv" | "explicitiv" | "firstiv" | "constantiv" | "checksum" | "contentid"
            | "contentkeyperiodid" | "providerid" | "sha256" | "nonce" | "cmac" | "signature" => {
                Role::Other
            }
            _ if label.contains("systemid") || label.ends_with("hash") || label.ends_with("iv") => {
                Role::Other
            }
            "k" | "key" | "keys" | "value" | "plainvalue" | "cek" | "secret" => Role::Key,
            _ if label.ends_with("key")
                || label.ends_with("keyhex")
                || label.ends_with("keyvalue") =>
            {
                Role::Key
            }
            _ => Role::Unknown,
        }
    }

    /// The 16 bytes, where it has so many.
    pub(crate) fn sixteen(&self) -> Option<Zeroizing<[u8; 16]>> {
        <[u8; 16]>::try_from(&self.bytes[..]).ok().map(Zeroizing::new)
    }
}

/// Fewer bytes are not worth a look; a tenc without its header has 20.
const LEAST: usize = 16;
/// More in one text than anybody pastes.
const MOST: usize = 20_000;

/// Takes off what transports put on: percent signs, backslashes, entities.
pub(crate) fn plain(text: &str) -> String {
    let mut out = text.to_owned();
    if out.contains('%') {
        out = percent(&out);
    }
    if out.contains("\\\"") || out.contains("\\u00") || out.contains("\\/") || out.contains("\\n") {
        let pairs = [
            ("\\\\\"", "\""),
            ("\\\"", "\""),
            ("\\/", "/"),
            ("\\n", "\n"),
            ("\\r", "\n"),
            ("\\t", " "),
            ("\\u003d", "="),
            ("\\u003D", "="),
            ("\\u002b", "+"),
            ("\\u002B", "+"),
            ("\\u002f", "/"),
            ("\\u002F", "/"),
            ("\\u003c", "<"),
            ("\\u003C", "<"),
            ("\\u003e", ">"),
            ("\\u003E", ">"),
            ("\\u0022", "\""),
            ("\\u0026", "&"),
        ];
        for (from, to) in pairs {
            out = out.replace(from, to);
        }
    }
    for (from, to) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#43;", "+"),
        ("&#x2B;", "+"),
        ("&#61;", "="),
    ] {
        if out.contains(from) {
            out = out.replace(from, to);
        }
    }
    out
}

fn percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Everything in a text that may be bytes, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    if let Some(dump) = hexdump(text) {
        let label = String::new();
        return vec![Token { at: 0, label, bytes: dump, group: 0 }];
    }
    let mut found = Vec::new();
    let (mut group, mut name, mut at) = (0, Name::default(), 0);
    let bytes = text.as_bytes();
    while at < bytes.len() && found.len() < MOST {
        let word = is_word(bytes[at]);
        if !word {
            name.separator(bytes[at]);
            // An object, an element, a blank line: what follows is another thing.
            let breaks = matches!(bytes[at], b'{' | b'}')
                || (bytes[at] == b'\n')
                || (bytes[at] == b'<' && !text[at..].starts_with("</"));
            group += usize::from(breaks);
            at += 1;
            continue;
        }
        if let Some((token, end)) = spaced_hex(text, at) {
            found.push(Token { at, label: name.take(), bytes: token, group });
            at = end;
            continue;
        }
        let end = at + bytes[at..].iter().take_while(|b| is_word(**b)).count();
        let (from, parsed) = word_bytes(text, at, end);
        match parsed {
            Some(_) if is_name(&text[from..end]) => name.word(&text[at..end]),
            Some(bytes) => {
                if from > at {
                    name.word(&text[at..from]);
                    name.separator(b'=');
                }
                found.push(Token { at: from, label: name.take(), bytes, group });
            }
            None => name.word(&text[at..end]),
        }
        at = end;
    }
    found
}

/// Letters, digits and what base64 and names have beside them.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}

/// The name in front of a value: the last word, with at most `:`, `=`, quotes,
/// brackets, `>` and spaces between.
#[derive(Default)]
struct Name {
    word: String,
    /// Whether a `:`, `=` or `>` came behind the word.
    is_name: bool,
}

impl Name {
    fn word(&mut self, word: &str) {
        // `KEY=` with the sign in the word itself.
        let signed = word.ends_with('=');
        let word: String = word.chars().filter(char::is_ascii_alphanumeric).collect();
        self.word = word.to_ascii_lowercase();
        self.is_name = signed;
    }

    fn separator(&mut self, byte: u8) {
        match byte {
            b':' | b'=' | b'>' => self.is_name = true,
            b'"' | b'\'' | b' ' | b'\t' | b'[' | b'(' | b'\r' => {}
            // Lists go on under their name: "kids": ["a", "b"].
            b',' => {}
            _ => *self = Self::default(),
        }
    }

    fn take(&mut self) -> String {
        let name = if self.is_name { std::mem::take(&mut self.word) } else { String::new() };
        // The next of a list has it too, but not the other half of a pair.
        if name.ends_with('s') {
            self.word.clone_from(&name);
        } else {
            *self = Self::default();
        }
        name
    }
}

/// Bytes of one word, and where they begin in the text.
type Parsed = Option<Zeroizing<Vec<u8>>>;

fn word_bytes(text: &str, at: usize, end: usize) -> (usize, Parsed) {
    let whole = |from: usize, to: usize| {
        let word = text.get(from..to)?;
        let bare = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
        if bare.len() >= 2 * LEAST
            && bare.len().is_multiple_of(2)
            && bare.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return Some(Zeroizing::new(bare.as_bytes().chunks(2).map(octet).collect()));
        }
        if bare.len() == 36
            && bare.bytes().filter(|b| *b == b'-').count() == 4
            && let Ok(id) = Uuid::parse(bare)
        {
            return Some(Zeroizing::new(id.0.to_vec()));
        }
        let body = word.trim_end_matches('=');
        let mixed = word.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'+' | b'='))
            && word.bytes().any(|b| b.is_ascii_alphabetic());
        let sixteen = body.len() == 22;
        let long = body.len() >= 27;
        if (sixteen && (mixed || has_both_cases(body))) || (long && (mixed || has_both_cases(body)))
        {
            let bytes = Zeroizing::new(from_base64(word)?);
            return (bytes.len() >= LEAST).then_some(bytes);
        }
        None
    };
    if let Some(found) = whole(at, end) {
        return (at, Some(found));
    }
    // key=VALUE, and a UUID or base64 that begins behind a sign.
    let word = &text[at..end];
    if let Some(sign) = word.find('=').filter(|sign| sign + 1 < word.len()) {
        let from = at + sign + 1;
        if let Some(found) = whole(from, end) {
            return (from, Some(found));
        }
    }
    (at, None)
}

/// Whether letters that could be base64 are a name: `commonEncryptionScheme="`, where
/// the sign is no padding, for of that there would be more, or less.
fn is_name(word: &str) -> bool {
    let body = word.trim_end_matches('=');
    let signs = word.len() - body.len();
    let letters = body.bytes().all(|b| b.is_ascii_alphabetic());
    letters && signs == 1 && !(body.len() + 1).is_multiple_of(4)
}

/// A byte of two digits.
fn octet(pair: &[u8]) -> u8 {
    pair.iter().fold(0, |byte, b| byte << 4 | char::from(*b).to_digit(16).unwrap_or(0) as u8)
}

fn has_both_cases(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_lowercase()) && word.bytes().any(|b| b.is_ascii_uppercase())
}

/// Bytes one by one: `09 e3 67`, `0x09, 0xe3`, `\x09\xe3`, `09:e3:67`; and where they end.
fn spaced_hex(text: &str, at: usize) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let bytes = text.as_bytes();
    let (mut out, mut here, mut end) = (Zeroizing::new(Vec::new()), at, at);
    loop {
        let rest = bytes.get(here..)?;
        let skip = if rest.starts_with(b"0x") || rest.starts_with(b"0X") { 2 } else { 0 };
        let skip =
            if rest.starts_with(b"x") && here > 0 && bytes[here - 1] == b'\\' { 1 } else { skip };
        let pair = rest.get(skip..skip + 2).filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        let next = rest.get(skip + 2).copied().unwrap_or(b' ');
        let Some(pair) = pair.filter(|_| !is_word(next)) else { break };
        out.push(octet(pair));
        here += skip + 2;
        end = here;
        // Between two bytes.
        let gap = bytes[here..]
            .iter()
            .take(80)
            .take_while(|b| matches!(b, b' ' | b',' | b':' | b'\n' | b'\r' | b'\t' | b'\\'))
            .count();
        here += gap;
        if gap == 0 || here >= bytes.len() {
            break;
        }
    }
    (out.len() >= LEAST).then_some((out, end))
}

/// What `xxd`, `hexdump -C` and `od` print: an offset, bytes, and their letters.
fn hexdump(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::new());
    let mut lines = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (offset, rest) = line.split_once(|c: char| c == ':' || c.is_whitespace())?;
        let is_offset =
            (4..=10).contains(&offset.len()) && offset.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_offset {
            return None;
        }
        if rest.trim().is_empty() {
            continue; // the last line of hexdump is the length
        }
        let before = out.len();
        // Letters come behind two spaces or a bar.
        let rest = rest.trim_start();
        let columns = rest.split('|').next().unwrap_or(rest);
        let mut gaps = 0;
        for word in columns.split(' ') {
            if word.is_empty() {
                gaps += 1;
                continue;
            }
            let hex = word.len().is_multiple_of(2) && word.bytes().all(|b| b.is_ascii_hexdigit());
            if !hex || (gaps > 0 && out.len() - before >= 16) || out.len() - before >= 32 {
                break;
            }
            gaps = 0;
            out.extend(word.as_bytes().chunks(2).map(octet));
        }
        if out.len() == before {
            return None;
        }
        lines += 1;
    }
    (lines > 0 && out.len() >= LEAST).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KID: &str = "09e367028f33436ca5dd60ffe6671e70";
    const KEY: &str = "000102030405060708090a0b0c0d0e0f";

    fn found(text: &str) -> Vec<(String, Role)> {
        tokens(&plain(text))
            .iter()
            .map(|t| (crate::format::cipher::hex(&t.bytes), t.role()))
            .collect()
    }

    fn one(text: &str, bytes: &str, role: Role) {
        assert_eq!(found(text), [(bytes.to_owned(), role)], "{text}");
    }

    #[test]
    fn sixteen_bytes_in_every_dress() {
        let spaced: Vec<&str> = (0..16).map(|i| &KID[2 * i..2 * i + 2]).collect();
        for text in [
            KID.to_owned(),
            KID.to_uppercase(),
            format!("0x{KID}"),
            format!("[{}]", spaced.join(" ")),
            format!("{{ 0x{} }}", spaced.join(", 0x")),
            format!("\\x{}", spaced.join("\\x")),
            spaced.join(":"),
            "{09e36702-8f33-436c-a5dd-60ffe6671e70}".to_owned(),
            "CeNnAo8zQ2yl3WD/5mcecA==".to_owned(),
            "CeNnAo8zQ2yl3WD_5mcecA".to_owned(),
            "\"CeNnAo8zQ2yl3WD/5mcecA==\",".to_owned(),
            "CeNnAo8zQ2yl3WD%2F5mcecA%3D%3D".to_owned(),
            "CeNnAo8zQ2yl3WD\\/5mcecA\\u003d\\u003d".to_owned(),
            "00000000: 09e3 6702 8f33 436c a5dd 60ff e667 1e70  ..g..3Cl..`..g.p".to_owned(),
            "00000000  09 e3 67 02 8f 33 43 6c  a5 dd 60 ff e6 67 1e 70  |..g..3Cl..`..g.p|\n00000010\n".to_owned(),
        ] {
            one(&text, KID, Role::Unknown);
        }
    }

    #[test]
    fn names_say_what_it_is() {
        for text in [
            format!("KID: {KID}"),
            format!("cenc:default_KID=\"{KID}\""),
            format!("{{\"key_id\":\"{KID}\"}}"),
            format!("<key KID=\"0x{KID}\"/>"),
            format!("key_id={KID}"),
            format!("{{\"kids\":[\"{KID}\"]}}"),
        ] {
            one(&text, KID, Role::Kid);
        }
        for text in [
            format!("\"k\":\"{KEY}\""),
            format!("<pskc:PlainValue>{KEY}</pskc:PlainValue>"),
            format!("KeyHEX: {KEY}"),
            format!("key={KEY}"),
        ] {
            one(&text, KEY, Role::Key);
        }
        one(&format!("explicitIV=\"{KEY}\""), KEY, Role::Other);
        let pair = [(KID.to_owned(), Role::Unknown), (KEY.to_owned(), Role::Unknown)];
        assert_eq!(found(&format!("{KID}:{KEY}"))[0].0, pair[0].0);
        let shaka = found(&format!("label=AUDIO:key_id={KID}:key={KEY}"));
        assert_eq!(shaka, [(KID.to_owned(), Role::Kid), (KEY.to_owned(), Role::Key)]);
        let jwk = found(&format!("{{\"kty\":\"oct\",\"k\":\"{KEY}\",\"kid\":\"{KID}\"}}"));
        assert_eq!(jwk, [(KEY.to_owned(), Role::Key), (KID.to_owned(), Role::Kid)]);
    }

    #[test]
    fn words_are_no_bytes() {
        for text in [
            "",
            "hello",
            "QualityLevels/Fragments of the presentation",
            "https://licence.example/playready/rightsmanager.asmx",
            "internationalisation and localisation",
            "<ContentKey commonEncryptionScheme=\"cenc\"/>",
        ] {
            assert!(tokens(text).is_empty(), "{text}");
        }
    }
}
