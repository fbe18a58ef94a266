//! The transforms of [`kernel::ntt`] on vectors.
//!
//! Steps between words a vector or more apart work on whole vectors, several steps at a time
//! in registers; the last ones exchange words between two vectors. The former alone transform
//! columns: as many polynomials as a vector has words, side by side.
//!
//! The transforms are written over the arithmetic of a modulus, [`Field`]; forward, every second step
//! from the third on reduces.

#[cfg(test)]
mod tests;

use super::arithmetic::{Field, Pair, with_field};
use super::modulus::{Modulus, Twiddles};
use crate::arch::lanes::Lanes;

/// Whether polynomials of this degree are long enough for vectors.
pub(crate) const fn fits<L: Lanes>(degree: usize) -> bool {
    degree >= 2 * L::COUNT
}

/// NTT domain, canonical, from settled words.
#[inline(always)]
pub(crate) fn forward<L: Lanes>(lanes: L, modulus: &Modulus, polynomial: &mut [u32]) {
    with_field!(lanes, modulus, field => forward_to::<L, _, true>(field, modulus, polynomial));
}

/// NTT domain, settled, from settled words.
#[inline(always)]
pub(super) fn forward_settled<L: Lanes>(lanes: L, modulus: &Modulus, polynomial: &mut [u32]) {
    with_field!(lanes, modulus, field => forward_to::<L, _, false>(field, modulus, polynomial));
}

#[inline(always)]
fn forward_to<L: Lanes, F: Field<L>, const CANONICAL: bool>(
    field: F,
    modulus: &Modulus,
    polynomial: &mut [u32],
) {
    let vectors = L::vectors_mut(polynomial);
    descend(field, modulus, 1, vectors);
    if vectors.len().ilog2().is_multiple_of(2) {
        forward_within::<L, F, true, CANONICAL>(field, modulus, vectors);
    } else {
        forward_within::<L, F, false, CANONICAL>(field, modulus, vectors);
    }
}

/// Coefficient domain, canonical, from residues.
#[inline(always)]
pub(crate) fn inverse<L: Lanes>(lanes: L, modulus: &Modulus, polynomial: &mut [u32]) {
    with_field!(lanes, modulus, field => inverse_in(field, modulus, polynomial));
}

#[inline(always)]
fn inverse_in<L: Lanes>(field: impl Field<L>, modulus: &Modulus, polynomial: &mut [u32]) {
    let (lanes, degree) = (field.lanes(), polynomial.len());
    let vectors = L::vectors_mut(polynomial);
    inverse_within(field, modulus, vectors);
    ascend(field, modulus, vectors);
    let scale = Pair::splat(lanes, modulus.halvings[degree.ilog2() as usize]);
    for vector in vectors {
        lanes.store(field.mul(lanes.load(vector), scale), vector);
    }
}

/// The factors of one node as registers.
#[inline(always)]
fn factor<L: Lanes>(lanes: L, twiddles: &Twiddles, node: usize) -> Pair<L> {
    Pair::splat(lanes, twiddles.get(node))
}

/// A node of the tree, for two steps on four vectors that are a quarter of its block apart.
#[derive(Clone, Copy)]
struct Four<'a, F> {
    field: F,
    twiddles: &'a Twiddles,
    node: usize,
}

impl<F> Four<'_, F> {
    /// The grandchild `index`.
    #[inline(always)]
    fn below(self, index: usize) -> Self {
        Self { node: 4 * self.node + index, ..self }
    }

    /// From the node down.
    #[inline(always)]
    fn split<L: Lanes, const REDUCE: bool>(self, [a, b, c, d]: [L::Vector; 4]) -> [L::Vector; 4]
    where
        F: Field<L>,
    {
        let Self { field, twiddles, node } = self;
        let lanes = field.lanes();
        let w = factor(lanes, twiddles, node);
        let (a, c) = field.split::<REDUCE>(a, c, w);
        let (b, d) = field.split::<REDUCE>(b, d, w);
        let (a, b) = field.split::<false>(a, b, factor(lanes, twiddles, 2 * node));
        let (c, d) = field.split::<false>(c, d, factor(lanes, twiddles, 2 * node + 1));
        [a, b, c, d]
    }

    /// Up to the node.
    #[inline(always)]
    fn join<L: Lanes>(self, [a, b, c, d]: [L::Vector; 4]) -> [L::Vector; 4]
    where
        F: Field<L>,
    {
        let Self { field, twiddles, node } = self;
        let lanes = field.lanes();
        let (a, b) = field.join(a, b, factor(lanes, twiddles, 2 * node));
        let (c, d) = field.join(c, d, factor(lanes, twiddles, 2 * node + 1));
        let w = factor(lanes, twiddles, node);
        let (a, c) = field.join(a, c, w);
        let (b, d) = field.join(b, d, w);
        [a, b, c, d]
    }
}

/// The vectors at `start`, `start + stride`, ...
#[inline(always)]
fn load_four<L: Lanes>(
    lanes: L,
    vectors: &[L::Words],
    start: usize,
    stride: usize,
) -> [L::Vector; 4] {
    [
        lanes.load(&vectors[start]),
        lanes.load(&vectors[start + stride]),
        lanes.load(&vectors[start + 2 * stride]),
        lanes.load(&vectors[start + 3 * stride]),
    ]
}

#[inline(always)]
fn store_four<L: Lanes>(
    lanes: L,
    values: [L::Vector; 4],
    vectors: &mut [L::Words],
    start: usize,
    stride: usize,
) {
    lanes.store(values[0], &mut vectors[start]);
    lanes.store(values[1], &mut vectors[start + stride]);
    lanes.store(values[2], &mut vectors[start + 2 * stride]);
    lanes.store(values[3], &mut vectors[start + 3 * stride]);
}

/// Every step on whole vectors, from node `root` of the tree down. The results are to be settled.
#[inline(always)]
pub(super) fn descend<L: Lanes>(
    field: impl Field<L>,
    modulus: &Modulus,
    root: usize,
    vectors: &mut [L::Words],
) {
    let lanes = field.lanes();
    let mut blocks = 1;
    let mut steps = vectors.len().ilog2();
    if L::MANY_REGISTERS {
        while steps >= 4 {
            let nodes = (root * blocks..).zip(vectors.chunks_exact_mut(vectors.len() / blocks));
            for (node, block) in nodes {
                if blocks == 1 {
                    descend_sixteen::<L, false>(field, modulus, node, block);
                } else {
                    descend_sixteen::<L, true>(field, modulus, node, block);
                }
            }
            blocks *= 16;
            steps -= 4;
        }
    }
    while steps >= 2 {
        let nodes = (root * blocks..).zip(vectors.chunks_exact_mut(vectors.len() / blocks));
        for (node, block) in nodes {
            if blocks == 1 {
                descend_four::<L, false>(field, modulus, node, block);
            } else {
                descend_four::<L, true>(field, modulus, node, block);
            }
        }
        blocks *= 4;
        steps -= 2;
    }
    if steps == 1 {
        let nodes = (root * blocks..).zip(vectors.chunks_exact_mut(2));
        for (node, pair) in nodes {
            let (a, b) = (lanes.load(&pair[0]), lanes.load(&pair[1]));
            let (a, b) = field.split::<true>(a, b, factor(lanes, &modulus.forward, node));
            lanes.store(a, &mut pair[0]);
            lanes.store(b, &mut pair[1]);
        }
    }
}

/// Two steps on a block.
#[inline(always)]
fn descend_four<L: Lanes, const REDUCE: bool>(
    field: impl Field<L>,
    modulus: &Modulus,
    node: usize,
    block: &mut [L::Words],
) {
    let lanes = field.lanes();
    let four = Four { field, twiddles: &modulus.forward, node };
    let stride = block.len() / 4;
    for i in 0..stride {
        let values = load_four(lanes, block, i, stride);
        let values = four.split::<L, REDUCE>(values);
        store_four(lanes, values, block, i, stride);
    }
}

/// Four steps on a block.
#[inline(always)]
fn descend_sixteen<L: Lanes, const REDUCE: bool>(
    field: impl Field<L>,
    modulus: &Modulus,
    node: usize,
    block: &mut [L::Words],
) {
    let stride = block.len() / 16;
    // Known strides, of the longest transforms, spare the checks of every place.
    match stride {
        1 => descend_strided::<L, REDUCE>(field, modulus, node, &mut block[..16], 1),
        16 => descend_strided::<L, REDUCE>(field, modulus, node, &mut block[..256], 16),
        256 => descend_strided::<L, REDUCE>(field, modulus, node, &mut block[..4096], 256),
        _ => descend_strided::<L, REDUCE>(field, modulus, node, block, stride),
    }
}

#[inline(always)]
fn descend_strided<L: Lanes, const REDUCE: bool>(
    field: impl Field<L>,
    modulus: &Modulus,
    node: usize,
    block: &mut [L::Words],
    stride: usize,
) {
    let (lanes, twiddles) = (field.lanes(), &modulus.forward);
    for i in 0..stride {
        let four = Four { field, twiddles, node };
        let [a, b, c, d] = [
            four.split::<L, REDUCE>(load_four(lanes, block, i, 4 * stride)),
            four.split::<L, REDUCE>(load_four(lanes, block, i + stride, 4 * stride)),
            four.split::<L, REDUCE>(load_four(lanes, block, i + 2 * stride, 4 * stride)),
            four.split::<L, REDUCE>(load_four(lanes, block, i + 3 * stride, 4 * stride)),
        ];
        let columns = [
            four.below(0).split::<L, true>([a[0], b[0], c[0], d[0]]),
            four.below(1).split::<L, true>([a[1], b[1], c[1], d[1]]),
            four.below(2).split::<L, true>([a[2], b[2], c[2], d[2]]),
            four.below(3).split::<L, true>([a[3], b[3], c[3], d[3]]),
        ];
        store_four(lanes, columns[0], block, i, stride);
        store_four(lanes, columns[1], block, i + 4 * stride, stride);
        store_four(lanes, columns[2], block, i + 8 * stride, stride);
        store_four(lanes, columns[3], block, i + 12 * stride, stride);
    }
}

/// The nodes of the steps within a pair of vectors.
#[derive(Clone, Copy)]
struct Within<'a, F> {
    field: F,
    twiddles: &'a Twiddles,
    /// The first of the two nodes whose blocks are the two vectors.
    first: usize,
}

impl<F: Copy> Within<'_, F> {
    /// The factors of the nodes whose operands are `block` words.
    #[inline(always)]
    fn factors<L: Lanes>(self, block: usize) -> Pair<L>
    where
        F: Field<L>,
    {
        let (lanes, first) = (self.field.lanes(), self.first * (L::COUNT / 2 / block));
        let low = lanes.repeat(&self.twiddles.lows[first..], block);
        Pair::new(lanes, low, lanes.repeat(&self.twiddles.highs[first..], block))
    }

    /// A step between words `block` apart; none for 0.
    #[inline(always)]
    fn split<L: Lanes, const REDUCE: bool>(
        self,
        block: usize,
        a: L::Vector,
        b: L::Vector,
    ) -> (L::Vector, L::Vector)
    where
        F: Field<L>,
    {
        if block == 0 {
            return (a, b);
        }
        let (a, b) = self.field.lanes().exchange(block, a, b);
        self.field.split::<REDUCE>(a, b, self.factors(block))
    }

    /// A step that reduces where those beside it do not.
    #[inline(always)]
    fn split_again<L: Lanes, const REDUCE: bool>(
        self,
        block: usize,
        a: L::Vector,
        b: L::Vector,
    ) -> (L::Vector, L::Vector)
    where
        F: Field<L>,
    {
        if REDUCE {
            self.split::<L, false>(block, a, b)
        } else {
            self.split::<L, true>(block, a, b)
        }
    }

    /// The inverse of a step.
    #[inline(always)]
    fn join<L: Lanes>(self, block: usize, a: L::Vector, b: L::Vector) -> (L::Vector, L::Vector)
    where
        F: Field<L>,
    {
        if block == 0 {
            return (a, b);
        }
        let (a, b) = self.field.join(a, b, self.factors(block));
        self.field.lanes().exchange(block, a, b)
    }
}

/// The steps within vectors; `REDUCE` says that the first of them reduces.
#[inline(always)]
fn forward_within<L: Lanes, F: Field<L>, const REDUCE: bool, const CANONICAL: bool>(
    field: F,
    modulus: &Modulus,
    vectors: &mut [L::Words],
) {
    let (lanes, nodes) = (field.lanes(), vectors.len());
    for (i, pair) in vectors.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let (mut a, mut b) = (lanes.load(&pair[0]), lanes.load(&pair[1]));
        let twiddles = Within { field, twiddles: &modulus.forward, first: nodes + 2 * i };
        (a, b) = twiddles.split::<L, REDUCE>(L::COUNT / 2, a, b);
        (a, b) = twiddles.split_again::<L, REDUCE>(L::COUNT / 4, a, b);
        (a, b) = twiddles.split::<L, REDUCE>(L::COUNT / 8, a, b);
        (a, b) = twiddles.split_again::<L, REDUCE>(L::COUNT / 16, a, b);
        (a, b) = lanes.interleave(a, b);
        (a, b) = (field.settle(a), field.settle(b));
        if CANONICAL {
            (a, b) = (field.residue(a), field.residue(b));
        }
        lanes.store(a, &mut pair[0]);
        lanes.store(b, &mut pair[1]);
    }
}

/// The inverse steps within vectors.
#[inline(always)]
fn inverse_within<L: Lanes>(field: impl Field<L>, modulus: &Modulus, vectors: &mut [L::Words]) {
    let (lanes, nodes) = (field.lanes(), vectors.len());
    for (i, pair) in vectors.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let (mut a, mut b) = lanes.deinterleave(lanes.load(&pair[0]), lanes.load(&pair[1]));
        let twiddles = Within { field, twiddles: &modulus.inverse, first: nodes + 2 * i };
        (a, b) = twiddles.join(L::COUNT / 16, a, b);
        (a, b) = twiddles.join(L::COUNT / 8, a, b);
        (a, b) = twiddles.join(L::COUNT / 4, a, b);
        (a, b) = twiddles.join(L::COUNT / 2, a, b);
        lanes.store(a, &mut pair[0]);
        lanes.store(b, &mut pair[1]);
    }
}

/// Every inverse step on whole vectors.
#[inline(always)]
fn ascend<L: Lanes>(field: impl Field<L>, modulus: &Modulus, vectors: &mut [L::Words]) {
    let (lanes, twiddles) = (field.lanes(), &modulus.inverse);
    let mut blocks = vectors.len();
    if !vectors.len().ilog2().is_multiple_of(2) {
        blocks /= 2;
        for (node, pair) in (blocks..).zip(vectors.as_chunks_mut::<2>().0) {
            let (a, b) = (lanes.load(&pair[0]), lanes.load(&pair[1]));
            let (a, b) = field.join(a, b, factor(lanes, twiddles, node));
            lanes.store(a, &mut pair[0]);
            lanes.store(b, &mut pair[1]);
        }
    }
    while blocks > 1 {
        blocks /= 4;
        let stride = vectors.len() / blocks / 4;
        for (node, block) in (blocks..).zip(vectors.chunks_exact_mut(4 * stride)) {
            for i in 0..stride {
                let values = load_four(lanes, block, i, stride);
                let values = Four { field, twiddles, node }.join(values);
                store_four(lanes, values, block, i, stride);
            }
        }
    }
}
