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
var<workgroup> partial: array<vec4<i32>, GROUP>;

// The sum of all threads' `value`, in every thread. All threads must call it.
fn sum_of_group(lane: Lane, value: vec4<i32>) -> vec4<i32> {
    let sum = subgroupAdd(value);
    // The last call's sums may still be in use.
    workgroupBarrier();
    if lane.subgroup_thread == 0u {
        partial[lane.subgroup] = sum;
    }
    workgroupBarrier();
    var total = partial[0];
    for (var other = 1u; other < lane.subgroups; other += 1u) {
        total += partial[other];
    }
    return total;
}
