//! Rust source without its comments and literals, so that words in them are not taken for code.

/// The code of a file: every comment and every string or character literal becomes a space and
/// the line ends it held, so that line numbers stay.
pub(crate) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_word = false;
    while let Some(next) = rest.chars().next() {
        let skipped = if in_word && next.is_alphanumeric() { 0 } else { not_code(rest) };
        if skipped == 0 {
            code.push(next);
            in_word = next == '_' || next.is_alphanumeric();
            rest = &rest[next.len_utf8()..];
        } else {
            code.push(' ');
            code.extend(rest[..skipped].chars().filter(|c| *c == '\n'));
            in_word = false;
            rest = &rest[skipped..];
        }
    }
    code
}

/// The length of the comment or literal that the text begins with, or 0.
fn not_code(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    match text.as_bytes()[0] {
        b'"' => quoted(text, '"'),
        b'\'' => character(text),
        b'b' | b'c' => match raw_string(&text[1..]) {
            0 => 0,
            length => 1 + length,
        },
        _ => raw_string(text),
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match text.as_bytes().get(at..at + 2) {
            Some(b"/*") => depth += 1,
            Some(b"*/") => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    text.len()
}

/// A character literal; a lifetime begins with the same quote, but is code.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match (characters.next(), characters.next()) {
        (Some((_, '\\')), _) => quoted(text, '\''),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

fn raw_string(text: &str) -> usize {
    let Some(marks) = text.strip_prefix('r') else { return 0 };
    let inside = marks.trim_start_matches('#');
    let hashes = marks.len() - inside.len();
    let Some(inside) = inside.strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    hashes + 2 + length
}

#[cfg(test)]
mod tests {
    use super::code_only;

    fn words(text: &str) -> Vec<String> {
        code_only(text).split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn comments_go_and_lines_stay() {
        assert_eq!(words("a // unsafe\nb /* x /* y */ z\n */ c"), ["a", "b", "c"]);
        assert_eq!(code_only("/* 1\n2 */ a \"3\n4\" b").matches('\n').count(), 2);
        assert_eq!(words("a /* never closed"), ["a"]);
    }

    #[test]
    fn literals_go() {
        assert_eq!(words(r#"a "unsafe \" // \\" b"#), ["a", "b"]);
        assert_eq!(words(r##"a r#"unsafe "quoted" "# b"##), ["a", "b"]);
        assert_eq!(
            words(r##"a r"\" b br"\" c br#"""# d b"\"" e b'"' f"##),
            ["a", "b", "c", "d", "b", "e", "b", "f"]
        );
        assert_eq!(words(r"a '\'' b '}' c '\u{22}' d"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn code_stays() {
        assert_eq!(words("fn f<'a>(x: &'a u8) 'b"), ["fn", "f<'a>(x:", "&'a", "u8)", "'b"]);
        assert_eq!(words("r#type for r in bar\"x\" a"), ["r#type", "for", "r", "in", "bar", "a"]);
        assert_eq!(words("a / b * c"), ["a", "/", "b", "*", "c"]);
    }
}
