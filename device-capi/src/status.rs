//! What a call has come to, and whose fault it is.

use crate::link::LinkError;
use core::ffi::{CStr, c_char};
use device_client::client::ClientError;
use device_client::decoder::DecoderError;
use device_client::generate::GenerateError;
use device_client::prepare::PrepareError;
use device_client::session::SessionError;
use device_client::store::StoreError;
use device_client::transport::TransportError;
use device_client::unit::UnitError;
use kernel::bundle::BundleError;
use kernel::schedule::ScheduleError;
use kernel::wire::{FaultCode, WireError};

/// What a call has come to. The tens say whose fault it is: 1 the caller's, 2 the bundle's, 3 the
/// link's, 4 the host's, 5 the store's, 6 the source of randomness's, 7 the host's, who was caught
/// cheating, and 8 ours.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// All is done.
    Ok = 0,
    /// A pointer, or a callback that the call needs, is null.
    NullPointer = 10,
    /// The handle is not that of an open bundle.
    Handle = 11,
    /// Memory, a bundle or a structure does not have the alignment it needs.
    Misaligned = 12,
    /// Memory is smaller than the sizes that were asked for.
    Memory = 13,
    /// Memories overlap.
    Overlap = 14,
    /// A number is out of its range, or a choice is none of those there are.
    Option = 15,
    /// The prompt is empty, or has a token beyond the vocabulary.
    Prompt = 16,
    /// Prompt and answer together exceed the model's context.
    Context = 17,
    /// A callback returned what it must not.
    Callback = 18,
    /// Not a device bundle, or one that is cut off.
    BundleMalformed = 20,
    /// The bundle's contents do not match its digest.
    BundleDamaged = 21,
    /// A bundle of a version that this library does not read.
    BundleVersion = 22,
    /// A bundle of a model that this library does not serve.
    BundleUnsupported = 23,
    /// The model cannot be served in direct mode, or not be prepared by that method: the masked ones
    /// serve every model.
    ModeUnavailable = 24,
    /// The link broke, and no attempt is left.
    Link = 30,
    /// The host broke the protocol, visibly.
    HostProtocol = 40,
    /// The host serves another model.
    HostModel = 41,
    /// The host is busy, has closed down or waited too long: try again later.
    HostUnavailable = 42,
    /// The host refuses: the request is beyond its limits, or it has failed.
    HostRefused = 43,
    /// The store holds too few correlations: prepare more.
    StoreTooFew = 50,
    /// The store has no room for a unit.
    StoreFull = 51,
    /// The storage failed.
    StoreStorage = 52,
    /// What the storage holds is not what was stored.
    StoreDamaged = 53,
    /// The store was used out of order.
    StoreOrder = 54,
    /// No randomness could be had.
    Entropy = 60,
    /// A check failed: the host has cheated, or its weights are damaged. Nothing of the answer may be
    /// used, and no direct mode or method with this host from now on.
    ChecksFailed = 70,
    /// A fault of the library.
    Internal = 80,
}

impl Status {
    const fn text(self) -> &'static CStr {
        match self {
            Self::Ok => c"done",
            Self::NullPointer => c"a pointer or a callback is null",
            Self::Handle => c"the handle is not that of an open bundle",
            Self::Misaligned => c"memory or a bundle is not aligned",
            Self::Memory => c"memory is too small",
            Self::Overlap => c"memories overlap",
            Self::Option => c"an option is out of its range",
            Self::Prompt => c"the prompt is empty or has a token beyond the vocabulary",
            Self::Context => c"prompt and answer exceed the model's context",
            Self::Callback => c"a callback returned what it must not",
            Self::BundleMalformed => c"not a device bundle, or cut off",
            Self::BundleDamaged => c"the bundle is damaged",
            Self::BundleVersion => c"the bundle's version is not supported",
            Self::BundleUnsupported => c"the bundle's model is not supported",
            Self::ModeUnavailable => c"the model allows only the masked mode and method",
            Self::Link => c"the link broke",
            Self::HostProtocol => c"the host broke the protocol",
            Self::HostModel => c"the host serves another model",
            Self::HostUnavailable => c"the host is not available now",
            Self::HostRefused => c"the host refuses",
            Self::StoreTooFew => c"too few correlations are prepared",
            Self::StoreFull => c"the store is full",
            Self::StoreStorage => c"the storage failed",
            Self::StoreDamaged => c"the store is damaged",
            Self::StoreOrder => c"the store was used out of order",
            Self::Entropy => c"no secure randomness is available",
            Self::ChecksFailed => c"a check failed: the host cheats or its weights are damaged",
            Self::Internal => c"a fault of the library",
        }
    }

    /// All of them.
    const ALL: [Self; 28] = [
        Self::Ok,
        Self::NullPointer,
        Self::Handle,
        Self::Misaligned,
        Self::Memory,
        Self::Overlap,
        Self::Option,
        Self::Prompt,
        Self::Context,
        Self::Callback,
        Self::BundleMalformed,
        Self::BundleDamaged,
        Self::BundleVersion,
        Self::BundleUnsupported,
        Self::ModeUnavailable,
        Self::Link,
        Self::HostProtocol,
        Self::HostModel,
        Self::HostUnavailable,
        Self::HostRefused,
        Self::StoreTooFew,
        Self::StoreFull,
        Self::StoreStorage,
        Self::StoreDamaged,
        Self::StoreOrder,
        Self::Entropy,
        Self::ChecksFailed,
        Self::Internal,
    ];
}

/// A short text in English for a status, of static memory; for any other number one that says so.
#[expect(unsafe_code, reason = "a symbol of C")]
#[unsafe(no_mangle)]
pub extern "C" fn subrosa_status_text(status: u32) -> *const c_char {
    let found = Status::ALL.iter().find(|&&known| known as u32 == status);
    found.map_or(c"not a status", |status| status.text()).as_ptr()
}

impl From<BundleError> for Status {
    fn from(error: BundleError) -> Self {
        match error {
            BundleError::Version(_) | BundleError::UnknownSection(_) => Self::BundleVersion,
            BundleError::Damaged => Self::BundleDamaged,
            BundleError::NotInPlace => Self::Misaligned,
            BundleError::Model(_) | BundleError::Bound { .. } => Self::BundleUnsupported,
            _ => Self::BundleMalformed,
        }
    }
}

impl From<ScheduleError> for Status {
    fn from(error: ScheduleError) -> Self {
        match error {
            ScheduleError::Context { .. } => Self::Context,
            _ => Self::Option,
        }
    }
}

impl From<WireError> for Status {
    fn from(error: WireError) -> Self {
        if error == WireError::Model { Self::HostModel } else { Self::HostProtocol }
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooFew { .. } => Self::StoreTooFew,
            StoreError::Order => Self::StoreOrder,
            StoreError::Damaged => Self::StoreDamaged,
            StoreError::Full => Self::StoreFull,
            _ => Self::StoreStorage,
        }
    }
}

impl From<TransportError<LinkError>> for Status {
    fn from(error: TransportError<LinkError>) -> Self {
        match error {
            TransportError::Link(LinkError::Callback) => Self::Callback,
            TransportError::Link(LinkError::Broken) | TransportError::Closed => Self::Link,
            TransportError::Wire(error) => error.into(),
            TransportError::Fault(fault) => match fault.code {
                FaultCode::Model => Self::HostModel,
                FaultCode::Busy | FaultCode::Deadline | FaultCode::Shutdown => {
                    Self::HostUnavailable
                }
                _ => Self::HostRefused,
            },
            _ => Self::Internal,
        }
    }
}

impl From<SessionError> for Status {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Inexact { .. } => Self::ModeUnavailable,
            SessionError::Wire(error) => error.into(),
            SessionError::Store(error) => error.into(),
            _ => Self::Internal,
        }
    }
}

impl From<ClientError<LinkError>> for Status {
    fn from(error: ClientError<LinkError>) -> Self {
        match error {
            ClientError::Transport(error) => error.into(),
            ClientError::Session(error) => error.into(),
            _ => Self::Internal,
        }
    }
}

impl From<DecoderError> for Status {
    fn from(error: DecoderError) -> Self {
        match error {
            DecoderError::Token { .. } => Self::Prompt,
            _ => Self::Internal,
        }
    }
}

impl From<GenerateError<ClientError<LinkError>>> for Status {
    fn from(error: GenerateError<ClientError<LinkError>>) -> Self {
        match error {
            GenerateError::Decoder(error) => error.into(),
            GenerateError::Products(error) => error.into(),
            _ => Self::Internal,
        }
    }
}

impl From<PrepareError<LinkError>> for Status {
    fn from(error: PrepareError<LinkError>) -> Self {
        match error {
            PrepareError::Entropy => Self::Entropy,
            PrepareError::Transport(error) => error.into(),
            PrepareError::Unit(UnitError::Direct) => Self::ModeUnavailable,
            PrepareError::Unit(UnitError::Wire(error)) => error.into(),
            PrepareError::Unit(UnitError::Store(error)) => error.into(),
            _ => Self::Internal,
        }
    }
}
