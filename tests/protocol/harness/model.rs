use super::random::Rng;
use accel_cpu::Cpu;
use core::convert::Infallible;
use device_client::decoder::Request;
use device_client::generate::Multiply;
use host_server::engine::Engine;
use host_server::model::{DEVICE_BUNDLE, HostBundle, convert_device, convert_host};
use kernel::accel::ring::RingAccelerator;
use kernel::accel::{AccelError, RowSource};
use kernel::bundle::{
    CHECK_REPETITIONS, DeviceBundle, DeviceManifest, DeviceParts, ElementType, ModelDigest,
    write_device,
};
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::prime::{Prime, T};
use kernel::quant::GroupBounds;
use kernel::stream::check_vector;
use std::path::Path;
use std::sync::{Arc, LazyLock};

/// Products of masks that a host keeps: of all models but the largest, all of them.
const MASK_MEMORY: u64 = 64 << 20;

/// A model with all that both sides and an omniscient test know of it.
pub(crate) struct Model {
    pub(crate) config: ModelConfig,
    pub(crate) engine: Arc<Engine>,
    /// Row-major weights of each group.
    weights: Vec<Vec<i8>>,
    /// The device bundle, aligned.
    bundle: Vec<u64>,
    bundle_bytes: usize,
}

/// One layer, odd sizes; `attn_out` and `mlp_out` have the same shape.
pub(crate) static TINY: LazyLock<Model> = LazyLock::new(|| tiny(29));

/// The same with a head of three blocks of 64 rows.
pub(crate) static WIDE: LazyLock<Model> = LazyLock::new(|| tiny(150));

pub(crate) fn tiny(vocab: u32) -> Model {
    Model::random(ModelConfig {
        vocab,
        hidden: 14,
        layers: 1,
        heads: 2,
        kv_heads: 1,
        head_dim: 6,
        intermediate: 12,
        context: 64,
        rms_eps: 1e-5,
    })
}

/// Two layers, from the smallest checkpoint.
pub(crate) static FIXTURE: LazyLock<Model> =
    LazyLock::new(|| Model::checkpoint("tests/fixtures/tiny-untied-bf16"));

/// The model that comes with the program.
pub(crate) static DEMO: LazyLock<Model> = LazyLock::new(|| Model::checkpoint("models/demo"));

impl Model {
    /// Random weights, and scales that keep activations near one.
    fn random(config: ModelConfig) -> Self {
        let rng = &mut Rng(7);
        let check_seed = rng.seed();
        let (mut weights, mut bounds, mut check_vectors) = (Vec::new(), Vec::new(), Vec::new());
        let mut row_scales = Vec::new();
        for group in config.groups() {
            let shape = config.shape(group).unwrap();
            let rows: Vec<i8> =
                (0..shape.rows * shape.columns).map(|_| rng.below(255) as i8).collect();
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
            let scale = 1.0 / (73.0 * (shape.columns as f32).sqrt());
            row_scales.extend((0..shape.rows).map(|i| scale * (1.0 + i as f32 / 64.0)));
            weights.push(rows);
            bounds.push(norms);
        }
        let near_one = |rng: &mut Rng| 0.5 + rng.below(1024) as f32 / 1024.0;
        let hidden = config.hidden as usize;
        let parts = DeviceParts {
            manifest: DeviceManifest { config, digest: ModelDigest([9; 32]), bos: None },
            norms: (0..(2 * config.layers as usize + 1) * hidden).map(|_| near_one(rng)).collect(),
            embedding_type: ElementType::F32,
            embeddings: (0..config.vocab as usize * hidden)
                .flat_map(|_| (near_one(rng) - 1.0).to_le_bytes())
                .collect(),
            tokens: vec![Vec::new(); config.vocab as usize],
            row_scales,
            row_biases: Vec::new(),
            bounds,
            rotary: (0..config.head_dim / 2).map(|i| 1.0 / (1 + 3 * i) as f32).collect(),
            stop_tokens: Vec::new(),
            check_seed,
            check_vectors,
        };
        let digest = parts.manifest.digest;
        Self::new(config, digest, weights, &write_device(&parts).unwrap())
    }

    /// Converts a checkpoint for both sides.
    fn checkpoint(path: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (host, device) = (folder.path().join("host"), folder.path().join("device"));
        let checkpoint = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        convert_host(&checkpoint, &host, &mut |_, _| {}).unwrap();
        convert_device(&checkpoint, &device, &mut Rng(11), &mut |_, _| {}).unwrap();
        let host = HostBundle::open(&host).unwrap();
        let config = *host.config();
        let weights = config.groups().map(|group| {
            let shape = config.shape(group).unwrap();
            let mut source = host.rows(group).unwrap();
            let mut rows = vec![0; shape.rows * shape.columns];
            rows.chunks_exact_mut(shape.columns).for_each(|row| source.next_row(row).unwrap());
            rows
        });
        let weights = weights.collect();
        let bundle = std::fs::read(device.join(DEVICE_BUNDLE)).unwrap();
        Self::new(config, host.digest(), weights, &bundle)
    }

    fn new(config: ModelConfig, digest: ModelDigest, weights: Vec<Vec<i8>>, file: &[u8]) -> Self {
        // One thread: the tests themselves run side by side.
        let cpu = Cpu::builder().threads(1).build().unwrap();
        let engine = engine(Arc::new(cpu), config, digest, &weights);
        let mut bundle = vec![0_u64; file.len().div_ceil(8)];
        bytemuck::cast_slice_mut(&mut bundle)[..file.len()].copy_from_slice(file);
        Self { config, engine: Arc::new(engine), weights, bundle, bundle_bytes: file.len() }
    }

    /// The model on another accelerator, where direct mode may keep its matrices encoded.
    pub(crate) fn engine_on(&self, accelerator: Arc<dyn RingAccelerator>) -> Arc<Engine> {
        let engine = engine(accelerator, self.config, self.engine.digest(), &self.weights);
        Arc::new(engine.with_encoded_memory(MASK_MEMORY))
    }

    pub(crate) fn bundle(&self) -> DeviceBundle<'_> {
        DeviceBundle::parse(&bytemuck::cast_slice(&self.bundle)[..self.bundle_bytes]).unwrap()
    }

    pub(crate) fn shape(&self, group: GroupId) -> GroupShape {
        self.config.shape(group).unwrap()
    }

    /// The secret u of a group.
    pub(crate) fn check_vector(&self, group: GroupId, repetition: usize) -> Vec<u32> {
        let mut u = vec![0; self.shape(group).rows];
        check_vector(self.bundle().check_seed(), repetition as u8, group.0, 0, &mut u);
        u
    }

    fn rows(&self, group: GroupId) -> impl Iterator<Item = &[i8]> {
        self.weights[group.0 as usize].chunks_exact(self.shape(group).columns)
    }

    /// `W x` in ordinary integers.
    pub(crate) fn product(&self, group: GroupId, x: &[i32]) -> Vec<i32> {
        let dot = |row: &[i8]| -> i64 {
            row.iter().zip(x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum()
        };
        self.rows(group).map(|row| i32::try_from(dot(row)).unwrap()).collect()
    }

    /// `W r mod t`, in ordinary integers up to the last step.
    pub(crate) fn image(&self, group: GroupId, r: &[u32]) -> Vec<u32> {
        let dot = |row: &[i8]| -> i64 {
            row.iter().zip(r).map(|(&w, &r)| i64::from(w) * i64::from(r)).sum()
        };
        self.rows(group).map(|row| dot(row).rem_euclid(i64::from(T::VALUE)) as u32).collect()
    }
}

fn engine(
    accelerator: Arc<dyn RingAccelerator>,
    config: ModelConfig,
    digest: ModelDigest,
    weights: &[Vec<i8>],
) -> Engine {
    let rows = |group: GroupId| {
        let columns = config.shape(group)?.columns;
        Some(Rows(weights.get(group.0 as usize)?.chunks_exact(columns)))
    };
    let engine = Engine::load_direct(accelerator, config, digest, rows).unwrap();
    engine.with_mask_memory(MASK_MEMORY)
}

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

/// Products in the clear; from product `failed_from` on they are zero, as after a failed check.
pub(crate) struct Plain<'a> {
    pub(crate) model: &'a Model,
    pub(crate) failed_from: usize,
    /// Every x so far, one entry for each row.
    pub(crate) inputs: Vec<(GroupId, Vec<i32>)>,
    products: usize,
}

impl<'a> Plain<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        Self { model, failed_from: usize::MAX, inputs: Vec::new(), products: 0 }
    }
}

impl Multiply for Plain<'_> {
    type Error = Infallible;

    async fn multiply(&mut self, request: Request<'_>, y: &mut [i32]) -> Result<(), Infallible> {
        let shape = self.model.shape(request.group);
        let rows = request.x.chunks_exact(shape.columns).zip(y.chunks_exact_mut(shape.rows));
        for (x, y) in rows {
            if self.products < self.failed_from {
                y.copy_from_slice(&self.model.product(request.group, x));
            } else {
                y.fill(0);
            }
            self.inputs.push((request.group, x.to_vec()));
        }
        self.products += 1;
        Ok(())
    }
}
