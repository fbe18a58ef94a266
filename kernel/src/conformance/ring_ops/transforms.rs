use super::{compare, degrees, edges, in_garbage, residues, with_every_prime};
use crate::prime::Prime;
use crate::ring::{Definition, RingOps};
use alloc::vec;
use alloc::vec::Vec;

/// Longest transforms that are compared with their definition many times over.
const SHORT: usize = 256;

/// Both transforms of `values` are those of the definition.
fn check<R: RingOps, P: Prime>(values: &[u32], what: &str) {
    let mut expected = values.to_vec();
    Definition::ntt_forward::<P>(&mut expected);
    let got = in_garbage(values, R::ntt_forward::<P>);
    compare::<P>(&got, &expected, || alloc::format!("forward transform of {what}"));

    let mut expected = values.to_vec();
    Definition::ntt_inverse::<P>(&mut expected);
    let got = in_garbage(values, R::ntt_inverse::<P>);
    compare::<P>(&got, &expected, || alloc::format!("inverse transform of {what}"));
}

/// One edge value everywhere, and one edge value at one place.
pub fn transforms_of_edges<R: RingOps>() {
    fn all<R: RingOps, P: Prime>() {
        for n in degrees::<P>().filter(|&n| n <= SHORT) {
            for edge in edges::<P>() {
                check::<R, P>(&vec![edge; n], &alloc::format!("{edge} everywhere"));
                for at in (0..n).filter(|at| n <= 64 || [0, 1, n / 2, n - 1].contains(at)) {
                    let mut values = vec![0; n];
                    values[at] = edge;
                    check::<R, P>(&values, &alloc::format!("{edge} at {at}"));
                }
            }
        }
    }
    with_every_prime!(all::<R>);
}

/// Edge values and noise, N up to 256.
pub fn transforms_of_noise<R: RingOps>() {
    fn all<R: RingOps, P: Prime>() {
        for n in degrees::<P>().filter(|&n| n <= SHORT) {
            for seed in 0..16 {
                check::<R, P>(&residues::<P>(seed, n), &alloc::format!("noise {seed}"));
            }
        }
    }
    with_every_prime!(all::<R>);
}

/// Edge values and noise once, N above 256.
pub fn long_transforms<R: RingOps>() {
    fn all<R: RingOps, P: Prime>() {
        for n in degrees::<P>().filter(|&n| n > SHORT) {
            check::<R, P>(&residues::<P>(n as u64, n), "noise");
        }
    }
    with_every_prime!(all::<R>);
}

/// Each transform undoes the other.
pub fn round_trips<R: RingOps>() {
    fn all<R: RingOps, P: Prime>() {
        for n in degrees::<P>() {
            let constants = edges::<P>().map(|edge| vec![edge; n]);
            let noise = (0..8).map(|seed| residues::<P>(seed, n));
            for values in constants.into_iter().chain(noise) {
                let there = in_garbage(&values, R::ntt_forward::<P>);
                let back = in_garbage(&there, R::ntt_inverse::<P>);
                compare::<P>(&back, &values, || "forward, then inverse".into());
                let there = in_garbage(&values, R::ntt_inverse::<P>);
                let back = in_garbage(&there, R::ntt_forward::<P>);
                compare::<P>(&back, &values, || "inverse, then forward".into());
            }
        }
    }
    with_every_prime!(all::<R>);
}

/// `a * b mod X^N + 1` for a `b` given by its few terms (exponent, coefficient).
fn schoolbook<P: Prime>(a: &[u32], b: &[(usize, u32)]) -> Vec<u32> {
    let n = a.len();
    let mut out = vec![0; n];
    for &(exponent, coefficient) in b {
        for (i, &x) in a.iter().enumerate() {
            let (product, k) = (P::mul(x, coefficient), (i + exponent) % n);
            let wraps = i + exponent >= n;
            out[k] = if wraps { P::sub(out[k], product) } else { P::add(out[k], product) };
        }
    }
    out
}

/// Products in the NTT domain are products of polynomials, with `X^N = -1`.
pub fn products_are_convolutions<R: RingOps>() {
    fn all<R: RingOps, P: Prime>() {
        for n in degrees::<P>() {
            let a = residues::<P>(n as u64, n);
            let [.., half, above, bits] = edges::<P>();
            let sparse = [
                vec![(1, 1)],
                vec![(n - 1, P::VALUE - 1)],
                vec![(0, half), (1, P::VALUE - 1), (n / 2, above), (n - 1, bits)],
            ];
            for terms in sparse {
                let mut b = vec![0; n];
                terms.iter().for_each(|&(exponent, coefficient)| b[exponent] = coefficient);
                let fa = in_garbage(&a, R::ntt_forward::<P>);
                let fb = in_garbage(&b, R::ntt_forward::<P>);
                let product = in_garbage(&vec![0; n], |acc| R::mul_add_assign::<P>(acc, &fa, &fb));
                let product = in_garbage(&product, R::ntt_inverse::<P>);
                compare::<P>(&product, &schoolbook::<P>(&a, &terms), || {
                    alloc::format!("noise times the terms {terms:?}")
                });
            }
        }
    }
    with_every_prime!(all::<R>);
}
