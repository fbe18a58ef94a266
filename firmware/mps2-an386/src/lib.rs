//! The Arm MPS2+ board with image AN386, a Cortex-M4F at 25 MHz, as QEMU emulates it.
//!
//! Everything here is the board's: what an engineer with another board replaces. A program has an
//! `#[entry]` of cortex-m-rt, calls [`start`] first, and ends with [`semihosting::exit`].
#![no_std]

pub mod bundle;
pub mod counter;
pub mod entropy;
pub mod ethernet;
pub mod executor;
mod fault;
mod interrupts;
pub mod memory;
pub mod semihosting;
pub mod stack;
mod time;

pub use cortex_m_rt::entry;

/// Sets up what every program needs: the guard below the stack, the counter and the clock.
pub fn start() {
    stack::guard();
    counter::start();
    time::start();
}
