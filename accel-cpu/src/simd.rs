use crate::arch::lanes::Lanes;
use crate::ring::modulus::Modulus;
use crate::ring::ntt;
use kernel::prime::Prime;
use kernel::ring::{RingOps, Scalar};
use std::sync::OnceLock;

/// [`RingOps`] with the vectors of the best [`Level`](crate::Level) of the processor.
///
/// Transforms modulo every prime of the kernel but the toys are on vectors: [`T`](kernel::prime::T)
/// too, whose residues fill a word, at about half the speed of the others. Toys, degrees too small
/// for vectors, and [`RingOps::mul_add_assign`] are left to [`Scalar`]. The transforms are vector
/// multiplications, additions, comparisons and minima in an order that depends on the prime and the
/// degree alone: constant time.
///
/// ```
/// use accel_cpu::Simd;
/// use kernel::prime::Delta;
/// use kernel::ring::{RingOps, Scalar};
///
/// let mut a: Vec<u32> = (0..4096).collect();
/// let mut b = a.clone();
/// Simd::ntt_forward::<Delta>(&mut a);
/// Scalar::ntt_forward::<Delta>(&mut b);
/// assert_eq!(a, b);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Simd {}

impl RingOps for Simd {
    fn ntt_forward<P: Prime>(polynomial: &mut [u32]) {
        let best = Best::get();
        match modulus::<P>().filter(|_| best.fits(polynomial.len())) {
            Some(modulus) => best.forward(modulus, polynomial),
            None => Scalar::ntt_forward::<P>(polynomial),
        }
    }

    fn ntt_inverse<P: Prime>(polynomial: &mut [u32]) {
        let best = Best::get();
        match modulus::<P>().filter(|_| best.fits(polynomial.len())) {
            Some(modulus) => best.inverse(modulus, polynomial),
            None => Scalar::ntt_inverse::<P>(polynomial),
        }
    }

    fn mul_add_assign<P: Prime>(acc: &mut [u32], a: &[u32], b: &[u32]) {
        Scalar::mul_add_assign::<P>(acc, a, b);
    }
}

/// The tables of `P`, if it has a transform on vectors.
fn modulus<P: Prime>() -> Option<&'static Modulus> {
    use kernel::prime::{Delta, Prime25, Prime26, Prime29, T};
    static ALL: [OnceLock<Option<Modulus>>; 5] = [const { OnceLock::new() }; 5];
    let primes = [T::VALUE, Delta::VALUE, Prime29::VALUE, Prime26::VALUE, Prime25::VALUE];
    let index = primes.iter().position(|&prime| prime == P::VALUE)?;
    ALL[index].get_or_init(Modulus::of::<P>).as_ref()
}

/// The best vectors of the processor.
#[derive(Clone, Copy)]
enum Best {
    #[cfg(target_arch = "x86_64")]
    Avx512(crate::arch::x86_64::Avx512Lanes),
    #[cfg(target_arch = "x86_64")]
    Avx2(crate::arch::x86_64::Avx2Lanes),
    Portable(crate::arch::portable_lanes::PortableLanes),
}

macro_rules! with_best {
    ($best:expr, $lanes:ident => $body:expr) => {
        match $best {
            #[cfg(target_arch = "x86_64")]
            Best::Avx512($lanes) => $body,
            #[cfg(target_arch = "x86_64")]
            Best::Avx2($lanes) => $body,
            Best::Portable($lanes) => $body,
        }
    };
}

impl Best {
    fn get() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use crate::arch::x86_64::{Avx2Lanes, Avx512Lanes};
            if let Some(lanes) = Avx512Lanes::detect() {
                return Self::Avx512(lanes);
            }
            if let Some(lanes) = Avx2Lanes::detect() {
                return Self::Avx2(lanes);
            }
        }
        Self::Portable(crate::arch::portable_lanes::PortableLanes::<8>)
    }

    fn fits(self, degree: usize) -> bool {
        fn fits<L: Lanes>(_: L, degree: usize) -> bool {
            degree.is_power_of_two() && ntt::fits::<L>(degree)
        }
        with_best!(self, lanes => fits(lanes, degree))
    }

    fn forward(self, modulus: &Modulus, polynomial: &mut [u32]) {
        with_best!(self, lanes => lanes.run(
            #[inline(always)]
            || ntt::forward(lanes, modulus, polynomial),
        ));
    }

    fn inverse(self, modulus: &Modulus, polynomial: &mut [u32]) {
        with_best!(self, lanes => lanes.run(
            #[inline(always)]
            || ntt::inverse(lanes, modulus, polynomial),
        ));
    }
}
