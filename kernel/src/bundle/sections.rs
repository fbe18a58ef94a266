use super::device::Embeddings;
use super::format::{
    ALIGNMENT, BundleError, DIGEST_AT, ENTRY_BYTES, ElementType, HEADER_BYTES, MAGIC, SectionKind,
    VERSION, contents_digest,
};

/// The section table, with offsets and lengths checked against the file.
pub(super) struct Sections<'a> {
    file: &'a [u8],
    table: &'a [u8],
}

impl<'a> Sections<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self, BundleError> {
        if cfg!(target_endian = "big") || !(file.as_ptr() as usize).is_multiple_of(8) {
            return Err(BundleError::NotInPlace);
        }
        let (header, rest) = file.split_at_checked(HEADER_BYTES).ok_or(BundleError::Length)?;
        if header[..8] != MAGIC {
            return Err(BundleError::Magic);
        }
        let version = u32_at(header, 8);
        if version != VERSION {
            return Err(BundleError::Version(version));
        }
        if u64_at(header, 16) != file.len() as u64 {
            return Err(BundleError::Length);
        }
        if contents_digest(file)[..] != header[DIGEST_AT..] {
            return Err(BundleError::Damaged);
        }
        let table = usize::try_from(u32_at(header, 12))
            .ok()
            .and_then(|count| count.checked_mul(ENTRY_BYTES))
            .and_then(|bytes| rest.get(..bytes))
            .ok_or(BundleError::Length)?;
        let known = |kind: u32| SectionKind::ALL.iter().any(|&k| k as u32 == kind);
        let mut kinds = table.chunks_exact(ENTRY_BYTES).map(|entry| u32_at(entry, 0));
        match kinds.find(|&kind| !known(kind)) {
            Some(kind) => Err(BundleError::UnknownSection(kind)),
            None => Ok(Self { file, table }),
        }
    }

    /// The table's entries for `kind`.
    fn entries(&self, kind: SectionKind) -> impl Iterator<Item = &'a [u8]> {
        self.table.chunks_exact(ENTRY_BYTES).filter(move |entry| u32_at(entry, 0) == kind as u32)
    }

    pub(super) fn has(&self, kind: SectionKind) -> bool {
        self.entries(kind).next().is_some()
    }

    /// The one section of `kind`.
    fn find(&self, kind: SectionKind) -> Result<(ElementType, &'a [u8]), BundleError> {
        let error = BundleError::Section(kind);
        let mut entries = self.entries(kind);
        let (Some(entry), None) = (entries.next(), entries.next()) else { return Err(error) };
        let element = ElementType::from_code(u32_at(entry, 4)).ok_or(error)?;
        let start = usize::try_from(u64_at(entry, 8)).map_err(|_| error)?;
        let length = usize::try_from(u64_at(entry, 16)).map_err(|_| error)?;
        let end = start.checked_add(length).ok_or(error)?;
        let body = HEADER_BYTES + self.table.len();
        if start < body
            || !start.is_multiple_of(ALIGNMENT)
            || !length.is_multiple_of(element.bytes())
        {
            return Err(error);
        }
        Ok((element, self.file.get(start..end).ok_or(error)?))
    }

    pub(super) fn bytes(
        &self,
        kind: SectionKind,
        element: ElementType,
    ) -> Result<&'a [u8], BundleError> {
        match self.find(kind)? {
            (found, bytes) if found == element => Ok(bytes),
            _ => Err(BundleError::Section(kind)),
        }
    }

    pub(super) fn any_words<W: bytemuck::Pod>(
        &self,
        kind: SectionKind,
        element: ElementType,
    ) -> Result<&'a [W], BundleError> {
        bytemuck::try_cast_slice(self.bytes(kind, element)?).map_err(|_| BundleError::Section(kind))
    }

    pub(super) fn words<W: bytemuck::Pod>(
        &self,
        kind: SectionKind,
        element: ElementType,
        length: usize,
    ) -> Result<&'a [W], BundleError> {
        let words = self.any_words(kind, element)?;
        if words.len() == length { Ok(words) } else { Err(BundleError::Section(kind)) }
    }

    pub(super) fn f32(&self, kind: SectionKind, length: usize) -> Result<&'a [f32], BundleError> {
        self.words(kind, ElementType::F32, length)
    }

    pub(super) fn embeddings(&self, length: usize) -> Result<Embeddings<'a>, BundleError> {
        let kind = SectionKind::Embeddings;
        Ok(match self.find(kind)?.0 {
            ElementType::F32 => Embeddings::F32(self.f32(kind, length)?),
            ElementType::F16 => Embeddings::F16(self.words(kind, ElementType::F16, length)?),
            ElementType::Bf16 => Embeddings::Bf16(self.words(kind, ElementType::Bf16, length)?),
            _ => return Err(BundleError::Section(kind)),
        })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | (u64::from(u32_at(bytes, at + 4)) << 32)
}
