use super::*;
use crate::bundle::ModelDigest;
use crate::params::ParameterId;
use crate::prime::PrimeId;
use proptest::prelude::*;
use std::vec;
use std::vec::Vec;

proptest! {
    #[test]
    fn residues_come_back(words in prop::collection::vec(any::<u32>(), 0..70), bad: prop::sample::Index) {
        for p in PrimeId::ALL {
            let mut residues: Vec<u32> = words.iter().map(|w| w % p.value()).collect();
            let mut bytes = vec![0xaa; packed_len(p, residues.len())];
            pack_residues(p, &residues, &mut bytes).unwrap();
            let mut back = vec![u32::MAX; residues.len()];
            unpack_residues(p, &bytes, &mut back).unwrap();
            prop_assert_eq!(&back, &residues);
            let longer = [&bytes[..], &[0]].concat();
            prop_assert_eq!(unpack_residues(p, &longer, &mut back), Err(WireError::Length));
            if !residues.is_empty() {
                let at = bad.index(residues.len());
                residues[at] = p.value() + words[0] % ((1 << 16) - 1);
                pack_residues(p, &residues, &mut bytes).unwrap();
                prop_assert_eq!(unpack_residues(p, &bytes, &mut back), Err(WireError::Residue));
            }
        }
    }

    /// No header panics, and what decodes encodes to the same bytes.
    #[test]
    fn headers_are_canonical(mut bytes: [u8; 32], valid: bool) {
        if valid {
            bytes[..5].copy_from_slice(b"SbRo\x01");
            bytes[5] = bytes[5] % 10 + 1;
            bytes[6] = bytes[6] % 5 + 1;
            bytes[7] = 0;
            bytes[30] &= 0xf;
            bytes[31] = 0;
        }
        match Header::decode(&bytes) {
            Ok(header) => prop_assert_eq!(header.encode(), bytes),
            Err(_) => prop_assert!(!valid),
        }
    }

    #[test]
    fn bodies_are_canonical_and_never_panic(payload in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(hello) = decode_body::<Hello>(&payload) {
            let mut again = [0; 64];
            let length = encode_body(&hello, &mut again).unwrap();
            prop_assert_eq!(decode_body::<Hello>(&again[..length]).unwrap(), hello);
        }
        let _ = decode_body::<Fault>(&payload);
        let _ = decode_body::<UnitOpen>(&payload);
        let _ = Block::split(&payload);
    }
}

#[test]
fn every_header_field_is_checked() {
    let header = Header {
        frame: FrameType::Product,
        set: ParameterId::Masked256x16,
        session: SessionId([7; 16]),
        sequence: 0x0102_0304,
        length: 5,
    };
    let bytes = header.encode();
    // The layout, byte by byte: a second implementation reads this.
    let mut expected = [7; 32];
    expected[..8].copy_from_slice(&[b'S', b'b', b'R', b'o', 1, 3, 5, 0]);
    expected[24..].copy_from_slice(&[4, 3, 2, 1, 5, 0, 0, 0]);
    assert_eq!(bytes, expected);
    let change = |at: usize, value: u8| {
        let mut bad = bytes;
        bad[at] = value;
        Header::decode(&bad)
    };
    assert_eq!(change(0, 0), Err(WireError::Magic));
    assert_eq!(change(4, 2), Err(WireError::Version(2)));
    assert_eq!(change(5, 0), Err(WireError::Unknown));
    assert_eq!(change(5, 11), Err(WireError::Unknown));
    assert_eq!(change(6, 0), Err(WireError::Unknown));
    assert_eq!(change(6, 0xf1), Err(WireError::Unknown));
    assert_eq!(change(7, 1), Err(WireError::Unknown));
    assert_eq!(change(31, 1), Err(WireError::Length));
}

#[test]
fn bodies_have_golden_bytes_and_no_trailing_ones() {
    let hello = Hello {
        digest: ModelDigest([9; 32]),
        purpose: Purpose::Masked { prompt_bucket: 32, output_bucket: 300, chunk: 16 },
        answered: 2,
        max_payload: 7,
    };
    let mut out = [0; 64];
    let length = encode_body(&hello, &mut out).unwrap();
    let mut expected = vec![9; 32];
    expected.extend([1, 32, 0xac, 2, 16, 2, 7]);
    assert_eq!(&out[..length], expected);
    assert_eq!(decode_body::<Hello>(&out[..length]), Ok(hello));
    assert_eq!(decode_body::<Hello>(&out[..length + 1]), Err(WireError::Body));
    assert_eq!(decode_body::<Hello>(&out[..length - 1]), Err(WireError::Body));
    assert_eq!(encode_body(&hello, &mut [0; 10]), Err(WireError::Length));
}
