//! X25519, ChaCha20-Poly1305 and BLAKE2s in the shape that `noise-protocol` wants. Every type that holds a
//! key, a chaining value or a block of a MAC's key erases itself, so that the handshake's state does.

use blake2::Blake2s256;
use blake2::digest::{Digest, Update};
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use noise_protocol::{Cipher, DH, Hash, U8Array};
use x25519_dalek::{PublicKey, StaticSecret, X25519_BASEPOINT_BYTES};
use zeroize::Zeroize;

const TAG: usize = super::TAG_BYTES;

/// Bytes that are erased when dropped.
pub(super) struct Erased<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Drop for Erased<N> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<const N: usize> U8Array for Erased<N> {
    fn new() -> Self {
        Self([0; N])
    }

    fn new_with(byte: u8) -> Self {
        Self([byte; N])
    }

    fn from_slice(bytes: &[u8]) -> Self {
        let mut own = Self([0; N]);
        own.0.copy_from_slice(bytes);
        own
    }

    fn len() -> usize {
        N
    }

    fn as_slice(&self) -> &[u8] {
        &self.0
    }

    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// A product like any other, so that a small device needs no second curve's code for it.
pub(super) fn public(secret: &[u8; 32]) -> [u8; 32] {
    StaticSecret::from(*secret).diffie_hellman(&PublicKey::from(X25519_BASEPOINT_BYTES)).to_bytes()
}

pub(super) enum X25519 {}

impl DH for X25519 {
    type Key = Erased<32>;
    type Pubkey = [u8; 32];
    type Output = Erased<32>;

    fn name() -> &'static str {
        "25519"
    }

    #[expect(clippy::panic, reason = "a key without randomness must never come to be")]
    fn genkey() -> Self::Key {
        // The state is always given its ephemeral key: this trait has no way to hand over randomness.
        panic!("handshakes are given their ephemeral keys")
    }

    fn pubkey(key: &Self::Key) -> Self::Pubkey {
        public(&key.0)
    }

    fn dh(key: &Self::Key, public: &Self::Pubkey) -> Result<Self::Output, ()> {
        let shared = StaticSecret::from(key.0).diffie_hellman(&PublicKey::from(*public));
        // A point of small order would make a secret that anybody knows.
        if shared.was_contributory() { Ok(Erased(*shared.as_bytes())) } else { Err(()) }
    }
}

pub(super) enum ChaChaPoly {}

/// The framework's nonce: the number, little-endian, behind four zeros.
fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_le_bytes());
    nonce
}

impl Cipher for ChaChaPoly {
    type Key = Erased<32>;

    fn name() -> &'static str {
        "ChaChaPoly"
    }

    fn encrypt(key: &Self::Key, number: u64, ad: &[u8], plaintext: &[u8], out: &mut [u8]) {
        out[..plaintext.len()].copy_from_slice(plaintext);
        Self::encrypt_in_place(key, number, ad, out, plaintext.len());
    }

    fn encrypt_in_place(
        key: &Self::Key,
        number: u64,
        ad: &[u8],
        in_out: &mut [u8],
        length: usize,
    ) -> usize {
        let (text, tag) = in_out[..length + TAG].split_at_mut(length);
        let sealed = ChaCha20Poly1305::new(&key.0.into()).encrypt_inout_detached(
            &nonce(number).into(),
            ad,
            (&mut *text).into(),
        );
        match sealed {
            Ok(sealed) => tag.copy_from_slice(&sealed),
            // Only for a message of 256 GiB: nothing of it must leave.
            Err(_) => in_out.fill(0),
        }
        length + TAG
    }

    fn decrypt(
        key: &Self::Key,
        number: u64,
        ad: &[u8],
        ciphertext: &[u8],
        out: &mut [u8],
    ) -> Result<(), ()> {
        let (text, tag) = ciphertext.split_at_checked(out.len()).ok_or(())?;
        out.copy_from_slice(text);
        let opened = open(key, number, ad, out, tag);
        if opened.is_err() {
            out.zeroize();
        }
        opened
    }

    fn decrypt_in_place(
        key: &Self::Key,
        number: u64,
        ad: &[u8],
        in_out: &mut [u8],
        length: usize,
    ) -> Result<usize, ()> {
        let plain = length.checked_sub(TAG).ok_or(())?;
        let (text, tag) = in_out[..length].split_at_mut(plain);
        open(key, number, ad, text, tag)?;
        Ok(plain)
    }
}

fn open(key: &Erased<32>, number: u64, ad: &[u8], text: &mut [u8], tag: &[u8]) -> Result<(), ()> {
    let tag: [u8; TAG] = tag.try_into().map_err(|_| ())?;
    ChaCha20Poly1305::new(&key.0.into())
        .decrypt_inout_detached(&nonce(number).into(), ad, text.into(), &tag.into())
        .map_err(|_| ())
}

#[derive(Default)]
pub(super) struct Blake2s(Blake2s256);

impl Hash for Blake2s {
    type Block = Erased<64>;
    type Output = Erased<32>;

    fn name() -> &'static str {
        "BLAKE2s"
    }

    fn input(&mut self, data: &[u8]) {
        Update::update(&mut self.0, data);
    }

    fn result(&mut self) -> Self::Output {
        let mut out = Erased([0; 32]);
        core::mem::take(&mut self.0).finalize_into((&mut out.0).into());
        out
    }
}
