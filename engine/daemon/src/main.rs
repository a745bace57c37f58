//! The one binary. All it does is in the library.

use std::process::ExitCode;

/// Books, pools and reports take their memory at the start; this keeps that cheap.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    engine_daemon::cli::run(std::env::args_os())
}
