//! From a person's words to token ids.

mod date;
mod template;

use anyhow::{Result, anyhow, bail};
use std::path::Path;
use template::Template;
use tokenizers::Tokenizer;

use crate::capped;
use crate::cli::Request;

/// Bytes of a tokenizer at most; a conversion has the same limit.
const LONGEST: u64 = 256 << 20;

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
        bail!("the prompt has no tokens");
    }
    if let Some(id) = ids.iter().find(|&&id| id >= vocab) {
        bail!("token {id} of the prompt is beyond the model's vocabulary of {vocab}");
    }
    Ok(ids)
}

fn encode(text: &str, raw: bool, folder: &Path) -> Result<Vec<u32>> {
    let path = folder.join("tokenizer.json");
    let Some(bytes) = capped::read(&path, LONGEST)? else {
        bail!("{} is missing: give the prompt as --prompt-ids", path.display());
    };
    let mut tokenizer = Tokenizer::from_bytes(bytes)
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
            let special = template.bos().is_none_or(|bos| !rendered.starts_with(bos));
            (rendered, special)
        }
    };
    let encoding =
        tokenizer.encode(text, special).map_err(|error| anyhow!("tokenizing failed: {error}"))?;
    Ok(encoding.get_ids().to_vec())
}
