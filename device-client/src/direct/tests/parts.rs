//! What leaves and comes in parts is what would leave and come at once.

use super::*;
use crate::decoder::Request;
use crate::session::{Exchange, PART_BYTES, Session};
use kernel::direct::{BODY_BITS, MASK_BITS, decrypt_switched_into, evaluation_key_limb_into};
use kernel::direct::{TernaryKey, key_coordinate};
use kernel::glwe::{EncryptScratch, SecretKey, encrypt_seeded_into};
use kernel::model::GroupId;
use kernel::params::{InsecureDirect64 as Set, ParameterSet};
use kernel::stream::{Label, centred_binomial};
use kernel::trace::session_automorphisms;
use kernel::wire::{
    Block, FrameType, HEADER_BYTES, Header, Welcome, encode_body, pack_bits, pack_body,
    packed_bits_len, result_bytes,
};
use proptest::prelude::*;

const SEED: [u8; 32] = [4; 32];
const N: usize = Set::N;

struct Memory(Vec<u32>, Vec<i8>);

impl Memory {
    fn new() -> Self {
        Self(vec![0; DirectMemory::words::<Set>()], vec![0; N])
    }

    fn lend(&mut self) -> DirectMemory<'_> {
        DirectMemory { words: &mut self.0, key: &mut self.1 }
    }
}

fn schedule() -> Schedule {
    Schedule::new(&CONFIG, 5, 2, 3).unwrap()
}

/// Frames in parts of these lengths, over and over.
fn in_parts(cuts: &[usize], mut make: impl FnMut(usize, &mut [u8]) -> usize) -> Vec<u8> {
    let mut frame = Vec::new();
    for &cut in cuts.iter().cycle() {
        let mut part = vec![0xa5; cut];
        let length = make(frame.len(), &mut part);
        if length == 0 {
            return frame;
        }
        assert!(part[length..].iter().all(|&byte| byte == 0xa5), "nothing behind the end");
        frame.extend(&part[..length]);
    }
    unreachable!()
}

fn header(frame: FrameType, sequence: u32, payload: &[u8]) -> Header {
    Header { frame, set: Set::ID, session: ID, sequence, length: payload.len() as u32 }
}

fn welcome(session: &mut Session<'_, impl Mode>, digest: ModelDigest) {
    let mut payload = [0; PART_BYTES];
    let length = encode_body(&Welcome { digest }, &mut payload).unwrap();
    let payload = &payload[..length];
    session.welcome(&header(FrameType::Welcome, 0, payload), payload).unwrap();
}

fn request_of(exchange: &mut Exchange<'_, '_, '_, impl Mode>, cuts: &[usize]) -> Vec<u8> {
    in_parts(cuts, |first, part| exchange.request(first, part).unwrap())
}

/// The packed bodies of a request of x, by the kernel's one-shot encryption under its expanded key.
fn at_once(shape: (usize, usize), x: &[i32], tokens: usize, first: usize) -> Vec<u8> {
    let seed = Seed::from_bytes(SEED);
    let (public, set) = (seed.derive_public(), DirectShape::of_set::<Set>());
    let mut words = vec![0; SecretKey::<Set>::WORDS];
    let key = SecretKey::<Set>::generate::<Scalar>(&seed, &mut words).unwrap();
    let (mut mask, mut noise) = (vec![0; N], vec![0; N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    let layout = Layout::for_product(N, shape.0, shape.1, tokens);
    let (mut out, mut coordinate) = (Vec::new(), first);
    for x in x.chunks(layout.tokens() * shape.1) {
        for block in 0..layout.input_blocks(shape.1) {
            let mut message = vec![0; N];
            for (token, x) in x.chunks_exact(shape.1).enumerate() {
                let x = x.iter().skip(block * layout.columns()).take(layout.columns());
                for (j, &x) in x.enumerate() {
                    let place = layout.input_exponent(j, token);
                    message[place] = T::mul(T::from_i32(x), layout.normaliser::<T>());
                }
            }
            let mut body = vec![0; Set::BODY_WORDS];
            encrypt_seeded_into::<Set, Scalar>(
                &key,
                &seed,
                &public,
                coordinate,
                &message,
                &mut body,
                &mut scratch,
            )
            .unwrap();
            let mut packed = vec![0; set.body_bytes()];
            pack_body(&set, &body, &mut packed).unwrap();
            out.extend(packed);
            coordinate += 1;
        }
    }
    out
}

fn rows(group: GroupId, tokens: usize) -> Vec<i32> {
    let columns = CONFIG.shape(group).unwrap().columns;
    (0..tokens * columns).map(|i| (i as i32 * 7919) % 30_011 - 15_000).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// A request in any parts, made again in others, also on a new link, is the one-shot encryption of its
    /// rows; the next product's are other ciphertexts.
    #[test]
    fn requests_are_the_one_shot_encryption(
        cuts in prop::collection::vec(1_usize..900, 1..6),
        others in prop::collection::vec(1_usize..3000, 1..6),
        broken in 0_usize..4000,
    ) {
        let (words, length) = bundle_words(vec![LIGHT; CONFIG.group_count() as usize]);
        let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..length]).unwrap();
        let (mut memory, seed) = (Memory::new(), Seed::from_bytes(SEED));
        let mut session =
            DirectSession::<'_, Set, Scalar>::open(&bundle, schedule(), ID, seed, memory.lend())
                .unwrap();
        welcome(&mut session, bundle.digest());
        let keys = session_automorphisms(&CONFIG, &schedule(), N).count() * Set::GADGET;
        let (group, tokens) = (GroupId(0), 3);
        let shape = CONFIG.shape(group).unwrap();
        let (x, mut y) = (rows(group, tokens), vec![0; tokens * shape.rows]);
        let mut exchange = session.exchange(Request { group, tokens, x: &x }, &mut y).unwrap();

        let expected = at_once((shape.rows, shape.columns), &x, tokens, 0);
        let block = Block { index: 0, count: 3 }.encode();
        let payload = [&block[..], &expected].concat();
        let head = header(FrameType::Product, keys as u32 + 1, &payload).encode();
        let frame = [&head[..], &payload].concat();
        prop_assert!(request_of(&mut exchange, &cuts) == frame);
        // Broken anywhere, with keys in between as on a new link, and again.
        let mut part = vec![0; broken];
        exchange.request(0, &mut part).unwrap();
        welcome(exchange.session(), bundle.digest());
        let session = exchange.session();
        in_parts(&others, |first, part| session.opening(0, first, part).unwrap().unwrap());
        prop_assert!(request_of(&mut exchange, &others) == frame);
        // And from the middle.
        let middle = broken.min(frame.len());
        let rest = in_parts(&cuts, |first, part| exchange.request(middle + first, part).unwrap());
        prop_assert!(rest == frame[middle..]);
    }

    /// Every frame of the keys, in any parts and any order, is the kernel's body, packed.
    #[test]
    fn key_frames_are_the_packed_bodies(
        cuts in prop::collection::vec(1_usize..900, 1..6),
        indices in prop::collection::vec(any::<prop::sample::Index>(), 1..5),
    ) {
        let seed = Seed::from_bytes(SEED);
        let (words, length) = bundle_words(vec![LIGHT; CONFIG.group_count() as usize]);
        let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..length]).unwrap();
        let mut memory = Memory::new();
        let mut session = DirectSession::<'_, Set, Scalar>::open(
            &bundle,
            schedule(),
            ID,
            Seed::from_bytes(SEED),
            memory.lend(),
        )
        .unwrap();
        let keys: Vec<_> = session_automorphisms(&CONFIG, &schedule(), N).collect();
        let key_seed = seed.derive(Label::EvaluationKey);
        let public = key_seed.derive_public();
        let (mut coefficients, set) = ([0; N], DirectShape::of_set::<Set>());
        let key = TernaryKey::<Set>::generate(&seed, &mut coefficients).unwrap();
        for index in indices.into_iter().map(|index| index.index(keys.len() * Set::GADGET)) {
            let (sigma, element) = (keys[index / Set::GADGET], index % Set::GADGET);
            let (mut noise, mut scratch) = ([0; N], [0; N]);
            centred_binomial(&key_seed, key_coordinate::<Set>(sigma, element), &mut noise);
            let mut body = vec![0; Set::BODY_WORDS];
            for (limb, body) in body.chunks_exact_mut(N).enumerate() {
                evaluation_key_limb_into::<Set, Scalar>(
                    &key, &public, sigma, element, limb, &noise, body, &mut scratch,
                )
                .unwrap();
            }
            let mut payload = Block { index: sigma.exponent(), count: element as u32 }.encode().to_vec();
            payload.resize(8 + set.body_bytes(), 0);
            pack_body(&set, &body, &mut payload[8..]).unwrap();
            let head = header(FrameType::EvaluationKey, index as u32 + 1, &payload).encode();
            let frame = in_parts(&cuts, |first, part| {
                session.opening(index as u32, first, part).unwrap().unwrap()
            });
            prop_assert!(frame == [&head[..], &payload].concat(), "frame {}", index);
        }
        let last = session.opening((keys.len() * Set::GADGET) as u32, 0, &mut [0; 9]);
        prop_assert_eq!(last, Ok(None));
    }

    /// A result in any parts is the result at once, whatever a host has made up, and nothing that was
    /// there before matters.
    #[test]
    fn results_are_the_one_shot_decryption(
        cuts in prop::collection::vec(1_usize..700, 1..6),
        numbers in prop::collection::vec(any::<u64>(), 1..100),
        (rows, tokens) in prop::sample::select(&[(64, 1), (8, 4), (1, 1), (2, 16), (1, 64)][..]),
        abandoned in 0_usize..400,
    ) {
        let layout = Layout::new(N, rows, 1, tokens).unwrap();
        let cut = |bits: u32, count: usize, from: usize| -> Vec<u64> {
            numbers.iter().cycle().skip(from).take(count).map(|n| n & ((1 << bits) - 1)).collect()
        };
        let outputs = rows * tokens;
        let (mask, bodies) = (cut(MASK_BITS, N, 0), cut(BODY_BITS, outputs, 1));
        let mut packed = vec![0; result_bytes(&layout)];
        let (first, second) = packed.split_at_mut(packed_bits_len(MASK_BITS, N));
        pack_bits(MASK_BITS, mask.iter().copied(), first).unwrap();
        pack_bits(BODY_BITS, bodies.iter().copied(), second).unwrap();

        let mut coefficients = [0; N];
        let key = TernaryKey::<Set>::generate(&Seed::from_bytes(SEED), &mut coefficients).unwrap();
        let (mut expected, mut scratch) = (vec![0; outputs], vec![0; 3 * N]);
        let places = (0..outputs).map(|at| layout.output_exponent(at % rows, at / rows));
        decrypt_switched_into::<Set, Scalar>(
            &key, &mask, &bodies, places, &mut expected, &mut scratch,
        )
        .unwrap();

        let mut memory = Memory::new();
        let seed = Seed::from_bytes(SEED);
        let mut cipher =
            Cipher::<Set, Scalar>::new(core::iter::empty(), seed, memory.lend()).unwrap();
        // What comes in takes the place of what went out, which is made again.
        let mut before = [0; 40];
        cipher.message_part(0, 3, &mut before, |message| message[1] = 5).unwrap();
        cipher.take(&layout, &mut &vec![0x5a; abandoned.min(packed.len() - 1)][..]).ok();
        let mut after = [0; 40];
        cipher.message_part(0, 3, &mut after, |message| message[1] = 5).unwrap();
        prop_assert_eq!(before, after);
        cipher.erase();
        let (mut at, mut whole) = (0, false);
        for &cut in cuts.iter().cycle() {
            let mut part = &packed[at..][..cut.min(packed.len() - at)];
            at += part.len();
            whole = cipher.take(&layout, &mut part).unwrap();
            prop_assert!(part.is_empty());
            prop_assert_eq!(whole, at == packed.len());
            if whole {
                break;
            }
        }
        prop_assert!(whole);
        let output = cipher.outputs(&layout);
        for (at, &expected) in expected.iter().enumerate() {
            prop_assert_eq!(output(at % rows, at / rows), expected);
        }
    }
}

/// What the documents say: 52 KiB, 3 KiB for the session with its client's state, and any part.
#[test]
fn memory_is_as_small_as_is_said() {
    assert_eq!(DirectMemory::bytes::<Direct4096>(), 52 * 1024);
    let session = size_of::<DirectSession<'_, Direct4096, Scalar>>();
    assert!(session <= 3 * 1024, "{session}");
    let part = HEADER_BYTES + 4096;
    assert!(DirectMemory::bytes::<Direct4096>() + session + part <= 64 * 1024);
}

/// Parts that are too short for what passes whole, and frames that are not due.
#[test]
fn exchanges_out_of_order_are_refused() {
    let (words, length) = bundle_words(vec![LIGHT; CONFIG.group_count() as usize]);
    let bundle = DeviceBundle::parse(&bytemuck::cast_slice(&words)[..length]).unwrap();
    let (mut memory, seed) = (Memory::new(), Seed::from_bytes(SEED));
    let mut session =
        DirectSession::<'_, Set, Scalar>::open(&bundle, schedule(), ID, seed, memory.lend())
            .unwrap();
    let (group, tokens) = (GroupId(0), 3);
    let shape = CONFIG.shape(group).unwrap();
    let (x, mut y) = (rows(group, tokens), vec![0; tokens * shape.rows]);
    let request = Request { group, tokens, x: &x };
    let order = Some(SessionError::Order);
    assert_eq!(session.hello(&mut [0; 40]), Err(WireError::Length.into()));
    assert_eq!(session.bye(&mut [0; 31]), Err(WireError::Length.into()));
    assert_eq!(session.exchange(request, &mut y).err(), order, "before the welcome");
    welcome(&mut session, bundle.digest());
    assert_eq!(session.exchange(request, &mut y[1..]).err(), order, "no room for the outputs");
    let short = Request { x: &x[1..], ..request };
    assert_eq!(session.exchange(short, &mut y).err(), order, "too few inputs");

    let mut exchange = session.exchange(request, &mut y).unwrap();
    assert_eq!(exchange.session().exchange(request, &mut []).err(), order, "another under way");
    let reply = |length: u32| Header { length, ..header(FrameType::ProductReply, 1, &[]) };
    let length = Err(SessionError::from(WireError::Length));
    assert_eq!(exchange.take(&[1]), length.map(|()| false), "no frame has begun");
    let (_, _, frames) = plan::<Set>((shape.rows, shape.columns), tokens, MAX_PAYLOAD);
    let bytes = frames.payload_bytes(&frames.part(0).unwrap());
    for other in [0, 7, 8, 16, bytes - 1, bytes + 1] {
        assert_eq!(exchange.answer(&reply(other as u32)), length);
    }
    exchange.answer(&reply(bytes as u32)).unwrap();
    assert_eq!(exchange.answer(&reply(bytes as u32)), length, "the last is not over");
    assert_eq!(exchange.take(&vec![0; bytes + 1]), length.map(|()| false), "more than there are");
    // A new link begins anew.
    welcome(exchange.session(), bundle.digest());
    exchange.answer(&reply(bytes as u32)).unwrap();
    // Given up.
    assert_eq!(session.exchange(request, &mut []).err(), order, "an exchange that was given up");
}
