//! Hosts that lie within the protocol: every lie is caught, and learns nothing by being caught.

mod offline;
mod online;

use crate::harness::random::Rng;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Lies told in each phase.
const LIES: u64 = 5_000;

/// No kind is rarer.
const AT_LEAST: u64 = 100;

/// Tells all lies on all processors; `lie` tells one and names its kind.
fn tell_all<S>(
    kinds: usize,
    state: impl Fn() -> S + Sync,
    lie: impl Fn(&mut S, Rng) -> &'static str + Sync,
) {
    let told: Mutex<BTreeMap<&'static str, u64>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, core::num::NonZero::get) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (told, state, lie) = (&told, &state, &lie);
            scope.spawn(move || {
                let mut state = state();
                for seed in (thread..LIES).step_by(threads as usize) {
                    let kind = lie(&mut state, Rng(seed << 20));
                    *told.lock().unwrap().entry(kind).or_default() += 1;
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    println!("{told:?}");
    assert_eq!(told.values().sum::<u64>(), LIES);
    assert!(told.len() == kinds && told.values().all(|&count| count >= AT_LEAST), "{told:?}");
}
