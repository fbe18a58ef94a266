//! The data that both sides pass.

use core::ffi::c_void;

/// Bytes of which the address of every memory of a workspace is a multiple, and a bundle's.
pub const ALIGNMENT: usize = 8;

/// Bytes of a seed.
pub const SEED_BYTES: usize = 32;

/// How numbers are hidden from the host: subrosa_request.mode.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Under one-time masks from the store, prepared beforehand. A host that is caught cheating has
    /// learned nothing.
    Masked = 0,
    /// Encrypted as they come, with nothing prepared: more work and more bytes. A host that is caught
    /// cheating may have learned one bit about the prompt.
    Direct = 1,
}

/// How correlations are made: subrosa_preparation.method.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// Units of `batch` tokens, each under a key of its own, and kept as soon as it is there.
    Masked = 0,
    /// Small units through direct mode, for narrow models: few bytes. All units of a call are kept
    /// together, at its end.
    Direct = 1,
}

/// One memory of the caller's.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// A multiple of SUBROSA_ALIGNMENT; may be null if `length` is 0.
    pub bytes: *mut c_void,
    /// Bytes.
    pub length: usize,
}

/// The memory of a call. It is the library's alone until the call returns, need not be initialised,
/// and holds nothing between calls. The three must not overlap.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Workspace {
    /// What the device computes with: keys and values, activations, logits. Secret, and zeros when the
    /// call returns.
    pub text: Memory,
    /// Keys and masks. Secret, and zeros when the call returns.
    pub session: Memory,
    /// What goes to the host and comes from it, which the host sees too: it may be in a memory that
    /// others can read.
    pub frames: Memory,
}

/// The memory that a call needs, in bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sizes {
    /// The least length of subrosa_workspace.text.
    pub text: usize,
    /// The least length of subrosa_workspace.session.
    pub session: usize,
    /// The least length of subrosa_workspace.frames. A preparation makes use of more: larger
    /// frames, and fewer of them.
    pub frames: usize,
    /// Tokens of correlations of every group that the store must hold for a request in masked mode;
    /// 0 in direct mode and for preparations.
    pub correlations: u32,
}

/// An ordered, reliable stream of bytes to the host: TCP, a serial line, whatever there is. It need not
/// be secret: what the host may not know does not pass through it.
///
/// Functions block. Each gets `context` as its first argument.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Whatever the functions want to know.
    pub context: *mut c_void,
    /// Opens a stream to the host, from its beginning; the one before, if any, is to be closed. Returns 0,
    /// or anything else for a failure.
    pub connect: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// Waits for at least one byte, writes at most `capacity` (at least 1) to `bytes`, and returns how
    /// many; 0 if the host has closed the stream, a negative number if the stream broke.
    pub read: Option<
        unsafe extern "C" fn(context: *mut c_void, bytes: *mut u8, capacity: usize) -> isize,
    >,
    /// Takes at least one of `length` (at least 1) bytes, and returns how many; 0 or a negative number if
    /// the stream broke.
    pub write: Option<
        unsafe extern "C" fn(context: *mut c_void, bytes: *const u8, length: usize) -> isize,
    >,
    /// Sends what `write` has kept back. Returns 0, or anything else if the stream broke. May be null.
    pub flush: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// The stream broke. Waits a fixed time and returns 1 for another attempt, in which the same bytes are
    /// sent again; 0 to give up. Time and number of attempts must not depend on the text. Null gives up at
    /// once. A preparation is not resumed, and does not ask.
    pub retry: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// A request is ready. Returns at the moment at which it shall leave: a fixed time after the last
    /// `answered`, or, if that has passed, at its next multiple. So the host does not see how long the
    /// device has computed, which may depend on the text. Null sends at once: then it does.
    pub departure: Option<unsafe extern "C" fn(context: *mut c_void)>,
    /// A frame of the host's answer is there: takes the time for `departure`. May be null.
    pub answered: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

/// The source of randomness, on which all secrecy rests: a hardware generator, or a generator that one
/// has seeded.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Entropy {
    /// Whatever the function wants to know.
    pub context: *mut c_void,
    /// Writes `length` uniformly random bytes and returns 0; anything else if it cannot vouch for them.
    pub fill:
        Option<unsafe extern "C" fn(context: *mut c_void, bytes: *mut u8, length: usize) -> i32>,
}

/// The store of correlations, for masked mode. All functions may be null where there is none: for
/// requests in direct mode.
///
/// A correlation serves one token of one group, which is a matrix of the model; it is made of a mask
/// r, a word for each column of the matrix, and of z, a word for each row. They come in units of some
/// tokens; the masks of a unit are kept as one seed. subrosa_window_open makes a store in memory.
///
/// Two duties. *Never give a token out twice*, not after a power cut and not after an error: whoever sees
/// two texts under one mask learns about both. So `reserve` is one durable step, and what was reserved is
/// gone, taken or not. *Keep seeds and z secret*: with the frames of a session they give its text away.
///
/// Functions block, get `context` as their first argument, and return 0, or one of
/// SUBROSA_STATUS_STORE_TOO_FEW, _FULL, _STORAGE, _DAMAGED, _ORDER; any other number counts as
/// SUBROSA_STATUS_STORE_STORAGE.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Store {
    /// Whatever the functions want to know.
    pub context: *mut c_void,
    /// Tokens of `group` that are neither reserved nor used.
    pub available: Option<unsafe extern "C" fn(context: *mut c_void, group: u32) -> u32>,
    /// Burns what an earlier reservation has left over, and reserves `demand[group]` tokens of every group,
    /// all or nothing, durably before it returns. If some group has too few, nothing is reserved or burned.
    pub reserve: Option<
        unsafe extern "C" fn(context: *mut c_void, demand: *const u32, groups: usize) -> i32,
    >,
    /// Takes the next reserved token of `group`: writes its mask r, which subrosa_mask makes of the unit's
    /// seed and the token's index in it, and its z, and erases the z.
    pub take: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            group: u32,
            r: *mut u32,
            columns: usize,
            z: *mut u32,
            rows: usize,
        ) -> i32,
    >,
    /// Begins a unit of `tokens` tokens for `group`, with a seed of SUBROSA_SEED_BYTES bytes. `rows` calls
    /// of `put_row` follow, then `hold_unit`, or `abandon` at any time.
    pub begin_unit: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            group: u32,
            rows: usize,
            tokens: usize,
            seed: *const u8,
        ) -> i32,
    >,
    /// The next row of the unit: one word of z for each of its tokens. Word k belongs to the token of
    /// index k.
    pub put_row:
        Option<unsafe extern "C" fn(context: *mut c_void, row: *const u32, tokens: usize) -> i32>,
    /// The unit is whole. It waits for `settle`, and is not available before.
    pub hold_unit: Option<unsafe extern "C" fn(context: *mut c_void) -> i32>,
    /// Makes all units that wait available, durably and in one step, if `accept` is 1; erases them if it
    /// is 0.
    pub settle: Option<unsafe extern "C" fn(context: *mut c_void, accept: i32) -> i32>,
    /// Erases the unit that was begun and all that wait, if there are any. Settled ones stay.
    pub abandon: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

/// What the device has.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    /// How to reach the host.
    pub link: Link,
    /// Where randomness comes from.
    pub entropy: Entropy,
    /// Where correlations are kept.
    pub store: Store,
}

/// A token of the answer.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Its place in the answer, from 0.
    pub index: u32,
    /// Its number; 0xffffffff if a check has failed, by now or before.
    pub token: u32,
    /// Its bytes, in the bundle: UTF-8, of which a token may hold only a part. Null if it may not be shown.
    pub text: *const u8,
    /// How many they are.
    pub text_length: usize,
    /// Whether it may be shown: all checks so far have passed.
    pub may_be_shown: bool,
    /// Whether it ends the text: show neither it nor what follows. The call goes on to the end all the
    /// same, so that the host does not learn how long the text is.
    pub ends_text: bool,
}

/// Who hears of the progress of a call. Functions may be null. They must not take longer or shorter
/// for one text than for another where `departure` does not hide it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Observer {
    /// Whatever the functions want to know.
    pub context: *mut c_void,
    /// A token is there; `token` is valid until the function returns.
    pub token: Option<unsafe extern "C" fn(context: *mut c_void, token: *const Token)>,
    /// `done` of `all` positions of the prompt, or units of the preparation, are done.
    pub progress: Option<unsafe extern "C" fn(context: *mut c_void, done: u32, all: u32)>,
}

/// What to generate.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// A value of subrosa_mode.
    pub mode: u32,
    /// The prompt's tokens. Only its length, rounded up to a power of two from 16 on, becomes known to the
    /// host.
    pub prompt: *const u32,
    /// How many they are, at least 1.
    pub prompt_length: usize,
    /// Tokens of the answer, at least 1, which the host gets to know. All are generated, whatever the text
    /// says. Prompt and answer together are at most one more than subrosa_model.context.
    pub tokens: u32,
    /// Positions of the prompt that are computed together, 1 to 64: more are quicker and need more memory.
    /// Where so many do not fit a frame, fewer are.
    pub chunk: u32,
    /// Temperature of the choice of tokens: 0 for the most likely token, or a positive finite number.
    pub temperature: f32,
    /// The choice is among the most likely tokens that hold this share of the probability: above 0, at
    /// most 1.
    pub top_p: f32,
    /// SUBROSA_SEED_BYTES bytes, the seed of the choice: the same seed, the same tokens. Null draws one.
    /// It hides nothing: all secrets come from the source of randomness whatever stands here. What
    /// `subrosa generate --seed` calls number n is n in 8 bytes, the lowest first, and 24 zeros.
    pub seed: *const u8,
}

/// What to prepare.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Preparation {
    /// A value of subrosa_method.
    pub method: u32,
    /// Tokens of a unit of the masked method: 256, 512, 1024, 2048 or 4096. More need more memory, and
    /// fewer bytes for each token. The direct method has its own number and does not look.
    pub batch: u32,
    /// Tokens that the store shall hold for every group; whole units are prepared until it does.
    pub tokens: u32,
    /// Masked method: 0 for rows in full, 1 for a quarter fewer bytes from the host, and more work for the
    /// device.
    pub fewer_bytes: u32,
}

/// What a call has come to. It is written at the end, whatever the status, unless the arguments were
/// refused.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// Bytes sent.
    pub bytes_up: u64,
    /// Bytes received.
    pub bytes_down: u64,
    /// Of a request: products whose check passed, 0 unless the session has come to its end. Of a
    /// preparation: units that were kept.
    pub checks_passed: u32,
    /// Of a request: products whose check failed. Of a preparation: units that were refused.
    pub checks_failed: u32,
    /// The prompt's length as the host sees it; 0 for a preparation.
    pub prompt_bucket: u32,
    /// Positions of the prompt that were computed together; 0 for a preparation.
    pub chunk: u32,
    /// Tokens of the answer that the observer has heard of.
    pub tokens: u32,
}

/// A model, as its bundle describes it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// SHA-256 of the weights that the host must hold.
    pub digest: [u8; 32],
    /// Tokens of the vocabulary: tokens are below it.
    pub vocabulary: u32,
    /// Positions of the longest text.
    pub context: u32,
    /// Matrices of the model; groups are below it.
    pub groups: u32,
    /// The token that begins a text, or 0xffffffff if the model has none. A prompt has it in front.
    pub first_token: u32,
    /// Words of z for one token of every group, which is what a store holds for each token of text.
    pub words_per_token: u32,
}
