#[cfg(test)]
mod tests;

use super::decrypt::decode;
use super::switched::{BODY_SHIFT, centre};
use super::{LengthError, SWITCHED_MASK_BITS, SecretKey, expect_length};
use crate::params::MaskedSet;
use crate::prime::Prime;
use crate::ring::RingOps;
use crate::wire::{RowForm, RowPart, RowShape};
use core::marker::PhantomData;
use zeroize::Zeroize;

/// Decrypts result rows polynomial by polynomial, in the order of the wire, under all keys of a unit.
///
/// It needs two polynomials of memory for each key, whatever the rank, beside the one that is given. They
/// are secret, live in the caller's memory, and are erased from it when this is dropped.
///
/// A full row is exact while the noise is below `Delta / 2`, a switched one for a row of weights that
/// [`GroupBounds::allows_switched_rows`](crate::quant::GroupBounds::allows_switched_rows). Low parts out of
/// range are cut to their bits: what a host has made up decrypts to something, in the same time.
///
/// ```
/// use kernel::glwe::{RowDecryptor, SecretKey};
/// use kernel::params::{Masked256x16 as Set, ParameterSet};
/// use kernel::ring::Scalar;
/// use kernel::stream::Seed;
/// use kernel::wire::{RowForm, RowPart};
///
/// let unit = Seed::from_bytes([1; 32]);
/// let mut words = vec![0; 2 * SecretKey::<Set>::WORDS];
/// let (first, second) = words.split_at_mut(SecretKey::<Set>::WORDS);
/// let keys = [
///     SecretKey::<Set>::generate::<Scalar>(&unit.derive_key(0), first)?,
///     SecretKey::<Set>::generate::<Scalar>(&unit.derive_key(1), second)?,
/// ];
/// let mut sums = vec![0; RowDecryptor::<Set>::words(2)];
/// let mut row = RowDecryptor::<Set>::new(RowForm::Switched, 2, &mut sums)?;
/// // Without masks the bodies alone decide: 1234 * 2^3 - 2, at coefficient 40 of the second key.
/// while let Some(part) = row.part() {
///     let mut polynomial = [0; Set::N];
///     match part {
///         RowPart::Body { limb: 0, key: 1 } => polynomial[40] = 1234 * 8 - 2,
///         RowPart::Body { limb: 1, key: 1 } => polynomial[40] = 8 - 2,
///         _ => {}
///     }
///     row.absorb::<Scalar>(&keys, &mut polynomial)?;
/// }
/// let messages = row.messages().ok_or("polynomials are missing")?;
/// assert_eq!((messages[40], messages[256 + 40], messages[256 + 41]), (0, 1234, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RowDecryptor<'b, S: MaskedSet> {
    shape: RowShape,
    /// Polynomials of the row under way that have come.
    next: usize,
    /// N words for each key modulo t: minus the sum of the masks times the key, in the end the messages.
    plain: &'b mut [u32],
    /// The same modulo Delta, in the end the errors.
    scale: &'b mut [u32],
    set: PhantomData<S>,
}

impl<S: MaskedSet> core::fmt::Debug for RowDecryptor<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RowDecryptor")
    }
}

impl<S: MaskedSet> Drop for RowDecryptor<'_, S> {
    fn drop(&mut self) {
        self.plain.zeroize();
        self.scale.zeroize();
    }
}

impl<'b, S: MaskedSet> RowDecryptor<'b, S> {
    /// Whether switched rows can be decrypted: products with a key are exact modulo the second limb.
    const SWITCHES: bool =
        (S::MASK_WORDS as u64) << SWITCHED_MASK_BITS <= (S::Scale::VALUE as u64 - 1) / 2;

    /// Words that rows under `keys` keys need.
    #[must_use]
    pub const fn words(keys: usize) -> usize {
        2 * keys * S::N
    }

    /// Waits for the first polynomial of a row in `form` under `keys` keys.
    ///
    /// # Errors
    /// [`LengthError`] unless `sums` has [`Self::words`] words and there is a key; and for switched
    /// rows of a toy set, whose second limb is too small for them.
    pub fn new(form: RowForm, keys: usize, sums: &'b mut [u32]) -> Result<Self, LengthError> {
        if keys == 0 || (form == RowForm::Switched && !Self::SWITCHES) {
            return Err(LengthError);
        }
        expect_length(sums.len(), Self::words(keys))?;
        let shape = RowShape { form, degree: S::N, rank: S::K, keys };
        let (plain, scale) = sums.split_at_mut(keys * S::N);
        Ok(Self { shape, next: 0, plain, scale, set: PhantomData })
    }

    /// How rows lie on the wire.
    #[must_use]
    pub const fn shape(&self) -> &RowShape {
        &self.shape
    }

    /// The polynomial that is due; `None` when the row is whole.
    #[must_use]
    pub const fn part(&self) -> Option<RowPart> {
        self.shape.part(self.next)
    }

    /// Takes in the polynomial that is due; after a whole row, the first of the next.
    ///
    /// *Shape and domain*: `polynomial` has N words, in the NTT domain for full rows, in the coefficient
    /// domain for switched ones, where it is spoiled. `keys` are those of the unit, in order.
    ///
    /// # Errors
    /// [`LengthError`] if the polynomial has another length, with nothing done, or there are fewer or
    /// more keys, when the row is lost.
    pub fn absorb<'k, R: RingOps>(
        &mut self,
        keys: impl IntoIterator<Item = &'k SecretKey<'k, S>>,
        polynomial: &mut [u32],
    ) -> Result<(), LengthError>
    where
        S: 'k,
    {
        expect_length(polynomial.len(), S::N)?;
        let part = match self.part() {
            Some(part) => part,
            None => {
                self.next = 0;
                self.part().ok_or(LengthError)?
            }
        };
        if self.next == 0 {
            self.plain.fill(0);
            self.scale.fill(0);
        }
        self.next += 1;
        match part {
            RowPart::Mask { limb: 0, component } => {
                self.mask::<S::Plain, R>(keys, 0, component, polynomial)
            }
            RowPart::Mask { component, .. } => {
                if self.shape.form == RowForm::Switched {
                    for a in polynomial.iter_mut() {
                        *a &= (1 << SWITCHED_MASK_BITS) - 1;
                    }
                }
                self.mask::<S::Scale, R>(keys, 1, component, polynomial)
            }
            RowPart::Body { limb, key } => {
                let place = key * S::N..(key + 1) * S::N;
                let (plain, scale) = (&mut self.plain[place.clone()], &mut self.scale[place]);
                match (self.shape.form, limb) {
                    (RowForm::Full, 0) => full_phase::<S::Plain, R>(polynomial, plain),
                    (RowForm::Full, _) => {
                        full_phase::<S::Scale, R>(polynomial, scale);
                        decode::<S>(plain, scale);
                    }
                    (RowForm::Switched, 0) => switched_phase::<S, R>(polynomial, plain),
                    (RowForm::Switched, _) => switched_decode::<S, R>(polynomial, plain, scale),
                }
                Ok(())
            }
        }
    }

    /// Subtracts a mask times a component of each key; a switched one is transformed, once for all.
    fn mask<'k, P: Prime, R: RingOps>(
        &mut self,
        keys: impl IntoIterator<Item = &'k SecretKey<'k, S>>,
        limb: usize,
        component: usize,
        mask: &mut [u32],
    ) -> Result<(), LengthError>
    where
        S: 'k,
    {
        if self.shape.form == RowForm::Switched {
            R::ntt_forward::<P>(mask);
        }
        let sums = if limb == 0 { &mut *self.plain } else { &mut *self.scale };
        let mut keys = keys.into_iter();
        for sum in sums.chunks_exact_mut(S::N) {
            let key = keys.next().ok_or(LengthError)?;
            R::mul_sub_assign::<P>(sum, mask, key.component(limb, component));
        }
        if keys.next().is_none() { Ok(()) } else { Err(LengthError) }
    }

    /// The messages of all keys, N residues modulo t each, in the coefficient domain, when a row is whole.
    #[must_use]
    pub fn messages(&self) -> Option<&[u32]> {
        self.part().is_none().then_some(&*self.plain)
    }

    /// The errors of all keys, N each, when a row is whole: the noise in full rows, e' in switched ones,
    /// as canonical residues modulo Delta.
    #[must_use]
    pub fn errors(&self) -> Option<&[u32]> {
        self.part().is_none().then_some(&*self.scale)
    }
}

/// `b - sum_k a_k s_k` of one limb in the coefficient domain, from minus the sum.
fn full_phase<P: Prime, R: RingOps>(body: &[u32], sum: &mut [u32]) {
    R::add_assign::<P>(sum, body);
    R::ntt_inverse::<P>(sum);
}

/// `2^10 b' - sum_k a'_k s_k` modulo t, from minus the sum.
fn switched_phase<S: MaskedSet, R: RingOps>(body: &[u32], sum: &mut [u32]) {
    R::ntt_inverse::<S::Plain>(sum);
    for (sum, &b) in sum.iter_mut().zip(body) {
        *sum = S::Plain::shift_add(b, BODY_SHIFT, *sum);
    }
}

/// e' from the low parts, and with it the message from the phase modulo t.
fn switched_decode<S: MaskedSet, R: RingOps>(body: &[u32], phase: &mut [u32], sum: &mut [u32]) {
    R::ntt_inverse::<S::Scale>(sum);
    for ((m, e), &low) in phase.iter_mut().zip(sum).zip(body) {
        // The sum is an integer, exactly: its residue modulo 2^13 is what counts.
        let product = S::Scale::centre(*e) as u32;
        let error = centre((low << BODY_SHIFT).wrapping_add(product));
        let scaled = S::Plain::sub(*m, S::Plain::from_i32(error));
        *m = S::Plain::shift_down(scaled, SWITCHED_MASK_BITS);
        *e = S::Scale::from_i32(error);
    }
}
