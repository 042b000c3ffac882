//! Compiles every kernel for every architecture, lints the PTX and reports what each kernel takes: `samebit-cuda-ptx OUT`.
//!
//! An instruction that does not fix its bits, a spilled register and a loss that the assembler announces are findings.

use samebit_cuda::lint::Finding;
use samebit_cuda::nvrtc::Usage;
use samebit_cuda::{ARCHITECTURES, Arch, Error, Nvrtc, source};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

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
            eprintln!("error: {count} findings");
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

/// What was found in one architecture.
struct Found {
    findings: usize,
    kernels: usize,
    text: String,
}

/// The number of findings.
fn run(out: &Path) -> Result<usize, Error> {
    let compiler = Nvrtc::load()?;
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<(usize, Found)>, Error> {
        let mut found = Vec::new();
        while let at = next.fetch_add(1, Ordering::Relaxed)
            && let Some(&arch) = ARCHITECTURES.get(at)
        {
            found.push((at, compile(&compiler, arch, &out.join(format!("sm_{}", arch.0)))?));
        }
        Ok(found)
    };
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get().min(4));
    let results: Vec<_> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles.into_iter().map(|handle| handle.join().expect("a compiling thread does not panic")).collect()
    });
    let mut found: Vec<(usize, Found)> = Vec::new();
    for result in results {
        found.extend(result?);
    }
    found.sort_by_key(|&(at, _)| at);
    found.iter().for_each(|(_, found)| print!("{}", found.text));
    let kernels: usize = found.iter().map(|(_, found)| found.kernels).sum();
    println!("{kernels} kernels for {} architectures", ARCHITECTURES.len());
    Ok(found.iter().map(|(_, found)| found.findings).sum())
}

/// Compiles and lints every source for one architecture.
fn compile(compiler: &Nvrtc, arch: Arch, folder: &Path) -> Result<Found, Error> {
    std::fs::create_dir_all(folder)?;
    let mut found = Found { findings: 0, kernels: 0, text: String::new() };
    for source in source::all(arch) {
        let compiled = compiler.compile(&source, arch.0)?;
        std::fs::write(folder.join(format!("{}.ptx", source.name)), &compiled.ptx)?;
        std::fs::write(folder.join(format!("{}.cubin", source.name)), &compiled.cubin)?;
        for finding in compiled.findings() {
            let Finding { line, instruction, reason } = finding;
            eprintln!("sm_{}/{}.ptx:{line}: {instruction}: {reason}", arch.0, source.name);
            found.findings += 1;
        }
        for loss in &compiled.losses {
            eprintln!("sm_{} {}: {loss}", arch.0, source.name);
            found.findings += 1;
        }
        for Usage { kernel, registers, spilled_bytes, shared_bytes } in &compiled.usage {
            if *spilled_bytes > 0 {
                eprintln!("sm_{} {}: {kernel} spills {spilled_bytes} bytes", arch.0, source.name);
                found.findings += 1;
            }
            found.text += &format!(
                "sm_{} {} {kernel}: {registers} registers, {spilled_bytes} bytes spilled, {shared_bytes} bytes shared\n",
                arch.0, source.name
            );
        }
        assert_eq!(compiled.usage.len(), source.kernels.len(), "kernels of {}", source.name);
        found.kernels += source.kernels.len();
    }
    Ok(found)
}
