use anyhow::{Result, anyhow};
use host_server::engine::Engine;
use host_server::server::{Limits, Links, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A host in a thread of its own, on a free port of loopback.
pub(crate) struct HostThread {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl HostThread {
    /// Starts it, to be spoken to over these links.
    ///
    /// # Errors
    /// As sockets and threads are refused.
    pub(crate) fn start(engine: Arc<Engine>, links: Links) -> Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let outcome = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .and_then(|runtime| {
                    let _inside = runtime.enter();
                    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                    let server = Server::bind(loopback, engine, Limits::default())?;
                    let server = server.with_links(links);
                    Ok((server.address()?, server, runtime))
                });
            match outcome {
                Ok((address, server, runtime)) => {
                    if ready.send(Ok(address)).is_ok() {
                        runtime.block_on(server.run(async {
                            let _ = stopped.await;
                        }));
                    }
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        });
        let address = started.recv().map_err(|_| anyhow!("the host thread ended"))??;
        Ok(Self { address, stop, thread })
    }

    /// Lets it finish what it does, and waits.
    pub(crate) fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}
