//! What one address may have, and what it leaves to others.

use crate::harness::{
    Client, DIGEST, HEAD, MASKED, NEVER, PREPARE, SCARCE_MEMORY, unit_memory, until, with_server,
};
use host_server::server::Limits;
use kernel::wire::FaultCode;

const HERE: [u8; 4] = [127, 0, 0, 2];
const THERE: [u8; 4] = [127, 0, 0, 3];

#[test]
fn an_address_cannot_take_all_sessions() {
    let limits = Limits { sessions: 3, sessions_per_address: 2, ..Limits::default() };
    with_server(limits, |host| async move {
        let _first = Client::from(HERE, &host).await.welcomed(MASKED).await;
        let second = Client::from(HERE, &host).await.welcomed(MASKED).await;
        let mut third = Client::from(HERE, &host).await;
        third.hello(MASKED, DIGEST).await;
        assert_eq!(third.fault().await, FaultCode::Busy);
        let _other = Client::from(THERE, &host).await.welcomed(MASKED).await;
        drop(second);
        until(|| host.status().sessions == 2).await;
        Client::from(HERE, &host).await.welcomed(MASKED).await;
        None
    });
}

#[test]
fn an_address_cannot_take_all_memory() {
    let memory_per_address = SCARCE_MEMORY;
    let memory = 2 * memory_per_address;
    let limits = Limits { memory, memory_per_address, wait: NEVER, ..Limits::default() };
    with_server(limits, |host| async move {
        let mut first = Client::from(HERE, &host).await.welcomed(PREPARE).await;
        first.unit(HEAD, 3).await;
        until(|| host.status().bytes == unit_memory(HEAD)).await;
        let mut second = Client::from(HERE, &host).await.welcomed(PREPARE).await;
        second.whole_unit(HEAD).await;
        until(|| host.status().waiting_for_memory == 1).await;
        // The second unit of this address waits for the first, that of another does not.
        let mut other = Client::from(THERE, &host).await.welcomed(PREPARE).await;
        other.whole_unit(HEAD).await;
        other.rows(HEAD).await;
        until(|| host.status().bytes == unit_memory(HEAD)).await;
        assert_eq!(host.status().waiting_for_memory, 1);
        first.bodies(3, 1).await;
        first.rows(HEAD).await;
        second.rows(HEAD).await;
        None
    });
}

#[test]
fn addresses_share_the_memory_of_all() {
    let memory = SCARCE_MEMORY;
    let limits = Limits { memory, wait: NEVER, ..Limits::default() };
    with_server(limits, |host| async move {
        let mut first = Client::from(HERE, &host).await.welcomed(PREPARE).await;
        first.unit(HEAD, 3).await;
        until(|| host.status().bytes == unit_memory(HEAD)).await;
        let mut other = Client::from(THERE, &host).await.welcomed(PREPARE).await;
        other.whole_unit(HEAD).await;
        until(|| host.status().waiting_for_memory == 1).await;
        first.bodies(3, 1).await;
        first.rows(HEAD).await;
        other.rows(HEAD).await;
        None
    });
}
