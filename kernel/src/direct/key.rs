use crate::glwe::LengthError;
use crate::params::DirectSet;
use crate::prime::Prime;
use crate::ring::RingOps;
use crate::stream::{Seed, ternary};
use core::marker::PhantomData;
use zeroize::Zeroize;

/// A secret key of rank 1 as it is drawn: N ternary coefficients, a byte each.
///
/// It is brought to the NTT domain modulo a limb when that limb is worked on: an expanded
/// [`SecretKey`](crate::glwe::SecretKey) of the same seed is the same key in twelve times the memory. It
/// lives in the caller's memory and is erased from it when dropped.
///
/// ```
/// use kernel::direct::TernaryKey;
/// use kernel::glwe::LengthError;
/// use kernel::params::{Direct4096 as Set, ParameterSet};
/// use kernel::stream::Seed;
///
/// let session = Seed::from_bytes([1; 32]); // in earnest from Seed::random
/// let mut coefficients = vec![1; Set::N];
/// drop(TernaryKey::<Set>::generate(&session, &mut coefficients)?);
/// assert!(coefficients.iter().all(|&s| s == 0));
///
/// let short = TernaryKey::<Set>::generate(&session, &mut coefficients[1..]);
/// assert_eq!(short.err(), Some(LengthError));
/// # Ok::<(), LengthError>(())
/// ```
pub struct TernaryKey<'b, S: DirectSet> {
    coefficients: &'b mut [i8],
    set: PhantomData<S>,
}

impl<S: DirectSet> core::fmt::Debug for TernaryKey<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TernaryKey")
    }
}

impl<S: DirectSet> Drop for TernaryKey<'_, S> {
    fn drop(&mut self) {
        self.coefficients.zeroize();
    }
}

impl<'b, S: DirectSet> TernaryKey<'b, S> {
    /// Draws the key of the session `seed` into `buffer`, of N bytes.
    ///
    /// # Errors
    /// [`LengthError`].
    pub fn generate(seed: &Seed, buffer: &'b mut [i8]) -> Result<Self, LengthError> {
        if buffer.len() != S::N {
            return Err(LengthError);
        }
        ternary(seed, 0, buffer);
        Ok(Self { coefficients: buffer, set: PhantomData })
    }

    /// The key modulo `P` in the NTT domain; `out` has N words.
    pub(super) fn transform_into<P: Prime, R: RingOps>(&self, out: &mut [u32]) {
        for (word, &s) in out.iter_mut().zip(self.coefficients.iter()) {
            *word = P::from_i32(s.into());
        }
        R::ntt_forward::<P>(out);
    }
}
