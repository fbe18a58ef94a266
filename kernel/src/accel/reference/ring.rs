//! The definition of [`RingAccelerator`]: one polynomial at a time.

mod product;
mod set;
#[cfg(test)]
mod tests;

use super::Reference;
use crate::accel::ring::{Ciphertexts, KeysId, RingAccelerator, check_trace_product};
use crate::accel::{AccelError, MatrixId};
use crate::galois::Automorphism;
use crate::params::ParameterId;
use crate::stream::PublicSeed;
use crate::trace::{Layout, Plan};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use product::TraceProduct;
use set::{Ciphertext, Set};

/// Evaluation keys: for each automorphism its elements.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    set: Set,
    seed: PublicSeed,
    of: BTreeMap<Automorphism, Arc<Vec<Ciphertext>>>,
}

impl RingAccelerator for Reference {
    fn open_keys(&self, set: ParameterId, seed: &PublicSeed) -> Result<KeysId, AccelError> {
        let set = Set::of(set).ok_or(AccelError::UnknownSet)?;
        let mut keys = self.keys.lock();
        keys.push(Some(Keys { set, seed: *seed, of: BTreeMap::new() }));
        Ok(KeysId(keys.len() as u64 - 1))
    }

    fn add_key(
        &self,
        keys: KeysId,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<(), AccelError> {
        let Keys { set, seed, .. } = self.with_keys(keys, |keys| keys.clone())?;
        let elements = set.limbs.iter().map(|limb| limb.digits).sum::<usize>();
        if bodies.len() != elements * set.limbs.len() * set.degree
            || automorphism.degree() != set.degree
        {
            return Err(AccelError::Shape);
        }
        let first = u64::from(automorphism.exponent()) * elements as u64;
        let elements = Arc::new(set.expand(&Ciphertexts { seed: &seed, first, bodies })?);
        self.with_keys(keys, |keys| {
            keys.of.insert(automorphism, elements);
        })
    }

    fn close_keys(&self, keys: KeysId) -> Result<(), AccelError> {
        self.with_keys(keys, |_| ())?;
        self.keys.lock()[keys.0 as usize] = None;
        Ok(())
    }

    fn encode(
        &self,
        matrix: MatrixId,
        set: ParameterId,
        layout: &Layout,
    ) -> Result<u64, AccelError> {
        self.get(matrix)?;
        let set = Set::of(set).ok_or(AccelError::UnknownSet)?;
        // Nothing is kept: every product starts from the int8 weights.
        if layout.degree() == set.degree { Ok(0) } else { Err(AccelError::Shape) }
    }

    fn trace_product(
        &self,
        matrix: MatrixId,
        keys: KeysId,
        layout: &Layout,
        input: &Ciphertexts<'_>,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError> {
        let matrix = self.get(matrix)?;
        let Keys { set, of, .. } = self.with_keys(keys, |keys| keys.clone())?;
        let (shape, ring) = ((matrix.m(), matrix.n), (set.degree, set.limbs.len()));
        check_trace_product(shape, ring, layout, input, masks, bodies)?;
        let plan = Plan::new(layout);
        let product = TraceProduct { set: &set, keys: &of, layout, plan, matrix: &matrix };
        let mut masks = masks.chunks_exact_mut(set.degree);
        let mut bodies = bodies.chunks_exact_mut(layout.rows() * layout.tokens());
        for group in set.expand(input)?.chunks_exact(layout.input_blocks(matrix.n)) {
            let babies = group.iter().map(|x| product.babies(x)).collect::<Result<Vec<_>, _>>()?;
            for block in 0..layout.output_blocks(matrix.m()) {
                let result = product.block(block, &babies)?;
                if let (Some(mask), Some(body)) = (masks.next(), bodies.next()) {
                    set.switch(result, layout, mask, body);
                }
            }
        }
        Ok(())
    }
}

impl Reference {
    fn with_keys<A>(&self, id: KeysId, f: impl FnOnce(&mut Keys) -> A) -> Result<A, AccelError> {
        let index = usize::try_from(id.0).map_err(|_| AccelError::UnknownKeys)?;
        let mut keys = self.keys.lock();
        keys.get_mut(index).and_then(Option::as_mut).map(f).ok_or(AccelError::UnknownKeys)
    }
}
