use super::keystream::{BLOCK_WORDS, Keystream};
use super::{Domain, PublicSeed, SEED_BYTES, Seed};
use crate::prime::{Prime, PrimeId, T};
use crate::with_prime;
use core::ops::Range;
use zeroize::Zeroize;

/// Blocks drawn at a time, so that the cipher can work on several in parallel.
const CHUNK_BLOCKS: usize = 16;
const CHUNK_WORDS: usize = CHUNK_BLOCKS * BLOCK_WORDS;

/// A family of streams that differ in their attempt number only.
struct Family<'a> {
    key: &'a [u8; SEED_BYTES],
    domain: Domain,
    lane: u8,
    stream: u64,
}

impl Family<'_> {
    fn attempt(&self, attempt: u8) -> Keystream {
        Keystream::new(self.key, self.domain, attempt, self.lane, self.stream)
    }

    /// Turns raw words, which start at block `counter`, into residues; the rejected are redrawn.
    fn accept<P: Prime>(&self, counter: u32, words: &mut [u32]) {
        let low_bits = u32::MAX >> (32 - P::BITS);
        let mut rejected = 0_u32;
        for word in words.iter_mut() {
            *word &= low_bits;
            // One if the word is at least p.
            let (_, carry) = word.overflowing_add(P::VALUE.wrapping_neg());
            rejected = rejected.wrapping_add(u32::from(carry));
        }
        if rejected != 0 {
            for (i, word) in words.iter_mut().enumerate() {
                if *word >= P::VALUE {
                    *word = self.redraw::<P>(counter + (i / BLOCK_WORDS) as u32, i % BLOCK_WORDS);
                }
            }
        }
    }

    /// The first acceptable draw from attempt 1 on.
    #[cold]
    fn redraw<P: Prime>(&self, counter: u32, index: usize) -> u32 {
        let low_bits = u32::MAX >> (32 - P::BITS);
        let mut block = [0; BLOCK_WORDS];
        let mut word = P::VALUE;
        for attempt in 1..=u8::MAX {
            self.attempt(attempt).words(counter, &mut block);
            word = block[index] & low_bits;
            if word < P::VALUE {
                break;
            }
        }
        block.zeroize();
        // The last attempt is reached with probability 2^-2500 or less; the value stays a residue.
        if word < P::VALUE { word } else { word - P::VALUE }
    }

    /// Words `first..` of the family, sixteen to a block.
    fn fill<P: Prime>(&self, first: usize, out: &mut [u32]) {
        let mut stream = self.attempt(0);
        let mut counter = (first / BLOCK_WORDS) as u32;
        let skip = first % BLOCK_WORDS;
        let mut rest = out;
        if skip != 0 {
            let (head, tail) = rest.split_at_mut(rest.len().min(BLOCK_WORDS - skip));
            let mut block = [0; BLOCK_WORDS];
            stream.words(counter, &mut block);
            self.accept::<P>(counter, &mut block);
            head.copy_from_slice(&block[skip..skip + head.len()]);
            block.zeroize();
            counter += 1;
            rest = tail;
        }
        for chunk in rest.chunks_mut(CHUNK_WORDS) {
            stream.words(counter, chunk);
            self.accept::<P>(counter, chunk);
            counter += CHUNK_BLOCKS as u32;
        }
    }
}

/// The mask words of `coordinates` x `columns` of the unit `seed`, limb `p`, row-major into `out`.
///
/// *Shape and domain*: column `k * N + i` is coefficient `i`, in the NTT domain, of mask
/// polynomial `k`. `out` holds `coordinates.len() * columns.len()` words; a shorter one is filled
/// as far as it goes.
///
/// ```
/// use kernel::prime::PrimeId;
/// use kernel::stream::{Seed, expand_mask_columns};
///
/// let public = Seed::from_bytes([7; 32]).derive_public();
/// let (mut all, mut part) = ([0; 3 * 8], [0; 2 * 5]);
/// expand_mask_columns(PrimeId::Delta, &public, 0..3, 0..8, &mut all);
/// expand_mask_columns(PrimeId::Delta, &public, 1..3, 2..7, &mut part);
/// assert_eq!((&part[..5], &part[5..]), (&all[8 + 2..8 + 7], &all[16 + 2..16 + 7]));
/// ```
pub fn expand_mask_columns(
    p: PrimeId,
    seed: &PublicSeed,
    coordinates: Range<usize>,
    columns: Range<usize>,
    out: &mut [u32],
) {
    if columns.is_empty() {
        return;
    }
    for (j, row) in coordinates.zip(out.chunks_mut(columns.len())) {
        with_prime!(p, P => expand_mask::<P>(seed, j as u64, columns.start, row));
    }
}

/// The words `first..` of the masks of coordinate `coordinate` of the unit `seed`, modulo `P`.
///
/// *Domain*: NTT; word `k * N + i` is coefficient `i` of mask polynomial `k`.
pub fn expand_mask<P: Prime>(seed: &PublicSeed, coordinate: u64, first: usize, out: &mut [u32]) {
    let lane = P::MASK_LANE;
    let family = Family { key: &seed.0, domain: Domain::PublicMask, lane, stream: coordinate };
    family.fill::<P>(first, out);
}

/// Rows `first_row..` of check vector `repetition` of `group`, uniform modulo t.
///
/// Secret: who knows u can answer wrongly without being caught. `repetition` is below
/// [`CHECK_REPETITIONS`](crate::bundle::CHECK_REPETITIONS).
///
/// ```
/// use kernel::stream::{Seed, check_vector};
///
/// let seed = Seed::from_bytes([3; 32]);
/// let (mut u, mut tail) = ([0; 100], [0; 30]);
/// check_vector(&seed, 0, 4, 0, &mut u);
/// check_vector(&seed, 0, 4, 70, &mut tail); // rows may be asked for block by block
/// assert_eq!(tail, u[70..]);
/// ```
pub fn check_vector(seed: &Seed, repetition: u8, group: u32, first_row: usize, out: &mut [u32]) {
    let family = Family {
        key: seed.expose(),
        domain: Domain::CheckVector,
        lane: repetition,
        stream: u64::from(group),
    };
    family.fill::<T>(first_row, out);
}

/// Side of the square tile of coordinates x tokens that one block of one-time masks serves.
const TILE: usize = 4;

fn mask_family(seed: &Seed, token: usize) -> Family<'_> {
    Family {
        key: seed.expose(),
        domain: Domain::OneTimeMask,
        lane: 0,
        stream: (token / TILE) as u64,
    }
}

/// The one-time mask of one token: `out[j] = r_(first + j)`, modulo t.
///
/// `token` is its number within the unit whose mask seed `seed` is. *Security*: used once.
///
/// ```
/// use kernel::stream::{Label, Seed, one_time_mask};
///
/// let masks = Seed::from_bytes([7; 32]).derive(Label::OneTimeMask);
/// let (mut r, mut tail) = ([0; 64], [0; 10]);
/// one_time_mask(&masks, 5, 0, &mut r);
/// one_time_mask(&masks, 5, 54, &mut tail);
/// assert_eq!(tail, r[54..]);
/// ```
pub fn one_time_mask(seed: &Seed, token: usize, first: usize, out: &mut [u32]) {
    let family = mask_family(seed, token);
    let mut stream = family.attempt(0);
    let mut buffer = [0; CHUNK_WORDS];
    let mut position = first;
    let mut rest = out;
    while !rest.is_empty() {
        let counter = (position / TILE) as u32;
        let skip = position % TILE;
        let take = rest.len().min(CHUNK_BLOCKS * TILE - skip);
        let blocks = (skip + take).div_ceil(TILE);
        let words = &mut buffer[..blocks * BLOCK_WORDS];
        stream.words(counter, words);
        family.accept::<T>(counter, words);
        let (head, tail) = rest.split_at_mut(take);
        for (i, r) in (skip..).zip(head) {
            *r = words[i * TILE + token % TILE];
        }
        position += take;
        rest = tail;
    }
    buffer.zeroize();
}

/// The one-time masks of up to four coordinates, for a range of a unit's tokens: coordinate
/// `4 * block + i` of token `tokens.start + k` at `out[i * tokens.len() + k]`.
///
/// Four coordinates of four tokens share a block; asking for them together wastes none.
/// `out` holds up to `4 * tokens.len()` words, a whole number of coordinates.
///
/// ```
/// use kernel::stream::{Seed, one_time_mask, one_time_mask_coordinates};
///
/// // What the offline phase encrypts by coordinates is what the online phase adds by tokens.
/// let masks = Seed::from_bytes([9; 32]);
/// let (mut offline, mut online) = ([0; 4 * 16], [0; 4]);
/// one_time_mask_coordinates(&masks, 0, 0..16, &mut offline);
/// one_time_mask(&masks, 11, 0, &mut online);
/// assert_eq!(online, [0, 1, 2, 3].map(|j| offline[16 * j + 11]));
/// ```
pub fn one_time_mask_coordinates(seed: &Seed, block: u32, tokens: Range<usize>, out: &mut [u32]) {
    if tokens.is_empty() {
        return;
    }
    let mut words = [0; BLOCK_WORDS];
    for first in (tokens.start / TILE * TILE..tokens.end).step_by(TILE) {
        let family = mask_family(seed, first);
        family.attempt(0).words(block, &mut words);
        family.accept::<T>(block, &mut words);
        for (tile_row, row) in words.chunks_exact(TILE).zip(out.chunks_mut(tokens.len())) {
            for (token, r) in (first..tokens.end).zip(tile_row) {
                // Tokens of the first block may lie before the range.
                if let Some(word) = token.checked_sub(tokens.start).and_then(|k| row.get_mut(k)) {
                    *word = *r;
                }
            }
        }
    }
    words.zeroize();
}
