//! Provisioned correlations: a file that a trusted machine made, used up token by token.
//!
//! All little-endian. A 64-byte header: magic `subrosaC`, version (u32), groups (u32), tokens
//! (u32), 12 reserved bytes, the model's digest (32). Then the number of used tokens of each group
//! (u32), the mask seed of each group (32 bytes), and for each group `tokens x rows` words of z.
//! The counts move, durably, before a token is used.

use anyhow::{Context, Result, bail};
use device_client::store::{CorrelationStore, StoreError};
use host_server::engine::Engine;
use kernel::bundle::{CHECK_REPETITIONS, DeviceBundle};
use kernel::check::{LinearCheck, Poison};
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::stream::{Entropy, SEED_BYTES, Seed, one_time_mask};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::entropy::SystemEntropy;
use crate::interrupt::Interrupts;

const MAGIC: &[u8; 8] = b"subrosaC";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 64;
/// Tokens whose products are made together.
const STEP: usize = 64;

/// A provisioned file, locked for this process.
pub(crate) struct ProvisionedStore {
    file: File,
    tokens: u32,
    groups: Vec<Group>,
}

struct Group {
    shape: GroupShape,
    seed: Seed,
    /// Where its z begins.
    offset: u64,
    /// Tokens used or reserved, as the file says.
    used: u32,
    /// The next reserved token to be taken.
    next: u32,
}

impl ProvisionedStore {
    /// Opens and locks a file for the device of `bundle`.
    pub(crate) fn open(path: &Path, bundle: &DeviceBundle<'_>) -> Result<Self> {
        let name = path.display();
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| format!("opening {name}"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("{name} is in use by another process"),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {name}"));
            }
        }
        let config = bundle.config();
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).with_context(|| format!("{name} is too short"))?;
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if &header[..8] != MAGIC || word(8) != VERSION {
            bail!("{name} is not a file of provisioned correlations of version {VERSION}");
        }
        if word(12) != config.group_count() || header[32..] != bundle.digest().0 {
            bail!("{name} was provisioned for another model");
        }
        let tokens = word(16);
        let layout = Layout::new(config, tokens);
        let length = file.metadata()?.len();
        if length != layout.length {
            bail!("{name} is damaged: it has {length} bytes and should have {}", layout.length);
        }
        let mut groups = Vec::new();
        let mut counts = vec![0; 4 * config.group_count() as usize];
        file.read_exact(&mut counts)?;
        for (count, place) in counts.chunks_exact(4).zip(&layout.groups) {
            let used = u32::from_le_bytes([count[0], count[1], count[2], count[3]]);
            if used > tokens {
                bail!("{name} is damaged: more tokens are used than it holds");
            }
            let mut seed = [0; SEED_BYTES];
            file.read_exact(&mut seed)?;
            let seed = Seed::from_bytes(seed);
            groups.push(Group { shape: place.0, seed, offset: place.1, used, next: used });
        }
        Ok(Self { file, tokens, groups })
    }

    /// Writes every group's count and waits until it is durable.
    fn write_counts(&mut self) -> io::Result<()> {
        let counts: Vec<u8> = self.groups.iter().flat_map(|g| g.used.to_le_bytes()).collect();
        self.file.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
        self.file.write_all(&counts)?;
        self.file.sync_data()
    }
}

impl CorrelationStore for ProvisionedStore {
    fn available(&self, group: GroupId) -> u32 {
        self.groups.get(group.0 as usize).map_or(0, |g| self.tokens - g.used)
    }

    fn reserve(&mut self, demand: &dyn Fn(GroupId) -> u32) -> Result<(), StoreError> {
        for index in 0..self.groups.len() as u32 {
            let (available, needed) = (self.available(GroupId(index)), demand(GroupId(index)));
            if available < needed {
                return Err(StoreError::TooFew { group: index, available, needed });
            }
        }
        for (index, group) in (0..).zip(&mut self.groups) {
            group.next = group.used;
            group.used += demand(GroupId(index));
        }
        self.write_counts().map_err(|_| StoreError::Storage)
    }

    fn take(&mut self, group: GroupId, r: &mut [u32], z: &mut [u32]) -> Result<(), StoreError> {
        let group = self.groups.get_mut(group.0 as usize).ok_or(StoreError::Order)?;
        let GroupShape { rows, columns } = group.shape;
        if group.next == group.used || r.len() != columns || z.len() != rows {
            return Err(StoreError::Order);
        }
        let token = group.next;
        group.next += 1;
        let at = group.offset + u64::from(token) * 4 * rows as u64;
        let mut bytes = vec![0; 4 * rows];
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|_| StoreError::Storage)?;
        for (z, word) in z.iter_mut().zip(bytes.chunks_exact(4)) {
            *z = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        }
        one_time_mask(&group.seed, token as usize, 0, r);
        Ok(())
    }

    fn begin_unit(&mut self, _: GroupId, _: usize, _: Seed) -> Result<(), StoreError> {
        Err(StoreError::Full)
    }

    fn put_row(&mut self, _: &[u32]) -> Result<(), StoreError> {
        Err(StoreError::Order)
    }

    fn finish_unit(&mut self, _: bool) -> Result<(), StoreError> {
        Err(StoreError::Order)
    }
}

/// Where everything lies in a file.
struct Layout {
    groups: Vec<(GroupShape, u64)>,
    length: u64,
}

impl Layout {
    fn new(config: &ModelConfig, tokens: u32) -> Self {
        let prefix = HEADER_BYTES + config.group_count() as usize * (4 + SEED_BYTES);
        let mut length = prefix as u64;
        let mut groups = Vec::new();
        for shape in config.groups().filter_map(|g| config.shape(g)) {
            groups.push((shape, length));
            length += 4 * shape.rows as u64 * u64::from(tokens);
        }
        Self { groups, length }
    }
}

/// Bytes of a file of correlations for `tokens` tokens.
pub(crate) fn file_bytes(config: &ModelConfig, tokens: u32) -> u64 {
    Layout::new(config, tokens).length
}

/// Makes correlations for `tokens` tokens and writes them to a new file, checking each against the
/// device's check vectors. `progress` hears of tokens done, over all groups.
pub(crate) fn provision(
    engine: &Engine,
    bundle: &DeviceBundle<'_>,
    tokens: u32,
    path: &Path,
    interrupts: &Interrupts,
    mut progress: impl FnMut(u64),
) -> Result<()> {
    let config = bundle.config();
    if engine.digest() != bundle.digest() {
        bail!("the weights and the device bundle are of different models (their digests differ)");
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).with_context(|| format!("creating {}", path.display()))?;
    interrupts.leaves_nothing_of(path.to_owned());
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let result = (|| {
        let mut header = [0; HEADER_BYTES];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&config.group_count().to_le_bytes());
        header[16..20].copy_from_slice(&tokens.to_le_bytes());
        header[32..].copy_from_slice(&bundle.digest().0);
        out.write_all(&header)?;
        out.write_all(&vec![0; 4 * config.group_count() as usize])?;
        let mut seeds = Vec::new();
        for _ in config.groups() {
            let mut bytes = [0; SEED_BYTES];
            SystemEntropy.fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
            out.write_all(&bytes)?;
            seeds.push(Seed::from_bytes(bytes));
        }
        for (group, seed) in config.groups().zip(&seeds) {
            provision_group(engine, bundle, group, seed, tokens as usize, &mut out, &mut progress)?;
        }
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(())
    })();
    if result.is_err() {
        // Half a file is of no use to anyone.
        let _ = std::fs::remove_file(path);
    }
    interrupts.keeps(path);
    result
}

fn provision_group(
    engine: &Engine,
    bundle: &DeviceBundle<'_>,
    group: GroupId,
    seed: &Seed,
    tokens: usize,
    out: &mut impl Write,
    progress: &mut impl FnMut(u64),
) -> Result<()> {
    let GroupShape { rows, columns } = bundle.shape(group);
    let mut r = vec![0; STEP * columns];
    for first in (0..tokens).step_by(STEP) {
        let count = STEP.min(tokens - first);
        let r = &mut r[..count * columns];
        for (token, r) in (first..).zip(r.chunks_exact_mut(columns)) {
            one_time_mask(seed, token, 0, r);
        }
        let z = engine.product(group, count, r)?;
        let mut poison = Poison::default();
        for (r, z) in r.chunks_exact(columns).zip(z.chunks_exact(rows)) {
            let mut check = LinearCheck::default();
            check.add_outputs(bundle.check_seed(), group.0, 0, z);
            for repetition in 0..CHECK_REPETITIONS {
                let v = bundle.check_vector(group, repetition);
                check.subtract_inputs(repetition, v, r.iter().copied());
            }
            check.finish(&mut poison);
        }
        if poison.reveal() {
            bail!(
                "group {}: the products fail the device's check: the weights are damaged",
                group.0
            );
        }
        for word in &z {
            out.write_all(&word.to_le_bytes())?;
        }
        progress(count as u64);
    }
    Ok(())
}
