//! `riptide emulate`: serves emulated venues until it is told to stop.

use std::path::{Path, PathBuf};

use connector_emulator::config::{CONFIG_BYTES_MAX, EmulateConfig};
use connector_emulator::serve::{self, Bound, Running};
use connector_emulator::world::{WorldError, world};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli_output::{Exit, Failure, Form, note, write_json, write_text};

/// What is asked for on the command line.
#[derive(Clone, Debug)]
pub struct EmulateArgs {
    /// Configuration; absent: all four venues on any port, with nobody's account.
    pub config: Option<PathBuf>,
    /// Seed in place of the configured one.
    pub seed: Option<u64>,
    /// Form of what is printed at the start.
    pub form: Form,
}

/// Starts the emulators, says where they listen, and serves until SIGINT or SIGTERM.
#[must_use]
pub fn command(args: &EmulateArgs) -> Exit {
    let mut config = match args.config.as_deref().map(load) {
        None => EmulateConfig::default(),
        Some(Ok(config)) => config,
        Some(Err(exit)) => return exit,
    };
    config.seed = args.seed.unwrap_or(config.seed);
    match run(&config, args.form) {
        Ok(()) => Exit::Ok,
        Err(Stop::Output(exit)) => exit,
        Err(Stop::Failure(failure)) => failure.report(args.form),
    }
}

/// Why it ends with anything but success.
enum Stop {
    /// Standard output is gone, or fails.
    Output(Exit),
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn run(config: &EmulateConfig, form: Form) -> Result<(), Stop> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
            Failure::new(Exit::Finding, error.to_string(), "is a resource used up?")
        })?;
    // Before anything listens, so that no signal is missed; and before the runtime is entered for good:
    // a server that does not start gives its own runtime up, which must not happen inside another.
    let watch = |kind| {
        let _entered = runtime.enter();
        signal(kind).map_err(|error| {
            Failure::new(Exit::Finding, error.to_string(), "signals cannot be watched")
        })
    };
    let (mut interrupt, mut terminate) =
        (watch(SignalKind::interrupt())?, watch(SignalKind::terminate())?);
    let running = world(config)
        .and_then(|world| Ok(serve::start(world.options)?))
        .map_err(|error| failure(&error))?;
    runtime.block_on(async {
        tell(config, &running, form).map_err(Stop::Output)?;
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                _ = interrupt.recv() => break,
                _ = terminate.recv() => break,
                _ = looks.tick() => if !running.is_running() { break },
            }
        }
        running.stop().map_err(|error| {
            let hint = "what stands above on standard error says more";
            Stop::Failure(Failure::new(Exit::Finding, error.to_string(), hint))
        })
    })
}

/// How often it is seen to that the emulators still run.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(250);

fn failure(error: &WorldError) -> Failure {
    let (exit, hint) = match error {
        WorldError::NoVenue(_) => (Exit::BadConfig, "see [venues] in config/example/emulate.toml"),
        WorldError::Chain(_) => (Exit::BadConfig, "see [chain] in config/example/emulate.toml"),
        WorldError::Capture(_) => (Exit::BadData, "see market.captures in the configuration"),
        WorldError::Keys { .. } => (Exit::Write, "name a file that can be written: keys_file"),
        WorldError::Start(serve::StartError::File { .. }) => {
            (Exit::Write, "name a file that can be written: ca_file, frame_log")
        }
        WorldError::Start(serve::StartError::Listen { .. }) => {
            (Exit::BadConfig, "give another port in the configuration; 0 takes any")
        }
        WorldError::Start(_) => (Exit::BadConfig, "config/example/emulate.toml explains every key"),
    };
    Failure::new(exit, error.to_string(), hint)
}

/// Reads a configuration, or says on standard error what is wrong with it.
fn load(path: &Path) -> Result<EmulateConfig, Exit> {
    let unreadable = |error| Failure::unreadable(path, &error).report(Form::Text);
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > CONFIG_BYTES_MAX as u64 {
        let says = format!("{}: has {length} bytes; at most {CONFIG_BYTES_MAX}", path.display());
        return Err(
            Failure::new(Exit::BadConfig, says, "is this the right file?").report(Form::Text)
        );
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    EmulateConfig::parse(&text).map_err(|problems| {
        for problem in &problems {
            note(&format!("{}: {problem}\nhint: {}\n", path.display(), problem.hint));
        }
        Exit::BadConfig
    })
}

/// Says where everything is.
fn tell(config: &EmulateConfig, running: &Running, form: Form) -> Result<(), Exit> {
    let venues: Vec<Place> = running.venues().iter().map(Place::of).collect();
    let control = running.control().map(|address| format!("http://{address}"));
    if form == Form::Json {
        return write_json(&Told {
            seed: config.seed,
            control,
            venues,
            ca_file: config.ca_file.as_deref(),
            keys_file: config.keys_file.as_deref(),
        });
    }
    let mut lines: Vec<String> = Vec::new();
    let mut line =
        |what: &str, says: &dyn std::fmt::Display| lines.push(format!("{what:<9} {says}"));
    for place in &venues {
        let plain = place.http.iter().chain(&place.ws);
        for address in plain.chain(&place.https).chain(&place.wss) {
            line(place.venue, address);
        }
    }
    if let Some(address) = &control {
        line("control", address);
    }
    for (what, path) in [("authority", &config.ca_file), ("keys", &config.keys_file)] {
        if let Some(path) = path {
            line(what, &path.display());
        }
    }
    let text = lines.join("\n") + "\nCtrl-C stops.\n";
    write_text(&text)
}

/// What is printed at the start in JSON form.
#[derive(Serialize)]
struct Told<'a> {
    seed: u64,
    control: Option<String>,
    venues: Vec<Place>,
    ca_file: Option<&'a Path>,
    keys_file: Option<&'a Path>,
}

/// Where one venue listens.
#[derive(Serialize)]
struct Place {
    venue: &'static str,
    http: Option<String>,
    ws: Option<String>,
    https: Option<String>,
    wss: Option<String>,
}

/// What the certificates are for.
const TLS_HOST: &str = "localhost";

impl Place {
    fn of(bound: &Bound) -> Self {
        let plain = |scheme: &str| bound.plain.map(|address| format!("{scheme}://{address}"));
        let tls = |scheme: &str| bound.tls.map(|it| format!("{scheme}://{TLS_HOST}:{}", it.port()));
        Self {
            venue: bound.venue,
            http: plain("http"),
            ws: plain("ws"),
            https: tls("https"),
            wss: tls("wss"),
        }
    }
}
