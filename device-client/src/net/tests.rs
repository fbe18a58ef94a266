//! Two stacks on a wire in memory.

use super::*;
use alloc::collections::VecDeque;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::task::{Context, Waker};
use embassy_futures::block_on;
use embassy_futures::select::{Either, select, select3};
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, StackResources, StaticConfigV4};
use embassy_net_driver as driver;

/// Frames on their way in one direction.
#[derive(Default)]
struct Wire {
    frames: VecDeque<Vec<u8>>,
    waker: Option<Waker>,
}

/// One end of a cable.
struct Port {
    address: u8,
    receives: Rc<RefCell<Wire>>,
    sends: Rc<RefCell<Wire>>,
}

struct Received(Vec<u8>);
struct Sender(Rc<RefCell<Wire>>);

impl driver::RxToken for Received {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        f(&mut self.0)
    }
}

impl driver::TxToken for Sender {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = alloc::vec![0; length];
        let result = f(&mut frame);
        let mut wire = self.0.borrow_mut();
        wire.frames.push_back(frame);
        if let Some(waker) = wire.waker.take() {
            waker.wake();
        }
        result
    }
}

impl driver::Driver for Port {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sender;

    fn receive(&mut self, context: &mut Context<'_>) -> Option<(Received, Sender)> {
        let mut wire = self.receives.borrow_mut();
        wire.waker = Some(context.waker().clone());
        Some((Received(wire.frames.pop_front()?), Sender(Rc::clone(&self.sends))))
    }

    fn transmit(&mut self, _context: &mut Context<'_>) -> Option<Sender> {
        Some(Sender(Rc::clone(&self.sends)))
    }

    fn link_state(&mut self, _context: &mut Context<'_>) -> driver::LinkState {
        driver::LinkState::Up
    }

    fn capabilities(&self) -> driver::Capabilities {
        let mut capabilities = driver::Capabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities
    }

    fn hardware_address(&self) -> driver::HardwareAddress {
        driver::HardwareAddress::Ethernet([2, 0, 0, 0, 0, self.address])
    }
}

const HOST: Ipv4Address = Ipv4Address::new(192, 168, 7, 1);
const DEVICE: Ipv4Address = Ipv4Address::new(192, 168, 7, 2);
const PORT: u16 = 7777;

/// Nothing here takes longer on a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(30);

fn stack<'d>(
    address: Ipv4Address,
    receives: &Rc<RefCell<Wire>>,
    sends: &Rc<RefCell<Wire>>,
    resources: &'d mut StackResources<2>,
) -> (Stack<'d>, embassy_net::Runner<'d, Port>) {
    let config = StaticConfigV4 {
        address: Ipv4Cidr::new(address, 24),
        gateway: None,
        dns_servers: Default::default(),
    };
    let (receives, sends) = (Rc::clone(receives), Rc::clone(sends));
    let port = Port { address: address.octets()[3], receives, sends };
    embassy_net::new(port, Config::ipv4_static(config), resources, 7)
}

/// Runs a device beside a host, until the device has finished.
fn run<T>(
    limits: Limits,
    host: impl AsyncFnOnce(Stack<'_>),
    device: impl AsyncFnOnce(&Endpoint<'_>) -> T,
) -> T {
    let (up, down) = (Rc::default(), Rc::default());
    let (mut resources, mut others) = (StackResources::new(), StackResources::new());
    let (here, mut runner) = stack(DEVICE, &down, &up, &mut resources);
    let (there, mut other) = stack(HOST, &up, &down, &mut others);
    let (mut receive, mut send) = ([0; 2048], [0; 2048]);
    let endpoint = Endpoint::new(here, (HOST, PORT).into(), &mut receive, &mut send, limits);
    let device = device(&endpoint);
    let network = select(runner.run(), other.run());
    let host = async {
        host(there).await;
        core::future::pending::<()>().await;
    };
    match block_on(select(device, select3(network, host, Timer::after(PATIENCE)))) {
        Either::First(result) => result,
        Either::Second(_) => panic!("the device did not come to an end"),
    }
}

fn short() -> Limits {
    Limits {
        connect: Duration::from_millis(200),
        wait: Duration::from_millis(200),
        link: Duration::from_secs(20),
        pause: Duration::from_millis(1),
        attempts: 2,
    }
}

/// Takes connections for ever, and gives back what comes on each.
async fn echo(stack: Stack<'_>) {
    let (mut receive, mut send) = ([0; 1024], [0; 1024]);
    loop {
        let mut socket = TcpSocket::new(stack, &mut receive, &mut send);
        socket.accept(PORT).await.unwrap();
        let mut bytes = [0; 64];
        while let Ok(count @ 1..) = socket.read(&mut bytes).await {
            socket.write_all(&bytes[..count]).await.unwrap();
        }
    }
}

#[test]
fn one_endpoint_makes_one_link_after_another() {
    run(Limits { wait: Duration::from_secs(20), ..short() }, echo, async |endpoint| {
        for round in 0..3 {
            // The host may not listen again at once.
            let mut link = loop {
                match endpoint.connect().await {
                    Ok(link) => break link,
                    Err(error) => assert_eq!(error, NetError::Unreachable),
                }
                Timer::after_millis(1).await;
            };
            assert_eq!(endpoint.connect().await.unwrap_err(), NetError::Busy);
            let sent: Vec<u8> = (0..200).map(|i| i ^ round).collect();
            let mut came = [0; 200];
            link.write_all(&sent).await.unwrap();
            link.flush().await.unwrap();
            link.read_exact(&mut came).await.unwrap();
            assert_eq!(came, *sent);
        }
    });
}

#[test]
fn a_host_that_falls_silent_is_a_broken_link() {
    let silent = async |stack: Stack<'_>| {
        let (mut receive, mut send) = ([0; 1024], [0; 1024]);
        let mut socket = TcpSocket::new(stack, &mut receive, &mut send);
        socket.accept(PORT).await.unwrap();
        core::future::pending().await
    };
    let short_link =
        Limits { wait: Duration::from_secs(3600), link: Duration::from_millis(200), ..short() };
    for (limits, expected) in [(short(), NetError::Silent), (short_link, NetError::Slow)] {
        run(limits, silent, async |endpoint| {
            let mut link = endpoint.connect().await.unwrap();
            assert_eq!(link.read(&mut [0]).await, Err(expected));
        });
    }
}

#[test]
fn a_host_that_takes_nothing_is_a_broken_link() {
    let silent = async |stack: Stack<'_>| {
        let (mut receive, mut send) = ([0; 1024], [0; 1024]);
        let mut socket = TcpSocket::new(stack, &mut receive, &mut send);
        socket.accept(PORT).await.unwrap();
        core::future::pending().await
    };
    run(short(), silent, async |endpoint| {
        let mut link = endpoint.connect().await.unwrap();
        assert_eq!(link.write_all(&[7; 10_000]).await, Err(NetError::Silent));
    });
}

#[test]
fn a_host_that_lets_bytes_drip_does_not_hold_the_device() {
    let dripping = async |stack: Stack<'_>| {
        let (mut receive, mut send) = ([0; 1024], [0; 1024]);
        let mut socket = TcpSocket::new(stack, &mut receive, &mut send);
        socket.accept(PORT).await.unwrap();
        loop {
            let _ = socket.write_all(&[1]).await;
            Timer::after_millis(1).await;
        }
    };
    let limits =
        Limits { wait: Duration::from_secs(20), link: Duration::from_millis(300), ..short() };
    let error = run(limits, dripping, async |endpoint| {
        let mut link = endpoint.connect().await.unwrap();
        loop {
            match link.read(&mut [0; 16]).await {
                Ok(count) => assert!(count > 0),
                Err(error) => return error,
            }
        }
    });
    assert_eq!(error, NetError::Slow);
}

/// Also one whose bytes are always there.
#[test]
fn a_link_ends_at_its_limit() {
    let limits =
        Limits { wait: Duration::from_secs(20), link: Duration::from_millis(200), ..short() };
    run(limits, echo, async |endpoint| {
        let mut link = endpoint.connect().await.unwrap();
        link.write_all(&[7; 64]).await.unwrap();
        assert_eq!(link.read(&mut [0; 16]).await, Ok(16));
        Timer::at(link.ends).await;
        assert_eq!(link.read(&mut [0; 16]).await, Err(NetError::Slow));
        assert_eq!(link.write(&[7]).await, Err(NetError::Slow));
        assert_eq!(link.flush().await, Err(NetError::Slow));
    });
}

#[test]
fn a_host_that_is_not_there() {
    let nobody = async |_: Stack<'_>| {};
    let error = run(short(), nobody, async |endpoint| endpoint.connect().await.unwrap_err());
    assert_eq!(error, NetError::Unreachable);
}

#[test]
fn attempts_are_counted() {
    let nobody = async |_: Stack<'_>| {};
    run(short(), nobody, async |endpoint| {
        let mut connector = NetConnector::new(endpoint, Duration::from_ticks(0));
        assert!(connector.retry().await);
        assert!(connector.retry().await);
        assert!(!connector.retry().await);
    });
}

#[test]
fn requests_leave_on_the_grid_of_their_answer() {
    for (distance, elapsed, expected) in
        [(0, 5, 0), (10, 0, 1), (10, 1, 1), (10, 10, 1), (10, 11, 2), (10, 73, 8)]
    {
        assert_eq!(points(distance, elapsed), expected, "{elapsed} of {distance}");
    }
    run(
        short(),
        async |_| {},
        async |endpoint| {
            let mut connector = NetConnector::new(endpoint, Duration::from_millis(3));
            connector.answered();
            let answered = connector.answered;
            connector.departure().await;
            assert!(answered.elapsed() >= Duration::from_millis(3));
            // A whole point is missed.
            Timer::after_millis(4).await;
            connector.departure().await;
            assert!(answered.elapsed() >= Duration::from_millis(6));
            assert_eq!(connector.late(), 1);
        },
    );
}
