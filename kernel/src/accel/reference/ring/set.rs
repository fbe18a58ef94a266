use crate::accel::AccelError;
use crate::accel::ring::Ciphertexts;
use crate::direct::{BODY_BITS, MASK_BITS, switch_into};
use crate::gadget::{self, digits_into};
use crate::galois::Automorphism;
use crate::params::{DirectSet, LimbVisitor, Limbs, ParameterId};
use crate::prime::Prime;
use crate::ring::{RingOps, Scalar};
use crate::stream::{PublicSeed, expand_mask};
use crate::trace::Layout;
use crate::with_direct_set;
use alloc::vec;
use alloc::vec::Vec;

/// For each limb a polynomial's N residues.
pub(super) type Polynomial = Vec<Vec<u32>>;

/// Mask and body.
#[derive(Clone, Debug)]
pub(super) struct Ciphertext {
    pub(super) mask: Polynomial,
    pub(super) body: Polynomial,
}

/// The operations modulo one limb.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limb {
    prime: u32,
    /// Digits of the gadget.
    pub(super) digits: usize,
    forward: fn(&mut [u32]),
    inverse: fn(&mut [u32]),
    from_integer: fn(i64) -> u32,
    cut: fn(usize, usize, &[u32], &mut [i32]),
    expand: fn(&PublicSeed, u64, usize, &mut [u32]),
    mul_add: fn(&mut [u32], &[u32], &[u32]),
    add: fn(&mut [u32], &[u32]),
}

/// A parameter set of direct mode, as values.
#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) degree: usize,
    pub(super) limbs: Vec<Limb>,
    switch: fn(u32, &[u32], &mut [u64]),
}

impl Limb {
    /// From the NTT domain.
    #[cfg(test)]
    pub(super) fn to_coefficients(self, polynomial: &mut [u32]) {
        (self.inverse)(polynomial);
    }
}

struct Collect(Vec<Limb>, u32);

impl LimbVisitor for Collect {
    fn limb<P: Prime>(&mut self, _: usize) {
        self.0.push(Limb {
            prime: P::VALUE,
            digits: gadget::digits::<P>(self.1),
            forward: Scalar::ntt_forward::<P>,
            inverse: Scalar::ntt_inverse::<P>,
            from_integer: P::from_i64,
            cut: digits_into::<P>,
            expand: expand_mask::<P>,
            mul_add: Scalar::mul_add_assign::<P>,
            add: Scalar::add_assign::<P>,
        });
    }
}

impl Set {
    pub(super) fn of(id: ParameterId) -> Option<Self> {
        fn new<S: DirectSet>() -> Set {
            let mut limbs = Collect(Vec::new(), S::DIGIT_BITS);
            S::Chain::visit(&mut limbs);
            Set { degree: S::N, limbs: limbs.0, switch: switch_into::<S> }
        }
        with_direct_set!(id, S => Some(new::<S>()), None)
    }

    /// Ciphertexts with their masks.
    pub(super) fn expand(&self, input: &Ciphertexts<'_>) -> Result<Vec<Ciphertext>, AccelError> {
        let bodies = input.bodies.chunks_exact(self.limbs.len() * self.degree);
        let expand = |(coordinate, body): (u64, &[u32])| {
            let body: Polynomial = body.chunks_exact(self.degree).map(<[u32]>::to_vec).collect();
            if self.limbs.iter().zip(&body).any(|(limb, b)| b.iter().any(|&b| b >= limb.prime)) {
                return Err(AccelError::Residue);
            }
            let mut mask = self.zero();
            for (limb, mask) in self.limbs.iter().zip(&mut mask) {
                (limb.expand)(input.seed, coordinate, 0, mask);
            }
            Ok(Ciphertext { mask, body })
        };
        (input.first..).zip(bodies).map(expand).collect()
    }

    pub(super) fn zero(&self) -> Polynomial {
        vec![vec![0; self.degree]; self.limbs.len()]
    }

    /// A polynomial of integers, in the NTT domain.
    pub(super) fn transformed(&self, integers: &[i64]) -> Polynomial {
        let transform = |limb: &Limb| {
            let mut residues: Vec<u32> = integers.iter().map(|&x| (limb.from_integer)(x)).collect();
            (limb.forward)(&mut residues);
            residues
        };
        self.limbs.iter().map(transform).collect()
    }

    pub(super) fn add(&self, to: &mut Ciphertext, what: &Ciphertext) {
        for (i, limb) in self.limbs.iter().enumerate() {
            (limb.add)(&mut to.mask[i], &what.mask[i]);
            (limb.add)(&mut to.body[i], &what.body[i]);
        }
    }

    /// `to += p * what`.
    pub(super) fn mul_add(&self, to: &mut Ciphertext, p: &Polynomial, what: &Ciphertext) {
        for (i, limb) in self.limbs.iter().enumerate() {
            (limb.mul_add)(&mut to.mask[i], &p[i], &what.mask[i]);
            (limb.mul_add)(&mut to.body[i], &p[i], &what.body[i]);
        }
    }

    /// The digits of a ciphertext's mask, one polynomial for each element of the gadget.
    pub(super) fn decompose(&self, ciphertext: &Ciphertext) -> Vec<Polynomial> {
        let mut elements = Vec::new();
        for (limb, mask) in self.limbs.iter().zip(&ciphertext.mask) {
            let mut mask = mask.clone();
            (limb.inverse)(&mut mask);
            for k in 0..limb.digits {
                let mut digits = vec![0; self.degree];
                (limb.cut)(limb.digits, k, &mask, &mut digits);
                let digits: Vec<_> = digits.into_iter().map(i64::from).collect();
                elements.push(self.transformed(&digits));
            }
        }
        elements
    }

    /// `sigma(ciphertext)` under the key of the ciphertext, from the digits of its mask.
    pub(super) fn switch_key(
        &self,
        ciphertext: &Ciphertext,
        digits: &[Polynomial],
        sigma: Automorphism,
        key: &[Ciphertext],
    ) -> Ciphertext {
        let mut out = Ciphertext { mask: self.zero(), body: permuted(&ciphertext.body, sigma) };
        for (digit, element) in digits.iter().zip(key) {
            self.mul_add(&mut out, &permuted(digit, sigma), element);
        }
        out
    }

    /// The modulus switch of a result; of the body only the outputs.
    pub(super) fn switch(
        &self,
        mut ciphertext: Ciphertext,
        layout: &Layout,
        mask: &mut [u64],
        body: &mut [u64],
    ) {
        for polynomial in [&mut ciphertext.mask, &mut ciphertext.body] {
            self.limbs.iter().zip(polynomial).for_each(|(limb, p)| (limb.inverse)(p));
        }
        (self.switch)(MASK_BITS, &ciphertext.mask.concat(), mask);
        let mut whole = vec![0; self.degree];
        (self.switch)(BODY_BITS, &ciphertext.body.concat(), &mut whole);
        for (place, out) in body.iter_mut().enumerate() {
            *out = whole[layout.output_exponent(place % layout.rows(), place / layout.rows())];
        }
    }
}

fn permuted(polynomial: &Polynomial, sigma: Automorphism) -> Polynomial {
    let permute = |limb: &Vec<u32>| {
        let mut out = vec![0; limb.len()];
        sigma.permute_into(limb, &mut out);
        out
    };
    polynomial.iter().map(permute).collect()
}
