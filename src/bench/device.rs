//! The device's side, on one core: encryption, decryption, masks and checks, without the transformer's
//! light half.

use super::series::Series;
use accel_cpu::Simd;
use anyhow::Result;
use kernel::bundle::CHECK_REPETITIONS;
use kernel::check::{LinearCheck, Poison};
use kernel::direct::{BODY_BITS, MASK_BITS, TernaryKey, decrypt_switched_into, encrypt_limb_into};
use kernel::glwe::{EncryptScratch, LengthError, SecretKey, decrypt_into, encrypt_seeded_into};
use kernel::mask::{centre_into, mask_assign, unmask_assign};
use kernel::model::GroupShape;
use kernel::params::{Direct4096, Limbs, Masked256x16, MaskedSet, ParameterSet};
use kernel::prime::{Prime, T};
use kernel::stream::{Seed, centred_binomial, one_time_mask};

/// The set of an offline unit.
pub(super) type Unit = Masked256x16;

/// Seconds of one operation.
#[derive(Default)]
pub(super) struct Times {
    /// A body of an offline unit.
    pub(super) encrypt: Series,
    /// A row of an offline unit.
    pub(super) decrypt: Series,
    /// A body of a direct product.
    pub(super) direct_encrypt: Series,
    /// A result of a direct product.
    pub(super) direct_decrypt: Series,
    /// Masks, images and checks of a token's products, of all groups together.
    pub(super) online: Series,
}

impl Times {
    /// One round, for a model with these groups.
    pub(super) fn round(&mut self, groups: impl Iterator<Item = GroupShape>) -> Result<()> {
        let seed = Seed::from_bytes([7; 32]);
        masked(&seed, self)?;
        direct(&seed, self)?;
        self.online.time(1, || {
            groups.for_each(|shape| online(&seed, shape));
            Ok(())
        })
    }
}

/// Bodies and rows that are timed together: one takes microseconds.
const TOGETHER: usize = 16;

fn message(length: usize) -> Vec<u32> {
    (0..length as u64).map(|i| T::reduce(i << 40)).collect()
}

fn encrypt<S: ParameterSet>(
    key: &SecretKey<'_, S>,
    seed: &Seed,
    series: &mut Series,
) -> Result<(), LengthError> {
    let (public, message) = (seed.derive_public(), message(S::N));
    let mut body = vec![0; S::BODY_WORDS];
    let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    series.time(TOGETHER, || {
        (0..TOGETHER).try_for_each(|j| {
            encrypt_seeded_into::<S, Simd>(key, seed, &public, j, &message, &mut body, &mut scratch)
        })
    })
}

fn masked(seed: &Seed, times: &mut Times) -> Result<(), LengthError> {
    fn of<S: MaskedSet>(seed: &Seed, times: &mut Times) -> Result<(), LengthError> {
        let mut words = vec![0; SecretKey::<S>::WORDS];
        let key = SecretKey::<S>::generate::<Simd>(seed, &mut words)?;
        encrypt(&key, seed, &mut times.encrypt)?;
        let row = vec![12_345; S::Chain::COUNT * S::LIMB_WORDS];
        let (mut out, mut scratch) = (vec![0; S::N], vec![0; S::N]);
        times.decrypt.time(TOGETHER, || {
            (0..TOGETHER)
                .try_for_each(|_| decrypt_into::<S, Simd>(&key, &row, &mut out, &mut scratch))
        })
    }
    of::<Unit>(seed, times)
}

fn direct(seed: &Seed, times: &mut Times) -> Result<(), LengthError> {
    type S = Direct4096;
    let mut coefficients = vec![0; S::N];
    let key = TernaryKey::<S>::generate(seed, &mut coefficients)?;
    let (public, message) = (seed.derive_public(), message(S::N));
    let (mut noise, mut body, mut scratch) = (vec![0; S::N], vec![0; S::N], vec![0; 3 * S::N]);
    let limbs = <S as ParameterSet>::Chain::COUNT;
    times.direct_encrypt.time(TOGETHER, || {
        (0..TOGETHER as u64).try_for_each(|j| {
            centred_binomial(seed, j, &mut noise);
            (0..limbs).try_for_each(|limb| {
                body.copy_from_slice(&message);
                let scratch = &mut scratch[..S::N];
                encrypt_limb_into::<S, Simd>(&key, &public, j, limb, &noise, &mut body, scratch)
            })
        })
    })?;
    let numbers = |bits: u32| -> Vec<u64> {
        (0..S::N as u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)).collect()
    };
    let (mask, bodies) = (numbers(MASK_BITS), numbers(BODY_BITS));
    let mut out = vec![0; S::N];
    times.direct_decrypt.time(TOGETHER, || {
        (0..TOGETHER).try_for_each(|_| {
            let places = 0..S::N;
            decrypt_switched_into::<S, Simd>(&key, &mask, &bodies, places, &mut out, &mut scratch)
        })
    })
}

/// A token's product in masked mode but for the host and the link.
fn online(seed: &Seed, GroupShape { rows, columns }: GroupShape) {
    let x = vec![-77; columns];
    let mut c = vec![0; columns];
    one_time_mask(seed, 3, 0, &mut c);
    mask_assign(&x, &mut c);
    let (d, v) = (message(rows), message(columns));
    let mut z = message(rows);
    unmask_assign(&d, &mut z);
    let (mut check, mut poison) = (LinearCheck::default(), Poison::default());
    check.add_outputs(seed, 0, 0, &z);
    for repetition in 0..CHECK_REPETITIONS {
        check.subtract_inputs(repetition, &v, x.iter().map(|&x| T::from_i32(x)));
    }
    check.finish(&mut poison);
    let mut y = vec![0; rows];
    centre_into(&z, &mut y);
    poison.select(&mut y);
    std::hint::black_box(y);
}
