use core::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use wgpu::{Buffer, BufferBinding, BufferSize, BufferUsages};

/// Bytes of unused buffers that are kept, at most.
const KEPT: u64 = 1 << 30;
/// Sizes of buffers are eighths of powers of two from here: few, and not much larger than what is asked for.
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
        let bytes_at_least = bytes.max(SMALLEST);
        let size = bytes_at_least.next_multiple_of(bytes_at_least.next_power_of_two() / 8);
        let size = if size > largest { bytes.next_multiple_of(16) } else { size };
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free.iter().position(|buffer| buffer.size() == size);
        let found = found.map(|at| free.swap_remove(at));
        drop(free);
        let buffer = match found {
            Some(buffer) => buffer,
            None => create(size, self.usage)?,
        };
        let held = Arc::new(Held { buffer: Some(buffer), pool: Arc::clone(self) });
        Ok(Lease { held, bytes })
    }

    /// Lets go of all that is not in use. Returns whether there was any.
    pub(crate) fn clear(&self) -> bool {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        !core::mem::take(&mut *free).is_empty()
    }
}

/// A buffer of the pool, until it and all that is recorded with it is dropped or handed over. The device works in
/// the order of submission, so that from then on others may use the buffer.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    held: Arc<Held>,
    bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Held {
    /// There until it is dropped.
    buffer: Option<Buffer>,
    pool: Arc<Pool>,
}

impl Drop for Held {
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

/// Bytes of a buffer that a shader sees, from its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) buffer: &'a Buffer,
    pub(crate) bytes: u64,
    /// What must not go back to its pool before the work is handed over.
    pub(crate) lease: Option<&'a Arc<Held>>,
}

impl<'a> View<'a> {
    /// All of a buffer that is nobody else's.
    pub(crate) fn whole(buffer: &'a Buffer) -> Self {
        Self { buffer, bytes: buffer.size(), lease: None }
    }

    pub(crate) fn binding(self) -> BufferBinding<'a> {
        BufferBinding { buffer: self.buffer, offset: 0, size: BufferSize::new(self.bytes) }
    }
}

impl Lease {
    /// What was asked for.
    pub(crate) fn view(&self) -> View<'_> {
        View { buffer: self, bytes: self.bytes, lease: Some(&self.held) }
    }
}

impl Deref for Lease {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        match &self.held.buffer {
            Some(buffer) => buffer,
            None => unreachable!("a lease has its buffer until it is dropped"),
        }
    }
}
