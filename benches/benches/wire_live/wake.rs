//! How long it takes to wake a thread that sleeps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use connector_link::clock::monotonic_ns;

/// Between two wakes, so that the other thread sleeps. Unit: milliseconds.
const PAUSE_MS: u64 = 5;
/// Says that there are no more.
const OVER: u64 = u64::MAX;

/// From before `unpark` to after `park`, so many times. Unit: nanoseconds.
pub(crate) fn wakes(count: usize) -> Vec<u64> {
    let asked = Arc::new(AtomicU64::new(0));
    let (sender, taken) = mpsc::channel();
    let other = Arc::clone(&asked);
    let sleeper = std::thread::spawn(move || {
        loop {
            std::thread::park();
            let now_ns = monotonic_ns();
            match other.swap(0, Ordering::SeqCst) {
                // It woke for nothing, which a thread may.
                0 => {}
                OVER => return,
                asked_ns => sender.send(now_ns.saturating_sub(asked_ns)).expect("it is waited for"),
            }
        }
    });
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        std::thread::sleep(Duration::from_millis(PAUSE_MS));
        asked.store(monotonic_ns(), Ordering::SeqCst);
        sleeper.thread().unpark();
        all.push(taken.recv().expect("the sleeper lives"));
    }
    asked.store(OVER, Ordering::SeqCst);
    sleeper.thread().unpark();
    sleeper.join().expect("the sleeper ends");
    all
}
