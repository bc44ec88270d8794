//! A PlayReady header, as it is asked for.

use crate::error::{Code, Error, Result};
use crate::format::cipher::{CipherMode, ContentKey};
use crate::format::drm::playready::{HeaderVersion, NewHeader, NewKey};
use crate::format::ids::Kid;
use serde::Deserialize;
use zeroize::Zeroizing;

/// What a header is to say.
#[derive(Clone, Default, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
#[serde(default, deny_unknown_fields)]
pub struct Header {
    /// Identifiers of keys; several from version 4.2 on.
    #[cfg_attr(test, ts(as = "Option<Vec<String>>"))]
    pub kids: Vec<String>,
    /// The content key of the KID in the same place, for its CHECKSUM.
    #[cfg_attr(test, ts(as = "Option<Vec<String>>"))]
    pub keys: Vec<Zeroizing<String>>,
    /// Where players ask for licences.
    pub la_url: Option<String>,
    /// A page for people without a licence.
    pub lui_url: Option<String>,
    /// The domain service, 16 bytes in base64.
    pub ds_id: Option<String>,
    /// XML to put into CUSTOMATTRIBUTES.
    pub custom_attributes: Option<String>,
    /// 4.0, 4.1, 4.2 or 4.3; 4.0 if left out.
    pub version: Option<String>,
    /// For AES-CBC (`cbcs`) instead of AES-CTR.
    #[cfg_attr(test, ts(as = "Option<bool>"))]
    pub cbc: bool,
    /// Whether the client asks for a licence before it has a KID
    /// (DECRYPTORSETUP).
    #[cfg_attr(test, ts(as = "Option<bool>"))]
    pub on_demand: bool,
}

impl Header {
    /// As it is written.
    ///
    /// # Errors
    /// Where a KID, a key or the version is none, or there are more keys than
    /// KIDs.
    pub fn header(&self) -> Result<NewHeader> {
        if self.keys.len() > self.kids.len() {
            let sentence = "There are more keys than KIDs. Give a KID for every key.";
            return Err(Error::misuse(Code::BadOptions, sentence));
        }
        let mut keys = Vec::new();
        for (i, text) in self.kids.iter().enumerate() {
            let kid = Kid::parse(text)?;
            let key = self.keys.get(i).map(|key| ContentKey::parse(key)).transpose()?;
            keys.push(NewKey { kid, checksum: key.map(|key| key.checksum(kid)) });
        }
        let version = self.version.as_deref().map(HeaderVersion::parse).transpose()?;
        Ok(NewHeader {
            version: version.unwrap_or_default(),
            keys,
            mode: if self.cbc { CipherMode::Cbc } else { CipherMode::Ctr },
            la_url: self.la_url.clone(),
            lui_url: self.lui_url.clone(),
            ds_id: self.ds_id.clone(),
            custom_attributes: self.custom_attributes.clone(),
            on_demand: self.on_demand,
        })
    }
}
