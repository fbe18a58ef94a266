use super::{HybridError, expect_length};
use crate::params::{HybridSet, LimbVisitor, Limbs};
use crate::prime::Prime;
use crate::stream::{PublicSeed, expand_mask};

/// Words of a ciphertext modulo q: for each limb N of mask, then N of body.
///
/// ```
/// use kernel::hybrid::ciphertext_words;
/// use kernel::params::Hybrid4096;
///
/// assert_eq!(ciphertext_words::<Hybrid4096>(), 2 * 2 * 4096);
/// ```
#[must_use]
pub const fn ciphertext_words<S: HybridSet>() -> usize {
    S::Chain::COUNT * S::LIMB_WORDS
}

/// Words of a ciphertext modulo q P.
pub(super) const fn extended_words<S: HybridSet>() -> usize {
    S::EXTENDED_LIMBS * S::LIMB_WORDS
}

/// A [seeded ciphertext](crate::glwe::encrypt_seeded_into) with its mask: from the body, limb-major,
/// [`BODY_WORDS`](crate::params::ParameterSet::BODY_WORDS) words in the NTT domain, to
/// [`ciphertext_words`] words.
///
/// ```
/// use kernel::hybrid::{ciphertext_words, expand_ciphertext_into};
/// use kernel::params::{Hybrid4096 as Set, ParameterSet};
/// use kernel::prime::Delta;
/// use kernel::stream::{Seed, expand_mask};
///
/// let public = Seed::from_bytes([7; 32]).derive_public();
/// let mut ciphertext = vec![0; ciphertext_words::<Set>()];
/// expand_ciphertext_into::<Set>(&public, 3, &vec![9; Set::BODY_WORDS], &mut ciphertext)?;
/// let mut mask = vec![0; Set::N];
/// expand_mask::<Delta>(&public, 3, 0, &mut mask); // limb 0 is modulo Delta
/// assert_eq!(ciphertext[..Set::N], mask);
/// assert_eq!(ciphertext[Set::N..2 * Set::N], [9; Set::N]);
/// # Ok::<(), kernel::hybrid::HybridError>(())
/// ```
///
/// # Errors
/// [`HybridError::Length`], and [`HybridError::Residue`] for a body that is none.
pub fn expand_ciphertext_into<S: HybridSet>(
    public: &PublicSeed,
    coordinate: u64,
    body: &[u32],
    ciphertext: &mut [u32],
) -> Result<(), HybridError> {
    expect_length(body.len(), S::BODY_WORDS)?;
    expect_length(ciphertext.len(), ciphertext_words::<S>())?;
    expect_residues::<S>(body, S::N)?;
    S::Chain::visit(&mut Expand { public, coordinate, body, ciphertext, degree: S::N });
    Ok(())
}

/// Writes mask and body of every limb that it visits.
pub(super) struct Expand<'a> {
    pub(super) public: &'a PublicSeed,
    pub(super) coordinate: u64,
    pub(super) body: &'a [u32],
    pub(super) ciphertext: &'a mut [u32],
    pub(super) degree: usize,
}

impl LimbVisitor for Expand<'_> {
    fn limb<P: Prime>(&mut self, index: usize) {
        let n = self.degree;
        let (mask, body) = self.ciphertext[2 * n * index..][..2 * n].split_at_mut(n);
        expand_mask::<P>(self.public, self.coordinate, 0, mask);
        body.copy_from_slice(&self.body[n * index..][..n]);
    }
}

/// `Ok` if all words are residues: `stride` of them modulo limb 0, then of limb 1, and so on, up to
/// the last limb of q or to P.
pub(super) fn expect_residues<S: HybridSet>(
    words: &[u32],
    stride: usize,
) -> Result<(), HybridError> {
    struct Below<'a>(&'a [u32], usize, bool);
    impl LimbVisitor for Below<'_> {
        fn limb<P: Prime>(&mut self, index: usize) {
            let limb = self.0.iter().skip(index * self.1).take(self.1);
            self.2 &= limb.fold(true, |below, &word| below & (word < P::VALUE));
        }
    }
    let mut below = Below(words, stride, true);
    S::visit_extended(&mut below);
    if below.2 { Ok(()) } else { Err(HybridError::Residue) }
}
