use clap::error::ErrorKind;
use clap::{Args, ValueEnum};
use host_server::server::Plain;
use link::PublicKey;
use std::net::SocketAddr;
use std::path::PathBuf;

/// How a device speaks with its host.
#[derive(Debug, Args)]
pub(crate) struct LinkOptions {
    /// The host's public key, which `subrosa serve` shows when it starts: the link is secured (Noise), and
    /// nobody but this key's owner is spoken to
    #[arg(long, value_name = "HEX", conflicts_with = "plain")]
    pub(crate) host_key: Option<PublicKey>,
    /// File of this device's secret key, as `subrosa keygen` makes it [default: `device-key` in the user's
    /// state folder, made when it is needed first]
    #[arg(long, value_name = "FILE", requires = "host_key")]
    pub(crate) device_key: Option<PathBuf>,
    /// Speak in the clear with a host on another machine. The prompt stays private and answers are
    /// checked all the same; but the host must allow it (`serve --allow-plain`), strangers in between see
    /// which model it is and what kind of session, and can break it off
    #[arg(long)]
    pub(crate) plain: bool,
}

impl LinkOptions {
    /// Checks that a host on another machine has a key, or is spoken to in the clear on purpose.
    pub(super) fn check(&self, host: &str) -> Result<(), (ErrorKind, String)> {
        if self.host_key.is_some() || self.plain || is_loopback(host) {
            return Ok(());
        }
        let text = format!(
            "{host} is another machine: give its public key with --host-key, which `subrosa serve` shows \
             when it starts, or --plain to go without a secured link. The privacy of the prompt does not \
             depend on it"
        );
        Err((ErrorKind::MissingRequiredArgument, text))
    }
}

/// Whether an address that has been [read](super::host) is this machine's, as far as it says so itself.
/// Nothing is resolved.
fn is_loopback(host: &str) -> bool {
    match host.parse::<SocketAddr>() {
        Ok(address) => address.ip().to_canonical().is_loopback(),
        Err(_) => host.rsplit_once(':').is_some_and(|(name, _)| {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }),
    }
}

/// Who may speak to a host in the clear.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AllowPlain {
    /// Nobody
    Nobody,
    /// Devices on the same machine
    Loopback,
    /// Everybody
    Anybody,
}

impl From<AllowPlain> for Plain {
    fn from(allowed: AllowPlain) -> Self {
        match allowed {
            AllowPlain::Nobody => Self::Nobody,
            AllowPlain::Loopback => Self::Loopback,
            AllowPlain::Anybody => Self::Anybody,
        }
    }
}

/// How a host speaks with its devices.
#[derive(Debug, Args)]
pub(crate) struct ServeLinks {
    /// File of the host's secret key, as `subrosa keygen` makes it [default: `host-key` in the user's
    /// state folder, made when it is needed first]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Public key of a device that is admitted; may be given again for more. Without any, all devices
    /// that know the host's key are
    #[arg(long, value_name = "HEX")]
    pub(crate) allow_device: Vec<PublicKey>,
    /// Who may speak without a secured link; without a value, anybody
    #[arg(long, value_enum, default_value_t = AllowPlain::Loopback, default_missing_value = "anybody",
          num_args = 0..=1, value_name = "WHO")]
    pub(crate) allow_plain: AllowPlain,
    /// File of a secret key that devices share with the host, as `subrosa keygen` makes it: they may then
    /// speak TLS 1.3, with this key under the name `subrosa`
    #[cfg(feature = "tls")]
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// The name of the key that devices share with a host.
#[cfg(feature = "tls")]
pub(crate) const TLS_IDENTITY: &[u8] = b"subrosa";

/// How the two sides of a demonstration speak.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DemoLink {
    /// In the clear
    Plain,
    /// Noise, with keys made for this run
    Noise,
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn what_is_this_machine() {
        for near in
            ["127.0.0.1:7766", "127.9.9.9:1", "[::1]:80", "localhost:7766", "a.localhost.:1"]
        {
            assert!(is_loopback(near), "{near}");
        }
        for far in
            ["10.0.0.1:7766", "[2001:db8::1]:80", "example.org:1", "notlocalhost:1", "0.0.0.0:1"]
        {
            assert!(!is_loopback(far), "{far}");
        }
    }
}
