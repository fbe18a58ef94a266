use super::{fits, forward, forward_settled, inverse};
use crate::arch::lanes::{Lanes, with_every_lanes};
use crate::ring::modulus::Modulus;
use kernel::ntt::MAX_DEGREE;
use kernel::prime::{Delta, Prime, Prime25, Prime26, Prime29, T};
use kernel::ring::{RingOps, Scalar};

/// Transforms of edges and of what looks random, at every degree that fits.
fn transforms<L: Lanes, P: Prime>(lanes: L) {
    let modulus = Modulus::of::<P>().unwrap();
    let top = P::VALUE - 1;
    let noise = |i: usize| P::reduce((i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let edges = [0, 1, top / 2, top / 2 + 1, top - 1, top];
    let mut degree = 1;
    while degree <= MAX_DEGREE {
        let of = |f: &dyn Fn(usize) -> u32| (0..degree).map(f).collect::<Vec<_>>();
        let mut all: Vec<_> = edges.iter().map(|&edge| of(&|_| edge)).collect();
        all.push(of(&noise));
        all.push(of(&|i| edges[noise(i) as usize % edges.len()]));
        for polynomial in all.iter().filter(|_| fits::<L>(degree)) {
            let (mut expected, mut got) = (polynomial.clone(), polynomial.clone());
            Scalar::ntt_forward::<P>(&mut expected);
            lanes.run(
                #[inline(always)]
                || forward(lanes, &modulus, &mut got),
            );
            assert_eq!(got, expected, "degree {degree} modulo {}", P::VALUE);

            let mut settled = polynomial.clone();
            lanes.run(
                #[inline(always)]
                || forward_settled(lanes, &modulus, &mut settled),
            );
            for word in &mut settled {
                *word = P::reduce((*word).into());
            }
            assert_eq!(settled, expected, "settled, degree {degree} modulo {}", P::VALUE);

            let (mut expected, mut got) = (polynomial.clone(), polynomial.clone());
            Scalar::ntt_inverse::<P>(&mut expected);
            lanes.run(
                #[inline(always)]
                || inverse(lanes, &modulus, &mut got),
            );
            assert_eq!(got, expected, "inverse, degree {degree} modulo {}", P::VALUE);
        }
        degree *= 2;
    }
}

fn every_prime<L: Lanes>(lanes: L) {
    transforms::<L, T>(lanes);
    transforms::<L, Prime29>(lanes);
    transforms::<L, Delta>(lanes);
    transforms::<L, Prime26>(lanes);
    transforms::<L, Prime25>(lanes);
}

#[test]
fn transforms_equal_those_of_the_kernel() {
    with_every_lanes!(lanes => every_prime(lanes));
}
