use super::{Common, UnitError};
use crate::store::CorrelationStore;
use core::marker::PhantomData;
use kernel::bundle::CHECK_REPETITIONS;
use kernel::check::Poison;
use kernel::glwe::RowDecryptor;
use kernel::params::MaskedSet;
use kernel::ring::RingOps;
use kernel::stream::check_vector;
use kernel::wire::{BLOCK_PREFIX_BYTES, Block, WireError};
use zeroize::Zeroize;

/// A unit whose result rows come in, frame by frame and part by part.
pub struct UnitRows<'b, S: MaskedSet, R: RingOps> {
    common: Common<'b, S>,
    row: RowDecryptor<'b, S>,
    /// Rows that have come, and those that the frame under way still owes.
    next_row: usize,
    of_frame: usize,
    ring: PhantomData<R>,
}

impl<S: MaskedSet, R: RingOps> core::fmt::Debug for UnitRows<'_, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UnitRows").field("group", &self.common.group).finish_non_exhaustive()
    }
}

impl<'b, S: MaskedSet, R: RingOps> UnitRows<'b, S, R> {
    pub(super) fn new(
        common: Common<'b, S>,
        keys: usize,
        scratch: &'b mut [u32],
    ) -> Result<Self, UnitError> {
        let sums = scratch.get_mut(..RowDecryptor::<S>::words(keys)).ok_or(UnitError::Workspace)?;
        let row = RowDecryptor::new(common.form, keys, sums)?;
        Ok(Self { common, row, next_row: 0, of_frame: 0, ring: PhantomData })
    }

    /// Whether all rows have come.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.next_row == self.common.shape.rows
    }

    /// Begins a frame of rows, whose payload of `length` bytes begins with `prefix`.
    ///
    /// # Errors
    /// [`UnitError::Wire`] unless its rows are the next, one at least, and as long as they should be.
    pub fn begin_frame(
        &mut self,
        prefix: &[u8; BLOCK_PREFIX_BYTES],
        length: usize,
    ) -> Result<(), UnitError> {
        let (block, _) = Block::split(prefix)?;
        let left = self.common.shape.rows - self.next_row;
        let count = block.count as usize;
        let in_order = self.of_frame == 0 && block.index as usize == self.next_row;
        if !in_order || count == 0 || count > left {
            return Err(WireError::Order.into());
        }
        if length != BLOCK_PREFIX_BYTES + count * self.row.shape().row_bytes() {
            return Err(WireError::Length.into());
        }
        self.of_frame = count;
        Ok(())
    }

    /// Bytes of the part that the frame owes next, one packed polynomial; `None` when it is whole.
    #[must_use]
    pub fn due(&self) -> Option<usize> {
        let shape = self.row.shape();
        let part = self.row.part().or_else(|| shape.part(0)).filter(|_| self.of_frame > 0);
        part.map(|part| shape.part_bytes(part))
    }

    /// Takes in the part that is due; the last of a row gives the store a row.
    ///
    /// # Errors
    /// [`UnitError::Wire`] for what the host can see by itself, or as the store fails.
    pub fn receive(
        &mut self,
        part: &[u8],
        store: &mut impl CorrelationStore,
    ) -> Result<(), UnitError> {
        let Common { bundle, group, keys, check, polynomial, .. } = &mut self.common;
        if self.of_frame == 0 {
            return Err(WireError::Order.into());
        }
        let shape = self.row.shape();
        let place = self.row.part().or_else(|| shape.part(0)).ok_or(WireError::Order)?;
        shape.unpack_part(place, part, polynomial.0)?;
        self.row.absorb::<R>(keys.iter().flatten(), polynomial.0)?;
        let Some(z) = self.row.messages() else { return Ok(()) };
        let mut u = [0; CHECK_REPETITIONS];
        for (repetition, u) in (0..).zip(&mut u) {
            let word = core::slice::from_mut(u);
            check_vector(bundle.check_seed(), repetition, group.0, self.next_row, word);
        }
        check.add_row(u, z);
        u.zeroize();
        store.put_row(z)?;
        self.next_row += 1;
        self.of_frame -= 1;
        Ok(())
    }

    /// Ends the unit: the store keeps it if every token's check holds, erases it otherwise.
    /// Returns whether it was kept. The keys and all working memory are erased.
    ///
    /// # Errors
    /// As the store fails, or rows are missing.
    pub fn finish(self, store: &mut impl CorrelationStore) -> Result<bool, UnitError> {
        let mut poison = Poison::default();
        self.common.check.finish(&mut poison);
        let accept = !poison.reveal();
        store.finish_unit(accept)?;
        Ok(accept)
    }
}
