use core::convert::Infallible;
use kernel::stream::{Entropy, Seed};

/// Reproducible numbers (SplitMix64): a failing case is found again by its seed.
#[derive(Clone, Debug)]
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// A residue modulo `p`.
    pub(crate) fn residue(&mut self, p: u32) -> u32 {
        (self.next() % u64::from(p)) as u32
    }

    pub(crate) fn seed(&mut self) -> Seed {
        let mut bytes = [0; 32];
        let Ok(()) = self.fill(&mut bytes);
        Seed::from_bytes(bytes)
    }
}

impl Entropy for Rng {
    type Error = Infallible;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}
