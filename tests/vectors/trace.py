"""Layouts, plans and the trace product, by their definitions."""

import direct
from direct import FINE, GIANTS
from lattice import negacyclic


def power_of_two(count):
    """The least that is at least `count`."""
    return 1 << (count - 1).bit_length()


class Layout:
    def __init__(self, n, rows, columns, tokens):
        self.n, self.rows, self.columns, self.tokens = n, rows, columns, tokens
        self.free = n // tokens
        self.fold = self.free // rows
        self.sum = max(1, columns // self.fold)
        self.lanes = columns // self.sum

    @classmethod
    def fitting(cls, n, m, k, tokens):
        """Blocks for an m x k matrix, as small as hold it."""
        tokens = power_of_two(max(1, min(tokens, n)))
        free = n // tokens
        return cls(n, power_of_two(min(m, free)), power_of_two(min(k, free)), tokens)

    @classmethod
    def for_product(cls, n, m, k, tokens):
        """As many tokens side by side as the longer side of the matrix leaves room for."""
        widest = power_of_two(min(max(m, k), n))
        return cls.fitting(n, m, k, min(tokens, n // widest))

    def input(self, j, token):
        return j % self.lanes + j // self.lanes * (self.free // self.sum) + token * self.free

    def output(self, i, token):
        return self.fold * i + token * self.free

    def normaliser(self, t):
        return pow(self.sum * self.fold, -1, t)

    def folds(self):
        """Exponents: with each the trace's subring halves."""
        out, step = [], 2 * self.tokens * self.rows
        while step < 2 * self.n:
            out.append(1 + step)
            step *= 2
        return out


class Plan:
    def __init__(self, layout):
        self.order = 2 * layout.n
        self.two_sided = layout.tokens == 1 and layout.sum > 1
        cyclic = layout.sum // 2 if self.two_sided else layout.sum
        self.giants = min(cyclic, GIANTS)
        self.babies = cyclic // self.giants
        self.fine = min(self.babies, FINE)
        self.generator = pow(5, max(1, layout.tokens // 2), self.order)

    def baby(self, i):
        return pow(self.generator, self.giants * i, self.order)

    def giant(self, j, negative):
        g = pow(self.generator, j, self.order)
        return -g % self.order if negative else g

    def keys(self):
        """Fine baby steps, coarse ones, the giant step, the conjugation."""
        out = [self.baby(i) for i in range(1, self.fine)]
        out += [self.baby(i) for i in range(self.fine, self.babies, self.fine)]
        out += [self.generator] if self.giants > 1 else []
        return out + ([self.order - 1] if self.two_sided else [])


def keys_of(layouts):
    return sorted({g for layout in layouts for g in Plan(layout).keys() + layout.folds()})


def session_keys(n, shapes, prompt, chunk):
    """Exponents whose keys a session sends: layouts of a whole step, of the rest, of one row; the head has
    one row."""
    chunk = min(chunk, prompt)
    products = [(shape, count) for shape in shapes[:-1] for count in {chunk, prompt % chunk or 1, 1}]
    return keys_of([Layout.for_product(n, *shape, count) for shape, count in products + [(shapes[-1], 1)]])


def weights(layout, matrix, block, inputs, h, sigma):
    """sigma(Q_h) for a block of the matrix: sum of W_ij X^(fold i - h e_j), as integers."""
    n, out = layout.n, [0] * layout.n
    for i, row in enumerate(matrix[block * layout.rows : (block + 1) * layout.rows]):
        for j, w in enumerate(row[inputs * layout.columns : (inputs + 1) * layout.columns]):
            e = (layout.output(i, 0) - h * layout.input(j, 0)) * sigma % (2 * n)
            out[e % n] += w if e < n else -w
    return out


def product(s, layout, matrix, keys, group):
    """The result of each output block, (mask, body) modulo q; `group` has the input blocks."""
    plan = Plan(layout)

    def apply(x, g):
        return direct.switch_key(s, x, g, keys[g])

    def add(x, y):
        return tuple([(a + b) % s.q for a, b in zip(*parts)] for parts in zip(x, y))

    def times(p, x):
        return tuple(negacyclic(s.q, p, part) for part in x)

    babies = []
    for x in group:
        steps = []
        for i in range(plan.babies):
            fine = i % plan.fine
            coarse = x if i == fine else apply(x, plan.baby(i - fine))
            steps.append(coarse if fine == 0 else apply(coarse, plan.baby(fine)))
        babies.append(steps)
    results = []
    for block in range(-(-len(matrix) // layout.rows)):
        sides = []
        for negative in [False, True][: 1 + plan.two_sided]:
            side = None
            for j in reversed(range(plan.giants)):
                giant = plan.giant(j, negative)
                inverse = pow(giant, -1, plan.order)
                inner = ([0] * s.n, [0] * s.n)
                for inputs, steps in enumerate(babies):
                    for i, x in enumerate(steps):
                        h = giant * plan.baby(i) % plan.order
                        inner = add(inner, times(weights(layout, matrix, block, inputs, h, inverse), x))
                side = inner if side is None else add(apply(side, plan.generator), inner)
            sides.append(side)
        result = sides[0]
        if plan.two_sided:
            result = add(result, apply(sides[1], plan.order - 1))
        for g in layout.folds():
            result = add(result, apply(result, g))
        results.append(result)
    return results
