//! A unit on its way into a store: rows of all tokens in, images token by token out.

use super::StoreError;
use alloc::vec::Vec;
use kernel::model::GroupId;
use kernel::stream::Seed;
use zeroize::Zeroize;

/// Images z, token-major, erased when dropped.
pub(super) struct Images(pub(super) Vec<u32>);

impl Drop for Images {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A unit that is being received.
pub(super) struct Receiving {
    pub(super) group: GroupId,
    pub(super) tokens: usize,
    pub(super) masks: Seed,
    pub(super) z: Images,
    /// Rows of the group's matrix, and how many of them have come.
    rows: usize,
    come: usize,
}

impl core::fmt::Debug for Receiving {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Receiving").field("group", &self.group).finish_non_exhaustive()
    }
}

impl Receiving {
    /// Memory for a unit of a group of `rows` rows.
    pub(super) fn new(
        group: GroupId,
        rows: usize,
        tokens: usize,
        masks: Seed,
    ) -> Result<Self, StoreError> {
        let words = rows.checked_mul(tokens).ok_or(StoreError::Full)?;
        let mut z = Vec::new();
        z.try_reserve_exact(words).map_err(|_| StoreError::Full)?;
        z.resize(words, 0);
        Ok(Self { group, tokens, masks, z: Images(z), rows, come: 0 })
    }

    /// Takes in the next row.
    pub(super) fn put_row(&mut self, z: &[u32]) -> Result<(), StoreError> {
        if self.come == self.rows || z.len() != self.tokens {
            return Err(StoreError::Order);
        }
        for (held, &z) in self.z.0.iter_mut().skip(self.come).step_by(self.rows).zip(z) {
            *held = z;
        }
        self.come += 1;
        Ok(())
    }

    /// The unit, if all its rows have come.
    pub(super) fn complete(self) -> Result<Self, StoreError> {
        if self.come == self.rows { Ok(self) } else { Err(StoreError::Order) }
    }
}
