use crate::distrust::Host;
use crate::link::{self, Link};
use crate::pace::Pace;
use anyhow::{Context, Result};
use device_client::transport::Connector;
use embedded_io_async::ErrorType;
use std::time::Duration;

/// Attempts to reach a host again when the link breaks, and the pause before each.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// Time for a host to answer before the link counts as broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// TCP to a fixed address, requests at public moments, a fixed number of further attempts.
pub(super) struct TcpConnector<'a> {
    host: &'a Host,
    /// A link that is there already.
    first: Option<Link>,
    left: u32,
    pace: &'a Pace,
}

impl<'a> TcpConnector<'a> {
    /// Connects for the first time: a host that is not there is an error at once; later the link is
    /// tried again.
    pub(super) async fn new(host: &'a Host, pace: &'a Pace) -> Result<Self> {
        let first = link::connect(host, PATIENCE)
            .await
            .with_context(|| format!("connecting to {}", host.address()))?;
        Ok(Self { host, first: Some(first), left: ATTEMPTS, pace })
    }
}

impl Connector for TcpConnector<'_> {
    type Io = Link;

    async fn connect(&mut self) -> Result<Self::Io, <Link as ErrorType>::Error> {
        match self.first.take() {
            Some(link) => Ok(link),
            None => link::connect(self.host, PATIENCE).await,
        }
    }

    fn answered(&mut self) {
        self.pace.answered();
    }

    async fn departure(&mut self) {
        self.pace.departure();
    }

    async fn retry(&mut self) -> bool {
        let left = self.left > 0;
        if left {
            self.left -= 1;
            tracing::warn!(host = self.host.address(), "the link is broken; trying again");
            tokio::time::sleep(PAUSE).await;
        }
        left
    }
}
