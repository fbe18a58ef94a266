//! Arm semihosting: the debugger, here QEMU, gives a program its arguments, its console, its exit
//! code and the machine's randomness.

use core::arch::asm;
use core::fmt::{self, Write};

const OPEN: u32 = 0x01;
const CLOSE: u32 = 0x02;
const WRITE: u32 = 0x05;
const READ: u32 = 0x06;
const GET_COMMAND_LINE: u32 = 0x15;
const EXIT_EXTENDED: u32 = 0x20;

/// Why a program has ended by itself: `ADP_Stopped_ApplicationExit`.
const APPLICATION_EXIT: u32 = 0x2_0026;

/// Asks the debugger.
///
/// # Safety
/// `block` is what `operation` takes: a parameter block whose pointers the debugger may follow.
unsafe fn call(operation: u32, block: *const u32) -> u32 {
    let result;
    // SAFETY: the instruction that semihosting is called by; the debugger keeps all registers but
    // r0, and touches no memory but what the block names, for which the caller answers.
    unsafe {
        asm!("bkpt 0xAB", inout("r0") operation => result, in("r1") block, options(nostack));
    }
    result
}

/// Ends the program; QEMU's exit status is `code`.
pub fn exit(code: u8) -> ! {
    let block = [APPLICATION_EXIT, u32::from(code)];
    // SAFETY: the block of this operation.
    unsafe { call(EXIT_EXTENDED, block.as_ptr()) };
    // A debugger that does not know the operation lets us go on.
    loop {
        cortex_m::asm::bkpt();
    }
}

/// The command line, the program's name first, in `memory`; `None` if it does not fit or is not
/// UTF-8.
#[must_use]
pub fn command_line(memory: &mut [u8]) -> Option<&str> {
    let block = [memory.as_mut_ptr() as u32, memory.len() as u32];
    // SAFETY: the block of this operation: memory that is ours to write, and its length. The
    // debugger writes the length of the line into the block.
    let (failed, length) = unsafe {
        let failed = call(GET_COMMAND_LINE, block.as_ptr());
        (failed, block.as_ptr().add(1).read_volatile())
    };
    let line = memory.get(..length as usize)?;
    if failed != 0 { None } else { core::str::from_utf8(line).ok() }
}

/// A file of the machine that the debugger runs on.
#[derive(Debug)]
pub struct File(u32);

impl File {
    /// Opens a file to read from it; `None` if it cannot be opened.
    #[must_use]
    pub fn open(name: &core::ffi::CStr) -> Option<Self> {
        const BINARY_READ: u32 = 1;
        Self::with_mode(name, BINARY_READ)
    }

    fn with_mode(name: &core::ffi::CStr, mode: u32) -> Option<Self> {
        let block = [name.as_ptr() as u32, mode, name.count_bytes() as u32];
        // SAFETY: the block of this operation: a name with its length, and a mode.
        let handle = unsafe { call(OPEN, block.as_ptr()) };
        (handle != u32::MAX).then_some(Self(handle))
    }

    /// Fills `out`; `false` if the file could not.
    #[must_use]
    pub fn read_exact(&mut self, out: &mut [u8]) -> bool {
        let block = [self.0, out.as_mut_ptr() as u32, out.len() as u32];
        // SAFETY: the block of this operation: a handle, memory that is ours to write, its length.
        let missing = unsafe { call(READ, block.as_ptr()) };
        missing == 0
    }

    fn write(&mut self, bytes: &[u8]) {
        let block = [self.0, bytes.as_ptr() as u32, bytes.len() as u32];
        // SAFETY: the block of this operation: a handle, bytes to read, and their number. What could
        // not be written is lost, as on any console.
        unsafe { call(WRITE, block.as_ptr()) };
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // SAFETY: the block of this operation: a handle, which is not used again.
        unsafe { call(CLOSE, &raw const self.0) };
    }
}

/// Text on its way to the console: QEMU's standard output.
struct Console {
    file: File,
    line: [u8; 128],
    used: usize,
}

impl Console {
    fn flush(&mut self) {
        self.file.write(&self.line[..self.used]);
        self.used = 0;
    }
}

impl Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.used == self.line.len() {
                self.flush();
            }
            self.line[self.used] = byte;
            self.used += 1;
        }
        Ok(())
    }
}

/// Writes to the console. What has been printed stays in the memory of nobody here.
pub fn print(text: fmt::Arguments<'_>) {
    const TERMINAL_WRITE: u32 = 4;
    if let Some(file) = File::with_mode(c":tt", TERMINAL_WRITE) {
        let mut console = Console { file, line: [0; 128], used: 0 };
        let _ = console.write_fmt(text);
        console.flush();
    }
}

/// Prints to the console.
#[macro_export]
macro_rules! print {
    ($($text:tt)*) => { $crate::semihosting::print(::core::format_args!($($text)*)) };
}

/// Prints a line to the console.
#[macro_export]
macro_rules! println {
    () => { $crate::print!("\n") };
    ($text:literal $($rest:tt)*) => { $crate::print!(::core::concat!($text, "\n") $($rest)*) };
}
