//! The panic handler of a program on bare metal that has no other Rust in it.
#![expect(unsafe_code, reason = "a function of the program")]

use core::panic::PanicInfo;

unsafe extern "C" {
    /// Called when the library finds a fault of its own. It is the program's to supply, and shall reset or
    /// stop the device: no other function of this header may be called any more.
    fn subrosa_panicked();
}

#[panic_handler]
fn panicked(_: &PanicInfo<'_>) -> ! {
    // SAFETY: a function without arguments, which the header asks the program for.
    unsafe { subrosa_panicked() };
    loop {
        core::hint::spin_loop();
    }
}
