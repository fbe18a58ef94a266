//! Reading a case of the vectors.

use kernel::params::{
    Direct4096, InsecureDirect8, InsecureDirect64, InsecureMasked16x1, InsecureToy4x1,
    Masked256x16, Masked512x8, Masked1024x4, Masked2048x2, Masked4096x1, ParameterId, ParameterSet,
};
use kernel::prime::PrimeId;
use kernel::stream::Seed;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn number<N: TryFrom<i128>>(value: &Value) -> N {
    let wide = value.as_i64().map(i128::from).or(value.as_u64().map(i128::from)).unwrap();
    N::try_from(wide).ok().unwrap()
}

pub(crate) fn numbers<N: TryFrom<i128>>(value: &Value) -> Vec<N> {
    list(value).iter().map(number).collect()
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let digits = text(value);
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap())
        .collect()
}

pub(crate) fn bytes_32(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

pub(crate) fn seed(case: &Value) -> Seed {
    Seed::from_bytes(bytes_32(&case["seed"]))
}

/// The primes that an accelerator serves.
pub(crate) fn prime_id(value: &Value) -> Option<PrimeId> {
    match text(value) {
        "T" => Some(PrimeId::T),
        "Delta" => Some(PrimeId::Delta),
        _ => None,
    }
}

/// `got` is the list that `expected` holds, in full or by length, hash and ends.
pub(crate) fn assert_words(got: &[i64], expected: &Value) {
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

pub(crate) fn wide<N: Copy + Into<i64>>(values: &[N]) -> Vec<i64> {
    values.iter().map(|&v| v.into()).collect()
}

/// The words of SHA-256("label:0"), SHA-256("label:1"), ...: the model's test input.
pub(crate) fn input(label: &str, count: usize) -> Vec<u32> {
    let mut words = Vec::new();
    for i in 0..count.div_ceil(8) {
        let digest = Sha256::digest(format!("{label}:{i}"));
        words.extend(digest.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())));
    }
    words.truncate(count);
    words
}

pub(crate) fn input_residues(label: &str, count: usize, p: u32) -> Vec<u32> {
    input(label, count).iter().map(|w| w % p).collect()
}

pub(crate) fn input_weights(label: &str, count: usize) -> Vec<i8> {
    input(label, count).iter().map(|w| *w as i8).collect()
}

pub(crate) fn input_activations(label: &str, count: usize) -> Vec<i32> {
    input(label, count).iter().map(|w| (w % 65_535) as i32 - 32_767).collect()
}

pub(crate) fn input_floats(label: &str, count: usize, base: u32) -> Vec<f32> {
    input(label, count).iter().map(|w| f32::from_bits((w & 0x83ff_ffff) + base)).collect()
}

/// The floats of a case: bits in full, or made from a label.
pub(crate) fn floats(case: &Value) -> Vec<f32> {
    match case.get("row") {
        Some(row) => numbers(row).into_iter().map(f32::from_bits).collect(),
        None => {
            let (label, columns) = (text(&case["label"]), number(&case["columns"]));
            input_floats(label, columns, number(&case["base"]))
        }
    }
}

/// Numbers of `bits` bits, at most 64: the low ones of four words each.
pub(crate) fn input_numbers(label: &str, count: usize, bits: u32) -> Vec<u64> {
    let words = input(label, 4 * count);
    let low = |w: &[u32]| u64::from(w[0]) | (u64::from(w[1]) << 32);
    words.chunks_exact(4).map(|w| low(w) & (u64::MAX >> (64 - bits))).collect()
}

/// `got` is the list that `expected` holds by length, hash and ends.
pub(crate) fn assert_numbers(got: &[u64], expected: &Value) {
    assert_eq!(got.len(), number::<usize>(&expected["len"]));
    let (first, last) = (numbers::<u64>(&expected["first"]), numbers::<u64>(&expected["last"]));
    assert_eq!(got[..first.len()], first);
    assert_eq!(got[got.len() - last.len()..], last);
    let data: Vec<u8> = got.iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(Sha256::digest(&data)[..], bytes(&expected["sha256"]));
}

/// Runs a generic function with the prime that a name stands for.
macro_rules! with_named_prime {
    ($name:expr, $f:ident($($argument:expr),*)) => {
        match text($name) {
            "T" => $f::<T>($($argument),*),
            "Delta" => $f::<Delta>($($argument),*),
            "Prime29" => $f::<Prime29>($($argument),*),
            "Prime26" => $f::<Prime26>($($argument),*),
            "Prime25" => $f::<Prime25>($($argument),*),
            "InsecureT17" => $f::<InsecureT17>($($argument),*),
            "InsecureDelta97" => $f::<InsecureDelta97>($($argument),*),
            other => panic!("prime {other}"),
        }
    };
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

/// The same for the sets of direct mode.
macro_rules! with_named_direct_set {
    ($case:expr, $f:ident) => {
        match text(&$case["set"]) {
            "InsecureDirect8" => $f::<InsecureDirect8>($case),
            "InsecureDirect64" => $f::<InsecureDirect64>($case),
            "Direct4096" => $f::<Direct4096>($case),
            other => panic!("parameter set {other}"),
        }
    };
}

pub(crate) use {with_named_direct_set, with_named_prime, with_named_set};

/// The parameter set of a case.
pub(crate) fn parameter_id(case: &Value) -> ParameterId {
    fn id<S: ParameterSet>(_: &Value) -> ParameterId {
        S::ID
    }
    if text(&case["set"]).contains("Direct") {
        with_named_direct_set!(case, id)
    } else {
        with_named_set!(case, id)
    }
}
