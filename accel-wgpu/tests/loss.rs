//! Devices that vanish: every call returns the right answer or says that the device is lost, and none hangs or panics.
#![allow(clippy::unwrap_used, reason = "test code")]

use accel_wgpu::Gpu;
use kernel::accel::ring::RingAccelerator;
use kernel::accel::{AccelError, Accelerator, MatrixId, Reference, RowSource};
use kernel::conformance::{Noise, residues, weights};
use kernel::params::{Direct4096, ParameterSet};
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

trait Opened: Send + Sync {}

impl Opened for Gpu {}

kernel::suite_backend!(Opened, loss, Gpu::builder().build(), "SUBROSA_REQUIRE_GPU");

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A GPU to destroy; from now on panics are counted.
fn gpu() -> Option<Gpu> {
    static HOOK: Once = Once::new();
    backend()?;
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::Relaxed);
            before(info);
        }));
    });
    Some(Gpu::builder().build().unwrap())
}

const M: usize = 90;
const N: usize = 150;
const SEED: PublicSeed = PublicSeed([9; 32]);

struct Rows<'a>(core::slice::ChunksExact<'a, i8>);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.copy_from_slice(self.0.next().ok_or(AccelError::Rows)?);
        Ok(())
    }
}

fn load(on: &dyn Accelerator) -> Result<MatrixId, AccelError> {
    on.load(M, N, &mut Rows(weights(1, M * N).chunks_exact(N)))
}

/// One call of some kind, and its answer.
fn call(on: &dyn Accelerator, id: MatrixId, kind: usize) -> Result<Vec<u32>, AccelError> {
    let p = PrimeId::ALL[kind % 2];
    // Alone, together with others, on its own with many columns, masks.
    let columns = [1, 5, 70, 33][kind / 2 % 4];
    let rows = kind % 3..M;
    let mut out = vec![7; rows.len() * columns];
    if kind / 2 % 4 == 3 {
        on.product_seeded(id, rows, p, &SEED, 3..3 + columns, &mut out)?;
    } else {
        let x = residues(p, kind as u64, N * columns);
        on.product(id, rows, p, &x, columns, &mut out)?;
    }
    Ok(out)
}

const KINDS: usize = 24;

fn right_answers() -> Vec<Vec<u32>> {
    let reference = Reference::default();
    let id = load(&reference).unwrap();
    (0..KINDS).map(|kind| call(&reference, id, kind).unwrap()).collect()
}

/// Everything says that the device is lost.
fn is_lost(gpu: &Gpu, id: MatrixId) {
    let lost = AccelError::DeviceLost;
    for kind in 0..KINDS {
        assert_eq!(call(gpu, id, kind), Err(lost));
    }
    assert_eq!(gpu.product(id, 4..4, PrimeId::T, &[0; N], 1, &mut []), Err(lost));
    assert_eq!(gpu.product_seeded(id, 4..4, PrimeId::T, &SEED, 0..1, &mut []), Err(lost));
    assert_eq!(load(gpu), Err(lost));
    assert_eq!(gpu.open_keys(Direct4096::ID, &SEED), Err(lost));
    assert_eq!(gpu.copy_bytes_per_s(), Err(lost));
    assert_eq!(gpu.dot_rate(), Err(lost));
    assert!(gpu.self_test().is_err());
    assert_eq!(gpu.failure().as_deref(), Some("it was destroyed"));
}

#[test]
fn a_device_that_was_lost_stays_lost() {
    let Some(gpu) = gpu() else { return };
    let id = load(&gpu).unwrap();
    assert_eq!(gpu.failure(), None);
    gpu.destroy();
    is_lost(&gpu, id);
    gpu.destroy();
    is_lost(&gpu, id);
    // What this side knows it still knows.
    assert_eq!(gpu.columns(id), Ok(N));
    assert_eq!(gpu.unload(id), Ok(()));
    assert_eq!(gpu.unload(id), Err(AccelError::UnknownMatrix));
    drop(gpu);
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}

#[test]
fn a_device_lost_between_calls() {
    let Some(gpu) = gpu() else { return };
    let right = right_answers();
    let id = load(&gpu).unwrap();
    for kind in 0..KINDS {
        assert!(call(&gpu, id, kind).as_ref() == Ok(&right[kind]), "kind {kind}");
    }
    gpu.destroy();
    is_lost(&gpu, id);
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}

/// A source during which the device vanishes.
struct Destroys<'a>(&'a Gpu, usize);

impl RowSource for Destroys<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        row.fill(3);
        if self.1 == 0 {
            self.0.destroy();
        }
        self.1 = self.1.wrapping_sub(1);
        Ok(())
    }
}

#[test]
fn a_device_lost_while_a_matrix_is_loaded() {
    for row in [0, 5, M - 1] {
        let Some(gpu) = gpu() else { return };
        assert_eq!(gpu.load(M, N, &mut Destroys(&gpu, row)), Err(AccelError::DeviceLost));
        assert_eq!(load(&gpu), Err(AccelError::DeviceLost));
    }
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}

/// Runs `work` elsewhere, and fails should it not end.
fn ends(work: impl FnOnce() + Send + 'static) {
    let (done, end) = channel();
    let worker = thread::spawn(move || {
        work();
        let _ = done.send(());
    });
    let ended = end.recv_timeout(Duration::from_secs(100));
    assert_ne!(ended, Err(std::sync::mpsc::RecvTimeoutError::Timeout), "it hangs");
    worker.join().unwrap();
}

#[test]
fn a_device_lost_at_any_moment() {
    if gpu().is_none() {
        return;
    }
    let answered = AtomicUsize::new(0);
    ends(move || {
        let right = right_answers();
        let mut noise = Noise::new(4);
        for round in 0..24 {
            let gpu = Gpu::builder().build().unwrap();
            let id = load(&gpu).unwrap();
            let moment = Duration::from_micros(noise.bits() % 12_000);
            thread::scope(|scope| {
                for start in 0..6 {
                    let (gpu, right, answered) = (&gpu, &right, &answered);
                    scope.spawn(move || {
                        // Two threads load besides; the others wait together for products with one matrix.
                        for k in 0.. {
                            if start < 2 {
                                match load(gpu).and_then(|other| call(gpu, other, k % KINDS)) {
                                    Ok(got) => assert!(got == right[k % KINDS], "round {round}"),
                                    Err(error) => {
                                        assert_eq!(error, AccelError::DeviceLost, "round {round}");
                                        break;
                                    }
                                }
                                continue;
                            }
                            let kind = if k % 2 == 0 { 2 } else { (start + k) % KINDS };
                            match call(gpu, id, kind) {
                                Ok(got) => {
                                    assert!(got == right[kind], "round {round}");
                                    answered.fetch_add(1, Ordering::Relaxed);
                                }
                                Err(error) => {
                                    assert_eq!(error, AccelError::DeviceLost, "round {round}");
                                    break;
                                }
                            }
                        }
                    });
                }
                thread::sleep(moment);
                gpu.destroy();
            });
            is_lost(&gpu, id);
        }
        assert!(answered.into_inner() > 0, "some calls came before");
    });
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}
