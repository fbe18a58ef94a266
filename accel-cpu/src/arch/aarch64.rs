//! Levels of 64-bit ARM, with the lowest byte first.

mod neon;
mod neondot;

pub(crate) use neon::Neon;
pub(crate) use neondot::NeonDot;
