use super::*;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

fn draw(choice: &Choice, logits: &[f32], random: u32) -> u32 {
    let mut indices = vec![0; logits.len()];
    choose(choice, &mut logits.to_vec(), &mut indices, random).unwrap()
}

#[test]
fn greedy_takes_the_first_maximum_and_never_nan() {
    let (nan, low) = (f32::NAN, f32::NEG_INFINITY);
    assert_eq!(greedy(&[1.0, 3.0, 3.0, 2.0]), 1);
    assert_eq!(greedy(&[nan, -1.0, nan, 5.0, nan]), 3);
    assert_eq!(greedy(&[nan, low]), 1);
    assert_eq!(greedy(&[-0.0, 0.0]), 0);
    assert_eq!(greedy(&[nan, nan]), 0);
    assert_eq!(greedy(&[]), 0);
}

#[test]
fn ranges_are_checked_by_name() {
    for temperature in [-0.1, f32::NAN, f32::INFINITY] {
        assert_eq!(Choice::new(temperature, 1.0), Err(ChoiceError::Temperature));
    }
    for top_p in [0.0, -0.5, 1.001, f32::NAN] {
        assert_eq!(Choice::new(1.0, top_p), Err(ChoiceError::TopP));
    }
    assert_eq!(Choice::new(0.0, 1.0), Ok(Choice::GREEDY));
    let result = choose(&Choice::GREEDY, &mut [0.0; 4], &mut [0; 3], 0);
    assert_eq!(result, Err(ChoiceError::Indices { needed: 4 }));
}

/// Evenly spaced random words meet each token as often as its probability says.
#[test]
fn draws_follow_the_distribution() {
    let logits = [0.5_f32, -1.0, 2.0, 0.0, 2.0];
    for (temperature, top_p) in [(1.0_f32, 1.0_f32), (0.5, 1.0), (2.0, 0.8), (1.0, 0.3)] {
        let choice = Choice::new(temperature, top_p).unwrap();
        let weights = logits.map(|l| f64::from(l / temperature).exp());
        let total: f64 = weights.iter().sum();
        let mut order = [2, 4, 0, 3, 1].to_vec();
        let mut mass = 0.0;
        order.retain(|&i: &usize| {
            let kept = mass < f64::from(top_p) * total;
            mass += if kept { weights[i] } else { 0.0 };
            kept
        });
        let mut counts = [0_u32; 5];
        for i in 0..10_000_u64 {
            let random = (i * (1 << 32) / 10_000) as u32;
            counts[draw(&choice, &logits, random) as usize] += 1;
        }
        for (i, &count) in counts.iter().enumerate() {
            let share = if order.contains(&i) { weights[i] / mass } else { 0.0 };
            assert!((f64::from(count) - share * 10_000.0).abs() < 3.0, "{counts:?} {share}");
        }
    }
}

#[test]
fn edges_of_the_draw() {
    let choice = Choice::new(1.0, 1.0).unwrap();
    assert_eq!(draw(&choice, &[0.0, 0.0, 0.0], 0), 0);
    assert_eq!(draw(&choice, &[0.0, 0.0, 0.0], u32::MAX), 2);
    assert_eq!(draw(&choice, &[0.0, 0.0], 0x7fff_ffff), 0);
    assert_eq!(draw(&choice, &[0.0, 0.0], 0x8000_0000), 1);
    assert_eq!(draw(&choice, &[f32::NAN, 0.0, -f32::NAN], 0), 1);
    assert_eq!(draw(&Choice::new(1.0, 0.5).unwrap(), &[0.0; 4], u32::MAX), 1);
    assert_eq!(draw(&choice, &[-1e30, f32::NAN, 4.0, f32::NEG_INFINITY], u32::MAX), 2);
    assert_eq!(draw(&choice, &[1.0, f32::INFINITY, f32::INFINITY], u32::MAX), 1);
    assert_eq!(draw(&choice, &[f32::NAN; 3], 7), 0);
    let narrow = Choice::new(100.0, f32::MIN_POSITIVE).unwrap();
    assert_eq!(draw(&narrow, &[0.0, 0.1, 0.0], u32::MAX), 1);
    let cold = Choice::new(f32::MIN_POSITIVE, 1.0).unwrap();
    assert_eq!(draw(&cold, &[0.0, 0.1, 0.0], u32::MAX), 1);
}

proptest! {
    /// Any logits: a token that exists, and never one of NaN while a number is there.
    #[test]
    fn any_logits_give_a_token(
        logits in prop::collection::vec(any::<u32>().prop_map(f32::from_bits), 1..40),
        random: u32,
        temperature in 0_f32..5.0,
        top_p in 0.01_f32..1.0,
    ) {
        let choice = Choice::new(temperature, top_p).unwrap();
        let token = draw(&choice, &logits, random) as usize;
        prop_assert!(!logits[token].is_nan() || logits.iter().all(|l| l.is_nan()));
    }
}

#[test]
fn scratch_may_be_longer() {
    let mut logits: Vec<f32> = vec![1.0, 9.0];
    assert_eq!(choose(&Choice::new(1.0, 0.5).unwrap(), &mut logits, &mut [0; 9], 1), Ok(1));
}
