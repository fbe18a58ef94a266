use super::accel::wanted;
use super::threads;
use crate::accel::Wanted;
use crate::bench::Shape;
use accel_cpu::Level;
use clap::{Args, value_parser};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The model's shape
    #[arg(short, long, value_enum, default_value_t = Shape::Llama2_7b)]
    pub(crate) shape: Shape,
    /// Layers to hold and run; the rest is scaled, and the output says so [default: as many as make 1.6
    /// GB]
    #[arg(long, value_name = "COUNT", value_parser = value_parser!(u32).range(1..))]
    pub(crate) layers: Option<u32>,
    /// Rounds, in each of which everything is measured once; medians are reported
    #[arg(long, default_value_t = 9, value_parser = value_parser!(u16).range(1..=1000),
          value_name = "COUNT")]
    pub(crate) rounds: u16,
    /// Threads of the host's products; 0 takes all cores
    #[arg(long, default_value_t = 0, value_parser = threads(), value_name = "COUNT")]
    pub(crate) threads: u16,
    /// What multiplies: `cpu`; `wgpu`, a GPU, or `wgpu:ADAPTER`, the one with this number or with this in
    /// its name, as `subrosa devices` shows them; `auto`, a GPU if there is one that works, else the
    /// processor. Whatever it is, the plain products are the processor's
    #[arg(long, default_value = "cpu", value_parser = wanted, value_name = "NAME")]
    pub(crate) accel: Wanted,
    /// The instructions to use instead of the best: portable, avx2, avxvnni, avx512vnni, neon, neondot
    #[arg(long, value_parser = level, value_name = "NAME")]
    pub(crate) level: Option<Level>,
    /// Bytes for matrices that direct mode keeps encoded
    #[arg(long, default_value_t = 1 << 30, value_name = "BYTES")]
    pub(crate) encoded_memory: u64,
    /// Do not ask the system for huge pages
    #[arg(long)]
    pub(crate) no_huge_pages: bool,
    /// Run whole tokens instead: all layers through the protocol over loopback, both sides on this machine.
    /// The bundles take as many bytes on disk as the model has weights
    #[arg(long, conflicts_with_all = ["layers", "rounds", "level", "no_huge_pages", "encoded_memory"])]
    pub(crate) token: bool,
    /// Tokens of the prompt: they decide at which position the others are computed
    #[arg(long, default_value_t = 7, requires = "token", value_name = "COUNT",
          value_parser = value_parser!(u32).range(1..))]
    pub(crate) prompt: u32,
    /// Tokens to generate
    #[arg(short = 'n', long, default_value_t = 5, requires = "token", value_name = "COUNT",
          value_parser = value_parser!(u32).range(2..))]
    pub(crate) tokens: u32,
    /// Folder for the bundles, which are kept there and used again [default: a temporary one]
    #[arg(long, requires = "token", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

fn level(name: &str) -> Result<Level, String> {
    let named = |level: &&Level| level.name().strip_prefix("cpu ") == Some(name);
    let level = *Level::ALL.iter().find(named).ok_or("no such instructions")?;
    if level.is_available() { Ok(level) } else { Err("this processor does not have them".into()) }
}
