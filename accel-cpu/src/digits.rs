//! Words cut into digits, in the two layouts that the inner loops read.

use core::fmt::Debug;
use kernel::prime::Prime;

/// Coordinates in one [`Digits::Column`].
pub(crate) const PLANE: usize = 64;
/// Columns in one tile.
pub(crate) const TILE: usize = 16;

/// A way to cut words into digits, as the multipliers of some instruction sets like them.
pub(crate) trait Digits: 'static {
    /// 64 coordinates of one column.
    type Column: Copy + Debug + Send + Sync;
    /// Four coordinates of 16 columns.
    type Step: Copy + Debug + Send + Sync;

    /// Cuts residues modulo `p`.
    fn column(p: u32, words: &[u32; PLANE]) -> Self::Column;

    /// Cuts residues modulo `p`, one row for each coordinate.
    fn step(p: u32, words: &[[u32; TILE]; 4]) -> Self::Step;

    /// The columns of a tile of ordinary bytes, which need no cutting, over those of words.
    const GROUPS: usize;
    /// What is added to ordinary bytes to make them what the multipliers take.
    const OFFSET: u8;

    /// Four coordinates of ordinary signed bytes, with the offset, in [`Digits::GROUPS`] times 16 columns:
    /// `bytes[k][g][c]`, of which the groups beyond are ignored.
    fn bytes(bytes: &[[[u8; TILE]; 4]; 4]) -> Self::Step;

    /// Puts sums of ordinary bytes together: those of column `c` of group g are then at `[g][c]`.
    fn groups(sums: &[[i32; TILE]; 4]) -> [[i32; TILE]; 4];

    /// The residue of four sums put together; what each of them stands for is the digits' own.
    fn recombine<P: Prime>(sums: [i32; 4]) -> u32;
}

/// An array that begins a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Line<A>(pub(crate) A);

/// Four unsigned bytes, for instructions that multiply them with signed bytes: `[b][k]` is byte `b`
/// of coordinate `k`, or, in a step, the bytes `b` of column `k`, the first coordinate lowest.
///
/// A sum of up to [`MAX_COLUMNS`](kernel::model::MAX_COLUMNS) products fits 32 bits; there is one
/// for each byte.
#[derive(Debug)]
pub(crate) struct Bytes;

impl Digits for Bytes {
    type Column = Line<[[u8; PLANE]; 4]>;
    type Step = Line<[[u32; TILE]; 4]>;

    fn column(_: u32, words: &[u32; PLANE]) -> Self::Column {
        Line([0, 8, 16, 24].map(|bit| words.map(|word| (word >> bit) as u8)))
    }

    fn step(_: u32, words: &[[u32; TILE]; 4]) -> Self::Step {
        byte_step(words)
    }

    const GROUPS: usize = 4;
    const OFFSET: u8 = 128;

    fn bytes(bytes: &[[[u8; TILE]; 4]; 4]) -> Self::Step {
        byte_groups(bytes)
    }

    #[inline(always)]
    fn groups(sums: &[[i32; TILE]; 4]) -> [[i32; TILE]; 4] {
        *sums
    }

    #[inline(always)]
    fn recombine<P: Prime>(sums: [i32; 4]) -> u32 {
        let [s0, s1, s2, s3] = sums.map(i64::from);
        P::from_i64(s0 + (s1 << 8) + (s2 << 16) + (s3 << 24))
    }
}

fn byte_step(words: &[[u32; TILE]; 4]) -> Line<[[u32; TILE]; 4]> {
    let mut planes = [[0; TILE]; 4];
    for (b, plane) in planes.iter_mut().enumerate() {
        for (c, bytes) in plane.iter_mut().enumerate() {
            let byte = |k: usize| (words[k][c] >> (8 * b) & 0xff) << (8 * k);
            *bytes = byte(0) | byte(1) | byte(2) | byte(3);
        }
    }
    Line(planes)
}

fn byte_groups(bytes: &[[[u8; TILE]; 4]; 4]) -> Line<[[u32; TILE]; 4]> {
    let group =
        |g: usize, c: usize| u32::from_le_bytes([0, 1, 2, 3].map(|k: usize| bytes[k][g][c]));
    Line(core::array::from_fn(|g| core::array::from_fn(|c| group(g, c))))
}

/// Two signed 16-bit halves, for instructions that multiply them with 16-bit numbers: `[h][k]` is
/// half `h` of coordinate `k`, or, in a step, `[j][h][c]` has the halves of the coordinates `2j`
/// and `2j + 1` of column `c`.
///
/// Where both are at hand at 16 bits only, that is half the work of four bytes. But few products
/// sum up to 32 bits: of every such sum, the low 16 bits and the signed rest go on into sums of
/// their own, first those of the low half, then those of the high one.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", test))]
#[derive(Debug)]
pub(crate) struct Halves;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", test))]
impl Halves {
    /// How many products surely sum up to 32 bits: each is at most 2^22 in magnitude.
    pub(crate) const LIMIT: usize = 511;
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", test))]
impl Digits for Halves {
    type Column = Line<[[i16; PLANE]; 2]>;
    type Step = Line<[[[[i16; 2]; TILE]; 2]; 2]>;

    fn column(p: u32, words: &[u32; PLANE]) -> Self::Column {
        let words = words.map(|word| signed::<0x8000_8000>(p, word));
        Line([0, 16].map(|bit| words.map(|word| (word >> bit) as i16)))
    }

    fn step(p: u32, words: &[[u32; TILE]; 4]) -> Self::Step {
        let words = words.map(|row| row.map(|word| signed::<0x8000_8000>(p, word)));
        let mut step = [[[[0; 2]; TILE]; 2]; 2];
        for (halves, rows) in step.iter_mut().zip(words.as_chunks::<2>().0) {
            for (h, pairs) in halves.iter_mut().enumerate() {
                for (c, pair) in pairs.iter_mut().enumerate() {
                    *pair = [rows[0][c], rows[1][c]].map(|word| (word >> (16 * h)) as i16);
                }
            }
        }
        Line(step)
    }

    const GROUPS: usize = 2;
    const OFFSET: u8 = 0;

    fn bytes(bytes: &[[[u8; TILE]; 4]; 4]) -> Self::Step {
        let half = |j: usize, h: usize, c: usize| {
            [2 * j, 2 * j + 1].map(|k| i16::from(bytes[k][h][c] as i8))
        };
        Line(core::array::from_fn(|j| {
            core::array::from_fn(|h| core::array::from_fn(|c| half(j, h, c)))
        }))
    }

    #[inline(always)]
    fn groups(sums: &[[i32; TILE]; 4]) -> [[i32; TILE]; 4] {
        let half = |low: &[i32; TILE], high: &[i32; TILE]| {
            core::array::from_fn(|c| low[c].wrapping_add(high[c] << 16))
        };
        [half(&sums[0], &sums[1]), half(&sums[2], &sums[3]), [0; TILE], [0; TILE]]
    }

    #[inline(always)]
    fn recombine<P: Prime>(sums: [i32; 4]) -> u32 {
        let [low, low_high, high, high_high] = sums.map(i64::from);
        P::from_i64(low + ((low_high + high) << 16) + (high_high << 32))
    }
}

/// The signed digits, one beside the other, of a number that equals `word` modulo `p`; of the
/// digits' bits, `TOP` has the highest of each.
///
/// The digits reach from `-TOP` to `2^32 - 1 - TOP`, which is `2^32` numbers in sequence: of `word`
/// and `word - p` at least one is among them. Adding `TOP` makes each digit one without sign, and
/// carries as it should; flipping the highest bits takes it away again, digit by digit.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", test))]
#[inline(always)]
const fn signed<const TOP: u32>(p: u32, word: u32) -> u32 {
    let word = if word > u32::MAX - TOP { word.wrapping_sub(p) } else { word };
    word.wrapping_add(TOP) ^ TOP
}

/// Four signed bytes, laid out and summed up as [`Bytes`] are, for instructions that cannot
/// multiply unsigned ones with signed ones.
#[cfg(any(target_arch = "aarch64", test))]
#[derive(Debug)]
pub(crate) struct SignedBytes;

#[cfg(any(target_arch = "aarch64", test))]
impl Digits for SignedBytes {
    type Column = Line<[[i8; PLANE]; 4]>;
    type Step = Line<[[u32; TILE]; 4]>;

    fn column(p: u32, words: &[u32; PLANE]) -> Self::Column {
        let words = words.map(|word| signed::<0x8080_8080>(p, word));
        Line([0, 8, 16, 24].map(|bit| words.map(|word| (word >> bit) as i8)))
    }

    fn step(p: u32, words: &[[u32; TILE]; 4]) -> Self::Step {
        byte_step(&words.map(|row| row.map(|word| signed::<0x8080_8080>(p, word))))
    }

    const GROUPS: usize = 4;
    const OFFSET: u8 = 0;

    fn bytes(bytes: &[[[u8; TILE]; 4]; 4]) -> Self::Step {
        byte_groups(bytes)
    }

    #[inline(always)]
    fn groups(sums: &[[i32; TILE]; 4]) -> [[i32; TILE]; 4] {
        *sums
    }

    #[inline(always)]
    fn recombine<P: Prime>(sums: [i32; 4]) -> u32 {
        Bytes::recombine::<P>(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::model::MAX_COLUMNS;
    use kernel::prime::{Delta, PrimeId, T};

    /// Residues at every edge of the digits.
    fn words(p: u32) -> impl Iterator<Item = u32> {
        let edges = [0, 0x7f7f_7f7f, 0x7fff_7fff, 0x8080_8080, 0x8000_8000, p / 2, p - 1];
        let near = move |edge: u32| (-300_i64..300).map(move |d| i64::from(edge) + d);
        let spread = (0..32).flat_map(|bit| [1_i64 << bit, (1 << bit) - 1, 0x8181_8181 >> bit]);
        let all = edges.into_iter().flat_map(near).chain(spread);
        all.filter(move |word| (0..i64::from(p)).contains(word)).map(|word| word as u32)
    }

    #[test]
    fn signed_digits_stand_for_the_word() {
        for p in PrimeId::ALL.map(PrimeId::value) {
            for word in words(p) {
                let bytes = signed::<0x8080_8080>(p, word).to_le_bytes().map(|b| b as i8);
                let [a, b, c, d] = bytes.map(i64::from);
                let sum = a + (b << 8) + (c << 16) + (d << 24);
                assert_eq!(sum.rem_euclid(i64::from(p)), i64::from(word), "{bytes:?}");

                let halves = signed::<0x8000_8000>(p, word);
                let sum = i64::from(halves as i16) + (i64::from((halves >> 16) as i16) << 16);
                assert_eq!(sum.rem_euclid(i64::from(p)), i64::from(word), "{halves:x}");
            }
        }
    }

    /// A product by weights of one, digit by digit as the layouts have them.
    fn recombined<P: Prime>() {
        let p = P::VALUE;
        let words: Vec<u32> = words(p).collect();
        for words in words.as_chunks::<PLANE>().0 {
            let expected = P::reduce(words.iter().map(|&word| u64::from(word)).sum());
            let sums = Bytes::column(p, words).0.map(|plane| plane.map(i32::from).iter().sum());
            assert_eq!(Bytes::recombine::<P>(sums), expected);
            let sums = SignedBytes::column(p, words);
            let sums = sums.0.map(|plane| plane.map(i32::from).iter().sum());
            assert_eq!(SignedBytes::recombine::<P>(sums), expected);
            let sums = Halves::column(p, words).0.map(|half| half.map(i64::from).iter().sum());
            let [[a, b], [c, d]] =
                sums.map(|sum: i64| [sum & 0xffff, sum >> 16].map(|part| part as i32));
            assert_eq!(Halves::recombine::<P>([a, b, c, d]), expected);
        }
    }

    #[test]
    fn sums_stand_for_the_product() {
        recombined::<T>();
        recombined::<Delta>();
    }

    #[test]
    fn sums_stay_in_bounds() {
        let (byte, half) = (128 * 255_i64, 128_i64 << 15);
        let n = MAX_COLUMNS as i64;
        assert!(byte * n <= i64::from(i32::MAX));
        let limit = Halves::LIMIT as i64;
        assert!(half * limit <= i64::from(i32::MAX));
        // A loop splits no more sums than this: 16 lanes for every thousand products, or one for
        // every 256 of them.
        let splits = (n / 1000 * 16).max(n / 256) + 16;
        assert!(splits * 0xffff <= i64::from(i32::MAX));
        assert!(((half * n) >> 16) + splits <= i64::from(i32::MAX));
    }
}
