use crate::cli::Serve;
use accel_cpu::Cpu;
use anyhow::{Context, Result};
use host_server::engine::Engine;
use host_server::model::HostBundle;
use host_server::server::{Limits, Server};
use std::sync::Arc;

/// Loads a host bundle onto this machine's processor.
pub(crate) fn engine(bundle: &HostBundle, threads: usize) -> Result<Engine> {
    let cpu = Cpu::builder().threads(threads).build()?;
    let (config, digest) = (*bundle.config(), bundle.digest());
    Engine::load(Arc::new(cpu), config, digest, |group| bundle.rows(group))
        .context("loading the matrices")
}

/// `subrosa serve`.
pub(super) fn run(options: &Serve) -> Result<()> {
    let bundle = HostBundle::open(&options.model)?;
    if !options.no_verify {
        bundle.verify()?;
    }
    let engine = Arc::new(engine(&bundle, options.threads)?);
    let limits = Limits { sessions: options.sessions, ..Limits::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let backend = engine.backend();
        let server = Server::bind(options.listen, engine, limits)
            .with_context(|| format!("listening on {}", options.listen))?;
        eprintln!("serving {} on {} ({backend})", bundle.digest(), server.address()?);
        eprintln!("devices see it as --host {}; Ctrl-C ends it", server.address()?);
        server.run(stop_signal()).await;
        eprintln!("stopped");
        Ok(())
    })
}

/// Completes at Ctrl-C or, where there is one, a termination signal.
async fn stop_signal() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
