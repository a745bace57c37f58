//! A live run over sockets is recorded; its replay tells every book the same. `RIPTIDE_RECORD_SECONDS` says
//! for how long.
#![expect(clippy::print_stdout, reason = "long runs are told to who asks for them")]

use std::sync::Arc;

use config::Config;
use connector_link::Clock;
use connector_net::Sink;
use connector_net::session::LinkSettings;
use engine_daemon::demo::{CONFIG, Pacing, addresses, venues};
use engine_daemon::journal::feed::JournalFeed;
use engine_daemon::live::core_loop::Unseen;
use engine_daemon::live::run::Run;
use engine_daemon::replay::{self, JournalTo, ReplayArgs};
use engine_model::Body;

/// What every market was told, in order, without times.
fn told(dir: &std::path::Path, markets: usize) -> Vec<Vec<Body>> {
    let mut all = vec![Vec::new(); markets];
    let mut feed = JournalFeed::open(dir, 1).expect("a journal");
    let mut sink = Sink::default();
    while feed.advance(&mut sink).is_some() {
        for event in &sink.events {
            let is_of_book = matches!(
                event.body,
                Body::BookClear
                    | Body::Level { .. }
                    | Body::BookDoubt { .. }
                    | Body::Gap { .. }
                    | Body::Trade { .. }
                    | Body::PoolPrice { .. }
                    | Body::PoolMeta { .. }
                    | Body::TickArrayBegin { .. }
                    | Body::Tick { .. }
            );
            if let Some(list) = all.get_mut(event.market.index()).filter(|_| is_of_book) {
                list.push(event.body);
            }
        }
    }
    assert!(feed.into_stats().failed.is_none());
    all
}

#[test]
fn a_recorded_run_replays_to_the_same_books_at_every_event() {
    let asked = std::env::var("RIPTIDE_RECORD_SECONDS").ok();
    let seconds = asked.map_or(5, |text| text.parse().expect("seconds"));
    let dir = tempfile::tempdir().expect("a directory");
    let start_s = connector_link::clock::wall_ns() / 1_000_000_000;
    let running = venues(11, Pacing::Market, start_s).expect("emulated venues");
    let sets = addresses(&running).expect("they listen");
    let config = Config::parse_with("demo.toml", CONFIG, &sets).expect("the demo's configuration");
    let markets = config.markets.len();
    let (live, capture) = (dir.path().join("live"), dir.path().join("capture"));
    let run = Run {
        config,
        config_name: "demo.toml".to_owned(),
        config_text: CONFIG.to_owned(),
        config_sets: sets,
        journal_dir: Some(live.clone()),
        seconds: Some(seconds),
        record: Some(capture.clone()),
        recorded: Arc::default(),
        clock: Clock::new(),
        links: LinkSettings::default(),
        observer: Box::new(Unseen),
        at_end: None,
        say: Arc::new(|_| {}),
    };
    let ended = run.go().expect("a run");
    assert!(ended.is_recorded);
    running.stop().expect("venues that end in order");
    let replayed = dir.path().join("replayed");
    let exit = replay::command(&ReplayArgs {
        path: Some(capture),
        journal: JournalTo::Dir(replayed.clone()),
        ..ReplayArgs::default()
    });
    assert_eq!(exit, engine_daemon::cli_output::Exit::Ok);
    let (live, replayed) = (told(&live, markets), told(&replayed, markets));
    for (market, (live, replayed)) in live.iter().zip(&replayed).enumerate() {
        let same = live.iter().zip(replayed).take_while(|(one, other)| one == other).count();
        assert!(!live.is_empty(), "market {market} was told nothing");
        assert_eq!(
            live.get(same..same + 3),
            replayed.get(same..same + 3),
            "market {market} differs at {same} of {} and {}",
            live.len(),
            replayed.len()
        );
        assert_eq!(live.len(), replayed.len(), "market {market}");
        println!("market {market}: the same {} events after {seconds} s", live.len());
    }
}
