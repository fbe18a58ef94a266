use crate::model::{CONFIG, MODEL};
use crate::random::Rng;
use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use core::ops::Range;
use device_client::store::CorrelationStore;
use device_client::store::sealed::{Medium, MediumError, SealedStore, Witness};
use kernel::stream::{Label, Seed};

/// The layout of a store: a header, of which the first bytes say something, then two slots.
const HEADER_BYTES: usize = 4096;
const USED_BYTES: usize = 72;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Each file here is sealed once.
const NONCE: [u8; NONCE_BYTES] = [0; NONCE_BYTES];
/// Storage is not larger than this.
const LARGEST: u64 = 1 << 20;

/// Storage of bounded size.
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl Medium for &mut Bytes {
    fn read(&mut self, at: u64, out: &mut [u8]) -> Result<(), MediumError> {
        let end = at.checked_add(out.len() as u64).ok_or(MediumError::Failed)?;
        let range = usize::try_from(at).unwrap()..usize::try_from(end).unwrap();
        out.copy_from_slice(self.0.get(range).ok_or(MediumError::Failed)?);
        Ok(())
    }

    fn write(&mut self, at: u64, bytes: &[u8]) -> Result<(), MediumError> {
        let end = at.checked_add(bytes.len() as u64).ok_or(MediumError::Failed)?;
        if end > LARGEST {
            return Err(MediumError::Full);
        }
        if self.0.len() < end as usize {
            self.0.resize(end as usize, 0);
        }
        self.0[at as usize..end as usize].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), MediumError> {
        Ok(())
    }
}

/// One that remembers nothing.
pub(crate) struct Nobody;

impl Witness for Nobody {
    fn newest(&mut self, _: &[u8; 16]) -> Result<Option<u64>, MediumError> {
        Ok(None)
    }

    fn remember(&mut self, _: &[u8; 16], _: u64) -> Result<(), MediumError> {
        Ok(())
    }
}

/// A store as it is if the first byte is even. If it is odd, only what is not padding: the used part of
/// the header, a state in the clear, which is sealed here as the device would seal it, and what lies
/// behind both slots. A store that opens can be used.
pub fn store(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    if mode % 2 == 0 {
        tried(&mut Bytes(rest.to_vec()));
    } else if let Some(file) = expanded(rest) {
        tried(&mut Bytes(file));
    }
}

fn cipher() -> XChaCha20Poly1305 {
    let key = MODEL.bundle().check_seed().derive(Label::Store);
    XChaCha20Poly1305::new(key.expose().into())
}

/// Bytes of a state, as a header says it, and where the first slot's lies in a file.
fn state_place(header: &[u8]) -> Option<Range<usize>> {
    let length = u64::from_le_bytes(*header.get(16..)?.first_chunk()?);
    let start = HEADER_BYTES + NONCE_BYTES;
    let length = usize::try_from(length).ok().filter(|&length| length < LARGEST as usize / 4)?;
    Some(start..start + length)
}

/// Where the regions of units begin.
fn regions(place: &Range<usize>) -> usize {
    let slot = (NONCE_BYTES + place.len() + TAG_BYTES).next_multiple_of(HEADER_BYTES);
    HEADER_BYTES + 2 * slot
}

fn expanded(data: &[u8]) -> Option<Vec<u8>> {
    let (header, rest) = data.split_at_checked(USED_BYTES)?;
    let place = state_place(header)?;
    let (state, records) = rest.split_at(place.len().min(rest.len()));
    let mut file = vec![0; regions(&place)];
    file[..USED_BYTES].copy_from_slice(header);
    file[place.start..][..state.len()].copy_from_slice(state);
    let plain = &mut file[place.clone()];
    let sealed = cipher().encrypt_inout_detached(&NONCE.into(), header, plain.into());
    file[place.end..][..TAG_BYTES].copy_from_slice(&sealed.unwrap());
    file.extend(records);
    Some(file)
}

/// The short form of a store whose newest state is in its first slot.
pub(crate) fn shortened(file: &[u8]) -> Vec<u8> {
    let place = state_place(file).unwrap();
    let mut state = file[place.clone()].to_vec();
    let nonce: [u8; NONCE_BYTES] = *file[HEADER_BYTES..].first_chunk().unwrap();
    let tag: [u8; TAG_BYTES] = *file[place.end..].first_chunk().unwrap();
    let header = &file[..USED_BYTES];
    let plain = state.as_mut_slice().into();
    cipher().decrypt_inout_detached(&nonce.into(), header, plain, &tag.into()).unwrap();
    [&[1], header, &state, file.get(regions(&place)..).unwrap_or(&[])].concat()
}

fn tried(medium: &mut Bytes) {
    let bundle = MODEL.bundle();
    let Ok(mut store) = SealedStore::open(&mut *medium, Nobody, Rng(4), &bundle) else { return };
    let _ = (store.end(), store.room());
    let held: Vec<u32> = CONFIG.groups().map(|group| store.available(group).min(3)).collect();
    if store.reserve(&|group| held[group.0 as usize]).is_ok() {
        for group in CONFIG.groups() {
            let shape = CONFIG.shape(group).unwrap();
            let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
            for _ in 0..held[group.0 as usize] {
                let _ = store.take(group, &mut r, &mut z);
            }
            assert!(store.take(group, &mut r, &mut z).is_err(), "no more than was reserved");
        }
    }
    for group in CONFIG.groups() {
        let before = store.available(group);
        let z = vec![1; 2 * CONFIG.shape(group).unwrap().rows];
        let added = store.put_unit(group, 2, Seed::from_bytes([7; 32]), &z);
        let after = before.saturating_add(if added.is_ok() { 2 } else { 0 });
        assert_eq!(store.available(group), after);
    }
}
