//! Writes the golden files of `vectors/num` and the listing in docs/spec/arithmetic.md.

use std::path::Path;

use samebit_num::vectors;

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for file in vectors::files() {
        let path = root.join(file.path);
        std::fs::create_dir_all(path.parent().expect("a golden file is in a folder"))?;
        std::fs::write(path, file.contents)?;
        println!("wrote {}", file.path);
    }
    let path = root.join("docs/spec/arithmetic.md");
    let text = std::fs::read_to_string(&path)?;
    std::fs::write(path, vectors::specification(&text))?;
    println!("wrote the programs in docs/spec/arithmetic.md");
    Ok(())
}
