use crate::cli::Prepare;
use crate::device::BundleBytes;
use crate::interrupt::Interrupts;
use crate::offline::{self, Demand};
use crate::store_file;
use anyhow::Result;
use device_client::store::CorrelationStore;

/// `subrosa prepare`.
pub(super) fn run(options: &Prepare) -> Result<()> {
    // Ctrl-C ends the program: finished units are durable, the one under way is burned.
    let _interrupts = Interrupts::listen()?;
    let bytes = BundleBytes::read(&options.model)?;
    let bundle = bytes.parse()?;
    let path = store_file::path(options.correlations.as_deref(), &options.model);
    let (degree, _) = options.batch.degree_and_rank();
    let units = (options.tokens as usize).div_ceil(degree);
    let mut store = store_file::open_or_create(&path, &bundle, units)?;
    let demand = Demand::Tokens(options.tokens);
    let units = offline::units(bundle.config(), &demand, &store, options.batch);
    store_file::check_room(&store, units)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let phase = runtime.block_on(offline::fetch(
        &options.host,
        &bundle,
        &mut store,
        &demand,
        options.batch,
    ))?;
    let config = bundle.config();
    let held = config.groups().map(|group| store.available(group)).min().unwrap_or(0);
    if phase.checks_passed == 0 {
        eprintln!("nothing to do: {} holds {held} tokens", path.display());
    } else {
        eprintln!(
            "{} holds {held} tokens ({} units in {:.1} s, all checks passed)",
            path.display(),
            phase.checks_passed,
            phase.seconds
        );
    }
    Ok(())
}
