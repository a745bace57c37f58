//! How a trade goes: what is planned, the two legs, what they made.
//!
//! [`plan`] turns a look at a pair into two orders with limits, [`leg`] says which states an order
//! passes through, [`trade`] is the machine over both, [`venue`] simulates the venues that orders
//! would go to, [`pnl`] adds up what came of it. All of it is pure: who calls these and when is the
//! desk's business.

pub mod leg;
pub mod plan;
pub mod pnl;
pub mod spec;
pub mod trade;
pub mod venue;

pub use plan::{Limit, Plan};
pub use pnl::Pnl;
pub use spec::{LegOrder, Retrade, Spec};
pub use trade::{Order, OrderId, Outcome, Trade};
