#!/usr/bin/env python3
"""Direct mode: noise formulas, candidate parameter sets, and a measurement of the formulas.

    parameters.py              prints the tables of parameters.md
    parameters.py --measure    runs an independent implementation and compares the variance of every
                               operation with its formula; exits 1 when one is off
    parameters.py --quick      the same with fewer runs

The measurement needs numpy and uses one core; nothing here shares code with the Rust crates.
"""
import math
import sys

T_FIELD = 2**32 - 2**20 + 1
VAR_E = 10.5          # centred binomial, 42 coins, |e| <= 21
VAR_S = 2 / 3         # uniform ternary
LIMIT = {2048: 41, 4096: 83, 8192: 165}
KAPPA = 6             # coherence allowed to the weights, see parameters.md
CHOSEN = "E"
TAU_KERNEL = 26.1     # DIGITS_TAIL of kernel/src/direct/noise.rs
TARGET_BITS = 128     # failure bound wanted for one token, all its outputs together
OUTPUTS = 2**24       # rows of a model, at most: Llama-2-7B has 1.39 M, 70B 6.8 M


def is_prime(n):
    return n > 3 and n % 2 and all(pow(a, n - 1, n) == 1 for a in (2, 3, 5, 7, 11, 13))


def prime_below(bits, two_n, skip=0):
    """The (skip + 1)-th prime = 1 mod two_n below 2^bits."""
    q = 2**bits + 1 - two_n
    while True:
        if is_prime(q):
            if skip == 0:
                return q
            skip -= 1
        q -= two_n


class Set:
    """A parameter set. digits: per limb the widths of its balanced digits, or None for one digit
    a limb and a special modulus."""

    def __init__(self, name, n, limbs, digits=None, special=(), plain=(T_FIELD,), masks=None,
                 a_bits=42, b_bits=36):
        self.name, self.N, self.limbs, self.digits = name, n, list(limbs), digits
        self.special, self.plain = list(special), list(plain)
        self.mask_plain = list(masks or plain)       # plaintext moduli when masks are multiplied
        self.a_bits, self.b_bits = a_bits, b_bits
        self.Q = math.prod(limbs)
        self.P = math.prod(special)
        self.L, self.K = len(limbs), len(special)
        self.D = sum(map(len, digits)) if digits else self.L
        self.log2 = math.log2(self.Q * self.P)

    def half(self):
        """Q / 2t, half the distance of two messages."""
        return self.Q / (2 * max(self.plain))

    # ---- (a) noise: variances of one coefficient ------------------------------------------------
    def digit_squares(self):
        """E[d^2] of every digit: base B gives (B^2 + 2)/12 on [-B/2, B/2], the top one the rest."""
        out = []
        for q, widths in zip(self.limbs, self.digits):
            low = 0
            for w in widths[:-1]:
                out.append((4.0**w + 2) / 12)
                low += w
            out.append((q / 2.0**low) ** 2 / 12 + 1 / 12)
        return out

    def encoding(self):
        """round(Q m / t): nothing where t divides Q."""
        return 0.0 if all(self.Q % t == 0 for t in self.plain) else 1 / 12

    def fresh(self):
        return VAR_E

    def automorphism(self):
        """Permutes and negates: the variance stays, the key becomes sigma(s)."""
        return 0.0

    def mod_down(self):
        """Rounding of both parts when P is divided away: the mask's meets s, the body's does not."""
        return self.N * VAR_S / 12 + 1 / 12 if self.special else 0.0

    def key_switch(self):
        """N * 10.5 * sum E[d^2] / P^2 + mod-down."""
        squares = self.digit_squares() if self.digits else [q * q / 12 for q in self.limbs]
        return self.N * VAR_E * sum(squares) / self.P**2 + self.mod_down()

    def output(self):
        """Modulus switch to (2^a, 2^b), as seen at Q."""
        a, b = self.Q / 2.0**self.a_bits, self.Q / 2.0**self.b_bits
        return a * a * self.N * VAR_S / 12 + b * b / 12

    # ---- the certified (tail) side --------------------------------------------------------------
    def spread(self, nats):
        """tau: sup over the roots of sum_k |d_k(zeta)|^2 is at most tau * N * sum E[d_k^2] but with
        probability exp(-nats): Chernoff, with E exp(u |d_k(zeta)|^2) <= 1/(1 - u N E[d_k^2])."""
        s = sorted(x * (1 + 1 / 64) for x in (self.digit_squares() if self.digits else
                                             [q * q / 12 for q in self.limbs]))
        best = math.inf
        for step in range(1, 1000):
            u = step / 1000 / s[-1]
            best = min(best, (nats - sum(math.log(1 - u * x) for x in s)) / u)
        return best / sum(s)


N4, N8 = 4096, 8192
B_LIMBS = [prime_below(27, 2 * N4), prime_below(27, 2 * N4, 1)]
SETS = {
    "B": Set("B", N4, B_LIMBS, special=[prime_below(29, 2 * N4)], plain=(65537, 114689),
             masks=(65537, 114689, 147457), a_bits=27, b_bits=21),
    "C": Set("C", N8, [T_FIELD, prime_below(26, 2 * N8), prime_below(26, 2 * N8, 1)],
             special=[prime_below(28, 2 * N8), prime_below(28, 2 * N8, 1)], a_bits=43),
    "D": Set("D", N4, [2**29 - 2**18 + 1, 2**28 - 2**16 + 1, 2**26 - 2**16 + 1],
             digits=[[10, 10, 9], [10, 10, 8], [9, 9, 8]]),
    "E": Set("E", N4, [T_FIELD, 2**26 - 2**16 + 1, 2**25 - 2**14 + 1],
             digits=[[8, 8, 8, 8], [9, 9, 8], [9, 9, 7]]),
    "E9": Set("E9", N4, [T_FIELD, 2**28 - 2**16 + 1, 2**23 - 2**13 + 1],
              digits=[[11, 11, 10], [10, 9, 9], [8, 8, 7]]),
}

# ---- (b) the product: layout, counts, noise ------------------------------------------------------
NTT_COST = 6      # one NTT in units of N multiply-adds: log2(N)/2 butterflies


def pow2(x):
    return 1 << max(0, math.ceil(math.log2(x)))


class Plan:
    """One product n -> m for one token (T = 1) or T tokens a ciphertext."""

    def __init__(self, ps, n, m, tokens=1, two_level=True):
        self.ps, self.n, self.m, self.T = ps, n, m, tokens
        self.Ne = ps.N // tokens
        self.blocks_in, self.blocks_out = -(-n // self.Ne), -(-m // self.Ne)
        self.nb = min(self.Ne, pow2(n))
        self.M = max(min(self.Ne, pow2(m)), self.Ne // self.nb)     # so that S >= 1
        self.c = self.Ne // self.M
        self.S = self.nb // self.c
        self.signs = 2 if tokens == 1 and self.S > 1 else 1
        self.cyclic = self.S // self.signs
        best = None
        for j in range(int(math.log2(self.cyclic)) + 1):
            giants = 2**j
            babies = self.cyclic // giants
            for k in range(int(math.log2(babies)) + 1):
                r1, r2 = 2**k, babies // 2**k
                if not two_level and r1 > 1:
                    continue
                self.J, self.r1, self.r2 = giants, r1, r2
                keys = self.keys(two_level)
                cost = self.cost(two_level)
                # Horner and two levels trade time for keys: weigh a key as 1 % of the products
                rank = cost[0] + NTT_COST * cost[1] + keys * (0.01 * 2 * ps.L * self.S if two_level else 0)
                if best is None or rank < best[0]:
                    best = (rank, giants, r1, r2)
        _, self.J, self.r1, self.r2 = best

    def fold(self):
        return int(math.log2(self.c))

    def giant_switches(self):
        return self.signs * (self.J - 1) + (self.signs - 1)

    def keys(self, two_level):
        if two_level:
            giants = (1 if self.J > 1 else 0) + (self.signs - 1)
        else:
            giants = self.signs * self.J - 1
        return (self.r1 - 1) + (self.r2 - 1) + giants + self.fold()

    def cost(self, horner):
        """(multiply-adds / N, NTTs) over all evaluations."""
        ps = self.ps
        moduli = ps.L + ps.K
        decompose = ps.L + (ps.D * ps.L if ps.digits else ps.L * (moduli - 1))
        down = 0 if not ps.K else 2 * (ps.K + ps.L)
        macs_ks = 2 * ps.D * moduli
        babies = self.r1 * self.r2 - 1
        levels = 1 if self.r2 == 1 or self.r1 == 1 else self.r1
        ntt = self.blocks_in * (levels * decompose * (1 if babies else 0) + babies * down)
        mac = self.blocks_in * babies * macs_ks
        steps = self.giant_switches() + self.fold()
        downs = steps if horner else self.fold() + (1 if self.giant_switches() else 0)
        ntt += self.blocks_out * (steps * decompose + downs * down)
        mac += self.blocks_out * (steps * macs_ks)
        mac += self.blocks_in * self.blocks_out * self.S * 2 * ps.L
        return len(ps.plain) * mac, len(ps.plain) * ntt

    def frobenius2(self, sd):
        """||W||_F^2 of one block row (all its input blocks) for weights of that rms."""
        return sd * sd * self.n * min(self.M, self.m)

    def variances(self, frob2, horner=True):
        """Mean over the outputs: fresh, level one, level two, giants, fold, output."""
        ps, ks = self.ps, self.ps.key_switch()
        gain = self.S * self.c**2 * frob2      # S c = n_b
        return dict(fresh=(ps.fresh() + ps.encoding()) * gain,
                    level1=ks * gain * (1 - 1 / self.r1), level2=ks * gain * (1 - 1 / self.r2),
                    giants=self.c**2 * self.giant_switches() * ks,
                    fold=(self.c**2 - 1) / 3 * ks, output=ps.output())

    def certified(self, frob2, kappa, outputs=OUTPUTS):
        """log2 of the failure bound of one token with `outputs` outputs: the theorem of
        parameters.md with coherence kappa, less its 2^-129 for the masks. Fresh noise: no tau, and
        its worst coherence S."""
        ps = self.ps
        tau = ps.spread(tail_nats(ps))
        v = self.variances(frob2)
        part = (v["level1"] + v["level2"]) * kappa * tau + v["fresh"] * self.S \
            + (v["giants"] + v["fold"]) * tau
        a = ps.Q / 2.0**ps.a_bits
        part += a * a * VAR_S * ps.N / 4                       # worst case of the mask's rounding
        room = ps.half() - ps.Q / 2.0**ps.b_bits / 2 - self.nb * math.sqrt(frob2) * \
            (0.5 * math.sqrt(self.n) if ps.encoding() else 0)
        return len(ps.plain), math.log2(2 * outputs) - room**2 / (2 * part) / math.log(2)


def tail_nats(ps):
    """A union over the outputs of a token, N/2 roots and 2^7 keys, each at 2^-129."""
    return math.log(2) * (TARGET_BITS + 1 + math.log2(OUTPUTS * ps.N / 2) + 7)


def largest_x(ps, tau):
    """The largest X = S c^2 M norm2^2 that passes, c = N and every switch at its most."""
    h, v = loader_room(ps)
    rest = v - (ps.Q / 2.0**ps.a_bits) ** 2 * VAR_S * ps.N / 4 - 2**26 * tau * ps.key_switch()
    return rest / (ps.N * VAR_E + KAPPA * 2 * tau * ps.key_switch())


def loader_room(ps):
    """H and the largest V: H^2 >= 2 V ln(2 * outputs * 2^129)."""
    h = ps.half() - ps.Q / 2.0 ** (ps.b_bits + 1)
    return h, h * h / (2 * math.log(2) * (TARGET_BITS + 2 + math.log2(OUTPUTS)))


SHAPES = [(128, 512), (288, 768), (2048, 2048), (4096, 4096), (4096, 11008), (11008, 4096)]
WEIGHTS = [("rms 30", 30.0), ("uniform +-127", 73.6), ("all 127", 127.0)]
DEMO = [(128, 256), (128, 128), (128, 704), (352, 128)]          # times 5 layers, and the head
DEMO_HEAD = (128, 1024)


def demo_bytes(ps):
    """Bytes a token for correlations of the demo model, Ne = 128: up, down, tokens a ciphertext."""
    up = down = 0.0
    for (n, m), times in [(s, 5) for s in DEMO] + [(DEMO_HEAD, 1)]:
        coords, rows = -(-n // 128) * 128, -(-m // 128) * 128
        up += times * coords * math.log2(ps.Q) / 8
        down += times * (rows * ps.a_bits + m * ps.b_bits) / 8
    return up * len(ps.mask_plain), down * len(ps.mask_plain), ps.N // 128


def tables():
    print("### Sets\n")
    print("| set | N | log2 of all moduli (limit) | digits | sd of a key switch | log2 Q/2t | "
          "up, bytes a coordinate | down, bytes an output | one key |")
    print("|---|---|---|---|---|---|---|---|---|")
    for ps in SETS.values():
        e = len(ps.plain)
        key = ps.D * ps.N * ps.log2 / 8
        digits = " ".join(",".join(map(str, d)) for d in ps.digits) if ps.digits else "one a limb, P"
        print(f"| {ps.name} | {ps.N} | {ps.log2:.3f} ({LIMIT[ps.N]}) | {digits} | "
              f"{math.sqrt(ps.key_switch()):.0f} | {math.log2(ps.half()):.2f} | "
              f"{e * math.log2(ps.Q) / 8:.2f} | {e * (ps.a_bits + ps.b_bits) / 8:.2f} | "
              f"{key / 1000:.0f} KB |")
        assert ps.log2 <= LIMIT[ps.N]
        assert all(is_prime(q) and q % (2 * ps.N) == 1 for q in ps.limbs + ps.special)
    print("\nLimbs: " + "; ".join(f"{p.name} {p.limbs} {p.special or ''}".strip() for p in SETS.values()))
    print("\n### Noise and margin (one token a ciphertext, two-level babies, Horner giants)\n")
    print("log2 of the noise's sd with the output rounding, and half the message distance in sds.\n")
    head = " | ".join(f"{n} -> {m}" for n, m in SHAPES)
    print(f"| set, weights | {head} |")
    print("|---|" + "---|" * len(SHAPES))
    for ps in SETS.values():
        for label, sd in WEIGHTS:
            cells = []
            for n, m in SHAPES:
                plan = Plan(ps, n, m)
                s = math.sqrt(sum(plan.variances(plan.frobenius2(sd)).values()))
                cells.append(f"{math.log2(s):.1f}: {ps.half() / s:.1f}")
            print(f"| {ps.name}, {label} | " + " | ".join(cells) + " |")
    print("\nWithout the output rounding, which a wider answer removes:\n")
    print(f"| set, weights | {head} |")
    print("|---|" + "---|" * len(SHAPES))
    for ps in SETS.values():
        for label, sd in WEIGHTS:
            cells = []
            for n, m in SHAPES:
                plan = Plan(ps, n, m)
                v = plan.variances(plan.frobenius2(sd))
                cells.append(f"{ps.half() / math.sqrt(sum(v.values()) - v['output']):.0f}")
            print(f"| {ps.name}, {label} | " + " | ".join(cells) + " |")
    print("\n### Failure bound of a token of Llama-2-7B, log2 (if all its outputs had this shape)\n")
    print(f"kappa = {KAPPA}; the wanted value is -128 or less. B's two evaluations count together.\n")
    print(f"| set, weights | {head} |")
    print("|---|" + "---|" * len(SHAPES))
    for ps in SETS.values():
        for label, sd in WEIGHTS:
            cells = []
            for n, m in SHAPES:
                plan = Plan(ps, n, m)
                evals, bound = plan.certified(plan.frobenius2(sd), KAPPA)
                bound += math.log2(evals)
                cells.append("-" if bound > 0 else f"{bound:.0f}")
            print(f"| {ps.name}, {label} | " + " | ".join(cells) + " |")
    print("\n### Cost of one product\n")
    print("Keys in number and MB; N-long multiply-adds (in units of 4096) and NTTs; single = one level of")
    print("babies, a key for each giant; two = two levels, Horner; encoded = 32-bit words.\n")
    print("| set, shape | keys single | MACs, NTTs single | J, r1, r2 | keys two | MACs, NTTs two | "
          "encoded bytes a weight |")
    print("|---|---|---|---|---|---|---|")
    for ps in SETS.values():
        key = ps.D * ps.N * ps.log2 / 8e6
        unit = ps.N // 4096
        for n, m in SHAPES:
            one, two = Plan(ps, n, m, two_level=False), Plan(ps, n, m)
            k1, k2 = one.keys(False), two.keys(True)
            c1, c2 = one.cost(False), two.cost(True)
            enc = 4 * ps.L * ps.N * two.S * two.blocks_in * two.blocks_out / (n * m)
            print(f"| {ps.name} {n} -> {m} | {k1}: {k1 * key:.1f} MB | {c1[0] * unit}, {c1[1]} | "
                  f"{two.J}, {two.r1}, {two.r2} | {k2}: {k2 * key:.1f} MB | {c2[0] * unit}, {c2[1]} | "
                  f"{enc:.1f} |")
    print("\n### Correlations for the demo model (3,808 coordinates, 7,104 rows a token; Ne = 128)\n")
    print("| set | tokens a ciphertext | up, KB a token | down, KB a token | together |")
    print("|---|---|---|---|---|")
    for ps in SETS.values():
        up, down, tokens = demo_bytes(ps)
        print(f"| {ps.name} | {tokens} | {up / 1e3:.1f} | {down / 1e3:.1f} | {(up + down) / 1e3:.1f} |")
    print("\n### What a loader checks\n")
    print("Room H, budget for V, tau, tau times the key switch, and the largest X = S c^2 M norm2^2, with")
    print("the norm that it leaves to a whole row where n_b = Ne = N. The kernel takes tau = 26.1.\n")
    print("| set | H | V allowed | tau | tau * V_ks | X allowed | norm2 of a row |")
    print("|---|---|---|---|---|---|---|")
    rows = [(ps.name, ps, ps.spread(tail_nats(ps))) for ps in SETS.values() if ps.digits]
    chosen = SETS[CHOSEN]
    for name, ps, tau in [(f"{CHOSEN}, the kernel's tau", chosen, TAU_KERNEL)] + rows:
        assert name in SETS or tau >= ps.spread(tail_nats(ps))
        (h, v), x = loader_room(ps), largest_x(ps, tau)
        print(f"| {name} | 2^{math.log2(h):.3f} | 2^{math.log2(v):.2f} | {tau:.1f} | "
              f"2^{math.log2(tau * ps.key_switch()):.2f} | 2^{math.log2(x):.2f} | "
              f"{math.sqrt(x) / ps.N:.0f} |")
    print("\n### Other limbs and digits\n")
    print("Margin (sd, without the output rounding) and failure bound at 4096 -> 4096, uniform weights.\n")
    print("| limbs, digits | log2 Q | digits | sd of a key switch | tau | margin | log2 bound |")
    print("|---|---|---|---|---|---|---|")
    def near(bits):
        return prime_below(bits, 2 * N4)
    others = [([29, 28, 26], [[15, 14], [14, 14], [13, 13]]),
              ([30, 30, 23], [[10, 10, 10], [10, 10, 10], [12, 11]]),
              ([29, 28, 26], [[10, 10, 9], [10, 10, 8], [9, 9, 8]]),
              ([29, 28, 26], [[10, 10, 9], [10, 9, 9], [9, 9, 8]]),
              ([29, 28, 25], [[10, 10, 9], [10, 9, 9], [9, 8, 8]]),
              ([28, 26, 25], [[10, 9, 9], [9, 9, 8], [9, 8, 8]]),
              ([0, 26, 25], [[16, 16], [13, 13], [13, 12]]),
              ([0, 26, 25], [[11, 11, 10], [9, 9, 8], [9, 8, 8]]),
              ([0, 26, 25], [[8, 8, 8, 8], [9, 9, 8], [9, 9, 7]]),
              ([0, 26, 25], [[8, 8, 8, 8], [9, 9, 8], [9, 8, 8]]),
              ([0, 26, 21], [[8, 8, 8, 8], [9, 9, 8], [7, 7, 7]]),
              ([0, 26, 25], [[7, 7, 6, 6, 6], [7, 7, 6, 6], [7, 6, 6, 6]])]
    for bits, digits in others:
        ps = Set("", N4, [near(b) if b else T_FIELD for b in bits], digits)
        plan = Plan(ps, 4096, 4096)
        v = plan.variances(plan.frobenius2(73.6))
        margin = ps.half() / math.sqrt(sum(v.values()) - v["output"])
        bound = plan.certified(plan.frobenius2(73.6), KAPPA)[1]
        label = " ".join(f"{b or 't'}:" + ",".join(map(str, d)) for b, d in zip(bits, digits))
        print(f"| {label} | {ps.log2:.2f} | {ps.D} | 2^{math.log2(ps.key_switch()) / 2:.2f} | "
              f"{ps.spread(tail_nats(ps)):.1f} | {margin:.0f} | {'-' if bound > 0 else f'{bound:.0f}'} |")


if __name__ == "__main__":
    if any(a in sys.argv for a in ("--measure", "--quick")):
        from measure import measure
        sys.exit(measure("--quick" in sys.argv))
    tables()
