//! Identifiers: box codes, UUIDs, key identifiers.
//!
//! This is the only place that knows the two byte orders of a KID. A UUID is
//! printed, and stored in `tenc`, `pssh` and MPD, from its first byte to its
//! last; Microsoft's GUID form, used inside a WRMHEADER, has its first three
//! fields (4, 2 and 2 bytes) reversed (facts §8).

use crate::error::{Code, Error, Result, Untrusted};
use serde::{Serialize, Serializer};
use std::fmt;

/// A four-character box or brand code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// Whether all four bytes are printable ASCII, as every registered code is
    /// (`©xxx` of QuickTime user data excepted).
    pub fn is_printable(self) -> bool {
        self.0.iter().all(|b| (0x20..0x7f).contains(b) || *b == 0xa9)
    }
}

/// A protection scheme (ISO/IEC 23001-7 §10; PIFF 1.1 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// AES-CTR.
    Cenc,
    /// AES-CTR with a pattern of blocks.
    Cens,
    /// AES-CBC.
    Cbc1,
    /// AES-CBC with a pattern of blocks and, as a rule, one IV for all samples.
    Cbcs,
    /// PIFF's: AES-CTR, or AES-CBC by its AlgorithmID.
    Piff,
}

impl Scheme {
    /// Every scheme.
    pub const ALL: [Self; 5] = [Self::Cenc, Self::Cens, Self::Cbc1, Self::Cbcs, Self::Piff];

    /// As `schm` names it.
    pub const fn code(self) -> FourCc {
        FourCc(match self {
            Self::Cenc => *b"cenc",
            Self::Cens => *b"cens",
            Self::Cbc1 => *b"cbc1",
            Self::Cbcs => *b"cbcs",
            Self::Piff => *b"piff",
        })
    }
}

impl FourCc {
    /// The protection scheme with this code, if it is one's.
    pub fn scheme(self) -> Option<Scheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.code() == self)
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            match byte {
                0x20..0x7f => write!(f, "{}", byte as char)?,
                0xa9 => f.write_str("©")?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{self}'")
    }
}

impl Serialize for FourCc {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A 16-byte identifier in the order it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    /// From the number its printed digits spell.
    pub const fn of(digits: u128) -> Self {
        Self(digits.to_be_bytes())
    }

    /// From Microsoft's GUID byte order.
    pub fn from_guid_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes_le(bytes).into_bytes())
    }

    /// In Microsoft's GUID byte order.
    pub fn to_guid_bytes(self) -> [u8; 16] {
        uuid::Uuid::from_bytes(self.0).to_bytes_le()
    }

    /// The identifier whose bytes are this one's in the other order: what a
    /// tool that forgot to swap would have written.
    pub fn swapped(self) -> Self {
        Self(self.to_guid_bytes())
    }

    /// Reads `09e36702-8f33-436c-a5dd-60ffe6671e70`, the same without dashes,
    /// in braces, or as a `urn:uuid:`.
    ///
    /// # Errors
    /// Where it is none of these.
    pub fn parse(text: &str) -> Result<Self> {
        uuid::Uuid::try_parse(text.trim()).map(|u| Self(u.into_bytes())).map_err(|_| {
            Error::misuse(
                Code::BadUuid,
                format!(
                    "{} is not a UUID. Give 32 hex digits, with or without dashes.",
                    Untrusted(text)
                ),
            )
        })
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", uuid::Uuid::from_bytes(self.0).hyphenated())
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A key identifier, in the order of `tenc`.
pub type Kid = Uuid;

/// Identifies a DRM system in a `pssh` box.
pub type SystemId = Uuid;

/// How a box says what it is: a code, or `uuid` and sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(test, derive(ts_rs::TS), ts(type = "string"))]
pub enum BoxType {
    /// A four-character code.
    Code(FourCc),
    /// A user-extension box.
    Uuid(Uuid),
}

impl BoxType {
    /// A box code from its four letters.
    pub const fn code(code: &[u8; 4]) -> Self {
        Self::Code(FourCc(*code))
    }

    /// A `uuid` box from its printed digits.
    pub const fn uuid(digits: u128) -> Self {
        Self::Uuid(Uuid::of(digits))
    }
}

impl fmt::Display for BoxType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => code.fmt(f),
            Self::Uuid(uuid) => write!(f, "uuid[{uuid}]"),
        }
    }
}

impl fmt::Debug for BoxType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_of_microsofts_own_kid() {
        // facts §8, real-file proof: tenc bytes against the WRMHEADER's.
        let kid = Uuid::parse("09e36702-8f33-436c-a5dd-60ffe6671e70").unwrap();
        assert_eq!(kid.0[..4], [0x09, 0xe3, 0x67, 0x02]);
        let guid = 0x0267e309338f6c43a5dd60ffe6671e70_u128.to_be_bytes();
        assert_eq!(kid.to_guid_bytes(), guid);
        assert_eq!(Uuid::from_guid_bytes(guid), kid);
        assert_eq!(kid.swapped().swapped(), kid);
    }

    #[test]
    fn reads_the_ways_people_write_a_uuid() {
        let kid = Uuid::of(0x09e367028f33436ca5dd60ffe6671e70);
        for text in [
            "09E367028F33436CA5DD60FFE6671E70",
            "{09e36702-8f33-436c-a5dd-60ffe6671e70}",
            " 09e36702-8f33-436c-a5dd-60ffe6671e70\n",
            "urn:uuid:09e36702-8f33-436c-a5dd-60ffe6671e70",
        ] {
            assert_eq!(Uuid::parse(text).unwrap(), kid, "{text}");
        }
        assert!(Uuid::parse("09e3").is_err());
    }
}
