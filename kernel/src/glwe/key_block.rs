use crate::galois::Automorphism;
use crate::prime::Prime;
use crate::ring::RingOps;
use crate::stream::{PublicSeed, expand_mask};

/// One limb of one ciphertext of an evaluation key: an encryption of `-factor * sigma(s)` under s.
pub(crate) struct KeyBlock<'a> {
    pub(crate) automorphism: Automorphism,
    /// The gadget's element, times a special modulus if there is one, modulo this limb. Public.
    pub(crate) factor: u32,
    /// s modulo this limb, in the NTT domain.
    pub(crate) secret: &'a [u32],
    /// The ciphertext's noise, the same in every limb.
    pub(crate) noise: &'a [i8],
    pub(crate) public: &'a PublicSeed,
    pub(crate) coordinate: u64,
}

impl KeyBlock<'_> {
    /// The body, N residues in the NTT domain; `mask` receives the mask.
    pub(crate) fn body_into<P: Prime, R: RingOps>(&self, body: &mut [u32], mask: &mut [u32]) {
        for (b, &e) in body.iter_mut().zip(self.noise) {
            *b = P::from_i8(e);
        }
        R::ntt_forward::<P>(body);
        if self.factor != 0 {
            for (i, b) in body.iter_mut().enumerate() {
                let image = self.secret[self.automorphism.source(i)];
                *b = P::sub(*b, P::mul(self.factor, image));
            }
        }
        expand_mask::<P>(self.public, self.coordinate, 0, mask);
        R::mul_add_assign::<P>(body, mask, self.secret);
    }
}
