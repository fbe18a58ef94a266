//! The network: a fixed address, one task that serves it.

use crate::failure::Failure;
use board::entropy::MachineEntropy;
use board::ethernet::{Broken, Ethernet};
use embassy_executor::Spawner;
use embassy_net::{Config, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_time::Timer;
use kernel::stream::Entropy;
use static_cell::StaticCell;

/// Where QEMU's network expects a machine.
const ADDRESS: Ipv4Cidr = Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24);
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

/// Sets the network up, once.
pub(crate) async fn start(spawner: Spawner) -> Result<Stack<'static>, Failure> {
    static RESOURCES: StaticCell<StackResources<2>> = StaticCell::new();
    let ethernet = Ethernet::start()?;
    let config = StaticConfigV4 {
        address: ADDRESS,
        gateway: Some(GATEWAY),
        dns_servers: heapless::Vec::new(),
    };
    // Numbers of connections are drawn from it.
    let mut seed = [0; 8];
    MachineEntropy.fill(&mut seed)?;
    let resources = RESOURCES.init_with(StackResources::new);
    let config = Config::ipv4_static(config);
    let (stack, runner) = embassy_net::new(ethernet, config, resources, u64::from_le_bytes(seed));
    spawner.spawn(serve(runner).map_err(|_| Failure::Ethernet)?);
    spawner.spawn(beat().map_err(|_| Failure::Ethernet)?);
    Ok(stack)
}

#[embassy_executor::task]
async fn serve(mut runner: Runner<'static, &'static mut Ethernet>) -> ! {
    runner.run().await
}

/// Wakes the processor now and then: an emulated network answers an idle machine late, and the clock
/// is to be looked at more often than its counter wraps.
#[embassy_executor::task]
async fn beat() -> ! {
    loop {
        Timer::after_millis(10).await;
    }
}

impl From<Broken> for Failure {
    fn from(_: Broken) -> Self {
        Self::Ethernet
    }
}
