//! What a device has to do well, and what it has to survive.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use kernel::prime::{Prime, T};
use kernel::wire::FrameType;

use super::capture::{Capture, NEEDLE, Needles};
use super::machine::{Ended, Machine, Setup};
use super::party::{CHUNK, PROMPT, Party, SEED, TEMPERATURE, TOKENS, list};
use super::proxy::{self, Deed, How, Proxy};

/// A device and its surroundings.
pub(crate) struct Trials<'t> {
    pub(crate) party: &'t Party,
    pub(crate) program: PathBuf,
    /// For captures.
    pub(crate) folder: &'t Path,
}

/// Limits that a host on a busy machine keeps.
const PATIENT: [&str; 2] = ["connect=600", "wait=600"];

/// Limits under which a host that is silent is given up in a minute, and one that speaks has time enough.
const IMPATIENT: [&str; 4] = ["connect=30", "wait=30", "attempts=1", "pause=1"];

/// The answer that does not come, so that a device is in the middle of its text until something is done to it:
/// the prompt has 80 products, and each token 21.
const MIDDLE: u32 = 80 + 21 * 8;

/// What the device says when it has begun to show its text.
const FIRST_WORDS: usize = 5;

impl Trials<'_> {
    fn start(&self, port: u16, capture: Option<&Path>, words: &[&str]) -> Result<Machine> {
        let bundle = self.party.bundle();
        let setup = Setup { program: &self.program, bundle: &bundle, port, capture };
        let prompt = format!("prompt={}", list(&self.party.prompt));
        let (tokens, chunk) = (format!("tokens={TOKENS}"), format!("chunk={CHUNK}"));
        let (temperature, seed) = (format!("temperature={TEMPERATURE}"), format!("seed={SEED}"));
        let all = [&*prompt, &tokens, &chunk, &temperature, &seed, "pace=2000"];
        let all = [&all, &PATIENT[..], words].concat();
        Machine::start(&setup, &all)
    }

    fn run(&self, port: u16, words: &[&str]) -> Result<Ended> {
        self.start(port, None, words)?.finish()
    }

    /// That the device's text is the desktop's, token by token.
    fn same_text(&self, ended: &Ended) -> Result<()> {
        let tokens = ended.lines("tokens").last().context("the device printed no tokens")?;
        let expected = self.party.tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        ensure!(tokens == expected, "the device generated {tokens}, the desktop {expected}");
        let text = &self.party.text;
        ensure!(ended.printed.contains(text.trim()), "{text:?} is not in {}", ended.printed);
        Ok(())
    }

    /// A whole run over Noise, of which the cable does not even show the model. Returns what it printed.
    pub(crate) fn secured(&self, mode: &str) -> Result<Ended> {
        let file = self.folder.join(format!("{mode}-noise.pcap"));
        let [host, device] = &self.party.keys;
        let words = [&*format!("mode={mode}"), host, device];
        let device = self.start(self.party.host.port, Some(&file), &words)?;
        let ended = device.finish()?.must(0, &["erased", "exit 0"])?;
        self.same_text(&ended)?;
        let capture = Capture::read(&file)?;
        ensure!(capture.find(&self.digest()?).is_none(), "the model's digest is on the cable");
        std::fs::remove_file(&file)?;
        println!("{mode}, over Noise: {TOKENS} tokens as on the desktop");
        Ok(ended)
    }

    /// A host that has another key than the one that the device was told.
    pub(crate) fn stranger(&self) -> Result<()> {
        let [_, device] = &self.party.keys;
        let other = format!("host-key=09{}", "0".repeat(62));
        let words = ["mode=direct", &*other, device, "attempts=1"];
        self.run(self.party.host.port, &words)?
            .must(1, &["the session ended early", "another key"])?;
        println!("stranger: refused");
        Ok(())
    }

    /// What tells the model.
    fn digest(&self) -> Result<Needles> {
        let digest = self.party.digest.first_chunk::<NEEDLE>().context("a digest")?;
        Ok(Needles::new([*digest].into()))
    }

    /// A whole run in the clear, of which the cable shows nothing. Returns what it printed.
    pub(crate) fn ordinary(&self, mode: &str, activations: &[i32]) -> Result<Ended> {
        let file = self.folder.join(format!("{mode}.pcap"));
        let device = self.start(self.party.host.port, Some(&file), &[&format!("mode={mode}")])?;
        let ended = device.finish()?.must(0, &["erased", "exit 0"])?;
        self.same_text(&ended)?;
        let capture = Capture::read(&file)?;
        self.shows_nothing(&capture, activations)?;
        std::fs::remove_file(&file)?;
        println!("{mode}: {TOKENS} tokens as on the desktop");
        Ok(ended)
    }

    /// Searches a capture for everything that is nobody's business, and first of all for what is.
    fn shows_nothing(&self, capture: &Capture, activations: &[i32]) -> Result<()> {
        ensure!(
            capture.find(&self.digest()?).is_some(),
            "not even the model's digest is in the capture"
        );

        let residues: Vec<u32> = activations.iter().map(|&x| T::from_i32(x)).collect();
        let integers: Vec<u32> = activations.iter().map(|&x| x as u32).collect();
        let parts = [&residues, &integers, &self.party.prompt, &self.party.tokens];
        let secrets: Vec<_> = parts.into_iter().map(|words| Needles::of_words(words)).collect();
        for (words, needles) in parts.into_iter().zip(&secrets) {
            self.would_be_found(words, needles)?;
        }
        let secrets = Needles::union(secrets);
        let found = capture.find(&secrets);
        ensure!(found.is_none(), "numbers of the run are on the cable, in clear: {found:02x?}");
        let words = PROMPT.split(' ').chain(self.party.text.split_whitespace());
        let words: Vec<_> = words.filter(|word| word.len() >= 6).collect();
        let found = capture.find_text(&words);
        ensure!(found.is_none(), "{found:?} is on the cable, in clear");
        let bytes = capture.bytes();
        println!(
            "{bytes} bytes on the cable: no prompt, no text, none of {} activations",
            residues.len()
        );
        Ok(())
    }

    /// The search's own test: a stream in which some of the words were left, at an odd place.
    fn would_be_found(&self, words: &[u32], needles: &Needles) -> Result<()> {
        let middle = &words[words.len() / 2..];
        let run = middle.windows(8).find(|run| !run.contains(&0)).unwrap_or(&words[..8]);
        let mut stream = vec![7; 1001];
        stream.extend(run.iter().flat_map(|word| word.to_le_bytes()));
        stream.extend([7; 1000]);
        let planted = Capture::of(vec![stream]);
        ensure!(planted.find(needles).is_some(), "the search finds nothing");
        let plain = format!("..{PROMPT}..").into_bytes();
        let plain = Capture::of(vec![plain]);
        ensure!(plain.find_text(&["nothing", "LIVING"]) == Some("LIVING"), "no text is found");
        Ok(())
    }

    fn first_words(&self) -> String {
        self.party.text.chars().take(FIRST_WORDS).collect()
    }

    /// A host that falls silent in the middle of a text, on its first connection in a session alone.
    fn pausing(&self) -> Result<Proxy> {
        let (frame, which) = (FrameType::ProductReply, MIDDLE..MIDDLE + 1);
        proxy::start(self.party.host.port, &[Deed { how: How::Stall, frame, which }])
    }

    /// Waits until a device is in the middle of its text, where it stays.
    fn middle(&self, device: &mut Machine, host: &Proxy) -> Result<()> {
        device.wait_for(&self.first_words(), 1)?;
        device.wait_until("the middle of the text", |_| host.has_begun())
    }

    /// The cable is pulled in the middle of a text and put in again.
    pub(crate) fn cable(&self) -> Result<()> {
        let words = [&["mode=direct", "starts=2"][..], &IMPATIENT].concat();
        let host = self.pausing()?;
        let mut device = self.start(host.port, None, &words)?;
        self.middle(&mut device, &host)?;
        device.cable(false)?;
        device.wait_for("starting again", 1)?;
        device.cable(true)?;
        let ended =
            device.finish()?.must(0, &["erased\nerror: the session ended early", "exit 0"])?;
        ensure!(ended.printed.matches("erased").count() == 2, "{}", ended.printed);
        self.same_text(&ended)?;
        println!("cable: reported, erased, and started again");
        Ok(())
    }

    /// The board is reset in the middle of a text.
    pub(crate) fn reset(&self) -> Result<()> {
        let file = self.folder.join("reset.pcap");
        let host = self.pausing()?;
        let mut device = self.start(host.port, Some(&file), &["mode=masked"])?;
        self.middle(&mut device, &host)?;
        device.reset()?;
        device.wait_for("model ", 2)?;
        let ended = device.finish()?.must(0, &["erased", "exit 0"])?;
        self.same_text(&ended)?;
        let capture = Capture::read(&file)?;
        self.masks_differ(&capture)?;
        std::fs::remove_file(&file)?;
        println!("reset: started again, with new masks");
        Ok(())
    }

    /// That two sessions with the same prompt have nothing in common: the same mask for the same
    /// activation would give the same words.
    fn masks_differ(&self, capture: &Capture) -> Result<()> {
        let frames = capture.sent();
        let products = frames.iter().filter(|(_, frame, _)| *frame == FrameType::Product);
        let mut sessions: Vec<(_, Vec<&[u8]>)> = Vec::new();
        for (session, _, payload) in products {
            match sessions.last_mut().filter(|(last, _)| last == session) {
                Some((_, payloads)) => payloads.push(payload),
                None => sessions.push((*session, vec![payload])),
            }
        }
        let [(_, first), (_, second)] = sessions.as_slice() else {
            anyhow::bail!("{} sessions with products, not 2", sessions.len());
        };
        ensure!(!first.is_empty() && second.len() > first.len(), "the reset came at no good time");
        let words = |payloads: &[&[u8]]| {
            let words = payloads.iter().flat_map(|payload| payload.as_chunks::<4>().0);
            words.map(|word| u32::from_le_bytes(*word)).collect::<Vec<_>>()
        };
        let before = Needles::of_words(&words(first));
        let after = Capture::of(second.iter().map(|p| p.to_vec()).collect());
        ensure!(after.find(&before).is_none(), "a mask was used twice");
        let again = Capture::of(vec![first[first.len() / 2].to_vec()]);
        ensure!(again.find(&before).is_some(), "the search finds nothing");
        Ok(())
    }

    /// A store that is too small for the request.
    pub(crate) fn full_store(&self) -> Result<()> {
        let said = ["the store has room for 4 tokens, and 47 are needed", "erased"];
        self.run(self.party.host.port, &["mode=masked", "store=4"])?.must(1, &said)?;
        println!("full store: reported");
        Ok(())
    }

    /// A host that lies about a unit, and later about a product.
    pub(crate) fn liar(&self) -> Result<()> {
        let lie = |frame, which| Deed { how: How::Lie, frame, which };
        let deeds = [lie(FrameType::UnitRows, 3..4), lie(FrameType::ProductReply, 90..91)];
        let port = proxy::start(self.party.host.port, &deeds)?.port;
        let said = ["prepared 21 units, 1 refused", "caught cheating", "erased"];
        let ended = self.run(port, &["mode=masked"])?.must(3, &said)?;
        ensure!(ended.lines("tokens").next().is_none(), "tokens in spite of a lie");
        println!("liar, masked: one unit made anew; caught, reported, erased");
        Ok(())
    }

    /// A host that lies in direct mode is not given a second chance in it.
    pub(crate) fn liar_direct(&self) -> Result<()> {
        let deed = Deed { how: How::FlipBit, frame: FrameType::ProductReply, which: 90..91 };
        let port = proxy::start(self.party.host.port, &[deed])?.port;
        let said = ["caught cheating", "starting again", "only masked mode may be used", "erased"];
        let ended = self.run(port, &["mode=direct", "starts=2", "pause=1"])?.must(3, &said)?;
        ensure!(ended.lines("tokens").next().is_none(), "tokens in spite of a lie");
        println!("liar, direct: caught, reported, erased, and not asked again");
        Ok(())
    }

    /// A host that falls silent in the middle, and one that speaks something else.
    pub(crate) fn silent(&self) -> Result<()> {
        let words = [&["mode=direct"][..], &IMPATIENT].concat();
        for (how, frame, which, said) in [
            (How::Stall, FrameType::ProductReply, 40..u32::MAX, "no answer in time"),
            (How::Stall, FrameType::Welcome, 0..u32::MAX, "no answer in time"),
            (How::Babble, FrameType::Welcome, 0..u32::MAX, "the host broke the protocol"),
        ] {
            let port = proxy::start(self.party.host.port, &[Deed { how, frame, which }])?.port;
            self.run(port, &words)?.must(1, &["the session ended early", said, "erased"])?;
            println!("{how:?} at {frame:?}: ended, reported, erased");
        }
        Ok(())
    }
}
