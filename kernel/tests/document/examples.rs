//! Worked examples: bytes and numbers in full.

use crate::page::{Page, array, bytes, numbers, wide};
use kernel::bundle::ModelDigest;
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::model::ModelConfig;
use kernel::params::{InsecureMasked16x1 as Set, MASKED_LIMBS, ParameterId, ParameterSet};
use kernel::prime::{Delta, Prime, PrimeId, T};
use kernel::ring::{RingOps, Scalar};
use kernel::schedule::Schedule;
use kernel::stream::{Seed, centred_binomial, ternary};
use kernel::wire::{
    Block, DirectSeeds, Fault, FaultCode, FrameType, Header, Hello, MAX_KEYS, MaskSeed, Purpose,
    RowForm, SessionId, UnitOpen, encode_body, pack_residues, packed_len,
};
use serde::Serialize;

/// The answers of the independent model, which the examples are taken from.
const VECTORS: &str = include_str!("../../../tests/vectors/kernel.json");

/// That the model has these bytes too.
pub(crate) fn known_answer(bytes: &[u8]) {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(VECTORS.contains(&digits), "not in kernel.json: {digits}");
}

pub(crate) fn transform(page: &Page) {
    let mut expected = [[1, 2, 3, 4], [1, 2, 3, 4]];
    Scalar::ntt_forward::<T>(&mut expected[0]);
    Scalar::ntt_forward::<Delta>(&mut expected[1]);
    let said: Vec<_> = page.block("transform").iter().map(|(_, v)| numbers(v)).collect();
    assert_eq!(said, expected.map(|words| wide(&words)));
}

pub(crate) fn body(page: &Page) {
    let block = page.block("body");
    let said = |what: &str| &block.iter().find(|(name, _)| *name == what).unwrap().1;
    let seed = "3c91cfb0e7dfad32d34ea30253e6305b2f749181e8d2247b67bb12ced82d0424";
    known_answer(&bytes(seed));
    let seed = Seed::from_bytes(array(seed));
    let public = seed.derive_public();
    assert_eq!(public.0, array(said("public seed")));

    let (mut key, mut noise) = ([0; Set::N], [0; Set::N]);
    ternary(&seed, 0, &mut key);
    centred_binomial(&seed, 0, &mut noise);
    assert_eq!((numbers(said("key")), numbers(said("noise"))), (wide(&key), wide(&noise)));

    let message: Vec<u32> = numbers(said("message")).iter().map(|&m| m as u32).collect();
    let mut words = [0; SecretKey::<Set>::WORDS];
    let key = SecretKey::<Set>::generate::<Scalar>(&seed, &mut words).unwrap();
    let mut limbs = [0; 2 * Set::N];
    let mut scratch = EncryptScratch { mask: &mut [0; Set::N], noise: &mut [0; Set::N] };
    encrypt_seeded_into::<Set, Scalar>(&key, &seed, &public, 0, &message, &mut limbs, &mut scratch)
        .unwrap();
    let mut payload = Block { index: 0, count: 1 }.encode().to_vec();
    for (limb, p) in MASKED_LIMBS.into_iter().enumerate() {
        let residues = &limbs[limb * Set::N..][..Set::N];
        assert_eq!(numbers(said(&format!("limb {limb}"))), wide(residues));
        let mut packed = vec![0; packed_len(p, Set::N)];
        pack_residues(p, residues, &mut packed).unwrap();
        payload.extend(packed);
    }
    assert_eq!(bytes(said("payload")), payload);
    assert_eq!(block.len(), 7);
}

pub(crate) fn header(page: &Page) {
    let said = bytes(&page.block("header")[0].1);
    known_answer(&said);
    let header = Header {
        frame: FrameType::Welcome,
        set: ParameterId::Masked256x16,
        session: SessionId(core::array::from_fn(|i| 0xc8 + i as u8)),
        sequence: 1,
        length: 77,
    };
    assert_eq!(said, header.encode());
}

pub(crate) fn small_bodies(page: &Page) {
    fn encode(body: &impl Serialize) -> Vec<u8> {
        let mut out = [0; 256];
        let length = encode_body(body, &mut out).unwrap();
        out[..length].to_vec()
    }
    let block = page.block("small-bodies");
    let said: Vec<_> = block.iter().map(|(_, values)| bytes(values)).collect();
    said.iter().for_each(|bytes| known_answer(bytes));
    let digest = ModelDigest(said[0][..32].try_into().unwrap());
    let prepare = Purpose::Prepare { units: 300 };
    let masked = Purpose::Masked { prompt_bucket: 16, output_bucket: 127, chunk: 128 };
    let seeds = DirectSeeds {
        ciphertexts: said[2][33..65].try_into().unwrap(),
        keys: said[2][65..97].try_into().unwrap(),
    };
    let direct = Purpose::Direct { seeds, prompt_bucket: 16, output_bucket: 127, chunk: 8 };
    let mixed =
        Purpose::Mixed { seeds, prompt_bucket: 300, output_bucket: 48, chunk: 64, masked: 130 };
    let prepare_direct = Purpose::PrepareDirect { seeds, units: 300 };
    let own = said[5][3..35].try_into().unwrap();
    let expected = [
        encode(&Hello { digest, purpose: prepare, answered: 0, max_payload: 1 << 20 }),
        encode(&Hello { digest, purpose: masked, answered: 2_097_152, max_payload: 4096 }),
        encode(&Hello { digest, purpose: direct, answered: 0, max_payload: 1 << 20 }),
        encode(&Hello { digest, purpose: mixed, answered: 0, max_payload: 1 << 20 }),
        encode(&Hello { digest, purpose: prepare_direct, answered: 0, max_payload: 1 << 20 }),
        encode(&UnitOpen { group: 128, seed: MaskSeed::Unit(own), rows: RowForm::Full, keys: 1 }),
        encode(&UnitOpen { group: 128, seed: MaskSeed::Model, rows: RowForm::Switched, keys: 16 }),
        encode(&Fault { code: FaultCode::Busy }),
    ];
    assert_eq!(said, expected);

    // The longest of each, of which the page speaks.
    let most = u32::MAX;
    let mixed = Purpose::Mixed {
        seeds,
        prompt_bucket: most,
        output_bucket: most,
        chunk: most,
        masked: most,
    };
    let hello = Hello { digest, purpose: mixed, answered: most, max_payload: most };
    assert_eq!(encode(&hello).len(), 127);
    let (seed, rows) = (MaskSeed::Unit(own), RowForm::Switched);
    let longest = UnitOpen { group: most, seed, rows, keys: MAX_KEYS as u8 };
    assert_eq!(encode(&longest).len(), 40);
}

pub(crate) fn packed(page: &Page) {
    let block = page.block("packed");
    assert_eq!(block.len(), 3);
    for (what, values) in block {
        let (modulus, residues) = what.split_once(", ").unwrap();
        let p = if modulus == "modulo t" { PrimeId::T } else { PrimeId::Delta };
        let residues: Vec<u32> = numbers(residues).iter().map(|&r| r as u32).collect();
        assert!(residues.iter().all(|&r| r < p.value()));
        let mut out = vec![0; packed_len(p, residues.len())];
        pack_residues(p, &residues, &mut out).unwrap();
        assert_eq!(bytes(&values), out, "{what}");
        known_answer(&out);
    }
    assert_eq!(T::VALUE - 1, 4_293_918_720);
}

pub(crate) fn schedule(page: &Page) {
    let config = ModelConfig {
        vocab: 8,
        hidden: 8,
        layers: 1,
        heads: 2,
        kv_heads: 1,
        head_dim: 4,
        intermediate: 8,
        context: 64,
        rms_eps: 1e-5,
    };
    let schedule = Schedule::new(&config, 5, 3, 2).unwrap();
    let products: Vec<_> =
        schedule.products(&config).map(|p| format!("{},{}", p.group.0, p.tokens)).collect();
    let said = page.block("schedule").remove(0).1;
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), products);
    assert_eq!(products.len(), (5_usize.div_ceil(2) + 3 - 1) * 4 + 3);
}
