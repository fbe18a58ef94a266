use super::{BODY_BITS, MASK_BITS};
use crate::glwe::{LengthError, SecretKey};
use crate::params::{DirectSet, ParameterSet};
use crate::prime::Prime;
use crate::ring::RingOps;

/// Decrypts the coefficients `exponents` of a result into residues modulo t.
///
/// *Shape and domain*: `mask` holds N numbers modulo `2^MASK_BITS`; `bodies` and `message` one for
/// each of `exponents`, the bodies modulo `2^BODY_BITS`; all in the coefficient domain. `scratch` has
/// 2 N words, and is the caller's to erase.
///
/// The phase `b - a s` is computed modulo `2^MASK_BITS`: the centred mask times the ternary key is an
/// integer below `N 2^(MASK_BITS - 1)`, known from its residues modulo two limbs. Then
/// `m = round(t phase / 2^MASK_BITS)`. Words out of range are cut to their bits: a result that a host
/// has made up decrypts to something, in the same time.
///
/// ```
/// use kernel::direct::{BODY_BITS, decrypt_switched_into};
/// use kernel::glwe::SecretKey;
/// use kernel::params::{Direct4096 as Set, ParameterSet};
/// use kernel::prime::{Prime, T};
/// use kernel::ring::Scalar;
/// use kernel::stream::Seed;
///
/// let session = Seed::from_bytes([7; 32]); // in earnest from Seed::random
/// let mut words = vec![0; SecretKey::<Set>::WORDS];
/// let key = SecretKey::<Set>::generate::<Scalar>(&session, &mut words)?;
///
/// // With a mask of zeros the body alone decides: 1234 of t parts, at exponent 40.
/// let body = [(1234_u64 << BODY_BITS) / u64::from(T::VALUE)];
/// let (mut y, mut scratch) = ([0], vec![0; 2 * Set::N]);
/// let places = [40].into_iter();
/// decrypt_switched_into::<Set, Scalar>(
///     &key,
///     &vec![0; Set::N],
///     &body,
///     places,
///     &mut y,
///     &mut scratch,
/// )?;
/// assert_eq!(y, [1234]);
/// # Ok::<(), kernel::glwe::LengthError>(())
/// ```
///
/// # Errors
/// [`LengthError`].
pub fn decrypt_switched_into<S: DirectSet, R: RingOps>(
    key: &SecretKey<'_, S>,
    mask: &[u64],
    bodies: &[u64],
    exponents: impl Iterator<Item = usize>,
    message: &mut [u32],
    scratch: &mut [u32],
) -> Result<(), LengthError> {
    if mask.len() != S::N || scratch.len() != 2 * S::N || bodies.len() != message.len() {
        return Err(LengthError);
    }
    let (first, second) = scratch.split_at_mut(S::N);
    mask_times_key::<S, S::First, R>(key, 0, mask, first);
    mask_times_key::<S, S::Second, R>(key, 1, mask, second);
    let (p, q) = (u64::from(S::First::VALUE), u64::from(S::Second::VALUE));
    let inverse = S::Second::inv(S::Second::reduce(p));
    let mut left = message.len();
    for ((m, &body), exponent) in message.iter_mut().zip(bodies).zip(exponents) {
        let (u, v) = (first[exponent % S::N], second[exponent % S::N]);
        // u + p k is the product modulo p q; centred, it is the integer.
        let k = S::Second::mul(S::Second::sub(v, S::Second::reduce(u.into())), inverse);
        let product = u64::from(u) + p * u64::from(k);
        let above = (p * q / 2).wrapping_sub(product) >> 63;
        let product = product.wrapping_sub((p * q) & above.wrapping_neg());
        let phase =
            (body << (MASK_BITS - BODY_BITS)).wrapping_sub(product) & ((1 << MASK_BITS) - 1);
        *m = round_to_plain::<S>(phase, MASK_BITS);
        left -= 1;
    }
    if left == 0 { Ok(()) } else { Err(LengthError) }
}

/// `round(t phase / 2^bits)` modulo t, for a phase below `2^bits` and `bits` up to 63.
pub(crate) fn round_to_plain<S: ParameterSet>(phase: u64, bits: u32) -> u32 {
    let t = u64::from(S::Plain::VALUE);
    // t * phase has up to 95 bits.
    let scaled = ((u128::from(t) * u128::from(phase) + (1 << (bits - 1))) >> bits) as u64;
    // t itself stands for 0.
    let below = scaled.wrapping_sub(t) >> 63;
    (scaled & below.wrapping_neg()) as u32
}

/// The mask, as an integer in `[-2^41, 2^41)`, times the key, modulo one limb.
fn mask_times_key<S: DirectSet, P: Prime, R: RingOps>(
    key: &SecretKey<'_, S>,
    limb: usize,
    mask: &[u64],
    out: &mut [u32],
) {
    for (x, &a) in out.iter_mut().zip(mask) {
        *x = P::from_i64(((a << (64 - MASK_BITS)) as i64) >> (64 - MASK_BITS));
    }
    R::ntt_forward::<P>(out);
    for (x, &s) in out.iter_mut().zip(key.component(limb, 0)) {
        *x = P::mul(*x, s);
    }
    R::ntt_inverse::<P>(out);
}
