//! Why a device has no text to show, and whose fault it is.

use crate::secure::LinkFailure;
use board::entropy::NoEntropy;
use device_client::choose::ChoiceError;
use device_client::client::ClientError;
use device_client::decoder::DecoderError;
use device_client::generate::GenerateError;
#[cfg(feature = "masked")]
use device_client::prepare::PrepareError;
use device_client::session::SessionError;
#[cfg(feature = "masked")]
use device_client::store::StoreError;
use kernel::bundle::BundleError;
use kernel::schedule::ScheduleError;

/// Why a run ended early.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the command line is not understood")]
    CommandLine,
    #[error("the bundle in flash is refused: {0}")]
    Bundle(#[from] BundleError),
    #[error("the request does not fit the model: {0}")]
    Schedule(#[from] ScheduleError),
    #[error("{0}")]
    Choice(#[from] ChoiceError),
    #[error("the device has too little {0} memory")]
    Memory(&'static str),
    #[error("the network controller does not work")]
    Ethernet,
    #[error("no secure randomness is available")]
    Entropy,
    #[cfg(feature = "masked")]
    #[error("the store has room for {room} tokens, and {needed} are needed")]
    Room { room: usize, needed: usize },
    #[cfg(feature = "masked")]
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[cfg(feature = "masked")]
    #[error("preparing correlations failed: {0}")]
    Prepare(#[from] PrepareError<LinkFailure>),
    #[error("the session ended early: {0}")]
    Client(#[from] ClientError<LinkFailure>),
    #[error("{0}")]
    Decoder(#[from] DecoderError),
    #[error("the host was caught cheating: {failed} checks failed, and nothing of it is shown")]
    Cheated { failed: u32 },
    #[cfg(feature = "direct")]
    #[error("the host was caught cheating before: only masked mode may be used with it")]
    Distrust,
    #[error("the prompt does not fit the schedule")]
    Prompt,
}

impl Failure {
    /// As the desktop's program.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::CommandLine => 2,
            Self::Cheated { .. } => 3,
            #[cfg(feature = "direct")]
            Self::Distrust => 3,
            _ => 1,
        }
    }

    pub(crate) const fn is_cheat(self) -> bool {
        matches!(self, Self::Cheated { .. })
    }

    /// Whether another run would fail as well.
    pub(crate) const fn is_final(self) -> bool {
        match self {
            #[cfg(feature = "masked")]
            Self::Prepare(_) => false,
            Self::Client(_) | Self::Cheated { .. } => false,
            _ => true,
        }
    }
}

impl From<GenerateError<ClientError<LinkFailure>>> for Failure {
    fn from(error: GenerateError<ClientError<LinkFailure>>) -> Self {
        match error {
            GenerateError::Products(error) => error.into(),
            GenerateError::Decoder(error) => error.into(),
            GenerateError::Choice(error) => error.into(),
            _ => Self::Prompt,
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        ClientError::from(error).into()
    }
}

impl From<NoEntropy> for Failure {
    fn from(_: NoEntropy) -> Self {
        Self::Entropy
    }
}
