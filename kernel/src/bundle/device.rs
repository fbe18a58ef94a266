use super::format::{BundleError, DeviceManifest, ElementType, SectionKind};
use super::sections::Sections;
use super::{CHECK_REPETITIONS, ModelDigest};
use crate::model::{GroupId, GroupShape, ModelConfig};
use crate::quant::{ActivationQuantiser, GroupBounds};
use crate::stream::Seed;

/// A device bundle, checked and read in place.
///
/// After [`DeviceBundle::parse`] every section has the length that the model's shape asks for, so
/// the accessors cannot fail for groups, layers and tokens of the model. For a group, layer or
/// repetition beyond the last they may panic or give something else.
///
/// ```
/// use kernel::bundle::{
///     CHECK_REPETITIONS, DeviceBundle, DeviceManifest, DeviceParts, ElementType, ModelDigest,
///     write_device,
/// };
/// use kernel::model::{GroupId, ModelConfig};
/// use kernel::quant::GroupBounds;
/// use kernel::stream::Seed;
///
/// let config = ModelConfig {
///     vocab: 2,
///     hidden: 4,
///     layers: 1,
///     heads: 2,
///     kv_heads: 1,
///     head_dim: 4,
///     intermediate: 12,
///     context: 64,
///     rms_eps: 1e-5,
/// };
/// let columns: usize = config.groups().filter_map(|g| config.shape(g)).map(|s| s.columns).sum();
/// let parts = DeviceParts {
///     manifest: DeviceManifest { config, digest: ModelDigest([3; 32]), bos: Some(1) },
///     norms: vec![1.0; 3 * 4],
///     embedding_type: ElementType::F32,
///     embeddings: [0.0_f32, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75].map(f32::to_le_bytes).concat(),
///     tokens: vec![b"yes".to_vec(), b"no".to_vec()],
///     row_scales: vec![0.01; config.total_rows()],
///     row_biases: vec![],
///     bounds: vec![GroupBounds { norm2_squared: 900, norm1: 100 }; 5],
///     rotary: vec![1.0, 0.01],
///     stop_tokens: vec![1],
///     check_seed: Seed::from_bytes([8; 32]), // in earnest from Seed::random
///     check_vectors: vec![0; CHECK_REPETITIONS * columns], // in earnest v = u^T W
/// };
/// let file = write_device(&parts)?;
///
/// // In memory that is aligned to 8 bytes, such as a mapped file.
/// let mut words = vec![0_u64; file.len() / 8 + 1];
/// let bytes = &mut bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..file.len()];
/// bytes.copy_from_slice(&file);
/// let bundle = DeviceBundle::parse(bytes)?;
/// assert_eq!((bundle.token_text(0), bundle.stop_tokens()), (&b"yes"[..], &[1][..]));
/// assert_eq!(bundle.check_vector(GroupId(4), 1).len(), 4);
/// let mut embedding = [0.0; 4];
/// bundle.embed(1, &mut embedding);
/// assert_eq!(embedding, [1.0, 1.25, 1.5, 1.75]);
///
/// // A byte that has changed is found.
/// bytes[200] ^= 1;
/// assert!(DeviceBundle::parse(bytes).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DeviceBundle<'a> {
    manifest: DeviceManifest,
    norms: &'a [f32],
    embeddings: Embeddings<'a>,
    token_offsets: &'a [u32],
    token_bytes: &'a [u8],
    row_scales: &'a [f32],
    bounds: &'a [u64],
    rotary: &'a [f32],
    rotary_factor: f32,
    row_biases: &'a [f32],
    stop_tokens: &'a [u32],
    check_seed: Seed,
    check_vectors: &'a [u32],
}

impl core::fmt::Debug for DeviceBundle<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DeviceBundle").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

/// Token embeddings in the type in which the checkpoint had them.
#[derive(Clone, Copy, Debug)]
pub enum Embeddings<'a> {
    /// IEEE binary32.
    F32(&'a [f32]),
    /// IEEE binary16.
    F16(&'a [u16]),
    /// The high half of a binary32.
    Bf16(&'a [u16]),
}

impl<'a> DeviceBundle<'a> {
    /// Checks the bytes of a device bundle, all of them, and returns a view.
    ///
    /// # Errors
    /// [`BundleError`] names what is wrong; nothing is allocated or written.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let sections = Sections::parse(bytes)?;
        let manifest = sections.bytes(SectionKind::Manifest, ElementType::U8)?;
        let manifest = match postcard::take_from_bytes::<DeviceManifest>(manifest) {
            Ok((manifest, [])) => manifest,
            _ => return Err(BundleError::Section(SectionKind::Manifest)),
        };
        let config = manifest.config;
        config.check()?;

        let hidden = config.hidden as usize;
        let vocab = config.vocab as usize;
        let norms = sections.f32(SectionKind::Norms, (2 * config.layers as usize + 1) * hidden)?;
        let embeddings = sections.embeddings(vocab * hidden)?;
        let table = sections.bytes(SectionKind::TokenTable, ElementType::U8)?;
        let (token_offsets, token_bytes) =
            token_table(table, vocab).ok_or(BundleError::Section(SectionKind::TokenTable))?;
        let row_scales = sections.f32(SectionKind::RowScales, config.total_rows())?;
        let bounds = sections.words(
            SectionKind::Bounds,
            ElementType::U64,
            2 * config.group_count() as usize,
        )?;
        let rotary = sections.any_words(SectionKind::RotaryFrequencies, ElementType::F32)?;
        let (rotary, rotary_factor) = rotary_parts(rotary, config.head_dim as usize / 2)
            .ok_or(BundleError::Section(SectionKind::RotaryFrequencies))?;
        let row_biases = if sections.has(SectionKind::RowBiases) {
            sections.f32(SectionKind::RowBiases, config.total_rows() - vocab)?
        } else {
            &[]
        };
        let stop_tokens: &[u32] = sections.any_words(SectionKind::StopTokens, ElementType::U32)?;
        if stop_tokens.iter().any(|&token| token >= config.vocab) {
            return Err(BundleError::Section(SectionKind::StopTokens));
        }
        let seed = sections.bytes(SectionKind::CheckSeed, ElementType::U8)?;
        let seed =
            <[u8; 32]>::try_from(seed).map_err(|_| BundleError::Section(SectionKind::CheckSeed))?;
        let columns: usize =
            config.groups().filter_map(|g| config.shape(g)).map(|s| s.columns).sum();
        let check_vectors = sections.words(
            SectionKind::CheckVectors,
            ElementType::U32,
            CHECK_REPETITIONS * columns,
        )?;

        let bundle = Self {
            manifest,
            norms,
            embeddings,
            token_offsets,
            token_bytes,
            row_scales,
            bounds,
            rotary,
            rotary_factor,
            row_biases,
            stop_tokens,
            check_seed: Seed::from_bytes(seed),
            check_vectors,
        };
        for group in config.groups() {
            let refuse = |error| BundleError::Bound { group: group.0, error };
            bundle.bounds(group).check_noise().map_err(refuse)?;
            ActivationQuantiser::new(&bundle.bounds(group), bundle.shape(group).columns)
                .map_err(refuse)?;
        }
        Ok(bundle)
    }

    /// The model's shape.
    #[must_use]
    pub const fn config(&self) -> &ModelConfig {
        &self.manifest.config
    }

    /// Digest of the rows that the host must hold.
    #[must_use]
    pub const fn digest(&self) -> ModelDigest {
        self.manifest.digest
    }

    /// The token that begins a text.
    #[must_use]
    pub const fn bos(&self) -> Option<u32> {
        self.manifest.bos
    }

    /// Tokens that end a text.
    #[must_use]
    pub const fn stop_tokens(&self) -> &'a [u32] {
        self.stop_tokens
    }

    /// The norm before attention of `layer`, `hidden` weights.
    #[must_use]
    pub fn attention_norm(&self, layer: u32) -> &'a [f32] {
        self.norm(2 * layer as usize)
    }

    /// The norm before the feed-forward part of `layer`, `hidden` weights.
    #[must_use]
    pub fn mlp_norm(&self, layer: u32) -> &'a [f32] {
        self.norm(2 * layer as usize + 1)
    }

    /// The norm before the head, `hidden` weights.
    #[must_use]
    pub fn final_norm(&self) -> &'a [f32] {
        self.norm(2 * self.manifest.config.layers as usize)
    }

    fn norm(&self, index: usize) -> &'a [f32] {
        let hidden = self.manifest.config.hidden as usize;
        &self.norms[index * hidden..][..hidden]
    }

    /// Rotary frequencies, radians per position, `head_dim / 2` of them.
    #[must_use]
    pub const fn rotary_frequencies(&self) -> &'a [f32] {
        self.rotary
    }

    /// What the cosines and sines of all rotary angles are multiplied with.
    #[must_use]
    pub const fn rotary_factor(&self) -> f32 {
        self.rotary_factor
    }

    /// Writes the embedding of `token`, `hidden` floats. Tokens beyond the vocabulary give zeros.
    ///
    /// # Panics
    /// May do so if `out` has not `hidden` floats.
    pub fn embed(&self, token: u32, out: &mut [f32]) {
        let hidden = self.manifest.config.hidden as usize;
        let at = token as usize * hidden;
        out.fill(0.0);
        if token >= self.manifest.config.vocab {
            return;
        }
        match self.embeddings {
            Embeddings::F32(all) => out.copy_from_slice(&all[at..at + hidden]),
            Embeddings::F16(all) => {
                for (x, &h) in out.iter_mut().zip(&all[at..at + hidden]) {
                    *x = half::f16::from_bits(h).to_f32();
                }
            }
            Embeddings::Bf16(all) => {
                for (x, &h) in out.iter_mut().zip(&all[at..at + hidden]) {
                    *x = half::bf16::from_bits(h).to_f32();
                }
            }
        }
    }

    /// The bytes of a token's text, empty beyond the vocabulary.
    #[must_use]
    pub fn token_text(&self, token: u32) -> &'a [u8] {
        let at = token as usize;
        match (self.token_offsets.get(at), self.token_offsets.get(at + 1)) {
            (Some(&start), Some(&end)) => &self.token_bytes[start as usize..end as usize],
            _ => &[],
        }
    }

    /// Rows and columns of a group.
    #[must_use]
    pub fn shape(&self, group: GroupId) -> GroupShape {
        self.manifest.config.shape(group).unwrap_or(GroupShape { rows: 0, columns: 0 })
    }

    /// Scales of a group's rows.
    #[must_use]
    pub fn row_scales(&self, group: GroupId) -> &'a [f32] {
        &self.row_scales[self.rows_before(group)..][..self.shape(group).rows]
    }

    /// Biases of a group's rows, to be added to their floats; empty where the group has none.
    #[must_use]
    pub fn row_biases(&self, group: GroupId) -> &'a [f32] {
        let rows = self.row_biases.get(self.rows_before(group)..);
        rows.and_then(|rows| rows.get(..self.shape(group).rows)).unwrap_or_default()
    }

    fn rows_before(&self, group: GroupId) -> usize {
        let config = &self.manifest.config;
        (0..group.0).filter_map(|g| config.shape(GroupId(g))).map(|s| s.rows).sum()
    }

    /// Norms of a group's rows.
    ///
    /// # Panics
    /// For a group beyond the last.
    #[must_use]
    pub fn bounds(&self, group: GroupId) -> GroupBounds {
        let at = 2 * group.0 as usize;
        GroupBounds { norm2_squared: self.bounds[at], norm1: self.bounds[at + 1] }
    }

    /// The seed of the check vectors u. Secret.
    #[must_use]
    pub const fn check_seed(&self) -> &Seed {
        &self.check_seed
    }

    /// v = u^T W mod t of a group and repetition, one word for each column. Secret.
    ///
    /// # Panics
    /// May do so for a repetition that is not below [`CHECK_REPETITIONS`].
    #[must_use]
    pub fn check_vector(&self, group: GroupId, repetition: usize) -> &'a [u32] {
        let config = &self.manifest.config;
        let before: usize =
            (0..group.0).filter_map(|g| config.shape(GroupId(g))).map(|s| s.columns).sum();
        let columns = self.shape(group).columns;
        &self.check_vectors[CHECK_REPETITIONS * before + repetition * columns..][..columns]
    }
}

/// The frequencies and the factor, which is 1 where it is left out.
fn rotary_parts(section: &[f32], frequencies: usize) -> Option<(&[f32], f32)> {
    match section.split_at_checked(frequencies)? {
        (frequencies, []) => Some((frequencies, 1.0)),
        (frequencies, &[factor]) => Some((frequencies, factor)),
        _ => None,
    }
}

fn token_table(table: &[u8], vocab: usize) -> Option<(&[u32], &[u8])> {
    let (offsets, text) = table.split_at_checked(4 * (vocab + 1))?;
    let offsets: &[u32] = bytemuck::try_cast_slice(offsets).ok()?;
    let ordered = offsets.windows(2).all(|pair| pair[0] <= pair[1]);
    (ordered && *offsets.last()? as usize <= text.len()).then_some((offsets, text))
}
