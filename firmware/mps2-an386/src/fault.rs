//! The ends that nobody wants: each says what happened and has an exit code of its own.

use crate::{println, semihosting, stack};
use core::arch::asm;
use core::panic::PanicInfo;
use cortex_m_rt::exception;

/// Exit code of a panic, which there is not.
const PANIC: u8 = 101;
/// Exit code of a fault of the processor.
const FAULT: u8 = 102;
/// Exit code of a stack that grew into its guard.
const STACK_OVERFLOW: u8 = 103;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    println!("panic: {}", info);
    semihosting::exit(PANIC)
}

/// Escalated faults arrive here too. The stack may be what failed, so it begins anew.
#[exception(trampoline = false)]
unsafe fn HardFault() -> ! {
    // SAFETY: nothing returns from here, and so nothing of the old stack is used again, after the
    // address that it had reached was read. The target never returns.
    unsafe {
        asm!(
            "mrs r0, msp",
            "ldr r1, =_stack_start",
            "msr msp, r1",
            "b {target}",
            target = sym report,
            options(noreturn),
        )
    }
}

/// Says what failed. `stack` is where the stack had got to.
extern "C" fn report(stack: u32) -> ! {
    // SAFETY: registers of the system control block, which are only read.
    let (configurable, hard, address) = unsafe {
        let scb = &*cortex_m::peripheral::SCB::PTR;
        (scb.cfsr.read(), scb.hfsr.read(), scb.mmfar.read())
    };
    if stack::overflowed(stack) {
        println!("fault: the stack overflowed into its guard, at {:#010x}", stack);
        semihosting::exit(STACK_OVERFLOW);
    }
    println!(
        "fault: CFSR {:#010x} HFSR {:#010x} MMFAR {:#010x} stack {:#010x}",
        configurable, hard, address, stack
    );
    semihosting::exit(FAULT)
}

/// An interrupt came that nobody asked for, or an exception that has no handler of its own: the guard's,
/// where a large frame was written to before the stack's pointer itself went too far.
pub(crate) fn unexpected(number: i16) -> ! {
    const MEMORY_MANAGEMENT: i16 = 4 - 16;
    if number == MEMORY_MANAGEMENT {
        // SAFETY: a register of the system control block, which is only read.
        report(unsafe { (*cortex_m::peripheral::SCB::PTR).mmfar.read() });
    }
    println!("fault: interrupt {} has no handler", number);
    semihosting::exit(FAULT)
}
