//! Compiles every kernel for every architecture, lints the PTX and reports what each kernel takes: `samebit-cuda-ptx OUT`.

use samebit_cuda::{ARCHITECTURES, Error, Nvrtc, source};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit code when something needed is not there.
const NOT_REACHABLE: u8 = 3;

fn main() -> ExitCode {
    let Some(out) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: samebit-cuda-ptx OUT\nSAMEBIT_NVRTC names NVRTC's library or folder");
        return ExitCode::from(2);
    };
    match run(&out) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(count) => {
            eprintln!("error: {count} instructions do not fix their bits");
            ExitCode::FAILURE
        }
        Err(error @ Error::NoCompiler(_)) => {
            eprintln!("error: {error}");
            ExitCode::from(NOT_REACHABLE)
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The number of findings.
fn run(out: &Path) -> Result<usize, Error> {
    let compiler = Nvrtc::load()?;
    let mut finding_count = 0;
    let mut kernel_count = 0;
    for arch in ARCHITECTURES {
        let folder = out.join(format!("sm_{}", arch.0));
        std::fs::create_dir_all(&folder)?;
        for source in source::all().into_iter().filter(|source| source.only.is_none_or(|only| only == arch)) {
            let compiled = compiler.compile(&source, arch.0)?;
            std::fs::write(folder.join(format!("{}.ptx", source.name)), &compiled.ptx)?;
            std::fs::write(folder.join(format!("{}.cubin", source.name)), &compiled.cubin)?;
            for finding in compiled.findings() {
                eprintln!(
                    "sm_{}/{}.ptx:{}: {}: {}",
                    arch.0, source.name, finding.line, finding.instruction, finding.reason
                );
                finding_count += 1;
            }
            for usage in &compiled.usage {
                println!(
                    "sm_{} {}: {} registers, {} bytes spilled, {} bytes shared",
                    arch.0, usage.kernel, usage.registers, usage.spilled_bytes, usage.shared_bytes
                );
                kernel_count += 1;
            }
            assert_eq!(compiled.usage.len(), source.kernels.len(), "kernels of {}", source.name);
        }
    }
    println!("{kernel_count} kernels for {} architectures", ARCHITECTURES.len());
    Ok(finding_count)
}
