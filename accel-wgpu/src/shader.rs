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
    /// Products of bytes and nothing else, to measure.
    PLAIN_DOTS = "plain_dots", group 256, Dot Lane;
    /// Products of words and nothing else, to measure.
    PLAIN_WORDS = "plain_words", group 256, Lane;
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

/// Bytes of workgroup memory of a tile so many vectors deep: 64 rows, 32 columns of four digits, each column with a
/// vector to spare.
const fn tile_bytes(depth: u32) -> u32 {
    (64 * depth + 32 * (4 * depth + 1)) * 16
}

/// The depth of tiles that `bytes` of workgroup memory have room for.
pub(crate) fn depth(bytes: u32) -> u32 {
    DEPTHS.into_iter().rfind(|&depth| tile_bytes(depth) <= bytes).unwrap_or(DEPTHS[0])
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether shaders in some permutation have each of these in them, and in none of those without `part`; and the
    /// other way round for `without`.
    fn selects(part: fn(Permutation) -> bool, with: &str, without: &str) {
        let mut seen = 0;
        for shader in Shader::ALL {
            for permutation in Permutation::all() {
                let source = shader.compose(permutation, 4);
                let (has_with, has_without) = (source.contains(with), source.contains(without));
                if has_with || has_without {
                    seen += 1;
                    let both = (shader.name, permutation);
                    assert_eq!(
                        (has_with, has_without),
                        (part(permutation), !part(permutation)),
                        "{both:?}"
                    );
                }
            }
        }
        assert!(seen > 0, "no shader has `{with}`");
    }

    #[test]
    fn permutations_select_their_parts() {
        selects(|it| it.int64, "u64(a) * u64(b)", "let a1 = a >> 16u;");
        selects(|it| it.dot, "dot4I8Packed(a, b)", "return dot(x >> shift, y >> shift);");
        selects(|it| it.subgroups, "subgroupAdd(a)", "partial[0][thread + width]");
    }

    #[test]
    fn extensions_are_named_first() {
        let all = Permutation { int64: true, dot: true, subgroups: true };
        let source = Shader::PRODUCT_TILED.compose(all, 4);
        assert!(source.starts_with("requires packed_4x8_integer_dot_product;\n"), "{source}");
        assert!(source.contains("const GROUP: u32 = 256u;\nconst DEPTH: u32 = 4u;\n"));
    }

    #[test]
    fn tiles_fit_the_workgroup_memory() {
        // What WebGPU promises has room for the deepest.
        assert_eq!(depth(16 << 10), 4);
        assert_eq!(depth(tile_bytes(4) - 1), 2);
        assert_eq!(depth(0), 1);
        for depth in DEPTHS {
            let source = Shader::PRODUCT_TILED.compose(Permutation::PORTABLE, depth);
            let module = naga::front::wgsl::parse_str(&source).unwrap();
            let variables = module.global_variables.iter().map(|(_, variable)| variable);
            let sizes = variables
                .filter(|variable| variable.space == naga::AddressSpace::WorkGroup)
                .map(|variable| module.types[variable.ty].inner.size(module.to_ctx()));
            assert_eq!(sizes.sum::<u32>(), tile_bytes(depth));
        }
    }
}
