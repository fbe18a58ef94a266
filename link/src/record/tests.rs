use super::{Incoming, Outgoing, PLAIN_BYTES, RECORD_BYTES, RecordError};
use crate::noise::Direction;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

const KEY: [u8; 32] = [3; 32];

fn out(bytes: usize) -> Outgoing<Vec<u8>> {
    Outgoing::new(vec![0; bytes], Direction::at(KEY, 0)).unwrap()
}

fn inwards(bytes: usize) -> Incoming<Vec<u8>> {
    Incoming::new(vec![0; bytes], Direction::at(KEY, 0)).unwrap()
}

/// One record with this plaintext.
fn record(key: &mut Outgoing<Vec<u8>>, plain: &[u8]) -> Vec<u8> {
    assert_eq!(key.gather(plain), Ok(plain.len()));
    key.seal().unwrap();
    let record = key.waiting().to_vec();
    key.left(record.len());
    record
}

/// What opens of these bytes, which come in one piece.
fn opened(bytes: &[u8]) -> Result<Vec<u8>, RecordError> {
    let mut inwards = inwards(4 * RECORD_BYTES);
    inwards.room()[..bytes.len()].copy_from_slice(bytes);
    inwards.came(bytes.len())?;
    let mut all = Vec::new();
    while inwards.open()? {
        let mut piece = [0; 7];
        let count = inwards.take(&mut piece);
        all.extend(&piece[..count]);
    }
    inwards.came(0)?;
    Ok(all)
}

#[test]
fn records_come_whole_in_order_and_once() {
    let mut key = out(RECORD_BYTES);
    let [a, b, c] = [b"one", b"two", b"six"].map(|plain| record(&mut key, plain));
    assert_eq!(opened(&[&*a, &b, &c].concat()), Ok(b"onetwosix".to_vec()));
    assert_eq!(opened(&a), Ok(b"one".to_vec()));
    for wrong in [
        [&*b, &a].concat(),      // out of order
        [&*a, &a].concat(),      // replayed
        [&*a, &c].concat(),      // one left out
        [&*a, &[0, 0]].concat(), // a record without anything
        [&*a, &[16, 0], &[0; 16]].concat(),
        [&*a, &[0xff, 0xff]].concat(),
    ] {
        assert_eq!(opened(&wrong), Err(RecordError::Changed));
    }
    // A record without anything from somebody who has the key: no work for nothing.
    let mut empty = [0; 18];
    empty[0] = 16;
    Direction::at(KEY, 0).seal(&mut empty[2..], 0).unwrap();
    assert_eq!(opened(&empty), Err(RecordError::Changed));
    for end in 1..a.len() {
        assert_eq!(opened(&a[..end]), Err(RecordError::Truncated));
    }
    for at in 0..a.len() {
        for bit in 0..8 {
            let mut changed = a.clone();
            changed[at] ^= 1 << bit;
            // A length that is too great makes the record wait for more, which never comes.
            let error = opened(&changed).unwrap_err();
            assert!(error == RecordError::Changed || at < 2 && error == RecordError::Truncated);
        }
    }
}

#[test]
fn the_last_number_is_never_used() {
    let begin = u64::MAX - 2;
    let mut out = Outgoing::new(vec![0; RECORD_BYTES], Direction::at(KEY, begin)).unwrap();
    let mut inwards = Incoming::new(vec![0; RECORD_BYTES], Direction::at(KEY, begin)).unwrap();
    for _ in 0..2 {
        let record = record(&mut out, b"x");
        inwards.room()[..record.len()].copy_from_slice(&record);
        inwards.came(record.len()).unwrap();
        assert_eq!(inwards.open(), Ok(true));
        inwards.take(&mut [0]);
    }
    assert_eq!(out.gather(b"x"), Ok(1));
    assert_eq!(out.seal(), Err(RecordError::Exhausted));
    assert_eq!(out.waiting(), b"", "nothing leaves in the clear");
    inwards.room()[..19].copy_from_slice(&[17; 19]);
    inwards.room()[1] = 0;
    inwards.came(19).unwrap();
    assert_eq!(inwards.open(), Err(RecordError::Exhausted));
}

#[test]
fn buffers_have_a_least_size() {
    let key = || Direction::at(KEY, 0);
    assert!(Outgoing::new([0; 81], key()).is_none());
    assert!(Outgoing::new([0; 82], key()).is_some());
    assert!(Incoming::new([0; RECORD_BYTES - 1], key()).is_none());
    assert!(Incoming::new([0; RECORD_BYTES], key()).is_some());
}

proptest! {
    /// Whatever the sizes of buffers, writes and arrivals: the same bytes come out; and the lengths of
    /// records follow from the sizes of the writes and the buffer.
    #[test]
    fn bytes_pass_through(
        writes in prop::collection::vec((0_usize..6000, any::<bool>()), 1..12),
        arrivals in prop::collection::vec(1_usize..5000, 1..9),
        (out_bytes, in_bytes) in (82_usize..9000, RECORD_BYTES..9000),
    ) {
        let (mut out, mut inwards) = (out(out_bytes), inwards(in_bytes));
        let (mut line, mut sent) = (Vec::new(), Vec::<u8>::new());
        for (number, &(length, flush)) in writes.iter().enumerate() {
            let bytes: Vec<u8> = (0..length).map(|at| (at * 7 + number) as u8).collect();
            sent.extend(&bytes);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let count = out.gather(rest).unwrap();
                rest = &rest[count..];
                if count == 0 {
                    // Some of what waits leaves at a time.
                    while !out.waiting().is_empty() {
                        let some = out.waiting().len().min(100);
                        line.extend(&out.waiting()[..some]);
                        out.left(some);
                    }
                }
            }
            if flush {
                out.seal().unwrap();
            }
        }
        out.seal().unwrap();
        line.extend(out.waiting());
        let (mut received, mut at) = (Vec::<u8>::new(), 0);
        let mut arrivals = arrivals.iter().cycle();
        loop {
            while inwards.open().unwrap() {
                let mut piece = [0; 333];
                let count = inwards.take(&mut piece);
                received.extend(&piece[..count]);
            }
            let room = inwards.room();
            prop_assert!(!room.is_empty());
            let count = room.len().min(line.len() - at).min(*arrivals.next().unwrap());
            room[..count].copy_from_slice(&line[at..at + count]);
            at += count;
            inwards.came(count).unwrap();
            if count == 0 {
                break;
            }
        }
        prop_assert_eq!(received, sent);
        // No record is larger than it may be, and full ones are full.
        let limit = PLAIN_BYTES.min(out_bytes - 18);
        let mut rest = &line[..];
        while let Some((length, more)) = rest.split_first_chunk() {
            let length = usize::from(u16::from_le_bytes(*length));
            prop_assert!(length > 16 && length <= limit + 16);
            rest = &more[length..];
        }
    }
}
