//! The LAN9118 Ethernet controller as a driver of embassy-net.

mod chip;

use chip::{Chip, MAX_FRAME};
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Context;
use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken};
use embassy_sync::waitqueue::AtomicWaker;
use static_cell::StaticCell;

/// Who waits for a frame.
static WAKER: AtomicWaker = AtomicWaker::new();

/// The controller does not answer as it should.
#[derive(Clone, Copy, Debug)]
pub struct Broken;

/// The controller.
#[derive(Debug)]
pub struct Ethernet {
    chip: Chip,
    address: [u8; 6],
    frame: [u8; MAX_FRAME],
    answer: [u8; MAX_FRAME],
}

impl Ethernet {
    /// Sets the controller up, once.
    ///
    /// # Errors
    /// [`Broken`], also when it is set up already.
    pub fn start() -> Result<&'static mut Self, Broken> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        static ETHERNET: StaticCell<Ethernet> = StaticCell::new();
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err(Broken);
        }
        let chip = Chip::start().ok_or(Broken)?;
        let address = chip.address();
        // Built in place: on its way over the stack it would take 3 KB of it.
        Ok(ETHERNET.init_with(|| Self {
            chip,
            address,
            frame: [0; MAX_FRAME],
            answer: [0; MAX_FRAME],
        }))
    }
}

/// A frame has come.
pub(crate) fn on_interrupt() {
    // Acknowledged before the frames are taken: one that comes meanwhile asks again.
    chip::acknowledge();
    WAKER.wake();
}

impl Driver for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sender<'a>;

    fn receive(&mut self, context: &mut Context<'_>) -> Option<(Received<'_>, Sender<'_>)> {
        WAKER.register(context.waker());
        // With room for an answer, which the chip always makes in a moment.
        if !self.chip.has_room() {
            context.waker().wake_by_ref();
            return None;
        }
        let length = self.chip.receive(&mut self.frame)?;
        let sender = Sender { chip: &mut self.chip, frame: &mut self.answer };
        Some((Received(&mut self.frame[..length]), sender))
    }

    fn transmit(&mut self, context: &mut Context<'_>) -> Option<Sender<'_>> {
        if !self.chip.has_room() {
            context.waker().wake_by_ref();
            return None;
        }
        Some(Sender { chip: &mut self.chip, frame: &mut self.answer })
    }

    fn link_state(&mut self, context: &mut Context<'_>) -> LinkState {
        WAKER.register(context.waker());
        if self.chip.link_is_up() { LinkState::Up } else { LinkState::Down }
    }

    fn capabilities(&self) -> Capabilities {
        // Neither a limit on bursts, which would make the stack stop and wait, nor checksums by the chip.
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

/// A frame that has come.
#[derive(Debug)]
pub struct Received<'a>(&'a mut [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Room for a frame.
#[derive(Debug)]
pub struct Sender<'a> {
    chip: &'a mut Chip,
    frame: &'a mut [u8; MAX_FRAME],
}

impl TxToken for Sender<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        // The stack keeps to the capabilities.
        let frame = &mut self.frame[..length.min(MAX_FRAME)];
        let result = f(frame);
        self.chip.send(frame);
        result
    }
}
