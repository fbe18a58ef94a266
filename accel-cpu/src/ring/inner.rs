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
    use crate::arch::portable_lanes::PortableLanes;
    use kernel::prime::{Delta, Prime, Prime26, Prime29};

    /// As many baby steps as sums hold, and more, all of the largest residues.
    fn largest<L: Lanes, P: Prime>(lanes: L) {
        let modulus = Modulus::of::<P>().unwrap();
        let top = P::VALUE - 1;
        for (count, together) in [(1, 1), (TERMS, 2), (TERMS + 1, 2), (128, 1), (200, 2)] {
            let weights = vec![top; 2 * count * L::COUNT];
            let babies = vec![top; 2 * count * L::COUNT];
            let mut sums = vec![top; 4 * L::COUNT];
            multiply(lanes, &modulus, together, &weights, &babies, &mut sums);
            // (-1) (-1) each, and -1.
            let expected = P::reduce(count as u64 - 1);
            assert!(sums.iter().all(|&sum| sum == expected), "{count} modulo {}", P::VALUE);
        }
    }

    fn every_prime<L: Lanes>(lanes: L) {
        largest::<L, Prime29>(lanes);
        largest::<L, Delta>(lanes);
        largest::<L, Prime26>(lanes);
    }

    #[test]
    fn sums_hold_the_largest_products() {
        every_prime(PortableLanes::<4>);
        every_prime(PortableLanes::<8>);
        #[cfg(target_arch = "x86_64")]
        {
            use crate::arch::x86_64::{Avx2Lanes, Avx512Lanes};
            if let Some(lanes) = Avx2Lanes::detect() {
                every_prime(lanes);
            }
            if let Some(lanes) = Avx512Lanes::detect() {
                every_prime(lanes);
            }
        }
    }
}
