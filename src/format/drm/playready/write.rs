//! Writing WRMHEADERs and PlayReady Objects.

use super::RECORD_HEADER;
use crate::error::{Code, Error, Result, Untrusted};
use crate::format::cipher::CipherMode;
use crate::format::ids::Kid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::escape::{partial_escape, resolve_predefined_entity, unescape};
use quick_xml::events::Event;

pub(super) const NAMESPACE: &str = "http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader";
/// The most a PlayReady Object may hold; clients refuse more.
pub(super) const OBJECT_LIMIT: usize = 15 * 1024;

/// The versions of a WRMHEADER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeaderVersion {
    /// One key; read by every PlayReady client.
    #[default]
    V4_0,
    /// One key; PlayReady 2 and later.
    V4_1,
    /// Several keys; PlayReady 3 and later.
    V4_2,
    /// Several keys, CTR or CBC; PlayReady 4 and later.
    V4_3,
}

impl HeaderVersion {
    /// Every version, oldest first.
    pub const ALL: [Self; 4] = [Self::V4_0, Self::V4_1, Self::V4_2, Self::V4_3];

    /// `4.0`, `4.1`, `4.2` or `4.3`.
    pub fn text(self) -> &'static str {
        ["4.0", "4.1", "4.2", "4.3"][self as usize]
    }

    /// Reads `4.0`, or `4.0.0.0`, and so on.
    ///
    /// # Errors
    /// Where there is no such version.
    pub fn parse(text: &str) -> Result<Self> {
        let short = text.trim().strip_suffix(".0.0").unwrap_or(text.trim());
        Self::ALL.into_iter().find(|version| version.text() == short).ok_or_else(|| {
            Error::misuse(
                Code::BadHeaderVersion,
                format!(
                    "There is no PlayReady header version {}. Choose 4.0, 4.1, 4.2 or 4.3.",
                    Untrusted(text)
                ),
            )
        })
    }
}

impl HeaderVersion {
    /// Which clients read it.
    pub fn clients(self) -> &'static str {
        [
            "every PlayReady client",
            "PlayReady 2 and later (Windows 8)",
            "PlayReady 3 and later (every Windows 10)",
            "PlayReady 4 and later (Windows 10 1709)",
        ][self as usize]
    }
}

/// A key a header names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Its identifier.
    pub kid: Kid,
    /// From [`crate::format::cipher::ContentKey::checksum`].
    pub checksum: Option<[u8; 8]>,
}

/// A header to be written.
#[derive(Clone, Debug, Default)]
pub struct NewHeader {
    /// Which form.
    pub version: HeaderVersion,
    /// The keys; none where the client asks on demand.
    pub keys: Vec<NewKey>,
    /// What samples are encrypted with.
    pub mode: CipherMode,
    /// Where licences are asked for.
    pub la_url: Option<String>,
    /// A page for people.
    pub lui_url: Option<String>,
    /// The domain service, base64.
    pub ds_id: Option<String>,
    /// XML of the packager's own, put in as it is.
    pub custom_attributes: Option<String>,
    /// Whether the client is to ask for a licence before it has a KID.
    pub on_demand: bool,
}

impl NewHeader {
    /// What the version cannot say of this header.
    fn check_version(&self) -> Result<()> {
        use HeaderVersion::{V4_0, V4_1, V4_3};
        let version = self.version.text();
        let cannot = |what: &str, from: &str| {
            let sentence =
                format!("A header of version {version} cannot {what}; use {from} or later.");
            Err(Error::misuse(Code::HeaderVersion, sentence))
        };
        if self.keys.len() > 1 && self.version <= V4_1 {
            return cannot(&format!("name {} KIDs", self.keys.len()), "4.2");
        }
        if self.mode == CipherMode::Cbc && self.version < V4_3 {
            return cannot("say AESCBC", "4.3");
        }
        if self.on_demand && self.version == V4_0 {
            return cannot("say DECRYPTORSETUP", "4.1");
        }
        if self.keys.is_empty() && !self.on_demand {
            return Err(Error::misuse(Code::NoKid, "A header needs a KID. Give one as a UUID."));
        }
        Ok(())
    }

    /// PROTECTINFO, and in 4.0 what stands beside it.
    fn protect_info(&self) -> String {
        let algid = self.mode.algid();
        let base64 = |kid: Kid| STANDARD.encode(kid.to_guid_bytes());
        // CHECKSUM is not defined for AESCBC.
        let defined = self.mode == CipherMode::Ctr;
        let sum = |key: &NewKey| key.checksum.filter(|_| defined).map(|sum| STANDARD.encode(sum));
        if self.version == HeaderVersion::V4_0 {
            let Some(key) = self.keys.first() else { return String::new() };
            let info =
                format!("<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>{algid}</ALGID></PROTECTINFO>");
            let sum = sum(key).map(|sum| element("CHECKSUM", &sum)).unwrap_or_default();
            return format!("{info}{}{sum}", element("KID", &base64(key.kid)));
        }
        let kids: String = self
            .keys
            .iter()
            .map(|key| {
                let sum = sum(key).map(|sum| format!("CHECKSUM=\"{sum}\" ")).unwrap_or_default();
                format!("<KID ALGID=\"{algid}\" {sum}VALUE=\"{}\"></KID>", base64(key.kid))
            })
            .collect();
        match (kids.is_empty(), self.version) {
            (true, _) => String::new(),
            (false, HeaderVersion::V4_1) => element("PROTECTINFO", &kids),
            (false, _) => element("PROTECTINFO", &element("KIDS", &kids)),
        }
    }

    /// The XML, canonical: no white space, no self-closing tags, attributes in
    /// order. Elements stand in the order of Microsoft's own files.
    ///
    /// # Errors
    /// What the version cannot say: several KIDs in 4.0, AES-CBC before 4.3.
    pub fn xml(&self) -> Result<String> {
        self.check_version()?;
        let mut data = self.protect_info();
        if let Some(custom) = self.custom_attributes.as_deref().filter(|c| !c.trim().is_empty()) {
            check_custom_attributes(custom)?;
            data += &element("CUSTOMATTRIBUTES", custom.trim());
        }
        for (name, label, url) in [
            ("LA_URL", "licence acquisition URL", &self.la_url),
            ("LUI_URL", "licence page URL", &self.lui_url),
        ] {
            if let Some(url) = url.as_deref().map(str::trim).filter(|url| !url.is_empty()) {
                check_url(label, url)?;
                data += &element(name, &partial_escape(url));
            }
        }
        if let Some(id) = self.ds_id.as_deref().map(str::trim).filter(|id| !id.is_empty()) {
            if STANDARD.decode(id).map_or(0, |bytes| bytes.len()) != 16 {
                let id = Untrusted(id);
                let sentence = format!("The domain service ID {id} is not 16 bytes of base64.");
                return Err(Error::misuse(Code::BadDsId, sentence));
            }
            data += &element("DS_ID", id);
        }
        if self.on_demand {
            data += &element("DECRYPTORSETUP", "ONDEMAND");
        }
        let version = self.version.text();
        Ok(format!(
            r#"<WRMHEADER xmlns="{NAMESPACE}" version="{version}.0.0"><DATA>{data}</DATA></WRMHEADER>"#
        ))
    }

    /// The PlayReady Object with this header as its one record.
    ///
    /// # Errors
    /// Those of [`NewHeader::xml`], and a header longer than a record may be.
    pub fn object(&self) -> Result<Vec<u8>> {
        let value: Vec<u8> = self.xml()?.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = value.len() + 10;
        if length > OBJECT_LIMIT {
            return Err(Error::misuse(
                Code::HeaderTooLarge,
                format!(
                    "The PlayReady header would be {length} bytes; clients refuse more than \
                     {OBJECT_LIMIT}. Shorten the custom attributes or the URL."
                ),
            ));
        }
        let mut object = Vec::with_capacity(length);
        object.extend_from_slice(&(length as u32).to_le_bytes());
        object.extend_from_slice(&1_u16.to_le_bytes());
        object.extend_from_slice(&RECORD_HEADER.to_le_bytes());
        object.extend_from_slice(&(value.len() as u16).to_le_bytes());
        object.extend_from_slice(&value);
        Ok(object)
    }
}

fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

/// Whether a client can use it as it stands.
pub(super) fn is_absolute_url(url: &str) -> bool {
    let absolute = url.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && !rest.is_empty()
    });
    absolute && !url.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn check_url(label: &str, url: &str) -> Result<()> {
    if is_absolute_url(url) {
        return Ok(());
    }
    Err(Error::misuse(
        Code::BadUrl,
        format!(
            "The {label} {} is not an absolute URL. Write it as https://host/path, without spaces.",
            Untrusted(url)
        ),
    ))
}

fn check_custom_attributes(xml: &str) -> Result<()> {
    let bad = |what: String| {
        let sentence = format!(
            "The custom attributes are not well-formed XML: {what}. Give elements such as <PACKAGER>me</PACKAGER>."
        );
        Error::misuse(Code::BadCustomAttributes, sentence)
    };
    if xml.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(bad("control characters are not allowed".into()));
    }
    let mut reader = Reader::from_str(xml);
    let mut depth = 0_u32;
    loop {
        let event = reader.read_event().map_err(|e| bad(e.to_string()))?;
        if let Event::Start(tag) | Event::Empty(tag) = &event {
            for attribute in tag.attributes() {
                let attribute = attribute.map_err(|e| bad(e.to_string()))?;
                if attribute.value.contains('<') || unescape(&attribute.value).is_err() {
                    return Err(bad("an attribute has a bare < or an unknown entity".into()));
                }
            }
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::GeneralRef(name) => {
                let known = matches!(name.resolve_char_ref(), Ok(Some(_)))
                    || resolve_predefined_entity(&name).is_some();
                if !known {
                    return Err(bad(format!("the entity &{}; is not known", &*name)));
                }
            }
            Event::DocType(_) | Event::Decl(_) | Event::PI(_) => {
                return Err(bad("declarations are not allowed".into()));
            }
            Event::Eof if depth == 0 => return Ok(()),
            Event::Eof => return Err(bad("an element is not closed".into())),
            _ => {}
        }
    }
}
