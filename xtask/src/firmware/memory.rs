//! The page of what a device keeps where.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::machine::Ended;
use crate::shell;

/// What stands above the tables.
const HEAD: &str = "# What a device keeps where

`cargo xtask firmware` writes this page to `target/firmware/memory.md`: the program's sections, and what its
runs said they took, with the demo model, a prompt bucket of 32 tokens, 16 tokens out, chunks of 8, over Noise.
All numbers are bytes.
";

/// Constants as long as this are tables: those of the transforms.
const TABLE: u64 = 4096;

/// What the connection's buffers are called.
const CONNECTION: [&str; 2] = ["received", "to send"];
/// What a phase takes last.
const LAST: &str = "a part of a frame";

/// The most code that a device may have which can do everything.
const MOST_CODE: u64 = 160 << 10;

/// Fails where the program has more code than it may.
pub(crate) fn check_code(program: &Path) -> Result<()> {
    let size = sections(program)?;
    let code = code(&size);
    ensure!(code <= MOST_CODE, "{code} bytes of code, and {MOST_CODE} are the most");
    println!("{code} bytes of code, of {MOST_CODE}");
    Ok(())
}

fn code(size: impl Fn(&str) -> u64) -> u64 {
    size(".vector_table") + size(".text")
}

/// The bytes of a program's sections, by name.
fn sections(program: &Path) -> Result<impl Fn(&str) -> u64> {
    let sizes = shell::output(shell::command("arm-none-eabi-size").arg("-A").arg(program))?;
    Ok(move |section: &str| {
        let line = sizes.lines().find(|line| line.split_whitespace().next() == Some(section));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    })
}

/// Sizes of the program's sections, and what its runs in each mode said they took.
pub(crate) fn page(program: &Path, runs: &[(&str, Ended)]) -> Result<String> {
    let size = sections(program)?;
    let symbols = shell::command("arm-none-eabi-nm")
        .args(["--print-size", "--radix=d"])
        .arg(program)
        .output()?
        .stdout;
    let tables = tables(&String::from_utf8_lossy(&symbols));
    let mut page = format!("{HEAD}\n| program | bytes |\n|---|---|\n");
    for (what, bytes) in [
        ("code (`.text`)", code(&size)),
        ("tables of the transforms, in `.rodata`", tables),
        (
            "other constants (the rest of `.rodata`, `.data`)",
            size(".rodata") + size(".data") - tables,
        ),
        (
            "static RAM (`.data`, `.bss`, `.uninit`), of 327,680",
            size(".data") + size(".bss") + size(".uninit"),
        ),
    ] {
        writeln!(page, "| {what} | {bytes} |")?;
    }
    page += "\n| memory | mode | bytes | what |\n|---|---|---|---|\n";
    for (mode, ended) in runs {
        let parts = parts(ended.lines("memory"))?;
        for (memory, bytes, what) in &parts {
            writeln!(page, "| {memory} | {mode} | {bytes} | {what} |")?;
        }
        writeln!(page, "| **internal** | {mode} | {} | the most at one time |", peak(&parts))?;
        let stack = ended.lines("stack").next().context("the device said nothing of its stack")?;
        let (used, has) = stack.split_once(" of ").context("of how much stack")?;
        writeln!(page, "| stack | {mode} | {used} | at most, of {has} |")?;
    }
    Ok(page)
}

/// Bytes of long constants in a list of symbols.
fn tables(symbols: &str) -> u64 {
    let constants = symbols.lines().filter_map(|line| {
        let [_, size, kind, _] = *line.splitn(4, ' ').collect::<Vec<_>>() else { return None };
        kind.eq_ignore_ascii_case("r").then(|| size.parse::<u64>().ok())?
    });
    constants.filter(|&size| size >= TABLE).sum()
}

/// Memory, bytes and purpose, line by line.
fn parts<'l>(lines: impl Iterator<Item = &'l str>) -> Result<Vec<(&'l str, u64, &'l str)>> {
    let part = |line: &'l str| {
        let (memory, rest) = line.split_once(' ')?;
        let (bytes, what) = rest.split_once(' ')?;
        Some((memory, bytes.parse().ok()?, what))
    };
    lines.map(|line| part(line).context("a memory, a size and a purpose")).collect()
}

/// The most internal memory at one time: the connection, and the larger of two phases.
fn peak(parts: &[(&str, u64, &str)]) -> u64 {
    let (mut always, mut phase, mut most) = (0, 0, 0);
    for (_, bytes, what) in parts.iter().filter(|(memory, ..)| *memory == "internal") {
        if CONNECTION.contains(what) {
            always += bytes;
            continue;
        }
        phase += bytes;
        most = most.max(phase);
        if *what == LAST {
            phase = 0;
        }
    }
    always + most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_added_up() {
        let lines = [
            "internal 10 received",
            "internal 20 to send",
            "external 500 correlations",
            "internal 7 unit",
            "internal 1 a part of a frame",
            "internal 4 masks and images",
            "internal 3 a part of a frame",
        ];
        let parts = parts(lines.into_iter()).unwrap();
        assert_eq!(parts[2], ("external", 500, "correlations"));
        assert_eq!(peak(&parts), 38);
        assert!(super::parts(["internal much"].into_iter()).is_err());
    }

    #[test]
    fn long_constants_are_tables() {
        let symbols = "00001024 00016384 r .Lanon.1\n00020000 00004096 R table of two\n\
                       00030000 00004095 r short\n00000000 00005000 t code\n00000001 A absolute\n";
        assert_eq!(tables(symbols), 20_480);
    }
}
