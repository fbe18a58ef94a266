//! Links under Noise, or in the clear.

use crate::failure::Failure;
use crate::memory::Arena;
use board::entropy::MachineEntropy;
use board::println;
use core::cell::Cell;
use device_client::net::{NetError, NetLink};
use embassy_time::Instant;
use link::record::Incoming;
use link::{LinkError, NoiseStream, PublicKey, SecretKey};

/// Bytes of each of a link's two buffers: one record.
const BUFFER: usize = Incoming::<[u8; 0]>::LEAST_BYTES;

/// A connection to the host.
pub(crate) type Link<'e, 'a> = link::Link<NetLink<'e, 'a>, Lent<'e, 'a>>;

/// The place of a buffer of the one link that there is at a time. In a link it would be a part of every
/// future that holds one, and of the stack that it is moved over.
type Place<'a> = Cell<Option<&'a mut [u8]>>;

/// A buffer, which goes back to its place.
pub(crate) struct Lent<'e, 'a> {
    place: &'e Place<'a>,
    buffer: Option<&'a mut [u8]>,
}

impl<'e, 'a> Lent<'e, 'a> {
    fn from(place: &'e Place<'a>) -> Self {
        Self { place, buffer: place.take() }
    }
}

impl AsMut<[u8]> for Lent<'_, '_> {
    fn as_mut(&mut self) -> &mut [u8] {
        self.buffer.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Lent<'_, '_> {
    fn drop(&mut self) {
        self.place.set(self.buffer.take());
    }
}

/// Why a link fails.
pub(crate) type LinkFailure = LinkError<NetError>;

/// How the host is spoken to.
pub(crate) enum Security<'a> {
    /// In the clear. The prompt is as safe, but strangers see which model it is for.
    Plain,
    /// Noise, as the owner of a key, with the owner of another.
    Noise { own: &'a SecretKey, host: &'a PublicKey, buffers: [Place<'a>; 2] },
}

impl<'a> Security<'a> {
    /// Both keys, or neither. A device has its own key from its owner, as it has its bundle.
    pub(crate) fn new(
        own: Option<&'a SecretKey>,
        host: Option<&'a PublicKey>,
        memory: &mut Arena<'a>,
    ) -> Result<Self, Failure> {
        match (own, host) {
            (Some(own), Some(host)) => {
                let mut place =
                    |what| memory.take(what, BUFFER).map(|place| Cell::new(Some(place)));
                let buffers = [place("records in")?, place("records out")?];
                Ok(Self::Noise { own, host, buffers })
            }
            (None, None) => Ok(Self::Plain),
            _ => Err(Failure::CommandLine),
        }
    }
}

/// The link over a connection.
pub(super) async fn secured<'e, 'a>(
    link: Result<NetLink<'e, 'a>, NetError>,
    security: &'e Security<'a>,
) -> Result<Link<'e, 'a>, LinkFailure> {
    let link = link.map_err(LinkError::Io)?;
    let Security::Noise { own, host, buffers } = security else { return Ok(Link::Plain(link)) };
    let began = Instant::now();
    let [incoming, outgoing] = buffers.each_ref().map(Lent::from);
    let link =
        NoiseStream::connect(link, own, host, &mut MachineEntropy, incoming, outgoing).await?;
    println!("noise {} ms", began.elapsed().as_millis());
    Ok(Link::Noise(link))
}
