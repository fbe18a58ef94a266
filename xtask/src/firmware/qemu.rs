//! The board, as QEMU emulates it.

use std::path::Path;
use std::process::Command;

use crate::shell;

/// Where the board has its external flash; `memory.x` says so too.
const EXTERNAL_FLASH: u32 = 0x0020_0000;

/// The board of `firmware/mps2-an386`.
const MACHINE: &str = "mps2-an386";

/// A command that runs `program` with these arguments until it exits, with its exit code. It prints to
/// standard output. There is no network unless the caller adds one.
pub(crate) fn emulator(program: &Path, arguments: &[&str]) -> Command {
    let mut command = board(program, arguments.iter().copied());
    command.args(["-serial", "none"]);
    command
}

/// The same, with serial lines that are the caller's to connect.
pub(crate) fn board<'a>(program: &Path, arguments: impl Iterator<Item = &'a str>) -> Command {
    let mut command = shell::command("qemu-system-arm");
    // The first argument is the program's name.
    let mut semihosting = "enable=on,target=native,arg=firmware".to_owned();
    for argument in arguments {
        // A comma is doubled where it belongs to a value.
        semihosting += &format!(",arg={}", argument.replace(',', ",,"));
    }
    command
        .args(["-M", MACHINE, "-nographic", "-monitor", "none"])
        .args(["-semihosting-config", &semihosting])
        .arg("-kernel")
        .arg(program);
    command
}

/// The arguments with which the board finds a file in its external flash.
pub(crate) fn flashed(file: &Path) -> [String; 2] {
    let loader = format!("loader,file={},addr={EXTERNAL_FLASH:#x},force-raw=on", file.display());
    ["-device".to_owned(), loader]
}
