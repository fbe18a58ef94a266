//! The layers of a transform, two at a time, so that a word is loaded and stored half as often.
//!
//! How large words become, in multiples of p, where they are [`Lazy`](super::arithmetic::Lazy):
//! *forward*, each layer adds at most 2 to words that are multiplied by nothing. These begin as 1, and
//! are shrunk in the passes of quarters of 16 words and of one word, which is the last. So they come to
//! 13 at most before the one, and to 9.1 before the other, which leaves 5.1 to be shrunk once more.
//! *Inverse*, a pass takes words of at most 3 and makes sums up to 12, of which it shrinks or multiplies
//! all but one, which is the sum of two products of words below 6: at most 2.8.

use super::arithmetic::Arithmetic;

/// Calls a pass with its quarter, which is a power of 4, as a constant: offsets are then immediate.
macro_rules! with_quarter {
    ($quarter:expr, $QUARTER:ident => $pass:expr) => {
        with_quarter!(@ $quarter, $QUARTER, $pass, 1 4 16 64 256)
    };
    (@ $quarter:expr, $QUARTER:ident, $pass:expr, $($number:literal)+) => {
        match $quarter {
            $($number => {
                const $QUARTER: usize = $number;
                $pass
            })+
            _ => {
                const $QUARTER: usize = 1024;
                $pass
            }
        }
    };
}

/// The halves of a polynomial, element by element.
fn halves(polynomial: &mut [u32]) -> impl Iterator<Item = (&mut u32, &mut u32)> {
    let (low, high) = polynomial.split_at_mut(polynomial.len() / 2);
    low.iter_mut().zip(high)
}

/// The twiddles of two layers, block by block: one in the coarser layer, two in the finer.
fn twiddles(
    factors: &[u32],
    blocks: usize,
) -> impl DoubleEndedIterator<Item = (u32, [u32; 2])> + ExactSizeIterator {
    let coarse = factors[blocks..2 * blocks].iter().copied();
    coarse.zip(factors[2 * blocks..4 * blocks].as_chunks().0.iter().copied())
}

#[inline(never)]
pub(super) fn forward<A: Arithmetic>(arithmetic: A, factors: &[u32], polynomial: &mut [u32]) {
    let n = polynomial.len();
    let mut blocks = 1;
    if n.ilog2() % 2 == 1 {
        for (a, b) in halves(polynomial) {
            (*a, *b) = forward_butterfly(arithmetic, *a, *b, factors[1]);
        }
        blocks = 2;
    }
    while blocks < n {
        with_quarter!(n / (4 * blocks), Q => forward_pass::<_, Q>(arithmetic, factors, blocks, polynomial));
        blocks *= 4;
    }
}

#[inline(never)]
fn forward_pass<A: Arithmetic, const QUARTER: usize>(
    arithmetic: A,
    factors: &[u32],
    blocks: usize,
    polynomial: &mut [u32],
) {
    let shrink = |x| if QUARTER == 16 || QUARTER == 1 { arithmetic.shrink(x) } else { x };
    let finish = |x| if QUARTER == 1 { arithmetic.canonical(arithmetic.shrink(x)) } else { x };
    let each = polynomial.chunks_exact_mut(4 * QUARTER).zip(twiddles(factors, blocks));
    for (block, (coarse, fine)) in each {
        let [a, b, c, d] = block.as_chunks_mut::<QUARTER>().0 else { return };
        for i in 0..QUARTER {
            let (x, y) = forward_butterfly(arithmetic, shrink(a[i]), c[i], coarse);
            let (z, w) = forward_butterfly(arithmetic, shrink(b[i]), d[i], coarse);
            let (x, z) = forward_butterfly(arithmetic, x, z, fine[0]);
            let (y, w) = forward_butterfly(arithmetic, y, w, fine[1]);
            [a[i], b[i], c[i], d[i]] = [x, z, y, w].map(finish);
        }
    }
}

/// `x + y w` and `x - y w`.
#[inline(always)]
fn forward_butterfly<A: Arithmetic>(arithmetic: A, x: u32, y: u32, w: u32) -> (u32, u32) {
    let product = arithmetic.mul(y, w);
    (arithmetic.add(x, product), arithmetic.sub::<2>(x, product))
}

/// `scale` is the tabulated 1 / N.
#[inline(never)]
pub(super) fn inverse<A: Arithmetic>(
    arithmetic: A,
    factors: &[u32],
    scale: u32,
    polynomial: &mut [u32],
) {
    let n = polynomial.len();
    let mut blocks = n / 4;
    while blocks > 1 {
        with_quarter!(n / (4 * blocks), Q => inverse_pass::<_, Q, false>(arithmetic, factors, blocks, scale, polynomial));
        blocks /= 4;
    }
    if blocks == 1 {
        with_quarter!(n / 4, Q => inverse_pass::<_, Q, true>(arithmetic, factors, blocks, scale, polynomial));
    } else {
        let last = arithmetic.mul(factors[1], scale);
        for (a, b) in halves(polynomial) {
            let (sum, product) = inverse_butterfly::<_, 3>(arithmetic, *a, *b, last);
            *a = arithmetic.canonical(arithmetic.mul(sum, scale));
            *b = arithmetic.canonical(product);
        }
    }
}

/// The last pass scales.
#[inline(never)]
fn inverse_pass<A: Arithmetic, const QUARTER: usize, const LAST: bool>(
    arithmetic: A,
    factors: &[u32],
    blocks: usize,
    scale: u32,
    polynomial: &mut [u32],
) {
    let each = polynomial.chunks_exact_mut(4 * QUARTER).zip(twiddles(factors, blocks).rev());
    for (block, (coarse, fine)) in each {
        let coarse = if LAST { arithmetic.mul(coarse, scale) } else { coarse };
        let [a, b, c, d] = block.as_chunks_mut::<QUARTER>().0 else { return };
        for i in 0..QUARTER {
            let (x, y) = inverse_butterfly::<_, 3>(arithmetic, a[i], b[i], fine[1]);
            let (z, w) = inverse_butterfly::<_, 3>(arithmetic, c[i], d[i], fine[0]);
            let (x, z) = inverse_butterfly::<_, 6>(arithmetic, x, z, coarse);
            let (y, w) = inverse_butterfly::<_, 2>(arithmetic, y, w, coarse);
            [a[i], b[i], c[i], d[i]] = if LAST {
                let [x, y] = [x, y].map(|sum| arithmetic.mul(sum, scale));
                [x, y, z, w].map(|product| arithmetic.canonical(product))
            } else {
                [arithmetic.shrink(x), y, z, w]
            };
        }
    }
}

/// `x + y` and `(y - x) w`, for an x of at most `MULTIPLE * p`.
#[inline(always)]
fn inverse_butterfly<A: Arithmetic, const MULTIPLE: u32>(
    arithmetic: A,
    x: u32,
    y: u32,
    w: u32,
) -> (u32, u32) {
    (arithmetic.add(x, y), arithmetic.mul(arithmetic.sub::<MULTIPLE>(y, x), w))
}
