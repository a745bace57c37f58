//! SIGHUP: the configuration is read again, and taken whole or not at all.

use std::path::Path;
use std::time::Duration;

use engine_journal::records::Begin;
use tokio::sync::mpsc;

use super::boot::Say;
use super::reload::{Loaded, Refused, Reload, check, next_begin};
use super::session::{Live, Order};
use crate::check::read_text;
use crate::cli_output::{Exit, Failure};

/// How long the core's thread may take to answer. It writes one state of all books.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The configuration in force.
pub(super) struct Running {
    loaded: Loaded,
    begin: Begin,
}

impl Running {
    /// That of a run which has just begun.
    ///
    /// # Errors
    ///
    /// [`Failure`], where the texts are not those of a configuration.
    pub(super) fn new(begin: Begin) -> Result<Self, Failure> {
        let loaded = Loaded::parse(&begin.config_name, &begin.config_text, &begin.config_sets);
        let loaded = loaded.map_err(|problems| {
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            Failure::new(Exit::BadConfig, first, "riptide check names every problem")
        })?;
        Ok(Self { loaded, begin })
    }

    /// Its markets.
    pub(super) fn markets(&self) -> &[config::Market] {
        &self.loaded.config.markets
    }

    /// Reads the file again and goes on with what it says. What comes of it is told, key by key.
    pub(super) async fn reload(&mut self, live: &Live, say: &Say) {
        let name = self.loaded.name.clone();
        let text = match read_text(Path::new(&name)) {
            Ok(text) => text,
            Err(failure) => return refused(say, &[failure.says]),
        };
        let (new, changes) = match check(&self.loaded, &name, &text, &self.loaded.sets) {
            Ok(found) => found,
            Err(Refused::Problems(problems)) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                return refused(say, &lines);
            }
            Err(Refused::Changes(changes)) => {
                let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
                return refused(say, &lines);
            }
        };
        if changes.is_empty() {
            say(&format!("reload: {name} says nothing else than before"));
            return;
        }
        let begin = next_begin(&new, &self.begin);
        let (answer, mut answered) = mpsc::channel(1);
        let anchor_daily = new.config.journal.anchor_daily;
        let reload = Reload { begin: begin.clone(), anchor_daily, answer };
        // Where the core's thread has ended, nothing answers.
        let _ = live.orders.send(Order::Reload(Box::new(reload))).await;
        match tokio::time::timeout(ANSWER_WITHIN, answered.recv()).await {
            Ok(Some(Ok(()))) => {
                for change in &changes {
                    say(&format!("reload: {change}"));
                }
                say(&format!("reloaded {name}: {} keys, as one record", changes.len()));
                *self = Self { loaded: new, begin };
            }
            Ok(Some(Err(error))) => refused(say, &[error.to_string()]),
            Ok(None) => refused(say, &["the core has stopped".to_owned()]),
            Err(_) => {
                // It may still be taken; the journal says whether it was. The next reload compares
                // with what was in force before, and so says too much rather than too little.
                say("reload: the core does not answer; riptide verify shows which runs there are");
            }
        }
    }
}

fn refused(say: &Say, lines: &[String]) {
    for line in lines {
        say(&format!("reload: {line}"));
    }
    say("reload refused: nothing has changed");
}
