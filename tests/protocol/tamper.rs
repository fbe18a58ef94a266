//! Hosts that lie within the protocol: every lie is caught, and learns nothing by being caught.

mod direct;
mod offline;
mod online;

use crate::harness::random::Rng;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Lies told in each phase.
const LIES: u64 = 5_000;

/// No kind is rarer.
const AT_LEAST: u64 = 100;

/// How often a kind of lie was told, and how often it was caught.
type Told = BTreeMap<&'static str, (u64, u64)>;

/// Tells all lies on all processors; `lie` tells one, and names its kind and whether it was caught.
fn tell_all<S>(
    kinds: usize,
    state: impl Fn() -> S + Sync,
    lie: impl Fn(&mut S, Rng) -> (&'static str, bool) + Sync,
) -> Told {
    let told: Mutex<Told> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, core::num::NonZero::get) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (told, state, lie) = (&told, &state, &lie);
            scope.spawn(move || {
                let mut state = state();
                for seed in (thread..LIES).step_by(threads as usize) {
                    let (kind, caught) = lie(&mut state, Rng(seed << 20));
                    let mut told = told.lock().unwrap();
                    let (all, of_these) = told.entry(kind).or_default();
                    (*all, *of_these) = (*all + 1, *of_these + u64::from(caught));
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    println!("{told:?}");
    assert_eq!(told.values().map(|(all, _)| all).sum::<u64>(), LIES);
    assert!(told.len() == kinds && told.values().all(|(all, _)| *all >= AT_LEAST), "{told:?}");
    told
}
