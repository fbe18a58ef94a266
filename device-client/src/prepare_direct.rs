//! The offline phase through direct mode's engine: for narrow models, whose masks pack densely.
//!
//! A session has one key, with the evaluation keys of a few layouts, and any number of units of T
//! tokens; the [rule](kernel::trace::PreparationRule) says which T and which layouts. For each unit
//! one request goes up, the encrypted masks r, and one reply comes down, `z = W r`, in one frame or more.
//!
//! *All units of a session are under one key, so they are accepted or dropped together*, at its end:
//! none is available before, and none survives a session that breaks.
//!
//! What a lying host learns is as bounded as in the masked method. What it makes of the ciphertexts is
//! linear over F_t in the masks, with noise that does not depend on them since t divides q: the checks hold
//! for all masks or for a share `1 / t` of them. Or it rescales, which is right only where no phase has
//! wrapped modulo q: never for as many tokens as [`least_tokens`](kernel::trace::least_tokens) puts into
//! every unit. If the checks fail the masks are dropped, and nothing about a prompt is learned; use the
//! masked method only with that host from then on.

mod unit;

pub use unit::DirectUnit;

use crate::direct::{Cipher, CipherError, DirectMemory};
use crate::prepare::{Link, PrepareError, PrepareEvent, Receiving};
use crate::session::PART_BYTES;
use crate::store::CorrelationStore;
use crate::unit::UnitError;
use embedded_io_async::{Read, Write};
use kernel::bundle::DeviceBundle;
use kernel::check::{Poison, UnitCheck};
use kernel::direct::DirectShape;
use kernel::direct::noise::{OUTPUTS, is_exact};
use kernel::model::GroupId;
use kernel::params::DirectSet;
use kernel::ring::RingOps;
use kernel::stream::{Entropy, Seed};
use kernel::trace::PreparationRule;
use kernel::wire::{
    FrameType, Hello, MAX_PAYLOAD, Purpose, Welcome, WireError, decode_body, encode_body,
};
use zeroize::Zeroize;

/// Coordinates whose masks share ChaCha blocks.
const COORDINATES: usize = 4;

/// The rule by which the model of a bundle is prepared, if it can be: requests fit frames, and the
/// weights leave every output exact.
#[must_use]
pub fn preparation_rule<S: DirectSet>(bundle: &DeviceBundle<'_>) -> Option<PreparationRule> {
    let config = bundle.config();
    let rule = PreparationRule::new(config, &DirectShape::of_set::<S>())?;
    let exact = |group| is_exact::<S>(&bundle.bounds(group), &rule.layout(bundle.shape(group)));
    (config.total_rows() <= OUTPUTS && config.groups().all(exact)).then_some(rule)
}

/// Memory of a preparation through direct mode.
pub struct PrepareDirectMemory<'b> {
    /// The key, and what ciphertexts are worked on in.
    pub cipher: DirectMemory<'b>,
    /// [`prepare_direct_words`] words: check sums, masks and images. Its contents are secret, and are
    /// erased when the preparation ends.
    pub words: &'b mut [u32],
    /// A part of a frame, in or out, of [`PART_BYTES`] bytes or more.
    pub part: &'b mut [u8],
}

impl core::fmt::Debug for PrepareDirectMemory<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PrepareDirectMemory")
    }
}

/// Words of [`PrepareDirectMemory::words`].
#[must_use]
pub const fn prepare_direct_words(rule: &PreparationRule) -> usize {
    UnitCheck::words(rule.tokens()) + (COORDINATES + 1) * rule.tokens()
}

impl From<CipherError> for UnitError {
    fn from(error: CipherError) -> Self {
        match error {
            CipherError::Memory => Self::Workspace,
            CipherError::Wire(error) => error.into(),
        }
    }
}

/// The device's side of a session, sans I/O.
pub struct DirectPreparation<'a, S: DirectSet, R: RingOps> {
    bundle: &'a DeviceBundle<'a>,
    rule: PreparationRule,
    max_payload: usize,
    cipher: Cipher<'a, S, R>,
    words: &'a mut [u32],
    poison: Poison,
}

impl<S: DirectSet, R: RingOps> core::fmt::Debug for DirectPreparation<'_, S, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DirectPreparation")
            .field("tokens", &self.rule.tokens())
            .finish_non_exhaustive()
    }
}

impl<S: DirectSet, R: RingOps> Drop for DirectPreparation<'_, S, R> {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl<'a, S: DirectSet, R: RingOps> DirectPreparation<'a, S, R> {
    /// A session under the keys of `seed`, which is fresh and used for no other, with replies whose
    /// frames have payloads of at most `max_payload` bytes.
    ///
    /// # Errors
    /// [`UnitError::Direct`] for a model that is not prepared so, [`UnitError::Workspace`] for memory that
    /// does not suffice, or frames that do not hold a result.
    pub fn open(
        bundle: &'a DeviceBundle<'a>,
        seed: Seed,
        memory: DirectMemory<'a>,
        words: &'a mut [u32],
        max_payload: usize,
    ) -> Result<Self, UnitError> {
        let rule = preparation_rule::<S>(bundle).ok_or(UnitError::Direct)?;
        let fits = rule.largest_replies(max_payload).0 <= max_payload;
        if words.len() != prepare_direct_words(&rule) || !fits {
            return Err(UnitError::Workspace);
        }
        let cipher = Cipher::new(rule.automorphisms(), seed, memory)?;
        Ok(Self { bundle, rule, max_payload, cipher, words, poison: Poison::default() })
    }

    /// What the session is for.
    #[must_use]
    pub const fn purpose(&self, units: u32) -> Purpose {
        Purpose::PrepareDirect { seeds: self.cipher.seeds(), units }
    }

    /// Frames of evaluation keys.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.cipher.key_frames()
    }

    /// Payload bytes of each of them.
    #[must_use]
    pub fn key_bytes(&self) -> usize {
        Cipher::<S, R>::key_bytes()
    }

    /// Writes the bytes from `first` on of the payload of one of them.
    ///
    /// # Errors
    /// [`UnitError::Workspace`] for a frame that there is not, [`UnitError::Wire`] for bytes beyond it.
    pub fn key(&mut self, index: u32, first: usize, out: &mut [u8]) -> Result<(), UnitError> {
        Ok(self.cipher.key_part(index, first, out)?)
    }

    /// Begins a unit of a group. `seed` is fresh, and its masks are no other unit's.
    ///
    /// # Errors
    /// [`UnitError::Workspace`] for a group that is not of the model.
    pub fn unit(
        &mut self,
        group: GroupId,
        seed: &Seed,
    ) -> Result<DirectUnit<'_, 'a, S, R>, UnitError> {
        let Self { bundle, rule, max_payload, cipher, words, poison } = self;
        DirectUnit::open(bundle, *rule, *max_payload, group, seed, cipher, words, poison)
    }

    /// Whether a check of an answer has failed. For a session that has ended early: in one that goes on
    /// nothing may depend on it.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.poison.reveal()
    }

    /// Ends the session, all units of which are held by `store`: they become available if every check
    /// of every token held, and are erased otherwise. Returns whether they were kept. The key and all
    /// working memory are erased.
    ///
    /// # Errors
    /// As the store fails.
    pub fn finish(self, store: &mut impl CorrelationStore) -> Result<bool, UnitError> {
        let accept = !self.poison.reveal();
        store.settle(accept)?;
        Ok(accept)
    }
}

/// Runs one preparation session for `units`, all under one fresh key, into `store`, with replies whose
/// frames have payloads of at most `max_payload` bytes.
///
/// The session always runs to the end of its units, whatever their checks say. Only then they are
/// kept, all of them, or refused; they are reported then. Asking again is the caller's affair, in a
/// later session.
///
/// # Errors
/// [`PrepareError`]; no unit of the session is kept. If a check had failed before, all units have been
/// reported as refused.
pub async fn prepare_direct<S, R, Io, C, N>(
    io: Io,
    bundle: &DeviceBundle<'_>,
    store: &mut C,
    units: &[GroupId],
    entropy: &mut N,
    memory: PrepareDirectMemory<'_>,
    max_payload: usize,
    mut observe: impl FnMut(PrepareEvent),
) -> Result<(), PrepareError<Io::Error>>
where
    S: DirectSet,
    R: RingOps,
    Io: Read + Write,
    C: CorrelationStore,
    N: Entropy,
{
    let PrepareDirectMemory { cipher, words, part } = memory;
    if part.len() < PART_BYTES {
        return Err(UnitError::Workspace.into());
    }
    let seed = Seed::random(entropy).map_err(|_| PrepareError::Entropy)?;
    let max_payload = max_payload.min(MAX_PAYLOAD);
    let mut session = DirectPreparation::<S, R>::open(bundle, seed, cipher, words, max_payload)?;
    let mut link = Link::new(io, S::ID, entropy)?;
    let hello = Hello {
        digest: bundle.digest(),
        purpose: session.purpose(units.len() as u32),
        answered: 0,
        max_payload: max_payload as u32,
    };
    let mut body = [0; PART_BYTES];
    let length = encode_body(&hello, &mut body)?;
    let hello = |first: usize, out: &mut [u8]| {
        out.copy_from_slice(&body[first..][..out.len()]);
        Ok(())
    };
    link.send_made(FrameType::Hello, length, part, hello).await?;
    let length = link.expect_header(FrameType::Welcome, 0).await?;
    let welcome = part.get_mut(..length).ok_or(WireError::Length)?;
    let welcome: Welcome = decode_body(link.receive_part(welcome).await?.unwrap_or_default())?;
    if welcome.digest != bundle.digest() {
        return Err(WireError::Model.into());
    }
    for index in 0..session.keys() {
        let key = |first: usize, out: &mut [u8]| session.key(index, first, out);
        link.send_made(FrameType::EvaluationKey, Cipher::<S, R>::key_bytes(), part, key).await?;
        observe(link.event());
    }
    let receiving = Receiving(store);
    for (number, &group) in (1..).zip(units) {
        let unit = (number, group);
        let exchanged =
            exchange(&mut session, &mut link, receiving.0, unit, entropy, part, &mut observe);
        if let Err(error) = exchanged.await {
            // Whoever breaks a session off has failed the checks of its answers all the same.
            if session.has_failed() {
                report(units, false, &mut observe);
            }
            return Err(error);
        }
    }
    // All answers are there: a link that breaks now takes nothing away. What the verdict does to the
    // store comes behind the last byte.
    let _ = link.send_made(FrameType::Bye, 0, part, |_, _| Ok(())).await;
    observe(link.event());
    let kept = session.finish(receiving.0)?;
    report(units, kept, &mut observe);
    Ok(())
}

fn report(units: &[GroupId], kept: bool, observe: &mut impl FnMut(PrepareEvent)) {
    units.iter().for_each(|&group| observe(PrepareEvent::Unit { group, kept }));
}

/// One unit of a session: its number, from 1, and its group.
async fn exchange<S, R, Io, C, N>(
    session: &mut DirectPreparation<'_, S, R>,
    link: &mut Link<Io>,
    store: &mut C,
    (number, group): (u32, GroupId),
    entropy: &mut N,
    part: &mut [u8],
    observe: &mut impl FnMut(PrepareEvent),
) -> Result<(), PrepareError<Io::Error>>
where
    S: DirectSet,
    R: RingOps,
    Io: Read + Write,
    C: CorrelationStore,
    N: Entropy,
{
    let seed = Seed::random(entropy).map_err(|_| PrepareError::Entropy)?;
    let mut unit = session.unit(group, &seed)?;
    unit.begin(store)?;
    let bytes = unit.request_bytes();
    let request = |first: usize, out: &mut [u8]| unit.request(first, out);
    link.send_made(FrameType::Product, bytes, part, request).await?;
    observe(link.event());
    let mut whole = false;
    while !whole {
        unit.answer(link.expect_header(FrameType::ProductReply, number).await?)?;
        while let Some(part) = link.receive_part(part).await? {
            whole = unit.take(part, store)?;
        }
        observe(link.event());
    }
    Ok(unit.finish(store)?)
}
