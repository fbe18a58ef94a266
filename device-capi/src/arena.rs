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
    /// The next `length` `T` of the memory, all of them `value`.
    pub(crate) fn take<T: Copy>(&mut self, length: usize, value: T) -> Result<&'a mut [T], Status> {
        const { assert!(align_of::<T>() <= ALIGNMENT) };
        let bytes = bytes_of::<T>(length);
        if bytes > self.left {
            return Err(Status::Memory);
        }
        let first = self.next.cast::<T>();
        for index in 0..length {
            // SAFETY: `length` T take at most `bytes`, and so many are left. `next` is a multiple of
            // the alignment, since the memory begins at one and all slices take multiples.
            unsafe { first.add(index).write(value) };
        }
        // SAFETY: as above.
        self.next = unsafe { self.next.add(bytes) };
        self.left -= bytes;
        // SAFETY: the memory is the caller's for 'a, this part is taken once, and each T was written.
        Ok(unsafe { core::slice::from_raw_parts_mut(first, length) })
    }

    /// All that is left, as bytes, but at most `most`.
    pub(crate) fn rest(&mut self, most: usize) -> Result<&'a mut [u8], Status> {
        self.take(self.left.min(most / ALIGNMENT * ALIGNMENT), 0)
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
            let start = memory.bytes as usize;
            if memory.bytes.is_null() && memory.length > 0 {
                return Err(Status::NullPointer);
            }
            if !start.is_multiple_of(ALIGNMENT) {
                return Err(Status::Misaligned);
            }
            if memory.length > isize::MAX as usize || start.checked_add(memory.length).is_none() {
                return Err(Status::Memory);
            }
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
        [text, session, frames].map(|Memory { bytes, length }| {
            let next = if length == 0 { NonNull::<u64>::dangling().as_ptr().cast() } else { bytes };
            Arena { next: next.cast(), left: length, owner: PhantomData }
        })
    }
}
