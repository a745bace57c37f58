//! Short alternating turns, and a frame to count instructions in.
//!
//! The machine is shared: whoever runs long is interrupted, and the other side is flattered. So each
//! turn is some tens of microseconds long (a snapshot is one turn, however long it takes), all sides
//! take the same turn one after the other in changing order, and of the times that a side needed for
//! a turn in all rounds the median counts. A figure is the sum of these medians over the units.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Rounds go on at least this long per item.
const ITEM_TIME: Duration = Duration::from_secs(3);
/// And at least this often.
const ROUNDS_MIN: usize = 7;
/// And no more often than this.
const ROUNDS_MAX: usize = 2_001;

/// One side of a comparison.
pub(crate) trait Work {
    /// What is not measured: brings the state to where the turn begins.
    fn prepare(&mut self, turn: usize);

    /// The work of a turn. What it returns depends on every result.
    fn run(&mut self, turn: usize) -> u64;
}

/// How a peer's figure is to compare with ours.
pub(crate) struct Target {
    /// The peer.
    pub(crate) peer: &'static str,
    /// Peer's figure over ours, at least.
    pub(crate) at_least: f64,
}

/// The same work on several sides. Figures are divided by the first one's: ours, if it takes part.
pub(crate) struct Item {
    /// What a figure is per.
    pub(crate) unit: &'static str,
    /// Units in each turn.
    pub(crate) turn_units: Vec<usize>,
    /// Names and workers.
    pub(crate) sides: Vec<(&'static str, Box<dyn Work>)>,
    /// What is to be reached.
    pub(crate) targets: Vec<Target>,
    /// A part of another side's work that is reported less this one: (side, part).
    pub(crate) less: Option<(&'static str, &'static str)>,
    /// What else there is to say.
    pub(crate) notes: Vec<String>,
}

impl Item {
    pub(crate) fn sides(&self) -> impl Iterator<Item = &'static str> {
        self.sides.iter().map(|(name, _)| *name)
    }

    fn units(&self) -> usize {
        self.turn_units.iter().sum()
    }

    /// Times all sides and prints their figures; how many targets were missed.
    pub(crate) fn report(mut self, name: &str) -> usize {
        let figures = self.figures_ns();
        let ours = figures[0];
        println!("{name}, ns per {}", self.unit);
        for (side, ns) in self.sides().zip(&figures) {
            println!("  {side:<26}{ns:>12.1}{:>10.2}{:>14.0}/s", ns / ours, 1e9 / ns);
        }
        let figure = |side: &str| {
            self.sides().position(|name| name == side).map_or(f64::NAN, |at| figures[at])
        };
        if let Some((side, part)) = self.less {
            let ns = figure(side) - figure(part);
            println!("  {:<26}{ns:>12.1}{:>10.2}", format!("{side} - {part}"), ns / ours);
        }
        let mut missed = 0;
        for Target { peer, at_least } in &self.targets {
            let less = self.less.filter(|(side, _)| side == peer);
            let ratio = (figure(peer) - less.map_or(0.0, |(_, part)| figure(part))) / ours;
            let word = if ratio >= *at_least { "reached" } else { "MISSED" };
            missed += usize::from(ratio < *at_least);
            println!("  target: {peer} / ours >= {at_least:.2}: {ratio:.2} {word}");
        }
        for note in &self.notes {
            println!("  {note}");
        }
        missed
    }

    /// Nanoseconds per unit of each side.
    fn figures_ns(&mut self) -> Vec<f64> {
        let (turns, sides) = (self.turn_units.len(), self.sides.len());
        // By turn, then by side.
        let mut times: Vec<Vec<Vec<u128>>> = vec![vec![Vec::new(); sides]; turns];
        let begun = Instant::now();
        for round in 0..ROUNDS_MAX {
            if round >= ROUNDS_MIN && begun.elapsed() >= ITEM_TIME {
                break;
            }
            for (turn, times) in times.iter_mut().enumerate() {
                for place in 0..sides {
                    // Rotated, and backwards every other round: nobody always follows the same side.
                    let place = if round % 2 == 0 { place } else { sides - 1 - place };
                    let side = (place + round / 2 + turn) % sides;
                    let work = &mut self.sides[side].1;
                    work.prepare(turn);
                    let start = Instant::now();
                    black_box(work.run(black_box(turn)));
                    times[side].push(start.elapsed().as_nanos());
                }
            }
        }
        let units = self.units();
        let of_side = |side: usize| times.iter().map(move |times| times[side].as_slice());
        (0..sides).map(|side| per_unit(of_side(side), units)).collect()
    }

    /// Does one side's work `rounds` times, each turn inside [`counted`]; the units done.
    pub(crate) fn count(mut self, side: &str, rounds: usize) -> Option<usize> {
        let at = self.sides().position(|name| name == side)?;
        let (turns, units) = (self.turn_units.len(), self.units());
        let work = &mut self.sides[at].1;
        for _ in 0..rounds {
            for turn in 0..turns {
                work.prepare(turn);
                black_box(counted(work.as_mut(), turn));
            }
        }
        Some(units * rounds)
    }
}

/// The frame whose calls callgrind collects.
#[inline(never)]
fn counted(work: &mut dyn Work, turn: usize) -> u64 {
    black_box(work.run(black_box(turn)))
}

#[expect(clippy::cast_precision_loss, reason = "figures for a reader")]
fn per_unit<'a>(turns: impl Iterator<Item = &'a [u128]>, units: usize) -> f64 {
    let medians = turns.map(|times| {
        let mut times = times.to_vec();
        times.sort_unstable();
        times[times.len() / 2]
    });
    medians.sum::<u128>() as f64 / units as f64
}
