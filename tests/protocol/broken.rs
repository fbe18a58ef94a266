//! Links that break anywhere: the device comes back, says where it stands, and sends the same
//! bytes again.

use crate::harness::link::{Answer, Cut, Event, LinkError, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::random::Rng;
use crate::harness::run::{Place, Run};
use crate::harness::store::{available, provisioned};
use crate::harness::wire;
use device_client::client::ClientError;
use device_client::session::Verdict;
use device_client::transport::TransportError;
use kernel::wire::{
    Fault, FaultCode, FrameType, HEADER_BYTES, Header, Hello, decode_body, encode_body,
};

/// A session that nothing has disturbed.
struct Uncut {
    run: Run<'static>,
    outcome: (Vec<Place>, Verdict),
    up: Vec<Vec<u8>>,
    down: Vec<Vec<u8>>,
}

fn total(frames: &[Vec<u8>]) -> u64 {
    frames.iter().map(|frame| frame.len() as u64).sum()
}

impl Uncut {
    fn new() -> Self {
        let run = Run::new(&TINY, 3, 3, 2, 2);
        let host = Loopback::new(&TINY.engine, honest());
        let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
        let outcome = run.masked(&mut store, &host).unwrap();
        assert_eq!((outcome.0.clone(), outcome.1.failed), (run.plain(), 0));
        Self { outcome, up: host.up(), down: host.down(), run }
    }

    /// The same session over links that break. Returns how many there were.
    fn cut(&self, cuts: &[Cut]) -> usize {
        let retries = cuts.len() as u32;
        let host = Loopback::new(&TINY.engine, honest()).breaking(cuts, retries);
        let mut store = provisioned(&TINY, &self.run.schedule, 1, &mut Rng(1));
        let outcome = self.run.masked(&mut store, &host).unwrap();
        assert_eq!(outcome, self.outcome, "{cuts:?}");
        assert_eq!(host.refusal(), None, "{cuts:?}");
        self.links(&host.events(), cuts)
    }

    /// Every link carries the opening, with the number of answers so far, and from there on the
    /// bytes of the undisturbed session, up to where it breaks.
    fn links(&self, events: &[Event], cuts: &[Cut]) -> usize {
        let mut answered = 0;
        let mut links = 0;
        for link in events.split_inclusive(|event| matches!(event, Event::Hangup(_))) {
            let (mut up, mut read, mut down) = (Vec::new(), 0, Vec::new());
            for event in link {
                match event {
                    Event::Up(bytes) | Event::Partial(bytes) => up.extend(bytes),
                    Event::Down(frame) => down.push(frame.clone()),
                    Event::Hangup(bytes) => read = *bytes,
                    Event::Connect => links += 1,
                    Event::Pause => assert_eq!(link[0], Event::Pause),
                }
            }
            let mut expected = self.hello(answered);
            let left = &self.up[1 + answered as usize..];
            expected.extend(left.iter().flatten());
            assert!(expected.starts_with(&up), "{cuts:?}, link {links}");
            // What the device has read in full, less the welcome.
            let whole = (0..=down.len()).rev().find(|&count| total(&down[..count]) <= read);
            answered += whole.unwrap().saturating_sub(1) as u32;
        }
        let pauses = events.iter().filter(|event| **event == Event::Pause).count();
        assert_eq!(pauses, links - 1, "{cuts:?}");
        assert_eq!(answered as usize, self.down.len() - 1, "{cuts:?}");
        links
    }

    fn hello(&self, answered: u32) -> Vec<u8> {
        let hello: Hello = decode_body(&self.up[0][HEADER_BYTES..]).unwrap();
        let mut body = [0; 256];
        let length = encode_body(&Hello { answered, ..hello }, &mut body).unwrap();
        wire::frame(wire::header(&self.up[0]), &body[..length])
    }
}

/// One break after every single byte, in both directions: before, within and after every frame.
#[test]
fn one_break_at_every_byte() {
    let uncut = Uncut::new();
    let (up, down) = (total(&uncut.up), total(&uncut.down));
    for after in 0..=up {
        let links = uncut.cut(&[Cut { up: true, after, quiet: after % 2 == 0 }]);
        // With all answers in, a goodbye that breaks is not said again.
        assert_eq!(links, if after > up - HEADER_BYTES as u64 { 1 } else { 2 });
    }
    for after in 0..=down {
        let links = uncut.cut(&[Cut { up: false, after, quiet: after % 2 == 0 }]);
        assert_eq!(links, if after == down { 1 } else { 2 });
    }
}

#[test]
fn many_breaks() {
    let uncut = Uncut::new();
    let rng = &mut Rng(9);
    for _ in 0..1_000 {
        let cuts: Vec<Cut> = (0..rng.below(12))
            .map(|_| {
                let reach = if rng.below(3) == 0 { 3_000 } else { 300 };
                let (up, quiet) = (rng.below(2) == 0, rng.below(2) == 0);
                Cut { up, after: rng.below(reach) as u64, quiet }
            })
            .collect();
        uncut.cut(&cuts);
    }
}

/// When no attempt is left the error says so; what was reserved is burned, the rest is there.
/// Nothing is reserved before the welcome, of 64 bytes, has come.
#[test]
fn attempts_end() {
    let uncut = Uncut::new();
    let run = &uncut.run;
    let demand = TINY.config.groups().map(|group| run.schedule.demand(&TINY.config, group));
    let demand: Vec<u32> = demand.collect();
    for (after, quiet) in [(0, false), (0, true), (40, false), (700, true), (1_500, false)] {
        for retries in [0, 1, 5] {
            // The first link gets as far as it can, the others not even to the welcome.
            let mut cuts = vec![Cut { up: false, after, quiet }];
            cuts.resize(1 + retries as usize, Cut { up: false, after: 10, quiet });
            let host = Loopback::new(&TINY.engine, honest()).breaking(&cuts, retries);
            let mut store = provisioned(&TINY, &run.schedule, 2, &mut Rng(1));
            let error = run.masked(&mut store, &host).unwrap_err();
            let broken = if quiet {
                TransportError::Closed
            } else {
                TransportError::Link(LinkError::Broken)
            };
            assert_eq!(error, ClientError::Transport(broken));
            let count = |wanted: &Event| host.events().iter().filter(|e| *e == wanted).count();
            assert_eq!(count(&Event::Connect), 1 + retries as usize);
            assert_eq!(count(&Event::Pause), 1 + retries as usize);
            let left = if after < 64 { 2 } else { 1 };
            let times = |n: u32| demand.iter().map(|demand| n * demand).collect::<Vec<_>>();
            assert_eq!(available(&store, &TINY.config), times(left));

            // The next session takes other masks: not one word goes up twice.
            let again = Loopback::new(&TINY.engine, honest());
            let (places, verdict) = run.masked(&mut store, &again).unwrap();
            assert_eq!((places, verdict.failed), (run.plain(), 0));
            assert_eq!(available(&store, &TINY.config), times(left - 1));
            let product = |frame: &Vec<u8>| wire::header(frame).frame == FrameType::Product;
            let (before, after) = (host.up(), again.up());
            for (a, b) in before.iter().filter(|f| product(f)).zip(&after[1..]) {
                assert!(wire::words(a).iter().zip(wire::words(b)).all(|(a, b)| *a != b));
            }
        }
    }
}

/// A host that cannot serve for the moment is like a link that breaks, once the session has begun;
/// before, or for any other reason, the fault ends it.
#[test]
fn faults_that_pass() {
    let uncut = Uncut::new();
    let run = &uncut.run;
    use FaultCode::{Busy, Deadline, Internal, Limits, Shutdown};
    for code in [Busy, Deadline, Shutdown, Internal, Limits] {
        for at in [0, 1, 5, uncut.down.len() - 1] {
            let fault: Tamper = Box::new(move |answer: &mut Answer<'_>| {
                if answer.index == at {
                    let mut body = [0; 16];
                    let length = encode_body(&Fault { code }, &mut body).unwrap();
                    let header = Header { frame: FrameType::Fault, ..wire::header(&answer.frame) };
                    answer.frame = wire::frame(header, &body[..length]);
                    answer.hang_up = true;
                }
            });
            let host = Loopback::new(&TINY.engine, fault).breaking(&[], 1);
            let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
            let outcome = run.masked(&mut store, &host);
            if at > 0 && matches!(code, Busy | Deadline | Shutdown) {
                assert_eq!(outcome.unwrap(), uncut.outcome, "{code:?} at {at}");
                // The request that was not answered comes again, to the byte.
                let products: Vec<_> = host
                    .up()
                    .into_iter()
                    .filter(|f| wire::header(f).frame == FrameType::Product)
                    .collect();
                assert_eq!(products[at - 1], products[at]);
                assert_eq!(products.len(), uncut.down.len());
            } else {
                let fault = TransportError::Fault(Fault { code });
                assert_eq!(outcome.unwrap_err(), ClientError::Transport(fault));
                assert!(!host.events().contains(&Event::Pause));
            }
        }
    }
}
