//! The gadget decomposition of masks: an inverse transform for each limb, and for each
//! digit a forward one for each limb.

use super::ntt;
use super::scratch::Scratch;
use super::set::Set;
use crate::arch::lanes::Lanes;
use crate::team::Team;
use kernel::accel::AccelError;

/// The digits of masks, in the NTT domain of every limb, settled: for each mask, limb and element a
/// polynomial, a stride apart.
pub(super) struct Digits {
    words: Scratch,
    stride: usize,
    elements: usize,
    limbs: usize,
    /// The digits as integers, in the bits of a word: for each mask and element a polynomial.
    integers: Scratch,
}

impl Digits {
    /// Room for the digits of `masks` masks.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn new(set: &Set, masks: usize) -> Result<Self, AccelError> {
        let (stride, elements, limbs) = (set.stride(), set.gadget(), set.limbs.len());
        let words = Scratch::new(masks * limbs * elements * stride)?;
        let integers = Scratch::new(masks * elements * set.degree)?;
        Ok(Self { words, stride, elements, limbs, integers })
    }

    /// Cuts masks, each all limbs of a polynomial in the NTT domain.
    pub(super) fn cut<'a, L: Lanes>(
        &mut self,
        lanes: L,
        team: &Team,
        set: &Set,
        masks: impl Iterator<Item = &'a [u32]> + Send,
    ) {
        let cuts = self.integers.chunks_exact_mut(self.elements * set.degree).zip(masks);
        let cuts = cuts.flat_map(|(integers, mask)| {
            let mut rest = integers;
            mask.chunks_exact(set.degree).zip(&set.limbs).map(move |(mask, limb)| {
                let words = limb.digits * set.degree;
                let (integers, after) = core::mem::take(&mut rest).split_at_mut(words);
                rest = after;
                (integers, (mask, limb))
            })
        });
        team.for_each(cuts, |(integers, (mask, limb))| {
            let mut mask = mask.to_vec();
            lanes.run(
                #[inline(always)]
                || {
                    ntt::inverse(lanes, &limb.modulus, &mut mask);
                    cut(limb.modulus.value, limb.digit_bits, &mask, integers);
                },
            );
        });
        // Of one mask: every limb, and within it every element.
        let (elements, limbs) = (self.elements, self.limbs);
        let integers = &self.integers;
        let polynomials = self.words.chunks_exact_mut(self.stride).enumerate();
        team.for_each(polynomials, |(index, polynomial)| {
            let (mask, limb) = (index / (limbs * elements), index / elements % limbs);
            let element = mask * elements + index % elements;
            let modulus = &set.limbs[limb].modulus;
            let integers = &integers[element * set.degree..][..set.degree];
            let polynomial = &mut polynomial[..set.degree];
            lanes.run(
                #[inline(always)]
                || {
                    residues(modulus.value, integers, polynomial);
                    ntt::forward_settled(lanes, modulus, polynomial);
                },
            );
        });
    }

    /// The digits of a mask in one limb, an element a stride.
    pub(super) fn of(&self, mask: usize, limb: usize) -> &[u32] {
        let words = self.elements * self.stride;
        &self.words[(mask * self.limbs + limb) * words..][..words]
    }
}

/// The signed digits of residues, all first ones before all second ones.
#[inline(always)]
fn cut(p: u32, bits: u32, residues: &[u32], digits: &mut [u32]) {
    let half = 1 << (bits - 1);
    let degree = residues.len();
    // A magnitude and the half of a digit, below 2^9, are below 2^31: p is at most 2^32 - 2^10.
    let above = p / 2;
    let sign = |residue: u32| -i32::from(residue > above);
    // `digits` holds what is left of every magnitude where its next digit will be.
    let (first, rest) = digits.split_at_mut(degree);
    for (digit, &residue) in first.iter_mut().zip(residues) {
        *digit = if residue > above { p - residue } else { residue };
    }
    let mut left = first;
    for next in rest.chunks_exact_mut(degree) {
        for ((digit, next), &residue) in left.iter_mut().zip(&mut *next).zip(residues) {
            let (up, sign) = (*digit as i32 + half, sign(residue));
            let low = (up & ((1 << bits) - 1)) - half;
            *digit = ((low ^ sign) - sign) as u32;
            *next = (up >> bits) as u32;
        }
        left = next;
    }
    for (digit, &residue) in left.iter_mut().zip(residues) {
        let sign = sign(residue);
        *digit = ((*digit as i32 ^ sign) - sign) as u32;
    }
}

/// The residues of integers smaller than p and `2^31`, which are in the bits of words.
#[inline(always)]
pub(super) fn residues(p: u32, integers: &[u32], residues: &mut [u32]) {
    for (residue, &word) in residues.iter_mut().zip(integers) {
        *residue = word.wrapping_add(p & (word as i32 >> 31) as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::gadget::{digit_bits, digits_into};
    use kernel::prime::{Delta, Prime, Prime25, Prime26, Prime29, T};

    fn check<P: Prime>(count: usize) {
        let p = P::VALUE;
        let mut values: Vec<u32> = [0, 1 << 7, 1 << 8, p / 2, 1 << 31, p]
            .into_iter()
            .flat_map(|edge| (0..5).map(move |i| edge.wrapping_add(i).wrapping_sub(2)))
            .filter(|&value| value < p)
            .collect();
        values.extend((1..1000).map(|i| P::reduce(i * 0x9e37_79b9_7f4a)));
        let mut got = vec![0; count * values.len()];
        cut(p, digit_bits::<P>(count), &values, &mut got);
        for (k, got) in got.chunks_exact(values.len()).enumerate() {
            let mut expected = vec![0; values.len()];
            digits_into::<P>(count, k, &values, &mut expected);
            let got: Vec<_> = got.iter().map(|&digit| digit as i32).collect();
            assert_eq!(got, expected, "digit {k} of {count} modulo {p}");
            let mut words = vec![0; values.len()];
            residues(p, &got.iter().map(|&digit| digit as u32).collect::<Vec<_>>(), &mut words);
            let expected: Vec<_> = expected.into_iter().map(P::from_i32).collect();
            assert_eq!(words, expected, "residues of digit {k} of {count} modulo {p}");
        }
    }

    #[test]
    fn digits_are_those_of_the_kernel() {
        for count in 3..=5 {
            check::<T>(count);
            check::<Prime29>(count);
            check::<Delta>(count);
            check::<Prime26>(count);
            check::<Prime25>(count);
        }
    }
}
