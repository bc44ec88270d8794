//! What people paste where a key is asked for.

use crate::error::{Code, Error, Result};
use crate::format::cipher::decode_bytes;
use crate::format::ids::{Kid, Uuid};
use crate::format::xml::Element;
use crate::look::decode::from_base64;
use zeroize::Zeroizing;

/// Something that was given.
pub(super) struct Given {
    /// What the person calls it by: its number where there are several.
    pub(super) name: String,
    /// The KID it was given for.
    pub(super) label: Option<Kid>,
    /// Whether it stands where a KID does, and is tried only in case.
    pub(super) beside: bool,
    pub(super) what: What,
}

pub(super) enum What {
    Bytes(Zeroizing<[u8; 16]>),
    Seed(Zeroizing<Vec<u8>>),
}

/// Reads text that may hold keys, KIDs, pairs of them, key seeds: one, or many
/// as lines, CSV, JSON (JWK) or XML (CPIX).
pub(super) fn read(text: &str, given: &mut Vec<Given>) -> Result<()> {
    let before = given.len();
    let text = text.trim();
    if text.starts_with('<') {
        cpix(&Element::parse(text)?, given);
    } else if text.starts_with(['{', '[']) && text.contains('"') {
        json(text, given);
    } else if let Some(one) = token(text).filter(|one| {
        // KID:KEY, or a list, looks like one long row of digits.
        matches!(one, What::Bytes(_)) || !text.contains(|c: char| c == ':' || c.is_whitespace())
    }) {
        given.push(named(None, one));
    } else {
        for line in text.lines() {
            let words: Vec<&str> = line
                .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|' | '"' | '\''))
                .filter(|word| !word.is_empty())
                .collect();
            self::line(&words, given);
        }
    }
    if given.len() > before {
        return Ok(());
    }
    let digits = text.chars().all(|c| c.is_ascii_hexdigit());
    let found = decode_bytes(text).map(|bytes| bytes.len());
    Err(Error::misuse(
        Code::NoKey,
        match found {
            _ if text.is_empty() => "Nothing was given to try.".to_owned(),
            _ if digits => format!(
                "This is {} hex digits; a key or KID has 32, a key seed 60 or more. Paste all of it.",
                text.len()
            ),
            Some(n) => format!(
                "This is {n} bytes; a key or KID has 16, a key seed 30 or more. Paste all of it."
            ),
            None => {
                "Nothing here can be a key: paste hex, base64, a GUID, KID:KEY, a key seed, or \
                     a list of them."
                    .to_owned()
            }
        },
    ))
}

fn named(label: Option<Kid>, what: What) -> Given {
    let name = match what {
        What::Bytes(_) => "the key",
        What::Seed(_) => "the seed",
    };
    Given { name: name.into(), label, beside: false, what }
}

/// One word: 16 bytes, or a seed.
fn token(word: &str) -> Option<What> {
    if let Ok(id) = Uuid::parse(word) {
        return Some(What::Bytes(Zeroizing::new(id.0)));
    }
    let bytes = Zeroizing::new(decode_bytes(word).or_else(|| from_base64(word))?);
    match bytes.len() {
        16 => Some(What::Bytes(Zeroizing::new(<[u8; 16]>::try_from(&bytes[..]).ok()?))),
        30.. => Some(What::Seed(bytes)),
        _ => None,
    }
}

/// The words of a line: `KID:KEY`, a KID and a key, or one of them.
fn line(words: &[&str], given: &mut Vec<Given>) {
    let mut found = Vec::new();
    for word in words {
        let pair = word.split_once([':', '=']).and_then(|(kid, key)| {
            let kid = match token(kid.trim_start_matches("0x"))? {
                What::Bytes(bytes) => Uuid(*bytes),
                What::Seed(_) => return None,
            };
            Some((kid, token(key)?))
        });
        match (pair, token(word)) {
            (Some((kid, key)), _) => given.push(named(Some(kid), key)),
            (None, Some(one)) => found.push(one),
            (None, None) => {}
        }
    }
    if found.len() == 2 && matches!(found[0], What::Bytes(_)) {
        // A KID and its key; which is which is not sure, so both are tried.
        if let (Some(key), Some(kid)) = (found.pop(), found.pop()) {
            let label = match &kid {
                What::Bytes(bytes) => Some(Uuid(**bytes)),
                What::Seed(_) => None,
            };
            given.push(named(label, key));
            given.push(Given { beside: true, ..named(None, kid) });
        }
        return;
    }
    given.extend(found.into_iter().map(|one| named(None, one)));
}

/// JSON: a JWK set, an object of KIDs and keys, a list of either.
fn json(text: &str, given: &mut Vec<Given>) {
    let strings: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
    let mut kid = None;
    let mut words = strings.iter().peekable();
    while let Some(word) = words.next() {
        let lower = word.to_ascii_lowercase();
        match lower.as_str() {
            "kid" | "key_id" | "keyid" | "id" => {
                if let Some(What::Bytes(bytes)) = words.next().and_then(|w| token(w)) {
                    kid = Some(Uuid(*bytes));
                }
            }
            "k" | "key" | "value" => {
                if let Some(one) = words.next().and_then(|w| token(w)) {
                    given.push(named(kid.take(), one));
                }
            }
            _ => {
                let next = words.peek().and_then(|w| token(w));
                match (token(word), next) {
                    // "KID": "KEY"
                    (Some(What::Bytes(label)), Some(key)) => {
                        words.next();
                        given.push(named(Some(Uuid(*label)), key));
                    }
                    (Some(one), None) => given.push(named(kid.take(), one)),
                    _ => {}
                }
            }
        }
    }
}

/// CPIX: ContentKey elements with a kid and a PlainValue.
fn cpix(root: &Element, given: &mut Vec<Given>) {
    root.walk(&mut |element| {
        if !element.name.eq_ignore_ascii_case("ContentKey") {
            return;
        }
        let kid = element.attribute("kid").and_then(|kid| Uuid::parse(kid).ok());
        element.walk(&mut |inner| {
            if inner.name.eq_ignore_ascii_case("PlainValue")
                && let Some(one) = token(inner.text.trim())
            {
                given.push(named(kid, one));
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::doctor::TEST_SEED;

    fn count(text: &str) -> Vec<(bool, bool)> {
        let mut given = Vec::new();
        let _ = read(text, &mut given);
        given.iter().map(|g| (g.label.is_some(), matches!(g.what, What::Seed(_)))).collect()
    }

    #[test]
    fn everything_people_paste() {
        let (kid, key) =
            ("09e36702-8f33-436c-a5dd-60ffe6671e70", "b42ca3172ee4e69bf51848a59db9cd13");
        let bare = (false, false);
        for text in
            [key, kid, &format!("{{{kid}}}"), "tCyjFy7k5pv1GEilnbnNEw==", "tCyjFy7k5pv1GEilnbnNEw"]
        {
            assert_eq!(count(text), [bare], "{text}");
        }
        assert_eq!(count(TEST_SEED), [(false, true)]);
        for text in [
            format!("{kid}:{key}"),
            format!("{}:{key}", kid.replace('-', "")),
            "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"CeNnAo8zQ2yl3WD_5mcecA\",\"k\":\"tCyjFy7k5pv1GEilnbnNEw\"}]}".to_owned(),
            format!("{{\"{kid}\": \"{key}\"}}"),
            format!(
                "<CPIX><ContentKeyList><ContentKey kid=\"{kid}\"><Data><Secret><PlainValue>tCyjFy7k5pv1GEilnbnNEw==</PlainValue></Secret></Data></ContentKey></ContentKeyList></CPIX>"
            ),
        ] {
            assert_eq!(count(&text), [(true, false)], "{text}");
        }
        assert_eq!(count(&format!("kid,key\n{kid},{key}\n{kid},{key}")).len(), 4);
        let mut given = Vec::new();
        for text in ["", "hello", "00112233445566778899aabbccddee"] {
            let error = read(text, &mut given).unwrap_err();
            assert!(text.is_empty() || !error.message.contains(text), "{error}");
        }
    }
}
