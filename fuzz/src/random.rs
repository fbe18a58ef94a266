//! Reproducible randomness, and damage.

use core::convert::Infallible;
use kernel::stream::Entropy;

/// SplitMix64: a failing case is found again by its seed.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, 0 for none.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.word() % (bound as u64).max(1)) as usize
    }

    /// Up to `longest` random bytes.
    pub fn bytes(&mut self, longest: usize) -> Vec<u8> {
        (0..self.below(longest + 1)).map(|_| self.word() as u8).collect()
    }

    /// Damages an input in a few places.
    pub fn damage(&mut self, input: &mut Vec<u8>) {
        const ODD: [u64; 12] = [
            0,
            1,
            0x7f,
            0x80,
            0xff,
            0x7fff_ffff,
            0xffff_ffff,
            0xfff0_0001,
            1 << 40,
            1 << 60,
            u64::MAX >> 1,
            u64::MAX,
        ];
        for _ in 0..1 + self.below(4) {
            let at = self.below(input.len() + 1);
            match self.below(9) {
                0 => input.truncate(at),
                1 => {
                    let piece = self.bytes(40);
                    input.splice(at..at, piece);
                }
                2 => {
                    let end = (at + self.below(64)).min(input.len());
                    input.drain(at..end);
                }
                3 => {
                    let end = (at + self.below(256)).min(input.len());
                    let piece = input[at..end].to_vec();
                    let to = self.below(input.len() + 1);
                    input.splice(to..to, piece);
                }
                4 => {
                    let value = ODD[self.below(ODD.len())].to_le_bytes();
                    let length = [1, 2, 4, 8][self.below(4)];
                    let end = (at + length).min(input.len());
                    input[at..end].copy_from_slice(&value[..end - at]);
                }
                5 => {
                    // A number in a text.
                    let value = ODD[self.below(ODD.len())].to_string().into_bytes();
                    let digits = |&b: &u8| b.is_ascii_digit();
                    let start = input[at..].iter().position(digits).map_or(at, |d| at + d);
                    let length = input[start..].iter().take_while(|b| digits(b)).count();
                    input.splice(start..start + length, value);
                }
                _ => {
                    if let Some(byte) = input.get_mut(at) {
                        *byte ^= 1 << self.below(8);
                    }
                }
            }
        }
    }
}

impl Entropy for Rng {
    type Error = Infallible;

    fn fill(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.iter_mut().for_each(|byte| *byte = self.word() as u8);
        Ok(())
    }
}
