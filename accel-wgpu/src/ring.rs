//! Direct mode: evaluation keys, encoded matrices, trace products.

mod encode;
mod key_switch;
mod keys;
mod product;
mod set;
mod switch;
mod transforms;

#[cfg(test)]
pub(crate) use {
    encode::{ColumnsParams, WeightsParams},
    key_switch::KeySwitchParams,
    product::InnerParams,
    switch::SwitchParams,
    transforms::{DecomposeParams, InverseParams, MontgomeryParams},
};

pub(crate) use encode::Encoded;

use crate::Gpu;
use crate::context::Context;

use kernel::accel::ring::{Ciphertexts, KeysId, RingAccelerator, check_trace_product};
use kernel::accel::{AccelError, MatrixId};
use kernel::galois::Automorphism;
use kernel::params::ParameterId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use keys::Keys;
use product::TraceProduct;
use set::Set;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What direct mode keeps beside the matrices.
#[derive(Debug, Default)]
pub(crate) struct DirectMode {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sets: HashMap<ParameterId, Arc<Set>>,
    /// Numbers are never used again.
    next: u64,
    keys: HashMap<KeysId, Keys>,
}

impl DirectMode {
    /// Nothing that panics is called with the lock held.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values of a set, brought to the device when it is first asked for.
    fn set(&self, context: &Context, id: ParameterId) -> Result<Arc<Set>, AccelError> {
        if let Some(set) = self.state().sets.get(&id) {
            return Ok(Arc::clone(set));
        }
        let set = Arc::new(Set::new(context, id)?);
        Ok(Arc::clone(self.state().sets.entry(id).or_insert(set)))
    }

    fn with_keys<A>(&self, id: KeysId, f: impl FnOnce(&mut Keys) -> A) -> Result<A, AccelError> {
        self.state().keys.get_mut(&id).map(f).ok_or(AccelError::UnknownKeys)
    }
}

impl RingAccelerator for Gpu {
    fn open_keys(&self, set: ParameterId, seed: &PublicSeed) -> Result<KeysId, AccelError> {
        let set = self.context.guard(|| self.direct.set(&self.context, set))?;
        let mut state = self.direct.state();
        let id = KeysId(state.next);
        state.next += 1;
        state.keys.insert(id, Keys::new(set, *seed));
        Ok(id)
    }

    fn add_key(
        &self,
        keys: KeysId,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<(), AccelError> {
        let of = self.direct.with_keys(keys, |keys| keys.clone())?;
        let key = self.context.guard(|| of.upload(&self.context, automorphism, bodies))?;
        self.direct.with_keys(keys, |keys| keys.insert(automorphism, key))
    }

    fn close_keys(&self, keys: KeysId) -> Result<(), AccelError> {
        let gone = self.direct.state().keys.remove(&keys);
        gone.map(drop).ok_or(AccelError::UnknownKeys)
    }

    fn encode(
        &self,
        matrix: MatrixId,
        set: ParameterId,
        layout: &Layout,
    ) -> Result<u64, AccelError> {
        let held = self.get(matrix)?;
        let values = self.context.guard(|| self.direct.set(&self.context, set))?;
        if layout.degree() != values.degree {
            return Err(AccelError::Shape);
        }
        if held.encoded(set, layout).is_none() {
            let encoded = self
                .context
                .guard(|| Encoded::new(&self.context, &values, &held.matrix, layout))?;
            held.keep(set, layout, encoded);
        }
        Ok(held.encoded_bytes())
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
        let held = self.get(matrix)?;
        let keys = self.direct.with_keys(keys, |keys| keys.clone())?;
        let set = &*keys.set;
        let (m, n) = (held.matrix.m, held.matrix.n);
        let ring = (set.degree, set.limbs.len());
        let groups = check_trace_product((m, n), ring, layout, input, masks, bodies)?;
        if !set.holds(input.bodies) {
            return Err(AccelError::Residue);
        }
        let encoded = held.encoded(set.id, layout);
        self.context.guard(|| {
            let product =
                TraceProduct::new(&self.context, &keys, &held.matrix, encoded.as_deref(), layout)?;
            product.run(input, groups, masks, bodies)
        })
    }
}
