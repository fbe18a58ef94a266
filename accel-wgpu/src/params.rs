//! The parameters of shaders: one structure on both sides.

use crate::shader::Shader;
use bytemuck::Pod;

/// What a launcher gives a shader beside its buffers: the `Params` of the shader's file.
pub(crate) trait Params: Pod {
    /// The shaders that take it.
    const SHADERS: &'static [&'static Shader];
    /// Its members, each with its offset.
    #[cfg(test)]
    const MEMBERS: &'static [(&'static str, usize)];
}

/// Defines the parameters of shaders.
macro_rules! params {
    (
        $(#[$doc:meta])*
        $name:ident for $($shader:ident),+ {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, bytemuck::Pod, bytemuck::Zeroable)]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: $type,)*
        }

        impl crate::params::Params for $name {
            const SHADERS: &'static [&'static crate::shader::Shader] =
                &[$(crate::shader::Shader::$shader),+];
            #[cfg(test)]
            const MEMBERS: &'static [(&'static str, usize)] =
                &[$((stringify!($field), core::mem::offset_of!($name, $field))),*];
        }
    };
}

pub(crate) use params;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Permutation;
    use crate::masks::MaskParams;
    use crate::product::{ProductParams, SplitParams};
    use crate::rates::RateParams;
    use crate::ring::{
        ColumnsParams, DecomposeParams, InnerParams, InverseParams, KeySwitchParams,
        MontgomeryParams, SwitchParams, WeightsParams,
    };
    use naga::{AddressSpace, TypeInner};

    /// The structure is that of the shaders, member by member. Returns the shaders' names.
    fn agrees<P: Params>() -> Vec<&'static str> {
        for shader in P::SHADERS {
            let source = shader.compose(Permutation::PORTABLE, 1);
            let module = naga::front::wgsl::parse_str(&source).unwrap();
            let uniform = module.global_variables.iter().map(|(_, variable)| variable);
            let uniform = uniform.into_iter().find(|it| it.space == AddressSpace::Uniform).unwrap();
            let TypeInner::Struct { members, span } = &module.types[uniform.ty].inner else {
                panic!("{}: not a structure", shader.name)
            };
            let members: Vec<_> = members
                .iter()
                .map(|member| (member.name.as_deref().unwrap(), member.offset as usize))
                .collect();
            assert_eq!(members, P::MEMBERS, "{}", shader.name);
            assert_eq!(*span as usize, size_of::<P>(), "{}", shader.name);
        }
        P::SHADERS.iter().map(|shader| shader.name).collect()
    }

    #[test]
    fn layouts_are_those_of_the_shaders() {
        let mut seen = [
            agrees::<SplitParams>(),
            agrees::<ProductParams>(),
            agrees::<MaskParams>(),
            agrees::<MontgomeryParams>(),
            agrees::<InverseParams>(),
            agrees::<DecomposeParams>(),
            agrees::<KeySwitchParams>(),
            agrees::<ColumnsParams>(),
            agrees::<WeightsParams>(),
            agrees::<InnerParams>(),
            agrees::<SwitchParams>(),
            agrees::<RateParams>(),
        ]
        .concat();
        seen.sort_unstable();
        let mut every: Vec<_> = Shader::ALL.iter().map(|shader| shader.name).collect();
        every.sort_unstable();
        assert_eq!(seen, every, "each shader's parameters are checked");
    }
}
