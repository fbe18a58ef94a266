use super::set::Set;
use super::transforms::to_montgomery;
use crate::commands::Commands;
use crate::context::Context;
use crate::masks::Masks;
use crate::pool::View;
use kernel::accel::AccelError;
use kernel::galois::Automorphism;
use kernel::stream::PublicSeed;
use std::collections::HashMap;
use std::sync::Arc;
use wgpu::{Buffer, BufferUsages};

/// The evaluation keys of a session.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) set: Arc<Set>,
    seed: PublicSeed,
    of: HashMap<Automorphism, Arc<Key>>,
}

/// An evaluation key, with its masks: for each element of the gadget the limbs of the mask, then of the body; all times R.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) words: Buffer,
    context: Arc<Context>,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.context.give_back(self.words.size());
    }
}

impl Keys {
    pub(super) fn new(set: Arc<Set>, seed: PublicSeed) -> Self {
        Self { set, seed, of: HashMap::new() }
    }

    pub(super) fn insert(&mut self, automorphism: Automorphism, key: Key) {
        self.of.insert(automorphism, Arc::new(key));
    }

    /// # Errors
    /// [`AccelError::MissingKey`].
    pub(super) fn get(&self, automorphism: Automorphism) -> Result<&Key, AccelError> {
        self.of.get(&automorphism).map(Arc::as_ref).ok_or(AccelError::MissingKey)
    }

    /// A key from its bodies.
    ///
    /// # Errors
    /// [`AccelError::Shape`], [`AccelError::Residue`], or as the device fails.
    pub(super) fn upload(
        &self,
        context: &Arc<Context>,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<Key, AccelError> {
        let set = &*self.set;
        let (words, elements) = (set.words(), set.elements());
        if bodies.len() != elements * words || automorphism.degree() != set.degree {
            return Err(AccelError::Shape);
        }
        if !set.holds(bodies) {
            return Err(AccelError::Residue);
        }
        let size = 4 * 2 * (elements * words) as u64;
        context.take(size)?;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let buffer = context.create(size, usage).inspect_err(|_| context.give_back(size))?;
        let key = Key { words: buffer, context: Arc::clone(context) };
        let first = u64::from(automorphism.exponent()) * elements as u64;
        let mut commands = Commands::new(context);
        expand(&mut commands, set, &self.seed, first, elements, View::whole(&key.words))?;
        for (element, body) in bodies.chunks_exact(words).enumerate() {
            let offset = 4 * (2 * element + 1) * words;
            context.write(&key.words, offset as u64, bytemuck::cast_slice(body))?;
        }
        to_montgomery(&mut commands, set, View::whole(&key.words))?;
        commands.finish()?;
        Ok(key)
    }
}

/// Masks of the coordinates from `first` on, for the ciphertexts in a buffer.
pub(super) fn expand(
    commands: &mut Commands<'_>,
    set: &Set,
    seed: &PublicSeed,
    first: u64,
    count: usize,
    ciphertexts: View<'_>,
) -> Result<(), AccelError> {
    let stride = 2 * set.words();
    for (number, limb) in set.limbs.iter().enumerate() {
        let masks = Masks {
            seed,
            p: limb.p,
            bits: limb.bits,
            lane: limb.lane,
            first,
            coordinates: count,
            columns: 0..set.degree,
        };
        masks.expand(commands, ciphertexts, number * set.degree, stride)?;
    }
    Ok(())
}
