//! The same keystream as the published vectors and as `aes` with `ctr`.

use aes::Aes128;
use aes::cipher::{KeyIvInit as _, StreamCipher};
use ctr::Ctr64BE;
use ismvault_cipher::{Key, Keystream};

fn unhex<const N: usize>(text: &str) -> [u8; N] {
    std::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap_or_default())
}

/// NIST SP 800-38A F.5.1, CTR-AES128.Encrypt.
#[test]
fn sp800_38a() {
    let key = Key::new(&unhex("2b7e151628aed2a6abf7158809cf4f3c"));
    let mut text: [u8; 64] = unhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
         30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
    );
    let mut keystream = Keystream::new(&key, &unhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"));
    keystream.apply_keystream(&mut text);
    let encrypted: [u8; 64] = unhex(
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff\
         5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
    );
    assert_eq!(text, encrypted);
}

/// Numbers that only look random (xorshift), so that a failure comes again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }
}

#[test]
fn random_keys_ivs_lengths_and_cuts() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for case in 0..500 {
        let (key, mut iv): ([u8; 16], [u8; 16]) = (random.bytes(), random.bytes());
        if case % 3 == 0 {
            // Near the end of the counter, which wraps in its low half.
            let low = u64::MAX - random.next() % 300;
            iv[8..].copy_from_slice(&low.to_be_bytes());
        }
        let mut ours: Vec<u8> = (0..random.below(9000)).map(|_| random.next() as u8).collect();
        let mut theirs = ours.clone();
        let ready = Key::new(&key);
        let mut keystream = Keystream::new(&ready, &iv);
        let mut reference = Ctr64BE::<Aes128>::new(&key.into(), &iv.into());
        let mut at = 0;
        while at < ours.len() {
            let end = (at + 1 + random.below(3000)).min(ours.len());
            keystream.apply_keystream(&mut ours[at..end]);
            reference.apply_keystream(&mut theirs[at..end]);
            at = end;
        }
        assert!(ours == theirs, "case {case}: {} bytes", ours.len());
    }
}
