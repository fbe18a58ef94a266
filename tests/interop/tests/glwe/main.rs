//! GLWE ciphertexts in both directions, without a server's keys.

mod directions;
mod faults;
mod linear;

use interop::{bytes, glwe_ciphertext, glwe_secret_key};
use kernel::native::*;
use kernel::stream::Seed;
use tfhe::core_crypto::prelude::*;
use tfhe::shortint::parameters::PARAM_MESSAGE_2_CARRY_2 as PARAMETERS;

const D: Delta = Delta::MESSAGE_2_CARRY_2;

fn seed(byte: u8) -> Seed {
    Seed::from_bytes([byte; 32])
}

fn with_key<R>(byte: u8, use_it: impl FnOnce(&SecretKey<'_>, GlweSecretKeyOwned<u64>) -> R) -> R {
    let mut words = [0; SecretKey::WORDS];
    let key = SecretKey::generate(&seed(byte), &mut words).unwrap();
    use_it(&key, glwe_secret_key(&key).unwrap())
}

/// A ciphertext of the kernel, as the server gets it.
fn encrypt(
    key: &SecretKey<'_>,
    number: u64,
    delta: Delta,
    message: &[u64],
) -> GlweCiphertextOwned<u64> {
    let mut ciphertext = vec![0; GLWE_WORDS];
    let (mask, body) = ciphertext.split_at_mut(N);
    expand_mask(&seed(9).derive_public(), number, mask);
    encrypt_into(key, &seed(9), number, delta, message, mask, body).unwrap();
    glwe_ciphertext(&bytes(&ciphertext)).unwrap()
}

fn decrypt(key: &SecretKey<'_>, delta: Delta, ciphertext: &GlweCiphertextOwned<u64>) -> Vec<u64> {
    let mut message = vec![0; N];
    decrypt_into(key, delta, ciphertext.as_ref(), &mut message).unwrap();
    message
}

fn phase(key: &SecretKey<'_>, ciphertext: &GlweCiphertextOwned<u64>) -> Vec<u64> {
    let mut phase = vec![0; N];
    phase_into(key, ciphertext.as_ref(), &mut phase).unwrap();
    phase
}

fn tfhe_phase(key: &GlweSecretKeyOwned<u64>, ciphertext: &GlweCiphertextOwned<u64>) -> Vec<u64> {
    let mut out = PlaintextList::new(0, PlaintextCount(N));
    decrypt_glwe_ciphertext(key, ciphertext, &mut out);
    out.into_container()
}

/// tfhe's own rounding.
fn tfhe_round(delta: Delta, phase: u64) -> u64 {
    let (base, level) =
        (DecompositionBaseLog(64 - delta.log2() as usize), DecompositionLevelCount(1));
    SignedDecomposer::new(base, level).closest_representable(phase) >> delta.log2()
}

fn tfhe_decrypt(
    key: &GlweSecretKeyOwned<u64>,
    delta: Delta,
    ciphertext: &GlweCiphertextOwned<u64>,
) -> Vec<u64> {
    tfhe_phase(key, ciphertext).into_iter().map(|p| tfhe_round(delta, p)).collect()
}

/// A ciphertext that tfhe makes, with its default noise and its own randomness.
fn tfhe_encrypt(
    key: &GlweSecretKeyOwned<u64>,
    delta: Delta,
    message: &[u64],
) -> GlweCiphertextOwned<u64> {
    let mut seeder = new_seeder();
    let seeder = seeder.as_mut();
    let mut generator =
        EncryptionRandomGenerator::<DefaultRandomGenerator>::new(seeder.seed(), seeder);
    let modulus = CiphertextModulus::new_native();
    let mut ciphertext = GlweCiphertext::new(0, GlweSize(2), PolynomialSize(N), modulus);
    let message = PlaintextList::from_container(
        message.iter().map(|m| m << delta.log2()).collect::<Vec<_>>(),
    );
    encrypt_glwe_ciphertext(
        key,
        &mut ciphertext,
        &message,
        PARAMETERS.glwe_noise_distribution,
        &mut generator,
    );
    ciphertext
}

/// Messages over the whole range of a scaling, its ends first.
fn messages(delta: Delta) -> Vec<u64> {
    let largest = u64::MAX >> delta.log2();
    let spread = (0..N as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & largest);
    [0, largest, largest / 2, largest / 2 + 1].into_iter().chain(spread).take(N).collect()
}

fn scalings() -> impl Iterator<Item = Delta> {
    [63, 62, 59, 56, 40, 32, 20].into_iter().map(|log2| Delta::from_log2(log2).unwrap())
}
