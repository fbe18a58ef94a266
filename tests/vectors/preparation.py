"""Preparations through direct mode: the rule, and units of encrypted masks."""

import hashlib

import direct
import protocol
import streams
import trace
from direct import BODY_BITS, MASK_BITS, SETS
from inputs import digest, int8, seed
from streams import T

HEADER, PREFIX = 32, 8
KEYS_SERVE = 1024


class Rule:
    """Tokens of a unit and the layouts of its matrices, for the (rows, columns) of all groups."""

    def __init__(self, s, shapes):
        self.s, self.shapes = s, shapes
        body = sum(-(-p.bit_length() * s.n // 8) for p in s.limbs)
        self.key_payload = PREFIX + body
        costs = {}
        for log in range(s.n.bit_length()):
            tokens = 1 << log
            if tokens < s.n // 128:
                continue
            frames = [frame for shape in shapes for frame in self.payloads(shape, tokens)]
            if max(self.key_payload, *frames) <= protocol.MAX_PAYLOAD:
                units = -(-KEYS_SERVE // tokens)
                costs[tokens] = self.key_bytes(tokens) + units * sum(HEADER + payload for payload in frames)
        least = min(costs.values(), default=0)
        self.tokens = min((t for t, cost in costs.items() if 8 * (cost - least) <= least), default=None)

    def layout(self, shape, tokens=None):
        return trace.Layout.fitting(self.s.n, *shape, tokens or self.tokens)

    def payloads(self, shape, tokens=None):
        """Of the request, then of each frame of the reply."""
        tokens = tokens or self.tokens
        up, down = protocol.direct_payloads(self.s, self.layout(shape, tokens), *shape, tokens)
        return [up, *down]

    def exponents(self, tokens=None):
        return trace.keys_of([self.layout(shape, tokens) for shape in set(self.shapes)])

    def key_bytes(self, tokens=None):
        return len(self.exponents(tokens)) * self.s.elements * (HEADER + self.key_payload)


def shapes_of(config):
    return protocol.shapes(**{k: v for k, v in config.items() if k != "context"})


DEMO = {"vocab": 1024, "hidden": 128, "layers": 5, "heads": 4, "kv_heads": 2, "head_dim": 32,
        "intermediate": 352, "context": 512}
TINY = {"vocab": 7, "hidden": 6, "layers": 1, "heads": 1, "kv_heads": 1, "head_dim": 2,
        "intermediate": 4, "context": 32}
SMALL = {"vocab": 20, "hidden": 24, "layers": 1, "heads": 2, "kv_heads": 1, "head_dim": 4,
         "intermediate": 10, "context": 32}
WIDE = {"vocab": 32000, "hidden": 2048, "layers": 22, "heads": 32, "kv_heads": 4, "head_dim": 64,
        "intermediate": 5632, "context": 2048}


MIDDLE = {"vocab": 3000, "hidden": 512, "layers": 4, "heads": 8, "kv_heads": 4, "head_dim": 64,
          "intermediate": 1400, "context": 512}


# A head whose replies need two frames.
HEAD = {"vocab": 5000, "hidden": 128, "layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 32,
        "intermediate": 352, "context": 512}


def preparation_rules():
    for name, config in [("Direct4096", DEMO), ("Direct4096", MIDDLE), ("Direct4096", WIDE), ("Direct4096", TINY),
                         ("Direct4096", HEAD),
                         ("InsecureDirect64", DEMO), ("InsecureDirect64", SMALL), ("InsecureDirect8", TINY)]:
        shapes = shapes_of(config)
        rule = Rule(SETS[name], shapes)
        if rule.tokens is None:
            yield {"set": name, "config": config, "tokens": None}
            continue
        frames = [rule.payloads(shape) for shape in shapes]
        yield {"set": name, "config": config, "tokens": rule.tokens, "exponents": rule.exponents(),
               "payloads": frames[:4] + frames[-1:], "key_bytes": rule.key_bytes(),
               "layouts": [[layout.rows, layout.columns, layout.fold, layout.sum]
                           for layout in map(rule.layout, shapes[:4] + shapes[-1:])]}


def preparation_units():
    """Units of one session: their frames, and the images that they end in."""
    for name, config, groups, room in [
            ("InsecureDirect8", TINY, [0, 3, 0], protocol.MAX_PAYLOAD), ("InsecureDirect64", TINY, [1], protocol.MAX_PAYLOAD),
            ("InsecureDirect64", SMALL, [4, 3], protocol.MAX_PAYLOAD), ("InsecureDirect64", SMALL, [4, 0], 2000)]:
        s, shapes = SETS[name], shapes_of(config)
        rule, session = Rule(s, shapes), seed(f"preparation {name}")
        public, key = streams.derive(session, streams.LABEL_PUBLIC_MASK), direct.secret(s, session)
        keys = {g: direct.evaluation_key(s, session, g) for g in rule.exponents()}
        coordinate, units = 0, []
        for number, group in enumerate(groups):
            m, n = shapes[group]
            layout, label = rule.layout((m, n)), f"preparation {name} weights {group}"
            unit = seed(f"preparation {name} unit {number}")
            masks = streams.derive(unit, streams.LABEL_ONE_TIME_MASK)
            r = [[streams.one_time_mask(masks, k, j)[0] for j in range(n)] for k in range(rule.tokens)]
            request = prefix = group.to_bytes(4, "little") + rule.tokens.to_bytes(4, "little")
            inputs, first = [], coordinate
            for block in range(-(-n // layout.columns)):
                message = [0] * s.n
                for k, row in enumerate(r):
                    for j, value in enumerate(row[block * layout.columns :][: layout.columns]):
                        message[layout.input(j, k)] = value * layout.normaliser(T) % T
                plain = [direct.encode(s, value) for value in message]
                inputs.append(direct.encrypt(s, key, session, public, coordinate, plain))
                request += protocol.pack_body(s, direct.to_limbs(s, inputs[-1][1]))
                coordinate += 1
            places = [layout.output(i, k) for k in range(layout.tokens) for i in range(layout.rows)]
            matrix, found, results = int8(label, m, n), [], []
            for a, b in trace.product(s, layout, matrix, keys, inputs):
                mask = [direct.switched(s, MASK_BITS, v) for v in a]
                body = [direct.switched(s, BODY_BITS, b[e]) for e in places]
                results.append(protocol.pack_bits(MASK_BITS, mask) + protocol.pack_bits(BODY_BITS, body))
                found.append(direct.decrypt(s, key, mask, body, places))
            z = [[found[i // layout.rows][k * layout.rows + i % layout.rows] for i in range(m)]
                 for k in range(rule.tokens)]
            assert z == [[sum(w * v for w, v in zip(row, x)) % T for row in matrix] for x in r]
            reply = []
            for first_result, count, size in protocol.reply_frames(layout, m, rule.tokens, room):
                part = first_result.to_bytes(4, "little") + count.to_bytes(4, "little")
                reply.append(prefix + part + b"".join(results[first_result : first_result + count]))
                assert len(reply[-1]) == size
            assert len(request) == rule.payloads((m, n))[0]
            if room == protocol.MAX_PAYLOAD:
                assert list(map(len, reply)) == rule.payloads((m, n))[1:]
            units.append({"group": group, "seed": unit.hex(), "label": label, "first": first,
                          "masks": digest([v for row in r for v in row]),
                          "request": [len(request), hashlib.sha256(request).hexdigest()],
                          "reply": [[len(frame), hashlib.sha256(frame).hexdigest()] for frame in reply],
                          "images": digest([v for row in z for v in row])})
        yield {"set": name, "seed": session.hex(), "config": config, "tokens": rule.tokens, "max_payload": room,
               "units": units}


SECTIONS = [preparation_rules, preparation_units]
