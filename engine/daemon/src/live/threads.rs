//! The table of threads of a live run, and where they run.

use config::{Runtime, Wait};

/// How a thread waits for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Polls without a pause.
    Spin,
    /// Sleeps until something comes.
    Park,
    /// Runs when the thread that hosts it does.
    Inline,
}

impl Waits {
    /// The name used in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spin => "spin",
            Self::Park => "park",
            Self::Inline => "inline",
        }
    }
}

/// One thread. All use the process's allocator, mimalloc; the core's allocates nothing after warm-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its name, as the system shows it.
    pub name: String,
    /// What it does.
    pub does: &'static str,
    /// The processor it is pinned to.
    pub cpu: Option<u32>,
    /// How it waits.
    pub waits: Waits,
}

/// Every thread of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threads {
    /// Resolved: never [`Wait::Auto`].
    pub wait: Wait,
    /// In the order in which they start.
    pub list: Vec<Thread>,
}

impl Threads {
    /// The threads for these readers. With two processors or fewer nothing spins unless it is asked
    /// for: a thread that never sleeps takes the processor of one that has to.
    #[must_use]
    pub fn plan(runtime: &Runtime, readers: &[String]) -> Self {
        let wait = match runtime.wait {
            Wait::Auto if cpus() <= 2 => Wait::Inline,
            Wait::Auto => Wait::Park,
            Wait::Inline | Wait::Park | Wait::Spin => runtime.wait,
        };
        let mut list = vec![Thread {
            name: "journal".to_owned(),
            does: "packs, chains, writes and syncs records",
            cpu: None,
            waits: Waits::Park,
        }];
        let waits = match wait {
            Wait::Spin => Waits::Spin,
            Wait::Inline => Waits::Inline,
            Wait::Park | Wait::Auto => Waits::Park,
        };
        if wait == Wait::Inline {
            list.push(Thread {
                name: "core".to_owned(),
                does: "hosts the readers, steps the core after each frame, makes requests",
                cpu: runtime.core_cpu,
                waits,
            });
            return Self { wait, list };
        }
        list.push(Thread {
            name: "core".to_owned(),
            does: "takes batches, steps the core, hands records on",
            cpu: runtime.core_cpu,
            waits,
        });
        for (number, reader) in readers.iter().enumerate() {
            let cpus = &runtime.reader_cpus;
            let cpu = number.checked_rem(cpus.len()).and_then(|index| cpus.get(index)).copied();
            list.push(Thread {
                name: format!("read-{reader}"),
                does: "reads sockets of one venue, decodes, publishes batches",
                cpu,
                waits,
            });
        }
        list.push(Thread {
            name: "cold".to_owned(),
            does: "makes requests, takes signals",
            cpu: None,
            waits: Waits::Park,
        });
        Self { wait, list }
    }
}

/// Processors that this process may use.
#[must_use]
pub fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Pins the current thread. What the system did is read back: a wish that had no effect is told.
///
/// # Errors
///
/// A line that says so.
pub fn pin(cpu: Option<u32>) -> Result<(), String> {
    let Some(cpu) = cpu else { return Ok(()) };
    let id = core_affinity::CoreId { id: cpu as usize };
    let known = core_affinity::get_core_ids().unwrap_or_default();
    if !known.iter().any(|known| known.id == id.id) {
        return Err(format!("processor {cpu} is not among those that this process may use"));
    }
    if core_affinity::set_for_current(id) {
        Ok(())
    } else {
        Err(format!("the system did not pin the thread to processor {cpu}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processors_share_one_thread_and_more_have_their_own() {
        let readers = ["coinbase".to_owned(), "solana".to_owned()];
        let names = |wait, cpus: Vec<u32>| {
            let runtime =
                Runtime { wait, reader_cpus: cpus, core_cpu: Some(1), ..Runtime::default() };
            let threads = Threads::plan(&runtime, &readers);
            let list = threads.list.iter();
            list.map(|it| (it.name.clone(), it.cpu, it.waits.name())).collect::<Vec<_>>()
        };
        let row = |name: &str, cpu, waits| (name.to_owned(), cpu, waits);
        assert_eq!(
            names(Wait::Inline, vec![]),
            [row("journal", None, "park"), row("core", Some(1), "inline")]
        );
        assert_eq!(
            names(Wait::Spin, vec![2]),
            [
                row("journal", None, "park"),
                row("core", Some(1), "spin"),
                row("read-coinbase", Some(2), "spin"),
                row("read-solana", Some(2), "spin"),
                row("cold", None, "park"),
            ]
        );
        assert_eq!(names(Wait::Park, vec![]).len(), 5);
    }

    #[test]
    fn a_processor_that_is_not_there_is_told() {
        assert_eq!(pin(None), Ok(()));
        assert!(pin(Some(4_000)).is_err());
    }
}
