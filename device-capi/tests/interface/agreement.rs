//! Every mode finds the tokens of a run in the clear.

use crate::device::{
    Call, Opened, PROMPT, SEED, TOKENS, World, generate, prepare, request, sizes, window,
};
use crate::host::MODEL;
use device_capi::status::Status;
use device_capi::types::{Method, Mode, Preparation, Request};
use device_capi::window::subrosa_window_erase;
use device_client::choose::Choice;
use kernel::stream::Seed;

pub(crate) fn expected() -> Vec<u32> {
    let choice = Choice::new(0.8, 1.0).unwrap();
    MODEL.plain(&PROMPT, TOKENS, choice, Seed::from_bytes(SEED))
}

#[test]
fn direct_mode() {
    let (bundle, mut world) = (Opened::new(&MODEL), World::new(&MODEL));
    let mut platform = world.platform();
    // No store is needed.
    platform.store.available = None;
    (platform.store.reserve, platform.store.take) = (None, None);
    let (status, report) = generate(&bundle, &request(Mode::Direct), &platform, &mut world);
    assert_eq!((status, world.tokens()), (Status::Ok, expected()));
    assert_eq!((report.prompt_bucket, report.chunk, report.tokens), (16, 16, TOKENS));
    assert_eq!(report.checks_failed, 0);
    assert!(report.checks_passed > 0 && report.bytes_up > 0 && report.bytes_down > 0);
    assert_eq!(world.progress.last(), Some(&(16, 16)));
    let texts: Vec<_> = world.heard.iter().flatten().map(|(_, text)| text.clone()).collect();
    let parsed = MODEL.bundle();
    let all: Vec<_> = expected().iter().map(|&token| parsed.token_text(token).to_vec()).collect();
    assert_eq!(texts, all);
}

#[test]
fn masked_mode_with_a_store_of_the_callers() {
    let (bundle, mut world) = (Opened::new(&MODEL), World::new(&MODEL));
    let platform = world.platform();
    let (status, report) = generate(&bundle, &request(Mode::Masked), &platform, &mut world);
    assert_eq!((status, world.tokens()), (Status::Ok, expected()));
    assert_eq!(report.checks_failed, 0);
    // What was reserved has been taken, to the last token of every group.
    assert_eq!(world.reserved, vec![0; MODEL.weights.config().group_count() as usize]);
}

/// The greatest of chunks, a greedy choice, a fresh seed.
#[test]
fn other_options() {
    let (bundle, mut world) = (Opened::new(&MODEL), World::new(&MODEL));
    let platform = world.platform();
    let seed = core::ptr::null();
    for chunk in [1, 5, 64] {
        let request = Request { chunk, temperature: 0.0, seed, ..request(Mode::Masked) };
        world.heard.clear();
        let (status, report) = generate(&bundle, &request, &platform, &mut world);
        assert_eq!((status, report.chunk), (Status::Ok, chunk.min(16)));
        let plain = MODEL.plain(&PROMPT, TOKENS, Choice::GREEDY, Seed::from_bytes([0; 32]));
        assert_eq!(world.tokens(), plain);
    }
}

fn prepared(method: Method, fewer_bytes: u32) {
    let (bundle, mut world) = (Opened::new(&MODEL), World::new(&MODEL));
    let request = request(Mode::Masked);
    let tokens = sizes(&bundle, &request).1.correlations;
    assert_eq!(tokens, 16 + TOKENS - 1);
    let (words, store) = window(&bundle, tokens);
    let mut platform = world.platform();
    platform.store = store;

    // Nothing is there yet.
    let (status, _) = generate(&bundle, &request, &platform, &mut world);
    assert_eq!((status, world.calls.contains(&Call::Connect)), (Status::StoreTooFew, false));

    let groups = MODEL.weights.config().group_count();
    let preparation = Preparation { method: method as u32, batch: 256, tokens, fewer_bytes };
    let (status, report) = prepare(&bundle, &preparation, &platform, &mut world);
    assert_eq!((status, report.checks_passed, report.checks_failed), (Status::Ok, groups, 0));
    assert_eq!(world.progress.last(), Some(&(groups, groups)));
    // The second time there is nothing to do.
    world.calls.clear();
    let (status, report) = prepare(&bundle, &preparation, &platform, &mut world);
    assert_eq!((status, report.bytes_up, world.calls.len()), (Status::Ok, 0, 0));

    let (status, _) = generate(&bundle, &request, &platform, &mut world);
    assert_eq!((status, world.tokens()), (Status::Ok, expected()));
    // All are used.
    let (status, _) = generate(&bundle, &request, &platform, &mut world);
    assert_eq!(status, Status::StoreTooFew);
    // SAFETY: a store that is open.
    assert_eq!(unsafe { subrosa_window_erase(&raw const platform.store) }, Status::Ok);
    drop(words);
}

#[test]
fn prepared_by_the_masked_method() {
    prepared(Method::Masked, 0);
}

#[test]
fn prepared_with_fewer_bytes() {
    prepared(Method::Masked, 1);
}

#[test]
fn prepared_by_the_direct_method() {
    prepared(Method::Direct, 0);
}
