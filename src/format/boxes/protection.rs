//! Boxes of protection, in their ISO and their PIFF envelopes.
//!
//! PIFF and Common Encryption put the same payload into different boxes, so
//! there is one type for each payload: [`Tenc`], [`Senc`], [`Pssh`].

use super::Mp4Box;
use super::tree::Node;
use crate::error::{Code, Error, Result};
use crate::format::bytes::{Reader, Writer};
use crate::format::ids::{BoxType, FourCc, Kid, SystemId};

/// PIFF's `uuid` envelope of [`Pssh`] (facts §1.4).
pub const PIFF_PSSH: BoxType = BoxType::uuid(0xd08a4f18_10f3_4a82_b6c8_32d8aba183d3);
/// PIFF's `uuid` envelope of [`Tenc`] (facts §1.4).
pub const PIFF_TENC: BoxType = BoxType::uuid(0x8974dbce_7be7_4c51_84f9_7148f9882554);
/// PIFF's `uuid` envelope of [`Senc`] (facts §1.4).
pub const PIFF_SENC: BoxType = BoxType::uuid(0xa2394f52_5a9b_4f14_a244_6c427c648df4);
/// The ISO envelope of [`Senc`].
pub const SENC: BoxType = BoxType::code(b"senc");

/// Original Format: what the sample entry was before it was `encv` or `enca`
/// (ISO/IEC 14496-12 §8.12.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frma {
    /// The original sample entry code.
    pub format: FourCc,
}

impl Mp4Box for Frma {
    const KIND: BoxType = BoxType::code(b"frma");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { format: r.fourcc("data_format")? })
    }

    fn write(&self, w: &mut Writer) {
        w.bytes(&self.format.0);
    }
}

/// Scheme Type (ISO/IEC 14496-12 §8.12.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schm {
    /// Version and flags; bit 0: a URI follows.
    pub version_flags: u32,
    /// `piff`, `cenc`, `cbcs` and the like.
    pub scheme: FourCc,
    /// 0x00010000, or 0x00010001 for PIFF 1.1.
    pub version: u32,
    /// The URI with its terminator, where there is one.
    pub uri: Vec<u8>,
}

impl Schm {
    /// Without a URI.
    pub fn new(scheme: &[u8; 4], version: u32) -> Self {
        Self { version_flags: 0, scheme: FourCc(*scheme), version, uri: Vec::new() }
    }
}

impl Mp4Box for Schm {
    const KIND: BoxType = BoxType::code(b"schm");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        Ok(Self {
            version_flags: r.u32("version_flags")?,
            scheme: r.fourcc("scheme_type")?,
            version: r.u32("scheme_version")?,
            uri: {
                let from = r.at();
                if r.left() > 0 {
                    r.text("scheme_uri")?;
                    r.rest("after_uri");
                }
                r.since(from).to_vec()
            },
        })
    }

    fn write(&self, w: &mut Writer) {
        w.u32(self.version_flags);
        w.bytes(&self.scheme.0);
        w.u32(self.version);
        w.bytes(&self.uri);
    }
}

/// Track Encryption: the defaults of every sample (ISO/IEC 23001-7 §8.2; in
/// PIFF the first 24 bits after the version are the AlgorithmID, facts §1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenc {
    /// 1 where a pattern is given.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// Reserved.
    pub reserved: u8,
    /// Blocks to encrypt and to skip, four bits each; only in version 1.
    pub pattern: u8,
    /// 0 clear, 1 protected; in PIFF the AlgorithmID: 1 AES-CTR, 2 AES-CBC.
    pub is_protected: u8,
    /// Bytes of IV a sample: 8 or 16; 0 with a constant IV.
    pub iv_size: u8,
    /// The key.
    pub kid: Kid,
    /// The IV of every sample, where `iv_size` is 0.
    pub constant_iv: Vec<u8>,
}

impl Tenc {
    /// AES-128-CTR with 8-byte IVs.
    pub fn ctr(kid: Kid) -> Self {
        Self {
            version: 0,
            flags: 0,
            reserved: 0,
            pattern: 0,
            is_protected: 1,
            iv_size: 8,
            kid,
            constant_iv: Vec::new(),
        }
    }
}

impl Mp4Box for Tenc {
    const KIND: BoxType = BoxType::code(b"tenc");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let mut tenc = Self {
            version: r.u8("version")?,
            flags: r.u24("flags")?,
            reserved: r.u8("reserved")?,
            pattern: r.u8("default_crypt_byte_block and default_skip_byte_block")?,
            is_protected: r.u8("default_isProtected")?,
            iv_size: r.u8("default_Per_Sample_IV_Size")?,
            kid: r.uuid("default_KID")?,
            constant_iv: Vec::new(),
        };
        if tenc.is_protected != 0 && tenc.iv_size == 0 && r.left() > 0 {
            let len = r.u8("default_constant_IV_size")?;
            tenc.constant_iv = r.bytes("default_constant_IV", len.into())?.to_vec();
        }
        Ok(tenc)
    }

    fn write(&self, w: &mut Writer) {
        w.u8(self.version);
        w.u24(self.flags);
        w.u8(self.reserved);
        w.u8(self.pattern);
        w.u8(self.is_protected);
        w.u8(self.iv_size);
        w.bytes(&self.kid.0);
        if !self.constant_iv.is_empty() {
            w.u8(self.constant_iv.len() as u8);
            w.bytes(&self.constant_iv);
        }
    }
}

/// Bytes that stay clear, then bytes that are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subsample {
    /// BytesOfClearData.
    pub clear: u16,
    /// BytesOfProtectedData.
    pub protected: u32,
}

/// What one sample needs to be decrypted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SampleInfo {
    /// 8 or 16 bytes, or none with a constant IV.
    pub iv: Vec<u8>,
    /// Empty where the whole sample is protected.
    pub subsamples: Vec<Subsample>,
}

/// Whether samples say which of their bytes are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subsamples {
    /// A list with each.
    Listed,
    /// They are protected whole.
    None,
}

impl Subsamples {
    /// As the flags of `senc` say.
    pub fn of(flags: u32) -> Self {
        if flags & Senc::SUBSAMPLES != 0 { Self::Listed } else { Self::None }
    }
}

impl SampleInfo {
    /// Reads one sample's information, as it stands in `senc` and where `saio` points.
    ///
    /// # Errors
    /// Where the body ends too early, or an IV has neither 0, 8 nor 16 bytes.
    pub fn read(r: &mut Reader<'_>, iv_size: u8, lists: Subsamples) -> Result<Self> {
        let iv = r.bytes("InitializationVector", iv_size.into())?.to_vec();
        let mut subsamples = Vec::new();
        if lists == Subsamples::Listed {
            let count = r.u16("subsample_count")?;
            for i in 0..r.rows("subsample_count", count.into(), 6)? {
                subsamples.push(r.row("subsample", i, |r| {
                    let clear = r.u16("BytesOfClearData")?;
                    Ok(Subsample { clear, protected: r.u32("BytesOfProtectedData")? })
                })?);
            }
        }
        Ok(Self { iv, subsamples })
    }

    /// Writes what [`SampleInfo::read`] reads.
    pub fn write(&self, w: &mut Writer, lists: Subsamples) {
        w.bytes(&self.iv);
        if lists == Subsamples::Listed {
            w.u16(self.subsamples.len() as u16);
            for subsample in &self.subsamples {
                w.u16(subsample.clear);
                w.u32(subsample.protected);
            }
        }
    }

    /// Bytes [`SampleInfo::write`] writes.
    pub fn len(&self, lists: Subsamples) -> usize {
        let list = match lists {
            Subsamples::Listed => 2 + 6 * self.subsamples.len(),
            Subsamples::None => 0,
        };
        self.iv.len() + list
    }
}

/// PIFF's override of the track's defaults for one `traf` (flag 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SencOverride {
    /// 0 clear, 1 AES-CTR, 2 AES-CBC.
    pub algorithm_id: u32,
    /// Bytes of IV a sample.
    pub iv_size: u8,
    /// The key.
    pub kid: Kid,
}

/// Sample Encryption (ISO/IEC 23001-7 §7.2; PIFF 1.1 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Senc {
    /// 0. Some writers put 1.
    pub version: u8,
    /// Bit 0: override (PIFF alone); bit 1: subsamples.
    pub flags: u32,
    /// The override, where bit 0 is set.
    pub overriding: Option<SencOverride>,
    /// One for each sample of the `traf`.
    pub samples: Vec<SampleInfo>,
}

impl Senc {
    /// Flag: every sample lists its subsamples.
    pub const SUBSAMPLES: u32 = 0x2;

    /// For these samples; lists subsamples if any sample has them.
    pub fn new(samples: Vec<SampleInfo>) -> Self {
        let subsamples = samples.iter().any(|sample| !sample.subsamples.is_empty());
        let flags = if subsamples { Self::SUBSAMPLES } else { 0 };
        Self { version: 0, flags, overriding: None, samples }
    }

    /// Whether samples list subsamples.
    pub fn subsamples(&self) -> Subsamples {
        Subsamples::of(self.flags)
    }

    /// Reads the body. `iv_size` is the track's, from its `tenc`.
    ///
    /// # Errors
    /// Where the body ends too early, or an IV has neither 0, 8 nor 16 bytes.
    pub fn read(r: &mut Reader<'_>, iv_size: u8) -> Result<Self> {
        Self::read_with(r, |_| iv_size)
    }

    /// Reads the body where IV sizes differ from sample to sample, by group.
    ///
    /// # Errors
    /// Where the body ends too early, or an IV has neither 0, 8 nor 16 bytes.
    pub fn read_with(r: &mut Reader<'_>, iv_size: impl Fn(usize) -> u8) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let overriding = if flags & 1 != 0 {
            Some(SencOverride {
                algorithm_id: r.u24("AlgorithmID")?,
                iv_size: r.u8("IV_size")?,
                kid: r.uuid("KID")?,
            })
        } else {
            None
        };
        let iv_size = |sample| overriding.map_or_else(|| iv_size(sample), |o| o.iv_size);
        let lists = Subsamples::of(flags);
        let count = r.u32("sample_count")?;
        let least = usize::from(iv_size(0)) + if lists == Subsamples::Listed { 2 } else { 0 };
        // Where nothing is listed for a sample, no byte bounds the count.
        let rows = if least == 0 { count.min(r.left() as u32) as usize } else { count as usize };
        r.rows("sample_count", rows as u32, least.min(1))?;
        let samples = (0..rows)
            .map(|i| r.row("sample", i, |r| SampleInfo::read(r, iv_size(i), lists)))
            .collect::<Result<_>>()?;
        Ok(Self { version, flags, overriding, samples })
    }

    /// Reads the box, in either envelope.
    ///
    /// # Errors
    /// Where the body ends too early, or an IV has neither 0, 8 nor 16 bytes.
    pub fn parse(node: &Node, iv_size: u8) -> Result<Self> {
        Self::parse_with(node, |_| iv_size)
    }

    /// Reads the box, in either envelope, where IV sizes differ.
    ///
    /// # Errors
    /// Where the body ends too early, or an IV has neither 0, 8 nor 16 bytes.
    pub fn parse_with(node: &Node, iv_size: impl Fn(usize) -> u8) -> Result<Self> {
        let mut r = Reader::new(node.body()?, node.body_at());
        Self::read_with(&mut r, iv_size)
            .and_then(|senc| r.end().map(|()| senc))
            .map_err(|e| e.within(node.kind))
    }

    /// How many samples the box says it describes, whatever its IV size.
    ///
    /// # Errors
    /// Where the body ends before the count.
    pub fn sample_count(node: &Node) -> Result<u32> {
        let mut r = Reader::new(node.body()?, node.body_at());
        if r.u32("version_flags")? & 1 != 0 {
            r.bytes("override", 20)?;
        }
        r.u32("sample_count")
    }

    /// Writes the body.
    pub fn write(&self, w: &mut Writer) {
        w.u8(self.version);
        w.u24(self.flags);
        if let Some(o) = self.overriding {
            w.u24(o.algorithm_id);
            w.u8(o.iv_size);
            w.bytes(&o.kid.0);
        }
        w.u32(self.samples.len() as u32);
        self.samples.iter().for_each(|sample| sample.write(w, self.subsamples()));
    }

    /// A box for a tree, in the given envelope.
    pub fn to_node_as(&self, kind: BoxType) -> Node {
        let mut w = Writer::new();
        self.write(&mut w);
        Node::leaf(kind, w.into_bytes())
    }

    /// Bytes from the start of the body to the first IV.
    pub const FIRST_IV: u64 = 8;
}

/// Protection System Specific Header (ISO/IEC 23001-7 §8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pssh {
    /// 0, or 1 where KIDs are listed.
    pub version: u8,
    /// Always 0.
    pub flags: u32,
    /// Whose header it is.
    pub system_id: SystemId,
    /// The keys it is for; only in version 1.
    pub kids: Vec<Kid>,
    /// The system's own header.
    pub data: Vec<u8>,
}

impl Pssh {
    /// A box that says version 0 and goes on as version 1 does, read as that.
    pub(crate) fn of_version_1(bytes: &[u8]) -> Option<Self> {
        let mut bytes = bytes.to_vec();
        let version = bytes.get_mut(8).filter(|version| **version == 0)?;
        *version = 1;
        let node = Node::read(&bytes, 0, &mut Vec::new()).ok()?;
        (node.kind == Self::KIND)
            .then(|| Self::parse(&node).ok())?
            .filter(|pssh| !pssh.kids.is_empty())
    }
}

impl Mp4Box for Pssh {
    const KIND: BoxType = BoxType::code(b"pssh");

    fn read(r: &mut Reader<'_>) -> Result<Self> {
        let version = r.u8("version")?;
        let flags = r.u24("flags")?;
        let system_id = r.uuid("SystemID")?;
        if version > 1 {
            return Err(Error::unsupported(
                Code::PsshVersion,
                format!("This pssh has version {version}; only 0 and 1 are defined."),
            ));
        }
        let mut kids = Vec::new();
        if version == 1 {
            let count = r.u32("KID_count")?;
            for i in 0..r.rows("KID_count", count, 16)? {
                kids.push(r.row("entry", i, |r| r.uuid("KID"))?);
            }
        }
        let len = r.u32("DataSize")?;
        let data = r.bytes("Data", len as usize)?.to_vec();
        Ok(Self { version, flags, system_id, kids, data })
    }

    fn write(&self, w: &mut Writer) {
        w.u8(self.version);
        w.u24(self.flags);
        w.bytes(&self.system_id.0);
        if self.version == 1 {
            w.u32(self.kids.len() as u32);
            self.kids.iter().for_each(|kid| w.bytes(&kid.0));
        }
        w.u32(self.data.len() as u32);
        w.bytes(&self.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    const KID: Kid = Kid::of(0x09e367028f33436ca5dd60ffe6671e70);

    #[test]
    fn tenc_in_both_envelopes() {
        // facts, Appendix A.
        let iso = hex("0000002074656e63 00000000 00000108 09e367028f33436ca5dd60ffe6671e70");
        let piff = hex("0000003075756964 8974dbce7be74c5184f97148f9882554 00000000 00000108
             09e367028f33436ca5dd60ffe6671e70");
        assert_eq!(Tenc::ctr(KID).to_node().to_bytes(), iso);
        assert_eq!(Tenc::ctr(KID).to_node_as(PIFF_TENC).to_bytes(), piff);
        let node = Node::read(&piff, 0, &mut Vec::new()).unwrap();
        assert_eq!(Tenc::parse(&node).unwrap(), Tenc::ctr(KID));
    }

    #[test]
    fn the_common_pssh() {
        // facts, Appendix A.
        let pssh = Pssh {
            version: 1,
            flags: 0,
            system_id: SystemId::of(0x1077efecc0b24d02ace33c1e52e2fb4b),
            kids: vec![KID],
            data: Vec::new(),
        };
        let bytes = hex("0000003470737368 01000000 1077efecc0b24d02ace33c1e52e2fb4b 00000001
             09e367028f33436ca5dd60ffe6671e70 00000000");
        assert_eq!(pssh.to_node().to_bytes(), bytes);
        let node = Node::read(&bytes, 0, &mut Vec::new()).unwrap();
        assert_eq!(Pssh::parse(&node).unwrap(), pssh);
    }

    #[test]
    fn senc_with_an_override_reads_its_own_iv_size() {
        let body = hex("00000003 00000110 09e367028f33436ca5dd60ffe6671e70 00000001
             000102030405060708090a0b0c0d0e0f 0001 0005 00000010");
        let senc = Senc::read(&mut Reader::new(&body, 0), 8).unwrap();
        assert_eq!(senc.samples[0].iv.len(), 16);
        assert_eq!(senc.samples[0].subsamples, [Subsample { clear: 5, protected: 16 }]);
        let mut w = Writer::new();
        senc.write(&mut w);
        assert_eq!(w.into_bytes(), body);
    }
}
