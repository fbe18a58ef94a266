//! The offline phase over a link: one session, one unit after another.
//!
//! Bodies and rows pass in parts of one packed polynomial, so that no memory for a whole frame, or a whole
//! row, is needed.

mod link;

pub(crate) use link::Link;

use crate::store::CorrelationStore;
use crate::transport::TransportError;
use crate::unit::{Unit, UnitError, UnitForm, UnitWorkspace};
use embedded_io_async::{Read, Write};
use kernel::bundle::DeviceBundle;
use kernel::model::GroupId;
use kernel::params::{MASKED_LIMBS, MaskedSet};
use kernel::ring::RingOps;
use kernel::stream::{Entropy, Seed};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, Hello, MAX_PAYLOAD, Purpose, Welcome, WireError,
    decode_body, encode_body, packed_len,
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

/// Bytes that hold the small bodies of a preparation: Hello, Welcome and UnitOpen.
const SMALL_BODY: usize = 64;

/// Memory of a preparation.
pub struct PrepareMemory<'b> {
    /// The unit's workspace.
    pub unit: UnitWorkspace<'b>,
    /// At least [`prepare_frame_bytes`]: a header, and the largest part of a payload.
    pub frame: &'b mut [u8],
    /// Bytes of the largest payload in either direction, [`MAX_PAYLOAD`] at most: nothing is held of it but
    /// a part.
    pub max_payload: usize,
}

/// Bytes of the frame buffer of preparations under set `S`: a header and one packed polynomial.
///
/// ```
/// use device_client::prepare::prepare_frame_bytes;
/// use kernel::params::{Masked256x16, Masked4096x1};
///
/// assert_eq!(prepare_frame_bytes::<Masked256x16>(), 32 + 4 * 256);
/// assert_eq!(prepare_frame_bytes::<Masked4096x1>(), 32 + 4 * 4096);
/// ```
#[must_use]
pub const fn prepare_frame_bytes<S: MaskedSet>() -> usize {
    let part = packed_len(MASKED_LIMBS[0], S::N);
    HEADER_BYTES + if part > SMALL_BODY { part } else { SMALL_BODY }
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

/// Runs one preparation session for `units`, each under fresh keys, as `form` says, into `store`.
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
    form: UnitForm,
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
    let PrepareMemory { unit: workspace, frame, max_payload } = memory;
    if frame.len() < prepare_frame_bytes::<S>() {
        return Err(UnitError::Workspace.into());
    }
    let mut link = Link::new(io, S::ID, entropy)?;
    let max_payload = max_payload.min(MAX_PAYLOAD);
    let hello = Hello {
        digest: bundle.digest(),
        purpose: Purpose::Prepare { units: units.len() as u32 },
        answered: 0,
        max_payload: max_payload as u32,
    };
    let length = encode_body(&hello, payload(frame)?)?;
    link.send(FrameType::Hello, frame, length).await?;
    let welcome: Welcome = decode_body(link.receive(FrameType::Welcome, frame).await?)?;
    if welcome.digest != bundle.digest() {
        return Err(WireError::Model.into());
    }
    for &group in units {
        let seed = Seed::random(entropy).map_err(|_| PrepareError::Entropy)?;
        let workspace =
            UnitWorkspace { words: &mut *workspace.words, noise: &mut *workspace.noise };
        let mut unit = Unit::<S, R>::open(bundle, group, seed, form, workspace)?;
        let receiving = Receiving(&mut *store);
        unit.begin(receiving.0)?;
        let length = encode_body(&unit.announcement(), payload(frame)?)?;
        link.send(FrameType::UnitOpen, frame, length).await?;
        while let Some((block, length)) = unit.bodies(max_payload)? {
            payload(frame)?[..BLOCK_PREFIX_BYTES].copy_from_slice(&block.encode());
            link.begin(FrameType::UnitBodies, frame, BLOCK_PREFIX_BYTES, length).await?;
            for _ in 0..MASKED_LIMBS.len() * block.count as usize {
                let length = unit.body_part(frame)?;
                link.transport.send_part(&frame[..length]).await?;
            }
            link.transport.flush().await?;
            observe(link.event());
        }
        let mut unit = unit.into_rows()?;
        while !unit.is_complete() {
            let length = link.receive_header(FrameType::UnitRows).await?;
            let mut prefix = [0; BLOCK_PREFIX_BYTES];
            link.transport.receive_part(&mut prefix).await?;
            unit.begin_frame(&prefix, length)?;
            while let Some(bytes) = unit.due() {
                let part = frame.get_mut(..bytes).ok_or(UnitError::Workspace)?;
                link.transport.receive_part(part).await?;
                unit.receive(part, receiving.0)?;
            }
            observe(link.event());
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
