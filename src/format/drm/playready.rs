//! The PlayReady Object and the WRMHEADER in it (facts §7).
//!
//! Reading ([`read`]) is lenient, because headers in the wild are not tidy and
//! QA staff need to see what is there: what is wrong becomes a problem, not a
//! refusal. Writing ([`mod@write`]) is strict: canonical, UTF-16LE, no
//! insignificant white space.

mod check;
pub mod read;
pub mod write;

pub use read::{WrmHeader, read_header, read_object};
pub use write::{HeaderVersion, NewHeader, NewKey};

use super::PLAYREADY;
use crate::format::boxes::protection::Pssh;

/// Record type of a WRMHEADER.
pub const RECORD_HEADER: u16 = 1;

/// The `pssh` of a PlayReady Object. Version 0, as Microsoft's samples have it.
pub fn pssh(object: Vec<u8>) -> Pssh {
    Pssh { version: 0, flags: 0, system_id: PLAYREADY, kids: Vec::new(), data: object }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Error};
    use crate::format::boxes::Mp4Box as _;
    use crate::format::cipher::{ContentKey, hex};
    use crate::format::ids::Kid;
    use sha2::{Digest as _, Sha256};

    const KID: Kid = Kid::of(0x09e367028f33436ca5dd60ffe6671e70);

    fn header(version: HeaderVersion) -> NewHeader {
        let key = ContentKey::parse("b42ca3172ee4e69bf51848a59db9cd13").unwrap();
        NewHeader {
            version,
            keys: vec![NewKey { kid: KID, checksum: Some(key.checksum(KID)) }],
            ..NewHeader::default()
        }
    }

    fn read(object: &[u8]) -> (WrmHeader, Vec<Error>) {
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
        let keys = vec![NewKey { kid: KID, checksum: None }];
        let bare = NewHeader { keys, ..header(HeaderVersion::V4_3) }.object().unwrap();
        assert_eq!(bare.len(), 446);
    }

    #[test]
    fn each_version_says_what_it_can() {
        let other = NewKey { kid: Kid::of(7), checksum: None };
        let two = |version| {
            let mut new = header(version);
            new.keys.push(other);
            new
        };
        assert!(two(HeaderVersion::V4_0).xml().is_err());
        assert!(two(HeaderVersion::V4_1).xml().is_err());
        let (found, problems) = read(&two(HeaderVersion::V4_2).object().unwrap());
        assert_eq!((found.kids, problems.len()), (vec![KID, Kid::of(7)], 0));
        let cbc =
            |version| NewHeader { mode: crate::format::cipher::CipherMode::Cbc, ..header(version) };
        assert!(cbc(HeaderVersion::V4_2).xml().is_err());
        let xml = cbc(HeaderVersion::V4_3).xml().unwrap();
        assert!(xml.contains("AESCBC") && !xml.contains("CHECKSUM"), "{xml}");
        let later = |version| NewHeader { on_demand: true, keys: vec![], ..header(version) };
        assert!(later(HeaderVersion::V4_0).xml().is_err());
        let (found, problems) = read(&later(HeaderVersion::V4_1).object().unwrap());
        assert_eq!((found.decryptor_setup.as_deref(), problems.len()), (Some("ONDEMAND"), 0));
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
        assert_eq!(problems[0].code, Code::WrmXml);
        assert_eq!(header.xml, lol);

        let mut object = self::header(HeaderVersion::V4_0).object().unwrap();
        object[0] ^= 0xff;
        let (header, problems) = read(&object);
        assert_eq!(problems[0].code, Code::ProLength);
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
