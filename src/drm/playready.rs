//! The PlayReady Object and the WRMHEADER in it (facts §7).
//!
//! Reading is lenient, because headers in the wild are not tidy and QA staff
//! need to see what is there: what is wrong becomes a problem, not a refusal.
//! Writing is strict: canonical, UTF-16LE, no insignificant white space.

use super::PLAYREADY;
use crate::boxes::protection::Pssh;
use crate::bytes::limits;
use crate::error::{Error, Result};
use crate::ids::Kid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::escape::{partial_escape, resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};
use serde::Serialize;

/// Record type of a WRMHEADER.
pub const RECORD_HEADER: u16 = 1;
const NAMESPACE: &str = "http://schemas.microsoft.com/DRM/2007/03/PlayReadyHeader";
/// The most a PlayReady Object may hold; clients refuse more.
const OBJECT_LIMIT: usize = 15 * 1024;

/// A record of a PlayReady Object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// 1 header, 3 embedded licence store.
    pub kind: u16,
    /// Its bytes.
    pub value: &'a [u8],
}

/// Takes a PlayReady Object apart. All its numbers are little-endian.
pub fn read_object<'a>(data: &'a [u8], problems: &mut Vec<Error>) -> Vec<Record<'a>> {
    let mut problem = |code, message: String| problems.push(Error::malformed(code, message));
    let Some((head, mut rest)) = data.split_at_checked(6) else {
        problem(
            "pro_too_short",
            format!(
                "The PlayReady Object has {} bytes; it needs 6 for its own length and count.",
                data.len()
            ),
        );
        return Vec::new();
    };
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let count = u16::from_le_bytes([head[4], head[5]]);
    if length as usize != data.len() {
        problem(
            "pro_length",
            format!(
                "The PlayReady Object says it is {length} bytes long, but it has {}. Clients refuse it.",
                data.len()
            ),
        );
    }
    let mut records = Vec::new();
    for number in 1..=count {
        let Some((head, after)) = rest.split_at_checked(4) else {
            problem(
                "pro_records",
                format!(
                    "The PlayReady Object says it has {count} records, but ends before record {number}."
                ),
            );
            return records;
        };
        let kind = u16::from_le_bytes([head[0], head[1]]);
        let len = usize::from(u16::from_le_bytes([head[2], head[3]]));
        if len > after.len() {
            problem(
                "pro_record_length",
                format!(
                    "Record {number} of the PlayReady Object says {len} bytes, but {} are left.",
                    after.len()
                ),
            );
        }
        let (value, after) = after.split_at(len.min(after.len()));
        records.push(Record { kind, value });
        rest = after;
    }
    if !rest.is_empty() {
        problem(
            "pro_left_over",
            format!(
                "{} bytes are left over after the last record of the PlayReady Object.",
                rest.len()
            ),
        );
    }
    records
}

/// A key as a WRMHEADER names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HeaderKey {
    /// In the order of `tenc`; none where the text is not 16 bytes of base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<Kid>,
    /// As it is written: base64 of the GUID byte order.
    pub guid_base64: String,
    /// AESCTR, AESCBC or COCKTAIL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algid: Option<String>,
    /// base64; proves the key that belongs to the KID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// A WRMHEADER, as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Such as `4.0.0.0`.
    pub version: String,
    /// The keys, in the order of `tenc`.
    pub kids: Vec<Kid>,
    /// The keys, with all that the header says of them.
    pub keys: Vec<HeaderKey>,
    /// Where licences are asked for.
    pub la_url: Option<String>,
    /// A page for people.
    pub lui_url: Option<String>,
    /// The domain service, base64.
    pub ds_id: Option<String>,
    /// The packager's own XML, as it stands.
    pub custom_attributes: Option<String>,
    /// ONDEMAND where the client asks before it has a KID.
    pub decryptor_setup: Option<String>,
    /// The whole XML.
    pub xml: String,
}

/// Reads a WRMHEADER record. Entities are not expanded, namespaces not
/// resolved: packagers put undeclared ones into CUSTOMATTRIBUTES.
pub fn read_header(value: &[u8], problems: &mut Vec<Error>) -> Header {
    let mut problem = |code, message: String| problems.push(Error::malformed(code, message));
    if value.len() % 2 == 1 {
        problem(
            "wrm_odd_length",
            "The WRMHEADER has an odd number of bytes, so it is not UTF-16.".into(),
        );
    }
    let units: Vec<u16> =
        value.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let xml = String::from_utf16(&units).unwrap_or_else(|_| {
        problem(
            "wrm_not_utf16",
            "The WRMHEADER is not valid UTF-16LE; unreadable characters are shown as \u{fffd}."
                .into(),
        );
        String::from_utf16_lossy(&units)
    });
    if xml.starts_with('\u{feff}') {
        problem(
            "wrm_bom",
            "The WRMHEADER begins with a byte order mark, which PlayReady does not allow.".into(),
        );
    }
    let mut header = Header { xml, ..Header::default() };
    let text = header.xml.trim_start_matches('\u{feff}').to_owned();
    if let Err(message) = read_xml(&text, &mut header) {
        problem("wrm_xml", message);
    }
    if header.version.is_empty() {
        problem(
            "wrm_no_version",
            "No WRMHEADER element with a version was found in the PlayReady header.".into(),
        );
    }
    header.kids = header.keys.iter().filter_map(|key| key.kid).collect();
    for key in header.keys.iter().filter(|key| key.kid.is_none()) {
        problem(
            "wrm_bad_kid",
            format!("The KID \"{}\" in the WRMHEADER is not 16 bytes of base64.", key.guid_base64),
        );
    }
    header
}

fn read_xml(text: &str, header: &mut Header) -> std::result::Result<(), String> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let mut content = String::new();
    let mut custom_from = None;
    for _ in 0..limits::XML_EVENTS {
        let before = reader.buffer_position() as usize;
        let event = reader
            .read_event()
            .map_err(|e| format!("The WRMHEADER is not well-formed XML: {e}."))?;
        match event {
            Event::Start(tag) => {
                path.push(tag.local_name().into_inner().to_owned());
                content.clear();
                open(&path, &tag, header);
                if path.ends_with(&["CUSTOMATTRIBUTES".into()]) && custom_from.is_none() {
                    custom_from = Some((path.len(), reader.buffer_position() as usize));
                }
            }
            Event::Empty(tag) => {
                path.push(tag.local_name().into_inner().to_owned());
                open(&path, &tag, header);
                path.pop();
            }
            Event::End(_) => {
                if let Some((_, from)) = custom_from.filter(|(depth, _)| *depth == path.len()) {
                    header.custom_attributes = text.get(from..before).map(str::to_owned);
                    custom_from = None;
                } else {
                    close(&path, std::mem::take(&mut content), header);
                }
                path.pop();
            }
            Event::Text(part) => content.push_str(&part),
            Event::CData(part) => content.push_str(&part),
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(c)) => content.push(c),
                _ => match resolve_predefined_entity(&name) {
                    Some(known) => content.push_str(known),
                    None => content.push_str(&format!("&{};", &*name)),
                },
            },
            Event::DocType(_) => {
                return Err("The WRMHEADER declares a document type, which PlayReady does not \
                            allow; its entities are not expanded."
                    .into());
            }
            Event::Eof if path.is_empty() => return Ok(()),
            Event::Eof => return Err(format!("The WRMHEADER ends inside <{}>.", path.join("/"))),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    Err(format!(
        "The WRMHEADER has more than {} XML parts; the rest is not read.",
        limits::XML_EVENTS
    ))
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = tag
        .attributes()
        .with_checks(false)
        .filter_map(|a| a.ok())
        .find(|a| a.key.local_name().into_inner() == name)?;
    let raw = &*attribute.value;
    Some(unescape(raw).map_or_else(|_| raw.to_owned(), |text| text.into_owned()))
}

fn header_key(guid_base64: String) -> HeaderKey {
    let bytes = STANDARD.decode(guid_base64.trim()).ok().and_then(|b| <[u8; 16]>::try_from(b).ok());
    HeaderKey { kid: bytes.map(Kid::from_guid_bytes), guid_base64, ..HeaderKey::default() }
}

fn open(path: &[String], tag: &BytesStart<'_>, header: &mut Header) {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["WRMHEADER"] => header.version = attribute(tag, "version").unwrap_or_default(),
        // 4.1 has one KID here, 4.2 and later a list in KIDS.
        ["WRMHEADER", "DATA", "PROTECTINFO", "KID"]
        | ["WRMHEADER", "DATA", "PROTECTINFO", "KIDS", "KID"] => header.keys.push(HeaderKey {
            algid: attribute(tag, "ALGID"),
            checksum: attribute(tag, "CHECKSUM"),
            ..header_key(attribute(tag, "VALUE").unwrap_or_default())
        }),
        _ => {}
    }
}

fn close(path: &[String], content: String, header: &mut Header) {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let ["WRMHEADER", "DATA", inner @ ..] = &path[..] else { return };
    match inner {
        // 4.0 has one key, spread over three elements, in any order.
        ["KID"] => {
            let key = header_key(content);
            let first = first_key(header);
            (first.kid, first.guid_base64) = (key.kid, key.guid_base64);
        }
        ["CHECKSUM"] => first_key(header).checksum = Some(content),
        ["PROTECTINFO", "ALGID"] => first_key(header).algid = Some(content),
        ["LA_URL"] => header.la_url = Some(content),
        ["LUI_URL"] => header.lui_url = Some(content),
        ["DS_ID"] => header.ds_id = Some(content),
        ["DECRYPTORSETUP"] => header.decryptor_setup = Some(content),
        _ => {}
    }
}

fn first_key(header: &mut Header) -> &mut HeaderKey {
    if header.keys.is_empty() {
        header.keys.push(HeaderKey::default());
    }
    &mut header.keys[0]
}

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
    pub fn parse(text: &str) -> Result<Self> {
        let short = text.trim().strip_suffix(".0.0").unwrap_or(text.trim());
        Self::ALL.into_iter().find(|version| version.text() == short).ok_or_else(|| {
            Error::misuse(
                "bad_header_version",
                format!(
                    "There is no PlayReady header version \"{text}\". Choose 4.0, 4.1, 4.2 or 4.3."
                ),
            )
        })
    }
}

/// A header to be written, for AES-CTR.
#[derive(Clone, Debug, Default)]
pub struct NewHeader {
    /// Which form.
    pub version: HeaderVersion,
    /// The key.
    pub kid: Option<Kid>,
    /// Of that key, from [`crate::cipher::ContentKey::checksum`].
    pub checksum: Option<[u8; 8]>,
    /// Where licences are asked for.
    pub la_url: Option<String>,
    /// A page for people.
    pub lui_url: Option<String>,
    /// XML of the packager's own, put in as it is.
    pub custom_attributes: Option<String>,
}

impl NewHeader {
    /// The XML, canonical: no white space, no self-closing tags, attributes in
    /// order. Elements stand in the order of Microsoft's own files.
    pub fn xml(&self) -> Result<String> {
        let kid = self.kid.map(|kid| STANDARD.encode(kid.to_guid_bytes())).unwrap_or_default();
        let checksum = self.checksum.map(|sum| STANDARD.encode(sum));
        let key_attributes = match &checksum {
            Some(sum) => format!(r#"ALGID="AESCTR" CHECKSUM="{sum}" VALUE="{kid}""#),
            None => format!(r#"ALGID="AESCTR" VALUE="{kid}""#),
        };
        let mut data = match self.version {
            HeaderVersion::V4_0 => {
                let sum = checksum.map(|sum| element("CHECKSUM", &sum)).unwrap_or_default();
                let info = "<PROTECTINFO><KEYLEN>16</KEYLEN><ALGID>AESCTR</ALGID></PROTECTINFO>";
                format!("{info}{}{sum}", element("KID", &kid))
            }
            HeaderVersion::V4_1 => {
                format!("<PROTECTINFO><KID {key_attributes}></KID></PROTECTINFO>")
            }
            HeaderVersion::V4_2 | HeaderVersion::V4_3 => {
                format!("<PROTECTINFO><KIDS><KID {key_attributes}></KID></KIDS></PROTECTINFO>")
            }
        };
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
        let version = self.version.text();
        Ok(format!(
            r#"<WRMHEADER xmlns="{NAMESPACE}" version="{version}.0.0"><DATA>{data}</DATA></WRMHEADER>"#
        ))
    }

    /// The PlayReady Object with this header as its one record.
    pub fn object(&self) -> Result<Vec<u8>> {
        let value: Vec<u8> = self.xml()?.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let length = value.len() + 10;
        if length > OBJECT_LIMIT {
            return Err(Error::misuse(
                "header_too_large",
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

/// The `pssh` of a PlayReady Object. Version 0, as Microsoft's samples have it.
pub fn pssh(object: Vec<u8>) -> Pssh {
    Pssh { version: 0, flags: 0, system_id: PLAYREADY, kids: Vec::new(), data: object }
}

fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

fn check_url(label: &str, url: &str) -> Result<()> {
    let absolute = url.split_once("://").is_some_and(|(scheme, rest)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && !rest.is_empty()
    });
    let clean = !url.contains(|c: char| c.is_whitespace() || c.is_control());
    if absolute && clean {
        return Ok(());
    }
    Err(Error::misuse(
        "bad_url",
        format!(
            "The {label} \"{url}\" is not an absolute URL. Write it as https://host/path, without spaces."
        ),
    ))
}

fn check_custom_attributes(xml: &str) -> Result<()> {
    let bad = |what: String| {
        let sentence = format!(
            "The custom attributes are not well-formed XML: {what}. Give elements such as <PACKAGER>me</PACKAGER>."
        );
        Error::misuse("bad_custom_attributes", sentence)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boxes::Mp4Box as _;
    use crate::cipher::{ContentKey, hex};
    use sha2::{Digest as _, Sha256};

    const KID: Kid = Kid::of(0x09e367028f33436ca5dd60ffe6671e70);

    fn header(version: HeaderVersion) -> NewHeader {
        let key = ContentKey::parse("b42ca3172ee4e69bf51848a59db9cd13").unwrap();
        NewHeader {
            version,
            kid: Some(KID),
            checksum: Some(key.checksum(KID)),
            ..NewHeader::default()
        }
    }

    fn read(object: &[u8]) -> (Header, Vec<Error>) {
        let mut problems = Vec::new();
        let records = read_object(object, &mut problems);
        assert_eq!(records.len(), 1);
        (read_header(records[0].value, &mut problems), problems)
    }

    #[test]
    fn the_object_of_the_facts_sheet() {
        let la_url = Some("https://example.invalid/rightsmanager.asmx".into());
        let object = NewHeader { la_url, ..header(HeaderVersion::V4_0) }.object().unwrap();
        assert_eq!(
            (object.len(), hex(&object[..14])),
            (636, "7c020000010001007202 3c005700".replace(' ', ""))
        );
        assert_eq!(
            hex(&Sha256::digest(&object)),
            "bd05bfa1e3ff8d15d3fbd8d7eee237756cbc9e178d772d75b08df5c29bd2ddc3"
        );
        let pssh = pssh(object).to_node().to_bytes();
        assert_eq!(
            hex(&Sha256::digest(&pssh)),
            "783186c4e1b797d9716ade2e43216180964d6eae044e78bae4d9c084e5561cad"
        );
    }

    #[test]
    fn every_version_is_read_back() {
        for (version, size) in [
            (HeaderVersion::V4_1, Some(468)),
            (HeaderVersion::V4_2, Some(494)),
            (HeaderVersion::V4_0, None),
            (HeaderVersion::V4_3, None),
        ] {
            let object = header(version).object().unwrap();
            assert!(size.is_none_or(|size| object.len() == size), "{}", object.len());
            let (header, problems) = read(&object);
            assert_eq!(problems, []);
            assert_eq!(header.kids, [KID]);
            assert_eq!(header.version, format!("{}.0.0", version.text()));
            assert_eq!(header.keys[0].checksum.as_deref(), Some("BGw1aYZ1YXM="));
            assert_eq!(header.keys[0].algid.as_deref(), Some("AESCTR"));
        }
        let bare = NewHeader { checksum: None, ..header(HeaderVersion::V4_3) }.object().unwrap();
        assert_eq!(bare.len(), 446);
    }

    #[test]
    fn urls_are_escaped_and_custom_attributes_kept() {
        let new = NewHeader {
            la_url: Some("https://l.example/rm.asmx?a=1&b=<2>".into()),
            lui_url: Some("https://l.example/help".into()),
            custom_attributes: Some("<X a=\"1\">y &amp; z</X>".into()),
            ..header(HeaderVersion::V4_0)
        };
        let (header, problems) = read(&new.object().unwrap());
        assert_eq!(problems, []);
        assert_eq!(header.la_url, new.la_url);
        assert_eq!(header.lui_url, new.lui_url);
        assert_eq!(header.custom_attributes, new.custom_attributes);
        assert!(header.xml.contains("a=1&amp;b=&lt;2&gt;"));
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for new in [
            NewHeader { la_url: Some("licence.asmx".into()), ..header(HeaderVersion::V4_0) },
            NewHeader { la_url: Some("https://a b".into()), ..header(HeaderVersion::V4_0) },
            NewHeader { custom_attributes: Some("<A>".into()), ..header(HeaderVersion::V4_0) },
            NewHeader { custom_attributes: Some("</A>".into()), ..header(HeaderVersion::V4_0) },
            NewHeader { custom_attributes: Some("&nbsp;".into()), ..header(HeaderVersion::V4_0) },
            NewHeader {
                custom_attributes: Some("<A b=c></A>".into()),
                ..header(HeaderVersion::V4_0)
            },
            NewHeader {
                custom_attributes: Some("<A b='<'/>".into()),
                ..header(HeaderVersion::V4_0)
            },
            NewHeader {
                custom_attributes: Some("<A b='1' b='2'/>".into()),
                ..header(HeaderVersion::V4_0)
            },
            NewHeader {
                custom_attributes: Some("<A>\u{1}</A>".into()),
                ..header(HeaderVersion::V4_0)
            },
            NewHeader { custom_attributes: Some("x".repeat(9000)), ..header(HeaderVersion::V4_0) },
        ] {
            assert!(new.object().is_err(), "{new:?}");
        }
    }

    #[test]
    fn entities_are_not_expanded_and_broken_headers_still_show() {
        let lol = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><WRMHEADER version=\"4.0.0.0\"></WRMHEADER>";
        let bytes: Vec<u8> = lol.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut problems = Vec::new();
        let header = read_header(&bytes, &mut problems);
        assert_eq!(problems[0].code, "wrm_xml");
        assert_eq!(header.xml, lol);

        let mut object = self::header(HeaderVersion::V4_0).object().unwrap();
        object[0] ^= 0xff;
        let (header, problems) = read(&object);
        assert_eq!(problems[0].code, "pro_length");
        assert_eq!(header.kids, [KID]);
    }

    #[test]
    fn every_cut_of_an_object_is_told_and_none_panics() {
        let object = header(HeaderVersion::V4_2).object().unwrap();
        for len in 0..object.len() {
            let mut problems = Vec::new();
            for record in read_object(&object[..len], &mut problems) {
                read_header(record.value, &mut problems);
            }
            assert!(!problems.is_empty(), "cut at {len}");
        }
    }
}
