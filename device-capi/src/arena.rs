//! The caller's memory, divided into slices.
#![expect(unsafe_code, reason = "slices of memory of C")]

use crate::status::Status;
use crate::types::{ALIGNMENT, Memory, Workspace};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use zeroize::Zeroize;

/// Bytes of a memory that holds `length` `T`, the gap up to the next slice included. Saturates.
pub(crate) const fn bytes_of<T>(length: usize) -> usize {
    let bytes = length.saturating_mul(size_of::<T>());
    bytes.saturating_add(ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
}

/// One of the caller's memories, from which slices are taken.
pub(crate) struct Arena<'a> {
    next: *mut u8,
    left: usize,
    owner: PhantomData<&'a mut [u8]>,
}

impl<'a> Arena<'a> {
    fn of(memory: Memory) -> Self {
        let Memory { bytes, length } = memory;
        let next = if length == 0 { NonNull::<u64>::dangling().as_ptr().cast() } else { bytes };
        Self { next: next.cast(), left: length, owner: PhantomData }
    }

    /// A memory by itself.
    ///
    /// # Safety
    /// The memory is null, misaligned, or the caller's alone, of its length, for as long as 'a.
    pub(crate) unsafe fn new(memory: Memory) -> Result<Self, Status> {
        check(memory)?;
        Ok(Self::of(memory))
    }

    /// The next `length` `T` of the memory, all of them `value`.
    pub(crate) fn take<T: Copy>(&mut self, length: usize, value: T) -> Result<&'a mut [T], Status> {
        self.take_with(length, || value)
    }

    /// The next `length` `T` of the memory, each of them a `value`. They are not dropped.
    pub(crate) fn take_with<T>(
        &mut self,
        length: usize,
        value: impl Fn() -> T,
    ) -> Result<&'a mut [T], Status> {
        let first = self.places::<T>(length)?;
        for index in 0..length {
            // SAFETY: there is room for `length`.
            unsafe { first.add(index).write(value()) };
        }
        // SAFETY: the memory is the caller's for 'a, these places are taken once, and each was written.
        Ok(unsafe { core::slice::from_raw_parts_mut(first, length) })
    }

    /// Room for one `T`, aligned, in the memory of 'a.
    pub(crate) fn place<T>(&mut self) -> Result<*mut T, Status> {
        self.places(1)
    }

    /// Room for `length` `T`.
    fn places<T>(&mut self, length: usize) -> Result<*mut T, Status> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        let bytes = bytes_of::<T>(length);
        if bytes > self.left {
            return Err(Status::Memory);
        }
        // `next` is a multiple of the alignment: the memory begins at one, and all places take multiples.
        let first = self.next.cast::<T>();
        // SAFETY: so many bytes are left.
        self.next = unsafe { self.next.add(bytes) };
        self.left -= bytes;
        Ok(first)
    }

    /// Bytes that are left and can be taken.
    pub(crate) const fn left(&self) -> usize {
        self.left / ALIGNMENT * ALIGNMENT
    }
}

/// Refuses what cannot be a memory.
fn check(Memory { bytes, length }: Memory) -> Result<(), Status> {
    let start = bytes as usize;
    if bytes.is_null() && length > 0 {
        Err(Status::NullPointer)
    } else if !start.is_multiple_of(ALIGNMENT) {
        Err(Status::Misaligned)
    } else if length > isize::MAX as usize || start.checked_add(length).is_none() {
        Err(Status::Memory)
    } else {
        Ok(())
    }
}

/// The three memories of a call. When it is dropped, those that hold secrets are erased.
pub(crate) struct Memories {
    workspace: Workspace,
}

impl Drop for Memories {
    fn drop(&mut self) {
        for memory in [self.workspace.text, self.workspace.session] {
            if memory.length > 0 {
                let bytes = memory.bytes.cast::<MaybeUninit<u8>>();
                // SAFETY: as in `Memories::new`; all slices of it have ended. Nothing is read.
                unsafe { core::slice::from_raw_parts_mut(bytes, memory.length) }.zeroize();
            }
        }
    }
}

impl Memories {
    /// Takes over the caller's memories for the length of a call.
    ///
    /// # Safety
    /// Each memory is null, misaligned, or the caller's alone, of its length, for as long as this lives.
    pub(crate) unsafe fn new(workspace: &Workspace) -> Result<Self, Status> {
        let all = [workspace.text, workspace.session, workspace.frames];
        for memory in all {
            check(memory)?;
        }
        let overlap = |a: Memory, b: Memory| {
            let (a, b, m, n) = (a.bytes as usize, b.bytes as usize, a.length, b.length);
            m > 0 && n > 0 && a < b + n && b < a + m
        };
        if overlap(all[0], all[1]) || overlap(all[0], all[2]) || overlap(all[1], all[2]) {
            return Err(Status::Overlap);
        }
        Ok(Self { workspace: *workspace })
    }

    /// Text, session and frames.
    pub(crate) fn arenas(&mut self) -> [Arena<'_>; 3] {
        let Workspace { text, session, frames } = self.workspace;
        [text, session, frames].map(Arena::of)
    }
}
