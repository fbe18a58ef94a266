use crate::bench;
use crate::cli::Bench;
use anyhow::Result;

/// `subrosa bench`.
pub(super) fn run(options: &Bench) -> Result<()> {
    bench::run(options)
}
