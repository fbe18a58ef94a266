use super::serve::engine;
use crate::cli::Provision;
use crate::correlations::provision;
use crate::device::BundleBytes;
use crate::progress;
use crate::report::Bytes;
use anyhow::Result;
use host_server::model::HostBundle;

/// `subrosa provision`.
pub(super) fn run(options: &Provision) -> Result<()> {
    let weights = HostBundle::open(&options.weights)?;
    weights.verify()?;
    let bytes = BundleBytes::read(&options.model)?;
    let bundle = bytes.parse()?;
    let engine = engine(&weights, options.threads)?;
    let all = u64::from(options.tokens) * u64::from(bundle.config().group_count());
    let bar = progress::count("provisioning", all);
    let result = provision(&engine, &bundle, options.tokens, &options.out, |done| bar.inc(done));
    bar.finish_and_clear();
    let length = result?;
    eprintln!(
        "{} tokens in {}: {}; it is secret, and is used up as tokens are generated",
        options.tokens,
        options.out.display(),
        Bytes(length)
    );
    Ok(())
}
