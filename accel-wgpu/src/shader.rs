//! The shaders, and what each is put together from.

use crate::permutation::Permutation;

/// A compute shader: one file of `shaders/`, behind parts that several share.
#[derive(Debug)]
pub(crate) struct Shader {
    /// Its file's name, without the ending.
    pub(crate) name: &'static str,
    /// Its file.
    source: &'static str,
    /// The parts that it needs, each after those that it needs itself.
    parts: &'static [Part],
    /// Threads of a workgroup.
    pub(crate) group: u32,
}

/// A file of `shaders/shared/`, or one of two.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// Products of words.
    Wide,
    /// Products of four bytes.
    Dot,
    /// Who a thread is.
    Lane,
    /// The same, and sums over a workgroup.
    Sum,
    /// Arithmetic modulo a prime.
    Modulus,
    /// Residues as signed bytes.
    Digits,
    /// What products of a matrix share.
    Product,
    /// Polynomials of a set.
    Ring,
    /// Transforms of polynomials.
    Ntt,
}

macro_rules! file {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path, ".wgsl"))
    };
}

impl Part {
    const fn sources(self, permutation: Permutation) -> &'static [&'static str] {
        match (self, permutation) {
            (Self::Wide, Permutation { int64: false, .. }) => &[file!("shared/wide_u32")],
            (Self::Wide, Permutation { int64: true, .. }) => &[file!("shared/wide_u64")],
            (Self::Dot, Permutation { dot: false, .. }) => &[file!("shared/dot_portable")],
            (Self::Dot, Permutation { dot: true, .. }) => &[file!("shared/dot_packed")],
            (Self::Lane, _) => &[file!("shared/lane"), file!("shared/grid")],
            (Self::Sum, Permutation { subgroups: false, .. }) => {
                &[file!("shared/sum_workgroup"), file!("shared/grid")]
            }
            (Self::Sum, Permutation { subgroups: true, .. }) => {
                &[file!("shared/sum_subgroup"), file!("shared/grid")]
            }
            (Self::Modulus, _) => &[file!("shared/modulus")],
            (Self::Digits, _) => &[file!("shared/digits")],
            (Self::Product, _) => &[file!("shared/product")],
            (Self::Ring, _) => &[file!("shared/modulus"), file!("shared/ring")],
            (Self::Ntt, _) => &[file!("shared/ntt")],
        }
    }
}

/// Shaders by their files' names.
macro_rules! shaders {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, group $group:literal, $($part:ident)*;)*) => {
        impl Shader {
            $(
                $(#[$doc])*
                pub(crate) const $constant: &'static Self = &Self {
                    name: $name,
                    source: file!($name),
                    parts: &[$(Part::$part),*],
                    group: $group,
                };
            )*

            /// Each of them.
            #[allow(dead_code, reason = "the build script and the tests ask for all")]
            pub(crate) const ALL: &'static [&'static Self] = &[$(Self::$constant),*];
        }
    };
}

shaders! {
    /// Residues to signed bytes.
    SPLIT_DIGITS = "split_digits", group 256, Wide Lane Modulus Digits;
    /// A matrix times one column or a few.
    PRODUCT_ONE = "product_one", group 128, Wide Dot Sum Modulus Digits Product;
    /// A matrix times many columns.
    PRODUCT_TILED = "product_tiled", group 256, Wide Dot Lane Modulus Digits Product;
    /// Masks from their seed.
    EXPAND_MASKS = "expand_masks", group 256, Lane;
    /// Residues to Montgomery's form.
    TO_MONTGOMERY = "to_montgomery", group 256, Wide Lane Ring;
    /// The inverse transform.
    NTT_INVERSE = "ntt_inverse", group 256, Wide Lane Ring Ntt;
    /// The gadget decomposition.
    DECOMPOSE = "decompose", group 256, Wide Lane Ring Ntt;
    /// Automorphisms and key switching.
    KEY_SWITCH = "key_switch", group 256, Wide Lane Ring;
    /// Encoding of weights: their columns.
    ENCODE_COLUMNS = "encode_columns", group 256, Wide Lane Ring Ntt;
    /// Encoding of weights: the rest.
    ENCODE_WEIGHTS = "encode_weights", group 256, Wide Lane Ring;
    /// Weights times baby steps.
    INNER_PRODUCT = "inner_product", group 256, Wide Lane Ring;
    /// Modulus switch of results.
    MODULUS_SWITCH = "modulus_switch", group 256, Wide Lane Ring;
}

/// Depths of tiles that [`Shader::PRODUCT_TILED`] may have.
pub(crate) const DEPTHS: [u32; 3] = [1, 2, 4];
/// Bytes of workgroup memory for each vector of a tile's depth: 64 rows, 32 columns of four digits.
const TILE_BYTES: u32 = (64 + 4 * 32) * 16;

/// The depth of tiles that `bytes` of workgroup memory have room for.
pub(crate) fn depth(bytes: u32) -> u32 {
    DEPTHS.into_iter().rfind(|depth| depth * TILE_BYTES <= bytes).unwrap_or(DEPTHS[0])
}

impl Shader {
    /// The whole source of this shader.
    pub(crate) fn compose(&self, permutation: Permutation, depth: u32) -> String {
        let parts = self.parts.iter().flat_map(|part| part.sources(permutation));
        let (mut directives, mut rest) = (String::new(), String::new());
        for line in parts.chain([&self.source]).flat_map(|source| source.lines()) {
            // Extensions are named before all else.
            let directive = line.starts_with("enable ") || line.starts_with("requires ");
            let to = if directive { &mut directives } else { &mut rest };
            to.push_str(line);
            to.push('\n');
        }
        let group = self.group;
        format!("{directives}const GROUP: u32 = {group}u;\nconst DEPTH: u32 = {depth}u;\n{rest}")
    }
}
