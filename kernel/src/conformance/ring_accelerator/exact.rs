use super::Device;
use crate::accel::ring::RingAccelerator;
use crate::conformance::accelerator::Weights;
use crate::conformance::{Noise, residues, weights};
use crate::params::{Direct4096, DirectSet};
#[cfg(feature = "hazmat")]
use crate::params::{InsecureDirect8, InsecureDirect64};
use crate::prime::{Prime, PrimeId, T};
use crate::stream::Seed;
use crate::trace::Layout;
use alloc::vec;
use alloc::vec::Vec;

/// What a device decrypts is the matrix's product, for small shapes; [`is_exact`] tries any.
pub fn exactness(backend: &dyn RingAccelerator) {
    #[cfg(feature = "hazmat")]
    for tokens in [1, 2, 3, 8] {
        for (m, n) in [(1, 1), (3, 5), (8, 8), (17, 9), (2, 30)] {
            is_exact::<InsecureDirect8>(backend, m, n, tokens);
            is_exact::<InsecureDirect64>(backend, m, n, tokens);
        }
    }
    is_exact::<Direct4096>(backend, 40, 12, 1);
    is_exact::<Direct4096>(backend, 12, 40, 5);
}

/// An `m x n` matrix times `tokens` vectors under encryption, for random and extreme weights and
/// residues, encoded and not.
pub fn is_exact<S: DirectSet>(backend: &dyn RingAccelerator, m: usize, n: usize, tokens: usize) {
    let layout = Layout::for_product(S::N, m, n, tokens);
    let device = Device::<S>::new(Seed::from_bytes([(m ^ n ^ tokens) as u8; 32]));
    let keys = device.send_keys(backend, &[layout]);
    let noise = Noise::new((m * n + tokens) as u64).bits();
    let edges = [T::VALUE - 1, 0, T::VALUE / 2, T::VALUE / 2 + 1, 1];
    let edges = edges.into_iter().cycle().take(tokens * n).collect();
    let cases = [
        (weights(noise, m * n), residues(PrimeId::T, noise, tokens * n)),
        (vec![-128; m * n], vec![T::VALUE / 2; tokens * n]),
        // Signs that alternate, and a row that outweighs the others.
        ((0..m * n).map(|i| if i < n || i % 2 == 0 { 127 } else { -127 }).collect(), edges),
    ];
    for (weights, x) in cases {
        let rows = Weights::new(n, weights);
        let matrix = rows.load(backend);
        let expected = clear(rows.words(), n, &x);
        for encoded in [false, true] {
            if encoded {
                backend.encode(matrix, S::ID, &layout).unwrap();
            }
            let y = device.product(backend, (matrix, m, n), keys, &layout, &x).unwrap();
            let differ = y.iter().zip(&expected).filter(|(y, expected)| y != expected).count();
            let of = y.len();
            assert_eq!(differ, 0, "of {of} outputs, {m} x {n}, {tokens} tokens, {layout:?}");
        }
        backend.unload(matrix).unwrap();
    }
    backend.close_keys(keys).unwrap();
}

/// `W x` modulo t, for each row of x.
fn clear(weights: &[i8], n: usize, x: &[u32]) -> Vec<u32> {
    let centred: Vec<i64> = x.iter().map(|&x| T::centre(x).into()).collect();
    let dot = |row: &[i8], x: &[i64]| {
        // At most 2^31 * 2^7 * 65,793.
        T::from_i64(row.iter().zip(x).map(|(&w, &x)| i64::from(w) * x).sum())
    };
    let products = centred.chunks_exact(n);
    products.flat_map(|x| weights.chunks_exact(n).map(move |row| dot(row, x))).collect()
}
