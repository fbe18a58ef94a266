// The place of a thread in a grid of workgroups. Needs a `Lane`.

// The number of the thread's workgroup in its plane of the grid, which is cut into lines where there are more
// workgroups than one dimension takes.
fn group_number(lane: Lane) -> u32 {
    return lane.group.y * lane.groups.x + lane.group.x;
}
