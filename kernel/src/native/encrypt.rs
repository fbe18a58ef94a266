use super::{Delta, N, NativeError, SecretKey, expect_length, polynomial, samplers};
use crate::stream::Seed;

/// Encrypts `message` as ciphertext `number` of `seed` under a given mask.
///
/// *Shape and domain*: `message`, `mask` and `body` have N coefficients each, that of X^0 first; a
/// message counts modulo 2^(64 - d). `body` becomes `mask * s + e + Delta * message`.
///
/// *Security*: the mask is uniform and public, as from [`expand_mask`](super::expand_mask). A pair
/// (`seed`, `number`) is used once, and so is a mask. `seed` may be that of the key.
///
/// The [module](super) page has an example.
///
/// # Errors
/// [`NativeError::Length`] if a slice has another length; nothing is written then.
pub fn encrypt_into(
    key: &SecretKey<'_>,
    seed: &Seed,
    number: u64,
    delta: Delta,
    message: &[u64],
    mask: &[u64],
    body: &mut [u64],
) -> Result<(), NativeError> {
    expect_length(message.len(), N)?;
    expect_length(mask.len(), N)?;
    expect_length(body.len(), N)?;
    for (b, &m) in body.iter_mut().zip(message) {
        *b = delta.encode(m);
    }
    samplers::add_t_uniform_assign(seed, number, body);
    polynomial::add_mul_assign(body, mask, key.words());
    Ok(())
}
