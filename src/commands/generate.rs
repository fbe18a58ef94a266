use crate::cli::Generate;
use crate::device::BundleBytes;
use crate::interrupt::Interrupts;
use crate::link::Security;
use crate::run::{self, Job, Parties};
use crate::store_file;
use anyhow::Result;

/// `subrosa generate`.
pub(super) fn run(options: &Generate) -> Result<()> {
    let interrupts = Interrupts::listen()?;
    let bytes = BundleBytes::read(&options.model)?;
    let job = Job::new(&options.request, bytes.parse()?.config(), &options.model)?;
    let parties = Parties {
        host: interrupts.watched(&options.host, Security::new(&options.link)?),
        device: &bytes,
        store: Some(store_file::path(options.correlations.as_deref(), &options.model)),
        weights: None,
        backend: None,
        model: options.model.display().to_string(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run::run(job, &parties, &interrupts))
}
