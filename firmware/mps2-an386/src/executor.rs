//! Runs tasks; sleeps while there is none that can go on.

use core::sync::atomic::{AtomicBool, Ordering};
use embassy_executor::Spawner;
use embassy_executor::raw::Executor;
use static_cell::StaticCell;

/// Whether a task can go on.
static WORK: AtomicBool = AtomicBool::new(false);

#[unsafe(export_name = "__pender")]
fn pender(_context: *mut ()) {
    WORK.store(true, Ordering::Release);
}

/// Runs `init`, which spawns the first tasks, and then tasks for ever.
///
/// # Panics
/// When it is called twice.
pub fn run(init: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<Executor> = StaticCell::new();
    let executor = EXECUTOR.init_with(|| Executor::new(core::ptr::null_mut()));
    init(executor.spawner());
    loop {
        WORK.store(false, Ordering::Relaxed);
        // SAFETY: the executor is initialised, and polled here alone, never from within a task.
        unsafe { executor.poll() };
        // Not between the look and the sleep may an interrupt bring work: masked ones still wake.
        cortex_m::interrupt::disable();
        if !WORK.load(Ordering::Acquire) {
            cortex_m::asm::wfi();
        }
        // SAFETY: no critical section is open here, and interrupts were on before.
        unsafe { cortex_m::interrupt::enable() };
    }
}
