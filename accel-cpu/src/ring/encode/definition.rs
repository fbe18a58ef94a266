//! Weights by the definition: polynomials of integers, transformed one by one. The best way where
//! the main sum is short.

use super::super::decompose::residues;
use super::super::shape::Shape;
use super::{Block, Scratch, ntt};
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
    let columns = transposed(block);
    let mut integers = Scratch::new(steps * degree)?;
    team.for_each(integers.chunks_exact_mut(degree).enumerate(), |(step, integers)| {
        let giant = shape.giant(step / babies);
        let h = giant.compose(shape.plan.baby(step % babies));
        let mut sums = vec![0; degree];
        lanes.run(
            #[inline(always)]
            || {
                add_columns(shape, &columns, block.rows.len(), h, &mut sums);
                place(shape, &sums, giant.inverse(), integers);
            },
        );
    });
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

/// The columns of the block, one after another.
fn transposed(block: &Block<'_>) -> Vec<i8> {
    let rows = block.rows.len();
    let mut columns = vec![0; rows * block.columns.len()];
    for (i, row) in block.rows.clone().enumerate() {
        let row = &block.matrix.row(row)[block.columns.clone()];
        for (column, &weight) in columns.chunks_exact_mut(rows).zip(row) {
            column[i] = weight;
        }
    }
    columns
}

/// `Q_h`, by residues of its exponents modulo `fold`: the coefficient of `X^(fold z + r)` at
/// `[r][z]`. The exponents of one column have one residue, and follow each other.
#[inline(always)]
fn add_columns(shape: &Shape<'_>, columns: &[i8], rows: usize, h: Automorphism, sums: &mut [i32]) {
    let (degree, fold) = (shape.set.degree, shape.layout.fold());
    let length = degree / fold;
    for (j, column) in columns.chunks_exact(rows).enumerate() {
        let shift = h.exponent() as usize * shape.layout.input_exponent(j, 0) % (2 * degree);
        let shift = (2 * degree - shift) % (2 * degree);
        let part = &mut sums[shift % fold * length..][..length];
        let (start, negative) = (shift / fold % length, shift / fold >= length);
        let (first, rest) = column.split_at(rows.min(length - start));
        // X^length = -1 in the ring of what is left of the exponents.
        add_signed(&mut part[start..], first, negative);
        add_signed(part, rest, !negative);
    }
}

#[inline(always)]
fn add_signed(sums: &mut [i32], weights: &[i8], negative: bool) {
    let pairs = sums.iter_mut().zip(weights);
    if negative {
        pairs.for_each(|(sum, &weight)| *sum -= i32::from(weight));
    } else {
        pairs.for_each(|(sum, &weight)| *sum += i32::from(weight));
    }
}

/// `sigma` of a polynomial in the order of [`add_columns`], in the bits of words.
#[inline(always)]
fn place(shape: &Shape<'_>, sums: &[i32], sigma: Automorphism, out: &mut [u32]) {
    let (degree, fold) = (shape.set.degree, shape.layout.fold());
    let (mask, sigma) = (2 * degree - 1, sigma.exponent() as usize);
    for (r, part) in sums.chunks_exact(degree / fold).enumerate() {
        let mut exponent = r * sigma & mask;
        for &sum in part {
            out[exponent & (degree - 1)] = (if exponent < degree { sum } else { -sum }) as u32;
            exponent = (exponent + fold * sigma) & mask;
        }
    }
}
