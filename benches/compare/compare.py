#!/usr/bin/env python3
"""The same encrypted matrix-vector product, by us and by concrete-ml-extensions 0.2.0, in one run.

    python3 benches/compare/compare.py [--size 2048] [--venv FOLDER]

Makes a virtual environment (in a temporary folder unless FOLDER is given), installs the peer from
PyPI, builds our bench, and runs one after the other, twice, interleaved. Figures are CPU seconds of
the process that does the work; ours uses one thread, the peer as many as it likes.

The peer's licence (BSD-3-Clause-Clear) grants no patents; it is installed for this comparison only.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv

PEER = "concrete-ml-extensions==0.2.0"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Runs in the virtual environment: one JSON object on stdout.
PEER_PROGRAM = """
import json, sys, time
import numpy as np
import concrete_ml_extensions as peer

size = int(sys.argv[1])
params = peer.MatmulCryptoParameters.deserialize(peer.default_params())
rng = np.random.default_rng(1)
# The widest values that its default parameters still add up in 27 bits without wrapping.
top = int(np.sqrt(2**27 / size)) - 1
x = rng.integers(0, top, (1, size)).astype(np.uint64)
weights = rng.integers(0, top, (size, size)).astype(np.uint64)

def timed(f):
    start = time.process_time()
    value = f()
    return time.process_time() - start, value

key_seconds, (private, compression) = timed(lambda: peer.create_private_key(params))
encrypt_seconds, encrypted = timed(
    lambda: peer.encrypt_matrix(pkey=private, crypto_params=params, data=x))
product_seconds, result = timed(
    lambda: peer.matrix_multiplication(
        encrypted_matrix=encrypted, data=weights, compression_key=compression))
last = size % 2048 or 2048
decrypt_seconds, y = timed(
    lambda: peer.decrypt_matrix(
        result, private, params, num_valid_glwe_values_in_last_ciphertext=last))
error = np.abs(y.astype(np.int64) - (x @ weights).astype(np.int64))
print(json.dumps({
    "key_seconds": key_seconds,
    "encrypt_seconds": encrypt_seconds,
    "product_seconds": product_seconds,
    "decrypt_seconds": decrypt_seconds,
    "key_bytes": len(compression.serialize()),
    "up_bytes": len(encrypted.serialize()),
    "down_bytes": len(result.serialize()),
    "wrong_outputs": int((error != 0).sum()),
    "largest_error": int(error.max()),
    "largest_output": int((x @ weights).max()),
}))
"""


def run_json(command):
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(output.decode().strip().splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2048, help="rows and columns [2048]")
    parser.add_argument("--venv", help="folder of a virtual environment, made if it is not there")
    options = parser.parse_args()

    print("building our bench ...", file=sys.stderr)
    subprocess.run(["cargo", "bench", "--bench", "compare", "--no-run"], cwd=ROOT, check=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.venv or os.path.join(scratch, "venv")
        python = os.path.join(folder, "bin", "python")
        if not os.path.exists(python):
            print(f"installing {PEER} into {folder} ...", file=sys.stderr)
            venv.create(folder, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", PEER, "numpy"], check=True)
        size = str(options.size)
        ours, peer = [], []
        for turn in range(2):
            print(f"turn {turn + 1} of 2 ...", file=sys.stderr)
            bench = ["cargo", "bench", "--quiet", "--bench", "compare", "--", size, size]
            ours.append(run_json(bench))
            peer.append(run_json([python, "-c", PEER_PROGRAM, size]))

    def best(runs, field):
        return min(run[field] for run in runs)

    def row(name, a, b, show):
        print(f"| {name} | {show(a)} | {show(b)} | {b / a:,.1f} |")

    def time(seconds):
        return f"{seconds * 1e3:,.2f} ms"

    def count(number):
        return f"{number:,}"

    product = best(peer, "product_seconds")
    print(f"\n{size} x {size}, CPU time, better of two turns; ours at level {ours[0]['level']}\n")
    print("| | subrosa | concrete-ml-extensions 0.2.0 | ratio |")
    print("|---|---|---|---|")
    row("product, weights encoded", best(ours, "encoded_seconds"), product, time)
    row("product, encoded on the fly", best(ours, "on_the_fly_seconds"), product, time)
    for name in ("key", "encrypt", "decrypt"):
        field = f"{name}_seconds"
        row({"key": "keys"}.get(name, name), best(ours, field), best(peer, field), time)
    for name in ("up", "down", "key"):
        field = f"{name}_bytes"
        row(f"bytes, {'keys' if name == 'key' else name}", ours[0][field], peer[0][field], count)
    print(f"\nours: {ours[0]['wrong_outputs']} of {size} outputs wrong")
    print(
        f"peer: {peer[0]['wrong_outputs']} of {size} outputs wrong, by {peer[0]['largest_error']} "
        f"at most of {peer[0]['largest_output']}"
    )
    if any(run["wrong_outputs"] for run in ours):
        sys.exit("our product is not exact: this is a bug")


if __name__ == "__main__":
    main()
