//! A layer and a token of a model in masked mode: what the device does between two products, and for
//! each of them.
//!
//! The session is a real one and nothing is missing from it. The host is made up: it answers zeros, so
//! that every check fails, which takes the steps of one that does not. The float half then goes on with
//! numbers as large as a model's.

use crate::meter::{Meter, RUNS, Varies, report, secret};
use device_client::choose::{Choice, choose};
use device_client::decoder::Decoder;
use device_client::masked::{Masked, MaskedSession, masked_words};
use device_client::session::Session;
use device_client::store::{CorrelationStore, Window, WindowStore};
use kernel::bundle::DeviceBundle;
use kernel::model::GroupId;
use kernel::params::{Masked256x16, ParameterSet};
use kernel::schedule::Schedule;
use kernel::stream::{Label, one_time_mask};
use kernel::wire::{BLOCK_PREFIX_BYTES, Block, FrameType, Header, SessionId, Welcome, encode_body};

/// Positions of the prompt, in steps of [`CHUNK`].
const PROMPT: u32 = 32;
const CHUNK: u32 = 8;
/// Tokens of the answer; the first is counted.
const OUTPUT: u32 = 16;
/// Groups of the model, at most.
const GROUPS: usize = 129;
/// Bytes in which frames pass, as in `firmware/device`.
const PART: usize = 4096;
/// The layer that is counted.
const LAYER: u32 = 2;

const SET: kernel::params::ParameterId = Masked256x16::ID;
const ID: SessionId = SessionId([9; 16]);

/// Instructions of one run.
#[derive(Clone, Copy, Default)]
struct Spent {
    /// What hides and checks.
    protocol: u32,
    /// The decoder.
    float: u32,
}

pub(crate) fn measure(meter: Meter, bundle: &DeviceBundle<'_>, memory: &mut [u32]) {
    let (mut layers, mut tokens) = ([Spent::default(); RUNS], [Spent::default(); RUNS]);
    for run in 0..RUNS {
        (layers[run], tokens[run]) = one(meter, bundle, memory, run);
    }
    for (name, spent) in [("layer", layers), ("token", tokens)] {
        board::print!("{}/", name);
        report("protocol", (1, 0), Varies::Draws, spent.map(|spent| spent.protocol));
        board::print!("{}/", name);
        report("float", (1, 0), Varies::Values, spent.map(|spent| spent.float));
    }
}

/// What a layer and a token cost behind a prompt.
fn one(meter: Meter, bundle: &DeviceBundle<'_>, memory: &mut [u32], run: usize) -> (Spent, Spent) {
    let config = bundle.config();
    let schedule = Schedule::for_request(config, PROMPT, OUTPUT, CHUNK);
    let Ok(schedule) = schedule else { panic!("the request fits the model") };
    let needed = schedule.demand(config, GroupId(0)) as usize;

    let (words, memory) = memory.split_at_mut(WindowStore::words(config, needed));
    let mut windows = [const { Window::EMPTY }; GROUPS];
    let Ok(mut store) = WindowStore::new(config, &mut windows, words) else {
        panic!("there is room for a token of every group")
    };
    let (images, memory) = memory.split_at_mut(needed);
    one_time_mask(&secret(run).derive(Label::OneTimeMask), 0, 0, images);
    for group in config.groups() {
        let rows = bundle.shape(group).rows;
        let mut kept = store.begin_unit(group, needed, secret(run));
        for _ in 0..rows {
            kept = kept.and_then(|()| store.put_row(images));
        }
        assert_eq!(kept.and_then(|()| store.finish_unit(true)), Ok(()));
    }

    let chunk = CHUNK as usize;
    let (words, memory) = memory.split_at_mut(masked_words(config, chunk));
    let session = MaskedSession::open(bundle, &mut store, schedule, SET, ID, words);
    let Ok(mut session) = session else { panic!("the store has enough") };
    let mut payload = [0; 64];
    let welcome = Welcome { digest: bundle.digest() };
    let Ok(length) = encode_body(&welcome, &mut payload) else { panic!("a welcome is short") };
    let header = answer(FrameType::Welcome, 0, length);
    assert_eq!(session.welcome(&header, &payload[..length]), Ok(()));

    let context = (PROMPT + OUTPUT) as usize;
    let length = Decoder::workspace_len(config, context, chunk);
    let (floats, memory) = memory.split_at_mut(length.floats);
    let (integers, memory) = memory.split_at_mut(length.integers);
    let indices = &mut memory[..config.vocab as usize];
    let (floats, integers) = (bytemuck::cast_slice_mut(floats), bytemuck::cast_slice_mut(integers));
    let Ok(mut decoder) = Decoder::new(bundle, context, chunk, floats, integers) else {
        panic!("the memory is what the decoder asks for")
    };
    let mut outputs = 0x9e37_79b9 + run as u32;
    for _ in 0..PROMPT / CHUNK {
        assert_eq!(decoder.begin(&[5, 80, 3, 400, 7, 7, 90, 1], 0), Ok(()));
        while decoder.request().is_some() {
            make_up(&mut outputs, decoder.response_mut());
            decoder.resume();
        }
    }

    let (mut layer, mut token) = (Spent::default(), Spent::default());
    let mut done = Ok(());
    token.float += meter.count(|| done = decoder.begin(&[17], 0));
    assert_eq!(done, Ok(()));
    for step in 0..2 {
        if step == 1 {
            token.float += meter.count(|| done = decoder.begin_head());
            assert_eq!(done, Ok(()));
        }
        while let Some(group) = decoder.request().map(|request| request.group) {
            let protocol = product(meter, &mut session, &mut decoder);
            make_up(&mut outputs, decoder.response_mut());
            let float = meter.count(|| decoder.resume());
            let counted = config.kind(group).is_some_and(|(of, _)| step == 0 && of == LAYER);
            for spent in [Some(&mut token), counted.then_some(&mut layer)].into_iter().flatten() {
                spent.protocol += protocol;
                spent.float += float;
            }
        }
    }
    let Ok(greedy) = Choice::new(0.0, 1.0) else { panic!("greedy is a choice") };
    token.float += meter.count(|| {
        let chosen = choose(&greedy, decoder.logits_mut(), indices, 0);
        assert!(chosen.is_ok());
    });
    (layer, token)
}

/// The session's part of the product that the decoder waits for.
fn product(
    meter: Meter,
    session: &mut Session<'_, Masked<'_, WindowStore<'_>>>,
    decoder: &mut Decoder<'_>,
) -> u32 {
    let sequence = session.answered() + 1;
    let Some((request, y)) = decoder.exchange() else { return 0 };
    let block = Block { index: request.group.0, count: request.tokens as u32 }.encode();
    let mut due = BLOCK_PREFIX_BYTES + 4 * y.len();
    let mut part = [0; PART];
    let mut exchange = None;
    let mut spent = meter.count(|| exchange = session.exchange(request, y).ok());
    let Some(mut exchange) = exchange else { panic!("the request is the decoder's") };
    let mut first = 0;
    loop {
        let mut sent = Ok(0);
        spent += meter.count(|| sent = exchange.request(first, &mut part));
        match sent {
            Ok(0) => break,
            Ok(sent) => first += sent,
            Err(error) => panic!("{error}"),
        }
    }
    let mut done = Ok(());
    let header = answer(FrameType::ProductReply, sequence, due);
    spent += meter.count(|| done = exchange.answer(&header));
    assert_eq!(done, Ok(()));
    part.fill(0);
    part[..BLOCK_PREFIX_BYTES].copy_from_slice(&block);
    let mut whole = Ok(false);
    while due > 0 {
        let now = due.min(PART);
        spent += meter.count(|| whole = exchange.take(&part[..now]));
        part.fill(0);
        due -= now;
    }
    assert_eq!(whole, Ok(true));
    spent
}

/// A header of the host's.
fn answer(frame: FrameType, sequence: u32, length: usize) -> Header {
    Header { frame, set: SET, session: ID, sequence, length: length as u32 }
}

/// Numbers as a model's products are: up to 2^24.
fn make_up(state: &mut u32, outputs: &mut [i32]) {
    for y in outputs {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        *y = *state as i32 >> 7;
    }
}
