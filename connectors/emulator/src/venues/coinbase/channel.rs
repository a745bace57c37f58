//! Channels, and what a connection is subscribed to.

use std::collections::BTreeMap;

/// A channel, in alphabetical order of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    /// Five-minute buckets.
    Candles,
    /// One frame per second.
    Heartbeats,
    /// The book, delivered as `l2_data`.
    Level2,
    /// Trades.
    MarketTrades,
    /// Products.
    Status,
    /// One frame per trade.
    Ticker,
    /// One frame per five seconds.
    TickerBatch,
    /// Orders of an account.
    User,
}

const ALL: [Channel; 8] = [
    Channel::Candles,
    Channel::Heartbeats,
    Channel::Level2,
    Channel::MarketTrades,
    Channel::Status,
    Channel::Ticker,
    Channel::TickerBatch,
    Channel::User,
];

impl Channel {
    /// The name in requests and in the acknowledgement.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Candles => "candles",
            Self::Heartbeats => "heartbeats",
            Self::Level2 => "level2",
            Self::MarketTrades => "market_trades",
            Self::Status => "status",
            Self::Ticker => "ticker",
            Self::TickerBatch => "ticker_batch",
            Self::User => "user",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        ALL.into_iter().find(|channel| channel.name() == name)
    }

    /// The channel of the frames.
    pub(super) const fn delivered_as(self) -> &'static str {
        match self {
            Self::Level2 => "l2_data",
            Self::Candles
            | Self::Heartbeats
            | Self::MarketTrades
            | Self::Status
            | Self::Ticker
            | Self::TickerBatch
            | Self::User => self.name(),
        }
    }

    /// Whether a subscription names products.
    pub(super) const fn needs_products(self) -> bool {
        match self {
            Self::Heartbeats | Self::Status | Self::User => false,
            Self::Candles
            | Self::Level2
            | Self::MarketTrades
            | Self::Ticker
            | Self::TickerBatch => true,
        }
    }
}

/// The subscriptions of a connection: products by channel, in the order of subscription. Bounded by
/// channels times products, because only known products get in.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions {
    channels: BTreeMap<Channel, Vec<String>>,
}

impl Subscriptions {
    pub(super) fn add(&mut self, channel: Channel, products: &[String]) {
        let list = self.channels.entry(channel).or_default();
        for product in products {
            if !list.contains(product) {
                list.push(product.clone());
            }
        }
    }

    /// Takes products from a channel, or the whole channel where none are named or left.
    pub(super) fn remove(&mut self, channel: Channel, products: &[String]) {
        let Some(list) = self.channels.get_mut(&channel) else { return };
        list.retain(|product| !products.contains(product));
        if list.is_empty() || products.is_empty() {
            self.channels.remove(&channel);
        }
    }

    /// Whether a channel is subscribed at all.
    pub(super) fn has(&self, channel: Channel) -> bool {
        self.channels.contains_key(&channel)
    }

    /// Whether a channel is subscribed for a product by name.
    pub(super) fn covers(&self, channel: Channel, product: &str) -> bool {
        self.products(channel).iter().any(|name| name == product)
    }

    pub(super) fn products(&self, channel: Channel) -> &[String] {
        self.channels.get(&channel).map_or(&[], Vec::as_slice)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Channel, &[String])> {
        self.channels.iter().map(|(channel, list)| (*channel, list.as_slice()))
    }
}
