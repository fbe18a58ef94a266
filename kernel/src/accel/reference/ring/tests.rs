//! The noise of every operation against its formula, over many keys.

use super::product::TraceProduct;
use super::set::{Ciphertext, Set};
use crate::accel::reference::Matrix;
use crate::accel::ring::{Ciphertexts, automorphisms};
use crate::conformance::Noise;
use crate::direct::noise::{FRESH, ProductNoise, key_switch};
use crate::direct::{
    BODY_BITS, MASK_BITS, TernaryKey, evaluation_key_limb_into, key_coordinate, switch_into,
};
use crate::galois::Automorphism;
use crate::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use crate::measure::{Variance, centred, integers};
use crate::params::{DirectSet, InsecureDirect64, Limbs, ParameterSet};
use crate::prime::{Prime, Prime25, Prime26, T};
use crate::ring::Scalar;
use crate::stream::{Label, Seed, centred_binomial, ternary};
use crate::trace::{Layout, Plan};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

type S = InsecureDirect64;
const PRIMES: [u32; 3] = [T::VALUE, Prime26::VALUE, Prime25::VALUE];
const MODULUS: i128 = <S as ParameterSet>::Chain::MODULUS as i128;

/// A key, and encryptions of zero under it: their phases are noise alone.
struct Device {
    seed: Seed,
    key: Vec<u32>,
}

impl Device {
    fn new(number: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        let seed = Seed::from_bytes(bytes);
        let mut words = vec![0; SecretKey::<S>::WORDS];
        let key = SecretKey::<S>::generate::<Scalar>(&seed, &mut words).unwrap();
        let key: Vec<u32> = (0..3).flat_map(|limb| key.component(limb, 0).to_vec()).collect();
        Self { seed, key }
    }

    fn with_key<A>(&self, f: impl FnOnce(&SecretKey<'_, S>) -> A) -> A {
        let mut words = vec![0; SecretKey::<S>::WORDS];
        f(&SecretKey::generate::<Scalar>(&self.seed, &mut words).unwrap())
    }

    /// The key's coefficients.
    fn secret(&self) -> [i8; S::N] {
        let mut secret = [0; S::N];
        ternary(&self.seed, 0, &mut secret);
        secret
    }

    fn zeros(&self, set: &Set, count: usize) -> Vec<Ciphertext> {
        let public = self.seed.derive_public();
        let mut bodies = vec![0; count * S::BODY_WORDS];
        self.with_key(|key| {
            for (j, body) in bodies.chunks_mut(S::BODY_WORDS).enumerate() {
                let (mut mask, mut noise) = ([0; S::N], [0; S::N]);
                let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
                let zero = [0; S::N];
                encrypt_seeded_into::<S, Scalar>(
                    key,
                    &self.seed,
                    &public,
                    j,
                    &zero,
                    body,
                    &mut scratch,
                )
                .unwrap();
            }
        });
        set.expand(&Ciphertexts { seed: &public, first: 0, bodies: &bodies }).unwrap()
    }

    fn evaluation_key(&self, set: &Set, sigma: Automorphism) -> Vec<Ciphertext> {
        let seed = self.seed.derive(Label::EvaluationKey);
        let public = seed.derive_public();
        let mut bodies = vec![0; S::GADGET * S::BODY_WORDS];
        let mut coefficients = [0; S::N];
        let key = TernaryKey::<S>::generate(&self.seed, &mut coefficients).unwrap();
        for (block, body) in bodies.chunks_mut(S::N).enumerate() {
            let (mut scratch, mut noise) = ([0; S::N], [0; S::N]);
            let (element, limb) = (block / 3, block % 3);
            centred_binomial(&seed, key_coordinate::<S>(sigma, element), &mut noise);
            evaluation_key_limb_into::<S, Scalar>(
                &key,
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
        let first = u64::from(sigma.exponent()) * S::GADGET as u64;
        set.expand(&Ciphertexts { seed: &public, first, bodies: &bodies }).unwrap()
    }

    /// `b - a s` as integers, in the coefficient domain.
    fn phase(&self, set: &Set, ciphertext: &Ciphertext) -> Vec<i128> {
        let mut phase = vec![];
        for (i, limb) in set.limbs.iter().enumerate() {
            let p = u64::from(PRIMES[i]);
            let key = &self.key[i * S::N..][..S::N];
            let mut residues: Vec<u32> = (0..S::N)
                .map(|at| {
                    let product = u64::from(ciphertext.mask[i][at]) * u64::from(key[at]) % p;
                    ((u64::from(ciphertext.body[i][at]) + p - product) % p) as u32
                })
                .collect();
            limb.to_coefficients(&mut residues);
            phase.extend(residues);
        }
        integers::<<S as ParameterSet>::Chain>(&phase)
    }
}

const DEVICES: u64 = 300;

#[test]
fn fresh_noise() {
    let set = Set::of(S::ID).unwrap();
    let mut variance = Variance::default();
    for number in 0..DEVICES {
        let device = Device::new(number);
        variance.add(device.phase(&set, &device.zeros(&set, 1)[0]));
    }
    variance.is(FRESH);
}

#[test]
fn key_switches() {
    let set = Set::of(S::ID).unwrap();
    let (mut once, mut twice) = (Variance::default(), Variance::default());
    for number in 0..DEVICES {
        let device = Device::new(number);
        let x = &device.zeros(&set, 1)[0];
        let apply = |x: &Ciphertext, g: i64| {
            let sigma = Automorphism::new(S::N, g);
            let key = device.evaluation_key(&set, sigma);
            set.switch_key(x, &set.decompose(x), sigma, &key)
        };
        let y = apply(x, 5);
        once.add(device.phase(&set, &y));
        twice.add(device.phase(&set, &apply(&y, -1)));
    }
    once.is(FRESH + key_switch::<S>());
    twice.is(FRESH + 2.0 * key_switch::<S>());
}

/// Whole products, for which one part of the noise or another is the largest: dense weights make the
/// baby steps', a single one leaves the giant steps' and the trace's.
#[test]
fn products() {
    let set = Set::of(S::ID).unwrap();
    let dense: fn(usize, u64) -> i8 = |_, bits| bits as i8;
    let lone: fn(usize, u64) -> i8 = |place, _| i8::from(place == 0);
    for (m, n, tokens, weight) in [
        (64, 64, 1, dense),
        (64, 120, 1, dense),
        (16, 64, 1, dense),
        (8, 8, 8, dense),
        (64, 64, 1, lone),
        (4, 64, 1, lone),
        (2, 8, 8, lone),
    ] {
        let layout = Layout::fitting(S::N, m, n, tokens);
        let plan = Plan::new(&layout);
        let mut variance = Variance::default();
        let mut expected = 0.0;
        for number in 0..DEVICES {
            let device = Device::new(number);
            let mut bits = Noise::new(number);
            let weights: Vec<i8> = (0..m * n).map(|place| weight(place, bits.bits())).collect();
            let squares: f64 = weights.iter().map(|&w| f64::from(w).powi(2)).sum();
            let keys: BTreeMap<_, _> = automorphisms(&[layout])
                .into_iter()
                .map(|sigma| (sigma, Arc::new(device.evaluation_key(&set, sigma))))
                .collect();
            let matrix = Matrix { n, weights };
            let product =
                TraceProduct { set: &set, keys: &keys, layout: &layout, plan, matrix: &matrix };
            let babies: Vec<_> = device
                .zeros(&set, layout.input_blocks(n))
                .iter()
                .map(|x| product.babies(x).unwrap())
                .collect();
            let phase = device.phase(&set, &product.block(0, &babies).unwrap());
            let outputs = (0..layout.rows() * layout.tokens())
                .map(|at| layout.output_exponent(at % layout.rows(), at / layout.rows()));
            variance.add(outputs.map(|exponent| phase[exponent]));
            let noise = ProductNoise::new::<S>(&layout, squares);
            expected += noise.evaluation() / DEVICES as f64;
        }
        std::println!("{m} x {n}, {tokens} tokens");
        variance.is(expected);
    }
}

/// The rounding of an answer, alone: the phase of what is left after the switch, less that before it.
#[test]
fn output() {
    let set = Set::of(S::ID).unwrap();
    let mut variance = Variance::default();
    for number in 0..DEVICES {
        let device = Device::new(number);
        let ciphertext = device.zeros(&set, 1).remove(0);
        let before = device.phase(&set, &ciphertext);
        let switched = |bits: u32, polynomial: &[Vec<u32>]| {
            let mut limbs = polynomial.to_vec();
            set.limbs.iter().zip(&mut limbs).for_each(|(limb, p)| limb.to_coefficients(p));
            let mut out = vec![0; S::N];
            switch_into::<S>(bits, &limbs.concat(), &mut out);
            // Numbers modulo q again: what the switched ones stand for.
            out.iter().map(|&v| (i128::from(v) * MODULUS) >> bits).collect::<Vec<_>>()
        };
        let mask = switched(MASK_BITS, &ciphertext.mask);
        let body = switched(BODY_BITS, &ciphertext.body);
        let secret = device.secret();
        let after = (0..S::N).map(|at| {
            let product: i128 = (0..S::N)
                .map(|i| {
                    let j = (at + S::N - i) % S::N;
                    let sign = if i > at { -1 } else { 1 };
                    sign * mask[i] * i128::from(secret[j])
                })
                .sum();
            body[at] - product
        });
        variance.add(after.zip(&before).map(|(after, before)| centred(after - before, MODULUS)));
    }
    // Without weights the output's rounding is all there is.
    let layout = Layout::fitting(S::N, 1, 1, 1);
    variance.is(ProductNoise::new::<S>(&layout, 0.0).output);
}
