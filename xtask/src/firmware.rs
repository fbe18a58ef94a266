//! The firmware, built and run on an emulated board.

pub(crate) mod build;
pub(crate) mod qemu;

use anyhow::{Result, ensure};

use crate::shell;

/// Builds the firmware and runs it.
pub(crate) fn check() -> Result<()> {
    build::lint()?;
    let programs = build::build()?;
    shell::run(&mut qemu::emulator(&programs.join("hello"), &["world"]))?;
    let mut overflow = qemu::emulator(&programs.join("hello"), &["overflow"]);
    let code = overflow.status()?.code();
    ensure!(code == Some(STACK_OVERFLOW), "a stack that overflows ended with {code:?}");
    Ok(())
}

/// What the board exits with when its stack has met the guard.
const STACK_OVERFLOW: i32 = 103;
