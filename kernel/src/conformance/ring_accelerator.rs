//! The suite of [`RingAccelerator`]: see [`ring_accelerator_suite!`](crate::ring_accelerator_suite).
//!
//! Equality is to the bit, so bodies and keys may be any residues; that an honest device's results
//! decrypt to the product is a case of its own. The small sets, for tests at speed, are tried where
//! the feature `hazmat` has them.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "test code")]

mod device;
mod errors;
mod exact;
mod values;

pub use device::Device;
pub use errors::{bad_keys, bad_products, keys_are_not_confused, missing_keys};
pub use exact::{exactness, is_exact};
pub use values::{
    Crowd, blocks, encoded_equals_not_encoded, extreme_values, groups, shapes, tokens,
};

use super::accelerator::Weights;
use super::{Noise, weights};
use crate::accel::ring::{Ciphertexts, KeysId, RingAccelerator, automorphisms};
use crate::accel::{AccelError, MatrixId, Reference};
use crate::params::{DirectSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::stream::{PublicSeed, SEED_BYTES};
use crate::trace::Layout;
use alloc::vec;
use alloc::vec::Vec;

/// Makes a test of every case for one backend, in a module `$name`; as
/// [`accelerator_suite!`](crate::accelerator_suite).
///
/// ```
/// # use kernel::accel::Reference;
/// kernel::ring_accelerator_suite!(reference, Some(Reference::default()));
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! ring_accelerator_suite {
    ($name:ident, $make:expr $(, required_by $variable:literal)? $(,)?) => {
        mod $name {
            #[allow(unused_imports, reason = "the backend may need none of them")]
            use super::*;
            use $crate::accel::ring::RingAccelerator;
            use $crate::conformance::ring_accelerator;

            $crate::suite_backend!(RingAccelerator, $name, $make $(, $variable)?);

            $crate::ring_accelerator_suite! { @
                shapes tokens blocks groups extreme_values encoded_equals_not_encoded exactness
                bad_keys bad_products missing_keys keys_are_not_confused
            }

            #[test]
            fn calls_may_run_at_the_same_time() {
                if let Some(backend) = backend() {
                    let crowd = ring_accelerator::Crowd::new(backend);
                    std::thread::scope(|scope| {
                        for k in 0..4 {
                            let crowd = &crowd;
                            scope.spawn(move || crowd.check(k));
                        }
                    });
                    crowd.disperse();
                }
            }
        }
    };
    (@ $($case:ident)+) => {
        $(
            #[test]
            fn $case() {
                if let Some(backend) = backend() {
                    ring_accelerator::$case(backend);
                }
            }
        )+
    };
}

/// Residues for `polynomials` of every limb of the set: edges among noise.
fn bodies<S: DirectSet>(seed: u64, polynomials: usize) -> Vec<u32> {
    struct Fill<'a> {
        noise: Noise,
        words: &'a mut [u32],
        degree: usize,
        limbs: usize,
    }
    impl LimbVisitor for Fill<'_> {
        fn limb<P: Prime>(&mut self, index: usize) {
            let of_limb = self.words.chunks_mut(self.degree).skip(index).step_by(self.limbs);
            for word in of_limb.flatten() {
                let bits = self.noise.bits();
                *word = match bits >> 60 {
                    0 => 0,
                    1 => P::VALUE - 1,
                    _ => P::reduce(bits),
                };
            }
        }
    }
    let mut words = vec![0; polynomials * S::BODY_WORDS];
    let noise = Noise::new(seed);
    S::Chain::visit(&mut Fill { noise, words: &mut words, degree: S::N, limbs: S::Chain::COUNT });
    words
}

const KEY_SEED: PublicSeed = PublicSeed([3; SEED_BYTES]);
const SEED: PublicSeed = PublicSeed([7; SEED_BYTES]);

/// Keys of any residues, for these layouts.
fn keys<S: DirectSet>(backend: &dyn RingAccelerator, layouts: &[Layout]) -> KeysId {
    let keys = backend.open_keys(S::ID, &KEY_SEED).unwrap();
    for sigma in automorphisms(layouts) {
        let bodies = bodies::<S>(u64::from(sigma.exponent()), S::GADGET);
        backend.add_key(keys, sigma, &bodies).unwrap();
    }
    keys
}

/// A matrix and keys, in the backend and in the reference.
struct Pair<'a> {
    backend: &'a dyn RingAccelerator,
    reference: Reference,
    layout: Layout,
    matrices: (MatrixId, MatrixId),
    keys: (KeysId, KeysId),
    m: usize,
    n: usize,
}

impl<'a> Pair<'a> {
    fn new<S: DirectSet>(
        backend: &'a dyn RingAccelerator,
        weights: &Weights,
        m: usize,
        n: usize,
        layout: Layout,
    ) -> Self {
        let reference = Reference::default();
        let matrices = (weights.load(backend), weights.load(&reference));
        let keys = (keys::<S>(backend, &[layout]), keys::<S>(&reference, &[layout]));
        Self { backend, reference, layout, matrices, keys, m, n }
    }

    /// A matrix of edge values and noise, in the smallest layout for `tokens`.
    fn noise<S: DirectSet>(
        backend: &'a dyn RingAccelerator,
        m: usize,
        n: usize,
        tokens: usize,
    ) -> Self {
        let weights = Weights::new(n, weights((m * 1000 + n) as u64, m * n));
        Self::new::<S>(backend, &weights, m, n, Layout::fitting(S::N, m, n, tokens))
    }

    /// Numbers of masks and of bodies of the results of `groups` groups.
    fn lengths<S: DirectSet>(&self, groups: usize) -> (usize, usize) {
        let results = groups * self.layout.output_blocks(self.m);
        (results * S::N, results * self.layout.rows() * self.layout.tokens())
    }

    fn product<S: DirectSet>(
        &self,
        groups: usize,
        bodies: &[u32],
    ) -> Result<(Vec<u64>, Vec<u64>), AccelError> {
        let input = Ciphertexts { seed: &SEED, first: 5, bodies };
        let (masks, results) = self.lengths::<S>(groups);
        let (mut masks, mut results) = (vec![u64::MAX; masks], vec![u64::MAX; results]);
        let (matrix, keys) = (self.matrices.0, self.keys.0);
        self.backend.trace_product(matrix, keys, &self.layout, &input, &mut masks, &mut results)?;
        Ok((masks, results))
    }

    /// The backend's product is the reference's.
    fn check<S: DirectSet>(&self, groups: usize, bodies: &[u32]) {
        let got = self.product::<S>(groups, bodies).unwrap();
        let input = Ciphertexts { seed: &SEED, first: 5, bodies };
        let (masks, results) = self.lengths::<S>(groups);
        let (mut masks, mut results) = (vec![0; masks], vec![0; results]);
        let (matrix, keys) = (self.matrices.1, self.keys.1);
        let expected = &self.reference;
        expected
            .trace_product(matrix, keys, &self.layout, &input, &mut masks, &mut results)
            .unwrap();
        let (m, n, layout) = (self.m, self.n, self.layout);
        let what = alloc::format!("{m} x {n} matrix, {groups} groups, {layout:?}");
        compare(&got.0, &masks, || alloc::format!("{what}: masks"));
        compare(&got.1, &results, || alloc::format!("{what}: bodies"));
    }

    fn check_noise<S: DirectSet>(&self, groups: usize) {
        let polynomials = groups * self.layout.input_blocks(self.n);
        self.check::<S>(groups, &bodies::<S>(groups as u64, polynomials));
    }

    fn unload(self) {
        self.backend.unload(self.matrices.0).unwrap();
        self.backend.close_keys(self.keys.0).unwrap();
    }
}

fn compare(got: &[u64], expected: &[u64], what: impl Fn() -> alloc::string::String) {
    assert_eq!(got.len(), expected.len());
    if let Some(i) = got.iter().zip(expected).position(|(a, b)| a != b) {
        panic!("{}: number {i} is {:#x}, expected {:#x}", what(), got[i], expected[i]);
    }
}
