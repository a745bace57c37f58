//! Whatever the bytes are.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// One real answer of each kind.
fn real() -> Vec<String> {
    let refused = r#"{"status":"error","reason":{"__all__":["You need 600.01 USD to open that order. You have only 5.00 USD available."]},"response_code":"400.009"}"#;
    let trades = r#"[{"id":8,"datetime":"2026-01-01 00:00:03.5","type":"2","fee":"0.24","order_id":5,"btc":"0.00100000","usd":"-60.01","btc_usd":60001.00}]"#;
    let open = r#"[{"id":"17","datetime":"2026-01-01 00:00:00","type":"1","price":"1","amount":"2","amount_at_create":"3","market":"BTC/USD"}]"#;
    let balances = r#"[{"currency":"usd","total":"1.50","available":"1.00","reserved":"0.50"}]"#;
    let list = [PLACED, states::PARTLY, refused, trades, open, balances];
    list.map(str::to_owned).to_vec()
}

/// That nothing came of it but what the gateway can take.
fn check(what: What, status: u16, body: &[u8]) -> Result<(), TestCaseError> {
    for venue_id in [None, Some(ID)] {
        let heard = answer_to(&mut venue(), what, venue_id, (status, "offset=7", body));
        if let Verdict::Refused(_, said) = &heard.verdict {
            prop_assert!(said.chars().count() <= 64);
            prop_assert!(matches!(what, What::Place | What::Cancel) && heard.says.is_empty());
        }
        if what == What::Place {
            prop_assert_ne!(&heard.verdict, &Verdict::NotFound);
        }
        if status >= 300 {
            prop_assert!(heard.says.is_empty());
        }
        for fill in heard.fills() {
            prop_assert!(fill.size_e18 > 0 && fill.quote_e18 >= 0);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_read(status in 100_u16..600, body in vec(any::<u8>(), 0..300)) {
        for what in EVERY {
            check(what, status, &body)?;
            check(what, 200, &body)?;
        }
    }

    #[test]
    fn answers_with_changed_bytes_are_read(
        which: Index,
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<Index>()),
        status in proptest::sample::select(vec![200_u16, 201, 400, 403, 404]),
    ) {
        let mut body = real()[which.index(6)].clone().into_bytes();
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        for what in EVERY {
            check(what, status, &body)?;
        }
    }

    #[test]
    fn an_order_with_changed_digits_is_never_refused(
        place: Index, letter in proptest::char::range(' ', '~'),
    ) {
        let mut body = PLACED.as_bytes().to_vec();
        let place = place.index(body.len());
        body[place] = u8::try_from(letter).unwrap_or(b'?');
        let heard = answer_to(&mut venue(), What::Place, None, (200, "", &body));
        prop_assert!(!matches!(heard.verdict, Verdict::Refused(..)), "{:?}", heard.verdict);
    }
}
