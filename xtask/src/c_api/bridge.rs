//! The other end of a serial line: it calls the host when the device's first byte comes, since a host does
//! not wait for long for those who have called.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;

/// A port of loopback on which each connection is such a line, until the program ends.
pub(super) fn start(host: u16) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || {
        for line in listener.incoming().flatten() {
            // A line that breaks shows at both of its ends.
            thread::spawn(move || carry(&line, host));
        }
    });
    Ok(port)
}

fn carry(line: &TcpStream, host: u16) -> io::Result<()> {
    line.set_nodelay(true)?;
    if line.peek(&mut [0])? == 0 {
        return Ok(());
    }
    let host = TcpStream::connect((Ipv4Addr::LOCALHOST, host))?;
    host.set_nodelay(true)?;
    thread::scope(|scope| {
        scope.spawn(|| pass_on(line, &host));
        pass_on(&host, line);
    });
    Ok(())
}

/// Passes on what comes until one of the two ends.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn the_host_is_called_with_the_first_byte() {
        let host = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        host.set_nonblocking(true).unwrap();
        let port = start(host.local_addr().unwrap().port()).unwrap();
        let mut lines: Vec<_> =
            (0..2).map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap()).collect();
        assert_eq!(host.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        host.set_nonblocking(false).unwrap();
        for line in &mut lines {
            line.write_all(b"ask").unwrap();
            let (mut caller, _) = host.accept().unwrap();
            let mut heard = [0; 3];
            caller.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"ask");
            caller.write_all(b"answer").unwrap();
            drop(caller);
            let mut heard = Vec::new();
            line.read_to_end(&mut heard).unwrap();
            assert_eq!(heard, b"answer");
        }
    }
}
