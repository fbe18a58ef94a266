use crate::cli::Prepare;
use crate::device::BundleBytes;
use crate::interrupt::Interrupts;
use crate::link::Security;
use crate::offline::{self, Demand, Means};
use crate::report::Bytes;
use crate::store_file;
use anyhow::Result;
use device_client::store::CorrelationStore;

/// `subrosa prepare`.
pub(super) fn run(options: &Prepare) -> Result<()> {
    // Ctrl-C ends the program: finished units are durable, the one under way is burned.
    let interrupts = Interrupts::listen()?;
    let bytes = BundleBytes::read(&options.model)?;
    let bundle = bytes.parse()?;
    let path = store_file::path(options.correlations.as_deref(), &options.model);
    let Prepare { method, batch, keys, .. } = *options;
    let means = Means { method, batch, keys };
    let units = means.units(&bundle, options.tokens as usize);
    let mut store = store_file::open_or_create(&path, &bundle, units)?;
    let (demand, room) = (Demand::Tokens(options.tokens), store.room() as u64);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let host = interrupts.watched(&options.host, Security::new(&options.link)?);
    let fetched = offline::fetch(&host, &bundle, &mut store, &demand, means, room);
    let phase = runtime.block_on(fetched)?;
    let config = bundle.config();
    let held = config.groups().map(|group| store.available(group)).min().unwrap_or(0);
    if phase.checks_passed == 0 {
        eprintln!("nothing to do: {} holds {held} tokens", path.display());
    } else {
        eprintln!(
            "{} holds {held} tokens ({} units in {:.1} s, all checks passed); {} up, {} down",
            path.display(),
            phase.checks_passed,
            phase.seconds,
            Bytes(phase.bytes_up),
            Bytes(phase.bytes_down)
        );
    }
    Ok(())
}
