use kernel::accel::{AccelError, Accelerator, Reference, RowSource};
use kernel::prime::PrimeId;
use kernel::stream::PublicSeed;

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
pub(crate) fn run(gpu: &dyn Accelerator) -> Result<(), SelfTestError> {
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
