//! The program `subrosa`, as the steps that need a host run it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;

use anyhow::{Context, Result, ensure};

use crate::shell;

/// Builds the program, and `activations` beside it, and returns the program's path. The profile is that of
/// the tests, which need most of it too.
pub(crate) fn build() -> Result<PathBuf> {
    let build = ["build", "--locked", "--package", "subrosa", "--bins", "--profile", "test"];
    shell::run(shell::cargo(build).args(["--features", "activations"]))?;
    Ok(shell::target_dir("debug")?.join("subrosa"))
}

/// Makes a bundle of `model`, for the `host` or the `device`, in the folder `out`.
pub(crate) fn convert(program: &Path, side: &str, model: &str, out: &Path) -> Result<()> {
    let mut command = shell::command(program);
    shell::run(command.args(["convert", side, model, "--out"]).arg(out))
}

/// A running host, killed when it is dropped.
pub(crate) struct Host {
    child: Child,
    /// Where it listens, on loopback.
    pub(crate) port: u16,
}

impl Host {
    /// Serves a model on a free port. `key` is its secret one, without which it speaks in the clear alone.
    pub(crate) fn start(program: &Path, model: &Path, key: Option<&Path>) -> Result<Self> {
        let mut command = shell::command(program);
        // An emulated device on a busy machine may be silent for long.
        command.args(["serve", "--listen", "127.0.0.1:0", "--idle-time", "1h", "--model"]);
        command.arg(model);
        if let Some(key) = key {
            command.arg("--key").arg(key);
        }
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut host = Self { child: spawned.context("cannot start the host")?, port: 0 };
        let mut said = BufReader::new(host.child.stderr.take().context("no standard error")?);
        let mut line = String::new();
        while host.port == 0 {
            line.clear();
            ensure!(said.read_line(&mut line)? > 0, "the host ended before it listened anywhere");
            host.port = port(&line).unwrap_or(0);
        }
        // Whatever it says later must not block it.
        thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Ok(host)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port in "serving DIGEST on 127.0.0.1:PORT (..", if that line is whole.
fn port(line: &str) -> Option<u16> {
    let line = line.strip_suffix('\n')?.strip_prefix("serving ")?;
    line.split_once(" on 127.0.0.1:")?.1.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::port;

    #[test]
    fn a_port_is_in_a_whole_line() {
        assert_eq!(port("serving 1f0f on 127.0.0.1:40123 (Noise)\n"), Some(40_123));
        assert_eq!(port("serving 1f0f on 127.0.0.1:40123\n"), Some(40_123));
        assert_eq!(port("serving 1f0f on 127.0.0.1:401"), None);
        assert_eq!(port("loading on 127.0.0.1:40123\n"), None);
    }
}
