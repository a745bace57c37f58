//! Bytes that no venue sends, and answers that were damaged on their way.

use proptest::prelude::*;

use super::kit::*;
use super::tests::VENUE_ID;
use super::*;

/// A good answer to every question.
fn real(kind: Kind) -> String {
    match kind {
        Kind::Place => taken(VENUE_ID, OURS, TERMS),
        Kind::Cancel => format!(
            "{{\"results\":[{{\"success\":true,\"failure_reason\":\"\",\"order_id\":\"{VENUE_ID}\"}}]}}"
        ),
        Kind::State => one(&row(&[])),
        Kind::StateByList | Kind::Open | Kind::Queued => page(&[row(&[]), row(&[])], LAST),
        Kind::Fills | Kind::FillsOfMarket | Kind::Since => fills(&[fill(&[]), fill(&[])], "c"),
        Kind::Balances => accounts(&[account("USD", "\"1\"", "\"2\"")], LAST),
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        kind in prop::sample::select(&KINDS[..]),
        status in prop::sample::select(&[100_u16, 200, 204, 302, 400, 401, 404, 429, 500, 65_535][..]),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (verdict, says) = read(kind, status, &body);
        prop_assert!(says.is_empty());
        if kind == Kind::Place && status == 200 {
            prop_assert_eq!(verdict, UNREADABLE, "noise refuses nothing");
        }
    }

    #[test]
    fn a_damaged_answer_never_says_no_order_where_one_was_taken(
        kind in prop::sample::select(&KINDS[..]),
        status in prop::sample::select(&[200_u16, 400, 404][..]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..4),
    ) {
        let mut body = real(kind).into_bytes();
        for (at, byte, how) in changes {
            let at = at.index(body.len().max(1)).min(body.len().saturating_sub(1));
            match how {
                0 if !body.is_empty() => body[at] = byte,
                1 => body.truncate(at),
                _ => body.insert(at, byte),
            }
        }
        let (verdict, _) = read(kind, status, &body);
        if kind == Kind::Place {
            prop_assert!(!matches!(verdict, Verdict::Refused(..)), "{:?}", verdict);
        }
    }
}
