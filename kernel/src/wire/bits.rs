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

/// Unpacks `count` numbers of `bits` bits, at most 56, into `take`, in order.
///
/// # Errors
/// [`WireError::Length`] for another number of bytes; [`WireError::Residue`] if the last byte is not
/// filled with zeros, after all numbers have been given.
pub fn unpack_bits(
    bits: u32,
    count: usize,
    bytes: &[u8],
    mut take: impl FnMut(u64),
) -> Result<(), WireError> {
    if bytes.len() != packed_bits_len(bits, count) {
        return Err(WireError::Length);
    }
    let (mut held, mut filled) = (0_u64, 0);
    let mut bytes = bytes.iter();
    for _ in 0..count {
        while filled < bits {
            held |= u64::from(*bytes.next().ok_or(WireError::Length)?) << filled;
            filled += 8;
        }
        take(held & ((1 << bits) - 1));
        (held, filled) = (held >> bits, filled - bits);
    }
    if held == 0 { Ok(()) } else { Err(WireError::Residue) }
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
