"""Hybrid key switching by its definitions, and its cases: big integers modulo q and modulo q P.

A ciphertext is (mask, body), two lists of N integers; its phase is body - mask * s.
"""

from dataclasses import dataclass

import direct
import lattice
import streams
from inputs import digest, residues, seed, words
from lattice import negacyclic
from streams import DELTA, P26, P29, T


@dataclass(frozen=True)
class Ring:
    """Polynomials of n coefficients modulo the product of the limbs."""
    n: int
    limbs: tuple
    t: int = T

    @property
    def q(self):
        product = 1
        for p in self.limbs:
            product *= p
        return product


@dataclass(frozen=True)
class Hybrid(Ring):
    special: int = P29

    @property
    def extended(self):
        return Ring(self.n, (*self.limbs, self.special))


SETS = {"Hybrid4096": Hybrid(4096, (DELTA, P26)), "InsecureHybrid64": Hybrid(64, (DELTA, P26)),
        "InsecureHybrid8": Hybrid(8, (T, DELTA, P26))}
SMALL = ["InsecureHybrid8", "InsecureHybrid64"]


def key_seeds(session_seed):
    key_seed = streams.derive(session_seed, streams.LABEL_HYBRID_KEY)
    return key_seed, streams.derive(key_seed, streams.LABEL_PUBLIC_MASK)


def evaluation_key(s, session_seed, g):
    """An encryption modulo q P of -P * idempotent * sigma_g(s) for each limb."""
    key, (key_seed, public_seed) = direct.secret(s, session_seed), key_seeds(session_seed)
    image = direct.apply(s.q, g, key)
    return [direct.encrypt(s.extended, key, key_seed, public_seed, g * len(s.limbs) + limb,
                           [-s.special * direct.idempotent(s, limb) * lattice.centred(c, s.q) for c in image])
            for limb in range(len(s.limbs))]


def key_spot(s, session_seed, g, element, limb, index):
    """One word of a body, for large N."""
    p, coordinate = s.extended.limbs[limb], g * len(s.limbs) + element
    key, (key_seed, public_seed) = direct.secret(s, session_seed), key_seeds(session_seed)
    image = [lattice.centred(c, s.q) for c in direct.apply(s.q, g, key)]
    plain = [streams.noise(key_seed, coordinate, i) - s.special * direct.idempotent(s, element) * c
             for i, c in enumerate(image)]
    a = streams.mask_word(p, public_seed, coordinate, index)[0]
    return (a * lattice.evaluate(p, key, index) + lattice.evaluate(p, plain, index)) % p


def digits(s, a):
    """A polynomial of integers for each limb; times the idempotents they sum to a."""
    out = [[lattice.centred(c, p) for c in a] for p in s.limbs]
    assert all(sum(d[i] * direct.idempotent(s, l) for l, d in enumerate(out)) % s.q == c % s.q
               for i, c in enumerate(a))
    return out


def inner_product(s, ciphertext, g, key):
    """P sigma(ciphertext) under s, modulo q P: the image's mask is cut into digits."""
    modulus = s.extended.q
    a, b = (direct.apply(s.q, g, part) for part in ciphertext)
    out = [[0] * s.n, [s.special * c for c in b]]
    for d, element in zip(digits(s, a), key):
        for k in (0, 1):
            out[k] = [(x + y) % modulus for x, y in zip(out[k], negacyclic(modulus, d, element[k]))]
    return out


def mod_down(s, polynomial):
    """round(v / P) modulo q; P is odd, so there are no ties."""
    return [(2 * v + s.special) // (2 * s.special) % s.q for v in polynomial]


def decrypt(s, key, ciphertext):
    """round(t phase / q) modulo t."""
    a, b = ciphertext
    phase = [(x - y) % s.q for x, y in zip(b, negacyclic(s.q, key, a))]
    return [(2 * s.t * v + s.q) // (2 * s.q) % s.t for v in phase]


# ---- cases

def wire(ring, ciphertext):
    """Limb-major; within a limb the mask, then the body; NTT domain."""
    parts = [direct.to_limbs(ring, part) for part in ciphertext]
    return [word for limb in zip(*parts) for part in limb for word in part]


def shown(values):
    return values if len(values) <= 64 else digest(values)


def hybrid_keys():
    for name in SMALL:
        s, session = SETS[name], seed(f"hybrid {name}")
        for g in [3, 2 * s.n - 1]:
            bodies = [word for _, b in evaluation_key(s, session, g)
                      for limb in direct.to_limbs(s.extended, b) for word in limb]
            yield {"set": name, "seed": session.hex(), "exponent": g, "bodies": digest(bodies)}
    name, g = "Hybrid4096", 5
    session = seed(f"hybrid {name}")
    places = [(e, l, w % 4096) for e in (0, 1) for l in (0, 1, 2) for w in words(f"spots {name} {e} {l}", 2)]
    yield {"set": name, "seed": session.hex(), "exponent": g,
           "spots": [[*at, key_spot(SETS[name], session, g, *at)] for at in places]}


def hybrid_switches():
    """One switch and its digits; the sum of the ciphertext and all switches, divided once."""
    for name in SMALL:
        s, session = SETS[name], seed(f"hybrid {name}")
        label, exponents = f"hybrid message {name}", [3, 5, 2 * s.n - 1]
        key = direct.secret(s, session)
        message = residues(label, s.n, s.t)
        fresh = direct.encrypt(s, key, session, streams.derive(session, streams.LABEL_PUBLIC_MASK), 7,
                               [direct.encode(s, m) for m in message])
        assert decrypt(s, key, fresh) == message
        total, images, results = [[s.special * c for c in part] for part in fresh], message, []
        for g in exponents:
            product = inner_product(s, fresh, g, evaluation_key(s, session, g))
            results.append([mod_down(s, part) for part in product])
            image = direct.apply(s.t, g, message)
            assert decrypt(s, key, results[-1]) == image
            total = [[x + y for x, y in zip(*parts)] for parts in zip(total, product)]
            images = [(x + y) % s.t for x, y in zip(images, image)]
        total = [mod_down(s, part) for part in total]
        assert decrypt(s, key, total) == images
        yield {"set": name, "seed": session.hex(), "coordinate": 7, "message": label, "exponents": exponents,
               "ciphertext": shown(wire(s, fresh)),
               "digits": [shown(lattice.forward(p, [c % p for c in d]))
                          for d in digits(s, fresh[0]) for p in s.extended.limbs],
               "switched": [shown(wire(s, result)) for result in results],
               "sum": shown(wire(s, total)), "decrypted": images if s.n == 8 else digest(images)}


def hybrid_mod_downs():
    """Numbers beside a tie and beside a multiple of P, and anywhere."""
    for name in SMALL:
        s = SETS[name]
        modulus, half = s.extended.q, s.special // 2
        edges = [0, 1, -1, half, half + 1, -half, -half - 1, s.special, -s.special, modulus // 2,
                 s.q // 2 * s.special + half, (s.q // 2 + 1) * s.special - half]
        label = f"mod-down {name}"
        wide = [sum(w << 32 * k for k, w in enumerate(words(f"{label} {i}", 4))) for i in range(2 * s.n)]
        values = [v % modulus for v in (edges + wide)[: 2 * s.n]]
        pair = values[: s.n], values[s.n :]
        yield {"set": name, "extended": wire(s.extended, pair),
               "divided": shown(wire(s, [mod_down(s, part) for part in pair]))}


SECTIONS = [hybrid_keys, hybrid_switches, hybrid_mod_downs]
