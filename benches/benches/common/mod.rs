//! Emulated venues in a process of their own: this program again, in another role.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use engine_daemon::cli_output::{Exit, Form};
use engine_daemon::emulate::{EmulateArgs, command};
use rustix::process::{Pid, Signal, kill_process};

/// The word that gives this program the other role; a path follows.
const ROLE: &str = "emulate";

/// Emulated venues that run.
pub(crate) struct Emulated {
    /// The process.
    pub(crate) child: Child,
    /// Venues with their plain addresses, `127.0.0.1:PORT`.
    pub(crate) venues: Vec<(String, String)>,
}

/// What was given on the command line, without what cargo adds. In the other role it does not return:
/// it serves until it is told to stop.
pub(crate) fn words() -> Vec<String> {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if let [role, config] = words.as_slice()
        && role == ROLE
    {
        let args = EmulateArgs { config: Some(config.into()), seed: None, form: Form::Json };
        std::process::exit(i32::from(command(&args) != Exit::Ok));
    }
    words
}

impl Emulated {
    /// Starts them as `riptide emulate --config` does.
    pub(crate) fn start(config: &Path) -> Self {
        let program = std::env::current_exe().expect("this program's path");
        let child = Command::new(program).arg(ROLE).arg(config).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("this program starts again");
        let mut line = String::new();
        let said = child.stdout.take().expect("it was piped");
        BufReader::new(said).read_line(&mut line).expect("the emulators say where they are");
        let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let venues = said["venues"].as_array().expect("a list of venues").iter();
        let address = |url: &serde_json::Value| {
            url.as_str().and_then(|url| url.strip_prefix("http://")).expect("a port").to_owned()
        };
        let venues = venues.map(|venue| {
            (venue["venue"].as_str().expect("a name").to_owned(), address(&venue["http"]))
        });
        Self { child, venues: venues.collect() }
    }

    /// Overrides that lead the engine to them.
    pub(crate) fn sets(&self) -> Vec<String> {
        let each = self.venues.iter().flat_map(|(name, address)| {
            if name == "solana" {
                [
                    format!("venues.solana.rpc_urls=[\"http://{address}\"]"),
                    format!("venues.solana.ws_urls=[\"ws://{address}\"]"),
                ]
            } else {
                [
                    format!("venues.{name}.ws_url=\"ws://{address}\""),
                    format!("venues.{name}.rest_url=\"http://{address}\""),
                ]
            }
        });
        each.collect()
    }

    /// Ends them; what they log is whole then.
    pub(crate) fn stop(mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process number"), Signal::TERM).expect("it runs");
        let ended = self.child.wait().expect("a child");
        assert!(ended.success(), "the emulators end well: {ended}");
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        // After a failed assertion: nothing may outlive this program. It has ended otherwise.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The load that the machine carries, as it says.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}
