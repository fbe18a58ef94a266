use core::ops::{Deref, DerefMut};
use kernel::accel::AccelError;
use std::sync::{Mutex, PoisonError};

/// Words that are kept for the next use, of all buffers together: 256 MB.
const KEPT: usize = 1 << 26;

/// Buffers that nobody uses at the moment.
static POOL: Mutex<Pool> = Mutex::new(Pool { buffers: Vec::new(), words: 0 });

struct Pool {
    buffers: Vec<Vec<u32>>,
    words: usize,
}

/// A buffer of words for intermediate results. When dropped it is kept: fresh memory from the system
/// costs more than what is done with it.
#[derive(Debug, Default)]
pub(super) struct Scratch(Vec<u32>);

impl Scratch {
    /// A buffer of `len` words, of any values.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn new(len: usize) -> Result<Self, AccelError> {
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough; otherwise a new one.
        let fits = pool.buffers.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= len);
        let best = fits.min_by_key(|(_, buffer)| buffer.capacity()).map(|(index, _)| index);
        let mut words = best.map(|index| pool.buffers.swap_remove(index)).unwrap_or_default();
        pool.words -= words.capacity();
        drop(pool);
        if words.len() < len {
            let more = len - words.len();
            words.try_reserve_exact(more).map_err(|_| AccelError::OutOfMemory)?;
            words.resize(len, 0);
        }
        words.truncate(len);
        Ok(Self(words))
    }

    /// A buffer of `len` zeros.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn zeros(len: usize) -> Result<Self, AccelError> {
        let mut words = Self::new(len)?;
        words.fill(0);
        Ok(words)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let words = core::mem::take(&mut self.0);
        let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.words + words.capacity() <= KEPT {
            pool.words += words.capacity();
            pool.buffers.push(words);
        }
    }
}

impl Deref for Scratch {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u32] {
        &mut self.0
    }
}
