//! What handles secrets, each called with secret arguments, and controls that leak them.

use core::hint::black_box;
use kernel::check::{LinearCheck, Poison, UnitCheck};
use kernel::direct::{
    SwitchedResult, TernaryKey, encrypt_limb_into, evaluation_key_limb_into, key_coordinate,
};
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, RowDecryptor, SecretKey, decrypt_into, encrypt_seeded_into};
use kernel::hybrid;
use kernel::mask::{centre_into, mask_assign, unmask_assign};
use kernel::native;
use kernel::params::{Direct4096, Hybrid4096, MASKED_LIMBS, Masked256x16 as Set, ParameterSet};
use kernel::prime::{Delta, Prime, T};
use kernel::quant::{ActivationQuantiser, GroupBounds};
use kernel::ring::{RingOps, Scalar};
use kernel::stream::{self, Label, PublicSeed, Seed};
use kernel::wire::{RowForm, pack_bits_part};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
use crate::valgrind::{public, secret};
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn secret<V>(_: &mut [V]) {}
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn public<V>(_: &mut [V]) {}

type Subject = (&'static str, fn());

pub(crate) const SUBJECTS: &[Subject] = &[
    ("field t", field::<T>),
    ("field Delta", field::<Delta>),
    ("ring t", ring::<T>),
    ("ring Delta", ring::<Delta>),
    ("seeds", seeds),
    ("ternary", ternary),
    ("noise", noise),
    ("scheme", scheme),
    ("rows", rows),
    ("direct scheme", direct_scheme),
    ("evaluation keys", evaluation_keys),
    ("hybrid scheme", hybrid_scheme),
    ("native scheme", native_scheme),
    ("masks", masks),
    ("linear check", linear_check),
    ("unit check", unit_check),
    ("quantiser", quantiser),
    ("quantiser of zeros", quantiser_of_zeros),
];

pub(crate) const CONTROLS: &[Subject] = &[
    ("branching sampler", branching_sampler),
    ("table of secrets", table),
    ("wide division", wide_division),
    ("early exit", early_exit),
];

fn secret_words(p: u32, len: usize) -> Vec<u32> {
    let mut words: Vec<u32> = (0..len as u32).map(|i| i.wrapping_mul(0x9e37_79b9) % p).collect();
    secret(&mut words);
    words
}

fn secret_seed() -> Seed {
    let mut bytes = [7; 32];
    secret(&mut bytes);
    Seed::from_bytes(bytes)
}

fn field<P: Prime>() {
    let words = secret_words(P::VALUE, 64);
    for pair in words.chunks_exact(2) {
        let (a, b) = (black_box(pair[0]), black_box(pair[1]));
        black_box((P::add(a, b), P::sub(a, b), P::neg(a), P::mul(a, b), P::inv(a)));
        black_box((P::centre(a), P::from_i32(b as i32 >> 8), P::from_i64(i64::from(a) << 20)));
        black_box(P::reduce(u64::from(a) << 32 | u64::from(b)));
    }
}

fn ring<P: Prime>() {
    let [mut x, mut a, b] = [(); 3].map(|()| secret_words(P::VALUE, 512));
    Scalar::ntt_forward::<P>(&mut a);
    Scalar::mul_add_assign::<P>(&mut x, &a, &b);
    Scalar::mul_sub_assign::<P>(&mut x, &a, &b);
    Scalar::neg_assign::<P>(&mut x);
    Scalar::add_assign::<P>(&mut x, &a);
    Scalar::sub_assign::<P>(&mut x, &b);
    Scalar::scale_assign::<P>(&mut x, b[0]);
    Scalar::ntt_inverse::<P>(&mut x);
    black_box(x);
}

fn seeds() {
    let seed = secret_seed();
    black_box((seed.derive(Label::OneTimeMask), seed.derive_key(1), seed.derive_public()));
    black_box(stream::token_choice(&seed, 3));
}

fn ternary() {
    let mut out = [0; 300];
    stream::ternary(&secret_seed(), 1, &mut out);
    black_box(out);
}

fn noise() {
    let mut out = [0; 303];
    stream::centred_binomial(&secret_seed(), 1, &mut out);
    black_box(out);
}

/// A key, a ciphertext, and the decryption of what a host has made up.
fn scheme() {
    let seed = secret_seed();
    let PublicSeed(mut bytes) = seed.derive_public();
    public(&mut bytes);
    let mut buffer = vec![0; SecretKey::<Set>::WORDS];
    let key = SecretKey::<Set>::generate::<Scalar>(&seed, &mut buffer).unwrap();
    let message = secret_words(T::VALUE, Set::N);
    let mut body = vec![0; MASKED_LIMBS.len() * Set::N];
    let mut scratch = EncryptScratch { mask: &mut [0; Set::N], noise: &mut [0; Set::N] };
    encrypt_seeded_into::<Set, Scalar>(
        &key,
        &seed,
        &PublicSeed(bytes),
        0,
        &message,
        &mut body,
        &mut scratch,
    )
    .unwrap();
    public(&mut body);
    let (mut message, mut noise) = ([0; Set::N], [0; Set::N]);
    let made_up = vec![12_345; MASKED_LIMBS.len() * Set::LIMB_WORDS];
    decrypt_into::<Set, Scalar>(&key, &made_up, &mut message, &mut noise).unwrap();
    black_box((message, noise, body));
}

/// The decryption under two keys of rows that a host has made up, in either form.
fn rows() {
    let (seed, mut buffers) = (secret_seed(), [(); 2].map(|()| vec![0; SecretKey::<Set>::WORDS]));
    let keys: Vec<_> = (0..)
        .zip(&mut buffers)
        .map(|(i, buffer)| {
            SecretKey::<Set>::generate::<Scalar>(&seed.derive_key(i), buffer).unwrap()
        })
        .collect();
    for form in [RowForm::Full, RowForm::Switched] {
        let mut sums = vec![0; RowDecryptor::<Set>::words(2)];
        let mut row = RowDecryptor::<Set>::new(form, 2, &mut sums).unwrap();
        while row.part().is_some() {
            row.absorb::<Scalar>(&keys, &mut [12_345; Set::N]).unwrap();
        }
        black_box((row.messages(), row.errors()));
    }
}

/// Encryption under a set of direct mode, limb by limb, and the decryption of what a host has made up.
fn direct_scheme() {
    let seed = secret_seed();
    let PublicSeed(mut bytes) = seed.derive_public();
    public(&mut bytes);
    let mut coefficients = vec![0; Direct4096::N];
    let key = TernaryKey::<Direct4096>::generate(&seed, &mut coefficients).unwrap();
    let (mut body, mut scratch) = (vec![0; Direct4096::N], vec![0; Direct4096::N]);
    let mut noise = vec![0; Direct4096::N];
    stream::centred_binomial(&seed, 7, &mut noise);
    for limb in 0..3 {
        body.copy_from_slice(&secret_words(T::VALUE, Direct4096::N));
        encrypt_limb_into::<Direct4096, Scalar>(
            &key,
            &PublicSeed(bytes),
            7,
            limb,
            &noise,
            &mut body,
            &mut scratch,
        )
        .unwrap();
        public(&mut body);
        let mut packed = [0; 100];
        pack_bits_part(32, &body, 50, &mut packed).unwrap();
        black_box(packed);
    }
    let mut words = vec![0; 2 * Direct4096::N];
    let mut result = SwitchedResult::<Direct4096>::new(&mut words).unwrap();
    (0..Direct4096::N).for_each(|at| result.put_mask(at, u64::MAX / 3 + at as u64));
    result.multiply::<Scalar>(&key, &mut scratch).unwrap();
    for (at, body) in [(0, 0), (5, 1), (4095, 12_345), (77, u64::MAX)] {
        result.put_body(at, body);
        black_box(result.message(at));
    }
    black_box((words, scratch, body));
}

/// A limb that holds the gadget's element, and one that does not.
fn evaluation_keys() {
    let seed = secret_seed();
    let mut coefficients = vec![0; Direct4096::N];
    let key = TernaryKey::<Direct4096>::generate(&seed, &mut coefficients).unwrap();
    let key_seed = seed.derive(Label::EvaluationKey);
    let PublicSeed(mut bytes) = key_seed.derive_public();
    public(&mut bytes);
    let (mut body, mut scratch) = (vec![0; Direct4096::N], vec![0; Direct4096::N]);
    let (sigma, mut noise) = (Automorphism::new(Direct4096::N, 5), vec![0; Direct4096::N]);
    for (element, limb) in [(1, 0), (1, 2), (8, 2)] {
        let coordinate = key_coordinate::<Direct4096>(sigma, element);
        stream::centred_binomial(&key_seed, coordinate, &mut noise);
        evaluation_key_limb_into::<Direct4096, Scalar>(
            &key,
            &PublicSeed(bytes),
            sigma,
            element,
            limb,
            &noise,
            &mut body,
            &mut scratch,
        )
        .unwrap();
        public(&mut body);
    }
    black_box((body, scratch));
}

/// Blocks of a key over q P: an element's own limb, another, P; and the decryption of what a host has
/// made up.
fn hybrid_scheme() {
    let seed = secret_seed();
    let mut buffer = vec![0; SecretKey::<Hybrid4096>::WORDS];
    let key = SecretKey::<Hybrid4096>::generate::<Scalar>(&seed, &mut buffer).unwrap();
    let key_seed = seed.derive(Label::HybridKey);
    let PublicSeed(mut bytes) = key_seed.derive_public();
    public(&mut bytes);
    let (public_seed, mut buffer) = (PublicSeed(bytes), vec![0; Hybrid4096::N]);
    let generator =
        hybrid::KeyGenerator::new::<Scalar>(&key, &key_seed, &public_seed, &mut buffer).unwrap();
    let mut body = vec![0; Hybrid4096::N];
    let (mut mask, mut noise) = (vec![0; Hybrid4096::N], vec![0; Hybrid4096::N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    let sigma = Automorphism::new(Hybrid4096::N, 5);
    for (element, limb) in [(1, 1), (1, 0), (0, 2)] {
        generator.body_into::<Scalar>(sigma, element, limb, &mut body, &mut scratch).unwrap();
        public(&mut body);
    }
    let made_up = vec![12_345; hybrid::ciphertext_words::<Hybrid4096>()];
    let mut message = vec![0; Hybrid4096::N];
    let (mut phase, mut fractions) = (vec![0; Hybrid4096::BODY_WORDS], vec![0; Hybrid4096::N]);
    let mut scratch = hybrid::DecryptScratch { phase: &mut phase, fractions: &mut fractions };
    hybrid::decrypt_into::<Hybrid4096, Scalar>(&key, &made_up, &mut message, &mut scratch).unwrap();
    black_box((body, message));
}

/// Keys, ciphertexts and decryptions modulo 2^64.
fn native_scheme() {
    let seed = secret_seed();
    let PublicSeed(mut bytes) = seed.derive_public();
    public(&mut bytes);
    let mut buffer = [0; native::SecretKey::WORDS];
    let key = native::SecretKey::generate(&seed, &mut buffer).unwrap();
    let mut coefficients = vec![0; native::N];
    key.expose_into(&mut coefficients).unwrap();
    let mut message = vec![5; native::N];
    secret(&mut message);
    let mut ciphertext = vec![0; native::GLWE_WORDS];
    let (mask, body) = ciphertext.split_at_mut(native::N);
    native::expand_mask(&PublicSeed(bytes), 0, mask);
    let delta = native::Delta::MESSAGE_2_CARRY_2;
    native::encrypt_into(&key, &seed, 0, delta, &message, mask, body).unwrap();
    public(&mut ciphertext);
    native::decrypt_into(&key, delta, &ciphertext, &mut message).unwrap();
    let lwe = native::lwe_decrypt(&key, delta, &ciphertext[..native::LWE_WORDS]).unwrap();
    black_box((coefficients, message, lwe));
}

fn masks() {
    let mut x: Vec<i32> = (-150..150).collect();
    secret(&mut x);
    let mut c = secret_words(T::VALUE, 300);
    mask_assign(&x, &mut c);
    public(&mut c);
    let mut z = secret_words(T::VALUE, 300);
    unmask_assign(&c, &mut z);
    centre_into(&z, &mut x);
    black_box(x);
}

/// What the flag protects: y, and whether the check failed.
fn linear_check() {
    let (y, v) = (secret_words(T::VALUE, 300), secret_words(T::VALUE, 100));
    let (mut check, mut poison) = (LinearCheck::default(), Poison::default());
    // Retries of the sampler of u may be seen, so this seed is not marked.
    check.add_outputs(&Seed::from_bytes([1; 32]), 0, 0, &y);
    for repetition in 0..2 {
        check.subtract_inputs(repetition, &v, y.iter().copied());
    }
    check.finish(&mut poison);
    let mut shown: Vec<i32> = (0..300).collect();
    poison.select(&mut shown);
    black_box((shown, poison));
}

fn unit_check() {
    let [u, v, z] = [(); 3].map(|()| secret_words(T::VALUE, 33));
    let mut sums = vec![0; UnitCheck::words(33)];
    let (mut check, mut poison) = (UnitCheck::new(33, &mut sums).unwrap(), Poison::default());
    check.subtract_coordinate([v[0], v[1]], 0, &z);
    check.add_row([u[0], u[1]], &z);
    check.finish(&mut poison);
    black_box(poison);
}

fn quantise(x: &mut [f32]) {
    // Heavy rows, so that the norm decides the scale.
    let bounds = GroupBounds { norm2_squared: 1 << 36, norm1: 0 };
    let quantiser = ActivationQuantiser::new(&bounds, x.len()).unwrap();
    secret(x);
    let mut q = vec![0; x.len()];
    black_box(quantiser.quantise(x, &mut q));
    black_box(q);
}

fn quantiser() {
    let mut x: Vec<f32> = (0..301).map(|i| (i as f32 - 100.0) * 0.37).collect();
    x[5..9].copy_from_slice(&[f32::NAN, f32::INFINITY, 1e-44, -f32::MAX]);
    quantise(&mut x);
}

fn quantiser_of_zeros() {
    quantise(&mut [0.0; 37]);
}

fn branching_sampler() {
    let words = secret_words(u32::MAX, 64);
    let mut ones = 0;
    for word in words {
        if black_box(word) & 1 == 1 {
            ones = black_box(ones) + 1;
        }
    }
    black_box(ones);
}

fn table() {
    let table: [u32; 256] = core::array::from_fn(|i| i as u32);
    for word in secret_words(256, 64) {
        black_box(table[(word & 255) as usize]);
    }
}

fn wide_division() {
    let words = secret_words(u32::MAX, 4);
    let wide = u128::from(words[0]) << 70 | u128::from(words[1]);
    black_box(wide % black_box(u128::from(T::VALUE)));
}

fn early_exit() {
    let (a, b) = (secret_words(T::VALUE, 64), secret_words(T::VALUE, 64));
    black_box(a == b);
}
