//! A venue whose answers are a few words, so that every story fits a table.

use connector_net::session::{FetchFailure, Method, Secrecy};
use engine_model::Grid;
use engine_model::grid::Step;

use super::*;
use crate::report::{Contradiction, Report};
use crate::venue::{BalanceSays, Order, Reject, Rules, Side, Standing};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const SOL: InstrumentId = InstrumentId(3);
/// One lot is 0.01. Unit: 10⁻¹⁸.
const LOT: i128 = 10_i128.pow(16);

/// Requests are `verb client-id`; answers are words.
struct Words {
    rules: Rules,
}

impl Words {
    fn fetch(tag: u64, text: String) -> Fetch {
        let (headers, body) = (Vec::new(), String::new());
        Fetch { tag, method: Method::Post, url: text, headers, body, secrecy: Secrecy::Secret }
    }
}

impl OrderVenue for Words {
    fn rules(&self) -> Rules {
        self.rules
    }

    fn place(&mut self, _: u64, tag: u64, order: &Order<'_>) -> Fetch {
        Self::fetch(tag, format!("place {}", order.client_id))
    }

    fn cancel(&mut self, _: u64, tag: u64, order: &Order<'_>) -> Fetch {
        Self::fetch(tag, format!("cancel {}", order.venue_id.unwrap_or("?")))
    }

    fn ask(&mut self, _: u64, tag: u64, order: &Order<'_>, about: About) -> Option<Fetch> {
        let can = self.rules.asks_by_client_id || order.venue_id.is_some();
        can.then(|| Self::fetch(tag, format!("{about:?} {}", order.client_id)))
    }

    fn survey(&mut self, _: u64, tag: u64, what: Survey, cursor: Option<&str>) -> Fetch {
        Self::fetch(tag, format!("{what:?} {}", cursor.unwrap_or("-")))
    }

    fn read(&mut self, asked: &Asked<'_>, end: &Fetched<'_>, says: &mut Vec<Says>) -> Verdict {
        let Fetched::Answer { body, .. } = end else { return Verdict::Unclear(Unclear::NoAnswer) };
        let text = String::from_utf8_lossy(body).into_owned();
        let words: Vec<&str> = text.split(' ').collect();
        let client_id = match asked {
            Asked::Place(order) | Asked::Cancel(order) | Asked::About(order, _) => {
                Some(order.client_id.to_string())
            }
            Asked::Survey(_) => None,
        };
        match words.as_slice() {
            ["open" | "done" | "refused-late", filled] => {
                says.push(Says::Order(order(client_id, words[0], filled.parse().expect("lots"))));
                Verdict::Understood
            }
            ["taken"] => Verdict::Understood,
            ["none"] => Verdict::NotFound,
            ["more"] => Verdict::More("next".to_owned()),
            ["funds"] => Verdict::Refused(Reject::Funds, "funds".to_owned()),
            ["key"] => Verdict::Refused(Reject::Key, "key".to_owned()),
            ["limited"] => Verdict::Unclear(Unclear::Limited),
            _ => Verdict::Unclear(Unclear::Server),
        }
    }
}

/// So many lots filled at 10 ticks of quote each, with a fee of one lot's hundredth.
fn order(client_id: Option<String>, standing: &str, lots: i128) -> OrderSays {
    OrderSays {
        client_id,
        venue_id: "v1".to_owned(),
        symbol: "SOL-USD".to_owned(),
        side: Some(Side::Buy),
        standing: match standing {
            "open" => Standing::Open,
            "done" => Standing::Done,
            _ => Standing::Refused,
        },
        filled_e18: Some(lots * LOT),
        quote_e18: Some(lots * LOT),
        fee_e18: Some(lots * LOT / 100),
    }
}

fn fill(exec_id: &str, lots: i128) -> Says {
    Says::Fill(FillSays {
        exec_id: exec_id.to_owned(),
        venue_id: "v1".to_owned(),
        client_id: None,
        symbol: String::new(),
        side: None,
        size_e18: lots * LOT,
        quote_e18: lots * LOT,
        fee_e18: lots * LOT / 100,
        fee_asset: "USD".to_owned(),
        at_ns: 0,
    })
}

const KEY: OrderKey = OrderKey { trade: 7, leg: 0, attempt: 0 };

/// Buy 100 lots (one whole) at 10 ticks (one whole) or better.
fn intent(key: OrderKey) -> Intent {
    Intent {
        key,
        instrument: SOL,
        side: Side::Buy,
        size_lots: 100,
        limit_ticks: 10,
        reduces: false,
        seq: 40,
        send_until_ns: 5 * S,
    }
}

struct Kit {
    gateway: Gateway,
    now_ns: u64,
}

impl Kit {
    fn new(change: impl FnOnce(&mut Rules)) -> Self {
        let mut rules = Rules {
            resend_is_query: false,
            asks_by_client_id: true,
            ack_within_ns: 10 * S,
            requests_per_s: 10,
            one_at_a_time: false,
            quote_step_e18: 0,
        };
        change(&mut rules);
        let grid = Grid { tick: Step { step: 1, places: 1 }, lot: Step { step: 1, places: 2 } };
        let sol = Instrument { symbol: "SOL-USD".into(), quote: "USD".into(), grid };
        let lineage = Lineage::new("test", 1);
        let list = BTreeMap::from([(SOL, sol)]);
        let mut gateway = Gateway::new(Box::new(Words { rules }), lineage, list, 40);
        gateway.stream(true);
        Self { gateway, now_ns: S }
    }

    /// The next request: its tag and text.
    fn effect(&mut self, gate: Gate) -> Option<(u64, String)> {
        self.gateway.effect(self.now_ns, gate).map(|effect| match effect {
            Effect::Place(fetch, _) | Effect::Cancel(fetch) | Effect::Ask(fetch) => {
                let words = fetch.url.split(' ').next().unwrap_or_default().to_owned();
                (fetch.tag, words)
            }
        })
    }

    fn wants(&mut self, verb: &str) -> u64 {
        let effect = self.effect(Gate::Open);
        let (tag, said) = effect.unwrap_or_else(|| panic!("{verb} is wanted at {}", self.now_ns));
        assert_eq!(said, verb, "at {} ms", self.now_ns / MS);
        tag
    }

    fn answer(&mut self, tag: u64, text: &str) {
        let end = if text.is_empty() {
            Fetched::Failed { tag, why: FetchFailure::TimedOut }
        } else {
            let body = text.as_bytes();
            let (url, request) = ("", [].as_slice());
            Fetched::Answer { tag, status: 200, url, request, body, retry_after_ms: None }
        };
        self.gateway.answered(self.now_ns, &end);
    }

    /// Time passes until there is something to do.
    fn sleep(&mut self) -> u64 {
        let due_ns = self.gateway.due_ns(self.now_ns);
        assert!(due_ns < u64::MAX, "nothing is due any more");
        let slept_ns = due_ns.saturating_sub(self.now_ns);
        self.now_ns += slept_ns;
        slept_ns
    }

    /// The last report, of all that were told.
    fn last(&mut self) -> Option<Report> {
        let mut last = None;
        while let Some(told) = self.gateway.told() {
            if let Told::Order(report) = told {
                last = Some(report);
            }
        }
        last
    }

    fn stage(&mut self) -> Option<Stage> {
        self.last().map(|report| report.stage)
    }
}

#[test]
fn an_order_leaves_once_its_record_is_on_disk_and_only_once() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(Intent { seq: 41, ..intent(KEY) });
    assert_eq!(kit.effect(Gate::Open), None, "record 41 is not on disk");
    kit.gateway.durable(41);
    let tag = kit.wants("place");
    assert_eq!(kit.stage(), Some(Stage::Sent));
    kit.gateway.take(Intent { seq: 41, ..intent(KEY) });
    assert_eq!(kit.effect(Gate::Open), None, "a name is used once");
    kit.answer(tag, "done 100");
    let report = kit.last().expect("a report");
    assert_eq!((report.stage, report.filled_e18), (Stage::Done, 100 * LOT));
    assert_eq!((report.quote_e18, report.fee_e18), (Some(100 * LOT), Some(LOT)));
    assert!(report.is_settled() && report.contradiction.is_none());
    assert_eq!((kit.gateway.due_ns(kit.now_ns), kit.gateway.open_count()), (u64::MAX, 0));
}

#[test]
fn what_may_not_leave_never_does() {
    let rows = [
        ("halted", Gate::Shut, S, false, NotSent::Halted),
        ("reducing", Gate::Reducing, S, false, NotSent::Halted),
        ("halted, though it reduces", Gate::Shut, S, true, NotSent::Halted),
        ("too old", Gate::Open, 5 * S, false, NotSent::TooOld),
    ];
    for (shows, gate, now_ns, reduces, why) in rows {
        let mut kit = Kit::new(|_| {});
        kit.now_ns = now_ns;
        kit.gateway.take(Intent { reduces, ..intent(KEY) });
        assert_eq!(kit.effect(gate), None, "{shows}");
        assert_eq!(kit.stage(), Some(Stage::NotSent(why)), "{shows}");
    }
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(Intent { reduces: true, ..intent(KEY) });
    assert!(kit.effect(Gate::Reducing).is_some(), "a reduction passes");
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(Intent { instrument: InstrumentId(9), ..intent(KEY) });
    assert_eq!(kit.stage(), Some(Stage::NotSent(NotSent::NoRoom)));
}

#[test]
fn the_latch_is_read_once_more_before_the_first_byte() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    kit.gateway.withheld(tag, kit.now_ns);
    assert_eq!(kit.stage(), Some(Stage::NotSent(NotSent::Halted)));
    kit.answer(tag, "done 100");
    assert_eq!(kit.last(), None, "nobody asked");
}

#[test]
fn without_an_answer_it_is_unknown_and_asked_about_until_there_is_evidence() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    kit.answer(tag, "");
    assert_eq!(kit.stage(), Some(Stage::Unknown));
    let mut waits_ms = Vec::new();
    for answer in ["", "garbage", "", "limited", "", "", ""] {
        waits_ms.push(kit.sleep() / MS);
        let tag = kit.wants("State");
        kit.answer(tag, answer);
        assert_eq!(kit.last(), None, "nothing is known from that");
    }
    assert_eq!(waits_ms, [250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]);
    kit.sleep();
    let tag = kit.wants("State");
    kit.answer(tag, "done 40");
    let report = kit.last().expect("evidence");
    assert_eq!((report.stage, report.filled_e18), (Stage::Done, 40 * LOT));
}

#[test]
fn it_was_never_there_only_after_two_late_answers_and_an_empty_list_of_fills() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    kit.answer(tag, "");
    let mut asked = Vec::new();
    while kit.gateway.open_count() > 0 {
        kit.sleep();
        let (tag, verb) = kit.effect(Gate::Open).expect("a question");
        asked.push((verb.clone(), (kit.now_ns - S) / MS));
        assert!(verb != "place", "never a second time");
        kit.answer(tag, "none");
    }
    assert_eq!(kit.stage(), Some(Stage::Absent));
    let late: Vec<&(String, u64)> = asked.iter().filter(|(_, at_ms)| *at_ms >= 10_000).collect();
    assert_eq!(late.len(), 3, "two answers and the fills: {asked:?}");
    assert!(late[1].1 - late[0].1 >= 2_000 && late[2].0 == "Fills", "{asked:?}");
}

#[test]
fn nothing_is_proven_while_the_private_stream_is_down_or_fills_exist() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.stream(false);
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    kit.answer(tag, "");
    for _ in 0..20 {
        kit.sleep();
        let tag = kit.wants("State");
        kit.answer(tag, "none");
    }
    assert_eq!(kit.stage(), Some(Stage::Unknown), "the stream may be telling otherwise");
    kit.gateway.stream(true);
    loop {
        kit.sleep();
        let (tag, verb) = kit.effect(Gate::Open).expect("a question");
        if verb == "Fills" {
            kit.gateway.says(kit.now_ns, with_name(fill("e1", 5)));
            kit.answer(tag, "taken");
            break;
        }
        kit.answer(tag, "none");
    }
    let report = kit.last().expect("a report");
    assert_eq!((report.stage, report.filled_e18), (Stage::Working, 5 * LOT));
}

fn with_name(says: Says) -> Says {
    let Says::Fill(fill) = says else { return says };
    let client_id = ClientId::of(Lineage::new("test", 1), KEY).to_string();
    Says::Fill(FillSays { client_id: Some(client_id), ..fill })
}

#[test]
fn the_same_order_once_more_is_a_question_where_the_venue_promises_so_and_while_it_is_wanted() {
    let mut kit = Kit::new(|rules| {
        rules.resend_is_query = true;
        rules.asks_by_client_id = false;
    });
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    kit.answer(tag, "");
    kit.sleep();
    let tag = kit.wants("place");
    kit.gateway.withheld(tag, kit.now_ns);
    assert_eq!(kit.stage(), Some(Stage::Unknown), "the first may have arrived all the same");
    kit.sleep();
    let tag = kit.wants("place");
    kit.answer(tag, "done 100");
    assert_eq!(kit.stage(), Some(Stage::Done));
    // Later it is not sent again, and a venue without such a question is left alone until it can be asked.
    let mut kit = Kit::new(|rules| {
        rules.resend_is_query = true;
        rules.asks_by_client_id = true;
    });
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    kit.answer(tag, "");
    kit.now_ns = 5 * S;
    assert_eq!(kit.effect(Gate::Open).map(|(_, verb)| verb).as_deref(), Some("State"));
}

#[test]
fn refusals_are_final_unless_something_has_filled() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    kit.answer(tag, "funds");
    assert_eq!(kit.stage(), Some(Stage::Refused(Reject::Funds)));
    // A fact is booked whatever was known.
    kit.gateway.says(kit.now_ns, with_name(fill("e1", 3)));
    let report = kit.last().expect("a report");
    assert_eq!(report.contradiction, Some(Contradiction::FilledAfterAll));
    assert_eq!((report.filled_e18, report.stage), (3 * LOT, Stage::Working));
}

#[test]
fn news_in_any_order_and_number_come_to_the_same() {
    let name = || Some(ClientId::of(Lineage::new("test", 1), KEY).to_string());
    let news: Vec<Says> = vec![
        with_name(fill("e1", 30)),
        with_name(fill("e2", 10)),
        Says::Order(order(name(), "open", 30)),
        Says::Order(order(name(), "done", 40)),
    ];
    let orders: [[usize; 6]; 5] = [
        [0, 1, 2, 3, 3, 3],
        [3, 2, 1, 0, 0, 0],
        [3, 3, 0, 2, 1, 3],
        [1, 3, 0, 0, 2, 1],
        [2, 0, 3, 1, 2, 0],
    ];
    for order in orders {
        let mut kit = Kit::new(|_| {});
        kit.gateway.take(intent(KEY));
        let tag = kit.wants("place");
        for index in order {
            kit.gateway.says(kit.now_ns, news[index].clone());
        }
        kit.answer(tag, "taken");
        let report = kit.last().expect("a report");
        assert_eq!((report.stage, report.filled_e18), (Stage::Done, 40 * LOT), "{order:?}");
        assert_eq!((report.quote_e18, report.fee_e18), (Some(40 * LOT), Some(40 * LOT / 100)));
        assert_eq!(report.contradiction, None, "{order:?}");
    }
}

#[test]
fn what_cannot_be_is_booked_and_told() {
    let name = ClientId::of(Lineage::new("test", 1), KEY).to_string();
    let base = order(Some(name), "done", 100);
    let bad_fee = FillSays { fee_asset: "SOL".into(), ..fill_of(fill("e1", 5)) };
    let rows: Vec<(Says, Contradiction)> = vec![
        (
            Says::Order(OrderSays { filled_e18: Some(101 * LOT), ..base.clone() }),
            Contradiction::Overfill,
        ),
        (
            Says::Order(OrderSays { side: Some(Side::Sell), ..base.clone() }),
            Contradiction::WrongSide,
        ),
        (
            Says::Order(OrderSays { symbol: "BTC-USD".into(), ..base.clone() }),
            Contradiction::WrongInstrument,
        ),
        (
            Says::Order(OrderSays { quote_e18: Some(100 * LOT + 2), ..base.clone() }),
            Contradiction::WorseThanLimit,
        ),
        (with_name(Says::Fill(bad_fee)), Contradiction::FeeAsset),
    ];
    for (says, expected) in rows {
        let mut kit = Kit::new(|_| {});
        kit.gateway.take(intent(KEY));
        kit.wants("place");
        kit.gateway.says(kit.now_ns, says.clone());
        let report = kit.last().expect("a report");
        assert_eq!(report.contradiction, Some(expected), "{says:?}");
        assert!(report.filled_e18 > 0, "booked all the same");
    }
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(intent(KEY));
    kit.wants("place");
    kit.gateway.says(kit.now_ns, Says::Order(OrderSays { quote_e18: Some(100 * LOT), ..base }));
    assert_eq!(kit.last().and_then(|report| report.contradiction), None, "at its limit");
}

fn fill_of(says: Says) -> FillSays {
    let Says::Fill(fill) = says else { panic!("a fill") };
    fill
}

#[test]
fn a_cancel_is_a_request_and_has_a_part_of_the_budget_to_itself() {
    let mut kit = Kit::new(|rules| rules.requests_per_s = 5);
    for trade in 1..=6 {
        kit.gateway.take(intent(OrderKey { trade, ..KEY }));
    }
    let first = kit.wants("place");
    kit.answer(first, "open 0");
    for _ in 0..3 {
        kit.wants("place");
    }
    assert_eq!(kit.effect(Gate::Open), None, "four of five a second");
    kit.gateway.cancel(OrderKey { trade: 1, ..KEY });
    let tag = kit.wants("cancel");
    kit.answer(tag, "taken");
    let is_over = kit.last().is_some_and(|report| report.stage.is_over());
    assert!(!is_over, "until the venue says how it ended");
    kit.now_ns += S;
    let tag = kit.wants("place");
    kit.answer(tag, "taken");
}

#[test]
fn foreign_orders_are_told_once_and_never_touched() {
    let mut kit = Kit::new(|_| {});
    let theirs = OrderSays { client_id: None, venue_id: "x9".into(), ..order(None, "open", 0) };
    let lost = ClientId::of(Lineage::new("test", 9), KEY).to_string();
    let ours = OrderSays { client_id: Some(lost), venue_id: "x10".into(), ..theirs.clone() };
    for says in [&theirs, &ours, &theirs, &ours] {
        kit.gateway.says(kit.now_ns, Says::Order(says.clone()));
    }
    let mut told = Vec::new();
    while let Some(Told::Foreign(foreign)) = kit.gateway.told() {
        told.push((foreign.venue_id, foreign.is_ours));
    }
    assert_eq!(told, [("x9".to_owned(), false), ("x10".to_owned(), true)]);
    kit.gateway.cancel_all();
    assert_eq!(kit.effect(Gate::Open), None);
}

#[test]
fn recovered_orders_are_asked_about_at_once_and_never_placed() {
    let mut kit = Kit::new(|rules| rules.resend_is_query = true);
    kit.now_ns = 100 * S;
    kit.gateway.recover(intent(KEY), 90 * S, kit.now_ns);
    assert_eq!(kit.stage(), Some(Stage::Unknown));
    let tag = kit.wants("State");
    kit.answer(tag, "done 7");
    assert_eq!(kit.last().map(|report| report.filled_e18), Some(7 * LOT));
}

#[test]
fn surveys_are_read_to_their_end_and_asked_again_where_there_was_no_answer() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.survey(Survey::OpenOrders);
    let tag = kit.wants("OpenOrders");
    kit.gateway.survey(Survey::OpenOrders);
    kit.answer(tag, "more");
    let tag = kit.wants("OpenOrders");
    kit.answer(tag, "garbage");
    assert_eq!(kit.effect(Gate::Open), None, "not at once");
    assert_eq!(kit.gateway.told(), None, "that was no answer");
    assert_eq!((kit.sleep() / MS, kit.gateway.told()), (500, None));
    let tag = kit.wants("OpenOrders");
    kit.gateway.says(
        kit.now_ns,
        Says::Balance(BalanceSays { asset: "USD".into(), total_e18: 1, available_e18: 1 }),
    );
    kit.answer(tag, "taken");
    assert_eq!(kit.effect(Gate::Open), None, "asked once");
    assert!(matches!(kit.gateway.told(), Some(Told::Balance(_))));
    assert_eq!(kit.gateway.told(), Some(Told::Surveyed(Survey::OpenOrders)));
}

#[test]
fn what_a_venue_rounds_of_each_fill_is_not_held_against_it() {
    for (step, contradiction) in [(0, Some(Contradiction::WorseThanLimit)), (LOT / 2, None)] {
        let mut kit = Kit::new(|rules| rules.quote_step_e18 = step);
        kit.gateway.take(intent(KEY));
        kit.wants("place");
        for exec_id in ["e1", "e2"] {
            let fill = fill_of(fill(exec_id, 50));
            let rounded = FillSays { quote_e18: fill.quote_e18 + LOT / 2, ..fill };
            kit.gateway.says(kit.now_ns, with_name(Says::Fill(rounded)));
        }
        assert_eq!(kit.last().and_then(|it| it.contradiction), contradiction, "{step}");
    }
}

#[test]
fn a_key_that_is_refused_twice_is_told() {
    let mut kit = Kit::new(|_| {});
    for trade in 1..=2 {
        kit.gateway.take(intent(OrderKey { trade, ..KEY }));
        let tag = kit.wants("place");
        kit.answer(tag, "key");
    }
    let mut told = Vec::new();
    while let Some(one) = kit.gateway.told() {
        told.push(one);
    }
    assert!(told.contains(&Told::KeyRefused), "{told:?}");
}

#[test]
fn what_did_not_leave_waits_again_as_long_as_it_may() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    kit.gateway.unsent(tag, kit.now_ns);
    let mut waits_ms = Vec::new();
    for _ in 0..4 {
        waits_ms.push(kit.sleep() / MS);
        let tag = kit.wants("place");
        kit.gateway.unsent(tag, kit.now_ns);
    }
    assert_eq!(waits_ms, [20, 40, 80, 160], "not again and again at once");
    kit.now_ns = 5 * S;
    assert_eq!(kit.effect(Gate::Open), None);
    assert_eq!(kit.stage(), Some(Stage::NotSent(NotSent::TooOld)));
}

#[test]
fn a_refusal_of_the_same_order_once_more_says_nothing_of_the_first() {
    for refusal in ["funds", "key"] {
        let mut kit = Kit::new(|rules| rules.resend_is_query = true);
        kit.gateway.take(intent(KEY));
        let tag = kit.wants("place");
        kit.answer(tag, "");
        kit.sleep();
        let tag = kit.wants("place");
        kit.answer(tag, refusal);
        assert_eq!(kit.stage(), Some(Stage::Unknown), "{refusal}");
        kit.now_ns = 5 * S;
        let tag = kit.wants("State");
        kit.answer(tag, "done 100");
        assert_eq!(kit.last().map(|report| report.filled_e18), Some(100 * LOT));
    }
}

#[test]
fn where_order_matters_one_request_waits_for_the_answer_to_the_one_before() {
    let mut kit = Kit::new(|rules| rules.one_at_a_time = true);
    for trade in 1..=2 {
        kit.gateway.take(intent(OrderKey { trade, ..KEY }));
    }
    kit.gateway.survey(Survey::Balances);
    let tag = kit.wants("place");
    assert_eq!(kit.effect(Gate::Open), None);
    assert!(kit.gateway.due_ns(kit.now_ns) >= 5 * S, "nothing but the orders' own time");
    kit.answer(tag, "done 1");
    let tag = kit.wants("place");
    kit.answer(tag, "done 1");
    kit.wants("Balances");
}

#[test]
fn money_is_what_the_order_states_where_it_does() {
    let mut kit = Kit::new(|rules| rules.quote_step_e18 = LOT);
    kit.gateway.take(intent(KEY));
    let tag = kit.wants("place");
    let stated = order(None, "done", 40);
    let exact = stated.quote_e18.map(|quote| quote - 3);
    kit.answer(tag, "done 40");
    let says = OrderSays { quote_e18: exact, ..stated };
    kit.gateway.says(kit.now_ns, Says::Order(says));
    kit.gateway.says(kit.now_ns, with_name(fill("e1", 40)));
    let report = kit.last().expect("a report");
    assert_eq!((report.quote_e18, report.contradiction), (exact, None));
}

#[test]
fn an_order_behind_one_that_is_not_on_disk_is_not_due() {
    let mut kit = Kit::new(|_| {});
    kit.gateway.take(Intent { seq: 41, ..intent(KEY) });
    kit.gateway.take(Intent { seq: 40, ..intent(OrderKey { trade: 8, ..KEY }) });
    assert_eq!(kit.effect(Gate::Open), None);
    assert_eq!(kit.gateway.due_ns(kit.now_ns), 5 * S, "asking again at once would find nothing");
}
