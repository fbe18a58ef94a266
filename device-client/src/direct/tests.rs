mod parts;

use super::*;
use crate::mixed::MixedSession;
use crate::store::MemoryStore;
use kernel::bundle::{
    CHECK_REPETITIONS, DeviceManifest, DeviceParts, ElementType, ModelDigest, write_device,
};
use kernel::direct::noise::is_exact;
use kernel::model::ModelConfig;
use kernel::params::Direct4096;
use kernel::quant::GroupBounds;
use kernel::ring::Scalar;
use std::vec;
use std::vec::Vec;

pub(crate) const CONFIG: ModelConfig = ModelConfig {
    vocab: 1024,
    hidden: 256,
    layers: 1,
    heads: 2,
    kv_heads: 2,
    head_dim: 128,
    intermediate: 512,
    context: 64,
    rms_eps: 1e-5,
};
const ID: SessionId = SessionId([1; 16]);
const LIGHT: GroupBounds = GroupBounds { norm2_squared: 1 << 23, norm1: 1 << 16 };

/// A device bundle of a model whose rows have these bounds, aligned.
pub(crate) fn bundle_words(bounds: Vec<GroupBounds>) -> (Vec<u64>, usize) {
    let shapes: Vec<_> = CONFIG.groups().filter_map(|group| CONFIG.shape(group)).collect();
    let columns: usize = shapes.iter().map(|shape| shape.columns).sum();
    let hidden = CONFIG.hidden as usize;
    let parts = DeviceParts {
        manifest: DeviceManifest { config: CONFIG, digest: ModelDigest([2; 32]), bos: None },
        norms: vec![1.0; 3 * hidden],
        embedding_type: ElementType::F32,
        embeddings: vec![0; 4 * CONFIG.vocab as usize * hidden],
        tokens: vec![Vec::new(); CONFIG.vocab as usize],
        row_scales: vec![1.0; CONFIG.total_rows()],
        row_biases: Vec::new(),
        bounds,
        rotary: vec![1.0; 64],
        stop_tokens: Vec::new(),
        check_seed: Seed::from_bytes([3; 32]),
        check_vectors: vec![0; CHECK_REPETITIONS * columns],
    };
    let file = write_device(&parts).unwrap();
    let mut words = vec![0_u64; file.len().div_ceil(8)];
    bytemuck::cast_slice_mut(&mut words)[..file.len()].copy_from_slice(&file);
    (words, file.len())
}

struct Buffers(Vec<u32>, Vec<i8>);

impl Buffers {
    fn new() -> Self {
        Self(vec![0; DirectMemory::words::<Direct4096>()], vec![0; 4096])
    }

    fn lend(&mut self) -> DirectMemory<'_> {
        DirectMemory { words: &mut self.0, key: &mut self.1 }
    }
}

/// Opens a session in direct mode, and one in mixed mode, on a model of which one group has these
/// bounds.
fn open(group: u32, bounds: GroupBounds, schedule: Schedule) -> [Result<(), SessionError>; 2] {
    let mut all = vec![LIGHT; CONFIG.group_count() as usize];
    all[group as usize] = bounds;
    let (words, length) = bundle_words(all);
    let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..length]).unwrap();
    let (mut buffers, seed) = (Buffers::new(), Seed::from_bytes([4; 32]));
    let direct =
        DirectSession::<'_, Direct4096, Scalar>::open(&bundle, schedule, ID, seed, buffers.lend());
    let direct = direct.map(drop);

    let (mut buffers, seed) = (Buffers::new(), Seed::from_bytes([4; 32]));
    let mut store = MemoryStore::new(&CONFIG);
    let chunk = schedule.chunk() as usize;
    let mut masked = vec![0; crate::masked::masked_words(&CONFIG, chunk)];
    let mixed = MixedSession::<'_, _, Direct4096, Scalar>::open(
        &bundle,
        &mut store,
        schedule,
        ID,
        seed,
        0,
        &mut masked,
        buffers.lend(),
    );
    [direct, mixed.map(drop)]
}

#[test]
fn groups_that_are_too_heavy_are_refused_by_number() {
    let schedule = Schedule::new(&CONFIG, 4, 2, 4).unwrap();
    assert_eq!(open(0, LIGHT, schedule), [Ok(()); 2]);
    // The quantiser still takes these, so a bundle may have them.
    let heavy = GroupBounds { norm2_squared: 1 << 36, norm1: 1 << 18 };
    for group in 0..CONFIG.group_count() {
        let error = SessionError::Inexact { group };
        assert_eq!(open(group, heavy, schedule), [Err(error); 2]);
        let text = std::format!("{error}");
        assert!(text.contains(&std::format!("group {group},")), "{text}");
        assert!(text.contains("masked mode serves this model"), "{text}");
    }
}

/// The limit is where the first product of the schedule is not exact, whatever its tokens.
#[test]
fn every_product_of_the_schedule_is_checked() {
    for (prompt, chunk) in [(4, 4), (7, 4), (5, 1), (9, 8)] {
        let schedule = Schedule::new(&CONFIG, prompt, 2, chunk).unwrap();
        for (group, shape) in CONFIG.groups().filter_map(|g| Some((g, CONFIG.shape(g)?))) {
            let layout =
                |tokens| Layout::for_product(4096, shape.rows, shape.columns, tokens as usize);
            let exact = |bounds: &GroupBounds| {
                let mut products =
                    schedule.products(&CONFIG).filter(|product| product.group == group);
                products.all(|product| is_exact::<Direct4096>(bounds, &layout(product.tokens)))
            };
            let bounds = |norm2_squared| GroupBounds { norm2_squared, norm1: 1 << 18 };
            let (mut good, mut bad) = (LIGHT.norm2_squared, 1 << 36);
            assert!(exact(&bounds(good)), "{group:?}");
            if exact(&bounds(bad)) {
                // One token of a small matrix, and no heavy one.
                assert_eq!((chunk, open(group.0, bounds(bad), schedule)), (1, [Ok(()); 2]));
                continue;
            }
            while bad - good > 1 {
                let middle = u64::midpoint(good, bad);
                if exact(&bounds(middle)) {
                    good = middle;
                } else {
                    bad = middle;
                }
            }
            assert_eq!(open(group.0, bounds(good), schedule), [Ok(()); 2]);
            let refused = [Err(SessionError::Inexact { group: group.0 }); 2];
            assert_eq!(open(group.0, bounds(bad), schedule), refused);
        }
    }
}

/// A step has as many rows as its requests hold; neither its replies nor the head, which has one row,
/// make it shorter.
#[test]
fn chunks_are_bounded_by_requests() {
    let llama = |vocab, intermediate, kv_heads| ModelConfig {
        vocab,
        hidden: 4096,
        layers: 32,
        heads: 32,
        kv_heads,
        head_dim: 128,
        intermediate,
        context: 4096,
        rms_eps: 1e-5,
    };
    // 24 ciphertexts fit a request: 3 or 4 for a row of the widest inputs.
    for (config, chunk) in [
        (llama(32_000, 11_008, 32), 8),
        (llama(128_256, 14_336, 8), 6),
        (llama(128_256, 4096, 8), 24),
    ] {
        assert_eq!(direct_fitting_chunk::<Direct4096>(&config, 64), chunk);
        assert_eq!(direct_fitting_chunk::<Direct4096>(&config, 4), 4);
        assert!(memory::largest_payload::<Direct4096>(&config, chunk) <= MAX_PAYLOAD);
    }
}
