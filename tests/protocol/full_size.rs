//! Lies at full size: the demo model, the default parameter set, the daemon on a real socket.

use crate::harness::model::DEMO;
use crate::harness::random::Rng;
use crate::harness::run::Run;
use crate::harness::store::{available, provisioned};
use crate::harness::tcp::{Daemon, Once, Proxy, dial, run};
use crate::harness::unit::prepare_over;
use crate::harness::wire;
use device_client::store::{CorrelationStore, MemoryStore};
use kernel::model::GroupId;
use kernel::params::{Masked256x16, ParameterSet};
use kernel::prime::{Prime, T};
use kernel::wire::{BLOCK_PREFIX_BYTES, FrameType, MAX_PAYLOAD, RowForm, SessionId};

type Set = Masked256x16;
/// What a program asks for.
const FORM: RowForm = RowForm::Switched;

fn request() -> Run<'static> {
    Run { set: Set::ID, ..Run::new(&DEMO, 3, 4, 2, 3) }
}

/// Types, numbers and lengths of the frames in a stream.
fn outline(mut up: &[u8]) -> Vec<(FrameType, u32, u32)> {
    let mut frames = Vec::new();
    while !up.is_empty() {
        let frame = wire::outline(up);
        up = &up[32 + frame.2 as usize..];
        frames.push(frame);
    }
    frames
}

#[test]
fn lies_about_products() {
    let daemon = Daemon::new(&DEMO);
    let request = request();
    let (plain, heads) = (request.plain(), request.heads());
    let products = request.schedule.product_count(&DEMO.config) as usize;
    let mut store = provisioned(&DEMO, &request.schedule, 31, &mut Rng(12));
    let mut honest = None;
    for lie in 0..31 {
        // The first session is honest.
        let target = Rng(lie).below(products);
        let mut rng = Rng(lie + 100);
        let proxy = Proxy::new(daemon.address, move |index, frame| {
            if lie > 0 && index == target + 1 {
                let mut d = wire::words(frame);
                match lie % 4 {
                    0 => d.iter_mut().for_each(|word| *word = rng.residue(T::VALUE)),
                    1 => d.rotate_left(1),
                    _ => {
                        let at = rng.below(d.len());
                        d[at] = T::add(d[at], 1 + rng.residue(T::VALUE - 1));
                    }
                }
                wire::set_words(frame, &d);
            }
        });
        let session = request.masked_over(&mut store, Once(proxy.address), |_, _| {});
        let (places, verdict) = run(session).unwrap();
        assert_eq!(verdict.failed > 0, lie > 0, "lie {lie} about product {target}");
        for (at, place) in places.iter().enumerate() {
            assert_eq!(place.sound, lie == 0 || heads[at] < target);
            assert!(!place.sound || *place == plain[at]);
        }
        let up = outline(&proxy.up());
        assert_eq!(up.len(), products + 2);
        assert!(*honest.get_or_insert_with(|| up.clone()) == up, "lie {lie}");
    }
}

#[test]
fn lies_about_units() {
    let daemon = Daemon::new(&DEMO);
    for lie in 0..16 {
        let mut rng = Rng(lie);
        // Groups of the first layers, the largest aside.
        let units = [GroupId([0, 1, 3, 5][rng.below(4)])];
        let rows = DEMO.shape(units[0]).rows;
        let shape = wire::row_shape(FORM, Set::ID, 1);
        let rows_per_frame = (MAX_PAYLOAD - BLOCK_PREFIX_BYTES) / shape.row_bytes();
        let target = rng.below(rows.div_ceil(rows_per_frame)) + 1;
        let mut up = Vec::new();
        for honest in [true, false] {
            let mut rng = Rng(lie + 100);
            let proxy = Proxy::new(daemon.address, move |index, frame| {
                if honest || index != target {
                    return;
                }
                let mut rows = wire::rows(frame, &shape);
                let before = rows.clone();
                // Masks or body, modulo t or their low parts; or rows in another order.
                let (row, limb) = (rng.below(rows.len()), (lie % 2) as usize);
                let words = &mut rows[row][limb];
                let masks = Set::MASK_WORDS;
                match lie % 5 {
                    4 => rows.rotate_left(1),
                    at => {
                        let at = if at < 2 { rng.below(masks) } else { masks + rng.below(Set::N) };
                        let p = wire::row_modulus(&shape, limb, at);
                        let other = 1 + rng.residue(p - 1);
                        words[at] =
                            ((u64::from(words[at]) + u64::from(other)) % u64::from(p)) as u32;
                    }
                }
                assert!(rows != before);
                wire::set_rows(frame, &shape, &rows);
            });
            let mut store = MemoryStore::new(&DEMO.config);
            let prepared = run(async {
                let stream = dial(proxy.address).await.unwrap();
                prepare_over::<Set, _>(&DEMO, stream, &mut store, &units, FORM, lie, MAX_PAYLOAD)
                    .await
            });
            prepared.result.unwrap();
            assert_eq!(prepared.units, [(units[0], honest)], "lie {lie}");
            assert_eq!(store.available(units[0]), if honest { 256 } else { 0 });
            assert_eq!(store.bytes(), if honest { 4 * 256 * rows } else { 0 });
            up.push(proxy.up());
        }
        assert!(up[0] == up[1], "lie {lie}: bytes depend on the verdict");
    }
}

/// Devices of one daemon, at the same time, while others prepare: each as if it were alone.
#[test]
fn devices_share_a_daemon() {
    let daemon = Daemon::new(&DEMO);
    let address = daemon.address;
    std::thread::scope(|scope| {
        for device in 0..6_u8 {
            scope.spawn(move || {
                let request = Run { id: SessionId([device; 16]), ..request() };
                if device % 3 == 2 {
                    let mut store = MemoryStore::new(&DEMO.config);
                    let (units, seed) = ([GroupId(1), GroupId(3)], u64::from(device));
                    let prepared = run(async {
                        let stream = dial(address).await.unwrap();
                        prepare_over::<Set, _>(
                            &DEMO, stream, &mut store, &units, FORM, seed, 400_000,
                        )
                        .await
                    });
                    prepared.result.unwrap();
                    assert!(prepared.units.iter().all(|(_, kept)| *kept));
                    assert_eq!(available(&store, &DEMO.config)[..4], [0, 256, 0, 256]);
                } else {
                    let rng = &mut Rng(u64::from(device));
                    let mut store = provisioned(&DEMO, &request.schedule, 3, rng);
                    for _ in 0..3 {
                        let session = request.masked_over(&mut store, Once(address), |_, _| {});
                        let (places, verdict) = run(session).unwrap();
                        assert_eq!((places, verdict.failed), (request.plain(), 0));
                    }
                }
            });
        }
    });
}
