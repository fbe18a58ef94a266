//! What C passes, checked as far as it can be: null and alignment. That a pointer is of memory that
//! the caller owns is the caller's promise.
#![expect(unsafe_code, reason = "pointers of C")]

use crate::status::Status;

/// A structure.
///
/// # Safety
/// `pointer` is null, misaligned, or of a `T` that nobody writes to for as long as `'a`.
pub(crate) unsafe fn structure<'a, T>(pointer: *const T) -> Result<&'a T, Status> {
    check(pointer)?;
    // SAFETY: neither null nor misaligned; the rest is the caller's promise.
    Ok(unsafe { &*pointer })
}

/// Writes a structure.
///
/// # Safety
/// `pointer` is null, misaligned, or of memory for a `T` that nobody else uses.
pub(crate) unsafe fn write<T>(pointer: *mut T, value: T) -> Result<(), Status> {
    check(pointer)?;
    // SAFETY: neither null nor misaligned; the rest is the caller's promise. What was there is not
    // read, and need not be a `T`.
    unsafe { pointer.write(value) };
    Ok(())
}

/// An array.
///
/// # Safety
/// `pointer` is null, misaligned, or of `length` `T` that nobody writes to for as long as `'a`.
pub(crate) unsafe fn array<'a, T>(pointer: *const T, length: usize) -> Result<&'a [T], Status> {
    check_array(pointer, length)?;
    // SAFETY: neither null nor misaligned, and shorter than any memory can be; the rest is the caller's
    // promise.
    Ok(unsafe { core::slice::from_raw_parts(pointer, length) })
}

/// An array to write to.
///
/// # Safety
/// `pointer` is null, misaligned, or of `length` `T` that nobody else uses for as long as `'a`.
pub(crate) unsafe fn array_mut<'a, T>(
    pointer: *mut T,
    length: usize,
) -> Result<&'a mut [T], Status> {
    check_array(pointer, length)?;
    // SAFETY: as above.
    Ok(unsafe { core::slice::from_raw_parts_mut(pointer, length) })
}

fn check_array<T>(pointer: *const T, length: usize) -> Result<(), Status> {
    check(pointer)?;
    match length.checked_mul(size_of::<T>()) {
        Some(bytes) if bytes <= isize::MAX as usize => Ok(()),
        _ => Err(Status::Memory),
    }
}

fn check<T>(pointer: *const T) -> Result<(), Status> {
    if pointer.is_null() {
        Err(Status::NullPointer)
    } else if !pointer.is_aligned() {
        Err(Status::Misaligned)
    } else {
        Ok(())
    }
}
