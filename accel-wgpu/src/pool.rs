use core::ops::{Deref, Range};
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::{Buffer, BufferBinding, BufferSize, BufferUsages};

/// Bytes of unused buffers that are kept, at most.
const KEPT: u64 = 1 << 30;
/// Sizes of buffers are powers of two from here.
const SMALLEST: u64 = 1 << 12;

/// Buffers for work under way, of one use. They are made once and used again.
#[derive(Debug)]
pub(crate) struct Pool {
    usage: BufferUsages,
    free: Mutex<Vec<Buffer>>,
}

impl Pool {
    pub(crate) fn new(usage: BufferUsages) -> Arc<Self> {
        Arc::new(Self { usage, free: Mutex::default() })
    }

    /// A buffer of `bytes` or a little more, with whatever is in it; a new one is made by `create`.
    ///
    /// # Errors
    /// As `create` fails.
    pub(crate) fn lease<E>(
        self: &Arc<Self>,
        bytes: u64,
        largest: u64,
        create: impl FnOnce(u64, BufferUsages) -> Result<Buffer, E>,
    ) -> Result<Lease, E> {
        // The largest binding may be no power of two.
        let size = bytes.max(SMALLEST).next_power_of_two();
        let size = if size > largest { bytes.next_multiple_of(16) } else { size };
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free.iter().position(|buffer| buffer.size() == size);
        let found = found.map(|at| free.swap_remove(at));
        drop(free);
        let buffer = match found {
            Some(buffer) => buffer,
            None => create(size, self.usage)?,
        };
        Ok(Lease { buffer: Some(buffer), bytes, pool: Arc::clone(self) })
    }

    /// Lets go of all that is not in use.
    pub(crate) fn clear(&self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// A buffer of the pool, until it is dropped. The device works in the order of submission, so that a buffer may
/// be used again by what is submitted later.
#[derive(Debug)]
pub(crate) struct Lease {
    buffer: Option<Buffer>,
    bytes: u64,
    pool: Arc<Pool>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            let kept: u64 = free.iter().map(Buffer::size).sum();
            if kept + buffer.size() <= KEPT {
                free.push(buffer);
            }
        }
    }
}

/// Bytes of a buffer that a shader sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) buffer: &'a Buffer,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl<'a> View<'a> {
    /// The first bytes of a buffer.
    pub(crate) const fn new(buffer: &'a Buffer, bytes: u64) -> Self {
        Self { buffer, offset: 0, bytes }
    }

    /// Words of it, by number; the first must be a multiple of 64, as bindings begin at multiples of 256 bytes.
    pub(crate) const fn words(self, words: &Range<usize>) -> Self {
        let offset = self.offset + 4 * words.start as u64;
        Self { offset, bytes: 4 * (words.end - words.start) as u64, ..self }
    }

    pub(crate) fn binding(self) -> BufferBinding<'a> {
        BufferBinding {
            buffer: self.buffer,
            offset: self.offset,
            size: BufferSize::new(self.bytes),
        }
    }
}

impl Lease {
    /// What was asked for.
    pub(crate) fn view(&self) -> View<'_> {
        View::new(self, self.bytes)
    }
}

impl Deref for Lease {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        // It is taken when the lease is dropped, and not before.
        match &self.buffer {
            Some(buffer) => buffer,
            None => unreachable!("a lease has its buffer until it is dropped"),
        }
    }
}
