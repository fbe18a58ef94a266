//! The decoder, driven by a plain integer product.

mod float;
mod model;

use device_client::decoder::{Decoder, DecoderError, WorkspaceLen};
use kernel::model::GroupId;
use model::{FIXTURES, Model, Reference};
use proptest::prelude::*;

/// A decoder with memory of its own, filled with garbage to begin with.
fn with_decoder<R>(
    model: &Model,
    context: usize,
    chunk: usize,
    run: impl FnOnce(&mut Decoder<'_>) -> R,
) -> R {
    let bundle = model.bundle();
    let length = Decoder::workspace_len(bundle.config(), context, chunk);
    let mut floats = vec![f32::NAN; length.floats];
    let mut integers = vec![-1; length.integers];
    let mut decoder = Decoder::new(&bundle, context, chunk, &mut floats, &mut integers).unwrap();
    let result = run(&mut decoder);
    drop(decoder);
    assert!(floats.iter().all(|v| v.to_bits() == 0) && integers.iter().all(|&v| v == 0));
    result
}

/// Runs the step under way to its end; `spoil` may change every response. Returns the requests.
fn drive(
    model: &Model,
    decoder: &mut Decoder<'_>,
    mut spoil: impl FnMut(GroupId, &mut [i32]),
) -> Vec<(u32, usize, usize, usize)> {
    let mut trace = Vec::new();
    while let Some((request, y)) = decoder.exchange() {
        let shape = model.config.shape(request.group).unwrap();
        assert_eq!(request.x.len(), request.tokens * shape.columns);
        assert_eq!(y.len(), request.tokens * shape.rows);
        assert!(request.x.iter().all(|x| x.abs() <= 32_767));
        assert!(y.iter().all(|&y| y == 0));
        trace.push((request.group.0, request.tokens, request.x.len(), y.len()));
        let rows = y.chunks_exact_mut(shape.rows);
        for (x, y) in request.x.chunks_exact(shape.columns).zip(rows) {
            model.product(request.group, x, y);
        }
        spoil(request.group, y);
        decoder.resume();
    }
    trace
}

fn head(model: &Model, decoder: &mut Decoder<'_>) -> Vec<f32> {
    decoder.begin_head().unwrap();
    drive(model, decoder, |_, _| {});
    decoder.logits().to_vec()
}

/// Logits at every position, one token at a time.
fn one_at_a_time(model: &Model, tokens: &[u32]) -> Vec<Vec<f32>> {
    with_decoder(model, tokens.len(), 1, |decoder| {
        let run = |(i, &token): (usize, &u32)| {
            decoder.begin(&[token], 0).unwrap();
            drive(model, decoder, |_, _| {});
            assert_eq!(decoder.position(), i + 1);
            head(model, decoder)
        };
        tokens.iter().enumerate().map(run).collect()
    })
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

/// Root mean square of the difference over the standard deviation of what is right.
fn relative_error(right: &[f64], found: &[f64]) -> f64 {
    let n = right.len() as f64;
    let mean = right.iter().sum::<f64>() / n;
    let variance = right.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n;
    let error = right.iter().zip(found).map(|(r, f)| (r - f).powi(2)).sum::<f64>() / n;
    (error / variance).sqrt()
}

fn agreement(a: &[f64], b: &[f64], vocab: usize) -> f64 {
    let best =
        |row: &[f64]| (0..vocab).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let pairs = a.chunks_exact(vocab).zip(b.chunks_exact(vocab));
    let same = pairs.clone().filter(|(a, b)| best(a) == best(b)).count();
    same as f64 / pairs.count() as f64
}

/// Measured, of all positions together:
///
/// | fixture | against f64 with the same int8 weights | against PyTorch in float32 | same best token |
/// |---|---|---|---|
#[test]
fn logits_agree_with_float_forward_passes() {
    for name in FIXTURES {
        let model = Model::fixture(name);
        let reference = Reference::fixture(name);
        let vocab = model.config.vocab as usize;
        let found: Vec<f64> =
            one_at_a_time(&model, &reference.tokens).concat().into_iter().map(f64::from).collect();
        let same_weights = float::logits(&model, &reference.tokens).concat();
        let torch: Vec<f64> = reference.logits.iter().map(|&v| f64::from(v)).collect();
        let ours = relative_error(&same_weights, &found);
        let theirs = relative_error(&torch, &found);
        let int8 = relative_error(&torch, &same_weights);
        let best = agreement(&torch, &found, vocab);
        let best_same = agreement(&same_weights, &found, vocab);
        println!(
            "{name}: {ours:.2e} of f64 (best {best_same:.3}), {theirs:.2e} of PyTorch (int8 alone {int8:.2e}), best {best:.3}"
        );
    }
}
