//! The bundle of a model that is made up: of the demo model's shape, and the same each time.

use anyhow::{Context, Result};
use kernel::bundle::{
    CHECK_REPETITIONS, DeviceManifest, DeviceParts, ElementType, ModelDigest, write_device,
};
use kernel::model::ModelConfig;
use kernel::prime::{Prime, T};
use kernel::quant::GroupBounds;
use kernel::stream::Seed;

/// The shape of `models/demo`.
const CONFIG: ModelConfig = ModelConfig {
    vocab: 1024,
    hidden: 128,
    layers: 5,
    heads: 4,
    kv_heads: 2,
    head_dim: 32,
    intermediate: 352,
    context: 512,
    rms_eps: 1e-5,
};

/// The bytes of the bundle.
pub(super) fn bundle() -> Result<Vec<u8>> {
    let mut state = 1_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 32) as u32
    };
    let mut columns = 0;
    let mut bounds = Vec::new();
    for group in CONFIG.groups() {
        let n = CONFIG.shape(group).context("a group of the model")?.columns;
        columns += n;
        // Rows of weights around 40.
        bounds.push(GroupBounds { norm2_squared: 1600 * n as u64, norm1: 40 * n as u64 });
    }
    let (vocab, hidden) = (CONFIG.vocab as usize, CONFIG.hidden as usize);
    // The high half of a float of magnitude 1 to 2, of either sign.
    let mut embedding = || (0x3f80 | (next() as u16 & 0x807f)).to_le_bytes();
    let embeddings = (0..vocab * hidden).flat_map(|_| embedding()).collect();
    let parts = DeviceParts {
        manifest: DeviceManifest { config: CONFIG, digest: ModelDigest([3; 32]), bos: Some(0) },
        norms: vec![1.0; (2 * CONFIG.layers as usize + 1) * hidden],
        embedding_type: ElementType::Bf16,
        embeddings,
        tokens: (0..vocab).map(|token| format!(" {token}").into_bytes()).collect(),
        // Products of up to 2^24 become outputs of a few units.
        row_scales: vec![0.002; CONFIG.total_rows()],
        row_biases: Vec::new(),
        bounds,
        rotary: (0..CONFIG.head_dim / 2)
            .map(|i| 10_000_f32.powf(-2.0 * i as f32 / CONFIG.head_dim as f32))
            .collect(),
        stop_tokens: vec![1],
        check_seed: Seed::from_bytes([8; 32]),
        check_vectors: (0..CHECK_REPETITIONS * columns).map(|_| next() % T::VALUE).collect(),
    };
    write_device(&parts).ok().context("the bundle of a made-up model")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_demo_models_shape() {
        let file = crate::shell::root().join("models/demo/config.json");
        let json: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let number = |name: &str| json[name].as_u64().unwrap() as u32;
        for (found, name) in [
            (CONFIG.vocab, "vocab_size"),
            (CONFIG.hidden, "hidden_size"),
            (CONFIG.layers, "num_hidden_layers"),
            (CONFIG.heads, "num_attention_heads"),
            (CONFIG.kv_heads, "num_key_value_heads"),
            (CONFIG.head_dim, "head_dim"),
            (CONFIG.intermediate, "intermediate_size"),
            (CONFIG.context, "max_position_embeddings"),
        ] {
            assert_eq!(found, number(name), "{name}");
        }
        assert!(bundle().unwrap().len() < 2 << 20);
    }
}
