//! The trace product from end to end.

use super::babies::Babies;
use super::encode::{Block, Plane, Sink, encode, zeros};
use super::failure::Failure;
use super::giants::{Inner, Steps};
use super::inner::multiply;
use super::keys::Keys;
use super::modulus::Modulus;
use super::scratch::Scratch;
use super::set::Set;
use super::shape::Shape;
use super::{Ciphertext, Encoded};
use crate::arch::lanes::Lanes;
use crate::matrix::{Matrix, Rows};
use crate::team::Team;
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::accel::ring::{Ciphertexts, automorphisms};
use kernel::trace::Layout;

/// Groups of ciphertexts whose baby steps are held at once: they share the encoding of weights.
const GROUPS: usize = 8;
/// Results, of all groups, whose inner sums are held at once.
const RESULTS: usize = 16;

/// A matrix in a layout.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    matrix: &'a Matrix,
    rows: Rows<'a>,
    layout: &'a Layout,
}

impl<'a> Blocks<'a> {
    /// # Errors
    /// [`AccelError::Rows`].
    pub(super) fn new(matrix: &'a Matrix, layout: &'a Layout) -> Result<Self, AccelError> {
        Ok(Self { matrix, rows: matrix.rows()?, layout })
    }

    fn inputs(&self) -> usize {
        self.layout.input_blocks(self.matrix.n)
    }

    fn outputs(&self) -> usize {
        self.layout.output_blocks(self.matrix.m)
    }

    fn block(&self, output: usize, input: usize) -> Block<'a> {
        let part = |index: usize, size: usize, all: usize| {
            (index * size).min(all)..((index + 1) * size).min(all)
        };
        Block {
            matrix: self.rows,
            rows: part(output, self.layout.rows(), self.matrix.m),
            columns: part(input, self.layout.columns(), self.matrix.n),
        }
    }

    /// All blocks encoded, for each output block all inputs.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(super) fn encode<L: Lanes>(
        &self,
        lanes: L,
        team: &Team,
        set: &Set,
    ) -> Result<Encoded, AccelError> {
        let shape = Shape::new(set, self.layout, L::COUNT);
        let mut blocks = Vec::new();
        for output in 0..self.outputs() {
            for input in 0..self.inputs() {
                let mut weights = zeros(shape.weights(set.words()))?;
                encode(lanes, team, &shape, &self.block(output, input), &mut weights)?;
                blocks.push(weights);
            }
        }
        Ok(Encoded { blocks })
    }
}

/// Everything that a product is made of.
pub(super) struct TraceProduct<'a, L> {
    pub(super) lanes: L,
    pub(super) team: &'a Team,
    pub(super) shape: Shape<'a>,
    pub(super) keys: &'a Keys,
    pub(super) blocks: Blocks<'a>,
    pub(super) encoded: Option<&'a Encoded>,
}

impl<L: Lanes> TraceProduct<'_, L> {
    /// # Errors
    /// [`AccelError::Residue`], [`AccelError::MissingKey`], [`AccelError::OutOfMemory`].
    pub(super) fn run(
        &self,
        input: &Ciphertexts<'_>,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError> {
        let (set, layout) = (self.shape.set, &self.shape.layout);
        if !set.holds(input.bodies) {
            return Err(AccelError::Residue);
        }
        for automorphism in automorphisms(&[*layout]) {
            self.keys.get(automorphism)?;
        }
        let (inputs, outputs) = (self.blocks.inputs(), self.blocks.outputs());
        let groups = input.bodies.len() / set.words() / inputs;
        let step = RESULTS.div_ceil(groups.min(GROUPS));
        for first in (0..groups).step_by(GROUPS) {
            let held = GROUPS.min(groups - first);
            let babies = (first * inputs..(first + held) * inputs)
                .map(|index| {
                    let x = self.expand(input, index)?;
                    Babies::new(self.lanes, self.team, &self.shape, self.keys, &x)
                })
                .collect::<Result<Vec<_>, _>>()?;
            for some in (0..outputs).step_by(step) {
                let some = some..(some + step).min(outputs);
                let mut sums = Vec::new();
                for output in some.clone() {
                    sums.push((output, self.inner(output, &babies)?));
                }
                let results = sums.iter().flat_map(|(output, sums)| {
                    sums.iter()
                        .enumerate()
                        .map(move |(group, sum)| ((first + group) * outputs + output, sum))
                });
                self.finish(results.collect(), masks, bodies)?;
            }
        }
        Ok(())
    }

    /// Ciphertext `index` of all, with its mask.
    fn expand(&self, input: &Ciphertexts<'_>, index: usize) -> Result<Ciphertext, AccelError> {
        let set = self.shape.set;
        let mut x = Ciphertext::new(set)?;
        x.body.copy_from_slice(&input.bodies[index * set.words()..][..set.words()]);
        let coordinate = input.first.wrapping_add(index as u64);
        let masks = x.mask.chunks_exact_mut(set.degree).zip(&set.limbs);
        self.team.for_each(masks, |(mask, limb)| (limb.expand)(input.seed, coordinate, 0, mask));
        Ok(x)
    }

    /// The inner sums of an output block, of each group, from the baby steps of each group's inputs.
    fn inner(&self, output: usize, babies: &[Babies]) -> Result<Vec<Inner>, AccelError> {
        let (shape, inputs) = (&self.shape, self.blocks.inputs());
        let groups = babies.len() / inputs;
        let sums: Result<Vec<_>, _> = (0..groups).map(|_| Inner::new(shape)).collect();
        let mut sums = sums?;
        for input in 0..inputs {
            let babies: Vec<_> = babies.iter().skip(input).step_by(inputs).collect();
            let block = self.blocks.block(output, input);
            match (self.encoded, &shape.orbits) {
                (Some(encoded), _) => {
                    self.multiply(&encoded.blocks[output * inputs + input], &babies, &mut sums);
                }
                (None, None) => {
                    let mut weights = Scratch::new(shape.weights(shape.set.words()))?;
                    encode(self.lanes, self.team, shape, &block, &mut weights)?;
                    self.multiply(&weights, &babies, &mut sums);
                }
                (None, Some(orbits)) => {
                    let plane = Plane::new(shape, orbits)?;
                    self.multiply_plane(plane, &block, &babies, &mut sums)?;
                }
            }
        }
        Ok(sums)
    }

    /// Adds the products with the weights of a block.
    fn multiply(&self, weights: &[u32], babies: &[&Babies], sums: &mut [Inner]) {
        let (shape, lanes) = (&self.shape, self.lanes);
        let degree = shape.set.degree;
        let blocks = degree / L::COUNT;
        let pieces = if self.team.threads() == 1 { 1 } else { blocks.min(4 * self.team.threads()) };
        let piece = blocks.div_ceil(pieces);
        let ranges = (0..blocks).step_by(piece).map(|first| first..(first + piece).min(blocks));
        let ranges: Vec<_> = ranges.collect();
        let words = shape.weights(L::COUNT);
        for (limb, values) in shape.set.limbs.iter().enumerate() {
            let weights = &weights[limb * blocks * words..][..blocks * words];
            let tasks = self.parts(limb, &ranges, sums).into_iter().zip(&ranges);
            team_for(self.team, tasks.collect(), |(parts, range)| {
                let mut products =
                    Products { shape, limb, modulus: &values.modulus, babies, parts, range };
                for block in range.clone() {
                    let weights = &weights[block * words..][..words];
                    lanes.run(
                        #[inline(always)]
                        || products.multiply(lanes, block - range.start, 0, weights),
                    );
                }
            });
        }
    }

    /// Adds the products with the weights of a block, which are made as they are needed.
    fn multiply_plane(
        &self,
        mut plane: Plane<'_>,
        block: &Block<'_>,
        babies: &[&Babies],
        sums: &mut [Inner],
    ) -> Result<(), AccelError> {
        let (shape, lanes) = (&self.shape, self.lanes);
        let units = plane.pieces(L::COUNT, self.team.threads());
        let unit = plane.unit(L::COUNT) / L::COUNT;
        let ranges: Vec<_> =
            units.iter().map(|units| units.start * unit..units.end * unit).collect();
        for (limb, values) in shape.set.limbs.iter().enumerate() {
            plane.columns(lanes, self.team, block, limb)?;
            let failure = Failure::default();
            let plane = &plane;
            let tasks = self.parts(limb, &ranges, sums).into_iter().zip(&ranges).zip(&units);
            team_for(self.team, tasks.collect(), |((parts, range), units)| {
                let mut products =
                    Products { shape, limb, modulus: &values.modulus, babies, parts, range };
                let used = block.columns.len();
                failure.note(plane.rows(lanes, limb, used, units.clone(), &mut products));
            });
            failure.result()?;
        }
        Ok(())
    }

    /// The sums of each group within ranges of blocks of places, which follow each other.
    fn parts<'s>(
        &self,
        limb: usize,
        ranges: &[Range<usize>],
        sums: &'s mut [Inner],
    ) -> Vec<Vec<&'s mut [u32]>> {
        let block = 2 * self.shape.giants() * L::COUNT;
        let words = 2 * self.shape.giants() * self.shape.set.degree;
        let mut parts: Vec<Vec<_>> = ranges.iter().map(|_| Vec::new()).collect();
        for sums in sums {
            let mut rest = &mut sums.words[limb * words..][..words];
            for (parts, range) in parts.iter_mut().zip(ranges) {
                let (part, after) = rest.split_at_mut(range.len() * block);
                parts.push(part);
                rest = after;
            }
        }
        parts
    }

    /// Giant steps, final traces and modulus switches of results, each with its number among all.
    fn finish(
        &self,
        results: Vec<(usize, &Inner)>,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError> {
        let (shape, lanes, keys) = (&self.shape, self.lanes, self.keys);
        let sides = shape.sides();
        let mut halves: Vec<Result<Ciphertext, AccelError>> =
            (0..results.len() * sides).map(|_| Err(AccelError::DeviceLost)).collect();
        let tasks = halves.iter_mut().enumerate();
        self.team.for_each(tasks, |(index, half)| {
            let (_, inner) = results[index / sides];
            *half = Steps::new(lanes, shape, keys)
                .and_then(|mut steps| steps.side(inner, index % sides));
        });
        let halves = halves.into_iter().collect::<Result<Vec<_>, _>>()?;
        let mut masks: Vec<_> = masks.chunks_exact_mut(shape.set.degree).map(Some).collect();
        let outputs = shape.layout.rows() * shape.layout.tokens();
        let mut bodies: Vec<_> = bodies.chunks_exact_mut(outputs).map(Some).collect();
        let mut tasks = Vec::new();
        for ((number, _), sides) in results.iter().zip(halves.chunks_exact(sides)) {
            if let (Some(mask), Some(body)) = (masks[*number].take(), bodies[*number].take()) {
                tasks.push((sides, mask, body));
            }
        }
        let failure = Failure::default();
        team_for(self.team, tasks, |(sides, mask, body)| {
            let done = Steps::new(lanes, shape, keys)
                .and_then(|mut steps| steps.finish(sides, mask, body));
            failure.note(done);
        });
        failure.result()
    }
}

fn team_for<T: Send>(team: &Team, tasks: Vec<T>, work: impl Fn(T) + Sync) {
    team.for_each(tasks.into_iter(), work);
}

/// Multiplies weights with the baby steps of every group, and adds.
struct Products<'a, 's> {
    shape: &'a Shape<'a>,
    limb: usize,
    modulus: &'a Modulus,
    babies: &'a [&'a Babies],
    /// The sums of every group in the blocks of `range`.
    parts: Vec<&'s mut [u32]>,
    range: &'a Range<usize>,
}

impl Products<'_, '_> {
    /// `block` counts from the start of the range; `weights` are those of the giants from `first` on.
    #[inline(always)]
    fn multiply<L: Lanes>(&mut self, lanes: L, block: usize, first: usize, weights: &[u32]) {
        let vectors = 2 * L::COUNT;
        let count = self.shape.plan.babies();
        let giants = weights.len() / count / L::COUNT;
        for (sums, babies) in self.parts.iter_mut().zip(self.babies) {
            let start = (block * self.shape.giants() + first) * vectors;
            let sums = &mut sums[start..start + giants * vectors];
            let babies = babies.block(self.limb, self.range.start + block, count * vectors);
            multiply(lanes, self.modulus, self.shape.together(), weights, babies, sums);
        }
    }
}

impl<L: Lanes> Sink<L> for Products<'_, '_> {
    #[inline(always)]
    fn take(&mut self, lanes: L, block: usize, side: usize, weights: &[u32]) {
        self.multiply(lanes, block, side * self.shape.plan.giants(), weights);
    }
}
