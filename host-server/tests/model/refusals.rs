use crate::fixtures::{Copy, RawTensor, SHARDED_F16, TIED_F32, UNTIED_BF16, safetensors};
use host_server::model::{Checkpoint, CheckpointError, ConvertError, convert_device, convert_host};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

/// The message with which a checkpoint is refused.
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
fn unsupported_features_are_refused_by_name() {
    let cases: [(&str, Value, &[&str]); 19] = [
        ("model_type", json!("mistral"), &["`model_type`", "mistral", "llama"]),
        ("architectures", json!(["LlamaForSequenceClassification"]), &["`architectures`"]),
        ("hidden_act", json!("gelu"), &["`hidden_act`", "gelu", "silu"]),
        ("hidden_act", json!("gelu_pytorch_tanh"), &["`hidden_act`", "gelu_pytorch_tanh"]),
        ("model_type", json!("phi3"), &["`model_type`", "phi3", "llama"]),
        ("attention_bias", json!("yes"), &["`attention_bias`", "true or false"]),
        ("mlp_bias", json!(1), &["`mlp_bias`", "true or false"]),
        ("quantization_config", json!({"quant_method": "awq"}), &["`quantization_config`", "awq"]),
        ("rope_scaling", json!({"type": "longrope"}), &["`rope_scaling.type`", "longrope", "yarn"]),
        ("rope_scaling", json!({"factor": 2.0}), &["`rope_scaling.factor`"]),
        ("rope_scaling", json!("linear"), &["`rope_scaling`", "not an object"]),
        ("rope_parameters", json!({"rope_type": "mrope"}), &["`rope_parameters.rope_type`"]),
        ("rope_parameters", json!({"rope_theta": 7}), &["`rope_parameters.rope_theta`", "differs"]),
        ("rope_theta", json!(0), &["`rope_theta`"]),
        ("rope_theta", json!("big"), &["`rope_theta`", "not a number"]),
        ("partial_rotary_factor", json!(0.5), &["`partial_rotary_factor`"]),
        ("eos_token_id", json!([1, 256]), &["`eos_token_id`", "256"]),
        ("eos_token_id", json!("</s>"), &["`eos_token_id`"]),
        ("tie_word_embeddings", json!(1), &["`tie_word_embeddings`", "true or false"]),
    ];
    for (field, value, words) in cases {
        let copy = Copy::of(TIED_F32);
        copy.set(field, value);
        assert_names(&refusal(&copy), &[&["config.json"], words].concat());
    }
}

#[test]
fn dimensions_are_checked() {
    for field in [
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "vocab_size",
        "max_position_embeddings",
    ] {
        for value in [json!(0), json!(-1), json!(1.5), json!("64"), json!(u64::MAX), json!(1 << 30)]
        {
            let copy = Copy::of(TIED_F32);
            copy.set(field, value);
            assert_names(&refusal(&copy), &["config.json", field]);
        }
        let copy = Copy::of(TIED_F32);
        copy.remove(field);
        assert_names(&refusal(&copy), &["config.json", field, "missing"]);
    }
    let cases: [(&str, Value, &str); 5] = [
        ("num_key_value_heads", json!(3), "key/value heads"),
        ("head_dim", json!(15), "odd"),
        ("head_dim", json!(0), "head_dim"),
        ("rms_norm_eps", json!(-1.0), "epsilon"),
        ("rms_norm_eps", json!(1e300), "epsilon"),
    ];
    for (field, value, word) in cases {
        let copy = Copy::of(TIED_F32);
        copy.set(field, value);
        assert_names(&refusal(&copy), &["config.json", word]);
    }
    let copy = Copy::of(TIED_F32);
    copy.remove("head_dim");
    copy.set("num_attention_heads", json!(0));
    assert_names(&refusal(&copy), &["config.json", "`hidden_size`"]);
}

#[test]
fn files_that_are_not_what_they_should_be() {
    let copy = Copy::of(TIED_F32);
    for bad in ["", "{", "[]", "null", "{\"a\": NaN}", &"[".repeat(100_000)] {
        fs::write(copy.file("config.json"), bad).unwrap();
        assert_names(&refusal(&copy), &["config.json"]);
    }
    fs::write(copy.file("config.json"), vec![b' '; (16 << 20) + 1]).unwrap();
    assert_names(&refusal(&copy), &["config.json", "larger than"]);
    fs::remove_file(copy.file("config.json")).unwrap();
    assert_names(&refusal(&copy), &["config.json", "No such file"]);
    fs::create_dir(copy.file("config.json")).unwrap();
    assert_names(&refusal(&copy), &["config.json", "not a regular file"]);

    let copy = Copy::of(TIED_F32);
    fs::remove_file(copy.file("model.safetensors")).unwrap();
    assert_names(&refusal(&copy), &["neither model.safetensors nor model.safetensors.index.json"]);
    fs::create_dir(copy.file("model.safetensors")).unwrap();
    assert_names(&refusal(&copy), &["model.safetensors", "not a regular file"]);

    let copy = Copy::of(TIED_F32);
    fs::write(copy.file("generation_config.json"), "{\"eos_token_id\": 999}").unwrap();
    assert_names(&refusal(&copy), &["generation_config.json", "`eos_token_id`", "999"]);

    let copy = Copy::of(TIED_F32);
    fs::write(copy.file("tokenizer.json"), "{\"model\": {\"type\": \"WordPiece\"}}").unwrap();
    let out = TempDir::new().unwrap();
    let entropy = &mut crate::fixtures::Counting(0);
    let outcome = convert_device(copy.path(), out.path(), entropy, &mut crate::fixtures::ignore);
    assert_names(&outcome.unwrap_err().to_string(), &["tokenizer.json", "WordPiece"]);
}

#[test]
fn shards_and_tensors_are_all_there() {
    const INDEX: &str = "model.safetensors.index.json";
    let second = "model-00002-of-00003.safetensors";
    let copy = Copy::of(SHARDED_F16);
    fs::remove_file(copy.file(second)).unwrap();
    assert_names(&refusal(&copy), &[second, "No such file"]);

    let point_to = |file: Value| {
        let copy = Copy::of(SHARDED_F16);
        copy.edit_json(INDEX, |index| index["weight_map"]["model.norm.weight"] = file);
        refusal(&copy)
    };
    assert_names(&point_to(json!(second)), &[second, "`model.norm.weight` is missing"]);
    for outside in ["../x", "..", ".", "", "/etc/passwd", "a/b", "a\\b", "./x", "x/", "x\0"] {
        assert_names(&point_to(json!(outside)), &[INDEX, "plain file name", "model.norm.weight"]);
    }
    assert_names(&point_to(json!(7)), &[INDEX, "plain file name"]);

    let copy = Copy::of(SHARDED_F16);
    copy.edit_json(INDEX, |index| index["weight_map"] = json!([]));
    assert_names(&refusal(&copy), &[INDEX, "`weight_map`"]);
    copy.edit_json(INDEX, |index| index["weight_map"] = json!({}));
    assert_names(&refusal(&copy), &[INDEX, "is missing"]);

    for name in ["lm_head.weight", "model.norm.weight", "model.layers.1.mlp.up_proj.weight"] {
        let copy = Copy::of(UNTIED_BF16);
        copy.edit_tensors("model.safetensors", 0, |tensors| {
            tensors.remove(name).unwrap();
        });
        assert_names(&refusal(&copy), &["model.safetensors", name, "missing"]);
    }
    let copy = Copy::of(UNTIED_BF16);
    copy.edit_tensors("model.safetensors", 0, |tensors| {
        let bias = RawTensor { dtype: "BF16".into(), shape: vec![64], bytes: vec![0; 128] };
        tensors.insert("model.layers.0.self_attn.q_proj.bias".into(), bias);
    });
    assert_names(&refusal(&copy), &["q_proj.bias", "not part of a Llama model"]);
}

#[test]
fn shapes_and_types_are_checked() {
    let name = "model.layers.0.self_attn.k_proj.weight";
    let edited = |edit: fn(&mut RawTensor)| {
        let copy = Copy::of(UNTIED_BF16);
        copy.edit_tensors("model.safetensors", 0, |all| edit(all.get_mut(name).unwrap()));
        refusal(&copy)
    };
    let message = edited(|t| t.shape.reverse());
    assert_names(&message, &["model.safetensors", name, "[64, 32]", "[32, 64]"]);
    assert_names(&edited(|t| t.shape = vec![2048]), &[name, "[2048]"]);
    assert_names(&edited(|t| t.shape = vec![32, 64, 1]), &[name, "[32, 64, 1]"]);
    for dtype in ["I16", "U16"] {
        let copy = Copy::of(UNTIED_BF16);
        copy.edit_tensors("model.safetensors", 0, |all| {
            all.get_mut(name).unwrap().dtype = dtype.into();
        });
        assert_names(&refusal(&copy), &["model.safetensors", name, dtype, "BF16"]);
    }
    // The config asks for more layers than there are.
    let copy = Copy::of(UNTIED_BF16);
    copy.set("num_hidden_layers", json!(3));
    assert_names(&refusal(&copy), &["model.layers.2", "missing"]);
    copy.set("num_hidden_layers", json!(1));
    assert_names(&refusal(&copy), &["model.layers.1", "not part of"]);
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    for name in ["lm_head.weight", "model.norm.weight", "model.embed_tokens.weight"] {
        for bad in [0x7fc0_u16, 0x7f80, 0xff80] {
            let copy = Copy::of(UNTIED_BF16);
            copy.edit_tensors("model.safetensors", 0, |all| {
                all.get_mut(name).unwrap().bytes[6..8].copy_from_slice(&bad.to_le_bytes());
            });
            let out = TempDir::new().unwrap();
            let entropy = &mut crate::fixtures::Counting(0);
            let ignore = &mut crate::fixtures::ignore;
            let error = convert_device(copy.path(), out.path(), entropy, ignore).unwrap_err();
            let expected = CheckpointError::Weight {
                tensor: name.into(),
                row: 0,
                error: kernel::quant::WeightError::NotFinite(3),
            };
            assert_eq!(error.to_string(), expected.to_string());
            let host = convert_host(copy.path(), &out.path().join("host"), ignore);
            assert_eq!(host.is_err(), name == "lm_head.weight");
        }
    }
}

#[test]
fn lying_headers_are_refused_without_a_panic() {
    let copy = Copy::of(TIED_F32);
    let file = copy.file("model.safetensors");
    let good = fs::read(&file).unwrap();
    let refuse = |bytes: &[u8], words: &[&str]| {
        fs::write(&file, bytes).unwrap();
        assert_names(&refusal(&copy), &[&["model.safetensors: "], words].concat());
    };
    let header = u64::from_le_bytes(*good.first_chunk().unwrap()) as usize;
    for length in [0, 1, 7, 8, 9, 8 + header, good.len() / 2, good.len() - 1] {
        refuse(&good[..length], &[]);
    }
    refuse(&[&good[..], b"x"].concat(), &["too long"]);
    for length in [1 << 60, u64::MAX, u64::MAX - 7, 100_000_001] {
        refuse(&[&u64::to_le_bytes(length), &good[8..]].concat(), &["claims"]);
    }
    refuse(&[&u64::to_le_bytes(99_999_999), &good[8..]].concat(), &["truncated"]);
    refuse(&[&u64::to_le_bytes(0), &good[8..]].concat(), &["malformed"]);

    let with_header = |json: &str, data: &[u8]| {
        [&(json.len() as u64).to_le_bytes(), json.as_bytes(), data].concat()
    };
    // Lengths that only fit together modulo 2^64: eight tensors of 2^61 bytes.
    let step = 1_u64 << 61;
    let tensors: Vec<String> = (0..8_u64)
        .map(|i| {
            let end = if i == 7 { u64::MAX - 3 } else { (i + 1) * step };
            let words = (end - i * step) / 4;
            format!(
                "\"{i}\":{{\"dtype\":\"F32\",\"shape\":[{words}],\"data_offsets\":[{},{end}]}}",
                i * step
            )
        })
        .collect();
    refuse(&with_header(&format!("{{{}}}", tensors.join(",")), &[]), &[]);
    for json in [
        "{}",
        "[]",
        "{\"a\": 1}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[18446744073709551615,2],\"data_offsets\":[0,8]}}",
        "{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        &"{\"a\":".repeat(10_000),
    ] {
        refuse(&with_header(json, &[]), &[]);
        refuse(&with_header(json, &[0; 8]), &[]);
    }
    refuse(&safetensors(&BTreeMap::new(), 3), &["is missing"]);

    // No single damaged byte of the header leads to a panic.
    for at in (0..8 + header).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x11;
        fs::write(&file, bad).unwrap();
        let _ = Checkpoint::open(copy.path());
    }
}

/// One row so long and so heavy that its noise could reach the rounding limit.
#[test]
fn matrices_that_are_too_heavy_are_refused_by_group() {
    let copy = Copy::of(UNTIED_BF16);
    let width = 65_000;
    copy.set("intermediate_size", json!(width));
    copy.edit_tensors("model.safetensors", 0, |all| {
        for (name, tensor) in all.iter_mut().filter(|(name, _)| name.contains("mlp")) {
            let down = name.contains("down");
            tensor.shape = if down { vec![64, width] } else { vec![width, 64] };
            // All ones: every integer is 127.
            tensor.bytes = [0x80, 0x3f].repeat(64 * width);
        }
    });
    let out = TempDir::new().unwrap();
    let entropy = &mut crate::fixtures::Counting(0);
    let ignore = &mut crate::fixtures::ignore;
    let host = convert_host(copy.path(), out.path(), ignore).unwrap_err();
    let device = convert_device(copy.path(), out.path(), entropy, ignore).unwrap_err();
    for error in [host, device] {
        assert!(matches!(error, ConvertError::Bound { group: 3, .. }), "{error}");
        assert_names(&error.to_string(), &["layers.0.mlp_out", "8255000"]);
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}
