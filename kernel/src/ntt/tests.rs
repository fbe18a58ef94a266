use super::*;
use crate::prime::{Delta, InsecureDelta97, InsecureT17, T};
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

/// `a * b mod X^N + 1`, coefficient by coefficient.
fn schoolbook<P: Prime>(a: &[u32], b: &[u32]) -> Vec<u32> {
    let n = a.len();
    let mut out = vec![0; n];
    for (i, &x) in a.iter().enumerate() {
        for (j, &y) in b.iter().enumerate() {
            let product = P::mul(x, y);
            let k = (i + j) % n;
            out[k] = if i + j < n { P::add(out[k], product) } else { P::sub(out[k], product) };
        }
    }
    out
}

fn check<P: Prime>(a: &[u32], b: &[u32]) {
    let a: Vec<u32> = a.iter().map(|x| x % P::VALUE).collect();
    let b: Vec<u32> = b.iter().map(|x| x % P::VALUE).collect();
    let (mut fa, mut fb) = (a.clone(), b.clone());
    forward::<P>(&mut fa);
    forward::<P>(&mut fb);
    let mut product: Vec<u32> = fa.iter().zip(&fb).map(|(&x, &y)| P::mul(x, y)).collect();
    inverse::<P>(&mut product);
    assert_eq!(product, schoolbook::<P>(&a, &b));
    inverse::<P>(&mut fa);
    assert_eq!(fa, a);
}

proptest! {
    #[test]
    fn transform_turns_convolution_into_products(
        log in 2_u32..8,
        words in prop::collection::vec(any::<u32>(), 256),
    ) {
        let n = 1 << log;
        check::<T>(&words[..n], &words[256 - n..]);
        check::<Delta>(&words[..n], &words[256 - n..]);
    }

    #[test]
    fn transform_is_linear(words in prop::collection::vec(any::<u32>(), 128), factor: u32) {
        let (a, b) = words.split_at(64);
        let f = factor % T::VALUE;
        let residues = |x: &[u32]| x.iter().map(|w| w % T::VALUE).collect::<Vec<_>>();
        let (mut a, mut b) = (residues(a), residues(b));
        let mut combined: Vec<u32> =
            a.iter().zip(&b).map(|(&x, &y)| T::add(T::mul(f, x), y)).collect();
        forward::<T>(&mut a);
        forward::<T>(&mut b);
        forward::<T>(&mut combined);
        let expected: Vec<u32> =
            a.iter().zip(&b).map(|(&x, &y)| T::add(T::mul(f, x), y)).collect();
        prop_assert_eq!(combined, expected);
    }
}

#[test]
fn every_degree_round_trips_and_evaluates_in_bit_reversed_order() {
    fn all<P: Prime>() {
        let mut n = MIN_DEGREE;
        while n <= P::TWIDDLES.len() {
            let psi = pow_const(P::VALUE, P::GENERATOR, u64::from(P::VALUE - 1) / (2 * n as u64));
            let a: Vec<u32> = (0..n as u64).map(|i| P::reduce(i * i * 77_777 + 5)).collect();
            let mut f = a.clone();
            forward::<P>(&mut f);
            for i in [0, 1, n / 2, n - 1] {
                let brv = i.reverse_bits() >> (usize::BITS - n.trailing_zeros());
                let point = P::pow_vartime(psi, 2 * brv as u64 + 1);
                let value = a.iter().rev().fold(0, |acc, &c| P::add(P::mul(acc, point), c));
                assert_eq!(f[i], value, "N = {n}, index {i}");
            }
            inverse::<P>(&mut f);
            assert_eq!(f, a);
            n *= 2;
        }
    }
    all::<T>();
    all::<Delta>();
    all::<InsecureT17>();
    all::<InsecureDelta97>();
}

#[test]
fn largest_degree_multiplies() {
    let a: Vec<u32> = (0..4096).map(|i| T::VALUE - 1 - i).collect();
    let mut b = vec![0; 4096];
    b[1] = 1; // X
    check::<T>(&a, &b);
}
