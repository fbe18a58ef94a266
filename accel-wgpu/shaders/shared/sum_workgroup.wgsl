// Who a thread is, and sums over a workgroup of GROUP threads in its memory.

struct Lane {
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
}

var<workgroup> partial: array<vec4<i32>, GROUP>;

// The sum of all threads' `value`, in every thread. All threads must call it.
fn sum_of_group(lane: Lane, value: vec4<i32>) -> vec4<i32> {
    partial[lane.thread] = value;
    for (var width = GROUP / 2u; width > 0u; width /= 2u) {
        workgroupBarrier();
        if lane.thread < width {
            partial[lane.thread] += partial[lane.thread + width];
        }
    }
    return workgroupUniformLoad(&partial[0]);
}
