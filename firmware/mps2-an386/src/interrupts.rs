//! The interrupts that the board's drivers take.

use crate::{ethernet, time};
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;

/// An interrupt's number.
#[derive(Clone, Copy)]
pub(crate) struct Interrupt(u16);

impl Interrupt {
    pub(crate) const TIMER0: Self = Self(8);
    pub(crate) const ETHERNET: Self = Self(13);

    /// Lets it come.
    pub(crate) fn enable(self) {
        // SAFETY: no code relies on the interrupt being masked: what its handler shares with others is
        // behind critical sections.
        unsafe { NVIC::unmask(self) };
    }
}

// SAFETY: the numbers are the board's, and do not change.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self.0
    }
}

#[exception]
unsafe fn DefaultHandler(number: i16) {
    match u16::try_from(number).map(Interrupt) {
        Ok(Interrupt(8)) => time::on_alarm(),
        Ok(Interrupt(13)) => ethernet::on_interrupt(),
        _ => crate::fault::unexpected(number),
    }
}
