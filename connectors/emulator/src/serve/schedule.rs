//! Random schedules of mixed faults for campaigns.

use super::fault::{Ending, Executes, Fault, FaultOrder, Noise, Pick, Pings, Reach, Scheduled};
use crate::market::Rng;

/// What is mixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Seed.
    pub seed: u64,
    /// Venues, with a product (or pool) of each that a book can be crossed of; empty: none.
    pub venues: Vec<(String, String)>,
    /// How many faults.
    pub count: usize,
    /// First moment. Unit: milliseconds of market time since the start.
    pub from_ms: u64,
    /// Every fault with an end is over by then. Unit: as before.
    pub until_ms: u64,
    /// Longest fault. Unit: milliseconds of market time.
    pub longest_ms: u64,
}

/// A seeded schedule of faults of every kind, in order of time. Frames that sound right and say
/// something else ([`Noise::Digits`]) are left out: no checksum would ever show them.
#[must_use]
pub fn mixed(mix: &Mix) -> Vec<Scheduled> {
    let mut rng = Rng::new(mix.seed);
    let span = mix.until_ms.saturating_sub(mix.from_ms);
    if span == 0 || mix.venues.is_empty() {
        return Vec::new();
    }
    let mut schedule: Vec<Scheduled> = (0..mix.count)
        .map(|_| {
            let at = usize::try_from(rng.below(mix.venues.len() as u64)).unwrap_or(0);
            let (venue, product) = &mix.venues[at];
            let at_ms = mix.from_ms + rng.below(span);
            let longest = mix.longest_ms.min(mix.until_ms - at_ms).max(1);
            let fault = one(&mut rng, product);
            let duration_ms = if fault.is_once() { 0 } else { rng.between(1, longest) };
            Scheduled { at_ms, order: FaultOrder::new(venue, fault, duration_ms) }
        })
        .collect();
    schedule.sort_by_key(|entry| entry.at_ms);
    schedule
}

/// How many kinds [`one`] chooses from.
const KINDS: u64 = 28;

fn one(rng: &mut Rng, product: &str) -> Fault {
    let pick = Pick { count: u32::try_from(rng.between(1, 3)).unwrap_or(1), ..Pick::default() };
    let reach = Reach::default();
    let number = |rng: &mut Rng, low, high| u32::try_from(rng.between(low, high)).unwrap_or(1);
    let ending = match rng.below(4) {
        0 => Ending::Close,
        1 => Ending::Fin,
        2 => Ending::Reset,
        _ => Ending::Stall,
    };
    match rng.below(KINDS) {
        0 | 1 => Fault::Disconnect { how: ending },
        2 => Fault::HalfOpen,
        3 => Fault::Silence { pings: Pings::Answered },
        4 => Fault::Silence { pings: Pings::Unanswered },
        5 => Fault::Refuse,
        6 => Fault::SlowReads { bytes_per_s: number(rng, 50, 2_000) },
        7 => Fault::SlowWrites { bytes_per_s: number(rng, 2_000, 200_000) },
        8 => {
            let (by_ms, jitter_ms) = (number(rng, 1, 500), number(rng, 0, 300));
            Fault::Delay { by_ms, jitter_ms, pick: Pick { count: 0, ..pick } }
        }
        9 | 10 => Fault::Reorder { pick },
        11 | 12 => Fault::Drop { pick },
        13 | 14 => Fault::Duplicate { pick },
        15 => Fault::Truncate { pick },
        16 => Fault::Mutate { bytes: number(rng, 1, 20), with: Noise::Printable, pick },
        17 => Fault::Mutate { bytes: number(rng, 1, 20), with: Noise::Bytes, pick },
        18 => Fault::CutFrame { then: ending, pick },
        19 => Fault::RateLimited { retry_after_s: number(rng, 1, 2), reach },
        20 => Fault::Ban { status: 403, text: "banned".to_owned(), reach },
        21 => Fault::ServerError { status: 502, executes: Executes::Not, reach },
        22 => Fault::Hang { executes: Executes::Not, reach },
        23 => Fault::SlowAnswers { by_ms: number(rng, 1, 800), jitter_ms: 200, reach },
        24 => {
            let ms = i64::from(number(rng, 1, 10_000));
            Fault::ClockSkew { by_ms: if rng.chance(500) { ms } else { -ms } }
        }
        25 if !product.is_empty() => Fault::CrossedBook { product: product.to_owned() },
        26 => Fault::GiantFrame { bytes: 1_000_000 + 1_000 * number(rng, 0, 4_000) as usize },
        27 => match rng.below(6) {
            0 => Fault::Maintenance,
            1 => Fault::AuthExpired,
            2 => Fault::SlotLag { slots: rng.between(5, 60) },
            3 => Fault::SplitSlot { delay_ms: rng.between(50, 300) },
            4 => Fault::MissingAccounts,
            _ => Fault::SubscriptionDropped,
        },
        _ => Fault::Drop { pick: Pick { one_in: 2, ..pick } },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_mix_is_seeded_bounded_and_holds_every_kind() {
        let mix = |seed| Mix {
            seed,
            venues: vec![("a".to_owned(), "SOL-USD".to_owned()), ("b".to_owned(), String::new())],
            count: 40,
            from_ms: 1_000,
            until_ms: 9_000,
            longest_ms: 700,
        };
        assert_eq!(mixed(&mix(3)), mixed(&mix(3)));
        assert_ne!(mixed(&mix(3)), mixed(&mix(4)));
        let mut kinds = BTreeSet::new();
        for seed in 0..60 {
            let schedule = mixed(&mix(seed));
            assert_eq!(schedule.len(), 40);
            assert!(schedule.is_sorted_by_key(|entry| entry.at_ms));
            for Scheduled { at_ms, order } in schedule {
                order.check().expect("within bounds");
                assert!((1_000..9_000).contains(&at_ms) && at_ms + order.duration_ms <= 9_000);
                assert!(order.duration_ms <= 700);
                kinds.insert(order.fault.name());
            }
        }
        assert_eq!(kinds.len(), 27, "{kinds:?}");
        assert!(mixed(&Mix { venues: Vec::new(), ..mix(1) }).is_empty());
    }
}
