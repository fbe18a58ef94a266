//! `subrosa`: private inference of language models for devices that trust nobody.

mod accel;
mod bench;
mod capped;
mod cli;
mod commands;
mod device;
#[cfg(feature = "wgpu")]
mod devices;
mod display;
mod distrust;
mod dump;
mod entropy;
mod interrupt;
mod keys;
mod link;
mod local_host;
mod offline;
mod online;
mod pace;
mod plain;
mod progress;
mod prompt;
mod report;
mod run;
mod size;
mod store_file;

use clap::Parser;
use std::process::ExitCode;

/// A failed check: the host lied, and nothing it said is shown.
const EXIT_CHEAT: u8 = 3;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli.check();
    let daemon = matches!(cli.command, cli::Command::Serve(_));
    progress::init_logs(cli.verbose, daemon);
    if cfg!(debug_assertions) {
        eprintln!("note: this is a debug build, many times slower than `cargo run --release`");
    }
    match commands::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<interrupt::Interrupted>() => {
            eprintln!("{error}");
            ExitCode::from(interrupt::EXIT_INTERRUPTED)
        }
        Err(error) => {
            eprintln!("error: {}", describe(&error));
            ExitCode::from(if error.is::<report::Cheated>() { EXIT_CHEAT } else { 1 })
        }
    }
}

/// An error and its causes in a line, without causes that the error itself has told.
fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
