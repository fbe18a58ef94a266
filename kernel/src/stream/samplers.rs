use super::keystream::{BLOCK_WORDS, Keystream};
use super::{Domain, Seed};
use zeroize::Zeroize;

/// Largest absolute value of the noise: the centred binomial has 42 coins.
pub const NOISE_BOUND: u32 = 21;

/// Coefficients that one block of noise gives: sixteen words are five triples and one spare.
const NOISE_PER_BLOCK: usize = 10;
const TERNARY_PER_BLOCK: usize = 8;

/// Fills `out` with ternary coefficients of the key component `component`, uniform in {-1, 0, 1}.
///
/// Coefficient i is `floor(3 w / 2^64) - 1` for the 64-bit word `w` at `i % 8` of block `i / 8`,
/// whose low half comes first: no branch, no rejection, a bias below 2^-62.
///
/// ```
/// use kernel::stream::{Seed, ternary};
///
/// let mut key = [0; 256];
/// ternary(&Seed::from_bytes([1; 32]), 0, &mut key);
/// assert!(key.iter().all(|s| (-1..=1).contains(s)));
/// ```
pub fn ternary(seed: &Seed, component: u32, out: &mut [i8]) {
    let mut stream = Keystream::new(seed.expose(), Domain::SecretKey, 0, 0, u64::from(component));
    let mut block = [0; BLOCK_WORDS];
    for (counter, chunk) in (0..).zip(out.chunks_mut(TERNARY_PER_BLOCK)) {
        stream.words(counter, &mut block);
        for (s, pair) in chunk.iter_mut().zip(block.chunks_exact(2)) {
            // 3 * (high * 2^32 + low) >> 64, in 64-bit arithmetic.
            let carry = (3 * u64::from(pair[0])) >> 32;
            *s = ((3 * u64::from(pair[1]) + carry) >> 32) as i8 - 1;
        }
    }
    block.zeroize();
}

/// Fills `out` with the noise of ciphertext `coordinate`: centred binomial, 42 coins, variance
/// 10.5, `|e| <= 21`.
///
/// A coefficient is its heads less its tails: the ones among 21 bits less those among 21 others.
/// Block `i / 10` gives the coefficients `10 (i / 10)` to `10 (i / 10) + 9`; within it, triple k of
/// words, (a, b, c) = words 3k, 3k + 1 and 3k + 2 for k = 0 to 4, gives the coefficients 2k and
/// 2k + 1. Word 15 is not used.
///
/// | coefficient | heads | tails |
/// |---|---|---|
/// | 2k | bits 0 to 20 of a | bits 0 to 20 of b |
/// | 2k + 1 | bits 0 to 20 of c | bits 21 to 31 of a, bits 21 to 30 of b |
///
/// ```
/// use kernel::stream::{NOISE_BOUND, Seed, centred_binomial};
///
/// let mut noise = [0_i8; 256];
/// centred_binomial(&Seed::from_bytes([1; 32]), 0, &mut noise);
/// assert!(noise.iter().all(|e| u32::from(e.unsigned_abs()) <= NOISE_BOUND));
/// ```
pub fn centred_binomial(seed: &Seed, coordinate: u64, out: &mut [i8]) {
    const COINS: u32 = (1 << 21) - 1;
    let mut stream = Keystream::new(seed.expose(), Domain::Noise, 0, 0, coordinate);
    let mut block = [0; BLOCK_WORDS];
    for (counter, chunk) in (0..).zip(out.chunks_mut(NOISE_PER_BLOCK)) {
        stream.words(counter, &mut block);
        for (pair, words) in chunk.chunks_mut(2).zip(block.chunks_exact(3)) {
            let [a, b, c] = [words[0], words[1], words[2]];
            let heads = [a & COINS, c & COINS];
            let tails = [b & COINS, ((a >> 21) | ((b >> 21) << 11)) & COINS];
            for ((e, h), t) in pair.iter_mut().zip(heads).zip(tails) {
                *e = h.count_ones() as i8 - t.count_ones() as i8;
            }
        }
    }
    block.zeroize();
}
