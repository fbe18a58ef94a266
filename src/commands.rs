//! The commands, one file each.

mod bench;
mod convert;
mod demo;
mod devices;
mod generate;
mod keygen;
mod prepare;
pub(crate) mod provision;
mod serve;
mod size;

use crate::cli::{Command, Convert};
use anyhow::Result;

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo(options) => demo::run(&options),
        Command::Generate(options) => generate::run(&options),
        Command::Devices(options) => devices::run(&options),
        Command::Keygen(options) => keygen::run(&options),
        Command::Serve(options) => serve::run(&options),
        Command::Convert(Convert::Host(folders)) => convert::host(&folders),
        Command::Convert(Convert::Device(folders)) => convert::device(&folders),
        Command::Prepare(options) => prepare::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Size(options) => size::run(&options),
        Command::Provision(options) => provision::run(&options),
    }
}
