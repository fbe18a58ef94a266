use super::format::{
    ALIGNMENT, DIGEST_AT, DeviceManifest, ENTRY_BYTES, ElementType, HEADER_BYTES, MAGIC,
    SectionKind, VERSION, contents_digest,
};
use crate::quant::GroupBounds;
use crate::stream::Seed;
use alloc::vec::Vec;

/// Everything that a device bundle holds; lengths as [`SectionKind`] states them.
/// [`DeviceBundle`](super::DeviceBundle) has an example.
pub struct DeviceParts {
    /// The small facts.
    pub manifest: DeviceManifest,
    /// Norm weights.
    pub norms: Vec<f32>,
    /// Element type of the embeddings: f32, f16 or bf16.
    pub embedding_type: ElementType,
    /// Embeddings, little-endian.
    pub embeddings: Vec<u8>,
    /// The bytes of each token's text.
    pub tokens: Vec<Vec<u8>>,
    /// Scales of all rows of all groups.
    pub row_scales: Vec<f32>,
    /// Biases of the rows of every group but the head; empty where the model has none.
    pub row_biases: Vec<f32>,
    /// Norms of each group's rows.
    pub bounds: Vec<GroupBounds>,
    /// Rotary frequencies; behind them the factor of cosines and sines, where it is not 1.
    pub rotary: Vec<f32>,
    /// Tokens that end a text.
    pub stop_tokens: Vec<u32>,
    /// Seed of the check vectors u. Secret.
    pub check_seed: Seed,
    /// v = u^T W. Secret.
    pub check_vectors: Vec<u32>,
}

impl core::fmt::Debug for DeviceParts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("DeviceParts").field("manifest", &self.manifest).finish_non_exhaustive()
    }
}

/// The bytes of a device bundle.
///
/// # Errors
/// When the manifest cannot be encoded or the token texts exceed 4 GiB. The caller parses the
/// result before it trusts it: lengths are checked there.
pub fn write_device(parts: &DeviceParts) -> Result<Vec<u8>, postcard::Error> {
    let manifest = postcard::to_allocvec(&parts.manifest)?;
    let mut sections: Vec<(SectionKind, ElementType, Vec<u8>)> = Vec::new();
    let mut add = |kind, element, bytes| sections.push((kind, element, bytes));
    add(SectionKind::Manifest, ElementType::U8, manifest);
    add(SectionKind::Norms, ElementType::F32, f32_bytes(&parts.norms));
    add(SectionKind::Embeddings, parts.embedding_type, parts.embeddings.clone());
    add(SectionKind::TokenTable, ElementType::U8, token_table(&parts.tokens)?);
    add(SectionKind::RowScales, ElementType::F32, f32_bytes(&parts.row_scales));
    let bounds = parts.bounds.iter().flat_map(|b| [b.norm2_squared, b.norm1]);
    add(SectionKind::Bounds, ElementType::U64, bounds.flat_map(u64::to_le_bytes).collect());
    add(SectionKind::RotaryFrequencies, ElementType::F32, f32_bytes(&parts.rotary));
    add(SectionKind::StopTokens, ElementType::U32, u32_bytes(&parts.stop_tokens));
    add(SectionKind::CheckSeed, ElementType::U8, parts.check_seed.expose().to_vec());
    add(SectionKind::CheckVectors, ElementType::U32, u32_bytes(&parts.check_vectors));
    if !parts.row_biases.is_empty() {
        add(SectionKind::RowBiases, ElementType::F32, f32_bytes(&parts.row_biases));
    }

    let mut file = alloc::vec![0; HEADER_BYTES + sections.len() * ENTRY_BYTES];
    for (i, (kind, element, bytes)) in sections.iter().enumerate() {
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        let offset = file.len() as u64;
        let entry = &mut file[HEADER_BYTES + i * ENTRY_BYTES..][..ENTRY_BYTES];
        entry[..4].copy_from_slice(&(*kind as u32).to_le_bytes());
        entry[4..8].copy_from_slice(&(*element as u32).to_le_bytes());
        entry[8..16].copy_from_slice(&offset.to_le_bytes());
        entry[16..24].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
        file.extend_from_slice(bytes);
    }
    let length = file.len() as u64;
    file[..8].copy_from_slice(&MAGIC);
    file[8..12].copy_from_slice(&VERSION.to_le_bytes());
    file[12..16].copy_from_slice(&(sections.len() as u32).to_le_bytes());
    file[16..24].copy_from_slice(&length.to_le_bytes());
    let digest = contents_digest(&file);
    file[DIGEST_AT..HEADER_BYTES].copy_from_slice(&digest);
    Ok(file)
}

fn token_table(tokens: &[Vec<u8>]) -> Result<Vec<u8>, postcard::Error> {
    let mut end = 0_u32;
    let mut table = Vec::from(end.to_le_bytes());
    for token in tokens {
        let length = u32::try_from(token.len()).ok();
        end = length
            .and_then(|length| end.checked_add(length))
            .ok_or(postcard::Error::SerializeBufferFull)?;
        table.extend_from_slice(&end.to_le_bytes());
    }
    table.extend(tokens.iter().flatten());
    Ok(table)
}

fn f32_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn u32_bytes(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}
