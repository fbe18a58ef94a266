//! From a person's words to token ids.

use anyhow::{Context, Result, anyhow, bail};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde_json::Value as Json;
use std::path::Path;
use tokenizers::Tokenizer;

use crate::cli::Request;

/// The prompt when the user gives none.
const DEFAULT_PROMPT: &str = "Please dim the living room lights to thirty percent";

/// The token ids that a request's prompt stands for, with the tokenizer files in `folder`.
pub(crate) fn prompt_ids(request: &Request, folder: &Path, vocab: u32) -> Result<Vec<u32>> {
    let ids = match &request.prompt_ids {
        Some(ids) => ids.clone(),
        None => {
            let text = request.prompt.as_deref().unwrap_or(DEFAULT_PROMPT);
            encode(text, request.raw, folder)?
        }
    };
    if ids.is_empty() {
        bail!("the prompt is empty");
    }
    if let Some(id) = ids.iter().find(|&&id| id >= vocab) {
        bail!("token {id} of the prompt is beyond the model's vocabulary of {vocab}");
    }
    Ok(ids)
}

fn encode(text: &str, raw: bool, folder: &Path) -> Result<Vec<u32>> {
    let path = folder.join("tokenizer.json");
    if !path.exists() {
        bail!("{} is missing: give the prompt as --prompt-ids", path.display());
    }
    let mut tokenizer = Tokenizer::from_file(&path)
        .map_err(|error| anyhow!("{} is refused: {error}", path.display()))?;
    // What a file says of padding and truncation must not change a prompt.
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| anyhow!("{error}"))?;
    let template = if raw { None } else { Template::read(folder)? };
    let (text, special) = match &template {
        None => (text.to_owned(), true),
        // A template that writes its own beginning of text must not get a second.
        Some(template) => {
            let rendered = template.render(text)?;
            let special = template.bos.is_empty() || !rendered.starts_with(&template.bos);
            (rendered, special)
        }
    };
    let encoding =
        tokenizer.encode(text, special).map_err(|error| anyhow!("tokenizing failed: {error}"))?;
    Ok(encoding.get_ids().to_vec())
}

/// A model's chat template.
struct Template {
    source: String,
    bos: String,
    eos: String,
}

impl Template {
    /// The template in `folder`'s tokenizer_config.json, if there is one.
    fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join("tokenizer_config.json");
        if !path.exists() {
            return Ok(None);
        }
        let config: Json = serde_json::from_slice(&std::fs::read(&path)?)
            .with_context(|| format!("{} is not JSON", path.display()))?;
        // A special token is a string, or an object with its content.
        let token = |name: &str| {
            let value = &config[name];
            value.as_str().or_else(|| value["content"].as_str()).unwrap_or_default().to_owned()
        };
        Ok(config["chat_template"].as_str().map(|source| Self {
            source: source.replace("{% generation %}", "").replace("{% endgeneration %}", ""),
            bos: token("bos_token"),
            eos: token("eos_token"),
        }))
    }

    /// The prompt of one user message, as `transformers` renders it.
    fn render(&self, message: &str) -> Result<String> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        environment.set_syntax(syntax);
        environment.add_function("raise_exception", |message: String| -> Result<String, _> {
            Err(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message))
        });
        let messages = serde_json::json!([{ "role": "user", "content": message }]);
        environment
            .render_str(
                &self.source,
                context! {
                    messages => Value::from(Serde(messages)),
                    bos_token => self.bos.as_str(),
                    eos_token => self.eos.as_str(),
                    add_generation_prompt => true,
                },
            )
            .context("the model's chat template failed; --raw goes without it")
    }
}
