//! The kernel against the independent model of `tests/vectors`, section by section.

#![allow(clippy::unwrap_used, reason = "a malformed vector is a failed test")]

use kernel::accel::{AccelError, Accelerator, MatrixId, Reference, RowSource};
use kernel::bundle::{CHECK_REPETITIONS, ModelDigest};
use kernel::check::{LinearCheck, Poison, UnitCheck};
use kernel::glwe::{EncryptScratch, SecretKey, decrypt_into, encrypt_seeded_into};
use kernel::mask::{centre_into, mask_assign, unmask_assign};
use kernel::model::{GroupId, ModelConfig};
use kernel::params::{
    InsecureMasked16x1, InsecureToy4x1, Limbs, MASKED_LIMBS, Masked256x16, Masked512x8,
    Masked1024x4, Masked2048x2, Masked4096x1, ParameterId, ParameterSet,
};
use kernel::prime::{Delta, InsecureDelta97, InsecureT17, Prime, PrimeId, T};
use kernel::quant::{ActivationQuantiser, BoundError, GroupBounds, WeightError, quantise_row};
use kernel::ring::{Definition, RingOps, Scalar};
use kernel::schedule::{Schedule, ScheduleError, ScheduledProduct};
use kernel::stream::{self, Label, PublicSeed, Seed};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, Fault, FaultCode, FrameType, HEADER_BYTES, Header, Hello, Purpose,
    SessionId, UnitOpen, Welcome, WireError, decode_body, encode_body, pack_residues, packed_len,
    unpack_residues,
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

const VECTORS: &str = include_str!("../../tests/vectors/kernel.json");

/// Compares the kernel with one case.
type Compare = fn(&Value);

/// Every section, with what compares the kernel with one of its cases.
const SECTIONS: &[(&str, Compare)] = &[
    ("primes", primes),
    ("seeds", seeds),
    ("public_masks", public_masks),
    ("check_vectors", check_vectors),
    ("one_time_masks", one_time_masks),
    ("samplers", samplers),
    ("transforms", transforms),
    ("scheme", scheme),
    ("decryptions", decryptions),
    ("large_bodies", large_bodies),
    ("online", online),
    ("checks", checks),
    ("unit_checks", unit_checks),
    ("bounds", bounds),
    ("weights", weights),
    ("activations", activations),
    ("headroom", headroom),
    ("shapes", shapes),
    ("schedules", schedules),
    ("requests", requests),
    ("headers", headers),
    ("bodies", bodies),
    ("packed", packed),
];

fn sections() -> Map<String, Value> {
    serde_json::from_str(VECTORS).unwrap()
}

#[test]
fn the_kernel_agrees_with_the_model() {
    let sections = sections();
    let names: Vec<_> = sections.keys().map(String::as_str).collect();
    assert_eq!(names, SECTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let mut failed = Vec::new();
    for (name, compare) in SECTIONS {
        let cases = list(&sections[*name]);
        assert!(!cases.is_empty(), "section {name} is empty");
        for (i, case) in cases.iter().enumerate() {
            if std::panic::catch_unwind(|| compare(case)).is_err() {
                failed.push(format!("{name}[{i}]"));
            }
        }
    }
    assert!(failed.is_empty(), "{} cases differ: {}", failed.len(), failed.join(", "));
}

/// The vectors hold words that were rejected twice, in each family of uniform words.
#[test]
fn rare_rejections_are_covered() {
    let sections = sections();
    for name in ["public_masks", "check_vectors", "one_time_masks"] {
        for attempts in [0, 1, 2] {
            assert!(
                list(&sections[name]).iter().any(|c| number::<u64>(&c["attempts"]) == attempts)
            );
        }
    }
}

// Reading the vectors.

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number<N: TryFrom<i128>>(value: &Value) -> N {
    let wide = value.as_i64().map(i128::from).or(value.as_u64().map(i128::from)).unwrap();
    N::try_from(wide).ok().unwrap()
}

fn numbers<N: TryFrom<i128>>(value: &Value) -> Vec<N> {
    list(value).iter().map(number).collect()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = text(value);
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

fn bytes_32(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

fn seed(case: &Value) -> Seed {
    Seed::from_bytes(bytes_32(&case["seed"]))
}

fn prime_id(value: &Value) -> PrimeId {
    match text(value) {
        "T" => PrimeId::T,
        "Delta" => PrimeId::Delta,
        other => panic!("prime {other}"),
    }
}

/// `got` is the list that `expected` holds, in full or by length, hash and ends.
fn assert_words(got: &[i64], expected: &Value) {
    if expected.is_array() {
        return assert_eq!(got, numbers::<i64>(expected));
    }
    assert_eq!(got.len(), number::<usize>(&expected["len"]));
    let (first, last) = (numbers::<i64>(&expected["first"]), numbers::<i64>(&expected["last"]));
    assert_eq!(got[..first.len()], first);
    assert_eq!(got[got.len() - last.len()..], last);
    let data: Vec<u8> = got.iter().flat_map(|&v| (v as u32).to_le_bytes()).collect();
    assert_eq!(Sha256::digest(&data)[..], bytes(&expected["sha256"]));
}

fn wide<N: Copy + Into<i64>>(values: &[N]) -> Vec<i64> {
    values.iter().map(|&v| v.into()).collect()
}

/// The words of SHA-256("label:0"), SHA-256("label:1"), ...: the model's test input.
fn input(label: &str, count: usize) -> Vec<u32> {
    let mut words = Vec::new();
    for i in 0..count.div_ceil(8) {
        let digest = Sha256::digest(format!("{label}:{i}"));
        words.extend(digest.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())));
    }
    words.truncate(count);
    words
}

fn input_residues(label: &str, count: usize, p: u32) -> Vec<u32> {
    input(label, count).iter().map(|w| w % p).collect()
}

fn input_weights(label: &str, count: usize) -> Vec<i8> {
    input(label, count).iter().map(|w| *w as i8).collect()
}

fn input_activations(label: &str, count: usize) -> Vec<i32> {
    input(label, count).iter().map(|w| (w % 65_535) as i32 - 32_767).collect()
}

fn input_floats(label: &str, count: usize, base: u32) -> Vec<f32> {
    input(label, count).iter().map(|w| f32::from_bits((w & 0x83ff_ffff) + base)).collect()
}

/// The floats of a case: bits in full, or made from a label.
fn floats(case: &Value) -> Vec<f32> {
    match case.get("row") {
        Some(row) => numbers(row).into_iter().map(f32::from_bits).collect(),
        None => {
            let (label, columns) = (text(&case["label"]), number(&case["columns"]));
            input_floats(label, columns, number(&case["base"]))
        }
    }
}

struct Rows<'a>(&'a [i8]);

impl RowSource for Rows<'_> {
    fn next_row(&mut self, row: &mut [i8]) -> Result<(), AccelError> {
        let (next, rest) = self.0.split_at_checked(row.len()).ok_or(AccelError::Rows)?;
        row.copy_from_slice(next);
        self.0 = rest;
        Ok(())
    }
}

fn load(accelerator: &Reference, weights: &[i8], columns: usize) -> MatrixId {
    accelerator.load(weights.len() / columns, columns, &mut Rows(weights)).unwrap()
}

/// The matrix times `x`, of `columns` columns, modulo `p`.
fn product(weights: &[i8], n: usize, p: PrimeId, x: &[u32], columns: usize) -> Vec<u32> {
    let accelerator = Reference::default();
    let matrix = load(&accelerator, weights, n);
    let rows = weights.len() / n;
    let mut out = vec![u32::MAX; rows * columns];
    accelerator.product(matrix, 0..rows, p, x, columns, &mut out).unwrap();
    out
}

// Arithmetic and randomness.

/// Runs a generic function with the prime that a name stands for.
macro_rules! with_named_prime {
    ($name:expr, $f:ident($($argument:expr),*)) => {
        match text($name) {
            "T" => $f::<T>($($argument),*),
            "Delta" => $f::<Delta>($($argument),*),
            "InsecureT17" => $f::<InsecureT17>($($argument),*),
            "InsecureDelta97" => $f::<InsecureDelta97>($($argument),*),
            other => panic!("prime {other}"),
        }
    };
}

fn primes(case: &Value) {
    with_named_prime!(&case["prime"], prime(case));
}

fn prime<P: Prime>(case: &Value) {
    assert_eq!((P::VALUE, P::BITS), (number(&case["value"]), number(&case["bits"])));
    for pair in list(&case["reduce"]) {
        assert_eq!(P::reduce(number(&pair[0])), number::<u32>(&pair[1]), "reduce {pair}");
    }
    for pair in list(&case["from_i64"]) {
        assert_eq!(P::from_i64(number(&pair[0])), number::<u32>(&pair[1]), "from_i64 {pair}");
    }
    for pair in list(&case["centre"]) {
        assert_eq!(P::centre(number(&pair[0])), number::<i32>(&pair[1]), "centre {pair}");
        assert_eq!(P::from_i32(number(&pair[1])), number::<u32>(&pair[0]), "from_i32 {pair}");
    }
    for triple in list(&case["negate_invert"]) {
        let [a, negated, inverted] = numbers(triple)[..] else { panic!() };
        assert_eq!((P::neg(a), P::inv(a)), (negated, inverted), "{triple}");
    }
    for row in list(&case["add_subtract_multiply"]) {
        let [a, b, sum, difference, product] = numbers(row)[..] else { panic!() };
        assert_eq!((P::add(a, b), P::sub(a, b), P::mul(a, b)), (sum, difference, product), "{row}");
    }
    for row in list(&case["pow"]) {
        assert_eq!(
            P::pow_vartime(number(&row[0]), number(&row[1])),
            number::<u32>(&row[2]),
            "pow {row}"
        );
    }
}

fn seeds(case: &Value) {
    let seed = seed(case);
    assert_eq!(seed.derive_public().0, bytes_32(&case["public_mask"]));
    assert_eq!(*seed.derive(Label::PublicMask).expose(), bytes_32(&case["public_mask"]));
    assert_eq!(*seed.derive(Label::OneTimeMask).expose(), bytes_32(&case["one_time_mask"]));
    for pair in list(&case["token_choice"]) {
        assert_eq!(stream::token_choice(&seed, number(&pair[0])), number::<u32>(&pair[1]));
    }
}

fn public_masks(case: &Value) {
    let range = |value| match numbers::<usize>(value)[..] {
        [start, end] => start..end,
        _ => panic!(),
    };
    let (coordinates, columns) = (range(&case["coordinates"]), range(&case["columns"]));
    let mut out = vec![u32::MAX; coordinates.len() * columns.len()];
    let seed = PublicSeed(bytes_32(&case["seed"]));
    stream::expand_mask_columns(prime_id(&case["prime"]), &seed, coordinates, columns, &mut out);
    assert_words(&wide(&out), &case["words"]);
}

fn check_vectors(case: &Value) {
    let (repetition, group) = (number(&case["repetition"]), number(&case["group"]));
    let mut out = vec![u32::MAX; number(&case["count"])];
    stream::check_vector(&seed(case), repetition, group, number(&case["first"]), &mut out);
    assert_words(&wide(&out), &case["words"]);
}

fn one_time_masks(case: &Value) {
    let seed = seed(case);
    if case.get("token").is_some() {
        let mut out = vec![u32::MAX; number(&case["count"])];
        stream::one_time_mask(&seed, number(&case["token"]), number(&case["first"]), &mut out);
        return assert_words(&wide(&out), &case["words"]);
    }
    let tokens: usize = number(&case["tokens"]);
    let mut out = vec![u32::MAX; number::<usize>(&case["coordinates"]) * tokens];
    stream::one_time_mask_coordinates(&seed, number(&case["block"]), tokens, &mut out);
    assert_words(&wide(&out), &case["words"]);
}

fn samplers(case: &Value) {
    let values = &case["values"];
    let count = if values.is_array() { list(values).len() } else { number(&values["len"]) };
    let mut out = vec![i8::MAX; count];
    match text(&case["kind"]) {
        "ternary" => stream::ternary(&seed(case), number(&case["stream"]), &mut out),
        "noise" => stream::centred_binomial(&seed(case), number(&case["stream"]), &mut out),
        other => panic!("sampler {other}"),
    }
    assert_words(&wide(&out), values);
}

// The ring and the scheme.

fn transforms(case: &Value) {
    with_named_prime!(&case["prime"], transform(case));
}

fn transform<P: Prime>(case: &Value) {
    let degree = number(&case["degree"]);
    let polynomial = match text(&case["input"]) {
        "X" => (0..degree).map(|i| u32::from(i == 1)).collect(),
        "-1" => vec![P::VALUE - 1; degree],
        label => input_residues(label, degree, P::VALUE),
    };
    ring_transform::<P, Scalar>(case, &polynomial);
    if degree <= 256 {
        ring_transform::<P, Definition>(case, &polynomial);
    }
}

fn ring_transform<P: Prime, R: RingOps>(case: &Value, polynomial: &[u32]) {
    let mut values = polynomial.to_vec();
    R::ntt_forward::<P>(&mut values);
    if let Some(spots) = case.get("spots") {
        for spot in list(spots) {
            assert_eq!(values[number::<usize>(&spot[0])], number::<u32>(&spot[1]), "{spot}");
        }
    } else {
        assert_words(&wide(&values), &case["values"]);
    }
    R::ntt_inverse::<P>(&mut values);
    assert_eq!(values, polynomial);
}

/// Runs a generic function with the parameter set that a name stands for.
macro_rules! with_named_set {
    ($case:expr, $f:ident) => {
        match text(&$case["set"]) {
            "InsecureToy4x1" => $f::<InsecureToy4x1>($case),
            "InsecureMasked16x1" => $f::<InsecureMasked16x1>($case),
            "Masked256x16" => $f::<Masked256x16>($case),
            "Masked512x8" => $f::<Masked512x8>($case),
            "Masked1024x4" => $f::<Masked1024x4>($case),
            "Masked2048x2" => $f::<Masked2048x2>($case),
            "Masked4096x1" => $f::<Masked4096x1>($case),
            other => panic!("parameter set {other}"),
        }
    };
}

fn limb_value<S: ParameterSet>(limb: usize) -> u32 {
    [S::Plain::VALUE, S::Scale::VALUE][limb]
}

fn encrypt<S: ParameterSet>(seed: &Seed, coordinate: usize, message: &[u32]) -> Vec<u32> {
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(seed, &mut buffer).unwrap();
    let mut body = vec![u32::MAX; S::Chain::COUNT * S::N];
    let (mut mask, mut noise) = (vec![u32::MAX; S::N], vec![i8::MAX; S::N]);
    let mut scratch = EncryptScratch { mask: &mut mask, noise: &mut noise };
    let public = seed.derive_public();
    encrypt_seeded_into::<S, Scalar>(
        &key,
        seed,
        &public,
        coordinate,
        message,
        &mut body,
        &mut scratch,
    )
    .unwrap();
    body
}

/// The message and the centred noise.
fn decrypt<S: ParameterSet>(seed: &Seed, ciphertext: &[u32]) -> (Vec<u32>, Vec<i32>) {
    let mut buffer = vec![0; SecretKey::<S>::WORDS];
    let key = SecretKey::<S>::generate::<Scalar>(seed, &mut buffer).unwrap();
    let (mut message, mut noise) = (vec![u32::MAX; S::N], vec![u32::MAX; S::N]);
    decrypt_into::<S, Scalar>(&key, ciphertext, &mut message, &mut noise).unwrap();
    (message, noise.into_iter().map(S::Scale::centre).collect())
}

/// The masks of limb `limb` for the coordinates below `n`, times the matrix: the host's part.
fn combined_masks<S: ParameterSet>(
    weights: &[i8],
    n: usize,
    limb: usize,
    public: &PublicSeed,
) -> Vec<u32> {
    let (p, rows) = (MASKED_LIMBS[limb], weights.len() / n);
    if p.value() == limb_value::<S>(limb) {
        let accelerator = Reference::default();
        let matrix = load(&accelerator, weights, n);
        let mut out = vec![u32::MAX; rows * S::MASK_WORDS];
        let columns = 0..S::MASK_WORDS;
        accelerator.product_seeded(matrix, 0..rows, p, public, columns, &mut out).unwrap();
        return out;
    }
    let mut x = vec![0; n * S::MASK_WORDS];
    stream::expand_mask_columns(p, public, 0..n, 0..S::MASK_WORDS, &mut x);
    x.iter_mut().for_each(|w| *w %= limb_value::<S>(limb));
    toy_product::<S>(weights, n, limb, &x, S::MASK_WORDS)
}

fn combined_bodies<S: ParameterSet>(weights: &[i8], n: usize, limb: usize, x: &[u32]) -> Vec<u32> {
    let p = MASKED_LIMBS[limb];
    if p.value() == limb_value::<S>(limb) {
        product(weights, n, p, x, S::N)
    } else {
        toy_product::<S>(weights, n, limb, x, S::N)
    }
}

fn toy_product<S: ParameterSet>(
    weights: &[i8],
    n: usize,
    limb: usize,
    x: &[u32],
    columns: usize,
) -> Vec<u32> {
    let p = i64::from(limb_value::<S>(limb));
    let word = |row: &[i8], c: usize| -> i64 {
        row.iter().enumerate().map(|(j, w)| i64::from(*w) * i64::from(x[j * columns + c])).sum()
    };
    weights
        .chunks_exact(n)
        .flat_map(|row| (0..columns).map(move |c| word(row, c).rem_euclid(p) as u32))
        .collect()
}

fn scheme(case: &Value) {
    with_named_set!(case, scheme_of);
}

fn scheme_of<S: ParameterSet>(case: &Value) {
    let (seed, n) = (seed(case), number::<usize>(&case["coordinates"]));
    let rows = number::<usize>(&case["rows"]);
    let mut bodies = vec![Vec::new(); S::Chain::COUNT];
    for (j, expected) in list(&case["bodies"]).iter().enumerate() {
        let label = format!("{} {j}", text(&case["message_label"]));
        let message = input_residues(&label, S::N, S::Plain::VALUE);
        let body = encrypt::<S>(&seed, j, &message);
        assert_words(&wide(&body), expected);
        for (limb, words) in bodies.iter_mut().zip(body.chunks_exact(S::N)) {
            limb.extend_from_slice(words);
        }
    }
    let weights = input_weights(text(&case["weights"]), rows * n);
    let public = seed.derive_public();
    let masks = [0, 1].map(|limb| combined_masks::<S>(&weights, n, limb, &public));
    let bodies = [0, 1].map(|limb| combined_bodies::<S>(&weights, n, limb, &bodies[limb]));
    for i in 0..rows {
        let mut image = Vec::new();
        for (masks, bodies) in masks.iter().zip(&bodies) {
            image.extend_from_slice(&masks[i * S::MASK_WORDS..][..S::MASK_WORDS]);
            image.extend_from_slice(&bodies[i * S::N..][..S::N]);
        }
        assert_words(&wide(&image), &case["images"][i]);
        let (message, noise) = decrypt::<S>(&seed, &image);
        assert_words(&wide(&message), &case["messages"][i]);
        assert_words(&wide(&noise), &case["noise"][i]);
    }
}

fn decryptions(case: &Value) {
    with_named_set!(case, decryption);
}

fn decryption<S: ParameterSet>(case: &Value) {
    let ciphertext = match case.get("ciphertext") {
        Some(words) => numbers(words),
        None => {
            let raw = input(text(&case["input"]), S::Chain::COUNT * S::LIMB_WORDS);
            let limb = |i| limb_value::<S>(i / S::LIMB_WORDS);
            raw.iter().enumerate().map(|(i, w)| w % limb(i)).collect()
        }
    };
    let (message, noise) = decrypt::<S>(&seed(case), &ciphertext);
    assert_words(&wide(&message), &case["message"]);
    assert_words(&wide(&noise), &case["noise"]);
}

fn large_bodies(case: &Value) {
    with_named_set!(case, large_body);
}

fn large_body<S: ParameterSet>(case: &Value) {
    let message = input_residues(text(&case["message"]), S::N, S::Plain::VALUE);
    let body = encrypt::<S>(&seed(case), number(&case["coordinate"]), &message);
    for spot in list(&case["spots"]) {
        let [limb, index, word] = numbers::<usize>(spot)[..] else { panic!() };
        assert_eq!(body[limb * S::N + index] as usize, word, "{spot}");
    }
}

// Masks and checks.

fn online(case: &Value) {
    let (m, n) = (number::<usize>(&case["rows"]), number(&case["columns"]));
    let label = text(&case["label"]);
    let weights = input_weights(label, m * n);
    let x = input_activations(&format!("{label} x"), n);
    let mut c = vec![u32::MAX; n];
    stream::one_time_mask(&seed(case), number(&case["token"]), 0, &mut c);
    let mut z = product(&weights, n, PrimeId::T, &c, 1);
    assert_words(&wide(&z), &case["z"]);
    mask_assign(&x, &mut c);
    assert_words(&wide(&c), &case["c"]);
    let d = product(&weights, n, PrimeId::T, &c, 1);
    assert_words(&wide(&d), &case["d"]);
    unmask_assign(&d, &mut z);
    let mut y = vec![i32::MAX; m];
    centre_into(&z, &mut y);
    assert_words(&wide(&y), &case["y"]);
}

/// v = u^T W of one repetition.
fn project(u: &[u32], weights: &[i8], n: usize) -> Vec<u32> {
    let term = |i: usize, j: usize| T::mul(u[i], T::from_i32(i32::from(weights[i * n + j])));
    (0..n).map(|j| (0..u.len()).fold(0, |sum, i| T::add(sum, term(i, j)))).collect()
}

fn check_inputs(case: &Value) -> (Vec<i8>, [Vec<u32>; CHECK_REPETITIONS], Vec<Vec<u32>>) {
    let (m, n) = (number::<usize>(&case["rows"]), number(&case["columns"]));
    let weights = input_weights(text(&case["label"]), m * n);
    let u = [0, 1].map(|repetition| {
        let mut u = vec![u32::MAX; m];
        stream::check_vector(&seed(case), repetition, number(&case["group"]), 0, &mut u);
        u
    });
    let v: Vec<_> = u.iter().map(|u| project(u, &weights, n)).collect();
    for (v, expected) in v.iter().zip(list(&case["v"])) {
        assert_words(&wide(v), expected);
    }
    (weights, u, v)
}

fn checks(case: &Value) {
    let (weights, _, v) = check_inputs(case);
    let n = v[0].len();
    let x = input_activations(&format!("{} x", text(&case["label"])), n);
    let x: Vec<u32> = x.into_iter().map(T::from_i32).collect();
    let y = product(&weights, n, PrimeId::T, &x, 1);
    assert_words(&wide(&y), &case["y"]);
    let group = number(&case["group"]);
    for forgery in list(&case["forgeries"]) {
        let mut y = y.clone();
        for (at, error) in numbers::<usize>(&case["at"]).into_iter().zip(list(&forgery["errors"])) {
            y[at] = T::add(y[at], number(error));
        }
        // In one piece, and in uneven ones.
        for piece in [y.len(), 1, 131] {
            let (mut check, mut poison) = (LinearCheck::default(), Poison::default());
            for (i, part) in y.chunks(piece).enumerate() {
                check.add_outputs(&seed(case), group, i * piece, part);
            }
            for (repetition, v) in v.iter().enumerate() {
                check.subtract_inputs(repetition, v, x.iter().copied());
            }
            check.finish(&mut poison);
            assert_eq!(poison.reveal(), forgery["caught"], "{forgery}");
            let mut shown = [1, -1];
            poison.select(&mut shown);
            assert_eq!(shown, if poison.reveal() { [0, 0] } else { [1, -1] });
        }
    }
}

fn unit_checks(case: &Value) {
    let (weights, u, v) = check_inputs(case);
    let (n, tokens) = (v[0].len(), number::<usize>(&case["tokens"]));
    let label = text(&case["label"]);
    let r: Vec<_> =
        (0..n).flat_map(|j| input_residues(&format!("{label} r {j}"), tokens, T::VALUE)).collect();
    let z = product(&weights, n, PrimeId::T, &r, tokens);
    for (z, expected) in z.chunks_exact(tokens).zip(list(&case["z"])) {
        assert_words(&wide(z), expected);
    }
    for forgery in list(&case["forgeries"]) {
        let (mut z, token) = (z.clone(), number::<usize>(&forgery["token"]));
        for (at, error) in numbers::<usize>(&case["at"]).into_iter().zip(list(&forgery["errors"])) {
            z[at * tokens + token] = T::add(z[at * tokens + token], number(error));
        }
        let mut sums = vec![u32::MAX; UnitCheck::words(tokens)];
        let (mut check, mut poison) =
            (UnitCheck::new(tokens, &mut sums).unwrap(), Poison::default());
        for (j, r) in r.chunks_exact(tokens).enumerate() {
            check.subtract_coordinate([v[0][j], v[1][j]], r);
        }
        for (i, z) in z.chunks_exact(tokens).enumerate() {
            check.add_row([u[0][i], u[1][i]], z);
        }
        check.finish(&mut poison);
        assert_eq!(poison.reveal(), forgery["caught"], "{forgery}");
    }
}

// Quantisers.

fn bounds(case: &Value) {
    let expected = GroupBounds {
        norm2_squared: number(&case["norm2_squared"]),
        norm1: number(&case["norm1"]),
    };
    if let Some(label) = case.get("label") {
        let (rows, columns) = (number::<usize>(&case["rows"]), number::<usize>(&case["columns"]));
        let mut bounds = GroupBounds::default();
        for row in input_weights(text(label), rows * columns).chunks_exact(columns) {
            bounds.include(row);
        }
        assert_eq!(bounds, expected);
    }
    assert_eq!(expected.check_noise().is_ok(), case["noise_fits"]);
    assert_eq!(expected.largest_sum_of_squares(), number::<u64>(&case["sum_of_squares"]));
}

fn weights(case: &Value) {
    let row = floats(case);
    let mut out = vec![i8::MAX; row.len()];
    let scale = quantise_row(&row, &mut out);
    if let Some(index) = case.get("not_finite") {
        return assert_eq!(scale, Err(WeightError::NotFinite(number(index))));
    }
    assert_eq!(scale.unwrap().to_bits(), number::<u32>(&case["scale"]));
    assert_words(&wide(&out), &case["integers"]);
}

fn activations(case: &Value) {
    let x = floats(case);
    let bounds = GroupBounds { norm2_squared: number(&case["norm2_squared"]), norm1: 0 };
    let mut out = vec![i32::MAX; x.len()];
    let factor = ActivationQuantiser::new(&bounds, x.len()).unwrap().quantise(&x, &mut out);
    assert_eq!(factor.to_bits(), number::<u32>(&case["factor"]));
    assert_words(&wide(&out), &case["integers"]);
}

fn headroom(case: &Value) {
    let (columns, heaviest) = (number(&case["columns"]), number(&case["heaviest"]));
    let new = |norm2_squared| {
        ActivationQuantiser::new(&GroupBounds { norm2_squared, norm1: 0 }, columns).map(|_| ())
    };
    assert_eq!(new(heaviest), Ok(()));
    let norm2_squared = heaviest + 1;
    assert_eq!(new(norm2_squared), Err(BoundError::Headroom { norm2_squared }));
}

// Shapes, schedules and the wire.

fn config(case: &Value) -> ModelConfig {
    let field = |name| number(&case["config"][name]);
    let config = ModelConfig {
        vocab: field("vocab"),
        hidden: field("hidden"),
        layers: field("layers"),
        heads: field("heads"),
        kv_heads: field("kv_heads"),
        head_dim: field("head_dim"),
        intermediate: field("intermediate"),
        context: field("context"),
        rms_eps: 1e-5,
    };
    config.check().unwrap();
    config
}

fn shapes(case: &Value) {
    let config = config(case);
    let got: Vec<_> = config
        .groups()
        .map(|group| config.shape(group).unwrap())
        .map(|shape| vec![shape.rows, shape.columns])
        .collect();
    assert_eq!(got, list(&case["shapes"]).iter().map(numbers::<usize>).collect::<Vec<_>>());
    assert!(config.shape(GroupId(got.len() as u32)).is_none());
    assert_eq!(config.total_rows(), number::<usize>(&case["total_rows"]));
}

fn schedules(case: &Value) {
    let config = config(case);
    let [prompt, output, chunk] = numbers(&case["buckets"])[..] else { panic!() };
    let schedule = Schedule::new(&config, prompt, output, chunk).unwrap();
    let products: Vec<_> = schedule
        .products(&config)
        .map(|ScheduledProduct { group, tokens }| [group.0, tokens])
        .collect();
    match &case["products"] {
        Value::Array(expected) => {
            assert_eq!(products.len(), expected.len());
            for (product, expected) in products.iter().zip(expected) {
                assert_words(&wide(product), expected);
            }
        }
        expected => assert_words(&wide(products.as_flattened()), expected),
    }
    assert_eq!(schedule.product_count(&config), products.len() as u64);
    let demand: Vec<_> = config.groups().map(|g| schedule.demand(&config, g)).collect();
    assert_words(&wide(&demand), &case["demand"]);
}

fn requests(case: &Value) {
    let [prompt, output, chunk] = numbers(&case["request"])[..] else { panic!() };
    let buckets = &case["buckets"];
    match Schedule::for_request(&config(case), prompt, output, chunk) {
        Ok(s) => assert_words(&wide(&[s.prompt_bucket(), s.output_bucket(), s.chunk()]), buckets),
        Err(ScheduleError::Empty) => assert_eq!(buckets, "Empty"),
        Err(ScheduleError::Context { .. }) => assert_eq!(buckets, "Context"),
        Err(other) => panic!("{other}"),
    }
}

fn wire_error(error: WireError) -> &'static str {
    match error {
        WireError::Magic => "Magic",
        WireError::Version(_) => "Version",
        WireError::Unknown => "Unknown",
        WireError::Length => "Length",
        WireError::Residue => "Residue",
        other => panic!("{other}"),
    }
}

fn headers(case: &Value) {
    let bytes: [u8; HEADER_BYTES] = bytes(&case["bytes"]).try_into().unwrap();
    let decoded = Header::decode(&bytes);
    if let Some(error) = case.get("error") {
        return assert_eq!(wire_error(decoded.unwrap_err()), text(error));
    }
    let frame = match text(&case["frame"]) {
        "Hello" => FrameType::Hello,
        "Welcome" => FrameType::Welcome,
        "Product" => FrameType::Product,
        "ProductReply" => FrameType::ProductReply,
        "UnitOpen" => FrameType::UnitOpen,
        "UnitBodies" => FrameType::UnitBodies,
        "UnitRows" => FrameType::UnitRows,
        "Bye" => FrameType::Bye,
        "Fault" => FrameType::Fault,
        other => panic!("frame {other}"),
    };
    fn id<S: ParameterSet>(_: &Value) -> ParameterId {
        S::ID
    }
    let header = Header {
        frame,
        set: with_named_set!(case, id),
        session: SessionId(self::bytes(&case["session"]).try_into().unwrap()),
        sequence: number(&case["sequence"]),
        length: number(&case["length"]),
    };
    assert_eq!(header.encode(), bytes);
    assert_eq!(decoded, Ok(header));
}

fn bodies(case: &Value) {
    let expected = bytes(&case["bytes"]);
    match text(&case["body"]) {
        "Hello" => {
            let purpose = match (text(&case["purpose"][0]), &list(&case["purpose"])[1..]) {
                ("Prepare", [units]) => Purpose::Prepare { units: number(units) },
                ("Masked", [prompt, output, chunk]) => Purpose::Masked {
                    prompt_bucket: number(prompt),
                    output_bucket: number(output),
                    chunk: number(chunk),
                },
                other => panic!("purpose {other:?}"),
            };
            let digest = ModelDigest(bytes_32(&case["digest"]));
            body(&Hello { digest, purpose, answered: number(&case["answered"]) }, &expected);
        }
        "Welcome" => body(&Welcome { digest: ModelDigest(bytes_32(&case["digest"])) }, &expected),
        "UnitOpen" => {
            body(
                &UnitOpen { group: number(&case["group"]), seed: bytes_32(&case["seed"]) },
                &expected,
            );
        }
        "Fault" => {
            let code = match text(&case["code"]) {
                "Protocol" => FaultCode::Protocol,
                "Model" => FaultCode::Model,
                "Limits" => FaultCode::Limits,
                "Busy" => FaultCode::Busy,
                "Deadline" => FaultCode::Deadline,
                "Shutdown" => FaultCode::Shutdown,
                "Internal" => FaultCode::Internal,
                other => panic!("fault {other}"),
            };
            body(&Fault { code }, &expected);
        }
        "Block" => {
            let block = Block { index: number(&case["index"]), count: number(&case["count"]) };
            assert_eq!(block.encode()[..], expected);
            let (split, rest) = Block::split(&expected).unwrap();
            assert_eq!((split, rest.len(), expected.len()), (block, 0, BLOCK_PREFIX_BYTES));
        }
        other => panic!("body {other}"),
    }
}

/// A small body is written as `expected`, and read back from it.
fn body<B>(value: &B, expected: &[u8])
where
    B: serde::Serialize + serde::de::DeserializeOwned + PartialEq + core::fmt::Debug,
{
    let mut out = [0; 256];
    let length = encode_body(value, &mut out).unwrap();
    assert_eq!(out[..length], *expected);
    assert_eq!(decode_body::<B>(expected).as_ref(), Ok(value));
}

fn packed(case: &Value) {
    let (p, bytes) = (prime_id(&case["prime"]), bytes(&case["bytes"]));
    if let Some(error) = case.get("error") {
        let mut out = vec![0; number(&case["count"])];
        return assert_eq!(
            unpack_residues(p, &bytes, &mut out).map_err(wire_error),
            Err(text(error))
        );
    }
    let residues = numbers::<u32>(&case["residues"]);
    assert_eq!(packed_len(p, residues.len()), bytes.len());
    let mut out = vec![0xaa; bytes.len()];
    pack_residues(p, &residues, &mut out).unwrap();
    assert_eq!(out, bytes);
    let mut back = vec![u32::MAX; residues.len()];
    unpack_residues(p, &bytes, &mut back).unwrap();
    assert_eq!(back, residues);
}
