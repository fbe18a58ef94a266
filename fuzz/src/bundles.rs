use crate::model::{aligned, parse};
use device_client::decoder::Decoder;
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use sha2::{Digest, Sha256};

/// Where a bundle says its length, and its digest of all but the digest.
const LENGTH_AT: usize = 16;
const DIGEST_AT: usize = 32;
const HEADER_BYTES: usize = 64;
/// Positions of the decoder that is tried.
const CONTEXT: usize = 2;

/// A device bundle as it is, and under a length and a digest that agree. One that is accepted can be
/// used: everything in it is read, and a decoder takes a step on it.
pub fn device_bundle(data: &[u8]) {
    let words = aligned(data);
    if let Ok(bundle) = parse(&words, data.len()) {
        tried(&bundle);
    }
    if data.len() < HEADER_BYTES {
        return;
    }
    let mut signed = data.to_vec();
    signed[LENGTH_AT..LENGTH_AT + 8].copy_from_slice(&(data.len() as u64).to_le_bytes());
    let mut hash = Sha256::new();
    hash.update(&signed[..DIGEST_AT]);
    hash.update(&signed[HEADER_BYTES..]);
    signed[DIGEST_AT..HEADER_BYTES].copy_from_slice(&hash.finalize());
    let words = aligned(&signed);
    if let Ok(bundle) = parse(&words, signed.len()) {
        tried(&bundle);
    }
}

fn tried(bundle: &DeviceBundle<'_>) {
    let config = *bundle.config();
    let mut row = vec![0.0; config.hidden as usize];
    for token in [0, config.vocab - 1] {
        bundle.embed(token, &mut row);
    }
    let text: usize = (0..=config.vocab).map(|token| bundle.token_text(token).len()).sum();
    assert!(text < 1 << 30);
    for layer in 0..config.layers {
        assert_eq!(bundle.attention_norm(layer).len(), row.len());
        assert_eq!(bundle.mlp_norm(layer).len(), row.len());
    }
    assert_eq!(bundle.final_norm().len(), row.len());
    for group in config.groups() {
        let shape = bundle.shape(group);
        assert_eq!(bundle.row_scales(group).len(), shape.rows);
        for repetition in 0..CHECK_REPETITIONS {
            assert_eq!(bundle.check_vector(group, repetition).len(), shape.columns);
        }
        let biases = bundle.row_biases(group).len();
        assert!(biases == 0 || biases == shape.rows);
    }
    assert!(bundle.stop_tokens().iter().all(|&token| token < config.vocab));

    let length = Decoder::workspace_len(&config, CONTEXT, 1);
    let (mut floats, mut integers) = (vec![0.0; length.floats], vec![0; length.integers]);
    let decoder = Decoder::new(bundle, CONTEXT, 1, &mut floats, &mut integers);
    let Ok(mut decoder) = decoder else { return };
    for token in [0, config.vocab - 1] {
        decoder.begin(&[token], 0).unwrap();
        answer(&mut decoder);
    }
    decoder.begin_head().unwrap();
    answer(&mut decoder);
    assert_eq!(decoder.logits().len(), config.vocab as usize);
}

/// Some answer to everything the decoder asks.
fn answer(decoder: &mut Decoder<'_>) {
    while let Some((request, y)) = decoder.exchange() {
        let first = request.x.first().copied().unwrap_or(0);
        y.iter_mut().enumerate().for_each(|(i, y)| *y = first ^ i as i32);
        decoder.resume();
    }
}
