"""Inputs from labels, and how long results are given."""

import hashlib
import struct


def words(label, count):
    """Test input: the little-endian words of SHA-256("label:0"), SHA-256("label:1"), ..."""
    data = b"".join(
        hashlib.sha256(f"{label}:{i}".encode()).digest() for i in range((count + 7) // 8)
    )
    return list(struct.unpack(f"<{len(data) // 4}I", data))[:count]


def residues(label, count, p):
    return [w % p for w in words(label, count)]


def int8(label, rows, columns):
    """An int8 matrix: the low byte of each word, as a signed number."""
    flat = [(w % 256 ^ 128) - 128 for w in words(label, rows * columns)]
    return [flat[i * columns : (i + 1) * columns] for i in range(rows)]


def seed(label):
    return hashlib.sha256(label.encode()).digest()


def digest(values):
    """Length, hash over little-endian words (two's complement), and both ends."""
    values = list(values)
    data = b"".join((v % 2**32).to_bytes(4, "little") for v in values)
    return {"len": len(values), "sha256": hashlib.sha256(data).hexdigest(),
            "first": values[:3], "last": values[-3:]}


def digest64(values):
    """As `digest`, over 64-bit words."""
    data = b"".join(v.to_bytes(8, "little") for v in values)
    return {"len": len(values), "sha256": hashlib.sha256(data).hexdigest(),
            "first": values[:3], "last": values[-3:]}
