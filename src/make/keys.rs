//! Keys with the tracks they are for, and lists of them: JSON, CSV or CPIX.

use crate::error::{Code, Error, Result, Untrusted};
use crate::format::cipher::ContentKey;
use crate::format::ids::{Kid, Uuid};
use crate::format::xml::Element;
use crate::look::decode;
use crate::model::{Track, TrackKind};
use zeroize::Zeroizing;

/// A key, and the tracks it is for.
pub struct TrackKey {
    /// Which tracks.
    pub target: Target,
    /// Names the key.
    pub kid: Kid,
    /// The key.
    pub key: ContentKey,
}

/// Which tracks a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Every track that has none of its own.
    All,
    /// The track with this number.
    Track(u32),
    /// Audio.
    Audio,
    /// Video that is in no class below.
    Video,
    /// Video of up to 576 lines.
    Sd,
    /// Video of up to 1080 lines.
    Hd,
    /// Video of more lines.
    Uhd,
}

impl Target {
    /// `all`, a track's number, `audio`, `video`, `sd`, `hd` or `uhd`.
    ///
    /// # Errors
    /// Where it is none of these.
    pub fn parse(text: &str) -> Result<Self> {
        Ok(match text.trim().to_ascii_lowercase().as_str() {
            "" | "all" | "*" => Self::All,
            "audio" => Self::Audio,
            "video" => Self::Video,
            "sd" => Self::Sd,
            "hd" => Self::Hd,
            "uhd" | "uhd1" | "uhd2" => Self::Uhd,
            number => Self::Track(number.parse().map_err(|_| {
                Error::misuse(
                    Code::BadTarget,
                    format!(
                        "{} names no tracks. Give a track's number, or all, audio, video, sd, hd \
                         or uhd.",
                        Untrusted(text)
                    ),
                )
            })?),
        })
    }

    /// How well it fits a track, the best highest; none if it does not.
    pub(crate) fn fit(self, track: &Track) -> Option<u8> {
        let lines = track.codec().and_then(|codec| codec.dimensions).map_or(0, |(_, h)| h);
        let class = match (track.kind, lines) {
            (TrackKind::Audio, _) => Self::Audio,
            (TrackKind::Video, 0..=576) => Self::Sd,
            (TrackKind::Video, 577..=1080) => Self::Hd,
            (TrackKind::Video, _) => Self::Uhd,
            _ => Self::All,
        };
        match self {
            Self::Track(id) if id == track.id => Some(3),
            own if own == class => Some(2),
            Self::Video if track.kind == TrackKind::Video => Some(1),
            Self::All => Some(0),
            _ => None,
        }
    }
}

impl TrackKey {
    /// Refuses what is no key at all.
    pub(crate) fn check(&self) -> Result<()> {
        if self.kid == Kid::of(0) {
            return Err(Error::misuse(
                Code::ZeroKid,
                "The KID is all zeros, which names no key. Choose another.",
            ));
        }
        if *self.key.reveal() == crate::format::cipher::hex(&self.kid.0) {
            return Err(Error::misuse(
                Code::KidAsKey,
                "The key is the same as the KID. The KID is public; paste the content key.",
            ));
        }
        if self.key.is_zero() {
            return Err(Error::misuse(Code::ZeroKey, "The key is all zero. Give a real one."));
        }
        Ok(())
    }
}

/// Reads the keys of a file, whichever of the three it is:
///
/// * JSON: objects with `kid`, `key`, and `tracks` (`all`, a number, `audio`,
///   `video`, `sd`, `hd`, `uhd`), or `"KID": "KEY"`;
/// * CSV: columns of these names in any order, or KID, key and tracks;
/// * CPIX: ContentKey with PlainValue, and the tracks from ContentKeyUsageRule.
///
/// Errors never repeat what stands where a key does.
///
/// # Errors
/// Where there is no key in it, or one is none; keys are not repeated.
pub fn parse(text: &str) -> Result<Vec<TrackKey>> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let keys = if text.starts_with('<') {
        let root = Element::parse(text)?;
        if decode::cpix::is_encrypted(&root) {
            return Err(Error::misuse(Code::KeyFile, decode::cpix::ENCRYPTED));
        }
        cpix(&root)?
    } else if text.starts_with(['{', '[']) {
        json(text)?
    } else {
        csv(text)?
    };
    if keys.is_empty() {
        return Err(Error::misuse(
            Code::NoKey,
            "There is no pair of a KID and a key in the file. Give JSON, CSV or CPIX.",
        ));
    }
    Ok(keys)
}

fn pair(kid: &str, key: &str, tracks: &str) -> Result<TrackKey> {
    let target = Target::parse(tracks)?;
    Ok(TrackKey { target, kid: Kid::parse(kid)?, key: ContentKey::parse(key)? })
}

/// Read in place, as the other forms are: a reader of the whole language keeps
/// copies of the keys that nobody wipes.
fn json(text: &str) -> Result<Vec<TrackKey>> {
    // Some writers escape the slashes of base64.
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    text.split("\\/").enumerate().for_each(|(n, part)| {
        plain.push_str(if n == 0 { "" } else { "/" });
        plain.push_str(part);
    });
    let text = &plain;
    let mut keys = Vec::new();
    // The innermost objects have the keys.
    for object in text.split('{').map(|part| part.split('}').next().unwrap_or_default()) {
        let (mut kid, mut key, mut tracks) = (None, None, "");
        for (name, value) in members(object) {
            match name.to_ascii_lowercase().as_str() {
                "kid" | "key_id" | "keyid" | "id" => kid = Some(value),
                "key" | "k" | "value" => key = Some(value),
                "tracks" | "track" | "label" | "drm_label" | "type" => tracks = value,
                "kty" | "alg" | "use" => {}
                _ if Kid::parse(name).is_ok() => keys.push(pair(name, value, "")?),
                _ => {}
            }
        }
        match (kid, key) {
            (Some(kid), Some(key)) => {
                let target = Target::parse(tracks)?;
                keys.push(TrackKey { target, kid: named_kid(kid)?, key: ContentKey::parse(key)? });
            }
            (None, None) => {}
            _ => {
                let sentence =
                    "An entry of the key file has a KID without a key, or a key without a KID.";
                return Err(Error::misuse(Code::KeyFile, sentence));
            }
        }
    }
    Ok(keys)
}

/// A KID that is called so, in hex or in the base64 of JSON Web Keys, whose bytes
/// are in the order of `tenc`. Where only its place says that it is one, base64 may
/// be a key in the wrong place, so there it is refused.
fn named_kid(text: &str) -> Result<Kid> {
    Kid::parse(text).or_else(|e| {
        let bytes = decode::from_base64(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Uuid).ok_or(e)
    })
}

/// The members of an object, `"name": "value"` or `"name": number`.
fn members(object: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = object;
    while let Some((_, after)) = rest.split_once('"') {
        let Some((name, after)) = after.split_once('"') else { break };
        let Some(value) = after.trim_start().strip_prefix(':') else {
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_at(value.find(',').unwrap_or(value.len())),
        };
        found.push((name, value.trim()));
        rest = after;
    }
    found
}

fn csv(text: &str) -> Result<Vec<TrackKey>> {
    let mut keys = Vec::new();
    let mut columns = vec!["kid".to_owned(), "key".to_owned(), "tracks".to_owned()];
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    for (number, line) in lines.enumerate() {
        let words: Vec<&str> =
            line.split([',', ';', '\t']).map(|word| word.trim().trim_matches('"')).collect();
        let names: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
        if number == 0 && names.iter().any(|name| name == "kid") {
            columns = names;
            continue;
        }
        let of = |name: &str| {
            let column = columns.iter().position(|column| column.trim_end_matches('s') == name);
            column.and_then(|column| words.get(column)).copied().unwrap_or_default()
        };
        // KID:KEY is common too.
        let made = match words[..] {
            [one] => {
                let (kid, key) = one.rsplit_once(':').unwrap_or(("", one));
                pair(kid, key, "")
            }
            _ => pair(of("kid"), of("key"), of("track")),
        };
        keys.push(
            made.map_err(|e| Error {
                message: format!("Line {}: {}", number + 1, e.message),
                ..e
            })?,
        );
    }
    Ok(keys)
}

/// DASH-IF's Content Protection Information Exchange Format.
fn cpix(root: &Element) -> Result<Vec<TrackKey>> {
    let mut rules: Vec<(Kid, Target)> = Vec::new();
    root.walk(&mut |element| {
        if !element.name.eq_ignore_ascii_case("ContentKeyUsageRule") {
            return;
        }
        let Some(Ok(kid)) = element.attribute("kid").map(Kid::parse) else { return };
        let intended = element.attribute("intendedTrackType").and_then(|t| Target::parse(t).ok());
        let filter = element.children.iter().find_map(|filter| {
            match filter.name.to_ascii_lowercase().as_str() {
                "audiofilter" => Some(Target::Audio),
                "videofilter" => Some(match filter.number::<u64>("maxPixels") {
                    Some(0..=442_368) => Target::Sd,
                    Some(0..=2_073_600) => Target::Hd,
                    Some(_) => Target::Uhd,
                    None => Target::Video,
                }),
                _ => None,
            }
        });
        if let Some(target) = intended.or(filter) {
            rules.push((kid, target));
        }
    });
    let mut keys = Vec::new();
    let mut failed = None;
    root.walk(&mut |element| {
        if !element.name.eq_ignore_ascii_case("ContentKey") {
            return;
        }
        let kid = element.attribute("kid").unwrap_or_default();
        element.walk(&mut |inner| {
            if !inner.name.eq_ignore_ascii_case("PlainValue") {
                return;
            }
            let own: Vec<Target> = rules
                .iter()
                .filter(|(of, _)| Kid::parse(kid).is_ok_and(|kid| kid == *of))
                .map(|(_, target)| *target)
                .collect();
            let own = if own.is_empty() { vec![Target::All] } else { own };
            for target in own {
                match pair(kid, inner.text.trim(), "") {
                    Ok(key) => keys.push(TrackKey { target, ..key }),
                    Err(error) => failed = Some(error),
                }
            }
        });
    });
    failed.map_or(Ok(keys), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: (&str, &str) =
        ("09e36702-8f33-436c-a5dd-60ffe6671e70", "b42ca3172ee4e69bf51848a59db9cd13");
    const B: (&str, &str) =
        ("10000000-1000-1000-1000-100000000001", "3a2a1b68dd2bd9b2eeb25e84c4776668");

    #[test]
    fn the_same_two_keys_in_every_form() {
        let ((a, ka), (b, kb)) = (A, B);
        for text in [
            format!(
                "[{{\"kid\":\"{a}\",\"key\":\"{ka}\",\"tracks\":\"hd\"}},{{\"tracks\":\"audio\",\"key\":\"{kb}\",\"kid\":\"{b}\"}}]"
            ),
            "{\"keys\":[{\"kid\":\"CeNnAo8zQ2yl3WD\\/5mcecA==\",\"k\":\"tCyjFy7k5pv1GEilnbnNEw\",\"label\":\"hd\"},\
             {\"k\":\"OiobaN0r2bLusl6ExHdmaA\",\"kid\":\"EAAAABAAEAAQABAAAAAAAQ\",\"label\":\"audio\"}]}"
                .to_owned(),
            format!("kid,key,tracks\n{a},{ka},hd\n{b},{kb},audio\n"),
            format!("tracks;key;kid\nhd;{ka};{a}\naudio;{kb};{b}"),
            format!("{a},{ka},hd\n{b},{kb},audio"),
            format!(
                "<CPIX><ContentKeyList><ContentKey kid=\"{a}\"><Data><Secret><PlainValue>tCyjFy7k5pv1GEilnbnNEw==</PlainValue></Secret></Data></ContentKey>\
                 <ContentKey kid=\"{b}\"><Data><Secret><PlainValue>OiobaN0r2bLusl6ExHdmaA==</PlainValue></Secret></Data></ContentKey></ContentKeyList>\
                 <ContentKeyUsageRuleList><ContentKeyUsageRule kid=\"{a}\"><VideoFilter maxPixels=\"2073600\"/></ContentKeyUsageRule>\
                 <ContentKeyUsageRule kid=\"{b}\" intendedTrackType=\"AUDIO\"/></ContentKeyUsageRuleList></CPIX>"
            ),
        ] {
            let keys = parse(&text).unwrap();
            let found: Vec<_> = keys
                .iter()
                .map(|k| (k.kid.to_string(), k.key.reveal().to_string(), k.target))
                .collect();
            let want = [
                (a.to_owned(), ka.to_owned(), Target::Hd),
                (b.to_owned(), kb.to_owned(), Target::Audio),
            ];
            assert_eq!(found, want, "{text}");
        }
        for text in [format!("{{\"{a}\":\"{ka}\"}}"), format!("{a}:{ka}")] {
            assert_eq!(parse(&text).unwrap()[0].target, Target::All, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_without_the_key() {
        let ((a, ka), _) = (A, B);
        for text in [
            String::new(),
            "[]".to_owned(),
            format!("[{{\"kid\":\"{a}\"}}]"),
            format!("kid,key\n{a},{}", &ka[..30]),
            format!("{a},{ka},somewhere"),
            "<CPIX/>".to_owned(),
            format!(
                "<CPIX><ContentKey kid=\"{a}\"><EncryptedValue>{ka}</EncryptedValue></ContentKey></CPIX>"
            ),
        ] {
            let error = parse(&text).map(|keys| keys.len()).unwrap_err();
            assert!(!error.message.contains(&ka[..30]), "{error}");
        }
    }
}
