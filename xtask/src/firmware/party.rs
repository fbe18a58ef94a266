//! What a device needs around it: a host, bundles, and a desktop that says what is right.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::program::{self, Host};
use crate::shell;

/// The model that comes with the program.
const MODEL: &str = "models/demo";

/// What is asked, and how much is answered.
pub(crate) const PROMPT: &str = "Please dim the living room lights to thirty percent";
pub(crate) const TOKENS: u32 = 16;
pub(crate) const CHUNK: u32 = 8;
/// Of the choice of tokens.
pub(crate) const TEMPERATURE: &str = "0.7";
pub(crate) const SEED: u64 = 20;

/// A served model, and what the desktop makes of it.
pub(crate) struct Party {
    folder: PathBuf,
    program: PathBuf,
    pub(crate) host: Host,
    /// The prompt's token ids, and those of the text that belongs to it.
    pub(crate) prompt: Vec<u32>,
    pub(crate) tokens: Vec<u32>,
    pub(crate) text: String,
    /// The digest of the model's weights, which is public.
    pub(crate) digest: [u8; 32],
    /// The host's public key and the device's secret one, as the device is told them.
    pub(crate) keys: [String; 2],
}

impl Party {
    /// Converts the model, starts a host and generates a text on the desktop, in `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let program = program::build()?;
        for side in ["host", "device"] {
            program::convert(&program, side, MODEL, &folder.join(side))?;
        }
        let keygen = |name: &str| {
            let mut command = shell::command(&program);
            shell::output(command.args(["keygen", "--out"]).arg(folder.join(name)))
        };
        let host_key = keygen("host.key")?;
        keygen("device.key")?;
        let device_key = std::fs::read_to_string(folder.join("device.key"))?;
        let keys = [("host-key", host_key), ("device-key", device_key)]
            .map(|(name, key)| format!("{name}={}", key.trim()));
        let host = Host::start(&program, &folder.join("host"), Some(&folder.join("host.key")))?;
        let party = Self {
            folder: folder.to_path_buf(),
            program,
            host,
            prompt: Vec::new(),
            tokens: Vec::new(),
            text: String::new(),
            digest: [0; 32],
            keys,
        };
        party.with_desktop()
    }

    /// Generates on the desktop, through the same host.
    fn with_desktop(mut self) -> Result<Self> {
        let report = shell::output(
            shell::command(&self.program)
                .args(["generate", "--json", "--prompt", PROMPT, "--tokens", &TOKENS.to_string()])
                .args(["--temperature", TEMPERATURE, "--seed", &SEED.to_string()])
                .args(["--host", &format!("127.0.0.1:{}", self.host.port), "--model"])
                .arg(self.folder.join("device"))
                // It remembers devices of its own.
                .env("XDG_STATE_HOME", &self.folder),
        )?;
        let report: Value = serde_json::from_str(&report)?;
        let ids = |name: &str| -> Result<Vec<u32>> {
            Ok(serde_json::from_value(report.get(name).context("no ids")?.clone())?)
        };
        (self.prompt, self.tokens) = (ids("prompt_ids")?, ids("token_ids")?);
        report["text"].as_str().context("no text")?.clone_into(&mut self.text);
        ensure!(self.tokens.len() == TOKENS as usize, "the desktop generated too little");
        let manifest = std::fs::read_to_string(self.folder.join("host/manifest.json"))?;
        let manifest: Value = serde_json::from_str(&manifest)?;
        let digest = manifest["digest"].as_str().and_then(bytes);
        self.digest = digest.context("no digest in the host's manifest")?;
        Ok(self)
    }

    /// The device's bundle.
    pub(crate) fn bundle(&self) -> PathBuf {
        self.folder.join("device/device.bundle")
    }

    /// Every activation of the same run in the clear.
    pub(crate) fn activations(&self) -> Result<Vec<i32>> {
        let mut command = shell::command(self.program.with_file_name("activations"));
        command.args([self.folder.join("host"), self.folder.join("device")]);
        command.arg(list(&self.prompt)).args([TOKENS.to_string(), CHUNK.to_string()]);
        command.args([TEMPERATURE, &SEED.to_string()]);
        command.stderr(Stdio::inherit());
        let output = command.output()?;
        ensure!(output.status.success(), "the run in the clear failed: {}", output.status);
        let words = output.stdout.as_chunks::<4>().0;
        Ok(words.iter().map(|word| i32::from_le_bytes(*word)).collect())
    }
}

/// Numbers between commas.
pub(crate) fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

/// Bytes in hexadecimal digits.
fn bytes(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes().as_chunks::<2>().0.iter();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok();
    digits.map(byte).collect::<Option<Vec<_>>>()?.try_into().ok()
}
