//! Weights by the definition: polynomials of integers, transformed one by one. The best way where
//! the main sum is short.

use super::super::decompose::residues;
use super::super::shape::Shape;
use super::{Block, Failure, Scratch, ntt};
use crate::arch::lanes::Lanes;
use crate::team::Team;
use kernel::accel::AccelError;
use kernel::galois::Automorphism;

pub(super) fn encode<L: Lanes>(
    lanes: L,
    team: &Team,
    shape: &Shape<'_>,
    block: &Block<'_>,
    out: &mut [u32],
) -> Result<(), AccelError> {
    let degree = shape.set.degree;
    let babies = shape.plan.babies();
    let steps = shape.giants() * babies;
    let columns = Columns::new(shape, block);
    let failure = Failure::default();
    let mut integers = Scratch::new(steps * degree)?;
    team.for_each(integers.chunks_exact_mut(degree).enumerate(), |(step, integers)| {
        let giant = shape.giant(step / babies);
        let h = giant.compose(shape.plan.baby(step % babies));
        let sums = Scratch::zeros(columns.sums(shape));
        let Ok(mut sums) = sums.map_err(|error| failure.note(Err(error))) else { return };
        lanes.run(
            #[inline(always)]
            || {
                columns.add(shape, h, &mut sums);
                columns.place(shape, &sums, giant.inverse(), integers);
            },
        );
    });
    failure.result()?;
    let limb_words = shape.weights(degree);
    let mut transformed = Scratch::new(steps * degree)?;
    for (limb, out) in shape.set.limbs.iter().zip(out.chunks_exact_mut(limb_words)) {
        let tasks = transformed.chunks_exact_mut(degree).zip(integers.chunks_exact(degree));
        team.for_each(tasks, |(polynomial, integers)| {
            lanes.run(
                #[inline(always)]
                || {
                    residues(limb.modulus.value, integers, polynomial);
                    ntt::forward(lanes, &limb.modulus, polynomial);
                },
            );
        });
        let blocks = out.chunks_exact_mut(shape.weights(L::COUNT)).enumerate();
        team.for_each(blocks, |(block, out)| {
            for step in 0..steps {
                let at = shape.weight(step / babies, step % babies, L::COUNT);
                out[at..at + L::COUNT]
                    .copy_from_slice(&transformed[step * degree + block * L::COUNT..][..L::COUNT]);
            }
        });
    }
    Ok(())
}

/// Columns are padded to a multiple of this, so that sums run over whole vectors.
const RUN: usize = 32;

/// The columns of a block, one after another.
struct Columns {
    weights: Vec<i8>,
    /// Words of one.
    length: usize,
    /// The exponents of its inputs.
    exponents: Vec<usize>,
}

impl Columns {
    fn new(shape: &Shape<'_>, block: &Block<'_>) -> Self {
        let length = block.rows.len().next_multiple_of(RUN);
        let count = block.columns.len();
        let mut weights = vec![0; length * count];
        for (i, row) in block.rows.clone().enumerate() {
            let row = &block.matrix.row(row)[block.columns.clone()];
            for (column, &weight) in weights.chunks_exact_mut(length).zip(row) {
                column[i] = weight;
            }
        }
        let exponents = (0..count).map(|j| shape.layout.input_exponent(j, 0)).collect();
        Self { weights, length, exponents }
    }

    /// Words of the sums of [`Columns::add`].
    fn sums(&self, shape: &Shape<'_>) -> usize {
        shape.set.degree + shape.layout.fold() * self.length
    }

    /// `Q_h`, by residues of its exponents modulo `fold`: the coefficient of `X^(fold z + r)` at
    /// `[r][z]`, in the bits of words. The exponents of one column have one residue, and follow each
    /// other, to beyond the degree.
    #[inline(always)]
    fn add(&self, shape: &Shape<'_>, h: Automorphism, sums: &mut [u32]) {
        let (degree, fold) = (shape.set.degree, shape.layout.fold());
        let (length, mask, fold_bits) = (degree / fold, 2 * degree - 1, fold.ilog2());
        let columns = self.weights.chunks_exact(self.length).zip(&self.exponents);
        for (column, exponent) in columns {
            let shift = (h.exponent() as usize * exponent).wrapping_neg() & mask;
            let (part, start) = (shift & (fold - 1), shift >> fold_bits & (length - 1));
            let part = &mut sums[part * (length + self.length) + start..][..self.length];
            let runs = part.as_chunks_mut::<RUN>().0.iter_mut().zip(column.as_chunks::<RUN>().0);
            // X^degree = -1.
            if shift < degree {
                for (sums, weights) in runs {
                    for (sum, &weight) in sums.iter_mut().zip(weights) {
                        *sum = sum.wrapping_add(i32::from(weight) as u32);
                    }
                }
            } else {
                for (sums, weights) in runs {
                    for (sum, &weight) in sums.iter_mut().zip(weights) {
                        *sum = sum.wrapping_sub(i32::from(weight) as u32);
                    }
                }
            }
        }
    }

    /// `sigma` of a polynomial in the order of [`Columns::add`].
    #[inline(always)]
    fn place(&self, shape: &Shape<'_>, sums: &[u32], sigma: Automorphism, out: &mut [u32]) {
        let (degree, fold) = (shape.set.degree, shape.layout.fold());
        let (length, mask) = (degree / fold, 2 * degree - 1);
        let sigma = sigma.exponent() as usize;
        for (r, part) in sums.chunks_exact(length + self.length).enumerate() {
            let mut exponent = (r * sigma) & mask;
            let (low, beyond) = part.split_at(length);
            let beyond = beyond.iter().chain(core::iter::repeat(&0));
            for (&low, &beyond) in low.iter().zip(beyond) {
                let sum = low.wrapping_sub(beyond);
                let negative = u32::from(exponent >= degree);
                let sum = (sum ^ negative.wrapping_neg()).wrapping_add(negative);
                out[exponent & (degree - 1)] = sum;
                exponent = (exponent + fold * sigma) & mask;
            }
        }
    }
}
