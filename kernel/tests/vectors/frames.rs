//! Bytes on the wire.

use crate::cases::*;
use kernel::bundle::ModelDigest;
use kernel::wire::{
    BLOCK_PREFIX_BYTES, Block, DirectSeeds, Fault, FaultCode, FrameType, HEADER_BYTES, Header,
    Hello, MaskSeed, Purpose, RowForm, SessionId, UnitOpen, Welcome, WireError, decode_body,
    encode_body, pack_residues, packed_len, unpack_residues,
};
use serde_json::Value;

pub(crate) fn wire_error(error: WireError) -> &'static str {
    match error {
        WireError::Magic => "Magic",
        WireError::Version(_) => "Version",
        WireError::Unknown => "Unknown",
        WireError::Length => "Length",
        WireError::Residue => "Residue",
        other => panic!("{other}"),
    }
}

pub(crate) fn headers(case: &Value) {
    let bytes: [u8; HEADER_BYTES] = bytes(&case["bytes"]).try_into().unwrap();
    let decoded = Header::decode(&bytes);
    if let Some(error) = case.get("error") {
        return assert_eq!(wire_error(decoded.unwrap_err()), text(error));
    }
    let frame = match text(&case["frame"]) {
        "Hello" => FrameType::Hello,
        "Welcome" => FrameType::Welcome,
        "Product" => FrameType::Product,
        "ProductReply" => FrameType::ProductReply,
        "UnitOpen" => FrameType::UnitOpen,
        "UnitBodies" => FrameType::UnitBodies,
        "UnitRows" => FrameType::UnitRows,
        "Bye" => FrameType::Bye,
        "Fault" => FrameType::Fault,
        "EvaluationKey" => FrameType::EvaluationKey,
        other => panic!("frame {other}"),
    };
    let header = Header {
        frame,
        set: parameter_id(case),
        session: SessionId(self::bytes(&case["session"]).try_into().unwrap()),
        sequence: number(&case["sequence"]),
        length: number(&case["length"]),
    };
    assert_eq!(header.encode(), bytes);
    assert_eq!(decoded, Ok(header));
}

fn seeds(ciphertexts: &Value, keys: &Value) -> DirectSeeds {
    DirectSeeds { ciphertexts: bytes_32(ciphertexts), keys: bytes_32(keys) }
}

fn mask_seed(own: &Value) -> MaskSeed {
    if own.is_null() { MaskSeed::Model } else { MaskSeed::Unit(bytes_32(own)) }
}

pub(crate) fn bodies(case: &Value) {
    let expected = bytes(&case["bytes"]);
    match text(&case["body"]) {
        "Hello" => {
            let purpose = match (text(&case["purpose"][0]), &list(&case["purpose"])[1..]) {
                ("Prepare", [units]) => Purpose::Prepare { units: number(units) },
                ("Masked", [prompt, output, chunk]) => Purpose::Masked {
                    prompt_bucket: number(prompt),
                    output_bucket: number(output),
                    chunk: number(chunk),
                },
                ("Direct", [ciphertexts, keys, prompt, output, chunk]) => Purpose::Direct {
                    seeds: seeds(ciphertexts, keys),
                    prompt_bucket: number(prompt),
                    output_bucket: number(output),
                    chunk: number(chunk),
                },
                ("Mixed", [ciphertexts, keys, prompt, output, chunk, masked]) => Purpose::Mixed {
                    seeds: seeds(ciphertexts, keys),
                    prompt_bucket: number(prompt),
                    output_bucket: number(output),
                    chunk: number(chunk),
                    masked: number(masked),
                },
                ("PrepareDirect", [ciphertexts, keys, units]) => {
                    Purpose::PrepareDirect { seeds: seeds(ciphertexts, keys), units: number(units) }
                }
                other => panic!("purpose {other:?}"),
            };
            let digest = ModelDigest(bytes_32(&case["digest"]));
            body(
                &Hello {
                    digest,
                    purpose,
                    answered: number(&case["answered"]),
                    max_payload: number(&case["max_payload"]),
                },
                &expected,
            );
        }
        "Welcome" => body(&Welcome { digest: ModelDigest(bytes_32(&case["digest"])) }, &expected),
        "UnitOpen" => {
            let rows = match text(&case["rows"]) {
                "Full" => RowForm::Full,
                "Switched" => RowForm::Switched,
                other => panic!("rows {other}"),
            };
            let (group, seed) = (number(&case["group"]), mask_seed(&case["seed"]));
            let keys = number(&case["keys"]);
            body(&UnitOpen { group, seed, rows, keys }, &expected);
        }
        "Fault" => {
            let code = match text(&case["code"]) {
                "Protocol" => FaultCode::Protocol,
                "Model" => FaultCode::Model,
                "Limits" => FaultCode::Limits,
                "Busy" => FaultCode::Busy,
                "Deadline" => FaultCode::Deadline,
                "Shutdown" => FaultCode::Shutdown,
                "Internal" => FaultCode::Internal,
                "Link" => FaultCode::Link,
                other => panic!("fault {other}"),
            };
            body(&Fault { code }, &expected);
        }
        "Block" => {
            let block = Block { index: number(&case["index"]), count: number(&case["count"]) };
            assert_eq!(block.encode()[..], expected);
            let (split, rest) = Block::split(&expected).unwrap();
            assert_eq!((split, rest.len(), expected.len()), (block, 0, BLOCK_PREFIX_BYTES));
        }
        other => panic!("body {other}"),
    }
}

/// A small body is written as `expected`, and read back from it.
fn body<B>(value: &B, expected: &[u8])
where
    B: serde::Serialize + serde::de::DeserializeOwned + PartialEq + core::fmt::Debug,
{
    let mut out = [0; 256];
    let length = encode_body(value, &mut out).unwrap();
    assert_eq!(out[..length], *expected);
    assert_eq!(decode_body::<B>(expected).as_ref(), Ok(value));
}

pub(crate) fn packed(case: &Value) {
    let (p, bytes) = (prime_id(&case["prime"]).unwrap(), bytes(&case["bytes"]));
    if let Some(error) = case.get("error") {
        let mut out = vec![0; number(&case["count"])];
        return assert_eq!(
            unpack_residues(p, &bytes, &mut out).map_err(wire_error),
            Err(text(error))
        );
    }
    let residues = numbers::<u32>(&case["residues"]);
    assert_eq!(packed_len(p, residues.len()), bytes.len());
    let mut out = vec![0xaa; bytes.len()];
    pack_residues(p, &residues, &mut out).unwrap();
    assert_eq!(out, bytes);
    let mut back = vec![u32::MAX; residues.len()];
    unpack_residues(p, &bytes, &mut back).unwrap();
    assert_eq!(back, residues);
}
