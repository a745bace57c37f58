//! What a venue's orders look like from outside: requests to make, and what its answers say.

use connector_net::session::{Fetch, Fetched};
use engine_model::{Grid, InstrumentId};

use crate::client_id::{ClientId, OrderKey};

/// Which way an order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Base is bought.
    Buy,
    /// Base is sold.
    Sell,
}

/// What is traded at a venue, by the venue's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// As the venue spells it in orders.
    pub symbol: String,
    /// Currency in which it settles and takes its fees, in capitals.
    pub quote: String,
    /// Tick and lot.
    pub grid: Grid,
}

/// An order that risk has approved, on its way to a gateway. Always with a limit, always immediate or
/// cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Identity.
    pub key: OrderKey,
    /// What is traded.
    pub instrument: InstrumentId,
    /// Which way.
    pub side: Side,
    /// How much. Unit: lots.
    pub size_lots: u64,
    /// The worst price that is accepted. Unit: ticks.
    pub limit_ticks: u64,
    /// Whether it makes an exposure smaller: such an order may go out in a state that forbids others.
    pub reduces: bool,
    /// Number of the record that states it: nothing is sent before that is on disk.
    pub seq: u64,
    /// Not sent any more from then on: what was approved on is too old. Unit: nanoseconds.
    pub send_until_ns: u64,
}

/// An order as the venue is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// Our name of it.
    pub client_id: &'a ClientId,
    /// The venue's name of it, once that is known.
    pub venue_id: Option<&'a str>,
    /// What is traded.
    pub instrument: &'a Instrument,
    /// Which way.
    pub side: Side,
    /// Unit: lots.
    pub size_lots: u64,
    /// Unit: ticks.
    pub limit_ticks: u64,
    /// When it was sent first; 0 where it was not. Unit: Unix nanoseconds.
    pub sent_ns: u64,
}

/// A question about one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// How it stands.
    State,
    /// What it has filled, from the list of fills.
    Fills,
}

/// A question about the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survey {
    /// Every order that is open.
    OpenOrders,
    /// Every fill since then. Unit: Unix nanoseconds.
    FillsSince(u64),
    /// What the account holds.
    Balances,
}

/// What a request was for.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// To place an order.
    Place(Order<'a>),
    /// To cancel one.
    Cancel(Order<'a>),
    /// About one.
    About(Order<'a>, About),
    /// About the account.
    Survey(Survey),
}

/// How an order stands at its venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may still fill.
    Open,
    /// Nothing more can fill.
    Done,
    /// It was taken and then refused: nothing has filled, nothing can.
    Refused,
}

/// What a venue says of an order. Amounts are cumulative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSays {
    /// Our name, where the venue repeats it.
    pub client_id: Option<String>,
    /// Its own.
    pub venue_id: String,
    /// What is traded, as the venue spells it; empty where it does not say.
    pub symbol: String,
    /// Which way, where it says.
    pub side: Option<Side>,
    /// How it stands.
    pub standing: Standing,
    /// Base that has filled. Unit: 10⁻¹⁸.
    pub filled_e18: Option<i128>,
    /// Quote that this moved, fees left out. Unit: 10⁻¹⁸.
    pub quote_e18: Option<i128>,
    /// Fees. Unit: 10⁻¹⁸ of the quote currency.
    pub fee_e18: Option<i128>,
}

/// One execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FillSays {
    /// The venue's number of the execution: the same fill said twice is one.
    pub exec_id: String,
    /// The venue's name of its order.
    pub venue_id: String,
    /// Our name, where the venue repeats it.
    pub client_id: Option<String>,
    /// What is traded, as the venue spells it; empty where it does not say.
    pub symbol: String,
    /// Which way, where it says.
    pub side: Option<Side>,
    /// Base. Unit: 10⁻¹⁸.
    pub size_e18: i128,
    /// Quote, fees left out. Unit: 10⁻¹⁸.
    pub quote_e18: i128,
    /// Unit: 10⁻¹⁸ of `fee_asset`.
    pub fee_e18: i128,
    /// Currency of the fee, in capitals; empty where the venue does not say, which means quote.
    pub fee_asset: String,
    /// When the venue says that it was; 0 where it does not. Unit: Unix nanoseconds.
    pub at_ns: u64,
}

/// What the account holds of one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BalanceSays {
    /// In capitals.
    pub asset: String,
    /// All of it. Unit: 10⁻¹⁸.
    pub total_e18: i128,
    /// What no open order has taken. Unit: 10⁻¹⁸.
    pub available_e18: i128,
}

/// One statement of a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Says {
    /// Of an order.
    Order(OrderSays),
    /// Of an execution.
    Fill(FillSays),
    /// Of a balance.
    Balance(BalanceSays),
}

/// Why a venue did not take an order, by what follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reject {
    /// The account has too little.
    Funds = 0,
    /// Size below the minimum, above the maximum or between two steps.
    Size = 1,
    /// Price out of range or between two steps.
    Price = 2,
    /// The market takes no such orders now.
    Market = 3,
    /// Key, signature, nonce, right or clock.
    Key = 4,
    /// Too many requests. Nothing was placed.
    Limited = 5,
    /// Anything else that is definite.
    Other = 6,
}

impl Reject {
    /// Every reason, in index order.
    pub const ALL: [Self; 7] =
        [Self::Funds, Self::Size, Self::Price, Self::Market, Self::Key, Self::Limited, Self::Other];

    /// The name used in reports and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Funds => "funds",
            Self::Size => "size",
            Self::Price => "price",
            Self::Market => "market",
            Self::Key => "key",
            Self::Limited => "limited",
            Self::Other => "other",
        }
    }
}

/// Why an answer says nothing definite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unclear {
    /// None came.
    NoAnswer,
    /// The venue's own trouble: a status from 500.
    Server,
    /// It cannot be read, or says what no venue says.
    Unreadable,
    /// Too many requests. Of a placement this is [`Reject::Limited`].
    Limited,
    /// Key, signature, nonce or clock. Of a placement this is [`Reject::Key`].
    Key,
}

/// What an answer means for its request. Statements go beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was understood.
    Understood,
    /// Understood, and there is more: ask again from this cursor.
    More(String),
    /// The venue knows no such order.
    NotFound,
    /// The order was not taken: definite.
    Refused(Reject, String),
    /// Nothing is known from it.
    Unclear(Unclear),
}

/// What a venue promises, and what it allows. Durations in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Placing the same identifier again names the first order instead of making a second.
    pub resend_is_query: bool,
    /// The venue can be asked by our identifier before it has told its own.
    pub asks_by_client_id: bool,
    /// From the last byte of a request until the order cannot come up any more.
    pub ack_within_ns: u64,
    /// Requests a second of this key, all kinds together.
    pub requests_per_s: u32,
    /// Requests must arrive in the order in which they were signed: one waits for the answer to the one
    /// before.
    pub one_at_a_time: bool,
    /// The venue rounds the quote of a fill to multiples of this; 0 where it states it exactly. Unit:
    /// 10⁻¹⁸.
    pub quote_step_e18: i128,
}

/// A venue that takes orders over HTTP.
///
/// It holds the key and nothing else that could go stale: whatever an answer means follows from the
/// answer and from what was asked.
pub trait OrderVenue: Send {
    /// Its rules.
    fn rules(&self) -> Rules;

    /// A request to place this order. The same order gives the same order at the venue; headers and
    /// signature are fresh.
    fn place(&mut self, now_ns: u64, tag: u64, order: &Order<'_>) -> Fetch;

    /// A request to cancel it.
    fn cancel(&mut self, now_ns: u64, tag: u64, order: &Order<'_>) -> Fetch;

    /// A question about it; none where the venue cannot be asked so before it has told its own name
    /// of the order.
    fn ask(&mut self, now_ns: u64, tag: u64, order: &Order<'_>, about: About) -> Option<Fetch>;

    /// A question about the account, from a cursor where the answer before ended with one.
    fn survey(&mut self, now_ns: u64, tag: u64, what: Survey, cursor: Option<&str>) -> Fetch;

    /// What an answer says. Never panics, whatever the bytes are.
    fn read(&mut self, asked: &Asked<'_>, end: &Fetched<'_>, says: &mut Vec<Says>) -> Verdict;
}
