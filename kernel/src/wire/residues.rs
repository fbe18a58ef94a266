use super::WireError;
use crate::params::MASKED_LIMBS;
use crate::prime::{Prime, PrimeId};

/// Bytes of `count` packed residues: 4 each modulo t; modulo Delta 7 for each two, where an odd
/// count is padded with a zero.
///
/// ```
/// use kernel::prime::PrimeId;
/// use kernel::wire::packed_len;
///
/// assert_eq!(PrimeId::ALL.map(|p| packed_len(p, 5)), [20, 21]);
/// ```
#[must_use]
pub const fn packed_len(p: PrimeId, count: usize) -> usize {
    match p {
        PrimeId::T => 4 * count,
        PrimeId::Delta => count.div_ceil(2) * 7,
    }
}

/// Packed bytes of one body of a unit: N residues of each limb. `degree` is even.
///
/// ```
/// assert_eq!(kernel::wire::body_bytes(256), 256 * 4 + 256 / 2 * 7);
/// ```
#[must_use]
pub const fn body_bytes(degree: usize) -> usize {
    packed_len(MASKED_LIMBS[0], degree) + packed_len(MASKED_LIMBS[1], degree)
}

/// Packs residues: little-endian words for t; for Delta, `a + 2^28 b` as seven little-endian
/// bytes for each pair, with `b = 0` after the last of an odd count.
///
/// The residues are canonical: that is not checked here, and a larger word modulo Delta would spoil
/// its neighbour.
///
/// ```
/// use kernel::prime::PrimeId;
/// use kernel::wire::pack_residues;
///
/// let mut bytes = [0; 7];
/// pack_residues(PrimeId::Delta, &[0x123_4567, 0x89a_bcde], &mut bytes)?;
/// assert_eq!(bytes, [0x67, 0x45, 0x23, 0xe1, 0xcd, 0xab, 0x89]);
/// # Ok::<(), kernel::wire::WireError>(())
/// ```
///
/// # Errors
/// [`WireError::Length`] unless `out` has [`packed_len`] bytes.
pub fn pack_residues(p: PrimeId, residues: &[u32], out: &mut [u8]) -> Result<(), WireError> {
    if out.len() != packed_len(p, residues.len()) {
        return Err(WireError::Length);
    }
    match p {
        PrimeId::T => {
            for (bytes, word) in out.chunks_exact_mut(4).zip(residues) {
                bytes.copy_from_slice(&word.to_le_bytes());
            }
        }
        PrimeId::Delta => {
            for (bytes, pair) in out.chunks_exact_mut(7).zip(residues.chunks(2)) {
                let second = pair.get(1).copied().unwrap_or(0);
                let word = u64::from(pair[0]) | (u64::from(second) << 28);
                bytes.copy_from_slice(&word.to_le_bytes()[..7]);
            }
        }
    }
    Ok(())
}

/// Unpacks residues and checks that each is below its modulus, and any padding zero.
///
/// ```
/// use kernel::prime::{Prime, PrimeId, T};
/// use kernel::wire::{WireError, unpack_residues};
///
/// let mut words = [0];
/// unpack_residues(PrimeId::T, &(T::VALUE - 1).to_le_bytes(), &mut words)?;
/// assert_eq!(words, [T::VALUE - 1]);
/// let above = unpack_residues(PrimeId::T, &T::VALUE.to_le_bytes(), &mut words);
/// assert_eq!(above, Err(WireError::Residue));
/// # Ok::<(), WireError>(())
/// ```
///
/// # Errors
/// [`WireError::Length`], or else [`WireError::Residue`]; `out` is then unspecified.
pub fn unpack_residues(p: PrimeId, bytes: &[u8], out: &mut [u32]) -> Result<(), WireError> {
    if bytes.len() != packed_len(p, out.len()) {
        return Err(WireError::Length);
    }
    // The modulus test runs over all words, so that its time does not show which failed.
    let mut bad = false;
    match p {
        PrimeId::T => {
            for (word, bytes) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                bad |= *word >= crate::prime::T::VALUE;
            }
        }
        PrimeId::Delta => {
            const LOW: u64 = (1 << 28) - 1;
            for (pair, bytes) in out.chunks_mut(2).zip(bytes.chunks_exact(7)) {
                let mut word = [0; 8];
                word[..7].copy_from_slice(bytes);
                let word = u64::from_le_bytes(word);
                let (first, second) = ((word & LOW) as u32, (word >> 28) as u32);
                bad |= first >= crate::prime::Delta::VALUE || second >= crate::prime::Delta::VALUE;
                pair[0] = first;
                match pair.get_mut(1) {
                    Some(slot) => *slot = second,
                    // A lone residue is packed with a zero.
                    None => bad |= second != 0,
                }
            }
        }
    }
    if bad { Err(WireError::Residue) } else { Ok(()) }
}
