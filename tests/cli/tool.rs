//! Running the program.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The smallest model.
pub(crate) const MODEL: &str = "tiny-tied-f32";
/// Another one of the same shape.
pub(crate) const OTHER: &str = "tiny-untied-bf16";
pub(crate) const MODELS: [&str; 3] = [MODEL, OTHER, "tiny-gqa-f16-sharded"];

/// An address where no host is.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

thread_local! {
    static STATE: TempDir = folder();
}

/// Where the programs of this test remember the newest states of their stores.
pub(crate) fn state() -> PathBuf {
    STATE.with(|folder| folder.path().to_owned())
}

/// Nothing here takes longer on a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The program with these arguments, without what the surroundings could change.
pub(crate) fn program<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_subrosa"));
    surroundings(command.args(arguments));
    command
}

fn surroundings(command: &mut Command) -> &mut Command {
    command.env_remove("RUST_LOG").env("COLUMNS", "100").stdin(Stdio::null());
    command.env("XDG_STATE_HOME", state())
}

/// What a finished run has left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Outcome {
    /// This run, which must have succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// The JSON object on stdout of a run that succeeded.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        let run = self.succeeded();
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e} in {run:?}"))
    }

    /// Checks that the run failed with this code and said all of this, in one error.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, said: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stdout, "", "a failure says nothing on stdout");
        let errors = self.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "{self:?}");
        for said in said {
            assert!(self.stderr.contains(said), "{said:?} is not in {}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        self
    }

    /// This run, of which the error is all that was said.
    #[track_caller]
    pub(crate) fn one_line(self) -> Self {
        let lines = self.stderr.lines().filter(|line| !line.starts_with("note: ")).count();
        assert_eq!(lines, 1, "{self:?}");
        self
    }
}

/// Runs the program to its end with at most four gigabytes of address space, where the system can
/// bound that: nothing small may need more.
#[track_caller]
pub(crate) fn limited(arguments: Vec<std::ffi::OsString>) -> Outcome {
    if !cfg!(target_os = "linux") {
        return run(arguments);
    }
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 4194304 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_subrosa")]);
    shell.args(arguments);
    Process::start(surroundings(&mut shell)).finish()
}

/// A copy of a fixture that a test may spoil.
pub(crate) fn copy_of(model: &str) -> TempDir {
    let copy = folder();
    for entry in std::fs::read_dir(fixture(model)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// Runs the program to its end.
#[track_caller]
pub(crate) fn run<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Outcome {
    Process::start(&mut program(arguments)).finish()
}

/// Splits a command line at spaces and adds arguments that may hold any characters.
pub(crate) fn words(line: &str, more: &[&dyn AsRef<OsStr>]) -> Vec<std::ffi::OsString> {
    let mut all: Vec<_> = line.split_whitespace().map(Into::into).collect();
    all.extend(more.iter().map(|word| word.as_ref().to_owned()));
    all
}

/// A running program; it is killed when it is dropped or takes too long.
pub(crate) struct Process {
    child: Child,
    stdout: Option<thread::JoinHandle<Vec<u8>>>,
    stderr: Vec<String>,
    lines: mpsc::Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        let stdout = thread::spawn(move || {
            let mut all = Vec::new();
            out.read_to_end(&mut all).unwrap();
            all
        });
        let err = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in err.split(b'\n').map_while(Result::ok) {
                if send.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        Self { child, stdout: Some(stdout), stderr: Vec::new(), lines }
    }

    /// Waits for a line on stderr that holds `text`, and returns it.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.stderr.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("{text:?} is not in {:?}", self.stderr),
            }
        }
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits, while it runs, until something has happened elsewhere.
    #[track_caller]
    pub(crate) fn until(&mut self, happened: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !happened() {
            assert!(self.runs() && Instant::now() < end, "it never happened");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn status(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > end {
                panic!("it does not end; it said {:?}", self.stderr);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Outcome {
        let code = self.status().code();
        let stdout = self.stdout.take().unwrap().join().unwrap();
        self.stderr.extend(self.lines.iter());
        Outcome {
            code,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: self.stderr.join("\n"),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both bundles of a model, in a folder of their own.
pub(crate) struct Bundles {
    folder: TempDir,
}

impl Bundles {
    pub(crate) fn of(model: &str) -> Self {
        let bundles = Self { folder: folder() };
        run(words("convert host --out", &[&bundles.host(), &fixture(model)])).succeeded();
        run(words("convert device --out", &[&bundles.device(), &fixture(model)])).succeeded();
        bundles
    }

    pub(crate) fn host(&self) -> PathBuf {
        self.file("host")
    }

    pub(crate) fn device(&self) -> PathBuf {
        self.file("device")
    }

    /// A path beside the bundles.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The device's store, where nothing else is said.
    pub(crate) fn store(&self) -> PathBuf {
        self.device().join("correlations")
    }

    /// Adds to the device's store.
    pub(crate) fn provision(&self, tokens: u32) -> Outcome {
        let line = format!("provision --tokens {tokens} --weights");
        run(words(&line, &[&self.host(), &"--model", &self.device()])).succeeded()
    }

    /// Tokens that the device's store holds of every group, as `prepare` says it.
    pub(crate) fn held(&self) -> u32 {
        let line = format!("prepare --host {NOBODY} --tokens 1 --model");
        let said = run(words(&line, &[&self.device()])).succeeded().stderr;
        let number = said.split(" holds ").nth(1).unwrap().split(' ').next().unwrap();
        number.parse().unwrap()
    }

    /// Starts `generate` on a store that lacks nothing, and waits until its session has begun.
    pub(crate) fn session(&self, host: &str, options: &str) -> Process {
        let before = std::fs::read(self.store()).unwrap();
        let mut process = Process::start(&mut program(self.generate(host, options)));
        process.until(|| std::fs::read(self.store()).unwrap() != before);
        process
    }

    /// Arguments of `generate` with this model's device.
    pub(crate) fn generate(&self, host: &str, options: &str) -> Vec<std::ffi::OsString> {
        words(&format!("generate --host {host} {options} --model"), &[&self.device()])
    }
}

/// A free port on a loopback address that no other test uses: when a host dies, none that another
/// test starts takes its place. Where loopback is one address (not Linux), the usual one.
fn free_address() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    if cfg!(not(target_os = "linux")) {
        return "127.0.0.1:0".to_owned();
    }
    let [_, _, high, low] = std::process::id().to_be_bytes();
    format!("127.{}.{high}.{low}:0", NEXT.fetch_add(1, Ordering::Relaxed).max(1))
}

/// A host in a process of its own, on a free port.
pub(crate) struct Host {
    pub(crate) process: Process,
    pub(crate) address: String,
    /// Its public key.
    pub(crate) key: String,
}

impl Host {
    pub(crate) fn of(bundles: &Bundles) -> Self {
        Self::on(&free_address(), bundles)
    }

    /// A host that does not check its weights.
    pub(crate) fn unverified(bundles: &Bundles) -> Self {
        Self::with(&format!("--no-verify --listen {}", free_address()), bundles)
    }

    pub(crate) fn on(address: &str, bundles: &Bundles) -> Self {
        Self::with(&format!("--listen {address}"), bundles)
    }

    /// A host with these options, on a free port.
    pub(crate) fn serving(options: &str, bundles: &Bundles) -> Self {
        Self::with(&format!("{options} --listen {}", free_address()), bundles)
    }

    fn with(options: &str, bundles: &Bundles) -> Self {
        let line = format!("serve {options} --threads 1 -v --model");
        let mut process = Process::start(&mut program(words(&line, &[&bundles.host()])));
        let line = process.says("serving ");
        let address = line.split(" on ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
        assert_ne!(address.rsplit(':').next(), Some("0"), "{line}");
        let line = process.says("--host-key ");
        let key = line.split("--host-key ").nth(1).unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(key.len(), 64, "{line}");
        Self { process, address, key }
    }
}

/// A `.npy` file of f32 in rows.
pub(crate) struct Npy {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) words: Vec<u32>,
}

impl Npy {
    #[track_caller]
    pub(crate) fn read(path: &Path) -> Self {
        let file = std::fs::read(path).unwrap();
        assert_eq!(&file[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([file[8], file[9]]));
        let (header, data) = file[10..].split_at(length);
        let header = core::str::from_utf8(header).unwrap();
        assert_eq!((10 + length) % 64, 0);
        assert!(header.ends_with('\n'));
        let shape = header
            .strip_prefix("{'descr': '<f4', 'fortran_order': False, 'shape': (")
            .and_then(|rest| rest.trim_end().strip_suffix("), }"))
            .unwrap_or_else(|| panic!("{header}"));
        let (rows, columns) = shape.split_once(", ").unwrap();
        let (rows, columns) = (rows.parse().unwrap(), columns.parse().unwrap());
        let words = data.chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().unwrap()));
        let words: Vec<_> = words.collect();
        assert_eq!((words.len(), data.len()), (rows * columns, 4 * rows * columns));
        Self { rows, columns, words }
    }
}
