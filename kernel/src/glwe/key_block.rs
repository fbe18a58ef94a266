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
    /// The body, N residues in the NTT domain; `mask` is worked in, and sets how much of the mask is
    /// expanded at a time.
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
        add_mask_times_key::<P, R>(self.public, self.coordinate, self.secret, body, mask);
    }
}

/// Adds `a s` to a body modulo one limb, for the mask a of a ciphertext of rank 1, expanded in as many
/// words at a time as `mask` has, a multiple of 16.
pub(crate) fn add_mask_times_key<P: Prime, R: RingOps>(
    public: &PublicSeed,
    coordinate: u64,
    secret: &[u32],
    body: &mut [u32],
    mask: &mut [u32],
) {
    let step = mask.len();
    let parts = body.chunks_mut(step).zip(secret.chunks(step));
    for (first, (body, secret)) in (0..).step_by(step).zip(parts) {
        let mask = &mut mask[..body.len()];
        expand_mask::<P>(public, coordinate, first, mask);
        R::mul_add_assign::<P>(body, mask, secret);
    }
}
