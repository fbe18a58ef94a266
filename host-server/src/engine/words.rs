use kernel::accel::AccelError;
use memmap2::MmapMut;

/// Words straight from the system, zero at first. Dropped, they are given back to it at once, where
/// an allocator would keep some: so the budget of memory bounds what the process holds.
#[derive(Debug, Default)]
pub(super) struct Words(Option<MmapMut>);

impl Words {
    /// `count` words, which may be none.
    pub(super) fn zeroed(count: usize) -> Result<Self, AccelError> {
        let bytes = count.checked_mul(size_of::<u32>()).ok_or(AccelError::OutOfMemory)?;
        if bytes == 0 {
            return Ok(Self(None));
        }
        // A mapping begins at a page, which aligns the words.
        Ok(Self(Some(MmapMut::map_anon(bytes).map_err(|_| AccelError::OutOfMemory)?)))
    }

    pub(super) fn words(&self) -> &[u32] {
        self.0.as_deref().map_or(&[], bytemuck::cast_slice)
    }

    pub(super) fn words_mut(&mut self) -> &mut [u32] {
        self.0.as_deref_mut().map_or(&mut [], bytemuck::cast_slice_mut)
    }
}
