use crate::model::{CONFIG, MODEL};
use crate::random::Rng;
use core::convert::Infallible;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use device_client::client::Client;
use device_client::decoder::Decoder;
use device_client::direct::DirectMemory;
use device_client::generate::Multiply;
use device_client::masked::{MaskedSession, masked_words};
use device_client::prepare::{PrepareMemory, prepare, prepare_frame_bytes};
use device_client::prepare_direct::{
    PrepareDirectMemory, preparation_rule, prepare_direct, prepare_direct_words,
};
use device_client::store::{CorrelationStore, MemoryStore};
use device_client::transport::Connector;
use device_client::unit::{UnitForm, UnitWorkspace, unit_words};
use embedded_io_async::{ErrorType, Read, Write};
use kernel::model::GroupId;
use kernel::params::{InsecureDirect64, InsecureMasked16x1, ParameterSet};
use kernel::ring::Scalar;
use kernel::schedule::Schedule;
use kernel::wire::{RowForm, SessionId};

type Set = InsecureMasked16x1;
/// With keys, small as the model is.
type DirectSet = InsecureDirect64;
/// Largest payload of the device.
const PAYLOAD: usize = 1000;
/// What the device prepares, and on which schedule it generates.
pub(crate) const UNITS: [GroupId; 2] = [GroupId(1), GroupId(4)];
const TOKENS: usize = 2;

/// A device over a link: what it says.
pub(crate) type Device = fn(Link) -> Vec<u8>;

/// What a device does, by the first byte of what it is given.
pub(crate) const DEVICES: [Device; 4] =
    [preparing, generating, preparing_direct, preparing_with_full_rows];

/// What a host says to a device, in one kind of session by the first byte. Whatever it is, the
/// device's store holds what it says it holds.
pub fn device(data: &[u8]) {
    let Some((kind, heard)) = data.split_first() else { return };
    DEVICES[usize::from(*kind) % DEVICES.len()](link(heard.to_vec()));
}

/// A link on which everything has been said already.
#[derive(Debug)]
pub(crate) struct Link {
    heard: Vec<u8>,
    read: usize,
    pub(crate) said: Vec<u8>,
}

impl ErrorType for &mut Link {
    type Error = Infallible;
}

impl Read for &mut Link {
    async fn read(&mut self, out: &mut [u8]) -> Result<usize, Infallible> {
        let left = &self.heard[self.read..];
        let count = left.len().min(out.len());
        out[..count].copy_from_slice(&left[..count]);
        self.read += count;
        Ok(count)
    }
}

impl Write for &mut Link {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.said.extend(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A future over such a link never waits.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future over a link that is there waits"),
    }
}

fn preparing(link: Link) -> Vec<u8> {
    preparing_with(UnitForm { rows: RowForm::Switched, ..UnitForm::default() }, link)
}

/// Full rows of two keys.
fn preparing_with_full_rows(link: Link) -> Vec<u8> {
    preparing_with(UnitForm { keys: 2, ..UnitForm::default() }, link)
}

fn preparing_with(form: UnitForm, mut link: Link) -> Vec<u8> {
    let bundle = MODEL.bundle();
    let mut store = MemoryStore::new(&CONFIG);
    let keys = usize::from(form.keys);
    let (mut words, mut noise) = (vec![0; unit_words::<Set>(keys)], vec![0; Set::N]);
    let mut frame = vec![0; prepare_frame_bytes::<Set>()];
    let unit = UnitWorkspace { words: &mut words, noise: &mut noise };
    let memory = PrepareMemory { unit, frame: &mut frame, max_payload: PAYLOAD };
    let _ = now(prepare::<Set, Scalar, _, _, _>(
        &mut link,
        &bundle,
        &mut store,
        &UNITS,
        form,
        &mut Rng(1),
        memory,
        |_| {},
    ));
    assert!(words.iter().all(|&word| word == 0) && noise.iter().all(|&e| e == 0), "erased");
    assert!(store.put_row(&vec![0; keys * Set::N]).is_err(), "the unit under way is abandoned");
    holds_what_is_exact(&mut store);
    link.said
}

fn preparing_direct(mut link: Link) -> Vec<u8> {
    let bundle = MODEL.bundle();
    let mut store = MemoryStore::new(&CONFIG);
    let rule = preparation_rule::<DirectSet>(&bundle).unwrap();
    let mut residues = vec![0; DirectMemory::words::<DirectSet>()];
    let mut key = vec![0; DirectSet::N];
    let mut words = vec![0; prepare_direct_words(&rule)];
    // The least that suffices, so that replies have several frames.
    let least = (256..).find(|&bytes| rule.largest_replies(bytes).0 <= bytes).unwrap();
    let mut part = vec![0; 300];
    let cipher = DirectMemory { words: &mut residues, key: &mut key };
    let memory = PrepareDirectMemory { cipher, words: &mut words, part: &mut part };
    let ended = now(prepare_direct::<DirectSet, Scalar, _, _, _>(
        &mut link,
        &bundle,
        &mut store,
        &UNITS,
        &mut Rng(1),
        memory,
        least,
        |_| {},
    ));
    assert!([&words[..], &residues].iter().all(|words| words.iter().all(|&w| w == 0)), "erased");
    assert!(key.iter().all(|&s| s == 0), "erased");
    assert!(store.put_row(&vec![0; rule.tokens()]).is_err(), "the unit under way is abandoned");
    let held: Vec<u32> = UNITS.iter().map(|&group| store.available(group)).collect();
    let all = vec![rule.tokens() as u32; UNITS.len()];
    assert!(held == vec![0; UNITS.len()] || (held == all && ended.is_ok()), "all units or none");
    holds_what_is_exact(&mut store);
    link.said
}

/// Takes out what a store holds: every correlation is right.
fn holds_what_is_exact(store: &mut MemoryStore) {
    let held: Vec<u32> = CONFIG.groups().map(|group| store.available(group)).collect();
    store.reserve(&|group| held[group.0 as usize]).unwrap();
    for group in CONFIG.groups() {
        let shape = CONFIG.shape(group).unwrap();
        let (mut r, mut z) = (vec![0; shape.columns], vec![0; shape.rows]);
        for _ in 0..held[group.0 as usize] {
            store.take(group, &mut r, &mut z).unwrap();
            assert_eq!(z, MODEL.engine.product(group, 1, &r).unwrap(), "what is kept is exact");
        }
    }
}

struct Once<'l>(Option<&'l mut Link>);

impl<'l> Connector for Once<'l> {
    type Io = &'l mut Link;

    async fn connect(&mut self) -> Result<Self::Io, Infallible> {
        Ok(self.0.take().unwrap())
    }

    async fn retry(&mut self) -> bool {
        false
    }
}

fn generating(mut link: Link) -> Vec<u8> {
    let bundle = MODEL.bundle();
    let schedule = Schedule::new(&CONFIG, TOKENS as u32, 1, TOKENS as u32).unwrap();
    let mut store = MemoryStore::new(&CONFIG);
    for group in CONFIG.groups() {
        let shape = CONFIG.shape(group).unwrap();
        let masks = kernel::stream::Seed::from_bytes([group.0 as u8; 32]);
        store.begin_unit(group, TOKENS, masks).unwrap();
        (0..shape.rows).for_each(|_| store.put_row(&[1; TOKENS]).unwrap());
        store.finish_unit(true).unwrap();
    }
    let mut words = vec![0; masked_words(&CONFIG, TOKENS)];
    let mut part = vec![0; 300];
    let length = Decoder::workspace_len(&CONFIG, TOKENS, TOKENS);
    let (mut floats, mut integers) = (vec![0.0; length.floats], vec![0; length.integers]);
    let id = SessionId([6; 16]);
    let session =
        MaskedSession::open(&bundle, &mut store, schedule, Set::ID, id, &mut words).unwrap();
    let _ = now(async {
        let connector = Once(Some(&mut link));
        let mut client = Client::open(session, connector, &mut part).await?;
        let mut decoder =
            Decoder::new(&bundle, TOKENS, TOKENS, &mut floats, &mut integers).unwrap();
        decoder.begin(&[3, 4], 0).unwrap();
        while let Some((request, y)) = decoder.exchange() {
            client.multiply(request, y).await?;
            // The images in this store are wrong: every answer is a lie.
            assert!(!client.is_sound() && y.iter().all(|&y| y == 0));
            decoder.resume();
        }
        client.close().await.map(|_| ())
    });
    let erased = words.iter().all(|&word| word == 0);
    assert!(erased, "the session's memory is erased");
    link.said
}

/// A link on which `heard` is said.
pub(crate) const fn link(heard: Vec<u8>) -> Link {
    Link { heard, read: 0, said: Vec::new() }
}
