//! The keys and ciphertexts of masked mode's units.

use crate::meter::{Memory, Meter, RUNS, Varies, public, report, secret};
use bytemuck::cast_slice_mut;
use kernel::glwe::{EncryptScratch, RowDecryptor, SecretKey, encrypt_seeded_into};
use kernel::params::{
    Masked256x16, Masked512x8, Masked1024x4, Masked2048x2, Masked4096x1, MaskedSet,
};
use kernel::ring::Scalar;
use kernel::stream::{Label, one_time_mask};
use kernel::wire::RowForm;

pub(crate) fn measure(meter: Meter, memory: &mut Memory) {
    set::<Masked256x16>(meter, memory);
    set::<Masked512x8>(meter, memory);
    set::<Masked1024x4>(meter, memory);
    set::<Masked2048x2>(meter, memory);
    set::<Masked4096x1>(meter, memory);
}

fn set<S: MaskedSet>(meter: Meter, memory: &mut Memory) {
    let mut counts = [[0; RUNS]; 4];
    for run in 0..RUNS {
        let seed = secret(run);
        let message = &mut memory.message[..S::N];
        one_time_mask(&seed.derive(Label::OneTimeMask), 0, 0, message);
        let mut key = None;
        let words = &mut memory.key[..SecretKey::<S>::WORDS];
        counts[0][run] =
            meter.count(|| key = SecretKey::<S>::generate::<Scalar>(&seed, words).ok());
        let Some(key) = key else { panic!("the lengths are those of the set") };

        let (mask, noise) = memory.scratch.split_at_mut(S::N);
        let noise = &mut cast_slice_mut(noise)[..S::N];
        let body = &mut memory.row[..S::BODY_WORDS];
        let mut done = Ok(());
        counts[1][run] = meter.count(|| {
            let mut scratch = EncryptScratch { mask, noise };
            done = encrypt_seeded_into::<S, Scalar>(
                &key,
                &seed,
                &public(),
                5,
                message,
                body,
                &mut scratch,
            );
        });
        assert_eq!(done, Ok(()));

        // Whatever residues a host may send: time does not depend on them.
        let row = &mut memory.row[..2 * S::LIMB_WORDS];
        one_time_mask(&secret(run + 1), 0, 0, row);
        row.iter_mut().for_each(|word| *word &= (1 << 27) - 1);
        for (form, counts) in [RowForm::Full, RowForm::Switched].into_iter().zip(&mut counts[2..]) {
            let sums = &mut memory.scratch[..RowDecryptor::<S>::words(1)];
            let Ok(mut decryptor) = RowDecryptor::<S>::new(form, 1, sums) else {
                panic!("the lengths are those of the set")
            };
            for polynomial in row.chunks_exact_mut(S::N) {
                counts[run] +=
                    meter.count(|| done = decryptor.absorb::<Scalar>([&key], polynomial));
                assert_eq!(done, Ok(()));
            }
            assert!(decryptor.messages().is_some());
        }
    }
    let names = ["key", "encrypt", "decrypt_full", "decrypt_switched"];
    for (name, counts) in names.into_iter().zip(counts) {
        report(name, (S::N, S::K), Varies::Nothing, counts);
    }
}
