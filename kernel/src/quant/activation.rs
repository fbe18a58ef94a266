use super::{BoundError, GroupBounds};

/// Largest magnitude of a quantised activation.
pub const ACTIVATION_MAX: i32 = 32_767;

/// Magnitudes outside `[2^-60, 2^60]` are zero or clamped, so that no step meets a subnormal.
const SMALLEST: u32 = 0x2180_0000;
const LARGEST: u32 = 0x5d80_0000;
const INFINITY: u32 = 0x7f80_0000;
const ABSOLUTE: u32 = 0x7fff_ffff;

/// Quantiser of one group's input vector: symmetric, dynamic, one scale per token.
///
/// The promise: no overflow modulo t is possible, `norm2(w) * norm2(q) < t / 2` for every row w, and
/// `|q| <= 32767`. The scale is close to the largest for which that can be promised. What rounding
/// can add to a norm, `sqrt(n) / 2`, is taken off twice: from the radius, for the rounding of the
/// result, and added to the norm, which is measured on rounded values and may be that much too small.
/// With the reserve of 2^-12 for the f32 steps, the scale is at most 1.5% below that largest one.
///
/// # Algorithm
/// The result is defined to the bit. Every operation on f32 below is rounded by itself, to nearest,
/// ties to even, in the order that the parentheses give; no two are fused. `isqrt` and sums of
/// squares are exact integers; an integer becomes an f32 by rounding to nearest.
///
/// For a matrix of n columns and the bound `S = min(largest_sum_of_squares, 2^50)`:
///
/// - `h = f32(isqrt(n) + 1) * 0.5`
/// - `R = (f32(isqrt(S)) - h) * (4095 / 4096)`, and at least 256
///
/// For a vector x:
///
/// 1. `v_i = x_i`, but 0 where `x_i` is NaN, infinite or below 2^-60 in magnitude, and `+-2^60` where
///    it is larger than that
/// 2. `M = max |v_i|`, or 1 if that is 0; `u = reciprocal(M)`
/// 3. `A = sum_i a_i^2`, where `a_i` is `(v_i * u) * 32767` rounded to an integer, ties to even
/// 4. `norm = root(f32(floor(A / 2^15))) * 181.01934`, the last being `2^7.5`, 0x433504f3
/// 5. `s = min(R * (32767 * reciprocal(norm + h)), 32767)`
/// 6. `q_i` is `v_i * (u * s)` rounded to an integer, ties to even; all are 0 if
///    `sum_i q_i^2 > S`, which step 5 rules out
/// 7. the factor is `M * reciprocal(s)`
///
/// `reciprocal(a)` starts from the f32 whose bits are `0x7ef311c7 - bits(a)` and does
/// `y = y * (2 - (a * y))` four times. `root(a)` starts from the bits
/// `0x5f3759df - floor(bits(a) / 2)`, does `y = y * (1.5 - (((0.5 * a) * y) * y))` four times, and
/// is `a * y`.
///
/// # Security
/// The vector is secret. No branch, address or division depends on it. Sums and products of f32
/// take one time where the target computes them in hardware, and no step meets a subnormal; a
/// library for targets without such a unit may branch on its operands.
///
/// # Example
/// ```
/// use kernel::quant::{ActivationQuantiser, GroupBounds};
///
/// let mut bounds = GroupBounds::default();
/// bounds.include(&[3, -5, 127, 0]);
/// let quantiser = ActivationQuantiser::new(&bounds, 4)?;
///
/// let x = [0.5, -1.0, 0.25, f32::NAN];
/// let mut q = [0; 4];
/// let factor = quantiser.quantise(&x, &mut q);
/// assert_eq!(q, [16383, -32767, 8192, 0]);
/// assert!((factor * q[0] as f32 - x[0]).abs() <= factor);
/// # Ok::<(), kernel::quant::BoundError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ActivationQuantiser {
    largest_sum_of_squares: u64,
    /// Euclidean norm that the quantised vector may have before rounding.
    radius: f32,
    /// What rounding can add to a norm: `sqrt(n) / 2`.
    half_root_n: f32,
}

impl ActivationQuantiser {
    /// The quantiser for a matrix of `columns` columns with these bounds.
    ///
    /// # Errors
    /// [`BoundError::Headroom`] if a unit vector would keep fewer than eight bits.
    pub fn new(bounds: &GroupBounds, columns: usize) -> Result<Self, BoundError> {
        // Beyond this sum the cap of 32767 binds first, for every n that is served.
        let largest_sum_of_squares = bounds.largest_sum_of_squares().min(1 << 50);
        let half_root_n = (columns.isqrt() + 1) as f32 * 0.5;
        let radius = (largest_sum_of_squares.isqrt() as f32 - half_root_n) * (1.0 - 1.0 / 4096.0);
        if radius < 256.0 {
            return Err(BoundError::Headroom { norm2_squared: bounds.norm2_squared });
        }
        Ok(Self { largest_sum_of_squares, radius, half_root_n })
    }

    /// Quantises `x` into `out` and returns the factor that turns integers back: `x = factor * q`.
    ///
    /// Total: NaN and infinity count as 0, magnitudes above 2^60 as 2^60, below 2^-60 as 0. `out` is
    /// as long as `x`, which has the columns that the quantiser was made for.
    pub fn quantise(&self, x: &[f32], out: &mut [i32]) -> f32 {
        let mut largest = 0;
        for v in x {
            largest = max_u32(largest, sanitise(*v).to_bits() & ABSOLUTE);
        }
        // A vector of zeros is scaled as if its largest were one.
        let zero = opaque_mask(less(largest, 1));
        let largest = f32::from_bits(select_u32(zero, 1_f32.to_bits(), largest));
        let to_unit = reciprocal(largest);

        let mut squares = 0_u64;
        for v in x {
            let q = i64::from(round(sanitise(*v) * to_unit * ACTIVATION_MAX as f32));
            squares = squares.wrapping_add((q * q) as u64);
        }
        // n * 32767^2 < 2^46.1; 15 bits off leaves a u32, and a root that is 2^7.5 too small.
        let norm = root((squares >> 15) as u32 as f32) * 181.019_34;
        let wanted = self.radius * (ACTIVATION_MAX as f32 * reciprocal(norm + self.half_root_n));
        let scale = f32::from_bits(min_u32(wanted.to_bits(), (ACTIVATION_MAX as f32).to_bits()));

        let factor = to_unit * scale;
        let mut squares = 0_u64;
        for (q, v) in out.iter_mut().zip(x) {
            *q = round(sanitise(*v) * factor);
            squares = squares.wrapping_add((i64::from(*q) * i64::from(*q)) as u64);
        }
        // The scale leaves room for every rounding above, so this never acts; it makes the promise
        // independent of that argument.
        let (_, above) = self.largest_sum_of_squares.overflowing_sub(squares);
        let keep = !opaque_mask(above) as i32;
        out.iter_mut().for_each(|q| *q &= keep);
        largest * reciprocal(scale)
    }
}

/// The value itself, or what stands for it where it is not finite, too large or too small.
#[inline(always)]
fn sanitise(x: f32) -> f32 {
    let bits = x.to_bits();
    let magnitude = bits & ABSOLUTE;
    let normal = min_u32(magnitude, LARGEST);
    let keep = mask(less(magnitude, INFINITY)) & mask(!less(magnitude, SMALLEST));
    f32::from_bits((normal | (bits & !ABSOLUTE)) & keep)
}

/// Nearest integer, ties to even, for `|x| < 2^22`: adds and takes off 1.5 * 2^23.
#[inline(always)]
fn round(x: f32) -> i32 {
    const SHIFT: f32 = 12_582_912.0;
    ((x + SHIFT).to_bits() as i32).wrapping_sub(SHIFT.to_bits() as i32)
}

/// `1 / a` for positive normal `a` up to 2^62, within three units in the last place.
fn reciprocal(a: f32) -> f32 {
    let mut y = f32::from_bits(0x7ef3_11c7_u32.wrapping_sub(a.to_bits()));
    for _ in 0..4 {
        let residual = 2.0 - a * y;
        y *= residual;
    }
    y
}

/// `sqrt(a)` for `a = 0` or normal `a` up to 2^62, within a few units in the last place.
fn root(a: f32) -> f32 {
    let mut y = f32::from_bits(0x5f37_59df_u32.wrapping_sub(a.to_bits() >> 1));
    let half = 0.5 * a;
    for _ in 0..4 {
        let residual = 1.5 - half * y * y;
        y *= residual;
    }
    a * y
}

#[inline(always)]
fn less(a: u32, b: u32) -> bool {
    a.overflowing_sub(b).1
}

#[inline(always)]
fn mask(bit: bool) -> u32 {
    u32::from(bit).wrapping_neg()
}

/// [`mask`] for a bit that decides once for a whole vector: the optimiser, which would turn the
/// choice into a jump, is kept from seeing that the mask has two values only.
#[inline(always)]
fn opaque_mask(bit: bool) -> u32 {
    core::hint::black_box(mask(bit))
}

#[inline(always)]
fn select_u32(choose_first: u32, first: u32, second: u32) -> u32 {
    (first & choose_first) | (second & !choose_first)
}

#[inline(always)]
fn max_u32(a: u32, b: u32) -> u32 {
    select_u32(mask(less(a, b)), b, a)
}

#[inline(always)]
fn min_u32(a: u32, b: u32) -> u32 {
    select_u32(mask(less(a, b)), a, b)
}
