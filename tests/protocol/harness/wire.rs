//! Frames as bytes, for those who read along and for those who lie.

use kernel::glwe::{SWITCHED_BODY_BITS, SWITCHED_MASK_BITS};
use kernel::params::{MASKED_LIMBS, ParameterId};
use kernel::wire::{BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, Header, RowForm, RowShape};

pub(crate) fn header(frame: &[u8]) -> Header {
    Header::decode(frame[..HEADER_BYTES].try_into().unwrap()).unwrap()
}

/// A frame whose header agrees with its payload.
pub(crate) fn frame(header: Header, payload: &[u8]) -> Vec<u8> {
    let header = Header { length: payload.len() as u32, ..header };
    [&header.encode()[..], payload].concat()
}

/// What a frame shows without its words: type, number and length.
pub(crate) fn outline(frame: &[u8]) -> (FrameType, u32, u32) {
    let header = header(frame);
    (header.frame, header.sequence, header.length)
}

/// Where the residues of a payload begin.
const WORDS_AT: usize = HEADER_BYTES + BLOCK_PREFIX_BYTES;

/// The residues modulo t of a product or its answer.
pub(crate) fn words(frame: &[u8]) -> Vec<u32> {
    let (words, rest) = frame[WORDS_AT..].as_chunks::<4>();
    assert!(rest.is_empty());
    words.iter().map(|word| u32::from_le_bytes(*word)).collect()
}

/// Replaces the residues of a product's answer.
pub(crate) fn set_words(frame: &mut [u8], words: &[u32]) {
    for (bytes, word) in frame[WORDS_AT..].as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
}

/// A row's two limbs, masks then bodies: modulo t; modulo Delta or the low parts.
pub(crate) type Row = [Vec<u32>; 2];

/// How the rows of a unit of so many keys lie in a frame.
pub(crate) const fn row_shape(form: RowForm, set: ParameterId, keys: usize) -> RowShape {
    let (degree, rank) = set.degree_and_rank();
    RowShape { form, degree, rank, keys }
}

/// A frame of result rows, unpacked.
pub(crate) fn rows(frame: &[u8], shape: &RowShape) -> Vec<Row> {
    let unpack = |mut bytes: &[u8]| {
        let mut words = Vec::new();
        for part in (0..).map_while(|number| shape.part(number)) {
            let (packed, rest) = bytes.split_at(shape.part_bytes(part));
            let mut polynomial = vec![0; shape.degree];
            shape.unpack_part(part, packed, &mut polynomial).unwrap();
            words.extend(polynomial);
            bytes = rest;
        }
        let scale = words.split_off(shape.limb_words());
        [words, scale]
    };
    frame[WORDS_AT..].chunks_exact(shape.row_bytes()).map(unpack).collect()
}

/// Puts the rows back, as many as there were.
pub(crate) fn set_rows(frame: &mut [u8], shape: &RowShape, rows: &[Row]) {
    let frame = frame[WORDS_AT..].chunks_exact_mut(shape.row_bytes());
    for (bytes, [plain, scale]) in frame.zip(rows) {
        shape.pack_row([plain, scale], bytes).unwrap();
    }
}

/// The modulus of word `at` of a row's limb.
pub(crate) fn row_modulus(shape: &RowShape, limb: usize, at: usize) -> u32 {
    match (shape.form, limb) {
        (RowForm::Switched, 1) if at < shape.rank * shape.degree => 1 << SWITCHED_MASK_BITS,
        (RowForm::Switched, 1) => 1 << SWITCHED_BODY_BITS,
        _ => MASKED_LIMBS[limb].value(),
    }
}
