//! Direct mode: its tables and its worked example.

use crate::examples::known_answer;
use crate::page::{Page, array, bytes, number, numbers, wide};
use kernel::direct::{
    DirectShape, MASK_BITS, TernaryKey, evaluation_key_limb_into, key_coordinate, switch_into,
};
use kernel::gadget::{digits as digits_of, digits_into};
use kernel::galois::Automorphism;
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::model::ModelConfig;
use kernel::params::{
    Direct4096, DirectSet, InsecureDirect8 as Set, LimbVisitor, Limbs, ParameterId, ParameterSet,
};
use kernel::prime::{Prime, Prime25, Prime26, T};
use kernel::ring::Scalar;
use kernel::schedule::Schedule;
use kernel::stream::{Label, Seed, centred_binomial, ternary};
use kernel::trace::{Layout, Plan, session_automorphisms};
use kernel::wire::{
    Block, MAX_PAYLOAD, ReplyFrames, direct_payloads, pack_bits, pack_body, packed_bits_len,
    result_bytes,
};

fn shape() -> DirectShape {
    DirectShape::of(ParameterId::Direct4096).unwrap()
}

pub(crate) fn sets(page: &Page) {
    let expected: Vec<_> = (0..=u8::MAX)
        .filter_map(ParameterId::from_wire)
        .filter_map(|id| Some((id, DirectShape::of(id)?)))
        .map(|(id, set)| {
            [id as usize, set.degree, set.body_bytes(), set.elements() * set.body_bytes()]
        })
        .collect();
    let row = |row: &Vec<&str>| [0, 1, 2, 3].map(|at| number(row[at]) as usize);
    assert_eq!(page.table("direct-sets").iter().map(row).collect::<Vec<_>>(), expected);
    // Nothing is a masked and a direct set, and every number is in one of the tables.
    let masked = page.table("sets").len() + 1;
    let all = (0..=u8::MAX).filter_map(ParameterId::from_wire).count();
    assert_eq!(masked + expected.len(), all);
}

pub(crate) fn bits(page: &Page) {
    for (what, values) in page.block("bits") {
        let (bits, said) = what.split_once(" bits, ").unwrap();
        let (bits, said) = (number(bits) as u32, numbers(said));
        let mut out = vec![0; packed_bits_len(bits, said.len())];
        pack_bits(bits, said.iter().map(|&v| v as u64), &mut out).unwrap();
        assert_eq!(bytes(&values), out, "{what}");
        known_answer(&out);
    }
}

type Cut = fn(usize, usize, &[u32], &mut [i32]);

const LARGEST: u32 = Direct4096::DIGIT_BITS;

pub(crate) fn digits(page: &Page) {
    for (what, values) in page.block("digits") {
        let (modulus, residue) = what.split_once(", ").unwrap();
        let residue = number(residue) as u32;
        let (cut, count): (Cut, _) = match modulus {
            "modulo t" => (digits_into::<T>, digits_of::<T>(LARGEST)),
            "modulo p26" => (digits_into::<Prime26>, digits_of::<Prime26>(LARGEST)),
            "modulo p25" => (digits_into::<Prime25>, digits_of::<Prime25>(LARGEST)),
            other => panic!("{other}"),
        };
        let digit = |k| {
            let mut digit = [0];
            cut(count, k, &[residue], &mut digit);
            digit[0]
        };
        let digits: Vec<i32> = (0..count).map(digit).collect();
        assert_eq!(numbers(&values), wide(&digits), "{what}");
    }
}

pub(crate) fn layouts(page: &Page) {
    for row in page.table("layouts") {
        let said: Vec<_> = row.iter().map(|cell| number(cell) as usize).collect();
        let layout = Layout::for_product(4096, said[0], said[1], said[2]);
        let plan = Plan::new(&layout);
        let size = (said[0], said[1]);
        let (request, reply) = direct_payloads(&shape(), &layout, size, said[2], MAX_PAYLOAD);
        let expected = [
            layout.tokens(),
            layout.rows(),
            layout.columns(),
            layout.fold(),
            layout.sum(),
            plan.generator().exponent() as usize,
            plan.giants(),
            plan.babies(),
            plan.automorphisms().chain(layout.folds()).count(),
            request,
            reply.bytes(),
            reply.count(),
        ];
        assert_eq!(said[3..], expected);
    }
}

pub(crate) fn reply_frames(page: &Page) {
    for row in page.table("reply-frames") {
        let [m, n, rows, max_payload] = [0, 1, 2, 3].map(|at| number(row[at]) as usize);
        let layout = Layout::for_product(4096, m, n, rows);
        let reply = ReplyFrames::new(&layout, m, rows, max_payload);
        let said = [4, 5].map(|at| number(row[at]) as usize);
        assert_eq!(said, [reply.results(), result_bytes(&layout)]);
        let frames: Vec<Vec<i64>> = reply
            .parts()
            .map(|part| {
                vec![part.index.into(), part.count.into(), reply.payload_bytes(&part) as i64]
            })
            .collect();
        assert_eq!(row[6].split(", ").map(numbers).collect::<Vec<_>>(), frames);
        assert!(reply.largest_payload() <= max_payload);
    }
}

pub(crate) fn limbs(page: &Page) {
    struct Rows(Vec<[u64; 5]>);
    impl LimbVisitor for Rows {
        fn limb<P: Prime>(&mut self, index: usize) {
            let p = u128::from(P::VALUE);
            let modulus = <Direct4096 as ParameterSet>::Chain::MODULUS;
            let inverse = P::inv((modulus / p % p) as u32);
            let wide = (1_u128 << 96) / p;
            let (high, low) = ((wide >> 32) as u64, u64::from(wide as u32));
            self.0.push([index as u64, P::VALUE.into(), inverse.into(), high, low]);
            assert_eq!(u128::from(high), (1 << 64) / p);
        }
    }
    let mut rows = Rows(Vec::new());
    <Direct4096 as ParameterSet>::Chain::visit(&mut rows);
    let said: Vec<[u64; 5]> =
        page.table("limbs").iter().map(|row| core::array::from_fn(|at| number(row[at]))).collect();
    assert_eq!(said, rows.0);
    let modulus = <Direct4096 as ParameterSet>::Chain::MODULUS;
    let t = u128::from(T::VALUE);
    assert_eq!((modulus % t, modulus / t % t), (0, 502_710_913));
}

pub(crate) fn switch(page: &Page) {
    for (what, values) in page.block("switch") {
        let limbs: Vec<_> = numbers(what).iter().map(|&v| v as u32).collect();
        let switched = [42, 36].map(|bits| {
            let mut out = [0];
            switch_into::<Direct4096>(bits, &limbs, &mut out);
            out[0] as i64
        });
        assert_eq!(numbers(&values), switched, "{what}");
    }
    assert_eq!((MASK_BITS, kernel::direct::BODY_BITS), (42, 36));
}

pub(crate) fn example(page: &Page) {
    let block = page.block("direct");
    assert_eq!(block.len(), 9);
    let said = |what: &str| &block.iter().find(|(name, _)| *name == what).unwrap().1;
    let seed = "90c7284dcb10c1312ca7e4a04d92a9d24effed64d9be1160ea432d91974e551e";
    known_answer(&bytes(seed));
    let seed = Seed::from_bytes(array(seed));
    let key_seed = seed.derive(Label::EvaluationKey);
    let (public, key_public) = (seed.derive_public(), key_seed.derive_public());
    assert_eq!(public.0, array(said("public seed")));
    assert_eq!(*key_seed.expose(), array(said("key seed")));
    assert_eq!(key_public.0, array(said("keys' public seed")));

    let sigma = Automorphism::new(Set::N, 5);
    assert_eq!(key_coordinate::<Set>(sigma, 4), 10 * 5 + 4);
    let mut draws = [0; Set::N];
    ternary(&seed, 0, &mut draws);
    assert_eq!(numbers(said("key")), wide(&draws));
    centred_binomial(&seed, 0, &mut draws);
    assert_eq!(numbers(said("noise")), wide(&draws));
    centred_binomial(&key_seed, 54, &mut draws);
    assert_eq!(numbers(said("noise of element 4")), wide(&draws));

    let message: Vec<u32> = numbers(said("message")).iter().map(|&m| m as u32).collect();
    let mut words = [0; SecretKey::<Set>::WORDS];
    let key = SecretKey::<Set>::generate::<Scalar>(&seed, &mut words).unwrap();
    let mut body = [0; Set::BODY_WORDS];
    let mut scratch = EncryptScratch { mask: &mut [0; Set::N], noise: &mut [0; Set::N] };
    encrypt_seeded_into::<Set, Scalar>(&key, &seed, &public, 0, &message, &mut body, &mut scratch)
        .unwrap();
    let shape = DirectShape::of_set::<Set>();
    let mut packed = vec![0; shape.body_bytes()];
    pack_body(&shape, &body, &mut packed).unwrap();
    assert_eq!(bytes(said("body")), packed);
    known_answer(&packed);

    let mut coefficients = [0; Set::N];
    let key = TernaryKey::<Set>::generate(&seed, &mut coefficients).unwrap();
    let (mut noise, mut scratch) = ([0; Set::N], [0; Set::N]);
    centred_binomial(&key_seed, key_coordinate::<Set>(sigma, 4), &mut noise);
    for (limb, body) in body.chunks_exact_mut(Set::N).enumerate() {
        evaluation_key_limb_into::<Set, Scalar>(
            &key,
            &key_public,
            sigma,
            4,
            limb,
            &noise,
            body,
            &mut scratch,
        )
        .unwrap();
    }
    pack_body(&shape, &body, &mut packed).unwrap();
    assert_eq!(bytes(said("element 4")), packed);
    // A frame of a key.
    let frame = [&Block { index: 5, count: 4 }.encode()[..], &packed].concat();
    assert_eq!(frame.len(), 8 + 83);
    assert_eq!((Set::GADGET, Set::DIGIT_BITS), (10, 9));
}

pub(crate) fn session_keys(page: &Page) {
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
    let block = page.block("session-keys");
    assert_eq!(block.len(), 3);
    for (what, values) in block {
        let degree = number(what.strip_prefix("N = ").unwrap()) as usize;
        let keys = session_automorphisms(&config, &schedule, degree);
        let keys: Vec<_> = keys.map(|sigma| i64::from(sigma.exponent())).collect();
        assert_eq!(numbers(&values), keys, "{what}");
    }
}
