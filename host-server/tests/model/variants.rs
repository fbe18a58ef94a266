//! Options of Llama checkpoints in the wild, against values that PyTorch computed.

use crate::fixtures::{BIASES, Copy, Counting, NEW_CONFIG, RawTensor, TIED_F32, VARIANTS};
use crate::fixtures::{fixture, floats, ignore, read_tensors};
use host_server::model::checkpoint::RopeScaling;
use host_server::model::{Checkpoint, DEVICE_BUNDLE, MappedFile, convert_device, convert_host};
use host_server::model::{rotary_frequencies, token_table};
use kernel::bundle::DeviceBundle;
use kernel::model::{GroupId, GroupKind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The device bundle of a checkpoint; the host bundle must have the same digest.
fn device(checkpoint: &Path) -> MappedFile {
    let out = TempDir::new().unwrap();
    let host = convert_host(checkpoint, &out.path().join("host"), &mut ignore).unwrap();
    let folder = out.path().join("device");
    let device = convert_device(checkpoint, &folder, &mut Counting(1), &mut ignore).unwrap();
    assert_eq!((host.digest, host.config), (device.digest, device.config));
    MappedFile::open(&folder.join(DEVICE_BUNDLE)).unwrap()
}

/// The largest relative error of frequencies; they are counted together.
fn error(found: &[f32], right: &[f32]) -> f64 {
    assert_eq!(found.len(), right.len());
    let pairs = found.iter().zip(right).map(|(&a, &b)| (f64::from(a), f64::from(b)));
    pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max)
}

fn frequencies(case: &Value) -> Vec<f32> {
    let list = case["inv_freq"].as_array().unwrap();
    list.iter().map(|f| f.as_f64().unwrap() as f32).collect()
}

/// Measured: 2.6e-7 at most, which is PyTorch's arithmetic in f32.
const FREQUENCY_ERROR: f64 = 1e-6;

#[test]
fn fixtures_get_the_frequencies_of_pytorch() {
    let mut all = Vec::new();
    for name in VARIANTS {
        let file = device(&fixture(name));
        let device = DeviceBundle::parse(file.bytes()).unwrap();
        let reference = read_tensors(&fixture(name).join("reference.safetensors"));
        let error = error(device.rotary_frequencies(), &floats(&reference["inv_freq"]));
        let factor = reference["attention_factor"].bytes.first_chunk().unwrap();
        assert_eq!(device.rotary_factor(), f64::from_le_bytes(*factor) as f32, "{name}");
        println!("{name}: {error:.1e}");
        assert!(error < FREQUENCY_ERROR, "{name}: {error}");
        all.push(device.rotary_frequencies().to_vec());
    }
    // Linear, dynamic (that is, none), llama3, yarn; without scaling; llama3 again.
    for (a, b) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        assert!(error(&all[a], &all[b]) > 0.1);
    }
    assert_eq!((&all[1], &all[2]), (&all[4], &all[5]));
}

/// Many more configurations, in both styles.
#[test]
fn configurations_get_the_frequencies_of_pytorch() {
    let text = fs::read_to_string(fixture("rope-cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 22);
    let mut worst: f64 = 0.0;
    for case in cases {
        let copy = Copy::of(TIED_F32);
        copy.remove("rope_theta");
        let config = case["config"].as_object().unwrap();
        config.iter().for_each(|(field, value)| copy.set(field, value.clone()));
        let checkpoint = Checkpoint::open(copy.path()).unwrap();
        let config = checkpoint.config();
        let ours = rotary_frequencies(&config.rope, config.model.head_dim);
        let error = error(&ours, &frequencies(&case));
        worst = worst.max(error);
        assert!(error < FREQUENCY_ERROR, "{error}: {case}");
        let factor = config.rope.attention_factor();
        let expected = case["attention_factor"].as_f64().unwrap();
        assert!((factor - expected).abs() < 1e-15, "{factor}: {case}");
        // Nothing says that a text may be longer than this.
        assert_eq!(config.model.context, case["config"]["max_position_embeddings"]);
    }
    println!("{worst:.1e}");
}

fn refusal(copy: &Copy) -> String {
    Checkpoint::open(copy.path()).unwrap_err().to_string()
}

#[track_caller]
fn assert_names(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

#[test]
fn bad_scalings_are_refused_by_name() {
    let llama3 = json!({"rope_type": "llama3", "factor": 8, "low_freq_factor": 1,
        "high_freq_factor": 4, "original_max_position_embeddings": 32});
    let yarn = json!({"rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 32});
    let linear = json!({"type": "linear", "factor": 2});
    let dynamic = json!({"type": "dynamic", "factor": 2});
    let cases: [(&Value, &str, Value); 31] = [
        (&linear, "factor", json!(null)),
        (&linear, "factor", json!(0)),
        (&linear, "factor", json!(0.5)),
        (&linear, "factor", json!("2")),
        (&linear, "low_freq_factor", json!(1)),
        (&linear, "original_max_position_embeddings", json!(64)),
        (&linear, "partial_rotary_factor", json!(0.5)),
        (&linear, "rope_type", json!("yarn")),
        (&linear, "rope_theta", json!(0.5)),
        (&dynamic, "factor", json!(null)),
        (&dynamic, "factor", json!(-2)),
        (&dynamic, "alpha", json!(1000)),
        (&dynamic, "original_max_position_embeddings", json!(64)),
        (&llama3, "factor", json!(null)),
        (&llama3, "low_freq_factor", json!(null)),
        (&llama3, "low_freq_factor", json!(0)),
        (&llama3, "high_freq_factor", json!(null)),
        (&llama3, "high_freq_factor", json!(1)),
        (&llama3, "original_max_position_embeddings", json!(0)),
        (&llama3, "original_max_position_embeddings", json!(32.5)),
        (&llama3, "mscale", json!(1)),
        (&yarn, "factor", json!(null)),
        (&yarn, "attention_factor", json!(0)),
        (&yarn, "attention_factor", json!(1e39)),
        (&yarn, "attention_factor", json!(-1)),
        (&yarn, "beta_fast", json!(-32)),
        (&yarn, "beta_slow", json!("1")),
        (&yarn, "truncate", json!(1)),
        (&yarn, "rope_theta", json!(1)),
        (&yarn, "short_factor", json!([1])),
        (&yarn, "full_attention", json!({"rope_type": "default"})),
    ];
    for (scaling, field, value) in cases {
        for style in ["rope_scaling", "rope_parameters"] {
            let copy = Copy::of(TIED_F32);
            copy.remove("rope_theta");
            copy.set(style, scaling.clone());
            Checkpoint::open(copy.path()).unwrap();
            let mut bad = scaling.clone();
            bad[field] = value.clone();
            copy.set(style, bad);
            let message = refusal(&copy);
            let field = if field == "rope_type" { "type" } else { field };
            assert_names(&message, &["config.json", &format!("`{style}.{field}`")]);
        }
    }

    let copy = Copy::of(TIED_F32);
    copy.set("rope_scaling", linear.clone());
    copy.set("rope_parameters", linear);
    Checkpoint::open(copy.path()).unwrap();
    copy.set("rope_parameters", dynamic);
    assert_names(&refusal(&copy), &["`rope_scaling`", "differs from `rope_parameters`"]);
    copy.set("rope_parameters", json!({}));
    Checkpoint::open(copy.path()).unwrap();
    // A field that is null is absent, and hides none behind it.
    copy.set("rope_scaling", json!({"type": "linear", "factor": 2, "alpha": null, "beta": 3}));
    assert_names(&refusal(&copy), &["`rope_scaling.beta`"]);
    copy.set("rope_scaling", llama3);
    copy.set("original_max_position_embeddings", json!(64));
    assert_names(&refusal(&copy), &["`rope_scaling.original_max_position_embeddings`", "differs"]);
}

/// Both styles, and either dtype field with whatever it says, give one bundle.
#[test]
fn both_styles_of_configuration_say_the_same() {
    let reference = fixture(NEW_CONFIG);
    let reference = Checkpoint::open(&reference).unwrap().config().clone();
    assert!(matches!(reference.rope.scaling, RopeScaling::Llama3 { .. }));
    assert_eq!((reference.bos, &reference.stop_tokens[..]), (Some(0), &[1, 7, 9][..]));
    for dtype in ["bfloat16", "float32"] {
        let copy = Copy::of(NEW_CONFIG);
        copy.edit_json("config.json", |config| {
            let Some(Value::Object(mut rope)) = config.remove("rope_parameters") else {
                panic!("the fixture has `rope_parameters`");
            };
            config.insert("rope_theta".into(), rope.remove("rope_theta").unwrap());
            let kind = rope.remove("rope_type").unwrap();
            rope.insert("type".into(), kind);
            config.insert("rope_scaling".into(), rope.into());
            config.remove("dtype").unwrap();
            config.insert("torch_dtype".into(), json!(dtype));
        });
        assert_eq!(Checkpoint::open(copy.path()).unwrap().config(), &reference);
    }
}

/// Pairs or strings, padding and truncation: the texts of tokens are the same.
#[test]
fn either_form_of_tokenizer_gives_the_same_texts() {
    let read = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(fixture(name).join("tokenizer.json")).unwrap()).unwrap()
    };
    let (new, old) = (read(NEW_CONFIG), read(BIASES));
    assert!(new["model"]["merges"][0].is_array() && old["model"]["merges"][0].is_string());
    assert!(new["padding"].is_object() && new["truncation"].is_object());
    assert!(old["padding"].is_null() && old["truncation"].is_null());
    let table = token_table(&new, 256).unwrap();
    assert_eq!(token_table(&old, 256).unwrap(), table);
    let file = device(&fixture(NEW_CONFIG));
    let device = DeviceBundle::parse(file.bytes()).unwrap();
    for (token, text) in table.iter().enumerate() {
        assert_eq!(device.token_text(token as u32), text);
    }
    // What the prompts' tokens say, put together, is the prompt.
    let prompts = fs::read(fixture(NEW_CONFIG).join("prompts.json")).unwrap();
    let prompts: Vec<Map<String, Value>> = serde_json::from_slice(&prompts).unwrap();
    assert!(prompts.iter().any(|p| p["ids"].as_array().unwrap().len() > 40));
    for prompt in prompts {
        let ids = prompt["ids"].as_array().unwrap();
        let text = ids.iter().flat_map(|id| &table[id.as_u64().unwrap() as usize]);
        assert_eq!(text.copied().collect::<Vec<u8>>(), prompt["text"].as_str().unwrap().as_bytes());
    }
}

/// The bias tensors of a group, as they are named in the file.
fn expected_biases(
    tensors: &BTreeMap<String, RawTensor>,
    (layer, kind): (u32, GroupKind),
) -> Vec<f32> {
    let parts: &[&str] = match kind {
        GroupKind::AttnIn => &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
        GroupKind::AttnOut => &["self_attn.o_proj"],
        GroupKind::MlpIn => &["mlp.gate_proj", "mlp.up_proj"],
        GroupKind::MlpOut => &["mlp.down_proj"],
        GroupKind::LmHead => &[],
    };
    let name = |part: &&str| format!("model.layers.{layer}.{part}.bias");
    parts.iter().flat_map(|part| floats(&tensors[&name(part)])).collect()
}

#[test]
fn biases_are_those_of_the_tensors() {
    let tensors = read_tensors(&fixture(BIASES).join("model.safetensors"));
    // Without one of the flags its tensors must go, and zeros take their place.
    for (flag, kept) in [("", ""), ("attention_bias", "mlp"), ("mlp_bias", "self_attn")] {
        let copy = Copy::of(BIASES);
        if !flag.is_empty() {
            copy.set(flag, json!(false));
            assert_names(&refusal(&copy), &["_proj.bias", "not part of a Llama model"]);
            copy.edit_tensors("model.safetensors", 0, |tensors| {
                tensors.retain(|name, _| !name.ends_with(".bias") || name.contains(kept));
            });
        }
        let file = device(copy.path());
        let device = DeviceBundle::parse(file.bytes()).unwrap();
        let config = *device.config();
        for group in config.groups() {
            let (layer, kind) = config.kind(group).unwrap();
            let mut expected = expected_biases(&tensors, (layer, kind));
            let in_mlp = matches!(kind, GroupKind::MlpIn | GroupKind::MlpOut);
            if flag == if in_mlp { "mlp_bias" } else { "attention_bias" } {
                expected.fill(0.0);
            } else {
                assert!(expected.iter().all(|&bias| bias != 0.0));
            }
            assert_eq!(device.row_biases(group), expected, "{layer} {kind:?}");
        }
    }
    let file = device(&fixture(TIED_F32));
    let device = DeviceBundle::parse(file.bytes()).unwrap();
    assert!((0..9).all(|group| device.row_biases(GroupId(group)).is_empty()));
}

#[test]
fn bad_biases_are_refused_by_name() {
    let name = "model.layers.1.mlp.up_proj.bias";
    let edited = |edit: fn(&mut RawTensor)| {
        let copy = Copy::of(BIASES);
        copy.edit_tensors("model.safetensors", 0, |all| edit(all.get_mut(name).unwrap()));
        copy
    };
    let message = refusal(&edited(|t| t.shape = vec![1, 64]));
    assert_names(&message, &["model.safetensors", name, "[1, 64]", "[64]"]);
    assert_names(&refusal(&edited(|t| t.dtype = "I16".into())), &[name, "I16"]);
    let copy = Copy::of(BIASES);
    copy.edit_tensors("model.safetensors", 0, |all| drop(all.remove(name).unwrap()));
    assert_names(&refusal(&copy), &[name, "missing"]);
    let copy = Copy::of(TIED_F32);
    copy.set("attention_bias", json!(true));
    assert_names(&refusal(&copy), &["self_attn", "_proj.bias", "missing"]);

    let nan = edited(|t| t.bytes[4..6].copy_from_slice(&0x7fc0_u16.to_le_bytes()));
    let out = TempDir::new().unwrap();
    let outcome = convert_device(nan.path(), out.path(), &mut Counting(1), &mut ignore);
    assert_names(&outcome.unwrap_err().to_string(), &[name, "row 0"]);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}
