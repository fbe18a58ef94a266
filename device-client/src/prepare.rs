//! The offline phase over a link: one session, one unit after another.

use crate::store::CorrelationStore;
use crate::transport::{Transport, TransportError};
use crate::unit::{MaskSource, Unit, UnitError, UnitWorkspace};
use embedded_io_async::{Read, Write};
use kernel::bundle::DeviceBundle;
use kernel::model::GroupId;
use kernel::params::{MaskedSet, ParameterId};
use kernel::ring::RingOps;
use kernel::stream::{Entropy, Seed};
use kernel::wire::{
    FrameType, HEADER_BYTES, Header, Hello, Purpose, RowForm, SessionId, Welcome, WireError,
    decode_body, encode_body,
};

/// Why a preparation ended early. Finished units stay; the unit under way is burned.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PrepareError<E> {
    /// No randomness could be had.
    #[error("no secure randomness is available")]
    Entropy,
    /// The link or the host.
    #[error(transparent)]
    Transport(#[from] TransportError<E>),
    /// The unit.
    #[error(transparent)]
    Unit(#[from] UnitError),
}

impl<E> From<WireError> for PrepareError<E> {
    fn from(error: WireError) -> Self {
        Self::Transport(error.into())
    }
}

/// Memory of a preparation.
pub struct PrepareMemory<'b> {
    /// The unit's workspace.
    pub unit: UnitWorkspace<'b>,
    /// One frame, in or out; its length bounds the frames.
    pub frame: &'b mut [u8],
}

impl core::fmt::Debug for PrepareMemory<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PrepareMemory")
    }
}

/// What has happened, for a progress bar.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PrepareEvent {
    /// Bytes went up or came down.
    Bytes {
        /// Bytes sent since the last event.
        up: u64,
        /// Bytes received since the last event.
        down: u64,
    },
    /// A unit has ended: kept, or refused as a whole because a check failed.
    Unit {
        /// Its group.
        group: GroupId,
        /// Whether it was kept.
        kept: bool,
    },
}

/// A store with a unit under way, or units that are held, which are abandoned unless they are finished:
/// when the preparation fails, and when whoever waits for it gives up.
pub(crate) struct Receiving<'s, C: CorrelationStore>(pub(crate) &'s mut C);

impl<C: CorrelationStore> Drop for Receiving<'_, C> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Runs one preparation session for `units`, each under a fresh key and the masks that `masks` says, into `store`.
///
/// `rows` is the form of the results, of which a group has [full](crate::unit::row_form) ones where its
/// weights demand it: switched rows are fewer bytes, and `2 K` transforms more for each to the device. No
/// form takes more memory than the other.
///
/// The session always runs to the end of its units, whatever their checks say; a refused unit is
/// reported, and asking again is the caller's affair, in a later session.
///
/// # Errors
/// [`PrepareError`]; units finished before stay in the store, the unit under way is abandoned.
pub async fn prepare<S, R, Io, C, N>(
    io: Io,
    bundle: &DeviceBundle<'_>,
    store: &mut C,
    units: &[GroupId],
    masks: MaskSource,
    rows: RowForm,
    entropy: &mut N,
    memory: PrepareMemory<'_>,
    mut observe: impl FnMut(PrepareEvent),
) -> Result<(), PrepareError<Io::Error>>
where
    S: MaskedSet,
    R: RingOps,
    Io: Read + Write,
    C: CorrelationStore,
    N: Entropy,
{
    let mut link = Link::new(io, S::ID, entropy)?;
    let PrepareMemory { unit: workspace, frame } = memory;
    let hello = Hello {
        digest: bundle.digest(),
        purpose: Purpose::Prepare { units: units.len() as u32 },
        answered: 0,
        max_payload: (frame.len() - HEADER_BYTES.min(frame.len())) as u32,
    };
    let length = encode_body(&hello, payload(frame)?)?;
    link.send(FrameType::Hello, frame, length).await?;
    let welcome: Welcome = decode_body(link.receive(FrameType::Welcome, frame).await?)?;
    if welcome.digest != bundle.digest() {
        return Err(WireError::Model.into());
    }
    for &group in units {
        let seed = Seed::random(entropy).map_err(|_| PrepareError::Entropy)?;
        let mut unit = Unit::<S, R>::open(
            bundle,
            group,
            seed,
            masks,
            rows,
            UnitWorkspace { words: &mut *workspace.words, noise: &mut *workspace.noise },
        )?;
        let receiving = Receiving(&mut *store);
        unit.begin(receiving.0)?;
        let length = encode_body(&unit.announcement(), payload(frame)?)?;
        link.send(FrameType::UnitOpen, frame, length).await?;
        while let Some(length) = unit.bodies(payload(frame)?)? {
            link.send(FrameType::UnitBodies, frame, length).await?;
            observe(link.event());
        }
        loop {
            let rows = link.receive(FrameType::UnitRows, frame).await?;
            let complete = unit.rows(rows, receiving.0)?;
            observe(link.event());
            if complete {
                break;
            }
        }
        let kept = unit.finish(receiving.0)?;
        observe(PrepareEvent::Unit { group, kept });
    }
    link.send(FrameType::Bye, frame, 0).await?;
    observe(link.event());
    Ok(())
}

/// The payload part of a frame buffer.
pub(crate) fn payload(frame: &mut [u8]) -> Result<&mut [u8], WireError> {
    frame.get_mut(HEADER_BYTES..).ok_or(WireError::Length)
}

/// A transport with its session and the numbers of the next frames.
pub(crate) struct Link<Io> {
    transport: Transport<Io>,
    id: SessionId,
    set: ParameterId,
    sent: u32,
    received: u32,
}

impl<Io: Read + Write> Link<Io> {
    /// A link for a new session.
    pub(crate) fn new(
        io: Io,
        set: ParameterId,
        entropy: &mut impl Entropy,
    ) -> Result<Self, PrepareError<Io::Error>> {
        let mut id = SessionId([0; 16]);
        entropy.fill(&mut id.0).map_err(|_| PrepareError::Entropy)?;
        Ok(Self { transport: Transport::new(io), id, set, sent: 0, received: 0 })
    }

    /// The bytes since the last event.
    pub(crate) const fn event(&mut self) -> PrepareEvent {
        let transport = &mut self.transport;
        let (up, down) = (transport.bytes_up, transport.bytes_down);
        (transport.bytes_up, transport.bytes_down) = (0, 0);
        PrepareEvent::Bytes { up, down }
    }

    /// Sends `frame`, whose payload of `length` bytes is in place.
    pub(crate) async fn send(
        &mut self,
        kind: FrameType,
        frame: &mut [u8],
        length: usize,
    ) -> Result<(), TransportError<Io::Error>> {
        let header = Header {
            frame: kind,
            set: self.set,
            session: self.id,
            sequence: self.sent,
            length: length as u32,
        };
        frame[..HEADER_BYTES].copy_from_slice(&header.encode());
        self.transport.send(&frame[..HEADER_BYTES + length]).await?;
        self.sent += 1;
        Ok(())
    }

    pub(crate) async fn receive<'p>(
        &mut self,
        kind: FrameType,
        frame: &'p mut [u8],
    ) -> Result<&'p [u8], TransportError<Io::Error>> {
        let (header, payload) = self.transport.receive(payload(frame)?).await?;
        header.expect((self.id, self.set), kind, self.received)?;
        self.received += 1;
        Ok(payload)
    }
}
