//! Checkpoints that are truncated, contradictory or hostile: one line that says what and where,
//! exit code 1, and no more memory than a small model needs.

use crate::tool::{MODEL, Outcome, copy_of, limited, run, words};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const WEIGHTS: &str = "model.safetensors";
const SHARDED: &str = "tiny-gqa-f16-sharded";
/// More than a limited program may have.
const HUGE: u64 = 8 << 30;

/// Every command that reads a checkpoint refuses this one, in one line that says all of `said`.
#[track_caller]
fn refused(model: &Path, said: &[&str]) {
    let out = crate::tool::folder();
    for command in ["convert host --out", "convert device --out"] {
        let line = words(command, &[&out.path().join("bundle"), &model]);
        limited(line).failed(1, said).one_line();
    }
    limited(words("demo --prompt-ids 0 --model", &[&model])).failed(1, said).one_line();
    assert!(!out.path().join("bundle").join("manifest.json").exists());
    assert!(!out.path().join("bundle").join("device.bundle").exists());
}

/// A file with a header of these bytes, which claims to be `length` bytes long, and `data`.
fn with_header(length: u64, header: &str, data: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn weights_that_lie_about_their_size() {
    let model = copy_of(MODEL);
    let file = model.path().join(WEIGHTS);
    let good = fs::read(&file).unwrap();
    for length in [1 << 60, u64::MAX] {
        fs::write(&file, with_header(length, "", &good[8..])).unwrap();
        refused(model.path(), &[WEIGHTS, &format!("its header claims {length} bytes")]);
    }
    let tensor = |end: u64| {
        let words = end / 4;
        format!(r#"{{"a":{{"dtype":"F32","shape":[{words}],"data_offsets":[0,{end}]}}}}"#)
    };
    for end in [1 << 62, u64::MAX - 3] {
        let header = tensor(end);
        fs::write(&file, with_header(header.len() as u64, &header, &good[8..])).unwrap();
        refused(model.path(), &[WEIGHTS, "header"]);
    }
    for length in [0, 7, 100, good.len() / 2, good.len() - 1] {
        fs::write(&file, &good[..length]).unwrap();
        refused(model.path(), &[WEIGHTS]);
    }
}

/// A copy whose header has `old` replaced by `new`, of the same length.
fn with_edited_header(old: &str, new: &str) -> tempfile::TempDir {
    let model = copy_of(MODEL);
    let file = model.path().join(WEIGHTS);
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(old.len()).position(|part| part == old.as_bytes()).unwrap();
    bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
    assert_eq!(old.len(), new.len());
    fs::write(&file, bytes).unwrap();
    model
}

#[test]
fn tensors_of_another_shape_or_type() {
    let embeddings = "model.embed_tokens.weight";
    let name = format!("\"{embeddings}\":{{\"dtype\":\"F32\",\"shape\":[");
    let shape = with_edited_header(&format!("{name}256,64]"), &format!("{name}64,256]"));
    refused(shape.path(), &[WEIGHTS, embeddings, "[64, 256]", "[256, 64]"]);
    let dtype = with_edited_header(&name, &name.replace("F32", "I32"));
    refused(dtype.path(), &[WEIGHTS, embeddings, "I32", "F32, F16, BF16"]);
    let missing = with_edited_header("model.norm.weight", "model.norm.weighs");
    refused(missing.path(), &[WEIGHTS, "`model.norm.weight` is missing"]);
}

#[test]
fn weights_that_are_no_numbers() {
    let model = copy_of(MODEL);
    let file = model.path().join(WEIGHTS);
    let good = fs::read(&file).unwrap();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let end = good.len() - 4;
        fs::write(&file, [&good[..end], &bad.to_le_bytes()].concat()).unwrap();
        let out = crate::tool::folder();
        // The last tensor is a norm, which the host's bundle has no use for.
        let line = words("convert device --out", &[&out.path(), &model.path()]);
        limited(line).failed(1, &["model.norm.weight", "not finite"]).one_line();
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    }
}

#[test]
fn shards_that_are_missing_or_elsewhere() {
    let second = "model-00002-of-00003.safetensors";
    let model = copy_of(SHARDED);
    fs::rename(model.path().join(second), model.path().join("other")).unwrap();
    refused(model.path(), &[second, "No such file"]);
    let index = "model.safetensors.index.json";
    let text = fs::read_to_string(model.path().join(index)).unwrap();
    for outside in ["../other", "/etc/passwd", "a/b"] {
        fs::write(model.path().join(index), text.replace(second, outside)).unwrap();
        refused(model.path(), &[index, outside, "not a plain file name"]);
    }
    for bad in ["", "{", "[]", "{}", r#"{"weight_map": 7}"#] {
        fs::write(model.path().join(index), bad).unwrap();
        refused(model.path(), &[index]);
    }
}

#[test]
fn configurations_without_measure() {
    let model = copy_of(MODEL);
    let file = model.path().join("config.json");
    let good: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for field in [
        "num_hidden_layers",
        "hidden_size",
        "vocab_size",
        "intermediate_size",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "max_position_embeddings",
    ] {
        for value in [json!(1_u64 << 40), json!(u32::MAX), json!(0), json!(-1), json!("many")] {
            let mut config = good.clone();
            config[field] = value;
            fs::write(&file, config.to_string()).unwrap();
            refused(model.path(), &["config.json: ", field]);
        }
    }
    for bad in ["", "{", "nonsense", "[]", "\u{0}", &"[".repeat(1 << 20)] {
        fs::write(&file, bad).unwrap();
        refused(model.path(), &["config.json: "]);
    }
    fs::File::create(&file).unwrap().set_len(HUGE).unwrap();
    refused(model.path(), &["config.json: larger than 16777216 bytes"]);
}

#[test]
fn generation_configurations_that_are_garbage() {
    let model = copy_of(MODEL);
    let file = model.path().join("generation_config.json");
    for bad in ["", "{", "[]", r#"{"eos_token_id": 256}"#, r#"{"eos_token_id": {}}"#] {
        fs::write(&file, bad).unwrap();
        refused(model.path(), &["generation_config.json: "]);
    }
    fs::File::create(&file).unwrap().set_len(HUGE).unwrap();
    refused(model.path(), &["generation_config.json: larger than "]);
}

/// The prompt is refused before anything is prepared.
#[track_caller]
fn no_prompt(model: &Path, prompt: &str, said: &[&str]) {
    let line = words("demo --tokens 1 --prompt", &[&prompt, &"--model", &model]);
    limited(line).failed(1, said).one_line();
}

#[test]
fn tokenizers_that_are_damaged_or_endless() {
    let model = copy_of(MODEL);
    let file = model.path().join("tokenizer.json");
    let convert = |said: &[&str]| {
        let out = crate::tool::folder();
        limited(words("convert device --out", &[&out.path(), &model.path()]))
            .failed(1, said)
            .one_line();
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    };
    for bad in ["", "{", "nonsense", "[]", r#"{"model": 3}"#, &"[".repeat(1 << 20)] {
        fs::write(&file, bad).unwrap();
        no_prompt(model.path(), "hi", &["tokenizer.json is refused: "]);
        convert(&["tokenizer.json: "]);
    }
    fs::File::create(&file).unwrap().set_len(HUGE).unwrap();
    no_prompt(model.path(), "hi", &["tokenizer.json is larger than 268435456 bytes"]);
    convert(&["tokenizer.json: larger than 268435456 bytes"]);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    no_prompt(model.path(), "hi", &["reading ", "tokenizer.json: not a regular file"]);
    convert(&["tokenizer.json: not a regular file"]);
}

/// A vocabulary that is not the model's: what lies beyond is refused when a prompt uses it, and
/// tokens without a text are none.
#[test]
fn tokenizers_of_another_vocabulary() {
    let model = copy_of(MODEL);
    let file = model.path().join("tokenizer.json");
    let good: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let mut larger = good.clone();
    let mut token = good["added_tokens"][0].clone();
    token["id"] = json!(300);
    token["content"] = json!("<beyond>");
    larger["added_tokens"].as_array_mut().unwrap().push(token);
    larger["model"]["vocab"]["zzzz"] = json!(300 - 1);
    fs::write(&file, larger.to_string()).unwrap();
    let beyond = "of the prompt is beyond the model's vocabulary of 256";
    no_prompt(model.path(), "hi <beyond>", &[beyond]);
    let demo = |prompt: &str| {
        let line = "demo --json --pace 0 --tokens 4 --prompt";
        run(words(line, &[&prompt, &"--model", &model.path()])).json()
    };
    let ids = demo("hi")["prompt_ids"].clone();

    let mut smaller = good;
    let vocab = smaller["model"]["vocab"].as_object_mut().unwrap();
    vocab.retain(|_, id| id.as_u64().unwrap() < 200);
    let texts: Vec<String> = vocab.keys().cloned().collect();
    smaller["model"]["merges"].as_array_mut().unwrap().retain(|merge| {
        let parts: Vec<&str> = match merge {
            Value::String(pair) => pair.split(' ').collect(),
            pair => pair.as_array().unwrap().iter().map(|part| part.as_str().unwrap()).collect(),
        };
        parts.iter().chain([&&*parts.concat()]).all(|part| texts.iter().any(|text| text == part))
    });
    fs::write(&file, smaller.to_string()).unwrap();
    let report = demo("hi");
    assert_eq!(report["identical_tokens"], true);
    assert_eq!(report["prompt_ids"], ids);
}

#[test]
fn templates_that_are_endless() {
    let model = copy_of(MODEL);
    let template = model.path().join("chat_template.jinja");
    let config = model.path().join("tokenizer_config.json");
    let failed = ["the model's chat template failed; --raw goes without it: "];
    for bad in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}x\
         {% endfor %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 'a' * 100000000000 }}",
        "{{ range(1000000000000) }}",
        &"{% if true %}".repeat(20_000),
        &format!("{{{{ {}1 }}}}", "(".repeat(100_000)),
    ] {
        fs::write(&template, bad).unwrap();
        no_prompt(model.path(), "hi", &failed);
    }
    fs::File::create(&template).unwrap().set_len(HUGE).unwrap();
    no_prompt(model.path(), "hi", &["chat_template.jinja is larger than 16777216 bytes"]);
    let out = crate::tool::folder();
    limited(words("convert device --out", &[&out.path(), &model.path()]))
        .failed(1, &["chat_template.jinja: larger than "])
        .one_line();
    fs::write(&template, [0xff, 0xfe]).unwrap();
    no_prompt(model.path(), "hi", &["chat_template.jinja is not UTF-8"]);
    fs::remove_file(&template).unwrap();
    for (bad, said) in [
        ("{", "tokenizer_config.json is not JSON"),
        (r#"{"chat_template": 7}"#, "is neither a text nor a list"),
    ] {
        fs::write(&config, bad).unwrap();
        no_prompt(model.path(), "hi", &[said]);
    }
    fs::File::create(&config).unwrap().set_len(HUGE).unwrap();
    no_prompt(model.path(), "hi", &["tokenizer_config.json is larger than "]);
    // Without the template the prompt is good.
    fs::write(&config, r#"{"chat_template": "{% for %}"}"#).unwrap();
    let line = "demo --json --pace 0 --tokens 1 --raw --prompt hi --model";
    let raw: Outcome = run(words(line, &[&model.path()]));
    assert_eq!(raw.json()["identical_tokens"], true);
}

/// A pipe would be waited for; it is refused before it is opened.
#[cfg(unix)]
#[test]
fn pipes_in_place_of_files() {
    let model = copy_of(MODEL);
    for name in ["tokenizer.json", "chat_template.jinja", "tokenizer_config.json"] {
        let file = model.path().join(name);
        let kept = fs::read(&file).ok();
        let _ = fs::remove_file(&file);
        assert!(std::process::Command::new("mkfifo").arg(&file).status().unwrap().success());
        no_prompt(model.path(), "hi", &["reading ", name, "not a regular file"]);
        fs::remove_file(&file).unwrap();
        if let Some(kept) = kept {
            fs::write(&file, kept).unwrap();
        }
    }
}
