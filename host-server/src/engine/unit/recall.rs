use super::{KEPT_ROWS, UnitJob};
use crate::engine::Engine;
use crate::engine::masks::MaskBlock;
use core::ops::Range;

impl UnitJob {
    /// The block's products of masks, if they are those of every unit: some rows, and the rest.
    fn common_masks(&self, limb: usize) -> impl Iterator<Item = MaskBlock> + use<> {
        let (group, set, Range { start, end }) = (self.group, self.of_model, self.block.clone());
        (start..end).step_by(KEPT_ROWS).filter_map(move |first| {
            Some(MaskBlock { group, set: set?, limb, rows: first..end.min(first + KEPT_ROWS) })
        })
    }

    /// Takes the block's products of masks from what is kept, in about the time of a tile, if all are.
    pub(super) fn recall_masks(&mut self, engine: &Engine, limb: usize) -> bool {
        let kept: Option<Vec<_>> =
            self.common_masks(limb).map(|masks| engine.masks.get(&masks)).collect();
        let Some(kept) = kept.filter(|kept| !kept.is_empty()) else { return false };
        let (words, mask_words) = (self.row.limb_words(), self.mask_words());
        let rows = self.results[limb].words_mut().chunks_exact_mut(words);
        let kept = kept.iter().flat_map(|masks| masks.chunks_exact(mask_words));
        for (row, masks) in rows.zip(kept) {
            row[..mask_words].copy_from_slice(masks);
        }
        true
    }

    /// Keeps the block's products of masks, which are complete, for other units.
    pub(super) fn keep_masks(&self, engine: &Engine, limb: usize) {
        let (words, mask_words) = (self.row.limb_words(), self.mask_words());
        for masks in self.common_masks(limb) {
            let (skip, take) = (masks.rows.start - self.block.start, masks.rows.len());
            let rows = self.results[limb].words().chunks_exact(words).skip(skip).take(take);
            engine.masks.keep(masks, take * mask_words, rows.map(|row| &row[..mask_words]));
        }
    }
}
