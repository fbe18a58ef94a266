"""Result rows of masked units modulo t 2^13 and t 2^3, with big integers modulo these."""

import hashlib

import lattice
import protocol
from inputs import digest, int8, residues, seed, words
from lattice import SETS

MASK_BITS, BODY_BITS = 13, 3


def row_bits(s, polynomials):
    """The power of two in the modulus of each of a row's polynomials: K masks, then bodies."""
    return [MASK_BITS] * s.k + [BODY_BITS] * (polynomials - s.k)


def switch(s, ciphertext):
    """Each coefficient v modulo q as the nearest integer to 2^j v / Delta, modulo t 2^j."""
    half = len(ciphertext) // 2
    out = []
    for number, bits in enumerate(row_bits(s, half // s.n)):
        at = number * s.n
        limbs = [ciphertext[at:at + s.n], ciphertext[half + at:half + at + s.n]]
        integers = lattice.to_integers(s, limbs)
        # Delta is odd: there are no ties.
        out.append([((v << bits + 1) + s.delta) // (2 * s.delta) % (s.t << bits) for v in integers])
    return out


def parts(s, row):
    """Modulo t, and the low bits."""
    plain = [v % s.t for polynomial in row for v in polynomial]
    return plain, [v % (1 << bits) for bits, polynomial in zip(row_bits(s, len(row)), row) for v in polynomial]


def whole(s, plain, low):
    """The row that travels as these parts."""
    def number(bits, a, b):
        return a + s.t * ((b - a) * pow(s.t, -1, 1 << bits) % (1 << bits))

    polynomials = [slice(i, i + s.n) for i in range(0, len(plain), s.n)]
    return [[number(bits, a, b) for a, b in zip(plain[at], low[at])]
            for bits, at in zip(row_bits(s, len(polynomials)), polynomials)]


def pack(s, row):
    plain, low = parts(s, row)
    masks, bodies = low[:s.k * s.n], low[s.k * s.n:]
    return (protocol.pack(s.t, plain) + protocol.pack_bits(MASK_BITS, masks)
            + protocol.pack_bits(BODY_BITS, bodies))


def decrypt(s, key, row, number=0):
    """The nearest multiple of 2^13 to the phase modulo t 2^13, and how far it is, under key `number`."""
    modulus = s.t << MASK_BITS
    phase = [b << MASK_BITS - BODY_BITS for b in row[s.k + number]]
    for secret, mask in zip(key, row):
        product = lattice.negacyclic(modulus, secret, mask)
        phase = [(x - y) % modulus for x, y in zip(phase, product)]
    # A tie belongs to the multiple above.
    messages = [x + (1 << MASK_BITS - 1) >> MASK_BITS for x in phase]
    return [m % s.t for m in messages], [x - (m << MASK_BITS) for x, m in zip(phase, messages)]


def switched_rows():
    """Rows as a host computes them, and made-up ones: switched, packed, decrypted."""
    for name, coordinates in [("InsecureMasked16x1", 7), ("Masked256x16", 2)]:
        p, s = SETS[name], seed(f"switched {name}")
        key = lattice.secret_key(p, s)
        messages = [residues(f"message {name} {j}", p.n, p.t) for j in range(coordinates)]
        pairs = [lattice.body(p, s, j, m) for j, m in enumerate(messages)]
        weights = int8(f"weights {name}", 1, coordinates)[0]
        row = lattice.combine(p, weights, [lattice.ciphertext(*pair) for pair in pairs])
        size, label = (p.k + 1) * p.n, f"switched {name}"
        made_up = [w % p.limbs[i // size] for i, w in enumerate(words(label, 2 * size))]
        for case, row in [({"weights": f"weights {name}", "message_label": f"message {name}",
                            "coordinates": coordinates}, row), ({"input": label}, made_up)]:
            switched = switch(p, row)
            plain, low = parts(p, switched)
            message, error = decrypt(p, key, switched)
            if "weights" in case:
                # The theorem: the decryption is W m.
                assert message == [sum(w * v for w, v in zip(weights, column)) % p.t
                                   for column in zip(*messages)]
            packed = pack(p, switched)
            yield {"set": name, "seed": s.hex(), **case, "plain": digest(plain), "low": digest(low),
                   "packed": [len(packed), hashlib.sha256(packed).hexdigest()],
                   "message": digest(message), "error": digest(error)}


def switched_row_decryptions():
    """Rows that no honest host sends: parts at the ends of their ranges, errors at both limits."""
    name = "InsecureMasked16x1"
    p, s = SETS[name], seed(f"switched {name}")
    key, n = lattice.secret_key(p, s), p.n
    for plain, mask, body in [(0, 0, 0), (p.t - 1, 2**13 - 1, 7), (p.t // 2, 2**12, 4), (1, 2**12 - 1, 3)]:
        plain, low = [plain] * (2 * n), [mask] * n + [body] * n
        message, error = decrypt(p, key, whole(p, plain, low))
        yield {"set": name, "seed": s.hex(), "plain": plain, "low": low, "message": message, "error": error}
    # A mask of one coefficient: the phase is that times the key. Errors of -2^12 and 2^12 - 1 among them.
    for mask in [2**12, 2**12 - 1, (5 << 13) + 2**12, p.t * 2**12]:
        row = [[mask] + [0] * (n - 1), [8 * 77] * n]
        plain, low = parts(p, row)
        message, error = decrypt(p, key, row)
        yield {"set": name, "seed": s.hex(), "plain": plain, "low": low, "message": message, "error": error}


SECTIONS = [switched_rows, switched_row_decryptions]
