//! The way to the host: TCP, and Noise over it unless it was told to do without.

#[cfg_attr(not(feature = "noise"), path = "secure/plain.rs")]
mod noise;

pub(crate) use noise::{Link, LinkFailure, Security};

use device_client::net::{Endpoint, NetConnector};
use device_client::transport::Connector;
use embassy_time::Duration;
use noise::secured;

/// Opens a link.
#[cfg(feature = "masked")]
pub(crate) async fn connect<'e, 'a>(
    endpoint: &'e Endpoint<'a>,
    security: &'e Security<'a>,
) -> Result<Link<'e, 'a>, LinkFailure> {
    secured(endpoint.connect().await, security).await
}

/// A connector that secures its links.
pub(crate) struct SecureConnector<'e, 'a> {
    net: NetConnector<'e, 'a>,
    security: &'e Security<'a>,
}

impl<'e, 'a> SecureConnector<'e, 'a> {
    pub(crate) fn new(
        endpoint: &'e Endpoint<'a>,
        security: &'e Security<'a>,
        distance: Duration,
    ) -> Self {
        Self { net: NetConnector::new(endpoint, distance), security }
    }
}

impl<'e, 'a> Connector for SecureConnector<'e, 'a> {
    type Io = Link<'e, 'a>;

    async fn connect(&mut self) -> Result<Self::Io, LinkFailure> {
        secured(self.net.connect().await, self.security).await
    }

    fn answered(&mut self) {
        self.net.answered();
    }

    async fn departure(&mut self) {
        self.net.departure().await;
    }

    async fn retry(&mut self) -> bool {
        self.net.retry().await
    }
}
