//! What a run has to tell: for people, and as JSON.

use core::fmt;
use serde::Serialize;
use std::time::Duration;

/// The host's answers failed a check. Nothing of the run is shown.
#[derive(Debug)]
pub(crate) struct Cheated {
    pub(crate) failed: u64,
}

impl fmt::Display for Cheated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the host's answers are wrong: {} checks failed, so nothing after the first failure is shown; \
             keys and masks of the session are erased. Use another host, or ask its operator",
            self.failed
        )
    }
}

impl std::error::Error for Cheated {}

/// Time and bytes of one phase.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Phase {
    pub(crate) seconds: f64,
    /// Tokens prepared, or positions computed.
    pub(crate) tokens: u64,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    /// Units (offline) or products' rows (online) whose check held.
    pub(crate) checks_passed: u64,
    pub(crate) checks_failed: u64,
}

impl Phase {
    pub(crate) fn add_time(&mut self, time: Duration) {
        self.seconds += time.as_secs_f64();
    }

    fn rate(&self) -> f64 {
        if self.seconds > 0.0 { self.tokens as f64 / self.seconds } else { 0.0 }
    }
}

/// Memory that the device side holds in a run, in bytes, as the sum of its buffers.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct DeviceMemory {
    /// The device bundle; a device reads it in place from flash.
    pub(crate) bundle: usize,
    /// The decoder's workspace: keys and values, activations.
    pub(crate) decoder: usize,
    /// Buffers of the online session.
    pub(crate) online: usize,
    /// Buffers of the offline phase, which is over before the online one begins.
    pub(crate) offline: usize,
    /// Correlations of one token, where they are stored.
    pub(crate) correlation_per_token: usize,
}

/// The report of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) model: String,
    pub(crate) text: String,
    pub(crate) prompt_ids: Vec<u32>,
    pub(crate) token_ids: Vec<u32>,
    /// Whether the tokens equal those of the same quantised model in the clear; absent where it
    /// was not run.
    pub(crate) identical_tokens: Option<bool>,
    /// The same for every bit of every logit.
    pub(crate) identical_logits: Option<bool>,
    pub(crate) checks_passed: u64,
    pub(crate) checks_failed: u64,
    pub(crate) prompt_bucket: u32,
    pub(crate) output_bucket: u32,
    pub(crate) offline: Phase,
    pub(crate) online: Phase,
    /// Seconds of the run in the clear.
    pub(crate) plain_seconds: Option<f64>,
    pub(crate) device_memory: DeviceMemory,
    /// What multiplies on the host, where it is known.
    pub(crate) backend: Option<&'static str>,
}

impl Report {
    /// One JSON object.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

/// Bytes with a decimal unit.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0 as f64;
        match self.0 {
            0..1_000 => write!(f, "{} B", self.0),
            1_000..1_000_000 => write!(f, "{:.1} kB", value / 1e3),
            1_000_000..1_000_000_000 => write!(f, "{:.1} MB", value / 1e6),
            _ => write!(f, "{:.2} GB", value / 1e9),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = |f: &mut fmt::Formatter<'_>, name: &str, what: &str, phase: &Phase| {
            let per_token = |bytes: u64| Bytes(bytes / phase.tokens.max(1));
            writeln!(
                f,
                "{name:<9}{:>9.1} tokens/s  {:>7.2} s for {} {what}",
                phase.rate(),
                phase.seconds,
                phase.tokens
            )?;
            writeln!(
                f,
                "{:9}{} up, {} down ({} and {} a token)",
                "",
                Bytes(phase.bytes_up),
                Bytes(phase.bytes_down),
                per_token(phase.bytes_up),
                per_token(phase.bytes_down)
            )
        };
        if self.offline.tokens > 0 {
            phase(f, "offline", "tokens prepared, in whole batches", &self.offline)?;
        }
        let what = format!(
            "positions (prompt bucket {}, {} tokens of answer)",
            self.prompt_bucket, self.output_bucket
        );
        phase(f, "online", &what, &self.online)?;
        writeln!(
            f,
            "{:<9}{} passed, {} failed ({} units offline, {} product rows online)",
            "checks",
            self.checks_passed,
            self.checks_failed,
            self.offline.checks_passed,
            self.online.checks_passed
        )?;
        let memory = &self.device_memory;
        writeln!(
            f,
            "{:<9}{} decoder, {} online, {} offline; bundle {}; {} stored a token",
            "device",
            Bytes(memory.decoder as u64),
            Bytes(memory.online as u64),
            Bytes(memory.offline as u64),
            Bytes(memory.bundle as u64),
            Bytes(memory.correlation_per_token as u64)
        )?;
        if let Some(backend) = self.backend {
            writeln!(f, "{:<9}{backend}", "host")?;
        }
        if let (Some(tokens), Some(logits)) = (self.identical_tokens, self.identical_logits) {
            let word = |same| if same { "identical" } else { "DIFFERENT" };
            writeln!(
                f,
                "{:<9}tokens {}, logits {} to the same quantised model in the clear",
                "result",
                word(tokens),
                word(logits)
            )?;
        }
        Ok(())
    }
}
