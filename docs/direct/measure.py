"""An independent implementation of direct mode's operations in numpy (exact: residues in uint64,
phases in Python integers) and the comparison of measured noise with the formulas of parameters.py.
Run it through `parameters.py --measure`."""
import math
import time

import numpy as np

from parameters import KAPPA, SETS, Set

U = np.uint64


class Ntt:
    def __init__(self, q, n):
        self.q, self.n = U(q), n
        for g in range(2, 1000):
            psi = pow(g, (q - 1) // (2 * n), q)
            if pow(psi, n, q) == q - 1:
                break
        bits = n.bit_length() - 1
        rev = [int(format(i, f"0{bits}b")[::-1], 2) for i in range(n)]
        self.w = np.array([pow(psi, r, q) for r in rev], dtype=U)
        self.wi = np.array([pow(psi, -r, q) for r in rev], dtype=U)
        self.ni = U(pow(n, -1, q))

    def forward(self, a):
        q, a, m = self.q, a.copy(), 1
        while m < self.n:
            x = a.reshape(a.shape[:-1] + (m, 2, self.n // (2 * m)))
            u, v = x[..., 0, :].copy(), x[..., 1, :] * self.w[m:2 * m, None] % q
            x[..., 0, :], x[..., 1, :] = (u + v) % q, (u + q - v) % q
            m *= 2
        return a

    def inverse(self, a):
        q, a, m = self.q, a.copy(), self.n // 2
        while m >= 1:
            x = a.reshape(a.shape[:-1] + (m, 2, self.n // (2 * m)))
            u, v = x[..., 0, :].copy(), x[..., 1, :].copy()
            x[..., 0, :], x[..., 1, :] = (u + v) % q, (u + q - v) % q * self.wi[m:2 * m, None] % q
            m //= 2
        return a * self.ni % q


class Scheme:
    """One set at degree n. A polynomial is [limbs][n] residues, coefficient domain."""

    def __init__(self, ps, n, seed):
        self.ps, self.n, self.rng = ps, n, np.random.default_rng(seed)
        self.all = ps.limbs + ps.special
        self.ntt = [Ntt(q, n) for q in self.all]
        self.mod = np.array(self.all, dtype=U)[:, None]
        self.smod = np.array(self.all, dtype=np.int64)[:, None]
        self.s = self.rng.integers(-1, 2, n)
        self.keys = {}

    def residues(self, ints, moduli=None):
        m = self.smod if moduli is None else moduli
        return np.mod(ints[..., None, :], m).astype(U)

    def uniform(self, k):
        return np.stack([self.rng.integers(0, q, self.n, dtype=U) for q in self.all[:k]])

    def error(self, on=True):
        e = self.rng.binomial(21, .5, self.n) - self.rng.binomial(21, .5, self.n)
        return e if on else 0 * e

    def mul(self, a, b):
        return np.stack([t.inverse(t.forward(x) * t.forward(y) % t.q)
                         for t, x, y in zip(self.ntt, a, b)])

    def aut(self, a, g):
        k = np.arange(self.n) * g % (2 * self.n)
        out = np.empty_like(a)
        if a.dtype == U:
            neg = (self.mod[:a.shape[-2]] - a) % self.mod[:a.shape[-2]]
            out[..., k % self.n] = np.where(k < self.n, a, neg)
        else:
            out[..., k % self.n] = np.where(k < self.n, a, -a)
        return out

    def add(self, a, b):
        return (a + b) % self.mod[:a.shape[-2]]

    def centred(self, a, l):
        q = self.all[l]
        a = a.astype(np.int64)
        return np.where(a > q // 2, a - q, a)

    # ---- encryption
    def encrypt(self, message_ints, noisy=True):
        """message_ints: the already scaled message, Python integers modulo Q."""
        a = self.uniform(self.ps.L)
        m = np.stack([np.array([int(v) % q for v in message_ints], dtype=U) for q in self.ps.limbs])
        s = self.residues(self.s)[:self.ps.L]
        b = self.add(self.residues(self.error(noisy))[:self.ps.L], m)
        prod = self.mul(a, s)
        return self.add(b, (self.mod[:self.ps.L] - prod) % self.mod[:self.ps.L]), a

    def lift(self, r):
        """Residues over the limbs of Q to centred Python integers."""
        ps = self.ps
        out = 0
        for l, q in enumerate(ps.limbs):
            c = ps.Q // q
            out = out + r[l].astype(object) * (c * pow(c, -1, q))
        out = out % ps.Q
        return np.where(out > ps.Q // 2, out - ps.Q, out)

    def phase(self, ct):
        return self.lift(self.add(ct[0], self.mul(ct[1], self.residues(self.s)[:self.ps.L])))

    # ---- key switching
    def make_key(self, name, g, noisy=True):
        """Key that takes sigma_g(s) to s: per digit (body, mask) over all moduli."""
        ps, k = self.ps, len(self.all)
        sg = self.residues(self.aut(self.s, g))
        s = self.residues(self.s)
        key = []
        for l in range(ps.L):
            low = 0
            for w in (ps.digits[l] if ps.digits else [0]):
                a = self.uniform(k)
                body = self.add(self.residues(self.error(noisy)),
                                (self.mod - self.mul(a, s)) % self.mod)
                f = U(pow(2, low, self.all[l]) * (ps.P % self.all[l]) % self.all[l])
                body[l] = (body[l] + sg[l] * f) % self.mod[l]
                key.append(np.stack([[t.forward(x) for t, x in zip(self.ntt, y)] for y in (body, a)]))
                low += w
        self.keys[name] = (g, key)

    def decompose(self, a):
        """The digits of a mask, as residues over all moduli: digits of |r|, then the sign of r, so
        that the digits of -r are those of r negated and automorphisms commute with them."""
        ps, out = self.ps, []
        for l in range(ps.L):
            r = self.centred(a[l], l)
            if not ps.digits:
                out.append(self.residues(r))
                continue
            sign, r = np.sign(r), np.abs(r)
            for w in ps.digits[l][:-1]:
                d = ((r + (1 << (w - 1))) & ((1 << w) - 1)) - (1 << (w - 1))
                out.append(self.residues(sign * d))
                r = (r - d) >> w
            out.append(self.residues(sign * r))
        return out

    def switch(self, ct, name, digits=None):
        """sigma_g of a ciphertext, back under s; digits: of ct's mask, already made (hoisting)."""
        g, key = self.keys[name]
        digits = digits or self.decompose(ct[1])
        acc = [0, 0]
        for d, k in zip(digits, key):
            d = self.aut(d, g)
            d = np.stack([t.forward(x) for t, x in zip(self.ntt, d)])
            acc = [(acc[i] + d * k[i] % self.mod) % self.mod for i in (0, 1)]
        acc = [np.stack([t.inverse(x) for t, x in zip(self.ntt, y)]) for y in acc]
        if self.ps.special:
            acc = [self.mod_down(y) for y in acc]
        return self.add(self.aut(ct[0], g), acc[0]), acc[1]

    def mod_down(self, y):
        ps, sp = self.ps, self.ps.special
        if len(sp) == 1:
            r = self.centred(y[ps.L], ps.L)
        else:
            p0, p1 = sp
            h = (y[ps.L + 1] + U(p1) - y[ps.L] % U(p1)) % U(p1) * U(pow(p0, -1, p1)) % U(p1)
            r = (y[ps.L] + U(p0) * h).astype(np.int64)
            r = np.where(r > ps.P // 2, r - ps.P, r)
        out = []
        for l, q in enumerate(ps.limbs):
            d = (y[l] + U(q) - np.mod(r, q).astype(U)) % U(q)
            out.append(d * U(pow(ps.P, -1, q)) % U(q))
        return np.stack(out)


# ---- the product -----------------------------------------------------------------------------------
class Layout:
    def __init__(self, n, tokens, nb, m, giants, r1):
        self.N, self.T, self.nb, self.M = n, tokens, nb, m
        self.Ne = n // tokens
        self.c = self.Ne // m
        self.S = nb // self.c
        self.two = 2 * n
        self.signs = [1, -1] if tokens == 1 and self.S > 1 else [1]
        self.g0 = 5 if tokens == 1 else pow(5, tokens // 2, self.two)
        self.J = giants
        self.babies = self.S // len(self.signs) // giants
        self.r1, self.r2 = r1, self.babies // r1

    def h(self, sign, j, i):
        return sign * pow(self.g0, j + self.J * i, self.two) % self.two

    def place(self, j, token):
        return j % self.c + j // self.c * (self.Ne // self.S) + token * self.Ne

    def out(self, i, token):
        return self.c * i + token * self.Ne

    def q_poly(self, w, h):
        q = np.zeros(self.N, dtype=np.int64)
        cols = np.array([self.place(j, 0) for j in range(self.nb)])
        e = (self.c * np.arange(self.M)[:, None] - h * cols[None, :]) % self.two
        np.add.at(q, e % self.N, np.where(e < self.N, w, -w))
        return q

    def folds(self):
        g, out = 2 * self.T * self.M, []
        while g < self.two:
            out.append(1 + g)
            g *= 2
        return out


def product(sc, lay, cts, ws, noisy):
    """cts, ws: the input blocks. noisy: set of key kinds whose errors are on."""
    two = lay.two
    for i1 in range(1, lay.r1):
        sc.make_key(("1", i1), pow(lay.g0, lay.J * lay.r2 * i1, two), "level1" in noisy)
    for i2 in range(1, lay.r2):
        sc.make_key(("2", i2), pow(lay.g0, lay.J * i2, two), "level2" in noisy)
    sc.make_key("g", lay.g0, "giants" in noisy)
    sc.make_key("-", two - 1, "giants" in noisy)
    for g in lay.folds():
        sc.make_key(("f", g), g, "fold" in noisy)
    inner = {}
    for ct, w in zip(cts, ws):
        top = sc.decompose(ct[1])
        for i1 in range(lay.r1):
            one = sc.switch(ct, ("1", i1), top) if i1 else ct
            digits = sc.decompose(one[1])
            for i2 in range(lay.r2):
                x = sc.switch(one, ("2", i2), digits) if i2 else one
                fx = [np.stack([t.forward(y) for t, y in zip(sc.ntt, p)]) for p in x]
                for sign in lay.signs:
                    for j in range(lay.J):
                        q = lay.q_poly(w, lay.h(sign, j, i1 * lay.r2 + i2))
                        q = sc.aut(q, pow(lay.h(sign, j, 0), -1, two))
                        r = sc.residues(q)[:sc.ps.L]
                        r = np.stack([t.forward(y) for t, y in zip(sc.ntt, r)])
                        got = [(f * r) % sc.mod[:sc.ps.L] for f in fx]
                        old = inner.get((sign, j))
                        inner[sign, j] = got if old is None else [sc.add(u, v) for u, v in zip(old, got)]
    inner = {k: tuple(np.stack([t.inverse(y) for t, y in zip(sc.ntt, p)]) for p in v)
             for k, v in inner.items()}
    total = None
    for sign in lay.signs:
        acc = inner[sign, lay.J - 1]
        for j in range(lay.J - 2, -1, -1):
            acc = tuple(sc.add(u, v) for u, v in zip(sc.switch(acc, "g"), inner[sign, j]))
        if sign == -1:
            acc = sc.switch(acc, "-")
        total = acc if total is None else tuple(sc.add(u, v) for u, v in zip(total, acc))
    for g in lay.folds():
        total = tuple(sc.add(u, v) for u, v in zip(total, sc.switch(total, ("f", g))))
    return total


def predicted(ps, n, lay, frob2):
    """The formulas of Plan.variances at degree n."""
    small = Set("s", n, ps.limbs, ps.digits, ps.special, ps.plain)
    ks, gain = small.key_switch(), lay.S * lay.c**2 * frob2
    switches = len(lay.signs) * (lay.J - 1) + len(lay.signs) - 1
    return dict(fresh=10.5 * gain, level1=ks * gain * (1 - 1 / lay.r1),
                level2=ks * gain * (1 - 1 / lay.r2), giants=lay.c**2 * switches * ks,
                fold=(lay.c**2 - 1) / 3 * ks)


class Report:
    def __init__(self, slack):
        self.bad, self.slack = 0, slack

    def line(self, what, got, want, runs):
        ok = abs(got / want - 1) <= self.slack
        self.bad += not ok
        print(f"{what:<46} measured {got:11.4g}  formula {want:11.4g}  ratio {got / want:6.3f}"
              f"  runs {runs}{'' if ok else '  OFF'}", flush=True)


def noise_of_product(rep, name, lay_args, blocks, runs, only=None):
    ps = SETS[name]
    n = lay_args[0]
    lay = Layout(*lay_args)
    for kind in ("fresh", "level1", "level2", "giants", "fold", "all"):
        if only and kind not in only:
            continue
        sums = []
        want = 0.0
        for seed in range(runs):
            sc = Scheme(ps, n, (seed, len(kind), ord(kind[0]), ord(kind[-1])))
            ws = [sc.rng.integers(-127, 128, (lay.M, lay.nb)) for _ in range(blocks)]
            p = predicted(ps, n, lay, sum(float((w * w).sum()) for w in ws))
            want += sum(p.values()) if kind == "all" else p[kind]
            t, factor = ps.plain[0], pow(lay.S * lay.c, -1, ps.plain[0])
            cts, mean = [], np.zeros((lay.T, lay.M), dtype=object)
            truth = np.zeros((lay.T, lay.M), dtype=object)
            for w in ws:
                x = sc.rng.integers(-2000, 2001, (lay.T, lay.nb))
                truth += x.astype(object) @ w.T.astype(object)
                enc = np.zeros(n, dtype=object)
                for token in range(lay.T):
                    for j in range(lay.nb):
                        m = int(x[token, j]) * factor % t
                        enc[lay.place(j, token)] = (2 * ps.Q * m + t) // (2 * t)
                    mean[token] += (w.astype(object) @ np.array(
                        [enc[lay.place(j, token)] for j in range(lay.nb)], dtype=object)) * lay.S * lay.c
                cts.append(sc.encrypt(enc, kind in ("fresh", "all")))
            got = sc.phase(product(sc, lay, cts, ws, {"level1", "level2", "giants", "fold"}
                                   if kind == "all" else {kind}))
            for token in range(lay.T):
                for i in range(lay.M):
                    v = int(got[lay.out(i, token)])
                    e = (v - int(mean[token, i]) + ps.Q // 2) % ps.Q - ps.Q // 2
                    sums.append(float(e) ** 2)
                    y = (2 * v * t + ps.Q) // (2 * ps.Q) % t
                    assert y == int(truth[token, i]) % t, "a wrong product"
        want /= runs
        if want == 0:
            assert max(sums) == 0, kind
            continue
        rep.line(f"{name} N={n} T={lay.T} {blocks}x{lay.nb}->{lay.M} c={lay.c} S={lay.S} {kind}",
                 float(np.mean(sums)), want, runs)


def switch_noise(rep, name, n, runs):
    ps = SETS[name]
    small = Set("s", n, ps.limbs, ps.digits, ps.special, ps.plain)
    got = []
    for seed in range(runs):
        sc = Scheme(ps, n, seed)
        sc.make_key("k", 5)
        ct = sc.encrypt([0] * n, False)
        rotated = sc.decompose(sc.aut(ct[1], 5))
        assert all((sc.aut(d, 5) == r).all() for d, r in zip(sc.decompose(ct[1]), rotated))
        got.append(np.mean(sc.phase(sc.switch(ct, "k")).astype(float) ** 2))
    rep.line(f"{name} N={n} key switch", float(np.mean(got)), small.key_switch(), runs)


def mod_down_noise(rep, name, n, runs):
    """Mod-down alone: errors of the key off."""
    ps = SETS[name]
    small = Set("s", n, ps.limbs, ps.digits, ps.special, ps.plain)
    got = []
    for seed in range(runs):
        sc = Scheme(ps, n, seed)
        sc.make_key("k", 5, False)
        got.append(np.mean(sc.phase(sc.switch(sc.encrypt([0] * n, False), "k")).astype(float) ** 2))
    rep.line(f"{name} N={n} mod-down alone", float(np.mean(got)), small.mod_down(), runs)


def output_noise(rep, name, n, runs):
    """Modulus switch to (2^a, 2^b): error in units of Q."""
    ps = SETS[name]
    small = Set("s", n, ps.limbs, ps.digits, ps.special, ps.plain, a_bits=ps.a_bits, b_bits=ps.b_bits)
    got = []
    for seed in range(runs):
        sc = Scheme(ps, n, seed)
        b, a = sc.encrypt([0] * n, False)
        A, B = 2**ps.a_bits, 2**ps.b_bits
        ra = np.array([(2 * int(v) * A + ps.Q) // (2 * ps.Q) for v in sc.lift(a)], dtype=object)
        rb = np.array([(2 * int(v) * B + ps.Q) // (2 * ps.Q) for v in sc.lift(b)], dtype=object)
        # exact product with s modulo 2^a: through a prime limb above 2^a * n is not needed, the
        # rounding errors are enough: err = B-part + (A-part) * s
        ea = np.array([v * ps.Q - int(x) * A for v, x in zip(ra, sc.lift(a))], dtype=object)
        ea = (ea / A).astype(float)
        eb = (np.array([v * ps.Q - int(x) * B for v, x in zip(rb, sc.lift(b))], dtype=object) / B).astype(float)
        f = np.convolve(ea, sc.s.astype(float))
        f = np.append(f, 0.0)
        got.append(np.mean((f[:n] - f[n:] + eb) ** 2))
    rep.line(f"{name} N={n} output to 2^{ps.a_bits}, 2^{ps.b_bits}", float(np.mean(got)), small.output(), runs)


def fresh_noise(rep, name, n, runs):
    ps = SETS[name]
    t, got, enc = ps.plain[0], [], []
    for seed in range(runs):
        sc = Scheme(ps, n, seed)
        m = sc.rng.integers(0, t, n)
        scaled = [(2 * ps.Q * int(v) + t) // (2 * t) for v in m]
        ph = sc.phase(sc.encrypt(scaled))
        for p, s, v in zip(ph, scaled, m):
            got.append(float((int(p) - s + ps.Q // 2) % ps.Q - ps.Q // 2) ** 2)
            enc.append(((s * t - ps.Q * int(v)) / t) ** 2)
    rep.line(f"{name} N={n} fresh", float(np.mean(got)), ps.fresh(), runs)
    if ps.encoding():
        rep.line(f"{name} N={n} encoding", float(np.mean(enc)), ps.encoding(), runs)
    else:
        assert max(enc) == 0, "t divides Q: no rounding"


def coherence(rep):
    """kappa: the largest gain of an output over c^2 S M max norm(row)^2, and the claim that the mean
    gain is exactly c^2 S ||W||_F^2, with the h that share a noise polynomial added coherently."""
    rng = np.random.default_rng(1)
    print("\ncoherence kappa (a key for each baby; level one of two)")
    for args in ((256, 1, 256, 256, 8, 4), (256, 1, 64, 256, 4, 2), (256, 4, 64, 32, 4, 2)):
        lay = Layout(*args)
        r, c = np.arange(lay.M), np.arange(lay.nb)
        kinds = {
            "uniform": rng.integers(-127, 128, (lay.M, lay.nb)),
            "signs * 127": 127 * rng.choice([-1, 1], (lay.M, lay.nb)),
            "all 127": np.full((lay.M, lay.nb), 127),
            "rank one signs": 127 * np.outer(rng.choice([-1, 1], lay.M), rng.choice([-1, 1], lay.nb)),
            "chequered": 127 * (-1) ** (r[:, None] + c[None, :]),
            "identity": 127 * (r[:, None] == c[None, :]).astype(np.int64),
            "one row": 127 * (r[:, None] == 3).astype(np.int64) * np.ones((1, lay.nb), dtype=np.int64),
            "outlier columns": np.clip(rng.normal(0, 8, (lay.M, lay.nb)) * np.where(c % 16 == 3, 12, 1),
                                       -127, 127).astype(np.int64),
        }
        p = np.arange(lay.N)
        for label, w in kinds.items():
            ratio = []
            for level_one in (False, True):
                groups = {}
                for sign in lay.signs:
                    for j in range(lay.J):
                        for i in range(lay.babies):
                            h = lay.h(sign, j, i)
                            q = lay.q_poly(w, h)
                            # row o of Q_h sigma_h: coefficient of input p is +-Q_h[o - h p]
                            o = np.arange(0, lay.N, lay.c)[:, None]
                            e = (o - h * p[None, :]) % lay.two
                            a = np.where(e < lay.N, q[e % lay.N], -q[e % lay.N])
                            # sigma_h = giant after baby: noise enters after the baby's automorphism
                            key = i // lay.r2 if level_one else i
                            first = pow(lay.g0, lay.J * (key * lay.r2 if level_one else key), lay.two)
                            # column of the noise coordinate k: sigma_first takes p to k
                            k = p * first % lay.two
                            b = np.zeros_like(a)
                            b[:, k % lay.N] = np.where(k < lay.N, a, -a)
                            groups[key] = groups.get(key, 0) + b
                v = sum((g * g).sum(axis=1) for g in groups.values()) * lay.c**2
                want = lay.c**2 * lay.S * int((w.astype(object) ** 2).sum())
                assert int(v.sum()) == want * len(v), "the mean gain is not the formula"
                top = int((w.astype(object) ** 2).sum(axis=1).max())
                ratio.append(v.max() / (lay.c**2 * lay.S * lay.M * top))
                rep.bad += ratio[-1] > KAPPA
            print(f"  N={lay.N} T={lay.T} {lay.nb}->{lay.M} {label:<16} {ratio[0]:7.2f} {ratio[1]:7.2f}")


def tamper(rep):
    """A host adds k t Enc(r), k chosen so that one coefficient decides. Accepted runs, and how often
    Q r mod t, with the Q of D, then lies in the middle half: one half if nothing is learnt."""
    rng = np.random.default_rng(2)
    print("\nadding k * t * (a fresh coefficient): accepted, and share with Q r / t within 1/4 of an integer")
    for name in ("D", "E"):
        ps, t = SETS[name], SETS[name].plain[0]
        k = int(ps.half() / (t / 4))
        acc = mid = 0
        for _ in range(20000):
            r = int(rng.integers(0, t))
            e = int(rng.binomial(21, .5)) - int(rng.binomial(21, .5))
            v = k * t * ((2 * ps.Q * r + t) // (2 * t) + e) % ps.Q
            if min(v, ps.Q - v) < ps.half():
                acc += 1
                f = SETS["D"].Q * r % t / t
                mid += min(f, 1 - f) < 0.25
        print(f"  {name}: {acc / 20000:.3f} accepted, {mid / max(1, acc):.3f} in the middle half")
        if name == "E":
            rep.bad += not 0.46 < mid / acc < 0.54
        else:
            rep.bad += not mid / acc > 0.95
    isolate(rep)
    rescale(rep)


def rescale(rep):
    """A host rescales a ciphertext of E by 2 / t as if its numbers were real. Accepted runs, and how
    often m then lies in the middle half: all of them. One coefficient; T of them must pass at once."""
    rng = np.random.default_rng(4)
    ps = SETS["E"]
    t, n = ps.plain[0], ps.N
    acc = mid = 0
    runs = 1500 if rep.slack > 0.1 else 6000
    for _ in range(runs):
        # In units of Q: body = <mask, s> + m / t, all centred; the noise is far below.
        a = rng.random(n) - 0.5
        s = rng.integers(-1, 2, n)
        m = rng.random() - 0.5
        inner = float(a @ s)
        body = inner + m
        wrap = round(body)
        # The phase of the rescaled pair is 2 (m - wrap), in units of Q / t; its rounding is far below 1/2.
        if round(2 * (m - wrap)) == 0:
            acc += 1
            mid += abs(m) < 0.25
    want = 1 / math.sqrt(2 * math.pi * n / 18) / 2
    print(f"  rescaled by 2 / t: {acc / runs:.4f} accepted (formula {want:.4f}), {mid} of {acc} in the middle half; "
          f"32 tokens at once 2^{32 * math.log2(2 * want):.0f}")
    rep.bad += mid != acc or abs(acc - want * runs) > 5 * math.sqrt(want * runs)


def isolate(rep):
    """That one coefficient can be had alone: k t Enc(r) under the trace over the whole group, with
    evaluation keys, is N k t (round(Q r_0 / t) + e_0) in coefficient 0 and noise elsewhere."""
    ps, n = SETS["D"], 256
    t, sc = ps.plain[0], Scheme(ps, n, 3)
    k = int(ps.half() / (t / 4)) // n
    m = [(2 * ps.Q * int(r) + t) // (2 * t) for r in sc.rng.integers(0, t, n)]
    clear = sc.encrypt(m)
    want = n * k * t * int(sc.phase(clear)[0])
    ct = tuple(x * np.array([k * t % q for q in ps.limbs], dtype=U)[:, None] % sc.mod for x in clear)
    g = 3
    while g < 2 * n + 1:
        sc.make_key(g, g)
        ct = tuple(sc.add(x, y) for x, y in zip(ct, sc.switch(ct, g)))
        g = 2 * g - 1
    found = sc.phase(ct)
    off = (int(found[0]) - want + ps.Q // 2) % ps.Q - ps.Q // 2
    others = max(abs(int(v)) for v in found[1:])
    print(f"  isolated at N = {n}: coefficient 0 off by 2^{math.log2(abs(off) + 1):.0f}, others at most "
          f"2^{math.log2(others):.0f}, half the message distance 2^{math.log2(ps.half()):.0f}")
    rep.bad += max(abs(off), others) > ps.half() / 1000


def measure(quick):
    rep, start = Report(0.25 if quick else 0.05), time.time()
    f = 1 if quick else 8
    for name in ("D", "E", "E9"):
        fresh_noise(rep, name, 256, 10 * f)
        for n, runs in ((256, 30 * f), (512, 15 * f), (4096, 2 * f)):
            switch_noise(rep, name, n, runs)
        output_noise(rep, name, 4096, 1 * f)
    for name, n in (("B", 256), ("B", 4096), ("C", 256), ("C", 8192)):
        runs = 30 * f if n == 256 else f
        mod_down_noise(rep, name, n, runs)
        switch_noise(rep, name, n, runs)
    # (degree, tokens, n_b, M, giants, r1), blocks
    for name in ("D", "E"):
        noise_of_product(rep, name, (256, 1, 64, 64, 2, 2), 1, 20 * f)
        noise_of_product(rep, name, (256, 4, 64, 16, 2, 4), 2, 20 * f)
        noise_of_product(rep, name, (256, 8, 16, 32, 2, 4), 1, 10 * f)
    noise_of_product(rep, "E9", (256, 1, 256, 256, 8, 4), 1, 4 * f, only=("level1", "level2", "all"))
    coherence(rep)
    tamper(rep)
    print(f"\n{rep.bad} off, {time.time() - start:.0f} s")
    return 1 if rep.bad else 0
