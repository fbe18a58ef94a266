//! A quantised model for tests: int8 groups, and the device bundle that belongs to them.

use half::{bf16, f16};
use kernel::bundle::{
    CHECK_REPETITIONS, DeviceBundle, DeviceManifest, DeviceParts, ElementType, ModelDigest,
    write_device,
};
use kernel::model::{GroupId, ModelConfig};
use kernel::quant::{GroupBounds, quantise_row};
use kernel::stream::Seed;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Names and sizes of the fixture folders.
pub(crate) const FIXTURES: [&str; 9] = [
    "tiny-tied-f32",
    "tiny-untied-bf16",
    "tiny-gqa-f16-sharded",
    "tiny-rope-linear",
    "tiny-rope-dynamic",
    "tiny-rope-llama3",
    "tiny-rope-yarn",
    "tiny-biases",
    "tiny-new-config",
];

/// One group's rows as the host would hold them, and what they were made from.
pub(crate) struct Group {
    pub(crate) columns: usize,
    pub(crate) weights: Vec<f32>,
    pub(crate) rows: Vec<i8>,
    pub(crate) scales: Vec<f32>,
    /// One for each row, or none.
    pub(crate) biases: Vec<f32>,
}

/// A model with everything that either side needs of it.
pub(crate) struct Model {
    pub(crate) config: ModelConfig,
    pub(crate) norms: Vec<f32>,
    pub(crate) embeddings: Vec<f32>,
    pub(crate) rotary: Vec<f32>,
    /// What cosines and sines are multiplied with.
    pub(crate) factor: f32,
    pub(crate) groups: Vec<Group>,
    bundle: Vec<u64>,
    bundle_bytes: usize,
}

/// The reference run of a fixture.
pub(crate) struct Reference {
    pub(crate) tokens: Vec<u32>,
    /// `[position][vocab]`.
    pub(crate) logits: Vec<f32>,
}

impl Model {
    pub(crate) fn bundle(&self) -> DeviceBundle<'_> {
        let bytes = &bytemuck::cast_slice(&self.bundle)[..self.bundle_bytes];
        DeviceBundle::parse(bytes).expect("the bundle was just written")
    }

    /// y = W x, exactly, of one row.
    pub(crate) fn product(&self, group: GroupId, x: &[i32], y: &mut [i32]) {
        let Group { columns, rows, .. } = &self.groups[group.0 as usize];
        for (y, row) in y.iter_mut().zip(rows.chunks_exact(*columns)) {
            let sum: i64 = row.iter().zip(x).map(|(&w, &x)| i64::from(w) * i64::from(x)).sum();
            *y = i32::try_from(sum).expect("the quantiser's promise");
        }
    }

    /// Quantises float groups and builds the bundle; `raw` are the embeddings as stored. Each
    /// group comes as weights and biases; the frequencies come with their factor.
    fn assemble(
        config: ModelConfig,
        norms: Vec<f32>,
        (embedding_type, raw): (ElementType, Vec<u8>),
        (rotary, factor): (Vec<f32>, f32),
        weights: Vec<(Vec<f32>, Vec<f32>)>,
    ) -> Self {
        let row_biases: Vec<f32> = weights.iter().flat_map(|(_, biases)| biases).copied().collect();
        let (mut groups, mut bounds, mut row_scales) = (Vec::new(), Vec::new(), Vec::new());
        for (id, (weights, biases)) in config.groups().zip(weights) {
            let shape = config.shape(id).unwrap();
            assert_eq!(weights.len(), shape.rows * shape.columns);
            let (mut rows, mut bound) = (vec![0; weights.len()], GroupBounds::default());
            let mut scales = Vec::new();
            for (w, q) in
                weights.chunks_exact(shape.columns).zip(rows.chunks_exact_mut(shape.columns))
            {
                scales.push(quantise_row(w, q).unwrap());
                bound.include(q);
            }
            row_scales.extend(&scales);
            bounds.push(bound);
            groups.push(Group { columns: shape.columns, weights, rows, scales, biases });
        }
        let columns: usize = config.groups().map(|id| config.shape(id).unwrap().columns).sum();
        let embeddings = floats(embedding_type, &raw);
        let mut stored_rotary = rotary.clone();
        if factor != 1.0 {
            stored_rotary.push(factor);
        }
        let parts = DeviceParts {
            manifest: DeviceManifest { config, digest: ModelDigest([0; 32]), bos: None },
            norms: norms.clone(),
            embedding_type,
            embeddings: raw,
            tokens: vec![Vec::new(); config.vocab as usize],
            row_scales,
            row_biases,
            bounds,
            rotary: stored_rotary,
            stop_tokens: Vec::new(),
            check_seed: Seed::from_bytes([0; 32]),
            check_vectors: vec![0; CHECK_REPETITIONS * columns],
        };
        let file = write_device(&parts).unwrap();
        let mut bundle = vec![0_u64; file.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut bundle)[..file.len()].copy_from_slice(&file);
        let bundle_bytes = file.len();
        Self { config, norms, embeddings, rotary, factor, groups, bundle, bundle_bytes }
    }

    /// A small model of arbitrary weights.
    pub(crate) fn arbitrary() -> Self {
        Self::amplified(1.0)
    }

    /// The same with its embeddings and norms multiplied by `gain`.
    pub(crate) fn amplified(gain: f32) -> Self {
        Self::build(gain, None, 1.0)
    }

    /// The same with biases of up to `gain`, and with a factor of cosines and sines.
    pub(crate) fn biased(gain: f32) -> Self {
        Self::build(gain, Some(gain), 1.25)
    }

    fn build(gain: f32, bias: Option<f32>, factor: f32) -> Self {
        let config = ModelConfig {
            vocab: 11,
            hidden: 8,
            layers: 2,
            heads: 4,
            kv_heads: 2,
            head_dim: 6,
            intermediate: 10,
            context: 16,
            rms_eps: 1e-5,
        };
        let mut state = 1_u64;
        let mut draw = |n: usize| -> Vec<f32> {
            let mut next = || {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 40) as f32 / (1 << 23) as f32 - 1.0
            };
            (0..n).map(|_| next()).collect()
        };
        let norms = draw(5 * 8).iter().map(|v| v * gain).collect();
        let embeddings = draw(11 * 8).iter().flat_map(|v| (v * gain).to_le_bytes()).collect();
        let shapes = config.groups().map(|id| config.shape(id).unwrap());
        let mut weights: Vec<_> = shapes.map(|s| (draw(s.rows * s.columns), Vec::new())).collect();
        if let Some(bias) = bias {
            let head = weights.len() - 1;
            for (id, (_, biases)) in config.groups().zip(&mut weights[..head]) {
                *biases = draw(config.shape(id).unwrap().rows).iter().map(|v| v * bias).collect();
            }
        }
        let rotary = (vec![1.0, 0.3, 0.01], factor);
        Self::assemble(config, norms, (ElementType::F32, embeddings), rotary, weights)
    }

    /// A fixture: a checkpoint folder of the usual layout.
    pub(crate) fn fixture(name: &str) -> Self {
        let folder = folder(name);
        let text = std::fs::read_to_string(folder.join("config.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let number = |key: &str| json[key].as_u64().unwrap() as u32;
        let config = ModelConfig {
            vocab: number("vocab_size"),
            hidden: number("hidden_size"),
            layers: number("num_hidden_layers"),
            heads: number("num_attention_heads"),
            kv_heads: number("num_key_value_heads"),
            head_dim: number("head_dim"),
            intermediate: number("intermediate_size"),
            context: number("max_position_embeddings"),
            rms_eps: json["rms_norm_eps"].as_f64().unwrap() as f32,
        };
        config.check().unwrap();

        let tensors = checkpoint(&folder);
        let get = |name: &str| -> Vec<f32> {
            let (kind, bytes) = &tensors[&format!("{name}.weight")];
            floats(*kind, bytes)
        };
        let (mut norms, mut weights) = (Vec::new(), Vec::new());
        for layer in 0..config.layers {
            let of = |name: &str| get(&format!("model.layers.{layer}.{name}"));
            let bias = |name: &str| {
                let bias = tensors.get(&format!("model.layers.{layer}.{name}.bias"));
                bias.map_or_else(Vec::new, |(kind, bytes)| floats(*kind, bytes))
            };
            let stack = |names: &[&str]| {
                let weights = names.iter().flat_map(|name| of(name)).collect::<Vec<_>>();
                (weights, names.iter().flat_map(|name| bias(name)).collect::<Vec<_>>())
            };
            norms.extend(stack(&["input_layernorm", "post_attention_layernorm"]).0);
            weights.push(stack(&["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]));
            weights.push(stack(&["self_attn.o_proj"]));
            weights.push(stack(&["mlp.gate_proj", "mlp.up_proj"]));
            weights.push(stack(&["mlp.down_proj"]));
        }
        norms.extend(get("model.norm"));
        let tied = json["tie_word_embeddings"].as_bool().unwrap();
        weights.push((get(if tied { "model.embed_tokens" } else { "lm_head" }), Vec::new()));

        let rotary = Reference::rotary(name).unwrap_or_else(|| {
            let theta = json["rope_theta"].as_f64().unwrap() as f32;
            let half = config.head_dim / 2;
            let power = |i| libm::powf(theta, i as f32 / half as f32);
            ((0..half).map(|i| 1.0 / power(i)).collect(), 1.0)
        });
        let embeddings = tensors["model.embed_tokens.weight"].clone();
        Self::assemble(config, norms, embeddings, rotary, weights)
    }
}

impl Reference {
    /// The frequencies and their factor, where PyTorch's are kept.
    fn rotary(name: &str) -> Option<(Vec<f32>, f32)> {
        let bytes = std::fs::read(folder(name).join("reference.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let frequencies = file.tensor("inv_freq").ok()?;
        let factor = file.tensor("attention_factor").unwrap();
        let factor = f64::from_le_bytes(factor.data().try_into().unwrap()) as f32;
        Some((floats(ElementType::F32, frequencies.data()), factor))
    }

    pub(crate) fn fixture(name: &str) -> Self {
        let bytes = std::fs::read(folder(name).join("reference.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tokens = file.tensor("token_ids").unwrap();
        let tokens = tokens.data().chunks_exact(8);
        Self {
            tokens: tokens
                .map(|b| u32::try_from(i64::from_le_bytes(b.try_into().unwrap())).unwrap())
                .collect(),
            logits: floats(ElementType::F32, file.tensor("logits").unwrap().data()),
        }
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// All tensors of all shards, as stored.
fn checkpoint(folder: &Path) -> BTreeMap<String, (ElementType, Vec<u8>)> {
    let mut tensors = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if !(name.starts_with("model") && name.ends_with(".safetensors")) {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            let kind = match view.dtype() {
                Dtype::F32 => ElementType::F32,
                Dtype::F16 => ElementType::F16,
                Dtype::BF16 => ElementType::Bf16,
                other => panic!("{name}: {other:?}"),
            };
            tensors.insert(name, (kind, view.data().to_vec()));
        }
    }
    tensors
}

fn floats(kind: ElementType, bytes: &[u8]) -> Vec<f32> {
    let word = |b: &[u8]| u16::from_le_bytes([b[0], b[1]]);
    match kind {
        ElementType::F16 => {
            bytes.chunks_exact(2).map(|b| f16::from_bits(word(b)).to_f32()).collect()
        }
        ElementType::Bf16 => {
            bytes.chunks_exact(2).map(|b| bf16::from_bits(word(b)).to_f32()).collect()
        }
        _ => bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
    }
}
