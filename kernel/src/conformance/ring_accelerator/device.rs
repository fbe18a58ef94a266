use crate::accel::ring::{Ciphertexts, KeysId, RingAccelerator, automorphisms};
use crate::accel::{AccelError, MatrixId};
use crate::direct::{TernaryKey, decrypt_switched_into, evaluation_key_limb_into, key_coordinate};
use crate::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use crate::params::DirectSet;
use crate::prime::{Prime, T};
use crate::ring::Scalar;
use crate::stream::{Label, PublicSeed, Seed, centred_binomial};
use crate::trace::Layout;
use alloc::vec;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// A device's side of direct mode, plainly: for tests, which know everything that it knows.
#[derive(Debug)]
pub struct Device<S: DirectSet> {
    seed: Seed,
    public: PublicSeed,
    set: PhantomData<S>,
}

impl<S: DirectSet> Device<S> {
    /// A device whose keys come from this seed.
    #[must_use]
    pub fn new(seed: Seed) -> Self {
        Self { public: seed.derive_public(), seed, set: PhantomData }
    }

    fn with_key<A>(&self, f: impl FnOnce(&SecretKey<'_, S>) -> A) -> A {
        let mut buffer = vec![0; SecretKey::<S>::WORDS];
        f(&SecretKey::generate::<Scalar>(&self.seed, &mut buffer).unwrap())
    }

    fn with_ternary_key<A>(&self, f: impl FnOnce(&TernaryKey<'_, S>) -> A) -> A {
        f(&TernaryKey::generate(&self.seed, &mut vec![0; S::N]).unwrap())
    }

    /// Gives a host the evaluation keys for these layouts.
    pub fn send_keys(&self, host: &dyn RingAccelerator, layouts: &[Layout]) -> KeysId {
        let seed = self.seed.derive(Label::EvaluationKey);
        let public = seed.derive_public();
        let keys = host.open_keys(S::ID, &public).unwrap();
        let mut bodies = vec![0; S::GADGET * S::BODY_WORDS];
        let (mut scratch, mut noise) = (vec![0; S::N], vec![0; S::N]);
        let limbs = S::BODY_WORDS / S::N;
        self.with_ternary_key(|key| {
            for sigma in automorphisms(layouts) {
                for (block, body) in bodies.chunks_exact_mut(S::N).enumerate() {
                    let (element, limb) = (block / limbs, block % limbs);
                    centred_binomial(&seed, key_coordinate::<S>(sigma, element), &mut noise);
                    evaluation_key_limb_into::<S, Scalar>(
                        key,
                        &public,
                        sigma,
                        element,
                        limb,
                        &noise,
                        body,
                        &mut scratch,
                    )
                    .unwrap();
                }
                host.add_key(keys, sigma, &bodies).unwrap();
            }
        });
        keys
    }

    /// The bodies of ciphertexts of `x`, residues modulo t, `tokens x n`, a group of ciphertexts for
    /// each `layout.tokens()` of them.
    #[must_use]
    pub fn encrypt(&self, layout: &Layout, n: usize, x: &[u32]) -> Vec<u32> {
        let factor = layout.normaliser::<T>();
        let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
        let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
        let mut bodies = Vec::new();
        let groups = x.chunks(layout.tokens() * n);
        let blocks = groups.flat_map(|x| (0..layout.input_blocks(n)).map(move |block| (x, block)));
        self.with_key(|key| {
            for (coordinate, (x, block)) in blocks.enumerate() {
                let mut message = vec![0; S::N];
                for (token, x) in x.chunks_exact(n).enumerate() {
                    let x = x.iter().skip(block * layout.columns()).take(layout.columns());
                    for (j, &x) in x.enumerate() {
                        message[layout.input_exponent(j, token)] = T::mul(x, factor);
                    }
                }
                let mut body = vec![0; S::BODY_WORDS];
                let (seed, public) = (&self.seed, &self.public);
                encrypt_seeded_into::<S, Scalar>(
                    key,
                    seed,
                    public,
                    coordinate,
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

    /// The public seed of the ciphertexts, the first of which has coordinate 0.
    #[must_use]
    pub const fn public(&self) -> &PublicSeed {
        &self.public
    }

    /// `tokens x m` outputs from a trace product's results.
    #[must_use]
    pub fn decrypt(
        &self,
        layout: &Layout,
        (m, tokens): (usize, usize),
        masks: &[u64],
        bodies: &[u64],
    ) -> Vec<u32> {
        let (blocks, outputs) = (layout.output_blocks(m), layout.rows() * layout.tokens());
        let mut y = vec![0; tokens * m];
        let (mut message, mut scratch) = (vec![0; outputs], vec![0; 3 * S::N]);
        let results = masks.chunks_exact(S::N).zip(bodies.chunks_exact(outputs)).enumerate();
        self.with_ternary_key(|key| {
            for (result, (mask, body)) in results {
                let places = (0..outputs)
                    .map(|at| layout.output_exponent(at % layout.rows(), at / layout.rows()));
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
                    let token = result / blocks * layout.tokens() + at / layout.rows();
                    let row = result % blocks * layout.rows() + at % layout.rows();
                    if token < tokens && row < m {
                        y[token * m + row] = value;
                    } else {
                        assert_eq!(value, 0, "outside the matrix");
                    }
                }
            }
        });
        y
    }

    /// `W x` modulo t for an `m x n` matrix that a host holds, `tokens x m`, through encryption.
    ///
    /// # Errors
    /// As the host fails.
    pub fn product(
        &self,
        host: &dyn RingAccelerator,
        (matrix, m, n): (MatrixId, usize, usize),
        keys: KeysId,
        layout: &Layout,
        x: &[u32],
    ) -> Result<Vec<u32>, AccelError> {
        let bodies = self.encrypt(layout, n, x);
        let input = Ciphertexts { seed: &self.public, first: 0, bodies: &bodies };
        let tokens = x.len() / n;
        let results = tokens.div_ceil(layout.tokens()) * layout.output_blocks(m);
        let mut masks = vec![0; results * S::N];
        let mut found = vec![0; results * layout.rows() * layout.tokens()];
        host.trace_product(matrix, keys, layout, &input, &mut masks, &mut found)?;
        Ok(self.decrypt(layout, (m, tokens), &masks, &found))
    }
}
