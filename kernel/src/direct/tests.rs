mod bounds;
mod misuse;
mod switch;

use super::*;
use crate::accel::ring::{Ciphertexts, KeysId, RingAccelerator, automorphisms};
use crate::accel::{AccelError, Accelerator, MatrixId, Reference, RowSource};
use crate::glwe::{EncryptScratch, LengthError, SecretKey, encrypt_seeded_into};
use crate::params::{Direct4096, DirectSet, InsecureDirect8, InsecureDirect64};
use crate::prime::{Prime, T};
use crate::ring::Scalar;
use crate::stream::{Label, PublicSeed, Seed};
use crate::trace::Layout;
use std::vec;
use std::vec::Vec;

/// A device's side, and its keys at a host.
struct Session<S: DirectSet> {
    seed: Seed,
    public: PublicSeed,
    host: Reference,
    keys: KeysId,
    set: core::marker::PhantomData<S>,
}

impl<S: DirectSet> Session<S> {
    fn new(byte: u8, layouts: &[Layout]) -> Self {
        let seed = Seed::from_bytes([byte; 32]);
        let key_seed = seed.derive(Label::EvaluationKey);
        let (public, key_public) = (seed.derive_public(), key_seed.derive_public());
        let host = Reference::default();
        let keys = host.open_keys(S::ID, &key_public).unwrap();
        let session = Self { seed, public, host, keys, set: core::marker::PhantomData };
        session.with_key(|key| {
            let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
            let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
            for sigma in automorphisms(layouts) {
                let mut bodies = vec![0; S::GADGET * S::BODY_WORDS];
                for (block, body) in bodies.chunks_mut(S::N).enumerate() {
                    let (element, limb) =
                        (block * S::N / S::BODY_WORDS, block % (S::BODY_WORDS / S::N));
                    evaluation_key_body_into::<S, Scalar>(
                        key,
                        &key_seed,
                        &key_public,
                        sigma,
                        element,
                        limb,
                        body,
                        &mut scratch,
                    )
                    .unwrap();
                }
                session.host.add_key(session.keys, sigma, &bodies).unwrap();
            }
        });
        session
    }

    fn with_key<A>(&self, f: impl FnOnce(&SecretKey<'_, S>) -> A) -> A {
        let mut buffer = vec![0; SecretKey::<S>::WORDS];
        f(&SecretKey::generate::<Scalar>(&self.seed, &mut buffer).unwrap())
    }

    /// `x`, token-major, encrypted for the layout.
    fn encrypt(&self, layout: &Layout, n: usize, x: &[u32]) -> Vec<u32> {
        let factor = layout.normaliser::<T>();
        let mut bodies = vec![];
        self.with_key(|key| {
            for block in 0..layout.input_blocks(n) {
                let mut message = vec![0; S::N];
                for token in 0..layout.tokens() {
                    for j in 0..layout.columns().min(n - block * layout.columns()) {
                        let x = x[token * n + block * layout.columns() + j];
                        message[layout.input_exponent(j, token)] = T::mul(x, factor);
                    }
                }
                let mut body = vec![0; S::BODY_WORDS];
                let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
                let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
                encrypt_seeded_into::<S, Scalar>(
                    key,
                    &self.seed,
                    &self.public,
                    block,
                    &message,
                    &mut body,
                    &mut scratch,
                )
                .unwrap();
                bodies.extend(body);
            }
        });
        bodies
    }

    #[allow(clippy::panic_in_result_fn, reason = "test code")]
    fn product(
        &self,
        matrix: MatrixId,
        (m, n): (usize, usize),
        layout: &Layout,
        x: &[u32],
    ) -> Vec<u32> {
        let bodies = self.encrypt(layout, n, x);
        let input = Ciphertexts { seed: &self.public, first: 0, bodies: &bodies };
        let (blocks, outputs) = (layout.output_blocks(m), layout.rows() * layout.tokens());
        let (mut masks, mut results) = (vec![0; blocks * S::N], vec![0; blocks * outputs]);
        self.host
            .trace_product(matrix, self.keys, layout, &input, &mut masks, &mut results)
            .unwrap();
        let mut y = vec![0; layout.tokens() * m];
        let (mut message, mut scratch) = (vec![0; outputs], vec![0; 2 * S::N]);
        self.with_key(|key| {
            for block in 0..blocks {
                let places = (0..outputs)
                    .map(|at| layout.output_exponent(at % layout.rows(), at / layout.rows()));
                let (mask, body) =
                    (&masks[block * S::N..][..S::N], &results[block * outputs..][..outputs]);
                decrypt_switched_into::<S, Scalar>(
                    key,
                    mask,
                    body,
                    places,
                    &mut message,
                    &mut scratch,
                )
                .unwrap();
                for (at, &value) in message.iter().enumerate() {
                    let row = block * layout.rows() + at % layout.rows();
                    if row < m {
                        y[at / layout.rows() * m + row] = value;
                    } else {
                        assert_eq!(value, 0, "a padded row");
                    }
                }
            }
        });
        y
    }
}

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

fn clear(weights: &[i8], n: usize, x: &[u32]) -> Vec<u32> {
    let dot = |row: &[i8], x: &[u32]| {
        row.iter().zip(x).fold(0, |sum, (&w, &x)| T::add(sum, T::mul(T::from_i32(w.into()), x)))
    };
    x.chunks(n).flat_map(|x| weights.chunks(n).map(|row| dot(row, x)).collect::<Vec<_>>()).collect()
}

fn check<S: DirectSet>(m: usize, n: usize, tokens: usize, byte: u8) {
    check_in::<S>(m, n, Layout::fitting(S::N, m, n, tokens), byte);
}

fn check_in<S: DirectSet>(m: usize, n: usize, layout: Layout, byte: u8) {
    let session = Session::<S>::new(byte, &[layout]);
    let mut noise = crate::conformance::Noise::new(u64::from(byte));
    let weights: Vec<i8> = (0..m * n).map(|_| noise.bits() as i8).collect();
    let x: Vec<u32> = (0..layout.tokens() * n).map(|_| T::reduce(noise.bits())).collect();
    let matrix = session.host.load(m, n, &mut Rows(weights.chunks_exact(n))).unwrap();
    let y = session.product(matrix, (m, n), &layout, &x);
    assert_eq!(y, clear(&weights, n, &x), "{m} x {n}, {layout:?}");
}

/// Any shape, any number of tokens, any residues of F_t.
#[test]
fn products_are_exact() {
    for tokens in [1, 2, 4, 8] {
        for (m, n) in [(1, 1), (1, 8), (8, 1), (3, 5), (8, 8), (17, 9), (2, 30)] {
            check::<InsecureDirect8>(m, n, tokens, 7);
        }
    }
    for tokens in [1, 2, 3, 16] {
        for (m, n) in [(64, 64), (5, 64), (64, 5), (13, 17), (70, 90)] {
            check::<InsecureDirect64>(m, n, tokens, 9);
        }
    }
}

#[test]
fn full_size_products_are_exact() {
    check::<Direct4096>(40, 12, 1, 1);
    check::<Direct4096>(3, 2, 512, 2);
}

/// Plans with coarse baby steps, which the smallest blocks of so small a matrix do not have.
#[test]
fn products_with_coarse_steps_are_exact() {
    for (layout, coarse) in [
        (Layout::new(4096, 512, 4096, 1), 2),
        (Layout::new(4096, 2048, 2048, 1), 4),
        (Layout::new(4096, 2048, 1024, 2), 8),
    ] {
        let layout = layout.unwrap();
        let plan = crate::trace::Plan::new(&layout);
        assert_eq!(plan.babies() / plan.fine(), coarse);
        check_in::<Direct4096>(3, 5, layout, 3);
    }
}
