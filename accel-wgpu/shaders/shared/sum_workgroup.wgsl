// Who a thread is, and sums over a workgroup of GROUP threads in its memory.

struct Lane {
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
}

var<workgroup> partial: array<array<vec4<i32>, GROUP>, 4>;

// The sums of all threads' `a`, `b`, `c` and `d`: for thread 0 that of `a`, for thread 1 that of `b`, and so on. All
// threads must call it, once.
fn sums_of_group(lane: Lane, a: vec4<i32>, b: vec4<i32>, c: vec4<i32>, d: vec4<i32>) -> vec4<i32> {
    let thread = lane.thread;
    partial[0][thread] = a;
    partial[1][thread] = b;
    partial[2][thread] = c;
    partial[3][thread] = d;
    for (var width = GROUP / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if thread < width {
            partial[0][thread] += partial[0][thread + width];
            partial[1][thread] += partial[1][thread + width];
            partial[2][thread] += partial[2][thread + width];
            partial[3][thread] += partial[3][thread + width];
        }
    }
    workgroupBarrier();
    return partial[thread % 4u][0];
}
