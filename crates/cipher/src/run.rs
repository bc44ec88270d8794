//! Counter-mode caching: what 128 counters have in common, done once.
//!
//! They differ in the lowest seven bits of the last byte. Behind the first
//! MixColumns one column has felt it; behind the second SubBytes those are four
//! bytes of sixteen, in four different columns. Everything else is the same for
//! all. And what differs is made for all 128 in one go: a vector has room for 16
//! batches of eight blocks, a byte each.

use crate::lanes::Lanes;
use crate::rounds::{COUNTING, Key, LOWEST, double, place};
use crate::sbox::sub_bytes;
use crate::{BATCHES, BLOCK};

/// ShiftRows not done, START included, when the first MixColumns is.
const TURNED: usize = 3;

/// The state of 16 batches behind the second SubBytes.
pub(crate) struct Run {
    /// What is the same for all; zero in the four other places.
    still: [Lanes; 8],
    /// Of each bit, for each batch, the four bytes that differ, by row.
    moving: [[[u8; 4]; BATCHES]; 8],
    /// Their places.
    places: Lanes,
}

/// All ones in these places.
fn mask(of: impl Fn(usize) -> bool) -> Lanes {
    Lanes::from_bytes(std::array::from_fn(|at| if of(at) { 0xff } else { 0 }))
}

impl Run {
    /// Of the 128 counters from this one on, whose last seven bits are zero.
    #[inline(never)]
    pub(crate) fn new(key: &Key, counter: [u8; BLOCK]) -> Self {
        let mut still = key.begin(counter);
        let mut lowest = still.map(|bit| bit.pick(Lanes::splat(LOWEST as u8)));
        for (i, pattern) in COUNTING.into_iter().enumerate() {
            lowest[i] = lowest[i] ^ Lanes::splat(pattern);
        }
        for i in 0..4 {
            lowest[3 + i] = lowest[3 + i] ^ mask(|batch| batch >> i & 1 == 1);
        }
        sub_bytes(&mut lowest);
        sub_bytes(&mut still);
        let others = mask(|at| at != LOWEST);
        still = still.map(|bit| bit & others);
        key.mix(&mut still, 0);

        // The byte was in the last row, and ShiftRows has it in the first
        // column: MixColumns multiplies it by 1, 1, 3 and 2.
        let twice = double(&lowest);
        let thrice: [Lanes; 8] = std::array::from_fn(|i| twice[i] ^ lowest[i]);
        let mut rows = [lowest, lowest, thrice, twice];
        for (row, bits) in rows.iter_mut().enumerate() {
            let at = Lanes::splat(place(row, 0, TURNED) as u8);
            *bits = std::array::from_fn(|i| bits[i] ^ still[i].pick(at));
            sub_bytes(bits);
        }
        sub_bytes(&mut still);
        let is_moving = |at: usize| place(at % 4, 0, TURNED) == at;
        let others = mask(|at| !is_moving(at));
        let mut moving = [[[0; 4]; BATCHES]; 8];
        for (i, bytes) in moving.iter_mut().enumerate() {
            let [a, b] = rows[0][i].zip(rows[1][i]);
            let [c, d] = rows[2][i].zip(rows[3][i]);
            let quads = [a.zip_pairs(c), b.zip_pairs(d)];
            let quads = quads.as_flattened().iter().map(|quad| quad.to_bytes());
            for (four, quad) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(quads) {
                four.copy_from_slice(quad.as_chunks().0);
            }
        }
        Self { still: still.map(|bit| bit & others), moving, places: mask(is_moving) }
    }

    /// The eight blocks of a batch, encrypted.
    #[inline(always)]
    pub(crate) fn encrypt(&self, key: &Key, batch: usize) -> [Lanes; 8] {
        let state = std::array::from_fn(|i| {
            let moving = Lanes::splat4(self.moving[i][batch % BATCHES]) & self.places;
            moving ^ self.still[i]
        });
        key.finish(state, 1)
    }
}
