//! The command line.

mod accel;
mod bench;
mod limits;
mod link;
mod size;

pub(crate) use accel::AccelOptions;
pub(crate) use bench::Bench;
#[cfg(feature = "tls")]
pub(crate) use link::TLS_IDENTITY;
pub(crate) use link::{DemoLink, LinkOptions};
pub(crate) use size::Size;

use clap::builder::{NonEmptyStringValueParser, RangedI64ValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum, value_parser};
use device_client::choose::Choice;
use kernel::params::ParameterId;
use kernel::wire::MAX_KEYS;
use serde::Serialize;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

/// The port that a host listens on where nothing else is said.
const PORT: u16 = 7766;

/// Private inference of language models for devices that trust nobody.
///
/// A device keeps the prompt and the keys; a host that may be malicious does the heavy products on
/// data that it cannot read, and cannot falsify without being caught.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Text and JSON go to stdout, everything else to stderr.\n\
                  Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the host's answers failed a \
                  check, 130 interrupted."
)]
pub(crate) struct Cli {
    /// Log more: -v for what happens, -vv for every detail (or set RUST_LOG)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run both sides on this machine, and compare with a run in the clear
    ///
    /// A host is started on loopback. Correlations are prepared with it, text is generated through
    /// it, and the same quantised model is run in the clear: its tokens and logits must be the same,
    /// bit for bit. In direct or mixed mode a masked run is made as well, and compared.
    Demo(Demo),
    /// Generate text through a host that sees only noise
    ///
    /// Correlations that the device's store lacks are first prepared with the host, in whole batches;
    /// what that will move is said before it starts. Ctrl-C stops the display and not the session, whose
    /// length is public; a second one ends the program.
    Generate(Generate),
    /// Fetch correlations from a host ahead of time, into the device's store
    ///
    /// What it will take is said before it starts. It can be interrupted: what is under way is burned
    /// (a batch of the masked method, a session of the direct one), finished batches stay, and the same
    /// command goes on with what is lacking.
    Prepare(Prepare),
    /// Serve a model to devices, until Ctrl-C or SIGTERM
    ///
    /// Devices on other machines reach it over a secured link, for which they need the public key that
    /// it shows when it starts.
    Serve(Serve),
    /// Make a secret key for a link, and show its public key
    ///
    /// A host's key is for `serve --key`, and its public key for its devices' --host-key; a device's key
    /// is for --device-key, and its public key for `serve --allow-device`. Without such files each side
    /// makes a key when it needs one, and keeps it.
    Keygen(Keygen),
    /// Turn a Hugging Face Llama folder into a bundle
    #[command(subcommand)]
    Convert(Convert),
    /// Make correlations on a trusted machine that holds the weights
    ///
    /// They are added to the device's store, to be carried to the device: it then needs no
    /// preparation with a host.
    Provision(Provision),
    /// Show what a device needs for a model and a mode: flash, RAM, store, and bytes over the link
    ///
    /// Exact bytes of everything that a program lends, by purpose, before one is built. What the program
    /// itself takes, its stack included, is the build's: docs/embedded.md says how it is measured.
    Size(Size),
    /// Measure what privacy costs on this machine
    ///
    /// Weights of a model's shape are made up, so that no model is needed. In one interleaved run: a plain
    /// read of the weights, ordinary int8 products in the clear, and the host's and the device's work in
    /// every phase, with ratios and bytes.
    Bench(Bench),
    /// Show the GPUs that a host can use, and whether they compute rightly
    ///
    /// Each is tested in every form of its programs that it can run, against the definition of what it
    /// computes. `serve --accel` takes their numbers and names.
    Devices(Devices),
}

/// How a session hides its numbers from the host.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Under one-time masks, prepared beforehand: a host that is caught cheating has learned nothing
    Masked,
    /// Encrypted as they come, nothing prepared: more work and more bytes for each token. A host that
    /// is caught cheating may have learned one bit about the prompt, and is refused for this and for
    /// mixed mode from then on
    Direct,
    /// Masked while the store's correlations last, direct for the rest: the promises of direct mode
    Mixed,
}

impl Cli {
    /// Checks what no option can check alone; wrong usage ends the program.
    pub(crate) fn check(&self) {
        let (name, checked) = match &self.command {
            Command::Generate(options) => ("generate", options.link.check(&options.host)),
            Command::Prepare(options) => ("prepare", options.link.check(&options.host)),
            _ => return,
        };
        if let Err((kind, text)) = checked {
            let mut command = Self::command();
            command.build();
            let command = command.find_subcommand_mut(name);
            command.map_or_else(|| clap::Error::new(kind), |it| it.error(kind, text)).exit();
        }
    }
}

impl Request {
    /// Time from an answer to the next request, in a session of this mode.
    pub(crate) fn pace(&self, mode: Mode) -> Duration {
        let usual = if mode == Mode::Masked { 1000 } else { 3000 };
        Duration::from_micros(self.pace.unwrap_or(usual))
    }
}

/// How correlations are made with a host.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Method {
    /// For each matrix the one of the two that takes less time, at 100 Mbit/s
    Auto,
    /// Batches of --batch tokens for each of --keys keys, which are a batch's own; durable when it is
    /// finished: many bytes, little work for the host
    Masked,
    /// Small units through direct mode, packed densely: few bytes for narrow models, more work for the
    /// host. All units of a session are kept together, at its end. A host that is caught cheating is
    /// refused for this method and for direct and mixed mode from then on
    Direct,
}

/// What to generate.
#[derive(Debug, Args)]
pub(crate) struct Request {
    /// The prompt: one message of the user, in the model's chat template if it has one [default: a
    /// request that the built-in model understands]
    #[arg(short, long, conflicts_with = "prompt_ids", value_name = "TEXT",
          value_parser = NonEmptyStringValueParser::new())]
    pub(crate) prompt: Option<String>,
    /// The prompt as token ids, used as they are: no template, no token added in front
    #[arg(long, value_delimiter = ',', value_name = "ID,ID,...")]
    pub(crate) prompt_ids: Option<Vec<u32>>,
    /// Use the prompt as it is, without the chat template
    #[arg(long, conflicts_with = "prompt_ids")]
    pub(crate) raw: bool,
    /// Tokens to generate. All are generated, whatever the text says: the number is public, so the
    /// host cannot tell where a text ends
    #[arg(short = 'n', long, default_value_t = 48, value_name = "COUNT",
          value_parser = positive())]
    pub(crate) tokens: u32,
    /// Temperature of the choice; 0 takes the most likely token
    #[arg(short, long, default_value = "0", value_parser = temperature, value_name = "NUMBER",
          allow_negative_numbers = true)]
    pub(crate) temperature: f32,
    /// Choose among the most likely tokens that hold this share of the probability, above 0 and at
    /// most 1
    #[arg(long, default_value = "1", value_parser = top_p, value_name = "SHARE",
          allow_negative_numbers = true)]
    pub(crate) top_p: f32,
    /// Seed of the choice at temperatures above 0; without it every run differs
    #[arg(short, long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// How numbers are hidden from the host
    #[arg(long, value_enum, default_value_t = Mode::Masked)]
    pub(crate) mode: Mode,
    /// Positions of the prompt that are computed together, 1 to 64
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u32).range(1..=64),
          value_name = "COUNT")]
    pub(crate) chunk: u32,
    /// How correlations are made
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    pub(crate) method: Method,
    /// Tokens that one batch of the masked method prepares with each of its keys: 256, 512, 1024, 2048
    /// or 4096. A larger batch costs more bytes in all, and fewer for each token
    #[arg(long, default_value = "256", value_parser = batch, value_name = "TOKENS")]
    pub(crate) batch: ParameterId,
    /// Keys of one batch of the masked method, 1 to 16: it prepares --keys times --batch tokens then, and
    /// is kept or dropped as a whole. For each row of a matrix come 4096 words for all keys and --batch
    /// for each, so that more keys are fewer bytes a token. Each takes 32 KiB and 16 bytes for each of its
    /// tokens more of this device, and its results 4 bytes for each token and matrix row
    #[arg(long, default_value_t = 1, value_parser = keys(), value_name = "COUNT")]
    pub(crate) keys: u8,
    /// Microseconds from an answer of the host to the next request, so that the time of the device's
    /// own computing does not show. Where that takes longer, the request leaves at the next multiple,
    /// and the report counts it; 0 sends at once [default: 1000 in masked mode, 3000 in the others, whose
    /// encryption takes longer]
    #[arg(long, value_name = "MICROSECONDS")]
    pub(crate) pace: Option<u64>,
    /// Write the logits to an .npy file: f32, one row for each generated position
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) dump_logits: Option<PathBuf>,
    /// Print one JSON object with text and report, instead of text as it comes
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// A Hugging Face Llama folder instead of the built-in model
    #[arg(short, long, value_name = "HF_DIR")]
    pub(crate) model: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) request: Request,
    /// Threads of the host's products; 0 takes all cores
    #[arg(long, default_value_t = 0, value_parser = threads(), value_name = "COUNT")]
    pub(crate) threads: u16,
    #[command(flatten)]
    pub(crate) accel: AccelOptions,
    /// How the two sides speak
    #[arg(long, value_enum, default_value_t = DemoLink::Plain, value_name = "LINK")]
    pub(crate) link: DemoLink,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Address of the host: a name or an IP address, and a port if it is not 7766
    #[arg(long, value_name = "ADDR", value_parser = host)]
    pub(crate) host: String,
    /// Folder of the device's bundle, as `subrosa convert device` made it
    #[arg(short, long, value_name = "DEVICE_DIR")]
    pub(crate) model: PathBuf,
    /// The device's store of correlations, used up by every run [default: `correlations` in the
    /// device's folder]. What it lacks is prepared with the host, in whole batches
    #[arg(long, value_name = "FILE")]
    pub(crate) correlations: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) link: LinkOptions,
    #[command(flatten)]
    pub(crate) request: Request,
}

#[derive(Debug, Args)]
pub(crate) struct Prepare {
    /// Address of the host: a name or an IP address, and a port if it is not 7766
    #[arg(long, value_name = "ADDR", value_parser = host)]
    pub(crate) host: String,
    /// Folder of the device's bundle, as `subrosa convert device` made it
    #[arg(short, long, value_name = "DEVICE_DIR")]
    pub(crate) model: PathBuf,
    /// The device's store of correlations [default: `correlations` in the device's folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) correlations: Option<PathBuf>,
    /// Tokens that the store shall hold, for every matrix: each position of a prompt's bucket and
    /// each output takes one. Whole batches are prepared
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = positive())]
    pub(crate) tokens: u32,
    /// How correlations are made
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    pub(crate) method: Method,
    /// Tokens that one batch of the masked method prepares with each of its keys: 256, 512, 1024, 2048
    /// or 4096. A larger batch costs more bytes in all, and fewer for each token
    #[arg(long, default_value = "256", value_parser = batch, value_name = "TOKENS")]
    pub(crate) batch: ParameterId,
    /// Keys of one batch of the masked method, 1 to 16: it prepares --keys times --batch tokens then, and
    /// is kept or dropped as a whole. For each row of a matrix come 4096 words for all keys and --batch
    /// for each, so that more keys are fewer bytes a token. Each takes 32 KiB and 16 bytes for each of its
    /// tokens more of this device, and its results 4 bytes for each token and matrix row
    #[arg(long, default_value_t = 1, value_parser = keys(), value_name = "COUNT")]
    pub(crate) keys: u8,
    #[command(flatten)]
    pub(crate) link: LinkOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Folder of the host's bundle, as `subrosa convert host` made it
    #[arg(short, long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    /// Address to listen on; 0.0.0.0:7766 for all networks, port 0 for a free port
    #[arg(short, long, default_value_t = SocketAddr::from(([127, 0, 0, 1], PORT)),
          value_name = "IP:PORT")]
    pub(crate) listen: SocketAddr,
    /// Threads of the products; 0 takes all cores
    #[arg(long, default_value_t = 0, value_parser = threads(), value_name = "COUNT")]
    pub(crate) threads: u16,
    #[command(flatten)]
    pub(crate) accel: AccelOptions,
    #[command(flatten)]
    pub(crate) links: link::ServeLinks,
    #[command(flatten)]
    pub(crate) limits: limits::ServeLimits,
    /// Skip the check of the weights against their digest at start
    #[arg(long)]
    pub(crate) no_verify: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Devices {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// File to write, which must not be there yet: 64 hexadecimal digits, readable by its owner alone
    /// (mode 0600)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Convert {
    /// Make a host's bundle: the int8 weights
    ///
    /// Made by whoever runs the host. It holds no secret.
    Host(ConvertFolders),
    /// Make a device's bundle: embeddings, norms, scales and secret check vectors
    ///
    /// Made where the device's owner trusts the weights; one for each device, never to be shown to a
    /// host.
    Device(ConvertFolders),
}

#[derive(Debug, Args)]
pub(crate) struct ConvertFolders {
    /// Folder with config.json, model.safetensors (or its shards) and tokenizer.json
    #[arg(value_name = "HF_DIR")]
    pub(crate) checkpoint: PathBuf,
    /// Folder to write; a bundle of an earlier conversion in it is replaced, unless correlations were
    /// made for it
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Provision {
    /// Folder of a host's bundle on this machine: the weights, which its owner trusts
    #[arg(long, value_name = "DIR")]
    pub(crate) weights: PathBuf,
    /// Folder of the device's bundle: the correlations are checked against it as they are made
    #[arg(short, long, value_name = "DEVICE_DIR")]
    pub(crate) model: PathBuf,
    /// Tokens to provision: each position of a prompt's bucket and each output takes one
    #[arg(short = 'n', long, default_value_t = 256, value_name = "COUNT",
          value_parser = positive())]
    pub(crate) tokens: u32,
    /// The device's store, to which they are added [default: `correlations` in the device's folder].
    /// It is secret (mode 0600), and is used up as tokens are generated
    #[arg(long, value_name = "FILE")]
    pub(crate) correlations: Option<PathBuf>,
    /// Threads of the products; 0 takes all cores
    #[arg(long, default_value_t = 0, value_parser = threads(), value_name = "COUNT")]
    pub(crate) threads: u16,
}

fn positive() -> RangedI64ValueParser<u32> {
    value_parser!(u32).range(1..)
}

fn keys() -> RangedI64ValueParser<u8> {
    value_parser!(u8).range(1..=MAX_KEYS as i64)
}

fn threads() -> RangedI64ValueParser<u16> {
    value_parser!(u16).range(..=1024)
}

fn temperature(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().map_err(|error| error.to_string())?;
    Choice::new(number, 1.0).map(|choice| choice.temperature()).map_err(|error| error.to_string())
}

fn top_p(text: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().map_err(|error| error.to_string())?;
    Choice::new(0.0, number).map(|choice| choice.top_p()).map_err(|error| error.to_string())
}

fn batch(text: &str) -> Result<ParameterId, String> {
    let batch = text.parse().ok().and_then(ParameterId::for_batch);
    batch.ok_or_else(|| "must be 256, 512, 1024, 2048 or 4096".to_owned())
}

/// An address with its port, the usual one if there is none, in one form: hosts are compared by it.
pub(crate) fn host(text: &str) -> Result<String, String> {
    let text = &text.trim().to_ascii_lowercase();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip.to_canonical(), PORT).to_string());
    }
    match text.rsplit_once(':') {
        _ if text.is_empty() || text.contains('/') => {
            Err("must be a name or an IP address, perhaps with a port".to_owned())
        }
        None => Ok(format!("{text}:{PORT}")),
        Some((name, port)) => {
            let port = port.parse::<NonZeroU16>().ok().filter(|_| !name.is_empty());
            let port = port.ok_or("must end in a port from 1 to 65535")?;
            let address = format!("{name}:{port}");
            Ok(match address.parse::<SocketAddr>() {
                Ok(address) if address.ip().to_canonical() != address.ip() => {
                    SocketAddr::new(address.ip().to_canonical(), port.get()).to_string()
                }
                Ok(address) => address.to_string(),
                Err(_) => address,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_host_gets_the_usual_port_where_it_has_none() {
        let good = [
            ("127.0.0.1", "127.0.0.1:7766"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("::1", "[::1]:7766"),
            ("[::1]", "[::1]:7766"),
            ("[::1]:80", "[::1]:80"),
            ("example.org", "example.org:7766"),
            ("example.org:80", "example.org:80"),
            (" Example.ORG:080\n", "example.org:80"),
            ("[0:0::1]:80", "[::1]:80"),
            ("::ffff:127.0.0.1", "127.0.0.1:7766"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
        ];
        for (text, expected) in good {
            assert_eq!(host(text).as_deref(), Ok(expected));
        }
        for text in ["", ":80", "a:", "a:0", "a:65536", "a:b", "http://a"] {
            assert!(host(text).is_err(), "{text}");
        }
    }
}
