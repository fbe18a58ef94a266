use super::UnitJob;
use crate::engine::Engine;
use crate::engine::masks::MaskBlock;

impl UnitJob {
    /// The block's products of masks, if they are those of every unit.
    fn common_masks(&self, limb: usize) -> Option<MaskBlock> {
        let (group, set, rows) = (self.group, self.of_model?, self.block.clone());
        Some(MaskBlock { group, set, limb, rows })
    }

    /// Takes the block's products of masks from what is kept, in about the time of a tile.
    pub(super) fn recall_masks(&mut self, engine: &Engine, limb: usize) -> bool {
        let kept = self.common_masks(limb).and_then(|masks| engine.masks.get(&masks));
        let Some(kept) = kept else { return false };
        let (words, mask_words) = (self.limb_words(), self.rank * self.degree);
        let rows = self.results[limb].words_mut().chunks_exact_mut(words);
        for (row, masks) in rows.zip(kept.chunks_exact(mask_words)) {
            row[..mask_words].copy_from_slice(masks);
        }
        true
    }

    /// Keeps the block's products of masks, which are complete, for other units.
    pub(super) fn keep_masks(&self, engine: &Engine, limb: usize) {
        if let Some(masks) = self.common_masks(limb) {
            let mask_words = self.rank * self.degree;
            let rows = self.results[limb].words().chunks_exact(self.limb_words());
            let rows = rows.take(self.block.len()).map(|row| &row[..mask_words]);
            engine.masks.keep(masks, self.block.len() * mask_words, rows);
        }
    }
}
