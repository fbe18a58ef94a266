use super::*;
use core::ops::Range;
use kernel::accel::ring::KeysId;
use kernel::accel::{Capabilities, MatrixId};
use kernel::galois::Automorphism;

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
    /// The same for trace products: a word of the masks, or of the bodies.
    Trace { masks: bool, word: usize },
    /// Fails at products of masks.
    Fails(AccelError),
    /// Fails at trace products.
    Traceless(AccelError),
    /// Cannot load.
    Full,
    /// Forgets matrices before their time.
    Forgets,
}

impl Accelerator for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.reference.capabilities()
    }

    fn load(&self, m: usize, n: usize, rows: &mut dyn RowSource) -> Result<MatrixId, AccelError> {
        if matches!(self.fault, Fault::Full) {
            return Err(AccelError::OutOfMemory);
        }
        self.reference.load(m, n, rows)
    }

    fn unload(&self, matrix: MatrixId) -> Result<(), AccelError> {
        self.reference.unload(matrix)?;
        if matches!(self.fault, Fault::Forgets) { Err(AccelError::UnknownMatrix) } else { Ok(()) }
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
            Fault::Product { columns: c, p: q, word } if (c, q) == (columns, p) => out[word] ^= 1,
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

impl RingAccelerator for Faulty {
    fn open_keys(&self, set: ParameterId, seed: &PublicSeed) -> Result<KeysId, AccelError> {
        self.reference.open_keys(set, seed)
    }

    fn add_key(
        &self,
        keys: KeysId,
        automorphism: Automorphism,
        bodies: &[u32],
    ) -> Result<(), AccelError> {
        self.reference.add_key(keys, automorphism, bodies)
    }

    fn close_keys(&self, keys: KeysId) -> Result<(), AccelError> {
        self.reference.close_keys(keys)
    }

    fn encode(
        &self,
        matrix: MatrixId,
        set: ParameterId,
        layout: &Layout,
    ) -> Result<u64, AccelError> {
        self.reference.encode(matrix, set, layout)
    }

    fn trace_product(
        &self,
        matrix: MatrixId,
        keys: KeysId,
        layout: &Layout,
        input: &Ciphertexts<'_>,
        masks: &mut [u64],
        bodies: &mut [u64],
    ) -> Result<(), AccelError> {
        self.reference.trace_product(matrix, keys, layout, input, masks, bodies)?;
        match self.fault {
            Fault::Trace { masks: true, word } => masks[word] ^= 1,
            Fault::Trace { masks: false, word } => bodies[word] ^= 1,
            Fault::Traceless(error) => return Err(error),
            _ => {}
        }
        Ok(())
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
fn one_wrong_word_of_a_trace_product_is_enough() {
    for (masks, words) in [(true, [0, 4095]), (false, [0, 4])] {
        for word in words {
            let wrong = test(Fault::Trace { masks, word });
            assert_eq!(wrong, Err(SelfTestError::Differs("trace product")), "word {word}");
        }
    }
}

#[test]
fn failures_are_told() {
    let failed = |what, error| Err(SelfTestError::Failed(what, error));
    let lost = AccelError::DeviceLost;
    assert_eq!(test(Fault::Fails(lost)), failed("product of masks", lost));
    assert_eq!(test(Fault::Traceless(lost)), failed("trace product", lost));
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
