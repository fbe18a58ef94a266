//! Frames as bytes, for those who read along and for those who lie.

use kernel::params::{MASKED_LIMBS, ParameterId};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, FrameType, HEADER_BYTES, Header, pack_residues, packed_len, unpack_residues,
};

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

/// A frame of result rows, unpacked: for each row its two limbs, masks then body.
pub(crate) fn rows(frame: &[u8], set: ParameterId) -> Vec<[Vec<u32>; 2]> {
    let words = row_words(set);
    let sizes = MASKED_LIMBS.map(|p| packed_len(p, words));
    let rows = frame[WORDS_AT..].chunks_exact(sizes[0] + sizes[1]);
    rows.map(|row| {
        let mut limbs = [vec![0; words], vec![0; words]];
        let (plain, scale) = row.split_at(sizes[0]);
        unpack_residues(MASKED_LIMBS[0], plain, &mut limbs[0]).unwrap();
        unpack_residues(MASKED_LIMBS[1], scale, &mut limbs[1]).unwrap();
        limbs
    })
    .collect()
}

/// Puts the rows back, as many as there were.
pub(crate) fn set_rows(frame: &mut [u8], set: ParameterId, rows: &[[Vec<u32>; 2]]) {
    let sizes = MASKED_LIMBS.map(|p| packed_len(p, row_words(set)));
    for (bytes, row) in frame[WORDS_AT..].chunks_exact_mut(sizes[0] + sizes[1]).zip(rows) {
        let (plain, scale) = bytes.split_at_mut(sizes[0]);
        pack_residues(MASKED_LIMBS[0], &row[0], plain).unwrap();
        pack_residues(MASKED_LIMBS[1], &row[1], scale).unwrap();
    }
}

fn row_words(set: ParameterId) -> usize {
    let (degree, rank) = set.degree_and_rank();
    (rank + 1) * degree
}
