//! Writes the shipped recording, or compares it with what would be written.
//!
//! `bundle [--check] [--shared DIR] OUT`: OUT is the bundle's folder (`tests/data/bundle`); with
//! `--shared` the recorded part is copied, or compared, too.

use std::path::PathBuf;
use std::process::ExitCode;

use connector_emulator::bundle;

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool talks to its user")]
fn main() -> ExitCode {
    let (mut check, mut shared, mut out) = (false, None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--check" => check = true,
            "--shared" => shared = arguments.next().map(PathBuf::from),
            _ => out = Some(PathBuf::from(argument)),
        }
    }
    let Some(out) = out else {
        eprintln!("usage: bundle [--check] [--shared DIR] OUT");
        return ExitCode::from(2);
    };
    let done = if check {
        bundle::check(&out, shared.as_deref())
    } else {
        bundle::write(&out, shared.as_deref())
    };
    match done {
        Ok(report) => {
            for line in report {
                println!("{line}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bundle: {error}");
            ExitCode::FAILURE
        }
    }
}
