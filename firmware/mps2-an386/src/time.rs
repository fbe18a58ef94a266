//! The clock of embassy-time: microseconds from the board's counter, an alarm from a timer.

use crate::counter;
use crate::interrupts::Interrupt;
use core::cell::RefCell;
use core::task::Waker;
use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

/// Ticks of the counter, and of the timer, in a microsecond.
const TICKS: u32 = counter::HERTZ / 1_000_000;
/// The longest alarm, in microseconds: the timer has 32 bits.
const LONGEST: u64 = (u32::MAX / TICKS) as u64;

struct Clock(Mutex<RefCell<State>>);

struct State {
    /// Microseconds up to the counter's value `last`.
    micros: u64,
    last: u32,
    queue: Queue,
}

impl State {
    /// Someone asks at least every 10 ms, and the counter wraps after 172 s.
    fn now(&mut self) -> u64 {
        let passed = counter::now().wrapping_sub(self.last) / TICKS;
        self.last = self.last.wrapping_add(passed * TICKS);
        self.micros += u64::from(passed);
        self.micros
    }

    /// Wakes whoever is due and sets the alarm to the next.
    fn serve(&mut self) {
        let now = self.now();
        let next = self.queue.next_expiration(now);
        // At least a little, so that the alarm is set before it is due.
        let delay = next.saturating_sub(now).clamp(2, LONGEST);
        timer::alarm(delay as u32 * TICKS);
    }
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock(Mutex::new(RefCell::new(State {
    micros: 0,
    last: 0,
    queue: Queue::new(),
}))));

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.0.borrow_ref_mut(cs).now())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut state = self.0.borrow_ref_mut(cs);
            if state.queue.schedule_wake(at, waker) {
                state.serve();
            }
        });
    }
}

/// Lets alarms come.
pub(crate) fn start() {
    timer::stop();
    Interrupt::TIMER0.enable();
}

/// The alarm has come.
pub(crate) fn on_alarm() {
    timer::stop();
    critical_section::with(|cs| CLOCK.0.borrow_ref_mut(cs).serve());
}

/// CMSDK timer 0, which counts down at the system's clock.
mod timer {
    const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
    const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
    const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
    const CLEAR: *mut u32 = 0x4000_000C as *mut u32;

    const ENABLE: u32 = 1;
    const INTERRUPT: u32 = 1 << 3;

    pub(super) fn alarm(ticks: u32) {
        // SAFETY: registers of the timer, which this module has to itself; an interrupt is all that
        // they can cause.
        unsafe {
            CONTROL.write_volatile(0);
            RELOAD.write_volatile(ticks);
            VALUE.write_volatile(ticks);
            CONTROL.write_volatile(INTERRUPT | ENABLE);
        }
    }

    pub(super) fn stop() {
        // SAFETY: as above.
        unsafe {
            CONTROL.write_volatile(0);
            CLEAR.write_volatile(1);
        }
    }
}
