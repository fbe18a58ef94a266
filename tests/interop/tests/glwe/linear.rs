//! What a server computes without keys.

use crate::*;
use interop::lwe_ciphertext;
use tfhe::core_crypto::algorithms::polynomial_algorithms::polynomial_wrapping_mul;

#[test]
fn a_server_adds_and_multiplies_by_clear_numbers() {
    with_key(3, |key, tfhe_key| {
        let (x, y) = (messages(D), messages(D).into_iter().rev().collect::<Vec<_>>());
        // One from each side, added.
        let mut sum = encrypt(key, 0, D, &x);
        glwe_ciphertext_add_assign(&mut sum, &tfhe_encrypt(&tfhe_key, D, &y));
        let expected: Vec<u64> = x.iter().zip(&y).map(|(x, y)| (x + y) % 32).collect();
        assert_eq!(decrypt(key, D, &sum), expected);
        assert_eq!(tfhe_decrypt(&tfhe_key, D, &sum), expected);
        // A number, and the opposite.
        let mut scaled = encrypt(key, 1, D, &x);
        glwe_ciphertext_cleartext_mul_assign(&mut scaled, Cleartext(13));
        glwe_ciphertext_opposite_assign(&mut scaled);
        let expected: Vec<u64> = x.iter().map(|x| (1024 - 13 * x) % 32).collect();
        assert_eq!(decrypt(key, D, &scaled), expected);
        // Clear numbers, added.
        let mut moved = encrypt(key, 2, D, &x);
        glwe_ciphertext_plaintext_add_assign(&mut moved, Plaintext(5 << D.log2()));
        assert_eq!(decrypt(key, D, &moved), x.iter().map(|x| (x + 5) % 32).collect::<Vec<_>>());
    });
}

/// The product by a clear polynomial, against the definition: a convolution in which X^N = -1.
#[test]
fn a_server_multiplies_by_a_clear_polynomial() {
    with_key(4, |key, tfhe_key| {
        let x = messages(D);
        let weights: Vec<i64> = (0..N as i64).map(|i| i * i % 7 - 3).collect();
        let clear =
            Polynomial::from_container(weights.iter().map(|&w| w as u64).collect::<Vec<_>>());
        let ciphertext = encrypt(key, 0, D, &x);
        let mut product = ciphertext.clone();
        for (mut out, polynomial) in
            product.as_mut_polynomial_list().iter_mut().zip(ciphertext.as_polynomial_list().iter())
        {
            polynomial_wrapping_mul(&mut out, &polynomial, &clear);
        }
        let mut expected = vec![0; N];
        for (i, &x) in x.iter().enumerate() {
            for (j, w) in weights.iter().enumerate() {
                let sign = if i + j < N { 1 } else { -1 };
                expected[(i + j) % N] += sign * w * x as i64;
            }
        }
        let expected: Vec<u64> = expected.into_iter().map(|x| x.rem_euclid(32) as u64).collect();
        assert_eq!(decrypt(key, D, &product), expected);
        assert_eq!(tfhe_decrypt(&tfhe_key, D, &product), expected);
    });
}

#[test]
fn a_server_extracts_coefficients() {
    with_key(5, |key, tfhe_key| {
        let message = messages(D);
        let ciphertext = encrypt(key, 0, D, &message);
        let lwe_key = tfhe_key.into_lwe_secret_key();
        for i in [0, 1, 2, 1000, N - 1] {
            let mut lwe =
                LweCiphertext::new(0, LweSize(LWE_WORDS), CiphertextModulus::new_native());
            extract_lwe_sample_from_glwe_ciphertext(&ciphertext, &mut lwe, MonomialDegree(i));
            assert_eq!(lwe_decrypt(key, D, lwe.as_ref()), Ok(message[i]));
            assert_eq!(lwe_phase(key, lwe.as_ref()), Ok(decrypt_lwe_ciphertext(&lwe_key, &lwe).0));
            assert_eq!(lwe_ciphertext(&bytes(lwe.as_ref())), Ok(lwe));
        }
    });
}
