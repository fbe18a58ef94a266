//! The host: `subrosa serve` in a process of its own.

use crate::tool::{folder, program, run, words};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A running host, and its log in a file; killed when it is dropped.
pub(crate) struct Host {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: TempDir,
}

impl Host {
    /// Serves the demo model with these options.
    pub(crate) fn start(options: &str) -> Self {
        let folder = folder();
        let bundle = folder.path().join("host");
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
        run(words("convert host --out", &[&bundle, &demo])).succeeded();
        let line = format!("serve --listen 127.0.0.1:0 {options} --model");
        let child = program(words(&line, &[&bundle]))
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut host = Self { child, address: SocketAddr::from(([0; 4], 0)), folder };
        let end = Instant::now() + PATIENCE;
        host.address = loop {
            let log = host.log();
            // Whole lines: the host may be in the middle of the last one.
            let mut whole = log.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            let said = whole.find_map(|line| line.strip_prefix("serving "));
            if let Some(rest) = said.and_then(|said| said.split(" on ").nth(1)) {
                break rest.split(' ').next().unwrap().parse().unwrap();
            }
            assert!(Instant::now() < end, "{log}");
            thread::sleep(Duration::from_millis(5));
        };
        host
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The most bytes of memory that it has held so far.
    pub(crate) fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
    }

    /// Ends it in order, and returns all that it has said.
    pub(crate) fn stop(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "TERM", &id]).status().unwrap().success());
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it does not end");
            thread::sleep(Duration::from_millis(5));
        };
        let log = self.log();
        assert!(status.success(), "{log}");
        log
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
