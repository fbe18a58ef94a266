//! The handshake, sans I/O: `Noise_IK_25519_ChaChaPoly_BLAKE2s` (revision 34 of the framework), the device
//! first.
//!
//! The device knows the host's public key beforehand and tells its own, encrypted. Two messages without
//! payloads, of fixed lengths; then each direction has a key of its own. The first message may be replayed
//! by anybody: it carries nothing, and whoever replays it cannot go on.
//!
//! *Erased* when dropped, by the types here and by the features of the crates below: static and ephemeral
//! keys, results of Diffie-Hellman, chaining values and the keys that come of them, blocks of MAC keys, the
//! state of BLAKE2s, ChaCha20 and Poly1305. *Not erased*: copies that the compiler leaves on the stack when a value
//! moves, and what the arithmetic of the curve keeps there; the transcript's hash and public keys are no
//! secrets.

mod primitives;

use crate::keys::{KEY_BYTES, PublicKey, SecretKey};
use noise_protocol::patterns::noise_ik;
use noise_protocol::{CipherState, HandshakeState};
use primitives::{Blake2s, ChaChaPoly, Erased, X25519};

/// What the device sends first. It is the prologue of the handshake too, so that both sides know that they
/// speak of the same version.
pub const PREAMBLE: [u8; 16] = *b"Noise subrosa/1\n";
/// Bytes of an authentication tag.
pub const TAG_BYTES: usize = 16;
/// Bytes of the first message: an ephemeral key, the device's key and its tag, the tag of no payload.
pub const REQUEST_BYTES: usize = 2 * KEY_BYTES + 2 * TAG_BYTES;
/// Bytes of the second message: an ephemeral key, the tag of no payload.
pub const REPLY_BYTES: usize = KEY_BYTES + TAG_BYTES;

type State = HandshakeState<X25519, ChaChaPoly, Blake2s>;

/// A message of the handshake was not made by the owner of the key that was expected, for the owner of this
/// one.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the handshake failed: the peer does not own the key that was expected")]
pub struct HandshakeError;

/// One direction of a link, after the handshake: a key and a number that counts up. Erased when dropped.
pub struct Direction(CipherState<ChaChaPoly>);

impl core::fmt::Debug for Direction {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Direction")
    }
}

impl Direction {
    /// Seals the first `length` bytes of `buffer`, and puts their tag behind them. `None`, with nothing
    /// done, when all numbers are used up or there is no room for the tag.
    #[must_use]
    pub fn seal(&mut self, buffer: &mut [u8], length: usize) -> Option<()> {
        self.next(length.checked_add(TAG_BYTES)? <= buffer.len())?;
        self.0.encrypt_in_place(buffer, length);
        Some(())
    }

    /// Opens `buffer`, the last bytes of which are the tag. The length of the plaintext at its beginning, or
    /// `None`, with nothing opened.
    #[must_use]
    pub fn open(&mut self, buffer: &mut [u8]) -> Option<usize> {
        self.next(buffer.len() >= TAG_BYTES)?;
        self.0.decrypt_in_place(buffer, buffer.len()).ok()
    }

    /// Whether all numbers are used up: the last is never used, as the framework has it.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.0.get_next_n() == u64::MAX
    }

    fn next(&self, fits: bool) -> Option<()> {
        (fits && !self.is_exhausted()).then_some(())
    }

    #[cfg(test)]
    pub(crate) fn at(key: [u8; KEY_BYTES], number: u64) -> Self {
        Self(CipherState::new(&key, number))
    }
}

/// Both directions of a link, as one side sees them.
#[derive(Debug)]
pub struct Directions {
    /// What this side sends.
    pub out: Direction,
    /// What it receives.
    pub inwards: Direction,
}

/// A device that waits for the host's answer.
pub struct Initiator(State);

impl core::fmt::Debug for Initiator {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Initiator")
    }
}

impl Initiator {
    /// Begins: the first message, to the owner of `host`. `ephemeral` is fresh for every handshake.
    ///
    /// # Errors
    /// [`HandshakeError`] if `host` is no key that anybody can own.
    pub fn begin(
        own: &SecretKey,
        host: &PublicKey,
        ephemeral: &SecretKey,
    ) -> Result<(Self, [u8; REQUEST_BYTES]), HandshakeError> {
        let mut state = state(true, own, ephemeral, Some(host.0));
        let mut request = [0; REQUEST_BYTES];
        state.write_message(&[], &mut request).map_err(|_| HandshakeError)?;
        Ok((Self(state), request))
    }

    /// Takes in the second message.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub fn finish(mut self, reply: &[u8; REPLY_BYTES]) -> Result<Directions, HandshakeError> {
        self.0.read_message(reply, &mut []).map_err(|_| HandshakeError)?;
        let (out, inwards) = self.0.get_ciphers();
        Ok(Directions { out: Direction(out), inwards: Direction(inwards) })
    }
}

/// A host that has taken in a device's first message.
pub struct Responder(State, PublicKey);

impl core::fmt::Debug for Responder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Responder to {:?}", self.1)
    }
}

impl Responder {
    /// Takes in the first message. `ephemeral` is fresh for every handshake.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub fn receive(
        own: &SecretKey,
        ephemeral: &SecretKey,
        request: &[u8; REQUEST_BYTES],
    ) -> Result<Self, HandshakeError> {
        let mut state = state(false, own, ephemeral, None);
        state.read_message(request, &mut []).map_err(|_| HandshakeError)?;
        let device = state.get_rs().ok_or(HandshakeError)?;
        Ok(Self(state, PublicKey(device)))
    }

    /// The device's key. That the device is there now and has not been recorded, its first record shows.
    #[must_use]
    pub const fn device(&self) -> PublicKey {
        self.1
    }

    /// The second message, and the link.
    ///
    /// # Errors
    /// [`HandshakeError`].
    pub fn finish(mut self) -> Result<(Directions, [u8; REPLY_BYTES]), HandshakeError> {
        let mut reply = [0; REPLY_BYTES];
        self.0.write_message(&[], &mut reply).map_err(|_| HandshakeError)?;
        let (inwards, out) = self.0.get_ciphers();
        Ok((Directions { out: Direction(out), inwards: Direction(inwards) }, reply))
    }
}

fn state(
    initiator: bool,
    own: &SecretKey,
    ephemeral: &SecretKey,
    host: Option<[u8; KEY_BYTES]>,
) -> State {
    let key = |key: &SecretKey| Some(Erased(*key.expose()));
    State::new(noise_ik(), initiator, PREAMBLE, key(own), key(ephemeral), host, None)
}

/// The public key of a secret one.
pub(crate) fn public(secret: &[u8; KEY_BYTES]) -> [u8; KEY_BYTES] {
    primitives::public(secret)
}
