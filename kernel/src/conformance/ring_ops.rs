//! The suite of [`RingOps`](crate::ring::RingOps): see [`ring_ops_suite!`](crate::ring_ops_suite).
//!
//! The expected values are those of [`Definition`](crate::ring::Definition); pointwise operations
//! are compared with integers too, which judges that definition and the provided methods. Every
//! prime is tried, the toys too where the feature `hazmat` has them, at every N. Operands lie within
//! larger buffers of garbage, at odd addresses, and nothing around them may change.
#![allow(clippy::missing_panics_doc, reason = "test code")]

mod pointwise;
mod transforms;

pub use pointwise::{pointwise_edges, pointwise_noise, scaling};
pub use transforms::{
    long_transforms, products_are_convolutions, round_trips, transforms_of_edges,
    transforms_of_noise,
};

use super::{Noise, edges_below, garbage};
use crate::ntt::{MAX_DEGREE, MIN_DEGREE};
use crate::prime::Prime;
use alloc::vec::Vec;

/// Makes a test of every case for one implementation of [`RingOps`](crate::ring::RingOps), in a
/// module `$name`.
///
/// ```
/// # use kernel::ring::Scalar;
/// kernel::ring_ops_suite!(scalar, Scalar);
/// # fn main() {}
/// ```
///
/// It says nothing about time: that an implementation is constant-time has to be shown otherwise.
#[macro_export]
macro_rules! ring_ops_suite {
    ($name:ident, $implementation:ty $(,)?) => {
        mod $name {
            #[allow(unused_imports, reason = "the implementation may need none of them")]
            use super::*;

            $crate::ring_ops_suite! { @ $implementation;
                transforms_of_edges transforms_of_noise long_transforms round_trips
                products_are_convolutions pointwise_edges pointwise_noise scaling
            }
        }
    };
    (@ $implementation:ty; $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                $crate::conformance::ring_ops::$case::<$implementation>();
            }
        )+
    };
}

/// Calls a function, generic over an implementation and a prime, with every prime.
macro_rules! with_every_prime {
    ($f:ident::<$R:ident>) => {
        $f::<$R, $crate::prime::T>();
        $f::<$R, $crate::prime::Delta>();
        $f::<$R, $crate::prime::Prime29>();
        $f::<$R, $crate::prime::Prime26>();
        $f::<$R, $crate::prime::Prime25>();
        #[cfg(feature = "hazmat")]
        {
            $f::<$R, $crate::prime::InsecureT17>();
            $f::<$R, $crate::prime::InsecureDelta97>();
        }
    };
}
use with_every_prime;

/// Every N that has a transform modulo `P`.
fn degrees<P: Prime>() -> impl Iterator<Item = usize> {
    core::iter::successors(Some(MIN_DEGREE), |n| Some(2 * n))
        .take_while(|&n| n <= MAX_DEGREE && crate::ntt::supports::<P>(n))
}

/// Residues at the edges of the range, for toy primes too.
fn edges<P: Prime>() -> [u32; 7] {
    edges_below(P::VALUE).map(|word| word % P::VALUE)
}

/// `len` residues: the edges first, then noise.
fn residues<P: Prime>(seed: u64, len: usize) -> Vec<u32> {
    let mut noise = Noise::new(seed);
    let noise = core::iter::repeat_with(|| (noise.bits() % u64::from(P::VALUE)) as u32);
    edges::<P>().into_iter().chain(noise).take(len).collect()
}

/// What `operation` makes of `values`, which lie between words of garbage that have to stay.
fn in_garbage(values: &[u32], operation: impl FnOnce(&mut [u32])) -> Vec<u32> {
    const MARGIN: usize = 67;
    let before = garbage(values.len() + 2 * MARGIN);
    let mut words = before.clone();
    let end = MARGIN + values.len();
    words[MARGIN..end].copy_from_slice(values);
    operation(&mut words[MARGIN..end]);
    let same = words[..MARGIN] == before[..MARGIN] && words[end..] == before[end..];
    assert!(same, "words around the operand have changed");
    words[MARGIN..end].to_vec()
}

/// Equality, with the first difference in the message.
fn compare<P: Prime>(got: &[u32], expected: &[u32], what: impl Fn() -> alloc::string::String) {
    assert_eq!(got.len(), expected.len());
    if let Some(i) = got.iter().zip(expected).position(|(a, b)| a != b) {
        let (n, p) = (got.len(), P::VALUE);
        let (what, got, expected) = (what(), got[i], expected[i]);
        panic!("{what}, N = {n}, modulo {p}: word {i} is {got}, expected {expected}");
    }
}
