//! The host's products, and beside them, in the same rounds, what they are measured against.

use super::machine::Machine;
use super::series::Series;
use super::weights::Weights;
use accel_cpu::Clear;
use anyhow::{Context, Result};
use kernel::accel::{Accelerator, InPlace, MatrixId};
use kernel::model::{GroupKind, GroupShape, ModelConfig};
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use std::hint::black_box;
use std::sync::Arc;

/// Tokens of a small batch, as a prompt is computed in.
pub(super) const CHUNK: usize = 16;
/// Columns of an offline tile, and of the ordinary product of many columns.
const TILE: usize = 256;
/// Rows of an offline tile, at most.
const TILE_ROWS: usize = 4096;

/// The matrices of one kind of group, and their times.
pub(super) struct Group {
    pub(super) kind: GroupKind,
    pub(super) shape: GroupShape,
    /// How many the whole model has.
    pub(super) of_model: u32,
    held: Vec<Held>,
    pub(super) times: Times,
}

struct Held {
    weights: Arc<Weights>,
    matrix: MatrixId,
    clear: Clear,
}

/// Seconds for one matrix.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// A plain read of the weights, by all threads.
    pub(super) read: Series,
    /// The ordinary product of bytes, one column.
    pub(super) plain: Series,
    /// The private product of one token.
    pub(super) online: Series,
    /// The same for [`CHUNK`].
    pub(super) plain_chunk: Series,
    pub(super) online_chunk: Series,
    /// The ordinary product of many columns, for each multiply-add.
    pub(super) plain_many: Series,
    /// Masks that are expanded from their seed, for each int8 multiply-add: both limbs.
    pub(super) masks: Series,
    /// Bodies, likewise.
    pub(super) bodies: Series,
}

impl Group {
    /// Makes up the matrices of one kind in `layers` of the model's layers.
    pub(super) fn new(
        machine: &Machine,
        config: &ModelConfig,
        kind: GroupKind,
        layers: u32,
        huge_pages: bool,
    ) -> Result<Option<Self>> {
        let Machine { cpu, .. } = machine;
        let (count, of_model) = match kind {
            GroupKind::LmHead => (1, 1),
            _ => (layers, config.layers),
        };
        let Some(shape) = config.shape(config.group(0, kind)) else { return Ok(None) };
        let hold = |layer: u32| {
            let weights = Weights::new(shape, u64::from(config.group(layer, kind).0), huge_pages)?;
            let load = |accelerator: &dyn Accelerator| {
                let mut rows = InPlace::new(weights.clone());
                accelerator.load(shape.rows, shape.columns, &mut rows)
            };
            let clear = Clear::new(cpu, load(&**cpu)?)?;
            let matrix = load(&*machine.accelerator)
                .context("loading the matrices: fewer --layers take less memory")?;
            Ok(Held { weights, matrix, clear })
        };
        let held = (0..count).map(hold).collect::<Result<_>>()?;
        Ok(Some(Self { kind, shape, of_model, held, times: Times::default() }))
    }

    /// Weights of one matrix.
    pub(super) const fn weights(&self) -> usize {
        self.shape.rows * self.shape.columns
    }

    /// The first matrix.
    pub(super) fn first(&self) -> MatrixId {
        self.held[0].matrix
    }

    /// One round. Every matrix is taken once by each measure, so that weights that do not fit the caches
    /// come from memory.
    pub(super) fn round(&mut self, machine: &Machine) -> Result<()> {
        let Machine { cpu, accelerator, .. } = machine;
        let GroupShape { rows: m, columns: n } = self.shape;
        let (held, count, times) = (&self.held, self.held.len(), &mut self.times);
        times.read.time(count, || -> Result<()> {
            read(held, cpu.threads());
            Ok(())
        })?;
        for (tokens, plain, online) in [
            (1, &mut times.plain, &mut times.online),
            (CHUNK, &mut times.plain_chunk, &mut times.online_chunk),
        ] {
            let bytes: Vec<i8> = (0..n * tokens).map(|i| (i * 37) as i8).collect();
            let mut out = vec![0; m * tokens];
            plain.time(count, || {
                held.iter()
                    .try_for_each(|held| held.clear.product(cpu, 0..m, &bytes, tokens, &mut out))
            })?;
            let words = residues(PrimeId::T, n * tokens);
            let mut out = vec![0; m * tokens];
            online.time(count, || {
                let mut product =
                    |id| accelerator.product(id, 0..m, PrimeId::T, &words, tokens, &mut out);
                held.iter().try_for_each(|held| product(held.matrix))
            })?;
        }

        let rows = 0..m.min(TILE_ROWS);
        // As many columns of bytes as the words have.
        let columns = 4 * TILE;
        let bytes: Vec<i8> = (0..n * columns).map(|i| (i * 37) as i8).collect();
        let mut out = vec![0; rows.len() * columns];
        times.plain_many.time(rows.len() * n * columns, || {
            held[0].clear.product(cpu, rows.clone(), &bytes, columns, &mut out)
        })?;
        let mut out = vec![0; rows.len() * TILE];
        let words = PrimeId::ALL.map(|p| residues(p, n * TILE));
        // Four bytes a word, two limbs.
        let work = 8 * rows.len() * n * TILE;
        let (matrix, seed) = (held[0].matrix, PublicSeed([7; 32]));
        times.masks.time(work, || {
            PrimeId::ALL.iter().try_for_each(|&p| {
                accelerator.product_seeded(matrix, rows.clone(), p, &seed, 0..TILE, &mut out)
            })
        })?;
        times.bodies.time(work, || {
            PrimeId::ALL.iter().zip(&words).try_for_each(|(&p, words)| {
                accelerator.product(matrix, rows.clone(), p, words, TILE, &mut out)
            })
        })?;
        Ok(())
    }
}

/// Residues that look random.
fn residues(p: PrimeId, count: usize) -> Vec<u32> {
    let word = |i: u64| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32 % p.value();
    (0..count as u64).map(word).collect()
}

/// Reads all matrices once.
fn read(held: &[Held], threads: usize) {
    let sum = |part: usize, parts: usize| {
        let mut sums = [0_u64; 32];
        for held in held {
            let words = held.weights.words();
            let length = words.len().div_ceil(parts);
            let words =
                &words[(part * length).min(words.len())..((part + 1) * length).min(words.len())];
            for chunk in words.as_chunks::<32>().0 {
                for (sum, word) in sums.iter_mut().zip(chunk) {
                    *sum = sum.wrapping_add(*word);
                }
            }
        }
        black_box(sums);
    };
    let bytes: usize = held.iter().map(|held| 8 * held.weights.words().len()).sum();
    // Waking a thread costs more than reading a little.
    let parts = if bytes < 1 << 20 { 1 } else { threads };
    std::thread::scope(|scope| {
        for part in 1..parts {
            scope.spawn(move || sum(part, parts));
        }
        sum(0, parts);
    });
}
