use crate::commands::Commands;
use crate::params::params;
use crate::pool::View;
use crate::shader::Shader;
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;

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
        first_column: u32,
    }
}

/// Mask words of coordinates modulo a prime, in the order of `kernel::stream::expand_mask_columns`.
pub(crate) struct Masks<'a> {
    pub(crate) seed: &'a PublicSeed,
    pub(crate) p: u32,
    /// Bits of the modulus.
    pub(crate) bits: u32,
    /// The lane of the modulus in the streams.
    pub(crate) lane: u8,
    pub(crate) coordinates: Range<u64>,
    pub(crate) columns: Range<usize>,
}

impl<'a> Masks<'a> {
    /// For one of the primes that every accelerator serves.
    pub(crate) fn of(
        seed: &'a PublicSeed,
        p: PrimeId,
        coordinates: Range<u64>,
        columns: Range<usize>,
    ) -> Self {
        let lane = kernel::with_prime!(p, P => { <P as kernel::prime::Prime>::MASK_LANE });
        Self { seed, p: p.value(), bits: p.bits(), lane, coordinates, columns }
    }

    /// Writes the words.
    ///
    /// # Errors
    /// [`AccelError::DeviceLost`].
    pub(crate) fn expand(
        &self,
        commands: &mut Commands<'_>,
        out: View<'_>,
    ) -> Result<(), AccelError> {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(self.seed.0.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let coordinates = (self.coordinates.end - self.coordinates.start) as usize;
        let counters = (self.columns.end - 1) / 16 - self.columns.start / 16 + 1;
        let params = MaskParams {
            key,
            p: self.p,
            draw: self.bits,
            lane: self.lane.into(),
            coordinates: coordinates as u32,
            first_low: self.coordinates.start as u32,
            first_high: (self.coordinates.start >> 32) as u32,
            columns: self.columns.len() as u32,
            first_column: self.columns.start as u32,
        };
        commands.dispatch_each(Shader::EXPAND_MASKS, &params, &[out], coordinates * counters)
    }
}
