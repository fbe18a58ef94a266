//! The decoder, driven by a plain integer product.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod float;
mod model;

use device_client::decoder::{Decoder, DecoderError, WorkspaceLen};
use float::Weights;
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

/// The share of positions at which the best token is the same.
fn agreement(a: &[f64], b: &[f64], vocab: usize) -> f64 {
    let best =
        |row: &[f64]| (0..vocab).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let pairs = a.chunks_exact(vocab).zip(b.chunks_exact(vocab));
    let same = pairs.clone().filter(|(a, b)| best(a) == best(b)).count();
    same as f64 / pairs.count() as f64
}

/// Root mean square error over the standard deviation of the logits, all positions together.
/// Measured:
///
/// | fixture | from f64, same int8 weights | from PyTorch | best token as PyTorch |
/// |---|---|---|---|
/// | tiny-tied-f32 | 1.16e-4 | 2.28e-2 | 100% |
/// | tiny-untied-bf16 | 1.31e-4 | 2.90e-2 | 95.8% |
/// | tiny-gqa-f16-sharded | 1.16e-4 | 2.59e-2 | 91.7% |
/// | tiny-rope-linear | 8.39e-5 | 1.96e-2 | 97.9% |
/// | tiny-rope-dynamic | 8.15e-5 | 1.86e-2 | 96.9% |
/// | tiny-rope-llama3 | 8.58e-5 | 1.87e-2 | 100% |
/// | tiny-rope-yarn | 8.89e-5 | 2.03e-2 | 97.9% |
/// | tiny-biases | 7.47e-5 | 1.49e-2 | 100% |
/// | tiny-new-config | 8.61e-5 | 2.07e-2 | 95.8% |
///
/// Against the same int8 weights the best token is always the same: what differs from PyTorch is
/// the int8 weights' alone.
#[test]
fn logits_agree_with_float_forward_passes() {
    for name in FIXTURES {
        let model = Model::fixture(name);
        let Reference { tokens, logits } = Reference::fixture(name);
        let vocab = model.config.vocab as usize;
        let torch: Vec<f64> = logits.into_iter().map(f64::from).collect();
        let checkpoint = float::logits(&model, &tokens, Weights::Checkpoint);
        let int8 = float::logits(&model, &tokens, Weights::Int8);
        let found = one_at_a_time(&model, &tokens).concat();
        let found: Vec<f64> = found.into_iter().map(f64::from).collect();

        let oracle = relative_error(&torch, &checkpoint);
        let ours = relative_error(&int8, &found);
        let all = relative_error(&torch, &found);
        let weights = relative_error(&torch, &int8);
        let best = agreement(&torch, &found, vocab);
        println!(
            "{name}: {ours:.2e} from f64, {all:.2e} from PyTorch (int8 weights alone {weights:.2e}), \
             best token {best:.3}; f64 from PyTorch {oracle:.1e}"
        );
        assert!(oracle < 1e-5, "{name}: the float forward pass is {oracle} from PyTorch");
        assert!(ours < 3e-4, "{name}: {ours} from the same weights in f64");
        assert!(all < 4e-2, "{name}: {all} from PyTorch");
        assert!(best >= 0.9, "{name}: best token {best}");
        assert_eq!(agreement(&int8, &found, vocab), 1.0, "{name}");
    }
}

/// The same with other head shapes; with states so small that the norms' epsilon rules them; and
/// with attention scores beyond the range of an f32 exponential.
#[test]
fn small_and_large_states_agree_with_a_float_forward_pass() {
    let models: [fn(f32) -> Model; 2] = [Model::amplified, Model::biased];
    for (gain, model) in [1.0, 1e-2, 1e-3, 16.0].into_iter().flat_map(|g| models.map(|m| (g, m))) {
        let model = model(gain);
        let tokens = [9, 0, 4, 4, 10, 2, 1];
        let found = one_at_a_time(&model, &tokens).concat().into_iter().map(f64::from);
        let right = float::logits(&model, &tokens, Weights::Int8);
        let error = relative_error(&right, &found.collect::<Vec<_>>());
        println!("gain {gain}: {error:.2e}");
        assert!(error < 1e-3, "gain {gain}: {error}");
    }
}

/// The last position's logits as bits, folded by FNV-1a: the same on every target, at every level
/// of optimisation, with every release of `libm`.
#[test]
fn logits_have_the_same_bits_everywhere() {
    let expected = [
        0x9653_3b09,
        0xbf10_c5a4,
        0x1f6e_7ab8,
        0xd6fa_fe53,
        0x77e9_7ca6,
        0x8f70_e6cc,
        0x6339_9d43,
        0x02db_e52b,
        0x29bc_dbd2,
    ];
    let hashes = FIXTURES.map(|name| {
        let model = Model::fixture(name);
        let tokens = Reference::fixture(name).tokens;
        let logits = one_at_a_time(&model, &tokens).pop().unwrap();
        let fold = |hash: u32, word: u32| (hash ^ word).wrapping_mul(0x0100_0193);
        bits(&logits).into_iter().fold(0x811c_9dc5, fold)
    });
    assert_eq!(hashes, expected, "{hashes:#010x?}");
}

/// However a text is cut into steps, and however many dummies follow, the bits are the same.
#[test]
fn chunks_and_dummies_change_nothing() {
    for name in FIXTURES {
        let model = Model::fixture(name);
        let tokens = Reference::fixture(name).tokens;
        let expected = one_at_a_time(&model, &tokens);
        for (chunk, dummies) in [(1, 0), (1, 2), (2, 0), (2, 1), (3, 4), (7, 1), (7, 0), (24, 3)] {
            with_decoder(&model, tokens.len(), chunk + dummies, |decoder| {
                let mut done = 0;
                for tokens in tokens.chunks(chunk) {
                    decoder.begin(tokens, dummies).unwrap();
                    // What is answered to dummies is not read.
                    let live = tokens.len();
                    drive(&model, decoder, |group, y| {
                        let rows = model.config.shape(group).unwrap().rows;
                        y[live * rows..].fill(i32::MIN);
                    });
                    done += live;
                    assert_eq!(decoder.position(), done);
                    let logits = head(&model, decoder);
                    assert_eq!(bits(&logits), bits(&expected[done - 1]), "{chunk} + {dummies}");
                    assert_eq!(bits(&head(&model, decoder)), bits(&logits), "head repeated");
                }
            });
        }
    }
}

/// Steps of dummies alone, anywhere, leave the text as it was.
#[test]
fn steps_of_dummies_leave_no_trace() {
    for model in [Model::arbitrary(), Model::biased(1.0)] {
        leave_no_trace(&model);
    }
}

fn leave_no_trace(model: &Model) {
    let tokens = [3, 10, 0, 7, 7];
    let expected = one_at_a_time(model, &tokens);
    with_decoder(model, 5, 4, |decoder| {
        let idle = |decoder: &mut Decoder<'_>, rows| {
            let position = decoder.position();
            decoder.begin(&[], rows).unwrap();
            drive(model, decoder, |_, y| y.fill(-7));
            assert_eq!(decoder.position(), position);
        };
        idle(decoder, 3);
        assert!(head(model, decoder).iter().all(|&logit| logit == 0.0), "nothing said yet");
        for (token, expected) in tokens.iter().zip(&expected) {
            decoder.begin(&[*token], 1).unwrap();
            drive(model, decoder, |_, _| {});
            idle(decoder, 4);
            assert_eq!(bits(&head(model, decoder)), bits(expected));
            idle(decoder, 1);
        }
        idle(decoder, 2);
        assert_eq!(bits(decoder.logits()), bits(&expected[4]), "the context is full");

        decoder.reset();
        assert_eq!(decoder.position(), 0);
        assert!(head(model, decoder).iter().all(|&logit| logit == 0.0), "forgotten");
        decoder.begin(&tokens[..1], 0).unwrap();
        drive(model, decoder, |_, _| {});
        assert_eq!(bits(&head(model, decoder)), bits(&expected[0]));
    });
}

/// The rows of dummies in x are zero in every request, whatever the rows held before.
#[test]
fn dummies_send_zeros() {
    let model = Model::biased(1.0);
    with_decoder(&model, 8, 4, |decoder| {
        for live in [4, 1, 0, 2] {
            decoder.begin(&[5, 6, 7, 8][..live], 4 - live).unwrap();
            while let Some((request, y)) = decoder.exchange() {
                let columns = model.config.shape(request.group).unwrap().columns;
                let (real, dummies) = request.x.split_at(live * columns);
                assert!(dummies.iter().all(|&x| x == 0));
                assert!(real.chunks_exact(columns).all(|row| row.iter().any(|&x| x != 0)));
                y.fill(1000);
                decoder.resume();
            }
        }
    });
}

fn answers() -> impl Strategy<Value = i32> {
    prop_oneof![any::<i32>(), prop::sample::select(vec![0, 1, i32::MIN, i32::MAX]), -9000..9000]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever tokens and answers there are, requests have the public order and sizes, x stays in
    /// its range, and nothing panics.
    #[test]
    fn requests_depend_on_the_schedule_alone(
        steps in prop::collection::vec((prop::collection::vec(0_u32..11, 0..4), 1_usize..5), 1..6),
        answers in prop::collection::vec(answers(), 1..60),
        constant in prop::option::of(prop::sample::select(vec![0, i32::MIN, i32::MAX])),
        gain in prop::sample::select(vec![1.0, 1e30, f32::MAX, f32::NAN]),
        biased in any::<bool>(),
    ) {
        let model = if biased { Model::biased(gain) } else { Model::amplified(gain) };
        let sizes = [(0, 8, 48), (1, 24, 8), (2, 8, 20), (3, 10, 8)];
        with_decoder(&model, 16, 4, |decoder| {
            let mut position = 0;
            for (tokens, rows) in &steps {
                let live = tokens.len().min(*rows);
                decoder.begin(&tokens[..live], rows - live).unwrap();
                position += live;
                let mut answers = answers.iter().copied().cycle();
                let mut answer = || constant.unwrap_or_else(|| answers.next().unwrap());
                let trace = drive(&model, decoder, |_, y| y.iter_mut().for_each(|y| *y = answer()));
                let blocks = (0..2).flat_map(|layer| sizes.map(|(g, n, m)| (4 * layer + g, n, m)));
                let expected: Vec<_> = blocks.map(|(g, n, m)| (g, *rows, rows * n, rows * m)).collect();
                prop_assert_eq!(trace, expected);
                decoder.begin_head().unwrap();
                let trace = drive(&model, decoder, |_, y| y.iter_mut().for_each(|y| *y = answer()));
                prop_assert_eq!(trace, vec![(8, 1, 8, 11)]);
                prop_assert_eq!(decoder.position(), position);
            }
            Ok(())
        })?;
    }
}

#[test]
fn errors_are_named_and_change_nothing() {
    let model = Model::arbitrary();
    let tokens = [1, 2, 3, 4];
    let expected = one_at_a_time(&model, &tokens);
    with_decoder(&model, 4, 3, |decoder| {
        assert!(decoder.request().is_none());
        assert!(decoder.response_mut().is_empty());
        decoder.resume();
        let refuse = |decoder: &mut Decoder<'_>, tokens: &[u32], dummies, error| {
            assert_eq!(decoder.begin(tokens, dummies), Err(error));
        };
        let rows = DecoderError::Rows { largest: 3 };
        let full = DecoderError::ContextFull { context: 4 };
        refuse(decoder, &[], 0, rows);
        refuse(decoder, &[1, 2], 2, rows);
        refuse(decoder, &[1], usize::MAX, rows);
        decoder.begin(&tokens[..3], 0).unwrap();
        refuse(decoder, &tokens[3..], 0, DecoderError::StepUnderWay);
        assert_eq!(decoder.begin_head(), Err(DecoderError::StepUnderWay));
        drive(&model, decoder, |_, _| {});
        refuse(decoder, &[4, 4], 0, full);
        refuse(decoder, &[11], 2, DecoderError::Token { index: 0 });
        decoder.begin_head().unwrap();
        refuse(decoder, &tokens[3..], 0, DecoderError::StepUnderWay);
        drive(&model, decoder, |_, _| {});
        assert_eq!(bits(decoder.logits()), bits(&expected[2]));
        decoder.begin(&tokens[3..], 0).unwrap();
        drive(&model, decoder, |_, _| {});
        assert_eq!(bits(&head(&model, decoder)), bits(&expected[3]));
        refuse(decoder, &[1], 0, full);
        decoder.begin(&[], 3).unwrap();
        decoder.reset();
        assert!(decoder.request().is_none(), "a reset drops the step under way");
        refuse(decoder, &[1, u32::MAX], 0, DecoderError::Token { index: 1 });
    });
}

/// A dynamic scaling acts beyond `max_position_embeddings`; no decoder goes there.
#[test]
fn a_dynamic_context_ends_where_its_scaling_would_begin() {
    let model = Model::fixture("tiny-rope-dynamic");
    let bundle = model.bundle();
    let (mut floats, mut integers) = (vec![0.0; 1 << 16], vec![0; 1 << 16]);
    let longer = Decoder::new(&bundle, 33, 1, &mut floats, &mut integers).map(|_| ());
    assert_eq!(longer, Err(DecoderError::Context { largest: 32 }));
    with_decoder(&model, 32, 33, |decoder| {
        let full = Err(DecoderError::ContextFull { context: 32 });
        assert_eq!(decoder.begin(&[3; 33], 0), full);
        decoder.begin(&[3; 32], 0).unwrap();
        drive(&model, decoder, |_, _| {});
        assert_eq!(decoder.begin(&[3], 0), full);
    });
}

#[test]
fn capacities_and_memory_are_checked() {
    let model = Model::arbitrary();
    let bundle = model.bundle();
    let needed = Decoder::workspace_len(bundle.config(), 5, 2);
    let outcome = |context, chunk, floats: usize, integers: usize| {
        let (mut floats, mut integers) = (vec![0.0; floats], vec![0; integers]);
        Decoder::new(&bundle, context, chunk, &mut floats, &mut integers).map(|_| ())
    };
    let WorkspaceLen { floats, integers } = needed;
    assert_eq!(outcome(5, 2, floats, integers), Ok(()));
    assert_eq!(outcome(5, 2, floats + 3, integers + 3), Ok(()));
    assert_eq!(outcome(5, 2, floats - 1, integers), Err(DecoderError::Workspace(needed)));
    assert_eq!(outcome(5, 2, floats, integers - 1), Err(DecoderError::Workspace(needed)));
    assert_eq!(outcome(0, 2, floats, integers), Err(DecoderError::Context { largest: 16 }));
    assert_eq!(outcome(17, 2, 1 << 20, integers), Err(DecoderError::Context { largest: 16 }));
    assert_eq!(outcome(5, 0, floats, integers), Err(DecoderError::Chunk));
    assert!(matches!(outcome(5, usize::MAX, floats, integers), Err(DecoderError::Workspace(_))));
}
