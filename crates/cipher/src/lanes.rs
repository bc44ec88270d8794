//! A vector of 16 bytes: `v128` where there is one, else a number as wide, so
//! that all of it can be tested anywhere.

use std::ops::{BitAnd, BitXor};

#[cfg(target_feature = "simd128")]
use std::arch::wasm32 as simd;

#[cfg(target_feature = "simd128")]
type Bits = simd::v128;
#[cfg(not(target_feature = "simd128"))]
type Bits = u128;

/// Sixteen bytes.
#[derive(Clone, Copy)]
pub(crate) struct Lanes(Bits);

#[cfg(target_feature = "simd128")]
impl Lanes {
    #[inline(always)]
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let ([low, high], []) = bytes.as_chunks::<8>() else { unreachable!("16 is twice 8") };
        Self(simd::u64x2(u64::from_le_bytes(*low), u64::from_le_bytes(*high)))
    }

    #[inline(always)]
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&simd::u64x2_extract_lane::<0>(self.0).to_le_bytes());
        bytes[8..].copy_from_slice(&simd::u64x2_extract_lane::<1>(self.0).to_le_bytes());
        bytes
    }

    /// The same byte sixteen times.
    #[inline(always)]
    pub(crate) fn splat(byte: u8) -> Self {
        Self(simd::u8x16_splat(byte))
    }

    /// The same four bytes four times.
    #[inline(always)]
    pub(crate) fn splat4(bytes: [u8; 4]) -> Self {
        Self(simd::u32x4_splat(u32::from_le_bytes(bytes)))
    }

    /// All ones in the bytes that have this bit, or these bits, set.
    #[inline(always)]
    pub(crate) fn where_set(self, bits: u8) -> Self {
        let bits = simd::u8x16_splat(bits);
        Self(simd::u8x16_eq(simd::v128_and(self.0, bits), bits))
    }

    /// In each byte, the byte that stands at the place it names.
    #[inline(always)]
    pub(crate) fn pick(self, places: Self) -> Self {
        Self(simd::u8x16_swizzle(self.0, places.0))
    }

    /// The two halves with `other`'s, byte by byte in turn.
    #[inline(always)]
    pub(crate) fn zip(self, other: Self) -> [Self; 2] {
        let (a, b) = (self.0, other.0);
        let low =
            simd::i8x16_shuffle::<0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23>(a, b);
        let high =
            simd::i8x16_shuffle::<8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31>(
                a, b,
            );
        [Self(low), Self(high)]
    }

    /// The same, two bytes by two.
    #[inline(always)]
    pub(crate) fn zip_pairs(self, other: Self) -> [Self; 2] {
        let low = simd::i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(self.0, other.0);
        let high = simd::i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(self.0, other.0);
        [Self(low), Self(high)]
    }

    /// Each half shifted up.
    #[inline(always)]
    pub(crate) fn up(self, bits: u32) -> Self {
        Self(simd::u64x2_shl(self.0, bits))
    }

    /// Each half shifted down.
    #[inline(always)]
    pub(crate) fn down(self, bits: u32) -> Self {
        Self(simd::u64x2_shr(self.0, bits))
    }
}

#[cfg(target_feature = "simd128")]
impl BitXor for Lanes {
    type Output = Self;

    #[inline(always)]
    fn bitxor(self, other: Self) -> Self {
        Self(simd::v128_xor(self.0, other.0))
    }
}

#[cfg(target_feature = "simd128")]
impl BitAnd for Lanes {
    type Output = Self;

    #[inline(always)]
    fn bitand(self, other: Self) -> Self {
        Self(simd::v128_and(self.0, other.0))
    }
}

#[cfg(not(target_feature = "simd128"))]
impl Lanes {
    fn each(byte: impl Fn(usize) -> u8) -> Self {
        Self::from_bytes(std::array::from_fn(byte))
    }

    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }

    pub(crate) fn splat(byte: u8) -> Self {
        Self::from_bytes([byte; 16])
    }

    pub(crate) fn splat4(bytes: [u8; 4]) -> Self {
        Self::each(|i| bytes[i % 4])
    }

    pub(crate) fn where_set(self, bits: u8) -> Self {
        let bytes = self.to_bytes();
        Self::each(|i| if bytes[i] & bits == bits { 0xff } else { 0 })
    }

    pub(crate) fn pick(self, places: Self) -> Self {
        let (bytes, places) = (self.to_bytes(), places.to_bytes());
        Self::each(|i| bytes.get(usize::from(places[i])).copied().unwrap_or(0))
    }

    fn zip_by(self, other: Self, width: usize) -> [Self; 2] {
        let (a, b) = (self.to_bytes(), other.to_bytes());
        [0, 8].map(|half| {
            Self::each(|i| {
                let from = [&a, &b][i / width % 2];
                from[half + i / (2 * width) * width + i % width]
            })
        })
    }

    pub(crate) fn zip(self, other: Self) -> [Self; 2] {
        self.zip_by(other, 1)
    }

    pub(crate) fn zip_pairs(self, other: Self) -> [Self; 2] {
        self.zip_by(other, 2)
    }

    fn each_half(self, change: impl Fn(u64) -> u64) -> Self {
        let (low, high) = (self.0 as u64, (self.0 >> 64) as u64);
        Self(u128::from(change(low)) | u128::from(change(high)) << 64)
    }

    pub(crate) fn up(self, bits: u32) -> Self {
        self.each_half(|half| half << bits)
    }

    pub(crate) fn down(self, bits: u32) -> Self {
        self.each_half(|half| half >> bits)
    }
}

#[cfg(not(target_feature = "simd128"))]
impl BitXor for Lanes {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

#[cfg(not(target_feature = "simd128"))]
impl BitAnd for Lanes {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
