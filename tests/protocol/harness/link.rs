//! A host in the same process, behind a link that records everything, lets a test change what the
//! host says, and breaks where it is told to.

use super::wire;
use core::cell::RefCell;
use device_client::transport::Connector;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use host_server::engine::{Engine, UnitTile};
use host_server::session::{Action, Refusal, Session, SessionLimits};
use kernel::wire::{FrameType, HEADER_BYTES, Header};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

/// Bytes that pass in one call: frames arrive in pieces.
const PIECE: usize = 4093;

/// What happens on a link, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    Connect,
    /// A whole frame from the device.
    Up(Vec<u8>),
    /// A whole frame from the host, as it was sent.
    Down(Vec<u8>),
    /// What was left of a frame from the device when the link was given up.
    Partial(Vec<u8>),
    /// The device gave up the link, after it had read this many bytes.
    Hangup(u64),
    /// The device paused before another attempt.
    Pause,
}

/// Where a link breaks: when this many bytes have passed in one direction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Cut {
    pub(crate) up: bool,
    pub(crate) after: u64,
    /// Whether the device reads an end of the stream, and no error.
    pub(crate) quiet: bool,
}

/// A frame that the host is about to send.
pub(crate) struct Answer<'a> {
    /// Its number, over all links.
    pub(crate) index: usize,
    /// The last frame from the device.
    pub(crate) request: &'a [u8],
    pub(crate) frame: Vec<u8>,
    /// Whether the host goes away after it.
    pub(crate) hang_up: bool,
}

/// An event without words: a frame's type, number and length.
pub(crate) type Outline = (Event, Option<(FrameType, u32, u32)>);

pub(crate) type Tamper = Box<dyn FnMut(&mut Answer<'_>)>;

/// Changes nothing.
pub(crate) fn honest() -> Tamper {
    Box::new(|_| {})
}

/// The host and all links to it.
pub(crate) struct Host {
    engine: Arc<Engine>,
    tamper: Tamper,
    /// One for each link, while there are any.
    cuts: VecDeque<Cut>,
    events: Vec<Event>,
    answers: usize,
    /// Why the host refused.
    refusal: Option<Refusal>,
}

/// A way to reach a [`Host`].
#[derive(Clone)]
pub(crate) struct Loopback {
    host: Rc<RefCell<Host>>,
    /// Attempts left after broken links.
    retries: u32,
}

impl Loopback {
    pub(crate) fn new(engine: &Arc<Engine>, tamper: Tamper) -> Self {
        let host = Host {
            engine: Arc::clone(engine),
            tamper,
            cuts: VecDeque::new(),
            events: Vec::new(),
            answers: 0,
            refusal: None,
        };
        Self { host: Rc::new(RefCell::new(host)), retries: 0 }
    }

    pub(crate) fn breaking(self, cuts: &[Cut], retries: u32) -> Self {
        self.host.borrow_mut().cuts = cuts.iter().copied().collect();
        Self { retries, ..self }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.host.borrow().events.clone()
    }

    pub(crate) fn event_count(&self) -> usize {
        self.host.try_borrow().map_or(0, |host| host.events.len())
    }

    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.host.borrow().refusal
    }

    /// The whole frames from the device.
    pub(crate) fn up(&self) -> Vec<Vec<u8>> {
        let up = |event: &Event| match event {
            Event::Up(frame) => Some(frame.clone()),
            _ => None,
        };
        self.host.borrow().events.iter().filter_map(up).collect()
    }

    /// The whole frames from the host.
    pub(crate) fn down(&self) -> Vec<Vec<u8>> {
        let down = |event: &Event| match event {
            Event::Down(frame) => Some(frame.clone()),
            _ => None,
        };
        self.host.borrow().events.iter().filter_map(down).collect()
    }

    /// What anyone sees who cannot read the words: types, numbers, lengths, order, the close.
    pub(crate) fn outline(&self) -> Vec<Outline> {
        let outline = |event: &Event| match event {
            Event::Up(frame) => (Event::Up(Vec::new()), Some(wire::outline(frame))),
            Event::Down(frame) => (Event::Down(Vec::new()), Some(wire::outline(frame))),
            Event::Partial(bytes) => (Event::Partial(vec![0; bytes.len()]), None),
            other => (other.clone(), None),
        };
        self.host.borrow().events.iter().map(outline).collect()
    }

    pub(crate) fn link(&self) -> Link {
        let mut host = self.host.borrow_mut();
        host.events.push(Event::Connect);
        Link {
            session: Session::new(Arc::clone(&host.engine), SessionLimits::default()),
            host: Rc::clone(&self.host),
            cut: host.cuts.pop_front(),
            inbox: Vec::new(),
            admitted: None,
            outbox: VecDeque::new(),
            passed: [0; 2],
            dead: false,
            gone: false,
        }
    }
}

/// Why a link failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LinkError {
    /// It broke where it was told to.
    Broken,
    /// The device waits for a frame that nobody will send: on a real link it would hang.
    Starved,
}

impl core::fmt::Display for LinkError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self:?}")
    }
}

impl core::error::Error for LinkError {}

impl embedded_io_async::Error for LinkError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

impl Connector for Loopback {
    type Io = Link;

    async fn connect(&mut self) -> Result<Link, LinkError> {
        Ok(self.link())
    }

    async fn retry(&mut self) -> bool {
        self.host.borrow_mut().events.push(Event::Pause);
        let left = self.retries > 0;
        self.retries = self.retries.saturating_sub(1);
        left
    }
}

/// One link, with the host's session at its end.
pub(crate) struct Link {
    host: Rc<RefCell<Host>>,
    session: Session,
    cut: Option<Cut>,
    inbox: Vec<u8>,
    /// The header of the frame that is coming in, once it has been let in.
    admitted: Option<Header>,
    outbox: VecDeque<u8>,
    /// Bytes that have passed down and up.
    passed: [u64; 2],
    dead: bool,
    /// The host has gone away.
    gone: bool,
}

impl Link {
    /// Bytes that may pass now in this direction; none if the link breaks here.
    fn room(&mut self, up: bool, wanted: usize) -> usize {
        match self.cut {
            _ if self.dead => 0,
            Some(cut) if cut.up == up => {
                let left = cut.after - self.passed[usize::from(up)];
                wanted.min(PIECE).min(left as usize)
            }
            _ => wanted.min(PIECE),
        }
    }

    fn pass(&mut self, up: bool, bytes: usize) {
        self.passed[usize::from(up)] += bytes as u64;
        let passed = self.passed[usize::from(up)];
        self.dead |= self.cut.is_some_and(|cut| cut.up == up && cut.after == passed);
    }

    /// What the host does with what has arrived.
    fn serve(&mut self) {
        while !self.gone {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return,
                Err(refusal) => {
                    self.host.borrow_mut().refusal = Some(refusal);
                    if let Some(frame) = self.session.fault(refusal.code) {
                        self.send(frame, &[]);
                    }
                    self.gone = true;
                }
            }
        }
    }

    /// Takes in a frame, if one is there.
    fn turn(&mut self) -> Result<bool, Refusal> {
        let Some(bytes) = self.inbox.first_chunk::<HEADER_BYTES>() else { return Ok(false) };
        let header = match self.admitted {
            Some(header) => header,
            None => {
                let header = Header::decode(bytes)?;
                self.session.admit(&header)?;
                *self.admitted.insert(header)
            }
        };
        let length = HEADER_BYTES + header.length as usize;
        if self.inbox.len() < length {
            return Ok(false);
        }
        self.admitted = None;
        let frame: Vec<u8> = self.inbox.drain(..length).collect();
        self.host.borrow_mut().events.push(Event::Up(frame.clone()));
        let engine = Arc::clone(&self.host.borrow().engine);
        match self.session.receive(&header, &frame[HEADER_BYTES..])? {
            Action::Receive => {}
            Action::Send(reply) => self.send(reply, &frame),
            Action::Product(job) => {
                let mut reply = job.run(&engine).unwrap();
                while let Some(part) = self.session.product_reply(&mut reply)? {
                    self.send(part, &frame);
                }
            }
            Action::Key(job) => job.run(&engine).unwrap(),
            Action::Unit(mut job) => loop {
                match job.step(&engine).unwrap() {
                    UnitTile::Computed => {}
                    UnitTile::Rows(payload) => {
                        let reply = self.session.unit_rows(&payload)?;
                        self.send(reply, &frame);
                    }
                    UnitTile::Finished => break,
                }
            },
            Action::Close => self.gone = true,
        }
        Ok(true)
    }

    fn send(&mut self, frame: Vec<u8>, request: &[u8]) {
        if self.gone {
            return;
        }
        let mut host = self.host.borrow_mut();
        let mut answer = Answer { index: host.answers, request, frame, hang_up: false };
        host.answers += 1;
        (host.tamper)(&mut answer);
        self.outbox.extend(&answer.frame);
        host.events.push(Event::Down(answer.frame));
        self.gone |= answer.hang_up;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut host = self.host.borrow_mut();
        if !self.inbox.is_empty() {
            host.events.push(Event::Partial(core::mem::take(&mut self.inbox)));
        }
        host.events.push(Event::Hangup(self.passed[0]));
    }
}

impl ErrorType for Link {
    type Error = LinkError;
}

impl Write for Link {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, LinkError> {
        let count = self.room(true, bytes.len());
        self.pass(true, count);
        if count == 0 && !bytes.is_empty() {
            return Err(LinkError::Broken);
        }
        self.inbox.extend(&bytes[..count]);
        self.serve();
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), LinkError> {
        if self.dead { Err(LinkError::Broken) } else { Ok(()) }
    }
}

impl Read for Link {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, LinkError> {
        let count = self.room(false, out.len().min(self.outbox.len()));
        for (byte, out) in self.outbox.drain(..count).zip(out.iter_mut()) {
            *out = byte;
        }
        self.pass(false, count);
        match count {
            0 if out.is_empty() => Ok(0),
            0 if self.dead && self.cut.is_some_and(|cut| cut.quiet) => Ok(0),
            0 if self.dead => Err(LinkError::Broken),
            0 if self.gone => Ok(0),
            0 => Err(LinkError::Starved),
            count => Ok(count),
        }
    }
}
