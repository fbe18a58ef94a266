// Who a thread is, and sums over a workgroup of GROUP threads, within subgroups first.

struct Lane {
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
    @builtin(subgroup_invocation_id) subgroup_thread: u32,
}

// Subgroups may have a single thread.
var<workgroup> partial: array<array<vec4<i32>, GROUP>, 4>;

// The sums of all threads' `a`, `b`, `c` and `d`: for thread 0 that of `a`, for thread 1 that of `b`, and so on. All
// threads must call it, once.
fn sums_of_group(lane: Lane, a: vec4<i32>, b: vec4<i32>, c: vec4<i32>, d: vec4<i32>) -> vec4<i32> {
    let sum_a = subgroupAdd(a);
    let sum_b = subgroupAdd(b);
    let sum_c = subgroupAdd(c);
    let sum_d = subgroupAdd(d);
    if lane.subgroup_thread == 0u {
        partial[0][lane.subgroup] = sum_a;
        partial[1][lane.subgroup] = sum_b;
        partial[2][lane.subgroup] = sum_c;
        partial[3][lane.subgroup] = sum_d;
    }
    workgroupBarrier();
    let which = lane.thread % 4u;
    var total = partial[which][0];
    for (var other = 1u; other < lane.subgroups; other += 1u) {
        total += partial[which][other];
    }
    return total;
}
