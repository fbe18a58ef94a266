//! Correlations: (r, z = W r), made before there is a prompt and used once.
//!
//! A store takes in whole checked units and gives out single tokens. The masks r are kept as the
//! seed of their unit. What a session will need is reserved at its start, in one durable step:
//! reserved correlations are burned whatever happens then, unreserved ones survive.

#[cfg(feature = "alloc")]
mod memory;
#[cfg(feature = "alloc")]
mod receiving;
#[cfg(feature = "sealed")]
pub mod sealed;
mod window;

#[cfg(feature = "alloc")]
pub use memory::MemoryStore;
pub use window::{Window, WindowStore};

use kernel::model::GroupId;
use kernel::stream::Seed;

/// Why a store cannot serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Fewer tokens are prepared than a session needs.
    #[error(
        "too few correlations are prepared: group {group} has {available} tokens, {needed} are needed"
    )]
    TooFew {
        /// The first group that lacks.
        group: u32,
        /// Tokens that it has.
        available: u32,
        /// Tokens that the schedule needs.
        needed: u32,
    },
    /// More was taken than was reserved, or a unit's rows were out of place: a bug of the caller.
    #[error("the correlation store was used out of order")]
    Order,
    /// The storage behind the store failed.
    #[error("the correlation store could not be read or written")]
    Storage,
    /// What the storage holds is not what was stored.
    #[error("the correlation store is damaged")]
    Damaged,
    /// There is no room for another unit.
    #[error("the correlation store is full")]
    Full,
}

/// A store of correlations for one device and one model.
pub trait CorrelationStore {
    /// Unreserved tokens of `group`.
    fn available(&self, group: GroupId) -> u32;

    /// Reserves `demand(group)` tokens of every group, all or nothing, in one durable step.
    ///
    /// Whatever an earlier reservation left over is burned.
    ///
    /// # Errors
    /// [`StoreError::TooFew`], with nothing reserved or burned, or a storage failure.
    fn reserve(&mut self, demand: &dyn Fn(GroupId) -> u32) -> Result<(), StoreError>;

    /// Takes the next reserved token of `group`: writes its r, one word a column, and its z, one
    /// word a row. They are gone from the store then.
    ///
    /// # Errors
    /// [`StoreError::Order`] when none is left or the lengths are not the group's, or a storage
    /// failure.
    fn take(&mut self, group: GroupId, r: &mut [u32], z: &mut [u32]) -> Result<(), StoreError>;

    /// Begins a unit of `tokens` tokens.
    ///
    /// # Errors
    /// As the storage fails; nothing else may be done with the store until the unit ends.
    fn begin_unit(&mut self, group: GroupId, tokens: usize, masks: Seed) -> Result<(), StoreError>;

    /// The next row of the unit: z of all its tokens.
    ///
    /// # Errors
    /// [`StoreError::Order`] without a unit or beyond its last row.
    fn put_row(&mut self, z: &[u32]) -> Result<(), StoreError>;

    /// Ends the unit and holds it: it is whole, but neither available nor durable before it is
    /// settled with all others that are held.
    ///
    /// # Errors
    /// [`StoreError::Order`] if rows are missing, [`StoreError::Full`], or as the storage fails; the
    /// unit is gone then, those held before are held.
    fn hold_unit(&mut self) -> Result<(), StoreError>;

    /// Settles all units that are held: makes them available, in one durable step, if `accept`, erases
    /// them otherwise.
    ///
    /// # Errors
    /// As the storage fails; none of them is available then.
    fn settle(&mut self, accept: bool) -> Result<(), StoreError>;

    /// Ends the unit and settles it: keeps it durably if `accept`, erases it otherwise. Units that are
    /// held share its fate.
    ///
    /// # Errors
    /// [`StoreError::Order`] if rows are missing.
    fn finish_unit(&mut self, accept: bool) -> Result<(), StoreError> {
        self.hold_unit()?;
        self.settle(accept)
    }

    /// Forgets the unit that was begun and will not be finished, its masks and the rows that have
    /// come, and all units that are held; does nothing where there is none. What is held durably is as
    /// before.
    fn abandon(&mut self);
}
