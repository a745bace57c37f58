//! Writes the seeds of a target: `seeds TARGET DIRECTORY`.
#![expect(clippy::print_stderr, reason = "a program that tells what it did")]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, directory] = &arguments[..] else {
        let names: Vec<&str> = fuzz_checks::TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("usage: seeds TARGET DIRECTORY\ntargets: {}", names.join(" "));
        return ExitCode::from(2);
    };
    let seeds = fuzz_checks::seeds::of(target);
    if seeds.is_empty() {
        eprintln!("error: {target} is no target");
        return ExitCode::from(2);
    }
    match write(Path::new(directory), &seeds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {directory}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(directory: &Path, seeds: &[Vec<u8>]) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for (index, seed) in seeds.iter().enumerate() {
        std::fs::write(directory.join(format!("seed-{index:04}")), seed)?;
    }
    Ok(())
}
