use anyhow::{Result, bail};
use clap::{Args, value_parser};
use host_server::server::Limits;
use std::time::Duration;

/// Limits of a host; the defaults are those of [`Limits`].
#[derive(Debug, Args)]
pub(crate) struct ServeLimits {
    /// Sessions at a time; one more is told that the host is busy
    #[arg(long, default_value_t = 256, value_parser = value_parser!(u16).range(1..),
          value_name = "COUNT")]
    pub(crate) sessions: u16,
    /// Sessions at a time of one peer address, so that no one peer takes them all; of an IPv6
    /// address the first 64 bits count [default: half of --sessions]
    #[arg(long, value_parser = value_parser!(u16).range(1..), value_name = "COUNT")]
    pub(crate) sessions_per_address: Option<u16>,
    /// Memory that the work of all sessions may hold, such as 512MiB or 4GiB, at least 24MiB; the
    /// weights come on top. A quarter is for products, a quarter for the evaluation keys of direct
    /// mode, the rest for units. Work that finds too little waits up to two minutes
    #[arg(long, default_value = "4GiB", value_parser = size, value_name = "SIZE")]
    pub(crate) memory: usize,
    /// Memory of it that the sessions of one peer address may hold [default: half of --memory, or
    /// 24MiB where that is more]
    #[arg(long, value_parser = size, value_name = "SIZE")]
    pub(crate) memory_per_address: Option<usize>,
    /// Memory for matrices that direct mode uses, encoded: twelve bytes a weight, several times faster
    /// than encoding them for every product; 0 for none
    #[arg(long, default_value = "1GiB", value_parser = any_size, value_name = "SIZE")]
    pub(crate) encoded_memory: u64,
    /// Memory for products of the model's masks, which are the same for every unit: eight bytes for each
    /// row and each of 4096 columns. A unit that finds them costs a host a small part; 0 for none
    #[arg(long, default_value = "1GiB", value_parser = any_size, value_name = "SIZE")]
    pub(crate) mask_memory: u64,
    /// Time that a session may take, such as 90s, 30m or 24h
    #[arg(long, default_value = "24h", value_parser = time, value_name = "TIME")]
    pub(crate) session_time: Duration,
    /// Time that a session may be silent between its requests, such as 90s, 30m or 24h
    #[arg(long, default_value = "5m", value_parser = time, value_name = "TIME")]
    pub(crate) idle_time: Duration,
}

impl ServeLimits {
    /// The limits of a server.
    ///
    /// # Errors
    /// What an address may have is more than there is in all.
    pub(crate) fn limits(&self) -> Result<Limits> {
        let Self { sessions, memory, session_time, idle_time, .. } = *self;
        let of_address = self.sessions_per_address.unwrap_or(sessions.div_ceil(2));
        if of_address > sessions {
            bail!("--sessions-per-address {of_address} is more than --sessions {sessions}");
        }
        let half = (memory / 2).max(Limits::LEAST_MEMORY);
        let memory_per_address = self.memory_per_address.unwrap_or(half);
        if memory_per_address > memory {
            bail!("--memory-per-address is more than --memory");
        }
        Ok(Limits {
            sessions: sessions.into(),
            sessions_per_address: of_address.into(),
            memory,
            memory_per_address,
            session: session_time,
            idle: idle_time,
            ..Limits::default()
        })
    }
}

/// A number and its unit, which is one of `units`.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Bytes; a bare number counts MiB.
pub(super) fn any_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("", 1 << 20),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    quantity(text, &UNITS)
        .ok_or_else(|| "must be a whole number of MiB, GiB, TiB, MB, GB or TB".to_owned())
}

/// Bytes, as many as a host's work needs at least.
fn size(text: &str) -> Result<usize, String> {
    let bytes = any_size(text)?;
    match usize::try_from(bytes) {
        Err(_) => Err("is more than this machine can address".to_owned()),
        Ok(bytes) if bytes < Limits::LEAST_MEMORY => {
            Err(format!("must be {}MiB at least", Limits::LEAST_MEMORY >> 20))
        }
        Ok(bytes) => Ok(bytes),
    }
}

/// A time of at least a second and at most a year; a bare number counts seconds.
fn time(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [("", 1), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)];
    match quantity(text, &UNITS) {
        Some(seconds @ 1..=31_536_000) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err("must be from one second to a year".to_owned()),
        None => Err("must be a whole number of s, m, h or d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn limits(options: &str) -> Result<Limits> {
        let line = "subrosa serve --model x".split(' ').chain(options.split_whitespace());
        match Cli::try_parse_from(line)?.command {
            Command::Serve(serve) => serve.limits.limits(),
            other => bail!("{other:?}"),
        }
    }

    #[test]
    fn the_defaults_are_those_of_a_server() {
        assert_eq!(limits("").ok(), Some(Limits::default()));
    }

    #[test]
    fn every_option_reaches_the_server() {
        let options = "--sessions 10 --sessions-per-address 3 --memory 100MiB \
                       --memory-per-address 24MiB --session-time 2m --idle-time 7s";
        let expected = Limits {
            sessions: 10,
            sessions_per_address: 3,
            memory: 100 << 20,
            memory_per_address: 24 << 20,
            session: Duration::from_secs(120),
            idle: Duration::from_secs(7),
            ..Limits::default()
        };
        assert_eq!(limits(options).ok(), Some(expected));
        // An address gets half where nothing else is said, and never too little for any work.
        let half = limits("--sessions 7 --memory 30MiB").ok();
        let half = half.map(|limits| (limits.sessions_per_address, limits.memory_per_address));
        assert_eq!(half, Some((4, 24 << 20)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (options, said) in [
            ("--sessions 0", "--sessions"),
            ("--sessions 65536", "--sessions"),
            ("--sessions-per-address 0", "--sessions-per-address"),
            ("--sessions 3 --sessions-per-address 4", "is more than --sessions 3"),
            ("--memory 23", "24MiB at least"),
            ("--memory 4Gib", "whole number of MiB"),
            ("--memory 1.5GiB", "whole number of MiB"),
            ("--memory 99999999999TiB", "whole number of MiB"),
            ("--mask-memory 1.5GiB", "whole number of MiB"),
            ("--memory-per-address 5GiB", "is more than --memory"),
            ("--session-time 0", "one second to a year"),
            ("--session-time 366d", "one second to a year"),
            ("--idle-time soon", "whole number of s, m, h or d"),
        ] {
            let error = limits(options).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(said), "{options}: {error}");
        }
    }

    #[test]
    fn sizes_and_times_have_units() {
        for (text, bytes) in
            [("64", 64 << 20), ("64MiB", 64 << 20), ("2 GiB", 2 << 30), ("1GB", 1_000_000_000)]
        {
            assert_eq!(size(text), Ok(bytes));
        }
        for (text, seconds) in
            [("90", 90), ("90s", 90), ("5m", 300), ("24h", 86_400), ("1d", 86_400)]
        {
            assert_eq!(time(text), Ok(Duration::from_secs(seconds)));
        }
    }
}
