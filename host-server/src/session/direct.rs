use super::Refusal;
use crate::engine::{Engine, KeyJob, Keys, ProductJob};
use kernel::direct::DirectShape;
use kernel::galois::Automorphism;
use kernel::model::{GroupId, GroupShape};
use kernel::params::ParameterId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use kernel::wire::{DirectSeeds, FaultCode, WireError};
use std::sync::Arc;

/// The keys of a session, and the products of its ciphertexts.
pub(super) struct Direct {
    keys: Arc<Keys>,
    seed: PublicSeed,
    /// Payload bytes of frames that the device takes.
    max_payload: usize,
    /// Keys that have not come yet, the next last.
    due: Vec<Automorphism>,
    key: Option<KeyJob>,
    /// The coordinate of the next ciphertext.
    next: u64,
}

impl Direct {
    /// For a session that begins with the keys of these automorphisms, and of whose ciphertexts
    /// `first` are not sent again.
    pub(super) fn open(
        engine: &Arc<Engine>,
        set: ParameterId,
        seeds: &DirectSeeds,
        max_payload: usize,
        automorphisms: impl Iterator<Item = Automorphism>,
        first: u64,
    ) -> Result<Self, Refusal> {
        let keys =
            Keys::open(engine, set, &PublicSeed(seeds.keys)).map_err(|_| FaultCode::Limits)?;
        let mut due: Vec<_> = automorphisms.collect();
        due.reverse();
        let seed = PublicSeed(seeds.ciphertexts);
        Ok(Self { keys: Arc::new(keys), seed, max_payload, due, key: None, next: first })
    }

    /// Whether the next frame carries an element of a key.
    pub(super) const fn awaits_key(&self) -> bool {
        !self.due.is_empty()
    }

    /// Bytes that the session's keys take in all, of those that have not come.
    pub(super) fn key_bytes(&self) -> usize {
        // One more is on its way in.
        (self.due.len() + 1) * Keys::bytes(self.shape())
    }

    /// Takes in an element of a key; the key, when it is whole.
    pub(super) fn key(&mut self, payload: &[u8]) -> Result<Option<KeyJob>, Refusal> {
        let automorphism = *self.due.last().ok_or(WireError::Order)?;
        let mut key =
            self.key.take().unwrap_or_else(|| KeyJob::new(Arc::clone(&self.keys), automorphism));
        if key.receive(payload)? {
            self.due.pop();
            Ok(Some(key))
        } else {
            self.key = Some(key);
            Ok(None)
        }
    }

    /// Payload bytes of frames that the device takes.
    pub(super) const fn max_payload(&self) -> usize {
        self.max_payload
    }

    /// The parameter set.
    pub(super) fn shape(&self) -> &DirectShape {
        self.keys.shape()
    }

    /// Takes in the ciphertexts of a product of `tokens` rows.
    pub(super) fn product(
        &mut self,
        group: GroupId,
        tokens: usize,
        shape: GroupShape,
        layout: Layout,
        packed: &[u8],
    ) -> Result<ProductJob, Refusal> {
        let (keys, seed, first) = (&self.keys, self.seed, self.next);
        let max = self.max_payload;
        let job = ProductJob::direct(group, tokens, shape, layout, max, keys, seed, first, packed)?;
        self.next += ProductJob::ciphertexts(&layout, shape, tokens);
        Ok(job)
    }
}
