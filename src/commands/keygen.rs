use crate::cli::Keygen;
use crate::keys;
use anyhow::Result;

/// `subrosa keygen`.
pub(super) fn run(options: &Keygen) -> Result<()> {
    println!("{}", keys::create(&options.out)?.public());
    Ok(())
}
