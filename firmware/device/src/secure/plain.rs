//! Links in the clear, in a program without Noise.

use crate::failure::Failure;
use crate::memory::Arena;
use core::marker::PhantomData;
use device_client::net::{NetError, NetLink};
use link::{PublicKey, SecretKey};

/// A connection to the host.
pub(crate) type Link<'e, 'a> = NetLink<'e, 'a>;

/// Why a link fails.
pub(crate) type LinkFailure = NetError;

/// How the host is spoken to: in the clear.
pub(crate) struct Security<'k>(PhantomData<&'k PublicKey>);

impl<'k> Security<'k> {
    /// Without keys.
    pub(crate) fn new(
        own: Option<&'k SecretKey>,
        host: Option<&'k PublicKey>,
        _memory: &mut Arena<'k>,
    ) -> Result<Self, Failure> {
        match (own, host) {
            (None, None) => Ok(Self(PhantomData)),
            _ => Err(Failure::CommandLine),
        }
    }
}

/// The link over a connection.
pub(super) async fn secured<'e, 'a>(
    link: Result<NetLink<'e, 'a>, NetError>,
    _security: &'e Security<'a>,
) -> Result<Link<'e, 'a>, LinkFailure> {
    link
}
