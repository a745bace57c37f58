//! What the system says about a process while it works.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A look at everything.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Since the sampler began. Unit: milliseconds.
    pub(crate) at_ms: u64,
    /// Batches stepped until then.
    pub(crate) batches: u64,
    /// Resident memory of the engine and of the emulators. Unit: KiB.
    pub(crate) resident_kib: [u64; 2],
    /// Time on a processor by threads of the engine, by name. Unit: ticks of 10 ms.
    pub(crate) threads: Vec<(String, u64)>,
}

/// Looks once a second until it is told to end.
pub(crate) struct Sampler {
    thread: JoinHandle<Vec<Look>>,
    is_over: Arc<AtomicBool>,
}

impl Sampler {
    pub(crate) fn start(emulators: u32, batches: Arc<AtomicU64>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = std::thread::spawn(move || {
            let from = Instant::now();
            let mut looks = Vec::new();
            while !over.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_secs(1));
                let engine = std::process::id();
                looks.push(Look {
                    at_ms: u64::try_from(from.elapsed().as_millis()).unwrap_or(u64::MAX),
                    batches: batches.load(Ordering::Relaxed),
                    resident_kib: [engine, emulators].map(resident_kib),
                    threads: threads(engine),
                });
            }
            looks
        });
        Self { thread, is_over }
    }

    pub(crate) fn end(self) -> Vec<Look> {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().expect("the sampler ends")
    }
}

fn resident_kib(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Threads by name with their time on a processor, in user and in system mode.
fn threads(process: u32) -> Vec<(String, u64)> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let each = tasks.filter_map(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).ok()?;
        let (name, fields) = stat.split_once('(')?.1.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        // Fields 14 and 15 of the line; these begin with its third.
        let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some((name.to_owned(), ticks(14)? + ticks(15)?))
    });
    let mut all: Vec<(String, u64)> = each.collect();
    all.sort();
    all
}
