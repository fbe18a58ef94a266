//! Hosts that lie or stall: an honest one, and someone between.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::Result;
use kernel::prime::{Prime, T};
use kernel::wire::{BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, Header};

/// What is done to some of the host's frames.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    pub(crate) how: How,
    pub(crate) frame: FrameType,
    /// Which frames of this type, counted over all connections.
    pub(crate) which: Range<u32>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// The first residue is another one.
    Lie,
    /// A bit in the middle is another one.
    FlipBit,
    /// From this frame on nothing comes any more on its connection.
    Stall,
    /// The frame is of a version that there is not.
    Babble,
}

/// A host that does deeds. It stays while this program runs.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) port: u16,
    deeds: Arc<[(Deed, AtomicU32)]>,
}

impl Proxy {
    /// Whether it has begun with all of its deeds.
    pub(crate) fn has_begun(&self) -> bool {
        self.deeds.iter().all(|(deed, seen)| seen.load(Ordering::Relaxed) > deed.which.start)
    }
}

/// Starts a host that does `deeds`, in front of the one at `host`.
pub(crate) fn start(host: u16, deeds: &[Deed]) -> Result<Proxy> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let deeds: Arc<[_]> = deeds.iter().map(|deed| (deed.clone(), AtomicU32::new(0))).collect();
    let of_all = Arc::clone(&deeds);
    thread::spawn(move || {
        for device in listener.incoming().flatten() {
            let deeds = Arc::clone(&of_all);
            // An end of a connection is an error of the one or the other side, and no matter here.
            thread::spawn(move || between(&device, host, &deeds));
        }
    });
    Ok(Proxy { port, deeds })
}

fn between(device: &TcpStream, host: u16, deeds: &[(Deed, AtomicU32)]) -> Result<()> {
    let host = TcpStream::connect(("127.0.0.1", host))?;
    host.set_nodelay(true)?;
    device.set_nodelay(true)?;
    let (mut from, mut to) = (device.try_clone()?, host.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let result = answers(&host, device, deeds);
    let _ = device.shutdown(Shutdown::Both);
    let _ = host.shutdown(Shutdown::Both);
    result
}

/// Passes the host's answers on, frame by frame.
fn answers(
    mut host: &TcpStream,
    mut device: &TcpStream,
    deeds: &[(Deed, AtomicU32)],
) -> Result<()> {
    let mut stalled = false;
    loop {
        let mut header = [0; HEADER_BYTES];
        host.read_exact(&mut header)?;
        let parsed = Header::decode(&header)?;
        let mut payload = vec![0; parsed.length as usize];
        host.read_exact(&mut payload)?;
        for (deed, seen) in deeds.iter().filter(|(deed, _)| deed.frame == parsed.frame) {
            if deed.which.contains(&seen.fetch_add(1, Ordering::Relaxed)) {
                stalled |= matches!(deed.how, How::Stall);
                change(deed.how, &mut header, &mut payload);
            }
        }
        if !stalled {
            device.write_all(&header)?;
            device.write_all(&payload)?;
        }
    }
}

fn change(how: How, header: &mut [u8; HEADER_BYTES], payload: &mut [u8]) {
    let middle = payload.len() / 2;
    match how {
        How::Lie => {
            let numbers = payload.get_mut(BLOCK_PREFIX_BYTES..).unwrap_or_default();
            if let Some((word, _)) = numbers.split_first_chunk_mut::<4>() {
                *word = T::add(u32::from_le_bytes(*word), 1).to_le_bytes();
            }
        }
        How::FlipBit => payload.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1),
        How::Babble => header[4] ^= 0x40,
        How::Stall => {}
    }
}
