//! CPIX, as packagers and key servers exchange keys (DASH-IF CPIX 2.3; SPEKE is a
//! use of it).

use super::{Decoded, KidForms};
use crate::format::ids::Kid;
use crate::format::xml::Element;
use crate::words::counted;

/// Whether the content keys are encrypted for whoever they were meant for (CPIX 2.3
/// §5): `EncryptedValue`, and no `PlainValue`.
pub(crate) fn is_encrypted(root: &Element) -> bool {
    let (mut plain, mut encrypted) = (false, false);
    root.walk(&mut |element| {
        plain |= element.name.eq_ignore_ascii_case("PlainValue");
        encrypted |= element.name.eq_ignore_ascii_case("EncryptedValue");
    });
    encrypted && !plain
}

/// Why encrypted keys are not read, and what to do.
pub(crate) const ENCRYPTED: &str = "The keys in this CPIX are encrypted for its receiver \
    (EncryptedValue), whose private key is needed first. Ask for it with PlainValue, or give each \
    KID with its key.";

/// What the document is for; `found` is what a look at its text found.
pub(super) fn document(root: &Element, text: &str, found: Option<Decoded>) -> Decoded {
    let mut kids: Vec<Kid> = Vec::new();
    let (mut keys, mut rules) = (0, Vec::new());
    root.walk(&mut |element| {
        let kid = element.attribute("kid").and_then(|kid| Kid::parse(kid).ok());
        match element.name.as_str() {
            "ContentKey" => {
                kids.extend(kid.filter(|kid| !kids.contains(kid)));
                let mut value = false;
                element.walk(&mut |inner| value |= inner.name.ends_with("Value"));
                keys += usize::from(value);
            }
            "ContentKeyUsageRule" => {
                let kid = kid.map_or("an unreadable KID".to_owned(), |kid| kid.to_string());
                rules.push(format!("{kid} for {}", intended(element)));
            }
            _ => {}
        }
    });
    let by = if text.contains("urn:aws:amazon:com:speke") { ", as SPEKE has it" } else { "" };
    let has = match keys {
        0 => "no key: a request, or keys left out".to_owned(),
        _ if is_encrypted(root) => format!("{}, encrypted for its receiver", counted(keys, "key")),
        _ => counted(keys, "key"),
    };
    let mut decoded = Decoded::new("cpix", format!("CPIX document{by}, with {has}"));
    if keys > 0 {
        let sentence = match is_encrypted(root) {
            true => ENCRYPTED,
            false if keys == 1 => "It is not shown; try it in Key.",
            false => "They are not shown; try them in Key.",
        };
        decoded = decoded.fact(if keys == 1 { "Key" } else { "Keys" }, sentence);
    }
    for rule in rules {
        decoded = decoded.fact("Usage rule", rule);
    }
    decoded.kids = kids.into_iter().map(KidForms::of).collect();
    decoded.inner = match found {
        Some(found) if found.kind == "text" || found.kind == "keyids" => found.inner,
        found => found.into_iter().filter(|found| found.kind != "kid").collect(),
    };
    decoded
}

/// What a rule's filters choose.
fn intended(rule: &Element) -> String {
    let mut words: Vec<String> =
        rule.attribute("intendedTrackType").map(|kind| kind.to_lowercase()).into_iter().collect();
    for filter in &rule.children {
        let kind = filter.name.trim_end_matches("Filter").to_lowercase();
        let limits = filter.attributes.iter().map(|(name, value)| format!("{name} {value}"));
        words.push([kind].into_iter().chain(limits).collect::<Vec<_>>().join(" "));
    }
    match words.len() {
        0 => "all tracks".to_owned(),
        _ => words.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use crate::look::decode::recognise;

    const KID: &str = "09e36702-8f33-436c-a5dd-60ffe6671e70";

    fn document(value: &str, rules: &str) -> String {
        format!(
            "<cpix:CPIX xmlns:cpix=\"urn:dashif:org:cpix\" contentId=\"abc\"><cpix:ContentKeyList>\
             <cpix:ContentKey kid=\"{KID}\" commonEncryptionScheme=\"cenc\"><cpix:Data><pskc:Secret>{value}\
             </pskc:Secret></cpix:Data></cpix:ContentKey></cpix:ContentKeyList>{rules}</cpix:CPIX>"
        )
    }

    #[test]
    fn keys_and_rules_are_told_and_names_are_no_kids() {
        let plain = "<pskc:PlainValue>AAECAwQFBgcICQoLDA0ODw==</pskc:PlainValue>";
        let rules = format!(
            "<ContentKeyUsageRuleList><ContentKeyUsageRule kid=\"{KID}\" intendedTrackType=\"HD\">\
             <VideoFilter maxPixels=\"442368\"/></ContentKeyUsageRule></ContentKeyUsageRuleList>"
        );
        let decoded = recognise(document(plain, &rules).as_bytes()).unwrap();
        assert_eq!((decoded.kind, decoded.kids.len()), ("cpix", 1), "{decoded:?}");
        assert_eq!(decoded.kids[0].kid.to_string(), KID);
        assert_eq!(decoded.title, "CPIX document, with a key");
        let rule = &decoded.facts[1].value;
        assert_eq!(rule, &format!("{KID} for hd, video maxPixels 442368"));
        assert!(!format!("{decoded:?}").contains("AAECAwQF"));
    }

    #[test]
    fn encrypted_keys_are_called_so() {
        let value = "<pskc:EncryptedValue><xenc:CipherData><xenc:CipherValue>WFhYWEJCQkJDQ0NDRERERFhYWFhCQkJCQ0NDQ0RERERYWFhYQkJCQkNDQ0NERERE\
                     </xenc:CipherValue></xenc:CipherData></pskc:EncryptedValue>";
        let decoded = recognise(document(value, "").as_bytes()).unwrap();
        assert_eq!(decoded.title, "CPIX document, with a key, encrypted for its receiver");
        assert_eq!((decoded.kids.len(), decoded.inner.len()), (1, 0), "{decoded:?}");
    }
}
