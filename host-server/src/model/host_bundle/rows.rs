use super::manifest::Place;
use crate::model::MappedFile;
use kernel::accel::{AccelError, RowSource, SharedRows};
use std::sync::Arc;

/// The rows of one group of a host bundle, in place in its mapped file.
///
/// A backend that can use them where they are asks for [`RowSource::shared`]; the map then lives
/// as long as it does.
#[derive(Clone, Debug)]
pub struct GroupRows {
    rows: MappedRows,
    next: usize,
}

impl GroupRows {
    /// The rows of a group that lies within `map`.
    pub(super) const fn new(map: Arc<MappedFile>, place: Place) -> Self {
        Self { rows: MappedRows { map, place }, next: 0 }
    }

    /// Outputs, m.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.rows.place.rows
    }

    /// Inputs, n.
    #[must_use]
    pub const fn columns(&self) -> usize {
        self.rows.place.columns
    }

    /// Row `index`, without its padding.
    #[must_use]
    pub fn row(&self, index: usize) -> Option<&[i8]> {
        let Place { rows, columns, stride, .. } = self.rows.place;
        (index < rows).then(|| &self.rows.bytes()[index * stride..][..columns])
    }
}

impl RowSource for GroupRows {
    fn next_row(&mut self, out: &mut [i8]) -> Result<(), AccelError> {
        let row = self.row(self.next).ok_or(AccelError::Rows)?;
        if row.len() != out.len() {
            return Err(AccelError::Shape);
        }
        out.copy_from_slice(row);
        self.next += 1;
        Ok(())
    }

    fn shared(&self) -> Option<Arc<dyn SharedRows>> {
        Some(Arc::new(self.rows.clone()))
    }
}

#[derive(Clone, Debug)]
struct MappedRows {
    map: Arc<MappedFile>,
    place: Place,
}

impl SharedRows for MappedRows {
    fn bytes(&self) -> &[i8] {
        bytemuck::cast_slice(&self.map.bytes()[self.place.offset as usize..][..self.place.bytes()])
    }

    fn stride(&self) -> usize {
        self.place.stride
    }
}
