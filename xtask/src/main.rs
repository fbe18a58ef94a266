//! The commands of the workshop. `cargo xtask test` runs everything that a change has to pass;
//! every step of it is also a command of its own. `measure`,
//! `c-header` and `interop` are not steps of it.

mod bare_metal;
mod c_api;
mod firmware;
mod gpu;
mod licences;
mod measure;
mod neon;
mod packages;
mod program;
mod rules;
mod shell;
mod source;
mod steps;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The commands of subrosa's workshop.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the steps from packages to unit in this order, and stop at the first that fails
    Test {
        /// Run the steps after a failed one too, and report them all
        #[arg(long)]
        keep_going: bool,
    },
    /// Lead standard input and output to a port of this machine: an emulated device's network
    #[command(hide = true)]
    Relay {
        /// The port
        port: u16,
    },
    #[command(flatten)]
    Step(steps::Step),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Test { keep_going } => steps::run_all(keep_going),
        Command::Relay { port } => firmware::machine::relay(port),
        Command::Step(step) => step.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
