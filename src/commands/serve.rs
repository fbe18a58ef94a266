use crate::accel::{self, Loaded};
use crate::cli::Serve;
use crate::interrupt::Signals;
use crate::keys;
use anyhow::{Context, Result};
use host_server::model::HostBundle;
use host_server::server::{Links, Noise, Server};
use std::sync::Arc;

/// `subrosa serve`.
pub(super) fn run(options: &Serve) -> Result<()> {
    let limits = options.limits.limits()?;
    let links = &options.links;
    let key = keys::read_or_make(links.key.as_deref(), "host-key")?;
    let public = key.public();
    let devices = (!links.allow_device.is_empty()).then(|| links.allow_device.clone());
    let secured = Links::new(links.allow_plain.into(), Some(Noise { key, devices }));
    #[cfg(feature = "tls")]
    let secured = match &links.tls_key {
        Some(path) => {
            let key = link::tls::SharedKey::from_bytes(*keys::read(path)?.expose());
            secured.with_tls(host_server::server::Tls::new(crate::cli::TLS_IDENTITY, key)?)
        }
        None => secured,
    };
    let bundle = HostBundle::open(&options.model)?;
    if !options.no_verify {
        bundle.verify()?;
    }
    let Loaded { engine, backend } = accel::load(&bundle, &options.accel, options.threads)?;
    let (encoded, masks) = (options.limits.encoded_memory, options.limits.mask_memory);
    let engine = Arc::new(engine.with_encoded_memory(encoded).with_mask_memory(masks));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::new()?;
        let server = Server::bind(options.listen, engine, limits)
            .with_context(|| format!("listening on {}", options.listen))?
            .with_links(secured);
        eprintln!("serving {} on {} ({backend})", bundle.digest(), server.address()?);
        eprintln!(
            "devices see it as --host {} --host-key {public}; Ctrl-C ends it",
            server.address()?
        );
        server.run(stop_signal(signals)).await;
        eprintln!("stopped");
        Ok(())
    })
}

/// Completes at Ctrl-C or, where there is one, a termination signal. Another then ends the program at
/// once.
async fn stop_signal(mut signals: Signals) {
    signals.next().await;
    eprintln!("stopping: work under way is finished first; Ctrl-C again ends the program at once");
    tokio::spawn(async move {
        std::process::exit(signals.next().await.into());
    });
}
