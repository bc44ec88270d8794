//! What people paste where a key is asked for.

use crate::error::{Code, Error, Result};
use crate::format::cipher::SEED_BYTES;
use crate::format::ids::{Kid, Uuid};
use crate::format::xml::Element;
use crate::look::decode::scan::{self, Role, Token};
use crate::look::decode::{cpix, recognise};
use zeroize::Zeroizing;

/// Something that was given.
pub(super) struct Given {
    /// What the person calls it by: its number where there are several.
    pub(super) name: String,
    /// The KID it was given for.
    pub(super) label: Option<Kid>,
    /// Whether it stands where a KID does, and is tried only in case.
    pub(super) is_kid: bool,
    pub(super) what: What,
}

pub(super) enum What {
    Bytes(Zeroizing<[u8; 16]>),
    Seed(Zeroizing<Vec<u8>>),
}

/// A KID and a key of one entry, as far as both were met.
#[derive(Default)]
struct Pair {
    kid: Option<Uuid>,
    key: Option<Zeroizing<[u8; 16]>>,
    group: usize,
}

impl Pair {
    /// Takes down what it has, and begins anew.
    fn end(&mut self, given: &mut Vec<Given>) {
        let Self { kid, key, .. } = std::mem::take(self);
        match (kid, key) {
            (kid, Some(key)) => {
                // Where names are exchanged, the KID is the key.
                if let Some(kid) = kid {
                    let bytes = What::Bytes(Zeroizing::new(kid.0));
                    let label = Some(Uuid(*key));
                    given.push(Given { label, is_kid: true, ..named(None, bytes) });
                }
                given.push(named(kid, What::Bytes(key)));
            }
            // Somebody may have pasted only what is called a KID.
            (Some(kid), None) => {
                let bytes = What::Bytes(Zeroizing::new(kid.0));
                given.push(Given { is_kid: true, ..named(None, bytes) });
            }
            (None, None) => {}
        }
    }
}

/// Reads text that may hold keys, KIDs, pairs of them, key seeds: whatever it is.
pub(super) fn read(text: &str, given: &mut Vec<Given>) -> Result<()> {
    let before = given.len();
    let plain = Zeroizing::new(scan::plain(text.trim()));
    let tokens = scan::tokens(&plain);
    let mut pair = Pair::default();
    let mut loose: Vec<&Token> = Vec::new();
    for token in &tokens {
        if loose.first().is_some_and(|first| first.group != token.group) {
            side_by_side(&mut loose, given);
        }
        // The names of one entry may stand on several lines.
        let far = token.group > pair.group + 8;
        match (token.role(), token.sixteen()) {
            (Role::Kid, Some(bytes)) => {
                if pair.kid.is_some() || far {
                    pair.end(given);
                }
                pair.kid = Some(Uuid(*bytes));
                pair.group = token.group;
            }
            (Role::Key, Some(bytes)) => {
                if pair.key.is_some() || far {
                    pair.end(given);
                }
                pair.key = Some(bytes);
                pair.group = token.group;
            }
            (Role::Unknown, Some(_)) => loose.push(token),
            (Role::Other, _) => {}
            (_, None) if token.bytes.len() == 32 && recognised(token).is_none() => {
                // A KID and its key without anything between.
                let mut glued = Pair {
                    kid: <[u8; 16]>::try_from(&token.bytes[..16]).ok().map(Uuid),
                    key: <[u8; 16]>::try_from(&token.bytes[16..]).ok().map(Zeroizing::new),
                    group: token.group,
                };
                glued.end(given);
            }
            (_, None) if token.bytes.len() == SEED_BYTES => {
                given.push(named(None, What::Seed(token.bytes.clone())));
            }
            _ => {}
        }
        if pair.kid.is_some() && pair.key.is_some() {
            pair.end(given);
        }
    }
    side_by_side(&mut loose, given);
    pair.end(given);
    if given.len() > before {
        return Ok(());
    }
    Err(Error::misuse(Code::NoKey, refusal(text.trim(), &tokens)))
}

/// What stands in one line without names: one thing, or a KID and its key; which
/// is which is not sure, so both are tried.
fn side_by_side(loose: &mut Vec<&Token>, given: &mut Vec<Given>) {
    for two in std::mem::take(loose).chunks(2) {
        match two {
            [kid, key] => {
                let mut pair = Pair {
                    kid: kid.sixteen().map(|bytes| Uuid(*bytes)),
                    key: key.sixteen(),
                    group: 0,
                };
                pair.end(given);
            }
            [one] => given.extend(one.sixteen().map(|bytes| named(None, What::Bytes(bytes)))),
            _ => {}
        }
    }
}

fn named(label: Option<Kid>, what: What) -> Given {
    let name = match what {
        What::Bytes(_) => "the key",
        What::Seed(_) => "the seed",
    };
    Given { name: name.into(), label, is_kid: false, what }
}

/// What a token is, where it is no key at all.
fn recognised(token: &Token) -> Option<String> {
    let found = recognise(&token.bytes).ok()?;
    (found.kind != "kid").then_some(found.title)
}

/// Why nothing in a text can be a key, without a word of it.
fn refusal(text: &str, tokens: &[Token]) -> String {
    let digits = text.chars().all(|c| c.is_ascii_hexdigit());
    let found = crate::format::cipher::decode_bytes(text).map(|bytes| bytes.len());
    let header = tokens.iter().find_map(recognised);
    let encrypted = Element::parse(text).is_ok_and(|root| cpix::is_encrypted(&root));
    if text.is_empty() {
        "Nothing was given to try.".to_owned()
    } else if encrypted {
        cpix::ENCRYPTED.to_owned()
    } else if let Some(what) = header {
        format!(
            "This is no key, but a header: {what}. Read it under Header, and paste the content key here."
        )
    } else if text.contains("-----BEGIN") {
        "This is a certificate or a private key (PEM), not a content key of 16 bytes.".to_owned()
    } else if text.contains("AcquireLicense") || text.contains("<License") {
        "This is a licence, whose key is encrypted for one device. Paste the content key itself."
            .to_owned()
    } else if digits {
        format!(
            "This is {} hex digits; a key or KID has 32, a key seed 60. Paste all of it.",
            text.len()
        )
    } else if let Some(n) = found {
        format!("This is {n} bytes; a key or KID has 16, a key seed 30. Paste all of it.")
    } else {
        "Nothing here can be a key: paste hex, base64, a GUID, KID:KEY, a key seed, or a list of \
         them."
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::doctor::TEST_SEED;

    const KID: &str = "09e36702-8f33-436c-a5dd-60ffe6671e70";
    const KEY: &str = "b42ca3172ee4e69bf51848a59db9cd13";

    /// Of each thing to try: its KID's first digits, whether it is a seed, and
    /// whether it is only tried in case.
    fn found(text: &str) -> Vec<(Option<String>, bool, bool)> {
        let mut given = Vec::new();
        let _ = read(text, &mut given);
        let label = |kid: Kid| kid.to_string()[..8].to_owned();
        given
            .iter()
            .map(|g| (g.label.map(label), matches!(g.what, What::Seed(_)), g.is_kid))
            .collect()
    }

    #[test]
    fn one_thing_in_every_dress() {
        for text in [
            KEY,
            &format!("0x{KEY}"),
            "tCyjFy7k5pv1GEilnbnNEw==",
            "tCyjFy7k5pv1GEilnbnNEw",
            "[b4 2c a3 17 2e e4 e6 9b f5 18 48 a5 9d b9 cd 13]",
            &format!("1:{KEY}"),
            KID,
            &format!("{{{KID}}}"),
        ] {
            assert_eq!(found(text), [(None, false, false)], "{text}");
        }
        assert_eq!(found(TEST_SEED), [(None, true, false)]);
    }

    #[test]
    fn a_kid_and_its_key_however_they_are_called() {
        let pair =
            [(Some(KEY[..8].to_owned()), false, true), (Some(KID[..8].to_owned()), false, false)];
        let bare = KID.replace('-', "");
        for text in [
            format!("{KID}:{KEY}"),
            format!("{bare}:{KEY}"),
            format!("{bare}{KEY}"),
            format!("{bare}:{KEY}:0102030405060708"),
            format!("KID={KID} KEY={KEY}"),
            format!("KeyHEX: {KEY} KeyIDGUID: {KID}"),
            format!("label=AUDIO:key_id={bare}:key={KEY}"),
            r#"{"keys":[{"kty":"oct","k":"tCyjFy7k5pv1GEilnbnNEw","kid":"CeNnAo8zQ2yl3WD_5mcecA"}]}"#.to_owned(),
            format!("{{\"{KID}\": \"{KEY}\"}}"),
            format!("kid,key\n{KID},{KEY}"),
            format!("<key KID=\"0x{bare}\" value=\"0x{KEY}\"/>"),
            format!(
                "<CPIX><ContentKey kid=\"{KID}\"><Data><Secret><PlainValue>{KEY}</PlainValue></Secret></Data></ContentKey></CPIX>"
            ),
        ] {
            assert_eq!(found(&text), pair, "{text}");
        }
        assert_eq!(found(&format!("{KID},{KEY}\n{KID},{KEY}")).len(), 4);
    }

    #[test]
    fn what_is_no_key_is_told_without_a_word_of_it() {
        let pssh = "AAAANHBzc2gBAAAAEHfv7MCyTQKs4zweUuL7SwAAAAEJ42cCjzNDbKXdYP/mZx5wAAAAAA==";
        for (text, words) in [
            ("", "Nothing was given"),
            ("hello", "Nothing here can be a key"),
            ("00112233445566778899aabbccddee", "30 hex digits"),
            (pssh, "pssh box"),
            ("-----BEGIN PRIVATE KEY-----\nMIIE\n", "PEM"),
        ] {
            let error = read(text, &mut Vec::new()).unwrap_err();
            assert!(error.message.contains(words), "{text}: {error}");
            assert!(text.is_empty() || !error.message.contains(text), "{error}");
        }
    }
}
