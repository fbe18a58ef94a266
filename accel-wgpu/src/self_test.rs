#[cfg(test)]
mod tests;

use kernel::accel::ring::{Ciphertexts, RingAccelerator, automorphisms};
use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
use kernel::direct::DirectShape;
use kernel::params::ParameterId;
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;
use kernel::trace::Layout;

/// What was wrong in a self-test.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SelfTestError {
    /// A result differs from the reference's.
    #[error("the {0} is wrong")]
    Differs(&'static str),
    /// It could not be computed.
    #[error("the {0} failed: {1}")]
    Failed(&'static str, AccelError),
}

/// Rows and columns that no tile and no vector divides.
const M: usize = 67;
const N: usize = 83;

/// Rows of a matrix with all weights in it.
struct Rows(usize);

impl RowSource for Rows {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        for (j, weight) in row.iter_mut().enumerate() {
            *weight = (self.0 * 101 + j * 37) as i8;
        }
        self.0 += 1;
        Ok(())
    }
}

/// Compares products with the reference.
pub(crate) fn run(gpu: &dyn RingAccelerator) -> Result<(), SelfTestError> {
    masked(gpu)?;
    direct(gpu)
}

/// Products of residues.
fn masked(gpu: &dyn Accelerator) -> Result<(), SelfTestError> {
    let failed = |what| move |error| SelfTestError::Failed(what, error);
    let reference = Reference::default();
    let id = gpu.load(M, N, &mut Rows(0)).map_err(failed("upload of a matrix"))?;
    let expected_id = reference.load(M, N, &mut Rows(0)).map_err(failed("reference"))?;
    let test = || {
        for (what, columns) in [("product of one column", 1), ("product of many columns", 45)] {
            for p in PrimeId::ALL {
                // From the largest residue down, and from the smallest up.
                let word = |i: usize| {
                    if i.is_multiple_of(3) { p.value() - 1 - i as u32 } else { i as u32 * 99_991 }
                };
                let x: Vec<u32> = (0..N * columns).map(|i| word(i) % p.value()).collect();
                let (mut out, mut expected) = (vec![1; M * columns], vec![2; M * columns]);
                gpu.product(id, 0..M, p, &x, columns, &mut out).map_err(failed(what))?;
                reference
                    .product(expected_id, 0..M, p, &x, columns, &mut expected)
                    .map_err(failed("reference"))?;
                if out != expected {
                    return Err(SelfTestError::Differs(what));
                }
            }
        }
        let what = "product of masks";
        for p in PrimeId::ALL {
            // Thousands of words, of which some are drawn again.
            let (seed, columns) = (PublicSeed([42; 32]), 5..69);
            let (mut out, mut expected) = (vec![1; M * 64], vec![2; M * 64]);
            gpu.product_seeded(id, 0..M, p, &seed, columns.clone(), &mut out)
                .map_err(failed(what))?;
            reference
                .product_seeded(expected_id, 0..M, p, &seed, columns, &mut expected)
                .map_err(failed("reference"))?;
            if out != expected {
                return Err(SelfTestError::Differs(what));
            }
        }
        Ok(())
    };
    let result = test();
    gpu.unload(id).map_err(failed("removal of a matrix"))?;
    result
}

/// A trace product that takes each kind of step: encoding in two steps, giant steps, conjugation and fold.
fn direct(gpu: &dyn RingAccelerator) -> Result<(), SelfTestError> {
    const WHAT: &str = "trace product";
    let failed = |error| SelfTestError::Failed(WHAT, error);
    let set = ParameterId::Direct4096;
    let shape = DirectShape::of(set).ok_or(failed(AccelError::UnknownSet))?;
    let layout = Layout::new(shape.degree, shape.degree / 2, 8, 1);
    let layout = layout.ok_or(failed(AccelError::Shape))?;
    let (m, n) = (5, 7);
    // Polynomials of residues, limb after limb.
    let residues = |polynomials: usize, salt: u32| -> Vec<u32> {
        let limbs = (0..polynomials).flat_map(|_| shape.limbs());
        let words = limbs.flat_map(|limb| (0..shape.degree).map(move |_| limb.modulus));
        let mix = |i: u32| (i ^ salt).wrapping_mul(0x9e37_79b9) ^ i >> 7;
        words.zip(0..).map(|(p, i)| mix(i) % p).collect()
    };
    let x = residues(1, 1);
    let product = |host: &dyn RingAccelerator| -> Result<_, AccelError> {
        let matrix = host.load(m, n, &mut Rows(0))?;
        let keys = host.open_keys(set, &PublicSeed([43; 32]))?;
        for sigma in automorphisms(&[layout]) {
            let bodies = residues(shape.elements(), sigma.exponent());
            host.add_key(keys, sigma, &bodies)?;
        }
        let seed = PublicSeed([44; 32]);
        let input = Ciphertexts { seed: &seed, first: 7, bodies: &x };
        let (mut masks, mut bodies) = (vec![0; shape.degree], vec![0; layout.rows()]);
        host.trace_product(matrix, keys, &layout, &input, &mut masks, &mut bodies)?;
        host.close_keys(keys)?;
        host.unload(matrix)?;
        Ok((masks, bodies))
    };
    let expected = product(&Reference::default()).map_err(failed)?;
    if product(gpu).map_err(failed)? == expected {
        Ok(())
    } else {
        Err(SelfTestError::Differs(WHAT))
    }
}
