//! Private runs equal runs in the clear, at every length.

use crate::harness::link::{Loopback, honest};
use crate::harness::model::{DEMO, FIXTURE, Model, TINY};
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::Run;
use crate::harness::store::provisioned;
use core::cell::Cell;
use kernel::schedule::Schedule;

/// A session of its own for the run, each of whose products is compared with the one in the clear.
fn equals_the_clear(run: &Run<'_>) {
    let model = run.model;
    let host = Loopback::new(&model.engine, honest());
    let mut store = provisioned(model, &run.schedule, 1, &mut Rng(6));
    let compared = Cell::new(0);
    let session = run.masked_over(&mut store, host, |request, y| {
        let shape = model.shape(request.group);
        for (x, y) in request.x.chunks_exact(shape.columns).zip(y.chunks_exact(shape.rows)) {
            assert_eq!(y, model.product(request.group, x), "row {}", compared.get());
            compared.set(compared.get() + 1);
        }
    });
    let (places, verdict) = now(session).unwrap();
    assert_eq!(verdict.failed, 0);
    let rows = model.config.groups().map(|group| run.schedule.demand(&model.config, group)).sum();
    assert_eq!((compared.get(), verdict.checks), (rows, rows));
    assert!(places.iter().all(|place| place.sound));
    assert!(places == run.plain(), "tokens or logits differ");
}

fn request(model: &Model, prompt: u32, output: u32, chunk: u32) -> Run<'_> {
    let schedule = Schedule::for_request(&model.config, prompt, output, chunk).unwrap();
    Run::new(model, prompt as usize, schedule.prompt_bucket(), output, chunk)
}

/// One context of the demo model, filled by its prompt: every prefix of it.
#[test]
fn every_position_of_a_full_context() {
    let run = request(&DEMO, DEMO.config.context, 1, 16);
    assert_eq!(run.schedule.prompt_bucket(), DEMO.config.context);
    equals_the_clear(&run);
}

/// From start to end, at the edges of buckets and at the end of the context.
#[test]
fn prompts_of_every_kind_of_length() {
    for chunk in [1, 16] {
        for prompt in [1, 2, 15, 16, 17, 31, 32, 33] {
            equals_the_clear(&request(&DEMO, prompt, 4, chunk));
        }
        let context = DEMO.config.context;
        equals_the_clear(&request(&DEMO, context - 3, 4, chunk));
        let filled = request(&DEMO, context - 40, 41, chunk);
        assert_eq!(filled.schedule.prompt_bucket(), context - 40);
    }
}

/// Every division of small models' contexts into prompt and answer, with every chunk.
#[test]
fn every_length_of_small_models() {
    let context = TINY.config.context;
    for output in 1..=context {
        let prompt = context + 1 - output;
        equals_the_clear(&request(&TINY, prompt, output, 1 + output % 23));
    }
    for prompt in 1..=33 {
        equals_the_clear(&request(&FIXTURE, prompt, 2, 1 + prompt % 17));
    }
}
