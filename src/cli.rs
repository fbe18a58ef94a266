//! The command line.

use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Private inference of language models for devices that trust nobody.
///
/// A device keeps the prompt and the keys; a host that may be malicious does the heavy products on
/// data that it cannot read, and cannot falsify without being caught.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 success, 1 failure, 2 wrong usage, 3 the host's answers failed the check."
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
    /// Run both sides on this machine: host, device, and the comparison with a run in the clear
    Demo(Demo),
    /// Generate text through a host that sees only noise
    Generate(Generate),
    /// Serve a model to devices
    Serve(Serve),
    /// Turn a Hugging Face Llama folder into a bundle
    #[command(subcommand)]
    Convert(Convert),
    /// Make correlations on a trusted machine that holds the weights, to be loaded into a device
    Provision(Provision),
}

/// What to generate.
#[derive(Debug, Args)]
pub(crate) struct Request {
    /// The prompt; the model's chat template is applied if it has one
    #[arg(short, long, conflicts_with = "prompt_ids")]
    pub(crate) prompt: Option<String>,
    /// The prompt as token ids, used as they are
    #[arg(long, value_delimiter = ',', value_name = "ID,ID,...")]
    pub(crate) prompt_ids: Option<Vec<u32>>,
    /// Use the prompt as it is, without the chat template
    #[arg(long, conflicts_with = "prompt_ids")]
    pub(crate) raw: bool,
    /// Tokens to generate. All are generated, whatever the text says: the number is public, so the
    /// host cannot tell where a text ends
    #[arg(short = 'n', long, default_value_t = 48, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tokens: u32,
    /// Temperature of the choice; 0 takes the most likely token
    #[arg(short, long, default_value_t = 0.0)]
    pub(crate) temperature: f32,
    /// Choose among the most likely tokens that hold this share of the probability
    #[arg(long, default_value_t = 1.0)]
    pub(crate) top_p: f32,
    /// Seed of the choice at temperatures above 0; without it every run differs
    #[arg(short, long)]
    pub(crate) seed: Option<u64>,
    /// Positions of the prompt that are computed together
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) chunk: u32,
    /// Tokens that one offline batch prepares: 256, 512, 1024, 2048 or 4096
    #[arg(long, default_value_t = 256)]
    pub(crate) batch: u32,
    /// Microseconds between the public moments at which requests may leave, so that the time of
    /// the device's own computing does not show; 0 sends at once
    #[arg(long, default_value_t = 1000, value_name = "MICROSECONDS")]
    pub(crate) pace: u64,
    /// Write the logits of every generated position to an .npy file (f32)
    #[arg(long, value_name = "FILE.npy")]
    pub(crate) dump_logits: Option<PathBuf>,
    /// Print one JSON object instead of text
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
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Address of the host
    #[arg(long, value_name = "ADDR")]
    pub(crate) host: String,
    /// The device's bundle, as `subrosa convert device` made it
    #[arg(short, long, value_name = "DEVICE_DIR")]
    pub(crate) model: PathBuf,
    /// Correlations that `subrosa provision` made; without them they are prepared with the host
    #[arg(long, value_name = "FILE")]
    pub(crate) correlations: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) request: Request,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The host's bundle, as `subrosa convert host` made it
    #[arg(short, long, value_name = "DIR")]
    pub(crate) model: PathBuf,
    /// Address to listen on
    #[arg(short, long, default_value = "127.0.0.1:7766", value_name = "ADDR")]
    pub(crate) listen: SocketAddr,
    /// Threads of the products; 0 takes all cores
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Connections at a time
    #[arg(long, default_value_t = 256)]
    pub(crate) sessions: usize,
    /// Skip the check of the weights against their digest at start
    #[arg(long)]
    pub(crate) no_verify: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Convert {
    /// The host's bundle: int8 weights. Made by whoever runs the host
    Host(ConvertFolders),
    /// A device's bundle: embeddings, norms, scales and secret check vectors. Made where the device's
    /// owner trusts the weights; one for each device, never to be shown to a host
    Device(ConvertFolders),
}

#[derive(Debug, Args)]
pub(crate) struct ConvertFolders {
    /// Folder with config.json, model.safetensors (or its shards) and tokenizer.json
    #[arg(value_name = "HF_DIR")]
    pub(crate) checkpoint: PathBuf,
    /// Folder to write
    #[arg(short, long, value_name = "DIR")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Provision {
    /// The weights: a host bundle on this machine, which its owner trusts
    #[arg(long, value_name = "DIR")]
    pub(crate) weights: PathBuf,
    /// The device's bundle: the correlations are checked against it as they are made
    #[arg(short, long, value_name = "DEVICE_DIR")]
    pub(crate) model: PathBuf,
    /// Tokens to provision: each position of a prompt's bucket and each output takes one
    #[arg(short = 'n', long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) tokens: u32,
    /// File to write; it is secret (mode 0600) and is used up as tokens are generated
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Threads of the products; 0 takes all cores
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
}
