//! The way to the host: TCP, and Noise over it unless it was told to do without.

use crate::failure::Failure;
use board::entropy::MachineEntropy;
use board::println;
use device_client::net::{Endpoint, NetConnector, NetError, NetLink};
use device_client::transport::Connector;
use embassy_time::{Duration, Instant};
use link::record::Incoming;
use link::{LinkError, NoiseStream, PublicKey, SecretKey};

/// Bytes of each of a link's two buffers: one record.
const BUFFER: usize = Incoming::<[u8; 0]>::LEAST_BYTES;

/// A connection to the host.
pub(crate) type Link<'e, 'a> = link::Link<NetLink<'e, 'a>, [u8; BUFFER]>;

/// How the host is spoken to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Security<'k> {
    /// In the clear. The prompt is as safe, but strangers see which model it is for.
    Plain,
    /// Noise, as the owner of a key, with the owner of another.
    Noise { own: &'k SecretKey, host: &'k PublicKey },
}

impl<'k> Security<'k> {
    /// Both keys, or neither. A device has its own key from its owner, as it has its bundle.
    pub(crate) fn new(
        own: Option<&'k SecretKey>,
        host: Option<&'k PublicKey>,
    ) -> Result<Self, Failure> {
        match (own, host) {
            (Some(own), Some(host)) => Ok(Self::Noise { own, host }),
            (None, None) => Ok(Self::Plain),
            _ => Err(Failure::CommandLine),
        }
    }
}

/// Opens a link.
pub(crate) async fn connect<'e, 'a>(
    endpoint: &'e Endpoint<'a>,
    security: Security<'_>,
) -> Result<Link<'e, 'a>, LinkError<NetError>> {
    secured(endpoint.connect().await.map_err(LinkError::Io)?, security).await
}

async fn secured<'e, 'a>(
    link: NetLink<'e, 'a>,
    security: Security<'_>,
) -> Result<Link<'e, 'a>, LinkError<NetError>> {
    let Security::Noise { own, host } = security else { return Ok(Link::Plain(link)) };
    let began = Instant::now();
    let (incoming, outgoing) = ([0; BUFFER], [0; BUFFER]);
    let link =
        NoiseStream::connect(link, own, host, &mut MachineEntropy, incoming, outgoing).await?;
    println!("noise {} ms", began.elapsed().as_millis());
    Ok(Link::Noise(link))
}

/// A connector that secures its links.
#[derive(Debug)]
pub(crate) struct SecureConnector<'e, 'a> {
    net: NetConnector<'e, 'a>,
    security: Security<'e>,
}

impl<'e, 'a> SecureConnector<'e, 'a> {
    pub(crate) fn new(
        endpoint: &'e Endpoint<'a>,
        security: Security<'e>,
        distance: Duration,
    ) -> Self {
        Self { net: NetConnector::new(endpoint, distance), security }
    }
}

impl<'e, 'a> Connector for SecureConnector<'e, 'a> {
    type Io = Link<'e, 'a>;

    async fn connect(&mut self) -> Result<Self::Io, LinkError<NetError>> {
        secured(self.net.connect().await.map_err(LinkError::Io)?, self.security).await
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
