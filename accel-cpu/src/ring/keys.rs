use super::set::Set;
use kernel::accel::AccelError;
use kernel::galois::Automorphism;
use kernel::stream::PublicSeed;
use std::collections::HashMap;
use std::sync::Arc;

/// The evaluation keys of a session.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) set: Arc<Set>,
    pub(crate) seed: PublicSeed,
    of: HashMap<Automorphism, Arc<Key>>,
}

/// An evaluation key, with its masks.
///
/// The definition permutes the digits by the automorphism, multiplies by the key and sums. Here
/// the key is permuted back, once and for all, and the sum is permuted instead of the digits.
#[derive(Debug)]
pub(crate) struct Key {
    /// Where the value at an index of the image comes from.
    pub(super) source: Vec<u16>,
    /// For each limb and run of slots, element by element, the mask and the body: keys are used once
    /// from beginning to end, and come from memory in one stream.
    words: Vec<u32>,
    /// Words of a limb.
    limb: usize,
}

/// Slots of a run of a key, where the degree is larger.
const RUN: usize = 16;

/// Slots of a run of a key.
pub(super) const fn run(degree: usize) -> usize {
    if degree < RUN { degree } else { RUN }
}

impl Keys {
    pub(crate) fn new(set: Arc<Set>, seed: PublicSeed) -> Self {
        Self { set, seed, of: HashMap::new() }
    }

    pub(crate) fn insert(&mut self, automorphism: Automorphism, key: Arc<Key>) {
        self.of.insert(automorphism, key);
    }

    /// # Errors
    /// [`AccelError::MissingKey`].
    pub(super) fn get(&self, automorphism: Automorphism) -> Result<&Key, AccelError> {
        self.of.get(&automorphism).map(Arc::as_ref).ok_or(AccelError::MissingKey)
    }
}

impl Key {
    /// A key from its bodies, with masks from `seed`.
    ///
    /// # Errors
    /// [`AccelError::Shape`], [`AccelError::Residue`].
    pub(crate) fn new(
        set: &Set,
        seed: &PublicSeed,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<Self, AccelError> {
        let (degree, elements, limbs) = (set.degree, set.gadget(), set.limbs.len());
        if bodies.len() != elements * set.words() || automorphism.degree() != degree {
            return Err(AccelError::Shape);
        }
        if !set.holds(bodies) {
            return Err(AccelError::Residue);
        }
        let source: Vec<u16> = (0..degree).map(|i| automorphism.source(i) as u16).collect();
        let run = run(degree);
        let mut words = vec![0; limbs * elements * 2 * degree];
        let mut mask = vec![0; degree];
        let first = u64::from(automorphism.exponent()) * elements as u64;
        let bodies = bodies.chunks_exact(degree);
        for (index, body) in bodies.enumerate() {
            let (element, limb) = (index / limbs, index % limbs);
            (set.limbs[limb].expand)(seed, first + element as u64, 0, &mut mask);
            let words = &mut words[limb * elements * 2 * degree..][..elements * 2 * degree];
            for (&source, (&mask, &body)) in source.iter().zip(mask.iter().zip(body)) {
                let (of, slot) = (usize::from(source) / run, usize::from(source) % run);
                let place = (of * elements + element) * 2 * run + slot;
                words[place] = mask;
                words[place + run] = body;
            }
        }
        Ok(Self { source, words, limb: elements * 2 * degree })
    }

    /// All runs of one limb.
    pub(super) fn limb(&self, limb: usize) -> &[u32] {
        &self.words[limb * self.limb..][..self.limb]
    }
}
