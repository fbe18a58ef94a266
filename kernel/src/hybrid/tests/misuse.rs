//! Other keys give garbage, and what does not fit is refused.

use super::*;

type S = InsecureHybrid64;

fn sigma() -> Automorphism {
    Automorphism::new(S::N, 5)
}

/// Hardly any coefficient agrees.
#[track_caller]
fn assert_garbage(found: &[u32], expected: &[u32]) {
    let equal = found.iter().zip(expected).filter(|(a, b)| a == b).count();
    assert!(equal < 4, "{equal} coefficients agree");
}

#[test]
fn keys_of_another_session_or_automorphism_do_not_decrypt() {
    let (device, other) = (Device::<S>::new(1), Device::<S>::new(2));
    let clear = message::<S>(&[5, 6, 7, 8, 9]);
    let expected = rotated(&clear, sigma());
    let ciphertext = device.encrypt(0, &clear);
    let with = |key: &[u32]| device.decrypt(&switch_with::<S>(&ciphertext, sigma(), key));
    assert_eq!(with(&device.key(sigma())), expected);
    assert_garbage(&with(&other.key(sigma())), &expected);
    assert_garbage(&with(&device.key(Automorphism::new(S::N, 25))), &expected);
    // The right bodies under masks of another seed.
    let mut words = vec![0; EvaluationKey::<S>::WORDS];
    let bodies = device.key_bodies(sigma());
    EvaluationKey::<S>::expand(sigma(), &other.key_public(), &bodies, &mut words).unwrap();
    assert_garbage(&with(&words), &expected);
    // The right result under another secret key.
    assert_garbage(&other.decrypt(&device.switch(&ciphertext, sigma())), &expected);
}

/// The masks of a key are not those of direct mode, nor those of the session's ciphertexts.
#[test]
fn seeds_are_the_operations_own() {
    let seed = Device::<S>::new(1).seed;
    let seeds = [Label::HybridKey, Label::EvaluationKey, Label::PublicMask, Label::OneTimeMask]
        .map(|label| *seed.derive(label).expose());
    for (i, a) in seeds.iter().enumerate() {
        assert!(seeds[i + 1..].iter().all(|b| a != b));
    }
}

#[test]
fn other_lengths_are_refused() {
    const LENGTH: Option<HybridError> = Some(HybridError::Length);
    let (device, words) = (Device::<S>::new(1), ciphertext_words::<S>());
    let public = device.key_public();
    let key_words = device.key(sigma());
    let key = EvaluationKey::<S>::from_words(sigma(), &key_words).unwrap();
    let ciphertext = vec![0; words];
    for off in [-1_isize, 1] {
        let near = |length: usize| vec![0_u32; length.checked_add_signed(off).unwrap()];
        let zeros = |length: usize| vec![0_u32; length];
        let body = S::BODY_WORDS;
        let expand = |b: &[u32], c: &mut [u32]| expand_ciphertext_into::<S>(&public, 0, b, c).err();
        assert_eq!(expand(&near(body), &mut zeros(words)), LENGTH);
        assert_eq!(expand(&zeros(body), &mut near(words)), LENGTH);

        let key_of =
            |b: &[u32], c: &mut [u32]| EvaluationKey::<S>::expand(sigma(), &public, b, c).err();
        let (bodies, whole) = (EvaluationKey::<S>::BODY_WORDS, EvaluationKey::<S>::WORDS);
        assert_eq!(key_of(&near(bodies), &mut zeros(whole)), LENGTH);
        assert_eq!(key_of(&zeros(bodies), &mut near(whole)), LENGTH);
        assert_eq!(EvaluationKey::<S>::from_words(sigma(), &near(whole)).err(), LENGTH);

        let cut = |c: &[u32], b: &mut [u32]| Decomposed::<S>::new::<Scalar>(c, b).err();
        assert_eq!(cut(&near(words), &mut zeros(Decomposed::<S>::WORDS)), LENGTH);
        assert_eq!(cut(&ciphertext, &mut near(Decomposed::<S>::WORDS)), LENGTH);

        assert_eq!(Accumulator::<S>::new(&mut near(Accumulator::<S>::WORDS)).err(), LENGTH);
        let mut sum = zeros(Accumulator::<S>::WORDS);
        let mut sum = Accumulator::<S>::new(&mut sum).unwrap();
        assert_eq!(sum.add::<Scalar>(&near(words)).err(), LENGTH);
        assert_eq!(sum.finish_into::<Scalar>(&mut near(words)).err(), LENGTH);

        let switch = |c: &[u32], out: &mut [u32], scratch: &mut [u32]| {
            switch_key_into::<S, Scalar>(c, &key, out, scratch).err()
        };
        let scratch = switch_scratch_words::<S>();
        assert_eq!(switch(&near(words), &mut zeros(words), &mut zeros(scratch)), LENGTH);
        assert_eq!(switch(&ciphertext, &mut near(words), &mut zeros(scratch)), LENGTH);
        assert_eq!(switch(&ciphertext, &mut zeros(words), &mut near(scratch)), LENGTH);

        let down = |v: &mut [u32], out: &mut [u32]| mod_down_into::<S, Scalar>(v, out).err();
        let extended = S::EXTENDED_LIMBS * S::LIMB_WORDS;
        assert_eq!(down(&mut near(extended), &mut zeros(words)), LENGTH);
        assert_eq!(down(&mut zeros(extended), &mut near(words)), LENGTH);

        let decrypt = |c: &[u32], m: &mut [u32], phase: &mut [u32], n: usize| {
            let mut scratch = DecryptScratch { phase, fractions: &mut vec![0; n] };
            device.with_key(|key| decrypt_into::<S, Scalar>(key, c, m, &mut scratch).err())
        };
        let n = S::N;
        assert_eq!(decrypt(&near(words), &mut zeros(n), &mut zeros(body), n), LENGTH);
        assert_eq!(decrypt(&ciphertext, &mut near(n), &mut zeros(body), n), LENGTH);
        assert_eq!(decrypt(&ciphertext, &mut zeros(n), &mut near(body), n), LENGTH);
        assert_eq!(decrypt(&ciphertext, &mut zeros(n), &mut zeros(body), n + 1), LENGTH);
    }
}

#[test]
fn blocks_that_a_set_does_not_have_are_refused() {
    let device = Device::<S>::new(1);
    let seed = device.seed.derive(Label::HybridKey);
    let public = seed.derive_public();
    device.with_key(|key| {
        let mut short = vec![0; S::N - 1];
        let made = KeyGenerator::<S>::new::<Scalar>(key, &seed, &public, &mut short);
        assert_eq!(made.err(), Some(HybridError::Length));
        let mut words = vec![0; S::N];
        let generator = KeyGenerator::<S>::new::<Scalar>(key, &seed, &public, &mut words).unwrap();
        let make = |sigma, element, limb, lengths: [usize; 3]| {
            let [mut body, mut mask] = [lengths[0], lengths[1]].map(|length| vec![0; length]);
            let mut noise = vec![0; lengths[2]];
            let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
            generator.body_into::<Scalar>(sigma, element, limb, &mut body, &mut scratch)
        };
        assert_eq!(make(sigma(), 1, 2, [S::N; 3]), Ok(()));
        assert_eq!(make(sigma(), 2, 0, [S::N; 3]), Err(HybridError::Block));
        assert_eq!(make(sigma(), 0, 3, [S::N; 3]), Err(HybridError::Block));
        assert_eq!(make(sigma(), usize::MAX, usize::MAX, [S::N; 3]), Err(HybridError::Block));
        assert_eq!(make(Automorphism::new(128, 5), 0, 0, [S::N; 3]), Err(HybridError::Degree));
        for at in 0..3 {
            let mut lengths = [S::N; 3];
            lengths[at] += 1;
            assert_eq!(make(sigma(), 0, 0, lengths), Err(HybridError::Length));
        }
    });
}

/// A word that is no residue, in the first limb and in the last.
#[test]
fn words_that_are_no_residues_are_refused() {
    const RESIDUE: Result<(), HybridError> = Err(HybridError::Residue);
    let public = Device::<S>::new(1).key_public();
    let bad = |length: usize, at: usize, modulus: u32| {
        let mut words = vec![0; length];
        words[at] = modulus;
        words
    };
    let (words, extended) = (ciphertext_words::<S>(), S::EXTENDED_LIMBS * S::LIMB_WORDS);
    let (first, last) = (crate::prime::Delta::VALUE, crate::prime::Prime26::VALUE);
    let special = crate::prime::Prime29::VALUE;
    let mut zeros = vec![0; words];
    for (at, modulus) in [(0, first), (words - 1, last)] {
        let mut digits = vec![0; Decomposed::<S>::WORDS];
        let ciphertext = bad(words, at, modulus);
        assert_eq!(Decomposed::<S>::new::<Scalar>(&ciphertext, &mut digits).map(drop), RESIDUE);
        let mut sum = vec![0; Accumulator::<S>::WORDS];
        let mut sum = Accumulator::<S>::new(&mut sum).unwrap();
        assert_eq!(sum.add::<Scalar>(&ciphertext), RESIDUE);
        let body = bad(words / 2, at / 2, modulus);
        assert_eq!(expand_ciphertext_into::<S>(&public, 0, &body, &mut zeros), RESIDUE);
    }
    for (at, modulus) in [(0, first), (extended - 1, special)] {
        let mut extended = bad(extended, at, modulus);
        assert_eq!(mod_down_into::<S, Scalar>(&mut extended, &mut zeros), RESIDUE);
        let bodies = bad(EvaluationKey::<S>::BODY_WORDS, at / 2, modulus);
        let mut key = vec![0; EvaluationKey::<S>::WORDS];
        let made = EvaluationKey::<S>::expand(sigma(), &public, &bodies, &mut key);
        assert_eq!(made.map(drop), RESIDUE);
    }
}
