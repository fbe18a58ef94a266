//! Parses and validates every shader in every permutation, so that a fault in one is an error of the build.

#[path = "src/permutation.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "the crate's own module, of which the build uses a part"
)]
mod permutation;
#[path = "src/shader.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "the crate's own module, of which the build uses a part"
)]
mod shader;

use naga::valid::{Capabilities, ValidationFlags, Validator};
use permutation::Permutation;
use shader::{DEPTHS, Shader};
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=shaders");
    println!("cargo::rerun-if-changed=src/shader.rs");
    println!("cargo::rerun-if-changed=src/permutation.rs");
    let mut code = ExitCode::SUCCESS;
    for shader in Shader::ALL {
        let forms =
            Permutation::all().flat_map(|permutation| DEPTHS.map(|depth| (permutation, depth)));
        for (permutation, depth) in forms {
            let source = shader.compose(permutation, depth);
            if let Err(error) = validate(&source, permutation) {
                println!("cargo::error=shader {}, permutation {permutation}", shader.name);
                eprintln!("{error}");
                code = ExitCode::FAILURE;
                break;
            }
        }
    }
    code
}

fn validate(source: &str, permutation: Permutation) -> Result<(), String> {
    let module =
        naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let mut capabilities = Capabilities::empty();
    capabilities.set(Capabilities::SHADER_INT64, permutation.int64);
    capabilities.set(Capabilities::SUBGROUP, permutation.subgroups);
    let mut validator = Validator::new(ValidationFlags::all(), capabilities);
    validator.subgroup_stages(naga::valid::ShaderStages::COMPUTE);
    validator.subgroup_operations(naga::valid::SubgroupOperationSet::all());
    validator.validate(&module).map_err(|error| error.emit_to_string(source))?;
    Ok(())
}
