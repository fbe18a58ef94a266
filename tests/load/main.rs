//! Load: 200 clients at once on one host with the demo model, and what it holds in memory.
//!
//! `SUBROSA_LOAD_SECONDS` says how long, 4 by default. Honest clients prepare and generate, and what
//! they generate must be what the model says in the clear; others are slow, half-open, or vanish.
//! `docs/operating.md` has the command and its figures.
#![cfg(target_os = "linux")] // For the memory of another process, and more addresses on loopback.
#![allow(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod honest;
mod host;
mod hostile;

#[path = "../cli/tool.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod tool;

#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod harness;

use honest::{Counts, Task};
use host::Host;
use hostile::Misuse;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

/// Clients of each kind, 200 in all.
const HONEST: [(Task, u64); 3] =
    [(Task::Generate, 140), (Task::PrepareOne, 6), (Task::PrepareAll, 2)];
const HOSTILE: [(Misuse, u64); 4] = [
    (Misuse::ReadSlowly, 12),
    (Misuse::WriteSlowly, 12),
    (Misuse::StayHalfOpen, 14),
    (Misuse::Vanish, 14),
];
/// Fewer than there are honest clients: some always find the host busy, and try again.
const SESSIONS_PER_ADDRESS: u64 = 140;
/// The budget of the host, and what it may take beside: weights, sockets, threads, and what the
/// allocator keeps.
const BUDGET_MIB: u64 = 384;
/// Products of masks, some of those of the demo model.
const MASKS_MIB: u64 = 96;
const BESIDE_MIB: u64 = 64;

fn seconds() -> u64 {
    std::env::var("SUBROSA_LOAD_SECONDS").map_or(4, |text| text.parse().unwrap())
}

#[test]
fn two_hundred_clients() {
    let clients = HONEST.iter().map(|c| c.1).chain(HOSTILE.iter().map(|c| c.1)).sum::<u64>();
    assert_eq!(clients, 200);
    let host = Host::start(&format!(
        "--threads 1 -vv --sessions 200 --sessions-per-address {SESSIONS_PER_ADDRESS} \
         --memory {BUDGET_MIB}MiB --memory-per-address {}MiB --mask-memory {MASKS_MIB}MiB \
         --idle-time 10s",
        BUDGET_MIB / 3
    ));
    let plain = honest::plain_runs();
    let idle = host.memory();
    let counts = Counts::default();
    let started = Instant::now();
    let end = started + Duration::from_secs(seconds());
    thread::scope(|scope| {
        let address = host.address;
        let (counts, plain) = (&counts, &plain);
        for (task, count) in HONEST {
            for index in 0..count {
                scope.spawn(move || honest::work(task, index, address, end, plain, counts));
            }
        }
        scope.spawn(|| hostile::run(&HOSTILE, host.address, end));
    });
    let took = started.elapsed().as_secs_f64();
    let most = host.memory();
    let log = host.stop();

    let said = |text: &str| log.lines().filter(|line| line.contains(text)).count();
    let refused = |code: &str| {
        log.lines().filter(|line| line.contains("session refused") && line.contains(code)).count()
    };
    let honest = log.lines().filter(|line| line.contains("peer=127.0.0.1:"));
    let busy = honest.filter(|line| line.contains("it is busy")).count() as u64;
    let (sessions, tokens) = (counts.sessions.load(Relaxed), counts.tokens.load(Relaxed));
    let (units, whole) = (counts.units.load(Relaxed), counts.from_prepared.load(Relaxed));
    println!("{clients} clients, {took:.1} s");
    println!("generated: {sessions} sessions, {tokens} tokens, all as in the clear");
    println!("prepared: {units} units; {whole} of the sessions used such correlations alone");
    println!(
        "the host ended {} sessions in order, lost {} connections, was busy for {} ({} honest)",
        said("session ended"),
        said("connection lost"),
        refused("busy"),
        busy,
    );
    println!("memory of the host: {} MiB idle, {} MiB at most", idle >> 20, most >> 20);

    assert!(sessions >= HONEST[0].1, "every client that generates was served");
    assert!(units > 0);
    assert!(busy > 0);
    assert_eq!(counts.busy.load(Relaxed), busy);
    assert_eq!((said("panicked"), refused("internally")), (0, 0));
    let last = log.lines().rfind(|line| line.contains("after it")).unwrap();
    for nothing in ["sockets: 0", "sessions: 0", "bytes: 0", "memory: 0", "turn: 0"] {
        assert!(last.contains(nothing), "{last}");
    }
    assert!(most < (BUDGET_MIB + MASKS_MIB + BESIDE_MIB) << 20, "{} MiB", most >> 20);
}
