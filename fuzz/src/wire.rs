use kernel::prime::PrimeId;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, Fault, HEADER_BYTES, Header, Hello, MAX_PAYLOAD, UnitOpen, Welcome,
    decode_body, encode_body, pack_residues, packed_len, unpack_residues,
};
use serde::{Serialize, de::DeserializeOwned};

/// A header and the bodies that may follow it: what is read is written as it was.
pub fn wire(data: &[u8]) {
    let payload = match data.split_first_chunk::<HEADER_BYTES>() {
        Some((bytes, payload)) => {
            if let Ok(header) = Header::decode(bytes) {
                assert!(header.length as usize <= MAX_PAYLOAD);
                assert_eq!(header.encode(), *bytes);
            }
            payload
        }
        None => data,
    };
    body::<Hello>(payload);
    body::<Welcome>(payload);
    body::<UnitOpen>(payload);
    body::<Fault>(payload);
    if let Ok((block, rest)) = Block::split(payload) {
        assert_eq!(block.encode(), payload[..BLOCK_PREFIX_BYTES]);
        assert_eq!(rest, &payload[BLOCK_PREFIX_BYTES..]);
    }
}

fn body<B: Serialize + DeserializeOwned + PartialEq + core::fmt::Debug>(payload: &[u8]) {
    if let Ok(body) = decode_body::<B>(payload) {
        let mut out = [0; 256];
        let length = encode_body(&body, &mut out).unwrap();
        assert!(length <= payload.len(), "nothing is longer than its own encoding");
        assert_eq!(decode_body::<B>(&out[..length]), Ok(body));
    }
}

/// Packed residues: the first byte says which prime, the second how many are missing from the last
/// pair. What is unpacked is below its modulus and packs to the same bytes.
pub fn residues(data: &[u8]) {
    let [prime, odd, packed @ ..] = data else { return };
    let p = PrimeId::ALL[usize::from(prime % 2)];
    let mut count = match p {
        PrimeId::T => packed.len() / 4,
        PrimeId::Delta => packed.len() / 7 * 2,
    };
    count -= usize::from(p == PrimeId::Delta && odd % 2 == 1 && count > 0);
    let mut words = vec![0; count];
    let right = packed.len() == packed_len(p, count);
    let exact = &packed[..packed_len(p, count)];
    assert!(right || unpack_residues(p, packed, &mut words).is_err());
    if unpack_residues(p, exact, &mut words).is_ok() {
        assert!(words.iter().all(|&word| word < p.value()));
        let mut again = vec![0; exact.len()];
        pack_residues(p, &words, &mut again).unwrap();
        assert_eq!(again, exact);
    }
    // The other way: any words, reduced.
    words.iter_mut().for_each(|word| *word %= p.value());
    let mut out = vec![0; exact.len()];
    pack_residues(p, &words, &mut out).unwrap();
    let mut back = vec![0; count];
    unpack_residues(p, &out, &mut back).unwrap();
    assert_eq!(back, words);
}
