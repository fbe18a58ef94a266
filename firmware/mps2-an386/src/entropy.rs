//! Randomness for keys and masks.
//!
//! A chip has a generator in hardware. This board has none, so the emulator's machine lends its own.

use crate::semihosting::File;
use kernel::stream::Entropy;

/// The machine's generator.
#[derive(Clone, Copy, Debug)]
pub struct MachineEntropy;

/// There is no randomness: nothing may be encrypted.
#[derive(Clone, Copy, Debug)]
pub struct NoEntropy;

impl Entropy for MachineEntropy {
    type Error = NoEntropy;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), NoEntropy> {
        let mut file = File::open(c"/dev/urandom").ok_or(NoEntropy)?;
        if file.read_exact(out) { Ok(()) } else { Err(NoEntropy) }
    }
}
