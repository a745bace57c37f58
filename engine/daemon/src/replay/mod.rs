//! `riptide replay`: recordings through decoders, rings and the core to one report.
//!
//! [`bundle`] finds the files and the configuration, [`tables`] turns the configuration into what
//! the core is built with, [`source`] decodes one recording, [`merge`] brings all batches into one
//! order, [`run`] drives the core, [`collect`] adds its statements up, [`text`] and [`json`] print.

pub mod bundle;
pub mod collect;
pub mod json;
pub mod merge;
pub mod money;
pub mod run;
pub mod source;
pub mod tables;
pub mod text;
pub mod trades;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli_output::{Exit, Form, write_json, write_text};
use bundle::Plan;

/// What to replay and how.
#[derive(Clone, Debug)]
pub struct ReplayArgs {
    /// A bundle folder or a single recording; none for the bundle that ships.
    pub path: Option<PathBuf>,
    /// Configuration file; none for the bundle's own.
    pub config: Option<PathBuf>,
    /// Overrides of the form `KEY=VALUE`.
    pub sets: Vec<String>,
    /// Decoder threads; none for as many as the machine has cores.
    pub threads: Option<usize>,
    /// Form of the report.
    pub form: Form,
}

/// The command.
#[must_use]
pub fn command(args: &ReplayArgs) -> Exit {
    let started = Instant::now();
    let plan = match Plan::find(args) {
        Ok(plan) => plan,
        Err(refused) => return refused.report(args.form),
    };
    let bar = progress(plan.text_bytes());
    let threads = args.threads.unwrap_or_else(cores);
    let report = run::run(&plan, threads, started, &bar);
    bar.finish_and_clear();
    let report = match report {
        Ok(report) => report,
        Err(failure) => return failure.report(args.form),
    };
    let written = match args.form {
        Form::Text => write_text(&text::render(&report)),
        Form::Json => write_json(&json::object(&report)),
    };
    written.err().unwrap_or(Exit::Ok)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A bar on standard error when somebody watches it.
fn progress(bytes: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("replaying {wide_bar} {percent:>3} % {eta:>4}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
