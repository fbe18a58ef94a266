//! What the device is told.
//!
//! | word | what it says |
//! |---|---|
//! | `host=10.0.2.100:7777` | where the host is |
//! | `host-key=HEX`, `device-key=HEX` | the host's public key and the device's own secret one, for Noise; without both, in the clear |
//! | `mode=masked` | `masked` or `direct`, of those that the program has |
//! | `prompt=1,2,3` | token ids |
//! | `tokens=16` | tokens to generate |
//! | `chunk=8` | positions of the prompt that are computed together |
//! | `temperature=0.8`, `seed=7` | of the choice of tokens, at most 7 digits: nothing else comes from the seed |
//! | `pace=20000` | microseconds from an answer to the next request |
//! | `store=64` | tokens that the store has room for; usually what the request needs |
//! | `rows=full` | form of the rows of units: `full` or `switched` |
//! | `connect=10` `wait=60` `link=86400` `attempts=10` `pause=1` | limits on a host, in seconds |
//! | `starts=1` | runs, while they fail |

use crate::failure::Failure;
use core::str::FromStr;
use device_client::net::Limits;
use embassy_net::{IpAddress, IpEndpoint, Ipv4Address};
use embassy_time::Duration;
use kernel::wire::RowForm;
use link::{PublicKey, SecretKey};

/// Tokens of a prompt, at most.
const LONGEST_PROMPT: usize = 256;

/// How numbers are hidden.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    #[cfg(feature = "masked")]
    Masked,
    #[cfg(feature = "direct")]
    Direct,
}

impl Mode {
    /// Masked mode where the program has it.
    #[cfg(feature = "masked")]
    const DEFAULT: Self = Self::Masked;
    #[cfg(not(feature = "masked"))]
    const DEFAULT: Self = Self::Direct;
}

#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) host: IpEndpoint,
    pub(crate) host_key: Option<PublicKey>,
    pub(crate) device_key: Option<SecretKey>,
    pub(crate) mode: Mode,
    pub(crate) prompt: heapless::Vec<u32, LONGEST_PROMPT>,
    pub(crate) tokens: u32,
    pub(crate) chunk: u32,
    pub(crate) temperature: f32,
    pub(crate) seed: u64,
    pub(crate) pace: Duration,
    pub(crate) store: Option<usize>,
    pub(crate) rows: RowForm,
    pub(crate) limits: Limits,
    pub(crate) starts: u32,
}

impl Arguments {
    /// Reads a command line, whose first word is the program's name.
    pub(crate) fn parse(line: &str) -> Result<Self, Failure> {
        let mut found = Self {
            host: (Ipv4Address::UNSPECIFIED, 0).into(),
            host_key: None,
            device_key: None,
            mode: Mode::DEFAULT,
            prompt: heapless::Vec::new(),
            tokens: 16,
            chunk: 8,
            temperature: 0.0,
            seed: 0,
            pace: Duration::from_millis(20),
            store: None,
            rows: RowForm::Full,
            limits: Limits::default(),
            starts: 1,
        };
        for word in line.split_ascii_whitespace().skip(1) {
            let (name, value) = word.split_once('=').ok_or(Failure::CommandLine)?;
            found.set(name, value).ok_or(Failure::CommandLine)?;
        }
        let complete = !found.prompt.is_empty() && found.host.port != 0 && found.starts > 0;
        if complete { Ok(found) } else { Err(Failure::CommandLine) }
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "host" => {
                let (address, port) = value.split_once(':')?;
                let address = IpAddress::Ipv4(parse(address)?);
                self.host = IpEndpoint::new(address, parse(port)?);
            }
            "host-key" => self.host_key = Some(parse(value)?),
            "device-key" => self.device_key = Some(SecretKey::from_hex(value).ok()?),
            "mode" => {
                self.mode = match value {
                    #[cfg(feature = "masked")]
                    "masked" => Mode::Masked,
                    #[cfg(feature = "direct")]
                    "direct" => Mode::Direct,
                    _ => return None,
                }
            }
            "rows" => {
                self.rows = match value {
                    "full" => RowForm::Full,
                    "switched" => RowForm::Switched,
                    _ => return None,
                }
            }
            "prompt" => {
                for id in value.split(',') {
                    self.prompt.push(parse(id)?).ok()?;
                }
            }
            "tokens" => self.tokens = parse(value)?,
            "chunk" => self.chunk = parse(value)?,
            "temperature" => self.temperature = decimal(value)?,
            "seed" => self.seed = parse(value)?,
            "pace" => self.pace = Duration::from_micros(parse(value)?),
            "store" => self.store = Some(parse(value)?),
            "connect" => self.limits.connect = seconds(value)?,
            "wait" => self.limits.wait = seconds(value)?,
            "link" => self.limits.link = seconds(value)?,
            "pause" => self.limits.pause = seconds(value)?,
            "attempts" => self.limits.attempts = parse(value)?,
            "starts" => self.starts = parse(value)?,
            _ => return None,
        }
        Some(())
    }
}

fn parse<T: FromStr>(value: &str) -> Option<T> {
    value.parse().ok()
}

/// A decimal fraction of few digits. The library's conversion takes any number, and 13 KB.
fn decimal(value: &str) -> Option<f32> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = [whole, fraction].into_iter().flat_map(str::bytes);
    // Both numbers are exact, so that the quotient is the nearest number to the fraction.
    let mut number = 0_u32;
    for digit in digits {
        let digit = char::from(digit).to_digit(10)?;
        number = number.checked_mul(10)?.checked_add(digit).filter(|&number| number < 1 << 24)?;
    }
    let scale = 10_u32.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    (!value.is_empty()).then_some(number as f32 / scale as f32)
}

fn seconds(value: &str) -> Option<Duration> {
    Some(Duration::from_secs(u64::from(parse::<u32>(value)?)))
}
