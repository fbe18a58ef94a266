//! The online phase: from a prompt to an answer.
#![expect(unsafe_code, reason = "the interface of C")]

use crate::arena::Memories;
use crate::bundle::{Bundle, opened, status};
use crate::layout::{Generation, Ring, Set, Text, direct_memory, part};
use crate::link::CLink;
use crate::now::now;
use crate::platform::{CEntropy, CObserver, check_link};
use crate::pointer;
use crate::status::Status;
use crate::store::CStore;
use crate::types::{Mode, Observer, Platform, Report, Request, SEED_BYTES, Sizes, Workspace};
use device_client::choose::Choice;
use device_client::client::Client;
use device_client::decoder::Decoder;
use device_client::direct::DirectSession;
use device_client::generate::{Event, Sampling, generate};
use device_client::masked::MaskedSession;
use device_client::session::{self, Session};
use kernel::bundle::DeviceBundle;
use kernel::params::ParameterId;
use kernel::stream::{Entropy as _, Seed};
use kernel::wire::SessionId;

/// The parameter set of masked sessions' headers: any masked one will do, since the store tells nobody
/// how its correlations were made.
const MASKED: ParameterId = ParameterId::Masked256x16;

/// Writes the memory that a request needs. Of the request, mode, prompt_length, tokens and chunk
/// count; the prompt need not be there yet.
///
/// Fails with NULL_POINTER, MISALIGNED, HANDLE, OPTION, PROMPT or CONTEXT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_generate_sizes(
    bundle: *const Bundle,
    request: *const Request,
    sizes: *mut Sizes,
) -> Status {
    let measure = || {
        // SAFETY: the caller promises a handle, a request, and memory for sizes.
        unsafe {
            let planned = plan(opened(bundle)?, pointer::structure(request)?)?;
            pointer::write(sizes, planned.sizes())
        }
    };
    status(measure())
}

fn plan(bundle: &DeviceBundle<'_>, request: &Request) -> Result<Generation, Status> {
    let Request { mode, prompt_length, tokens, chunk, .. } = *request;
    Generation::new(bundle.config(), mode, prompt_length, tokens, chunk)
}

/// Generates: opens a session with the host, runs it to its end, and tells `observer` (which may be
/// null) of the tokens as they come.
///
/// In masked mode the store is asked for `available`, `reserve` and `take`; all correlations of the
/// request are gone once the host has opened the session, whatever happens then. A link that breaks is
/// opened again as `retry` says, and the same bytes are sent.
///
/// Returns CHECKS_FAILED if any check failed: nothing of the answer may be used then, and the host
/// must not be asked in direct mode, or to prepare by the direct method, ever again. It is the caller's
/// to remember that.
///
/// Before anything is sent it fails with NULL_POINTER, MISALIGNED, HANDLE, MEMORY, OVERLAP, OPTION,
/// PROMPT, CONTEXT, MODE_UNAVAILABLE, STORE_TOO_FEW or ENTROPY; later with CALLBACK, LINK, a HOST or a
/// STORE status. `report` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn subrosa_generate(
    bundle: *const Bundle,
    request: *const Request,
    platform: *const Platform,
    workspace: *const Workspace,
    observer: *const Observer,
    report: *mut Report,
) -> Status {
    let run = || {
        // SAFETY: the caller promises a handle, structures and memory.
        unsafe {
            let call = Call::new(bundle, request, platform, observer)?;
            let memories = Memories::new(pointer::structure(workspace)?)?;
            if !report.is_null() {
                pointer::write(report, Report::default())?;
            }
            let mut told = Report::default();
            let outcome = call.run(memories, &mut told);
            if !report.is_null() {
                pointer::write(report, told)?;
            }
            outcome
        }
    };
    status(run())
}

/// A call whose arguments are good.
struct Call<'a> {
    bundle: &'a DeviceBundle<'a>,
    planned: Generation,
    prompt: &'a [u32],
    sampling: Sampling,
    platform: &'a Platform,
    observer: CObserver<'a>,
}

impl<'a> Call<'a> {
    /// # Safety
    /// Pointers are null, misaligned, or of what [`subrosa_generate`] asks for.
    unsafe fn new(
        bundle: *const Bundle,
        request: *const Request,
        platform: *const Platform,
        observer: *const Observer,
    ) -> Result<Self, Status> {
        // SAFETY: the caller's promise.
        let (bundle, request, platform) = unsafe {
            (opened(bundle)?, pointer::structure(request)?, pointer::structure(platform)?)
        };
        let planned = plan(bundle, request)?;
        // SAFETY: the caller's promise.
        let prompt = unsafe { pointer::array(request.prompt, request.prompt_length) }?;
        if prompt.iter().any(|&token| token >= bundle.config().vocab) {
            return Err(Status::Prompt);
        }
        let choice = Choice::new(request.temperature, request.top_p).map_err(|_| Status::Option)?;
        let mut entropy = CEntropy::new(&platform.entropy)?;
        check_link(&platform.link)?;
        let observer = if observer.is_null() {
            None
        } else {
            // SAFETY: the caller's promise.
            Some(unsafe { pointer::structure(observer) }?)
        };
        let seed = if request.seed.is_null() {
            Seed::random(&mut entropy)?
        } else {
            let mut bytes = [0; SEED_BYTES];
            // SAFETY: the caller's promise.
            bytes.copy_from_slice(unsafe { pointer::array(request.seed, SEED_BYTES) }?);
            Seed::from_bytes(bytes)
        };
        let sampling = Sampling { choice, seed };
        Ok(Self { bundle, planned, prompt, sampling, platform, observer: CObserver(observer) })
    }

    fn run(&self, mut memories: Memories, report: &mut Report) -> Result<(), Status> {
        let [mut text, mut session, mut frames] = memories.arenas();
        let text = self.planned.text(&mut text)?;
        let part = part(&mut frames)?;
        let mut entropy = CEntropy::new(&self.platform.entropy)?;
        let mut id = SessionId([0; 16]);
        entropy.fill(&mut id.0)?;
        let (bundle, schedule) = (self.bundle, self.planned.schedule);
        match self.planned.mode {
            Mode::Masked => {
                let (words, demand) = self.planned.masked(&mut session)?;
                let config = bundle.config();
                let mut store = CStore::to_take_from(&self.platform.store, config, demand)?;
                let session = MaskedSession::open(bundle, &mut store, schedule, MASKED, id, words)?;
                self.over(session, text, part, report)
            }
            Mode::Direct => {
                let memory = direct_memory(&mut session)?;
                let seed = Seed::random(&mut entropy)?;
                let session: DirectSession<'_, Set, Ring> =
                    DirectSession::open(bundle, schedule, id, seed, memory)?;
                self.over(session, text, part, report)
            }
        }
    }

    fn over<M: session::Mode>(
        &self,
        session: Session<'_, M>,
        text: Text<'_>,
        part: &mut [u8],
        report: &mut Report,
    ) -> Result<(), Status> {
        let Self { bundle, planned, observer, .. } = self;
        let (schedule, context) = (&planned.schedule, planned.context);
        let chunk = schedule.chunk();
        (report.prompt_bucket, report.chunk) = (schedule.prompt_bucket(), chunk);
        let mut decoder =
            Decoder::new(bundle, context, chunk as usize, text.floats, text.integers)?;
        let link = CLink(&self.platform.link);
        now(async {
            let mut client = Client::open(session, link, part).await?;
            let mut tokens = 0;
            let generated = generate(
                &mut decoder,
                schedule,
                self.prompt,
                &self.sampling,
                text.indices,
                &mut client,
                |event| match event {
                    Event::Prefill { rows, of } => observer.progress(rows, of),
                    Event::Token { index, token, sound } => {
                        tokens += 1;
                        observer.token(bundle, index, token, sound);
                    }
                    Event::Logits { .. } => {}
                },
            )
            .await;
            report.tokens = tokens;
            (report.bytes_up, report.bytes_down) = client.bytes();
            report.checks_failed = client.failures();
            if let Err(error) = generated {
                let cheated = report.checks_failed > 0;
                return Err(if cheated { Status::ChecksFailed } else { error.into() });
            }
            let (verdict, up, down) = client.close().await?;
            (report.bytes_up, report.bytes_down) = (up, down);
            report.checks_failed = verdict.failed;
            report.checks_passed = verdict.checks - verdict.failed;
            if verdict.failed > 0 { Err(Status::ChecksFailed) } else { Ok(()) }
        })
    }
}
