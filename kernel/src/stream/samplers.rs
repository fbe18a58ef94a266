use super::keystream::{BLOCK_WORDS, Keystream};
use super::{Domain, Seed};
use zeroize::Zeroize;

/// Largest absolute value of the noise: the centred binomial has 42 coins.
pub const NOISE_BOUND: u32 = 21;
/// Coins of a coefficient of the noise.
const COINS: usize = 2 * NOISE_BOUND as usize;
/// Words in a row of coins: one bit for each of 256 coefficients.
const ROW_WORDS: usize = 8;
/// Coefficients that are drawn together.
const NOISE_PER_DRAW: usize = 32 * ROW_WORDS;
const BLOCKS_PER_DRAW: u32 = (COINS * ROW_WORDS / BLOCK_WORDS) as u32;

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
/// A coefficient is the number of ones among its 42 coins, less 21. Blocks `21 k` to `21 k + 20`, which
/// are 42 rows of 32 bytes, give the coefficients `256 k` to `256 k + 255`: the coins of coefficient
/// `256 k + c` are bit `c / 32` of byte `c % 32` of each row.
///
/// ```
/// use kernel::stream::{NOISE_BOUND, Seed, centred_binomial};
///
/// let mut noise = [0_i8; 256];
/// centred_binomial(&Seed::from_bytes([1; 32]), 0, &mut noise);
/// assert!(noise.iter().all(|e| u32::from(e.unsigned_abs()) <= NOISE_BOUND));
/// ```
pub fn centred_binomial(seed: &Seed, coordinate: u64, out: &mut [i8]) {
    let mut stream = Keystream::new(seed.expose(), Domain::Noise, 0, 0, coordinate);
    let mut coins = [0; COINS * ROW_WORDS];
    let mut noise = [0; NOISE_PER_DRAW / 4];
    for (draw, chunk) in (0..).zip(out.chunks_mut(NOISE_PER_DRAW)) {
        stream.words(BLOCKS_PER_DRAW * draw, &mut coins);
        for column in 0..ROW_WORDS {
            spread(count_ones(&coins, column), &mut noise[column..]);
        }
        chunk.copy_from_slice(&bytemuck::cast_slice(&noise)[..chunk.len()]);
    }
    coins.zeroize();
    noise.zeroize();
}

/// For each of the 32 bits of a column, every eighth word, in how many rows it is set: bit `k` of the
/// numbers is in word `k`.
///
/// Vectors count several columns at a time; a core without them has the registers for one.
#[cfg_attr(target_arch = "arm", inline(never))]
#[cfg_attr(not(target_arch = "arm"), inline(always))]
fn count_ones(coins: &[u32], column: usize) -> [u32; 6] {
    let column = column % ROW_WORDS;
    let (groups, rest) = coins.as_chunks::<{ 8 * ROW_WORDS }>();
    // Two rows, and then eight at a time, in sums of three bits of one weight.
    let (x, y) = (rest[column], rest[column + ROW_WORDS]);
    let (mut ones, mut twos, mut fours) = (x ^ y, x & y, 0);
    let (mut eights, mut sixteens, mut last) = (0, 0, 0);
    for rows in groups {
        let row = |i: usize| rows[ROW_WORDS * i + column];
        let (mut a, mut b, c, d, carry);
        (ones, a) = add_bits(ones, row(0), row(1));
        (ones, b) = add_bits(ones, row(2), row(3));
        (twos, c) = add_bits(twos, a, b);
        (ones, a) = add_bits(ones, row(4), row(5));
        (ones, b) = add_bits(ones, row(6), row(7));
        (twos, d) = add_bits(twos, a, b);
        (fours, carry) = add_bits(fours, c, d);
        last |= sixteens & eights & carry;
        sixteens ^= eights & carry;
        eights ^= carry;
    }
    [ones, twos, fours, eights, sixteens, last]
}

/// The noise of a column: word `8 i` takes bit `i` of each byte of the counts.
#[cfg_attr(target_arch = "arm", inline(never))]
#[cfg_attr(not(target_arch = "arm"), inline(always))]
fn spread(ones: [u32; 6], noise: &mut [u32]) {
    let noise = &mut noise[..7 * ROW_WORDS + 1];
    for i in 0..8 {
        let counts = ones.iter().rev().fold(0, |sum, bits| 2 * sum + ((bits >> i) & 0x0101_0101));
        // Less 21 in each byte: there is no carry from x + 107, which is x - 21 + 128.
        noise[ROW_WORDS * i] = ((counts + 0x6b6b_6b6b) ^ 0x8080_8080).to_le();
    }
}

/// The lower and the upper bit of `a + b + c`, bit by bit.
#[inline(always)]
const fn add_bits(a: u32, b: u32, c: u32) -> (u32, u32) {
    let half = a ^ b;
    (half ^ c, (a & b) | (half & c))
}
