"""Quantisers in exact rational arithmetic.

An f32 is a `Fraction`; `f32` rounds any rational to the nearest one, ties to even. The weight
quantiser follows from its definition. The activation quantiser promises the same bits everywhere,
so its f32 steps are repeated one by one, each rounded exactly; what it promises about the result
is then asserted from the definition.
"""

import struct
from fractions import Fraction
from math import isqrt

from streams import T

ACTIVATION_MAX = 32767


def bits_of(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def from_bits(bits):
    """The value of a finite f32."""
    sign, exponent, fraction = bits >> 31, bits >> 23 & 0xFF, bits & 0x7FFFFF
    assert exponent < 255
    magnitude = Fraction(fraction, 2**149) if exponent == 0 else (
        Fraction(2**23 + fraction) * Fraction(2) ** (exponent - 150))
    return -magnitude if sign else magnitude


def is_finite(bits):
    return bits & 0x7F800000 != 0x7F800000


def f32(value):
    """The f32 nearest to a rational, ties to even; overflow is an error."""
    value = Fraction(value)
    if value == 0:
        return value
    exponent = abs(value).numerator.bit_length() - value.denominator.bit_length()
    if abs(value) < Fraction(2) ** exponent:
        exponent -= 1
    unit = Fraction(2) ** max(exponent - 23, -149)
    rounded = round(value / unit) * unit
    assert abs(rounded) < 2**128
    return rounded


def check_f32():
    """`from_bits`, `f32` and `bits_of` agree with one another and on known values."""
    for bits in [1, 0x007FFFFF, 0x00800000, 0x3F800001, 0x7F7FFFFF, 0xC2F6E979]:
        assert bits_of(float(from_bits(bits))) == bits and f32(from_bits(bits)) == from_bits(bits)
    assert f32(Fraction(2**24 + 1)) == 2**24 and f32(Fraction(2**24 + 3)) == 2**24 + 4
    assert bits_of(float(f32(Fraction(1, 10)))) == 0x3DCCCCCD


def weight_row(row):
    """(scale, integers) of a row of f32 bits, or the index of the first that is not finite."""
    for i, bits in enumerate(row):
        if not is_finite(bits):
            return i
    values = [from_bits(bits) for bits in row]
    scale = f32(max(map(abs, values), default=0) / 127)
    if scale < Fraction(1, 2**126):
        return 0x3F800000, [0] * len(row)
    return bits_of(float(scale)), [max(-127, min(127, round(w / scale))) for w in values]


def largest_sum_of_squares(norm2_squared):
    return ((T - 1) // 2) ** 2 // max(norm2_squared, 1)


def sanitise(bits):
    """NaN, infinity and magnitudes below 2^-60 are 0; above 2^60 they are 2^60."""
    if not is_finite(bits):
        return Fraction(0)
    value = from_bits(bits)
    if abs(value) < Fraction(1, 2**60):
        return Fraction(0)
    return max(Fraction(-(2**60)), min(Fraction(2**60), value))


def reciprocal(a):
    """1 / a: four Newton steps in f32."""
    y = from_bits(0x7EF311C7 - bits_of(float(a)))
    for _ in range(4):
        y = f32(y * f32(2 - f32(a * y)))
    return y


def root(a):
    """sqrt(a): four Newton steps in f32 for 1 / sqrt(a), times a."""
    y = from_bits(0x5F3759DF - (bits_of(float(a)) >> 1))
    half = f32(a / 2)
    for _ in range(4):
        y = f32(y * f32(Fraction(3, 2) - f32(f32(half * y) * y)))
    return f32(a * y)


def radius(norm2_squared, columns):
    """(radius, sqrt(n) / 2 rounded up), both f32."""
    half_root_n = f32(Fraction(isqrt(columns) + 1, 2))
    limit = f32(isqrt(min(largest_sum_of_squares(norm2_squared), 2**50)))
    return f32(f32(limit - half_root_n) * Fraction(4095, 4096)), half_root_n


def accepts(norm2_squared, columns):
    return radius(norm2_squared, columns)[0] >= 256


def activation(norm2_squared, columns, row):
    """(factor, integers) of a vector of f32 bits."""
    limit, half_root_n = radius(norm2_squared, columns)
    x = [sanitise(bits) for bits in row]
    largest = max(map(abs, x), default=0) or Fraction(1)
    to_unit = reciprocal(largest)
    full = [round(f32(f32(v * to_unit) * ACTIVATION_MAX)) for v in x]
    norm = f32(root(f32(sum(q * q for q in full) >> 15)) * f32(Fraction("181.01934")))
    wanted = f32(limit * f32(ACTIVATION_MAX * reciprocal(f32(norm + half_root_n))))
    scale = min(wanted, Fraction(ACTIVATION_MAX))
    step = f32(to_unit * scale)
    out = [round(f32(v * step)) for v in x]
    factor = f32(largest * reciprocal(scale))
    check_activation(norm2_squared, x, factor, out)
    return bits_of(float(factor)), out


def check_activation(norm2_squared, x, factor, out):
    """The promises, from the exact inputs: no overflow, 16 bits, near enough, near the largest."""
    squares = sum(q * q for q in out)
    assert 4 * norm2_squared * squares < T * T
    assert all(abs(q) <= ACTIVATION_MAX for q in out)
    assert all(abs(q * factor - v) <= factor * Fraction(53, 100) for q, v in zip(out, x))
    # No scale above these could be promised: the cap, or the norm with every rounding against it.
    largest = max(map(abs, x), default=0)
    if largest == 0:
        return
    n, norm = len(x), Fraction(isqrt(int(sum(v * v for v in x) * 2**240)), 2**120)
    reach = Fraction(isqrt(T * T * 2**80 // (4 * max(norm2_squared, 1))), 2**40)
    room = reach - Fraction(isqrt(n * 2**80), 2**41)
    bound = min(ACTIVATION_MAX / largest, room / norm)
    assert bound * Fraction(99, 100) < 1 / factor <= bound * (1 + Fraction(1, 2**20))
