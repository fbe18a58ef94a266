//! What a run has to tell: for people, and as JSON.

use crate::cli::{Method, Mode};
use core::fmt;
use serde::Serialize;
use std::time::Duration;
use zeroize::Zeroize;

/// The host's answers failed a check.
#[derive(Debug)]
pub(crate) enum Cheated {
    /// Units were refused in every attempt.
    Offline {
        /// How often.
        failed: u64,
    },
    /// Products were wrong: nothing of the run is shown from the first on.
    Online {
        /// How many.
        failed: u64,
    },
}

impl fmt::Display for Cheated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline { failed } => write!(
                f,
                "the host's answers are wrong: {failed} units failed their check, in several \
                 attempts, and were dropped; the good ones are kept. Use another host, or ask its \
                 operator"
            ),
            Self::Online { failed } => write!(
                f,
                "the host's answers are wrong: {failed} checks failed, so nothing after the first \
                 failure is shown, and the session's correlations and keys are burned. Use another \
                 host, or ask its operator"
            ),
        }
    }
}

impl std::error::Error for Cheated {}

/// Time and bytes of one phase.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Phase {
    pub(crate) seconds: f64,
    /// Seconds of these until the prompt was computed; online only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_seconds: Option<f64>,
    /// Tokens prepared, or generated.
    pub(crate) tokens: u64,
    /// How correlations were made; `auto` is both. Offline only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<Method>,
    /// Tokens of the largest unit; offline only.
    #[serde(skip)]
    pub(crate) batch: usize,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    /// Bytes of these that went up before the first product: evaluation keys; direct mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_bytes: Option<u64>,
    /// Units (offline) or products' rows (online) whose check held.
    pub(crate) checks_passed: u64,
    pub(crate) checks_failed: u64,
    /// Requests that left later than the pace allows, so that the time of the device's own
    /// computing showed; online only, and only where there is a pace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) late_requests: Option<u64>,
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

/// The report of a run. What it tells of prompt and answer is erased when it is dropped.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) model: String,
    pub(crate) mode: Mode,
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
    /// Tokens of an offline batch.
    pub(crate) batch: usize,
    pub(crate) offline: Phase,
    pub(crate) online: Phase,
    /// A masked run of the same request, where one was made beside another mode's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) masked: Option<Masked>,
    /// Seconds of the run in the clear.
    pub(crate) plain_seconds: Option<f64>,
    pub(crate) device_memory: DeviceMemory,
    /// What multiplies on the host, where it is known.
    pub(crate) backend: Option<String>,
}

/// A masked run, and whether its tokens and logits were those of the run that is reported.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Masked {
    pub(crate) offline: Phase,
    pub(crate) online: Phase,
    pub(crate) identical_tokens: bool,
    pub(crate) identical_logits: bool,
}

impl Drop for Report {
    fn drop(&mut self) {
        self.text.zeroize();
        self.prompt_ids.zeroize();
        self.token_ids.zeroize();
    }
}

impl Report {
    /// One JSON object in a line.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// Bytes that go up and come down, frames included.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Traffic {
    pub(crate) up: u64,
    pub(crate) down: u64,
}

/// Bytes with a decimal unit.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0 as f64;
        f.pad(&match self.0 {
            0..1_000 => format!("{} B", self.0),
            1_000..999_950 => format!("{:.1} kB", value / 1e3),
            999_950..999_950_000 => format!("{:.1} MB", value / 1e6),
            _ => format!("{:.2} GB", value / 1e9),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.offline.tokens > 0 {
            self.offline.write(f, "offline", &self.offline.prepared())?;
        }
        let what = format!(
            "generated, {:.2} s for the prompt of {} (bucket {})",
            self.online.prompt_seconds.unwrap_or(0.0),
            self.prompt_ids.len(),
            self.prompt_bucket
        );
        self.online.write(f, "online", &what)?;
        if let Some(keys) = self.online.key_bytes {
            writeln!(f, "{:9}{:>8} of these up are evaluation keys, sent once", "", Bytes(keys))?;
        }
        if let Some(masked) = &self.masked {
            masked.offline.write(f, "masked:", &masked.offline.prepared())?;
            masked.online.write(f, "", "generated")?;
        }
        writeln!(
            f,
            "{:<9}{} passed, {} failed ({} units offline, {} product rows online)",
            "checks",
            self.checks_passed,
            self.checks_failed,
            self.offline.checks_passed,
            self.online.checks_passed
        )?;
        if let Some(late @ 1..) = self.online.late_requests {
            writeln!(
                f,
                "{:<9}{late} requests left late: the device computed for longer than the pace, and \
                 the host may see for how long; a larger --pace hides it",
                "pace"
            )?;
        }
        let memory = &self.device_memory;
        let bytes = |bytes: usize| Bytes(bytes as u64);
        write!(
            f,
            "{:<9}{} decoder, {} online",
            "device",
            bytes(memory.decoder),
            bytes(memory.online)
        )?;
        if memory.offline > 0 {
            write!(f, ", {} offline", bytes(memory.offline))?;
        }
        writeln!(
            f,
            " in memory\n{:9}{} bundle, {} a token of correlations in storage",
            "",
            bytes(memory.bundle),
            bytes(memory.correlation_per_token)
        )?;
        if let Some(backend) = &self.backend {
            writeln!(f, "{:<9}{backend}", "host")?;
        }
        let word = |same| if same { "identical" } else { "DIFFERENT" };
        if let Some(masked) = &self.masked {
            writeln!(
                f,
                "{:<9}tokens {}, logits {} to those of masked mode",
                "result",
                word(masked.identical_tokens),
                word(masked.identical_logits)
            )?;
        }
        if let (Some(tokens), Some(logits)) = (self.identical_tokens, self.identical_logits) {
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

impl Phase {
    /// What was done offline.
    fn prepared(&self) -> String {
        let through = match self.method {
            Some(Method::Direct) => " through direct mode",
            Some(Method::Auto) => " in part through direct mode",
            _ => "",
        };
        format!("prepared{through}, in whole batches of {}", self.batch)
    }

    /// Two lines: time and bytes, in columns.
    fn write(&self, f: &mut fmt::Formatter<'_>, name: &str, what: &str) -> fmt::Result {
        writeln!(
            f,
            "{name:<9}{:>8.1} tokens/s {:>9.2} s     {} tokens {what}",
            self.rate(),
            self.seconds,
            self.tokens
        )?;
        let per_token = |bytes: u64| Bytes(bytes / self.tokens.max(1));
        writeln!(
            f,
            "{:9}{:>8} up       {:>9} down  {} up and {} down a token",
            "",
            Bytes(self.bytes_up),
            Bytes(self.bytes_down),
            per_token(self.bytes_up),
            per_token(self.bytes_down)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn bytes_have_a_fitting_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (231_900_000, "231.9 MB"),
            (999_950_000, "1.00 GB"),
            (45_000_000_000, "45.00 GB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
        assert_eq!(format!("[{:>8}]", Bytes(5)), "[     5 B]");
    }
}
