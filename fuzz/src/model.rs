//! A model so small that thousands of sessions a second are served.

use crate::random::Rng;
use host_server::engine::Engine;
use kernel::accel::{AccelError, Reference, RowSource};
use kernel::bundle::{
    CHECK_REPETITIONS, DeviceBundle, DeviceManifest, DeviceParts, ElementType, ModelDigest,
    write_device,
};
use kernel::model::{GroupId, ModelConfig};
use kernel::prime::{Prime, T};
use kernel::quant::GroupBounds;
use kernel::stream::{Seed, check_vector};
use std::sync::{Arc, LazyLock};

pub(crate) const CONFIG: ModelConfig = ModelConfig {
    vocab: 7,
    hidden: 6,
    layers: 1,
    heads: 1,
    kv_heads: 1,
    head_dim: 2,
    intermediate: 4,
    context: 32,
    rms_eps: 1e-5,
};
const DIGEST: ModelDigest = ModelDigest([9; 32]);

/// Both sides of it.
pub(crate) struct Model {
    pub(crate) engine: Arc<Engine>,
    pub(crate) file: Vec<u8>,
    words: Vec<u64>,
}

impl Model {
    pub(crate) fn bundle(&self) -> DeviceBundle<'_> {
        parse(&self.words, self.file.len()).unwrap()
    }
}

/// Bytes where a device would have them, aligned.
pub(crate) fn aligned(file: &[u8]) -> Vec<u64> {
    let mut words = vec![0_u64; file.len().div_ceil(8)];
    bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..file.len()].copy_from_slice(file);
    words
}

pub(crate) fn parse(
    words: &[u64],
    length: usize,
) -> Result<DeviceBundle<'_>, kernel::bundle::BundleError> {
    DeviceBundle::parse(&bytemuck::cast_slice(words)[..length])
}

struct Rows(Vec<i8>);

impl RowSource for Rows {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(&self.0[..row.len()]);
        self.0.drain(..row.len());
        Ok(())
    }
}

pub(crate) static MODEL: LazyLock<Model> = LazyLock::new(|| {
    let rng = &mut Rng(7);
    let check_seed = Seed::from_bytes([5; 32]);
    let (mut weights, mut bounds, mut check_vectors) = (Vec::new(), Vec::new(), Vec::new());
    for group in CONFIG.groups() {
        let shape = CONFIG.shape(group).unwrap();
        let rows: Vec<i8> = (0..shape.rows * shape.columns).map(|_| rng.word() as i8).collect();
        let mut norms = GroupBounds::default();
        rows.chunks_exact(shape.columns).for_each(|row| norms.include(row));
        for repetition in 0..CHECK_REPETITIONS {
            let mut u = vec![0; shape.rows];
            check_vector(&check_seed, repetition as u8, group.0, 0, &mut u);
            check_vectors.extend((0..shape.columns).map(|j| {
                rows.iter()
                    .skip(j)
                    .step_by(shape.columns)
                    .zip(&u)
                    .fold(0, |sum, (&w, &u)| T::add(sum, T::mul(u, T::from_i32(i32::from(w)))))
            }));
        }
        weights.push(rows);
        bounds.push(norms);
    }
    let floats = |count: usize| vec![0.5; count];
    let (hidden, vocab) = (CONFIG.hidden as usize, CONFIG.vocab as usize);
    let parts = DeviceParts {
        manifest: DeviceManifest { config: CONFIG, digest: DIGEST, bos: Some(1) },
        norms: floats((2 * CONFIG.layers as usize + 1) * hidden),
        embedding_type: ElementType::F32,
        embeddings: floats(vocab * hidden).iter().flat_map(|x: &f32| x.to_le_bytes()).collect(),
        tokens: (0..vocab).map(|token| vec![b'a' + token as u8; token]).collect(),
        row_scales: vec![1e-3; CONFIG.total_rows()],
        row_biases: Vec::new(),
        bounds,
        rotary: floats(CONFIG.head_dim as usize / 2),
        stop_tokens: vec![2],
        check_seed,
        check_vectors,
    };
    let file = write_device(&parts).unwrap();
    let rows = |group: GroupId| Some(Rows(weights.get(group.0 as usize)?.clone()));
    let engine = Engine::load_direct(Arc::new(Reference::default()), CONFIG, DIGEST, rows).unwrap();
    Model { engine: Arc::new(engine), words: aligned(&file), file }
});
