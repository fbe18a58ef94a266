//! Units of the offline phase on the host: with masks of their own, the first under the model's seed,
//! and the next, which finds the products of the masks (`cargo bench --bench unit`; an argument is a
//! number of threads). Every unit is taken in, multiplied and packed; nothing is sent.

use accel_cpu::Cpu;
use anyhow::{Context, Result};
use host_server::engine::{Engine, UnitJob, UnitTile};
use host_server::model::{HostBundle, convert_host};
use kernel::accel::{AccelError, RowSource};
use kernel::bundle::ModelDigest;
use kernel::model::{GroupId, ModelConfig};
use kernel::params::{Masked256x16 as Set, ParameterSet};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, MAX_PAYLOAD, MaskSeed, RowForm, UnitOpen, body_bytes,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// A model with one matrix of 4096 x 4096, group 1.
const SQUARE: ModelConfig = ModelConfig {
    vocab: 64,
    hidden: 4096,
    layers: 1,
    heads: 32,
    kv_heads: 1,
    head_dim: 128,
    intermediate: 64,
    context: 64,
    rms_eps: 1e-5,
};
/// Room for all that is kept here.
const MEMORY: u64 = 1 << 30;
const ROUNDS: usize = 5;

/// Weights that look random, from a counter.
struct Rows(u32);

impl RowSource for Rows {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        for weight in row {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *weight = (self.0 >> 24) as i8;
        }
        Ok(())
    }
}

/// Seconds of one unit of each group.
fn units(engine: &Engine, groups: &[GroupId], seed: MaskSeed) -> Result<f64> {
    let started = Instant::now();
    for &group in groups {
        let open = UnitOpen { group: group.0, seed, rows: RowForm::Full, keys: 1 };
        let mut job = UnitJob::new(engine, &open, Set::ID, MAX_PAYLOAD)?;
        job.set_aside()?;
        for first in 0..job.shape().columns {
            let mut body = Block { index: first as u32, count: 1 }.encode().to_vec();
            // Words below both moduli.
            body.resize(BLOCK_PREFIX_BYTES + body_bytes(Set::N), 0x55);
            job.receive(&body)?;
        }
        while !matches!(job.step(engine)?, UnitTile::Finished) {}
    }
    Ok(started.elapsed().as_secs_f64())
}

/// The fastest of a few rounds, each from a cache that is empty.
fn report(name: &str, mut engine: Engine, groups: &[GroupId]) -> Result<()> {
    let mut best = [f64::INFINITY; 3];
    for _ in 0..ROUNDS {
        engine = engine.with_mask_memory(MEMORY);
        let seeds = [MaskSeed::Unit([1; 32]), MaskSeed::Model, MaskSeed::Model];
        for (best, seed) in best.iter_mut().zip(seeds) {
            *best = best.min(units(&engine, groups, seed)?);
        }
    }
    let [own, first, next] = best;
    println!(
        "{name}: own seed {own:.3} s, model's seed {first:.3} s, then {next:.3} s: a ratio of {:.1}",
        first / next
    );
    Ok(())
}

fn main() -> Result<()> {
    let threads = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(0);
    let cpu = || Cpu::builder().threads(threads).build();

    let folder = tempfile::tempdir()?;
    let host = folder.path().join("host");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    convert_host(&demo, &host, &mut |_, _| {}).context("the demo model")?;
    let bundle = HostBundle::open(&host)?;
    let (config, digest) = (*bundle.config(), bundle.digest());
    let engine = Engine::load(Arc::new(cpu()?), config, digest, |group| bundle.rows(group))?;
    println!("{}, (N, K) = ({}, {})", engine.backend(), Set::N, Set::K);
    report(
        "one unit of every group of the demo model",
        engine,
        &config.groups().collect::<Vec<_>>(),
    )?;

    let rows = |group: GroupId| Some(Rows(group.0));
    let engine = Engine::load(Arc::new(cpu()?), SQUARE, ModelDigest([1; 32]), rows)?;
    report("4096 x 4096", engine, &[GroupId(1)])
}
