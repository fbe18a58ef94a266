use bytemuck::{Pod, Zeroable};

/// A modulus as `shaders/shared/modulus.wgsl` computes with it: Montgomery's R is 2^32.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct Modulus {
    pub(crate) p: u32,
    /// `p^-1 mod R`.
    pub(crate) inverse: u32,
    /// `R mod p`.
    pub(crate) r: u32,
    /// `R^2 mod p`.
    pub(crate) r2: u32,
}

impl Modulus {
    /// For an odd modulus.
    pub(crate) const fn new(p: u32) -> Self {
        // Newton's iteration doubles the bits that are right; an odd number is its own inverse modulo 8.
        let mut inverse = p;
        let mut bits = 3;
        while bits < 32 {
            inverse = inverse.wrapping_mul(2_u32.wrapping_sub(p.wrapping_mul(inverse)));
            bits *= 2;
        }
        let r = (1 << 32) % p as u64;
        Self { p, inverse, r: r as u32, r2: (r * r % p as u64) as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants() {
        for p in [3, 17, 97, (1 << 25) - (1 << 14) + 1, u32::MAX - (1 << 20) + 2, u32::MAX] {
            let modulus = Modulus::new(p);
            assert_eq!(modulus.inverse.wrapping_mul(p), 1);
            assert_eq!(u64::from(modulus.r), (1_u64 << 32) % u64::from(p));
            assert_eq!(u128::from(modulus.r2), (1_u128 << 64) % u128::from(p));
        }
    }
}
