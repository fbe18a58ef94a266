#!/usr/bin/env python3
"""Known answers for the kernel, from a model that shares no code with it.

`python3 model.py` writes kernel.json; `python3 model.py --check` makes it again and compares.
Standard library only. README.md says what the sections hold.
"""

import argparse
import hashlib
import json
import struct
import sys
from pathlib import Path

import direct
import direct_cases
import hybrid
import lattice
import preparation
import protocol
import quantise
import streams
import switched
import units
from inputs import digest, int8, residues, seed, words
from lattice import SETS
from streams import DELTA, P25, P26, P29, T

OUTPUT = Path(__file__).with_name("kernel.json")
PRIMES = {"T": T, "Delta": DELTA, "Prime29": P29, "Prime26": P26, "Prime25": P25,
          "InsecureT17": 17, "InsecureDelta97": 97}


def product(matrix, columns, p):
    """matrix * columns modulo p; `columns` is a list of rows."""
    return [[sum(w * x[c] for w, x in zip(row, columns)) % p for c in range(len(columns[0]))]
            for row in matrix]


def flatten(rows):
    return [value for row in rows for value in row]


def primes():
    for name, p in PRIMES.items():
        wide = [0, 1, p - 1, p, p + 1, 2 * p - 1, 2 * p, p * p, (p - 1) ** 2, (p - 1) ** 2 + p,
                2**32 - 1, 2**32, 2**63, 2**64 - p, 2**64 - 1]
        wide += [a << 32 | b for a, b in zip(words("wide high", 20), words("wide low", 20))]
        signed = [0, 1, -1, p, -p, p - 1, 1 - p, 2**63 - 1, -(2**63), -(2**62) - 1]
        single = sorted({r % p for r in [0, 1, 2, p // 2, p // 2 + 1, p - 2, p - 1,
                                         *words("single", 12)]})
        yield {
            "prime": name, "value": p, "bits": p.bit_length(),
            "reduce": [[x, x % p] for x in wide],
            "from_i64": [[x, x % p] for x in signed],
            "centre": [[a, lattice.centred(a, p)] for a in single],
            "negate_invert": [[a, -a % p, pow(a, -1, p) if a else 0] for a in single],
            "add_subtract_multiply": [[a, b, (a + b) % p, (a - b) % p, a * b % p]
                                      for a in single for b in single[-4:]],
            "pow": [[a, e, pow(a, e, p)] for a, e in zip(single, [0, 1, p - 1, 2**64 - 1, 12345])],
        }


def seeds():
    for label in ["first unit", "second unit"]:
        s = seed(label)
        yield {"seed": s.hex(), "public_mask": streams.derive(s, streams.LABEL_PUBLIC_MASK).hex(),
               "one_time_mask": streams.derive(s, streams.LABEL_ONE_TIME_MASK).hex(),
               "evaluation_key": streams.derive(s, streams.LABEL_EVALUATION_KEY).hex(),
               "unit_keys": [streams.unit_key(s, index).hex() for index in (0, 1, 15)],
               "token_choice": [[i, streams.token_choice(s, i)] for i in [0, 1, 2**32 - 1, 2**32, 2**64 - 1]]}


def model_seeds():
    for s in SETS.values():
        if s.name == "InsecureToy4x1":
            continue
        for label in ["model digest", "another digest"]:
            yield {"set": s.name, "digest": seed(label).hex(),
                   "seed": streams.model_seed(seed(label), s.number).hex()}


def drawn(case, draws):
    """A case of uniform words, with the largest attempt that any of them took."""
    values = [value for value, _ in draws]
    case["attempts"] = max(attempt for _, attempt in draws)
    return {**case, "words": values if len(values) <= 16 else digest(values)}


def pattern(domain):
    """The seeds for which rare positions were searched once: words rejected twice, 1 in 2^24."""
    return bytes((7 * i + domain) % 256 for i in range(32))


def public_masks():
    def case(name, s, coordinates, columns):
        p = PRIMES[name]
        draws = [streams.mask_word(p, s, j, c) for j in range(*coordinates) for c in range(*columns)]
        return drawn({"prime": name, "seed": s.hex(), "coordinates": coordinates, "columns": columns}, draws)

    s = seed("public masks")
    for name in ["T", "Delta", "Prime29", "Prime26", "Prime25"]:
        yield case(name, s, [0, 1], [0, 4096])
        yield case(name, s, [2, 5], [13, 77])
        yield case(name, s, [65792, 65793], [4090, 4096])
    yield case("T", pattern(1), [987, 988], [2304, 2320])
    yield case("T", pattern(1), [7769, 7770], [44 * 16 + 11, 44 * 16 + 12])
    yield case("Delta", pattern(1), [4645, 4646], [60, 92])
    yield case("Delta", pattern(1), [10129, 10130], [232 * 16 + 14, 232 * 16 + 16])
    yield case("Prime29", pattern(1), [95, 96], [125 * 16, 126 * 16])
    yield case("Prime26", pattern(1), [238, 239], [85 * 16 + 5, 85 * 16 + 6])
    yield case("Prime25", pattern(1), [677, 678], [253 * 16 + 1, 253 * 16 + 2])


def check_vectors():
    def case(s, repetition, group, first, count):
        draws = [streams.check_vector(s, repetition, group, first + i) for i in range(count)]
        return drawn({"seed": s.hex(), "repetition": repetition, "group": group, "first": first, "count": count}, draws)

    s = seed("check vectors")
    yield case(s, 0, 0, 0, 3000)
    yield case(s, 1, 0, 0, 16)
    yield case(s, 0, 4095, 2**20 - 5, 5)
    yield case(s, 1, 37, 250, 270)
    yield case(pattern(5), 1, 50, 943 * 16 + 3, 10)


def one_time_masks():
    def token_case(s, token, first, count):
        draws = [streams.one_time_mask(s, token, first + i) for i in range(count)]
        return drawn({"seed": s.hex(), "token": token, "first": first, "count": count}, draws)

    def tile_case(s, block, tokens, coordinates):
        draws = [streams.one_time_mask(s, k, 4 * block + i) for i in range(coordinates) for k in range(tokens)]
        return drawn({"seed": s.hex(), "block": block, "tokens": tokens, "coordinates": coordinates}, draws)

    s = seed("one-time masks")
    yield token_case(s, 0, 0, 16)
    yield token_case(s, 1, 0, 1100)
    yield token_case(s, 4095, 65785, 8)
    yield token_case(s, 6, 3, 9)
    yield token_case(s, 254, 62, 200)
    yield tile_case(s, 0, 4, 4)
    yield tile_case(s, 16, 256, 4)
    yield tile_case(s, 5, 10, 3)
    yield tile_case(s, 16448, 16, 1)
    yield token_case(pattern(4), 4 * 53 + 3, 4 * 2284, 4)
    yield token_case(pattern(4), 4 * 72 + 3, 4 * 2081 - 7, 10)
    yield tile_case(pattern(4), 2284, 216, 4)


def samplers():
    s = seed("samplers")
    for component, count in [(0, 4096), (1, 16), (15, 250)]:
        draws = [streams.ternary(s, component, i) for i in range(count)]
        yield {"kind": "ternary", "seed": s.hex(), "stream": component,
               "values": draws if count <= 16 else digest(draws)}
    for coordinate, count in [(0, 4096), (1, 23), (65792, 256), (2**32 + 5, 9)]:
        draws = [streams.noise(s, coordinate, i) for i in range(count)]
        yield {"kind": "noise", "seed": s.hex(), "stream": coordinate,
               "values": draws if count <= 23 else digest(draws)}


def transforms():
    """Every value for small N, a hash for N = 256, a few positions for N = 4096."""
    degrees = {"T": [4, 8, 16, 64, 256], "Delta": [4, 8, 16, 64, 256],
               "Prime29": [4, 8, 16, 64, 256], "Prime26": [4, 8, 16, 64, 256],
               "Prime25": [4, 8, 16, 64, 256], "InsecureT17": [4, 8],
               "InsecureDelta97": [4, 8, 16]}
    for name, sizes in degrees.items():
        p = PRIMES[name]
        for n in sizes:
            label = f"transform {name} {n}"
            out = lattice.forward(p, residues(label, n, p))
            case = {"prime": name, "degree": n, "input": label}
            yield {**case, "values": out if n <= 16 else digest(out)}
            if n <= 16:
                yield {"prime": name, "degree": n, "input": "X",
                       "values": lattice.forward(p, [0, 1] + [0] * (n - 2))}
                yield {"prime": name, "degree": n, "input": "-1",
                       "values": lattice.forward(p, [p - 1] * n)}
    for name in ["T", "Delta", "Prime29", "Prime26", "Prime25"]:
        p, label = PRIMES[name], f"transform {name} 4096"
        polynomial = residues(label, 4096, p)
        spots = [0, 1, 2, 3, 2047, 2048, 2731, 4094, 4095] + [w % 4096 for w in words("spots", 8)]
        yield {"prime": name, "degree": 4096, "input": label,
               "spots": [[i, lattice.evaluate(p, polynomial, i)] for i in spots]}


def scheme():
    """Bodies, combinations and decryptions in full."""
    for name, coordinates, rows in [("InsecureToy4x1", 3, 5), ("InsecureMasked16x1", 7, 4),
                                    ("Masked256x16", 3, 2)]:
        p = SETS[name]
        s = seed(f"scheme {name}")
        key = lattice.secret_key(p, s)
        messages = [residues(f"message {name} {j}", p.n, p.t) for j in range(coordinates)]
        pairs = [lattice.body(p, s, j, m) for j, m in enumerate(messages)]
        ciphertexts = [lattice.ciphertext(*pair) for pair in pairs]
        label = f"weights {name}"
        matrix = int8(label, rows, coordinates)
        images = [lattice.combine(p, row, ciphertexts) for row in matrix]
        plain = [lattice.decrypt(p, key, image) for image in images]
        if name != "InsecureToy4x1":
            # The theorem: the decryption is W m, and the noise is W e.
            assert [m for m, _ in plain] == product(matrix, messages, p.t)
            errors = [[streams.noise(s, j, i) for i in range(p.n)] for j in range(coordinates)]
            assert [e for _, e in plain] == [
                [sum(w * e[i] for w, e in zip(row, errors)) for i in range(p.n)] for row in matrix]
        yield {"set": name, "seed": s.hex(), "coordinates": coordinates, "weights": label,
               "message_label": f"message {name}", "rows": rows,
               "bodies": [digest(flatten(b)) for b, _ in pairs],
               "images": [digest(image) for image in images],
               "messages": [digest(m) for m, _ in plain], "noise": [digest(e) for _, e in plain]}


def decryptions():
    """Ciphertexts that no honest party makes, and noise at the very limit."""
    for name in ["InsecureToy4x1", "InsecureMasked16x1", "Masked256x16"]:
        p, s = SETS[name], seed(f"scheme {name}")
        key = lattice.secret_key(p, s)
        size, label = (p.k + 1) * p.n, f"made up {name}"
        raw = words(label, 2 * size)
        made_up = [w % p.limbs[i // size] for i, w in enumerate(raw)]
        m, e = lattice.decrypt(p, key, made_up)
        yield {"set": name, "seed": s.hex(), "input": label, "message": digest(m), "noise": digest(e)}
    for name in ["InsecureToy4x1", "InsecureMasked16x1"]:
        p, s = SETS[name], seed(f"scheme {name}")
        key, half = lattice.secret_key(p, s), (p.delta - 1) // 2
        noise = ([half, -half, half - 1, 0] * p.n)[: p.n]
        message = ([0, p.t - 1, p.t // 2, 1, p.t // 2 + 1] * p.n)[: p.n]
        made = lattice.ciphertext(*lattice.body(p, s, 2, message, noise))
        assert lattice.decrypt(p, key, made) == (message, noise)
        yield {"set": name, "seed": s.hex(), "ciphertext": made, "message": message, "noise": noise}


def large_bodies():
    """Bodies of the large degrees, at a few positions."""
    for name in ["Masked4096x1", "Masked2048x2", "Masked1024x4", "Masked512x8"]:
        p, s, label = SETS[name], seed(f"scheme {name}"), f"message {name}"
        message = residues(label, p.n, p.t)
        indices = [0, 1, p.n // 2, p.n - 1] + [w % p.n for w in words(f"spots {name}", 3)]
        yield {"set": name, "seed": s.hex(), "coordinate": 5, "message": label,
               "spots": [[limb, i, lattice.body_spot(p, s, 5, message, limb, i)]
                         for limb in (0, 1) for i in indices]}


def online():
    """c = x + r, d = W c, z = W r, y = d - z, centred."""
    for m, n, token in [(6, 10, 7), (20, 301, 130)]:
        s, label = seed("online"), f"online {n}"
        matrix = int8(label, m, n)
        x = [w % 65535 - 32767 for w in words(f"{label} x", n)]
        r = [streams.one_time_mask(s, token, j)[0] for j in range(n)]
        c = [(a + b) % T for a, b in zip(x, r)]
        d, z = ([sum(w * v for w, v in zip(row, vector)) % T for row in matrix] for vector in (c, r))
        y = [lattice.centred(a - b, T) for a, b in zip(d, z)]
        assert y == [sum(w * v for w, v in zip(row, x)) for row in matrix]
        yield {"seed": s.hex(), "token": token, "rows": m, "columns": n, "label": label,
               "c": digest(c), "d": digest(d), "z": digest(z), "y": digest(y)}


def check_case(s, group, m, n, label):
    """u and v = u^T W for both repetitions, and a matrix."""
    matrix = int8(label, m, n)
    u = [[streams.check_vector(s, k, group, i)[0] for i in range(m)] for k in (0, 1)]
    return matrix, u, product(u, matrix, T)


def blind(u, rows):
    """Errors at three rows: caught by the second vector alone, by the first alone, by neither."""
    i, j, k = rows
    a, b = u
    cross = [(a[j] * b[k] - a[k] * b[j]) % T, (a[k] * b[i] - a[i] * b[k]) % T,
             (a[i] * b[j] - a[j] * b[i]) % T]
    return [([a[j], -a[i] % T, 0], True), ([b[j], -b[i] % T, 0], True), (cross, False)]


def caught(u, errors):
    """Whether u . error is not zero for some repetition."""
    return any(sum(a * e for a, e in zip(vector, errors)) % T for vector in u)


def checks():
    """Answers and verdicts: forged answers that one vector, or both, cannot see."""
    for m, n, group in [(5, 4, 3), (300, 17, 4000)]:
        s, label = seed("checks"), f"checks {m}"
        matrix, u, v = check_case(s, group, m, n, label)
        x = [w % 65535 - 32767 for w in words(f"{label} x", n)]
        rows = [0, m // 2, m - 1]
        forgeries = [([0, 0, 0], False), ([1, 0, 0], True), ([0, 0, T - 1], True)] + blind(u, rows)
        for errors, verdict in forgeries:
            spread = [0] * m
            for i, e in zip(rows, errors):
                spread[i] = e
            assert caught(u, spread) == verdict
        yield {"seed": s.hex(), "group": group, "rows": m, "columns": n, "label": label,
               "v": [digest(row) for row in v], "at": rows,
               "y": digest([sum(w * a for w, a in zip(row, x)) % T for row in matrix]),
               "forgeries": [{"errors": e, "caught": c} for e, c in forgeries]}


def unit_checks():
    m, n, tokens, group = 7, 6, 5, 12
    s, label = seed("unit checks"), "unit checks"
    matrix, u, v = check_case(s, group, m, n, label)
    r = [residues(f"{label} r {j}", tokens, T) for j in range(n)]
    rows = [1, 4, 6]
    forgeries = [([0, 0, 0], False), ([0, 1, 0], True)] + blind(u, rows)
    yield {"seed": s.hex(), "group": group, "rows": m, "columns": n, "tokens": tokens,
           "label": label, "v": v, "z": product(matrix, r, T), "at": rows,
           "forgeries": [{"token": k, "errors": e, "caught": c}
                         for k in (0, 4) for e, c in forgeries]}


def bounds():
    for label, rows, columns in [("bounds a", 3, 10), ("bounds b", 1, 65793)]:
        matrix = int8(label, rows, columns)
        squares, norm1 = max(sum(w * w for w in row) for row in matrix), max(sum(map(abs, row)) for row in matrix)
        yield {"label": label, "rows": rows, "columns": columns, "norm2_squared": squares,
               "norm1": norm1, "noise_fits": 2 * lattice.NOISE_BOUND * norm1 < DELTA,
               "sum_of_squares": quantise.largest_sum_of_squares(squares)}
    limit = (DELTA - 1) // 2 // lattice.NOISE_BOUND
    for norm1 in [0, limit, limit + 1, 2**64 - 1]:
        yield {"norm2_squared": norm1, "norm1": norm1,
               "noise_fits": 2 * lattice.NOISE_BOUND * norm1 < DELTA,
               "sum_of_squares": quantise.largest_sum_of_squares(norm1)}


def floats(label, count, base):
    """f32 bits with random sign and fraction, exponents in eight binades from `base` on."""
    return [(w & 0x83FFFFFF) + base for w in words(label, count)]


def weights():
    def bits(*values):
        return [quantise.bits_of(v) for v in values]

    one_normal = quantise.bits_of(127 * 2.0**-126)
    rows = [
        floats("weights a", 40, 0x3C000000), floats("weights b", 40, 0x00800000),
        floats("weights c", 24, 0x7B000000),
        bits(127, 0.5, 1.5, 2.5, -0.5, -1.5, 125.5, 126.5, -126.5, 126.4999, 0.0, -0.0),
        bits(-254, 1, 3, 5, -1, 253, -253), bits(0, -0.0), bits(1e-40, -1e-45), [],
        [one_normal, 0x00800000, 1], [one_normal - 1, 0x00800000], [one_normal - 64, 0x80800000],
        [0x7F7FFFFF, 0xFF7FFFFF, 0x00000001, 0x7E7FFFFF],
        bits(1) + [0x7F800000], bits(1, 2) + [0xFFC00000, 0x7F800000], [0x7F800001],
    ]
    for row in rows:
        result = quantise.weight_row(row)
        if isinstance(result, int):
            yield {"row": row, "not_finite": result}
        else:
            yield {"row": row, "scale": result[0], "integers": result[1]}
    for label, base in [("weights d", 0x3A000000), ("weights e", 0x41000000)]:
        row = floats(label, 1000, base)
        scale, integers = quantise.weight_row(row)
        yield {"label": label, "base": base, "columns": 1000, "scale": scale, "integers": digest(integers)}


def activations():
    def bits(*values):
        return [quantise.bits_of(v) for v in values]

    special = [0x7F800000, 0xFF800000, 0x7FC00000, 0xFFFFFFFF, 0x00000001, 0x807FFFFF,
               0x217FFFFF, 0x21800000, 0xA1800001, 0x5D800000, 0xDD800001, 0x7F7FFFFF]
    rows = [
        bits(0, -0.0, 0, 0), bits(1), bits(-1e-30), special, special[:9] + bits(1e-17),
        bits(3, 3.5, -7, 1e-5, 0), bits(1, 0.5, 0.25, -0.75, 1 / 65534, 3 / 65534),
        [0x00000001] * 3, [0x7FC00000] * 2, floats("activations a", 40, 0x3E000000),
        bits(*[1.0] * 30), bits(1, *[0.001] * 29),
    ]
    heavy = (T // 2 // 300) ** 2
    for row in rows:
        for norm2_squared in [1, 500_000, 10**11, heavy]:
            factor, integers = quantise.activation(norm2_squared, len(row), row)
            yield {"norm2_squared": norm2_squared, "row": row, "factor": factor, "integers": integers}
    for label, base, columns, norm2_squared in [
        ("activations b", 0x3C000000, 1000, 4_000_000), ("activations c", 0x40000000, 2048, 60_000_000),
        ("activations d", 0x22000000, 300, 10**12), ("activations e", 0x5B000000, 300, 10**9),
    ]:
        factor, integers = quantise.activation(norm2_squared, columns, floats(label, columns, base))
        yield {"norm2_squared": norm2_squared, "label": label, "base": base, "columns": columns,
               "factor": factor, "integers": digest(integers)}
    # Many scales: the last bits of reciprocals and roots, and what a fused multiply-add would change.
    for i, w in enumerate(words("activation scales", 48)):
        label, columns, norm2_squared = f"activations {i}", 5 + w % 90, 10 ** (w // 256 % 13)
        base = 0x22000000 + (w >> 16) * 0x3A00
        factor, integers = quantise.activation(norm2_squared, columns, floats(label, columns, base))
        yield {"norm2_squared": norm2_squared, "label": label, "base": base, "columns": columns,
               "factor": factor, "integers": digest(integers)}


def headroom():
    """The heaviest row that leaves room for activations, by bisection."""
    for columns in [1, 64, 4096, 65793]:
        low, high = 1, 2**60
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if quantise.accepts(middle, columns) else (low, middle)
        yield {"columns": columns, "heaviest": low}


CONFIG = {"vocab": 512, "hidden": 64, "layers": 3, "heads": 8, "kv_heads": 4, "head_dim": 6,
          "intermediate": 172, "context": 256}


def shapes():
    shape = {k: v for k, v in CONFIG.items() if k != "context"}
    rows = protocol.shapes(**shape)
    yield {"config": CONFIG, "shapes": rows, "total_rows": sum(m for m, _ in rows)}


def schedules():
    layers = CONFIG["layers"]
    for prompt, output, chunk in [(1, 1, 1), (5, 3, 2), (16, 2, 16), (16, 1, 100), (64, 193, 7), (256, 1, 32)]:
        products = protocol.schedule(layers, prompt, output, chunk)
        demand = [sum(rows for g, rows in products if g == group) for group in range(4 * layers + 1)]
        yield {"config": CONFIG, "buckets": [prompt, output, chunk], "demand": demand,
               "products": products if len(products) < 80 else digest(flatten(products))}


def requests():
    for context in [8, 256, 300]:
        for prompt in [0, 1, 15, 16, 17, 100, 128, 129, 255, 256, 257, 300, 2**32 - 1]:
            for output, chunk in [(1, 8), (2, 200), (173, 16), (256, 1), (300, 5), (0, 8), (1, 0)]:
                yield {"config": {**CONFIG, "context": context}, "request": [prompt, output, chunk],
                       "buckets": protocol.buckets(context, prompt, output, chunk)}


def headers():
    session = bytes(range(200, 216))
    for i, frame in enumerate(protocol.FRAMES):
        for p in [*SETS.values(), *direct.SETS.values()][i % 3 :: 3]:
            if p.name == "InsecureToy4x1":
                continue
            fields = {"sequence": [0, 1, 2**32 - 1][i % 3], "length": [0, 77, 2**20][i % 3]}
            yield {"frame": frame, "set": p.name, "session": session.hex(), **fields,
                   "bytes": protocol.header(frame, p.number, session, **fields).hex()}
    good = bytearray(protocol.header("Bye", 5, session, 3, 0))
    for at, value, error in [(0, 0, "Magic"), (3, 0x4F, "Magic"), (4, 0, "Version"), (4, 2, "Version"),
                             (5, 0, "Unknown"), (5, 11, "Unknown"), (6, 0, "Unknown"), (6, 6, "Unknown"),
                             (6, 0xF1, "Unknown"), (7, 1, "Unknown"), (31, 1, "Length")]:
        bad = bytearray(good)
        bad[at] = value
        yield {"bytes": bad.hex(), "error": error}
    # Several faults: the first in the order of the checks is the one reported.
    bad[4:8] = [2, 0, 0, 1]
    for at, value, error in [(0, 0, "Magic"), (0, ord("S"), "Version"), (4, 1, "Unknown"), (5, 8, "Unknown"),
                             (6, 5, "Unknown"), (7, 0, "Length")]:
        bad[at] = value
        yield {"bytes": bad.hex(), "error": error}
    yield {"bytes": protocol.header("Bye", 5, session, 3, 2**20 + 1).hex(), "error": "Length"}


def bodies():
    model = seed("model digest")
    seeds = [seed("ciphertexts").hex(), seed("keys").hex()]
    for purpose in [["Prepare", 0], ["Prepare", 300], ["Masked", 16, 127, 128], ["Masked", 2**32 - 1, 1, 16384],
                    ["Direct", *seeds, 16, 127, 8], ["Mixed", *seeds, 300, 48, 64, 130], ["PrepareDirect", *seeds, 300]]:
        for answered, max_payload in [(0, protocol.MAX_PAYLOAD), (2**21, 4096)]:
            fields = {"answered": answered, "max_payload": max_payload}
            yield {"body": "Hello", "digest": model.hex(), "purpose": purpose, **fields,
                   "bytes": protocol.hello(model, purpose, **fields).hex()}
    yield {"body": "Welcome", "digest": model.hex(), "bytes": model.hex()}
    own = seed("unit open")
    for group, own, rows, keys in [
            (0, own, "Full", 1), (128, own, "Full", 1), (128, None, "Full", 2), (128, own, "Switched", 3),
            (128, None, "Switched", 16), (2**32 - 1, None, "Switched", 1)]:
        yield {"body": "UnitOpen", "group": group, "seed": own and own.hex(), "rows": rows, "keys": keys,
               "bytes": protocol.unit_open(group, own, rows, keys).hex()}
    for code in protocol.FAULTS:
        yield {"body": "Fault", "code": code, "bytes": protocol.fault(code).hex()}
    yield {"body": "Block", "index": 2**32 - 2, "count": 258, "bytes": struct.pack("<II", 2**32 - 2, 258).hex()}


def packed():
    for name in ["T", "Delta"]:
        p = PRIMES[name]
        for values in [[], [p - 1], [0, p - 1], [p - 1, 0, 1], residues(f"packed {name}", 8, p)]:
            yield {"prime": name, "residues": values, "bytes": protocol.pack(p, values).hex()}
        for values in [[p, 0], [0, p], [2 ** p.bit_length() - 1] * 2]:
            yield {"prime": name, "count": 2, "bytes": protocol.pack(p, values).hex(), "error": "Residue"}
        good = protocol.pack(p, [1, 2])
        for count, data in [(2, good[:-1]), (2, good + b"\0"), (4, good)]:
            yield {"prime": name, "count": count, "bytes": data.hex(), "error": "Length"}


SECTIONS = [primes, seeds, model_seeds, public_masks, check_vectors, one_time_masks, samplers, transforms, scheme,
            decryptions, large_bodies, online, checks, unit_checks, bounds, weights, activations,
            headroom, shapes, schedules, requests, headers, bodies, packed, *direct_cases.SECTIONS,
            *hybrid.SECTIONS, *preparation.SECTIONS, *switched.SECTIONS,
            *units.SECTIONS]


def generate():
    """The file's text: one case on each line."""
    streams.check_rfc_8439()
    lattice.check_fields()
    quantise.check_f32()
    sections = []
    for section in SECTIONS:
        cases = ",\n".join(json.dumps(case, separators=(",", ":")) for case in section())
        sections.append(f"{json.dumps(section.__name__)}: [\n{cases}\n]")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed file")
    check = parser.parse_args().check
    text = generate()
    if not check:
        OUTPUT.write_text(text)
    elif OUTPUT.read_text() != text:
        sys.exit(f"{OUTPUT.name} is not what the model gives")
    print(hashlib.sha256(text.encode()).hexdigest(), "", OUTPUT.name)


if __name__ == "__main__":
    main()
