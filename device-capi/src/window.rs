//! A store of correlations in the caller's memory: [`WindowStore`], behind the functions of a
//! [`Store`].
#![expect(unsafe_code, reason = "the interface of C")]

use crate::arena::{Arena, bytes_of};
use crate::bundle::{Bundle, opened, status};
use crate::pointer;
use crate::status::Status;
use crate::types::{Memory, SEED_BYTES, Store};
use core::ffi::c_void;
use device_client::store::{CorrelationStore, StoreError, Window, WindowStore};
use kernel::model::{GroupId, ModelConfig};
use kernel::stream::{Seed, one_time_mask};

/// The least memory of a store of windows of `tokens` tokens.
fn bytes(config: &ModelConfig, tokens: usize) -> usize {
    bytes_of::<WindowStore<'static>>(1)
        .saturating_add(bytes_of::<Window>(config.group_count() as usize))
        .saturating_add(bytes_of::<u32>(WindowStore::words(config, tokens)))
}

/// Writes the bytes of memory that a store for `tokens` tokens needs: subrosa_sizes.correlations of the
/// longest request.
///
/// Fails with NULL_POINTER, MISALIGNED, HANDLE, or OPTION for no tokens.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_window_size(
    bundle: *const Bundle,
    tokens: u32,
    length: *mut usize,
) -> Status {
    let measure = || {
        if tokens == 0 {
            return Err(Status::Option);
        }
        // SAFETY: the caller promises a handle, and memory for a length.
        unsafe { pointer::write(length, bytes(opened(bundle)?.config(), tokens as usize)) }
    };
    status(measure())
}

/// Opens an empty store in `memory`, and fills in `store`, the functions of a platform. Of each unit it
/// keeps as many tokens as there is room for, and takes the next when all of them are used; while some
/// are left, a preparation that wants more fails with STORE_FULL: subrosa_window_erase makes room.
///
/// Nothing is durable, and so nothing is used twice: what masks are made of is gone with the memory's
/// contents. It must not be a memory that outlives a reset with its contents and is opened again without
/// this function. It is the store's until it is erased; it is secret.
///
/// Fails with NULL_POINTER, MISALIGNED, HANDLE or MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_window_open(
    bundle: *const Bundle,
    memory: *const Memory,
    store: *mut Store,
) -> Status {
    let open = || {
        // SAFETY: the caller promises a handle, and memory that is the store's until it is erased.
        let (config, mut memory) = unsafe {
            let memory = *pointer::structure(memory)?;
            (opened(bundle)?.config(), Arena::<'static>::new(memory)?)
        };
        let place = memory.place::<WindowStore<'static>>()?;
        let windows = memory.take_with(config.group_count() as usize, || Window::EMPTY)?;
        let words = memory.take(memory.left() / size_of::<u32>(), 0)?;
        let window = WindowStore::new(config, windows, words).map_err(|_| Status::Memory)?;
        // SAFETY: the place was taken from the memory for one of these; the caller promises memory for the
        // functions.
        unsafe {
            place.write(window);
            pointer::write(store, functions(place.cast()))
        }
    };
    status(open())
}

/// Erases all that a store of subrosa_window_open holds. It is empty then, and may be used again, or
/// its memory for something else.
///
/// Fails with NULL_POINTER, MISALIGNED, or HANDLE for another store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_window_erase(store: *const Store) -> Status {
    let erase = || {
        // SAFETY: the caller promises a store.
        let store = unsafe { pointer::structure(store) }?;
        if store.abandon.is_none_or(|known| known as usize != abandon as *const () as usize) {
            return Err(Status::Handle);
        }
        // SAFETY: the function is of `functions`, and so is the context.
        unsafe { of(store.context) }.erase();
        Ok(())
    };
    status(erase())
}

/// Writes the mask r of a correlation, a word for each of `columns` columns of the group's matrix, of the
/// unit's seed of SUBROSA_SEED_BYTES bytes and the token's index in the unit. For stores of one's own.
///
/// Fails with NULL_POINTER, MISALIGNED or MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_mask(
    seed: *const u8,
    index: u32,
    r: *mut u32,
    columns: usize,
) -> Status {
    let write = || {
        let mut bytes = [0; SEED_BYTES];
        // SAFETY: the caller promises the bytes of a seed, and memory for so many words.
        let r = unsafe {
            bytes.copy_from_slice(pointer::array(seed, SEED_BYTES)?);
            pointer::array_mut(r, columns)?
        };
        one_time_mask(&Seed::from_bytes(bytes), index as usize, 0, r);
        Ok(())
    };
    status(write())
}

const fn functions(context: *mut c_void) -> Store {
    Store {
        context,
        available: Some(available),
        reserve: Some(reserve),
        take: Some(take),
        begin_unit: Some(begin_unit),
        put_row: Some(put_row),
        hold_unit: Some(hold_unit),
        settle: Some(settle),
        abandon: Some(abandon),
    }
}

/// The store of a context.
///
/// # Safety
/// The context is of [`functions`], its memory is as it was left, and nobody else uses it.
const unsafe fn of<'a>(context: *mut c_void) -> &'a mut WindowStore<'static> {
    // SAFETY: the caller's promise.
    unsafe { &mut *context.cast() }
}

fn code(outcome: Result<(), StoreError>) -> i32 {
    outcome.map_or_else(Status::from, |()| Status::Ok) as i32
}

unsafe extern "C" fn available(context: *mut c_void, group: u32) -> u32 {
    // SAFETY: a platform's functions are called with their context, one at a time.
    unsafe { of(context) }.available(GroupId(group))
}

unsafe extern "C" fn reserve(context: *mut c_void, demand: *const u32, groups: usize) -> i32 {
    // SAFETY: as above; the caller promises as many words as he says.
    match unsafe { pointer::array(demand, groups) } {
        Ok(demand) => {
            let demand = |group: GroupId| demand.get(group.0 as usize).copied().unwrap_or(0);
            // SAFETY: as above.
            code(unsafe { of(context) }.reserve(&demand))
        }
        Err(error) => error as i32,
    }
}

unsafe extern "C" fn take(
    context: *mut c_void,
    group: u32,
    r: *mut u32,
    columns: usize,
    z: *mut u32,
    rows: usize,
) -> i32 {
    // SAFETY: as above; the caller promises memory for as many words as he says.
    match unsafe { (pointer::array_mut(r, columns), pointer::array_mut(z, rows)) } {
        // SAFETY: as above.
        (Ok(r), Ok(z)) => code(unsafe { of(context) }.take(GroupId(group), r, z)),
        _ => Status::StoreOrder as i32,
    }
}

unsafe extern "C" fn begin_unit(
    context: *mut c_void,
    group: u32,
    _rows: usize,
    tokens: usize,
    seed: *const u8,
) -> i32 {
    let mut bytes = [0; SEED_BYTES];
    // SAFETY: as above; the caller promises the bytes of a seed.
    match unsafe { pointer::array(seed, SEED_BYTES) } {
        Ok(seed) => bytes.copy_from_slice(seed),
        Err(error) => return error as i32,
    }
    // SAFETY: as above.
    code(unsafe { of(context) }.begin_unit(GroupId(group), tokens, Seed::from_bytes(bytes)))
}

unsafe extern "C" fn put_row(context: *mut c_void, row: *const u32, tokens: usize) -> i32 {
    // SAFETY: as above; the caller promises as many words as he says.
    match unsafe { pointer::array(row, tokens) } {
        // SAFETY: as above.
        Ok(row) => code(unsafe { of(context) }.put_row(row)),
        Err(error) => error as i32,
    }
}

unsafe extern "C" fn hold_unit(context: *mut c_void) -> i32 {
    // SAFETY: as above.
    code(unsafe { of(context) }.hold_unit())
}

unsafe extern "C" fn settle(context: *mut c_void, accept: i32) -> i32 {
    // SAFETY: as above.
    code(unsafe { of(context) }.settle(accept != 0))
}

unsafe extern "C" fn abandon(context: *mut c_void) {
    // SAFETY: as above.
    unsafe { of(context) }.abandon();
}
