use super::{
    WireError, body_bytes, pack_bits, pack_residues, packed_bits_len, packed_len, unpack_bits,
    unpack_residues,
};
use crate::glwe::{SWITCHED_BODY_BITS, SWITCHED_MASK_BITS};
use crate::params::MASKED_LIMBS;
use serde::{Deserialize, Serialize};

/// What the result rows of a unit are modulo.
///
/// ```
/// use kernel::wire::RowForm;
///
/// let sizes = |form: RowForm| [form.row_bytes(256, 16), form.row_bytes(4096, 1)];
/// assert_eq!(sizes(RowForm::Full), [32_640, 61_440]);
/// assert_eq!(sizes(RowForm::Switched), [24_160, 40_960]);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub enum RowForm {
    /// `t Delta`, in the NTT domain: as they were computed.
    #[default]
    Full,
    /// `t 2^13` and `t 2^3`, in the coefficient domain: as
    /// [`switch_row`](crate::glwe::switch_row) leaves them.
    Switched,
}

/// Packed bytes of one switched row: `(K + 1) N` residues modulo t, then the low parts of the masks and
/// of the body, each from a byte of its own on.
///
/// ```
/// use kernel::wire::switched_row_bytes;
///
/// assert_eq!(switched_row_bytes(16, 1), 32 * 4 + 16 * 13 / 8 + 16 * 3 / 8);
/// ```
#[must_use]
pub const fn switched_row_bytes(degree: usize, rank: usize) -> usize {
    packed_len(MASKED_LIMBS[0], (rank + 1) * degree)
        + packed_bits_len(SWITCHED_MASK_BITS, rank * degree)
        + packed_bits_len(SWITCHED_BODY_BITS, degree)
}

/// Packed bytes of one full row: K mask polynomials and a body, each limb.
///
/// ```
/// assert_eq!(kernel::wire::row_bytes(256, 16), 17 * kernel::wire::body_bytes(256));
/// ```
#[must_use]
pub const fn row_bytes(degree: usize, rank: usize) -> usize {
    body_bytes((rank + 1) * degree)
}

impl RowForm {
    /// Packed bytes of one row: [`row_bytes`] or [`switched_row_bytes`].
    #[must_use]
    pub const fn row_bytes(self, degree: usize, rank: usize) -> usize {
        match self {
            Self::Full => row_bytes(degree, rank),
            Self::Switched => switched_row_bytes(degree, rank),
        }
    }

    /// Packs a row: K mask polynomials of `degree` words and a body, modulo t, then modulo Delta or
    /// their low parts. Like [`pack_residues`], it does not check that the words are in range.
    ///
    /// ```
    /// use kernel::wire::RowForm;
    ///
    /// let mut bytes = [0; RowForm::Switched.row_bytes(8, 1)];
    /// let (plain, low) = ([[1; 8], [2; 8]].concat(), [[0x1fff; 8], [5; 8]].concat());
    /// RowForm::Switched.pack_row(8, [&plain, &low], &mut bytes)?;
    /// assert_eq!(bytes[64..], [[0xff; 13].as_slice(), &[0x6d, 0xdb, 0xb6]].concat());
    ///
    /// let (mut plain_back, mut low_back) = ([0; 16], [0; 16]);
    /// RowForm::Switched.unpack_row(8, &bytes, [&mut plain_back, &mut low_back])?;
    /// assert_eq!((plain_back.to_vec(), low_back.to_vec()), (plain, low));
    /// # Ok::<(), kernel::wire::WireError>(())
    /// ```
    ///
    /// # Errors
    /// [`WireError::Length`] unless the limbs are equally long, with more than a body, and `out` has
    /// [`Self::row_bytes`].
    pub fn pack_row(
        self,
        degree: usize,
        [plain, scale]: [&[u32]; 2],
        out: &mut [u8],
    ) -> Result<(), WireError> {
        let masks = self.mask_words(degree, [plain.len(), scale.len()], out.len())?;
        let (residues, rest) = out.split_at_mut(packed_len(MASKED_LIMBS[0], plain.len()));
        pack_residues(MASKED_LIMBS[0], plain, residues)?;
        if self == Self::Full {
            return pack_residues(MASKED_LIMBS[1], scale, rest);
        }
        let (mask_bytes, body_bytes) =
            rest.split_at_mut(packed_bits_len(SWITCHED_MASK_BITS, masks));
        let (mask, body) = scale.split_at(masks);
        pack_bits(SWITCHED_MASK_BITS, mask.iter().map(|&low| low.into()), mask_bytes)?;
        pack_bits(SWITCHED_BODY_BITS, body.iter().map(|&low| low.into()), body_bytes)
    }

    /// Unpacks a row, and checks that residues are below their moduli and that bits left over are zero.
    ///
    /// # Errors
    /// As [`Self::pack_row`], or else [`WireError::Residue`]; the limbs are then unspecified.
    pub fn unpack_row(
        self,
        degree: usize,
        bytes: &[u8],
        [plain, scale]: [&mut [u32]; 2],
    ) -> Result<(), WireError> {
        let masks = self.mask_words(degree, [plain.len(), scale.len()], bytes.len())?;
        let (residues, rest) = bytes.split_at(packed_len(MASKED_LIMBS[0], plain.len()));
        unpack_residues(MASKED_LIMBS[0], residues, plain)?;
        if self == Self::Full {
            return unpack_residues(MASKED_LIMBS[1], rest, scale);
        }
        let (mask_bytes, body_bytes) = rest.split_at(packed_bits_len(SWITCHED_MASK_BITS, masks));
        let (mask, body) = scale.split_at_mut(masks);
        for (bits, bytes, words) in
            [(SWITCHED_MASK_BITS, mask_bytes, mask), (SWITCHED_BODY_BITS, body_bytes, body)]
        {
            let mut words = words.iter_mut();
            unpack_bits(bits, words.len(), bytes, |number| {
                if let Some(word) = words.next() {
                    *word = number as u32;
                }
            })?;
        }
        Ok(())
    }

    /// Words of a limb's masks, if the lengths fit.
    fn mask_words(
        self,
        degree: usize,
        [plain, scale]: [usize; 2],
        bytes: usize,
    ) -> Result<usize, WireError> {
        let masks = plain.checked_sub(degree).ok_or(WireError::Length)?;
        let rank = masks.checked_div(degree).ok_or(WireError::Length)?;
        let fits = plain == scale && rank > 0 && masks == rank * degree;
        if fits && bytes == self.row_bytes(degree, rank) {
            Ok(masks)
        } else {
            Err(WireError::Length)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prime::{Delta, Prime, T};
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    const FORMS: [RowForm; 2] = [RowForm::Full, RowForm::Switched];

    proptest! {
        #[test]
        fn rows_come_back(words in prop::collection::vec(any::<u32>(), 2 * 3 * 16)) {
            let (degree, rank) = (16, 2);
            let plain: Vec<u32> = words[..48].iter().map(|w| w % T::VALUE).collect();
            for form in FORMS {
                let scale: Vec<u32> = (0..48).map(|i| words[48 + i] % match (form, i / degree) {
                    (RowForm::Full, _) => Delta::VALUE,
                    (RowForm::Switched, polynomial) if polynomial < rank => 1 << 13,
                    (RowForm::Switched, _) => 1 << 3,
                }).collect();
                let mut bytes = vec![0xaa; form.row_bytes(degree, rank)];
                form.pack_row(degree, [&plain, &scale], &mut bytes).unwrap();
                let (mut a, mut b) = (vec![7; 48], vec![7; 48]);
                form.unpack_row(degree, &bytes, [&mut a, &mut b]).unwrap();
                prop_assert_eq!((&a, &b), (&plain, &scale));
            }
        }
    }

    #[test]
    fn wrong_lengths_and_residues_are_errors() {
        for form in FORMS {
            let size = form.row_bytes(16, 1);
            let mut words = [vec![0; 32], vec![0; 32]];
            let mut unpack = |degree, bytes: &[u8], plain: usize, scale: usize| {
                let [a, b] = &mut words;
                form.unpack_row(degree, bytes, [&mut a[..plain], &mut b[..scale]])
            };
            let bytes = vec![0; size + 1];
            assert_eq!(unpack(16, &bytes[..size], 32, 32), Ok(()));
            for (degree, size, plain, scale) in [
                (16, size + 1, 32, 32),
                (16, size - 1, 32, 32),
                (16, size, 32, 31),
                (16, size, 16, 16),
                (32, size, 32, 32),
                (0, size, 32, 32),
                (12, size, 32, 32),
                (0, 0, 0, 0),
            ] {
                let refused = Err(WireError::Length);
                assert_eq!(unpack(degree, &bytes[..size], plain, scale), refused, "{degree}");
                let mut out = vec![0; size];
                let words = [&vec![0; plain][..], &vec![0; scale]];
                assert_eq!(form.pack_row(degree, words, &mut out), refused, "{degree}");
            }
            let mut above = bytes[..size].to_vec();
            above[31 * 4..32 * 4].copy_from_slice(&T::VALUE.to_le_bytes());
            assert_eq!(unpack(16, &above, 32, 32), Err(WireError::Residue));
        }
    }
}
