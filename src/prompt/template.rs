//! A model's chat template, rendered as `transformers` does.

use super::date;
use crate::capped;
use anyhow::{Context, Result, bail};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, Error, ErrorKind};
use serde::Serialize;
use serde_json::ser::Formatter;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

const CONFIG: &str = "tokenizer_config.json";
/// Where newer models keep their template; it goes before the one in the configuration.
const FILE: &str = "chat_template.jinja";
/// Bytes of either file at most.
const LONGEST: u64 = 16 << 20;
/// Steps that a template may take, about one for each tag and operator. Published ones take some
/// hundreds; one that goes round for ever is stopped.
const STEPS: u64 = 1_000_000;

/// A chat template and the special tokens that it may name.
#[derive(Debug)]
pub(super) struct Template {
    source: String,
    /// `bos_token`, `eos_token` and the like.
    tokens: BTreeMap<String, String>,
}

impl Template {
    /// The template of the model in `folder`, if it has one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let config = folder.join(CONFIG);
        let config: Json = match read(&config)? {
            Some(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is not JSON", config.display()))?,
            None => Json::Null,
        };
        let source = match read(&folder.join(FILE))? {
            Some(source) => source,
            None => match default_of(&config["chat_template"]) {
                Ok(Some(source)) => source.to_owned(),
                Ok(None) => return Ok(None),
                Err(problem) => {
                    bail!("`chat_template` in {CONFIG} {problem}; --raw goes without it")
                }
            },
        };
        Ok(Some(Self { source: without_generation_tags(&source), tokens: special_tokens(&config) }))
    }

    /// The token that begins a text, if the model has one.
    pub(super) fn bos(&self) -> Option<&str> {
        self.tokens.get("bos_token").map(String::as_str).filter(|token| !token.is_empty())
    }

    /// The prompt of one message of the user.
    pub(super) fn render(&self, message: &str) -> Result<String> {
        let plain = self.render_content(json!(message));
        match &plain {
            Ok(text) if text.contains(message.trim()) => plain,
            // Some templates want a message in typed parts, and drop one that is a plain string.
            _ => match self.render_content(json!([{ "type": "text", "text": message }])) {
                Ok(text) if text.contains(message.trim()) => Ok(text),
                _ => plain,
            },
        }
        .context("the model's chat template failed; --raw goes without it")
    }

    fn render_content(&self, content: Json) -> Result<String> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(STEPS));
        // Templates are written for Python: `text.strip()`, `map.items()`.
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("strftime_now", |format: &str| date::strftime_now(format));
        environment.add_function("raise_exception", |message: String| -> Result<String, _> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        let mut context: BTreeMap<&str, Value> = BTreeMap::new();
        for (name, token) in &self.tokens {
            context.insert(name, Value::from(token.as_str()));
        }
        let messages = json!([{ "role": "user", "content": content }]);
        context.insert("messages", Value::from(Serde(messages)));
        context.insert("add_generation_prompt", Value::from(true));
        context.insert("tools", Value::from(()));
        context.insert("documents", Value::from(()));
        Ok(environment.render_str(&self.source, context)?)
    }
}

fn read(path: &Path) -> Result<Option<String>> {
    let Some(bytes) = capped::read(path, LONGEST)? else { return Ok(None) };
    let text = String::from_utf8(bytes);
    text.map(Some).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// The template itself, or the one called `default` of a list of named ones.
fn default_of(field: &Json) -> Result<Option<&str>, &'static str> {
    match field {
        Json::Null => Ok(None),
        Json::String(source) => Ok(Some(source)),
        Json::Array(named) => {
            let default = named.iter().find(|entry| entry["name"] == "default");
            let source = default.and_then(|entry| entry["template"].as_str());
            source.map(Some).ok_or("is a list without one that is named \"default\"")
        }
        _ => Err("is neither a text nor a list of named texts"),
    }
}

/// All entries called `..._token`: each is a string, or an object with its content.
fn special_tokens(config: &Json) -> BTreeMap<String, String> {
    let entries = config.as_object().into_iter().flatten();
    entries
        .filter(|(name, _)| name.ends_with("_token"))
        .filter_map(|(name, value)| {
            let token = value.as_str().or_else(|| value["content"].as_str())?;
            Some((name.clone(), token.to_owned()))
        })
        .collect()
}

/// The source with `generation` blocks, which mark an answer for training, made always true.
fn without_generation_tags(source: &str) -> String {
    let mut parts = source.split("{%");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("{%");
        let (tag, rest) = part.split_at(part.find("%}").unwrap_or(0));
        match tag.trim_matches(['-', '+']).trim() {
            "generation" => result.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => result.push_str(&tag.replace("endgeneration", "endif")),
            _ => result.push_str(tag),
        }
        result.push_str(rest);
    }
    result
}

/// JSON as Python writes it: a space after commas and colons, nothing escaped for HTML.
fn to_json(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let failed =
        |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    let indent: Option<usize> = options.get("indent")?;
    options.get::<Option<bool>>("ensure_ascii")?;
    options.assert_all_used()?;
    let mut out = Vec::new();
    if let Some(indent) = indent {
        let indent = " ".repeat(indent.min(16));
        let style = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        let mut writer = serde_json::Serializer::with_formatter(&mut out, style);
        value.serialize(&mut writer).map_err(failed)?;
    } else {
        let mut writer = serde_json::Serializer::with_formatter(&mut out, Spaced);
        value.serialize(&mut writer).map_err(failed)?;
    }
    Ok(Value::from_safe_string(String::from_utf8_lossy(&out).into_owned()))
}

struct Spaced;

impl Spaced {
    fn separate<W: io::Write + ?Sized>(out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }
}

impl Formatter for Spaced {
    fn begin_array_value<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        Self::separate(out, first)
    }

    fn begin_object_key<W: io::Write + ?Sized>(
        &mut self,
        out: &mut W,
        first: bool,
    ) -> io::Result<()> {
        Self::separate(out, first)
    }

    fn begin_object_value<W: io::Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn template(source: &str) -> Template {
        let config = json!({ "bos_token": { "content": "<s>" }, "eos_token": "</s>" });
        Template { source: without_generation_tags(source), tokens: special_tokens(&config) }
    }

    fn render(source: &str, message: &str) -> String {
        template(source).render(message).unwrap()
    }

    #[test]
    fn python_methods_work() {
        let source = "{{ bos_token }}{% for m in messages %}[INST] {{ m['content'].strip() }} [/INST]\
                      {% if m.content.startswith(' a') %}!{% endif %}{% endfor %}";
        assert_eq!(render(source, " a <b> "), "<s>[INST] a <b> [/INST]!");
    }

    #[test]
    fn blocks_are_trimmed_as_transformers_trims_them() {
        let source = "{% for m in messages %}\n    {% if true %}\n{{ m.content }}\n    {% endif %}\n{% endfor %}\n";
        assert_eq!(render(source, "x"), "x\n");
    }

    #[test]
    fn json_is_as_python_writes_it() {
        let source = "{{ {'a': [1, 'é<&\\''], 'm': messages[0].content} | tojson }}";
        assert_eq!(render(source, "hi"), r#"{"a": [1, "é<&'"], "m": "hi"}"#);
        let source = "{{ {'a': [1]} | tojson(indent=2) }}{{ messages[0].content }}";
        assert_eq!(render(source, "hi"), "{\n  \"a\": [\n    1\n  ]\n}hi");
    }

    #[test]
    fn generation_marks_are_transparent() {
        let source = "{%- for m in messages -%} {{ m.content }} {%- generation -%} x {% endgeneration %}\
                      {% endfor %}{% set generation = 'kept' %}{{ generation }}";
        assert_eq!(render(source, "m"), "mx kept");
    }

    #[test]
    fn no_tools_are_defined_and_none() {
        let source = "{% if tools is defined and tools is none and not documents %}{{ messages[0].content }}{% endif %}";
        assert_eq!(render(source, "m"), "m");
    }

    #[test]
    fn a_refusal_is_an_error_with_its_reason() {
        let error = template("{{ raise_exception('no system message') }}").render("m").unwrap_err();
        assert!(format!("{error:#}").contains("no system message"), "{error:#}");
    }

    #[test]
    fn typed_parts_are_tried_where_a_string_is_dropped_or_refused() {
        let dropping = "{% for part in messages[0].content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}";
        assert_eq!(render(dropping, "hello"), "hello");
        let refusing = "{% if messages[0].content is string %}{{ raise_exception('parts!') }}{% endif %}{{ messages[0].content[0].text }}";
        assert_eq!(render(refusing, "hello"), "hello");
    }

    #[test]
    fn a_template_that_goes_round_for_ever_is_stopped() {
        let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}\
                      {% endfor %}{% endfor %}{% endfor %}";
        let error = template(nested).render("m").unwrap_err();
        assert!(format!("{error:#}").contains("out of fuel"), "{error:#}");
    }

    #[test]
    fn dates_are_known() {
        let text = render("{{ strftime_now('%Y-%m-%d') }} {{ messages[0].content }}", "m");
        assert_eq!(text.len(), "2026-01-01 m".len());
        assert!(text.starts_with("20"), "{text}");
    }

    #[test]
    fn templates_are_found_where_models_keep_them() {
        let folder = tempfile::tempdir().unwrap();
        let config = |json: Json| fs::write(folder.path().join(CONFIG), json.to_string()).unwrap();
        let source = || Template::read(folder.path()).map(|found| found.map(|t| t.source));
        assert_eq!(source().unwrap(), None);
        config(json!({ "bos_token": "<s>" }));
        assert_eq!(source().unwrap(), None);
        config(json!({ "chat_template": "one" }));
        assert_eq!(source().unwrap().as_deref(), Some("one"));
        let named = json!([
            { "name": "tool_use", "template": "two" },
            { "name": "default", "template": "three" },
        ]);
        config(json!({ "chat_template": named }));
        assert_eq!(source().unwrap().as_deref(), Some("three"));
        config(json!({ "chat_template": [{ "name": "tool_use", "template": "two" }] }));
        assert!(source().unwrap_err().to_string().contains("--raw"));
        fs::write(folder.path().join(FILE), "four").unwrap();
        assert_eq!(source().unwrap().as_deref(), Some("four"));
        fs::write(folder.path().join(CONFIG), "{").unwrap();
        assert!(source().unwrap_err().to_string().contains("is not JSON"));
    }
}
