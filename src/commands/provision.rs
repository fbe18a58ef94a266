use super::serve::engine;
use crate::cli::Provision;
use crate::correlations::{file_bytes, provision};
use crate::device::BundleBytes;
use crate::interrupt::Interrupts;
use crate::progress;
use crate::report::Bytes;
use anyhow::{Result, bail};
use host_server::model::HostBundle;

/// `subrosa provision`.
pub(super) fn run(options: &Provision) -> Result<()> {
    let Provision { tokens, out, .. } = options;
    let interrupts = Interrupts::listen()?;
    if out.symlink_metadata().is_ok() {
        bail!("{} exists: correlations are never overwritten, name a new file", out.display());
    }
    let bytes = BundleBytes::read(&options.model)?;
    let bundle = bytes.parse()?;
    let weights = HostBundle::open(&options.weights)?;
    weights.verify()?;
    let engine = engine(&weights, options.threads)?;
    let length = Bytes(file_bytes(bundle.config(), *tokens));
    eprintln!("provisioning {tokens} tokens: {length} in {}", out.display());
    let all = u64::from(*tokens) * u64::from(bundle.config().group_count());
    let bar = progress::count("provisioning", all);
    let result = provision(&engine, &bundle, *tokens, out, &interrupts, |done| bar.inc(done));
    bar.finish_and_clear();
    result?;
    eprintln!("done; the file is secret, and is used up as tokens are generated");
    Ok(())
}
