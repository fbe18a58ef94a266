//! Constants, numbers on the wire, kinds of sections.

use crate::page::{Page, number};
use kernel::bundle::{CHECK_REPETITIONS, ElementType, SectionKind};
use kernel::model::{GROUPS_PER_LAYER, MAX_COLUMNS, MAX_ROWS};
use kernel::ntt::{MAX_DEGREE, MIN_DEGREE, supports};
use kernel::params::{MASKED_LIMBS, ParameterId};
use kernel::prime::{Delta, Prime, Prime25, Prime26, PrimeId, T};
use kernel::quant::ACTIVATION_MAX;
use kernel::schedule::SMALLEST_BUCKET;
use kernel::stream::{NOISE_BOUND, SEED_BYTES};
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Fault, FaultCode, FrameType, HEADER_BYTES, Header, MAX_KEYS, MAX_PAYLOAD,
    RowForm, SessionId, VERSION, WireError, body_bytes, decode_body,
};
use kernel::with_masked_set;

pub(crate) fn constants(page: &Page) {
    let known = [
        ("header bytes", HEADER_BYTES),
        ("largest payload", MAX_PAYLOAD),
        ("protocol version", usize::from(VERSION)),
        ("block prefix bytes", BLOCK_PREFIX_BYTES),
        ("largest number of keys of a unit", MAX_KEYS),
        ("seed bytes", SEED_BYTES),
        ("noise bound", NOISE_BOUND as usize),
        ("check repetitions", CHECK_REPETITIONS),
        ("smallest prompt bucket", SMALLEST_BUCKET as usize),
        ("groups in a layer", GROUPS_PER_LAYER as usize),
        ("largest columns", MAX_COLUMNS),
        ("largest rows", MAX_ROWS),
        ("largest activation", ACTIVATION_MAX as usize),
        ("smallest ring degree", MIN_DEGREE),
        ("largest ring degree", MAX_DEGREE),
    ];
    let said: Vec<_> =
        page.table("constants").iter().map(|row| (row[0], number(row[1]) as usize)).collect();
    assert_eq!(said, known);
}

pub(crate) fn primes(page: &Page) {
    fn row<P: Prime>() -> [u64; 4] {
        [P::VALUE, P::BITS, P::GENERATOR, P::MASK_LANE.into()].map(u64::from)
    }
    let expected = [row::<T>(), row::<Delta>(), row::<Prime26>(), row::<Prime25>()];
    let said: Vec<_> =
        page.table("primes").iter().map(|row| [1, 2, 3, 4].map(|at| number(row[at]))).collect();
    assert_eq!(said, expected);
    assert_eq!(PrimeId::ALL, MASKED_LIMBS);
}

pub(crate) fn sets(page: &Page) {
    let expected: Vec<_> = (0..=u8::MAX)
        .filter_map(ParameterId::from_wire)
        .filter(|&id| with_masked_set!(id, _S => true, false))
        .map(|id| {
            let (n, k) = id.degree_and_rank();
            let row = |form: RowForm, keys| form.row_bytes(n, k, keys);
            // A key after the first adds its body to a row.
            let [full, switched] = [RowForm::Full, RowForm::Switched]
                .map(|form| [row(form, 1), row(form, 16) - row(form, 15)]);
            [id as usize, n, k, body_bytes(n), full[0], switched[0], full[1], switched[1]]
        })
        .collect();
    let said: Vec<[usize; 8]> = page
        .table("sets")
        .iter()
        .map(|row| core::array::from_fn(|at| number(row[at]) as usize))
        .collect();
    assert_eq!(said, expected);
    assert_eq!(ParameterId::from_wire(240), Some(ParameterId::InsecureMasked16x1));
    assert_eq!(ParameterId::InsecureMasked16x1.degree_and_rank(), (16, 1));
}

/// The table of twiddles begins with 1, then psi^(N/2), and has psi itself in the middle.
pub(crate) fn roots(page: &Page) {
    fn psi<P: Prime>(n: usize) -> u64 {
        assert!(supports::<P>(n));
        u64::from(P::TWIDDLES[n / 2])
    }
    for row in page.table("roots") {
        let n = number(row[0]) as usize;
        let expected = [psi::<T>(n), psi::<Delta>(n), psi::<Prime26>(n), psi::<Prime25>(n)];
        assert_eq!([1, 2, 3, 4].map(|at| number(row[at])), expected, "N = {n}");
    }
}

pub(crate) fn frames(page: &Page) {
    use FrameType::*;
    let kinds = [
        Hello,
        Welcome,
        Product,
        ProductReply,
        UnitOpen,
        UnitBodies,
        UnitRows,
        Bye,
        Fault,
        EvaluationKey,
    ];
    let table = page.table("frames");
    assert_eq!(table.len(), kinds.len());
    for (row, frame) in table.iter().zip(kinds) {
        assert_eq!(row[..2], [(frame as u8).to_string(), format!("{frame:?}")]);
        assert!(number(row[4]) as usize <= MAX_PAYLOAD);
    }
    // No other number is a frame.
    for number in 0..=u8::MAX {
        let set = ParameterId::Masked256x16;
        let session = SessionId([0; 16]);
        let mut bytes = Header { frame: Bye, set, session, sequence: 0, length: 0 }.encode();
        bytes[5] = number;
        let known = (1..=kinds.len()).contains(&usize::from(number));
        assert_eq!(Header::decode(&bytes).is_ok(), known);
    }
}

pub(crate) fn faults(page: &Page) {
    use FaultCode::*;
    let codes = [Protocol, Model, Limits, Busy, Deadline, Shutdown, Internal, Link];
    let table = page.table("faults");
    assert_eq!(table.len(), codes.len());
    for (row, code) in table.iter().zip(codes) {
        assert_eq!(decode_body(&[number(row[0]) as u8]), Ok(Fault { code }));
        assert_eq!(row[1], format!("{code:?}"));
    }
    assert_eq!(decode_body::<Fault>(&[codes.len() as u8]), Err(WireError::Body));
}

pub(crate) fn sections(page: &Page) {
    let element = |kind| match kind {
        SectionKind::Norms
        | SectionKind::Embeddings
        | SectionKind::RowScales
        | SectionKind::RotaryFrequencies
        | SectionKind::RowBiases => ElementType::F32,
        SectionKind::Bounds => ElementType::U64,
        SectionKind::StopTokens | SectionKind::CheckVectors => ElementType::U32,
        _ => ElementType::U8,
    };
    let table = page.table("sections");
    assert_eq!(table.len(), SectionKind::ALL.len());
    for (row, kind) in table.iter().zip(SectionKind::ALL) {
        assert_eq!(row[..2], [(kind as u32).to_string(), format!("{kind:?}")]);
        assert!(row[2].starts_with(&(element(kind) as u32).to_string()), "{kind:?}");
    }
    assert_eq!([ElementType::F16 as u32, ElementType::Bf16 as u32], [4, 5]);
}
