//! The example in C: built with a C compiler, run, and what it printed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::host::Host;
use super::{bridge, library};
use crate::firmware::qemu;
use crate::shell;

/// The folder of the example.
const FOLDER: &str = "firmware/c-example";

/// What a C program that uses the header has to stand.
const STRICT: [&str; 8] = [
    "-std=c11",
    "-g",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wstrict-prototypes",
    "-Werror",
    "-Idevice-capi/include",
];

/// The board's processor.
const CORTEX_M4F: [&str; 4] =
    ["-mcpu=cortex-m4", "-mthumb", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"];

/// Seconds after which the example has failed. The board is emulated, byte by byte.
const PATIENCE: &str = "1800";

/// Where the bundle is in the board's memory.
const BUNDLE_ADDRESS: &str = "0x21000000";

/// Serial lines of the board: one for each session.
const LINES: usize = 2;

/// A program.
pub(super) struct Example {
    program: PathBuf,
    on_board: bool,
}

/// A run that has ended.
pub(super) struct Run {
    pub(super) tokens: Vec<u64>,
    pub(super) code: Option<i32>,
    printed: String,
    what: String,
}

impl Example {
    /// For this machine.
    pub(super) fn desktop() -> Result<Self> {
        let library = library::desktop()?;
        let program = shell::target_dir("c-api")?.join("c-example");
        let mut build = shell::command("cc");
        build.args(STRICT).arg("-O1").args(sources(&["app.c", "desktop.c"])).arg(library);
        // What Rust's standard library wants of the system.
        build.args(["-lpthread", "-ldl", "-lm", "-o"]).arg(&program);
        shell::run(&mut build)?;
        Ok(Self { program, on_board: false })
    }

    /// For the board.
    pub(super) fn board() -> Result<Self> {
        let library = library::board()?;
        let program = shell::target_dir("c-api")?.join("c-example.elf");
        let mut build = shell::command("arm-none-eabi-gcc");
        build
            .args(STRICT)
            .arg("-Os")
            .args(CORTEX_M4F)
            .args(sources(&["app.c", "board.c", "semihosting.c"]))
            .arg(library)
            .args(["-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections"])
            .args(["-Wl,--no-warn-execstack", "-ffunction-sections", "-fdata-sections"])
            .arg(format!("-T{FOLDER}/board.ld"))
            .arg("-o")
            .arg(&program);
        shell::run(&mut build).context("`cargo xtask packages` installs a C compiler for Arm")?;
        shell::run(shell::command("arm-none-eabi-size").arg(&program))?;
        Ok(Self { program, on_board: true })
    }

    /// Runs it with a host.
    pub(super) fn run(&self, host: &Host, arguments: &str) -> Result<Run> {
        let mut command = shell::command("timeout");
        command.arg(PATIENCE);
        if self.on_board {
            let emulator = self.emulator(host, arguments)?;
            command.arg(emulator.get_program()).args(emulator.get_args());
        } else {
            command.arg(&self.program).arg(host.port().to_string());
            command.arg(host.bundle()).arg(arguments);
        }
        let output = command.output().context("cannot start the example in C")?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.code() != Some(124),
            "the example in C does not end: {printed}{told}"
        );
        let where_ = if self.on_board { "on the board" } else { "on this machine" };
        let (what, tokens) = (format!("in C {where_}, {arguments}"), tokens(&printed)?);
        Ok(Run { tokens, code: output.status.code(), printed: printed + &told, what })
    }

    fn emulator(&self, host: &Host, arguments: &str) -> Result<Command> {
        let mut command = qemu::board(&self.program, arguments.split(' '));
        let port = bridge::start(host.port())?;
        for _ in 0..LINES {
            command.args(["-serial", &format!("tcp:127.0.0.1:{port},nodelay=on")]);
        }
        let bundle = format!("file={},addr={BUNDLE_ADDRESS},force-raw=on", host.bundle().display());
        command.args(["-device", &format!("loader,{bundle}")]);
        Ok(command)
    }
}

impl Run {
    pub(super) fn print(&self) {
        println!("{}:", self.what);
        self.printed.lines().for_each(|line| println!("    {line}"));
    }
}

fn sources(names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| Path::new(FOLDER).join(name)).collect()
}

/// The tokens in lines of the form `token INDEX NUMBER TEXT`, in order.
fn tokens(printed: &str) -> Result<Vec<u64>> {
    let mut tokens = Vec::new();
    for line in printed.lines() {
        let Some(rest) = line.strip_prefix("token ") else { continue };
        let mut words = rest.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<u64>().ok());
        match (number(), number()) {
            (Some(index), Some(token)) if index == tokens.len() as u64 => tokens.push(token),
            _ => bail!("the example in C printed `{line}` as number {}", tokens.len()),
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn tokens_are_read_in_order() {
        let printed = "memory text 8\ntoken 0 88 V\ntoken 1 209 \u{fffd}\ntoken 2 5  a\ndone\n";
        assert_eq!(tokens(printed).unwrap(), [88, 209, 5]);
        assert!(tokens("token 1 88 V\n").is_err());
        assert!(tokens("token 0 V\n").is_err());
        assert!(tokens("").unwrap().is_empty());
    }
}
