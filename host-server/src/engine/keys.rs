use super::Engine;
use kernel::accel::AccelError;
use kernel::accel::ring::KeysId;
use kernel::direct::DirectShape;
use kernel::galois::Automorphism;
use kernel::params::ParameterId;
use kernel::stream::PublicSeed;
use kernel::wire::{Block, WireError, unpack_body};
use std::sync::Arc;

/// The evaluation keys of one session, in the accelerator. Dropped, they are forgotten there.
pub struct Keys {
    engine: Arc<Engine>,
    id: KeysId,
    set: ParameterId,
    shape: DirectShape,
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Keys").field(&self.id).finish()
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(ring) = &self.engine.ring {
            let _ = ring.close_keys(self.id);
        }
    }
}

impl Keys {
    /// Begins a set of keys.
    ///
    /// # Errors
    /// [`AccelError::UnknownSet`], also where the accelerator does not serve direct mode.
    pub fn open(
        engine: &Arc<Engine>,
        set: ParameterId,
        seed: &PublicSeed,
    ) -> Result<Self, AccelError> {
        let shape = DirectShape::of(set).ok_or(AccelError::UnknownSet)?;
        let ring = engine.ring.as_ref().ok_or(AccelError::UnknownSet)?;
        Ok(Self { id: ring.open_keys(set, seed)?, engine: Arc::clone(engine), set, shape })
    }

    pub(super) const fn id(&self) -> KeysId {
        self.id
    }

    pub(super) const fn set(&self) -> ParameterId {
        self.set
    }

    /// The parameter set, as values.
    #[must_use]
    pub const fn shape(&self) -> &DirectShape {
        &self.shape
    }

    /// Bytes that one key takes in an accelerator: masks and bodies, as words.
    #[must_use]
    pub fn bytes(shape: &DirectShape) -> usize {
        2 * size_of::<u32>() * shape.elements() * shape.body_words()
    }
}

/// One key on its way in, element by element.
#[derive(Debug)]
pub struct KeyJob {
    keys: Arc<Keys>,
    automorphism: Automorphism,
    bodies: Vec<u32>,
}

impl KeyJob {
    /// The key for an automorphism, of which nothing has come yet.
    #[must_use]
    pub const fn new(keys: Arc<Keys>, automorphism: Automorphism) -> Self {
        Self { keys, automorphism, bodies: Vec::new() }
    }

    /// Takes in the next element; `true` when all are there.
    ///
    /// # Errors
    /// [`WireError`].
    pub fn receive(&mut self, payload: &[u8]) -> Result<bool, WireError> {
        let shape = *self.keys.shape();
        let words = shape.body_words();
        let element = self.bodies.len() / words;
        let (block, packed) = Block::split(payload)?;
        let due = Block { index: self.automorphism.exponent(), count: element as u32 };
        if block != due || element >= shape.elements() {
            return Err(WireError::Order);
        }
        let first = self.bodies.len();
        self.bodies.resize(first + words, 0);
        unpack_body(&shape, packed, &mut self.bodies[first..])?;
        Ok(element + 1 == shape.elements())
    }

    /// Gives the key to the accelerator.
    ///
    /// # Errors
    /// As the accelerator fails.
    pub fn run(&self, engine: &Engine) -> Result<(), AccelError> {
        let ring = engine.ring.as_deref().ok_or(AccelError::UnknownSet)?;
        ring.add_key(self.keys.id(), self.automorphism, &self.bodies)
    }
}
