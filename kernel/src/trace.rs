//! The trace form of an encrypted matrix product: where numbers sit in a polynomial, and which
//! automorphisms the host applies.
//!
//! With `R = Z[X]/(X^N + 1)`, every linear map of coefficients is `sum_g Q_g sigma_g` over the Galois
//! group, for polynomials `Q_g` made of the weights. A [`Layout`] takes the part of the group that a
//! shape needs; a [`Plan`] is the order in which baby and giant steps walk through it.
//!
//! Source: the relation of traces and coefficients as in Chen, Dai, Kim and Song, "Efficient
//! homomorphic conversion between (ring) LWE ciphertexts" (2021); baby and giant steps as in Halevi
//! and Shoup, "Faster homomorphic linear transformations in HElib" (2018).

mod layout;
mod plan;
mod preparation;
mod session;
#[cfg(test)]
mod tests;

pub use layout::Layout;
pub use plan::Plan;
pub use preparation::{PreparationRule, least_tokens};
pub use session::{session_automorphisms, session_products};
