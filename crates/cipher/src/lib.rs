//! AES-128 for samples: counter mode and chaining.
//!
//! [`Cipher`] uses the crates `aes` and `ctr`, and AES instructions with them
//! where there are any. WebAssembly has none; there [`Keystream`] computes what
//! `ctr::Ctr64BE<aes::Aes128>` does with `simd128`, eight blocks at a time, in
//! constant time and several times as fast. Elsewhere it works, and is slow.
//!
//! This is a crate of its own because it is compiled for speed, and what the
//! page loads otherwise for size.
//!
//! Where it comes from:
//!
//! * Eight blocks are *byte-sliced* over eight vectors of 128 bits: bit `k` of
//!   byte `j` of vector `i` is bit `i` of byte `j` of block `k`. (Käsper and
//!   Schwabe, Faster and Timing-Attack Resistant AES-GCM, CHES 2009.)
//! * ShiftRows is never done. The bytes stay where they are, and what follows
//!   looks for them there: after `n` rounds, the byte of row `r` and column `c`
//!   lies in column `c + n·r`. (Adomnicai and Peyrin, Fixslicing AES-like
//!   Ciphers, CHES 2021.)
//! * SubBytes is a circuit of 113 gates, see `sbox.rs`.
//! * A run of 128 counters differs in seven bits alone, so most of its first two
//!   rounds is done once for all, see `run.rs`. (Bernstein and Schwabe, New AES
//!   Software Speed Records, INDOCRYPT 2008.)
//!
//! Nothing here branches on, or looks up by, a key or what it encrypts.

mod cipher;
mod lanes;
mod rounds;
mod run;
mod sbox;

pub use cipher::{Cipher, same};
pub use rounds::Key;

use aes::cipher::inout::InOutBuf;
use aes::cipher::{StreamCipher, StreamCipherError};
use lanes::Lanes;
use run::Run;

/// Bytes of a block.
const BLOCK: usize = 16;
/// Bytes of the eight blocks made at a time.
const BATCH: usize = 8 * BLOCK;
/// Batches that share a [`Run`].
const BATCHES: usize = 16;
/// From so many batches on, a run costs less than it saves.
const WORTH_A_RUN: usize = 7;

/// A keystream: what `ctr::Ctr64BE<aes::Aes128>` makes of the same key and IV.
/// The last eight bytes of the counter block count, and wrap among themselves.
pub struct Keystream<'k> {
    key: &'k Key,
    high: [u8; 8],
    /// The counter of the next batch; its last three bits are zero.
    low: u64,
    /// The last batch, where only a part of it was used.
    left: [u8; BATCH],
    used: usize,
}

impl<'k> Keystream<'k> {
    /// From the first counter block.
    pub fn new(key: &'k Key, iv: &[u8; BLOCK]) -> Self {
        let ([high, low], []) = iv.as_chunks::<8>() else { unreachable!("16 is twice 8") };
        let low = u64::from_be_bytes(*low);
        let mut keystream = Self { key, high: *high, low: low & !7, left: [0; BATCH], used: BATCH };
        let skipped = (low & 7) as usize * BLOCK;
        if skipped > 0 {
            keystream.refill();
            keystream.used = skipped;
        }
        keystream
    }

    /// XORs the keystream into bytes.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        let begun = bytes.len().min(BATCH - self.used);
        let (front, bytes) = bytes.split_at_mut(begun);
        self.apply_left(front);
        let (batches, rest) = bytes.as_chunks_mut::<BATCH>();
        self.apply_batches(batches);
        if !rest.is_empty() {
            self.refill();
            self.apply_left(rest);
        }
    }

    fn apply_left(&mut self, bytes: &mut [u8]) {
        let left = &self.left[self.used..];
        bytes.iter_mut().zip(left).for_each(|(byte, key)| *byte ^= key);
        self.used += bytes.len();
    }

    #[inline(never)]
    fn refill(&mut self) {
        let blocks = self.key.encrypt(self.counter(0));
        self.left.as_chunks_mut().0.iter_mut().zip(blocks).for_each(|(to, b)| *to = b.to_bytes());
        self.low = self.low.wrapping_add(8);
        self.used = 0;
    }

    /// The first counter block of the batch so many batches from here.
    fn counter(&self, batches: usize) -> [u8; BLOCK] {
        let low = self.low.wrapping_add(8 * batches as u64);
        let mut block = [0; BLOCK];
        block[..8].copy_from_slice(&self.high);
        block[8..].copy_from_slice(&low.to_be_bytes());
        block
    }

    #[inline(never)]
    fn apply_batches(&mut self, mut batches: &mut [[u8; BATCH]]) {
        while !batches.is_empty() {
            let first = (self.low / 8) as usize % BATCHES;
            let (now, later) = batches.split_at_mut(batches.len().min(BATCHES - first));
            if now.len() >= WORTH_A_RUN {
                let mut start = self.counter(0);
                start[15] &= 0x80;
                let run = Run::new(self.key, start);
                for (i, batch) in now.iter_mut().enumerate() {
                    xor(batch, run.encrypt(self.key, first + i));
                }
            } else {
                for (i, batch) in now.iter_mut().enumerate() {
                    xor(batch, self.key.encrypt(self.counter(i)));
                }
            }
            self.low = self.low.wrapping_add(8 * now.len() as u64);
            batches = later;
        }
    }
}

#[inline(always)]
fn xor(batch: &mut [u8; BATCH], blocks: [Lanes; 8]) {
    for (bytes, block) in batch.as_chunks_mut::<BLOCK>().0.iter_mut().zip(blocks) {
        *bytes = (Lanes::from_bytes(*bytes) ^ block).to_bytes();
    }
}

impl StreamCipher for Keystream<'_> {
    /// The counter has 64 bits, so there is always enough.
    fn check_remaining(&self, _len: usize) -> Result<(), StreamCipherError> {
        Ok(())
    }

    fn unchecked_apply_keystream_inout(&mut self, bytes: InOutBuf<'_, '_, u8>) {
        self.apply(bytes.into_out_with_copied_in());
    }

    fn unchecked_write_keystream(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
        self.apply(bytes);
    }
}
