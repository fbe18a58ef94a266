//! Memory outside the chip.

use core::sync::atomic::{AtomicBool, Ordering};

unsafe extern "C" {
    static _qspi_start: u8;
    static _qspi_end: u8;
    static mut _sdram_start: u8;
    static mut _sdram_end: u8;
}

/// The external flash, which is read in place.
#[must_use]
pub fn external_flash() -> &'static [u8] {
    let start = &raw const _qspi_start;
    let length = (&raw const _qspi_end).addr() - start.addr();
    // SAFETY: `memory.x` gives these addresses to the flash alone; it is there as long as the program
    // and nobody writes to it.
    unsafe { core::slice::from_raw_parts(start, length) }
}

/// The external RAM, once; `None` later. It holds whatever it held before the start, and is aligned to
/// more than any number.
#[must_use]
pub fn external_ram() -> Option<&'static mut [u8]> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::AcqRel) {
        return None;
    }
    let start = &raw mut _sdram_start;
    let length = (&raw const _sdram_end).addr() - start.addr();
    // SAFETY: `memory.x` gives these addresses to the external RAM alone, the linker puts nothing
    // there, and the flag sees to it that there is one such slice.
    Some(unsafe { core::slice::from_raw_parts_mut(start, length) })
}
