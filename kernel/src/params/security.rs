/// Largest `log2 q`, over all moduli together, for 128 bits of post-quantum security at a given
/// LWE dimension `N * K`, with a uniform ternary secret and centred-binomial noise of 42 coins.
///
/// The table is that of Apple's swift-homomorphic-encryption (`quantum128`, the ADPS16 cost
/// model): 41, 83 and 165 bits at 2048, 4096 and 8192; quantum core-SVP gives 131, 128 and 128
/// bits there. Dimensions between are served by the entry below them; below 2048 nothing is.
///
/// ```
/// use kernel::params::{Limbs, Masked256x16, ParameterSet, largest_log2_modulus};
///
/// type Set = Masked256x16;
/// let modulus = <Set as ParameterSet>::Chain::LOG2_MODULUS;
/// assert!(modulus <= largest_log2_modulus(Set::N * Set::K)); // 60 <= 83
/// ```
#[must_use]
pub const fn largest_log2_modulus(dimension: usize) -> u32 {
    match dimension {
        0..2048 => 0,
        2048..4096 => 41,
        4096..8192 => 83,
        _ => 165,
    }
}
