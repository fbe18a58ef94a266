//! The store that survives, on storage in memory that is watched.

use super::link::Loopback;
use super::model::Model;
use super::random::Rng;
use core::cell::{Cell, RefCell};
use device_client::store::sealed::{Medium, MediumError, SealedStore, Witness};
use std::rc::Rc;

/// What is done to storage, without where: how many events there were on the links before, whether
/// it is a write or a synchronisation, and of how many bytes.
pub(crate) type Step = (usize, &'static str, usize);

/// Storage and witness in one.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    bytes: Rc<RefCell<Vec<u8>>>,
    newest: Rc<Cell<Option<u64>>>,
    steps: Rc<RefCell<Vec<Step>>>,
    beside: Rc<RefCell<Option<Loopback>>>,
}

pub(crate) type Store = SealedStore<Memory, Memory, Rng>;

impl Memory {
    pub(crate) fn create(&self, model: &Model, units: usize) -> Store {
        SealedStore::create(self.clone(), self.clone(), Rng(3), &model.bundle(), units).unwrap()
    }

    /// The store as another process finds it.
    pub(crate) fn open(&self, model: &Model) -> Store {
        SealedStore::open(self.clone(), self.clone(), Rng(4), &model.bundle()).unwrap()
    }

    /// From now on the steps are placed among the events of these links.
    pub(crate) fn watch(&self, host: &Loopback) {
        *self.beside.borrow_mut() = Some(host.clone());
        self.steps.borrow_mut().clear();
    }

    pub(crate) fn steps(&self) -> Vec<Step> {
        self.steps.borrow().clone()
    }

    fn step(&self, kind: &'static str, bytes: usize) {
        let events = self.beside.borrow().as_ref().map_or(0, Loopback::event_count);
        self.steps.borrow_mut().push((events, kind, bytes));
    }
}

impl Medium for Memory {
    fn read(&mut self, at: u64, out: &mut [u8]) -> Result<(), MediumError> {
        let bytes = self.bytes.borrow();
        let end = at as usize + out.len();
        out.copy_from_slice(bytes.get(at as usize..end).ok_or(MediumError::Failed)?);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), MediumError> {
        self.step("write", bytes.len());
        let mut all = self.bytes.borrow_mut();
        let end = at as usize + bytes.len();
        if all.len() < end {
            all.resize(end, 0);
        }
        all[at as usize..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), MediumError> {
        self.step("sync", 0);
        Ok(())
    }
}

impl Witness for Memory {
    fn newest(&mut self, _: &[u8; 16]) -> Result<Option<u64>, MediumError> {
        Ok(self.newest.get())
    }

    fn remember(&mut self, _: &[u8; 16], sequence: u64) -> Result<(), MediumError> {
        self.step("remember", 8);
        self.newest.set(Some(sequence));
        Ok(())
    }
}
