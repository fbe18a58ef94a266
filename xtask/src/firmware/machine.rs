//! A device that runs on the emulated board, as its owner sees it: what it prints, its cable and its
//! reset button.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::qemu;

/// Where the device expects its host: the one address that its network leads to.
pub(crate) const HOST: &str = "10.0.2.100:7777";

/// Time for whatever a device is expected to do next. Nothing here is about speed: it only ends what would
/// go on for ever.
const PATIENCE: Duration = Duration::from_secs(1800);

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
    printed: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
    control: BufReader<UnixStream>,
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
        // The emulator is controlled through its standard input: no port that another could take.
        let (control, theirs) = UnixStream::pair()?;
        control.set_read_timeout(Some(PATIENCE))?;
        command
            .stdin(OwnedFd::from(theirs))
            .args(qemu::flashed(setup.bundle))
            .args(["-nic", &network])
            .args(["-chardev", "socket,id=control,fd=0", "-mon", "chardev=control,mode=control"]);
        if let Some(file) = setup.capture {
            let dump = format!("filter-dump,id=dump,netdev=cable,file={}", file.display());
            command.args(["-object", &dump]);
        }
        println!("device {}", words[1..].join(" "));
        let mut child =
            command.stdout(Stdio::piped()).spawn().context("cannot start qemu-system-arm")?;
        let mut stdout = child.stdout.take().context("no standard output")?;
        // Or the end of the emulator would not be the end of its control.
        drop(command);
        let printed = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&printed);
        let reader = thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut bytes) {
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                sink.extend_from_slice(&bytes[..count]);
            }
        });
        let mut machine = Self { child, printed, reader, control: BufReader::new(control) };
        machine.answer()?;
        machine.control(r#"{"execute":"qmp_capabilities"}"#)?;
        Ok(machine)
    }

    /// What it has printed so far.
    fn printed(&self) -> String {
        // A letter may come in two pieces.
        let printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&printed).into_owned()
    }

    /// Waits until it has printed `text` so many times.
    pub(crate) fn wait_for(&mut self, text: &str, times: usize) -> Result<()> {
        self.wait_until(text, |printed| printed.matches(text).count() >= times)
    }

    /// Waits until what it has printed, or anything else, is as it should be.
    pub(crate) fn wait_until(&mut self, what: &str, is: impl Fn(&str) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is(&self.printed()) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the device ended ({status}) before {what:?}:\n{}", self.printed());
            }
            ensure!(Instant::now() < deadline, "waited for {what:?} in vain:\n{}", self.printed());
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
    pub(crate) fn cable(&mut self, up: bool) -> Result<()> {
        self.control(&format!(
            r#"{{"execute":"set_link","arguments":{{"name":"cable","up":{up}}}}}"#
        ))
    }

    /// Presses the reset button.
    pub(crate) fn reset(&mut self) -> Result<()> {
        self.control(r#"{"execute":"system_reset"}"#)
    }

    /// Has the emulator do something.
    fn control(&mut self, command: &str) -> Result<()> {
        writeln!(self.control.get_mut(), "{command}")?;
        // Events may come in between.
        loop {
            let line = self.answer()?;
            ensure!(!line.contains(r#""error""#), "{command}: {line}");
            if line.contains(r#""return""#) {
                return Ok(());
            }
        }
    }

    /// The emulator's next line.
    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        self.control.read_line(&mut line)?;
        ensure!(line.ends_with('\n'), "the emulator has closed its control");
        Ok(line)
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
