#!/usr/bin/env python3
"""Known answers for the link, from a model that shares no code with it.

`python3 noise.py` writes noise.json; `python3 noise.py --check` makes it again and compares.
Standard library only: X25519 (RFC 7748), ChaCha20-Poly1305 (RFC 8439), BLAKE2s and HMAC of hashlib,
and the handshake IK of the Noise framework, revision 34. Examples of both RFCs are asserted.
"""

import hashlib
import hmac
import json
import struct
import sys
from pathlib import Path

from streams import chacha20_block

OUTPUT = Path(__file__).with_name("noise.json")
NAME = b"Noise_IK_25519_ChaChaPoly_BLAKE2s"
PROLOGUE = b"Noise subrosa/1\n"
P = 2**255 - 19


def x25519(secret, point):
    """The ladder of RFC 7748, section 5."""
    k = int.from_bytes(secret, "little") & ((1 << 254) - 8) | 1 << 254
    u = int.from_bytes(point, "little") & ((1 << 255) - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for bit in reversed(range(255)):
        now = k >> bit & 1
        if swap ^ now:
            x2, z2, x3, z3 = x3, z3, x2, z2
        swap = now
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public(secret):
    return x25519(secret, (9).to_bytes(32, "little"))


def keystream(key, nonce, counter, length):
    out = b""
    while len(out) < length:
        out += chacha20_block(key, counter, nonce)
        counter += 1
    return out[:length]


def poly1305(key, text):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(text), 16):
        total = (total + int.from_bytes(text[at:at + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:32], "little")) % 2**128).to_bytes(16, "little")


def padded(text):
    return text + bytes(-len(text) % 16)


def seal(key, nonce, ad, plain):
    text = bytes(a ^ b for a, b in zip(plain, keystream(key, nonce, 1, len(plain))))
    lengths = struct.pack("<QQ", len(ad), len(text))
    return text + poly1305(keystream(key, nonce, 0, 32), padded(ad) + padded(text) + lengths)


def numbered(key, number, ad, plain):
    return seal(key, bytes(4) + number.to_bytes(8, "little"), ad, plain)


def hkdf(chaining, material):
    mac = lambda key, text: hmac.new(key, text, hashlib.blake2s).digest()
    temporary = mac(chaining, material)
    first = mac(temporary, b"\x01")
    return first, mac(temporary, first + b"\x02")


class Symmetric:
    """SymmetricState of the framework, section 5.2, with the sender's part of it."""

    def __init__(self):
        self.hash = hashlib.blake2s(NAME).digest()
        self.chaining, self.key, self.number = self.hash, None, 0
        self.mix_hash(PROLOGUE)

    def mix_hash(self, text):
        self.hash = hashlib.blake2s(self.hash + text).digest()

    def mix_key(self, material):
        self.chaining, self.key = hkdf(self.chaining, material)
        self.number = 0

    def encrypt(self, plain):
        sealed = numbered(self.key, self.number, self.hash, plain)
        self.number += 1
        self.mix_hash(sealed)
        return sealed


def handshake(device, host, device_ephemeral, host_ephemeral):
    """Both messages of IK, and the key of each direction."""
    state = Symmetric()
    state.mix_hash(public(host))
    request = public(device_ephemeral)
    state.mix_hash(request)
    state.mix_key(x25519(device_ephemeral, public(host)))
    request += state.encrypt(public(device))
    state.mix_key(x25519(device, public(host)))
    request += state.encrypt(b"")
    reply = public(host_ephemeral)
    state.mix_hash(reply)
    state.mix_key(x25519(host_ephemeral, public(device_ephemeral)))
    state.mix_key(x25519(host_ephemeral, public(device)))
    reply += state.encrypt(b"")
    return request, reply, hkdf(state.chaining, b"")


def record(key, number, plain):
    return struct.pack("<H", len(plain) + 16) + numbered(key, number, b"", plain)


def secret(label):
    return hashlib.sha256(label.encode()).digest()


def text(label, length):
    out = b"".join(hashlib.sha256(f"{label}:{i}".encode()).digest() for i in range(length // 32 + 1))
    return out[:length]


def cases():
    for case in range(3):
        names = ["device", "host", "device ephemeral", "host ephemeral"]
        keys = [secret(f"{name} {case}") for name in names]
        request, reply, (up, down) = handshake(*keys)
        lengths = [[1, 32, 2048], [2047, 17, 64], [5, 1000, 2048, 2]][case]
        flow = lambda key, label: [
            {"plain": plain.hex(), "record": record(key, number, plain).hex()}
            for number, plain in enumerate(text(f"{label} {case} {length}", length)
                                           for length in lengths)]
        yield {
            **{name.replace(" ", "_"): key.hex() for name, key in zip(names, keys)},
            "device_public": public(keys[0]).hex(), "host_public": public(keys[1]).hex(),
            "request": request.hex(), "reply": reply.hex(),
            "up": flow(up, "up"), "down": flow(down, "down"),
        }


def check_rfcs():
    """RFC 7748, section 5.2 (one iteration), and RFC 8439, section 2.8.2."""
    nine = (9).to_bytes(32, "little")
    assert x25519(nine, nine).hex() == (
        "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")
    plain = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
             b"future, sunscreen would be it.")
    nonce, ad = bytes.fromhex("070000004041424344454647"), bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    sealed = seal(bytes(range(128, 160)), nonce, ad, plain)
    assert sealed[-16:].hex() == "1ae10b594f09e26a7e902ecbd0600691"


def main():
    check_rfcs()
    made = json.dumps(list(cases()), indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        sys.exit(0 if OUTPUT.read_text() == made else "noise.json differs")
    OUTPUT.write_text(made)


if __name__ == "__main__":
    main()
