"""Randomness, by its definition: ChaCha20 (RFC 8439) blocks and what is cut from them.

Every word is computed alone, from its own block; blocks are memoised, nothing else is shared.
"""

from functools import lru_cache

T = 2**32 - 2**20 + 1
DELTA = 2**28 - 2**16 + 1
P29 = 2**29 - 2**18 + 1
P26 = 2**26 - 2**16 + 1
P25 = 2**25 - 2**14 + 1
# The lane of the public masks modulo each prime.
LANE = {T: 0, DELTA: 1, P29: 2, P26: 3, P25: 4}

PUBLIC_MASK, SECRET_KEY, NOISE, ONE_TIME_MASK, CHECK_VECTOR, DERIVATION, TOKEN_CHOICE = range(1, 8)
LABEL_PUBLIC_MASK, LABEL_ONE_TIME_MASK, LABEL_EVALUATION_KEY = 1, 2, 5
LABEL_HYBRID_KEY, LABEL_MODEL_MASK, LABEL_UNIT_KEY = 6, 7, 8


def chacha20_block(key, counter, nonce):
    """The block function of RFC 8439, section 2.3, as 64 bytes."""
    mask = 0xFFFFFFFF

    def words(data):
        return [int.from_bytes(data[i : i + 4], "little") for i in range(0, len(data), 4)]

    def rotate(value, by):
        return (value << by | value >> (32 - by)) & mask

    def quarter_round(s, a, b, c, d):
        s[a] = (s[a] + s[b]) & mask
        s[d] = rotate(s[d] ^ s[a], 16)
        s[c] = (s[c] + s[d]) & mask
        s[b] = rotate(s[b] ^ s[c], 12)
        s[a] = (s[a] + s[b]) & mask
        s[d] = rotate(s[d] ^ s[a], 8)
        s[c] = (s[c] + s[d]) & mask
        s[b] = rotate(s[b] ^ s[c], 7)

    assert len(key) == 32 and len(nonce) == 12 and 0 <= counter < 2**32
    start = words(b"expand 32-byte k") + words(key) + [counter] + words(nonce)
    state = list(start)
    for _ in range(10):
        for column in range(4):
            quarter_round(state, column, column + 4, column + 8, column + 12)
        for diagonal in range(4):
            quarter_round(
                state,
                diagonal,
                4 + (diagonal + 1) % 4,
                8 + (diagonal + 2) % 4,
                12 + (diagonal + 3) % 4,
            )
    return b"".join(((a + b) & mask).to_bytes(4, "little") for a, b in zip(state, start))


def check_rfc_8439():
    """The test vectors of RFC 8439, sections 2.3.2 and A.1 (the first)."""
    got = chacha20_block(bytes(range(32)), 1, bytes.fromhex("000000090000004a00000000"))
    assert got.hex() == (
        "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
        "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"
    )
    assert chacha20_block(bytes(32), 0, bytes(12)).hex().startswith("76b8e0ada0f13d90405d6ae55386bd28")


@lru_cache(maxsize=1 << 14)
def block(key, domain, attempt, lane, stream, counter):
    """The 64 bytes at one address. Nonce: domain, attempt, lane, 0, stream as a u64."""
    nonce = bytes([domain, attempt, lane, 0]) + stream.to_bytes(8, "little")
    return chacha20_block(key, counter, nonce)


def word(data, index, size=4):
    """Little-endian word `index` of a block."""
    return int.from_bytes(data[size * index : size * (index + 1)], "little")


def uniform(p, key, domain, lane, stream, counter, index):
    """A uniform residue and the attempt that gave it.

    The draw is the low bits of the word, as many as p has; the first attempt below p counts.
    """
    for attempt in range(256):
        draw = word(block(key, domain, attempt, lane, stream, counter), index) % 2 ** p.bit_length()
        if draw < p:
            return draw, attempt
    raise AssertionError("256 rejections")


def derive(seed, label):
    """A seed derived from another."""
    return block(seed, DERIVATION, 0, 0, label, 0)[:32]


def model_seed(digest, set_number):
    """The public seed of a model and a parameter set: the set's number stands above the label's byte."""
    return derive(digest, LABEL_MODEL_MASK + 256 * set_number)


def unit_key(seed, index):
    """The seed of a unit's key and of its noise."""
    return derive(seed, LABEL_UNIT_KEY + 256 * index)


def token_choice(seed, position):
    return word(block(seed, TOKEN_CHOICE, 0, 0, position, 0), 0)


def mask_word(p, public_seed, coordinate, column):
    """One word of the public masks, with its attempt."""
    counter, index = divmod(column, 16)
    return uniform(p, public_seed, PUBLIC_MASK, LANE[p], coordinate, counter, index)


def one_time_mask(seed, token, coordinate):
    """r_coordinate of one token modulo t, with its attempt: 4 x 4 tiles, coordinate-major."""
    index = 4 * (coordinate % 4) + token % 4
    return uniform(T, seed, ONE_TIME_MASK, 0, token // 4, coordinate // 4, index)


def check_vector(seed, repetition, group, row):
    """u_row of one repetition, with its attempt."""
    return uniform(T, seed, CHECK_VECTOR, repetition, group, row // 16, row % 16)


def ternary(seed, component, i):
    """Coefficient i of a component of the secret key."""
    w = word(block(seed, SECRET_KEY, 0, 0, component, i // 8), i % 8, size=8)
    return 3 * w // 2**64 - 1


def noise(seed, coordinate, i):
    """Coefficient i of the noise of one ciphertext: the ones among 42 coins, less 21."""
    draw, c = divmod(i, 256)
    ones = 0
    for row in range(42):
        data = block(seed, NOISE, 0, 0, coordinate, 21 * draw + row // 2)
        ones += data[32 * (row % 2) + c % 32] >> (c // 32) & 1
    return ones - 21
