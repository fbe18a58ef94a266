use super::device::resize;
use super::{FRAMES, Spoil, WELCOMES, Why, silent_after};
use crate::harness::link::{LinkError, Loopback, honest};
use crate::harness::model::TINY;
use crate::harness::store::available;
use crate::harness::unit::{FORMS, prepare_here};
use crate::harness::wire;
use device_client::prepare::PrepareError;
use device_client::store::MemoryStore;
use device_client::transport::TransportError;
use device_client::unit::UnitError;
use kernel::model::GroupId;
use kernel::params::InsecureMasked16x1;
use kernel::prime::{Delta, Prime, T};
use kernel::wire::{FrameType, HEADER_BYTES, RowForm, WireError};

fn why(error: PrepareError<LinkError>) -> Why {
    match error {
        PrepareError::Transport(TransportError::Wire(error))
        | PrepareError::Unit(UnitError::Wire(error)) => Why::Wire(error),
        PrepareError::Transport(TransportError::Closed) => Why::Closed,
        PrepareError::Transport(TransportError::Fault(fault)) => Why::Fault(fault.code),
        other => panic!("{other}"),
    }
}

/// Bytes of a row's limb modulo t, and where the first row begins.
const PLAIN: usize = 4 * 32;
const ROWS_AT: usize = HEADER_BYTES + 8;

/// What is wrong with a frame of full rows alone.
const FULL_ROWS: [(&str, Spoil, Why); 3] = [
    (
        "Delta itself, first of a pair",
        |a| a.frame[ROWS_AT + PLAIN..][..4].copy_from_slice(&Delta::VALUE.to_le_bytes()),
        Why::Wire(WireError::Residue),
    ),
    (
        "Delta itself, second of a pair",
        |a| {
            let pair = u64::from(Delta::VALUE) << 28;
            a.frame[ROWS_AT + PLAIN..][..7].copy_from_slice(&pair.to_le_bytes()[..7]);
        },
        Why::Wire(WireError::Residue),
    ),
    (
        "all ones, at the end",
        |a| {
            let end = a.frame.len();
            a.frame[end - 7..].fill(255);
        },
        Why::Wire(WireError::Residue),
    ),
];

/// What is wrong with a frame of rows.
const ROWS: [(&str, Spoil, Why); 7] = [
    (
        "t itself",
        |a| a.frame[ROWS_AT..][..4].copy_from_slice(&T::VALUE.to_le_bytes()),
        Why::Wire(WireError::Residue),
    ),
    ("another first row", |a| a.frame[HEADER_BYTES] ^= 1, Why::Wire(WireError::Order)),
    ("no rows", |a| a.frame[HEADER_BYTES + 4] = 0, Why::Wire(WireError::Order)),
    ("too many rows", |a| a.frame[HEADER_BYTES + 7] = 255, Why::Wire(WireError::Order)),
    ("a row too many", |a| a.frame[HEADER_BYTES + 4] += 1, Why::Wire(WireError::Length)),
    ("a byte too few", |a| resize(&mut a.frame, -1), Why::Wire(WireError::Length)),
    ("an empty payload", |a| a.frame.truncate(HEADER_BYTES), Why::Closed),
];

/// Frames of a unit's rows, at payloads of 1000 bytes.
fn frames(form: RowForm, group: GroupId) -> usize {
    TINY.shape(group).rows.div_ceil(992 / form.row_bytes(16, 1, 1))
}

/// A preparation of two units, whose host spoils frame `target`.
fn fails(name: &str, form: RowForm, target: usize, spoil: Spoil, expected: Why) {
    let units = [GroupId(1), GroupId(3)];
    let first = frames(form, units[0]);
    let host = Loopback::new(
        &TINY.engine,
        Box::new(move |answer| {
            if answer.index == target {
                spoil(answer);
                // What the loopback host would send next comes too late.
                answer.hang_up = true;
            }
        }),
    );
    let mut store = MemoryStore::new(&TINY.config);
    let prepared =
        prepare_here::<InsecureMasked16x1>(&TINY, &host, &mut store, &units, form, 1, 1000);
    assert_eq!(why(prepared.result.unwrap_err()), expected, "{name}, {form:?}, frame {target}");
    silent_after(&host, target);
    // The unit that was finished is there; nothing of the other is.
    let kept = u32::from(target > first);
    assert_eq!(available(&store, &TINY.config), [0, 16 * kept, 0, 0, 0], "{name}");
    assert_eq!(prepared.units.len(), kept as usize);

    // The store goes on.
    let host = Loopback::new(&TINY.engine, honest());
    let prepared =
        prepare_here::<InsecureMasked16x1>(&TINY, &host, &mut store, &units, form, 2, 1000);
    assert_eq!(prepared.result, Ok(()));
    assert_eq!(available(&store, &TINY.config), [0, 16 * (1 + kept), 0, 16, 0]);
}

#[test]
fn wrong_frames_end_the_preparation() {
    for form in FORMS {
        let [first, second] = [1, 3].map(|group| frames(form, GroupId(group)));
        // The welcome; the first, a middle and the last frame of either unit.
        for (name, spoil, expected) in FRAMES {
            for target in [0, 1, 2, first, first + 1, first + second] {
                fails(name, form, target, spoil, expected);
            }
        }
        for (name, spoil, expected) in WELCOMES {
            fails(name, form, 0, spoil, expected);
        }
        let full = if form == RowForm::Full { &FULL_ROWS[..] } else { &[] };
        for &(name, spoil, expected) in ROWS.iter().chain(full) {
            for target in [1, 2, first + 1, first + 2] {
                fails(name, form, target, spoil, expected);
            }
        }
    }
}

/// Rows that come twice are out of order; and what is owed comes in one session.
#[test]
fn repeated_rows_end_the_preparation() {
    let host = Loopback::new(
        &TINY.engine,
        Box::new(|answer| {
            let header = wire::header(&answer.frame);
            if header.frame == FrameType::UnitRows && header.sequence == 2 {
                let mut again = header;
                again.sequence += 1;
                let payload = answer.frame[HEADER_BYTES..].to_vec();
                answer.frame.extend(wire::frame(again, &payload));
            }
        }),
    );
    let mut store = MemoryStore::new(&TINY.config);
    let units = [GroupId(0)];
    let prepared = prepare_here::<InsecureMasked16x1>(
        &TINY,
        &host,
        &mut store,
        &units,
        RowForm::Full,
        1,
        1000,
    );
    assert_eq!(why(prepared.result.unwrap_err()), Why::Wire(WireError::Order));
    assert_eq!(available(&store, &TINY.config), [0; 5]);
}
