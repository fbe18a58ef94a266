use super::*;
use proptest::prelude::*;
use std::vec;

fn any_f32() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => -100_f32..100.0,
        1 => any::<u32>().prop_map(f32::from_bits),
        1 => prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, 1e-45, 0.0]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever the input, the promise holds: no product with a row can reach t / 2.
    #[test]
    fn activations_never_overflow(
        x in prop::collection::vec(any_f32(), 1..80),
        norm2_squared in 0_u64..(1 << 40),
    ) {
        let bounds = GroupBounds { norm2_squared, norm1: 0 };
        let Ok(quantiser) = ActivationQuantiser::new(&bounds, x.len()) else {
            return Ok(());
        };
        let mut q = vec![i32::MIN; x.len()];
        let back = quantiser.quantise(&x, &mut q);
        prop_assert!(back.is_finite() && back > 0.0);
        let squares: u64 = q.iter().map(|&q| (i64::from(q) * i64::from(q)) as u64).sum();
        prop_assert!(squares <= bounds.largest_sum_of_squares());
        prop_assert!(q.iter().all(|q| q.abs() <= ACTIVATION_MAX));
        prop_assert!(x.iter().zip(&q).all(|(x, &q)| x.is_finite() || q == 0));
    }

    /// Ordinary vectors keep their full width, and come back within half a step.
    #[test]
    fn activations_come_back(x in prop::collection::vec(-50_f32..50.0, 1..300), tight: bool) {
        let norm2_squared = if tight { 1 << 36 } else { 200_000 };
        let bounds = GroupBounds { norm2_squared, norm1: 0 };
        let quantiser = ActivationQuantiser::new(&bounds, x.len()).unwrap();
        let mut q = vec![0; x.len()];
        let back = quantiser.quantise(&x, &mut q);
        let largest = x.iter().fold(0_f32, |m, v| m.max(v.abs()));
        prop_assume!(largest > 1e-6);
        for (x, q) in x.iter().zip(&q) {
            prop_assert!((x - back * *q as f32).abs() <= back * 0.52 + largest * 1e-6);
        }
        let norm: f64 = q.iter().map(|&q| f64::from(q).powi(2)).sum::<f64>().sqrt();
        let limit = (bounds.largest_sum_of_squares() as f64).sqrt();
        let full = q.iter().any(|q| q.abs() >= ACTIVATION_MAX - 1);
        let slack = (x.len() as f64).sqrt() * 1.5 + 3.0;
        prop_assert!(full || norm >= limit * 0.999 - slack, "scale is needlessly small");
    }

    #[test]
    fn rows_round_to_the_nearest_integer(row in prop::collection::vec(-3_f32..3.0, 1..200)) {
        let mut q = vec![0; row.len()];
        let scale = quantise_row(&row, &mut q).unwrap();
        for (w, &q) in row.iter().zip(&q) {
            prop_assert!((f64::from(*w) / f64::from(scale) - f64::from(q)).abs() <= 0.5 + 1e-5);
        }
        prop_assert!(row.iter().all(|w| *w == 0.0) || q.iter().any(|q| q.abs() == 127));
    }
}

#[test]
fn rows_with_ties_zeros_and_bad_values() {
    let mut q = [0; 4];
    assert_eq!(quantise_row(&[127.0, 0.5, 1.5, -2.5], &mut q), Ok(1.0));
    assert_eq!(q, [127, 0, 2, -2]);
    assert_eq!(quantise_row(&[0.0, -0.0, 1e-44, 0.0], &mut q), Ok(1.0));
    assert_eq!(q, [0; 4]);
    assert_eq!(quantise_row(&[0.0, f32::NAN], &mut q[..2]), Err(WeightError::NotFinite(1)));
}

#[test]
fn bounds_refuse_what_could_fail() {
    let mut bounds = GroupBounds::default();
    bounds.include(&[127, -128, 3]);
    bounds.include(&[1, 1, 1]);
    assert_eq!(bounds, GroupBounds { norm2_squared: 127 * 127 + 128 * 128 + 9, norm1: 258 });
    // Delta / 2 = 134184960.5; 21 * 6389760 = 134184960 fits, one more does not.
    assert_eq!(GroupBounds { norm2_squared: 0, norm1: 6_389_760 }.check_noise(), Ok(()));
    assert!(GroupBounds { norm2_squared: 0, norm1: 6_389_761 }.check_noise().is_err());
    assert!(GroupBounds { norm2_squared: 0, norm1: u64::MAX }.check_noise().is_err());
    let heavy = GroupBounds { norm2_squared: 1 << 60, norm1: 0 };
    assert!(ActivationQuantiser::new(&heavy, 64).is_err());
}
