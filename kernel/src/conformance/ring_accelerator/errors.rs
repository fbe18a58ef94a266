use super::{KEY_SEED, Pair, SEED, bodies, keys};
use crate::accel::AccelError;
use crate::accel::ring::{Ciphertexts, KeysId, RingAccelerator, automorphisms};
use crate::galois::Automorphism;
use crate::params::{Direct4096, DirectSet, Masked4096x1, MaskedSet, ParameterSet};
use crate::trace::Layout;
use alloc::vec;

type S = Direct4096;
const GADGET: usize = <S as DirectSet>::GADGET;

/// Keys of other sets, of wrong lengths, of residues out of range, and of nobody.
pub fn bad_keys(backend: &dyn RingAccelerator) {
    fn masked<M: MaskedSet>(backend: &dyn RingAccelerator) {
        assert_eq!(backend.open_keys(M::ID, &KEY_SEED), Err(AccelError::UnknownSet));
    }
    masked::<Masked4096x1>(backend);
    let id = backend.open_keys(S::ID, &KEY_SEED).unwrap();
    let sigma = Automorphism::new(S::N, 5);
    let good = bodies::<S>(1, GADGET);
    assert_eq!(backend.add_key(id, sigma, &good), Ok(()));
    let shape = Err(AccelError::Shape);
    assert_eq!(backend.add_key(id, sigma, &good[1..]), shape);
    assert_eq!(backend.add_key(id, sigma, &[]), shape);
    assert_eq!(backend.add_key(id, sigma, &bodies::<S>(1, GADGET + 1)), shape);
    assert_eq!(backend.add_key(id, Automorphism::new(S::N / 2, 5), &good), shape);
    for at in [0, S::N, 2 * S::N, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] = u32::MAX;
        assert_eq!(backend.add_key(id, sigma, &bad), Err(AccelError::Residue));
    }
    backend.close_keys(id).unwrap();
    let unknown = Err(AccelError::UnknownKeys);
    assert_eq!(backend.close_keys(id), unknown);
    assert_eq!(backend.add_key(id, sigma, &good), unknown);
    assert_eq!(backend.add_key(KeysId(u64::MAX), sigma, &good), unknown);
    assert_eq!(backend.close_keys(KeysId(u64::MAX)), unknown);
}

/// Buffers that do not fit, residues out of range, matrices and keys that are not there.
pub fn bad_products(backend: &dyn RingAccelerator) {
    let (m, n) = (20, 30);
    let pair = Pair::noise::<S>(backend, m, n, 1);
    let good = bodies::<S>(1, 1);
    let (masks, results) = pair.lengths::<S>(1);
    let (matrix, keys) = (pair.matrices.0, pair.keys.0);
    let product = |layout: &Layout, bodies: &[u32], masks: usize, results: usize| {
        let input = Ciphertexts { seed: &SEED, first: 0, bodies };
        let (mut masks, mut results) = (vec![0; masks], vec![0; results]);
        backend.trace_product(matrix, keys, layout, &input, &mut masks, &mut results)
    };
    let layout = &pair.layout;
    assert_eq!(product(layout, &good, masks, results), Ok(()));
    let shape = Err(AccelError::Shape);
    assert_eq!(product(layout, &good[1..], masks, results), shape);
    assert_eq!(product(layout, &[], masks, results), shape);
    assert_eq!(product(layout, &[], 0, 0), shape);
    assert_eq!(product(layout, &good, masks - 1, results), shape);
    assert_eq!(product(layout, &good, masks, results + 1), shape);
    assert_eq!(product(layout, &bodies::<S>(1, 2), masks, results), shape);
    let small = Layout::fitting(S::N / 2, m, n, 1);
    assert_eq!(product(&small, &good, masks, results), shape);
    assert_eq!(backend.encode(matrix, S::ID, &small), Err(AccelError::Shape));
    assert_eq!(backend.encode(matrix, Masked4096x1::ID, layout), Err(AccelError::UnknownSet));
    for at in [0, S::N, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] = u32::MAX;
        assert_eq!(product(layout, &bad, masks, results), Err(AccelError::Residue));
    }
    let input = Ciphertexts { seed: &SEED, first: 0, bodies: &good };
    let (mut a, mut b) = (vec![0; masks], vec![0; results]);
    let nobody = KeysId(u64::MAX);
    let unknown = backend.trace_product(matrix, nobody, layout, &input, &mut a, &mut b);
    assert_eq!(unknown, Err(AccelError::UnknownKeys));
    backend.unload(matrix).unwrap();
    let unknown = backend.trace_product(matrix, keys, layout, &input, &mut a, &mut b);
    assert_eq!(unknown, Err(AccelError::UnknownMatrix));
    assert_eq!(backend.encode(matrix, S::ID, layout), Err(AccelError::UnknownMatrix));
    backend.close_keys(keys).unwrap();
}

/// A product without one of its keys, whichever it is.
pub fn missing_keys(backend: &dyn RingAccelerator) {
    let (m, n) = (2048, 70);
    let pair = Pair::noise::<S>(backend, m, n, 1);
    let all = automorphisms(&[pair.layout]);
    assert!(all.len() > 2);
    for missing in &all {
        let some = backend.open_keys(S::ID, &KEY_SEED).unwrap();
        for sigma in all.iter().filter(|sigma| *sigma != missing) {
            backend.add_key(some, *sigma, &bodies::<S>(1, GADGET)).unwrap();
        }
        let (masks, results) = pair.lengths::<S>(1);
        let (mut masks, mut results) = (vec![0; masks], vec![0; results]);
        let bodies = bodies::<S>(1, 1);
        let input = Ciphertexts { seed: &SEED, first: 0, bodies: &bodies };
        let layout = &pair.layout;
        let matrix = pair.matrices.0;
        let product = backend.trace_product(matrix, some, layout, &input, &mut masks, &mut results);
        assert_eq!(product, Err(AccelError::MissingKey), "{missing:?}");
        backend.close_keys(some).unwrap();
    }
    pair.unload();
}

/// Two sets of keys at once give different results, each its own; a key that comes again replaces.
pub fn keys_are_not_confused(backend: &dyn RingAccelerator) {
    let mut pair = Pair::noise::<S>(backend, 30, 20, 1);
    let input = bodies::<S>(9, 1);
    let first = pair.product::<S>(1, &input).unwrap();
    let other = keys::<S>(backend, &[pair.layout]);
    for sigma in automorphisms(&[pair.layout]) {
        backend.add_key(other, sigma, &bodies::<S>(99, GADGET)).unwrap();
    }
    let own = core::mem::replace(&mut pair.keys.0, other);
    let second = pair.product::<S>(1, &input).unwrap();
    assert_ne!(first, second);
    pair.keys.0 = own;
    assert_eq!(pair.product::<S>(1, &input).unwrap(), first);
    backend.close_keys(other).unwrap();
    pair.unload();
}
