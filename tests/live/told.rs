//! What an operator reads: each step once, however many messages it took.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use connector_emulator::serve::{Fault, FaultOrder, Pings, Running};
use connector_link::Clock;
use connector_net::session::LinkSettings;
use engine_daemon::demo;
use engine_daemon::live::boot::Say;
use engine_daemon::live::core_loop::Unseen;
use engine_daemon::live::run::Run;

use crate::harness::{Stage, addresses, configured, world_of};

/// How long the run goes on once every market is live. Unit: seconds of market time.
const SECONDS: u64 = 30;

/// Longest until every market is live, however slow the machine.
const PATIENCE: Duration = Duration::from_secs(90);

fn run(running: &Running, sets: Vec<String>, dir: &Path, scale: u32, say: Say) -> Run {
    Run {
        config: configured(&sets),
        config_name: "demo.toml".to_owned(),
        config_text: demo::CONFIG.to_owned(),
        config_sets: sets,
        journal_dir: Some(dir.join("journal")),
        seconds: Some(SECONDS),
        record: None,
        recorded: Arc::default(),
        clock: Clock::scaled(running.clock().now_ns(), scale),
        links: LinkSettings::default(),
        observer: Box::new(Unseen),
        at_end: None,
        say,
    }
}

#[test]
fn each_step_is_said_once() {
    let stage = Stage { scale: 4, ..Stage::default() };
    let (running, _) = world_of(&stage);
    let dir = tempfile::tempdir().expect("a directory");
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let (ready, is_ready) = mpsc::channel();
    let heard = Arc::clone(&lines);
    let say: Say = Arc::new(move |line: &str| {
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
        if line.starts_with("ready") {
            // A test that has given up does not listen any more.
            let _ = ready.send(());
        }
    });
    let run = run(&running, addresses(&running, 1), dir.path(), stage.scale, say);
    let thread = std::thread::spawn(move || run.go());
    is_ready.recv_timeout(PATIENCE).expect("every market is live");
    let fault = Fault::Silence { pings: Pings::Answered };
    running.fault(FaultOrder::new("coinbase", fault, 8_000)).expect("it can begin");
    let ended = thread.join().expect("no panic").expect("it ends in order");
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    let opens = |name: &str| {
        let view = ended.links.iter().find(|view| view.name == name);
        usize::try_from(view.expect("it was there").counts.opens).expect("few")
    };
    // As often as it was not live it came back, and the first time it came.
    let (lost, found) = (count("coinbase: not live"), count("coinbase: live"));
    assert!(lost >= 1 && found == lost + 1, "{lines:#?}");
    assert!(lost < opens("coinbase") + 1, "said once for each end: {lines:#?}");
    assert_eq!(count("ready"), 1, "{lines:#?}");
    for name in ["gemini", "bitstamp", "solana"] {
        let (lost, found) = (count(&format!("{name}: not live")), count(&format!("{name}: live")));
        assert_eq!(found, lost + 1, "{lines:#?}");
    }
}
