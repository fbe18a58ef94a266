"""The cases of direct mode."""

import direct
import lattice
import protocol
import streams
import trace
from direct import BODY_BITS, MASK_BITS, SETS
from inputs import digest, digest64, int8, residues, seed, words
from streams import DELTA, P25, P26, P29, T

PRIMES = {"Prime29": P29, "Delta": DELTA, "Prime26": P26, "Prime25": P25, "T": T}
SMALL = ["InsecureDirect8", "InsecureDirect64"]


def numbers(label, count, modulus):
    """Wide test input: four words at a time, the lowest first."""
    flat = words(label, 4 * count)
    return [sum(w << 32 * k for k, w in enumerate(flat[4 * i : 4 * i + 4])) % modulus for i in range(count)]


def all_limbs(s, values):
    """Residues, limb-major."""
    return [v % p for p in s.limbs for v in values]


def automorphisms():
    for name, n, exponents in [("Delta", 4, [3, 7]), ("T", 8, [1, 3, 5, 15]),
                               ("Prime26", 64, [5, 33, 127, 25]), ("Prime25", 256, [5, 511, 257])]:
        p = PRIMES[name]
        for g in exponents:
            label = f"automorphism {name} {n}"
            image = direct.apply(p, g, residues(label, n, p))
            yield {"prime": name, "degree": n, "exponent": g, "input": label,
                   "inverse": pow(g, -1, 2 * n), "cube": pow(g, 3, 2 * n), "negated": -g % (2 * n),
                   "coefficients": digest(image), "values": digest(lattice.forward(p, image))}


def digits():
    for name, count in [("T", 4), ("Prime26", 3), ("Prime25", 3), ("Delta", 3), ("Prime25", 2), ("T", 3)]:
        p = PRIMES[name]
        half = 2 ** (direct.base_bits(p, count) - 1)
        edges = [0, 1, half - 1, half, half + 1, 2 * half - 1, 2 * half, 3 * half, 2 * half * half - half,
                 2 * half * half - half - 1, p // 2]
        values = [v % p for e in edges for v in (e, -e)] + residues(f"digits {name}", 8, p)
        yield {"prime": name, "digits": count, "bits": direct.base_bits(p, count),
               "cut": [[v, *direct.digits_of(p, count, v)] for v in values]}


def encodings():
    for name in SMALL:
        s = SETS[name]
        edges = [0, 1, s.t - 1, s.t // 2, s.t // 2 + 1, 2, 3, 2**31]
        message = (edges + residues(f"encoding {name}", s.n, s.t))[: s.n]
        yield {"set": name, "message": message,
               "limbs": all_limbs(s, [direct.encode(s, m) for m in message])}


def direct_bodies():
    for name in SMALL:
        s, session = SETS[name], seed(f"direct {name}")
        public = streams.derive(session, streams.LABEL_PUBLIC_MASK)
        for coordinate in [0, 7]:
            label = f"direct message {name} {coordinate}"
            message = residues(label, s.n, s.t)
            plain = [direct.encode(s, m) for m in message]
            _, b = direct.encrypt(s, direct.secret(s, session), session, public, coordinate, plain)
            limbs = direct.to_limbs(s, b)
            yield {"set": name, "seed": session.hex(), "coordinate": coordinate, "message": label,
                   "body": digest([w for limb in limbs for w in limb]),
                   "packed": protocol.pack_body(s, limbs).hex() if s.n == 8 else None}
    s, session, label = SETS["Direct4096"], seed("direct Direct4096"), "direct message Direct4096"
    message = residues(label, s.n, s.t)
    yield {"set": s.name, "seed": session.hex(), "coordinate": 3, "message": label,
           "spots": [[limb, i, direct.body_spot(s, session, 3, message, limb, i)]
                     for limb in range(3) for i in [0, 1, 2731, 4095]]}


def evaluation_keys():
    for name, exponents in [("InsecureDirect8", [5, 15]), ("InsecureDirect64", [5, 65])]:
        s, session = SETS[name], seed(f"direct {name}")
        for g in exponents:
            bodies = [direct.to_limbs(s, b) for _, b in direct.evaluation_key(s, session, g)]
            yield {"set": name, "seed": session.hex(), "exponent": g,
                   "elements": [digest([w for limb in body for w in limb]) for body in bodies]}
    s, session = SETS["Direct4096"], seed("direct Direct4096")
    for g in [5, 8191]:
        yield {"set": s.name, "seed": session.hex(), "exponent": g,
               "spots": [[e, limb, i, direct.evaluation_key_spot(s, session, g, e, limb, i)]
                         for e, limb in [(0, 0), (2, 0), (3, 0), (4, 1), (5, 1), (8, 2)] for i in [1, 4094]]}


def switches():
    """Numbers modulo q: any, the ends, and beside ties of the rounding."""
    s = SETS["Direct4096"]
    for bits in [MASK_BITS, BODY_BITS, 1, 63]:
        ties = [(2 * k + 1) * s.q // 2 ** (bits + 1) for k in numbers(f"ties {bits}", 3, 2**bits)]
        ties.append(s.q - s.q // 2 ** (bits + 1))
        # The formula is exact at this distance of a tie; nearer, it is what counts.
        far = s.q // 2**61 + 1 if bits < 60 else 1
        values = [0, 1, s.q - 1, s.q // 2, s.q // 2 + 1] + numbers(f"switch {bits}", 12, s.q)
        values += [(tie + d) % s.q for tie in ties for d in (-far, far + 1, -1, 0, 1, 2)]
        assert all(direct.switched(s, bits, v) == direct.rounded(s, bits, v) for v in values[:17]) or bits == 63
        yield {"set": s.name, "bits": bits, "limbs": all_limbs(s, values),
               "numbers": [direct.switched(s, bits, v) for v in values]}


def switched_decryptions():
    for name in SMALL + ["Direct4096"]:
        s, session = SETS[name], seed(f"direct {name}")
        key = direct.secret(s, session)
        made = numbers(f"result {name}", s.n, 2**MASK_BITS)
        ends = [2 ** (MASK_BITS - 1) - (c > 0) for c in key]    # the product's largest magnitudes
        for label, mask in [("result", made), ("ends", ends), ("zeros", [0] * s.n),
                            ("cut", [a + 2**MASK_BITS * (a % 3) for a in made])]:
            bodies = numbers(f"bodies {name}", 8, 2**BODY_BITS)[: s.n]
            bodies[0] += (label == "cut") * 2**BODY_BITS
            # Phases just below 2^42, which round to t.
            bodies[1:3] = [2**BODY_BITS - 1, 2**BODY_BITS - 8] if label == "zeros" else bodies[1:3]
            places = [(3 * i + 1) % s.n for i in range(len(bodies))]
            message = direct.decrypt(s, key, mask, bodies, places)
            assert label != "zeros" or message[1:3] == [0, 0]
            yield {"set": name, "seed": session.hex(), "bodies": bodies, "exponents": places,
                   "mask": mask if s.n == 8 else f"result {name}" if label == "result" else label,
                   "message": message}


SHAPES = [(4096, 4096, 4096, 1), (4096, 864, 288, 1), (4096, 512, 128, 16), (4096, 1, 1, 4096),
          (4096, 11008, 4096, 5), (4096, 128256, 4096, 1), (4096, 300, 5, 3), (64, 70, 90, 1), (64, 3, 33, 2), (64, 1, 64, 1), (8, 1, 1, 8)]


def layouts():
    for n, m, k, tokens in SHAPES:
        for rule in ["fitting", "for_product"]:
            layout = getattr(trace.Layout, rule)(n, m, k, tokens)
            plan = trace.Plan(layout)
            inputs = [layout.input(j, t) for t in range(layout.tokens) for j in range(layout.columns)]
            outputs = [layout.output(i, t) for t in range(layout.tokens) for i in range(layout.rows)]
            assert len(set(inputs)) == len(inputs) and len(set(outputs)) == len(outputs)
            up, down = protocol.direct_payloads(SETS["Direct4096"], layout, m, k, tokens)
            yield {"rule": rule, "degree": n, "rows": m, "columns": k, "tokens": tokens,
                   "layout": [layout.rows, layout.columns, layout.tokens, layout.sum, layout.fold],
                   "inputs": digest(inputs), "outputs": digest(outputs),
                   "normaliser": layout.normaliser(T), "folds": layout.folds(),
                   "plan": [plan.generator, plan.giants, plan.babies, plan.fine, int(plan.two_sided)],
                   "keys": plan.keys(), "payloads": [up, *down] if n == 4096 else None}


def reply_frames():
    """How replies are cut: not one result fits, exactly one, exactly two, all but one, all."""
    for n, m, k, tokens in [(4096, 128256, 4096, 1), (4096, 700, 300, 9), (64, 70, 90, 5), (8, 40, 8, 1), (8, 1, 1, 8)]:
        layout = trace.Layout.for_product(n, m, k, tokens)
        (*_, one), *_ = whole = protocol.reply_frames(layout, m, tokens, 0)
        for count in [1, 2, len(whole) - 1, len(whole)]:
            for by in [-1, 0, 1]:
                room = 16 + count * (one - 16) + by
                frames = protocol.reply_frames(layout, m, tokens, room)
                yield {"degree": n, "rows": m, "columns": k, "tokens": tokens, "max_payload": room, "frames": frames}


CONFIG = {"vocab": 512, "hidden": 64, "layers": 3, "heads": 8, "kv_heads": 4, "head_dim": 6,
          "intermediate": 172, "context": 256}


def session_keys():
    shapes = protocol.shapes(**{k: v for k, v in CONFIG.items() if k != "context"})
    for n in [64, 4096]:
        for prompt, output, chunk in [(16, 8, 16), (16, 8, 100), (100, 3, 7), (100, 3, 12), (1, 1, 1)]:
            yield {"config": CONFIG, "degree": n, "buckets": [prompt, output, chunk],
                   "exponents": trace.session_keys(n, shapes, prompt, chunk)}


def trace_products():
    """A whole product: keys, ciphertexts, the host's evaluation, the answer's decryption."""
    for name, m, n, tokens, groups in [("InsecureDirect8", 8, 8, 1, 1), ("InsecureDirect8", 3, 5, 2, 1),
                                       ("InsecureDirect8", 9, 11, 1, 2), ("InsecureDirect64", 64, 33, 1, 1),
                                       ("InsecureDirect64", 5, 40, 4, 1), ("InsecureDirect64", 3, 20, 1, 1),
                                       ("InsecureDirect8", 1, 8, 1, 1)]:
        s, session = SETS[name], seed(f"direct {name}")
        public, key = streams.derive(session, streams.LABEL_PUBLIC_MASK), direct.secret(s, session)
        layout = trace.Layout.fitting(s.n, m, n, tokens)
        label, first = f"trace {name} {m} {n}", 5
        matrix = int8(label, m, n)
        rows = [residues(f"{label} x {k}", n, s.t) for k in range(groups * layout.tokens)]
        keys = {g: direct.evaluation_key(s, session, g) for g in trace.keys_of([layout])}
        places = [layout.output(i, k) for k in range(layout.tokens) for i in range(layout.rows)]
        coordinate, masks, bodies, answers = first, [], [], []
        for group in range(groups):
            inputs = []
            for block in range(-(-n // layout.columns)):
                message = [0] * s.n
                for token in range(layout.tokens):
                    x = rows[group * layout.tokens + token][block * layout.columns :][: layout.columns]
                    for j, value in enumerate(x):
                        message[layout.input(j, token)] = value * layout.normaliser(s.t) % s.t
                plain = [direct.encode(s, value) for value in message]
                inputs.append(direct.encrypt(s, key, session, public, coordinate, plain))
                coordinate += 1
            found = []
            for a, b in trace.product(s, layout, matrix, keys, inputs):
                mask = [direct.switched(s, MASK_BITS, v) for v in a]
                body = [direct.switched(s, BODY_BITS, b[e]) for e in places]
                masks, bodies = masks + mask, bodies + body
                found.append(direct.decrypt(s, key, mask, body, places))
            answers += [[found[i // layout.rows][k * layout.rows + i % layout.rows] for i in range(m)]
                        for k in range(layout.tokens)]
        assert answers == [[sum(w * v for w, v in zip(row, x)) % s.t for row in matrix] for x in rows]
        yield {"set": name, "seed": session.hex(), "rows": m, "columns": n, "tokens": tokens,
               "groups": groups, "label": label, "first": first, "exponents": list(keys),
               "masks": digest64(masks), "bodies": digest64(bodies)}


def bit_packing():
    for bits, values in [(1, [1, 0, 1, 1, 0, 0, 0, 1, 1]), (26, [2**26 - 1, 0, 1]), (25, [2**25 - 1, 1, 5, 7, 2**24]), (32, [2**32 - 1, 0, 1]),
                         (36, [2**36 - 1, 0, 3]), (42, numbers("packed 42", 5, 2**42)), (56, [2**56 - 1, 2**55]), (13, [])]:
        data = protocol.pack_bits(bits, values)
        yield {"bits": bits, "numbers": values, "bytes": data.hex()}
        yield {"bits": bits, "count": len(values), "bytes": (data + b"\0").hex(), "error": "Length"}
        if bits * len(values) % 8:
            dirty = data[:-1] + bytes([data[-1] | 128])
            yield {"bits": bits, "count": len(values), "bytes": dirty.hex(), "error": "Residue"}
    s = SETS["InsecureDirect8"]
    limbs = [residues(f"packed limb {p}", s.n, p) for p in s.limbs]
    yield {"set": s.name, "limbs": [w for limb in limbs for w in limb], "bytes": protocol.pack_body(s, limbs).hex()}
    for at, p in enumerate(s.limbs):
        for value in [p, 2 ** p.bit_length() - 1]:
            bad = [list(limb) for limb in limbs]
            bad[at][7] = value
            yield {"set": s.name, "bytes": protocol.pack_body(s, bad).hex(), "error": "Residue"}
    good = protocol.pack_body(s, limbs)
    for data in [good[:-1], good + b"\0"]:
        yield {"set": s.name, "bytes": data.hex(), "error": "Length"}


SECTIONS = [automorphisms, digits, encodings, direct_bodies, evaluation_keys, switches,
            switched_decryptions, layouts, reply_frames, session_keys, trace_products, bit_packing]
