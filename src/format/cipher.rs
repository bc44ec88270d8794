//! AES-128: content keys, and the ways samples are encrypted with them.
//!
//! The only module that names `ismvault_cipher`, which has AES itself. Keys are a type that cannot be
//! printed or cloned, and is wiped when it is dropped.

use crate::error::{Code, Error, Result};
use crate::format::boxes::protection::Subsample;
use crate::format::bytes::{Reader, Writer};
use crate::format::ids::Kid;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ismvault_cipher::Cipher;
use sha2::{Digest, Sha256};
use std::ops::Range;
use zeroize::{Zeroize, Zeroizing};

/// Bytes of a PlayReady key seed that count.
pub(crate) const SEED_BYTES: usize = 30;

/// A 128-bit content key.
pub struct ContentKey(Zeroizing<[u8; 16]>);

impl ContentKey {
    /// From its bytes, which the host made at random.
    pub fn from_bytes(mut bytes: [u8; 16]) -> Self {
        let key = Self(Zeroizing::new(bytes));
        bytes.zeroize();
        key
    }

    /// Whether both are the same key.
    pub(crate) fn is(&self, other: &Self) -> bool {
        *self.0 == *other.0
    }

    /// What keys are sorted by, to find those that are the same.
    pub(crate) fn order(&self) -> &[u8; 16] {
        &self.0
    }

    /// From 32 hex digits or from base64. The error never repeats the text.
    ///
    /// # Errors
    /// Where it is neither, or has not 16 bytes.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong_length = |found: String| {
            Error::misuse(
                Code::BadKey,
                format!(
                    "The key is {found}; AES-128 needs 16 bytes. \
                     Paste 32 hex digits or 24 base64 characters."
                ),
            )
        };
        let bytes = Zeroizing::new(decode_bytes(text).ok_or_else(|| {
            wrong_length(format!(
                "{} characters that are neither hex nor base64",
                text.trim().len()
            ))
        })?);
        let key = <[u8; 16]>::try_from(&bytes[..])
            .map_err(|_| wrong_length(format!("{} bytes", bytes.len())))?;
        Ok(Self::from_bytes(key))
    }

    /// Derives the key of `kid` from a PlayReady key seed: thirty bytes or
    /// more, in base64, of which the first thirty count (facts §8).
    ///
    /// # Errors
    /// Where the seed is shorter than that.
    pub fn from_seed(seed: &str, kid: Kid) -> Result<Self> {
        let seed = Zeroizing::new(STANDARD.decode(seed.trim()).map_err(|_| {
            Error::misuse(
                Code::BadSeed,
                "The key seed is not base64. Paste it as the licence server has it.",
            )
        })?);
        Self::from_seed_bytes(&seed, kid)
    }

    /// The same, from the seed's bytes.
    ///
    /// # Errors
    /// Where the seed is shorter than that.
    pub fn from_seed_bytes(seed: &[u8], kid: Kid) -> Result<Self> {
        if seed.len() < SEED_BYTES {
            let sentence = format!(
                "The key seed is {} bytes; PlayReady needs at least {SEED_BYTES}.",
                seed.len()
            );
            return Err(Error::misuse(Code::BadSeed, sentence));
        }
        let (seed, kid) = (&seed[..SEED_BYTES], &kid.to_guid_bytes()[..]);
        let mut key = Zeroizing::new([0; 16]);
        for parts in [&[seed, kid][..], &[seed, kid, seed], &[seed, kid, seed, kid]] {
            let mut hash: [u8; 32] = parts
                .iter()
                .fold(Sha256::new(), |hash, part| hash.chain_update(part))
                .finalize()
                .into();
            for (i, byte) in hash.iter().enumerate() {
                key[i % 16] ^= byte;
            }
            hash.zeroize();
        }
        Ok(Self(key))
    }

    /// The CHECKSUM of a WRMHEADER: the first eight bytes of the KID, in GUID
    /// order, encrypted with the key (facts §8).
    pub fn checksum(&self, kid: Kid) -> [u8; 8] {
        let mut block = kid.to_guid_bytes();
        Cipher::new(&self.0).encrypt_block(&mut block);
        let mut sum = [0; 8];
        sum.copy_from_slice(&block[..8]);
        sum
    }

    /// The key as 32 hex digits, for the one place that may show it: to the
    /// person who made it.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&*self.0))
    }

    /// The key, for a worker that needs it too.
    pub(crate) fn write(&self, w: &mut Writer) {
        w.bytes(&*self.0);
    }

    /// Whether it is all zero, as where somebody forgot to fill it in.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Prepares the key for samples.
    pub fn cipher(&self) -> SampleCipher {
        SampleCipher(Cipher::new(&self.0))
    }
}

/// The CHECKSUM as it stands in a header.
pub fn checksum_text(key: &ContentKey, kid: Kid) -> String {
    STANDARD.encode(key.checksum(kid))
}

/// Bytes as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(*byte)]);
    }
    text
}

/// Bytes from hex (with or without separators) or base64 (either alphabet).
pub(crate) fn decode_bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    let bare = text.strip_prefix("0x").unwrap_or(text);
    let digits: Option<Vec<u8>> = bare
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | ':'))
        .map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    if let Some(mut digits) = digits.filter(|d| d.len() % 2 == 0) {
        let bytes = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        digits.zeroize();
        return Some(bytes);
    }
    let unpadded = text.trim_end_matches('=');
    STANDARD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(unpadded)).ok()
}

/// The IVs of one file: one counter from a random start, over all tracks in
/// file order, so that none comes twice (facts §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IvCounter {
    /// The first eight bytes of IVs of sixteen.
    high: u64,
    /// What counts: samples, or the blocks of sixteen-byte IVs.
    low: u64,
    wide: bool,
}

impl IvCounter {
    /// From bytes the host made at random: IVs of eight bytes that count
    /// samples. The first bit is cleared, so that no file is long enough to
    /// reach the end of the counter.
    pub fn narrow(random: [u8; 16]) -> Self {
        let [low, _] = halves(random);
        Self { high: 0, low: low & (u64::MAX >> 1), wide: false }
    }

    /// IVs of sixteen bytes: eight at random, then a count of blocks.
    pub fn wide(random: [u8; 16]) -> Self {
        let [high, _] = halves(random);
        Self { high, low: 0, wide: true }
    }

    /// As bytes, for a worker.
    pub(crate) fn write(self, w: &mut Writer) {
        w.u64(self.high);
        w.u64(self.low);
        w.u8(self.wide.into());
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self> {
        let (high, low) = (r.u64("high")?, r.u64("low")?);
        Ok(Self { high, low, wide: r.u8("wide")? != 0 })
    }

    /// Bytes of an IV.
    pub fn size(self) -> u8 {
        if self.wide { 16 } else { 8 }
    }

    /// The IV of the sample behind one with so many bytes.
    pub fn after_sample(self, bytes: u64) -> Self {
        let step = if self.wide { bytes.div_ceil(16) } else { 1 };
        Self { low: self.low.wrapping_add(step), ..self }
    }

    /// An IV that is surely behind those of so many samples with so many bytes
    /// in all, whatever the size of each.
    pub fn after(self, samples: u64, bytes: u64) -> Self {
        let step = if self.wide { bytes / 16 + samples } else { samples };
        Self { low: self.low.wrapping_add(step), ..self }
    }

    /// The IV as it stands in `senc`.
    pub fn to_bytes(self) -> Vec<u8> {
        let low = self.low.to_be_bytes();
        if self.wide { [self.high.to_be_bytes(), low].concat() } else { low.to_vec() }
    }
}

/// The constant IV of a track, where the scheme has one: never the same for two.
pub fn constant_iv(random: [u8; 16], track: u32) -> Vec<u8> {
    u128::from_be_bytes(random).wrapping_add(track.into()).to_be_bytes().to_vec()
}

fn halves(bytes: [u8; 16]) -> [u64; 2] {
    let all = u128::from_be_bytes(bytes);
    [(all >> 64) as u64, all as u64]
}

/// What AES-128 is used as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CipherMode {
    /// Counters: `cenc`, and PIFF's AlgorithmID 1.
    #[default]
    Ctr,
    /// Cipher block chaining: `cbcs`, `cbc1`, and PIFF's AlgorithmID 2.
    Cbc,
}

impl CipherMode {
    /// ALGID of a PlayReady header.
    pub fn algid(self) -> &'static str {
        match self {
            Self::Ctr => "AESCTR",
            Self::Cbc => "AESCBC",
        }
    }
}

/// How a scheme uses the cipher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// Counters or chains.
    pub mode: CipherMode,
    /// Whether the chain begins anew with every protected range.
    pub restart: bool,
    /// Whether what is left behind the last whole block of a range stays clear.
    pub whole_blocks: bool,
    /// Blocks to encrypt and blocks to skip, over and over, four bits each; 0
    /// where all are encrypted.
    pub pattern: u8,
}

impl Method {
    /// `cenc`, and PIFF's AlgorithmID 1: counters over all protected bytes.
    pub const CTR: Self =
        Self { mode: CipherMode::Ctr, restart: false, whole_blocks: false, pattern: 0 };
    /// `cbc1`, and PIFF's AlgorithmID 2: one chain through the whole sample.
    pub const CBC: Self =
        Self { mode: CipherMode::Cbc, restart: false, whole_blocks: true, pattern: 0 };

    /// `cbcs`: a chain for every protected range, with a pattern.
    pub const fn cbcs(pattern: u8) -> Self {
        Self { mode: CipherMode::Cbc, restart: true, whole_blocks: true, pattern }
    }

    /// Whether it is [`Method::CTR`].
    pub fn is_ctr(self) -> bool {
        self == Self::CTR
    }

    /// The parts of a protected range that are encrypted.
    pub(crate) fn parts(self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let rest = if self.whole_blocks { range.len() % BLOCK } else { 0 };
        let whole = range.start..range.end - rest;
        let (crypt, skip) = match (self.pattern >> 4, self.pattern & 15) {
            (0, _) | (_, 0) => (whole.len(), 0),
            (crypt, skip) => (usize::from(crypt) * BLOCK, usize::from(skip) * BLOCK),
        };
        let end = whole.end;
        whole.step_by((crypt + skip).max(1)).map(move |at| at..end.min(at + crypt))
    }
}

/// The protected ranges of a sample. Without subsamples all of it is one.
fn protected_ranges(
    subsamples: &[Subsample],
    len: usize,
) -> Result<impl Iterator<Item = Range<usize>>> {
    let size = |s: &Subsample| usize::from(s.clear).saturating_add(s.protected as usize);
    let all = subsamples.iter().map(size).fold(0, usize::saturating_add);
    if all > len {
        return Err(Error::malformed(
            Code::SubsamplesPastSample,
            "The subsamples are longer than their sample.",
        ));
    }
    if all < len && !subsamples.is_empty() {
        return Err(Error::malformed(
            Code::SubsamplesShortOfSample,
            format!("The subsamples end {} bytes before their sample does.", len - all),
        ));
    }
    let whole = subsamples.is_empty().then_some(0..len);
    let mut at = 0;
    let ranges = subsamples.iter().map(move |subsample| {
        let from = at + usize::from(subsample.clear);
        at = from + subsample.protected as usize;
        from..at
    });
    Ok(whole.into_iter().chain(ranges))
}

/// Bytes of an AES block.
const BLOCK: usize = 16;

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Encrypt,
    Decrypt,
}

/// A key made ready: its schedules are made once.
pub struct SampleCipher(Cipher);

impl SampleCipher {
    /// Encrypts the protected bytes of one sample, in place.
    ///
    /// The IV is padded with zeros to 16 bytes. As a counter block, its last
    /// eight bytes count blocks and wrap among themselves. The keystream, or
    /// the chain, runs on from one protected range to the next; clear bytes
    /// use none of it. Without subsamples the whole sample is protected.
    ///
    /// # Errors
    /// If the IV is longer than 16 bytes, or the subsamples do not add up to
    /// the sample.
    pub fn encrypt(
        &self,
        method: Method,
        iv: &[u8],
        subsamples: &[Subsample],
        sample: &mut [u8],
    ) -> Result<()> {
        self.apply(Way::Encrypt, method, iv, subsamples, sample)
    }

    /// Decrypts what [`SampleCipher::encrypt`] encrypts.
    ///
    /// # Errors
    /// Where the subsamples and the sample differ in length.
    pub fn decrypt(
        &self,
        method: Method,
        iv: &[u8],
        subsamples: &[Subsample],
        sample: &mut [u8],
    ) -> Result<()> {
        self.apply(Way::Decrypt, method, iv, subsamples, sample)
    }

    fn apply(
        &self,
        way: Way,
        method: Method,
        iv: &[u8],
        subsamples: &[Subsample],
        sample: &mut [u8],
    ) -> Result<()> {
        let mut first = [0; BLOCK];
        first
            .get_mut(..iv.len())
            .ok_or_else(|| Error::malformed(Code::BadIv, "The IV is longer than 16 bytes."))?
            .copy_from_slice(iv);
        let ranges = protected_ranges(subsamples, sample.len())?;
        if method.mode == CipherMode::Ctr {
            let parts = ranges.flat_map(|range| method.parts(range));
            self.0.count(&first, cut(sample, parts));
            return Ok(());
        }
        let mut chain = first;
        for range in ranges {
            if method.restart {
                chain = first;
            }
            for part in method.parts(range) {
                match way {
                    Way::Encrypt => self.0.chain(&mut chain, &mut sample[part]),
                    Way::Decrypt => self.0.unchain(&mut chain, &mut sample[part]),
                }
            }
        }
        Ok(())
    }
}

/// The parts of a sample, in order.
fn cut(
    sample: &mut [u8],
    parts: impl Iterator<Item = Range<usize>>,
) -> impl Iterator<Item = &mut [u8]> {
    let (mut rest, mut at) = (sample, 0);
    parts.map(move |part| {
        let (_, from) = std::mem::take(&mut rest).split_at_mut(part.start - at);
        let (part_bytes, behind) = from.split_at_mut(part.len());
        (rest, at) = (behind, part.end);
        part_bytes
    })
}

/// Whether bytes are the same.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    ismvault_cipher::same(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    // facts, Appendix A.
    const KEY: &str = "b42ca3172ee4e69bf51848a59db9cd13";
    const KID: Kid = Kid::of(0x09e367028f33436ca5dd60ffe6671e70);
    const TEST_SEED: &str = "XVBovsmzhP9gRIZxWfFta3VVRPzVEWmJsazEJ46I";

    fn unhex(text: &str) -> Vec<u8> {
        decode_bytes(text).unwrap()
    }

    fn keystream(iv: &str, len: usize) -> String {
        let mut bytes = vec![0; len];
        ContentKey::parse(KEY)
            .unwrap()
            .cipher()
            .encrypt(Method::CTR, &unhex(iv), &[], &mut bytes)
            .unwrap();
        hex(&bytes)
    }

    #[test]
    fn counters_after_many_samples_are_behind_all_of_theirs() {
        let random = 0x1122_3344_5566_7788_0000_0000_0000_0010_u128.to_be_bytes();
        let wide = IvCounter::wide(random);
        // Three samples of 20, 16 and 1 bytes take two, one and one blocks.
        let one_by_one = [20, 16, 1].into_iter().fold(wide, IvCounter::after_sample);
        let all = wide.after(3, 37);
        assert_eq!(hex(&one_by_one.to_bytes()), "11223344556677880000000000000004");
        assert_eq!(hex(&all.to_bytes()), "11223344556677880000000000000005");
        let short = IvCounter::narrow(random);
        assert_eq!(
            short.after(3, 37).to_bytes(),
            short.after_sample(20).after_sample(16).after_sample(1).to_bytes()
        );
    }

    #[test]
    fn constant_ivs_of_two_tracks_are_two() {
        let random = [0xff; 16];
        assert_eq!(constant_iv(random, 1), vec![0; 16]);
        assert_eq!(hex(&constant_iv(random, 2)), "00000000000000000000000000000001");
    }

    #[test]
    fn what_a_key_and_a_method_are() {
        assert!(
            ContentKey::from_bytes([0; 16]).is_zero() && !ContentKey::parse(KEY).unwrap().is_zero()
        );
        assert!(Method::CTR.is_ctr() && !Method::CBC.is_ctr() && !Method::cbcs(0x19).is_ctr());
        // A seed counts to its thirtieth byte, and one of 29 is none.
        assert!(ContentKey::from_seed_bytes(&[7; 29], KID).is_err());
        assert!(ContentKey::from_seed_bytes(&[7; 30], KID).is_ok());
    }

    #[test]
    fn the_keystream_of_an_eight_byte_iv() {
        assert_eq!(
            keystream("0102030405060708", 48),
            "9a38b56a8e3972752cd6aeeba57bd48802ab73ca46a0a8b50df076309769bcb3\
             6b930e5848257e3dfd413eb5c354ba82"
        );
        assert_eq!(keystream("0000000000000000", 16), "24f8ead59ab9751273ac19504b3f894d");
    }

    #[test]
    fn the_low_half_of_a_sixteen_byte_iv_wraps_alone() {
        assert_eq!(
            keystream("0102030405060708ffffffffffffffff", 32),
            "c889c4a3bac4aafa6c8c63c3f63ddedb9a38b56a8e3972752cd6aeeba57bd488"
        );
    }

    #[test]
    fn the_keystream_runs_on_across_subsamples() {
        let mut sample: Vec<u8> = (0..44).collect();
        let subsamples =
            [Subsample { clear: 5, protected: 20 }, Subsample { clear: 3, protected: 16 }];
        let cipher = ContentKey::parse(KEY).unwrap().cipher();
        let iv = unhex("0102030405060708");
        cipher.encrypt(Method::CTR, &iv, &subsamples, &mut sample).unwrap();
        assert_eq!(
            hex(&sample),
            "00010203049f3eb2628733797921d8a1fbb469c79c17bd64d2191a1b5abdb6aa2dd15413b34c9a9443ba2473"
        );
        cipher.decrypt(Method::CTR, &iv, &subsamples, &mut sample).unwrap();
        assert_eq!(sample, (0..44).collect::<Vec<u8>>());
    }

    #[test]
    fn sp800_38a_f_5_1() {
        let key = ContentKey::parse("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        let mut block = unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let iv = unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        key.cipher().encrypt(Method::CTR, &iv, &[], &mut block).unwrap();
        assert_eq!(hex(&block), "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff");
    }

    #[test]
    fn sp800_38a_f_2_1_and_the_chains_of_subsamples() {
        let key = ContentKey::parse("2b7e151628aed2a6abf7158809cf4f3c").unwrap();
        let iv = unhex("000102030405060708090a0b0c0d0e0f");
        let plain = unhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        let (one, two) = ("7649abac8119b246cee98e9b12e9197d", "5086cb9b507219ee95db113a917678b2");
        let encrypted = |method, subsamples: &[Subsample], extra: &[u8]| {
            let mut bytes = [&plain[..], extra].concat();
            key.cipher().encrypt(method, &iv, subsamples, &mut bytes).unwrap();
            let text = hex(&bytes);
            key.cipher().decrypt(method, &iv, subsamples, &mut bytes).unwrap();
            assert_eq!(bytes, [&plain[..], extra].concat());
            text
        };
        // What is behind the last whole block stays clear.
        assert_eq!(encrypted(Method::CBC, &[], b"\xaa"), format!("{one}{two}aa"));
        let halves = [Subsample { clear: 0, protected: 16 }; 2];
        assert_eq!(encrypted(Method::CBC, &halves, b""), format!("{one}{two}"));
        // In cbcs the second range begins with the IV again.
        let restarted = encrypted(Method::cbcs(0), &halves, b"");
        assert!(restarted.starts_with(one) && !restarted.ends_with(two));
        // One block in two.
        let patterned = encrypted(Method::cbcs(0x11), &[], b"");
        assert_eq!(patterned, format!("{one}{}", hex(&plain[16..])));
    }

    #[test]
    fn subsamples_must_add_up() {
        let cipher = ContentKey::parse(KEY).unwrap().cipher();
        let short = [Subsample { clear: 5, protected: 20 }];
        let long = [Subsample { clear: 5, protected: u32::MAX }];
        for method in [Method::CTR, Method::CBC, Method::cbcs(0x19)] {
            assert!(cipher.encrypt(method, &[0; 8], &short, &mut [0; 26]).is_err());
            assert!(cipher.decrypt(method, &[0; 8], &long, &mut [0; 26]).is_err());
            assert!(cipher.decrypt(method, &[0; 17], &[], &mut [0; 26]).is_err());
        }
    }

    #[test]
    fn checksums() {
        // facts §8: each against a header somebody else made.
        for (kid, key, checksum) in [
            (0x09e367028f33436ca5dd60ffe6671e70, KEY, "BGw1aYZ1YXM="),
            (
                0x09e367028f33436ca5dd60ffe6671e70,
                "000102030405060708090a0b0c0d0e0f",
                "qhmfONWOqJs=",
            ),
            (
                0xc5c971897e674646949e0cd4dd92cbd7,
                "0b17cd8bfc86557341c77bbc6e4fe9a3",
                "4A2mGZGGM2k=",
            ),
            (
                0x30313233343536373839303132333435,
                "ebdd62f16814d27b68ef122afce4ae3c",
                "DM9LYym0GIo=",
            ),
        ] {
            let key = ContentKey::parse(key).unwrap();
            assert_eq!(STANDARD.encode(key.checksum(Kid::of(kid))), checksum);
        }
    }

    #[test]
    fn keys_from_microsofts_public_test_seed() {
        for (kid, key) in [
            (0x09e367028f33436ca5dd60ffe6671e70, KEY),
            (0xc5c971897e674646949e0cd4dd92cbd7, "0b17cd8bfc86557341c77bbc6e4fe9a3"),
            (0x10000000100010001000100000000001, "3a2a1b68dd2bd9b2eeb25e84c4776668"),
            (0x8ba94ade6eb9449db44fa5beefaf43b0, "dbfd6922c321c4bb486f4a1c44097ed6"),
            (0xf81d4fae7dec11d0a76500a0c91e6bf6, "495e913734f9c9cbe75b30a25a12d4ce"),
        ] {
            let derived = ContentKey::from_seed(TEST_SEED, Kid::of(kid)).unwrap();
            assert_eq!(*derived.reveal(), key);
        }
        let wrong_order = ContentKey::from_seed(TEST_SEED, KID.swapped()).unwrap();
        assert!(wrong_order.reveal().starts_with("eb87694a"));
    }

    #[test]
    fn keys_in_all_their_spellings() {
        for text in [
            KEY,
            "0xB42CA3172EE4E69BF51848A59DB9CD13",
            "tCyjFy7k5pv1GEilnbnNEw==",
            "tCyjFy7k5pv1GEilnbnNEw",
        ] {
            assert_eq!(*ContentKey::parse(text).unwrap().reveal(), KEY);
        }
        for (text, found) in [
            ("00112233445566778899aabbccddee", "15 bytes"),
            ("what?", "5 characters"),
            ("", "0 bytes"),
        ] {
            let error = ContentKey::parse(text).map(|_| ()).unwrap_err().message;
            assert!(error.contains(found), "{error}");
            assert!(text.is_empty() || !error.contains(text), "{error}");
        }
    }
}
