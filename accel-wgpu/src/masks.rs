use crate::commands::Commands;
use crate::params::params;
use crate::pool::View;
use crate::shader::Shader;
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::prime::{Prime, PrimeId};
use kernel::stream::PublicSeed;
use kernel::with_prime;

params! {
    /// The parameters of `expand_masks.wgsl`.
    MaskParams for EXPAND_MASKS {
        key: [u32; 8],
        p: u32,
        draw: u32,
        lane: u32,
        coordinates: u32,
        first_low: u32,
        first_high: u32,
        columns: u32,
        first_counter: u32,
        first_word: u32,
        offset: u32,
        stride: u32,
        padding: u32,
    }
}

/// Words of a ChaCha20 block.
const WORDS: usize = 16;

/// Mask words of coordinates modulo a prime, in the order of `kernel::stream::expand_mask_columns`.
pub(crate) struct Masks<'a> {
    pub(crate) seed: &'a PublicSeed,
    pub(crate) p: u32,
    /// Bits of the modulus.
    pub(crate) bits: u32,
    /// The lane of the modulus in the streams.
    pub(crate) lane: u8,
    /// The first coordinate, and how many there are.
    pub(crate) first: u64,
    pub(crate) coordinates: usize,
    pub(crate) columns: Range<usize>,
}

impl<'a> Masks<'a> {
    /// Those of coordinates from 0 on, for one of the primes that every accelerator serves.
    pub(crate) fn of(
        seed: &'a PublicSeed,
        p: PrimeId,
        coordinates: usize,
        columns: Range<usize>,
    ) -> Self {
        let lane = with_prime!(p, P => P::MASK_LANE);
        Self { seed, p: p.value(), bits: p.bits(), lane, first: 0, coordinates, columns }
    }

    /// Writes the words: those of the first coordinate at word `offset` of `out`, those of each other one
    /// `stride` words further.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn expand(
        &self,
        commands: &mut Commands<'_>,
        out: View<'_>,
        offset: usize,
        stride: usize,
    ) -> Result<(), AccelError> {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(self.seed.0.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let counters = (self.columns.end - 1) / WORDS - self.columns.start / WORDS + 1;
        let params = MaskParams {
            key,
            p: self.p,
            draw: self.bits,
            lane: self.lane.into(),
            coordinates: self.coordinates as u32,
            first_low: self.first as u32,
            first_high: (self.first >> 32) as u32,
            columns: self.columns.len() as u32,
            // Counters of blocks are words, and wrap around as the reference's do.
            first_counter: (self.columns.start / WORDS) as u32,
            first_word: (self.columns.start % WORDS) as u32,
            offset: offset as u32,
            stride: stride as u32,
            padding: 0,
        };
        commands.dispatch_each(Shader::EXPAND_MASKS, &params, &[out], self.coordinates * counters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::gpu;
    use kernel::stream::expand_mask;

    #[test]
    fn coordinates_and_columns_of_any_size() {
        let Some(gpu) = gpu() else { return };
        let context = &gpu.context;
        let seed = PublicSeed([77; 32]);
        let coordinates =
            [0, 5, (1 << 32) - 3, (1 << 32) + 1, (7 << 32) - 1, 1 << 60, u64::MAX - 5];
        let columns =
            [0..1, 3..90, 15..17, (1 << 32) - 9..(1 << 32) + 40, (1 << 35) + 5..(1 << 35) + 9];
        for p in PrimeId::ALL {
            for first in coordinates {
                for columns in columns.clone() {
                    // Three words before the first, and two between one coordinate's and the next's.
                    let (width, count) = (columns.len(), 6);
                    let out = context.upload(&vec![9; 3 + count * (width + 2)]).unwrap();
                    let mut commands = Commands::new(context);
                    let masks = Masks { first, ..Masks::of(&seed, p, count, columns.clone()) };
                    masks.expand(&mut commands, out.view(), 3, width + 2).unwrap();
                    let got = commands.read(out.view()).unwrap().finish(<[u32]>::to_vec).unwrap();
                    let mut right = vec![9; got.len()];
                    for (row, coordinate) in
                        right[3..].chunks_exact_mut(width + 2).zip((0..).map(|i| first + i))
                    {
                        with_prime!(p, P => {
                            expand_mask::<P>(&seed, coordinate, columns.start, &mut row[..width]);
                        });
                    }
                    assert!(got == right, "coordinates from {first}, columns {columns:?}, {p:?}");
                }
            }
        }
    }
}
