//! The thread's floating-point mode.

/// Panics unless this thread rounds to nearest even and keeps subnormals, on input and output.
///
/// Every thread starts that way. A foreign library that was built for fast mathematics may change it behind our back, and
/// then every result would be another one: call this where a thread that computes starts.
#[inline]
pub fn assert_float_environment() {
    #[cfg(target_arch = "x86_64")]
    {
        /// Flush to zero, round up or down or to zero, subnormals are zero.
        const FORBIDDEN: u32 = 1 << 15 | 3 << 13 | 1 << 6;
        let mode = control_register();
        assert!(
            mode & FORBIDDEN == 0,
            "the floating-point mode of this thread is {mode:#06x}: it does not round to nearest even or it drops \
             subnormals. A library in this process was built with fast mathematics."
        );
    }
}

#[cfg(target_arch = "x86_64")]
fn control_register() -> u32 {
    let mut mode = 0u32;
    // SAFETY: stmxcsr writes four bytes to the given address, which is `mode`; SSE is part of x86-64.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut mode, options(nostack, preserves_flags));
    }
    mode
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    fn set_control_register(mode: u32) {
        // SAFETY: ldmxcsr reads four bytes from `mode`; the value differs from a valid one in defined bits only.
        unsafe {
            std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const mode, options(nostack));
        }
    }

    #[test]
    fn a_fresh_thread_is_right_and_a_changed_one_is_noticed() {
        assert_float_environment();
        for bit in [6, 13, 14, 15] {
            let outcome = std::thread::spawn(move || {
                let before = control_register();
                set_control_register(before | 1 << bit);
                let outcome = std::panic::catch_unwind(assert_float_environment);
                set_control_register(before);
                outcome
            });
            assert!(outcome.join().expect("the thread catches the panic").is_err(), "bit {bit}");
        }
    }
}
