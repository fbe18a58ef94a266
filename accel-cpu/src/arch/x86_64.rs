//! Levels of x86-64.

mod avx512vnni;

pub(crate) use avx512vnni::Avx512Vnni;
