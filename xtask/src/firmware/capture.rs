//! What passed a device's cable, and a search in it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use kernel::wire::{FrameType, HEADER_BYTES, Header, SessionId};

/// The device's address on its network.
const DEVICE: [u8; 4] = [10, 0, 2, 15];

/// Bytes of a needle: four words. Shorter ones would be found by chance.
pub(crate) const NEEDLE: usize = 16;

/// Byte streams between the device and others.
pub(crate) struct Capture {
    /// What the device sent, connection by connection.
    up: Vec<Vec<u8>>,
    /// What it received.
    down: Vec<Vec<u8>>,
    /// Frames that are not TCP, such as those that ask for addresses.
    other: Vec<u8>,
}

/// One direction of a connection.
struct Stream {
    up: bool,
    next: u32,
    bytes: Vec<u8>,
}

impl Capture {
    /// As if a device had sent these streams.
    pub(crate) const fn of(up: Vec<Vec<u8>>) -> Self {
        Self { up, down: Vec::new(), other: Vec::new() }
    }

    /// Reads a capture and puts its TCP streams together.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let mut streams: Vec<Stream> = Vec::new();
        // The newest stream of each pair of ends.
        let mut newest: HashMap<[u8; 12], usize> = HashMap::new();
        let mut other = Vec::new();
        let mut rest = file.get(24..).context("not a capture")?;
        while let Some((header, after)) = rest.split_first_chunk::<16>() {
            let length = word_le(header, 8) as usize;
            let Some((frame, after)) = after.split_at_checked(length) else { break };
            rest = after;
            match segment(frame) {
                None => other.extend_from_slice(frame),
                Some(segment) => {
                    let begins = || Stream {
                        up: segment.ends[..4] == DEVICE,
                        next: segment.number.wrapping_add(1),
                        bytes: Vec::new(),
                    };
                    if segment.begins {
                        newest.insert(segment.ends, streams.len());
                        streams.push(begins());
                        continue;
                    }
                    let Some(&at) = newest.get(&segment.ends) else { continue };
                    let stream = &mut streams[at];
                    // What was sent before is sent again where an answer to it was lost.
                    let known = stream.next.wrapping_sub(segment.number) as usize;
                    if known < segment.bytes.len() {
                        stream.bytes.extend_from_slice(&segment.bytes[known..]);
                        let added = (segment.bytes.len() - known) as u32;
                        stream.next = stream.next.wrapping_add(added);
                    } else {
                        let again = known < 1 << 24;
                        ensure!(again || segment.bytes.is_empty(), "a segment is missing");
                    }
                }
            }
        }
        let (up, down) = streams.into_iter().partition::<Vec<_>, _>(|stream| stream.up);
        let bytes = |streams: Vec<Stream>| streams.into_iter().map(|s| s.bytes).collect();
        Ok(Self { up: bytes(up), down: bytes(down), other })
    }

    /// All streams, and what is not TCP.
    fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.up.iter().chain(&self.down).map(Vec::as_slice).chain([&self.other[..]])
    }

    /// Bytes in all.
    pub(crate) fn bytes(&self) -> usize {
        self.all().map(<[u8]>::len).sum()
    }

    /// The first of `needles` that occurs anywhere, at any offset.
    pub(crate) fn find(&self, needles: &Needles) -> Option<[u8; NEEDLE]> {
        self.all().find_map(|stream| needles.first_in(stream))
    }

    /// The first of `texts` that occurs anywhere, whatever its letters' case.
    pub(crate) fn find_text<'t>(&self, texts: &[&'t str]) -> Option<&'t str> {
        // Most places begin no text.
        let mut begins = [false; 256];
        for byte in texts.iter().filter_map(|text| text.bytes().next()) {
            begins[usize::from(byte.to_ascii_lowercase())] = true;
            begins[usize::from(byte.to_ascii_uppercase())] = true;
        }
        let at = |rest: &[u8]| {
            let same = |text: &&&str| {
                rest.get(..text.len()).is_some_and(|r| r.eq_ignore_ascii_case(text.as_bytes()))
            };
            texts.iter().find(same).copied()
        };
        self.all().find_map(|stream| {
            let places = (0..stream.len()).filter(|&place| begins[usize::from(stream[place])]);
            places.into_iter().find_map(|place| at(&stream[place..]))
        })
    }

    /// The frames that the device sent, by session, in order.
    pub(crate) fn sent(&self) -> Vec<(SessionId, FrameType, &[u8])> {
        let mut frames = Vec::new();
        for mut stream in self.up.iter().map(Vec::as_slice) {
            while let Some((header, after)) = stream.split_first_chunk::<HEADER_BYTES>() {
                let Ok(header) = Header::decode(header) else { break };
                // The last frame of a broken link may be a part of one.
                let Some((payload, after)) = after.split_at_checked(header.length as usize) else {
                    break;
                };
                frames.push((header.session, header.frame, payload));
                stream = after;
            }
        }
        frames
    }
}

struct Segment<'f> {
    /// Addresses and ports: from, to.
    ends: [u8; 12],
    number: u32,
    begins: bool,
    bytes: &'f [u8],
}

/// The TCP segment of an Ethernet frame with IPv4.
fn segment(frame: &[u8]) -> Option<Segment<'_>> {
    const ETHERNET: usize = 14;
    const TCP: u8 = 6;
    const SYN: u8 = 2;
    let packet = frame.get(ETHERNET..).filter(|_| frame[12..14] == [8, 0])?;
    let header = 4 * usize::from(packet.first()? & 15);
    // Short packets are padded.
    let total = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let tcp = packet.get(header..total).filter(|_| packet[9] == TCP)?;
    let bytes = tcp.get(4 * usize::from(*tcp.get(12)? >> 4)..)?;
    let mut ends = [0; 12];
    ends[..4].copy_from_slice(&packet[12..16]);
    ends[4..8].copy_from_slice(&packet[16..20]);
    ends[8..].copy_from_slice(&tcp[..4]);
    let number = u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]);
    Some(Segment { ends, number, begins: tcp[13] & SYN != 0, bytes })
}

fn word_le(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// What must not be found.
pub(crate) struct Needles {
    all: HashSet<[u8; NEEDLE]>,
    /// Which first four bytes any of them has, hashed: most places end here.
    likely: Vec<bool>,
}

impl Needles {
    /// Every run of four of these words, except where they hardly differ: four zeros are anywhere.
    pub(crate) fn of_words(words: &[u32]) -> Self {
        let telling = |run: &&[u32]| run.iter().collect::<HashSet<_>>().len() == run.len();
        let bytes = |run: &[u32]| {
            let mut needle = [0; NEEDLE];
            let parts = needle.as_chunks_mut::<4>().0.iter_mut();
            parts.zip(run).for_each(|(part, word)| *part = word.to_le_bytes());
            needle
        };
        Self::new(words.windows(NEEDLE / 4).filter(telling).map(bytes).collect())
    }

    pub(crate) fn new(all: HashSet<[u8; NEEDLE]>) -> Self {
        let mut likely = vec![false; 1 << 24];
        for needle in &all {
            likely[place(needle)] = true;
        }
        Self { all, likely }
    }

    /// All of them.
    pub(crate) fn union(parts: Vec<Self>) -> Self {
        Self::new(parts.into_iter().flat_map(|part| part.all).collect())
    }

    fn first_in(&self, stream: &[u8]) -> Option<[u8; NEEDLE]> {
        let windows = stream.windows(NEEDLE).filter_map(|window| window.first_chunk::<NEEDLE>());
        windows.copied().find(|window| self.likely[place(window)] && self.all.contains(window))
    }
}

/// A place for a needle by its first four bytes.
fn place(needle: &[u8; NEEDLE]) -> usize {
    word_le(needle, 0).wrapping_mul(0x9E37_79B1) as usize >> 8
}
