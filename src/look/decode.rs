//! What a protection header says, in whatever wrapping it comes: as a box of a
//! file, or pasted as base64, hex, a GUID, XML, or a part of a manifest.

pub(crate) mod cpix;
mod recognise;
pub(crate) mod scan;

pub(crate) use recognise::{VERSION_0_WITH_KIDS, from_base64};
pub use recognise::{content_protection, protection_header, recognise};

use crate::checks::CheckId;
use crate::error::Error;
use crate::format::boxes::protection::{PIFF_PSSH, Pssh};
use crate::format::bytes::limits;
use crate::format::cipher::hex;
use crate::format::drm::playready::{self, WrmHeader};
use crate::format::drm::{self, COMMON, PLAYREADY, WIDEVINE, widevine};
use crate::format::ids::{BoxType, Kid, SystemId, Uuid};
use crate::model::Finding;
use crate::words;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use recognise::{bytes, is_box, is_object, is_utf16_xml};
use serde::Serialize;

/// A KID in every form people meet it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct KidForms {
    /// In the order of `tenc`, `pssh`, MPD.
    pub kid: Kid,
    /// The GUID byte order, as PlayReady licences and headers have it.
    pub guid: Kid,
    /// base64 of the order of `tenc`.
    pub base64: String,
    /// base64 of the GUID byte order: what stands in a WRMHEADER.
    pub guid_base64: String,
}

impl KidForms {
    /// Of a KID in the order of `tenc`.
    pub fn of(kid: Kid) -> Self {
        Self {
            kid,
            guid: kid.swapped(),
            base64: STANDARD.encode(kid.0),
            guid_base64: STANDARD.encode(kid.to_guid_bytes()),
        }
    }
}

/// What something turned out to be, and what is in it.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Decoded {
    /// For programs: `pssh`, `playready_object`, `wrmheader`, `licence_store`,
    /// `widevine`, `kid`, `manifest`, `text`, `bytes` and so on.
    pub kind: &'static str,
    /// What it is, in words.
    pub title: String,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub system_id: Option<SystemId>,
    /// Facts, each with its name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub facts: Vec<Fact>,
    /// The keys it names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub kids: Vec<KidForms>,
    /// A WRMHEADER.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub header: Option<WrmHeader>,
    /// Its bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub base64: Option<String>,
    /// What is wrong, or worth knowing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub findings: Vec<Finding>,
    /// What is in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(optional, as = "Option<_>"))]
    pub inner: Vec<Decoded>,
}

/// A name and a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Fact {
    /// The field's name.
    pub name: String,
    /// In words, or hex.
    pub value: String,
}

impl Decoded {
    fn new(kind: &'static str, title: impl Into<String>) -> Self {
        Self { kind, title: title.into(), ..Self::default() }
    }

    fn fact(mut self, name: &str, value: impl Into<String>) -> Self {
        self.facts.push(Fact { name: name.to_owned(), value: value.into() });
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.base64 = Some(STANDARD.encode(bytes));
        self
    }

    fn with(mut self, inner: Self) -> Self {
        self.inner.push(inner);
        self
    }

    fn find(&mut self, id: CheckId, message: impl Into<String>) {
        self.findings.push(Finding::new(id, message));
    }

    fn problems(&mut self, problems: Vec<Error>) {
        self.findings.extend(problems.into_iter().map(Finding::from));
    }

    /// This and everything in it.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        self.inner.iter().for_each(|inner| inner.walk(visit));
    }

    /// Every finding, of what is in it too.
    pub fn all_findings(&self) -> Vec<&Finding> {
        let mut all = Vec::new();
        self.walk(&mut |decoded| all.extend(&decoded.findings));
        all
    }
}

/// A `pssh` box, read.
pub fn pssh(pssh: &Pssh, envelope: BoxType) -> Decoded {
    pssh_within(pssh, envelope, 0)
}

/// The same, that many wrappings deep.
fn pssh_within(pssh: &Pssh, envelope: BoxType, depth: usize) -> Decoded {
    let name = drm::name(pssh.system_id).unwrap_or("unknown system");
    let form = if envelope == PIFF_PSSH { "PIFF uuid pssh" } else { "pssh" };
    let mut decoded = Decoded::new("pssh", format!("{form} box, version {}, {name}", pssh.version))
        .fact("SystemID", pssh.system_id.to_string())
        .fact("Data", format!("{} bytes", pssh.data.len()));
    decoded.system_id = Some(pssh.system_id);
    decoded.kids = pssh.kids.iter().copied().map(KidForms::of).collect();
    if pssh.system_id == COMMON && pssh.version == 0 {
        decoded.find(
            CheckId::CommonWithoutKids,
            "The W3C Common header is version 0, which lists no KIDs.",
        );
    }
    if let Some(inner) = data(pssh.system_id, &pssh.data, &mut decoded, depth) {
        decoded.inner.push(inner);
    }
    decoded
}

/// The data of a system, where there is any.
fn data(system: SystemId, data: &[u8], outer: &mut Decoded, depth: usize) -> Option<Decoded> {
    if data.is_empty() {
        return None;
    }
    if data.len() > limits::PSSH {
        return Some(Decoded::new("bytes", format!("{} bytes, not looked into", data.len())));
    }
    if is_box(data) {
        outer.find(
            CheckId::HeaderMixedUp,
            "The data of this pssh is a whole pssh box again: it was wrapped twice.",
        );
        return bytes(data, depth + 1).ok();
    }
    let system = match drm::meant(system) {
        Some(meant) => {
            outer.find(CheckId::UuidSwapped, meant.sentence());
            meant.system()
        }
        None => system,
    };
    let name = drm::name(system).unwrap_or("this system");
    let object_here = is_object(data) || is_utf16_xml(data);
    let message = widevine::read(data).ok().filter(widevine::Message::is_plausible);
    if system != PLAYREADY && object_here && [WIDEVINE, COMMON].contains(&system) {
        outer.find(
            CheckId::OtherSystemsData,
            format!("The data is a PlayReady Object, which {name} does not read."),
        );
        return Some(object(data));
    }
    if system == PLAYREADY {
        if is_utf16_xml(data) {
            outer.find(
                CheckId::HeaderMixedUp,
                "The data is a bare WRMHEADER; a PlayReady Object around it is missing.",
            );
            return Some(wrmheader(data));
        }
        if let (false, Some(message)) = (object_here, message) {
            outer.find(
                CheckId::OtherSystemsData,
                "The data is Widevine's, under PlayReady's SystemID: PlayReady finds no header in it.",
            );
            return Some(widevine_data(data, message, outer));
        }
        return Some(object(data));
    }
    if system == WIDEVINE {
        match widevine::read(data) {
            Ok(message) => return Some(widevine_data(data, message, outer)),
            Err(_) if data.len() == 16 => {
                outer.find(
                    CheckId::OtherSystemsData,
                    "The data is 16 bytes, a bare KID; a message with key_id belongs here.",
                );
                let mut decoded = Decoded::new("kid", "A bare KID");
                decoded.kids =
                    <[u8; 16]>::try_from(data).map(Uuid).map(KidForms::of).into_iter().collect();
                return Some(decoded);
            }
            Err(e) => outer.findings.push(e.into()),
        }
    }
    let mut decoded = Decoded::new("bytes", format!("{} bytes", data.len())).bytes(data);
    if let Ok(text) = std::str::from_utf8(data)
        && is_printable(text)
    {
        decoded = decoded.fact("Text", text);
    }
    Some(decoded.fact("Hex", hex(&data[..data.len().min(256)])))
}

/// Widevine data, with what is wrong in it.
fn widevine_data(data: &[u8], message: widevine::Message, outer: &mut Decoded) -> Decoded {
    let mut decoded = Decoded::new("widevine", "Widevine data").bytes(data);
    for field in message.fields {
        let name = field.name.map_or(format!("field {}", field.number), str::to_owned);
        decoded = decoded.fact(&name, field.value);
    }
    if message.has_text_kid {
        outer.find(
            CheckId::WidevineKidText,
            "key_id is written as text, 32 digits or more; it must be the 16 bytes themselves.",
        );
    }
    decoded.kids = message.kids.into_iter().map(KidForms::of).collect();
    decoded
}

/// A PlayReady Object.
pub fn object(data: &[u8]) -> Decoded {
    let mut problems = Vec::new();
    let records = playready::read_object(data, &mut problems);
    let count = words::plural(records.len(), "record");
    let title = format!("PlayReady Object, {} bytes, {count}", data.len());
    let mut decoded = Decoded::new("playready_object", title).bytes(data);
    decoded.system_id = Some(PLAYREADY);
    decoded.problems(problems);
    for (number, record) in records.iter().enumerate() {
        decoded.inner.push(match record.kind {
            playready::RECORD_HEADER => wrmheader(record.value),
            3 => Decoded::new(
                "licence_store",
                format!("Embedded licence store, {} bytes", record.value.len()),
            )
            .bytes(record.value)
            .fact("Hex", hex(&record.value[..record.value.len().min(64)])),
            kind => Decoded::new(
                "bytes",
                format!("Record {} of type {kind}, {} bytes", number + 1, record.value.len()),
            )
            .bytes(record.value)
            .fact("Hex", hex(&record.value[..record.value.len().min(64)])),
        });
    }
    decoded
}

/// Whether a text is what people write, without control characters.
fn is_printable(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace())
}

/// A WRMHEADER in UTF-16LE.
fn wrmheader(value: &[u8]) -> Decoded {
    let mut problems = Vec::new();
    let header = playready::read_header(value, &mut problems);
    let version: String = header.version.chars().take(16).collect();
    let mut decoded = Decoded::new("wrmheader", format!("WRMHEADER {version}"));
    decoded.problems(problems);
    let facts = [
        ("LA_URL", &header.la_url),
        ("LUI_URL", &header.lui_url),
        ("DS_ID", &header.ds_id),
        ("DECRYPTORSETUP", &header.decryptor_setup),
        ("CUSTOMATTRIBUTES", &header.custom_attributes),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            decoded = decoded.fact(name, value.clone());
        }
    }
    for key in &header.keys {
        let kid = key.kid.map_or(key.guid_base64.clone(), |kid| kid.to_string());
        for (name, value) in [("ALGID", &key.algid), ("CHECKSUM", &key.checksum)] {
            if let Some(value) = value {
                let name =
                    if kid.is_empty() { name.to_owned() } else { format!("{name} of {kid}") };
                decoded = decoded.fact(&name, value.clone());
            }
        }
    }
    decoded.kids = header.kids.iter().copied().map(KidForms::of).collect();
    decoded.header = Some(header);
    decoded
}
