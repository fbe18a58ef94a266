//! A device that runs on the emulated board, as its owner sees it: what it prints, its cable and its
//! reset button.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::qemu;

/// Where the device expects its host: the one address that its network leads to.
pub(crate) const HOST: &str = "10.0.2.100:7777";

/// Time for whatever a device is expected to do next. Nothing here is about speed.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a device runs with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup<'s> {
    /// The program.
    pub(crate) program: &'s Path,
    /// The bundle in its external flash.
    pub(crate) bundle: &'s Path,
    /// The port on this machine that its network leads to.
    pub(crate) port: u16,
    /// Where all that passes its cable is written.
    pub(crate) capture: Option<&'s Path>,
}

/// A running device; it is switched off when it is dropped.
pub(crate) struct Machine {
    child: Child,
    printed: Arc<Mutex<String>>,
    reader: thread::JoinHandle<()>,
    control: u16,
}

/// How a device ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) printed: String,
}

impl Machine {
    /// Switches a device on.
    pub(crate) fn start(setup: &Setup<'_>, words: &[&str]) -> Result<Self> {
        let host = format!("host={HOST}");
        let words: Vec<_> = [host.as_str()].iter().chain(words).copied().collect();
        let mut command = qemu::emulator(setup.program, &words);
        // For every connection of the device's, a process of ours that leads it to the port. There is no
        // other way out.
        let relay = std::env::current_exe()?;
        let mut network = format!("user,id=cable,model=lan9118,restrict=on,guestfwd=tcp:{HOST}-");
        write!(network, "cmd:{} relay {}", relay.display(), setup.port)?;
        let control = free_port()?;
        command
            .args(qemu::flashed(setup.bundle))
            .args(["-nic", &network])
            .args(["-qmp", &format!("tcp:127.0.0.1:{control},server=on,wait=off")]);
        if let Some(file) = setup.capture {
            let dump = format!("filter-dump,id=dump,netdev=cable,file={}", file.display());
            command.args(["-object", &dump]);
        }
        println!("device {}", words[1..].join(" "));
        let mut child =
            command.stdout(Stdio::piped()).spawn().context("cannot start qemu-system-arm")?;
        let mut stdout = child.stdout.take().context("no standard output")?;
        let printed = Arc::new(Mutex::new(String::new()));
        let sink = Arc::clone(&printed);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]);
                sink.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Ok(Self { child, printed, reader, control })
    }

    /// What it has printed so far.
    fn printed(&self) -> String {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has printed `text` so many times.
    pub(crate) fn wait_for(&mut self, text: &str, times: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.printed().matches(text).count() < times {
            if let Some(status) = self.child.try_wait()? {
                bail!("the device ended ({status}) before it said {text:?}:\n{}", self.printed());
            }
            ensure!(Instant::now() < deadline, "no {text:?} in:\n{}", self.printed());
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Waits until it has ended.
    pub(crate) fn finish(mut self) -> Result<Ended> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // What it printed last may be on its way through the pipe.
            if let (Some(status), true) = (self.child.try_wait()?, self.reader.is_finished()) {
                return Ok(Ended { code: status.code(), printed: self.printed() });
            }
            ensure!(Instant::now() < deadline, "the device does not end:\n{}", self.printed());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Pulls the cable, or puts it in.
    pub(crate) fn cable(&self, up: bool) -> Result<()> {
        self.control(&format!(
            r#"{{"execute":"set_link","arguments":{{"name":"cable","up":{up}}}}}"#
        ))
    }

    /// Presses the reset button.
    pub(crate) fn reset(&self) -> Result<()> {
        self.control(r#"{"execute":"system_reset"}"#)
    }

    fn control(&self, command: &str) -> Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let mut answer =
            || lines.next().context("the emulator has closed its control")?.context("");
        answer()?;
        for command in [r#"{"execute":"qmp_capabilities"}"#, command] {
            writeln!(stream, "{command}")?;
            // Events may come in between.
            while !{
                let line = answer()?;
                ensure!(!line.contains(r#""error""#), "{command}: {line}");
                line.contains(r#""return""#)
            } {}
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// This end, which must have this code, with all of this said.
    pub(crate) fn must(self, code: i32, said: &[&str]) -> Result<Self> {
        let missing: Vec<_> = said.iter().filter(|said| !self.printed.contains(**said)).collect();
        ensure!(
            self.code == Some(code) && missing.is_empty(),
            "wanted exit code {code}, there was {:?}; not said: {missing:?}; it printed:\n{}",
            self.code,
            self.printed
        );
        Ok(self)
    }

    /// The rest of every line that begins with `name` and a space.
    pub(crate) fn lines<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.printed.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '))
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// What the emulator runs for every connection of a device: standard input and output to a port here.
pub(crate) fn relay(port: u16) -> Result<()> {
    let mut down = TcpStream::connect(("127.0.0.1", port))?;
    down.set_nodelay(true)?;
    let mut up = down.try_clone()?;
    thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut up);
        let _ = up.shutdown(std::net::Shutdown::Write);
    });
    let mut output = std::io::stdout().lock();
    let mut bytes = [0; 64 * 1024];
    while let count @ 1.. = down.read(&mut bytes)? {
        output.write_all(&bytes[..count])?;
        output.flush()?;
    }
    Ok(())
}
