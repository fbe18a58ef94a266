//! The stack: its guard, and how much of it was ever used.

use cortex_m::asm::{dsb, isb};

unsafe extern "C" {
    static _stack_start: u32;
    static _stack_end: u32;
    static _stack_guard: u32;
}

/// What cortex-m-rt's start-up paints the stack with.
const PAINT: u32 = 0xCCCC_CCCC;

/// Bytes of the guard; `memory.x` leaves as many below the stack.
const GUARD_BYTES: u32 = 1024;

/// Memory that nobody may touch, below the stack: a stack that grows into it ends the program.
pub(crate) fn guard() {
    const PRIVILEGED_DEFAULT: u32 = 1 << 2;
    const ENABLE: u32 = 1;
    const HARD_FAULT: u32 = 1 << 16;
    const VALID: u32 = 1 << 4;
    const NO_EXECUTION: u32 = 1 << 28;
    // The region has 2^(SIZE + 1) bytes. Access bits of zero refuse all.
    const SIZE: u32 = (GUARD_BYTES.ilog2() - 1) << 1;
    // SAFETY: the only use of these peripherals in the program, which has one core and, at this point,
    // no interrupts. A region without access can break no memory but the guard, which holds nothing:
    // everything else keeps the default map.
    unsafe {
        let core = cortex_m::Peripherals::steal();
        core.MPU.rbar.write((&raw const _stack_guard) as u32 | VALID);
        core.MPU.rasr.write(NO_EXECUTION | SIZE | ENABLE);
        core.MPU.ctrl.write(PRIVILEGED_DEFAULT | ENABLE);
        core.SCB.shcsr.modify(|bits| bits | HARD_FAULT);
    }
    dsb();
    isb();
}

/// Bytes of the stack.
#[must_use]
pub fn size() -> usize {
    (&raw const _stack_start).addr() - (&raw const _stack_end).addr()
}

/// The most bytes of the stack that were ever in use.
#[must_use]
pub fn high_water() -> usize {
    let (mut word, top) = (&raw const _stack_end, &raw const _stack_start);
    // SAFETY: from the stack's end to its start there is memory, aligned to words.
    while word < top && unsafe { word.read_volatile() } == PAINT {
        word = word.wrapping_add(1);
    }
    top.addr() - word.addr()
}

/// Whether a stack pointer has left the stack.
pub(crate) fn overflowed(pointer: u32) -> bool {
    (pointer as usize) < (&raw const _stack_end).addr()
}
