use super::ciphertext::{ciphertext_words, expect_residues, extended_words};
use super::{HybridError, expect_length};
use crate::params::{HybridSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::ring::RingOps;
use core::marker::PhantomData;

/// The mod-down: divides a ciphertext modulo q P by P, `round(v / P)` modulo q for every coefficient
/// v of mask and body.
///
/// With r the centred residue of v modulo P, `v - r` is a multiple of P, and the quotient is
/// `(v - r) P^-1` modulo each limb: exact, without ties, as P is odd. The phase of the result is that of
/// the input over P, and noise of variance [`noise::mod_down`](super::noise::mod_down).
///
/// *Shape and domain*: `extended` has the limbs of q, then P, each N words of mask and N of body, in
/// the NTT domain; its limb P is overwritten. `ciphertext` has
/// [`ciphertext_words`] words, in the NTT domain.
///
/// ```
/// use kernel::hybrid::{ciphertext_words, mod_down_into};
/// use kernel::params::{Hybrid4096 as Set, HybridSet, ParameterSet};
/// use kernel::prime::{Delta, Prime, Prime26, Prime29};
/// use kernel::ring::{RingOps, Scalar};
///
/// // Body: 5 P - 7 at X^0, and -P/2 less a half at X^1. Mask: 0.
/// let numbers = [5 * i64::from(Prime29::VALUE) - 7, -i64::from(Prime29::VALUE / 2) - 1];
/// fn place<P: Prime>(limb: &mut [u32], numbers: [i64; 2]) {
///     limb[Set::N..][..2].copy_from_slice(&numbers.map(P::from_i64));
///     Scalar::ntt_forward::<P>(&mut limb[Set::N..]);
/// }
/// let mut extended = vec![0; Set::EXTENDED_LIMBS * Set::LIMB_WORDS];
/// let mut limbs = extended.chunks_exact_mut(Set::LIMB_WORDS);
/// limbs.next().map(|limb| place::<Delta>(limb, numbers));
/// limbs.next().map(|limb| place::<Prime26>(limb, numbers));
/// limbs.next().map(|limb| place::<Prime29>(limb, numbers));
///
/// let mut ciphertext = vec![0; ciphertext_words::<Set>()];
/// mod_down_into::<Set, Scalar>(&mut extended, &mut ciphertext)?;
/// let body = &mut ciphertext[Set::N..2 * Set::N];
/// Scalar::ntt_inverse::<Delta>(body);
/// assert_eq!(body[..3], [5, Delta::VALUE - 1, 0]);
/// # Ok::<(), kernel::hybrid::HybridError>(())
/// ```
///
/// # Errors
/// [`HybridError::Length`] and [`HybridError::Residue`]; nothing is written then.
pub fn mod_down_into<S: HybridSet, R: RingOps>(
    extended: &mut [u32],
    ciphertext: &mut [u32],
) -> Result<(), HybridError> {
    expect_length(extended.len(), extended_words::<S>())?;
    expect_length(ciphertext.len(), ciphertext_words::<S>())?;
    expect_residues::<S>(extended, S::LIMB_WORDS)?;
    divide::<S, R>(extended, ciphertext);
    Ok(())
}

/// The same, with lengths that are known to fit.
pub(super) fn divide<S: HybridSet, R: RingOps>(extended: &mut [u32], ciphertext: &mut [u32]) {
    let (limbs, special) = extended.split_at_mut(ciphertext_words::<S>());
    for polynomial in special.chunks_exact_mut(S::N) {
        R::ntt_inverse::<S::Special>(polynomial);
        polynomial.iter_mut().for_each(|word| *word = S::Special::centre(*word) as u32);
    }
    S::Chain::visit(&mut Divide::<S, R> {
        limbs,
        remainders: special,
        ciphertext,
        types: PhantomData,
    });
}

struct Divide<'a, S, R> {
    limbs: &'a [u32],
    /// Integers.
    remainders: &'a [u32],
    ciphertext: &'a mut [u32],
    types: PhantomData<(S, R)>,
}

impl<S: HybridSet, R: RingOps> LimbVisitor for Divide<'_, S, R> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let at = index * S::LIMB_WORDS;
        let out = &mut self.ciphertext[at..][..S::LIMB_WORDS];
        for (word, &r) in out.iter_mut().zip(self.remainders) {
            *word = P::from_i64(-i64::from(r as i32));
        }
        for polynomial in out.chunks_exact_mut(S::N) {
            R::ntt_forward::<P>(polynomial);
        }
        R::add_assign::<P>(out, &self.limbs[at..][..S::LIMB_WORDS]);
        R::scale_assign::<P>(out, P::inv(P::reduce(S::Special::VALUE.into())));
    }
}
