//! Inputs that are accepted: what damage begins with.

use crate::device::{DEVICES, Device, link};
use crate::model::{CONFIG, MODEL};
use crate::random::Rng;
use crate::session::host;
use crate::store::{Bytes, Nobody, shortened};
use device_client::store::sealed::SealedStore;
use host_server::model::convert_host;
use kernel::stream::Seed;
use serde_json::{Map, Value, json};

/// What a device says and hears in a conversation: each answer lets it say more.
fn conversation(device: Device) -> (Vec<u8>, Vec<u8>) {
    let (mut said, mut heard) = (Vec::new(), Vec::new());
    loop {
        let more = device(link(heard.clone()));
        if more == said {
            return (said, heard);
        }
        heard = host(&more, false);
        said = more;
    }
}

fn with_mode(mode: u8, bytes: &[u8]) -> Vec<u8> {
    [&[mode], bytes].concat()
}

/// Frames of both sides.
#[must_use]
pub fn wire() -> Vec<Vec<u8>> {
    DEVICES.map(conversation).into_iter().flat_map(|(said, heard)| [said, heard]).collect()
}

/// What a device sends over a link.
#[must_use]
pub fn noise() -> Vec<Vec<u8>> {
    vec![crate::noise::good()]
}

/// Residues modulo either prime.
#[must_use]
pub fn residues() -> Vec<Vec<u8>> {
    vec![
        [&[0, 0][..], &[7; 40]].concat(),
        [&[1, 0][..], &[7; 35]].concat(),
        vec![1, 1, 9, 0, 0, 0, 0, 0, 0],
    ]
}

/// A bundle.
#[must_use]
pub fn device_bundle() -> Vec<Vec<u8>> {
    vec![MODEL.file.clone()]
}

/// What devices say, to be taken as it is and to be put right.
#[must_use]
pub fn session() -> Vec<Vec<u8>> {
    let talks = DEVICES.map(conversation);
    talks.iter().flat_map(|(said, _)| [with_mode(0, said), with_mode(1, said)]).collect()
}

/// What hosts say.
#[must_use]
pub fn device() -> Vec<Vec<u8>> {
    let talks = (0..).zip(DEVICES.map(conversation));
    talks.map(|(kind, (_, heard))| with_mode(kind, &heard)).collect()
}

/// Stores with some units.
#[must_use]
pub fn store() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    // An even number of units: the newest state is in the first slot.
    for units in [0_u32, 2, 4] {
        let mut medium = Bytes(Vec::new());
        let bundle = MODEL.bundle();
        let store = SealedStore::create(&mut medium, Nobody, Rng(9), &bundle, 8);
        let mut store = store.unwrap();
        for (group, number) in CONFIG.groups().zip(0..units) {
            let z = vec![number; 3 * CONFIG.shape(group).unwrap().rows];
            store.put_unit(group, 3, Seed::from_bytes([number as u8; 32]), &z).unwrap();
        }
        drop(store);
        all.push(shortened(&medium.0));
        all.push(with_mode(0, &medium.0));
    }
    all
}

/// `config.json` and `model.safetensors` of a model of one layer.
fn small_checkpoint() -> (String, Vec<u8>) {
    let config = json!({
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_act": "silu",
        "vocab_size": 3,
        "hidden_size": 4,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 2,
        "intermediate_size": 2,
        "max_position_embeddings": 8,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": { "type": "linear", "factor": 2.0 },
        "tie_word_embeddings": true,
        "eos_token_id": [1, 2],
    });
    let layer = |name: &str| format!("model.layers.0.{name}.weight");
    let tensors = [
        ("model.embed_tokens.weight".to_owned(), vec![3, 4]),
        ("model.norm.weight".to_owned(), vec![4]),
        (layer("input_layernorm"), vec![4]),
        (layer("post_attention_layernorm"), vec![4]),
        (layer("self_attn.q_proj"), vec![2, 4]),
        (layer("self_attn.k_proj"), vec![2, 4]),
        (layer("self_attn.v_proj"), vec![2, 4]),
        (layer("self_attn.o_proj"), vec![4, 2]),
        (layer("mlp.gate_proj"), vec![2, 4]),
        (layer("mlp.up_proj"), vec![2, 4]),
        (layer("mlp.down_proj"), vec![4, 2]),
    ];
    let (mut header, mut data) = (Map::new(), Vec::new());
    for (name, shape) in tensors {
        let start = data.len();
        let count: usize = shape.iter().product();
        data.extend((0..count).flat_map(|i| half(i as f32 - 1.5)));
        let info = json!({ "dtype": "BF16", "shape": shape, "data_offsets": [start, data.len()] });
        header.insert(name, info);
    }
    let header = Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    (config.to_string(), [&length, header.as_bytes(), &data].concat())
}

fn half(value: f32) -> [u8; 2] {
    let [_, _, low, high] = value.to_le_bytes();
    [low, high]
}

/// A text, its length before it, and what follows.
fn with_length(text: &[u8], rest: &[u8]) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes(), text, rest].concat()
}

/// A checkpoint.
#[must_use]
pub fn checkpoint() -> Vec<Vec<u8>> {
    let (config, weights) = small_checkpoint();
    vec![with_length(config.as_bytes(), &weights)]
}

/// Tokenizers of either kind.
#[must_use]
pub fn tokenizer() -> Vec<Vec<u8>> {
    let byte_level = json!({
        "model": { "type": "BPE", "vocab": { "<s>": 0, "\u{120}a": 1, "zz": 2 } },
        "decoder": { "type": "Sequence", "decoders": [{ "type": "ByteLevel" }] },
        "added_tokens": [{ "id": 0, "content": "<s>", "special": true }],
    });
    let pieces = json!({
        "model": { "type": "Unigram", "vocab": [["<unk>", 0.0], ["\u{2581}x", -1.5], ["<0x0A>", 1]] },
    });
    [byte_level, pieces].iter().map(|json| with_mode(4, json.to_string().as_bytes())).collect()
}

/// A host bundle.
#[must_use]
pub fn host_bundle() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (config, weights) = small_checkpoint();
    let model = folder.path().join("model");
    std::fs::create_dir(&model).unwrap();
    std::fs::write(model.join("config.json"), config).unwrap();
    std::fs::write(model.join("model.safetensors"), weights).unwrap();
    let host = folder.path().join("host");
    convert_host(&model, &host, &mut |_, _| {}).unwrap();
    let read = |name: &str| std::fs::read(host.join(name)).unwrap();
    vec![with_length(&read("manifest.json"), &read("rows.bin"))]
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_server::model::{Checkpoint, HostBundle, token_table};
    use kernel::wire::{FrameType, HEADER_BYTES, Header};

    /// Damage to what is refused anyway finds little.
    #[test]
    fn good_inputs_are_good() {
        for (said, heard) in DEVICES.map(conversation) {
            let (_, last) = said.split_last_chunk::<HEADER_BYTES>().unwrap();
            assert_eq!(Header::decode(last).map(|header| header.frame), Ok(FrameType::Bye));
            let fault = |header: Header| header.frame == FrameType::Fault;
            let first = Header::decode(heard.first_chunk().unwrap()).unwrap();
            assert!(!fault(first));
        }
        let folder = tempfile::tempdir().unwrap();
        let put =
            |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        let (config, weights) = small_checkpoint();
        put("config.json", config.as_bytes());
        put("model.safetensors", &weights);
        Checkpoint::open(folder.path()).unwrap();
        let bundle = &host_bundle()[0];
        let (length, rest) = bundle.split_first_chunk().unwrap();
        let (manifest, rows) = rest.split_at(usize::from(u16::from_le_bytes(*length)));
        put("manifest.json", manifest);
        put("rows.bin", rows);
        HostBundle::open(folder.path()).unwrap().verify().unwrap();
        for text in tokenizer() {
            token_table(&serde_json::from_slice(&text[1..]).unwrap(), 4).unwrap();
        }
    }
}
