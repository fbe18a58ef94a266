//! The C interface: its header, its library, and the example in C on this machine and on the board.
//!
//! The example must find what the program `subrosa generate` finds with the same seed.

mod bridge;
mod example;
pub(crate) mod header;
mod host;
mod library;

use anyhow::{Result, ensure};

use example::{Example, Run};
use host::Host;

/// What is asked: tokens of the answer, seed, temperature in thousandths, prompt.
const ASKED: (&str, &str, &str, &str) = ("4", "7", "800", "5,6,7");

/// Checks the header, builds everything, and compares tokens.
pub(crate) fn check() -> Result<()> {
    header::check()?;
    let (desktop, board) = (Example::desktop()?, Example::board()?);
    let host = Host::start()?;
    let expected = host.generate(ASKED)?;
    println!("subrosa generate: {expected:?}");
    // The masked method is for links that are faster than a serial line.
    for (example, modes) in
        [(&desktop, &["direct", "packed", "masked"][..]), (&board, &["direct", "packed"])]
    {
        for mode in modes {
            let (tokens, seed, temperature, prompt) = ASKED;
            let arguments = format!("{mode} {tokens} {seed} {temperature} {prompt}");
            let run = example.run(&host, &arguments)?;
            run.print();
            let Run { tokens, code, .. } = run;
            ensure!(code == Some(0), "the example in C ended with {code:?}");
            ensure!(tokens == expected, "the example in C found {tokens:?}, not {expected:?}");
        }
    }
    misuse(&desktop, &host)
}

/// Errors have names, and reach the program's end.
fn misuse(desktop: &Example, host: &Host) -> Result<()> {
    for (arguments, code) in [("other 4 7 800 5", 15), ("direct 4 7 800 5,999999", 16)] {
        let found = desktop.run(host, arguments)?.code;
        ensure!(found == Some(code), "`{arguments}` ended with {found:?}, not {code}");
    }
    Ok(())
}
