"""Units of one key and of several: bodies, result rows and images."""

import hashlib

import lattice
import protocol
import streams
import switched
from inputs import digest, int8, seed
from lattice import SETS


def full_row(s, masks, bodies):
    """Limb by limb: the masks, then the bodies."""
    return [w for l in (0, 1) for part in [m[l] for m in masks] + [b[l] for b in bodies] for w in part]


def pack_full(s, row):
    half = len(row) // 2
    return protocol.pack(s.t, row[:half]) + protocol.pack(s.delta, row[half:])


def summary(data):
    return [len(data), hashlib.sha256(data).hexdigest()]


def units():
    for name, keys, rows, columns, of_model in [
            ("InsecureMasked16x1", 1, 3, 7, False), ("InsecureMasked16x1", 2, 3, 6, True),
            ("InsecureMasked16x1", 3, 2, 5, False), ("InsecureMasked16x1", 16, 2, 5, True),
            ("Masked256x16", 2, 1, 2, True)]:
        s, unit = SETS[name], seed(f"unit of {keys}, {name}")
        model = seed("model digest")
        public = streams.model_seed(model, s.number) if of_model else streams.derive(unit, streams.LABEL_PUBLIC_MASK)
        mask_seed = streams.derive(unit, streams.LABEL_ONE_TIME_MASK)
        r = [[streams.one_time_mask(mask_seed, token, j)[0] for j in range(columns)]
             for token in range(keys * s.n)]
        key_seeds = [streams.unit_key(unit, index) for index in range(keys)]
        # By key, then by coordinate: the order in which they travel.
        pairs = [[lattice.body(s, key_seed, j, [r[index * s.n + i][j] for i in range(s.n)], public_seed=public)
                  for j in range(columns)] for index, key_seed in enumerate(key_seeds)]
        bodies = b"".join(protocol.pack(s.t, b[0]) + protocol.pack(s.delta, b[1])
                          for of_key in pairs for b, _ in of_key)
        ciphertexts = [full_row(s, pairs[0][j][1], [of_key[j][0] for of_key in pairs]) for j in range(columns)]
        label = f"unit weights {name} {keys}"
        matrix = int8(label, rows, columns)
        packed, images = {"Full": b"", "Switched": b""}, []
        for weights in matrix:
            row = lattice.combine(s, weights, ciphertexts)
            small = switched.switch(s, row)
            packed["Full"] += pack_full(s, row)
            packed["Switched"] += switched.pack(s, small)
            expected = [sum(w * v for w, v in zip(weights, token)) % s.t for token in r]
            found = []
            for index, key_seed in enumerate(key_seeds):
                message, _ = switched.decrypt(s, lattice.secret_key(s, key_seed), small, index)
                found += message
            # The theorem: decryptions under all keys are W r.
            assert found == expected
            images += expected
        yield {"set": name, "seed": unit.hex(), "keys": keys, "rows": rows, "columns": columns,
               "digest": model.hex() if of_model else None, "label": label,
               "key_seeds": [key_seed.hex() for key_seed in key_seeds], "bodies": summary(bodies),
               "full": summary(packed["Full"]), "switched": summary(packed["Switched"]),
               "images": digest(images)}


SECTIONS = [units]
