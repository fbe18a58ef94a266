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

#[cfg(test)]
mod tests {
    use super::*;
    use core::ops::Range;
    use kernel::accel::{Capabilities, MatrixId};

    /// A reference with a fault.
    #[derive(Default)]
    struct Faulty {
        reference: Reference,
        fault: Fault,
    }

    #[derive(Clone, Copy, Default)]
    enum Fault {
        #[default]
        None,
        /// A word of the products of so many columns is off by one.
        Product { columns: usize, p: PrimeId, word: usize },
        /// The same for masks.
        Seeded { p: PrimeId, word: usize },
        /// Fails at products of masks.
        Fails(AccelError),
        /// Cannot load.
        Full,
        /// Forgets matrices before their time.
        Forgets,
    }

    impl Accelerator for Faulty {
        fn capabilities(&self) -> Capabilities {
            self.reference.capabilities()
        }

        fn load(
            &self,
            m: usize,
            n: usize,
            rows: &mut dyn RowSource,
        ) -> Result<MatrixId, AccelError> {
            if matches!(self.fault, Fault::Full) {
                return Err(AccelError::OutOfMemory);
            }
            self.reference.load(m, n, rows)
        }

        fn unload(&self, matrix: MatrixId) -> Result<(), AccelError> {
            self.reference.unload(matrix)?;
            if matches!(self.fault, Fault::Forgets) {
                Err(AccelError::UnknownMatrix)
            } else {
                Ok(())
            }
        }

        fn product(
            &self,
            matrix: MatrixId,
            rows: Range<usize>,
            p: PrimeId,
            x: &[u32],
            columns: usize,
            out: &mut [u32],
        ) -> Result<(), AccelError> {
            self.reference.product(matrix, rows, p, x, columns, out)?;
            match self.fault {
                Fault::Product { columns: c, p: q, word } if (c, q) == (columns, p) => {
                    out[word] ^= 1
                }
                _ => {}
            }
            Ok(())
        }

        fn product_seeded(
            &self,
            matrix: MatrixId,
            rows: Range<usize>,
            p: PrimeId,
            seed: &PublicSeed,
            mask_columns: Range<usize>,
            out: &mut [u32],
        ) -> Result<(), AccelError> {
            self.reference.product_seeded(matrix, rows, p, seed, mask_columns, out)?;
            match self.fault {
                Fault::Seeded { p: q, word } if q == p => out[word] ^= 1,
                Fault::Fails(error) => return Err(error),
                _ => {}
            }
            Ok(())
        }

        fn columns(&self, matrix: MatrixId) -> Result<usize, AccelError> {
            self.reference.columns(matrix)
        }
    }

    fn test(fault: Fault) -> Result<(), SelfTestError> {
        run(&Faulty { fault, ..Default::default() })
    }

    #[test]
    fn the_reference_is_right() {
        assert_eq!(test(Fault::None), Ok(()));
    }

    #[test]
    fn one_wrong_word_is_enough() {
        for p in PrimeId::ALL {
            for (what, columns) in [("product of one column", 1), ("product of many columns", 45)] {
                for word in [0, M * columns / 2, M * columns - 1] {
                    let wrong = test(Fault::Product { columns, p, word });
                    assert_eq!(wrong, Err(SelfTestError::Differs(what)), "{p:?}, word {word}");
                }
            }
            for word in [0, 100, M * 64 - 1] {
                let wrong = test(Fault::Seeded { p, word });
                assert_eq!(
                    wrong,
                    Err(SelfTestError::Differs("product of masks")),
                    "{p:?}, word {word}"
                );
            }
        }
    }

    #[test]
    fn failures_are_told() {
        let failed = |what, error| Err(SelfTestError::Failed(what, error));
        let lost = AccelError::DeviceLost;
        assert_eq!(test(Fault::Fails(lost)), failed("product of masks", lost));
        assert_eq!(test(Fault::Full), failed("upload of a matrix", AccelError::OutOfMemory));
        assert_eq!(test(Fault::Forgets), failed("removal of a matrix", AccelError::UnknownMatrix));
    }

    #[test]
    fn words_are_drawn_again() {
        // Otherwise the masks' second draws would not be tested.
        use kernel::prime::Prime;
        for p in PrimeId::ALL {
            kernel::with_prime!(p, P => {
                let rejected = 1.0 - f64::from(P::VALUE) / (1_u64 << P::BITS) as f64;
                assert!(rejected * (N * 64) as f64 > 1.0, "{p:?}: {rejected}");
            });
        }
    }
}
