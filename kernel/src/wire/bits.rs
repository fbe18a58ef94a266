use super::message::BLOCK_PREFIX_BYTES;
use super::{ReplyFrames, WireError};
use crate::direct::{BODY_BITS, DirectShape, MASK_BITS};
use crate::trace::Layout;

/// Bytes of `count` numbers of `bits` bits each.
#[must_use]
pub const fn packed_bits_len(bits: u32, count: usize) -> usize {
    (bits as usize * count).div_ceil(8)
}

/// Packs numbers of `bits` bits, at most 56, one after the other from the lowest bit of the first
/// byte up; the last byte is filled with zeros.
///
/// ```
/// use kernel::wire::{pack_bits, unpack_bits};
///
/// let mut bytes = [0; 5];
/// pack_bits(13, [0x1abc, 1, 0x1fff], &mut bytes)?;
/// assert_eq!(bytes, [0xbc, 0x3a, 0x00, 0xfc, 0x7f]);
/// let mut back = vec![];
/// unpack_bits(13, 3, &bytes, |number| back.push(number))?;
/// assert_eq!(back, [0x1abc, 1, 0x1fff]);
/// # Ok::<(), kernel::wire::WireError>(())
/// ```
///
/// # Errors
/// [`WireError::Length`] unless `out` has [`packed_bits_len`] bytes.
pub fn pack_bits(
    bits: u32,
    numbers: impl IntoIterator<Item = u64>,
    out: &mut [u8],
) -> Result<(), WireError> {
    let (mut held, mut count) = (0_u64, 0);
    let mut place = 0;
    for number in numbers {
        held |= number << count;
        count += bits;
        while count >= 8 {
            *out.get_mut(place).ok_or(WireError::Length)? = held as u8;
            (held, count, place) = (held >> 8, count - 8, place + 1);
        }
    }
    if count > 0 {
        *out.get_mut(place).ok_or(WireError::Length)? = held as u8;
        place += 1;
    }
    if place == out.len() { Ok(()) } else { Err(WireError::Length) }
}

/// Packs `words`, each below `2^bits`, `bits` at most 32, and gives the bytes from `first` on of what
/// [`pack_bits`] makes of them: whatever the parts, together they are the same bytes.
///
/// ```
/// use kernel::wire::pack_bits_part;
///
/// let mut bytes = [0; 3];
/// pack_bits_part(13, &[0x1abc, 1, 0x1fff], 1, &mut bytes)?;
/// assert_eq!(bytes, [0x3a, 0x00, 0xfc]);
/// # Ok::<(), kernel::wire::WireError>(())
/// ```
///
/// # Errors
/// [`WireError::Length`] if `out` reaches beyond the last byte.
pub fn pack_bits_part(
    bits: u32,
    words: &[u32],
    first: usize,
    mut out: &mut [u8],
) -> Result<(), WireError> {
    let end = first.checked_add(out.len()).ok_or(WireError::Length)?;
    if bits == 0 || bits > 32 || end > packed_bits_len(bits, words.len()) {
        return Err(WireError::Length);
    }
    // Eight numbers are as many bytes as they have bits.
    let each = bits as usize;
    let (mut group, mut skip) = (first / each, first % each);
    while !out.is_empty() {
        let bytes = pack_group(bits, &words[8 * group..]);
        let (now, later) = out.split_at_mut(out.len().min(each - skip));
        now.copy_from_slice(&bytes[skip..][..now.len()]);
        (out, group, skip) = (later, group + 1, 0);
    }
    Ok(())
}

/// Up to eight of `words`, in `bits` bytes.
fn pack_group(bits: u32, words: &[u32]) -> [u8; 32] {
    let mut bytes = [0; 32];
    let words = words.iter().take(8);
    // Whole words are the most of what a device sends.
    if bits == 32 {
        let places = bytes.as_chunks_mut::<4>().0;
        places.iter_mut().zip(words).for_each(|(place, word)| *place = word.to_le_bytes());
        return bytes;
    }
    let (mut held, mut count, mut place) = (0_u64, 0, 0);
    for &word in words {
        held |= u64::from(word) << count;
        count += bits;
        while count >= 8 {
            bytes[place] = held as u8;
            (held, count, place) = (held >> 8, count - 8, place + 1);
        }
    }
    if count > 0 {
        bytes[place] = held as u8;
    }
    bytes
}

/// Takes packed numbers from bytes that come in parts, cut anywhere.
///
/// ```
/// use kernel::wire::BitReader;
///
/// // Three numbers of 13 bits.
/// let (mut reader, mut numbers) = (BitReader::default(), vec![]);
/// for mut part in [&[0xbc][..], &[0x3a, 0x00], &[0xfc, 0x7f]] {
///     while let Some(number) = reader.next(13, &mut part) {
///         numbers.push(number);
///     }
/// }
/// assert_eq!(numbers, [0x1abc, 1, 0x1fff]);
/// assert_eq!(reader.end(), Ok(()));
/// ```
#[derive(Clone, Copy, Default)]
pub struct BitReader {
    held: u64,
    filled: u32,
}

impl core::fmt::Debug for BitReader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("BitReader")
    }
}

impl BitReader {
    /// The next number of `bits` bits, at most 56, whose bytes are taken off `bytes`; `None` if they do
    /// not suffice, all of them taken.
    pub fn next(&mut self, bits: u32, bytes: &mut &[u8]) -> Option<u64> {
        // Whole words, and nothing held: the most of what a device receives.
        if let (32, 0, Some((word, rest))) = (bits, self.filled, bytes.split_first_chunk()) {
            *bytes = rest;
            return Some(u32::from_le_bytes(*word).into());
        }
        while self.filled < bits {
            let (byte, rest) = bytes.split_first()?;
            self.held |= u64::from(*byte) << self.filled;
            self.filled += 8;
            *bytes = rest;
        }
        let number = self.held & ((1 << bits) - 1);
        (self.held, self.filled) = (self.held >> bits, self.filled - bits);
        Some(number)
    }

    /// Ends a run of numbers: what follows begins with a byte of its own.
    ///
    /// # Errors
    /// [`WireError::Residue`] if the last byte is not filled with zeros.
    pub const fn end(&mut self) -> Result<(), WireError> {
        let rest = self.held;
        (self.held, self.filled) = (0, 0);
        if rest == 0 { Ok(()) } else { Err(WireError::Residue) }
    }
}

/// Unpacks `count` numbers of `bits` bits, at most 56, into `take`, in order.
///
/// # Errors
/// [`WireError::Length`] for another number of bytes; [`WireError::Residue`] if the last byte is not
/// filled with zeros, after all numbers have been given.
pub fn unpack_bits(
    bits: u32,
    count: usize,
    mut bytes: &[u8],
    mut take: impl FnMut(u64),
) -> Result<(), WireError> {
    if bytes.len() != packed_bits_len(bits, count) {
        return Err(WireError::Length);
    }
    let mut reader = BitReader::default();
    for _ in 0..count {
        take(reader.next(bits, &mut bytes).ok_or(WireError::Length)?);
    }
    reader.end()
}

/// Packs the body of a ciphertext of direct mode: the residues of each limb, in a run of its own.
///
/// # Errors
/// [`WireError::Length`] unless there are `body_words` words and `body_bytes` bytes.
pub fn pack_body(shape: &DirectShape, body: &[u32], out: &mut [u8]) -> Result<(), WireError> {
    if body.len() != shape.body_words() || out.len() != shape.body_bytes() {
        return Err(WireError::Length);
    }
    let mut rest = out;
    for (limb, residues) in shape.limbs().iter().zip(body.chunks_exact(shape.degree)) {
        let (bytes, later) = rest.split_at_mut(packed_bits_len(limb.bits, shape.degree));
        pack_bits(limb.bits, residues.iter().map(|&residue| residue.into()), bytes)?;
        rest = later;
    }
    Ok(())
}

/// Unpacks the body of a ciphertext of direct mode, and checks that residues are below their moduli.
///
/// # Errors
/// [`WireError::Length`], [`WireError::Residue`]; `out` is then unspecified.
pub fn unpack_body(shape: &DirectShape, bytes: &[u8], out: &mut [u32]) -> Result<(), WireError> {
    if out.len() != shape.body_words() || bytes.len() != shape.body_bytes() {
        return Err(WireError::Length);
    }
    let (mut rest, mut bad) = (bytes, false);
    for (limb, residues) in shape.limbs().iter().zip(out.chunks_exact_mut(shape.degree)) {
        let (bytes, later) = rest.split_at(packed_bits_len(limb.bits, shape.degree));
        let mut words = residues.iter_mut();
        unpack_bits(limb.bits, shape.degree, bytes, |number| {
            bad |= number >= limb.modulus.into();
            if let Some(word) = words.next() {
                *word = number as u32;
            }
        })?;
        rest = later;
    }
    if bad { Err(WireError::Residue) } else { Ok(()) }
}

/// Bytes of one result of direct mode: the mask, then the outputs' bodies.
#[must_use]
pub const fn result_bytes(layout: &Layout) -> usize {
    packed_bits_len(MASK_BITS, layout.degree())
        + packed_bits_len(BODY_BITS, layout.rows() * layout.tokens())
}

/// A direct product of an `m x n` matrix for `tokens` tokens: the payload bytes of the request, and the
/// frames of the reply to a device that takes payloads of `max_payload` bytes.
#[must_use]
pub fn direct_payloads(
    shape: &DirectShape,
    layout: &Layout,
    (m, n): (usize, usize),
    tokens: usize,
    max_payload: usize,
) -> (usize, ReplyFrames) {
    let groups = tokens.div_ceil(layout.tokens());
    (
        BLOCK_PREFIX_BYTES + groups * layout.input_blocks(n) * shape.body_bytes(),
        ReplyFrames::new(layout, m, tokens, max_payload),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    proptest! {
        /// Whatever the cuts, numbers that are packed and taken in parts are those of the whole.
        #[test]
        fn parts_are_the_whole(
            bits in prop_oneof![1_u32..=32, Just(32)],
            words in prop::collection::vec(any::<u32>(), 0..70),
            cuts in prop::collection::vec(0_usize..30, 1..20),
        ) {
            let words: Vec<u32> = words.iter().map(|word| word >> (32 - bits)).collect();
            let mut whole = vec![0; packed_bits_len(bits, words.len())];
            pack_bits(bits, words.iter().map(|&word| word.into()), &mut whole).unwrap();
            let (mut at, mut reader, mut found) = (0, BitReader::default(), Vec::new());
            for cut in cuts.iter().cycle().map(|cut| cut + usize::from(cuts.iter().all(|c| *c == 0))) {
                let mut part = vec![0xa5; cut.min(whole.len() - at)];
                pack_bits_part(bits, &words, at, &mut part).unwrap();
                prop_assert_eq!(&part[..], &whole[at..][..part.len()]);
                at += part.len();
                let mut part = &part[..];
                while found.len() < words.len() {
                    match reader.next(bits, &mut part) {
                        Some(number) => found.push(number as u32),
                        None => break,
                    }
                }
                prop_assert!(part.is_empty());
                if at == whole.len() {
                    break;
                }
            }
            prop_assert_eq!(reader.end(), Ok(()));
            prop_assert_eq!(found, &words[..]);
            prop_assert_eq!(pack_bits_part(bits, &words, at, &mut [0]), Err(WireError::Length));
            prop_assert_eq!(pack_bits_part(bits, &words, usize::MAX, &mut [0]), Err(WireError::Length));
        }
    }

    #[test]
    fn a_last_byte_that_is_not_filled_with_zeros_is_refused() {
        let (mut reader, mut bytes) = (BitReader::default(), &[0, 0x10][..]);
        assert_eq!(reader.next(12, &mut bytes), Some(0));
        assert_eq!(reader.end(), Err(WireError::Residue));
        // And is forgotten.
        assert_eq!(reader.next(8, &mut &[7][..]), Some(7));
        assert_eq!(reader.end(), Ok(()));
    }
}
