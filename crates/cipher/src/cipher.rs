//! A key made ready for whatever samples need.

use crate::BLOCK;
#[cfg(target_feature = "simd128")]
use crate::{Key, Keystream};
use aes::Aes128;
use aes::cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher,
};
use ctr::{Ctr64BE, CtrCore};

/// A key made ready: its schedules are made once, and wiped when it is dropped.
pub struct Cipher {
    aes: Aes128,
    #[cfg(target_feature = "simd128")]
    sliced: Key,
}

impl Cipher {
    /// Of a key.
    #[inline(never)]
    pub fn new(key: &[u8; BLOCK]) -> Self {
        Self {
            aes: Aes128::new(key.into()),
            #[cfg(target_feature = "simd128")]
            sliced: Key::new(key),
        }
    }

    /// Encrypts one block.
    #[inline(never)]
    pub fn encrypt_block(&self, block: &mut [u8; BLOCK]) {
        let mut work = Block::<Aes128>::from(*block);
        self.aes.encrypt_block(&mut work);
        *block = work.into();
    }

    /// XORs parts of a sample with the keystream from this counter block on,
    /// which runs on from one part to the next. The last eight bytes of the block
    /// count, and wrap among themselves (NIST SP 800-38A §6.5).
    pub fn count<'p>(&self, iv: &[u8; BLOCK], parts: impl Iterator<Item = &'p mut [u8]>) {
        #[cfg(target_feature = "simd128")]
        let mut keystream = Keystream::new(&self.sliced, iv);
        #[cfg(not(target_feature = "simd128"))]
        let mut keystream = self.plain(iv);
        parts.for_each(|part| keystream.apply(part));
    }

    /// The same of one part, by the crates `aes` and `ctr` alone, to measure
    /// against.
    pub fn count_plainly(&self, iv: &[u8; BLOCK], part: &mut [u8]) {
        self.plain(iv).apply(part);
    }

    #[inline(never)]
    fn plain(&self, iv: &[u8; BLOCK]) -> Plain<'_> {
        Plain(Ctr64BE::from_core(CtrCore::inner_iv_init(&self.aes, iv.into())))
    }

    /// Encrypts whole blocks, each XORed with the one before (NIST SP 800-38A
    /// §6.2), and gives the last on.
    #[inline(never)]
    pub fn chain(&self, before: &mut [u8; BLOCK], bytes: &mut [u8]) {
        for block in bytes.as_chunks_mut::<BLOCK>().0 {
            block.iter_mut().zip(&*before).for_each(|(byte, before)| *byte ^= before);
            self.encrypt_block(block);
            *before = *block;
        }
    }

    /// Decrypts what [`Cipher::chain`] encrypts.
    #[inline(never)]
    pub fn unchain(&self, before: &mut [u8; BLOCK], bytes: &mut [u8]) {
        // Several at a time, which is faster.
        for blocks in bytes.as_chunks_mut::<BLOCK>().0.chunks_mut(8) {
            let mut work = [Block::<Aes128>::default(); 8];
            let work = &mut work[..blocks.len()];
            work.iter_mut().zip(&*blocks).for_each(|(to, block)| *to = (*block).into());
            self.aes.decrypt_blocks(work);
            for (block, plain) in blocks.iter_mut().zip(work) {
                plain.iter_mut().zip(&*before).for_each(|(byte, before)| *byte ^= before);
                *before = *block;
                *block = (*plain).into();
            }
        }
    }
}

/// The keystream of `aes` and `ctr`. It has a name, so that it is compiled in this
/// crate.
struct Plain<'c>(Ctr64BE<&'c Aes128>);

impl Plain<'_> {
    #[inline(never)]
    fn apply(&mut self, part: &mut [u8]) {
        self.0.apply_keystream(part);
    }
}

/// Whether bytes are the same, quicker than `memcmp` is in WebAssembly.
#[inline(never)]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<32>(), b.as_chunks::<32>());
    let word =
        |bytes: &[u8; 32], i: usize| u64::from_ne_bytes(std::array::from_fn(|n| bytes[8 * i + n]));
    let same = |(a, b)| (0..4).fold(0, |sum, i| sum | (word(a, i) ^ word(b, i))) == 0;
    a.len() == b.len() && a_rest == b_rest && a.iter().zip(b).all(same)
}
