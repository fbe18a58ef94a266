use super::{BODY_BITS, MASK_BITS, TernaryKey};
use crate::glwe::LengthError;
use crate::params::{DirectSet, ParameterSet};
use crate::prime::Prime;
use crate::ring::RingOps;
use core::marker::PhantomData;

/// A result under decryption, in 2 N words, number by number: the mask modulo two limbs, which becomes
/// its product with the key, which becomes the message.
///
/// First all numbers of the mask are [put](Self::put_mask), then the mask is
/// [multiplied](Self::multiply), then each output's body is [put](Self::put_body) at its exponent, which
/// then [holds](Self::message) its residue modulo t. Nothing else is remembered between the calls than
/// the words, which are the caller's to keep and to erase.
///
/// The phase `b - a s` is computed modulo `2^MASK_BITS`: the centred mask times the ternary key is an
/// integer below `N 2^(MASK_BITS - 1)`, known from its residues modulo two limbs. Then
/// `m = round(t phase / 2^MASK_BITS)`. Numbers out of range are cut to their bits: a result that a host
/// has made up decrypts to something, in the same time.
///
/// ```
/// use kernel::direct::{BODY_BITS, SwitchedResult, TernaryKey};
/// use kernel::params::{Direct4096 as Set, ParameterSet};
/// use kernel::prime::{Prime, T};
/// use kernel::ring::Scalar;
/// use kernel::stream::Seed;
///
/// let session = Seed::from_bytes([7; 32]); // in earnest from Seed::random
/// let mut coefficients = vec![0; Set::N];
/// let key = TernaryKey::<Set>::generate(&session, &mut coefficients)?;
///
/// // With a mask of zeros the body alone decides: 1234 of t parts, at exponent 40.
/// let (mut words, mut scratch) = (vec![0; 2 * Set::N], vec![0; Set::N]);
/// let mut result = SwitchedResult::<Set>::new(&mut words)?;
/// (0..Set::N).for_each(|at| result.put_mask(at, 0));
/// result.multiply::<Scalar>(&key, &mut scratch)?;
/// result.put_body(40, (1234_u64 << BODY_BITS) / u64::from(T::VALUE));
/// assert_eq!(result.message(40), 1234);
/// # Ok::<(), kernel::glwe::LengthError>(())
/// ```
pub struct SwitchedResult<'a, S: DirectSet> {
    first: &'a mut [u32],
    second: &'a mut [u32],
    /// The first limb's inverse modulo the second.
    inverse: u32,
    set: PhantomData<S>,
}

impl<S: DirectSet> core::fmt::Debug for SwitchedResult<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SwitchedResult")
    }
}

impl<'a, S: DirectSet> SwitchedResult<'a, S> {
    /// A result in `words`, of 2 N words, as far as they hold it.
    ///
    /// # Errors
    /// [`LengthError`].
    pub fn new(words: &'a mut [u32]) -> Result<Self, LengthError> {
        if words.len() != 2 * S::N {
            return Err(LengthError);
        }
        let (first, second) = words.split_at_mut(S::N);
        let inverse = S::Second::inv(S::Second::reduce(S::First::VALUE.into()));
        Ok(Self { first, second, inverse, set: PhantomData })
    }

    /// Takes number `index % N` of the mask, modulo `2^MASK_BITS`.
    pub fn put_mask(&mut self, index: usize, number: u64) {
        let centred = ((number << (64 - MASK_BITS)) as i64) >> (64 - MASK_BITS);
        self.first[index % S::N] = S::First::from_i64(centred);
        self.second[index % S::N] = S::Second::from_i64(centred);
    }

    /// Multiplies the mask by the key. `scratch` has N words; the key is left in it, for the caller to
    /// erase.
    ///
    /// # Errors
    /// [`LengthError`].
    pub fn multiply<R: RingOps>(
        &mut self,
        key: &TernaryKey<'_, S>,
        scratch: &mut [u32],
    ) -> Result<(), LengthError> {
        if scratch.len() != S::N {
            return Err(LengthError);
        }
        multiply_by_key::<S, S::First, R>(key, self.first, scratch);
        multiply_by_key::<S, S::Second, R>(key, self.second, scratch);
        Ok(())
    }

    /// Takes the body of the output at `exponent % N`, modulo `2^BODY_BITS`: once for each exponent.
    pub fn put_body(&mut self, exponent: usize, number: u64) {
        self.first[exponent % S::N] = self.decrypt(exponent, number);
    }

    /// What has become of the body at `exponent % N`: a residue modulo t.
    #[must_use]
    pub fn message(&self, exponent: usize) -> u32 {
        self.first[exponent % S::N]
    }

    fn decrypt(&self, exponent: usize, body: u64) -> u32 {
        let (p, q) = (u64::from(S::First::VALUE), u64::from(S::Second::VALUE));
        let (u, v) = (self.first[exponent % S::N], self.second[exponent % S::N]);
        // u + p k is the product modulo p q; centred, it is the integer.
        let k = S::Second::mul(S::Second::sub(v, S::Second::reduce(u.into())), self.inverse);
        let product = u64::from(u) + p * u64::from(k);
        let above = (p * q / 2).wrapping_sub(product) >> 63;
        let product = product.wrapping_sub((p * q) & above.wrapping_neg());
        let phase =
            (body << (MASK_BITS - BODY_BITS)).wrapping_sub(product) & ((1 << MASK_BITS) - 1);
        round_to_plain::<S>(phase, MASK_BITS)
    }
}

/// Decrypts the coefficients `exponents` of a whole result into residues modulo t.
///
/// *Shape and domain*: `mask` holds N numbers modulo `2^MASK_BITS`; `bodies` and `message` one for
/// each of `exponents`, the bodies modulo `2^BODY_BITS`; all in the coefficient domain. `scratch` has
/// 3 N words, and is the caller's to erase. [`SwitchedResult`] is the same number by number.
///
/// # Errors
/// [`LengthError`].
pub fn decrypt_switched_into<S: DirectSet, R: RingOps>(
    key: &TernaryKey<'_, S>,
    mask: &[u64],
    bodies: &[u64],
    exponents: impl Iterator<Item = usize>,
    message: &mut [u32],
    scratch: &mut [u32],
) -> Result<(), LengthError> {
    if mask.len() != S::N || scratch.len() != 3 * S::N || bodies.len() != message.len() {
        return Err(LengthError);
    }
    let (words, scratch) = scratch.split_at_mut(2 * S::N);
    let mut result = SwitchedResult::<S>::new(words)?;
    mask.iter().enumerate().for_each(|(at, &number)| result.put_mask(at, number));
    result.multiply::<R>(key, scratch)?;
    let mut left = message.len();
    for ((m, &body), exponent) in message.iter_mut().zip(bodies).zip(exponents) {
        *m = result.decrypt(exponent, body);
        left -= 1;
    }
    if left == 0 { Ok(()) } else { Err(LengthError) }
}

/// `x` times the key modulo one limb, in the coefficient domain; `secret` is worked in.
fn multiply_by_key<S: DirectSet, P: Prime, R: RingOps>(
    key: &TernaryKey<'_, S>,
    x: &mut [u32],
    secret: &mut [u32],
) {
    key.transform_into::<P, R>(secret);
    R::ntt_forward::<P>(x);
    for (x, &s) in x.iter_mut().zip(secret.iter()) {
        *x = P::mul(*x, s);
    }
    R::ntt_inverse::<P>(x);
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
