use super::{LengthError, SecretKey, expect_length};
use crate::params::{Limbs, MaskedSet, ParameterSet};
use crate::prime::Prime;
use crate::ring::RingOps;

/// Decrypts one whole ciphertext into N residues modulo t. [`RowDecryptor`](super::RowDecryptor) does the
/// same polynomial by polynomial, under several keys, and for switched rows.
///
/// *Shape and domain*: `ciphertext` is limb-major, each limb K mask polynomials then the body, in
/// the NTT domain, `Chain::COUNT * LIMB_WORDS` words; `message` is in the coefficient domain.
/// `scratch` has N words. Afterwards it holds the noise as canonical residues modulo Delta
/// ([`Prime::centre`] gives the integers), and is the caller's to erase.
///
/// The result is exact while the noise is below `Delta / 2`; a ciphertext that a host has made up
/// decrypts to something, in the same time.
///
/// ```
/// use kernel::glwe::{SecretKey, decrypt_into};
/// use kernel::params::{Masked256x16 as Set, ParameterSet};
/// use kernel::ring::Scalar;
/// use kernel::stream::Seed;
///
/// let mut words = vec![0; SecretKey::<Set>::WORDS];
/// let key = SecretKey::<Set>::generate::<Scalar>(&Seed::from_bytes([1; 32]), &mut words)?;
/// // Zeros are a ciphertext of zeros under every key, without noise.
/// let ciphertext = vec![0; 2 * Set::LIMB_WORDS];
/// let (mut message, mut noise) = ([7; Set::N], [7; Set::N]);
/// decrypt_into::<Set, Scalar>(&key, &ciphertext, &mut message, &mut noise)?;
/// assert_eq!((message, noise), ([0; Set::N], [0; Set::N]));
/// # Ok::<(), kernel::glwe::LengthError>(())
/// ```
///
/// # Errors
/// [`LengthError`] if a slice has another length; nothing is written then.
pub fn decrypt_into<S: MaskedSet, R: RingOps>(
    key: &SecretKey<'_, S>,
    ciphertext: &[u32],
    message: &mut [u32],
    scratch: &mut [u32],
) -> Result<(), LengthError> {
    expect_length(ciphertext.len(), S::Chain::COUNT * S::LIMB_WORDS)?;
    expect_length(message.len(), S::N)?;
    expect_length(scratch.len(), S::N)?;
    let (plain, scale) = ciphertext.split_at(S::LIMB_WORDS);
    phase::<S, S::Plain, R>(key, 0, plain, message);
    phase::<S, S::Scale, R>(key, 1, scale, scratch);
    decode::<S>(message, scratch);
    Ok(())
}

/// The messages, in place of the phase modulo t, by the phase modulo Delta: the noise.
pub(super) fn decode<S: MaskedSet>(phase: &mut [u32], noise: &[u32]) {
    let scale_inverse = S::Plain::inv(S::Plain::reduce(u64::from(S::Scale::VALUE)));
    for (m, &noise) in phase.iter_mut().zip(noise) {
        let noise = S::Scale::centre(noise);
        let noise = if S::Plain::VALUE > S::Scale::VALUE {
            S::Plain::from_i32(noise)
        } else {
            S::Plain::from_i64(noise.into())
        };
        *m = S::Plain::mul(S::Plain::sub(*m, noise), scale_inverse);
    }
}

/// `b - sum_k a_k s_k` of one limb, in the coefficient domain.
pub(crate) fn phase<S: ParameterSet, P: Prime, R: RingOps>(
    key: &SecretKey<'_, S>,
    limb: usize,
    words: &[u32],
    out: &mut [u32],
) {
    let (masks, body) = words.split_at(S::MASK_WORDS);
    out.copy_from_slice(body);
    for (component, mask) in masks.chunks_exact(S::N).enumerate() {
        R::mul_sub_assign::<P>(out, mask, key.component(limb, component));
    }
    R::ntt_inverse::<P>(out);
}
