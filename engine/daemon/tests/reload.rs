//! SIGHUP on a live run over sockets: taken whole or not at all, and journaled as a run of its own.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use config::Config;
use connector_link::Clock;
use connector_net::session::LinkSettings;
use engine_daemon::demo::{CONFIG, Pacing, addresses, venues};
use engine_daemon::journal::runs;
use engine_daemon::journal::verify::verify;
use engine_daemon::live::core_loop::Unseen;
use engine_daemon::live::run::Run;
use rustix::process::{Signal, getpid, kill_process};

/// A loaded machine may be slow; this only bounds a run that never gets there.
const PATIENCE: Duration = Duration::from_mins(2);

/// Waits for a line with these words, and gives those that came before it too.
fn wait_for(lines: &Receiver<String>, words: &str) -> Vec<String> {
    let (mut seen, until) = (Vec::new(), Instant::now() + PATIENCE);
    while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
        seen.push(line);
        if seen.last().is_some_and(|line| line.contains(words)) {
            return seen;
        }
    }
    panic!("no line with {words:?}: {seen:#?}");
}

#[test]
fn a_hangup_takes_stricter_limits_and_refuses_everything_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("riptide.toml");
    let with_drawdown = |usd: u64| {
        let text = CONFIG.replace("drawdown_usd_max = 5000", &format!("drawdown_usd_max = {usd}"));
        assert!(usd == 5_000 || text != CONFIG);
        text
    };
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    let begun = with_drawdown(5_000);
    write(&begun);
    let start_s = connector_link::clock::wall_ns() / 1_000_000_000;
    let running = venues(11, Pacing::Market, start_s).expect("emulated venues");
    let sets = addresses(&running).expect("they listen");
    let config = Config::parse_with("riptide.toml", &begun, &sets).expect("a configuration");
    let journal = dir.path().join("journal");
    let (told, lines) = channel();
    let told = Mutex::new(told);
    let run = Run {
        config,
        config_name: file.display().to_string(),
        config_text: begun,
        config_sets: sets,
        journal_dir: Some(journal.clone()),
        // It is ended by a signal; this bounds it where the test has failed.
        seconds: Some(600),
        record: None,
        recorded: Arc::default(),
        clock: Clock::new(),
        links: LinkSettings::default(),
        observer: Box::new(Unseen),
        at_end: None,
        say: Arc::new(move |line| {
            // Whoever listened may have failed.
            let _ = told.lock().map(|told| told.send(line.to_owned()));
        }),
    };
    let signal = |signal| kill_process(getpid(), signal).expect("this process is there");
    let stricter = with_drawdown(4_000);
    let ended = std::thread::scope(|scope| {
        let ended = scope.spawn(|| run.go());
        // The signals are listened to before anything is ready.
        wait_for(&lines, "ready: every market");
        for (shows, text, says) in [
            ("a looser limit", with_drawdown(5_001), "risk.drawdown_usd_max: 5000 → 5001"),
            (
                "a stricter limit beside a key that is built in",
                format!("{}\n[journal]\nsegment_mib = 3\n", with_drawdown(4_000)),
                "journal.segment_mib: 64 → 3",
            ),
            ("no TOML", "[risk".to_owned(), "not TOML"),
        ] {
            write(&text);
            signal(Signal::HUP);
            let seen = wait_for(&lines, "reload refused: nothing has changed");
            assert!(seen.iter().any(|line| line.contains(says)), "{shows}: {seen:#?}");
        }
        write(&stricter);
        signal(Signal::HUP);
        let seen = wait_for(&lines, "reloaded ");
        let change = "reload: risk.drawdown_usd_max: 5000 → 4000";
        assert!(seen.iter().any(|line| line == change), "{seen:#?}");
        signal(Signal::HUP);
        wait_for(&lines, "says nothing else than before");
        // Something has to happen in the second run.
        std::thread::sleep(Duration::from_secs(2));
        signal(Signal::TERM);
        ended.join().expect("the run's thread")
    });
    let ended = ended.expect("a run that ends in order");
    assert!(ended.is_recorded);
    running.stop().expect("venues that end in order");
    let (found, _) = runs::find(&journal).expect("a journal");
    assert_eq!(found.len(), 2, "one reload was taken");
    assert_eq!(found[1].begin.from_anchor, found[0].end_seq);
    assert_eq!(found[1].begin.config_text, stricter);
    let limits = found.iter().map(|run| run.begin.settings.limits.drawdown_usd_micros);
    assert_eq!(limits.collect::<Vec<_>>(), [5_000_000_000, 4_000_000_000]);
    assert!(found.iter().all(|run| run.end.is_some_and(|end| end.batches > 0)), "{found:?}");
    let verified = verify(&journal, None).expect("readable");
    assert!(verified.is_identical(), "{:?}", verified.difference);
    assert_eq!(verified.runs, 2);
}
