//! Widevine's data in a `pssh`: a protobuf message (facts §6). What is not
//! known is kept, with its number.

use crate::error::{Code, Error, Result};
use crate::format::boxes::protection::Pssh;
use crate::format::bytes::Reader;
use crate::format::cipher::hex;
use crate::format::ids::{FourCc, Kid};
use serde::Serialize;

/// One field of the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DataField {
    /// Its number in the message.
    pub number: u64,
    /// Its name, where it is known.
    pub name: Option<&'static str>,
    /// Its value in words.
    pub value: String,
}

/// The message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Message {
    /// Its fields, in order.
    pub fields: Vec<DataField>,
    /// The keys it names.
    pub kids: Vec<Kid>,
    /// Whether one of them is written as hex digits, which is wrong.
    pub has_text_kid: bool,
}

/// A header that names these keys, for a scheme such as `cenc`.
pub fn pssh(kids: &[Kid], scheme: FourCc) -> Pssh {
    let mut data = Vec::new();
    for kid in kids {
        data.extend([2 << 3 | 2, 16]);
        data.extend(kid.0);
    }
    data.push(9 << 3);
    let mut code = u32::from_be_bytes(scheme.0);
    while code > 0x7f {
        data.push(code as u8 | 0x80);
        code >>= 7;
    }
    data.push(code as u8);
    Pssh { version: 0, flags: 0, system_id: super::WIDEVINE, kids: Vec::new(), data }
}

/// Number, how it is written (0: a number, 2: bytes), name.
const NAMES: [(u64, u64, &str); 15] = [
    (1, 0, "algorithm"),
    (2, 2, "key_id"),
    (3, 2, "provider"),
    (4, 2, "content_id"),
    (5, 2, "track_type"),
    (6, 2, "policy"),
    (7, 0, "crypto_period_index"),
    (8, 2, "grouped_license"),
    (9, 0, "protection_scheme"),
    (10, 0, "crypto_period_seconds"),
    (11, 0, "type"),
    (12, 0, "key_sequence"),
    (13, 2, "group_id"),
    (14, 2, "entitled_key"),
    (15, 2, "video_feature"),
];

fn varint(r: &mut Reader<'_>) -> Result<u64> {
    let at = r.at();
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = r.u8("varint")?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Error::malformed(Code::WidevineData, "A number of the Widevine data has no end.").at(at))
}

impl Message {
    /// Whether it has what Widevine data has, and nothing that it has not.
    pub fn is_plausible(&self) -> bool {
        let known = self.fields.iter().all(|field| field.name.is_some());
        let telling = |field: &DataField| matches!(field.number, 2 | 3 | 4 | 9);
        known && (!self.kids.is_empty() || self.fields.iter().filter(|f| telling(f)).count() > 1)
    }
}

/// Reads the message.
///
/// # Errors
/// Where the bytes are no message of protocol buffers.
pub fn read(data: &[u8]) -> Result<Message> {
    let mut r = Reader::new(data, 0);
    let mut message = Message::default();
    while r.left() > 0 {
        let at = r.at();
        let tag = varint(&mut r)?;
        let number = tag >> 3;
        let value = match tag & 7 {
            0 => number_words(number, varint(&mut r)?),
            1 => hex(r.bytes("fixed64", 8)?),
            2 => {
                let len = varint(&mut r)?;
                let len = usize::try_from(len).ok().filter(|len| *len <= r.left());
                let len = len.ok_or_else(|| {
                    Error::malformed(
                        Code::WidevineData,
                        "A field of the Widevine data has no room.",
                    )
                    .at(at)
                })?;
                let bytes = r.bytes("bytes", len)?;
                if let (2, Ok(kid)) = (number, <[u8; 16]>::try_from(bytes)) {
                    message.kids.push(crate::format::ids::Uuid(kid));
                } else if let (2, Ok(text)) = (number, std::str::from_utf8(bytes))
                    && let Ok(kid) = crate::format::ids::Uuid::parse(text)
                {
                    message.kids.push(kid);
                    message.has_text_kid = true;
                }
                bytes_words(number, bytes)
            }
            5 => hex(r.bytes("fixed32", 4)?),
            _ => {
                let sentence = "This is not Widevine data: a field has a type that is not defined.";
                return Err(Error::malformed(Code::WidevineData, sentence).at(at));
            }
        };
        if number == 0 {
            let sentence = "This is not Widevine data: a field has the number 0.";
            return Err(Error::malformed(Code::WidevineData, sentence).at(at));
        }
        let known = NAMES.iter().find(|(n, wire, _)| (*n, *wire) == (number, tag & 7));
        let name = known.map(|(.., name)| *name);
        message.fields.push(DataField { number, name, value });
    }
    Ok(message)
}

fn number_words(number: u64, value: u64) -> String {
    match (number, value) {
        (1, 0) => "0 (clear)".into(),
        (1, 1) => "1 (AESCTR)".into(),
        (9, _) => match u32::try_from(value) {
            Ok(code) if FourCc(code.to_be_bytes()).is_printable() => {
                FourCc(code.to_be_bytes()).to_string()
            }
            _ => value.to_string(),
        },
        _ => value.to_string(),
    }
}

fn bytes_words(number: u64, bytes: &[u8]) -> String {
    if let (2, Ok(kid)) = (number, <[u8; 16]>::try_from(bytes)) {
        return crate::format::ids::Uuid(kid).to_string();
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.chars().all(|c| !c.is_control()) => text.to_owned(),
        _ => hex(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_of_the_facts_sheet() {
        // facts, Appendix A.
        let mut data = vec![8, 1, 0x12, 0x10];
        data.extend_from_slice(&0x09e367028f33436ca5dd60ffe6671e70_u128.to_be_bytes());
        data.extend_from_slice(b"\x48\xe3\xdc\x95\x9b\x06");
        let message = read(&data).unwrap();
        assert_eq!(message.kids, [Kid::of(0x09e367028f33436ca5dd60ffe6671e70)]);
        let values: Vec<&str> = message.fields.iter().map(|f| f.value.as_str()).collect();
        assert_eq!(values, ["1 (AESCTR)", "09e36702-8f33-436c-a5dd-60ffe6671e70", "cenc"]);
        for len in [1, 3, 10, data.len() - 1] {
            assert!(read(&data[..len]).is_err(), "cut at {len}");
        }
        let made = pssh(&[Kid::of(0x09e367028f33436ca5dd60ffe6671e70)], FourCc(*b"cenc"));
        assert_eq!(made.data, data[2..]);
        // A content_id is no number.
        let odd = read(b"\x20\x78").unwrap();
        assert_eq!((odd.fields[0].number, odd.fields[0].name), (4, None));
        let unknown = read(b"\xf8\x06\x2a").unwrap();
        assert_eq!((unknown.fields[0].number, unknown.fields[0].name), (111, None));
    }
}
