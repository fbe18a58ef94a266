//! The host's side of a session, sans I/O: frames in, work and frames out.

mod direct;
mod need;
mod online;
mod refusal;
mod units;

pub use need::{Need, Work};
pub use refusal::Refusal;

use online::Online;
use units::DirectUnits;

use crate::engine::{Engine, KeyJob, ProductJob, Reply, UnitJob};
use kernel::bundle::ModelDigest;
use kernel::direct::DirectShape;
use kernel::params::ParameterId;
use kernel::wire::{
    Fault, FaultCode, FrameType, HEADER_BYTES, Header, Hello, MAX_PAYLOAD, Purpose, SessionId,
    UnitOpen, Welcome, WireError, decode_body, encode_body,
};
use std::sync::Arc;

/// What one session may ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionLimits {
    /// Units of one preparation.
    pub units: u32,
    /// Bytes that the residues of one unit may hold.
    pub unit_bytes: usize,
    /// Bytes that the evaluation keys of a session may hold.
    pub key_bytes: usize,
    /// Bytes that one product in direct mode may hold, its whole reply among them.
    pub product_bytes: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { units: 100_000, unit_bytes: 1 << 30, key_bytes: 1 << 30, product_bytes: 1 << 28 }
    }
}

impl SessionLimits {
    fn check_unit(&self, needed: usize) -> Result<(), Refusal> {
        let allowed = self.unit_bytes;
        if needed > allowed {
            tracing::warn!(needed, allowed, "a unit needs more bytes than it may hold");
            return Err(FaultCode::Limits.into());
        }
        Ok(())
    }

    fn check_product(&self, need: &Need) -> Result<(), Refusal> {
        let (needed, allowed) = (need.memory, self.product_bytes);
        if needed > allowed {
            tracing::warn!(needed, allowed, "a product needs more bytes than it may hold");
            return Err(FaultCode::Limits.into());
        }
        Ok(())
    }
}

/// What a frame asks the caller to do.
#[derive(Debug)]
pub enum Action {
    /// Wait for the next frame.
    Receive,
    /// Send this frame.
    Send(Vec<u8>),
    /// Run this job, then pass its reply through [`Session::product_reply`], frame by frame.
    Product(Box<ProductJob>),
    /// Run this job, and wait for the next frame.
    Key(Box<KeyJob>),
    /// Step this job until it is finished, passing its rows through [`Session::unit_rows`].
    Unit(Box<UnitJob>),
    /// The session has ended; close the connection.
    Close,
}

/// One session.
pub struct Session {
    engine: Arc<Engine>,
    limits: SessionLimits,
    identity: Option<(SessionId, ParameterId)>,
    state: State,
    /// Numbers of the next frames.
    received: u32,
    sent: u32,
}

enum State {
    Opening,
    Online(Box<Online>),
    DirectUnits(Box<DirectUnits>),
    Preparing { units_left: u32, max_payload: usize, unit: Option<Box<UnitJob>> },
    Over,
}

impl core::fmt::Debug for Session {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session").field("received", &self.received).finish_non_exhaustive()
    }
}

impl Session {
    /// A session that waits for its opening.
    #[must_use]
    pub const fn new(engine: Arc<Engine>, limits: SessionLimits) -> Self {
        Self { engine, limits, identity: None, state: State::Opening, received: 0, sent: 0 }
    }

    /// The session's identity, once the first frame has come.
    #[must_use]
    pub const fn id(&self) -> Option<SessionId> {
        match self.identity {
            Some((id, _)) => Some(id),
            None => None,
        }
    }

    /// Checks a header before its payload is read: identity, order, and a length that the frame's
    /// type can have.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn admit(&mut self, header: &Header) -> Result<(), Refusal> {
        let identity = (header.session, header.set);
        if *self.identity.get_or_insert(identity) != identity {
            return Err(WireError::Session.into());
        }
        if header.sequence != self.received {
            return Err(WireError::Order.into());
        }
        let largest = match (&self.state, header.frame) {
            (State::Opening, FrameType::Hello) => 256,
            (State::Online(online), FrameType::EvaluationKey) if online.awaits_key() => MAX_PAYLOAD,
            (State::Online(online), FrameType::Product) if !online.awaits_key() => MAX_PAYLOAD,
            (State::Online(online), FrameType::Bye) if !online.awaits_key() => 0,
            (State::DirectUnits(units), FrameType::EvaluationKey) if units.awaits_key() => {
                MAX_PAYLOAD
            }
            (State::DirectUnits(units), FrameType::Product) if !units.awaits_key() => MAX_PAYLOAD,
            (State::DirectUnits(units), FrameType::Bye) if !units.awaits_key() => 0,
            (State::Preparing { unit: Some(_), .. }, FrameType::UnitBodies) => MAX_PAYLOAD,
            (State::Preparing { unit: None, .. }, FrameType::UnitOpen) => 256,
            (State::Preparing { unit: None, .. }, FrameType::Bye) => 0,
            _ => return Err(WireError::Order.into()),
        };
        if header.length as usize > largest {
            return Err(WireError::Length.into());
        }
        Ok(())
    }

    /// What must be set aside before the payload of an admitted frame is read, for all that it leads
    /// to: an exchange of a product, or a whole unit. Other frames are small.
    pub fn need(&mut self, header: &Header) -> Option<Need> {
        let config = *self.engine.config();
        match (&mut self.state, header.frame) {
            (State::Online(online), FrameType::EvaluationKey) => {
                Some(Need::keys(online.key_bytes()))
            }
            (State::Online(online), FrameType::Product) => {
                online.need(&config, header.length as usize)
            }
            (State::DirectUnits(units), FrameType::EvaluationKey) => {
                Some(Need::keys(units.key_bytes()))
            }
            (State::DirectUnits(units), FrameType::Product) => {
                Some(units.unit_need(header.length as usize))
            }
            (State::Preparing { unit: Some(unit), .. }, FrameType::UnitBodies) => {
                Some(Need::unit(unit.shape(), header.set, unit.row()))
            }
            _ => None,
        }
    }

    /// Takes in an admitted frame.
    ///
    /// # Errors
    /// [`Refusal`]; the session is over then.
    pub fn receive(&mut self, header: &Header, payload: &[u8]) -> Result<Action, Refusal> {
        self.received = self.received.checked_add(1).ok_or(FaultCode::Limits)?;
        match header.frame {
            FrameType::Hello => self.open(&decode_body(payload)?, header.set),
            FrameType::EvaluationKey => self.key(payload),
            FrameType::Product => self.product(payload),
            FrameType::UnitOpen => self.unit(&decode_body(payload)?, header.set),
            FrameType::UnitBodies => self.bodies(payload),
            FrameType::Bye => Ok(Action::Close),
            _ => Err(WireError::Order.into()),
        }
    }

    fn open(&mut self, hello: &Hello, set: ParameterId) -> Result<Action, Refusal> {
        let config = *self.engine.config();
        if hello.digest != self.engine.digest() {
            return Err(FaultCode::Model.into());
        }
        self.state = match hello.purpose {
            Purpose::Prepare { units } => {
                if DirectShape::of(set).is_some() {
                    return Err(FaultCode::Limits.into());
                }
                if units > self.limits.units || hello.answered != 0 {
                    return Err(FaultCode::Limits.into());
                }
                let largest = config.groups().filter_map(|g| config.shape(g));
                let memory = largest.map(|shape| UnitJob::memory(shape, set, 1)).max();
                self.limits.check_unit(memory.unwrap_or(0))?;
                let max_payload = hello.max_payload as usize;
                State::Preparing { units_left: units, max_payload, unit: None }
            }
            Purpose::PrepareDirect { seeds, units } => {
                let limits = &self.limits;
                let units = DirectUnits::open(&self.engine, hello, set, &seeds, units, limits)?;
                self.check_keys(units.key_bytes())?;
                State::DirectUnits(Box::new(units))
            }
            _ => {
                let online = Online::open(&self.engine, hello, set, &self.limits)?;
                self.check_keys(online.key_bytes())?;
                // Products go on with the first that is not answered, and so do their numbers.
                self.received = hello.answered.checked_add(1).ok_or(FaultCode::Limits)?;
                State::Online(Box::new(online))
            }
        };
        let mut body = [0; 64];
        let length = encode_body(&Welcome { digest: self.engine.digest() }, &mut body)?;
        let frame = self.frame(FrameType::Welcome, &body[..length])?;
        if let State::Online(online) = &self.state {
            self.sent = self.received;
            if online.awaits_key() {
                self.received = 1;
            }
        }
        Ok(Action::Send(frame))
    }

    fn check_keys(&self, needed: usize) -> Result<(), Refusal> {
        let allowed = self.limits.key_bytes;
        if needed > allowed {
            tracing::warn!(needed, allowed, "evaluation keys need more bytes than they may hold");
            return Err(FaultCode::Limits.into());
        }
        Ok(())
    }

    fn key(&mut self, payload: &[u8]) -> Result<Action, Refusal> {
        let key = match &mut self.state {
            State::DirectUnits(units) => units.key(payload)?,
            State::Online(online) => {
                let key = online.key(payload)?;
                if !online.awaits_key() {
                    // After the keys, whose numbers begin anew on every link, those of the products.
                    let answered = self.sent - 1;
                    self.received = self.received.checked_add(answered).ok_or(FaultCode::Limits)?;
                }
                key
            }
            _ => return Err(WireError::Order.into()),
        };
        Ok(key.map_or(Action::Receive, |key| Action::Key(Box::new(key))))
    }

    fn product(&mut self, payload: &[u8]) -> Result<Action, Refusal> {
        let job = match &mut self.state {
            State::DirectUnits(units) => units.unit(&self.engine, payload)?,
            State::Online(online) => online.product(self.engine.config(), payload)?,
            _ => return Err(WireError::Order.into()),
        };
        Ok(Action::Product(Box::new(job)))
    }

    /// The next frame of the answer to a product or to a unit of direct mode; `None` after the last.
    ///
    /// # Errors
    /// [`FaultCode::Internal`] if it is too long for a frame.
    pub fn product_reply(&mut self, reply: &mut Reply) -> Result<Option<Vec<u8>>, Refusal> {
        let Some((prefix, packed)) = reply.next_part() else { return Ok(None) };
        // All frames of an answer have its number.
        let number = self.sent;
        let mut frame = self.begin_frame(FrameType::ProductReply, prefix.len() + packed.len())?;
        frame.extend(prefix);
        frame.extend(packed);
        if !reply.is_complete() {
            self.sent = number;
        }
        Ok(Some(frame))
    }

    fn unit(&mut self, open: &UnitOpen, set: ParameterId) -> Result<Action, Refusal> {
        let State::Preparing { units_left, max_payload, unit } = &mut self.state else {
            return Err(WireError::Order.into());
        };
        *units_left = units_left.checked_sub(1).ok_or(FaultCode::Limits)?;
        let job = UnitJob::new(&self.engine, open, set, *max_payload)?;
        self.limits.check_unit(UnitJob::memory(job.shape(), set, job.row().keys))?;
        *unit = Some(Box::new(job));
        Ok(Action::Receive)
    }

    fn bodies(&mut self, payload: &[u8]) -> Result<Action, Refusal> {
        let State::Preparing { unit, .. } = &mut self.state else {
            return Err(WireError::Order.into());
        };
        let job = unit.as_mut().ok_or(WireError::Order)?;
        job.set_aside().map_err(|_| FaultCode::Internal)?;
        let complete = job.receive(payload)?;
        match unit.take() {
            Some(job) if complete => Ok(Action::Unit(job)),
            job => {
                *unit = job;
                Ok(Action::Receive)
            }
        }
    }

    /// The frame that carries a payload of result rows.
    ///
    /// # Errors
    /// [`FaultCode::Internal`] if it is too long for a frame.
    pub fn unit_rows(&mut self, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        self.frame(FrameType::UnitRows, payload)
    }

    /// Ends the session and drops what it holds. The frame tells the peer why; there is none for a
    /// peer that has not said who it is.
    #[must_use]
    pub fn fault(&mut self, code: FaultCode) -> Option<Vec<u8>> {
        self.state = State::Over;
        let mut body = [0; 16];
        let length = encode_body(&Fault { code }, &mut body).ok()?;
        self.frame(FrameType::Fault, &body[..length]).ok()
    }

    fn frame(&mut self, frame: FrameType, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut out = self.begin_frame(frame, payload.len())?;
        out.extend(payload);
        Ok(out)
    }

    /// A frame with its header, and room for the payload.
    fn begin_frame(&mut self, frame: FrameType, payload: usize) -> Result<Vec<u8>, Refusal> {
        let (session, set) = self.identity.ok_or(FaultCode::Internal)?;
        if payload > MAX_PAYLOAD {
            return Err(FaultCode::Internal.into());
        }
        let length = payload as u32;
        let header = Header { frame, set, session, sequence: self.sent, length };
        self.sent = self.sent.checked_add(1).ok_or(FaultCode::Limits)?;
        let mut out = Vec::with_capacity(HEADER_BYTES + payload);
        out.extend(header.encode());
        Ok(out)
    }

    /// The model that is served.
    #[must_use]
    pub fn digest(&self) -> ModelDigest {
        self.engine.digest()
    }
}
