use super::set::{Ciphertext, Polynomial, Set};
use crate::accel::AccelError;
use crate::accel::reference::Matrix;
use crate::galois::Automorphism;
use crate::trace::{Layout, Plan};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// One matrix in one layout under one set of keys.
pub(super) struct TraceProduct<'a> {
    pub(super) set: &'a Set,
    pub(super) keys: &'a BTreeMap<Automorphism, Arc<Vec<Ciphertext>>>,
    pub(super) layout: &'a Layout,
    pub(super) plan: Plan,
    pub(super) matrix: &'a Matrix,
}

impl TraceProduct<'_> {
    /// `sigma(x)`, the mask cut for this one automorphism.
    fn apply(&self, x: &Ciphertext, sigma: Automorphism) -> Result<Ciphertext, AccelError> {
        self.apply_hoisted(x, &self.set.decompose(x), sigma)
    }

    fn apply_hoisted(
        &self,
        x: &Ciphertext,
        digits: &[Polynomial],
        sigma: Automorphism,
    ) -> Result<Ciphertext, AccelError> {
        let key = self.keys.get(&sigma).ok_or(AccelError::MissingKey)?;
        Ok(self.set.switch_key(x, digits, sigma, key))
    }

    /// All baby steps of an input: coarse ones from it, fine ones from the coarse.
    pub(super) fn babies(&self, x: &Ciphertext) -> Result<Vec<Ciphertext>, AccelError> {
        let mut babies = Vec::with_capacity(self.plan.babies());
        let digits = self.set.decompose(x);
        for first in (0..self.plan.babies()).step_by(self.plan.fine()) {
            let coarse = match first {
                0 => x.clone(),
                _ => self.apply_hoisted(x, &digits, self.plan.baby(first))?,
            };
            let digits = self.set.decompose(&coarse);
            for fine in 1..self.plan.fine() {
                babies.push(self.apply_hoisted(&coarse, &digits, self.plan.baby(fine))?);
            }
            babies.insert(first, coarse);
        }
        Ok(babies)
    }

    /// The result of output block `block`, from the baby steps of every input block.
    pub(super) fn block(
        &self,
        block: usize,
        babies: &[Vec<Ciphertext>],
    ) -> Result<Ciphertext, AccelError> {
        let mut result = self.side(block, babies, false)?;
        if self.plan.two_sided() {
            let negative = self.side(block, babies, true)?;
            let negative = self.apply(&negative, self.plan.conjugation())?;
            self.set.add(&mut result, &negative);
        }
        for sigma in self.layout.folds() {
            let image = self.apply(&result, sigma)?;
            self.set.add(&mut result, &image);
        }
        Ok(result)
    }

    /// The giant steps of one side, by Horner's rule.
    fn side(
        &self,
        block: usize,
        babies: &[Vec<Ciphertext>],
        negative: bool,
    ) -> Result<Ciphertext, AccelError> {
        let last = self.plan.giants() - 1;
        let mut sum = self.inner(block, babies, self.plan.giant(last, negative));
        for j in (0..last).rev() {
            sum = self.apply(&sum, self.plan.generator())?;
            let inner = self.inner(block, babies, self.plan.giant(j, negative));
            self.set.add(&mut sum, &inner);
        }
        Ok(sum)
    }

    /// `sum_i sigma_giant^-1(Q_(giant * baby i)) baby_i`, over every input block.
    fn inner(&self, block: usize, babies: &[Vec<Ciphertext>], giant: Automorphism) -> Ciphertext {
        let mut sum = Ciphertext { mask: self.set.zero(), body: self.set.zero() };
        for (input, babies) in babies.iter().enumerate() {
            for (i, baby) in babies.iter().enumerate() {
                let h = giant.compose(self.plan.baby(i));
                let weights = self.weights(block, input, h, giant.inverse());
                self.set.mul_add(&mut sum, &self.set.transformed(&weights), baby);
            }
        }
        sum
    }

    /// `sigma(Q_h)` of a block of the matrix, as integers: `Q_h = sum W_ij X^(fold i - h e_j)`.
    fn weights(
        &self,
        block: usize,
        input: usize,
        h: Automorphism,
        sigma: Automorphism,
    ) -> Vec<i64> {
        let (degree, n) = (self.set.degree, self.matrix.n);
        let mut integers = vec![0; degree];
        let rows = (block * self.layout.rows()..self.matrix.m()).take(self.layout.rows());
        for (i, row) in rows.enumerate() {
            let columns = (input * self.layout.columns()..n).take(self.layout.columns());
            for (j, column) in columns.enumerate() {
                let exponent = self.layout.output_exponent(i, 0) as i64
                    - i64::from(h.exponent()) * self.layout.input_exponent(j, 0) as i64;
                let exponent = exponent * i64::from(sigma.exponent());
                let exponent = exponent.rem_euclid(2 * degree as i64) as usize;
                let weight = i64::from(self.matrix.weights[row * n + column]);
                integers[exponent % degree] += if exponent < degree { weight } else { -weight };
            }
        }
        integers
    }
}
