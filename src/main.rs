//! subrosa
fn main() {}
