use super::{Pair, bodies, keys};
use crate::accel::ring::RingAccelerator;
use crate::conformance::accelerator::Weights;
use crate::conformance::weights;
use crate::params::{Direct4096, DirectSet};
#[cfg(feature = "hazmat")]
use crate::params::{InsecureDirect8, InsecureDirect64};
use crate::trace::Layout;
use alloc::vec;
use alloc::vec::Vec;

fn check<S: DirectSet>(
    backend: &dyn RingAccelerator,
    m: usize,
    n: usize,
    tokens: usize,
    groups: usize,
) {
    let pair = Pair::noise::<S>(backend, m, n, tokens);
    pair.check_noise::<S>(groups);
    pair.unload();
}

/// Matrices of one token, far below N and up to it.
pub fn shapes(backend: &dyn RingAccelerator) {
    #[cfg(feature = "hazmat")]
    {
        for m in 1..=8 {
            for n in 1..=8 {
                check::<InsecureDirect8>(backend, m, n, 1, 1);
            }
        }
        for (m, n) in [(1, 1), (1, 64), (64, 1), (2, 33), (33, 2), (7, 9), (31, 32), (64, 64)] {
            check::<InsecureDirect64>(backend, m, n, 1, 1);
        }
    }
    for (m, n) in [(1, 1), (40, 12), (4096, 3), (5, 700)] {
        check::<Direct4096>(backend, m, n, 1, 1);
    }
    // Room for far more, so that the plan has coarse baby steps, and several folds.
    if let Some(layout) = Layout::new(4096, 512, 4096, 1) {
        let weights = Weights::new(5, weights(7, 15));
        let pair = Pair::new::<Direct4096>(backend, &weights, 3, 5, layout);
        pair.check_noise::<Direct4096>(1);
        pair.unload();
    }
}

/// Several tokens in one ciphertext.
pub fn tokens(backend: &dyn RingAccelerator) {
    #[cfg(feature = "hazmat")]
    for tokens in [2, 4, 8, 16, 64] {
        for (m, n) in [(1, 1), (3, 2), (16, 4), (4, 16), (32, 32)] {
            check::<InsecureDirect64>(backend, m, n, tokens, 1);
        }
    }
    check::<Direct4096>(backend, 60, 32, 16, 1);
    check::<Direct4096>(backend, 3, 2, 2048, 1);
}

/// Matrices that need several ciphertexts, in or out.
pub fn blocks(backend: &dyn RingAccelerator) {
    #[cfg(feature = "hazmat")]
    {
        for (m, n) in [(8, 9), (9, 8), (17, 30), (1, 64)] {
            check::<InsecureDirect8>(backend, m, n, 1, 1);
            check::<InsecureDirect8>(backend, m, n, 2, 1);
        }
        check::<InsecureDirect64>(backend, 130, 65, 1, 1);
        check::<InsecureDirect64>(backend, 65, 130, 4, 1);
    }
    check::<Direct4096>(backend, 9, 21, 512, 1);
}

/// Several vectors in one call.
pub fn groups(backend: &dyn RingAccelerator) {
    #[cfg(feature = "hazmat")]
    for groups in [2, 3, 16] {
        check::<InsecureDirect8>(backend, 9, 12, 1, groups);
        check::<InsecureDirect64>(backend, 20, 40, 2, groups);
    }
    check::<Direct4096>(backend, 33, 20, 1, 3);
}

/// Weights and residues at the ends of their ranges, all of one sign.
pub fn extreme_values(backend: &dyn RingAccelerator) {
    fn extremes<S: DirectSet>(backend: &dyn RingAccelerator, m: usize, n: usize) {
        for weight in [-128, -1, 0, 127] {
            let weights = Weights::new(n, vec![weight; m * n]);
            let layout = Layout::fitting(S::N, m, n, 1);
            let pair = Pair::new::<S>(backend, &weights, m, n, layout);
            pair.check_noise::<S>(1);
            let zeros = vec![0; layout.input_blocks(n) * S::BODY_WORDS];
            pair.check::<S>(1, &zeros);
            // The largest residues of every limb: those of noise that are not zero, less than all.
            let mut largest = bodies::<S>(1, layout.input_blocks(n));
            for limb in largest.chunks_mut(S::N) {
                let top = limb.iter().copied().max().unwrap();
                limb.fill(top);
            }
            pair.check::<S>(1, &largest);
            pair.unload();
        }
    }
    #[cfg(feature = "hazmat")]
    {
        extremes::<InsecureDirect8>(backend, 8, 8);
        extremes::<InsecureDirect64>(backend, 64, 64);
    }
    extremes::<Direct4096>(backend, 2, 17);
}

/// A matrix that is encoded, for one layout or another, gives what it gave before.
pub fn encoded_equals_not_encoded(backend: &dyn RingAccelerator) {
    fn both<S: DirectSet>(backend: &dyn RingAccelerator, m: usize, n: usize, tokens: usize) {
        let pair = Pair::noise::<S>(backend, m, n, tokens);
        pair.check_noise::<S>(1);
        let other = Layout::fitting(S::N, m, n, 2 * tokens);
        for layout in [other, pair.layout, pair.layout] {
            pair.backend.encode(pair.matrices.0, S::ID, &layout).unwrap();
            pair.check_noise::<S>(2);
        }
        pair.unload();
    }
    #[cfg(feature = "hazmat")]
    {
        both::<InsecureDirect8>(backend, 8, 8, 1);
        both::<InsecureDirect64>(backend, 70, 40, 1);
        both::<InsecureDirect64>(backend, 12, 30, 4);
    }
    both::<Direct4096>(backend, 50, 30, 1);
}

/// Products that run at the same time on one backend.
pub struct Crowd<'a> {
    pairs: Vec<Pair<'a>>,
}

impl core::fmt::Debug for Crowd<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Crowd")
    }
}

impl<'a> Crowd<'a> {
    /// Some matrices and their keys.
    #[must_use]
    pub fn new(backend: &'a dyn RingAccelerator) -> Self {
        let pairs = [(40, 30, 1), (8, 9, 64), (100, 5, 4), (3, 100, 1)];
        Self {
            pairs: pairs
                .map(|(m, n, tokens)| Pair::noise::<Direct4096>(backend, m, n, tokens))
                .into(),
        }
    }

    /// Member `k`'s work.
    pub fn check(&self, k: usize) {
        let pair = &self.pairs[k % self.pairs.len()];
        let other = keys::<Direct4096>(pair.backend, &[]);
        pair.check_noise::<Direct4096>(1);
        pair.backend.close_keys(other).unwrap();
    }

    /// Forgets everything.
    pub fn disperse(self) {
        self.pairs.into_iter().for_each(Pair::unload);
    }
}
