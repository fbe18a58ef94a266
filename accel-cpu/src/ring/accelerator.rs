use super::Ring;
use super::keys::{Key, Keys};
use super::set::Set;
use crate::arch::portable_lanes::PortableLanes;
use crate::{Cpu, cpu::DirectMode};
use kernel::accel::ring::{Ciphertexts, KeysId, RingAccelerator, check_trace_product};
use kernel::accel::{AccelError, MatrixId};
use kernel::galois::Automorphism;
use kernel::params::ParameterId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;
use std::sync::{Arc, PoisonError};

/// For degrees too small for the vectors of a level.
const SMALL: PortableLanes<4> = PortableLanes;

impl Cpu {
    /// The values of a set, computed when it is first asked for.
    fn set(&self, id: ParameterId) -> Result<Arc<Set>, AccelError> {
        let DirectMode { sets, .. } = self.direct();
        let mut sets = sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, set)) = sets.iter().find(|(known, _)| *known == id) {
            return Ok(set.clone());
        }
        let set = Set::of(id).filter(|set| SMALL.fits(set)).ok_or(AccelError::UnknownSet)?;
        let set = Arc::new(set);
        sets.push((id, set.clone()));
        Ok(set)
    }

    fn ring(&self, set: &Set) -> &dyn Ring {
        let ring = &*self.direct().ring;
        if ring.fits(set) { ring } else { &SMALL }
    }

    fn with_keys<A>(&self, id: KeysId, f: impl FnOnce(&mut Keys) -> A) -> Result<A, AccelError> {
        let index = usize::try_from(id.0).map_err(|_| AccelError::UnknownKeys)?;
        let mut keys = self.direct().keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get_mut(index).and_then(Option::as_mut).map(f).ok_or(AccelError::UnknownKeys)
    }
}

impl RingAccelerator for Cpu {
    fn open_keys(&self, set: ParameterId, seed: &PublicSeed) -> Result<KeysId, AccelError> {
        let set = self.set(set)?;
        let mut keys = self.direct().keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.try_reserve(1).map_err(|_| AccelError::OutOfMemory)?;
        keys.push(Some(Keys::new(set, *seed)));
        Ok(KeysId(keys.len() as u64 - 1))
    }

    fn add_key(
        &self,
        keys: KeysId,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<(), AccelError> {
        let (set, seed) = self.with_keys(keys, |keys| (keys.set.clone(), keys.seed))?;
        let key = Arc::new(Key::new(&set, &seed, automorphism, bodies)?);
        self.with_keys(keys, |keys| keys.insert(automorphism, key))
    }

    fn close_keys(&self, keys: KeysId) -> Result<(), AccelError> {
        let index = usize::try_from(keys.0).map_err(|_| AccelError::UnknownKeys)?;
        let mut all = self.direct().keys.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = all.get_mut(index).and_then(Option::take);
        drop(all);
        gone.map(drop).ok_or(AccelError::UnknownKeys)
    }

    fn encode(
        &self,
        matrix: MatrixId,
        set: ParameterId,
        layout: &Layout,
    ) -> Result<u64, AccelError> {
        let matrix = self.get(matrix)?;
        let values = self.set(set)?;
        if layout.degree() != values.degree {
            return Err(AccelError::Shape);
        }
        if matrix.encoded(set, layout).is_none() {
            let encoded = self.ring(&values).encode(self.whole_team(), &values, &matrix, layout)?;
            matrix.keep(set, layout, encoded);
        }
        Ok(matrix.encoded_bytes())
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
        let keys = self.with_keys(keys, |keys| keys.clone())?;
        let set = &*keys.set;
        let (shape, ring) = ((matrix.m, matrix.n), (set.degree, set.limbs.len()));
        check_trace_product(shape, ring, layout, input, masks, bodies)?;
        let encoded = matrix.encoded(set.id, layout);
        let matrix = (&*matrix, encoded.as_deref());
        self.ring(set).trace_product(self.whole_team(), matrix, &keys, layout, input, masks, bodies)
    }
}
