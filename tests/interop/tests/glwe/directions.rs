//! What one side encrypts the other decrypts, and the noise has the right distribution.

use crate::*;
use interop::glwe_ciphertext_from_body;
use tfhe::shortint::parameters::EncryptionKeyChoice;

#[test]
fn parameters_are_those_of_the_default_set() {
    assert_eq!(PARAMETERS.polynomial_size.0, N);
    assert_eq!(PARAMETERS.glwe_dimension.0, 1);
    assert!(PARAMETERS.ciphertext_modulus.is_native_modulus());
    assert_eq!(PARAMETERS.encryption_key_choice, EncryptionKeyChoice::Big);
    assert_eq!(
        PARAMETERS.glwe_noise_distribution,
        DynamicDistribution::new_t_uniform(NOISE_BOUND_LOG2)
    );
    let values = PARAMETERS.message_modulus.0 * PARAMETERS.carry_modulus.0;
    assert_eq!((1 << 63) / values, 1 << D.log2());
}

#[test]
fn tfhe_decrypts_what_the_kernel_encrypts() {
    with_key(1, |key, tfhe_key| {
        for (number, delta) in (0..).zip(scalings()) {
            let message = messages(delta);
            let ciphertext = encrypt(key, number, delta, &message);
            assert_eq!(tfhe_decrypt(&tfhe_key, delta, &ciphertext), message, "{delta:?}");
            assert_eq!(tfhe_phase(&tfhe_key, &ciphertext), phase(key, &ciphertext));
        }
    });
}

#[test]
fn the_kernel_decrypts_what_tfhe_encrypts() {
    with_key(2, |key, tfhe_key| {
        for delta in scalings() {
            let message = messages(delta);
            let ciphertext = tfhe_encrypt(&tfhe_key, delta, &message);
            assert_eq!(decrypt(key, delta, &ciphertext), message, "{delta:?}");
            assert_eq!(tfhe_phase(&tfhe_key, &ciphertext), phase(key, &ciphertext));
        }
    });
}

/// Around the middle between two messages too, where a mask of zeros shows the phase as it is.
#[test]
fn both_round_alike() {
    with_key(3, |key, _| {
        for delta in scalings() {
            let half = 1_u64 << (delta.log2() - 1);
            for m in messages(delta).into_iter().take(16) {
                for phase in [-1, 0, 1]
                    .map(|e| (m << delta.log2()).wrapping_add(half).wrapping_add_signed(e))
                {
                    let mut trivial = vec![0; LWE_WORDS];
                    trivial[N] = phase;
                    let rounded = tfhe_round(delta, phase);
                    assert_eq!(
                        lwe_decrypt(key, delta, &trivial),
                        Ok(rounded),
                        "{phase:x}, {delta:?}"
                    );
                }
            }
        }
    });
}

/// A key that tfhe has drawn, and a ciphertext that it has made, in the kernel's hands.
#[test]
fn the_kernel_takes_a_key_of_tfhe() {
    let mut generator = SecretRandomGenerator::<DefaultRandomGenerator>::new(new_seeder().seed());
    let tfhe_key: GlweSecretKeyOwned<u64> = allocate_and_generate_new_binary_glwe_secret_key(
        GlweDimension(1),
        PolynomialSize(N),
        &mut generator,
    );
    let mut words = [0; SecretKey::WORDS];
    let key = SecretKey::from_coefficients(tfhe_key.as_ref(), &mut words).unwrap();
    assert_eq!(glwe_secret_key(&key).unwrap(), tfhe_key);
    let message = messages(D);
    assert_eq!(decrypt(&key, D, &tfhe_encrypt(&tfhe_key, D, &message)), message);
    assert_eq!(tfhe_decrypt(&tfhe_key, D, &encrypt(&key, 0, D, &message)), message);
}

/// A seed and a body are the whole ciphertext; another number or seed gives garbage.
#[test]
fn a_seed_stands_for_the_mask() {
    with_key(1, |key, tfhe_key| {
        let message = vec![3; N];
        let whole = encrypt(key, 5, D, &message);
        let body = bytes(whole.get_body().as_ref());
        let public = seed(9).derive_public();
        assert_eq!(glwe_ciphertext_from_body(&public, 5, &body), Ok(whole));
        for (public, number) in [(public, 6), (seed(8).derive_public(), 5)] {
            let wrong = glwe_ciphertext_from_body(&public, number, &body).unwrap();
            let decrypted = tfhe_decrypt(&tfhe_key, D, &wrong);
            assert!(decrypted.iter().filter(|&&m| m == 3).count() < 128);
        }
    });
}

#[test]
fn bytes_are_little_endian() {
    assert_eq!(bytes(&[1, 1 << 63]), [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80]);
    let mut words = vec![0; GLWE_WORDS];
    words[N] = 0x0102_0304_0506_0708;
    let ciphertext = glwe_ciphertext(&bytes(&words)).unwrap();
    assert_eq!(ciphertext.get_body().as_ref()[0], words[N]);
}

/// tfhe measures the kernel's noise, and the kernel tfhe's: mean, variance and bound are those of
/// the distribution as tfhe has it.
#[test]
fn noise_has_the_distribution_of_the_parameters() {
    const COUNT: u64 = 64;
    let DynamicDistribution::TUniform(distribution) = PARAMETERS.glwe_noise_distribution else {
        panic!("the default noise is not TUniform");
    };
    let expected = distribution.variance(1.0).0;
    with_key(6, |key, tfhe_key| {
        let message = messages(D);
        let check = |who: &str, phases: Vec<Vec<u64>>| {
            let noise: Vec<f64> = phases
                .iter()
                .flat_map(|phase| phase.iter().zip(&message))
                .map(|(p, m)| p.wrapping_sub(m << D.log2()) as i64)
                .inspect(|e| {
                    assert!(
                        (distribution.min_value_inclusive()..=distribution.max_value_inclusive())
                            .contains(e)
                    )
                })
                .map(|e| e as f64)
                .collect();
            let mean = noise.iter().sum::<f64>() / noise.len() as f64;
            let variance = noise.iter().map(|e| e * e).sum::<f64>() / noise.len() as f64;
            println!("{who}: mean {mean:.0}, variance {:.4} of the expected", variance / expected);
            // 131072 draws: five standard deviations of the mean; eight of the variance.
            assert!(mean.abs() < 5.0 * (expected / noise.len() as f64).sqrt());
            assert!((variance / expected - 1.0).abs() < 0.02);
        };
        check(
            "kernel",
            (0..COUNT).map(|i| tfhe_phase(&tfhe_key, &encrypt(key, i, D, &message))).collect(),
        );
        check(
            "tfhe",
            (0..COUNT).map(|_| phase(key, &tfhe_encrypt(&tfhe_key, D, &message))).collect(),
        );
    });
}
