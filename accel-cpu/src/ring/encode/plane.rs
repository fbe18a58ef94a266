//! Weights by a transform in two dimensions, for the long main sums of large blocks.
//!
//! For `u = k b` and `kappa = k / g`, the value for g and b at `psi^k` is a point of the plane
//!
//! ```text
//! F(kappa, u) = sum_j V_j(kappa) psi^(-u e_j)
//! ```
//!
//! Two passes. [`Plane::columns`] transforms the columns of the block, as many side by side as a
//! vector has words; it leaves `V_j(kappa)` with kappa in the order of orbits. [`Plane::rows`] takes
//! as many kappa as a vector has words, neighbours of one orbit, side by side, and transforms over
//! the inputs. With `e_j = lane + (Ne / sum) i`, `F(kappa, u) = sum_lane psi^(-u lane) Y_lane(kappa, u)`,
//! where `Y_lane` is a transform of length `sum` that depends on u modulo `2 T sum` alone.
//!
//! In an orbit, dividing by the generator's powers is going back: with k at m, the values for baby step
//! i and all giant steps are at `u = m + giants i` and `kappa = m, m - 1, m - 2, ...`: neighbours in
//! memory, where the window of kappa is kept over one vector more than the last giant step goes back.

use super::super::arithmetic::{Field, Pair, with_field};
use super::super::modulus::{Factor, Modulus};
use super::super::ntt::descend;
use super::super::shape::{GIANTS, Orbits, Shape, slot};
use super::super::transpose::transpose;
use super::{Block, Failure, Scratch};
use crate::arch::lanes::Lanes;
use crate::team::Team;
use core::ops::Range;
use kernel::accel::AccelError;

/// What becomes of the weights of one block of places and one side.
pub(in super::super) trait Sink<L: Lanes> {
    /// `block` counts the blocks of places of the call.
    fn take(&mut self, lanes: L, block: usize, side: usize, weights: &[u32]);
}

/// Tiles of columns that are transformed one after another, and read together.
const TOGETHER: usize = 16;
/// Those of them whose bytes share lines of a cache.
const IN_LINE: usize = 4;

/// The plane of one limb of one block of a matrix, between its two passes.
pub(in super::super) struct Plane<'a> {
    shape: &'a Shape<'a>,
    orbits: &'a Orbits,
    /// `V` by families, by tiles of columns as many as [`TOGETHER`], by kappa as many as a vector has
    /// words; tile by tile, a vector of columns for each kappa.
    columns: Scratch,
    families: Vec<Family>,
}

/// Where the transforms of a family leave their values.
struct Family {
    /// The node of the transform of columns, and the place of each kappa of each orbit in its result.
    column_node: usize,
    column_places: Vec<u16>,
    /// The same for the transform of inputs and u.
    row_node: usize,
    row_places: Vec<u16>,
}

impl Family {
    fn new(shape: &Shape<'_>, orbits: &Orbits, family: usize) -> Self {
        let layout = &shape.layout;
        let (rows, sum, tokens) = (layout.rows(), layout.sum(), layout.tokens());
        let cycle = sum / orbits.of_family;
        let node = |length: usize, exponent: u32| tokens + slot(tokens * length, exponent) / length;
        let column = |(orbit, m)| (slot(tokens * rows, orbits.exponent(orbit, m)) % rows) as u16;
        let row = |(orbit, m)| {
            (slot(tokens * sum, orbits.exponent(orbit, m).wrapping_neg()) % sum) as u16
        };
        let all = |count: usize| {
            orbits.family(family).flat_map(move |orbit| (0..count).map(move |m| (orbit, m)))
        };
        let first = orbits.exponent(family, 0);
        Self {
            column_node: node(rows, first),
            column_places: all(orbits.period).map(column).collect(),
            row_node: node(sum, first.wrapping_neg()),
            row_places: all(cycle).map(row).collect(),
        }
    }

    /// The transforms of a tile of columns, from a vector of bytes for each row, by way of `vectors`,
    /// into squares of values for each kappa as many as a vector has words.
    #[inline(always)]
    fn columns<'o, L: Lanes>(
        &self,
        field: impl Field<L>,
        modulus: &Modulus,
        bytes: impl Iterator<Item = &'o [i8]>,
        vectors: &mut [L::Words],
        squares: impl Iterator<Item = &'o mut [u32]>,
    ) {
        let lanes = field.lanes();
        let mut rest = vectors.iter_mut();
        for (bytes, vector) in bytes.zip(&mut rest) {
            lanes.store(field.settle_byte(lanes.extend(bytes)), vector);
        }
        rest.for_each(|vector| vector.as_mut().fill(0));
        descend(field, modulus, self.column_node, vectors);
        for (square, places) in squares.zip(self.column_places.chunks_exact(L::COUNT)) {
            for (out, &place) in L::vectors_mut(square).iter_mut().zip(places) {
                let x = lanes.load(&vectors[usize::from(place)]);
                lanes.store(field.settle(x), out);
            }
        }
    }
}

impl<'a> Plane<'a> {
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(in super::super) fn new(
        shape: &'a Shape<'a>,
        orbits: &'a Orbits,
    ) -> Result<Self, AccelError> {
        let layout = &shape.layout;
        let columns = Scratch::new(layout.tokens() * layout.rows() * layout.columns())?;
        let families = (0..orbits.families()).map(|f| Family::new(shape, orbits, f)).collect();
        Ok(Self { shape, orbits, columns, families })
    }

    /// Tiles of columns.
    fn tiles(&self, lanes: usize) -> usize {
        self.shape.layout.columns() / lanes
    }

    /// The first pass.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(in super::super) fn columns<L: Lanes>(
        &mut self,
        lanes: L,
        team: &Team,
        block: &Block<'_>,
        limb: usize,
    ) -> Result<(), AccelError> {
        let modulus = &self.shape.set.limbs[limb].modulus;
        let rows = self.shape.layout.rows();
        let (tiles, together) = (self.tiles(L::COUNT), self.together(L::COUNT));
        let used = block.columns.len().div_ceil(L::COUNT);
        let families = &self.families;
        let failure = Failure::default();
        let all = self.columns.chunks_exact_mut(together * rows * L::COUNT).enumerate();
        team.for_each(all, |(index, out)| {
            let (family, first) = (&families[index * together / tiles], index * together % tiles);
            let words = Scratch::new(rows * L::COUNT);
            let Ok(mut words) = words.map_err(|error| failure.note(Err(error))) else { return };
            let mut bytes = vec![0; IN_LINE * block.rows.len() * L::COUNT];
            for tile in first..used.min(first + together) {
                let line = (tile - first) % IN_LINE;
                if line == 0 {
                    read_bytes::<L>(block, tile, &mut bytes);
                }
                let bytes = bytes.chunks_exact(IN_LINE * L::COUNT);
                lanes.run(
                    #[inline(always)]
                    || {
                        let bytes =
                            bytes.clone().map(|bytes| &bytes[line * L::COUNT..][..L::COUNT]);
                        let vectors = L::vectors_mut(&mut words);
                        let units = out.chunks_exact_mut(together * L::COUNT * L::COUNT);
                        let start = (tile - first) * L::COUNT * L::COUNT;
                        let outs = units.map(|unit| &mut unit[start..][..L::COUNT * L::COUNT]);
                        with_field!(lanes, modulus, field => {
                            family.columns(field, modulus, bytes, vectors, outs);
                        });
                    },
                );
            }
        });
        failure.result()
    }

    /// Tiles that are read together.
    fn together(&self, lanes: usize) -> usize {
        TOGETHER.min(self.tiles(lanes))
    }

    /// Places in one unit of the second pass.
    pub(in super::super) fn unit(&self, lanes: usize) -> usize {
        lanes * self.orbits.of_family * (self.orbits.length / self.orbits.period)
    }

    /// All units, in pieces that are worth a thread each.
    pub(in super::super) fn pieces(&self, lanes: usize, threads: usize) -> Vec<Range<usize>> {
        let family = self.orbits.period / lanes;
        // Every piece begins by filling its window.
        let pieces = if threads == 1 { 1 } else { 4 * threads };
        let piece = family.div_ceil(pieces.min(family));
        let of_family = move |first: usize| {
            (first..first + family)
                .step_by(piece)
                .map(move |start| start..(start + piece).min(first + family))
        };
        (0..self.families.len()).flat_map(|index| of_family(index * family)).collect()
    }

    /// The second pass, over the units of one piece, of a matrix block with `used` columns.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub(in super::super) fn rows<L: Lanes>(
        &self,
        lanes: L,
        limb: usize,
        used: usize,
        units: Range<usize>,
        sink: &mut impl Sink<L>,
    ) -> Result<(), AccelError> {
        let of_family = self.orbits.period / L::COUNT;
        let family = units.start / of_family;
        let mut window = Window::<L>::new(self, limb, family, used)?;
        let mut weights = Scratch::new(self.shape.weights(L::COUNT) / self.shape.sides())?;
        let blocks = self.unit(L::COUNT) / L::COUNT;
        for orbit in 0..self.orbits.of_family {
            for back in (1..=GIANTS / L::COUNT).rev() {
                let unit = (units.start % of_family + of_family - back) % of_family;
                window.push(lanes, orbit, unit);
            }
            for (index, unit) in units.clone().enumerate() {
                window.push(lanes, orbit, unit % of_family);
                for block in 0..blocks {
                    // Orbits within repeats of the period.
                    let of = block % self.orbits.of_family;
                    let repeat = block / self.orbits.of_family;
                    let first = unit % of_family * L::COUNT + repeat * self.orbits.period;
                    let side = usize::from(of != orbit);
                    lanes.run(
                        #[inline(always)]
                        || {
                            with_field!(lanes, window.modulus, field => {
                                window.weights(field, of, first, &mut weights);
                            });
                            sink.take(lanes, index * blocks + block, side, &weights);
                        },
                    );
                }
            }
        }
        Ok(())
    }
}

/// The bytes of the tiles that share a line with `tile`, the first: row by row, zeros beyond the last
/// column. Rows are far apart in memory, so all is taken of a line while it is at hand.
fn read_bytes<L: Lanes>(block: &Block<'_>, tile: usize, bytes: &mut [i8]) {
    let first = block.columns.start + tile * L::COUNT;
    let count = (IN_LINE * L::COUNT).min(block.columns.end - first);
    for (row, out) in block.rows.clone().zip(bytes.chunks_exact_mut(IN_LINE * L::COUNT)) {
        let (out, beyond) = out.split_at_mut(count);
        out.copy_from_slice(&block.matrix.row(row)[first..first + count]);
        beyond.fill(0);
    }
}

/// The values of `Y` for a window of kappa in one orbit, and every u of a family.
struct Window<'a, L: Lanes> {
    plane: &'a Plane<'a>,
    family: usize,
    modulus: &'a Modulus,
    /// Columns that the matrix has.
    used: usize,
    /// Lanes, the length of the transforms, and how many of their values each orbit has.
    count: usize,
    sum: usize,
    cycle: usize,
    /// For each lane and u a row of words, one for each kappa: those of the last [`GIANTS`], then a
    /// vector of new ones.
    words: Scratch,
    /// Transforms in the making.
    scratch: Scratch,
    /// `psi^-u`, for each orbit of the family and slot, where there are several lanes.
    twists: Vec<Factor>,
    lanes: core::marker::PhantomData<L>,
}

impl<'a, L: Lanes> Window<'a, L> {
    const ROW: usize = GIANTS + L::COUNT;

    fn new(
        plane: &'a Plane<'a>,
        limb: usize,
        family: usize,
        used: usize,
    ) -> Result<Self, AccelError> {
        let modulus = &plane.shape.set.limbs[limb].modulus;
        let (layout, degree) = (&plane.shape.layout, plane.shape.set.degree);
        let several = layout.columns() > layout.sum();
        let exponents = plane
            .orbits
            .family(family)
            .flat_map(|orbit| (0..plane.orbits.length).map(move |m| (orbit, m)))
            .filter(|_| several);
        let twist = |(orbit, m)| {
            let exponent = plane.orbits.exponent(orbit, m).wrapping_neg() as usize % (2 * degree);
            // psi^e is at the bit-reversed e of the table.
            let power = modulus.powers[slot(degree, 2 * (exponent % degree) as u32)];
            modulus.factor(if exponent < degree { power } else { modulus.value - power })
        };
        Ok(Self {
            plane,
            family,
            modulus,
            used,
            count: layout.columns() / layout.sum(),
            sum: layout.sum(),
            cycle: layout.sum() / plane.orbits.of_family,
            words: Scratch::new(layout.columns() * Self::ROW)?,
            scratch: Scratch::new(layout.columns() * L::COUNT)?,
            twists: exponents.map(twist).collect(),
            lanes: core::marker::PhantomData,
        })
    }

    /// Moves on by a vector of kappa, of orbit `orbit` of the family.
    fn push(&mut self, lanes: L, orbit: usize, unit: usize) {
        lanes.run(
            #[inline(always)]
            || {
                self.read(lanes, orbit, unit);
                with_field!(lanes, self.modulus, field => self.transform(field));
            },
        );
    }

    /// The columns' values at the kappa, inputs in the order of lanes.
    #[inline(always)]
    fn read(&mut self, lanes: L, orbit: usize, unit: usize) {
        let Plane { shape, orbits, .. } = self.plane;
        let (sum, rows) = (self.sum, shape.layout.rows());
        let (mask, shift) = (self.count - 1, self.count.ilog2());
        let (tiles, together) = (self.plane.tiles(L::COUNT), self.plane.together(L::COUNT));
        let scratch = L::vectors_mut(&mut self.scratch);
        let unit = orbit * (orbits.period / L::COUNT) + unit;
        for tile in 0..self.used.div_ceil(L::COUNT) {
            let chunk = (self.family * tiles + tile) / together;
            let place = (chunk * (rows / L::COUNT) + unit) * together + tile % together;
            let start = place * L::COUNT * L::COUNT;
            let source = L::vectors(&self.plane.columns[start..start + L::COUNT * L::COUNT]);
            let mut square = [lanes.splat(0); 16];
            for (vector, words) in square.iter_mut().zip(source) {
                *vector = lanes.load(words);
            }
            transpose(lanes, &mut square);
            for (j, &vector) in (tile * L::COUNT..).zip(&square[..L::COUNT]) {
                lanes.store(vector, &mut scratch[(j & mask) * sum + (j >> shift)]);
            }
        }
        for j in self.used.next_multiple_of(L::COUNT)..shape.layout.columns() {
            lanes.store(lanes.splat(0), &mut scratch[(j & mask) * sum + (j >> shift)]);
        }
    }

    /// The transforms over the inputs, into the window.
    #[inline(always)]
    fn transform(&mut self, field: impl Field<L>) {
        let (lanes, family) = (field.lanes(), &self.plane.families[self.family]);
        let sum = self.plane.shape.layout.sum();
        let all = L::vectors_mut(&mut self.scratch).chunks_exact_mut(sum);
        for (values, rows) in all.zip(self.words.chunks_exact_mut(sum * Self::ROW)) {
            descend(field, self.modulus, family.row_node, values);
            for (row, &place) in rows.chunks_exact_mut(Self::ROW).zip(&family.row_places) {
                let x = lanes.load(&values[usize::from(place)]);
                row.copy_within(L::COUNT.., 0);
                let new = &mut L::vectors_mut(&mut row[GIANTS..])[0];
                lanes.store(field.residue(field.settle(x)), new);
            }
        }
    }

    /// The weights of the block of places from `first` on in orbit `orbit` of the family.
    #[inline(always)]
    fn weights(&self, field: impl Field<L>, orbit: usize, first: usize, weights: &mut [u32]) {
        let lanes = field.lanes();
        let Plane { shape, orbits, .. } = self.plane;
        let cycle = self.cycle;
        for baby in 0..shape.plan.babies() {
            // The slot of the first place times the baby step.
            let start = first + GIANTS * baby;
            for chunk in 0..GIANTS / L::COUNT {
                // Of the first place: the kappa of the last giant step of the chunk.
                let kappa = GIANTS - chunk * L::COUNT - (L::COUNT - 1);
                let mut square = [lanes.splat(0); 16];
                for (l, vector) in square[..L::COUNT].iter_mut().enumerate() {
                    let m = (start + l) & (orbits.length - 1);
                    *vector = self.point(field, orbit * cycle, orbit * orbits.length, m, kappa + l);
                }
                transpose(lanes, &mut square);
                for (back, &vector) in square[..L::COUNT].iter().enumerate() {
                    let giant = chunk * L::COUNT + (L::COUNT - 1) - back;
                    let at = shape.weight(giant, baby, L::COUNT);
                    let out = &mut L::vectors_mut(&mut weights[at..at + L::COUNT])[0];
                    lanes.store(vector, out);
                }
            }
        }
    }

    /// `F` at slot m of an orbit, whose values and twists begin where said, and a vector of kappa.
    #[inline(always)]
    fn point(
        &self,
        field: impl Field<L>,
        rows: usize,
        twists: usize,
        m: usize,
        kappa: usize,
    ) -> L::Vector {
        let (lanes, sum, cycle) = (field.lanes(), self.sum, self.cycle);
        let count = self.count;
        let row = rows + (m & (cycle - 1));
        let last = (count - 1) * sum + row;
        let mut acc = lanes.load(L::at(&self.words, last * Self::ROW + kappa));
        if count > 1 {
            let twist = Pair::splat(lanes, self.twists[twists + m]);
            for lane in (0..count - 1).rev() {
                let value = lanes.load(L::at(&self.words, (lane * sum + row) * Self::ROW + kappa));
                acc = field.mul_then_add(acc, twist, value);
            }
            acc = field.residue(acc);
        }
        acc
    }
}
