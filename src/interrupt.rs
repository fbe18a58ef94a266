//! Ctrl-C: it stops the display of a session, and not the session, whose length is public.

use crate::distrust::Host;
use crate::link::Security;
use anyhow::{Context, Result};
use std::io;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How a shell reports a process that signal 2, an interrupt, has ended.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;
const EXIT_TERMINATED: u8 = 143;

/// The user has ended the run before it was complete.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl core::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("interrupted")
    }
}

impl core::error::Error for Interrupted {}

/// What interrupts there were, and what is to be done at one.
///
/// A thread of its own listens, so that a long computation does not hold it up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupts(Arc<State>);

#[derive(Debug, Default)]
struct State {
    in_session: AtomicBool,
    hidden: AtomicBool,
    leftovers: Mutex<Vec<PathBuf>>,
    hosts: Mutex<Vec<Host>>,
}

impl Interrupts {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let interrupts = Self::default();
        let listener = interrupts.clone();
        let (ready, listening) = std::sync::mpsc::channel();
        std::thread::Builder::new()
            .name("interrupts".to_owned())
            .spawn(move || ready.send(listener.wait(&ready)))
            .context("starting a thread")?;
        listening.recv().context("the thread that waits for Ctrl-C ended")??;
        Ok(interrupts)
    }

    /// Names a file or folder that an interrupt must not leave behind.
    pub(crate) fn leaves_nothing_of(&self, path: PathBuf) {
        self.0.leftovers.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    }

    /// A host at this address: that it was caught is remembered at an interrupt too.
    pub(crate) fn watched(&self, address: &str, security: Security) -> Host {
        let host = Host::new(address, security);
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner).push(host.clone());
        host
    }

    /// A session begins: the next interrupt is for the display alone.
    pub(crate) fn session_begins(&self) {
        self.0.in_session.store(true, Ordering::Relaxed);
    }

    /// The session has ended.
    ///
    /// # Errors
    /// [`Interrupted`], if there was one in the session.
    pub(crate) fn session_ends(&self) -> Result<(), Interrupted> {
        self.0.in_session.store(false, Ordering::Relaxed);
        if self.is_hidden() { Err(Interrupted) } else { Ok(()) }
    }

    /// Whether the user wants to see no more.
    pub(crate) fn is_hidden(&self) -> bool {
        self.0.hidden.load(Ordering::Relaxed)
    }

    /// Handles signals until the process ends; returns only where the system has none.
    fn wait(&self, ready: &std::sync::mpsc::Sender<io::Result<()>>) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut signals = Signals::new()?;
            let _ = ready.send(Ok(()));
            loop {
                let code = signals.next().await;
                let session = self.0.in_session.load(Ordering::Relaxed);
                if code == EXIT_INTERRUPTED && session && !self.0.hidden.swap(true, Ordering::Relaxed)
                {
                    eprintln!(
                        "\nno more is shown; the session goes on to its end, so that the host sees no\n\
                         difference (Ctrl-C again ends the program)"
                    );
                } else {
                    self.leave(code);
                }
            }
        })
    }

    fn leave(&self, code: u8) -> ! {
        self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Host::remember);
        for path in &*self.0.leftovers.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = std::fs::remove_dir_all(path).or_else(|_| std::fs::remove_file(path));
        }
        eprintln!("\n{Interrupted}");
        process::exit(code.into())
    }
}

/// The signals that end a program.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Listens from now on, inside a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for a signal: the exit code that stands for it.
    pub(crate) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => EXIT_INTERRUPTED,
            _ = self.terminate.recv() => EXIT_TERMINATED,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    pub(crate) async fn next(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            core::future::pending::<()>().await;
        }
        EXIT_INTERRUPTED
    }
}
