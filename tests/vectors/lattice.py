"""The ring, the transform and the scheme, by their definitions, in big integers.

Nothing here is fast: the transform evaluates a polynomial at every root, a product in the ring is
the schoolbook sum, and decryption rebuilds the phase modulo q as one integer and rounds.
"""

from dataclasses import dataclass
from functools import lru_cache

import streams
from streams import DELTA, P25, P26, P29, T

# A generator of the multiplicative group of each field.
GENERATOR = {T: 19, DELTA: 23, P29: 3, P26: 7, P25: 3, 17: 3, 97: 5}
NOISE_BOUND = 21


def prime_factors(n):
    factors, d = set(), 2
    while d * d <= n:
        while n % d == 0:
            factors.add(d)
            n //= d
        d += 1
    return factors | ({n} if n > 1 else set())


def check_fields():
    """Each modulus is prime and each generator generates (Lucas)."""
    for p, g in GENERATOR.items():
        assert pow(g, p - 1, p) == 1
        assert all(pow(g, (p - 1) // f, p) != 1 for f in prime_factors(p - 1))


def centred(value, modulus):
    """The representative of smallest magnitude, for an odd modulus."""
    value %= modulus
    return value - modulus if 2 * value > modulus else value


def bit_reverse(i, n):
    """The log2(n) bits of i, in reverse."""
    return int(format(i, f"0{n.bit_length() - 1}b")[::-1], 2)


@lru_cache(maxsize=None)
def root(p, n, i):
    """The point whose value stands at index i: psi^(2 brv(i) + 1), psi of order 2n."""
    psi = pow(GENERATOR[p], (p - 1) // (2 * n), p)
    assert pow(psi, n, p) == p - 1
    return pow(psi, 2 * bit_reverse(i, n) + 1, p)


@lru_cache(maxsize=8192)
def powers(p, base, count):
    out = [1]
    for _ in range(count - 1):
        out.append(out[-1] * base % p)
    return out


def evaluate(p, polynomial, i):
    """Index i of the forward transform."""
    n = len(polynomial)
    return sum(a * b for a, b in zip(polynomial, powers(p, root(p, n, i), n))) % p


def forward(p, polynomial):
    return [evaluate(p, polynomial, i) for i in range(len(polynomial))]


def inverse(p, values):
    """The only polynomial with these values: a_k = 1/n sum_i value_i root_i^-k."""
    n = len(values)
    rows = [powers(p, pow(root(p, n, i), -1, p), n) for i in range(n)]
    scale = pow(n, -1, p)
    return [scale * sum(v * row[k] for v, row in zip(values, rows)) % p for k in range(n)]


def negacyclic(q, a, b):
    """a * b in Z_q[X] / (X^n + 1)."""
    n = len(a)
    full = [0] * (2 * n)
    for i, x in enumerate(a):
        if x:
            for j, y in enumerate(b):
                full[i + j] += x * y
    return [(full[i] - full[i + n]) % q for i in range(n)]


@dataclass(frozen=True)
class Parameters:
    name: str
    number: int
    n: int
    k: int
    t: int = T
    delta: int = DELTA

    @property
    def q(self):
        return self.t * self.delta

    @property
    def limbs(self):
        return (self.t, self.delta)


SETS = {
    s.name: s
    for s in [
        Parameters("Masked4096x1", 1, 4096, 1),
        Parameters("Masked2048x2", 2, 2048, 2),
        Parameters("Masked1024x4", 3, 1024, 4),
        Parameters("Masked512x8", 4, 512, 8),
        Parameters("Masked256x16", 5, 256, 16),
        Parameters("InsecureMasked16x1", 0xF0, 16, 1),
        Parameters("InsecureToy4x1", 0xF1, 4, 1, 17, 97),
    ]
}


def crt(s, mod_t, mod_delta):
    """The integer in [0, q) with these residues."""
    return (mod_t * s.delta * pow(s.delta, -1, s.t) + mod_delta * s.t * pow(s.t, -1, s.delta)) % s.q


def mask_limb(s, limb, public_seed, coordinate, component):
    """Mask polynomial `component` modulo limb 0 (t) or 1 (Delta), in the NTT domain.

    The toy set reduces the words of the real limb of the same number.
    """
    real, p = (T, DELTA)[limb], s.limbs[limb]
    columns = range(component * s.n, (component + 1) * s.n)
    return [streams.mask_word(real, public_seed, coordinate, c)[0] % p for c in columns]


def secret_key(s, seed):
    """K ternary polynomials."""
    return [[streams.ternary(seed, k, i) for i in range(s.n)] for k in range(s.k)]


def to_integers(s, limbs):
    """A polynomial in two NTT-domain limbs, as coefficients modulo q."""
    coefficients = [inverse(p, values) for p, values in zip(s.limbs, limbs)]
    return [crt(s, a, b) for a, b in zip(*coefficients)]


def to_limbs(s, polynomial):
    """Coefficients modulo q, as two NTT-domain limbs."""
    return [forward(p, [c % p for c in polynomial]) for p in s.limbs]


def body(s, seed, coordinate, message, noise=None, public_seed=None):
    """b = sum_k a_k s_k + e + Delta m modulo q, as two NTT-domain limbs, and its masks likewise.

    The masks' public seed is that of `seed` unless it is given."""
    public_seed = public_seed or streams.derive(seed, streams.LABEL_PUBLIC_MASK)
    key = secret_key(s, seed)
    if noise is None:
        noise = [streams.noise(seed, coordinate, i) for i in range(s.n)]
    b = [(e + s.delta * m) % s.q for e, m in zip(noise, message)]
    masks = [[mask_limb(s, l, public_seed, coordinate, k) for l in (0, 1)] for k in range(s.k)]
    for a, secret in zip(masks, key):
        product = negacyclic(s.q, secret, to_integers(s, a))
        b = [(x + y) % s.q for x, y in zip(b, product)]
    return to_limbs(s, b), masks


def body_spot(s, seed, coordinate, message, limb, index):
    """One word of a body: the definition of b, evaluated at one root. For large n."""
    p = s.limbs[limb]
    public_seed = streams.derive(seed, streams.LABEL_PUBLIC_MASK)
    total = sum(
        streams.mask_word(p, public_seed, coordinate, k * s.n + index)[0] * evaluate(p, secret, index)
        for k, secret in enumerate(secret_key(s, seed))
    )
    plain = [streams.noise(seed, coordinate, i) + s.delta * m for i, m in enumerate(message)]
    return (total + evaluate(p, plain, index)) % p


def ciphertext(body_limbs, masks):
    """Wire layout: limb-major; within a limb the masks, then the body."""
    return [w for l in (0, 1) for part in [m[l] for m in masks] + [body_limbs[l]] for w in part]


def combine(s, weights, ciphertexts):
    """sum_j w_j ct_j, word by word."""
    half = len(ciphertexts[0]) // 2
    return [
        sum(w * ct[i] for w, ct in zip(weights, ciphertexts)) % s.limbs[i // half]
        for i in range(2 * half)
    ]


def decrypt(s, key, words):
    """round(t * phase / q) modulo t, and the noise: phase modulo q is one integer per coefficient."""
    polynomials = [words[i : i + s.n] for i in range(0, len(words), s.n)]
    limbs = (polynomials[: s.k + 1], polynomials[s.k + 1 :])
    phase = to_integers(s, (limbs[0][s.k], limbs[1][s.k]))
    for k, secret in enumerate(key):
        product = negacyclic(s.q, secret, to_integers(s, (limbs[0][k], limbs[1][k])))
        phase = [(x - y) % s.q for x, y in zip(phase, product)]
    # q is odd: there are no ties.
    message = [(2 * s.t * x + s.q) // (2 * s.q) % s.t for x in phase]
    return message, [centred(x - s.delta * m, s.q) for x, m in zip(phase, message)]
