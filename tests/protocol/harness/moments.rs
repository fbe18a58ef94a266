//! A loopback that notes the moments from which a device takes its pace.

use super::link::{Link, LinkError, Loopback};
use core::cell::RefCell;
use device_client::transport::Connector;
use std::rc::Rc;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moment {
    /// An answer has been heard.
    Answered,
    /// A request waits for its departure.
    Departure,
}

/// The moments, each after this many events on the links.
#[derive(Clone)]
pub(crate) struct Noted {
    host: Loopback,
    moments: Rc<RefCell<Vec<(usize, Moment)>>>,
}

impl Noted {
    pub(crate) fn new(host: &Loopback) -> Self {
        Self { host: host.clone(), moments: Rc::default() }
    }

    pub(crate) fn moments(&self) -> Vec<(usize, Moment)> {
        self.moments.borrow().clone()
    }

    fn note(&self, moment: Moment) {
        self.moments.borrow_mut().push((self.host.event_count(), moment));
    }
}

impl Connector for Noted {
    type Io = Link;

    async fn connect(&mut self) -> Result<Link, LinkError> {
        self.host.connect().await
    }

    fn answered(&mut self) {
        self.note(Moment::Answered);
    }

    async fn departure(&mut self) {
        self.note(Moment::Departure);
    }

    async fn retry(&mut self) -> bool {
        self.host.retry().await
    }
}
