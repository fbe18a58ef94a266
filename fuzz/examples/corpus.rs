//! Writes the good inputs to `corpus/`, where `cargo fuzz` begins.

use std::fs;
use std::path::Path;
use subrosa_fuzz::TARGETS;

fn main() -> std::io::Result<()> {
    for (name, _, good) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        fs::create_dir_all(&folder)?;
        for (number, input) in good().iter().enumerate() {
            fs::write(folder.join(format!("good-{number}")), input)?;
        }
    }
    Ok(())
}
