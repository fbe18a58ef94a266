//! The board's counter: what a program measures itself with.

/// Ticks of [`now`] a second.
pub const HERTZ: u32 = 25_000_000;

const COUNTER: *const u32 = 0x4002_8018 as *const u32;
const PRESCALE: *mut u32 = 0x4002_801C as *mut u32;

/// Lets the counter run at [`HERTZ`].
pub fn start() {
    // SAFETY: a register of the board's FPGA I/O block; it changes the counter's rate and nothing
    // else.
    unsafe { PRESCALE.write_volatile(0) };
}

/// The counter, which wraps at 2^32: after 172 s.
///
/// Where QEMU runs with `-icount shift=S`, an instruction takes 2^S ns, and a tick is 40 ns.
#[must_use]
pub fn now() -> u32 {
    // SAFETY: a register of the board's FPGA I/O block; reading it has no effect.
    unsafe { COUNTER.read_volatile() }
}
