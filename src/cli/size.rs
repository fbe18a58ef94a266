use super::{DemoLink, Method, Mode, batch, keys, positive};
use clap::{Args, value_parser};
use device_client::session::PART_BYTES;
use kernel::params::ParameterId;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Size {
    /// Folder of the device's bundle, as `subrosa convert device` made it
    #[arg(short, long, value_name = "DEVICE_DIR")]
    pub(crate) model: PathBuf,
    /// How numbers are hidden from the host
    #[arg(long, value_enum, default_value_t = Mode::Masked)]
    pub(crate) mode: Mode,
    /// Tokens of the longest prompt
    #[arg(long, default_value_t = 32, value_name = "COUNT", value_parser = positive())]
    pub(crate) prompt: u32,
    /// Tokens to generate
    #[arg(short = 'n', long, default_value_t = 48, value_name = "COUNT",
          value_parser = positive())]
    pub(crate) tokens: u32,
    /// Positions of the prompt that are computed together, 1 to 64
    #[arg(long, default_value_t = 16, value_parser = value_parser!(u32).range(1..=64),
          value_name = "COUNT")]
    pub(crate) chunk: u32,
    /// How correlations are made; `auto` leaves room for either way
    #[arg(long, value_enum, default_value_t = Method::Auto)]
    pub(crate) method: Method,
    /// Tokens that one batch of the masked method prepares with each of its keys: 256, 512, 1024, 2048
    /// or 4096
    #[arg(long, default_value = "256", value_parser = batch, value_name = "TOKENS")]
    pub(crate) batch: ParameterId,
    /// Keys of one batch of the masked method, 1 to 16
    #[arg(long, default_value_t = 1, value_parser = keys(), value_name = "COUNT")]
    pub(crate) keys: u8,
    /// Bytes of the parts in which frames pass, 256 to 1048576
    #[arg(long, default_value_t = 4096, value_name = "BYTES",
          value_parser = value_parser!(u32).range(PART_BYTES as i64..=1 << 20))]
    pub(crate) part: u32,
    /// How the device speaks with its host
    #[arg(long, value_enum, default_value_t = DemoLink::Noise, value_name = "LINK")]
    pub(crate) link: DemoLink,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
