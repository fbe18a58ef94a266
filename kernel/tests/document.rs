//! `docs/protocol.md` against the kernel: its marked tables and examples, read from the page.

#![allow(clippy::unwrap_used, reason = "a malformed page is a failed test")]

#[path = "document/bundle.rs"]
mod bundle;
#[path = "document/direct.rs"]
mod direct;
#[path = "document/examples.rs"]
mod examples;
#[path = "document/page.rs"]
mod page;
#[path = "document/preparation.rs"]
mod preparation;
#[path = "document/quantiser.rs"]
mod quantiser;
#[path = "document/streams.rs"]
mod streams;
#[path = "document/tables.rs"]
mod tables;

use page::Page;

/// Compares the kernel with one marked place of the page.
type Compare = fn(&Page);

/// Every mark of the page, with what checks it.
const MARKS: &[(&str, Compare)] = &[
    ("constants", tables::constants),
    ("primes", tables::primes),
    ("sets", tables::sets),
    ("direct-sets", direct::sets),
    ("roots", tables::roots),
    ("transform", examples::transform),
    ("domains", streams::domains),
    ("labels", streams::labels),
    ("streams", streams::streams),
    ("body", examples::body),
    ("frames", tables::frames),
    ("header", examples::header),
    ("small-bodies", examples::small_bodies),
    ("packed", examples::packed),
    ("bits", direct::bits),
    ("schedule", examples::schedule),
    ("faults", tables::faults),
    ("quantiser", quantiser::quantiser),
    ("sections", tables::sections),
    ("digits", direct::digits),
    ("layouts", direct::layouts),
    ("limbs", direct::limbs),
    ("switch", direct::switch),
    ("direct", direct::example),
    ("session-keys", direct::session_keys),
    ("reply-frames", direct::reply_frames),
    ("preparation", preparation::session),
    ("preparation-units", preparation::units),
];

#[test]
fn the_page_agrees_with_the_kernel() {
    let page = Page::read();
    assert_eq!(page.marks(), MARKS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let failed: Vec<_> = MARKS
        .iter()
        .filter(|(_, compare)| std::panic::catch_unwind(|| compare(&page)).is_err())
        .map(|(name, _)| *name)
        .collect();
    assert!(failed.is_empty(), "the page differs in: {}", failed.join(", "));
}

/// What the page says in words about encodings that senders do not write.
#[test]
fn longer_varints_are_read_and_trailing_bytes_are_not() {
    use kernel::wire::{Fault, FaultCode, WireError, decode_body};
    let busy = Fault { code: FaultCode::Busy };
    for bytes in [&[3][..], &[0x83, 0], &[0x83, 0x80, 0x80, 0x80, 0]] {
        assert_eq!(decode_body::<Fault>(bytes), Ok(busy), "{bytes:x?}");
    }
    let six = [0x83, 0x80, 0x80, 0x80, 0x80, 0];
    for bytes in [&six[..], &[0x83, 0x80, 0x80, 0x80, 0x10], &[3, 0], &[8], &[]] {
        assert_eq!(decode_body::<Fault>(bytes), Err(WireError::Body), "{bytes:x?}");
    }
}
