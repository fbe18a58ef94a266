//! How much memory calls need, and how it is divided: all that depends on what device-client keeps
//! where.

use crate::arena::{Arena, bytes_of};
use crate::status::Status;
use crate::types::{Method, Mode, Sizes};
use device_client::decoder::{Decoder, WorkspaceLen};
use device_client::direct::{DirectMemory, direct_fitting_chunk};
use device_client::masked::{fitting_chunk, masked_words};
use device_client::prepare::{PrepareMemory, prepare_frame_bytes};
use device_client::prepare_direct::{PrepareDirectMemory, preparation_rule, prepare_direct_words};
use device_client::session::{MAX_CHUNK, PART_BYTES};
use device_client::unit::{UnitWorkspace, unit_words};
use kernel::bundle::DeviceBundle;
use kernel::model::{GroupId, ModelConfig};
use kernel::params::{Direct4096, MaskedSet, ParameterId, ParameterSet};
use kernel::ring::Scalar;
use kernel::schedule::Schedule;
use kernel::trace::PreparationRule;
use kernel::wire::MAX_PAYLOAD;
use kernel::with_masked_set;

/// The parameter set of direct mode.
pub(crate) type Set = Direct4096;
/// Polynomial arithmetic of the device.
pub(crate) type Ring = Scalar;

/// Bytes of the parts in which frames pass: most requests of masked mode are one, and leave at once.
const PART: usize = 4096;
const _: () = assert!(PART >= PART_BYTES);
/// Keys of a unit of the masked method.
const KEYS: usize = 1;

/// A request's schedule, and its memory.
pub(crate) struct Generation {
    pub(crate) mode: Mode,
    pub(crate) schedule: Schedule,
    /// Positions that the cache of keys and values holds.
    pub(crate) context: usize,
    config: ModelConfig,
    decoder: WorkspaceLen,
}

/// What a request's text memory is divided into.
pub(crate) struct Text<'a> {
    pub(crate) floats: &'a mut [f32],
    pub(crate) integers: &'a mut [i32],
    pub(crate) indices: &'a mut [u32],
}

impl Generation {
    /// For a prompt of `prompt` tokens, of which up to `chunk` are computed together.
    pub(crate) fn new(
        config: &ModelConfig,
        mode: u32,
        prompt: usize,
        tokens: u32,
        chunk: u32,
    ) -> Result<Self, Status> {
        let wanted = chunk as usize;
        if !(1..=MAX_CHUNK).contains(&wanted) {
            return Err(Status::Option);
        }
        let masked = mode == Mode::Masked as u32;
        let (mode, chunk) = match mode {
            _ if masked => (Mode::Masked, fitting_chunk(config, wanted)),
            _ if mode == Mode::Direct as u32 => {
                (Mode::Direct, direct_fitting_chunk::<Set>(config, wanted))
            }
            _ => return Err(Status::Option),
        };
        if prompt == 0 {
            return Err(Status::Prompt);
        }
        let prompt = u32::try_from(prompt).map_err(|_| Status::Context)?;
        let schedule = Schedule::for_request(config, prompt, tokens, chunk as u32)?;
        let chunk = schedule.chunk() as usize;
        let context = schedule.positions() as usize;
        Ok(Self {
            mode,
            schedule,
            context,
            config: *config,
            decoder: Decoder::workspace_len(config, context, chunk),
        })
    }

    fn chunk(&self) -> usize {
        self.schedule.chunk() as usize
    }

    pub(crate) fn sizes(&self) -> Sizes {
        let config = &self.config;
        let text = bytes_of::<f32>(self.decoder.floats)
            .saturating_add(bytes_of::<i32>(self.decoder.integers))
            .saturating_add(bytes_of::<u32>(config.vocab as usize));
        let (session, correlations) = match self.mode {
            Mode::Masked => {
                let words = bytes_of::<u32>(masked_words(config, self.chunk()));
                (words + bytes_of::<u32>(config.group_count() as usize), self.context as u32)
            }
            Mode::Direct => (direct_bytes(), 0),
        };
        Sizes { text, session, frames: bytes_of::<u8>(PART), correlations }
    }

    pub(crate) fn text<'a>(&self, memory: &mut Arena<'a>) -> Result<Text<'a>, Status> {
        Ok(Text {
            floats: memory.take(self.decoder.floats, 0.0)?,
            integers: memory.take(self.decoder.integers, 0)?,
            indices: memory.take(self.config.vocab as usize, 0)?,
        })
    }

    /// The words of masked mode, and one for each group.
    pub(crate) fn masked<'a>(
        &self,
        memory: &mut Arena<'a>,
    ) -> Result<(&'a mut [u32], &'a mut [u32]), Status> {
        let words = memory.take(masked_words(&self.config, self.chunk()), 0)?;
        Ok((words, memory.take(self.config.group_count() as usize, 0)?))
    }
}

/// A part of a frame.
pub(crate) fn part<'a>(memory: &mut Arena<'a>) -> Result<&'a mut [u8], Status> {
    memory.take(PART, 0)
}

const fn direct_bytes() -> usize {
    bytes_of::<u32>(DirectMemory::words::<Set>()) + bytes_of::<i8>(Set::N)
}

/// The memory of direct mode.
pub(crate) fn direct_memory<'a>(memory: &mut Arena<'a>) -> Result<DirectMemory<'a>, Status> {
    Ok(DirectMemory {
        words: memory.take(DirectMemory::words::<Set>(), 0)?,
        key: memory.take(Set::N, 0)?,
    })
}

/// How a preparation makes its units.
pub(crate) enum Units {
    /// Under the masked method, with this set.
    Masked(ParameterId),
    /// Through direct mode, by this rule.
    Direct(PreparationRule),
}

/// A preparation's units, and its memory.
pub(crate) struct Preparing {
    pub(crate) units: Units,
    /// Tokens of a unit.
    pub(crate) unit_tokens: u32,
    /// Units at most.
    most: usize,
    session: usize,
    frame: usize,
}

impl Preparing {
    /// For `tokens` tokens of every group.
    pub(crate) fn new(
        bundle: &DeviceBundle<'_>,
        method: u32,
        batch: u32,
        tokens: u32,
    ) -> Result<Self, Status> {
        let (units, unit_tokens, session, frame) = if method == Method::Masked as u32 {
            let id = [
                ParameterId::Masked256x16,
                ParameterId::Masked512x8,
                ParameterId::Masked1024x4,
                ParameterId::Masked2048x2,
                ParameterId::Masked4096x1,
            ]
            .into_iter()
            .find(|id| id.degree_and_rank().0 == batch as usize)
            .ok_or(Status::Option)?;
            let (session, frame) = with_masked_set!(
                id,
                S => {
                    let words = bytes_of::<u32>(unit_words::<S>(KEYS));
                    (words + bytes_of::<i8>(S::N), prepare_frame_bytes::<S>())
                },
                return Err(Status::Option)
            );
            (Units::Masked(id), batch, session, frame)
        } else if method == Method::Direct as u32 {
            let rule = preparation_rule::<Set>(bundle).ok_or(Status::ModeUnavailable)?;
            let session = direct_bytes() + bytes_of::<u32>(prepare_direct_words(&rule));
            let tokens = rule.tokens() as u32;
            (Units::Direct(rule), tokens, session, PART)
        } else {
            return Err(Status::Option);
        };
        let groups = bundle.config().group_count() as usize;
        let most = groups.saturating_mul(tokens.div_ceil(unit_tokens) as usize);
        Ok(Self { units, unit_tokens, most, session, frame })
    }

    pub(crate) const fn sizes(&self) -> Sizes {
        Sizes {
            text: 0,
            session: self.session.saturating_add(bytes_of::<GroupId>(self.most)),
            frames: bytes_of::<u8>(self.frame),
            correlations: 0,
        }
    }

    /// Room for the list of units.
    pub(crate) fn list<'a>(&self, memory: &mut Arena<'a>) -> Result<&'a mut [GroupId], Status> {
        memory.take(self.most, GroupId(0))
    }

    pub(crate) fn masked<'a, S: MaskedSet>(
        &self,
        session: &mut Arena<'a>,
        frames: &mut Arena<'a>,
    ) -> Result<PrepareMemory<'a>, Status> {
        let unit = UnitWorkspace {
            words: session.take(unit_words::<S>(KEYS), 0)?,
            noise: session.take(S::N, 0)?,
        };
        Ok(PrepareMemory { unit, frame: frames.take(self.frame, 0)?, max_payload: MAX_PAYLOAD })
    }

    pub(crate) fn direct<'a>(
        &self,
        rule: &PreparationRule,
        session: &mut Arena<'a>,
        frames: &mut Arena<'a>,
    ) -> Result<PrepareDirectMemory<'a>, Status> {
        Ok(PrepareDirectMemory {
            cipher: direct_memory(session)?,
            words: session.take(prepare_direct_words(rule), 0)?,
            part: part(frames)?,
        })
    }
}
