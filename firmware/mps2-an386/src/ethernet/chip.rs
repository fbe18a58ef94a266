//! The controller's registers.

use crate::interrupts::Interrupt;

/// Bytes of the longest frame, without its check sequence.
pub(super) const MAX_FRAME: usize = 1514;

const BASE: usize = 0x4020_0000;

/// Offsets of registers.
mod register {
    pub(super) const RX_DATA: usize = 0x00;
    pub(super) const TX_DATA: usize = 0x20;
    pub(super) const RX_STATUS: usize = 0x40;
    pub(super) const TX_STATUS: usize = 0x48;
    pub(super) const IRQ_CFG: usize = 0x54;
    pub(super) const INT_STS: usize = 0x58;
    pub(super) const INT_EN: usize = 0x5C;
    pub(super) const BYTE_TEST: usize = 0x64;
    pub(super) const FIFO_INT: usize = 0x68;
    pub(super) const RX_CFG: usize = 0x6C;
    pub(super) const TX_CFG: usize = 0x70;
    pub(super) const HW_CFG: usize = 0x74;
    pub(super) const RX_FIFO_INF: usize = 0x7C;
    pub(super) const TX_FIFO_INF: usize = 0x80;
    pub(super) const PMT_CTRL: usize = 0x84;
    pub(super) const MAC_COMMAND: usize = 0xA4;
    pub(super) const MAC_DATA: usize = 0xA8;
    pub(super) const AFC_CFG: usize = 0xAC;
}
use register::*;

/// Registers of the MAC, which are reached through two others.
mod mac {
    pub(super) const CONTROL: u32 = 1;
    pub(super) const ADDRESS_HIGH: u32 = 2;
    pub(super) const ADDRESS_LOW: u32 = 3;
    pub(super) const MII_ACCESS: u32 = 6;
    pub(super) const MII_DATA: u32 = 7;
}

/// Registers of the PHY, which are reached through two of the MAC's.
mod phy {
    pub(super) const CONTROL: u32 = 0;
    pub(super) const STATUS: u32 = 1;
}

/// Looks at a register that shall change, at most: some milliseconds.
const LOOKS: u32 = 100_000;

fn read(register: usize) -> u32 {
    // SAFETY: a register of the controller. Reading one of its FIFOs takes a word out of it, which no
    // memory depends on.
    unsafe { ((BASE + register) as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of the controller, which has no access to memory: whatever is written, no
    // memory changes.
    unsafe { ((BASE + register) as *mut u32).write_volatile(value) };
}

/// Waits for bits of a register; `false` if they do not come.
fn wait(register: usize, mask: u32, expected: u32) -> bool {
    (0..LOOKS).any(|_| read(register) & mask == expected)
}

/// Tells the controller that its interrupt has been heard.
pub(super) fn acknowledge() {
    write(INT_STS, read(INT_STS));
}

/// The controller, set up.
#[derive(Debug)]
pub(super) struct Chip(());

impl Chip {
    /// Sets the controller up; `None` if it does not do what it should.
    pub(super) fn start() -> Option<Self> {
        const BYTE_ORDER: u32 = 0x8765_4321;
        const SOFT_RESET: u32 = 1;
        const READY: u32 = 1;
        const TX_FIFO_SIZE: u32 = 5 << 16;
        const FLOW_CONTROL: u32 = 0x006E_3740;
        let mut chip = Self(());
        if read(BYTE_TEST) != BYTE_ORDER {
            return None;
        }
        write(HW_CFG, SOFT_RESET);
        if !(wait(HW_CFG, SOFT_RESET, 0) && wait(PMT_CTRL, READY, READY)) {
            return None;
        }
        write(HW_CFG, TX_FIFO_SIZE);
        write(AFC_CFG, FLOW_CONTROL);
        write(INT_EN, 0);
        write(INT_STS, u32::MAX);
        chip.start_phy()?;
        chip.start_frames()
    }

    fn start_phy(&mut self) -> Option<()> {
        const RESET: u32 = 0x8000;
        const NEGOTIATE: u32 = 0x1200;
        self.write_phy(phy::CONTROL, RESET)?;
        self.write_phy(phy::CONTROL, NEGOTIATE)
    }

    fn start_frames(mut self) -> Option<Self> {
        const EVERY_FRAME: u32 = 0x4800_0000;
        const DISCARD: u32 = 0xC000;
        const TX_ON: u32 = 2;
        const FULL_DUPLEX: u32 = 1 << 20;
        const TX_ENABLE: u32 = 1 << 3;
        const RX_ENABLE: u32 = 1 << 2;
        // On, high when it asks, driven both ways: with others QEMU inverts the line.
        const LINE: u32 = 0x111;
        const RX_LEVEL: u32 = 1 << 3;
        write(FIFO_INT, EVERY_FRAME);
        write(RX_CFG, 0);
        write(TX_CFG, DISCARD);
        write(TX_CFG, TX_ON);
        self.write_mac(mac::CONTROL, FULL_DUPLEX | TX_ENABLE | RX_ENABLE)?;
        write(IRQ_CFG, LINE);
        write(INT_EN, RX_LEVEL);
        Interrupt::ETHERNET.enable();
        Some(self)
    }

    /// The hardware address; zeros if the controller does not tell it.
    pub(super) fn address(&self) -> [u8; 6] {
        let low = self.read_mac(mac::ADDRESS_LOW).unwrap_or_default().to_le_bytes();
        let high = self.read_mac(mac::ADDRESS_HIGH).unwrap_or_default().to_le_bytes();
        [low[0], low[1], low[2], low[3], high[0], high[1]]
    }

    /// Whether the cable is in.
    pub(super) fn link_is_up(&mut self) -> bool {
        const LINK: u32 = 1 << 2;
        self.read_phy(phy::STATUS).is_some_and(|status| status & LINK != 0)
    }

    /// Whether the longest frame can be sent.
    pub(super) fn has_room(&mut self) -> bool {
        // Statuses of frames that were sent are of no interest, but their FIFO must not fill.
        while read(TX_FIFO_INF) >> 16 & 0xFF != 0 {
            read(TX_STATUS);
        }
        const COMMANDS: usize = 8;
        (read(TX_FIFO_INF) & 0xFFFF) as usize >= MAX_FRAME.next_multiple_of(4) + COMMANDS
    }

    /// Takes a good frame into `frame`, and returns its length; `None` if there is none.
    pub(super) fn receive(&mut self, frame: &mut [u8; MAX_FRAME]) -> Option<usize> {
        const ERROR: u32 = 1 << 15;
        const CHECK_SEQUENCE: usize = 4;
        while read(RX_FIFO_INF) >> 16 & 0xFF != 0 {
            let status = read(RX_STATUS);
            let length = (status >> 16 & 0x3FFF) as usize;
            let good = status & ERROR == 0
                && (CHECK_SEQUENCE..=CHECK_SEQUENCE + MAX_FRAME).contains(&length);
            // Every word is read, also of a bad frame: QEMU does not free the room of skipped ones.
            for word in 0..length.div_ceil(4) {
                let bytes = read(RX_DATA).to_le_bytes();
                if let Some(rest) = frame.get_mut(4 * word..).filter(|_| good) {
                    let count = rest.len().min(4);
                    rest[..count].copy_from_slice(&bytes[..count]);
                }
            }
            if good {
                return Some(length - CHECK_SEQUENCE);
            }
        }
        None
    }

    /// Sends a frame, for which there is [room](Self::has_room).
    pub(super) fn send(&mut self, frame: &[u8]) {
        const FIRST_AND_LAST: u32 = 3 << 12;
        let length = frame.len() as u32;
        write(TX_DATA, FIRST_AND_LAST | length);
        write(TX_DATA, length);
        for bytes in frame.chunks(4) {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            write(TX_DATA, u32::from_le_bytes(word));
        }
    }

    fn read_mac(&self, register: u32) -> Option<u32> {
        self.command_mac(register, true)?;
        Some(read(MAC_DATA))
    }

    fn write_mac(&mut self, register: u32, value: u32) -> Option<()> {
        write(MAC_DATA, value);
        self.command_mac(register, false)
    }

    fn command_mac(&self, register: u32, reads: bool) -> Option<()> {
        const BUSY: u32 = 1 << 31;
        write(MAC_COMMAND, BUSY | u32::from(reads) << 30 | register);
        wait(MAC_COMMAND, BUSY, 0).then_some(())
    }

    fn read_phy(&mut self, register: u32) -> Option<u32> {
        self.command_phy(register, false)?;
        self.read_mac(mac::MII_DATA)
    }

    fn write_phy(&mut self, register: u32, value: u32) -> Option<()> {
        self.write_mac(mac::MII_DATA, value)?;
        self.command_phy(register, true)
    }

    fn command_phy(&mut self, register: u32, writes: bool) -> Option<()> {
        const BUSY: u32 = 1;
        const PHY: u32 = 1 << 11;
        self.write_mac(mac::MII_ACCESS, PHY | register << 6 | u32::from(writes) << 1 | BUSY)?;
        (0..LOOKS)
            .find(|_| self.read_mac(mac::MII_ACCESS).is_some_and(|access| access & BUSY == 0))?;
        Some(())
    }
}
