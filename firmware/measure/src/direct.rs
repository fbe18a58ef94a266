//! Direct mode: keys, evaluation keys, ciphertexts up and results down.

use crate::meter::{Memory, Meter, N, RUNS, Varies, public, report, secret};
use bytemuck::cast_slice_mut;
use kernel::direct::{decrypt_switched_into, evaluation_key_body_into};
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::params::{Direct4096 as Set, Limbs, ParameterSet};
use kernel::ring::Scalar;
use kernel::stream::{Label, one_time_mask};

pub(crate) fn measure(meter: Meter, memory: &mut Memory) {
    let mut counts = [[0; RUNS]; 4];
    for run in 0..RUNS {
        let seed = secret(run);
        one_time_mask(&seed.derive(Label::OneTimeMask), 0, 0, &mut memory.message);
        let mut key = None;
        let words = &mut memory.key[..SecretKey::<Set>::WORDS];
        counts[0][run] =
            meter.count(|| key = SecretKey::<Set>::generate::<Scalar>(&seed, words).ok());
        let Some(key) = key else { panic!("the lengths are those of the set") };

        let (mask, noise) = memory.scratch.split_at_mut(N);
        let mut scratch = EncryptScratch { mask, noise: &mut cast_slice_mut(noise)[..N] };
        let mut done = Ok(());
        counts[1][run] = meter.count(|| {
            let body = &mut memory.row[..Set::BODY_WORDS];
            let message = &memory.message;
            done = encrypt_seeded_into::<Set, Scalar>(
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

        let sigma = Automorphism::new(N, 5);
        for limb in 0..<Set as ParameterSet>::Chain::COUNT {
            counts[2][run] += meter.count(|| {
                done = evaluation_key_body_into::<Set, Scalar>(
                    &key,
                    &seed,
                    &public(),
                    sigma,
                    4,
                    limb,
                    &mut memory.row[..N],
                    &mut scratch,
                );
            });
            assert_eq!(done, Ok(()));
        }

        // 256 outputs of whatever a host may send.
        one_time_mask(&secret(run + 1), 0, 0, &mut memory.row);
        let (mask, bodies) = cast_slice_mut::<u32, u64>(&mut memory.row).split_at_mut(N);
        mask.iter_mut().for_each(|word| *word >>= 64 - 42);
        let bodies = &mut bodies[..256];
        bodies.iter_mut().for_each(|word| *word >>= 64 - 36);
        let message = &mut memory.message[..256];
        let scratch = &mut memory.scratch[..2 * N];
        counts[3][run] = meter.count(|| {
            done =
                decrypt_switched_into::<Set, Scalar>(&key, mask, bodies, 0..256, message, scratch);
        });
        assert_eq!(done, Ok(()));
    }
    let names = ["key", "encrypt", "evaluation_key_element", "decrypt_256"];
    for (name, counts) in names.into_iter().zip(counts) {
        board::print!("direct/");
        report(name, (N, 1), Varies::Nothing, counts);
    }
}
