//! The giant steps, the final trace and the modulus switch of one result.

use super::Ciphertext;
use super::decompose::Digits;
use super::key_switch::{add, multiply, permute};
use super::keys::{Key, Keys};
use super::ntt;
use super::scratch::Scratch;
use super::set::Set;
use super::shape::Shape;
use crate::arch::lanes::Lanes;
use crate::team::Team;
use kernel::accel::AccelError;
use kernel::direct::{BODY_BITS, MASK_BITS};

/// The inner sums of one result: for each limb and block of places, giant step by giant step, a
/// vector of the mask and a vector of the body.
pub(super) struct Inner {
    pub(super) words: Scratch,
}

impl Inner {
    /// Zeros.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn new(shape: &Shape<'_>) -> Result<Self, AccelError> {
        Ok(Self { words: Scratch::zeros(shape.set.words() * 2 * shape.giants())? })
    }

    /// One giant step's sum, in the order of slots.
    fn sum<L: Lanes>(&self, shape: &Shape<'_>, giant: usize) -> Result<Ciphertext, AccelError> {
        let mut sum = Ciphertext::new(shape.set)?;
        let vectors = 2 * shape.giants();
        let limbs = self.words.chunks_exact(shape.set.degree * vectors);
        for (words, halves) in limbs.zip(sum.limbs_mut(shape.set)) {
            for (half, out) in halves.into_iter().enumerate() {
                let at = (2 * giant + half) * L::COUNT;
                let blocks = words.chunks_exact(vectors * L::COUNT);
                for (block, slots) in blocks.zip(shape.slots.chunks_exact(L::COUNT)) {
                    for (&word, &slot) in block[at..at + L::COUNT].iter().zip(slots) {
                        out[usize::from(slot)] = word;
                    }
                }
            }
        }
        Ok(sum)
    }
}

/// Automorphisms of one ciphertext after another, with room for their digits.
pub(super) struct Steps<'a, L> {
    lanes: L,
    shape: &'a Shape<'a>,
    keys: &'a Keys,
    digits: Digits,
    sums: Scratch,
}

impl<'a, L: Lanes> Steps<'a, L> {
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn new(lanes: L, shape: &'a Shape<'a>, keys: &'a Keys) -> Result<Self, AccelError> {
        let digits = Digits::new(shape.set, 1)?;
        let sums = Scratch::new(2 * shape.set.degree)?;
        Ok(Self { lanes, shape, keys, digits, sums })
    }

    /// `to += sigma(x)`, by the key for sigma.
    fn add_image(&mut self, to: &mut Ciphertext, x: &Ciphertext, key: &Key) {
        let (lanes, set) = (self.lanes, self.shape.set);
        let degree = set.degree;
        self.digits.cut(lanes, Team::ALONE, set, core::iter::once(&x.mask[..]));
        let (sum_mask, sum_body) = self.sums.split_at_mut(degree);
        let mut image = vec![0; degree];
        for (limb, [mask, body]) in to.limbs_mut(set).enumerate() {
            let modulus = &set.limbs[limb].modulus;
            lanes.run(
                #[inline(always)]
                || {
                    let digits = self.digits.of(0, limb);
                    let place = (limb, 0..degree);
                    multiply(lanes, set, place, digits, key, [&mut *sum_mask, &mut *sum_body]);
                    add(lanes, modulus, sum_body, x.body(set, limb));
                    permute(&key.source, sum_mask, &mut image);
                    add(lanes, modulus, mask, &image);
                    permute(&key.source, sum_body, &mut image);
                    add(lanes, modulus, body, &image);
                },
            );
        }
    }

    /// The giant steps of one side, by Horner's rule.
    ///
    /// # Errors
    /// [`AccelError::MissingKey`].
    pub(super) fn side(&mut self, inner: &Inner, side: usize) -> Result<Ciphertext, AccelError> {
        let (shape, keys) = (self.shape, self.keys);
        let giants = shape.plan.giants();
        let mut sum = inner.sum::<L>(shape, side * giants + giants - 1)?;
        if giants > 1 {
            let key = keys.get(shape.plan.generator())?;
            for j in (0..giants - 1).rev() {
                let mut next = inner.sum::<L>(shape, side * giants + j)?;
                self.add_image(&mut next, &sum, key);
                sum = next;
            }
        }
        Ok(sum)
    }

    /// The result from its sides, switched to small moduli.
    ///
    /// # Errors
    /// [`AccelError::MissingKey`].
    pub(super) fn finish(
        &mut self,
        sides: &[Ciphertext],
        mask: &mut [u64],
        body: &mut [u64],
    ) -> Result<(), AccelError> {
        let (shape, keys) = (self.shape, self.keys);
        let Some(first) = sides.first() else { return Ok(()) };
        let mut result = first.copy(shape.set)?;
        if let Some(negative) = sides.get(1) {
            let key = keys.get(shape.plan.conjugation())?;
            self.add_image(&mut result, negative, key);
        }
        for sigma in shape.layout.folds() {
            let key = keys.get(sigma)?;
            let x = result.copy(shape.set)?;
            self.add_image(&mut result, &x, key);
        }
        self.switch(result, mask, body);
        Ok(())
    }

    /// The modulus switch of a result; of the body only the outputs.
    fn switch(&self, mut result: Ciphertext, mask: &mut [u64], body: &mut [u64]) {
        let (lanes, set, layout) = (self.lanes, self.shape.set, &self.shape.layout);
        for (limb, halves) in set.limbs.iter().zip(result.limbs_mut(set)) {
            for half in halves {
                lanes.run(
                    #[inline(always)]
                    || ntt::inverse(lanes, &limb.modulus, half),
                );
            }
        }
        (set.switch)(MASK_BITS, &result.mask, mask);
        let outputs = layout.rows() * layout.tokens();
        let exponent = |place| layout.output_exponent(place % layout.rows(), place / layout.rows());
        let mut words = Vec::with_capacity(set.limbs.len() * outputs);
        for limb in result.body.chunks_exact(set.degree) {
            words.extend((0..outputs).map(|place| limb[exponent(place)]));
        }
        (set.switch)(BODY_BITS, &words, body);
    }
}

impl Ciphertext {
    /// Words of any values.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn new(set: &Set) -> Result<Self, AccelError> {
        Ok(Self { mask: Scratch::new(set.words())?, body: Scratch::new(set.words())? })
    }

    /// The same again.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn copy(&self, set: &Set) -> Result<Self, AccelError> {
        let mut copy = Self::new(set)?;
        copy.mask.copy_from_slice(&self.mask);
        copy.body.copy_from_slice(&self.body);
        Ok(copy)
    }

    /// Mask and body of each limb.
    pub(super) fn limbs_mut<'a>(
        &'a mut self,
        set: &Set,
    ) -> impl Iterator<Item = [&'a mut [u32]; 2]> + use<'a> {
        let masks = self.mask.chunks_exact_mut(set.degree);
        masks.zip(self.body.chunks_exact_mut(set.degree)).map(|(mask, body)| [mask, body])
    }

    pub(super) fn mask(&self, set: &Set, limb: usize) -> &[u32] {
        &self.mask[limb * set.degree..][..set.degree]
    }

    pub(super) fn body(&self, set: &Set, limb: usize) -> &[u32] {
        &self.body[limb * set.degree..][..set.degree]
    }
}
