//! The daemon on a real socket, and a proxy in front of it that lies.

use super::model::Model;
use core::net::{Ipv4Addr, SocketAddr};
use device_client::transport::Connector;
use embedded_io_adapters::tokio_1::FromTokio;
use host_server::server::{Limits, Server};
use kernel::wire::{HEADER_BYTES, Header};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// A daemon on a free port of loopback, until it is dropped.
pub(crate) struct Daemon {
    pub(crate) address: SocketAddr,
    stop: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Daemon {
    pub(crate) fn new(model: &Model) -> Self {
        let engine = Arc::clone(&model.engine);
        let (started, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
                let server = Server::bind(loopback, engine, Limits::default()).unwrap();
                started.send(server.address().unwrap()).unwrap();
                server.run(async { stopped.await.unwrap() }).await;
            });
        });
        Self { address: address.recv().unwrap(), stop: Some((stop, thread)) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.stop.take() {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

/// A proxy for one connection: it passes on what goes up, and lets `tamper` change what comes
/// down, frame by frame.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    up: JoinHandle<Vec<u8>>,
}

impl Proxy {
    pub(crate) fn new(
        host: SocketAddr,
        mut tamper: impl FnMut(usize, &mut Vec<u8>) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let up = std::thread::spawn(move || {
            let (mut device, _) = listener.accept().unwrap();
            let mut host = TcpStream::connect(host).unwrap();
            let (mut to_device, mut from_host) =
                (device.try_clone().unwrap(), host.try_clone().unwrap());
            let down = std::thread::spawn(move || {
                for index in 0.. {
                    let Ok(mut frame) = frame(&mut from_host) else { return };
                    tamper(index, &mut frame);
                    if to_device.write_all(&frame).is_err() {
                        return;
                    }
                }
            });
            let mut sent = Vec::new();
            let mut piece = [0; 1 << 16];
            while let Ok(count @ 1..) = device.read(&mut piece) {
                sent.extend(&piece[..count]);
                host.write_all(&piece[..count]).unwrap();
            }
            let _ = host.shutdown(std::net::Shutdown::Both);
            down.join().unwrap();
            sent
        });
        Self { address, up }
    }

    /// All that went up, once the connection has ended.
    pub(crate) fn up(self) -> Vec<u8> {
        self.up.join().unwrap()
    }
}

fn frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEADER_BYTES];
    stream.read_exact(&mut frame)?;
    let header = Header::decode(frame.first_chunk().unwrap()).unwrap();
    frame.resize(HEADER_BYTES + header.length as usize, 0);
    stream.read_exact(&mut frame[HEADER_BYTES..])?;
    Ok(frame)
}

/// A device that connects once.
pub(crate) struct Once(pub(crate) SocketAddr);

/// A connected stream.
pub(crate) async fn dial(
    address: SocketAddr,
) -> Result<FromTokio<tokio::net::TcpStream>, io::Error> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(FromTokio::new(stream))
}

impl Connector for Once {
    type Io = FromTokio<tokio::net::TcpStream>;

    async fn connect(&mut self) -> Result<Self::Io, io::Error> {
        dial(self.0).await
    }

    async fn retry(&mut self) -> bool {
        false
    }
}

/// Runs a device to its end on a runtime of its own.
pub(crate) fn run<F: Future>(device: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(device)
}
