use concrete_ntt::prime32::Plan;
use kernel::ntt::{MAX_DEGREE, MIN_DEGREE};
use kernel::prime::{Delta, Prime, T};
use kernel::ring::{RingOps, Scalar};
use std::sync::OnceLock;
use zeroize::Zeroize;

/// [`RingOps`] by the crate `concrete-ntt`, as an independent oracle for ours and a yardstick.
///
/// That crate chooses its own root of unity, so its outputs are the same evaluations in another
/// order: each transform is followed or preceded by a permutation. Degrees below 32, which it does
/// not have, and the toy primes are left to [`Scalar`]. Whether it runs in constant time is for its
/// authors to say: do not give it secrets that matter.
///
/// ```
/// use accel_cpu::Concrete;
/// use kernel::prime::T;
/// use kernel::ring::{RingOps, Scalar};
///
/// let mut a: Vec<u32> = (0..256).collect();
/// let mut b = a.clone();
/// Concrete::ntt_forward::<T>(&mut a);
/// Scalar::ntt_forward::<T>(&mut b);
/// assert_eq!(a, b);
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Concrete {}

impl RingOps for Concrete {
    fn ntt_forward<P: Prime>(polynomial: &mut [u32]) {
        let Some(transform) = Transform::of::<P>(polynomial.len()) else {
            return Scalar::ntt_forward::<P>(polynomial);
        };
        transform.plan.fwd(polynomial);
        with_copy(polynomial, |polynomial, theirs| {
            for (x, &place) in polynomial.iter_mut().zip(&transform.places) {
                *x = theirs[usize::from(place)];
            }
        });
    }

    fn ntt_inverse<P: Prime>(polynomial: &mut [u32]) {
        let Some(transform) = Transform::of::<P>(polynomial.len()) else {
            return Scalar::ntt_inverse::<P>(polynomial);
        };
        with_copy(polynomial, |polynomial, ours| {
            for (&x, &place) in ours.iter().zip(&transform.places) {
                polynomial[usize::from(place)] = x;
            }
        });
        transform.plan.inv(polynomial);
        transform.plan.normalize(polynomial);
    }

    fn mul_add_assign<P: Prime>(acc: &mut [u32], a: &[u32], b: &[u32]) {
        match Transform::of::<P>(acc.len()) {
            Some(transform) => transform.plan.mul_accumulate(acc, a, b),
            None => Scalar::mul_add_assign::<P>(acc, a, b),
        }
    }
}

/// Calls `f` with the slice and a copy of it that is erased afterwards.
fn with_copy(polynomial: &mut [u32], f: impl FnOnce(&mut [u32], &[u32])) {
    let mut copy = [0; MAX_DEGREE];
    let copy = &mut copy[..polynomial.len()];
    copy.copy_from_slice(polynomial);
    f(polynomial, copy);
    copy.zeroize();
}

/// A plan, and where its output holds what ours holds at index i.
struct Transform {
    plan: Plan,
    places: Vec<u16>,
}

const PRIMES: [u32; 2] = [T::VALUE, Delta::VALUE];
const DEGREES: usize = MAX_DEGREE.ilog2() as usize + 1;

impl Transform {
    /// The transform modulo `P` of this degree, made at its first use, if the crate has it.
    fn of<P: Prime>(degree: usize) -> Option<&'static Self> {
        static ALL: [[OnceLock<Option<Transform>>; DEGREES]; PRIMES.len()] =
            [const { [const { OnceLock::new() }; DEGREES] }; PRIMES.len()];
        if !(degree.is_power_of_two() && (MIN_DEGREE..=MAX_DEGREE).contains(&degree)) {
            return None;
        }
        let prime = PRIMES.iter().position(|&p| p == P::VALUE)?;
        ALL[prime][degree.ilog2() as usize].get_or_init(|| Self::new::<P>(degree)).as_ref()
    }

    fn new<P: Prime>(degree: usize) -> Option<Self> {
        let plan = Plan::try_new(degree, P::VALUE)?;
        // Every output is an evaluation; that of X is the point itself.
        let points = |transform: &dyn Fn(&mut [u32])| {
            let mut x = vec![0; degree];
            x[1] = 1;
            transform(&mut x);
            x
        };
        let ours = points(&Scalar::ntt_forward::<P>);
        let theirs = points(&|x| plan.fwd(x));
        let mut index: Vec<_> = (0..degree as u16).collect();
        index.sort_unstable_by_key(|&place| theirs[usize::from(place)]);
        let find = |point: &u32| {
            let at = index.binary_search_by_key(point, |&place| theirs[usize::from(place)]);
            at.ok().map(|at| index[at])
        };
        let places = ours.iter().map(find).collect::<Option<_>>()?;
        Some(Self { plan, places })
    }
}
