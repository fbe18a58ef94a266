//! The inner sums: weights times baby steps.

use super::arithmetic::{Field, with_field};
use super::modulus::Modulus;
use crate::arch::lanes::Lanes;

/// Adds to the sums of some giant steps in one block of places: `giants` steps whose weights lie
/// side by side at a time.
///
/// `weights` holds for each such group of giants and each baby step their weights, a vector each;
/// `babies` for each baby step mask and body; `sums` for each giant step mask and body.
#[inline(always)]
pub(super) fn multiply<L: Lanes>(
    lanes: L,
    modulus: &Modulus,
    together: usize,
    weights: &[u32],
    babies: &[u32],
    sums: &mut [u32],
) {
    with_field!(lanes, modulus, field => groups::<L, _>(field, together, weights, babies, sums));
}

#[inline(always)]
fn groups<L: Lanes, F: Field<L>>(
    field: F,
    together: usize,
    weights: &[u32],
    babies: &[u32],
    sums: &mut [u32],
) {
    let (weights, babies) = (L::vectors(weights), L::vectors(babies));
    let count = babies.len() / 2;
    let groups = weights.chunks_exact(together * count);
    let sums = L::vectors_mut(sums).chunks_exact_mut(2 * together);
    for (weights, sums) in groups.zip(sums) {
        if together == 2 {
            group::<L, F, 2>(field, weights, babies, sums);
        } else {
            group::<L, F, 1>(field, weights, babies, sums);
        }
    }
}

#[inline(always)]
fn group<L: Lanes, F: Field<L>, const TOGETHER: usize>(
    field: F,
    weights: &[L::Words],
    babies: &[L::Words],
    sums: &mut [L::Words],
) {
    let lanes = field.lanes();
    let weights = weights.as_chunks::<TOGETHER>().0.chunks(F::TERMS);
    let babies = babies.as_chunks::<2>().0.chunks(F::TERMS);
    for (weights, babies) in weights.zip(babies) {
        let mut acc = [[field.zero(); 2]; TOGETHER];
        for (weights, [mask, body]) in weights.iter().zip(babies) {
            let (mask, body) = (lanes.load(mask), lanes.load(body));
            for i in 0..TOGETHER {
                let weight = lanes.load(&weights[i]);
                acc[i][0] = field.mul_add(acc[i][0], weight, mask);
                acc[i][1] = field.mul_add(acc[i][1], weight, body);
            }
        }
        for (acc, sums) in acc.iter().flatten().zip(&mut *sums) {
            lanes.store(field.add(lanes.load(sums), field.residues(*acc)), sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::lanes::with_every_lanes;
    use kernel::prime::{Delta, Prime, Prime25, Prime26, Prime29, T};

    /// As many baby steps as lazy sums hold, and more, all of one residue at an edge.
    fn edges<L: Lanes, P: Prime>(lanes: L) {
        let modulus = Modulus::of::<P>().unwrap();
        let top = P::VALUE - 1;
        for (count, together) in [(1, 1), (63, 2), (64, 2), (128, 1), (200, 2)] {
            for weight in [0, 1, top / 2, top / 2 + 1, top] {
                for baby in [0, 1, top / 2, top / 2 + 1, top] {
                    let weights = vec![weight; 2 * count * L::COUNT];
                    let babies = vec![baby; 2 * count * L::COUNT];
                    let mut sums = vec![top; 4 * L::COUNT];
                    multiply(lanes, &modulus, together, &weights, &babies, &mut sums);
                    let expected = P::mul(P::mul(weight, baby), P::reduce(count as u64));
                    let expected = P::add(expected, top);
                    assert!(
                        sums.iter().all(|&sum| sum == expected),
                        "{count} times {weight} times {baby} modulo {}",
                        P::VALUE
                    );
                }
            }
        }
    }

    fn every_prime<L: Lanes>(lanes: L) {
        edges::<L, T>(lanes);
        edges::<L, Prime29>(lanes);
        edges::<L, Delta>(lanes);
        edges::<L, Prime26>(lanes);
        edges::<L, Prime25>(lanes);
    }

    #[test]
    fn sums_hold_products_of_edges() {
        with_every_lanes!(lanes => every_prime(lanes));
    }
}
