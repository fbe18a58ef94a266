//! A device as C would write it: callbacks over a socket, memory, and what has been heard.

use crate::host::Model;
use crate::store;
use core::ffi::c_void;
use core::ptr;
use device_capi::bundle::{Bundle, subrosa_bundle_close, subrosa_bundle_open};
use device_capi::generate::{subrosa_generate, subrosa_generate_sizes};
use device_capi::prepare::{subrosa_prepare, subrosa_prepare_sizes};
use device_capi::status::Status;
use device_capi::types::{
    Entropy, Link, Memory, Mode, Observer, Platform, Preparation, Report, Request, Sizes, Store,
    Token, Workspace,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// The prompt and the number of tokens of all requests here.
pub(crate) const PROMPT: [u32; 3] = [5, 6, 7];
pub(crate) const TOKENS: u32 = 3;
/// The seed of the choice.
pub(crate) const SEED: [u8; 32] = [9; 32];

/// A callback.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Call {
    Connect,
    Read,
    Write,
    Flush,
    Entropy,
    Store,
}

/// What the callbacks work on.
pub(crate) struct World {
    pub(crate) model: &'static Model,
    pub(crate) address: SocketAddr,
    stream: Option<TcpStream>,
    /// The callback that fails, at which of its calls, from 0, and what it returns then.
    pub(crate) fails: Option<(Call, usize, isize)>,
    /// The read of this number has a bit flipped, behind the prefix of a payload.
    pub(crate) flips: Option<usize>,
    /// Further attempts that are left.
    pub(crate) retries: u32,
    pub(crate) calls: Vec<Call>,
    pub(crate) reserved: Vec<u32>,
    /// Tokens as they were heard: `None` for those that may not be shown.
    pub(crate) heard: Vec<Option<(u32, Vec<u8>)>>,
    pub(crate) progress: Vec<(u32, u32)>,
}

impl World {
    pub(crate) fn new(model: &'static Model) -> Self {
        Self {
            model,
            address: model.address,
            stream: None,
            fails: None,
            flips: None,
            retries: 0,
            calls: Vec::new(),
            reserved: Vec::new(),
            heard: Vec::new(),
            progress: Vec::new(),
        }
    }

    /// # Safety
    /// `context` is of a world that nobody else uses.
    pub(crate) unsafe fn of<'a>(context: *mut c_void) -> &'a mut Self {
        // SAFETY: the caller's promise.
        unsafe { &mut *context.cast() }
    }

    /// Counts a call, and tells whether it fails.
    pub(crate) fn count(&mut self, call: Call) -> Result<(), i32> {
        let before = self.calls.iter().filter(|&&made| made == call).count();
        self.calls.push(call);
        match self.fails {
            Some((fails, at, code)) if fails == call && at == before => Err(code as i32),
            _ => Ok(()),
        }
    }

    pub(crate) fn tokens(&self) -> Vec<u32> {
        self.heard.iter().flatten().map(|(token, _)| *token).collect()
    }

    pub(crate) fn platform(&mut self) -> Platform {
        let context: *mut c_void = ptr::from_mut(self).cast();
        Platform {
            link: Link {
                context,
                connect: Some(connect),
                read: Some(read),
                write: Some(write),
                flush: Some(flush),
                retry: Some(retry),
                departure: None,
                answered: None,
            },
            entropy: Entropy { context, fill: Some(fill) },
            store: store::functions(context.cast()),
        }
    }

    pub(crate) fn observer(&mut self) -> Observer {
        let context = ptr::from_mut(self).cast();
        Observer { context, token: Some(hear), progress: Some(progress) }
    }
}

unsafe extern "C" fn connect(world: *mut c_void) -> i32 {
    // SAFETY: the context of `World::platform`; so in all that follow.
    let world = unsafe { World::of(world) };
    if let Err(code) = world.count(Call::Connect) {
        return code;
    }
    world.stream = TcpStream::connect(world.address).ok();
    world.stream.as_ref().map_or(-1, |stream| stream.set_nodelay(true).map_or(-1, |()| 0))
}

unsafe extern "C" fn read(world: *mut c_void, bytes: *mut u8, capacity: usize) -> isize {
    // SAFETY: as above.
    let world = unsafe { World::of(world) };
    let number = world.calls.iter().filter(|&&call| call == Call::Read).count();
    if world.count(Call::Read).is_err() {
        return world.fails.map_or(0, |(.., code)| code);
    }
    // SAFETY: the interface promises as much memory.
    let out = unsafe { core::slice::from_raw_parts_mut(bytes, capacity) };
    let Some(Ok(count)) = world.stream.as_mut().map(|stream| stream.read(out)) else { return -1 };
    if world.flips == Some(number) {
        assert!(count > 8, "a payload was to be changed");
        out[8] ^= 1;
    }
    count as isize
}

unsafe extern "C" fn write(world: *mut c_void, bytes: *const u8, length: usize) -> isize {
    // SAFETY: as above.
    let world = unsafe { World::of(world) };
    if world.count(Call::Write).is_err() {
        return world.fails.map_or(0, |(.., code)| code);
    }
    // SAFETY: the interface promises as many bytes.
    let bytes = unsafe { core::slice::from_raw_parts(bytes, length) };
    match world.stream.as_mut().map(|stream| stream.write(bytes)) {
        Some(Ok(count)) => count as isize,
        _ => -1,
    }
}

unsafe extern "C" fn flush(world: *mut c_void) -> i32 {
    // SAFETY: as above.
    unsafe { World::of(world) }.count(Call::Flush).err().unwrap_or(0)
}

unsafe extern "C" fn retry(world: *mut c_void) -> i32 {
    // SAFETY: as above.
    let world = unsafe { World::of(world) };
    let left = world.retries > 0;
    world.retries = world.retries.saturating_sub(1);
    left.into()
}

unsafe extern "C" fn fill(world: *mut c_void, bytes: *mut u8, length: usize) -> i32 {
    // SAFETY: as above.
    let world = unsafe { World::of(world) };
    // SAFETY: the interface promises as much memory.
    let out = unsafe { core::slice::from_raw_parts_mut(bytes, length) };
    getrandom::fill(out).unwrap();
    world.count(Call::Entropy).err().unwrap_or(0)
}

unsafe extern "C" fn hear(world: *mut c_void, token: *const Token) {
    // SAFETY: as above; the interface promises a token.
    let (world, token) = unsafe { (World::of(world), &*token) };
    assert_eq!(token.index as usize, world.heard.len());
    if !token.may_be_shown {
        let nothing = (token.token, token.text.is_null(), token.text_length, token.ends_text);
        assert_eq!(nothing, (u32::MAX, true, 0, false));
        return world.heard.push(None);
    }
    // SAFETY: the interface promises as many bytes.
    let text = unsafe { core::slice::from_raw_parts(token.text, token.text_length) };
    assert_eq!(token.ends_text, world.model.bundle().stop_tokens().contains(&token.token));
    world.heard.push(Some((token.token, text.to_vec())));
}

unsafe extern "C" fn progress(world: *mut c_void, done: u32, all: u32) {
    // SAFETY: as above.
    unsafe { World::of(world) }.progress.push((done, all));
}

/// An open bundle of a model.
pub(crate) struct Opened(pub(crate) Bundle);

impl Opened {
    pub(crate) fn new(model: &'static Model) -> Self {
        let mut handle = Bundle { opaque: [0; _] };
        let bytes = model.bytes();
        // SAFETY: a handle, and bytes that stay for ever.
        let status = unsafe { subrosa_bundle_open(&raw mut handle, bytes.as_ptr(), bytes.len()) };
        assert_eq!(status, Status::Ok);
        Self(handle)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: an open handle.
        assert_eq!(unsafe { subrosa_bundle_close(&raw mut self.0) }, Status::Ok);
        assert_eq!(self.0.opaque, [0; _]);
    }
}

pub(crate) fn request(mode: Mode) -> Request {
    Request {
        mode: mode as u32,
        prompt: PROMPT.as_ptr(),
        prompt_length: PROMPT.len(),
        tokens: TOKENS,
        chunk: 16,
        temperature: 0.8,
        top_p: 1.0,
        seed: SEED.as_ptr(),
    }
}

/// Memory of these sizes, filled with what was there before.
pub(crate) struct Space {
    pub(crate) words: [Vec<u64>; 3],
    pub(crate) sizes: Sizes,
}

/// What memory holds before a call.
const BEFORE: u64 = 0x5ca1_ab1e_5ca1_ab1e;

impl Space {
    pub(crate) fn new(sizes: Sizes) -> Self {
        let words = [sizes.text, sizes.session, sizes.frames].map(|n| vec![BEFORE; n.div_ceil(8)]);
        Self { words, sizes }
    }

    pub(crate) fn workspace(&mut self) -> Workspace {
        let sizes = [self.sizes.text, self.sizes.session, self.sizes.frames];
        let mut sizes = sizes.into_iter();
        let [text, session, frames] = self.words.each_mut().map(|words| {
            let length = sizes.next().unwrap();
            Memory { bytes: words.as_mut_ptr().cast(), length }
        });
        Workspace { text, session, frames }
    }

    /// Whether nothing secret is left.
    pub(crate) fn is_erased(&self) -> bool {
        self.words[..2].iter().flatten().all(|&word| word == 0)
    }
}

/// The memory of a request.
pub(crate) fn sizes(bundle: &Opened, request: &Request) -> (Status, Sizes) {
    let mut sizes = Sizes::default();
    // SAFETY: a handle, and structures.
    let status = unsafe { subrosa_generate_sizes(&raw const bundle.0, request, &raw mut sizes) };
    (status, sizes)
}

/// Generates with exactly the memory that is asked for.
pub(crate) fn generate(
    bundle: &Opened,
    request: &Request,
    platform: &Platform,
    world: &mut World,
) -> (Status, Report) {
    let (status, sizes) = sizes(bundle, request);
    assert_eq!(status, Status::Ok);
    let mut space = Space::new(sizes);
    let (workspace, observer, mut report) =
        (space.workspace(), world.observer(), Report::default());
    // SAFETY: a handle, structures, memory.
    let status = unsafe {
        let bundle = &raw const bundle.0;
        subrosa_generate(bundle, request, platform, &workspace, &observer, &raw mut report)
    };
    assert!(space.is_erased(), "a call left secrets behind");
    (status, report)
}

/// Prepares with exactly the memory that is asked for.
pub(crate) fn prepare(
    bundle: &Opened,
    preparation: &Preparation,
    platform: &Platform,
    world: &mut World,
) -> (Status, Report) {
    let mut sizes = Sizes::default();
    // SAFETY: a handle, and structures.
    let status = unsafe { subrosa_prepare_sizes(&raw const bundle.0, preparation, &raw mut sizes) };
    assert_eq!((status, sizes.text), (Status::Ok, 0));
    let mut space = Space::new(sizes);
    let (workspace, observer, mut report) =
        (space.workspace(), world.observer(), Report::default());
    // SAFETY: a handle, structures, memory.
    let status = unsafe {
        let bundle = &raw const bundle.0;
        subrosa_prepare(bundle, preparation, platform, &workspace, &observer, &raw mut report)
    };
    assert!(space.is_erased(), "a call left secrets behind");
    (status, report)
}

/// A store in memory, for `tokens` tokens.
pub(crate) fn window(bundle: &Opened, tokens: u32) -> (Vec<u64>, Store) {
    use device_capi::window::{subrosa_window_open, subrosa_window_size};
    let mut length = 0;
    let mut store = core::mem::MaybeUninit::<Store>::uninit();
    // SAFETY: a handle, structures, memory.
    unsafe {
        let bundle = &raw const bundle.0;
        assert_eq!(subrosa_window_size(bundle, tokens, &raw mut length), Status::Ok);
        let mut words = vec![BEFORE; length.div_ceil(8)];
        let memory = Memory { bytes: words.as_mut_ptr().cast(), length };
        assert_eq!(subrosa_window_open(bundle, &memory, store.as_mut_ptr()), Status::Ok);
        (words, store.assume_init())
    }
}
