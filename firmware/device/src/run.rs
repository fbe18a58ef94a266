//! One run: a session with the host, from a prompt to a text.

use crate::arguments::{Arguments, Mode};
#[cfg(feature = "direct")]
use crate::direct;
use crate::failure::Failure;
#[cfg(feature = "masked")]
use crate::masked;
use crate::memory::{Arena, Memory};
use crate::secure::{SecureConnector, Security};
use board::entropy::MachineEntropy;
use board::{print, println};
use device_client::choose::Choice;
use device_client::client::Client;
use device_client::decoder::Decoder;
use device_client::generate::{Event, Sampling, generate};
use device_client::net::Endpoint;
use device_client::session::DynamicSession;
use embassy_net::Stack;
use embassy_time::Instant;
use kernel::bundle::DeviceBundle;
use kernel::schedule::Schedule;
use kernel::stream::{Entropy, Seed};
use kernel::wire::SessionId;

/// Bytes of the buffers of the one connection. More for what comes in would overrun the controller.
const RECEIVE: usize = 8 * 1024;
const SEND: usize = 16 * 1024;

/// Bytes of the parts in which frames pass: most requests of masked mode are one, and leave at once.
pub(crate) const PART: usize = 4 * 1024;

/// What all modes share.
pub(crate) struct Run<'r> {
    pub(crate) bundle: &'r DeviceBundle<'r>,
    pub(crate) arguments: &'r Arguments,
    pub(crate) schedule: Schedule,
    pub(crate) endpoint: Endpoint<'r>,
    pub(crate) security: Security<'r>,
    pub(crate) id: SessionId,
}

/// Runs a session and prints its text. `caught` is whether the host has cheated before.
pub(crate) async fn run(
    bundle: &DeviceBundle<'_>,
    arguments: &Arguments,
    stack: Stack<'static>,
    memory: &mut Memory,
    #[cfg_attr(
        not(feature = "direct"),
        expect(unused_variables, reason = "it forbids direct mode")
    )]
    caught: bool,
) -> Result<(), Failure> {
    let config = bundle.config();
    let wanted = arguments.chunk as usize;
    let chunk = match arguments.mode {
        #[cfg(feature = "masked")]
        Mode::Masked => device_client::masked::fitting_chunk(config, wanted),
        #[cfg(feature = "direct")]
        Mode::Direct if caught => return Err(Failure::Distrust),
        #[cfg(feature = "direct")]
        Mode::Direct => device_client::direct::direct_fitting_chunk::<direct::Set>(config, wanted),
    };
    let length = arguments.prompt.len() as u32;
    let schedule = Schedule::for_request(config, length, arguments.tokens, chunk as u32)?;
    let (mut internal, mut external) = memory.arenas();
    let receive = internal.take("received", RECEIVE)?;
    let send = internal.take("to send", SEND)?;
    let endpoint = Endpoint::new(stack, arguments.host, receive, send, arguments.limits);
    let keys = (arguments.device_key.as_ref(), arguments.host_key.as_ref());
    let security = Security::new(keys.0, keys.1, &mut internal)?;
    let mut id = SessionId([0; 16]);
    MachineEntropy.fill(&mut id.0)?;
    let run = Run { bundle, arguments, schedule, endpoint, security, id };
    match arguments.mode {
        #[cfg(feature = "masked")]
        Mode::Masked => masked::run(&run, internal, &mut external).await,
        #[cfg(feature = "direct")]
        Mode::Direct => direct::run(&run, internal, &mut external).await,
    }
}

impl Run<'_> {
    /// The online phase, with frames that pass through `part`.
    pub(crate) async fn generate(
        &self,
        session: DynamicSession<'_>,
        part: &mut [u8],
        external: &mut Arena<'_>,
    ) -> Result<(), Failure> {
        let (config, chunk) = (self.bundle.config(), self.schedule.chunk() as usize);
        let context = self.schedule.positions() as usize;
        let length = Decoder::workspace_len(config, context, chunk);
        let floats = external.take("decoder, with its cache", length.floats)?;
        let integers = external.take("products", length.integers)?;
        let indices = external.take("choice", config.vocab as usize)?;
        let tokens: &mut [u32] = external.take("tokens", self.arguments.tokens as usize)?;
        let mut decoder = Decoder::new(self.bundle, context, chunk, floats, integers)?;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.arguments.seed.to_le_bytes());
        let choice = Choice::new(self.arguments.temperature, 1.0)?;
        let sampling = Sampling { choice, seed: Seed::from_bytes(seed) };

        let connector = SecureConnector::new(&self.endpoint, &self.security, self.arguments.pace);
        let began = Instant::now();
        let mut client = Client::open(session, connector, part).await?;
        let mut shown = true;
        let outcome = generate(
            &mut decoder,
            &self.schedule,
            &self.arguments.prompt,
            &sampling,
            indices,
            &mut client,
            |event| {
                if let Event::Token { index, token, sound: true } = event {
                    // The end of a text ends what is shown, and nothing else.
                    shown &= !self.bundle.stop_tokens().contains(&token);
                    if shown {
                        self.show(token);
                    }
                    if let Some(place) = tokens.get_mut(index as usize) {
                        *place = token;
                    }
                }
            },
        )
        .await;
        println!();
        let failed = client.failures();
        if failed > 0 {
            // Also where the link broke behind it.
            if outcome.is_ok() {
                let _ = client.close().await;
            }
            return Err(Failure::Cheated { failed });
        }
        outcome?;
        let (verdict, up, down) = client.close().await?;
        if verdict.failed > 0 {
            return Err(Failure::Cheated { failed: verdict.failed });
        }
        print!("tokens");
        tokens.iter().for_each(|token| print!(" {}", token));
        println!();
        println!("checks {} up {} down {}", verdict.checks, up, down);
        println!("online {} ms", began.elapsed().as_millis());
        Ok(())
    }

    /// Prints a token.
    fn show(&self, token: u32) {
        for part in self.bundle.token_text(token).utf8_chunks() {
            print!("{}", part.valid());
        }
    }
}
