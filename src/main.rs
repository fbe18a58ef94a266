//! `subrosa`: private inference of language models for devices that trust nobody.

mod cli;
mod commands;
mod correlations;
mod device;
mod dump;
mod entropy;
mod offline;
mod online;
mod plain;
mod progress;
mod prompt;
mod report;
mod run;

use clap::Parser;
use std::process::ExitCode;

/// A failed check: the host lied, and nothing it said is shown.
const EXIT_CHEAT: u8 = 3;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    progress::init_logs(cli.verbose);
    if cfg!(debug_assertions) {
        eprintln!("note: this is a debug build, many times slower than `cargo run --release`");
    }
    match commands::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<report::Cheated>() => {
            eprintln!("error: {error}");
            ExitCode::from(EXIT_CHEAT)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
