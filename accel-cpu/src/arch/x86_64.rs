//! Levels of x86-64.

mod avx2;
mod avx2_lanes;
mod avx512_lanes;
mod avx512vnni;
mod avxvnni;

pub(crate) use avx2::Avx2;
pub(crate) use avx2_lanes::Avx2Lanes;
pub(crate) use avx512_lanes::Avx512Lanes;
pub(crate) use avx512vnni::Avx512Vnni;
pub(crate) use avxvnni::AvxVnni;
