//! Noise as integers, and its variance against a formula.

use crate::params::{LimbVisitor, Limbs};
use crate::prime::Prime;
use core::marker::PhantomData;
use std::vec;
use std::vec::Vec;

/// `value` modulo an odd `modulus`, of least magnitude.
pub(crate) fn centred(value: i128, modulus: i128) -> i128 {
    let value = value.rem_euclid(modulus);
    if value > modulus / 2 { value - modulus } else { value }
}

/// The integers of least magnitude with these residues, limb-major.
pub(crate) fn integers<L: Limbs>(residues: &[u32]) -> Vec<i128> {
    struct Sum<'a, L>(&'a [u32], Vec<i128>, PhantomData<L>);
    impl<L: Limbs> LimbVisitor for Sum<'_, L> {
        fn limb<P: Prime>(&mut self, index: usize) {
            let others = L::MODULUS / u128::from(P::VALUE);
            let inverse = P::inv((others % u128::from(P::VALUE)) as u32);
            let residues = &self.0[index * self.1.len()..];
            for (sum, &v) in self.1.iter_mut().zip(residues) {
                *sum += i128::from(P::mul(v, inverse)) * others as i128;
            }
        }
    }
    let mut sum = Sum::<L>(residues, vec![0; residues.len() / L::COUNT], PhantomData);
    L::visit(&mut sum);
    sum.1.iter().map(|&v| centred(v, L::MODULUS as i128)).collect()
}

#[derive(Default)]
pub(crate) struct Variance {
    sum: f64,
    count: f64,
}

impl Variance {
    pub(crate) fn add(&mut self, noise: impl IntoIterator<Item = i128>) {
        for value in noise {
            self.sum += (value as f64) * (value as f64);
            self.count += 1.0;
        }
    }

    /// Within 5% of what is expected, around zero.
    #[track_caller]
    pub(crate) fn is(&self, expected: f64) {
        let ratio = self.sum / self.count / expected;
        std::println!("measured / expected = {ratio}");
        assert!((ratio - 1.0).abs() < 0.05, "measured / expected = {ratio}");
    }
}
