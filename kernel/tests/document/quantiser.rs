//! The activation quantiser as the page has it, step by step, with the page's constants.

use crate::page::{Page, number};
use kernel::quant::{ActivationQuantiser, GroupBounds};

struct Constants {
    reciprocal: u32,
    root: u32,
    step_4: f32,
    least: f32,
    largest: f32,
}

impl Constants {
    fn reciprocal(&self, a: f32) -> f32 {
        (0..4).fold(f32::from_bits(self.reciprocal - a.to_bits()), |y, _| y * (2.0 - (a * y)))
    }

    fn root(&self, a: f32) -> f32 {
        let start = f32::from_bits(self.root - a.to_bits() / 2);
        a * (0..4).fold(start, |y, _| y * (1.5 - (((0.5 * a) * y) * y)))
    }

    fn quantise(&self, bounds: &GroupBounds, x: &[f32]) -> (f32, Vec<i32>) {
        let half_t = (4_293_918_721_u64 - 1) / 2;
        let s_max = (half_t * half_t / bounds.norm2_squared.max(1)).min(1 << 50);
        let h = (x.len().isqrt() + 1) as f32 * 0.5;
        let r = (s_max.isqrt() as f32 - h) * (1.0 - 1.0 / 4096.0);

        let sanitise = |x: &f32| match x.abs() {
            a if !a.is_finite() || a < self.least => 0.0,
            a if a > self.largest => self.largest.copysign(*x),
            _ => *x,
        };
        let round = |x: f32| x.round_ties_even() as i64;
        let v: Vec<f32> = x.iter().map(sanitise).collect();
        let m = v.iter().fold(0_f32, |m, v| m.max(v.abs()));
        let m = if m == 0.0 { 1.0 } else { m };
        let g = self.reciprocal(m);
        let a: i64 = v.iter().map(|v| round((v * g) * 32767.0).pow(2)).sum();
        let norm = self.root((a >> 15) as f32) * self.step_4;
        let s = (r * (32767.0 * self.reciprocal(norm + h))).min(32767.0);
        let q = v.iter().map(|v| round(v * (g * s)) as i32).collect();
        (m * self.reciprocal(s), q)
    }
}

pub(crate) fn quantiser(page: &Page) {
    let table = page.table("quantiser");
    let names = ["reciprocal seed", "root seed", "step 4 factor", "least magnitude"];
    let names: Vec<_> = names.into_iter().chain(["largest magnitude"]).collect();
    assert_eq!(table.iter().map(|row| row[0]).collect::<Vec<_>>(), names);
    let bits = |at: usize| number(table[at][1]) as u32;
    let constants = Constants {
        reciprocal: bits(0),
        root: bits(1),
        step_4: f32::from_bits(bits(2)),
        least: f32::from_bits(bits(3)),
        largest: f32::from_bits(bits(4)),
    };
    assert_eq!((constants.least, constants.largest), (2_f32.powi(-60), 2_f32.powi(60)));

    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 32) as u32
    };
    for case in 0..2000 {
        let n = 1 + random() as usize % 70;
        let bounds = GroupBounds { norm2_squared: 1 << (case % 45), norm1: 1 };
        let mut x: Vec<f32> =
            (0..n).map(|_| f32::from_bits(random() & 0x83ff_ffff | 0x3c00_0000)).collect();
        // Any bits: NaN, infinity, subnormals, magnitudes at and beyond both limits.
        let odd = [f32::from_bits(random()), constants.least, constants.largest * 2.0];
        x[0] = if case % 4 == 3 { odd[case % 3] } else { x[0] };
        let mut q = vec![0; n];
        let quantiser = ActivationQuantiser::new(&bounds, n).unwrap();
        let factor = quantiser.quantise(&x, &mut q);
        let expected = constants.quantise(&bounds, &x);
        assert_eq!((factor.to_bits(), q), (expected.0.to_bits(), expected.1), "case {case}");
    }
}
