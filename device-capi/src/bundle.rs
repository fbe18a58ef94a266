//! Opening a bundle, and asking what is in it.
#![expect(unsafe_code, reason = "the interface of C")]

use crate::pointer;
use crate::status::Status;
use crate::types::Model;
use kernel::bundle::DeviceBundle;

/// Words of 64 bits of a handle.
pub const HANDLE_WORDS: usize = 48;

/// What an open handle begins with.
const OPEN: u64 = u64::from_le_bytes(*b"subrosaB");

/// A handle to a device bundle, in the caller's memory; what is in it is the library's affair. Begin with
/// zeros: `subrosa_bundle bundle = {0}`. An open one holds a secret; it may be moved, but not used
/// twice.
#[repr(C)]
#[derive(Debug)]
pub struct Bundle {
    /// The library's.
    pub opaque: [u64; HANDLE_WORDS],
}

#[repr(C)]
struct Open {
    /// [`OPEN`].
    mark: u64,
    parsed: DeviceBundle<'static>,
}

const _: () = {
    assert!(size_of::<Open>() <= size_of::<Bundle>());
    assert!(align_of::<Open>() <= align_of::<Bundle>());
};

/// The bundle of a handle.
///
/// # Safety
/// `handle` is null, misaligned, or of a `Bundle` that is zero, or that [`subrosa_bundle_open`] has
/// written and nobody has changed, and it stays so for as long as `'a`.
pub(crate) unsafe fn opened<'a>(handle: *const Bundle) -> Result<&'a DeviceBundle<'a>, Status> {
    // SAFETY: the caller's promise.
    let mark = unsafe { pointer::structure(handle.cast::<u64>()) }?;
    if *mark != OPEN || !handle.is_aligned() {
        return Err(Status::Handle);
    }
    // SAFETY: the mark says that `subrosa_bundle_open` wrote an `Open` here.
    Ok(&unsafe { &*handle.cast::<Open>() }.parsed)
}

/// Opens a device bundle, the file `device.bundle` that `subrosa convert device` made, and checks all
/// of it. `bytes`, a multiple of SUBROSA_ALIGNMENT, is read in place, from flash or wherever it is: it
/// must stay there, unchanged, until the handle is closed. The bundle is secret: no host may have it.
///
/// Fails with NULL_POINTER, MISALIGNED, BUNDLE_MALFORMED, BUNDLE_DAMAGED, BUNDLE_VERSION or
/// BUNDLE_UNSUPPORTED; the handle is not open then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_bundle_open(
    bundle: *mut Bundle,
    bytes: *const u8,
    length: usize,
) -> Status {
    let open = || {
        // SAFETY: the caller promises memory for a handle, and a bundle that stays until it is closed.
        unsafe {
            pointer::write(bundle, Bundle { opaque: [0; HANDLE_WORDS] })?;
            let parsed = DeviceBundle::parse(pointer::array(bytes, length)?)?;
            pointer::write(bundle.cast(), Open { mark: OPEN, parsed })
        }
    };
    status(open())
}

/// Closes a bundle and erases the handle. One that is zero, or closed already, stays so.
///
/// Fails with NULL_POINTER or MISALIGNED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_bundle_close(bundle: *mut Bundle) -> Status {
    let close = || {
        // SAFETY: the caller promises a handle that is zero or open, and that nobody uses it.
        unsafe {
            if pointer::structure(bundle)?.opaque[0] == OPEN {
                bundle.cast::<Open>().drop_in_place();
            }
            pointer::write(bundle, Bundle { opaque: [0; HANDLE_WORDS] })
        }
    };
    status(close())
}

/// Writes what is known of the model.
///
/// Fails with NULL_POINTER, MISALIGNED or HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_bundle_model(bundle: *const Bundle, model: *mut Model) -> Status {
    let describe = || {
        // SAFETY: the caller promises a handle.
        let bundle = unsafe { opened(bundle) }?;
        let config = bundle.config();
        let known = Model {
            digest: bundle.digest().0,
            vocabulary: config.vocab,
            context: config.context,
            groups: config.group_count(),
            first_token: bundle.bos().unwrap_or(u32::MAX),
            words_per_token: config.total_rows() as u32,
        };
        // SAFETY: the caller promises memory for a model.
        unsafe { pointer::write(model, known) }
    };
    status(describe())
}

/// Writes where the bytes of a token's text are, in the bundle, and how many. A token beyond the
/// vocabulary has none.
///
/// Fails with NULL_POINTER, MISALIGNED or HANDLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_bundle_text(
    bundle: *const Bundle,
    token: u32,
    text: *mut *const u8,
    length: *mut usize,
) -> Status {
    let find = || {
        // SAFETY: the caller promises a handle, and memory for a pointer and a length.
        unsafe {
            let found = opened(bundle)?.token_text(token);
            pointer::write(text, found.as_ptr())?;
            pointer::write(length, found.len())
        }
    };
    status(find())
}

/// What is returned to C.
pub(crate) fn status(outcome: Result<(), Status>) -> Status {
    outcome.err().unwrap_or(Status::Ok)
}
