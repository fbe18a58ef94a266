use serde_json::Value;

/// Why a tokenizer cannot be turned into a table of texts.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenTableError {
    /// The tokenizer's model is of another kind.
    #[error("`model.type` is {0}, which is not supported; supported: BPE, Unigram")]
    Kind(String),
    /// A part is missing or malformed.
    #[error("`{0}` is missing or malformed")]
    Malformed(&'static str),
}

/// The bytes that each of `vocab` tokens stands for, from the contents of a `tokenizer.json`.
///
/// Byte-level vocabularies are turned back from their printable alphabet to bytes; in the others
/// `U+2581` is a space and `<0xNN>` a byte. Special tokens, and numbers that the tokenizer does
/// not use, have no text. The space that some tokenizers strip at the start of a text is kept.
///
/// # Errors
/// [`TokenTableError`] names the part at fault.
pub fn token_table(tokenizer: &Value, vocab: usize) -> Result<Vec<Vec<u8>>, TokenTableError> {
    let model = &tokenizer["model"];
    let pieces: Vec<(&str, u64)> = match model["type"].as_str() {
        Some("BPE") | None => bpe_pieces(model),
        Some("Unigram") => unigram_pieces(model),
        Some(_) => return Err(TokenTableError::Kind(model["type"].to_string())),
    }
    .ok_or(TokenTableError::Malformed("model.vocab"))?;

    let text: fn(&str) -> Vec<u8> =
        if is_byte_level(tokenizer) { byte_level_text } else { sentencepiece_text };
    let mut table = vec![Vec::new(); vocab];
    let mut set = |id: u64, bytes| {
        // A tokenizer may know tokens that the model cannot produce.
        if let Some(entry) = usize::try_from(id).ok().and_then(|id| table.get_mut(id)) {
            *entry = bytes;
        }
    };
    for (piece, id) in pieces {
        set(id, text(piece));
    }
    let added = match &tokenizer["added_tokens"] {
        Value::Null => &[][..],
        Value::Array(added) => added,
        _ => return Err(TokenTableError::Malformed("added_tokens")),
    };
    for token in added {
        let parts = (token["id"].as_u64(), token["content"].as_str());
        let (Some(id), Some(content)) = parts else {
            return Err(TokenTableError::Malformed("added_tokens"));
        };
        let special = token["special"].as_bool().unwrap_or(false);
        set(id, if special { Vec::new() } else { content.as_bytes().to_vec() });
    }
    Ok(table)
}

fn bpe_pieces(model: &Value) -> Option<Vec<(&str, u64)>> {
    model["vocab"].as_object()?.iter().map(|(piece, id)| Some((&**piece, id.as_u64()?))).collect()
}

fn unigram_pieces(model: &Value) -> Option<Vec<(&str, u64)>> {
    let pieces = model["vocab"].as_array()?.iter().zip(0..);
    pieces.map(|(entry, id)| Some((entry[0].as_str()?, id))).collect()
}

/// Whether the decoder, or the splitter before it, is byte-level, alone or in a sequence.
fn is_byte_level(tokenizer: &Value) -> bool {
    let is = |part: &Value| part["type"] == "ByteLevel";
    let has = |part: &Value, list: &str| {
        is(part) || part[list].as_array().is_some_and(|parts| parts.iter().any(is))
    };
    has(&tokenizer["decoder"], "decoders") || has(&tokenizer["pre_tokenizer"], "pretokenizers")
}

/// A piece in the byte-level alphabet: printable Latin-1 characters stand for themselves, the
/// other 68 bytes, in order, for U+0100 and on. Whatever is not in the alphabet stands for itself.
fn byte_level_text(piece: &str) -> Vec<u8> {
    piece.chars().map(byte_of).collect::<Option<_>>().unwrap_or_else(|| piece.as_bytes().to_vec())
}

fn byte_of(c: char) -> Option<u8> {
    let visible = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    match u8::try_from(c) {
        Ok(byte) if visible(byte) => Some(byte),
        Ok(_) => None,
        Err(_) => {
            let index = (c as usize).checked_sub(0x100)?;
            (0..=u8::MAX).filter(|&byte| !visible(byte)).nth(index)
        }
    }
}

fn sentencepiece_text(piece: &str) -> Vec<u8> {
    let byte = piece
        .strip_prefix("<0x")
        .and_then(|rest| rest.strip_suffix('>'))
        .filter(|digits| digits.len() == 2 && digits.bytes().all(|d| d.is_ascii_hexdigit()))
        .and_then(|digits| u8::from_str_radix(digits, 16).ok());
    match byte {
        Some(byte) => vec![byte],
        None => piece.replace('\u{2581}', " ").into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn byte_level_pieces_become_bytes() {
        assert_eq!(byte_level_text("Ġthe"), b" the");
        assert_eq!(byte_level_text("Ċ"), b"\n");
        assert_eq!(byte_level_text("Ã©"), "é".as_bytes());
        assert_eq!(byte_level_text("日"), "日".as_bytes());
        // Every byte has one character.
        let mut seen = [false; 256];
        for c in '\0'..='\u{200}' {
            if let Some(byte) = byte_of(c) {
                assert!(!core::mem::replace(&mut seen[usize::from(byte)], true));
            }
        }
        assert!(seen.iter().all(|&seen| seen));
        // U+0143 is the last of the alphabet and stands for the soft hyphen.
        assert_eq!((byte_of('\u{143}'), byte_of('\u{144}')), (Some(0xad), None));
    }

    #[test]
    fn byte_level_vocabulary() {
        let tokenizer = json!({
            "model": {"type": "BPE", "vocab": {"<s>": 0, "Ġa": 1, "zz": 9}},
            "decoder": {"type": "Sequence", "decoders": [{"type": "ByteLevel"}]},
            "added_tokens": [
                {"id": 0, "content": "<s>", "special": true},
                {"id": 3, "content": " é", "special": false},
            ],
        });
        let table = token_table(&tokenizer, 4).unwrap();
        assert_eq!(table, [&b""[..], b" a", b"", " é".as_bytes()]);
    }

    #[test]
    fn sentencepiece_vocabularies() {
        let bpe = json!({
            "model": {"type": "BPE", "vocab": {"<unk>": 0, "<0x0A>": 1, "▁a▁b": 2, "<0xZZ>": 3, "é": 4}},
            "added_tokens": [{"id": 0, "content": "<unk>", "special": true}],
        });
        let expected = [&b""[..], b"\n", b" a b", b"<0xZZ>", "é".as_bytes()];
        assert_eq!(token_table(&bpe, 5).unwrap(), expected);
        let unigram = json!({
            "model": {"type": "Unigram", "vocab": [["<unk>", 0.0], ["▁x", -1.5]]},
        });
        assert_eq!(token_table(&unigram, 3).unwrap(), [&b"<unk>"[..], b" x", b""]);
    }

    #[test]
    fn other_tokenizers_are_refused() {
        let kind = |json| token_table(&json, 4).unwrap_err().to_string();
        assert!(kind(json!({"model": {"type": "WordPiece", "vocab": {}}})).contains("WordPiece"));
        assert!(kind(json!({"model": {"type": "BPE", "vocab": [1]}})).contains("model.vocab"));
        assert!(
            kind(json!({"model": {"type": "BPE", "vocab": {"a": -1}}})).contains("model.vocab")
        );
        assert!(kind(json!({"model": {"type": "Unigram", "vocab": [7]}})).contains("model.vocab"));
        assert!(kind(json!([])).contains("model.vocab"));
        let added = json!({"model": {"vocab": {}}, "added_tokens": [{"id": "x"}]});
        assert!(kind(added).contains("added_tokens"));
    }
}
