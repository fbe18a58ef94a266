//! Which tensors make up a Llama model, and in which order their rows are stacked.

use super::LlamaConfig;
use kernel::model::{GroupId, GroupKind};
use std::collections::BTreeMap;

pub(super) const EMBEDDINGS: &str = "model.embed_tokens.weight";
const HEAD: &str = "lm_head.weight";
const FINAL_NORM: &str = "model.norm.weight";

/// Names and shapes of all tensors of the model.
pub(super) fn tensors(config: &LlamaConfig) -> BTreeMap<String, Vec<usize>> {
    let hidden = config.model.hidden as usize;
    let mut all = BTreeMap::from([(EMBEDDINGS.into(), vec![config.model.vocab as usize, hidden])]);
    all.extend(norms(config).into_iter().map(|name| (name, vec![hidden])));
    for group in config.model.groups() {
        let columns = config.model.shape(group).map_or(0, |shape| shape.columns);
        let stacked = group_tensors(config, group).into_iter();
        all.extend(stacked.map(|(name, rows)| (name, vec![rows, columns])));
        let biases = bias_tensors(config, group).into_iter();
        all.extend(biases.map(|(name, rows)| (name, vec![rows])));
    }
    all
}

/// Names and rows of the tensors of a group, from the top.
pub(super) fn group_tensors(config: &LlamaConfig, group: GroupId) -> Vec<(String, usize)> {
    let model = &config.model;
    let Some((layer, kind)) = model.kind(group) else { return Vec::new() };
    let hidden = model.hidden as usize;
    let intermediate = model.intermediate as usize;
    let parts: &[(&str, usize)] = match kind {
        GroupKind::AttnIn => &[
            ("self_attn.q_proj", model.query_width()),
            ("self_attn.k_proj", model.kv_width()),
            ("self_attn.v_proj", model.kv_width()),
        ],
        GroupKind::AttnOut => &[("self_attn.o_proj", hidden)],
        GroupKind::MlpIn => &[("mlp.gate_proj", intermediate), ("mlp.up_proj", intermediate)],
        GroupKind::MlpOut => &[("mlp.down_proj", hidden)],
        GroupKind::LmHead => {
            let name = if config.tied { EMBEDDINGS } else { HEAD };
            return vec![(name.into(), model.vocab as usize)];
        }
    };
    let name = |part: &str| format!("model.layers.{layer}.{part}.weight");
    parts.iter().map(|&(part, rows)| (name(part), rows)).collect()
}

/// Names and lengths of a group's biases, from the top.
pub(super) fn bias_tensors(config: &LlamaConfig, group: GroupId) -> Vec<(String, usize)> {
    let biased = match config.model.kind(group) {
        Some((_, GroupKind::AttnIn | GroupKind::AttnOut)) => config.attention_bias,
        Some((_, GroupKind::MlpIn | GroupKind::MlpOut)) => config.mlp_bias,
        Some((_, GroupKind::LmHead)) | None => false,
    };
    if !biased {
        return Vec::new();
    }
    let of = |(weight, rows): (String, usize)| (weight.replace(".weight", ".bias"), rows);
    group_tensors(config, group).into_iter().map(of).collect()
}

/// Names of the norms in the device bundle's order.
pub(super) fn norms(config: &LlamaConfig) -> Vec<String> {
    let of_layer = |layer| {
        ["input_layernorm", "post_attention_layernorm"]
            .map(|norm| format!("model.layers.{layer}.{norm}.weight"))
    };
    (0..config.model.layers).flat_map(of_layer).chain([FINAL_NORM.into()]).collect()
}

/// Tensors that some tools store beside the model, and that follow from what is read: the head of
/// a tied model, and the rotary frequencies.
pub(super) fn is_harmless(name: &str) -> bool {
    name == HEAD || name.ends_with(".rotary_emb.inv_freq")
}
