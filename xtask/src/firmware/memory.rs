//! The table of what a device keeps where.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::machine::Ended;
use crate::shell;

/// A memory of the chip that the linker script names, and the sections that are in it.
const SECTIONS: [(&str, u64, &[&str]); 2] = [
    ("flash", 2 << 20, &[".vector_table", ".text", ".rodata", ".data"]),
    ("RAM", 320 << 10, &[".data", ".bss", ".uninit"]),
];

/// Sizes of the program's sections, and what its runs in each mode said they took.
pub(crate) fn table(program: &Path, runs: &[(&str, Ended)]) -> Result<String> {
    let sizes = shell::output(shell::command("arm-none-eabi-size").arg("-A").arg(program))?;
    let size = |section: &str| -> u64 {
        let line = sizes.lines().find(|line| line.split_whitespace().next() == Some(section));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    let mut table = String::from("| memory | has | is used | by |\n|---|---|---|---|\n");
    for (memory, has, sections) in SECTIONS {
        let used: u64 = sections.iter().map(|section| size(section)).sum();
        writeln!(table, "| {memory} | {has} | {used} | {} |", sections.join(", "))?;
    }
    for (mode, ended) in runs {
        let stack = ended.lines("stack").next().context("the device said nothing of its stack")?;
        let (used, has) = stack.split_once(" of ").context("of how much stack")?;
        let has = has.trim_end_matches(" bytes");
        writeln!(table, "| stack (CCM) | {has} | {used} | {mode} mode, at most |")?;
        for (memory, has) in [("internal", "in RAM, above"), ("external", "16777216")] {
            let parts = ended.lines("memory").filter_map(|line| line.strip_prefix(memory));
            for part in parts {
                let (bytes, what) = part.trim().split_once(' ').context("a size and a purpose")?;
                writeln!(table, "| {memory} | {has} | {bytes} | {mode} mode: {what} |")?;
            }
        }
    }
    Ok(table)
}
