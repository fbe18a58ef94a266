//! Text as it comes, on stdout, and bars for what is not text, on stderr.

use crate::interrupt::Interrupts;
use crate::progress;
use device_client::generate::Event;
use indicatif::ProgressBar;
use kernel::bundle::DeviceBundle;
use kernel::schedule::Schedule;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;
use zeroize::Zeroizing;

/// What a person sees of a run.
///
/// Terminals and pipes are written by a thread of their own: however slow they are, and whether
/// there is text to write or not, the session does not wait for them.
pub(crate) struct Display<'a> {
    bundle: &'a DeviceBundle<'a>,
    interrupts: &'a Interrupts,
    ended: bool,
    screen: Option<(Sender<Show>, JoinHandle<()>)>,
}

/// What the thread is told.
enum Show {
    /// Rows of the prompt's bucket that are done, of how many.
    Prompt(u32, u32),
    /// Tokens of the answer that are done, and the text of the last, while there is text.
    Token(u64, Option<Zeroizing<Vec<u8>>>),
}

impl<'a> Display<'a> {
    /// A display that shows text unless it is `quiet`.
    pub(crate) fn new(
        bundle: &'a DeviceBundle<'a>,
        interrupts: &'a Interrupts,
        schedule: &Schedule,
        quiet: bool,
    ) -> Self {
        let (sender, shows) = mpsc::channel();
        let mut screen = Screen {
            bar: progress::count("prompt", u64::from(schedule.prompt_bucket())),
            tokens: u64::from(schedule.output_bucket()),
            ended: quiet,
            text: Text::default(),
        };
        let thread = std::thread::spawn(move || {
            while let Ok(show) = shows.recv() {
                screen.show(show);
            }
            screen.end_text();
            screen.bar.finish_and_clear();
        });
        Self { bundle, interrupts, ended: quiet, screen: Some((sender, thread)) }
    }

    /// Shows an event.
    pub(crate) fn show(&mut self, event: &Event<'_>) {
        let show = match event {
            Event::Prefill { rows, of } => Show::Prompt(*rows, *of),
            Event::Logits { .. } => return,
            Event::Token { index, token, sound } => {
                let ends = !sound || self.bundle.stop_tokens().contains(token);
                self.ended |= ends || self.interrupts.is_hidden();
                let text = (!self.ended).then(|| self.bundle.token_text(*token).to_vec().into());
                Show::Token(u64::from(*index) + 1, text)
            }
        };
        if let Some((sender, _)) = &self.screen {
            let _ = sender.send(show);
        }
    }
}

impl Drop for Display<'_> {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.screen.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Screen {
    bar: ProgressBar,
    tokens: u64,
    /// No text is shown, or no more: a bar counts the tokens.
    ended: bool,
    text: Text,
}

impl Screen {
    fn show(&mut self, show: Show) {
        match show {
            Show::Prompt(rows, of) => {
                self.bar.set_position(u64::from(rows));
                if rows == of {
                    self.bar.finish_and_clear();
                    if self.ended {
                        self.bar = progress::count("answer", self.tokens);
                    }
                }
            }
            Show::Token(done, _) if self.ended => self.bar.set_position(done),
            Show::Token(done, None) => {
                self.end_text();
                self.bar = progress::count("to the end", self.tokens);
                self.bar.set_position(done);
            }
            Show::Token(_, Some(text)) => {
                // A closed pipe ends the display, not the session.
                self.ended = self.text.add(&text).is_err();
            }
        }
    }

    fn end_text(&mut self) {
        if !self.ended {
            self.ended = true;
            let _ = self.text.end();
        }
    }
}

/// Text on stdout, made of tokens that may end in the middle of a character.
#[derive(Default)]
struct Text {
    partial: Vec<u8>,
    begun: bool,
}

impl Text {
    /// Prints the complete characters of the text so far.
    fn add(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.partial.extend_from_slice(bytes);
        let rest = self.partial.split_off(complete(&self.partial));
        let complete = Zeroizing::new(core::mem::replace(&mut self.partial, rest));
        self.print(&complete)
    }

    fn print(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let text = String::from_utf8_lossy(bytes);
        let text = if self.begun { &text } else { text.trim_start() };
        if text.is_empty() {
            return Ok(());
        }
        self.begun = true;
        let mut out = std::io::stdout();
        if out.is_terminal() {
            // A model must not steer the terminal.
            let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
            out.write_all(text.replace(steers, "\u{fffd}").as_bytes())?;
        } else {
            out.write_all(text.as_bytes())?;
        }
        out.flush()
    }

    /// Prints what is left, and a line's end.
    fn end(&mut self) -> std::io::Result<()> {
        let rest = core::mem::take(&mut self.partial);
        self.print(&rest)?;
        if self.begun { writeln!(std::io::stdout()) } else { Ok(()) }
    }
}

/// The length of `bytes` without a character at the end that lacks bytes.
fn complete(bytes: &[u8]) -> usize {
    let unfinished = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    match core::str::from_utf8(unfinished) {
        Err(error) if error.error_len().is_none() => bytes.len() - unfinished.len(),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::complete;

    #[test]
    fn only_an_unfinished_character_at_the_end_is_kept_back() {
        let euro = "€".as_bytes();
        for (bytes, expected) in [
            (&b""[..], 0),
            (b"ab", 2),
            (euro, 3),
            (&euro[..2], 0),
            (b"a\xe2", 1),
            (b"\xff", 1),
            (b"\xffa\xe2\x82", 2),
            (b"\xe2\x82a", 3),
        ] {
            assert_eq!(complete(bytes), expected, "{bytes:x?}");
        }
    }
}
