//! Links, hosts, stores and sources of randomness that fail, at every call.

use crate::agreement::expected;
use crate::device::{Call, Opened, TOKENS, World, generate, prepare, request, window};
use crate::host::{MODEL, OTHER};
use device_capi::status::Status;
use device_capi::types::{Method, Mode, Preparation};

/// A request in masked mode, in a world that `change` has changed.
fn run(change: impl FnOnce(&mut World)) -> (Status, World) {
    let (bundle, mut world) = (Opened::new(&MODEL), World::new(&MODEL));
    change(&mut world);
    let platform = world.platform();
    let (status, _) = generate(&bundle, &request(Mode::Masked), &platform, &mut world);
    (status, world)
}

/// How often a run without faults makes a call.
fn calls(call: Call) -> usize {
    let (status, world) = run(|_| ());
    assert_eq!(status, Status::Ok);
    world.calls.iter().filter(|&&made| made == call).count()
}

/// Fails at each of the calls, and expects `status`.
#[track_caller]
fn fails(call: Call, code: isize, status: Status) {
    // The goodbye may be lost: all answers are there.
    let goodbye = usize::from(matches!(call, Call::Write | Call::Flush));
    for at in 0..calls(call) - goodbye {
        let (found, world) = run(|world| world.fails = Some((call, at, code)));
        assert_eq!(found, status, "{call:?} {at} of {}", world.calls.len());
    }
}

#[test]
fn a_link_that_breaks_at_every_call() {
    fails(Call::Connect, -1, Status::Link);
    fails(Call::Write, -1, Status::Link);
    fails(Call::Write, 0, Status::Link);
    fails(Call::Flush, 1, Status::Link);
    fails(Call::Read, -1, Status::Link);
    fails(Call::Read, 0, Status::Link);
}

#[test]
fn a_link_that_breaks_once_is_resumed_with_the_same_tokens() {
    let expected = expected();
    for call in [Call::Connect, Call::Read, Call::Write, Call::Flush] {
        let count = calls(call);
        for at in (0..count).step_by(1 + count / 8) {
            let (status, world) = run(|world| {
                (world.fails, world.retries) = (Some((call, at, -1)), 1);
            });
            assert_eq!((status, world.tokens()), (Status::Ok, expected.clone()), "{call:?} {at}");
        }
    }
}

#[test]
fn callbacks_that_return_what_they_must_not() {
    for at in [0, 1, 5] {
        let beyond = Some((Call::Read, at, isize::MAX));
        assert_eq!(run(|world| world.fails = beyond).0, Status::Callback);
        let beyond = Some((Call::Write, at, isize::MAX));
        assert_eq!(run(|world| world.fails = beyond).0, Status::Callback);
    }
}

#[test]
fn a_store_that_fails_at_every_call() {
    let count = calls(Call::Store);
    for at in (0..count).step_by(1 + count / 12).chain([0, 1, count - 1]) {
        for (code, expected) in [
            (-1, Status::StoreStorage),
            (Status::StoreTooFew as isize, Status::StoreTooFew),
            (Status::StoreDamaged as isize, Status::StoreDamaged),
            (Status::StoreOrder as isize, Status::StoreOrder),
            (12345, Status::StoreStorage),
        ] {
            let found = run(|world| world.fails = Some((Call::Store, at, code))).0;
            assert_eq!(found, expected, "{at}: {code}");
        }
    }
}

#[test]
fn randomness_that_fails() {
    fails(Call::Entropy, 1, Status::Entropy);
    let (bundle, mut world) = (Opened::new(&MODEL), World::new(&MODEL));
    for at in 0..2 {
        world.calls.clear();
        world.fails = Some((Call::Entropy, at, 1));
        let platform = world.platform();
        let (status, _) = generate(&bundle, &request(Mode::Direct), &platform, &mut world);
        assert_eq!((status, world.calls.len()), (Status::Entropy, at + 1));
    }
}

#[test]
fn a_host_with_other_weights_or_none() {
    let (status, world) = run(|world| world.address = OTHER.address);
    assert_eq!((status, world.heard.len()), (Status::HostModel, 0));
    // Nothing was reserved for a host that does not serve the model.
    assert!(!world.calls.contains(&Call::Store));
    let (status, _) = run(|world| world.address.set_port(1));
    assert_eq!(status, Status::Link);
}

/// A host that lies once: nothing of what comes after may be shown, and the session goes on to its end.
#[test]
fn a_host_that_cheats() {
    let (_, honest) = run(|_| ());
    let reads = honest.calls.iter().filter(|&&call| call == Call::Read).count();
    // The answers' payloads: behind the welcome, every second read, if none came in pieces.
    let mut shown = Vec::new();
    for at in [3, reads / 2 / 2 * 2 + 1, reads - 1] {
        let (status, world) = run(|world| world.flips = Some(at));
        assert_eq!(status, Status::ChecksFailed, "{at}");
        assert_eq!(world.heard.len(), TOKENS as usize);
        let sound = world.heard.iter().take_while(|token| token.is_some()).count();
        assert!(world.heard[sound..].iter().all(Option::is_none));
        assert_eq!(world.tokens(), expected()[..sound]);
        let requests = |world: &World| world.calls.iter().filter(|&&c| c == Call::Write).count();
        assert_eq!(requests(&world), requests(&honest));
        shown.push(sound);
    }
    assert_eq!(shown[0], 0);
    assert_eq!(shown[2], TOKENS as usize - 1);
}

/// A preparation that breaks leaves the store as it was, or with whole units.
#[test]
fn preparations_that_break() {
    let bundle = Opened::new(&MODEL);
    let preparation =
        Preparation { method: Method::Direct as u32, batch: 0, tokens: 18, fewer_bytes: 0 };
    for (call, at, code, expected) in [
        (Call::Connect, 0, -1, Status::Link),
        (Call::Read, 0, -1, Status::Link),
        (Call::Read, 4, 0, Status::Link),
        (Call::Write, 30, -1, Status::Link),
        (Call::Write, 3, isize::MAX, Status::Callback),
        (Call::Entropy, 0, 1, Status::Entropy),
        (Call::Entropy, 4, 1, Status::Entropy),
    ] {
        let (words, store) = window(&bundle, 18);
        let mut world = World::new(&MODEL);
        world.fails = Some((call, at, code));
        let mut platform = world.platform();
        platform.store = store;
        let (status, _) = prepare(&bundle, &preparation, &platform, &mut world);
        assert_eq!(status, expected, "{call:?} {at}");
        let held = |group| {
            // SAFETY: a store that is open.
            platform.store.available.map(|of| unsafe { of(platform.store.context, group) })
        };
        assert!((0..9).all(|group| held(group) == Some(0)), "{call:?} {at}");
        drop(words);
    }
}

#[test]
fn a_host_that_cheats_in_a_preparation() {
    let bundle = Opened::new(&MODEL);
    let preparation =
        Preparation { method: Method::Masked as u32, batch: 256, tokens: 18, fewer_bytes: 0 };
    let (words, store) = window(&bundle, 18);
    let mut world = World::new(&MODEL);
    world.flips = Some(4);
    let mut platform = world.platform();
    platform.store = store;
    let (status, report) = prepare(&bundle, &preparation, &platform, &mut world);
    let groups = MODEL.weights.config().group_count();
    assert_eq!(status, Status::ChecksFailed);
    assert_eq!((report.checks_passed, report.checks_failed), (groups - 1, 1));
    // Asked again, the host makes the one that is missing.
    world.flips = None;
    let (status, report) = prepare(&bundle, &preparation, &platform, &mut world);
    assert_eq!((status, report.checks_passed), (Status::Ok, 1));
    let (status, _) = generate(&bundle, &request(Mode::Masked), &platform, &mut world);
    assert_eq!((status, world.tokens()), (Status::Ok, expected()));
    drop(words);
}
