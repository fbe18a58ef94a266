use crate::stream::{Domain, Keystream, PublicSeed, Seed};
use zeroize::Zeroize;

/// The logarithm of the bound of the noise: |e| <= 2^17.
pub const NOISE_BOUND_LOG2: u32 = 17;

const BLOCK_WORDS: usize = 16;

/// The streams of [`Domain::Native`], told apart by their lane.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Lane {
    Key = 0,
    Noise = 1,
    Mask = 2,
}

fn stream(seed: &[u8; 32], lane: Lane, stream: u64) -> Keystream {
    Keystream::new(seed, Domain::Native, 0, lane as u8, stream)
}

/// Fills `out` with 64-bit words, eight to a block, the low half of each first.
fn fill(mut stream: Keystream, out: &mut [u64]) {
    let mut block = [0; BLOCK_WORDS];
    for (counter, chunk) in (0..).zip(out.chunks_mut(BLOCK_WORDS / 2)) {
        stream.words(counter, &mut block);
        for (word, pair) in chunk.iter_mut().zip(block.chunks_exact(2)) {
            *word = u64::from(pair[0]) | (u64::from(pair[1]) << 32);
        }
    }
    block.zeroize();
}

/// Fills `out` with uniform bits.
pub(super) fn key_bits(seed: &Seed, out: &mut [u64]) {
    fill(stream(seed.expose(), Lane::Key, 0), out);
}

/// The mask of ciphertext `number` under a public seed, exactly uniform modulo 2^64.
///
/// *Shape and domain*: coefficients, that of X^0 first; `out` has N words, a shorter one is a
/// prefix. Coefficient i is 64-bit word `i % 8` of block `i / 8`, its low half first. The seeded
/// ciphertexts of `tfhe` expand their masks with another generator; who receives only the seed calls
/// this function.
///
/// ```
/// use kernel::native::{N, expand_mask};
/// use kernel::stream::Seed;
///
/// let public = Seed::from_bytes([1; 32]).derive_public();
/// let (mut mask, mut start) = ([0; N], [0; 3]);
/// expand_mask(&public, 7, &mut mask);
/// expand_mask(&public, 7, &mut start);
/// assert_eq!(start, mask[..3]);
/// ```
pub fn expand_mask(seed: &PublicSeed, number: u64, out: &mut [u64]) {
    fill(stream(&seed.0, Lane::Mask, number), out);
}

/// `TUniform(17)` from the low 19 bits of a uniform word: their upper 18, plus the lowest, less 2^17.
/// So the ends come from one pattern each, the others from two.
pub(super) const fn t_uniform(word: u32) -> i32 {
    let draw = word & ((1 << (NOISE_BOUND_LOG2 + 2)) - 1);
    ((draw >> 1) + (draw & 1)) as i32 - (1 << NOISE_BOUND_LOG2)
}

/// Adds the noise of ciphertext `number` to `out`, modulo 2^64: `TUniform(17)`, which is uniform on
/// -2^17 to 2^17, the two ends half as likely as the others. Its variance is (2^35 + 1) / 6.
///
/// Coefficient i comes from the low 19 bits of word `i % 16` of block `i / 16`: with c the lowest of
/// them and v the 18 above, it is `v + c - 2^17`. No branch, no rejection, no bias.
///
/// ```
/// use kernel::native::{NOISE_BOUND_LOG2, add_t_uniform_assign};
/// use kernel::stream::Seed;
///
/// let mut noise = [0; 256];
/// add_t_uniform_assign(&Seed::from_bytes([1; 32]), 0, &mut noise);
/// assert!(noise.iter().all(|&e| (e as i64).unsigned_abs() <= 1 << NOISE_BOUND_LOG2));
/// ```
pub fn add_t_uniform_assign(seed: &Seed, number: u64, out: &mut [u64]) {
    let mut stream = stream(seed.expose(), Lane::Noise, number);
    let mut block = [0; BLOCK_WORDS];
    for (counter, chunk) in (0..).zip(out.chunks_mut(BLOCK_WORDS)) {
        stream.words(counter, &mut block);
        for (o, &word) in chunk.iter_mut().zip(&block) {
            *o = o.wrapping_add(i64::from(t_uniform(word)) as u64);
        }
    }
    block.zeroize();
}
