//! The programs that a card will run: what they say without a driver, and the check on the emulator.

use std::process::{Command, Output};

fn run(program: &str, arguments: &[&str]) -> Output {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    Command::new(program).args(arguments).current_dir(root).output().unwrap()
}

#[test]
fn without_a_driver_the_programs_say_so_and_exit_3() {
    if samebit_cuda::is_present() {
        eprintln!("SKIPPED: there is a driver");
        return;
    }
    for program in [env!("CARGO_BIN_EXE_samebit-cuda-check"), env!("CARGO_BIN_EXE_samebit-cuda-bench")] {
        let output = run(program, &[]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("no NVIDIA driver on this machine"), "{said}");
    }
}

#[test]
fn bad_usage_exits_2() {
    let output = run(env!("CARGO_BIN_EXE_samebit-cuda-check"), &["--wrods", "3"]);
    assert_eq!(output.status.code(), Some(2));
}

/// Every kernel's cases, and every line of the golden files, as a card will run them.
#[test]
fn the_check_finds_no_difference_on_the_emulator() {
    let output = run(env!("CARGO_BIN_EXE_samebit-cuda-check"), &["--emulator", "--words", "1000"]);
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(3) {
        eprintln!("SKIPPED: {wrong}");
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{said}{wrong}");
    assert_eq!(said.lines().filter(|line| line.contains(" 0 differences ")).count(), 17, "{said}");
}
