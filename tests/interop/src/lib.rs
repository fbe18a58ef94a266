#![doc = include_str!("../../../docs/interop.md")]
//! # This crate
//! The conversions of the page above, and in `tests/` the proof that they are right: what one side
//! encrypts the other computes on and decrypts. The example on the page is one of the tests.

use kernel::native::{GLWE_WORDS, LWE_WORDS, N, NativeError, SecretKey, expand_mask};
use kernel::stream::PublicSeed;
use tfhe::core_crypto::prelude::*;

/// 64-bit words from little-endian bytes, if there are as many as expected.
fn words(bytes: &[u8], expected: usize) -> Result<Vec<u64>, NativeError> {
    let (words, rest) = bytes.as_chunks();
    if words.len() != expected || !rest.is_empty() {
        return Err(NativeError::Length);
    }
    Ok(words.iter().map(|&word| u64::from_le_bytes(word)).collect())
}

/// Words as they travel: little-endian, in order.
#[must_use]
pub fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The kernel's key as a GLWE key of `tfhe`; `into_lwe_secret_key` makes the LWE key of it under
/// which the coefficients of a ciphertext are extracted.
///
/// It is a copy of the secret, in memory that `tfhe` does not erase.
///
/// # Errors
/// As [`SecretKey::expose_into`], which finds the length right.
pub fn glwe_secret_key(key: &SecretKey<'_>) -> Result<GlweSecretKeyOwned<u64>, NativeError> {
    let mut coefficients = vec![0; N];
    key.expose_into(&mut coefficients)?;
    Ok(GlweSecretKey::from_container(coefficients, PolynomialSize(N)))
}

/// A GLWE ciphertext of `tfhe` from the bytes of a whole one of the kernel: mask, then body,
/// 8 x [`GLWE_WORDS`] bytes.
///
/// # Errors
/// [`NativeError::Length`]; `tfhe` itself would panic, or take a part for the whole.
pub fn glwe_ciphertext(bytes: &[u8]) -> Result<GlweCiphertextOwned<u64>, NativeError> {
    let (size, modulus) = (PolynomialSize(N), CiphertextModulus::new_native());
    Ok(GlweCiphertext::from_container(words(bytes, GLWE_WORDS)?, size, modulus))
}

/// The same from the public seed of the mask, the ciphertext's number and the bytes of the body alone,
/// 8 x [`N`].
///
/// # Errors
/// [`NativeError::Length`].
pub fn glwe_ciphertext_from_body(
    seed: &PublicSeed,
    number: u64,
    body: &[u8],
) -> Result<GlweCiphertextOwned<u64>, NativeError> {
    let body = words(body, N)?;
    let mut container = vec![0; N];
    expand_mask(seed, number, &mut container);
    container.extend(body);
    let (size, modulus) = (PolynomialSize(N), CiphertextModulus::new_native());
    Ok(GlweCiphertext::from_container(container, size, modulus))
}

/// An LWE ciphertext under the extracted key, from its bytes: mask, then body, 8 x [`LWE_WORDS`].
///
/// # Errors
/// [`NativeError::Length`].
pub fn lwe_ciphertext(bytes: &[u8]) -> Result<LweCiphertextOwned<u64>, NativeError> {
    let words = words(bytes, LWE_WORDS)?;
    Ok(LweCiphertext::from_container(words, CiphertextModulus::new_native()))
}
