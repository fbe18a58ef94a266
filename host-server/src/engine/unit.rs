mod recall;

use super::Engine;
use super::words::Words;
use core::ops::Range;
use kernel::accel::AccelError;
use kernel::model::{GroupId, GroupShape};
use kernel::params::{MASKED_LIMBS, ParameterId};
use kernel::stream::PublicSeed;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, MAX_KEYS, MAX_PAYLOAD, MaskSeed, RowForm, RowShape, UnitOpen,
    WireError, body_bytes, packed_len, unpack_residues,
};

/// Bytes of result ciphertexts that a unit holds at a time.
const BUFFER_BYTES: usize = 64 << 20;
/// Rows whose products of masks are kept together: blocks are whole numbers of them, so that units of
/// any number of keys find each other's.
const KEPT_ROWS: usize = 64;

/// The offline product of one unit: encrypted masks in, encrypted images out, in tiles short
/// enough that sessions can take turns.
///
/// Rows are worked out in blocks; a finished block leaves as frames before the next begins.
#[derive(Debug)]
pub struct UnitJob {
    group: GroupId,
    shape: GroupShape,
    seed: PublicSeed,
    /// The parameter set, if the seed is the model's.
    of_model: Option<ParameterId>,
    /// How a row leaves: of K masks and a body for each key.
    row: RowShape,
    /// `n x keys N` for each limb: a coordinate's bodies under all keys lie together.
    bodies: [Words; 2],
    received: usize,
    max_payload: usize,
    /// The block of rows under way, each limb `rows x (K + keys) N`.
    block: Range<usize>,
    /// Columns of its tiles: the accelerator may prefer other ones meanwhile.
    chunk: usize,
    results: [Words; 2],
    next_tile: usize,
    next_sent: usize,
}

/// What a unit did in one step.
#[derive(Debug)]
pub enum UnitTile {
    /// A tile of products; there is more.
    Computed,
    /// The payload of a frame of result rows.
    Rows(Vec<u8>),
    /// All rows have left.
    Finished,
}

impl UnitJob {
    /// The unit of `set` that a device opens. It holds no memory yet.
    ///
    /// # Errors
    /// [`WireError::Body`] for a group that is not there or a number of keys that is none,
    /// [`WireError::Length`] if not even one row fits the peer's `max_payload`.
    pub fn new(
        engine: &Engine,
        open: &UnitOpen,
        set: ParameterId,
        max_payload: usize,
    ) -> Result<Self, WireError> {
        let group = GroupId(open.group);
        let shape = engine.config().shape(group).ok_or(WireError::Body)?;
        let keys = usize::from(open.keys);
        if !(1..=MAX_KEYS).contains(&keys) {
            return Err(WireError::Body);
        }
        let (degree, rank) = set.degree_and_rank();
        let (seed, of_model) = match open.seed {
            MaskSeed::Unit(seed) => (PublicSeed(seed), None),
            MaskSeed::Model => (PublicSeed::of_model(engine.digest(), set), Some(set)),
        };
        let job = Self {
            group,
            shape,
            seed,
            of_model,
            row: RowShape { form: open.rows, degree, rank, keys },
            bodies: Default::default(),
            received: 0,
            max_payload: max_payload.min(MAX_PAYLOAD),
            block: 0..0,
            chunk: 1,
            results: Default::default(),
            next_tile: 0,
            next_sent: 0,
        };
        if job.rows_per_frame() == 0 { Err(WireError::Length) } else { Ok(job) }
    }

    /// Bytes of residues that a unit of this shape and so many keys holds while it is worked on.
    #[must_use]
    pub fn memory(shape: GroupShape, set: ParameterId, keys: usize) -> usize {
        let (degree, rank) = set.degree_and_rank();
        let rows = shape.rows.saturating_mul((rank + keys) * degree * 8).min(BUFFER_BYTES);
        shape.columns.saturating_mul(keys * degree * 8).saturating_add(rows)
    }

    /// Rows and columns of the group's matrix.
    #[must_use]
    pub const fn shape(&self) -> GroupShape {
        self.shape
    }

    /// How its rows leave.
    #[must_use]
    pub const fn row(&self) -> &RowShape {
        &self.row
    }

    const fn mask_words(&self) -> usize {
        self.row.rank * self.row.degree
    }

    /// Words of a coordinate's bodies.
    const fn body_words(&self) -> usize {
        self.row.keys * self.row.degree
    }

    const fn rows_per_frame(&self) -> usize {
        self.max_payload.saturating_sub(BLOCK_PREFIX_BYTES) / self.row.row_bytes()
    }

    /// Rows of result ciphertexts that are worked out together.
    fn block_rows(&self) -> usize {
        let fit = BUFFER_BYTES / (8 * self.row.limb_words()) / KEPT_ROWS * KEPT_ROWS;
        fit.max(KEPT_ROWS).min(self.shape.rows)
    }

    /// Sets aside the memory of the residues, before the first of them comes. Once is enough.
    ///
    /// # Errors
    /// [`AccelError::OutOfMemory`].
    pub fn set_aside(&mut self) -> Result<(), AccelError> {
        if self.bodies[0].words().is_empty() {
            let bodies = self.shape.columns * self.body_words();
            let results = self.block_rows() * self.row.limb_words();
            self.bodies = [Words::zeroed(bodies)?, Words::zeroed(bodies)?];
            self.results = [Words::zeroed(results)?, Words::zeroed(results)?];
        }
        Ok(())
    }

    /// Takes in a payload of bodies, for which memory has been [set aside](Self::set_aside); `true` when all are there.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn receive(&mut self, payload: &[u8]) -> Result<bool, WireError> {
        let (block, packed) = Block::split(payload)?;
        let (first, count) = (block.index as usize, block.count as usize);
        let (columns, RowShape { degree, keys, .. }) = (self.shape.columns, self.row);
        if first != self.received || count == 0 || count > columns * keys - first {
            return Err(WireError::Order);
        }
        let size = body_bytes(degree);
        if packed.len() != count * size {
            return Err(WireError::Length);
        }
        let split = packed_len(MASKED_LIMBS[0], degree);
        for (number, body) in (first..).zip(packed.chunks_exact(size)) {
            let (plain, scale) = body.split_at(split);
            // They come key by key.
            let at = (number % columns * keys + number / columns) * degree;
            let place = at..at + degree;
            for (limb, packed) in [plain, scale].into_iter().enumerate() {
                let words = self.bodies[limb].words_mut().get_mut(place.clone());
                unpack_residues(MASKED_LIMBS[limb], packed, words.ok_or(WireError::Order)?)?;
            }
        }
        self.received += count;
        Ok(self.received == columns * keys)
    }

    /// Does the next step of the work. Blocks for about one tile.
    ///
    /// # Errors
    /// As the accelerator fails.
    pub fn step(&mut self, engine: &Engine) -> Result<UnitTile, AccelError> {
        if self.next_sent == self.shape.rows {
            return Ok(UnitTile::Finished);
        }
        if self.next_sent == self.block.end {
            self.begin_block(engine);
        }
        let chunk = self.chunk;
        let mask_words = self.mask_words();
        let mask_tiles = mask_words.div_ceil(chunk);
        let body_tiles = self.body_words().div_ceil(chunk);
        let per_limb = mask_tiles + body_tiles;
        if self.next_tile == 2 * per_limb {
            return Ok(UnitTile::Rows(self.frame(engine)));
        }
        let (limb, tile) = (self.next_tile / per_limb, self.next_tile % per_limb);
        if tile == 0 && self.recall_masks(engine, limb) {
            self.next_tile += mask_tiles;
            return Ok(UnitTile::Computed);
        }
        if tile < mask_tiles {
            let columns = tile * chunk..mask_words.min((tile + 1) * chunk);
            self.tile(engine, limb, columns)?;
            if tile + 1 == mask_tiles {
                self.keep_masks(engine, limb);
            }
        } else {
            let first = mask_words + (tile - mask_tiles) * chunk;
            self.tile(engine, limb, first..self.row.limb_words().min(first + chunk))?;
        }
        self.next_tile += 1;
        Ok(UnitTile::Computed)
    }

    fn begin_block(&mut self, engine: &Engine) {
        self.chunk = engine.accelerator.capabilities().preferred_columns.max(1);
        self.block = self.block.end..self.shape.rows.min(self.block.end + self.block_rows());
        self.next_tile = 0;
    }

    /// One tile: `columns` of the block's rows, all masks or all bodies.
    fn tile(
        &mut self,
        engine: &Engine,
        limb: usize,
        columns: Range<usize>,
    ) -> Result<(), AccelError> {
        let (matrix, _) = engine.matrix(self.group)?;
        let (p, rows, width) = (MASKED_LIMBS[limb], self.block.clone(), columns.len());
        let mask_words = self.mask_words();
        let mut out = vec![0; rows.len() * width];
        if columns.start < mask_words {
            let seed = &self.seed;
            engine.accelerator.product_seeded(matrix, rows, p, seed, columns.clone(), &mut out)?;
        } else {
            let first = columns.start - mask_words;
            let mut x = Vec::with_capacity(self.shape.columns * width);
            for body in self.bodies[limb].words().chunks_exact(self.body_words()) {
                x.extend_from_slice(&body[first..first + width]);
            }
            engine.accelerator.product(matrix, rows, p, &x, width, &mut out)?;
        }
        let words = self.row.limb_words();
        for (row, tile) in
            self.results[limb].words_mut().chunks_exact_mut(words).zip(out.chunks_exact(width))
        {
            row[columns.clone()].copy_from_slice(tile);
        }
        Ok(())
    }

    /// The next finished rows of the block, switched if they are to be, and packed. The rows of a frame
    /// are fewer than a tile's work.
    fn frame(&mut self, engine: &Engine) -> Vec<u8> {
        let count = self.rows_per_frame().min(self.block.end - self.next_sent);
        let block = Block { index: self.next_sent as u32, count: count as u32 };
        let (size, words) = (self.row.row_bytes(), self.row.limb_words());
        let mut payload = vec![0; BLOCK_PREFIX_BYTES + count * size];
        let (prefix, packed) = payload.split_at_mut(BLOCK_PREFIX_BYTES);
        prefix.copy_from_slice(&block.encode());
        let first = (self.next_sent - self.block.start) * words;
        let [plain, scale] = &mut self.results;
        let rows = plain.words_mut()[first..].chunks_exact_mut(words);
        let rows = rows.zip(scale.words_mut()[first..].chunks_exact_mut(words));
        for ((plain, scale), bytes) in rows.zip(packed.chunks_exact_mut(size)) {
            if self.row.form == RowForm::Switched {
                let switched = (engine.switch_row)(self.row.degree, self.row.keys, plain, scale);
                debug_assert!(switched.is_ok(), "the lengths agree by construction");
            }
            let packed = self.row.pack_row([plain, scale], bytes);
            debug_assert!(packed.is_ok(), "the lengths agree by construction");
        }
        self.next_sent += count;
        payload
    }
}
