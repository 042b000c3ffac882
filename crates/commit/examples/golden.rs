//! Writes `vectors/commit`. Run it only when the specification changes: the files are what others are judged by.

#[path = "../tests/support/golden.rs"]
mod golden;

fn main() -> std::io::Result<()> {
    std::fs::create_dir_all(golden::folder())?;
    for (name, text) in golden::files() {
        std::fs::write(golden::folder().join(name), text)?;
        println!("vectors/commit/{name}");
    }
    Ok(())
}
