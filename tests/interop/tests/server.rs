//! What a server does with its keys, at tfhe's default parameters: a key switch and a programmable
//! bootstrap, by hand and as `shortint` does it.

use interop::{bytes, glwe_ciphertext, glwe_secret_key};
use kernel::native::{self, Delta, GLWE_WORDS, LWE_WORDS, N, SecretKey};
use kernel::stream::Seed;
use tfhe::core_crypto::prelude::*;
use tfhe::shortint::ciphertext::{Degree, NoiseLevel};
use tfhe::shortint::parameters::PARAM_MESSAGE_2_CARRY_2 as PARAMETERS;
use tfhe::shortint::{AtomicPatternKind, Ciphertext, ClientKey, PBSOrder, ServerKey};

const D: Delta = Delta::MESSAGE_2_CARRY_2;
const MODULUS: CiphertextModulus<u64> = CiphertextModulus::new_native();

/// A ciphertext whose coefficient i is `i % values`, as the server gets it.
fn encrypt(key: &SecretKey<'_>, seed: &Seed, values: u64) -> GlweCiphertextOwned<u64> {
    let message: Vec<u64> = (0..N as u64).map(|i| i % values).collect();
    let mut ciphertext = vec![0; GLWE_WORDS];
    let (mask, body) = ciphertext.split_at_mut(N);
    native::expand_mask(&seed.derive_public(), 0, mask);
    native::encrypt_into(key, seed, 0, D, &message, mask, body).unwrap();
    glwe_ciphertext(&bytes(&ciphertext)).unwrap()
}

fn extract(ciphertext: &GlweCiphertextOwned<u64>, i: usize) -> LweCiphertextOwned<u64> {
    let mut lwe = LweCiphertext::new(0, LweSize(LWE_WORDS), MODULUS);
    extract_lwe_sample_from_glwe_ciphertext(ciphertext, &mut lwe, MonomialDegree(i));
    lwe
}

#[test]
fn key_switch_and_bootstrap() {
    let seed = Seed::from_bytes([1; 32]);
    let mut words = [0; SecretKey::WORDS];
    let key = SecretKey::generate(&seed, &mut words).unwrap();

    // The owner's computer: a small key, the key to switch to it, and the key to come back.
    let mut seeder = new_seeder();
    let seeder = seeder.as_mut();
    let mut secrets = SecretRandomGenerator::<DefaultRandomGenerator>::new(seeder.seed());
    let mut noise = EncryptionRandomGenerator::<DefaultRandomGenerator>::new(seeder.seed(), seeder);
    let large = glwe_secret_key(&key).unwrap();
    let small: LweSecretKeyOwned<u64> =
        allocate_and_generate_new_binary_lwe_secret_key(PARAMETERS.lwe_dimension, &mut secrets);
    let switching_key = allocate_and_generate_new_lwe_keyswitch_key(
        &large.as_lwe_secret_key(),
        &small,
        PARAMETERS.ks_base_log,
        PARAMETERS.ks_level,
        PARAMETERS.lwe_noise_distribution,
        MODULUS,
        &mut noise,
    );
    let bootstrapping_key = par_allocate_and_generate_new_lwe_bootstrap_key(
        &small,
        &large,
        PARAMETERS.pbs_base_log,
        PARAMETERS.pbs_level,
        PARAMETERS.glwe_noise_distribution,
        MODULUS,
        &mut noise,
    );
    let mut fourier_key = FourierLweBootstrapKey::new(
        bootstrapping_key.input_lwe_dimension(),
        bootstrapping_key.glwe_size(),
        bootstrapping_key.polynomial_size(),
        bootstrapping_key.decomposition_base_log(),
        bootstrapping_key.decomposition_level_count(),
    );
    par_convert_standard_lwe_bootstrap_key_to_fourier(&bootstrapping_key, &mut fourier_key);

    // The server: a table applied to every number from 0 to 15.
    let table = |x: u64| (x * x + 3) % 16;
    let accumulator = generate_programmable_bootstrap_glwe_lut(
        PolynomialSize(N),
        GlweSize(2),
        16,
        MODULUS,
        1 << D.log2(),
        table,
    );
    let ciphertext = encrypt(&key, &seed, 16);
    for x in 0..16 {
        let mut switched = LweCiphertext::new(0, small.lwe_dimension().to_lwe_size(), MODULUS);
        keyswitch_lwe_ciphertext(&switching_key, &extract(&ciphertext, 64 + x), &mut switched);
        let mut result = LweCiphertext::new(0, LweSize(LWE_WORDS), MODULUS);
        programmable_bootstrap_lwe_ciphertext(&switched, &mut result, &accumulator, &fourier_key);

        let decoder = SignedDecomposer::new(DecompositionBaseLog(5), DecompositionLevelCount(1));
        let by_tfhe = decrypt_lwe_ciphertext(&large.as_lwe_secret_key(), &result).0;
        assert_eq!(decoder.closest_representable(by_tfhe) >> D.log2(), table(x as u64));
        // The device.
        assert_eq!(native::lwe_decrypt(&key, D, result.as_ref()), Ok(table(x as u64)));
    }
}

/// The interface that servers use: additions with carries, a table, a product of two ciphertexts.
#[test]
fn shortint_computes_on_coefficients() {
    let seed = Seed::from_bytes([2; 32]);
    let mut words = [0; SecretKey::WORDS];
    let key = SecretKey::generate(&seed, &mut words).unwrap();
    let lwe_key = glwe_secret_key(&key).unwrap().into_lwe_secret_key();
    let client_key = ClientKey::try_from_lwe_encryption_key(lwe_key, PARAMETERS).unwrap();
    let server_key = ServerKey::new(&client_key);
    let decrypt = |result: &Ciphertext| native::lwe_decrypt(&key, D, result.ct.as_ref()).unwrap();

    let ciphertext = encrypt(&key, &seed, 4);
    let coefficient = |i: u64| {
        Ciphertext::new(
            extract(&ciphertext, i as usize),
            Degree::new(3),
            NoiseLevel::NOMINAL,
            PARAMETERS.message_modulus,
            PARAMETERS.carry_modulus,
            AtomicPatternKind::Standard(PBSOrder::KeyswitchBootstrap),
        )
    };
    let square = server_key.generate_lookup_table(|x| x * x % 4);
    for x in 0..4 {
        assert_eq!(client_key.decrypt(&coefficient(x)), x);
        for y in 0..4 {
            let (x_sealed, y_sealed) = (coefficient(x), coefficient(1024 + y));
            assert_eq!(decrypt(&server_key.unchecked_add(&x_sealed, &y_sealed)), x + y);
            assert_eq!(decrypt(&server_key.mul_lsb(&x_sealed, &y_sealed)), x * y % 4);
        }
        let squared = server_key.apply_lookup_table(&coefficient(x), &square);
        assert_eq!(decrypt(&squared), x * x % 4);
        // What another holder of the key encrypts with tfhe, added.
        let sum = server_key.unchecked_add(&squared, &client_key.encrypt(3));
        assert_eq!(decrypt(&sum), x * x % 4 + 3);
    }
}
