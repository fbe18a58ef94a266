use super::{
    WireError, pack_bits, pack_residues, packed_bits_len, packed_len, unpack_bits, unpack_residues,
};
use crate::glwe::{SWITCHED_BODY_BITS, SWITCHED_MASK_BITS};
use crate::params::MASKED_LIMBS;
use crate::prime::PrimeId;
use serde::{Deserialize, Serialize};

/// What the result rows of a unit are modulo.
///
/// ```
/// use kernel::wire::RowForm;
///
/// let sizes = |form: RowForm| [(256, 16, 1), (4096, 1, 1), (4096, 1, 4)]
///     .map(|(degree, rank, keys)| form.row_bytes(degree, rank, keys));
/// assert_eq!(sizes(RowForm::Full), [32_640, 61_440, 153_600]);
/// assert_eq!(sizes(RowForm::Switched), [24_160, 40_960, 94_720]);
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

impl RowForm {
    /// Packed bytes of one row: K mask polynomials and a body for each key, in both limbs.
    #[must_use]
    pub const fn row_bytes(self, degree: usize, rank: usize, keys: usize) -> usize {
        RowShape { form: self, degree, rank, keys }.row_bytes()
    }
}

/// How the polynomials of a result row lie on the wire: for limb 0, then for limb 1, K masks, which all
/// keys share, then the body of each key. Each polynomial begins with a byte of its own, so a row can be
/// taken in polynomial by polynomial.
///
/// ```
/// use kernel::wire::{RowForm, RowPart, RowShape};
///
/// let shape = RowShape { form: RowForm::Switched, degree: 8, rank: 1, keys: 2 };
/// let parts: Vec<_> = (0..).map_while(|number| shape.part(number)).collect();
/// assert_eq!(parts.len(), 6);
/// assert_eq!(parts[0], RowPart::Mask { limb: 0, component: 0 });
/// assert_eq!(parts[5], RowPart::Body { limb: 1, key: 1 });
/// let bytes: Vec<_> = parts.iter().map(|&part| shape.part_bytes(part)).collect();
/// assert_eq!(bytes, [32, 32, 32, 13, 3, 3]);
/// assert_eq!(shape.row_bytes(), bytes.iter().sum());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RowShape {
    /// What the row is modulo.
    pub form: RowForm,
    /// Ring degree N.
    pub degree: usize,
    /// Rank K.
    pub rank: usize,
    /// Keys of the unit.
    pub keys: usize,
}

/// One polynomial of a result row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RowPart {
    /// A mask polynomial.
    Mask {
        /// 0 or 1.
        limb: usize,
        /// Which component of a key it belongs to, below K.
        component: usize,
    },
    /// The body under one key.
    Body {
        /// 0 or 1.
        limb: usize,
        /// Which key.
        key: usize,
    },
}

/// How the words of a polynomial are packed.
enum Packing {
    Residues(PrimeId),
    Bits(u32),
}

impl RowShape {
    /// Words of one limb of a row.
    #[must_use]
    pub const fn limb_words(&self) -> usize {
        (self.rank + self.keys) * self.degree
    }

    /// Polynomial `number` of the row, in the order of the wire; `None` behind the last.
    #[must_use]
    pub const fn part(&self, number: usize) -> Option<RowPart> {
        let columns = self.rank + self.keys;
        if number >= 2 * columns {
            return None;
        }
        let (limb, column) = (number / columns, number % columns);
        Some(if column < self.rank {
            RowPart::Mask { limb, component: column }
        } else {
            RowPart::Body { limb, key: column - self.rank }
        })
    }

    const fn packing(&self, part: RowPart) -> Packing {
        match (self.form, part) {
            (RowForm::Switched, RowPart::Mask { limb: 1, .. }) => Packing::Bits(SWITCHED_MASK_BITS),
            (RowForm::Switched, RowPart::Body { limb: 1, .. }) => Packing::Bits(SWITCHED_BODY_BITS),
            (_, RowPart::Mask { limb, .. } | RowPart::Body { limb, .. }) => {
                Packing::Residues(MASKED_LIMBS[limb])
            }
        }
    }

    /// Packed bytes of a polynomial of the row.
    #[must_use]
    pub const fn part_bytes(&self, part: RowPart) -> usize {
        match self.packing(part) {
            Packing::Residues(p) => packed_len(p, self.degree),
            Packing::Bits(bits) => packed_bits_len(bits, self.degree),
        }
    }

    /// Packed bytes of the row.
    #[must_use]
    pub const fn row_bytes(&self) -> usize {
        let (mut bytes, mut number) = (0, 0);
        while let Some(part) = self.part(number) {
            bytes += self.part_bytes(part);
            number += 1;
        }
        bytes
    }

    /// Packs a row, of which each limb is given as its masks, then its bodies. Like [`pack_residues`], it
    /// does not check that the words are in range.
    ///
    /// ```
    /// use kernel::wire::{RowForm, RowPart, RowShape};
    ///
    /// let shape = RowShape { form: RowForm::Switched, degree: 8, rank: 1, keys: 1 };
    /// let mut bytes = vec![0; shape.row_bytes()];
    /// let (plain, low) = ([[1; 8], [2; 8]].concat(), [[0x1fff; 8], [5; 8]].concat());
    /// shape.pack_row([&plain, &low], &mut bytes)?;
    /// assert_eq!(bytes[64..], [[0xff; 13].as_slice(), &[0x6d, 0xdb, 0xb6]].concat());
    ///
    /// let mut mask = [0; 8];
    /// shape.unpack_part(RowPart::Mask { limb: 1, component: 0 }, &bytes[64..77], &mut mask)?;
    /// assert_eq!(mask, [0x1fff; 8]);
    /// # Ok::<(), kernel::wire::WireError>(())
    /// ```
    ///
    /// # Errors
    /// [`WireError::Length`] unless the limbs have [`Self::limb_words`], and `out` [`Self::row_bytes`].
    pub fn pack_row(&self, limbs: [&[u32]; 2], out: &mut [u8]) -> Result<(), WireError> {
        let fits = limbs.iter().all(|limb| limb.len() == self.limb_words());
        if !fits || out.len() != self.row_bytes() {
            return Err(WireError::Length);
        }
        let (mut rest, mut number) = (out, 0);
        for words in limbs.into_iter().flat_map(|limb| limb.chunks_exact(self.degree.max(1))) {
            let part = self.part(number).ok_or(WireError::Length)?;
            let (bytes, later) = rest.split_at_mut(self.part_bytes(part));
            match self.packing(part) {
                Packing::Residues(p) => pack_residues(p, words, bytes)?,
                Packing::Bits(bits) => pack_bits(bits, words.iter().map(|&w| w.into()), bytes)?,
            }
            (rest, number) = (later, number + 1);
        }
        Ok(())
    }

    /// Unpacks a polynomial of the row into N words, and checks that residues are below their modulus
    /// and that bits left over are zero.
    ///
    /// # Errors
    /// [`WireError::Length`] unless there are [`Self::part_bytes`] and N words, or else
    /// [`WireError::Residue`]; `out` is then unspecified.
    pub fn unpack_part(
        &self,
        part: RowPart,
        bytes: &[u8],
        out: &mut [u32],
    ) -> Result<(), WireError> {
        if out.len() != self.degree {
            return Err(WireError::Length);
        }
        match self.packing(part) {
            Packing::Residues(p) => unpack_residues(p, bytes, out),
            Packing::Bits(bits) => {
                let mut words = out.iter_mut();
                unpack_bits(bits, words.len(), bytes, |number| {
                    if let Some(word) = words.next() {
                        *word = number as u32;
                    }
                })
            }
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

    /// The words of a packed row, part after part.
    fn unpack(shape: &RowShape, bytes: &[u8]) -> Vec<u32> {
        let (mut rest, mut out) = (bytes, Vec::new());
        for part in (0..).map_while(|number| shape.part(number)) {
            let (bytes, later) = rest.split_at(shape.part_bytes(part));
            let mut words = vec![7; shape.degree];
            shape.unpack_part(part, bytes, &mut words).unwrap();
            out.extend(words);
            rest = later;
        }
        assert!(rest.is_empty());
        out
    }

    proptest! {
        #[test]
        fn rows_come_back(keys in 1_usize..4, words in prop::collection::vec(any::<u32>(), 2 * 5 * 16)) {
            for form in FORMS {
                let shape = RowShape { form, degree: 16, rank: 2, keys };
                let size = shape.limb_words();
                let plain: Vec<u32> = words[..size].iter().map(|w| w % T::VALUE).collect();
                let scale: Vec<u32> = (0..size).map(|i| words[size + i] % match (form, i / 16) {
                    (RowForm::Full, _) => Delta::VALUE,
                    (RowForm::Switched, polynomial) if polynomial < 2 => 1 << 13,
                    (RowForm::Switched, _) => 1 << 3,
                }).collect();
                let mut bytes = vec![0xaa; shape.row_bytes()];
                shape.pack_row([&plain, &scale], &mut bytes).unwrap();
                prop_assert_eq!(unpack(&shape, &bytes), [plain, scale].concat());
            }
        }
    }

    /// Keys after the first add their bodies alone.
    #[test]
    fn a_row_has_its_masks_once() {
        for (degree, rank) in [(256, 16), (512, 8), (1024, 4), (2048, 2), (4096, 1)] {
            for keys in 1..=16 {
                // Packed words of 60 bits; or residues modulo t, 13 bits of masks and 3 of bodies.
                let full = 60 * (rank + keys) * degree / 8;
                let switched = (45 * rank + 35 * keys) * degree / 8;
                let bytes = FORMS.map(|form| form.row_bytes(degree, rank, keys));
                assert_eq!(bytes, [full, switched]);
            }
        }
    }

    #[test]
    fn wrong_lengths_and_residues_are_errors() {
        for form in FORMS {
            let shape = RowShape { form, degree: 16, rank: 1, keys: 1 };
            let size = shape.row_bytes();
            let (words, mut out) = (vec![0; 48], vec![0; size + 1]);
            let mut pack = |shape: RowShape, plain: usize, scale: usize, size: usize| {
                shape.pack_row([&words[..plain], &words[..scale]], &mut out[..size])
            };
            assert_eq!(pack(shape, 32, 32, size), Ok(()));
            for (shape, plain, scale, size) in [
                (shape, 32, 32, size + 1),
                (shape, 32, 32, size - 1),
                (shape, 32, 31, size),
                (shape, 16, 16, size),
                (RowShape { keys: 2, ..shape }, 32, 32, size),
                (RowShape { rank: 2, ..shape }, 32, 32, size),
                (RowShape { degree: 0, ..shape }, 32, 32, size),
            ] {
                assert_eq!(pack(shape, plain, scale, size), Err(WireError::Length));
            }
            for part in (0..).map_while(|number| shape.part(number)) {
                let (bytes, mut words) = (vec![0; 100], [0; 17]);
                let size = shape.part_bytes(part);
                let unpack = |bytes: &[u8], words: usize| {
                    shape.unpack_part(part, bytes, &mut [0; 17][..words])
                };
                assert_eq!(unpack(&bytes[..size], 16), Ok(()));
                assert_eq!(unpack(&bytes[..size], 17), Err(WireError::Length));
                assert_eq!(unpack(&bytes[..size - 1], 16), Err(WireError::Length));
                assert_eq!(unpack(&bytes[..size + 1], 16), Err(WireError::Length));
                if let Packing::Residues(p) = shape.packing(part) {
                    let mut above = bytes;
                    above[..4].copy_from_slice(&p.value().to_le_bytes());
                    let refused = shape.unpack_part(part, &above[..size], &mut words[..16]);
                    assert_eq!(refused, Err(WireError::Residue));
                }
            }
        }
    }
}
