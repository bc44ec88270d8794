//! The rounds of AES-128 on eight blocks, and the key made ready for them.

use crate::BLOCK;
use crate::lanes::Lanes;
use crate::sbox::{CONSTANT, sub_bytes};
use zeroize::Zeroize;

/// Rounds that end with MixColumns; the tenth does not.
const MIXED: usize = 9;
/// How far the bytes are turned at the start, so that they are in their own
/// places at the end: ten rounds turn them by two more.
const START: usize = 2;

/// Where the byte lies that stands in this row and column, after so many
/// ShiftRows that were not done. Bytes of a block go down the columns.
pub(crate) const fn place(row: usize, column: usize, turned: usize) -> usize {
    4 * ((column + turned * row) % 4) + row
}

/// For every place, the place of the byte so many rows below in its column.
fn below(rows: usize, turned: usize) -> [u8; BLOCK] {
    std::array::from_fn(|at| {
        let (column, row) = (at / 4, at % 4);
        (4 * ((column + turned * rows) % 4) + (row + rows) % 4) as u8
    })
}

/// A block with its bytes where they lie after so many ShiftRows not done.
fn turn(block: [u8; BLOCK], turned: usize) -> [u8; BLOCK] {
    let mut out = [0; BLOCK];
    for at in 0..BLOCK {
        out[place(at % 4, at / 4, turned)] = block[at];
    }
    out
}

/// What one of the mixed rounds needs.
struct Round {
    /// Where the bytes one and two rows below are.
    below: [[u8; BLOCK]; 2],
    /// The round key, a vector of all ones or zeros for each bit.
    key: [[u8; BLOCK]; 8],
}

/// A key made ready. It is wiped when it is dropped.
pub struct Key {
    /// The key of the beginning, turned.
    first: [u8; BLOCK],
    /// The places of a block's bytes, turned.
    start: [u8; BLOCK],
    rounds: [Round; MIXED],
    /// The last round key.
    last: [u8; BLOCK],
}

impl Key {
    /// Of a key.
    pub fn new(key: &[u8; BLOCK]) -> Self {
        let mut schedule = expand(key);
        let rounds = std::array::from_fn(|n| {
            let turned = START + n + 1;
            let key = Lanes::from_bytes(turn(schedule[n + 1], turned)) ^ Lanes::splat(CONSTANT);
            Round {
                below: [below(1, turned), below(2, turned)],
                key: slice(key).map(Lanes::to_bytes),
            }
        });
        let made = Self {
            first: turn(schedule[0], START),
            start: turn(std::array::from_fn(|i| i as u8), START),
            rounds,
            last: schedule[10].map(|byte| byte ^ CONSTANT),
        };
        schedule.zeroize();
        made
    }

    /// Encrypts the eight counter blocks from this one on, whose last three bits
    /// are zero.
    #[inline(always)]
    pub(crate) fn encrypt(&self, counter: [u8; BLOCK]) -> [Lanes; 8] {
        let mut state = self.begin(counter);
        let mut lowest = [0; BLOCK];
        for (i, pattern) in COUNTING.into_iter().enumerate() {
            lowest[LOWEST] = pattern;
            state[i] = state[i] ^ Lanes::from_bytes(lowest);
        }
        sub_bytes(&mut state);
        self.finish(state, 0)
    }

    /// One block eight times, sliced, with the first key added.
    #[inline(always)]
    pub(crate) fn begin(&self, block: [u8; BLOCK]) -> [Lanes; 8] {
        let block = Lanes::from_bytes(block).pick(Lanes::from_bytes(self.start));
        slice(block ^ Lanes::from_bytes(self.first))
    }

    /// From behind the SubBytes of a round (from 0) to the end.
    #[inline(always)]
    pub(crate) fn finish(&self, mut state: [Lanes; 8], round: usize) -> [Lanes; 8] {
        for n in round..MIXED {
            self.mix(&mut state, n);
            sub_bytes(&mut state);
        }
        unslice(&mut state);
        state.map(|block| block ^ Lanes::from_bytes(self.last))
    }

    /// MixColumns and AddRoundKey (FIPS 197 §5.1.3, §5.1.4).
    ///
    /// Each byte `a` becomes `2(a + b) + b + (c + d)`, where `b`, `c` and `d`
    /// are those below it. Doubling moves every bit to the next vector, and the
    /// highest to those of x^8 = x^4 + x^3 + x + 1.
    #[inline(always)]
    pub(crate) fn mix(&self, state: &mut [Lanes; 8], round: usize) {
        let round = &self.rounds[round];
        let [one, two] = round.below.map(Lanes::from_bytes);
        let highest = state[7] ^ state[7].pick(one);
        let mut before = highest;
        for (i, bit) in state.iter_mut().enumerate() {
            let below = bit.pick(one);
            let sum = *bit ^ below;
            let mut mixed = below ^ Lanes::from_bytes(round.key[i]) ^ before;
            if matches!(i, 1 | 3 | 4) {
                mixed = mixed ^ highest;
            }
            *bit = mixed ^ sum.pick(two);
            before = sum;
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.first.zeroize();
        self.rounds.iter_mut().for_each(|round| round.key.zeroize());
        self.last.zeroize();
    }
}

/// The place of a counter's lowest byte at the start.
pub(crate) const LOWEST: usize = place(3, 3, START);
/// Its three lowest bits in the eight blocks of a batch.
pub(crate) const COUNTING: [u8; 3] = [0b1010_1010, 0b1100_1100, 0b1111_0000];

/// Twice every byte, in GF(2^8).
#[inline(always)]
pub(crate) fn double(bits: &[Lanes; 8]) -> [Lanes; 8] {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = *bits;
    [b7, b0 ^ b7, b1, b2 ^ b7, b3 ^ b7, b4, b5, b6]
}

/// A block eight times: of each bit a vector, all ones or zeros in each byte.
#[inline(always)]
fn slice(block: Lanes) -> [Lanes; 8] {
    std::array::from_fn(|i| block.where_set(1 << i))
}

/// Eight sliced blocks as they are written: an 8 by 8 bit matrix is turned for
/// each byte, by exchanging ever larger corners.
#[inline(always)]
fn unslice(state: &mut [Lanes; 8]) {
    let mut exchange = |pairs: [(usize, usize); 4], bits: u32, mask: u8| {
        let mask = Lanes::splat(mask);
        for (a, b) in pairs {
            let differing = (state[a].down(bits) ^ state[b]) & mask;
            state[b] = state[b] ^ differing;
            state[a] = state[a] ^ differing.up(bits);
        }
    };
    exchange([(0, 1), (2, 3), (4, 5), (6, 7)], 1, 0b0101_0101);
    exchange([(0, 2), (1, 3), (4, 6), (5, 7)], 2, 0b0011_0011);
    exchange([(0, 4), (1, 5), (2, 6), (3, 7)], 4, 0b0000_1111);
}

/// The key schedule (FIPS 197 §5.2).
fn expand(key: &[u8; BLOCK]) -> [[u8; BLOCK]; 11] {
    let mut schedule = [[0; BLOCK]; 11];
    schedule[0] = *key;
    let mut constant = 1_u8;
    for n in 1..schedule.len() {
        let before = schedule[n - 1];
        let mut word = sub_word([before[13], before[14], before[15], before[12]]);
        word[0] ^= constant;
        constant = (constant << 1) ^ ((constant >> 7) * 0x1b);
        for at in 0..BLOCK {
            word[at % 4] ^= before[at];
            schedule[n][at] = word[at % 4];
        }
    }
    schedule
}

/// SubBytes of four bytes, by the same circuit.
fn sub_word(word: [u8; 4]) -> [u8; 4] {
    let mut bits = slice(Lanes::splat4(word));
    sub_bytes(&mut bits);
    let bits = bits.map(Lanes::to_bytes);
    std::array::from_fn(|at| (0..8).fold(CONSTANT, |byte, i| byte ^ ((bits[i][at] & 1) << i)))
}
