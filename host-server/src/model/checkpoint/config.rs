use super::CheckpointError;
use super::json::Object;
use super::rope::Rope;
use kernel::model::ModelConfig;
use std::path::Path;

const CONFIG_LIMIT: u64 = 16 << 20;

/// What `config.json` and `generation_config.json` say about a Llama model.
#[derive(Clone, Debug, PartialEq)]
pub struct LlamaConfig {
    /// The model's shape.
    pub model: ModelConfig,
    /// How positions turn queries and keys.
    pub rope: Rope,
    /// Whether the four projections of attention have biases.
    pub attention_bias: bool,
    /// Whether the three projections of the feed-forward part have biases.
    pub mlp_bias: bool,
    /// Whether the head's weights are the embeddings.
    pub tied: bool,
    /// The token that begins a text.
    pub bos: Option<u32>,
    /// Tokens that end a text.
    pub stop_tokens: Vec<u32>,
}

impl LlamaConfig {
    pub(super) fn read(folder: &Path) -> Result<Self, CheckpointError> {
        let json = Object::read(folder.join("config.json"), CONFIG_LIMIT)?;
        check_supported(&json)?;
        let model = shape(&json)?;
        let rope = Rope::read(&json, model.context)?;
        let attention_bias = json.flag("attention_bias")?.unwrap_or(false);
        let mlp_bias = json.flag("mlp_bias")?.unwrap_or(false);
        let tied = json.flag("tie_word_embeddings")?.unwrap_or(false);

        let mut bos = first(&json, "bos_token_id", &model)?;
        let mut stop_tokens = tokens(&json, "eos_token_id", &model)?;
        let generation = folder.join("generation_config.json");
        if generation.exists() {
            let generation = Object::read(generation, CONFIG_LIMIT)?;
            stop_tokens.extend(tokens(&generation, "eos_token_id", &model)?);
            bos = bos.or(first(&generation, "bos_token_id", &model)?);
        }
        stop_tokens.sort_unstable();
        stop_tokens.dedup();
        Ok(Self { model, rope, attention_bias, mlp_bias, tied, bos, stop_tokens })
    }
}

/// Refuses by name what would run differently here than where it was trained.
fn check_supported(json: &Object) -> Result<(), CheckpointError> {
    json.required("model_type", json.get("model_type"))?;
    json.only("model_type", "\"llama\"", |v| v == "llama")?;
    json.only("architectures", "[\"LlamaForCausalLM\"]", |v| {
        v.as_array().is_some_and(|list| list.iter().all(|name| name == "LlamaForCausalLM"))
    })?;
    json.only("hidden_act", "\"silu\"", |v| v == "silu")?;
    json.only("quantization_config", "none: the published weights as f32, f16 or bf16", |_| false)
}

fn shape(json: &Object) -> Result<ModelConfig, CheckpointError> {
    let required = |field| json.required(field, json.integer(field)?);
    let hidden = required("hidden_size")?;
    let heads = required("num_attention_heads")?;
    let head_dim = match json.integer("head_dim")? {
        Some(head_dim) => head_dim,
        None if heads != 0 && hidden.is_multiple_of(heads) => hidden / heads,
        None => return Err(json.bad("hidden_size", "is not a multiple of the number of heads")),
    };
    let model = ModelConfig {
        vocab: required("vocab_size")?,
        hidden,
        layers: required("num_hidden_layers")?,
        heads,
        kv_heads: json.integer("num_key_value_heads")?.unwrap_or(heads),
        head_dim,
        intermediate: required("intermediate_size")?,
        context: required("max_position_embeddings")?,
        rms_eps: json.required("rms_norm_eps", json.number("rms_norm_eps")?)? as f32,
    };
    let path = json.path().to_owned();
    model.check().map_err(|error| CheckpointError::Model { path, error })?;
    Ok(model)
}

fn first(json: &Object, field: &str, model: &ModelConfig) -> Result<Option<u32>, CheckpointError> {
    Ok(tokens(json, field, model)?.first().copied())
}

fn tokens(json: &Object, field: &str, model: &ModelConfig) -> Result<Vec<u32>, CheckpointError> {
    let tokens = json.integers(field)?;
    match tokens.iter().find(|&&token| token >= model.vocab) {
        Some(token) => Err(json
            .bad(field, format!("names token {token}, beyond the vocabulary's {}", model.vocab))),
        None => Ok(tokens),
    }
}
