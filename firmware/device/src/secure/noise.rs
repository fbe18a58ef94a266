//! Links under Noise, or in the clear.

use crate::failure::Failure;
use board::entropy::MachineEntropy;
use board::println;
use device_client::net::{NetError, NetLink};
use embassy_time::Instant;
use link::record::Incoming;
use link::{LinkError, NoiseStream, PublicKey, SecretKey};

/// Bytes of each of a link's two buffers: one record.
const BUFFER: usize = Incoming::<[u8; 0]>::LEAST_BYTES;

/// A connection to the host.
pub(crate) type Link<'e, 'a> = link::Link<NetLink<'e, 'a>, [u8; BUFFER]>;

/// Why a link fails.
pub(crate) type LinkFailure = LinkError<NetError>;

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

/// The link over a connection.
pub(super) async fn secured<'e, 'a>(
    link: Result<NetLink<'e, 'a>, NetError>,
    security: Security<'_>,
) -> Result<Link<'e, 'a>, LinkFailure> {
    let link = link.map_err(LinkError::Io)?;
    let Security::Noise { own, host } = security else { return Ok(Link::Plain(link)) };
    let began = Instant::now();
    let (incoming, outgoing) = ([0; BUFFER], [0; BUFFER]);
    let link =
        NoiseStream::connect(link, own, host, &mut MachineEntropy, incoming, outgoing).await?;
    println!("noise {} ms", began.elapsed().as_millis());
    Ok(Link::Noise(link))
}
