//! What the device's own work takes here and now.

use super::{Means, Set};
use crate::entropy::SystemEntropy;
use accel_cpu::Simd;
use anyhow::{Result, bail};
use device_client::prepare_direct::preparation_rule;
use kernel::bundle::DeviceBundle;
use kernel::direct::{
    MASK_BITS, TernaryKey, decrypt_switched_into, encrypt_limb_into, evaluation_key_limb_into,
    key_coordinate,
};
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, RowDecryptor, SecretKey, encrypt_seeded_into};
use kernel::params::{Limbs, MaskedSet, ParameterSet};
use kernel::stream::{Label, Seed, centred_binomial};
use kernel::wire::RowForm;
use kernel::with_masked_set;
use std::time::Instant;

const TRIALS: u32 = 3;

/// Seconds of a method's steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) encrypt: f64,
    /// One row, in the masked method under all keys of a unit.
    pub(super) decrypt: f64,
    /// One ciphertext of an evaluation key; direct mode only.
    pub(super) key: f64,
}

/// The two methods' rates; direct mode's for a model that can be prepared through it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    /// With rows in full.
    pub(super) masked: Rates,
    /// Seconds to decrypt a switched row of the masked method.
    pub(super) switched: f64,
    pub(super) direct: Option<Rates>,
}

impl Trial {
    pub(super) fn run(bundle: &DeviceBundle<'_>, means: Means) -> Result<Self> {
        let (masked, switched) = with_masked_set!(
            means.batch,
            S => masked::<S>(means.keys)?,
            bail!("this parameter set is not offered")
        );
        let direct = preparation_rule::<Set>(bundle).map(|_| direct()).transpose()?;
        Ok(Self { masked, switched, direct })
    }
}

/// Mean seconds of something.
fn seconds(mut work: impl FnMut(usize) -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    (0..TRIALS as usize).try_for_each(&mut work)?;
    Ok((started.elapsed() / TRIALS).as_secs_f64())
}

/// Rates with rows in full, and seconds to decrypt a switched one.
fn masked<S: MaskedSet>(keys: u8) -> Result<(Rates, f64)> {
    let seed = Seed::random(&mut SystemEntropy)?;
    let public = seed.derive_public();
    let mut buffers = vec![0; usize::from(keys) * SecretKey::<S>::WORDS];
    let keys = (0..)
        .zip(buffers.chunks_exact_mut(SecretKey::<S>::WORDS))
        .map(|(index, words)| SecretKey::<S>::generate::<Simd>(&seed.derive_key(index), words))
        .collect::<Result<Vec<_>, _>>()?;
    let message = vec![0; S::N];
    let mut body = vec![0; S::BODY_WORDS];
    let (mut mask, mut noise) = (vec![0; S::N], vec![0; S::N]);
    let encrypt = seconds(|coordinate| {
        let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
        Ok(encrypt_seeded_into::<S, Simd>(
            &keys[0],
            &seed,
            &public,
            coordinate,
            &message,
            &mut body,
            &mut scratch,
        )?)
    })?;
    let mut sums = vec![0; RowDecryptor::<S>::words(keys.len())];
    let mut row = |form| {
        let mut row = RowDecryptor::<S>::new(form, keys.len(), &mut sums)?;
        seconds(|_| {
            row.absorb::<Simd>(&keys, &mut mask)?;
            while row.part().is_some() {
                row.absorb::<Simd>(&keys, &mut mask)?;
            }
            Ok(())
        })
    };
    let (decrypt, switched) = (row(RowForm::Full)?, row(RowForm::Switched)?);
    Ok((Rates { encrypt, decrypt, key: 0.0 }, switched))
}

/// Limbs of a ciphertext in direct mode.
const LIMBS: usize = <Set as ParameterSet>::Chain::COUNT;

fn direct() -> Result<Rates> {
    let seed = Seed::random(&mut SystemEntropy)?;
    let (public, key_seed) = (seed.derive_public(), seed.derive(Label::EvaluationKey));
    let key_public = key_seed.derive_public();
    let mut key = vec![0; Set::N];
    let key = TernaryKey::<Set>::generate(&seed, &mut key)?;
    let (mut body, mut scratch) = (vec![0; Set::N], vec![0; 3 * Set::N]);
    let mut noise = vec![0; Set::N];
    let encrypt = seconds(|coordinate| {
        let coordinate = coordinate as u64;
        centred_binomial(&seed, coordinate, &mut noise);
        (0..LIMBS).try_for_each(|limb| {
            let scratch = &mut scratch[..Set::N];
            Ok(encrypt_limb_into::<Set, Simd>(
                &key, &public, coordinate, limb, &noise, &mut body, scratch,
            )?)
        })
    })?;
    let sigma = Automorphism::new(Set::N, 5);
    let key_seconds = seconds(|element| {
        centred_binomial(&key_seed, key_coordinate::<Set>(sigma, element), &mut noise);
        (0..LIMBS).try_for_each(|limb| {
            Ok(evaluation_key_limb_into::<Set, Simd>(
                &key,
                &key_public,
                sigma,
                element,
                limb,
                &noise,
                &mut body,
                &mut scratch[..Set::N],
            )?)
        })
    })?;
    let (switched, mut out) = (vec![1_u64 << (MASK_BITS - 2); Set::N], vec![0; Set::N]);
    let decrypt = seconds(|_| {
        Ok(decrypt_switched_into::<Set, Simd>(
            &key,
            &switched,
            &switched,
            0..Set::N,
            &mut out,
            &mut scratch,
        )?)
    })?;
    Ok(Rates { encrypt, decrypt, key: key_seconds })
}
