use crate::cli::Generate;
use crate::run::{self, Parties, Source};
use anyhow::Result;

/// `subrosa generate`.
pub(super) fn run(options: &Generate) -> Result<()> {
    let parties = Parties {
        host: options.host.clone(),
        device: &options.model,
        weights: None,
        backend: None,
        model: options.model.display().to_string(),
    };
    let source = options.correlations.as_deref().map_or(Source::Host, Source::File);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run::run(&options.request, &parties, source))
}
