//! Requests to the valgrind that runs this process; without one they do nothing.
#![expect(unsafe_code, reason = "requests are a sequence of instructions that valgrind knows")]

use core::arch::asm;

const RUNNING_ON_VALGRIND: usize = 0x1001;
const COUNT_ERRORS: usize = 0x1201;
/// 'M' 'C': memcheck's own.
const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;
const MAKE_MEM_DEFINED: usize = 0x4d43_0002;

fn request(code: usize, first: usize, second: usize) -> usize {
    let arguments = [code, first, second, 0, 0, 0];
    let mut result = 0_usize;
    // SAFETY: on a processor the rotations add up to two full turns and the exchange does nothing;
    // valgrind reads the six arguments and writes rdx, and may mark memory, which changes no byte.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") result,
            inout("rdi") 0_usize => _,
        );
    }
    result
}

pub(crate) fn on_valgrind() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) != 0
}

/// Errors that valgrind has found so far.
pub(crate) fn errors() -> usize {
    request(COUNT_ERRORS, 0, 0)
}

/// From here on what is done may not depend on these bytes.
pub(crate) fn secret<V>(values: &mut [V]) {
    request(MAKE_MEM_UNDEFINED, values.as_mut_ptr() as usize, size_of_val(values));
}

/// From here on it may.
pub(crate) fn public<V>(values: &mut [V]) {
    request(MAKE_MEM_DEFINED, values.as_mut_ptr() as usize, size_of_val(values));
}
