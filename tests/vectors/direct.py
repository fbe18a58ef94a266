"""Direct mode by its definitions: polynomials modulo q with big integers as coefficients.

A ciphertext is (mask, body), two lists of N integers modulo q; its phase is body - mask * s. Limbs
and transforms exist only where the wire has them.
"""

from dataclasses import dataclass
from functools import lru_cache

import lattice
import streams
from lattice import negacyclic
from streams import P25, P26, T

MASK_BITS, BODY_BITS = 42, 36
GIANTS, FINE = 16, 8


@dataclass(frozen=True)
class Direct:
    name: str
    number: int
    n: int
    digit_bits: int = 9
    limbs: tuple = (T, P26, P25)
    t: int = T

    @property
    def q(self):
        product = 1
        for p in self.limbs:
            product *= p
        return product

    @property
    def places(self):
        """Limb and digit of each element of the gadget."""
        return [(l, k) for l, p in enumerate(self.limbs) for k in range(self.digits(p))]

    @property
    def elements(self):
        return len(self.places)

    def digits(self, p):
        return -(-p.bit_length() // self.digit_bits)


SETS = {s.name: s for s in [Direct("Direct4096", 16, 4096), Direct("InsecureDirect64", 0xF2, 64),
                            Direct("InsecureDirect8", 0xF3, 8)]}


def idempotent(s, limb):
    """1 modulo one limb, 0 modulo the others."""
    p, others = s.limbs[limb], s.q // s.limbs[limb]
    return others * pow(others, -1, p)


def to_limbs(s, polynomial):
    """Coefficients modulo q, as NTT-domain limbs."""
    return [lattice.forward(p, [c % p for c in polynomial]) for p in s.limbs]


@lru_cache(maxsize=4096)
def mask(s, public_seed, coordinate):
    """The mask of a seeded ciphertext: drawn limb by limb in the NTT domain."""
    limbs = [lattice.inverse(p, [streams.mask_word(p, public_seed, coordinate, i)[0] for i in range(s.n)])
             for p in s.limbs]
    return [sum(r * idempotent(s, l) for l, r in enumerate(c)) % s.q for c in zip(*limbs)]


def secret(s, seed):
    return [streams.ternary(seed, 0, i) for i in range(s.n)]


def encode(s, m):
    """round(q m / t) modulo q; q and t are odd, so there are no ties."""
    return (2 * s.q * m + s.t) // (2 * s.t) % s.q


def encrypt(s, key, noise_seed, public_seed, coordinate, plain):
    """A seeded ciphertext of a polynomial modulo q."""
    a = mask(s, public_seed, coordinate)
    errors = [streams.noise(noise_seed, coordinate, i) for i in range(s.n)]
    product = negacyclic(s.q, key, a)
    return a, [(x + e + m) % s.q for x, e, m in zip(product, errors, plain)]


# ---- automorphisms and keys

def apply(modulus, g, polynomial):
    """sigma_g: X becomes X^g."""
    n = len(polynomial)
    out = [0] * n
    for k, c in enumerate(polynomial):
        e = k * g % (2 * n)
        out[e % n] = (c if e < n else -c) % modulus
    return out


def base_bits(p, digits):
    return -(-p.bit_length() // digits)


def digits_of(p, count, residue):
    """Balanced digits of |r| for the centred residue r, times its sign; the last takes the rest."""
    r = lattice.centred(residue, p)
    base, rest, out = 2 ** base_bits(p, count), abs(r), []
    for _ in range(count - 1):
        d = next(d for d in range(-base // 2, base // 2) if (rest - d) % base == 0)
        out.append(d)
        rest = (rest - d) // base
    out.append(rest)
    out = [-d if r < 0 else d for d in out]
    assert sum(d * base**k for k, d in enumerate(out)) == r
    return out


def gadget(s, element):
    limb, k = s.places[element]
    p = s.limbs[limb]
    return idempotent(s, limb) * 2 ** (base_bits(p, s.digits(p)) * k)


def key_coordinate(s, g, element):
    return g * s.elements + element


def evaluation_key(s, session_seed, g):
    """An encryption of -gadget * sigma_g(s) for each element."""
    key_seed = streams.derive(session_seed, streams.LABEL_EVALUATION_KEY)
    public_seed = streams.derive(key_seed, streams.LABEL_PUBLIC_MASK)
    key = secret(s, session_seed)
    image = apply(s.q, g, key)
    return [encrypt(s, key, key_seed, public_seed, key_coordinate(s, g, element),
                    [-gadget(s, element) * c for c in image])
            for element in range(s.elements)]


def evaluation_key_spot(s, session_seed, g, element, limb, index):
    """One word of a body, for large N."""
    p = s.limbs[limb]
    key_seed = streams.derive(session_seed, streams.LABEL_EVALUATION_KEY)
    public_seed = streams.derive(key_seed, streams.LABEL_PUBLIC_MASK)
    key, coordinate = secret(s, session_seed), key_coordinate(s, g, element)
    plain = [streams.noise(key_seed, coordinate, i) - gadget(s, element) * c
             for i, c in enumerate(apply(s.q, g, key))]
    a = streams.mask_word(p, public_seed, coordinate, index)[0]
    return (a * lattice.evaluate(p, key, index) + lattice.evaluate(p, plain, index)) % p


def body_spot(s, session_seed, coordinate, message, limb, index):
    p = s.limbs[limb]
    public_seed = streams.derive(session_seed, streams.LABEL_PUBLIC_MASK)
    plain = [streams.noise(session_seed, coordinate, i) + encode(s, m) for i, m in enumerate(message)]
    a = streams.mask_word(p, public_seed, coordinate, index)[0]
    return (a * lattice.evaluate(p, secret(s, session_seed), index) + lattice.evaluate(p, plain, index)) % p


def switch_key(s, ciphertext, g, key):
    """sigma_g of a ciphertext, under the key that it had: the image's mask is cut into digits."""
    a, b = (apply(s.q, g, part) for part in ciphertext)
    out_a, out_b = [0] * s.n, b
    digits = [[digits_of(p, s.digits(p), c % p) for c in a] for p in s.limbs]
    for element, (key_a, key_b) in enumerate(key):
        limb, k = s.places[element]
        d = [of[k] for of in digits[limb]]
        out_a = [x + y for x, y in zip(out_a, negacyclic(s.q, d, key_a))]
        out_b = [x + y for x, y in zip(out_b, negacyclic(s.q, d, key_b))]
    return [x % s.q for x in out_a], [x % s.q for x in out_b]


# ---- results

def fractions(s, bits, v):
    """The documented formula: fractions of the limbs, in 64 bits."""
    total = 0
    for p in s.limbs:
        y = v * pow(s.q // p, -1, p) % p
        reciprocal = 2**96 // p
        total += y * (reciprocal >> 32) + (y * (reciprocal % 2**32) >> 32)
    shift = 64 - bits
    return (total % 2**64 + 2 ** (shift - 1)) % 2**64 >> shift


def rounded(s, bits, v):
    """round(2^bits v / q) modulo 2^bits."""
    return (2 ** (bits + 1) * v + s.q) // (2 * s.q) % 2**bits


def switched(s, bits, v):
    """The formula, which is the rounding unless v is within 2^-61 q of a tie."""
    out = fractions(s, bits, v)
    tie = abs(((2 ** (bits + 1) * v) % (2 * s.q)) - s.q)
    assert out == rounded(s, bits, v) or tie * 2**60 < s.q * 2**bits
    return out


def decrypt(s, key, mask_words, bodies, exponents):
    """round(t phase / 2^42) modulo t, at the exponents."""
    q = 2**MASK_BITS
    product = negacyclic(q, key, [a % q for a in mask_words])
    out = []
    for body, e in zip(bodies, exponents):
        phase = (body * 2 ** (MASK_BITS - BODY_BITS) - product[e]) % q
        out.append((2 * s.t * phase + q) // (2 * q) % s.t)
    return out
