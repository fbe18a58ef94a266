//! `subrosa serve` with a small model, and `subrosa generate` to compare with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::shell;

/// The model, which is small enough for a serial line.
const MODEL: &str = "tests/fixtures/tiny-tied-f32";

/// Time for the host to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running host, killed when it is dropped.
pub(super) struct Host {
    child: Child,
    port: u16,
    program: PathBuf,
    folder: PathBuf,
}

impl Host {
    /// Builds the program, converts the model, and serves it on a free port of loopback.
    pub(super) fn start() -> Result<Self> {
        // The profile in which the tests have built it already.
        let build = ["build", "--locked", "--bin", "subrosa", "--profile", "test"];
        shell::run(&mut shell::cargo(build))?;
        let program = shell::target_dir("debug")?.join("subrosa");
        let folder = shell::target_dir("c-api")?.join("session");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let (model, host, device) = (Path::new(MODEL), folder.join("host"), folder.join("device"));
        for (side, out) in [("host", &host), ("device", &device)] {
            let mut convert = shell::command(&program);
            shell::run(convert.args(["convert", side, "--out"]).arg(out).arg(model))?;
        }
        let log = folder.join("log");
        let child = shell::command(&program)
            .args(["serve", "--listen", "127.0.0.1:0", "--model"])
            .arg(&host)
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("cannot start the host")?;
        let mut host = Self { child, port: 0, program, folder };
        let end = Instant::now() + PATIENCE;
        while host.port == 0 {
            let said = fs::read_to_string(&log)?;
            ensure!(Instant::now() < end, "the host does not start: {said}");
            host.port = port(&said).unwrap_or(0);
            thread::sleep(Duration::from_millis(5));
        }
        Ok(host)
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// The device's bundle.
    pub(super) fn bundle(&self) -> PathBuf {
        self.folder.join("device/device.bundle")
    }

    /// The tokens that the program finds.
    pub(super) fn generate(&self, asked: (&str, &str, &str, &str)) -> Result<Vec<u64>> {
        #[derive(Deserialize)]
        struct Report {
            token_ids: Vec<u64>,
        }
        let (tokens, seed, thousandths, prompt) = asked;
        let temperature = (thousandths.parse::<f32>()? / 1000.0).to_string();
        let mut command: Command = shell::command(&self.program);
        command
            .args(["generate", "--mode", "direct", "--json", "--tokens", tokens, "--seed", seed])
            .args(["--temperature", &temperature, "--prompt-ids", prompt])
            .args(["--host", &format!("127.0.0.1:{}", self.port), "--model"])
            .arg(self.folder.join("device"));
        let report = shell::output(&mut command)?;
        Ok(serde_json::from_str::<Report>(&report)?.token_ids)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port in "serving DIGEST on 127.0.0.1:PORT (..", once that line is whole.
fn port(log: &str) -> Option<u16> {
    let mut whole = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let line = whole.find_map(|line| line.strip_prefix("serving "))?;
    line.split(" on 127.0.0.1:").nth(1)?.split(' ').next()?.parse().ok()
}
