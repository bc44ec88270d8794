//! SubBytes (FIPS 197 §5.1.1) as a circuit.

use crate::lanes::Lanes;

/// What the circuit leaves out: SubBytes ends with this constant, which passes
/// through MixColumns unchanged and so is a part of the round keys here.
pub(crate) const CONSTANT: u8 = 0x63;

/// SubBytes of 128 bytes at once, bit `i` of each in vector `i`, without
/// [`CONSTANT`].
///
/// The straight-line program of 113 gates by Boyar, Peralta and Calik
/// (SLP_AES_113, Yale circuit minimization team; Boyar and Peralta, A New
/// Combinational Logic Minimization Technique, SEA 2010), under its names; `u0`
/// and `s0` are the highest bits. `y` are linear in the input, `t` invert it in
/// GF(2^4), `z` and `c` lead back to eight bits. The gates stand in an order
/// that keeps few values at once, for there are sixteen registers.
#[inline(always)]
pub(crate) fn sub_bytes(bits: &mut [Lanes; 8]) {
    let [u7, u6, u5, u4, u3, u2, u1, u0] = *bits;
    let y14 = u3 ^ u5;
    let y13 = u0 ^ u6;
    let t0 = u1 ^ u2;
    let y12 = y13 ^ y14;
    let y1 = t0 ^ u7;
    let y8 = u0 ^ u5;
    let t1 = u4 ^ y12;
    let y5 = y1 ^ u6;
    let y15 = t1 ^ u5;
    let y6 = y15 ^ u7;
    let y3 = y5 ^ y8;
    let t3 = y3 & y6;
    let y20 = t1 ^ u1;
    let y4 = y1 ^ u3;
    let y10 = y15 ^ t0;
    let y9 = u0 ^ u3;
    let t2 = y12 & y15;
    let t4 = t3 ^ t2;
    let t17 = t4 ^ y20;
    let t5 = y4 & u7;
    let y11 = y20 ^ y9;
    let t6 = t5 ^ t2;
    let t15 = y8 & y10;
    let y17 = y10 ^ y11;
    let t12 = y9 & y11;
    let y16 = t0 ^ y11;
    let t16 = t15 ^ t12;
    let t13 = y14 & y17;
    let y19 = y10 ^ y8;
    let t18 = t6 ^ t16;
    let t14 = t13 ^ t12;
    let t22 = t18 ^ y19;
    let t7 = y13 & y16;
    let y2 = y1 ^ u0;
    let y7 = u7 ^ y11;
    let t8 = y5 & y1;
    let t21 = t17 ^ t14;
    let y18 = u0 ^ y16;
    let t9 = t8 ^ t7;
    let t19 = t9 ^ t14;
    let t10 = y2 & y7;
    let t11 = t10 ^ t7;
    let t25 = t21 ^ t22;
    let t20 = t11 ^ t16;
    let t24 = t20 ^ y18;
    let y21 = y13 ^ y16;
    let t23 = t19 ^ y21;
    let t26 = t21 & t23;
    let t30 = t23 ^ t24;
    let t31 = t22 ^ t26;
    let t32 = t31 & t30;
    let t33 = t32 ^ t24;
    let t27 = t24 ^ t26;
    let t35 = t27 ^ t33;
    let t36 = t24 & t35;
    let t34 = t23 ^ t33;
    let t28 = t25 & t27;
    let t38 = t27 ^ t36;
    let t29 = t28 ^ t22;
    let t39 = t29 & t38;
    let t40 = t25 ^ t39;
    let t37 = t36 ^ t34;
    let t41 = t40 ^ t37;
    let t42 = t29 ^ t33;
    let t43 = t29 ^ t40;
    let t45 = t42 ^ t41;
    let z3 = t43 & y16;
    let z5 = t29 & y7;
    let z14 = t29 & y2;
    let c12 = z3 ^ z5;
    let z16 = t45 & y14;
    let z6 = t42 & y11;
    let z7 = t45 & y17;
    let z4 = t40 & y1;
    let z12 = t43 & y13;
    let z11 = t33 & y4;
    let c6 = z3 ^ z4;
    let z1 = t37 & y6;
    let z15 = t42 & y9;
    let z13 = t40 & y5;
    let c1 = z15 ^ z16;
    let z10 = t37 & y3;
    let t44 = t33 ^ t37;
    let c13 = z13 ^ c1;
    let c2 = z10 ^ c1;
    let z2 = t33 & u7;
    let z0 = t44 & y15;
    let c4 = z0 ^ z2;
    let c21 = c2 ^ z11;
    let c5 = z1 ^ z0;
    let c14 = c4 ^ c12;
    let c18 = c13 ^ c14;
    let s7 = z12 ^ c18;
    let c7 = z12 ^ c4;
    let z9 = t44 & y12;
    let c3 = z9 ^ c2;
    let c8 = z7 ^ c6;
    let z8 = t41 & y10;
    let c11 = c6 ^ c5;
    let c9 = z8 ^ c7;
    let c10 = c8 ^ c9;
    let s3 = c3 ^ c11;
    let c16 = z6 ^ c8;
    let c17 = z14 ^ c10;
    let s1 = s3 ^ c16;
    let z17 = t41 & y8;
    let c20 = z15 ^ c16;
    let s0 = c3 ^ c16;
    let s4 = c14 ^ s3;
    let c26 = c17 ^ c20;
    let s5 = c21 ^ c17;
    let s6 = c10 ^ c18;
    let s2 = c26 ^ z17;
    *bits = [s7, s6, s5, s4, s3, s2, s1, s0];
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition: the inverse in GF(2^8), then an affine map.
    fn defined(byte: u8) -> u8 {
        let times = |a: u8, b: u8| {
            let mut sum = 0_u16;
            for i in (0..8).filter(|i| b >> i & 1 == 1) {
                sum ^= u16::from(a) << i;
            }
            for i in (8..15).rev() {
                sum ^= ((sum >> i & 1) * 0x11b) << (i - 8);
            }
            sum as u8
        };
        let inverse = (0..=255).find(|b| times(byte, *b) == 1).unwrap_or(0);
        (0..5).fold(CONSTANT, |sum, n| sum ^ inverse.rotate_left(n))
    }

    #[test]
    fn the_circuit_is_the_definition() {
        for byte in 0..=255 {
            let mut bits = std::array::from_fn(|i| Lanes::splat(byte >> i & 1));
            sub_bytes(&mut bits);
            let bits = bits.map(|bit| bit.to_bytes()[5] & 1);
            let found = (0..8).fold(0, |sum, i| sum | bits[i] << i) ^ CONSTANT;
            assert_eq!(found, defined(byte), "{byte}");
        }
    }
}
