//! Prompts: tokenizers and chat templates.

use crate::tool::{MODEL, copy_of, fixture, folder, run, words};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The ids that `demo` makes of a prompt for the model in `folder`.
fn ids(model: &Path, prompt: &str, options: &str) -> Vec<u64> {
    let line = format!("demo --json --pace 0 --tokens 1 {options} --prompt");
    let report = run(words(&line, &[&prompt, &"--model", &model])).json();
    report["prompt_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
}

#[test]
fn templates_of_all_kinds() {
    let model = copy_of(MODEL);
    let model = model.path();
    let bare = |text: &str| ids(&fixture(MODEL), text, "");
    assert_eq!(bare("hi")[0], 0, "a text begins with its own token");
    let config = |value: serde_json::Value| {
        fs::write(model.join("tokenizer_config.json"), value.to_string()).unwrap();
    };

    config(json!({ "chat_template": "U:{{ messages[0].content.strip() }}|" }));
    assert_eq!(ids(model, " hi ", ""), bare("U:hi|"));
    assert_eq!(ids(model, " hi ", "--raw"), bare(" hi "));
    // A template that writes the first token itself gets no second.
    config(json!({
        "bos_token": "<bos>",
        "chat_template": "{{ bos_token }}U:{{ messages[0]['content'] }}|",
    }));
    assert_eq!(ids(model, "hi", ""), bare("U:hi|"));
    config(json!({ "chat_template": [
        { "name": "rag", "template": "no" },
        { "name": "default", "template": "N:{{ messages[0].content }}" },
    ] }));
    assert_eq!(ids(model, "hi", ""), bare("N:hi"));
    fs::write(model.join("chat_template.jinja"), "F:{{ messages[0].content | tojson }}").unwrap();
    assert_eq!(ids(model, "<hi>", ""), bare("F:\"<hi>\""));
    // The device's folder has what it needs for the same.
    let device = folder();
    run(words("convert device --out", &[&device.path(), &model])).succeeded();
    assert!(device.path().join("chat_template.jinja").exists());
}

/// The tokenizer's file asks for twelve tokens at most, and for padding to forty: neither changes a
/// prompt, long or short.
#[test]
fn padding_and_truncation_of_a_tokenizer_change_no_prompt() {
    let model = fixture("tiny-new-config");
    let tokenizer = fs::read(model.join("tokenizer.json")).unwrap();
    let tokenizer: Value = serde_json::from_slice(&tokenizer).unwrap();
    assert_eq!(tokenizer["truncation"]["max_length"], 12);
    assert_eq!(tokenizer["padding"]["strategy"]["Fixed"], 40);
    let prompts = fs::read(model.join("prompts.json")).unwrap();
    let prompts: Vec<Value> = serde_json::from_slice(&prompts).unwrap();
    let mut lengths = Vec::new();
    // The command line takes no empty prompt.
    for prompt in prompts.iter().filter(|prompt| prompt["text"] != "") {
        let expected = prompt["ids"].as_array().unwrap();
        let expected: Vec<u64> = expected.iter().map(|id| id.as_u64().unwrap()).collect();
        assert_eq!(ids(&model, prompt["text"].as_str().unwrap(), ""), expected);
        lengths.push(expected.len());
    }
    assert!(lengths.iter().any(|&n| n > 40) && lengths.iter().any(|n| (13..40).contains(n)));
}

#[test]
fn the_default_prompt_is_one_for_the_built_in_model() {
    let text = run(["demo", "--pace", "0", "--tokens", "40"]).succeeded().stdout;
    assert!(text.contains("\"action\":\"set_light\"") && text.contains("\"level\":30"), "{text}");
}
