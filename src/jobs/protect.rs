//! Protecting, as it is asked for.

use super::Random;
use crate::error::{Code, Error, Result, Untrusted};
use crate::format::cipher::{CipherMode, ContentKey};
use crate::format::drm::playready::HeaderVersion;
use crate::format::ids::{Kid, Uuid};
use crate::make::keys::{self, Target, TrackKey};
use crate::make::protect::{Options, Profile};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::Zeroizing;

/// How to protect; a field for each row of [`super::fields::PROTECT`], where
/// it says what each is for.
#[derive(Clone, Default, Deserialize, PartialEq)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Protect {
    pub profile: Option<String>,
    pub scheme: Option<String>,
    pub kid: Option<String>,
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub key: Option<Zeroizing<String>>,
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub seed: Option<Zeroizing<String>>,
    #[cfg_attr(test, ts(as = "Option<String>"))]
    pub keys: Option<Zeroizing<String>>,
    pub la_url: Option<String>,
    pub tracks: Option<Vec<u32>>,
    #[cfg_attr(test, ts(as = "Option<u32>"))]
    pub clear_lead: u32,
    #[serde(deserialize_with = "number")]
    #[cfg_attr(test, ts(optional, type = "number | string"))]
    pub iv_size: Option<u8>,
    #[cfg_attr(test, ts(as = "Option<bool>"))]
    pub widevine: bool,
    pub header_version: Option<String>,
    pub lui_url: Option<String>,
    pub custom_attributes: Option<String>,
}

impl Protect {
    /// Whether any of it was asked for.
    pub fn is_wanted(&self) -> bool {
        *self != Self::default()
    }

    /// Whether a key must be made at random, which is to be told once.
    pub fn makes_key(&self) -> bool {
        self.key.is_none() && self.seed.is_none() && self.keys.is_none()
    }

    /// As [`crate::make::protect::Plan`] takes it, with IVs, a KID and a key from
    /// the host's randomness where none are given.
    ///
    /// # Errors
    /// Of what cannot be: a key that is none, options that exclude each other.
    pub fn options(&self, random: Random<'_>) -> Result<Options> {
        let profile = self.profile()?;
        if profile.mode == CipherMode::Cbc && self.iv_size.is_some() {
            return Err(Error::misuse(
                Code::BadOptions,
                "The profile cbcs has one IV of 16 bytes for each track; leave the IV size out.",
            ));
        }
        if self.iv_size.is_some_and(|size| !matches!(size, 8 | 16)) {
            let sentence = "An IV has 8 or 16 bytes; choose one of them.";
            return Err(Error::misuse(Code::BadOptions, sentence));
        }
        let keys = self.track_keys(random)?;
        let mut base = [0; 16];
        random(&mut base)?;
        let version = self.header_version.as_deref().map(HeaderVersion::parse).transpose()?;
        Ok(Options {
            keys,
            random: base,
            iv_size: self.iv_size.unwrap_or(8),
            profile,
            header_version: version,
            la_url: self.la_url.clone(),
            lui_url: self.lui_url.clone(),
            custom_attributes: self.custom_attributes.clone(),
            widevine: self.widevine,
            clear_lead: self.clear_lead,
            tracks: self.tracks.clone(),
        })
    }

    fn profile(&self) -> Result<&'static Profile> {
        let refuse = |sentence: String| Err(Error::misuse(Code::BadOptions, sentence));
        match (self.profile.as_deref(), self.scheme.as_deref()) {
            (None | Some("cbcs"), Some("cbcs")) => Profile::parse("cbcs"),
            (Some(profile), Some("cbcs")) => {
                refuse(format!("The profile {profile} is AES-CTR; cbcs is a profile of its own."))
            }
            (Some("cbcs"), Some("cenc")) => refuse(
                "The profile cbcs is AES-CBC; leave the scheme out, or choose another profile."
                    .to_owned(),
            ),
            (profile, None | Some("cenc")) => Profile::parse(profile.unwrap_or("dual")),
            (_, Some(other)) => refuse(format!(
                "There is no scheme {} to protect with. Choose cenc or cbcs.",
                Untrusted(other)
            )),
        }
    }

    fn track_keys(&self, random: Random<'_>) -> Result<Vec<TrackKey>> {
        let refuse = |sentence| Err(Error::misuse(Code::BadOptions, sentence));
        let one = self.kid.is_some() || self.key.is_some() || self.seed.is_some();
        match (&self.keys, &self.key, &self.seed, &self.kid) {
            (Some(_), ..) if one => {
                return refuse(
                    "Keys come from a file, or are given: not both. Leave kid, key and seed out, \
                     or keys.",
                );
            }
            (Some(text), ..) => return keys::parse(text),
            (_, Some(_), Some(_), _) => {
                return refuse("A key and a key seed are given. Leave one of them out.");
            }
            (.., Some(_), None) => {
                return refuse("A key seed needs the KID whose key it gives.");
            }
            _ => {}
        }
        let kid = match &self.kid {
            Some(text) => Kid::parse(text)?,
            None => random_kid(random)?,
        };
        let key = match (&self.key, &self.seed) {
            (Some(key), _) => ContentKey::parse(key)?,
            (None, Some(seed)) => ContentKey::from_seed(seed, kid)?,
            (None, None) => {
                let mut key = [0; 16];
                random(&mut key)?;
                ContentKey::from_bytes(key)
            }
        };
        Ok(vec![TrackKey { target: Target::All, kid, key }])
    }
}

/// A number, or its text: forms and flags have only text.
fn number<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Option<u8>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Text(String),
    }
    match Option::<Either>::deserialize(from)? {
        None => Ok(None),
        Some(Either::Number(number)) => Ok(Some(number)),
        Some(Either::Text(text)) => {
            let wrong =
                || D::Error::custom(format!("{} is not a number of bytes", Untrusted(&text)));
            text.trim().parse().map(Some).map_err(|_| wrong())
        }
    }
}

/// A KID and its content key, to be shown to the person who made them.
#[derive(Clone, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KeyPair {
    /// Which key.
    pub kid: Kid,
    /// The key, in hex.
    #[cfg_attr(test, ts(as = "String"))]
    pub key: Zeroizing<String>,
}

impl KeyPair {
    /// Both at random.
    ///
    /// # Errors
    /// Where the host has no randomness.
    pub fn random(random: Random<'_>) -> Result<Self> {
        let mut key = Zeroizing::new([0; 16]);
        random(&mut *key)?;
        let key = ContentKey::from_bytes(*key).reveal();
        Ok(Self { kid: random_kid(random)?, key })
    }

    /// Those of some options.
    pub fn all(options: &Options) -> Vec<Self> {
        options.keys.iter().map(|one| Self { kid: one.kid, key: one.key.reveal() }).collect()
    }
}

/// A random UUID, marked as one (version 4).
///
/// # Errors
/// Where the host has no randomness.
pub fn random_kid(random: Random<'_>) -> Result<Kid> {
    let mut bytes = [0; 16];
    random(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(Uuid(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(bytes: &mut [u8]) -> Result<()> {
        (0..).zip(bytes).for_each(|(n, byte)| *byte = n);
        Ok(())
    }

    fn refused(job: &Protect) -> String {
        job.options(&mut count).err().expect("it is refused").message
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let text = |text: &str| Some(text.to_owned());
        let secret = |text: &str| Some(Zeroizing::new(text.to_owned()));
        let key = "000102030405060708090a0b0c0d0e0f";
        let job = Protect { profile: text("cbcs"), iv_size: Some(8), ..Protect::default() };
        assert!(refused(&job).contains("leave the IV size out"));
        let job = Protect { profile: text("dual"), scheme: text("cbcs"), ..Protect::default() };
        assert!(refused(&job).contains("a profile of its own"));
        let job = Protect { key: secret(key), seed: secret(key), ..Protect::default() };
        assert!(refused(&job).contains("Leave one of them out"));
        let job = Protect { seed: secret(key), ..Protect::default() };
        assert!(refused(&job).contains("needs the KID"));
        let job = Protect { keys: secret(key), key: secret(key), ..Protect::default() };
        assert!(refused(&job).contains("not both"));
    }

    #[test]
    fn what_is_left_out_is_made() {
        let options = Protect::default().options(&mut count).unwrap();
        assert_eq!(options.keys[0].kid.to_string(), "00010203-0405-4607-8809-0a0b0c0d0e0f");
        assert_eq!(options.profile.name, "dual");
        assert!(Protect::default().makes_key() && !Protect::default().is_wanted());
    }
}
