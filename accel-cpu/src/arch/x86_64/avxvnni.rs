use super::avx2::*;
use crate::arch::{Kernels, Sums, with_height};
use crate::digits::{Halves, PLANE};
use core::arch::x86_64::*;

/// Proof that the processor has AVX2 and AVX-VNNI, and the loops that need them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AvxVnni(());

impl AvxVnni {
    pub(crate) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("avxvnni");
        detected.then_some(Self(()))
    }
}

impl Kernels for AvxVnni {
    type Digits = Halves;

    fn dot(&self, rows: &[&[i8]], next: &[i8], column: &[Column], sums: &mut [[i32; 4]]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the features were detected.
            sums.copy_from_slice(&unsafe { dot(rows, next, column) });
        });
    }

    fn dot_bytes(&self, rows: &[&[i8]], next: &[i8], column: &[[u8; PLANE]], sums: &mut [i32]) {
        with_height!(rows, rows => {
            // SAFETY: `self` exists only where the features were detected.
            sums.copy_from_slice(&unsafe { dot_bytes(rows, next, column) });
        });
    }

    fn multiply(&self, rows: &[&[i8]], columns: &[Step], sums: &mut [Sums]) {
        for (rows, sums) in rows.chunks(HEIGHT).zip(sums.chunks_mut(HEIGHT)) {
            with_height!(rows, rows => {
                // SAFETY: `self` exists only where the features were detected.
                unsafe { multiply(rows, columns, sums) }
            });
        }
    }
}

loops!("avx2,avxvnni", _mm256_dpwssd_avx_epi32);
