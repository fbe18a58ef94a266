use super::{Delta, GLWE_WORDS, LWE_WORDS, N, NativeError, SecretKey, expect_length, polynomial};

/// The phase `b - a s` of a GLWE ciphertext: `Delta m + e`, modulo 2^64.
///
/// *Shape and domain*: `ciphertext` is the mask, then the body, [`GLWE_WORDS`] words; `phase` has N,
/// that of X^0 first, and is as secret as the message.
///
/// # Errors
/// [`NativeError::Length`] if a slice has another length; nothing is written then.
pub fn phase_into(
    key: &SecretKey<'_>,
    ciphertext: &[u64],
    phase: &mut [u64],
) -> Result<(), NativeError> {
    expect_length(ciphertext.len(), GLWE_WORDS)?;
    expect_length(phase.len(), N)?;
    let (mask, body) = ciphertext.split_at(N);
    // -(a s - b): the product only adds.
    phase.iter_mut().zip(body).for_each(|(p, b)| *p = b.wrapping_neg());
    polynomial::add_mul_assign(phase, mask, key.words());
    phase.iter_mut().for_each(|p| *p = p.wrapping_neg());
    Ok(())
}

/// Decrypts a GLWE ciphertext into N numbers below 2^(64 - d), rounding each to the nearest.
///
/// *Shape and domain*: as for [`phase_into`]. A ciphertext that somebody has made up, or one under
/// another key, decrypts to something, in the same time.
///
/// # Errors
/// [`NativeError::Length`] if a slice has another length; nothing is written then.
pub fn decrypt_into(
    key: &SecretKey<'_>,
    delta: Delta,
    ciphertext: &[u64],
    message: &mut [u64],
) -> Result<(), NativeError> {
    phase_into(key, ciphertext, message)?;
    message.iter_mut().for_each(|m| *m = delta.decode(*m));
    Ok(())
}

/// The phase `b - sum_i a_i s_i` of an LWE ciphertext under the same key, modulo 2^64.
///
/// *Shape*: N words of the mask, then the body, [`LWE_WORDS`] in all. A server extracts one from a
/// coefficient of a GLWE ciphertext, and bootstraps into one.
///
/// # Errors
/// [`NativeError::Length`].
pub fn lwe_phase(key: &SecretKey<'_>, ciphertext: &[u64]) -> Result<u64, NativeError> {
    expect_length(ciphertext.len(), LWE_WORDS)?;
    Ok(ciphertext[N].wrapping_sub(polynomial::inner_product(&ciphertext[..N], key.words())))
}

/// Decrypts an LWE ciphertext into a number below 2^(64 - d).
///
/// ```
/// use kernel::native::{Delta, LWE_WORDS, NativeError, SecretKey, lwe_decrypt};
/// use kernel::stream::Seed;
///
/// let mut words = [0; SecretKey::WORDS];
/// let key = SecretKey::generate(&Seed::from_bytes([1; 32]), &mut words)?;
/// // With a mask of zeros it is a ciphertext under every key.
/// let mut trivial = [0; LWE_WORDS];
/// trivial[LWE_WORDS - 1] = 9 << 59;
/// assert_eq!(lwe_decrypt(&key, Delta::MESSAGE_2_CARRY_2, &trivial)?, 9);
/// # Ok::<(), NativeError>(())
/// ```
///
/// # Errors
/// [`NativeError::Length`] unless the ciphertext has [`LWE_WORDS`] words.
pub fn lwe_decrypt(
    key: &SecretKey<'_>,
    delta: Delta,
    ciphertext: &[u64],
) -> Result<u64, NativeError> {
    lwe_phase(key, ciphertext).map(|phase| delta.decode(phase))
}
