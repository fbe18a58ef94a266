//! Fair tiles: sessions take turns on the accelerator, whatever each has still to do.

use crate::harness::{Client, MASKED, PREPARE, until, with_server};
use host_server::server::Limits;

#[test]
fn tiles_take_turns_and_a_token_waits_for_one_of_each() {
    with_server(Limits::default(), |host| async move {
        host.gate.close();
        let mut preparing = Vec::new();
        for group in 0..3 {
            let mut client = Client::open(&host, PREPARE).await;
            client.whole_unit(group).await;
            // The first one's tile is in work, those of the others wait.
            until(|| !host.gate.begun().is_empty()).await;
            until(|| host.status().waiting_for_turn == group as usize).await;
            preparing.push(client);
        }
        let mut masked = Client::open(&host, MASKED).await;
        masked.product().await;
        until(|| host.status().waiting_for_turn == 3).await;

        let tile = |group| (group, 64);
        let token = (0, 1);
        let order = [
            [tile(0), tile(1), tile(2), token].as_slice(),
            &[tile(0), tile(1), tile(2)],
            &[tile(0), tile(1), tile(2)],
        ]
        .concat();
        for begun in 1..order.len() {
            assert_eq!(host.gate.begun(), order[..begun]);
            host.gate.pass();
            // The next has begun, and whoever has more to do is in line again.
            let waiting = if begun < 4 { 3 } else { 2 };
            until(|| host.gate.begun().len() > begun).await;
            until(|| host.status().waiting_for_turn == waiting).await;
        }
        assert_eq!(host.gate.begun(), order);
        masked.receive().await.unwrap();
        host.gate.open();
        for (group, mut client) in (0..).zip(preparing) {
            client.rows(group).await;
        }
        None
    });
}
