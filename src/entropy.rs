//! Randomness from the operating system.

use kernel::stream::{Entropy, Seed};

/// The system's generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    type Error = getrandom::Error;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        getrandom::fill(out)
    }
}

/// The seed of token choices: from the user's number, or fresh.
pub(crate) fn sampling_seed(number: Option<u64>) -> Result<Seed, getrandom::Error> {
    let Some(number) = number else { return Seed::random(&mut SystemEntropy) };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Ok(Seed::from_bytes(bytes))
}
