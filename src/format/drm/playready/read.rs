//! Reading PlayReady Objects and WRMHEADERs.

use super::check::check;
use super::write::OBJECT_LIMIT;
use crate::error::{Code, Error};
use crate::format::bytes::limits;
use crate::format::ids::Kid;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesStart, Event};
use serde::Serialize;

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
            Code::ProTooShort,
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
            Code::ProLength,
            format!(
                "The PlayReady Object says it is {length} bytes long, but it has {}. Clients refuse it.",
                data.len()
            ),
        );
    }
    if data.len() > OBJECT_LIMIT {
        problem(
            Code::ProTooLarge,
            format!(
                "The PlayReady Object is {} bytes long; clients refuse more than {OBJECT_LIMIT}.",
                data.len()
            ),
        );
    }
    if count == 0 {
        problem(Code::ProNoRecords, "The PlayReady Object has no records.".into());
    }
    let mut records = Vec::new();
    for number in 1..=count {
        let Some((head, after)) = rest.split_at_checked(4) else {
            problem(
                Code::ProRecords,
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
                Code::ProRecordLength,
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
            Code::ProLeftOver,
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
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct HeaderKey {
    /// In the order of `tenc`; none where the text is not 16 bytes of base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub kid: Option<Kid>,
    /// As it is written: base64 of the GUID byte order.
    pub guid_base64: String,
    /// AESCTR, AESCBC or COCKTAIL.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub algid: Option<String>,
    /// base64; proves the key that belongs to the KID.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub checksum: Option<String>,
}

/// A WRMHEADER, as it was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WrmHeader {
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
pub fn read_header(value: &[u8], problems: &mut Vec<Error>) -> WrmHeader {
    let xml = text_of(value, problems);
    let mut problem = |code, message: String| problems.push(Error::malformed(code, message));
    if xml.starts_with('\u{feff}') {
        problem(
            Code::WrmBom,
            "The WRMHEADER begins with a byte order mark, which PlayReady does not allow.".into(),
        );
    }
    let mut header = WrmHeader { xml, ..WrmHeader::default() };
    let text = header.xml.trim_start_matches('\u{feff}').to_owned();
    // A URL with a bare & is told as such, and read as it was meant.
    let mended = with_references(&text);
    match read_xml(&mended, &mut header) {
        Ok(()) => check(&text, problems),
        Err(message) => problem(Code::WrmXml, message),
    }
    let mut problem = |code, message: String| problems.push(Error::malformed(code, message));
    if header.version.is_empty() {
        problem(
            Code::WrmNoVersion,
            "No WRMHEADER element with a version was found in the PlayReady header.".into(),
        );
    }
    header.kids = header.keys.iter().filter_map(|key| key.kid).collect();
    let named = header.keys.iter().any(|key| !key.guid_base64.is_empty());
    if !header.version.is_empty() && !named && header.decryptor_setup.is_none() {
        problem(
            Code::WrmNoKid,
            "The WRMHEADER names no KID: clients do not know which licence to ask for, and \
             answer 0x8004B804."
                .into(),
        );
    }
    if header.version.starts_with("4.0")
        && header.keys.iter().any(|key| key.algid.as_deref() == Some("AESCBC"))
    {
        problem(
            Code::WrmVersionFeatures,
            "The header is of version 4.0, but AESCBC came with 4.3: older clients refuse it."
                .into(),
        );
    }
    for sum in header.keys.iter().filter_map(|key| key.checksum.as_deref()) {
        let length = base64::engine::general_purpose::STANDARD.decode(sum).map(|sum| sum.len());
        if length != Ok(8) {
            let found = length.map_or("no base64".to_owned(), |n| format!("{n} bytes"));
            let sentence = format!("CHECKSUM is {found}; with AESCTR it is 8 bytes of base64.");
            problem(Code::WrmChecksum, sentence);
        }
    }
    for key in header.keys.iter().filter(|k| k.kid.is_none() && !k.guid_base64.is_empty()) {
        problem(
            Code::WrmBadKid,
            format!("The KID \"{}\" in the WRMHEADER is not 16 bytes of base64.", key.guid_base64),
        );
    }
    header
}

/// The text of a record, in UTF-16LE as it must be, or in what is written by
/// mistake.
fn text_of(value: &[u8], problems: &mut Vec<Error>) -> String {
    let mut problem = |code, message: String| problems.push(Error::malformed(code, message));
    let bare = value.strip_prefix(b"\xef\xbb\xbf").unwrap_or(value);
    let other = if bare.starts_with(b"<W") || bare.starts_with(b"<?") {
        Some(("UTF-8", String::from_utf8_lossy(bare).into_owned()))
    } else if value.starts_with(b"\0<") || value.starts_with(b"\xfe\xff\0<") {
        let units: Vec<u16> =
            value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        Some(("UTF-16BE", String::from_utf16_lossy(&units)))
    } else {
        None
    };
    if let Some((name, text)) = other {
        let sentence = format!(
            "The WRMHEADER is {name}; inside a PlayReady Object it must be UTF-16LE, which is all \
             that clients read."
        );
        problem(Code::WrmNotUtf16, sentence);
        return text;
    }
    if value.len() % 2 == 1 {
        problem(
            Code::WrmOddLength,
            "The WRMHEADER has an odd number of bytes, so it is not UTF-16.".into(),
        );
    }
    let units: Vec<u16> =
        value.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16(&units).unwrap_or_else(|_| {
        problem(
            Code::WrmNotUtf16,
            "The WRMHEADER is not valid UTF-16LE; unreadable characters are shown as \u{fffd}."
                .into(),
        );
        String::from_utf16_lossy(&units)
    })
}

/// XML whose every & begins a reference.
fn with_references(text: &str) -> std::borrow::Cow<'_, str> {
    let bare = |rest: &str| {
        let name = rest.find(';').and_then(|end| rest.get(..end)).unwrap_or_default();
        let plain = name.strip_prefix('#').unwrap_or(name);
        plain.is_empty() || name.len() > 10 || !plain.chars().all(|c| c.is_ascii_alphanumeric())
    };
    if !text.match_indices('&').any(|(at, _)| bare(&text[at + 1..])) {
        return text.into();
    }
    let (mut out, mut from) = (String::new(), 0);
    for (at, _) in text.match_indices('&') {
        out += &text[from..=at];
        if bare(&text[at + 1..]) {
            out += "amp;";
        }
        from = at + 1;
    }
    (out + &text[from..]).into()
}

fn read_xml(text: &str, header: &mut WrmHeader) -> std::result::Result<(), String> {
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

fn open(path: &[String], tag: &BytesStart<'_>, header: &mut WrmHeader) {
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

fn close(path: &[String], content: String, header: &mut WrmHeader) {
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

fn first_key(header: &mut WrmHeader) -> &mut HeaderKey {
    if header.keys.is_empty() {
        header.keys.push(HeaderKey::default());
    }
    &mut header.keys[0]
}
