//! Sessions whose mode is chosen while the program runs.

use super::{Mode, Product, Session, SessionError};
use kernel::model::ModelConfig;
use kernel::params::ParameterId;
use kernel::schedule::Schedule;
use kernel::wire::Purpose;

/// A session in any mode. All that is written for it, a client and the loop over tokens above all, a program
/// has once, and not once for each of its modes.
pub type DynamicSession<'m> = Session<'m, &'m mut (dyn Mode + 'm)>;

impl<'a, M: Mode> Session<'a, M> {
    /// The same session, whose mode is in `place` from now on.
    pub fn dynamic<'m>(self, place: &'m mut Option<M>) -> DynamicSession<'m>
    where
        'a: 'm,
    {
        Session {
            bundle: self.bundle,
            schedule: self.schedule,
            id: self.id,
            mode: place.insert(self.mode),
            max_payload: self.max_payload,
            pending: self.pending,
            opened: self.opened,
            answered: self.answered,
            poison: self.poison,
            checks: self.checks,
        }
    }
}

impl Mode for &mut (dyn Mode + '_) {
    fn set(&self) -> ParameterId {
        (**self).set()
    }

    fn purpose(&self, schedule: &Schedule) -> Purpose {
        (**self).purpose(schedule)
    }

    fn limit(
        &mut self,
        config: &ModelConfig,
        schedule: &Schedule,
        bytes: usize,
    ) -> Result<(), SessionError> {
        (**self).limit(config, schedule, bytes)
    }

    fn welcomed(&mut self) -> Result<(), SessionError> {
        (**self).welcomed()
    }

    fn opening_frames(&self) -> u32 {
        (**self).opening_frames()
    }

    fn opening_bytes(&self) -> usize {
        (**self).opening_bytes()
    }

    fn opening(&mut self, index: u32, first: usize, out: &mut [u8]) -> Result<(), SessionError> {
        (**self).opening(index, first, out)
    }

    fn begin(&mut self, product: &Product, x: &[i32]) -> Result<usize, SessionError> {
        (**self).begin(product, x)
    }

    fn hide(
        &mut self,
        product: &Product,
        x: &[i32],
        first: usize,
        out: &mut [u8],
    ) -> Result<(), SessionError> {
        (**self).hide(product, x, first, out)
    }

    fn answer(&mut self, product: &Product, index: usize) -> Result<usize, SessionError> {
        (**self).answer(product, index)
    }

    fn reveal(
        &mut self,
        product: &Product,
        part: &[u8],
        y: &mut [i32],
    ) -> Result<bool, SessionError> {
        (**self).reveal(product, part, y)
    }
}
