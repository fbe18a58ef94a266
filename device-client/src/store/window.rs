//! A store without an allocator, for a device with little memory.

#[cfg(test)]
mod tests;

use super::{CorrelationStore, StoreError};
use kernel::model::{GroupId, GroupShape, ModelConfig};
use kernel::stream::{Seed, one_time_mask};
use zeroize::Zeroize;

/// A store in the caller's memory that keeps the first T tokens of a unit and drops the others as its
/// rows come: units have as many tokens as their parameter set says, and a small device has no room
/// for them.
///
/// Every group has a window of T tokens, filled by one unit; the next is taken in when the window is
/// used up. T is what the memory has room for.
///
/// *Nothing survives a reset, and so nothing is used twice.* What masks are made of, a unit's seed, is
/// in volatile memory alone: when power or the processor is lost, it is lost too, and later units have
/// seeds of their own. This holds while seeds come from a generator that does not repeat itself. The
/// images z may outlive the processor's reset in external memory; [`WindowStore::new`] erases them.
pub struct WindowStore<'m> {
    windows: &'m mut [Window],
    words: &'m mut [u32],
    /// T.
    tokens: usize,
    /// The unit that is being received.
    open: Option<Open>,
}

impl core::fmt::Debug for WindowStore<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("WindowStore").field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// What a [`WindowStore`] knows of one group; the caller lends one for each.
#[derive(Default)]
pub struct Window {
    rows: usize,
    columns: usize,
    /// The window's first word.
    start: usize,
    /// What the masks are made of, while there are any.
    masks: Option<Seed>,
    state: State,
    /// Tokens that the window holds, those that were taken or burned included.
    tokens: usize,
    used: usize,
    /// Tokens behind the used ones that are reserved.
    reserved: u32,
}

impl core::fmt::Debug for Window {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Window")
    }
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    #[default]
    Empty,
    /// Not settled yet, or on its way.
    Held,
    Settled,
    /// To be erased with the next reservation: erasing takes time, and the pause after a unit must
    /// not tell its verdict.
    Refused,
}

#[derive(Debug)]
struct Open {
    group: GroupId,
    /// Tokens of the unit.
    tokens: usize,
    /// Rows that have come.
    come: usize,
}

impl Window {
    /// A window of no group yet.
    pub const EMPTY: Self = Self {
        rows: 0,
        columns: 0,
        start: 0,
        masks: None,
        state: State::Empty,
        tokens: 0,
        used: 0,
        reserved: 0,
    };

    fn left(&self) -> u32 {
        if self.state == State::Settled { (self.tokens - self.used) as u32 } else { 0 }
    }

    /// The images of one token.
    fn image<'w>(&self, words: &'w mut [u32], token: usize) -> &'w mut [u32] {
        &mut words[self.start + token * self.rows..][..self.rows]
    }

    fn erase(&mut self, words: &mut [u32], tokens: usize) {
        words[self.start..][..tokens * self.rows].zeroize();
        self.forget(State::Empty);
    }

    fn forget(&mut self, state: State) {
        (self.masks, self.state) = (None, state);
        (self.tokens, self.used, self.reserved) = (0, 0, 0);
    }

    /// Erases the next tokens.
    fn burn(&mut self, words: &mut [u32], tokens: u32) {
        for _ in 0..tokens {
            self.image(words, self.used).zeroize();
            self.used += 1;
        }
    }
}

impl<'m> WindowStore<'m> {
    /// An empty store for a model in `words`, which are erased, with a window of `windows` for each of
    /// its groups.
    ///
    /// # Errors
    /// [`StoreError::Full`] if the memory has no room for a token of every group.
    pub fn new(
        config: &ModelConfig,
        windows: &'m mut [Window],
        words: &'m mut [u32],
    ) -> Result<Self, StoreError> {
        words.zeroize();
        let tokens = words.len() / config.total_rows().max(1);
        let count = config.group_count() as usize;
        let windows = windows.get_mut(..count).filter(|_| tokens > 0).ok_or(StoreError::Full)?;
        let mut start = 0;
        let shapes = config.groups().filter_map(|group| config.shape(group));
        for (window, GroupShape { rows, columns }) in windows.iter_mut().zip(shapes) {
            *window = Window { rows, columns, start, ..Window::EMPTY };
            start += tokens * rows;
        }
        Ok(Self { windows, words, tokens, open: None })
    }

    /// Words that a store of windows of `tokens` tokens takes.
    #[must_use]
    pub const fn words(config: &ModelConfig, tokens: usize) -> usize {
        tokens.saturating_mul(config.total_rows())
    }

    /// Bytes of both that such a store is lent: these words, and the windows.
    #[must_use]
    pub const fn bytes(config: &ModelConfig, tokens: usize) -> usize {
        let windows = config.group_count() as usize * size_of::<Window>();
        Self::words(config, tokens).saturating_mul(size_of::<u32>()).saturating_add(windows)
    }

    /// Tokens that a window has room for, T.
    #[must_use]
    pub const fn tokens(&self) -> usize {
        self.tokens
    }

    /// Erases everything.
    pub fn erase(&mut self) {
        self.open = None;
        self.words.zeroize();
        self.windows.iter_mut().for_each(|window| window.forget(State::Empty));
    }

    fn window(&mut self, group: GroupId) -> Result<(&mut Window, &mut [u32]), StoreError> {
        let window = self.windows.get_mut(group.0 as usize).ok_or(StoreError::Order)?;
        Ok((window, self.words))
    }
}

impl Drop for WindowStore<'_> {
    fn drop(&mut self) {
        self.erase();
    }
}

impl CorrelationStore for WindowStore<'_> {
    fn available(&self, group: GroupId) -> u32 {
        self.windows.get(group.0 as usize).map_or(0, |window| window.left() - window.reserved)
    }

    fn reserve(&mut self, demand: &dyn Fn(GroupId) -> u32) -> Result<(), StoreError> {
        let groups = || (0..).map(GroupId);
        for (group, _) in groups().zip(self.windows.iter()) {
            let (available, needed) = (self.available(group), demand(group));
            if available < needed {
                return Err(StoreError::TooFew { group: group.0, available, needed });
            }
        }
        for (group, window) in groups().zip(self.windows.iter_mut()) {
            if window.state == State::Refused {
                window.erase(self.words, self.tokens);
            }
            window.burn(self.words, window.reserved);
            window.reserved = demand(group);
        }
        Ok(())
    }

    fn take(&mut self, group: GroupId, r: &mut [u32], z: &mut [u32]) -> Result<(), StoreError> {
        let (window, words) = self.window(group)?;
        let masks = window.masks.as_ref().ok_or(StoreError::Order)?;
        if window.reserved == 0 || r.len() != window.columns || z.len() != window.rows {
            return Err(StoreError::Order);
        }
        one_time_mask(masks, window.used, 0, r);
        let held = window.image(words, window.used);
        z.copy_from_slice(held);
        held.zeroize();
        window.used += 1;
        window.reserved -= 1;
        if window.left() == 0 {
            // All masks are used: what they were made of goes as well.
            window.forget(State::Empty);
        }
        Ok(())
    }

    /// [`StoreError::Full`] while the group's window has tokens left, reserved ones included.
    fn begin_unit(&mut self, group: GroupId, tokens: usize, masks: Seed) -> Result<(), StoreError> {
        self.abandon_open();
        let room = self.tokens;
        let (window, _) = self.window(group)?;
        if matches!(window.state, State::Held | State::Settled) {
            return Err(StoreError::Full);
        }
        window.forget(State::Held);
        window.masks = Some(masks);
        window.tokens = tokens.min(room);
        self.open = Some(Open { group, tokens, come: 0 });
        Ok(())
    }

    fn put_row(&mut self, z: &[u32]) -> Result<(), StoreError> {
        let open = self.open.as_mut().ok_or(StoreError::Order)?;
        let window = self.windows.get(open.group.0 as usize).ok_or(StoreError::Order)?;
        if open.come == window.rows || z.len() != open.tokens {
            return Err(StoreError::Order);
        }
        let words = self.words[window.start + open.come..].iter_mut().step_by(window.rows);
        for (held, &z) in words.zip(&z[..window.tokens]) {
            *held = z;
        }
        open.come += 1;
        Ok(())
    }

    fn hold_unit(&mut self) -> Result<(), StoreError> {
        let open = self.open.take().ok_or(StoreError::Order)?;
        let tokens = self.tokens;
        let (window, words) = self.window(open.group)?;
        if open.come == window.rows {
            return Ok(());
        }
        window.erase(words, tokens);
        Err(StoreError::Order)
    }

    fn settle(&mut self, accept: bool) -> Result<(), StoreError> {
        self.abandon_open();
        for window in self.windows.iter_mut().filter(|window| window.state == State::Held) {
            if accept {
                window.state = State::Settled;
            } else {
                window.forget(State::Refused);
            }
        }
        Ok(())
    }

    fn abandon(&mut self) {
        self.open = None;
        for window in self.windows.iter_mut().filter(|window| window.state == State::Held) {
            window.erase(self.words, self.tokens);
        }
    }
}

impl WindowStore<'_> {
    /// Erases the unit that was begun and has not ended.
    fn abandon_open(&mut self) {
        if let Some(open) = self.open.take()
            && let Some(window) = self.windows.get_mut(open.group.0 as usize)
        {
            window.erase(self.words, self.tokens);
        }
    }
}
