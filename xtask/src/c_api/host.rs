//! `subrosa serve` with a small model, and `subrosa generate` to compare with.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use serde::Deserialize;

use crate::{program, shell};

/// The model, which is small enough for a serial line.
const MODEL: &str = "tests/fixtures/tiny-tied-f32";

/// A running host.
pub(super) struct Host {
    host: program::Host,
    program: PathBuf,
    folder: PathBuf,
}

impl Host {
    /// Builds the program, converts the model, and serves it on a free port of loopback.
    pub(super) fn start() -> Result<Self> {
        let program = program::build()?;
        let folder = shell::target_dir("c-api")?.join("session");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        for side in ["host", "device"] {
            program::convert(&program, side, MODEL, &folder.join(side))?;
        }
        let host = program::Host::start(&program, &folder.join("host"), None)?;
        Ok(Self { host, program, folder })
    }

    pub(super) const fn port(&self) -> u16 {
        self.host.port
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
            .args(["--host", &format!("127.0.0.1:{}", self.port()), "--model"])
            .arg(self.folder.join("device"))
            // It remembers devices of its own.
            .env("XDG_STATE_HOME", &self.folder);
        let report = shell::output(&mut command)?;
        Ok(serde_json::from_str::<Report>(&report)?.token_ids)
    }
}
