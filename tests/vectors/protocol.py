"""What travels and in what order: headers, bodies, packed residues, shapes and schedules."""

import struct

from streams import DELTA, T

FRAMES = ["Hello", "Welcome", "Product", "ProductReply", "UnitOpen", "UnitBodies", "UnitRows",
          "Bye", "Fault", "EvaluationKey"]
FAULTS = ["Protocol", "Model", "Limits", "Busy", "Deadline", "Shutdown", "Internal",
          "Link"]
ROW_FORMS = ["Full", "Switched"]
MAX_PAYLOAD = 2**20
VERSION = 1


def header(frame, set_number, session, sequence, length):
    """32 bytes: magic, version, type (from 1), set, flags, session, sequence, length."""
    kind = FRAMES.index(frame) + 1
    return struct.pack("<4sBBBB16sII", b"SbRo", VERSION, kind, set_number, 0, session, sequence, length)


def varint(value):
    """Postcard's integers: seven bits a byte, the lowest first, the high bit says that more follow."""
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out) + bytes([value])


def hello(digest, purpose, answered, max_payload):
    """Postcard: fields in order, a variant by its number, byte arrays as they are."""
    kind, *fields = purpose
    variant = ["Prepare", "Masked", "Direct", "Mixed", "PrepareDirect"].index(kind)
    fields = [bytes.fromhex(f) if isinstance(f, str) else varint(f) for f in fields]
    return digest + varint(variant) + b"".join(fields) + varint(answered) + varint(max_payload)


def unit_open(group, seed, rows, keys):
    """The seed is a variant: 0 and the unit's own, or 1 for the model's; so is the form of rows."""
    source = varint(1) if seed is None else varint(0) + seed
    return varint(group) + source + varint(ROW_FORMS.index(rows)) + bytes([keys])


def fault(code):
    return varint(FAULTS.index(code))


def pack(p, residues):
    """Four bytes each modulo t; seven for each two modulo Delta, a lone last one with a zero."""
    if p == T:
        return b"".join(r.to_bytes(4, "little") for r in residues)
    assert p == DELTA
    pairs = list(residues) + [0] * (len(residues) % 2)
    return b"".join((a + 2**28 * b).to_bytes(7, "little") for a, b in zip(pairs[::2], pairs[1::2]))


def pack_bits(bits, numbers):
    """The numbers as the digits of one, to the base 2^bits, the first lowest."""
    whole = sum(v << bits * i for i, v in enumerate(numbers))
    return whole.to_bytes(-(-bits * len(numbers) // 8), "little")


def pack_body(s, limbs):
    return b"".join(pack_bits(p.bit_length(), residues) for p, residues in zip(s.limbs, limbs))


def reply_frames(layout, m, tokens, max_payload):
    """The frames of the reply to a direct product: (first result, results, payload bytes)."""
    result = -(-42 * layout.n // 8) + -(-36 * layout.rows * layout.tokens // 8)
    left, frames = list(range(-(-tokens // layout.tokens) * -(-m // layout.rows))), []
    while left:
        fit = 1
        while fit < len(left) and 16 + (fit + 1) * result <= min(max_payload, MAX_PAYLOAD):
            fit += 1
        frames.append((left[0], fit, 16 + fit * result))
        left = left[fit:]
    return frames


def direct_payloads(s, layout, m, n, tokens):
    """Bytes of a direct Product, and of all frames of its reply."""
    groups = -(-tokens // layout.tokens)
    body = sum(-(-p.bit_length() * s.n // 8) for p in s.limbs)
    frames = [bytes for *_, bytes in reply_frames(layout, m, tokens, MAX_PAYLOAD)]
    return 8 + groups * -(-n // layout.columns) * body, frames


def shapes(vocab, hidden, layers, heads, kv_heads, head_dim, intermediate):
    """(rows, columns) of every group in manifest order."""
    queries, keys = heads * head_dim, kv_heads * head_dim
    block = [(queries + keys + keys, hidden), (hidden, queries),
             (intermediate + intermediate, hidden), (hidden, intermediate)]
    return block * layers + [(vocab, hidden)]


def schedule(layers, prompt, output, chunk):
    """The products [group, rows] of a session, in order."""
    groups, head = range(4 * layers), 4 * layers
    products = []
    left = prompt
    while left:
        rows = min(left, chunk)
        products += [[g, rows] for g in groups]
        left -= rows
    for token in range(output):
        products.append([head, 1])
        if token < output - 1:
            products += [[g, 1] for g in groups]
    return products


def buckets(context, prompt, output, chunk):
    """(P, T, C) for a request, or the name of the refusal."""
    if 0 in (prompt, output, chunk):
        return "Empty"
    room = context - (output - 1)
    if prompt > room:
        return "Context"
    power = 16
    while power < prompt:
        power *= 2
    bucket = min(power, room)
    return [bucket, output, min(chunk, bucket)]
