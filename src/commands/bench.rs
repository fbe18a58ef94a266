use crate::bench;
use crate::cli::Bench;
use crate::interrupt::Interrupts;
use anyhow::Result;

/// `subrosa bench`.
pub(super) fn run(options: &Bench) -> Result<()> {
    if options.token {
        let interrupts = Interrupts::listen()?;
        return bench::run_token(options, &interrupts);
    }
    bench::run(options)
}
