//! Arguments that no caller should pass: each has its error, and nothing is sent.

use crate::device::{Opened, Space, World, request, sizes, window};
use crate::host::MODEL;
use core::ptr::{null, null_mut};
use device_capi::bundle::{
    Bundle, subrosa_bundle_close, subrosa_bundle_model, subrosa_bundle_open, subrosa_bundle_text,
};
use device_capi::generate::{subrosa_generate, subrosa_generate_sizes};
use device_capi::prepare::{subrosa_prepare, subrosa_prepare_sizes};
use device_capi::status::{Status, subrosa_status_text};
use device_capi::types::{
    Memory, Method, Mode, Model, Platform, Preparation, Report, Request, Sizes, Workspace,
};
use device_capi::window::{
    subrosa_mask, subrosa_window_erase, subrosa_window_open, subrosa_window_size,
};
use std::ffi::CStr;

const ZERO: Bundle = Bundle { opaque: [0; _] };

fn open(bytes: &[u8]) -> (Status, Bundle) {
    let mut handle = Bundle { opaque: [7; _] };
    // SAFETY: a handle, and bytes that are not used again unless they are a bundle.
    (unsafe { subrosa_bundle_open(&raw mut handle, bytes.as_ptr(), bytes.len()) }, handle)
}

#[test]
fn what_is_not_a_bundle_is_not_opened() {
    let whole = MODEL.bytes();
    let changed = |at: usize, value: u8| {
        let mut words = vec![0_u64; whole.len().div_ceil(8)];
        // SAFETY: as many bytes, of words.
        let bytes =
            unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), whole.len()) };
        bytes.copy_from_slice(whole);
        bytes[at] ^= value;
        let (status, handle) = open(bytes);
        assert_eq!(handle.opaque, ZERO.opaque);
        status
    };
    assert_eq!(changed(0, 1), Status::BundleMalformed);
    assert_eq!(changed(8, 2), Status::BundleVersion);
    assert_eq!(changed(whole.len() - 1, 1), Status::BundleDamaged);
    for length in [0, 1, 63, 64, whole.len() - 1] {
        assert_eq!(open(&whole[..length]).0, Status::BundleMalformed);
    }
    assert_eq!(open(&whole[1..]).0, Status::Misaligned);
    let mut handle = ZERO;
    // SAFETY: null and misaligned pointers are refused.
    unsafe {
        assert_eq!(subrosa_bundle_open(&raw mut handle, null(), 8), Status::NullPointer);
        assert_eq!(
            subrosa_bundle_open(&raw mut handle, whole.as_ptr(), usize::MAX),
            Status::Memory
        );
        assert_eq!(subrosa_bundle_open(null_mut(), whole.as_ptr(), 8), Status::NullPointer);
        let odd = (&raw mut handle).cast::<u8>().wrapping_add(1).cast();
        assert_eq!(subrosa_bundle_open(odd, whole.as_ptr(), 8), Status::Misaligned);
        assert_eq!(subrosa_bundle_close(odd), Status::Misaligned);
        assert_eq!(subrosa_bundle_close(null_mut()), Status::NullPointer);
        // Twice is once.
        assert_eq!(subrosa_bundle_close(&raw mut handle), Status::Ok);
        assert_eq!(subrosa_bundle_close(&raw mut handle), Status::Ok);
    }
}

#[test]
fn handles_that_are_not_open() {
    let mut closed = Opened::new(&MODEL).0.opaque;
    let mut handle = Bundle { opaque: closed };
    // SAFETY: handles that are zero or closed, and structures.
    unsafe {
        assert_eq!(subrosa_bundle_close(&raw mut handle), Status::Ok);
        closed = handle.opaque;
        for opaque in [closed, ZERO.opaque] {
            let handle = Bundle { opaque };
            let (request, mut sizes) = (request(Mode::Direct), Sizes::default());
            let status = subrosa_generate_sizes(&handle, &request, &raw mut sizes);
            assert_eq!(status, Status::Handle);
            let (mut text, mut length) = (null(), 0);
            let status = subrosa_bundle_text(&handle, 0, &raw mut text, &raw mut length);
            assert_eq!(status, Status::Handle);
            assert_eq!(subrosa_window_size(&handle, 1, &raw mut length), Status::Handle);
        }
    }
}

#[test]
fn what_a_bundle_tells() {
    let bundle = Opened::new(&MODEL);
    let mut model = core::mem::MaybeUninit::<Model>::uninit();
    let (mut text, mut length) = (null(), 0);
    // SAFETY: a handle, and structures.
    unsafe {
        assert_eq!(subrosa_bundle_model(&raw const bundle.0, model.as_mut_ptr()), Status::Ok);
        let (model, config) = (model.assume_init(), MODEL.weights.config());
        assert_eq!(model.digest, MODEL.weights.digest().0);
        let shape = (model.vocabulary, model.context, model.groups);
        assert_eq!(shape, (config.vocab, config.context, config.group_count()));
        assert_eq!(model.words_per_token as usize, config.total_rows());
        assert_eq!(Some(model.first_token), MODEL.bundle().bos());
        let handle = &raw const bundle.0;
        for token in [0, 88, config.vocab - 1, config.vocab, u32::MAX] {
            let status = subrosa_bundle_text(handle, token, &raw mut text, &raw mut length);
            assert_eq!(status, Status::Ok);
            let found = core::slice::from_raw_parts(text, length);
            assert_eq!(found, MODEL.bundle().token_text(token));
        }
        assert_eq!(subrosa_bundle_model(handle, null_mut()), Status::NullPointer);
        assert_eq!(
            subrosa_bundle_text(handle, 0, null_mut(), &raw mut length),
            Status::NullPointer
        );
        assert_eq!(subrosa_bundle_text(handle, 0, &raw mut text, null_mut()), Status::NullPointer);
    }
}

/// Everything that a call gets.
struct Arguments {
    bundle: Opened,
    request: Request,
    world: Box<World>,
    platform: Platform,
    space: Space,
}

impl Arguments {
    fn new(mode: Mode) -> Self {
        let (bundle, mut world) = (Opened::new(&MODEL), Box::new(World::new(&MODEL)));
        let (request, platform) = (request(mode), world.platform());
        let space = Space::new(sizes(&bundle, &request).1);
        Self { bundle, request, world, platform, space }
    }

    fn generate(&mut self, change: impl FnOnce(&mut Workspace)) -> Status {
        let mut workspace = self.space.workspace();
        change(&mut workspace);
        let mut report = Report::default();
        // SAFETY: a handle, structures, and memory, which may be refused.
        unsafe {
            let (bundle, report) = (&raw const self.bundle.0, &raw mut report);
            subrosa_generate(bundle, &self.request, &self.platform, &workspace, null(), report)
        }
    }
}

/// Runs a request that `change` has spoilt: it must be refused before anything is sent.
#[track_caller]
fn refused(mode: Mode, expected: Status, change: impl FnOnce(&mut Arguments)) {
    let mut arguments = Arguments::new(mode);
    change(&mut arguments);
    assert_eq!(arguments.generate(|_| ()), expected);
    assert!(arguments.world.calls.is_empty() || expected == Status::Entropy);
}

#[test]
fn options_out_of_range() {
    for mode in [Mode::Masked, Mode::Direct] {
        let option = |change: fn(&mut Request)| {
            refused(mode, Status::Option, |arguments| change(&mut arguments.request));
        };
        option(|request| request.mode = 2);
        option(|request| request.mode = u32::MAX);
        option(|request| request.tokens = 0);
        option(|request| request.chunk = 0);
        option(|request| request.chunk = 65);
        option(|request| request.temperature = -1.0);
        option(|request| request.temperature = f32::NAN);
        option(|request| request.temperature = f32::INFINITY);
        option(|request| request.top_p = 0.0);
        option(|request| request.top_p = 1.5);
        option(|request| request.top_p = f32::NAN);
        refused(mode, Status::Prompt, |arguments| arguments.request.prompt_length = 0);
        let beyond = [5, 256];
        refused(mode, Status::Prompt, |arguments| {
            (arguments.request.prompt, arguments.request.prompt_length) = (beyond.as_ptr(), 2);
        });
        refused(mode, Status::Context, |arguments| arguments.request.tokens = 127);
        refused(mode, Status::Context, |arguments| arguments.request.tokens = u32::MAX);
        refused(mode, Status::Context, |arguments| arguments.request.prompt_length = usize::MAX);
    }
}

#[test]
fn missing_functions_and_data() {
    let null_pointer = |change: fn(&mut Arguments)| {
        refused(Mode::Masked, Status::NullPointer, change);
    };
    null_pointer(|arguments| arguments.request.prompt = null());
    null_pointer(|arguments| arguments.platform.link.connect = None);
    null_pointer(|arguments| arguments.platform.link.read = None);
    null_pointer(|arguments| arguments.platform.link.write = None);
    null_pointer(|arguments| arguments.platform.entropy.fill = None);
    refused(Mode::Masked, Status::Misaligned, |arguments| {
        arguments.request.prompt = arguments.request.prompt.cast::<u8>().wrapping_add(1).cast();
    });
    // The store's functions are asked for when the session's number has been drawn.
    let changes: [fn(&mut Platform); 3] = [
        |platform| platform.store.available = None,
        |platform| platform.store.reserve = None,
        |platform| platform.store.take = None,
    ];
    for change in changes {
        let mut arguments = Arguments::new(Mode::Masked);
        change(&mut arguments.platform);
        assert_eq!(arguments.generate(|_| ()), Status::NullPointer);
    }
    let (arguments, mut space) = (Arguments::new(Mode::Direct), Arguments::new(Mode::Direct).space);
    let (bundle, request) = (&raw const arguments.bundle.0, &raw const arguments.request);
    let (platform, workspace) = (&raw const arguments.platform, space.workspace());
    // SAFETY: a handle, structures, memory; null and misaligned pointers are refused.
    unsafe {
        let call = |bundle, request, platform, workspace| {
            subrosa_generate(bundle, request, platform, workspace, null(), null_mut())
        };
        assert_eq!(call(null(), request, platform, &workspace), Status::NullPointer);
        assert_eq!(call(bundle, null(), platform, &workspace), Status::NullPointer);
        assert_eq!(call(bundle, request, null(), &workspace), Status::NullPointer);
        assert_eq!(call(bundle, request, platform, null()), Status::NullPointer);
        let odd = request.cast::<u8>().wrapping_add(1).cast();
        assert_eq!(call(bundle, odd, platform, &workspace), Status::Misaligned);
    }
    assert!(arguments.world.calls.is_empty());
}

#[test]
fn memory_that_does_not_suffice() {
    for mode in [Mode::Masked, Mode::Direct] {
        let fields: [fn(&mut Workspace) -> &mut Memory; 3] =
            [|space| &mut space.text, |space| &mut space.session, |space| &mut space.frames];
        for field in fields {
            let status = |change: fn(&mut Memory)| {
                let mut arguments = Arguments::new(mode);
                let status = arguments.generate(|space| change(field(space)));
                assert!(!arguments.world.calls.contains(&crate::device::Call::Connect));
                status
            };
            assert_eq!(status(|memory| memory.length -= 8), Status::Memory);
            assert_eq!(status(|memory| memory.length = 1), Status::Memory);
            assert_eq!(status(|memory| memory.length = 0), Status::Memory);
            assert_eq!(status(|memory| memory.length = usize::MAX), Status::Memory);
            assert_eq!(status(|memory| memory.bytes = null_mut()), Status::NullPointer);
            assert_eq!(
                status(|memory| *memory = Memory { bytes: null_mut(), length: 0 }),
                Status::Memory
            );
            let odd = |memory: &mut Memory| memory.bytes = memory.bytes.wrapping_byte_add(4);
            assert_eq!(status(odd), Status::Misaligned);
        }
        let overlapping = |space: &mut Workspace| space.frames.bytes = space.text.bytes;
        assert_eq!(Arguments::new(mode).generate(overlapping), Status::Overlap);
        let inside = |space: &mut Workspace| {
            space.session.bytes = space.text.bytes.wrapping_byte_add(8);
        };
        assert_eq!(Arguments::new(mode).generate(inside), Status::Overlap);
    }
}

#[test]
fn preparations_that_cannot_be() {
    let (bundle, mut world) = (Opened::new(&MODEL), World::new(&MODEL));
    let good =
        Preparation { method: Method::Masked as u32, batch: 256, tokens: 18, fewer_bytes: 0 };
    let measured = |preparation: Preparation| {
        let mut sizes = Sizes::default();
        // SAFETY: a handle, and structures.
        let status =
            unsafe { subrosa_prepare_sizes(&raw const bundle.0, &preparation, &raw mut sizes) };
        (status, sizes)
    };
    assert_eq!(measured(Preparation { method: 2, ..good }).0, Status::Option);
    assert_eq!(measured(Preparation { batch: 255, ..good }).0, Status::Option);
    assert_eq!(measured(Preparation { batch: 0, ..good }).0, Status::Option);
    assert_eq!(measured(Preparation { fewer_bytes: 2, ..good }).0, Status::Option);
    // Larger batches take more memory.
    let batches = [256, 512, 1024, 2048, 4096];
    let sessions = batches.map(|batch| measured(Preparation { batch, ..good }).1.session);
    assert!(sessions.is_sorted() && sessions[0] < sessions[4], "{sessions:?}");

    let (words, store) = window(&bundle, 18);
    let mut platform = world.platform();
    platform.store = store;
    let call = |platform: &Platform, change: fn(&mut Workspace)| {
        let mut space = Space::new(measured(good).1);
        let mut workspace = space.workspace();
        change(&mut workspace);
        // SAFETY: a handle, structures, and memory, which may be refused.
        unsafe {
            let bundle = &raw const bundle.0;
            subrosa_prepare(bundle, &good, platform, &workspace, null(), null_mut())
        }
    };
    assert_eq!(call(&platform, |space| space.session.length -= 8), Status::Memory);
    assert_eq!(call(&platform, |space| space.frames.length -= 8), Status::Memory);
    let changes: [fn(&mut Platform); 8] = [
        |platform| platform.store.available = None,
        |platform| platform.store.begin_unit = None,
        |platform| platform.store.put_row = None,
        |platform| platform.store.hold_unit = None,
        |platform| platform.store.settle = None,
        |platform| platform.store.abandon = None,
        |platform| platform.link.connect = None,
        |platform| platform.entropy.fill = None,
    ];
    for change in changes {
        let mut platform = platform;
        change(&mut platform);
        assert_eq!(call(&platform, |_| ()), Status::NullPointer);
    }
    drop(words);
    assert!(world.calls.is_empty());
}

#[test]
fn stores_that_cannot_be() {
    let bundle = Opened::new(&MODEL);
    let (words, mut store) = window(&bundle, 2);
    let mut memory = Memory { bytes: null_mut(), length: 8 * words.len() - 8 };
    let mut spare = words.clone();
    let mut length = 0;
    // SAFETY: a handle, structures, and memory, which may be refused.
    unsafe {
        let handle = &raw const bundle.0;
        assert_eq!(subrosa_window_size(handle, 0, &raw mut length), Status::Option);
        assert_eq!(subrosa_window_open(handle, &memory, &raw mut store), Status::NullPointer);
        memory.bytes = spare.as_mut_ptr().cast();
        // Room for one token is enough, for none is not.
        assert_eq!(subrosa_window_open(handle, &memory, &raw mut store), Status::Ok);
        assert_eq!(subrosa_window_size(handle, 1, &raw mut length), Status::Ok);
        memory.length = length - 8;
        assert_eq!(subrosa_window_open(handle, &memory, &raw mut store), Status::Memory);
        assert_eq!(subrosa_window_open(handle, null(), &raw mut store), Status::NullPointer);
        // Another's store is left alone.
        let other = World::new(&MODEL).platform().store;
        assert_eq!(subrosa_window_erase(&other), Status::Handle);
        assert_eq!(subrosa_window_erase(null()), Status::NullPointer);
        assert_eq!(subrosa_mask(null(), 0, length as *mut u32, 1), Status::NullPointer);
        let seed = [0; 32];
        assert_eq!(subrosa_mask(seed.as_ptr(), 0, null_mut(), 1), Status::NullPointer);
    }
}

#[test]
fn every_status_has_a_text() {
    let mut texts: Vec<_> = (0..100)
        // SAFETY: texts are static, and end with zero.
        .map(|status| unsafe { CStr::from_ptr(subrosa_status_text(status)) })
        .filter(|&text| text != c"not a status")
        .collect();
    let count = texts.len();
    texts.sort();
    texts.dedup();
    assert_eq!((count, texts.len()), (28, 28));
}
