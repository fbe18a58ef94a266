use crate::harness::link::{Answer, Loopback, Tamper, honest};
use crate::harness::model::TINY;
use crate::harness::now;
use crate::harness::random::Rng;
use crate::harness::run::Run;
use crate::harness::store::provisioned;
use crate::harness::unit::{FORMS, prepare_here};
use device_client::store::{CorrelationStore, MemoryStore};
use embedded_io_async::Write;
use kernel::model::GroupId;
use kernel::params::InsecureMasked16x1;
use kernel::wire::{HEADER_BYTES, MAX_PAYLOAD, RowForm};
use proptest::prelude::*;
use std::sync::LazyLock;

/// What may happen to the frames of one direction.
#[derive(Clone, Debug)]
enum Change {
    Byte {
        frame: usize,
        at: usize,
        value: u8,
    },
    Word {
        frame: usize,
        at: usize,
        value: u32,
    },
    /// Cut or fill to this length, with a header that agrees or one that does not.
    Resize {
        frame: usize,
        length: usize,
        honest: bool,
    },
    Repeat {
        frame: usize,
    },
    Drop {
        frame: usize,
    },
    Swap {
        frame: usize,
    },
    /// Only random bytes.
    Noise {
        frame: usize,
        bytes: Vec<u8>,
    },
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let frame = 0_usize..24;
    let value = prop_oneof![any::<u32>(), Just(u32::MAX), Just(0), 0_u32..64];
    let change = prop_oneof![
        (frame.clone(), 0_usize..48, any::<u8>()).prop_map(|(frame, at, value)| Change::Byte {
            frame,
            at,
            value
        }),
        (frame.clone(), 0_usize..400, value).prop_map(|(frame, at, value)| Change::Word {
            frame,
            at,
            value
        }),
        (frame.clone(), 0_usize..600, any::<bool>())
            .prop_map(|(frame, length, honest)| Change::Resize { frame, length, honest }),
        frame.clone().prop_map(|frame| Change::Repeat { frame }),
        frame.clone().prop_map(|frame| Change::Drop { frame }),
        frame.clone().prop_map(|frame| Change::Swap { frame }),
        (frame, prop::collection::vec(any::<u8>(), 0..100))
            .prop_map(|(frame, bytes)| Change::Noise { frame, bytes }),
    ];
    prop::collection::vec(change, 1..4)
}

/// Applies a change to one frame, which may become none or two.
fn apply(change: &Change, frame: &mut Vec<u8>) {
    match change {
        Change::Byte { at, value, .. } => {
            if let Some(byte) = frame.get_mut(*at) {
                *byte = *value;
            }
        }
        Change::Word { at, value, .. } => {
            if let Some(bytes) = frame.get_mut(*at..*at + 4) {
                bytes.copy_from_slice(&value.to_le_bytes());
            }
        }
        Change::Resize { length, honest, .. } => {
            frame.resize(HEADER_BYTES + length, 0x5a);
            if *honest {
                frame[28..32].copy_from_slice(&(*length as u32).to_le_bytes());
            }
        }
        Change::Repeat { .. } => frame.extend(frame.clone()),
        Change::Drop { .. } => frame.clear(),
        Change::Swap { .. } => frame.reverse(),
        Change::Noise { bytes, .. } => frame.clone_from(bytes),
    }
}

fn place(change: &Change) -> usize {
    match change {
        Change::Byte { frame, .. }
        | Change::Word { frame, .. }
        | Change::Resize { frame, .. }
        | Change::Repeat { frame }
        | Change::Drop { frame }
        | Change::Swap { frame }
        | Change::Noise { frame, .. } => *frame,
    }
}

/// A host that changes its frames so, and goes away when the device waits in vain.
fn fuzzer(changes: Vec<Change>) -> Tamper {
    Box::new(move |answer: &mut Answer<'_>| {
        for change in changes.iter().filter(|change| place(change) == answer.index) {
            apply(change, &mut answer.frame);
        }
    })
}

fn run() -> Run<'static> {
    Run::new(&TINY, 2, 3, 2, 2)
}

fn prepare(host: &Loopback, store: &mut MemoryStore, form: RowForm) -> Vec<(GroupId, bool)> {
    let units = [GroupId(1), GroupId(3), GroupId(1)];
    prepare_here::<InsecureMasked16x1>(&TINY, host, store, &units, form, 3, 1000).units
}

/// What honest devices send, online and offline, there for either form of rows.
static SENT: LazyLock<[Vec<Vec<u8>>; 3]> = LazyLock::new(|| {
    let online = Loopback::new(&TINY.engine, honest());
    let mut store = provisioned(&TINY, &run().schedule, 1, &mut Rng(1));
    run().masked(&mut store, &online).unwrap();
    let [full, switched] = FORMS.map(|form| {
        let offline = Loopback::new(&TINY.engine, honest());
        prepare(&offline, &mut MemoryStore::new(&TINY.config), form);
        offline.up()
    });
    [online.up(), full, switched]
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a device sends, the host lives, and never sends more than it owes.
    #[test]
    fn hosts_survive(changes in changes(), device in 0..3_usize) {
        let mut sent = SENT[device].clone();
        for change in &changes {
            let at = place(change) % sent.len();
            if let Change::Swap { .. } = change {
                sent.swap(at, 0);
            } else {
                apply(change, &mut sent[at]);
            }
        }
        let host = Loopback::new(&TINY.engine, honest());
        let mut link = host.link();
        for frame in &sent {
            now(link.write_all(frame)).unwrap();
        }
        prop_assert!(host.down().len() <= 2 * SENT[device].len() + 2);
        prop_assert!(host.down().iter().all(|frame| frame.len() <= HEADER_BYTES + MAX_PAYLOAD));
    }

    /// Whatever a host sends, the device lives, and shows nothing wrong.
    #[test]
    fn devices_survive_online(changes in changes()) {
        let run = run();
        let host = Loopback::new(&TINY.engine, fuzzer(changes));
        let mut store = provisioned(&TINY, &run.schedule, 1, &mut Rng(1));
        if let Ok((places, verdict)) = run.masked(&mut store, &host) {
            for (place, plain) in places.iter().zip(run.plain()) {
                prop_assert!(!place.sound || *place == plain);
            }
            prop_assert_eq!(verdict.failed > 0, places != run.plain());
        }
    }

    /// The same offline: what is kept is exact.
    #[test]
    fn devices_survive_offline(changes in changes(), form in prop::sample::select(&FORMS)) {
        let host = Loopback::new(&TINY.engine, fuzzer(changes));
        let mut store = MemoryStore::new(&TINY.config);
        let units = prepare(&host, &mut store, form);
        for group in [GroupId(1), GroupId(3)] {
            let kept = units.iter().filter(|(g, kept)| *g == group && *kept).count() as u32;
            prop_assert_eq!(store.available(group), 16 * kept);
            store.reserve(&|g| if g == group { 16 * kept } else { 0 }).unwrap();
            let shape = TINY.shape(group);
            let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
            for _ in 0..16 * kept {
                store.take(group, &mut r, &mut z).unwrap();
                prop_assert_eq!(&z, &TINY.image(group, &r));
            }
        }
    }
}
