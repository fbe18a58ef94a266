//! The device's side of Noise: the handshake, and records.

use crate::meter::{Memory, Meter, RUNS, Varies, report, secret};
use kernel::stream::Label;
use link::SecretKey;
use link::noise::{Initiator, Responder, TAG_BYTES};

/// Plaintext bytes of the record that is counted.
const RECORD: usize = 4096;

pub(crate) fn measure(meter: Meter, memory: &mut Memory) {
    let mut counts = [[0; RUNS]; 4];
    let key = |bytes: &[u8; 32]| SecretKey::from_bytes(*bytes);
    for run in 0..RUNS {
        let own = key(secret(run).expose());
        let ephemeral = key(secret(run).derive(Label::OneTimeMask).expose());
        let (host, reply) = (key(&[0x11; 32]), key(&[0x22; 32]));
        let public = host.public();
        let mut begun = None;
        counts[0][run] = meter.count(|| begun = Initiator::begin(&own, &public, &ephemeral).ok());
        let Some((initiator, request)) = begun else { panic!("the keys are keys") };
        let answered = Responder::receive(&host, &reply, &request).and_then(Responder::finish);
        let Ok((mut host, reply)) = answered else { panic!("the request is one") };
        let mut done = None;
        counts[1][run] = meter.count(|| done = initiator.finish(&reply).ok());
        let Some(mut device) = done else { panic!("the reply is one") };

        let record = &mut bytemuck::cast_slice_mut(&mut memory.row)[..RECORD + TAG_BYTES];
        let mut sealed = None;
        counts[2][run] = meter.count(|| sealed = device.out.seal(record, RECORD));
        assert_eq!((sealed, host.inwards.open(record)), (Some(()), Some(RECORD)));
        assert_eq!(host.out.seal(record, RECORD), Some(()));
        let mut opened = None;
        counts[3][run] = meter.count(|| opened = device.inwards.open(record));
        assert_eq!(opened, Some(RECORD));
    }
    let names = ["begin", "finish", "seal", "open"];
    for ((name, counts), n) in names.into_iter().zip(counts).zip([0, 0, RECORD, RECORD]) {
        board::print!("noise/");
        report(name, (n, 0), Varies::Nothing, counts);
    }
}
