//! The rules of the house that neither the compiler nor clippy checks.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::{shell, source};

/// No file is longer than this.
const LINES: usize = 600;

/// Macros of unfinished work.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Folders that hold what tools made. Those whose name begins with a dot are left out too.
const MADE: [&str; 3] = ["target", "__pycache__", "node_modules"];

/// A rule that a file breaks: the line, which is the first for the file as a whole, and the rule.
type Breach = (usize, String);

/// Checks every source file of the project.
pub(crate) fn check() -> Result<()> {
    let root = shell::root();
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut breaches = 0;
    for file in &files {
        let text =
            fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))?;
        for (line, rule) in judge(file, &text) {
            eprintln!("{file}:{line}: {rule}");
            breaches += 1;
        }
    }
    ensure!(breaches == 0, "the house rules are broken in {breaches} places");
    println!("{} files keep the house rules", files.len());
    Ok(())
}

/// Adds the source files in and under a folder, relative to the root and with forward slashes.
fn collect(folder: &Path, files: &mut Vec<String>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry.file_type()?; // does not follow links
        if kind.is_dir() && !name.starts_with('.') && !MADE.contains(&&*name) {
            collect(&path, files)?;
        }
        let ours = path.extension().is_some_and(|e| e == "rs" || e == "wgsl" || e == "py");
        if kind.is_file() && ours {
            let path = path.strip_prefix(shell::root()).unwrap_or(&path);
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            files.push(parts.join("/"));
        }
    }
    Ok(())
}

/// The rules that a file breaks.
fn judge(path: &str, text: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let lines = text.lines().count();
    if lines > LINES {
        breaches.push((1, format!("{lines} lines; split it, {LINES} are the limit")));
    }
    if !path.ends_with(".rs") {
        return breaches;
    }
    if path == "mod.rs" || path.ends_with("/mod.rs") {
        breaches.push((1, "name it after its module, not mod.rs".into()));
    }
    for (at, line) in source::code_only(text).lines().enumerate() {
        for (word, after) in words(line) {
            let after = after.trim_start();
            if UNFINISHED.contains(&word) && after.starts_with('!') && !after.starts_with("!=") {
                breaches.push((at + 1, format!("{word}! is unfinished work")));
            }
            if word == "unsafe" && !may_be_unsafe(path) {
                breaches.push((at + 1, "unsafe code has no place in this file".into()));
            }
        }
    }
    breaches
}

/// The places of unsafe code: vector instructions, one memory map, the C interface, firmware, and
/// the tests that tell a checker which bytes are secret.
fn may_be_unsafe(path: &str) -> bool {
    path == "accel-cpu/src/arch.rs"
        || path.starts_with("accel-cpu/src/arch/")
        || path == "host-server/src/model/mapped.rs"
        || path.starts_with("device-capi/")
        || path.starts_with("firmware/")
        || path.rsplit_once("tests/").is_some_and(|(_, test)| test.starts_with("constant_time"))
}

/// The words of a line of code, each with what follows it.
fn words(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let in_word = |c: char| c == '_' || c.is_alphanumeric();
    let mut rest = line;
    core::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c| !in_word(c));
        let word;
        (word, rest) = rest.split_at(rest.find(|c| !in_word(c)).unwrap_or(rest.len()));
        (!word.is_empty()).then_some((word, rest))
    })
}

#[cfg(test)]
mod tests {
    use super::{LINES, judge};

    const NONE: [usize; 0] = [];

    fn lines(path: &str, text: &str) -> Vec<usize> {
        judge(path, text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn length() {
        let longest = "a\n".repeat(LINES);
        let longer = format!("{longest}a");
        for path in ["a.rs", "a/b.py", "c.wgsl"] {
            assert_eq!(lines(path, &longest), NONE);
            assert_eq!(lines(path, &longer), [1]);
        }
    }

    #[test]
    fn module_files() {
        assert_eq!(lines("mod.rs", ""), [1]);
        assert_eq!(lines("kernel/src/ring/mod.rs", ""), [1]);
        assert_eq!(lines("kernel/src/model.rs", ""), NONE);
    }

    #[test]
    fn unfinished_work() {
        assert_eq!(lines("a.rs", "fn f() {\n    todo!()\n}"), [2]);
        assert_eq!(lines("a.rs", "unimplemented ! [];\ndbg!{x};"), [1, 2]);
        assert_eq!(lines("a.rs", "a != todo; todo != b; // todo!()\nmy_todo!(\"dbg!\")"), NONE);
    }

    #[test]
    fn unsafe_code() {
        let code = "#![deny(unsafe_code)]\n// unsafe\nfn f() { unsafe { g() } }";
        for path in [
            "kernel/src/prime.rs",
            "accel-cpu/src/architect.rs",
            "kernel/tests/vectors.rs",
            "host-server/src/model.rs",
            "host-server/src/firmware/a.rs",
        ] {
            assert_eq!(lines(path, code), [3], "{path}");
        }
        for path in [
            "accel-cpu/src/arch.rs",
            "accel-cpu/src/arch/x86_64/avx2.rs",
            "device-capi/src/lib.rs",
            "host-server/src/model/mapped.rs",
            "firmware/echo/src/main.rs",
            "kernel/tests/constant_time.rs",
            "tests/constant_time/ring.rs",
        ] {
            assert_eq!(lines(path, code), NONE, "{path}");
        }
    }
}
