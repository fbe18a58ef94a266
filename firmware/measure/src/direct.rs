//! Direct mode: keys, evaluation keys, ciphertexts up and results down.

use crate::meter::{Memory, Meter, N, RUNS, Varies, public, report, secret};
use bytemuck::cast_slice_mut;
use kernel::direct::{
    TernaryKey, decrypt_switched_into, encrypt_limb_into, evaluation_key_limb_into, key_coordinate,
};
use kernel::galois::Automorphism;
use kernel::params::{Direct4096 as Set, Limbs, ParameterSet};
use kernel::ring::Scalar;
use kernel::stream::{Label, centred_binomial, one_time_mask};

/// Limbs of the modulus.
const LIMBS: usize = <Set as ParameterSet>::Chain::COUNT;

pub(crate) fn measure(meter: Meter, memory: &mut Memory) {
    let mut counts = [[0; RUNS]; 4];
    for run in 0..RUNS {
        let seed = secret(run);
        one_time_mask(&seed.derive(Label::OneTimeMask), 0, 0, &mut memory.message);
        let mut key = None;
        let coefficients = &mut cast_slice_mut::<u32, i8>(&mut memory.key)[..N];
        counts[0][run] =
            meter.count(|| key = TernaryKey::<Set>::generate(&seed, coefficients).ok());
        let Some(key) = key else { panic!("the lengths are those of the set") };

        let (residues, rest) = memory.scratch.split_at_mut(N);
        let noise = &mut cast_slice_mut::<u32, i8>(rest)[..N];
        let mut done = Ok(());
        counts[1][run] = meter.count(|| centred_binomial(&seed, 5, noise));
        for limb in 0..LIMBS {
            let body = &mut memory.row[..N];
            body.copy_from_slice(&memory.message);
            counts[1][run] += meter.count(|| {
                done = encrypt_limb_into::<Set, Scalar>(
                    &key,
                    &public(),
                    5,
                    limb,
                    noise,
                    body,
                    residues,
                );
            });
            assert_eq!(done, Ok(()));
        }

        let (sigma, element) = (Automorphism::new(N, 5), 4);
        let coordinate = key_coordinate::<Set>(sigma, element);
        counts[2][run] = meter.count(|| centred_binomial(&seed, coordinate, noise));
        for limb in 0..LIMBS {
            counts[2][run] += meter.count(|| {
                done = evaluation_key_limb_into::<Set, Scalar>(
                    &key,
                    &public(),
                    sigma,
                    element,
                    limb,
                    noise,
                    &mut memory.row[..N],
                    residues,
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
        let scratch = &mut memory.scratch[..3 * N];
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
