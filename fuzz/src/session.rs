use crate::model::MODEL;
use host_server::engine::UnitTile;
use host_server::session::{Action, Refusal, Session, SessionLimits};
use kernel::wire::{HEADER_BYTES, Header, MAX_PAYLOAD};
use std::sync::Arc;

/// Frames to a host, as they are if the first byte is even. If it is odd, what only a clumsy attacker
/// gets wrong is put right: magic, version, flags, session and numbers.
pub fn session(data: &[u8]) {
    if let Some((mode, frames)) = data.split_first() {
        host(frames, mode % 2 == 1);
    }
}

/// What a host answers to these frames. Each of its frames is well-formed.
pub(crate) fn host(mut rest: &[u8], put_right: bool) -> Vec<u8> {
    let mut session = Session::new(Arc::clone(&MODEL.engine), SessionLimits::default());
    let mut said = Vec::new();
    let mut number = 0_u32;
    while let Some((header, payload)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let mut header = *header;
        if put_right {
            header[..5].copy_from_slice(b"SbRo\x01");
            header[7..24].fill(0);
            header[24..28].copy_from_slice(&number.to_le_bytes());
            let length = u32::from_le_bytes(*header[28..].first_chunk().unwrap());
            let fits = length.min(payload.len() as u32);
            header[28..].copy_from_slice(&fits.to_le_bytes());
        }
        number += 1;
        let Ok(header) = Header::decode(&header) else { break };
        match turn(&mut session, &header, payload, &mut said) {
            Ok(Some(left)) => rest = left,
            Ok(None) => break,
            Err(refusal) => {
                if let Some(frame) = session.fault(refusal.code) {
                    send(&frame, &mut said);
                }
                break;
            }
        }
    }
    said
}

/// Serves a frame as a host would. `None` when the session has ended, or the frame is not whole.
fn turn<'d>(
    session: &mut Session,
    header: &Header,
    payload: &'d [u8],
    said: &mut Vec<u8>,
) -> Result<Option<&'d [u8]>, Refusal> {
    session.admit(header)?;
    let Some((payload, rest)) = payload.split_at_checked(header.length as usize) else {
        return Ok(None);
    };
    match session.receive(header, payload)? {
        Action::Receive => {}
        Action::Send(frame) => send(&frame, said),
        Action::Product(job) => {
            let mut reply = job.run(&MODEL.engine).unwrap();
            while let Some(frame) = session.product_reply(&mut reply)? {
                send(&frame, said);
            }
        }
        Action::Key(job) => job.run(&MODEL.engine).unwrap(),
        Action::Unit(mut job) => loop {
            match job.step(&MODEL.engine).unwrap() {
                UnitTile::Computed => {}
                UnitTile::Rows(payload) => send(&session.unit_rows(&payload)?, said),
                UnitTile::Finished => break,
            }
        },
        Action::Close => return Ok(None),
    }
    Ok(Some(rest))
}

fn send(frame: &[u8], said: &mut Vec<u8>) {
    let (header, payload) = frame.split_first_chunk().unwrap();
    let header = Header::decode(header).unwrap();
    assert!(header.length as usize == payload.len() && payload.len() <= MAX_PAYLOAD);
    said.extend(frame);
}
