//! Wrong keys and wrong lengths.

use crate::*;
use interop::{glwe_ciphertext_from_body, lwe_ciphertext};

#[test]
fn another_key_decrypts_to_garbage() {
    let message = vec![21; N];
    let chance = |decrypted: Vec<u64>| {
        let equal = decrypted.into_iter().filter(|&m| m == 21).count();
        assert!(equal < 128, "{equal} of 2048 equal, 64 by chance");
    };
    with_key(7, |key, tfhe_key| {
        with_key(8, |other, other_tfhe_key| {
            chance(tfhe_decrypt(&other_tfhe_key, D, &encrypt(key, 0, D, &message)));
            chance(decrypt(other, D, &tfhe_encrypt(&tfhe_key, D, &message)));
        });
    });
}

#[test]
fn wrong_lengths_are_errors() {
    let public = seed(1).derive_public();
    for wrong in [0, 1, 7, 8 * N - 8, 8 * N - 1, 8 * N + 1, 8 * N + 16, 16 * N + 8] {
        let bytes = vec![0; wrong];
        assert_eq!(glwe_ciphertext(&bytes), Err(NativeError::Length));
        assert_eq!(glwe_ciphertext_from_body(&public, 0, &bytes), Err(NativeError::Length));
        assert_eq!(lwe_ciphertext(&bytes), Err(NativeError::Length));
    }
    with_key(1, |key, _| {
        assert_eq!(lwe_decrypt(key, D, &[0; N]), Err(NativeError::Length));
        assert_eq!(decrypt_into(key, D, &[0; N], &mut [0; N]), Err(NativeError::Length));
    });
}
